/** The ledger and the recorder of the leading process, and what keeps watch over them: opened in their order, or only read. */

import { ledgerOrigin } from '../core/log/origin.ts';
import { enrolFirst } from '../identity/enrolment.ts';
import { isCosignedIn } from '../ledger/cosigned-openings.ts';
import { quorumOf } from '../ledger/cosigner-policy.ts';
import { openLedger } from '../ledger/ledger.ts';
import { changeTrust, recordOperatorAct } from '../ledger/trust.ts';
import type { Opened } from '../opened.ts';
import { GuardFault } from '../recorder/guard-faults.ts';
import { sweepLeftFiles } from '../recorder/left-files.ts';
import { createDesk } from '../recorder/opening-desk.ts';
import { keepQueueBoard } from '../recorder/queue-board.ts';
import { ReadOnlyError, type Recorder, startRecorder } from '../recorder/recorder.ts';
import { recoveryFrom } from '../recorder/recovery.ts';
import { startSelfAudit } from '../recorder/self-audit.ts';
import { RestoredBackupError, type Signer } from '../recorder/signer.ts';
import { stoppable } from '../recorder/stoppable-signer.ts';
import { sayReadOnly } from '../store/leadership.ts';
import { startScanner } from '../vault/scanner.ts';
import { type Damage, scrubEnvelopes } from '../vault/scrub.ts';
import { joinVaultFolder } from '../vault/vault-folder.ts';
import { hearCosigners } from './cosigner-words.ts';
import { enrolmentOn } from './enrolment.ts';
import type { LeaderLedger } from './errands.ts';
import type { LeaderParts } from './leader.ts';
import { readOnlyRooms, whyReadOnly } from './read-only.ts';
import { stamp } from './stamping.ts';

/** An archive may hold so many times its own size, unpacked. */
const UNPACKED_FACTOR = 4;
/** The stored logs are read again all the time, a little each second: so much that a hundred thousand entries take minutes. */
const AUDIT = { periodMs: 1_000, entriesPerTick: 500 } as const;

export type Rooms = { readonly recorder: Recorder; readonly ledger: LeaderLedger };

/** Ledger and recorder; or, when database and guard contradict each other, what only reads. */
export async function openRooms(parts: LeaderParts, opened: Signer, term: number, { keep }: Opened): Promise<Rooms> {
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
  const cosigning = hearCosigners(parts, {
    stop(why) {
      stopped = why;
      stopSigning(why);
    },
    tell(why) {
      refuseCommands(why);
      void ledger.close();
    },
  });
  const ledger = keep(
    'ledger',
    await openLedger({
      database,
      signer,
      world,
      platform,
      batchPeriodMs,
      headPeriodMs,
      cosigning: { policy: cosigners, fetch, ...cosigning },
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
    isCosigned: isCosignedIn(ledgerOrigin(platform)),
    cosigners: quorumOf(cosigners),
    scanning: { periodMs: config.scanPeriodMs, scan },
    onUnfinished: (openingId) =>
      logger.error(
        { openingId },
        'the window closed before the stored bids were read through: no finding stands on the log',
      ),
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
