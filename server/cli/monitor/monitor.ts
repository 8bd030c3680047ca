/** Tails a ledger and raises the alarm: the ledger as `kaibiao verify` judges it, each public opening replayed, registers held against batches, and what others were shown. */
import { fromBase64, toBase64 } from '../../core/log/base64.ts';
import { formatInstant } from '../../core/log/instant.ts';
import { ed25519Verifier, formatVkey, KEY_TYPES, verifierKey } from '../../core/log/note.ts';
import { ledgerOrigin } from '../../core/log/origin.ts';
import { verifyEd25519 } from '../../ed25519.ts';
import type { Release } from '../../folder-lock.ts';
import { sha256 } from '../../hash.ts';
import { keyOf } from '../../verify/anchoring.ts';
import type { World } from '../../world.ts';
import { urlSource } from '../log-source.ts';
import type { Reach } from '../reach.ts';
import { type AlarmBook, openAlarms } from './alarm-book.ts';
import { type ALARMS, type Alarm, alarm, type Raise, type RaisedAlarm } from './alarms.ts';
import { lockKept, openKeptLedger } from './kept-ledger.ts';
import { judgeLedger, noteOfHead } from './ledger-judge.ts';
import { type BelievedKey, tailLedger } from './ledger-tail.ts';
import { openPatience } from './patience.ts';
import { watchRegister } from './register-watch.ts';
import { openReports, type ReportedHeads, verifiersOf } from './reported-heads.ts';
import { watchOpenings } from './watched-openings.ts';

/** A ledger that has shown nothing new for so many of its batch periods, and a minute, is silent. */
const SILENT_PERIODS = 6;
const SILENT_SLACK_MS = 60_000;
/** How far the newest entry may lie behind our clock beyond that: two clocks, and a line between them. */
export const LATE_SLACK_MS = 600_000;
/** A ledger that grows and is not read to its end for so long is told of; the first copy of one of years is soon made. */
export const BEHIND_MS = 24 * 3_600_000;
/** What one round may take altogether; what is left is done in the next. */
export const ROUND_LIMIT_MS = 900_000;

export type MonitorOptions = {
  /** The address of the ledger, `https://host/logs/ledger`. */
  readonly url: string;
  /** The ledger's verifier key, from elsewhere. */
  readonly trust: string;
  readonly folder: string;
  readonly world: Pick<World, 'now' | 'after'>;
  readonly fetch: typeof fetch;
  /** Ends a round that is under way. */
  readonly signal?: AbortSignal;
  /** Told of each alarm once, also across restarts. */
  readonly onAlarm: (alarm: RaisedAlarm) => void;
};

export type Round = {
  readonly size: number;
  readonly added: number;
  /** Why the ledger, or so many openings, could not be read this time; null when all could. That is no alarm by itself. */
  readonly unreached: string | null;
  /** Whether the ledger goes on behind what could be taken in one look. */
  readonly isBehind: boolean;
};

export type Monitor = {
  /** Looks once. Throws: for faults of the monitor's own disk; MonitorStopped when it was told to stop while it judged. */
  round(): Promise<Round>;
  readonly alarms: AlarmBook;
  /** Takes a head that somebody was shown; between and during rounds. */
  readonly report: ReportedHeads['take'];
  close(): Promise<void>;
};

/** The trusted key is not one of a ledger. */
export class MonitorKeyError extends Error {
  override readonly name = 'MonitorKeyError';
  readonly code = 'vkey_malformed';
}

/**
 * Opens a monitor, going on from what its folder holds.
 *
 * Throws: MonitorKeyError, KeptLedgerError, MonitorStopped.
 * Why:    the kept entries are gone through at each start, and there is no state of judgement to store; what was once proven of them,
 *         which takes nearly all the time, is not proven again (`judged.json`).
 */
export async function openMonitor(options: MonitorOptions): Promise<Monitor> {
  const release = await lockKept(options.folder);
  try {
    return await openLocked(options, release);
  } catch (error) {
    await release();
    throw error;
  }
}

async function openLocked(options: MonitorOptions, release: Release): Promise<Monitor> {
  const { url, trust, folder, world, onAlarm } = options;
  const key = keyOf(sha256, trust);
  if ('ok' in key) throw new MonitorKeyError(key.detail);
  const platform = key.name.replace(/\/ledger$/u, '');
  if (ledgerOrigin(platform) !== key.name) throw new MonitorKeyError(`${key.name} is no ledger`);
  const origin = key.name;
  const verifier = ed25519Verifier(key, verifyEd25519);
  const alarms = await openAlarms(folder, world.now);
  const patience = await openPatience(folder, world.now);
  const raise: Raise = async (one, thing) => {
    const since = thing === undefined ? null : patience.since(thing);
    const raised = await alarms.raise(since === null ? one : { ...one, since: formatInstant(since) });
    if (raised !== null) onAlarm(raised);
  };
  const noteAt = async (seq: number): Promise<string> => noteOfHead(await kept.entry(seq));
  const openings = await watchOpenings({
    platform: url.replace(/\/logs\/ledger\/*$/u, ''),
    folder,
    world,
    patience,
    raise,
    noteAt,
    anchoredWithinMs: silentMs,
  });
  const judge = judgeLedger(key, platform, openings.note);
  const register = watchRegister();
  const publicKey = toBase64(key.publicKey);
  const isListed = (): boolean => judge.ledgerKeys().includes(publicKey);
  const keys = () => verifiersOf(origin, [...new Set([publicKey, ...judge.ledgerKeys()])]);
  async function take(bytes: Uint8Array, isProven: boolean): Promise<boolean> {
    const { entry, found } = await judge.take(bytes, isProven);
    for (const each of found) await raise(each);
    if (entry !== undefined) register.take(entry);
    return entry !== undefined;
  }
  const kept = await openKeptLedger(folder, { vkey: trust, verifier, isListed }, { take, signal: options.signal });
  const believed = (): BelievedKey[] =>
    judge.successorsOf(publicKey).map((text) => {
      const own = verifierKey(sha256, origin, KEY_TYPES.ed25519, fromBase64(text));
      return { vkey: formatVkey(own), verifier: ed25519Verifier(own, verifyEd25519) };
    });
  const tail = tailLedger({ kept, origin, believed, keys, world, patience, raise });
  const reports = await openReports({
    folder,
    platform,
    verifier,
    keys,
    kept,
    patience,
    raise,
    headsOf: openings.headsOf,
    seenOf: openings.seenOf,
    anchoredWithinMs: silentMs,
    keysOf(opening) {
      const own = openings.publicKeyOf(opening);
      return own === null ? judge.openingKeys() : [own];
    },
  });

  /** Rounds of the ledger that may be missed. */
  function silentMs(): number {
    return judge.periodMs() * SILENT_PERIODS + SILENT_SLACK_MS;
  }

  /** By our own clock, and only while we look: what the platform says of the time is its own word. */
  async function listen(added: number): Promise<void> {
    if (added > 0) return patience.forget('ledger_silent');
    const since = formatInstant(patience.since('ledger_silent') ?? world.now());
    if (patience.isOver('ledger_silent', silentMs())) await raise(alarm('ledger_silent', origin, `since ${since}`));
  }

  /** What grows and is of an earlier time is yesterday's ledger; one that grows faster than it is handed out stays so. One that does not grow is silent. */
  async function askHowLate(added: number, isCurrent: boolean): Promise<void> {
    const newestAt = judge.newestAt();
    if (added === 0 || newestAt === null) return;
    if (!isCurrent) {
      if (patience.isOver(BEHIND, BEHIND_MS)) await raise(alarm('ledger_late', origin, 'not read to its end'), BEHIND);
      return;
    }
    patience.forget(BEHIND);
    if (world.now() - newestAt <= silentMs() + LATE_SLACK_MS) return patience.forget(LATE);
    if (patience.isOver(LATE)) await raise(alarm('ledger_late', origin, undefined, [kept.note() ?? '']), LATE);
  }

  async function holdRegister(): Promise<void> {
    const known = openings.registered();
    for (const { kind, origin: opening, seq, detail } of register.judge(known.openings, known.areAll))
      await raise(refusedOf(kind, opening ?? origin, seq, detail));
  }

  return {
    alarms,
    report: (note) => reports.take(note),
    async round() {
      const late = new AbortController();
      const cancel = world.after(ROUND_LIMIT_MS, () => late.abort());
      const signals = options.signal === undefined ? [late.signal] : [late.signal, options.signal];
      const reach: Reach = { world, fetch: options.fetch, signal: AbortSignal.any(signals) };
      try {
        const told = reports.of(origin);
        const { added, unreached, shownSize, isCurrent, aside } = await tail.look(urlSource(url, reach));
        if (aside !== undefined && reports.of(origin).length < ASIDE_KEPT) await reports.take(aside);
        if (added > 0 && isCurrent) for (const each of judge.finish()) await raise(each);
        await listen(added);
        await askHowLate(added, isCurrent);
        await reports.round({ shownSize, isCurrent, told });
        // A platform that is away altogether is one alarm, not one for each opening.
        const unread = shownSize === null ? 0 : await openings.round(reach, reports, isCurrent);
        await holdRegister();
        return {
          size: kept.size(),
          added,
          unreached: unreached ?? (unread > 0 ? `${unread} openings` : null),
          isBehind: added > 0 && unreached === null && !isCurrent,
        };
      } finally {
        cancel();
        await patience.save();
        await openings.save();
        await reports.save();
      }
    },
    async close() {
      await kept.close();
      await release();
    },
  };
}

/** Heads of the ledger that wait, from which on we add none of our own: there are as many as looks before the first copy is made. */
const ASIDE_KEPT = 64;
const LATE = 'ledger_late';
const BEHIND = 'ledger_behind';

function refusedOf(kind: keyof typeof ALARMS, origin: string, seq?: number, detail?: string): Alarm {
  return { ...alarm(kind, origin, detail), ...(seq !== undefined && { seq }) };
}
