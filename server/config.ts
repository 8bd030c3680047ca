/** Every setting of the server, once: its variable, shape, unit, default and why; the only file that reads process.env. */
import { isIP } from 'node:net';
import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { AGENT_PORT } from './client/agent-protocol.ts';
import {
  count,
  readDatabaseUrl,
  readList,
  readMonitor,
  readOrigin,
  readProxy,
  type Setting,
  text,
  yesNo,
} from './setting.ts';

const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const MIB = 2 ** 20;
const GIB = 2 ** 30;

/** Every page reports to each. */
const MONITORS_LIMIT = 8;

const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

function readPath(value: string): string {
  if (value === '') throw new Error('is empty');
  return resolve(value);
}

/** The settings, by the name the code uses; README lists them and a test holds it to that. */
export const SETTINGS = {
  // Where things are
  databaseUrl: text({
    variable: 'DATABASE_URL',
    shape: 'a postgres:// URL',
    fallback: null,
    why: 'The application identity at a PostgreSQL ≥ 15. Not set: an embedded PostgreSQL below the data folder.',
    read: readDatabaseUrl,
  }),
  databaseMigrationUrl: text({
    variable: 'DATABASE_MIGRATION_URL',
    shape: 'a postgres:// URL',
    fallback: null,
    why: 'The owner of the tables, used for migrations at start only. Not set beside DATABASE_URL: nothing is migrated, and the server refuses to start on tables that are not current.',
    read: readDatabaseUrl,
  }),
  databasePoolSize: count({
    variable: 'KAIBIAO_DATABASE_POOL',
    unit: 'connections',
    fallback: 12,
    least: 2,
    most: 200,
    why: 'Connections of the application identity. Each opening writes through one at a time.',
  }),
  dataFolder: text({
    variable: 'KAIBIAO_DATA',
    shape: 'a folder',
    fallback: './.data',
    why: 'Keys, envelopes and the embedded database. All processes of one platform share it, and no others; back it up with its keys apart.',
    read: readPath,
  }),
  signer: text({
    variable: 'KAIBIAO_SIGNER',
    shape: 'the path of a Unix socket',
    fallback: null,
    why: 'Where `kaibiao signer` answers, which then holds the signing keys and their guard; this process cannot read them. Not set: they lie in the data folder.',
    read: readPath,
  }),
  platform: text({
    variable: 'KAIBIAO_PLATFORM',
    shape: 'a lower-case host name, without scheme or port',
    fallback: 'kaibiao.localhost',
    why: 'The name in every log origin and the audience of every signed act. Never changed once an opening exists.',
    read(value) {
      if (value.length > 200 || !/^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/.test(value))
        throw new Error('is not a lower-case host name');
      return value;
    },
  }),
  host: text({
    variable: 'KAIBIAO_HOST',
    shape: 'an address to listen on',
    fallback: '127.0.0.1',
    why: 'Only this machine by default: put a proxy with TLS before it, or name another address.',
    read(value) {
      if (isIP(value) === 0 && value !== 'localhost') throw new Error('is not an address');
      return value;
    },
  }),
  port: count({
    variable: 'KAIBIAO_PORT',
    unit: 'port',
    fallback: 8600,
    least: 0,
    most: 65_535,
    why: '0 takes any free port and prints it.',
  }),
  publicOrigin: text({
    variable: 'KAIBIAO_PUBLIC_ORIGIN',
    shape: 'an origin',
    fallback: null,
    why: 'Where people reach this server; login challenges are bound to it. Not set: the address listened on.',
    read: readOrigin,
  }),
  allowedOrigins: {
    variable: 'KAIBIAO_ALLOWED_ORIGINS',
    shape: 'origins, with commas between',
    fallback: '',
    why: 'Further origins whose pages may open a socket or log people in, besides the public one. Everybody else is refused.',
    read: (value: string) => readList(value, readOrigin),
  },
  trustedProxies: {
    variable: 'KAIBIAO_TRUST_PROXY',
    shape: 'addresses or networks, with commas between',
    fallback: '',
    why: 'Only these may say in X-Forwarded-For whom they speak for; the address of an act is evidence (20号令 art. 49).',
    read: (value: string) => readList(value, readProxy),
  },
  isProduction: yesNo({
    variable: 'KAIBIAO_PRODUCTION',
    fallback: 'no',
    why: 'yes refuses openings under the rehearsal profile, which frees the time limits.',
  }),

  // The clock's periods
  registerBatchPeriodMs: count({
    variable: 'KAIBIAO_REGISTER_BATCH_PERIOD_MS',
    unit: 'ms',
    fallback: 10 * SECOND_MS,
    least: 100,
    most: MINUTE_MS,
    why: 'How often the ledger takes a register batch, whether or not anyone acted: the rhythm must tell nothing.',
  }),
  headPeriodMs: count({
    variable: 'KAIBIAO_HEAD_PERIOD_MS',
    unit: 'ms',
    fallback: SECOND_MS,
    least: 50,
    most: MINUTE_MS,
    why: 'How often the ledger takes the changed heads of opening logs; a deadline must be anchored within 2 s.',
  }),
  timestampAuthorities: text({
    variable: 'KAIBIAO_TIMESTAMP_AUTHORITIES',
    shape: 'a JSON file',
    fallback: null,
    why: 'A list of {url, anchors, chain?, policies?, accuracyMs?}: the authorities (RFC 3161) that stamp the ledger, the one asked first in front; anchors and chain are PEM files. Not set: nothing is time-stamped, and the public answer says so.',
    read: readPath,
  }),
  timestampPeriodMs: count({
    variable: 'KAIBIAO_TIMESTAMP_PERIOD_MS',
    unit: 'ms',
    fallback: 10 * MINUTE_MS,
    least: SECOND_MS,
    most: 24 * HOUR_MS,
    why: 'How long the ledger grows between two time-stamps; the last head of an opening is stamped at once.',
  }),
  heartbeatPeriodMs: count({
    variable: 'KAIBIAO_HEARTBEAT_PERIOD_MS',
    unit: 'ms',
    fallback: SECOND_MS,
    least: 50,
    most: 5 * SECOND_MS,
    why: 'How often the server stores that it lives; after a crash the last one dates the outage.',
  }),
  outageToleranceMs: count({
    variable: 'KAIBIAO_OUTAGE_TOLERANCE_MS',
    unit: 'ms',
    fallback: 10 * SECOND_MS,
    least: SECOND_MS,
    most: MINUTE_MS,
    why: 'A shorter outage changes no window; after a longer one every window keeps its remainder.',
  }),
  leaderLeaseMs: count({
    variable: 'KAIBIAO_LEADER_LEASE_MS',
    unit: 'ms',
    fallback: 5 * SECOND_MS,
    least: 500,
    most: 30 * SECOND_MS,
    why: 'Of several processes on one database, how long the one that leads may hang before another does. Well below the outage tolerance, or every window is frozen meanwhile; a leader that dies or is stopped is followed at once.',
  }),
  clockSkewLimitMs: count({
    variable: 'KAIBIAO_CLOCK_SKEW_LIMIT_MS',
    unit: 'ms',
    fallback: 200,
    least: 10,
    most: 10 * SECOND_MS,
    why: 'A process whose clock is further from the database’s says so in its health.',
  }),

  // People
  agentPort: count({
    variable: 'KAIBIAO_AGENT_PORT',
    unit: 'port',
    fallback: AGENT_PORT,
    least: 1,
    most: 65_535,
    why: 'Where pages look for `kaibiao agent` on 127.0.0.1 of whoever is in front of them; their policy allows that one address beside the platform’s own.',
  }),
  cosignerPolicy: text({
    variable: 'KAIBIAO_COSIGNER_POLICY',
    shape: 'a tlog-policy file',
    fallback: null,
    why: 'Who is asked to countersign the ledger, where, and for how many a close waits. Not set: nobody, and the first entry of every opening says so.',
    read: readPath,
  }),
  speechEngine: text({
    variable: 'KAIBIAO_SPEECH_ENGINE',
    shape:
      'a program with the command line of eSpeak NG, by its path, or by its name in /usr/local/bin, /usr/bin or /bin',
    fallback: 'espeak-ng',
    why: 'Reads announced prices aloud for pages on computers that have no Chinese voice of their own. Where it is not installed they say so.',
    read(value) {
      if (!/^[\x21-\x7e]{1,500}$/.test(value)) throw new Error('is no program');
      return value;
    },
  }),
  monitors: {
    variable: 'KAIBIAO_MONITORS',
    shape: `addresses, with commas between, ${MONITORS_LIMIT} at most`,
    fallback: '',
    why: 'Supervisors’ monitors that take reported heads (kaibiao monitor --listen): every page of an opening names them and tells them which signed heads it was shown. No page may speak to anybody else.',
    read(value: string) {
      const addresses = readList(value, readMonitor);
      if (addresses.length > MONITORS_LIMIT) throw new Error(`names more than ${MONITORS_LIMIT}`);
      return addresses;
    },
  },
  firstAnchors: text({
    variable: 'KAIBIAO_FIRST_ANCHORS',
    shape: 'a PEM file',
    fallback: null,
    why: 'CA certificates trusted from the first start on; looked at only while no CA is trusted. Each goes to the ledger.',
    read: readPath,
  }),
  firstOperator: text({
    variable: 'KAIBIAO_FIRST_OPERATOR',
    shape: 'a PEM file',
    fallback: null,
    why: 'The signing certificate of the first operator, who lets the officials in; looked at only while there is no account.',
    read: readPath,
  }),
  challengeLifetimeMs: count({
    variable: 'KAIBIAO_CHALLENGE_LIFETIME_MS',
    unit: 'ms',
    fallback: MINUTE_MS,
    least: 5 * SECOND_MS,
    most: MINUTE_MS,
    why: 'How long a login challenge may be answered; each once.',
  }),
  accessTokenLifetimeMs: count({
    variable: 'KAIBIAO_ACCESS_TOKEN_LIFETIME_MS',
    unit: 'ms',
    fallback: 15 * MINUTE_MS,
    least: MINUTE_MS,
    most: 15 * MINUTE_MS,
    why: 'How long an access token is good; a session that ends or an account that is shut ends it before, at once.',
  }),
  sessionLifetimeMs: count({
    variable: 'KAIBIAO_SESSION_LIFETIME_MS',
    unit: 'ms',
    fallback: 12 * HOUR_MS,
    least: 15 * MINUTE_MS,
    most: 24 * HOUR_MS,
    why: 'How long a session key certified at login may sign ordinary acts: one opening day.',
  }),
  proofAgeLimitMs: count({
    variable: 'KAIBIAO_PROOF_AGE_LIMIT_MS',
    unit: 'ms',
    fallback: MINUTE_MS,
    least: 5 * SECOND_MS,
    most: 5 * MINUTE_MS,
    why: 'How far a DPoP proof’s time may lie from ours, either way; its id is remembered that long.',
  }),
  ticketLifetimeMs: count({
    variable: 'KAIBIAO_TICKET_LIFETIME_MS',
    unit: 'ms',
    fallback: 30 * SECOND_MS,
    least: SECOND_MS,
    most: MINUTE_MS,
    why: 'How long a socket ticket may be used; each once.',
  }),

  // Bids
  bidLimitBytes: count({
    variable: 'KAIBIAO_BID_LIMIT_BYTES',
    unit: 'bytes',
    fallback: 2 * GIB,
    least: MIB,
    most: 20 * GIB,
    why: 'The largest envelope taken; stock OpenSSL opens about 1.5 GB, our own reader any size.',
  }),
  uploadLifetimeMs: count({
    variable: 'KAIBIAO_UPLOAD_LIFETIME_MS',
    unit: 'ms',
    fallback: 24 * HOUR_MS,
    least: MINUTE_MS,
    most: 30 * 24 * HOUR_MS,
    why: 'How long the first part of an envelope waits for its next one; at the deadline it goes in any case (20号令 art. 27).',
  }),
  scanPeriodMs: count({
    variable: 'KAIBIAO_SCAN_PERIOD_MS',
    unit: 'ms',
    fallback: 10 * MINUTE_MS,
    least: SECOND_MS,
    most: HOUR_MS,
    why: 'How often stored envelopes are read through again between the deadline and the window: so old is the last finding at most when the window opens.',
  }),
  scanBytesPerSecond: count({
    variable: 'KAIBIAO_SCAN_BYTES_PER_SECOND',
    unit: 'bytes a second',
    fallback: 200 * MIB,
    least: MIB,
    most: 100 * GIB,
    why: 'The fastest that stored envelopes are read through: uploads and decryptions need the same disk.',
  }),
  vaultWorkers: count({
    variable: 'KAIBIAO_VAULT_WORKERS',
    unit: 'threads',
    fallback: Math.max(1, availableParallelism() - 1),
    least: 1,
    most: 256,
    why: 'Threads that verify decryptions; by default one core is left to the thread that receives them, for only what is received counts.',
  }),

  // Live
  flushIntervalMs: count({
    variable: 'KAIBIAO_FLUSH_INTERVAL_MS',
    unit: 'ms',
    fallback: 20,
    least: 1,
    most: SECOND_MS,
    why: 'The least time between two frames of one room; a crowded room slows down from here to fewer, fuller frames.',
  }),
  outboxLimitBytes: count({
    variable: 'KAIBIAO_OUTBOX_LIMIT_BYTES',
    unit: 'bytes',
    fallback: 4 * MIB,
    least: 128 * 1024,
    most: 64 * MIB,
    why: 'What may wait for one viewer; who reads more slowly is closed with a reason and resumes where it was.',
  }),
  socketHeartbeatMs: count({
    variable: 'KAIBIAO_SOCKET_HEARTBEAT_MS',
    unit: 'ms',
    fallback: 15 * SECOND_MS,
    least: SECOND_MS,
    most: MINUTE_MS,
    why: 'How often a socket is pinged; one that misses two is closed.',
  }),
  socketLimit: count({
    variable: 'KAIBIAO_SOCKET_LIMIT',
    unit: 'sockets',
    fallback: 20_000,
    least: 1,
    most: 1_000_000,
    why: 'Sockets of this process; the next one is told to come back.',
  }),

  // HTTP
  commandLimitBytes: count({
    variable: 'KAIBIAO_COMMAND_LIMIT_BYTES',
    unit: 'bytes',
    fallback: 256 * 1024,
    least: 64 * 1024,
    most: 16 * MIB,
    why: 'The largest body of a request other than an envelope; an entry’s own limit is 65,535 bytes.',
  }),
  requestsPerMinute: count({
    variable: 'KAIBIAO_REQUESTS_PER_MINUTE',
    unit: 'requests a minute',
    fallback: 600,
    least: 1,
    most: 1_000_000,
    why: 'For each credential; as many again for lodging and decrypting, which reading does not use up.',
  }),
  peoplePerAddress: count({
    variable: 'KAIBIAO_PEOPLE_PER_ADDRESS',
    unit: 'people',
    fallback: 1_000,
    least: 1,
    most: 100_000,
    why: 'How many may share an address: without a credential it may make each minute, for each of them, 4 logins, 20 reads, 150 reads of page files and carry in 4 decryptions.',
  }),
  eventLoopLagLimitMs: count({
    variable: 'KAIBIAO_EVENT_LOOP_LAG_LIMIT_MS',
    unit: 'ms',
    fallback: SECOND_MS,
    least: 50,
    most: MINUTE_MS,
    why: 'Beyond it new requests are shed with 503; lodging and decrypting never are.',
  }),
  shutdownGraceMs: count({
    variable: 'KAIBIAO_SHUTDOWN_GRACE_MS',
    unit: 'ms',
    fallback: 10 * SECOND_MS,
    least: 0,
    most: 5 * MINUTE_MS,
    why: 'How long running requests may take to end when the server is told to stop.',
  }),
  metricsToken: text({
    variable: 'KAIBIAO_METRICS_TOKEN',
    shape: 'at least 16 characters',
    fallback: null,
    why: 'The bearer token for /metrics. Not set: /metrics answers 404, so that nobody counts lodgements through it.',
    read(value) {
      if (!/^[\x21-\x7e]{16,}$/.test(value)) throw new Error('is shorter than 16 visible ASCII characters');
      return value;
    },
  }),
  logLevel: {
    variable: 'KAIBIAO_LOG_LEVEL',
    shape: 'fatal, error, warn, info, debug or silent',
    fallback: 'info',
    why: 'The server’s own diagnostics, on standard output; they hold no contents of bids or acts at any level.',
    read(value: string): LogLevel {
      const level = LOG_LEVELS.find((name) => name === value);
      if (level === undefined) throw new Error('is not a level');
      return level;
    },
  },
} as const satisfies Record<string, Setting<unknown>>;

type Settings = typeof SETTINGS;
type ValueOf<S> = S extends { readonly fallback: null; readonly read: (text: string) => infer Value }
  ? Value | null
  : S extends Setting<infer Value>
    ? Value
    : never;

/** What the server runs with; a setting that may be missing is null then. */
export type Config = { readonly [Name in keyof Settings]: ValueOf<Settings[Name]> };

/** The environment does not make a configuration; `faults` has a sentence for each thing wrong. */
export class ConfigError extends Error {
  readonly code = 'config_is_wrong';
  readonly faults: readonly string[];
  constructor(faults: readonly string[]) {
    super(`The configuration is wrong:\n${faults.map((fault) => `  ${fault}`).join('\n')}`);
    this.name = 'ConfigError';
    this.faults = faults;
  }
}

/** What contradicts itself although each setting alone is right. */
function contradictions(config: Config): string[] {
  const found: string[] = [];
  if (config.databaseMigrationUrl !== null && config.databaseUrl === null)
    found.push('DATABASE_MIGRATION_URL is set without DATABASE_URL.');
  if (config.databaseUrl !== null && config.databaseUrl === config.databaseMigrationUrl)
    found.push('DATABASE_URL and DATABASE_MIGRATION_URL are the same: the server must not run as the tables’ owner.');
  if (config.heartbeatPeriodMs * 2 > config.outageToleranceMs)
    found.push('KAIBIAO_OUTAGE_TOLERANCE_MS is less than two heartbeats: every restart would be an outage.');
  return found;
}

/**
 * Reads the settings.
 *
 * Shape:  the variables of SETTINGS; an empty variable counts as set.
 * Throws: ConfigError with every fault at once, also for an unknown KAIBIAO_… variable: a misspelt one would be ignored.
 */
export function readConfig(environment: Readonly<Record<string, string | undefined>>): Config {
  const faults: string[] = [];
  const known = new Set<string>(Object.values(SETTINGS).map((setting) => setting.variable));
  for (const variable of Object.keys(environment))
    if (variable.startsWith('KAIBIAO_') && !known.has(variable)) faults.push(`${variable} is not a setting.`);

  const values = Object.entries<Setting<unknown>>(SETTINGS).map(([name, setting]) => {
    const written = environment[setting.variable] ?? setting.fallback;
    try {
      return [name, written === null ? null : setting.read(written)];
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      // Not the value itself: a database URL holds a password, and this text lands in logs.
      faults.push(`${setting.variable} ${error.message}; it wants ${setting.shape}.`);
      return [name, null];
    }
  });
  const config = Object.fromEntries(values) as Config;
  if (faults.length === 0) faults.push(...contradictions(config));
  if (faults.length > 0) throw new ConfigError(faults);
  return config;
}

/** The configuration of this process. Throws: ConfigError. */
export function readOwnConfig(): Config {
  return readConfig(process.env);
}
