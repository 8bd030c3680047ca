/** Composes the whole server from its configuration: the only place that knows every room. */

import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from 'pino';
import type { Config } from './config.ts';
import { type App, createApp } from './http/app.ts';
import { creditCodeOf } from './http/authenticate.ts';
import type { Dependencies } from './http/dependencies.ts';
import { createLogger } from './http/diagnostics.ts';
import { watchLoad } from './http/load.ts';
import { holdsRole, type IsBidder } from './identity/assignments.ts';
import { forgetProofs } from './identity/dpop.ts';
import { type Enrolled, enrolFirst } from './identity/enrolment.ts';
import { KNOWN_LOGINS_LIMIT, rememberLogins } from './identity/known-logins.ts';
import { findSession, forgetChallenges } from './identity/login.ts';
import { readSessionsTogether } from './identity/read-sessions.ts';
import { createJwsVerifier } from './identity/signature.ts';
import { forgetTickets } from './identity/tickets.ts';
import { createTrust, type Trust } from './identity/trust.ts';
import { type Ledger, openLedger } from './ledger/ledger.ts';
import { type Author, recordOperatorAct, recordTrustChange } from './ledger/trust.ts';
import { createHall, type Hall } from './live/hall.ts';
import { createLogView } from './live/log-view.ts';
import type { Viewer } from './live/room.ts';
import { GuardFault } from './recorder/guard.ts';
import { removeLeftEnvelopes } from './recorder/left-envelopes.ts';
import { createDesk } from './recorder/opening-desk.ts';
import { readOnlyRecorder } from './recorder/read-only-recorder.ts';
import { ReadOnlyError, type Recorder, startRecorder } from './recorder/recorder.ts';
import { recoveryFrom } from './recorder/recovery.ts';
import { startSelfAudit } from './recorder/self-audit.ts';
import { settleAll } from './recorder/settle-log.ts';
import { openSigner, RestoredBackupError, type Signer } from './recorder/signer.ts';
import { packageRoot } from './root.ts';
import { listen } from './store/announce.ts';
import { clockOffset } from './store/clock.ts';
import { type Database, openDatabase } from './store/connect.ts';
import { startVaultPool, type VaultPool } from './vault/pool.ts';
import { openVaultFolder, type VaultFolder } from './vault/vault-folder.ts';
import { openVaultKey } from './vault/vault-key.ts';
import { systemWorld, type World } from './world.ts';

/** Decryptions that may wait for a thread: every bidder of a very large opening, some times over. */
const VAULT_QUEUE_LIMIT = 10_000;
/** An archive may hold so many times its own size, unpacked. */
const UNPACKED_FACTOR = 4;
/** The stored logs are read again all the time, a little each second: so much that a hundred thousand entries take minutes. */
const AUDIT = { periodMs: 1_000, entriesPerTick: 500 } as const;
/** How often expired secrets are forgotten and the clocks compared, ms. */
const HOUSEKEEPING_MS = 30_000;

export type Server = {
  /** Where it listens, as people write it. */
  readonly url: string;
  /** Why it takes no commands, or null. */
  readonly readOnly: string | null;
  /** Ends what is under way within the configured grace; what is durable stays for the next start. */
  close(): Promise<void>;
};

/** What was opened, to be closed in the reverse order, also when the start fails half-way. */
type Opened = { readonly what: string; readonly close: () => Promise<unknown> | unknown };

/**
 * Starts a server.
 *
 * Throws: ConfigError's kin of each room, when keys, guard, database or port are not as they must be; nothing stays open then.
 *
 * The order: database and keys → guard and database agree → ledger → recorder (decides what it had received, freezes what an
 * outage interrupted) → viewers → requests. A request finds everything before it running.
 */
export async function start(
  config: Config,
  world: World = systemWorld,
  logger = createLogger(config.logLevel),
): Promise<Server> {
  const opened: Opened[] = [];
  const keep = <Thing>(what: string, thing: Thing, close: (thing: Thing) => Promise<unknown> | unknown): Thing => {
    opened.unshift({ what, close: () => close(thing) });
    return thing;
  };
  const closeAll = async (): Promise<void> => {
    for (const { what, close } of opened.splice(0)) {
      try {
        await close();
      } catch (error) {
        logger.error({ err: error, what }, 'did not close');
      }
    }
  };
  try {
    return await compose(config, world, logger, keep, closeAll);
  } catch (error) {
    await closeAll();
    throw error;
  }
}

type Keep = <Thing>(what: string, thing: Thing, close: (thing: Thing) => Promise<unknown> | unknown) => Thing;

async function compose(
  config: Config,
  world: World,
  logger: Logger,
  keep: Keep,
  closeAll: () => Promise<void>,
): Promise<Server> {
  const { platform, dataFolder } = config;
  await mkdir(dataFolder, { recursive: true });
  const database = keep('database', await openDatabase(config), (d) => d.close());
  const { sql, db } = database;
  const signer = keep('signer', await openSigner(dataFolder, platform), (s) => s.close());
  const vault = await openVault(config, world, logger, keep);
  const load = keep('load watch', watchLoad(world), (l) => l.stop());
  const trust = createTrust({ db, world });

  const rooms = await openRooms({ config, world, logger, database, signer, vault, trust, keep });
  const { recorder } = rooms;

  const isBidder: IsBidder = async (openingId, account) =>
    (await recorder.keptOf(openingId))?.register.bidders.has(creditCodeOf(account)) === true;
  const stillSeated = async ({ openingId, account, sessionId, role }: Viewer): Promise<boolean> => {
    if (account === null || sessionId === null) return true;
    if ('refused' in (await findSession({ db }, { sessionId, at: world.now() }))) return false;
    return holdsRole({ db, isBidder }, { openingId, account, role });
  };
  const log = createLogView(sql, signer);
  const hall = keep('hall', createHall({ log, world, config, logger, holdsRole: stillSeated }), (h) =>
    h.close('server_stopping'),
  );
  keep(
    'listener',
    await listen(
      database,
      (origin) => hall.hear(origin),
      () => hall.hearAll(),
    ),
    (stop) => stop(),
  );

  // Known only once it listens, when any free port will do and no public origin is configured.
  let ownOrigins: readonly [string, ...string[]] = [config.publicOrigin ?? 'http://not-listening-yet.invalid'];
  const housekeeping = keep('housekeeping', keepHouse({ world, database, logger }), (h) => h.stop());
  const dependencies: Dependencies = {
    config,
    world,
    sql,
    identity: {
      db,
      world,
      config,
      trust,
      verifySignature: createJwsVerifier(KNOWN_LOGINS_LIMIT),
      checkLogin: rememberLogins(),
      readSession: readSessionsTogether(sql),
      tokenKey: signer.tokenKey,
      isBidder,
      get origins(): readonly [string, ...string[]] {
        return [...ownOrigins, ...config.allowedOrigins] as [string, ...string[]];
      },
    },
    recorder,
    hall,
    signer,
    envelopes: vault.envelopes,
    vaultKey: vault.key,
    ledger: rooms.ledger,
    lagMs: load.lagMs,
    clockOffsetMs: housekeeping.clockOffsetMs,
    pagesFolder: findPages(),
  };
  const app = await createApp(dependencies, logger);
  keep('requests', app, (a) => stopServing(a, hall, world, config.shutdownGraceMs));
  await app.listen({ host: config.host, port: config.port });
  const urls = urlsOf(app, config);
  if (config.publicOrigin === null) ownOrigins = urls;
  return { url: config.publicOrigin ?? urls[0], readOnly: recorder.health().why, close: closeAll };
}

type Vault = {
  readonly key: Uint8Array;
  readonly envelopes: VaultFolder;
  readonly openedFolder: string;
  readonly pool: VaultPool;
};

async function openVault(
  { dataFolder, vaultWorkers }: Config,
  world: World,
  logger: Logger,
  keep: Keep,
): Promise<Vault> {
  const key = await openVaultKey(dataFolder, world.randomBytes);
  const envelopes = await openVaultFolder(join(dataFolder, 'envelopes'), world.randomBytes);
  const openedFolder = join(dataFolder, 'opened');
  await openVaultFolder(openedFolder, world.randomBytes);
  const pool = startVaultPool({
    workers: vaultWorkers,
    queueLimit: VAULT_QUEUE_LIMIT,
    onCrash: (error) => logger.error({ err: error }, 'a thread of the vault died'),
  });
  return { key, envelopes, openedFolder, pool: keep('vault', pool, (p) => p.close()) };
}

type Rooms = { readonly recorder: Recorder; readonly ledger: Dependencies['ledger'] };

/** Ledger and recorder; or, when database and guard contradict each other, what only reads. */
async function openRooms(parts: {
  readonly config: Config;
  readonly world: World;
  readonly logger: Logger;
  readonly database: Database;
  readonly signer: Signer;
  readonly vault: Vault;
  readonly trust: Trust;
  readonly keep: Keep;
}): Promise<Rooms> {
  const { config, world, logger, database, signer, vault, trust, keep } = parts;
  const { sql, db } = database;
  const { platform } = config;
  try {
    await settleAll(sql, signer);
  } catch (error) {
    if (!(error instanceof RestoredBackupError)) throw error;
    logger.fatal(
      { err: error, origin: error.origin, recovery: recoveryFrom(error.message)?.en },
      'database and guard contradict each other: commands are refused',
    );
    const refuse = async (): Promise<never> => {
      throw new ReadOnlyError(error.message);
    };
    const ledger = {
      recordAccess: refuse,
      recordOperatorAct: refuse,
      recordTrustChange: refuse,
      proofOfAct: async () => null,
    };
    return { recorder: readOnlyRecorder(sql, platform, error.message), ledger };
  }

  let recorder: Recorder | null = null;
  const onFault = (error: unknown): void => {
    logger.error({ err: error }, 'a round failed');
    if (!(error instanceof RestoredBackupError || error instanceof GuardFault)) return;
    // From here on nothing that is signed could be believed.
    recorder?.refuseCommands(error.message);
    logger.fatal({ recovery: recoveryFrom(error.message)?.en }, 'the log can only be read: commands are refused');
  };
  const { registerBatchPeriodMs: batchPeriodMs, headPeriodMs } = config;
  const ledger = keep(
    'ledger',
    await openLedger({ database, signer, world, platform, batchPeriodMs, headPeriodMs, onFault }),
    (l) => l.close(),
  );
  await enrol(
    ledger,
    await enrolFirst({ db, world, trust }, { anchors: config.firstAnchors, operator: config.firstOperator }),
    world,
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
    // No cosigners yet: a policy that asks for some cannot be closed under.
    isCosigned: () => false,
    onSealed: () => {
      void ledger.takeRegister().catch(onFault);
      // A thread takes a moment to start; the window must not wait for it.
      vault.pool.warm();
    },
    onFault,
  });
  const running = keep('recorder', recorder, (r) => r.close());
  try {
    const removed = await removeLeftEnvelopes({ sql, world, envelopes: vault.envelopes });
    if (removed > 0) logger.warn({ removed }, 'envelopes that a crash left behind are removed');
  } catch (error) {
    logger.error({ err: error }, 'envelopes that a crash left behind could not be looked for');
  }
  const audit = startSelfAudit({
    ...AUDIT,
    sql,
    signer,
    world,
    onFault,
    onFinding: (finding) => {
      const recovery = recoveryFrom(finding.code)?.en;
      logger.fatal({ ...finding, recovery }, 'the database is not what was signed: commands are refused');
      running.refuseCommands(`${finding.code} in ${finding.origin}`);
    },
  });
  keep('self-audit', audit, (a) => a.stop());
  const { writer } = ledger;
  return {
    recorder,
    ledger: {
      recordAccess: ledger.recordAccess,
      proofOfAct: ledger.proofOfAct,
      recordOperatorAct: (author, what) => recordOperatorAct(writer, author, what),
      recordTrustChange: (author, change) => recordTrustChange(writer, author, change),
    },
  };
}

/** Says on the ledger whom the first start let in: nobody signed for it but whoever holds the machine. */
async function enrol({ writer }: Pick<Ledger, 'writer'>, { anchors, operator }: Enrolled, world: World): Promise<void> {
  const author: Author = { command: 'first-start', who: null, source: null, act: null };
  for (const { certSha256, certificate, label } of anchors) {
    const change = {
      change: 'added',
      certificateSha256: certSha256,
      fromAt: world.now(),
      certificate,
      reason: label,
    } as const;
    await recordTrustChange(writer, author, change);
  }
  if (operator !== null)
    await recordOperatorAct(writer, author, {
      letIn: operator.account,
      kind: 'operator',
      certSha256: operator.certSha256,
    });
}

/** Forgets expired secrets and compares the clocks, again and again. */
function keepHouse(parts: { readonly world: World; readonly database: Database; readonly logger: Logger }) {
  const { world, database, logger } = parts;
  const { sql, db } = database;
  let offsetMs = 0;
  let running: Promise<void> = Promise.resolve();
  let stopped = false;
  let cancel: () => void = () => undefined;

  async function clean(): Promise<void> {
    try {
      offsetMs = await clockOffset(sql, world);
      await forgetChallenges({ db, world });
      await forgetTickets({ db, world });
      await forgetProofs({ db, world });
    } catch (error) {
      logger.error({ err: error }, 'the house was not kept');
    }
  }
  function next(delayMs: number): void {
    if (stopped) return;
    cancel = world.after(delayMs, () => {
      running = clean().finally(() => next(HOUSEKEEPING_MS));
    });
  }
  next(0);
  return {
    clockOffsetMs: () => offsetMs,
    async stop() {
      stopped = true;
      cancel();
      await running;
    },
  };
}

/** The built pages beside the sources or the emitted code; null when there are none. */
function findPages(): string | null {
  const folder = join(packageRoot, 'dist/web');
  return existsSync(join(folder, 'opening/index.html')) ? folder : null;
}

/** Where people reach what listens; on the machine itself also by its name. */
function urlsOf(app: App, { host }: Config): readonly [string, ...string[]] {
  const [address] = app.addresses();
  if (address === undefined || typeof address === 'string') throw new Error('it listens at no port');
  const name = address.address.includes(':') ? `[${address.address}]` : address.address;
  const url = `http://${name}:${address.port}`;
  const isLocal = host === 'localhost' || host === '127.0.0.1' || host === '::1';
  return isLocal ? [url, `http://localhost:${address.port}`] : [url];
}

/**
 * Stops serving: nothing new is taken, sockets are told, what runs may end.
 *
 * Why: who does not end within the grace is cut off; what it had been told stands, what it had not it asks again.
 */
async function stopServing(app: App, hall: Hall, world: World, graceMs: number): Promise<void> {
  hall.close('server_stopping');
  const cancel = world.after(graceMs, () => {
    for (const socket of app.websocketServer.clients) socket.terminate();
    app.server.closeAllConnections();
  });
  await app.close();
  cancel();
}
