/** A recorder on a real database and a real signer, with a stepped clock; at the vault's desk sits what the test says. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { toBase64 } from '../../server/core/log/base64.ts';
import { canonicalise, type Json } from '../../server/core/log/canonical.ts';
import { formatInstant } from '../../server/core/log/instant.ts';
import { emptyRoot } from '../../server/core/log/merkle.ts';
import type { DecryptionFailure } from '../../server/core/opening/findings.ts';
import { type Policy, PROFILES } from '../../server/core/opening/policy.ts';
import type { PersonRole } from '../../server/core/opening/roles.ts';
import { isDecrypted, type OpeningState } from '../../server/core/opening/state.ts';
import { sha256 } from '../../server/hash.ts';
import type { OpeningDesk } from '../../server/recorder/opening-desk.ts';
import { type Recorder, type RecorderDeps, startRecorder } from '../../server/recorder/recorder.ts';
import type { Scanning } from '../../server/recorder/scans.ts';
import { settleAll } from '../../server/recorder/settle-log.ts';
import { openSigner, type Signer } from '../../server/recorder/signer.ts';
import type { Answer, Submission } from '../../server/recorder/submission.ts';
import type { Sql } from '../../server/store/driver.ts';
import type { TestDatabase } from './database.ts';
import {
  actOf,
  bidderWho,
  digest,
  lodgedBid,
  OPENING_ID,
  openingListOf,
  PLATFORM,
  staffWho,
} from './opening-people.ts';
import { type SteppedWorld, steppedWorld } from './world.ts';

export const MINUTE = 60_000;
export const START = Date.parse('2026-03-02T00:00:00.000Z');
export const DEADLINE = START + 5 * MINUTE;

const BEAT_STEP_MS = 9_000;
/** Like no other delay, so that the heart's alarm can be told from the others. */
const HEARTBEAT_MS = 997;

/** Says what the vault finds; a promise lets a test hold a verification back. */
export type Verdicts = (
  bidder: number,
  attempt: number,
) => DecryptionFailure | null | Promise<DecryptionFailure | null>;

export function testDesk(verdicts: Verdicts): OpeningDesk {
  const indexOf = (state: OpeningState, bidder: number): number => {
    if (!state.roster.known || !state.numbers.known) throw new Error('no roster');
    const row = state.roster.value[state.numbers.value.indexOf(bidder)];
    return Array.from({ length: 1_000 }, (_, i) => i).find((i) => bidderWho(i).creditCode === row?.creditCode) ?? -1;
  };
  return {
    verify: async (_state, bidder, attempt) => verdicts(bidder, attempt),
    verifyLayer: async () => null,
    lists: async (state) =>
      state.bids.filter(isDecrypted).map(({ bidder }) => {
        const { disclosure, list } = openingListOf(indexOf(state, bidder));
        return { bidder, disclosure, list };
      }),
    manifest: async (state) => ({
      sha256: digest(canonicalise({ v: 1, bids: [] })),
      bids: state.bids.filter(isDecrypted).length,
      document: { v: 1, bids: [] },
    }),
    discard: async () => undefined,
  };
}

export type RunningRecorder = {
  readonly recorder: Recorder;
  readonly signer: Signer;
  readonly faults: unknown[];
  /** Openings whose window closed before any scan of their bids had ended. */
  readonly unfinished: string[];
  /** Files of envelopes that no bid names. */
  readonly discarded: readonly string[];
  stop(): Promise<void>;
};

export type Hall = {
  readonly db: TestDatabase;
  readonly world: SteppedWorld;
  readonly dataFolder: string;
  start(verdicts?: Verdicts, desk?: Partial<OpeningDesk>, scanning?: Scanning): Promise<RunningRecorder>;
  /** Lets time pass as it does for a living platform: in steps below the tolerance, each with its heartbeat. */
  pass(ms: number): Promise<void>;
  /** Sets the recorder's clock back, as a wrong hand or a wrong server of time does. */
  setBack(ms: number): void;
};

type Teardown = { teardown(act: () => Promise<void>): void };

export type HallOptions = {
  /** What the recorder works on instead of the test's own pool. */
  readonly sql?: Sql;
  /** Of the chance that the world gives. */
  readonly seed?: number;
  /** What stands between the recorder and the signer. */
  readonly signer?: (signer: Signer) => Signer;
  /** Whom openings name as their cosigners, and whether these have signed; left out, nobody is asked. */
  readonly cosigning?: Pick<RecorderDeps, 'cosigners' | 'isCosigned'>;
};

/** Everything but the recorder: what stays when a server dies. */
export async function testHall(t: Teardown, db: TestDatabase, options: HallOptions = {}): Promise<Hall> {
  const stepped = steppedWorld(START, options.seed);
  let isHeartSet = false;
  let behindMs = 0;
  const world: SteppedWorld = {
    ...stepped,
    now: () => stepped.now() - behindMs,
    after(delayMs, alarm) {
      // An alarm that is due when it is set sounds in the next turn, as in the real world: no step need follow.
      if (delayMs <= 0) setImmediate(() => stepped.advance(0));
      if (delayMs !== HEARTBEAT_MS) return stepped.after(delayMs, alarm);
      isHeartSet = true;
      const cancel = stepped.after(delayMs, () => {
        isHeartSet = false;
        alarm();
      });
      return () => {
        isHeartSet = false;
        cancel();
      };
    },
  };
  const dataFolder = await mkdtemp(join(tmpdir(), 'kaibiao-hall-'));
  t.teardown(() => rm(dataFolder, { recursive: true, force: true }));
  const people = ['host', 'tenderer', 'witness', 'supervisor'] as const;
  for (const role of people) {
    const { account, creditCode, name } = staffWho(role) ?? bidderWho(0);
    await db.sql`INSERT INTO accounts (id, credit_code, organisation, name, kind, created_at)
      VALUES (${account}, ${creditCode}, ${name}, ${name}, 'official', ${START})`;
  }
  return {
    db,
    world,
    dataFolder,
    setBack(ms) {
      behindMs += ms;
    },
    async pass(ms) {
      for (let left = ms; left > 0; ) {
        const step = Math.min(left, BEAT_STEP_MS);
        await until(() => isHeartSet);
        world.advance(step);
        left -= step;
        if (step < BEAT_STEP_MS) continue;
        await until(async () => {
          const [beat] = await db.sql<{ at: number }[]>`SELECT at FROM heartbeats`;
          return beat?.at === world.now();
        });
      }
    },
    async start(verdicts = () => null, desk = {}, scanning) {
      const signer = await openSigner(dataFolder, PLATFORM);
      await settleAll(db.sql, signer);
      const discarded: string[] = [];
      const faults: unknown[] = [];
      const unfinished: string[] = [];
      const recorder = await startRecorder({
        sql: options.sql ?? db.sql,
        world,
        signer: options.signer?.(signer) ?? signer,
        desk: {
          ...testDesk(verdicts),
          discard: async (file) => {
            discarded.push(file);
          },
          ...desk,
        },
        platform: PLATFORM,
        production: false,
        vaultKey: new Uint8Array(32).fill(7),
        heartbeatMs: HEARTBEAT_MS,
        outageToleranceMs: 10_000,
        ...(options.cosigning ?? { isCosigned: async () => true, cosigners: { quorum: 0, vkeys: [] } }),
        ...(scanning && { scanning }),
        onUnfinished: (openingId) => unfinished.push(openingId),
        onSealed: () => undefined,
        onFault: (error) => faults.push(error),
      });
      return {
        recorder,
        signer,
        faults,
        unfinished,
        discarded,
        async stop() {
          await recorder.close();
          await signer.close();
        },
      };
    },
  };
}

export const rehearsalPolicy = {
  ...PROFILES.rehearsal.defaults,
  checkInLeadMs: 2 * MINUTE,
  decryptionWindowMs: 10 * MINUTE,
  confirmationMs: MINUTE,
  archiveAfterMs: MINUTE,
};

/** A client that has seen nothing yet. */
export const NOTHING_SEEN = { size: 0, root: toBase64(emptyRoot(sha256)) };

const source = { address: '127.0.0.1', client: 'test' };

export function createRequest(headSeen = NOTHING_SEEN, changes: Partial<Policy> = {}) {
  const host = staffWho('host') ?? bidderWho(0);
  const details = {
    title: '张掖市某道路工程',
    project: { code: 'P-1', name: '道路工程' },
    lot: { code: 'LOT-1', name: '第一标段' },
    tenderer: '招标人',
    agency: '代理机构',
    place: '开标一室',
    deadlineAt: formatInstant(DEADLINE),
  };
  const assignments = (['host', 'tenderer', 'witness', 'supervisor'] as const).map((role) => ({
    role,
    account: staffWho(role)?.account ?? '',
  }));
  const data = { profile: 'rehearsal', details, policy: { ...rehearsalPolicy, ...changes }, assignments } as const;
  return {
    command: 'create',
    openingId: OPENING_ID,
    ...data,
    data: data as unknown as Json,
    who: host,
    act: actOf({
      command: 'create',
      type: 'CreateOpening',
      data: data as unknown as Json,
      who: host,
      signedBy: 'session',
      headSeen,
    }) as never,
    source,
  };
}

let commands = 0;

/** A person's submission as HTTP would hand it on, its signature already checked. */
export function submission(
  type: string,
  role: PersonRole,
  data: Json,
  index = 0,
  command = `c${commands++}`,
  headSeen = NOTHING_SEEN,
): Submission {
  const who = role === 'bidder' ? bidderWho(index) : (staffWho(role) ?? bidderWho(index));
  const act = actOf({ command, type, data, who, signedBy: 'session', headSeen }) as never;
  return { openingId: OPENING_ID, command, type, data, role, who, act, source };
}

/** Lodges bid `index` as the gate would hand it on. */
export function lodgement(
  index: number,
  policyHash: string,
  changes: Parameters<typeof lodgedBid>[2] = {},
): Submission {
  const data = lodgedBid(index, { policyHash, deadlineAt: formatInstant(DEADLINE) }, changes);
  return {
    ...submission('LodgeBid', 'bidder', data, index),
    enclosure: { kind: 'envelope', file: `file-${data.bidId}`, header: 'AAAA', statementSha256: 'B'.repeat(43) },
  };
}

export function decryption(index: number): Submission {
  return {
    ...submission('DecryptBid', 'bidder', { jweSha256: 'C'.repeat(43) }, index),
    enclosure: { kind: 'decryption', jwe: 'jwe' },
  };
}

export async function accepted(answer: Promise<Answer>): Promise<Extract<Answer, { outcome: 'accepted' }>> {
  const got = await answer;
  if (got.outcome === 'refused') throw new Error(`refused: ${got.code}`);
  return got;
}

/** What has not come by then never will; far more than a busy machine needs, and less than a test file is given. */
const UNTIL_LIMIT_MS = 20_000;

/** Goes on, turn by turn of the event loop, as soon as something is so; the limit only ends what would never end. */
export async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  const limit = AbortSignal.timeout(UNTIL_LIMIT_MS);
  while (!(await isSo())) {
    // Not counted in turns: twenty thousand idle ones pass within 50 ms, less than one slow write to disk.
    if (limit.aborted) throw new Error('it never came to be');
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Who lodges in `openWindow`. */
export const BIDDERS = [0, 1, 2, 3];

export async function stateOf({ recorder }: RunningRecorder): Promise<OpeningState> {
  const state = await recorder.stateOf(OPENING_ID);
  if (state === null) throw new Error('no opening');
  return state;
}

/** Takes a fresh opening to an open window with four lodged bids. */
export async function openWindow(
  hall: Hall,
  running: RunningRecorder,
  policy: Partial<Policy> = {},
): Promise<OpeningState> {
  await publishRoster(hall, running, policy);
  await accepted(running.recorder.submit(submission('OpenWindow', 'host', {})));
  return stateOf(running);
}

/** Takes a fresh opening to its roster of four lodged bids. */
export async function publishRoster(
  hall: Hall,
  running: RunningRecorder,
  policy: Partial<Policy> = {},
): Promise<OpeningState> {
  const { recorder } = running;
  await accepted(recorder.create(createRequest(NOTHING_SEEN, policy)));
  await accepted(recorder.submit(submission('PublishOpening', 'host', {})));
  const { policyHash } = await stateOf(running);
  for (const index of BIDDERS) await accepted(recorder.submit(lodgement(index, policyHash)));
  await hall.pass(3 * MINUTE);
  await until(async () => (await stateOf(running)).phase === 'CheckIn');
  await hall.pass(2 * MINUTE);
  await until(async () => (await stateOf(running)).phase === 'Sealed');
  await accepted(recorder.submit(submission('PublishRoster', 'host', {})));
  return stateOf(running);
}
