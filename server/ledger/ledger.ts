/** The ledger and the access log of a platform, kept going: batches and heads in their rhythm, everything else when it is asked. */
import { accessOrigin, ledgerOrigin } from '../core/log/origin.ts';
import { BATCH_DEPTH } from '../core/log/register-batch.ts';
import type { RegisterProof } from '../core/log/register-proof.ts';
import { keepRhythm } from '../recorder/rhythm.ts';
import type { Signer } from '../recorder/signer.ts';
import { listen } from '../store/announce.ts';
import type { Database } from '../store/connect.ts';
import type { World } from '../world.ts';
import { type Access, rebuildReads, recordAccess } from './access-log.ts';
import { NO_COSIGNERS } from './cosigner-policy.ts';
import { type CosignerStanding, type CosigningParts, createCosigning } from './cosigning.ts';
import { createHeads } from './heads.ts';
import { type Also, type LogWriter, openLogWriter } from './log-writer.ts';
import { openPublisher } from './published-head.ts';
import { createRegisterBatches } from './register-batches.ts';
import { createRegisterReveals } from './register-reveals.ts';
import { announceKeys, listKeys, provingVkeys, showKeys } from './trust.ts';

export type LedgerDependencies = {
  readonly database: Pick<Database, 'sql' | 'listen'>;
  /** Settled already: see recorder/settle-log.ts. */
  readonly signer: Signer;
  readonly world: World;
  readonly platform: string;
  readonly batchPeriodMs: number;
  readonly headPeriodMs: number;
  /** Who countersigns, and what hears of it; left out where nobody does. */
  readonly cosigning?: Pick<CosigningParts, 'policy' | 'fetch' | 'onAlarm' | 'onClaim' | 'onTrouble'>;
  /** Told of every batch and head round that failed; the next one tries again. */
  readonly onFault: (error: unknown) => void;
};

/** How the rhythms stand; instants in ms of the world's clock, null before the first. `fault` is what the last round of any kind failed with. */
type Round = 'batch' | 'heads' | 'reveals';

export type LedgerHealth = {
  readonly batchTakenAt: number | null;
  readonly headsTakenAt: number | null;
  readonly fault: string | null;
};

export type Ledger = {
  /** For trust.ts: keys, trust anchors, operators' acts. */
  readonly writer: LogWriter;
  /** Takes every register act committed so far into the ledger now: at a deadline. */
  takeRegister(): Promise<void>;
  /** Reveals batches that may be, a few at a time. Returns: how many. */
  revealDummies(): Promise<number>;
  /** Takes the heads of all logs that have grown into the ledger now, without waiting for the period or an announcement. */
  takeHeads(): Promise<void>;
  /** See `RegisterBatches`. */
  proofOfAct(actId: string): Promise<RegisterProof | null>;
  /** The size of a log's last head in the ledger; null when there is none. */
  anchoredSize(origin: string): Promise<number | null>;
  /** See `recordAccess`: committed before it returns. */
  recordAccess(access: Access, also?: Also): Promise<number>;
  health(): LedgerHealth;
  /** How each cosigner stands. */
  cosigners(): readonly CosignerStanding[];
  /** Has the newest head countersigned by all who will, and waits for that. */
  cosign(): Promise<void>;
  /** Stops the rhythms and waits for what is under way; again, it waits for the same. */
  close(): Promise<void>;
};

/**
 * Opens both logs, beginning them when they are not there, and starts the rhythms.
 *
 * Throws: what the database and the signer throw; nothing runs then.
 */
export async function openLedger(dependencies: LedgerDependencies): Promise<Ledger> {
  const { database, signer, world, platform, batchPeriodMs, headPeriodMs } = dependencies;
  const { sql } = database;
  const writerDependencies = { sql, signer, world };
  const writer = await openLogWriter(writerDependencies, {
    origin: ledgerOrigin(platform),
    kind: 'ledger',
    genesis: {
      type: 'LedgerOpened',
      role: 'platform',
      command: 'genesis',
      body: { formatVersion: 1, platform, keys: listKeys(signer), batchDepth: BATCH_DEPTH, batchPeriodMs },
      withheld: {},
    },
  });
  const asked = dependencies.cosigning ?? {
    policy: NO_COSIGNERS,
    fetch,
    onAlarm: async () => undefined,
    onClaim: async () => undefined,
    onTrouble: () => undefined,
  };
  // Before anything is appended: what is released now is what was shown so far.
  const publisher = await openPublisher({ sql, world, signer }, writer.origin, asked.policy);
  const heads = createHeads({ sql, signer, platform }, writer);
  await announceKeys(writer, signer, heads.take);
  const accessWriter = await openLogWriter(writerDependencies, {
    origin: accessOrigin(platform),
    kind: 'access',
    genesis: {
      type: 'AccessLogOpened',
      role: 'platform',
      command: 'genesis',
      body: { formatVersion: 1, platform },
      withheld: {},
    },
  });
  await showKeys(sql, accessWriter, signer);
  await rebuildReads(sql, accessWriter.origin, signer.released(accessWriter.origin)?.size ?? 0);
  const batches = createRegisterBatches({ sql, world, signer }, writer);
  const stopListening = await listen(database, (origin) => heads.note(origin), heads.noteGap);

  const reveals = createRegisterReveals(sql, writer);
  const ledgerVkeys = await provingVkeys(sql, writer.origin);
  const cosigning = createCosigning(
    { sql, signer, world, ledgerVkeys, onSigned: publisher.advance, onFault: dependencies.onFault, ...asked },
    writer.origin,
  );

  const takenAt: Record<Round, number | null> = { batch: null, heads: null, reveals: null };
  const faults = new Map<Round, string>();
  const watched =
    <Answer>(name: Round, work: () => Promise<Answer>) =>
    async (): Promise<Answer> => {
      try {
        const answer = await work();
        takenAt[name] = world.now();
        // Also when nothing was appended: a cosigner that failed may sign by now.
        cosigning.wake();
        faults.delete(name);
        return answer;
      } catch (error) {
        faults.set(name, error instanceof Error ? error.message : String(error));
        throw error;
      }
    };
  const takeBatch = watched('batch', batches.take);
  const takeHeads = watched('heads', async () => {
    await heads.take();
    await publisher.advance();
  });
  const revealDummies = watched('reveals', reveals.reveal);
  const rhythms = [
    keepRhythm(world, batchPeriodMs, async () => void (await takeBatch()), dependencies.onFault),
    keepRhythm(world, headPeriodMs, takeHeads, dependencies.onFault),
    keepRhythm(world, headPeriodMs, async () => void (await revealDummies()), dependencies.onFault),
  ];

  let closed: Promise<void> | null = null;
  async function close(): Promise<void> {
    await Promise.all(rhythms.map((rhythm) => rhythm.stop()));
    await cosigning.stop();
    await stopListening();
    await writer.close();
    await accessWriter.close();
  }

  return {
    writer,
    takeRegister: watched('batch', batches.takeAll),
    revealDummies,
    takeHeads: () => {
      heads.noteGap();
      return takeHeads();
    },
    proofOfAct: batches.proofOfAct,
    anchoredSize: heads.anchoredSize,
    recordAccess: (access, also) => recordAccess(accessWriter, world, access, also),
    health: () => ({
      batchTakenAt: takenAt.batch,
      headsTakenAt: takenAt.heads,
      fault: [...faults.values()][0] ?? null,
    }),
    cosigners: cosigning.standings,
    async cosign() {
      cosigning.wake();
      await cosigning.idle();
    },
    close: () => {
      closed ??= close();
      return closed;
    },
  };
}
