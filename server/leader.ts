/** What only the leading process runs: signer, ledger, recorder, self-audit, and what others ask of it; begun with a term and ended with it. */
import type { Logger } from 'pino';
import type { Config } from './config.ts';
import { ledgerOrigin } from './core/log/origin.ts';
import type { Dependencies } from './http/dependencies.ts';
import { enrolFirst, type TellEnrolment } from './identity/enrolment.ts';
import type { Trust } from './identity/trust.ts';
import type { TrustStep } from './identity/trust-changes.ts';
import { cosignedHead } from './ledger/cosignatures.ts';
import { isCosignedInLedger } from './ledger/cosigned-openings.ts';
import { keepAlarm, standingAlarms, whyStopped } from './ledger/cosigner-alarms.ts';
import { type CosignerPolicy, quorumOf } from './ledger/cosigner-policy.ts';
import type { CosignerAlarm } from './ledger/cosigning.ts';
import { type Ledger, openLedger } from './ledger/ledger.ts';
import type { Also } from './ledger/log-writer.ts';
import type { Authority } from './ledger/timestamps/authorities.ts';
import { createStamper, LOOK_PERIOD_MS } from './ledger/timestamps/stamper.ts';
import {
  type Author,
  changeTrust,
  enrolAnchors,
  FIRST_START,
  type KeepTrustAnswer,
  recordOperatorAct,
  type TrustAnswer,
  type TrustAuthor,
} from './ledger/trust.ts';
import { createOpened, type Opened } from './opened.ts';
import type { CreationRequest } from './recorder/creation.ts';
import { OutcomeUnknownError } from './recorder/faults.ts';
import { GuardFault } from './recorder/guard-faults.ts';
import { sweepLeftFiles } from './recorder/left-files.ts';
import { createDesk } from './recorder/opening-desk.ts';
import { keepQueueBoard } from './recorder/queue-board.ts';
import { readOnlyRecorder } from './recorder/read-only-recorder.ts';
import { ReadOnlyError, type Recorder, startRecorder } from './recorder/recorder.ts';
import { recoveryFrom } from './recorder/recovery.ts';
import { keepRhythm } from './recorder/rhythm.ts';
import { startSelfAudit } from './recorder/self-audit.ts';
import { settleAll } from './recorder/settle-log.ts';
import { openSigner, RestoredBackupError, type Signer } from './recorder/signer.ts';
import { stoppable } from './recorder/stoppable-signer.ts';
import type { News } from './store/announce.ts';
import type { Database } from './store/connect.ts';
import type { Sql } from './store/driver.ts';
import type { Reign } from './store/election.ts';
import { type ErrandAnswer, type ErrandKind, type KeepErrand, runErrands } from './store/errands.ts';
import { isDatabaseAway } from './store/faults.ts';
import { heldTo, identify, sayReadOnly } from './store/leadership.ts';
import type { VaultPool } from './vault/pool.ts';
import { startScanner } from './vault/scanner.ts';
import { type Damage, scrubEnvelopes } from './vault/scrub.ts';
import { joinVaultFolder, type VaultFolder } from './vault/vault-folder.ts';
import type { World } from './world.ts';

/** An archive may hold so many times its own size, unpacked. */
const UNPACKED_FACTOR = 4;
/** The stored logs are read again all the time, a little each second: so much that a hundred thousand entries take minutes. */
const AUDIT = { periodMs: 1_000, entriesPerTick: 500 } as const;

export type Vault = {
  readonly key: Uint8Array;
  readonly envelopes: VaultFolder;
  readonly openedFolder: string;
  readonly pool: VaultPool;
};

export type LeaderParts = {
  readonly config: Config;
  readonly world: World;
  readonly logger: Logger;
  readonly database: Database;
  readonly vault: Vault;
  readonly trust: Trust;
  /** None: nothing is time-stamped. */
  readonly authorities: readonly Authority[];
  readonly cosigners: CosignerPolicy;
  /** Tells the other processes; what cannot be told is only noted. */
  say(news: News): Promise<void>;
  /** Told when a transaction found that a later term has begun. */
  onTermOver(term: number): void;
};

export type Leader = Reign & {
  readonly signer: Signer;
  readonly recorder: Recorder;
  readonly ledger: Dependencies['ledger'];
  /** Something may be waiting that nobody told of: the intake and the errands are looked through. */
  hearAll(): void;
  hear(news: News): void;
};

/**
 * Begins to lead.
 *
 * Throws: KeyError, GuardFault, what the database says; nothing stays open then.
 *
 * The order: guard and database agree → ledger → recorder (decides what was received, freezes what an outage interrupted) →
 * what others ask. All of it is held to the term: another process that has begun a later one ends it at the next transaction.
 */
export async function lead(parts: LeaderParts, term: number): Promise<Leader> {
  const opened = createOpened(parts.logger);
  try {
    return await compose(parts, term, opened);
  } catch (error) {
    await opened.closeAll();
    throw error;
  }
}

async function compose(parts: LeaderParts, term: number, opened: Opened): Promise<Leader> {
  const { config, logger, database, world } = parts;
  const { keep } = opened;
  const sql = heldTo(database.sql, term, () => parts.onTermOver(term));
  const office = { term, database: await identify(sql) };
  const signer = keep('signer', await openSigner(config.dataFolder, config.platform, office), (s) => s.close());
  const rooms = await openRooms({ ...parts, database: { ...database, sql } }, signer, term, opened);
  const { recorder, ledger } = rooms;
  const onFault = (error: unknown): void => logger.error({ err: error }, 'an errand failed');
  const errands = keep(
    'errands',
    runErrands({ sql, world, tell: (is) => parts.say({ is }), onFault }, handlersOf(recorder, ledger)),
    (runner) => runner.stop(),
  );

  function hearAll(): void {
    errands.hear();
    sql<{ openingId: string }[]>`SELECT DISTINCT opening_id AS "openingId" FROM intake WHERE NOT decided`.then(
      (rows) => {
        for (const { openingId } of rows) recorder.hear(openingId);
      },
      (error: unknown) => logger.error({ err: error }, 'the intake could not be looked through; the sweep will'),
    );
  }
  return {
    term,
    signer,
    recorder,
    ledger,
    hearAll,
    hear(news) {
      if (news.is === 'received') recorder.hear(news.openingId);
      if (news.is === 'asked') errands.hear();
    },
    close: opened.closeAll,
  };
}

/** The ledger as an errand needs it: what else belongs to the commit comes last. */
type LeaderLedger = {
  readonly recordAccess: Ledger['recordAccess'];
  readonly proofOfAct: Ledger['proofOfAct'];
  recordOperatorAct(author: Author, what: OperatorErrand['what'], also?: Also): Promise<number>;
  changeTrust(author: TrustAuthor, step: TrustStep, keep?: KeepTrustAnswer): Promise<TrustAnswer>;
};
type Rooms = { readonly recorder: Recorder; readonly ledger: LeaderLedger };

/** Ledger and recorder; or, when database and guard contradict each other, what only reads. */
async function openRooms(parts: LeaderParts, opened: Signer, term: number, { keep }: Opened): Promise<Rooms> {
  const { config, world, logger, database, vault, trust, cosigners } = parts;
  const { signer, stop: stopSigning } = stoppable(opened);
  const { sql, db } = database;
  const { platform } = config;
  const sayWhy = (why: string): void => {
    sayReadOnly(sql, term, why).catch((error: unknown) =>
      logger.error({ err: error }, 'the other processes could not be told that no command is taken'),
    );
  };
  const why = await whyReadOnly(sql, signer, config.dataFolder);
  if (why !== null) {
    const recovery = recoveryFrom(why.message)?.en;
    if (why instanceof RestoredBackupError)
      logger.fatal(
        { err: why, origin: why.origin, recovery },
        'database and guard contradict each other: commands are refused',
      );
    else logger.fatal({ why: why.message, recovery }, 'a cosigner held another history: commands are refused');
    await sayReadOnly(sql, term, why.message);
    return readOnlyRooms(sql, platform, why.message);
  }

  let recorder: Recorder | null = null;
  const refuseCommands = (why: string): void => {
    recorder?.refuseCommands(why);
    sayWhy(why);
  };
  const onFault = (error: unknown): void => {
    logger.error({ err: error }, 'a round failed');
    if (!(error instanceof RestoredBackupError || error instanceof GuardFault)) return;
    // From here on nothing that is signed could be believed.
    refuseCommands(error.message);
    logger.fatal({ recovery: recoveryFrom(error.message)?.en }, 'the log can only be read: commands are refused');
  };
  const { registerBatchPeriodMs: batchPeriodMs, headPeriodMs } = config;
  let stopped: string | null = null;
  const onAlarm = async (alarm: CosignerAlarm): Promise<void> => {
    stopped = whyStopped(alarm);
    stopSigning(stopped);
    refuseCommands(stopped);
    void ledger.close();
    logger.fatal(
      { why: stopped, recovery: recoveryFrom(stopped)?.en },
      'a cosigner holds another history: nothing is signed any more',
    );
    const ledgerVkey = signer.vkeyOf(ledgerOrigin(platform), 'ledger');
    await keepAlarm({ fetch, world }, { dataFolder: config.dataFolder, ledgerVkey }, alarm);
  };
  const onTrouble = (cosigner: string, trouble: string | null): void =>
    trouble === null
      ? logger.info({ cosigner }, 'a cosigner signs again')
      : logger.warn({ cosigner, why: trouble }, 'a cosigner does not sign');
  const ledger = keep(
    'ledger',
    await openLedger({
      database,
      signer,
      world,
      platform,
      batchPeriodMs,
      headPeriodMs,
      cosigning: { policy: cosigners, fetch, onAlarm, onTrouble },
      onFault,
    }),
    (l) => l.close(),
  );
  stamp(parts, signer, keep);
  await enrolFirst(
    { db, world, trust, tell: enrolmentOn(ledger) },
    { anchors: config.firstAnchors, operator: config.firstOperator },
  );
  const desk = createDesk({
    sql,
    platform,
    vaultKey: vault.key,
    pool: vault.pool,
    envelopes: vault.envelopes,
    openedFolder: vault.openedFolder,
    unpackedLimitBytes: config.bidLimitBytes * UNPACKED_FACTOR,
  });
  const scanner = keep(
    'scanner',
    startScanner({
      bytesPerSecond: config.scanBytesPerSecond,
      onCrash: (error) => logger.error({ err: error }, 'a scan of the stored envelopes ended; it begins again'),
    }),
    (s) => s.close(),
  );
  // Nothing is said of an opening whose envelopes are whole: how many there are is nobody's to know before the roster.
  const scan = async (openingId: string): Promise<readonly Damage[]> => {
    const damaged = await scrubEnvelopes({ sql, envelopes: vault.envelopes, scanner }, openingId);
    for (const damage of damaged)
      logger.fatal({ openingId, ...damage }, 'a stored envelope is not what was received: put it back from a backup');
    return damaged;
  };
  recorder = await startRecorder({
    sql,
    world,
    signer,
    desk,
    platform,
    production: config.isProduction,
    vaultKey: vault.key,
    heartbeatMs: config.heartbeatPeriodMs,
    outageToleranceMs: config.outageToleranceMs,
    isCosigned: isCosignedInLedger,
    cosigners: quorumOf(cosigners),
    scanning: { periodMs: config.scanPeriodMs, scan },
    onSealed: () => {
      void ledger.takeRegister().catch(onFault);
      // A thread takes a moment to start; the window must not wait for it.
      vault.pool.warm();
    },
    onDecided: (openingId) => void parts.say({ is: 'decided', openingId }),
    onFault,
  });
  keep('recorder', recorder, (r) => r.close());
  keep('queue board', keepQueueBoard({ sql, world, pool: vault.pool, onFault }), (board) => board.stop());
  const sweep = sweepLeftFiles({
    sql,
    world,
    envelopes: vault.envelopes,
    documents: joinVaultFolder(vault.openedFolder, world.randomBytes),
    onRemoved: (removed) => logger.warn({ removed }, 'files that a crash left behind are removed'),
    onFault: (error) => logger.error({ err: error }, 'files that a crash left behind could not be looked for'),
  });
  keep('sweep', sweep, (running) => running.stop());
  const audit = startSelfAudit({
    ...AUDIT,
    sql,
    signer,
    world,
    onFault,
    onFinding: (finding) => {
      const recovery = recoveryFrom(finding.code)?.en;
      logger.fatal({ ...finding, recovery }, 'the database is not what was signed: commands are refused');
      refuseCommands(`${finding.code} in ${finding.origin}`);
    },
  });
  keep('self-audit', audit, (a) => a.stop());
  const { writer } = ledger;
  const unlessStopped = <T>(work: () => Promise<T>): Promise<T> =>
    stopped === null ? work() : Promise.reject(new ReadOnlyError(stopped));
  return {
    recorder,
    ledger: {
      recordAccess: (access, also) => unlessStopped(() => ledger.recordAccess(access, also)),
      proofOfAct: ledger.proofOfAct,
      recordOperatorAct: (author, what, also) => unlessStopped(() => recordOperatorAct(writer, author, what, also)),
      changeTrust: (author, step, keepAnswer) => unlessStopped(() => changeTrust(writer, author, step, keepAnswer)),
    },
  };
}

/** Has the ledger time-stamped, where somebody is asked for it; without, everything but the stamps is as it is. */
function stamp(
  { config, world, logger, database, authorities, cosigners }: LeaderParts,
  signer: Signer,
  keep: Opened['keep'],
) {
  if (authorities.length === 0) {
    logger.warn('no time-stamping authority is configured: that the log stood so at its time rests on our own clock');
    return;
  }
  const origin = ledgerOrigin(config.platform);
  const onFault = (error: unknown): void =>
    logger.error({ err: error }, 'the ledger could not be time-stamped; it is tried again');
  const stamper = createStamper({
    sql: database.sql,
    world,
    fetch,
    authorities,
    periodMs: config.timestampPeriodMs,
    newestNote: async () =>
      cosigners.quorum === 0 ? signer.released(origin) : cosignedHead(database.sql, origin, quorumOf(cosigners)),
    onFault,
  });
  keep('stamper', keepRhythm(world, LOOK_PERIOD_MS, stamper.look, onFault), (rhythm) => rhythm.stop());
}

/** What keeps everything from being signed: database and guard contradict each other, or a cosigner held another history. */
async function whyReadOnly(sql: Sql, signer: Signer, dataFolder: string): Promise<Error | null> {
  try {
    await settleAll(sql, signer);
  } catch (error) {
    if (error instanceof RestoredBackupError) return error;
    throw error;
  }
  const [alarm] = await standingAlarms(dataFolder);
  return alarm === undefined ? null : new Error(alarm);
}

function readOnlyRooms(sql: Sql, platform: string, why: string): Rooms {
  const refuse = async (): Promise<never> => {
    throw new ReadOnlyError(why);
  };
  const ledger = {
    recordAccess: refuse,
    recordOperatorAct: refuse,
    changeTrust: refuse,
    proofOfAct: async () => null,
  };
  return { recorder: readOnlyRecorder(sql, platform, why), ledger };
}

/**
 * What the other processes may ask for; the content is what the same function would have been given here.
 *
 * Why: an entry of the ledger or the access log stands there once, however its leader ends: that it was made is kept in the
 *      transaction that makes it. A creation knows its own repetition, and what is prepared twice is thrown away once.
 */
function handlersOf(recorder: Recorder, ledger: LeaderLedger) {
  type Handlers = { readonly [Kind in ErrandKind]: (content: never, keep: KeepErrand) => Promise<unknown> };
  const handlers: Handlers = {
    create: (request: CreationRequest) => recorder.create(request),
    prepare: async (submission: Parameters<Recorder['prepare']>[0]) => {
      await recorder.prepare(submission);
      return null;
    },
    access: (access: Parameters<Ledger['recordAccess']>[0], also) => ledger.recordAccess(access, also),
    operator: ({ author, what }: OperatorErrand, also) => ledger.recordOperatorAct(author, what, also),
    trust: ({ author, step }: TrustErrand, keep) => ledger.changeTrust(author, step, keep),
  };
  const answering =
    (handle: (content: never, keep: KeepErrand) => Promise<unknown>) =>
    async (content: unknown, keep: KeepErrand): Promise<ErrandAnswer> => {
      try {
        return { done: (await handle(content as never, keep)) as never };
      } catch (error) {
        if (error instanceof ReadOnlyError) return { failed: 'read_only', why: error.message };
        if (error instanceof OutcomeUnknownError || isDatabaseAway(error))
          return { failed: 'unknown', why: (error as Error).message };
        throw error;
      }
    };
  return {
    create: answering(handlers.create),
    prepare: answering(handlers.prepare),
    access: answering(handlers.access),
    operator: answering(handlers.operator),
    trust: answering(handlers.trust),
  };
}

export type OperatorErrand = {
  readonly author: Author;
  readonly what: Parameters<Dependencies['ledger']['recordOperatorAct']>[1];
};
export type TrustErrand = { readonly author: TrustAuthor; readonly step: TrustStep };

/** Says on the ledger whom the first start let in: nobody signed for it but whoever holds the machine. */
function enrolmentOn({ writer }: Pick<Ledger, 'writer'>): TellEnrolment {
  const author: Author = { command: FIRST_START, who: null, source: null, act: null };
  return {
    anchors: (changes) => enrolAnchors(writer, changes),
    async operator({ account, certSha256 }) {
      await recordOperatorAct(writer, author, { letIn: account, kind: 'operator', certSha256 });
    },
  };
}
