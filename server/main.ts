/** Composes the whole server from its configuration: what every process runs, and, as the election has it, what leads or follows. */
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from 'pino';
import type { Config } from './config.ts';
import { toBase64Url } from './core/log/base64.ts';
import { KNOWN_LOGINS_LIMIT, rememberLogins } from './core/log/known-logins.ts';
import { ledgerOrigin } from './core/log/origin.ts';
import { eitherOf } from './either.ts';
import { follow } from './follower.ts';
import { keepHouse } from './housekeeping.ts';
import { type App, createApp } from './http/app.ts';
import { creditCodeOf } from './http/authenticate.ts';
import type { Dependencies } from './http/dependencies.ts';
import { createLogger } from './http/diagnostics.ts';
import { watchLoad } from './http/load.ts';
import { connectionsOf, stopServing } from './http/shutdown.ts';
import type { IsBidder } from './identity/assignments.ts';
import { createProofMemory } from './identity/dpop.ts';
import { readSessionsTogether } from './identity/read-sessions.ts';
import { whyNoSeat } from './identity/seats.ts';
import { createJwsVerifier } from './identity/signature.ts';
import { createStandings } from './identity/standing.ts';
import { createTrust } from './identity/trust.ts';
import { type Leader, lead, type Vault } from './leader/leader.ts';
import { readCosignerPolicy } from './ledger/cosigner-policy.ts';
import { watchStandings } from './ledger/cosigner-standings.ts';
import { createPublishedHead } from './ledger/published-head.ts';
import { readAuthorities } from './ledger/timestamps/authorities.ts';
import { createHall, type Hall } from './live/hall.ts';
import { viewLogs } from './live/log-view.ts';
import type { Viewer } from './live/room.ts';
import { createOpened, type Opened } from './opened.ts';
import { packageRoot } from './root.ts';
import { openSigning } from './signer/signing.ts';
import { listen, listenToNews, type News, tell } from './store/announce.ts';
import { openDatabase } from './store/connect.ts';
import { standForElection } from './store/election.ts';
import { startVaultPool } from './vault/pool.ts';
import { createUploads } from './vault/uploads.ts';
import { openVaultFolder } from './vault/vault-folder.ts';
import { openVaultKey } from './vault/vault-key.ts';
import { systemWorld, type World } from './world.ts';

/** Decryptions that may wait for a thread: every bidder of a very large opening, some times over. */
const VAULT_QUEUE_LIMIT = 10_000;
/** What nobody has written to for so long is no upload of another process: a request may take as long (http/app.ts). */
const QUARANTINE_MS = 3_600_000;
const PROCESS_ID_BYTES = 12;

export type Server = {
  /** Where it listens, as people write it. */
  readonly url: string;
  /** Why it takes no commands, or null. */
  readonly readOnly: string | null;
  /** Ends what is under way within the configured grace; what is durable stays for the next start. */
  close(): Promise<void>;
};

/**
 * Starts a server.
 *
 * Throws: ConfigError's kin of each room, when keys, guard, database or port are not as they must be; nothing stays open then.
 *
 * The order: database and keys → election: this process leads (leader/leader.ts) or sees that another does → viewers → requests. A
 * request finds everything before it running. Who leads may change at any time afterwards.
 */
export async function start(
  config: Config,
  world: World = systemWorld,
  logger = createLogger(config.logLevel),
): Promise<Server> {
  const opened = createOpened(logger);
  try {
    return await compose(config, world, logger, opened);
  } catch (error) {
    await opened.closeAll();
    throw error;
  }
}

async function compose(config: Config, world: World, logger: Logger, { keep, closeAll }: Opened): Promise<Server> {
  const { platform, dataFolder } = config;
  await mkdir(dataFolder, { recursive: true });
  const name = `kaibiao-${toBase64Url(world.randomBytes(PROCESS_ID_BYTES))}`;
  const database = keep('database', await openDatabase(config, name), (d) => d.close());
  const { sql, db } = database;
  const signing = keep('signing', await openSigning(config, world), (s) => s.close());
  const { keyring } = signing;
  const vault = await openVault(config, world, logger, keep);
  const authorities = config.timestampAuthorities === null ? [] : await readAuthorities(config.timestampAuthorities);
  const cosigners = await readCosignerPolicy(config.cosignerPolicy);
  const load = keep('load watch', watchLoad(world), (l) => l.stop());
  const trust = createTrust({ db, world });
  const say = (news: News): Promise<void> =>
    tell(sql, news).catch((error: unknown) => logger.error({ err: error }, 'the other processes could not be told'));

  let leader: Leader | null = null;
  /** Who says how far logs are let out has changed: the rooms look anew, once there are some. */
  let onChange = (): void => undefined;
  const log = viewLogs(sql, () => leader?.signer ?? null);
  const election = standForElection({
    database,
    leaseMs: config.leaderLeaseMs,
    lastTerm: signing.lastTerm,
    async lead(term) {
      const onTermOver = (over: number): void => election.over(over);
      const begun = await lead(
        { config, world, logger, database, signing, vault, trust, authorities, cosigners, say, onTermOver },
        term,
      );
      leader = begun;
      onChange();
      logger.info({ term }, 'this process leads');
      // What came while it was beginning, nobody may have told it.
      begun.hearAll();
      return {
        term,
        async close() {
          leader = null;
          onChange();
          logger.info({ term }, 'this process leads no longer');
          await begun.close();
        },
      };
    },
    onFault: (error) => logger.error({ err: error }, 'the election'),
  });
  keep('election', election, (e) => e.stop());
  await election.first;
  const whyReadOnly = (): string | null => election.seen()?.readOnly ?? null;
  const onFault = (error: unknown): void => logger.error({ err: error }, 'following');
  const follower = keep('follower', follow({ sql, world, platform, log, whyReadOnly, say, onFault }), (f) => f.stop());
  const { recorder, ledger } = eitherOf(() => leader, follower);

  const isBidder: IsBidder = async (openingId, account) =>
    (await recorder.keptOf(openingId))?.register.bidders.has(creditCodeOf(account)) === true;
  const lookUp = async ({ openingId, account, sessionId, role }: Viewer) =>
    account === null || sessionId === null
      ? null
      : whyNoSeat({ db, world, isBidder }, { openingId, account, sessionId, role });
  const hall = keep('hall', createHall({ log, world, config, logger, whyNoSeat: lookUp }), (h) =>
    h.close('server_stopping'),
  );
  onChange = () => hall.hearAll();
  const hearLog = (origin: string): void => hall.hear(origin);
  keep('listener', await listen(database, hearLog, () => hall.hearAll()), (stop) => stop());
  const hear = (news: News): void => {
    leader?.hear(news);
    follower.hear(news);
    if (news.is === 'shut') hall.shutOut(news.account);
    if (news.is === 'opened') hall.letBackIn(news.account);
    if (news.is === 'role') hall.review(news.openingId, news.account);
    if (news.is === 'trust') trust.forget();
  };
  const hearAll = (): void => {
    leader?.hearAll();
    follower.hearAll();
    hall.reviewAll();
    trust.forget();
  };
  keep('news', await listenToNews(database, hear, hearAll), (stop) => stop());

  // Known only once it listens, when any free port will do and no public origin is configured.
  let ownOrigins: readonly [string, ...string[]] = [config.publicOrigin ?? 'http://not-listening-yet.invalid'];
  const standings = keep('standings', await watchStandings({ sql, world, onFault }, cosigners), (s) => s.stop());
  const housekeeping = keep('housekeeping', keepHouse({ world, database, envelopes: vault.envelopes, logger }), (h) =>
    h.stop(),
  );
  const dependencies: Dependencies = {
    config,
    world,
    sql,
    identity: {
      db,
      world,
      config,
      trust: {
        check: trust.check,
        forget() {
          trust.forget();
          void say({ is: 'trust' });
        },
      },
      verifySignature: createJwsVerifier(KNOWN_LOGINS_LIMIT),
      checkLogin: rememberLogins(),
      readSession: readSessionsTogether(sql),
      checkStanding: createStandings(sql),
      rememberProof: createProofMemory(sql),
      tokenKey: keyring.tokenKey,
      isBidder,
      get origins(): readonly [string, ...string[]] {
        return [...ownOrigins, ...config.allowedOrigins] as [string, ...string[]];
      },
    },
    recorder,
    hall: everywhere(hall, say),
    signer: keyring,
    log,
    cosigners,
    cosignersSeen: standings.seen,
    publishedLedger: createPublishedHead(sql, ledgerOrigin(platform), cosigners),
    envelopes: vault.envelopes,
    uploads: createUploads({ sql, world, envelopes: vault.envelopes, lifetimeMs: config.uploadLifetimeMs }),
    vaultKey: vault.key,
    ledger,
    term: () => leader?.term ?? null,
    authorities: authorities.length,
    lagMs: load.lagMs,
    clockOffsetMs: housekeeping.clockOffsetMs,
    pagesFolder: findPages(),
  };
  const app = await createApp(dependencies, logger);
  const connections = connectionsOf(app);
  keep('requests', app, (a) => stopServing(a, connections, hall, world, config.shutdownGraceMs));
  await app.listen({ host: config.host, port: config.port });
  const urls = urlsOf(app, config);
  if (config.publicOrigin === null) ownOrigins = urls;
  return { url: config.publicOrigin ?? urls[0], readOnly: recorder.health().why, close: closeAll };
}

async function openVault(
  { dataFolder, vaultWorkers }: Config,
  world: World,
  logger: Logger,
  keep: Opened['keep'],
): Promise<Vault> {
  const key = await openVaultKey(dataFolder, world.randomBytes);
  const before = world.now() - QUARANTINE_MS;
  const envelopes = await openVaultFolder(join(dataFolder, 'envelopes'), world.randomBytes, before);
  const openedFolder = join(dataFolder, 'opened');
  await openVaultFolder(openedFolder, world.randomBytes, before);
  const pool = startVaultPool({
    workers: vaultWorkers,
    queueLimit: VAULT_QUEUE_LIMIT,
    onCrash: (error) => logger.error({ err: error }, 'a thread of the vault died'),
  });
  return { key, envelopes, openedFolder, pool: keep('vault', pool, (p) => p.close()) };
}

/** The hall for the requests: what is said of an account here holds in the halls of all processes. */
function everywhere(hall: Hall, say: (news: News) => Promise<void>): Hall {
  return {
    ...hall,
    shutOut(account) {
      hall.shutOut(account);
      void say({ is: 'shut', account });
    },
    letBackIn(account) {
      hall.letBackIn(account);
      void say({ is: 'opened', account });
    },
    review(openingId, account) {
      hall.review(openingId, account);
      void say({ is: 'role', openingId, account });
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
