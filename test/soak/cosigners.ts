/** The cosigners of a simulation: two in this process, of which one dies and comes back and the other may answer anything; and what is held against every close. */
import { join } from 'node:path';
import { SIZE_TYPE } from '../../server/core/log/add-checkpoint.ts';
import { parseInstant } from '../../server/core/log/instant.ts';
import { openCosignedHeads } from '../../server/cosign/cosigned-heads.ts';
import { type Cosigner, createCosigner } from '../../server/cosign/cosigner.ts';
import { filesOf, makeCosigner } from '../../server/cosign/cosigner-folder.ts';
import { enrolLog, readEnrolledLogs } from '../../server/cosign/enrolled-logs.ts';
import { type CosignerPolicy, quorumOf } from '../../server/ledger/cosigner-policy.ts';
import type { CosignerAlarm } from '../../server/ledger/cosigning.ts';
import type { Sql } from '../../server/store/driver.ts';
import { systemWorld } from '../../server/world.ts';
import { answersOf, type Line, networkOf, policyOf } from '../support/cosigning.ts';
import type { Chance } from './chance.ts';
import { statesOf } from './final-checks.ts';
import type { Bell, SimWorld } from './sim-world.ts';
import type { StoredLog } from './stored-log.ts';
import { holds, ViolationError } from './violations.ts';

/** How a cosigner fares: `away` refuses the connection, `silent` never answers; the rest answer what is not so. */
type Weather = 'well' | 'away' | 'silent' | 'faulty' | 'garbled' | 'conflict' | 'disproof' | 'ahead' | 'behind';
const DYING: readonly Weather[] = ['well', 'well', 'away', 'silent', 'faulty'];
/** What one alone may say without stopping anything: two that claim another history would be believed. */
const LYING: readonly Weather[] = [...DYING, 'garbled', 'conflict', 'disproof', 'ahead', 'behind'];
const KINDS = [DYING, LYING] as const;
/** How long it stays so. */
const LASTS_MS = { least: 2_000, most: 25_000 };

export type SimCosigners = {
  readonly policy: CosignerPolicy;
  readonly fetch: typeof fetch;
  /** Hands this in as what hears of an alarm: no history but one was ever signed, so that any is a fault. */
  readonly onAlarm: (alarm: CosignerAlarm) => Promise<void>;
  /** Requests that are being answered; one that is never answered is not. */
  busy(): number;
  /** All are well from now on. */
  clear(): void;
};

export type CosignersAsked = {
  readonly folder: string;
  readonly world: SimWorld;
  readonly chance: Chance;
  readonly bell: Bell;
  /** The ledger's. */
  readonly vkey: string;
  readonly onBroken: (why: unknown) => void;
};

/** Two cosigners with folders of their own; the quorum is drawn: one of them or both. */
export async function createCosigners({
  folder,
  world,
  chance,
  bell,
  vkey,
  onBroken,
}: CosignersAsked): Promise<SimCosigners> {
  let busy = 0;
  let isClear = false;
  const made: { readonly vkey: string; readonly line: Line }[] = [];
  for (const [n, kinds] of KINDS.entries()) {
    const home = join(folder, `cosigner-${n}`);
    const key = await makeCosigner(home, `cosigner.test/${n}`, systemWorld.randomBytes);
    const files = filesOf(home);
    await enrolLog(files.logs, vkey);
    const heads = await openCosignedHeads(files.heads, systemWorld.randomBytes);
    const cosigner = createCosigner({ world, ...key, logs: readEnrolledLogs(files.logs), heads });
    made.push({ vkey: key.vkey, line: lineOf(cosigner, weatherOf(chance.of(`${n}`), kinds)) });
  }

  function weatherOf(own: Chance, kinds: readonly Weather[]): () => Weather {
    let weather: Weather = 'well';
    const turn = (): void => {
      world.after(own.between(LASTS_MS.least, LASTS_MS.most), turn);
      weather = own.pick(kinds);
    };
    turn();
    return () => (isClear ? 'well' : weather);
  }

  function lineOf(cosigner: Cosigner, weather: () => Weather): Line {
    const honest = answersOf({ cosigner });
    return async (body, path) => {
      const how = weather();
      if (how === 'silent') return null;
      busy += 1;
      try {
        return how === 'well' ? await honest(body, path) : answered(how, path, () => honest(body, path));
      } finally {
        busy -= 1;
        if (busy === 0) bell.ring();
      }
    };
  }

  return {
    policy: policyOf(chance.pick([1, 2]), made),
    fetch: networkOf(made.map(({ line }) => line)),
    onAlarm: async ({ code, said }) =>
      onBroken(new ViolationError('heads_are_cosigned', 'ledger', `an alarm: ${code}: ${said}`)),
    busy: () => busy,
    clear() {
      isClear = true;
    },
  };
}

/** What one says that is not well; to whoever asks what it shows, a liar shows what it truly signed. */
function answered(how: Weather, path: string, honest: () => Promise<Response | null>): Promise<Response | null> {
  const say = async (status: number, body: string, type = 'text/plain') =>
    new Response(body, { status, headers: { 'content-type': type } });
  if (how === 'away') return Promise.reject(new TypeError('fetch failed'));
  if (how === 'faulty') return say(500, 'a fault');
  if (path !== '/add-checkpoint') return honest();
  if (how === 'garbled') return say(200, '— nobody AAAA\n');
  if (how === 'conflict') return say(409, 'another root');
  if (how === 'disproof') return say(422, 'the proof does not hold');
  return say(409, how === 'ahead' ? '1000000\n' : '1\n', SIZE_TYPE);
}

/** Holds a close against what was countersigned when it was made. Returns: whether it says that it did not wait any longer; null when there was none. */
export async function checkClosed(sql: Sql, policy: CosignerPolicy, log: StoredLog): Promise<boolean | null> {
  const seq = log.entries.findIndex(({ type }) => type === 'OpeningClosed');
  const closed = log.entries[seq];
  if (closed === undefined) return null;
  const before = statesOf(log)[seq - 1];
  const { quorum, vkeys } = quorumOf(policy);
  holds(before?.cosigners.quorum === quorum, 'closed_as_cosigned', log.origin, () => 'another quorum in its genesis');
  // that its time was over then, the log itself proves
  if (closed.body['uncosigned'] === true) return true;
  const found = await sql`
    SELECT c.size FROM cosignatures c
    WHERE c.vkey = ANY (${[...vkeys]}::text[]) AND c.received_at <= ${parseInstant(closed.at)} AND EXISTS (
      SELECT FROM ledger_heads h WHERE h.origin = ${log.origin} AND h.size >= ${before?.closingSize ?? 0} AND h.ledger_seq < c.size)
    GROUP BY c.size HAVING count(*) >= ${quorum}`;
  holds(found.length > 0, 'closed_as_cosigned', log.origin, () => `closed at ${closed.at} and nobody had signed it`);
  return false;
}
