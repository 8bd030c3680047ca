/** A monitor before a platform of golden logs: what it says in some rounds, by a clock of its own. */
import type { RaisedAlarm } from '../../server/cli/monitor/alarms.ts';
import { type Monitor, openMonitor, type Round } from '../../server/cli/monitor/monitor.ts';
import { PATIENCE_MS } from '../../server/cli/monitor/patience.ts';
import { REQUEST_LIMIT_MS } from '../../server/cli/reach.ts';
import { formatCheckpoint } from '../../server/core/log/checkpoint.ts';
import { parseEntry } from '../../server/core/log/entry.ts';
import { parseInstant } from '../../server/core/log/instant.ts';
import { leafHash, rootOf } from '../../server/core/log/merkle.ts';
import { formatNote, KEY_TYPES, verifierKey } from '../../server/core/log/note.ts';
import { utf8 } from '../../server/core/log/utf8.ts';
import { sha256 } from '../../server/hash.ts';
import { changed, ownKey, readChange } from './golden-change.ts';
import { TRUST, WHOLE } from './golden-judge.ts';
import { type GoldenLog, readGolden } from './golden-log.ts';
import { type GoldenServer, goldenServer, idOf } from './golden-server.ts';
import { type SteppedWorld, steppedWorld } from './world.ts';

export const ledger = readGolden('ledger');
const NAMES = [WHOLE, 'failed-tender', 'postponed-and-failed-with-an-objection', 'two-layers-and-a-ruling-corrected'];
export const openings = NAMES.map(readGolden);
export const whole = openings[0] as GoldenLog;
export const WHOLE_ORIGIN = `kaibiao.test/opening/${idOf(whole)}`;
export const bad = (name: string): GoldenLog => changed(readChange('invalid', name));
export const valid = (name: string): GoldenLog => changed(readChange('valid', name));
/** A moment after the last entry. */
export const endAt = parseInstant(parseEntry(utf8(ledger.entries.at(-1) ?? '')).at) + 1_000;
/** Half of what passes before something that lasts is an alarm: three rounds of it are enough. */
export const STEP_MS = PATIENCE_MS / 2;

type Test = Parameters<typeof goldenServer>[0];
/** What a platform shows in the place of the true logs; of the openings only the first, unless all are asked for or none. */
export type Shown = { readonly ledger?: GoldenLog; readonly whole?: GoldenLog; readonly openings?: 'all' | 'none' };

export function serve(t: Test, shown: Shown = {}): Promise<GoldenServer> {
  const first = shown.whole ?? whole;
  const served = { all: [first, ...openings.slice(1)], none: [], one: [first] }[shown.openings ?? 'one'];
  return goldenServer(t, { openings: served, ledger: shown.ledger ?? ledger, pageEntries: 200 });
}

const OTHERS = openings.slice(1).map((log) => `kaibiao.test/opening/${idOf(log)}`);

export type Watching = {
  readonly monitor: Monitor;
  readonly world: SteppedWorld;
  readonly raised: RaisedAlarm[];
  close(): Promise<void>;
};

export type WatchingOptions = {
  readonly now?: number;
  readonly isFast?: boolean;
  readonly trust?: string;
  /** In the place of `fetch`. */
  readonly ask?: typeof fetch;
  readonly signal?: AbortSignal;
};

type Watched = Pick<GoldenServer, 'url'> & Partial<Pick<GoldenServer, 'onNever'>>;

/** Opens a monitor; `isFast`: what is never answered takes the longest time a request may, at once. */
export async function openWatching(
  server: Watched,
  folder: string,
  { now = endAt, isFast = false, trust = TRUST, ask = fetch, signal }: WatchingOptions = {},
): Promise<Watching> {
  const raised: RaisedAlarm[] = [];
  const world = steppedWorld(now);
  if (isFast) server.onNever?.(() => world.advance(REQUEST_LIMIT_MS));
  const monitor = await openMonitor({
    url: `${server.url}/logs/ledger`,
    trust,
    folder,
    world,
    fetch: ask,
    ...(signal && { signal }),
    onAlarm: (alarm) => raised.push(alarm),
  });
  return { monitor, world, raised, close: () => monitor.close() };
}

/** What a monitor says in some rounds of a platform, `stepMs` apart, going on from its folder. */
export async function watch(
  server: Watched,
  folder: string,
  {
    rounds = 1,
    stepMs = STEP_MS,
    isSilenceTold = false,
    ...options
  }: WatchingOptions & { rounds?: number; stepMs?: number; isSilenceTold?: boolean } = {},
) {
  const { monitor, world, raised, close } = await openWatching(server, folder, options);
  try {
    let round: Round = await monitor.round();
    for (let n = 1; n < rounds; n++) {
      world.advance(stepMs);
      round = await monitor.round();
    }
    // The others are not served in most tests, for each is replayed; and a golden ledger never grows: what is said of that is left out.
    const told = raised.filter(
      ({ origin, kind }) => !OTHERS.includes(origin) && (isSilenceTold || kind !== 'ledger_silent'),
    );
    return {
      ...round,
      now: world.now(),
      raised: told,
      kinds: told.map(({ kind }) => kind),
      count: monitor.alarms.count(),
      standing: await monitor.alarms.standing(),
    };
  } finally {
    await close();
  }
}

/** A head that the platform truly signs. */
export function signed(origin: string, size: number, root: Uint8Array): string {
  const key = ownKey(origin);
  const text = formatCheckpoint({ origin, size, root });
  const { keyId } = verifierKey(sha256, origin, KEY_TYPES.ed25519, key.publicKey);
  return formatNote(text, [{ name: origin, keyId, signature: key.sign(utf8(text)) }]);
}

/** The root that a golden log had at that size. */
export const rootAt = (log: GoldenLog, size: number): Uint8Array =>
  rootOf(
    sha256,
    log.entries.slice(0, size).map((text) => leafHash(sha256, utf8(text))),
  );
/** Of nothing that any log here ever held. */
export const FALSE_ROOT = new Uint8Array(32).fill(7);

/** What a monitor says of a head: its verdict, or why it takes none. */
export async function ask({ report }: Pick<Monitor, 'report'>, note: string): Promise<string> {
  const said = await report(note);
  return typeof said === 'string' ? said : said.verdict;
}
