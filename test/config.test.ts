/** Settings at their edges: defaults, limits, faults told all at once and without secrets. */
import fc from 'fast-check';
import { ConfigError, readConfig, SETTINGS } from '../server/config.ts';
import t from './support/tap.ts';

/** The faults of an environment; none when it is right. */
function faultsOf(environment: Record<string, string>): readonly string[] {
  try {
    readConfig(environment);
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.faults;
    throw error;
  }
}

t.test('an empty environment gives the documented defaults', async (t) => {
  const config = readConfig({});
  t.match(config, {
    databaseUrl: null,
    databaseMigrationUrl: null,
    platform: 'kaibiao.localhost',
    host: '127.0.0.1',
    port: 8600,
    publicOrigin: null,
    allowedOrigins: [],
    trustedProxies: [],
    isProduction: false,
    registerBatchPeriodMs: 10_000,
    headPeriodMs: 1000,
    heartbeatPeriodMs: 1000,
    outageToleranceMs: 10_000,
    accessTokenLifetimeMs: 900_000,
    ticketLifetimeMs: 30_000,
    bidLimitBytes: 2 * 2 ** 30,
    flushIntervalMs: 20,
    metricsToken: null,
    logLevel: 'info',
  });
  t.match(config.dataFolder, /^\/.*\/\.data$/, 'the folder is absolute');
});

t.test('each setting says why, has a variable of its own, and a default that it can read', async (t) => {
  const variables = Object.values(SETTINGS).map((setting) => setting.variable);
  t.equal(new Set(variables).size, variables.length);
  for (const setting of Object.values(SETTINGS)) {
    t.match(setting.why, /^[^a-z].*\.$|^yes .*\.$|^0 .*\.$/, setting.variable);
    t.match(setting.variable, /^(DATABASE|KAIBIAO)_[A-Z_]+$/);
    const { fallback } = setting;
    if (fallback !== null) t.doesNotThrow(() => setting.read(fallback));
  }
});

t.test('a number is taken at its limits and refused one beyond', async (t) => {
  t.equal(readConfig({ KAIBIAO_PORT: '0' }).port, 0);
  t.equal(readConfig({ KAIBIAO_PORT: '65535' }).port, 65_535);
  t.match(faultsOf({ KAIBIAO_PORT: '65536' }), [/^KAIBIAO_PORT is not between 0 and 65535/]);
  t.equal(readConfig({ KAIBIAO_BID_LIMIT_BYTES: String(20 * 2 ** 30) }).bidLimitBytes, 20 * 2 ** 30);
  t.equal(faultsOf({ KAIBIAO_BID_LIMIT_BYTES: String(20 * 2 ** 30 + 1) }).length, 1);
  t.equal(faultsOf({ KAIBIAO_BID_LIMIT_BYTES: String(2 ** 20 - 1) }).length, 1);
});

t.test('what Number() would take but is not a whole number is refused', async (t) => {
  for (const text of ['', ' 5', '5 ', '1e3', '0x10', '05', '-1', '+1', '1.0', 'NaN', '１２', '99999999999999999999'])
    t.match(faultsOf({ KAIBIAO_PORT: text }), [/is not a whole number/], JSON.stringify(text));
});

t.test('any whole number within the limits is taken as it is', async (t) => {
  fc.assert(
    fc.property(fc.nat(65_535), (port) => {
      t.equal(readConfig({ KAIBIAO_PORT: String(port) }).port, port);
    }),
  );
});

t.test('any text at all gives a value or a ConfigError, for each setting', async (t) => {
  fc.assert(
    fc.property(fc.constantFrom(...Object.values(SETTINGS)), fc.string(), (setting, text) => {
      const faults = faultsOf({ [setting.variable]: text });
      t.ok(faults.length <= 2);
    }),
    { numRuns: 300 },
  );
});

t.test('the platform is a lower-case host name', async (t) => {
  for (const name of ['kaibiao.example', 'a', 'x-1.y']) t.equal(readConfig({ KAIBIAO_PLATFORM: name }).platform, name);
  for (const name of ['', 'https://a', 'a:80', 'A', 'a.', '.a', 'a..b', '-a', 'a-', 'a b', 'a+b', 'a/b', '开标', 'a\n'])
    t.equal(faultsOf({ KAIBIAO_PLATFORM: name }).length, 1, JSON.stringify(name));
});

t.test('an origin has neither path nor closing slash', async (t) => {
  t.equal(readConfig({ KAIBIAO_PUBLIC_ORIGIN: 'https://a.example:8443' }).publicOrigin, 'https://a.example:8443');
  for (const origin of ['', 'a.example', 'https://a.example/', 'https://a.example/x', 'ftp://a.example', 'null'])
    t.equal(faultsOf({ KAIBIAO_PUBLIC_ORIGIN: origin }).length, 1, origin);
  t.strictSame(readConfig({ KAIBIAO_ALLOWED_ORIGINS: 'https://a.example, http://b.example:81' }).allowedOrigins, [
    'https://a.example',
    'http://b.example:81',
  ]);
  t.equal(faultsOf({ KAIBIAO_ALLOWED_ORIGINS: 'https://a.example,' }).length, 1);
  t.equal(faultsOf({ KAIBIAO_ALLOWED_ORIGINS: '*' }).length, 1);
});

t.test('proxies are addresses or networks, never everybody by a word', async (t) => {
  t.strictSame(readConfig({ KAIBIAO_TRUST_PROXY: '10.0.0.1, 192.168.0.0/16,fd00::/8' }).trustedProxies, [
    '10.0.0.1',
    '192.168.0.0/16',
    'fd00::/8',
  ]);
  for (const proxy of ['true', '1', 'loopback', '10.0.0.0/33', '10.0.0.0/', '10.0.0.0/8/8', 'fd00::/129', 'a.example'])
    t.equal(faultsOf({ KAIBIAO_TRUST_PROXY: proxy }).length, 1, proxy);
});

t.test('yes or no, nothing that looks like it', async (t) => {
  t.equal(readConfig({ KAIBIAO_PRODUCTION: 'yes' }).isProduction, true);
  for (const word of ['', 'true', '1', 'Yes', 'no ']) t.equal(faultsOf({ KAIBIAO_PRODUCTION: word }).length, 1, word);
});

t.test('a misspelt variable is refused instead of ignored; other programs’ variables are not ours', async (t) => {
  t.match(faultsOf({ KAIBIAO_PROT: '1' }), [/^KAIBIAO_PROT is not a setting\.$/]);
  t.strictSame(faultsOf({ PATH: '/bin', kaibiao_port: 'x' }), []);
});

t.test('all faults are told at once', async (t) => {
  t.equal(faultsOf({ KAIBIAO_PORT: 'x', KAIBIAO_HOST: 'y', KAIBIAO_LOG_LEVEL: 'loud' }).length, 3);
});

t.test('a fault never repeats the value: it may hold a password', async (t) => {
  const [fault] = faultsOf({ DATABASE_URL: 'mysql://u:geheim@h/d' });
  t.match(fault, /^DATABASE_URL is not a postgres:\/\/ URL/);
  t.notMatch(fault, /geheim/);
  t.notMatch(faultsOf({ KAIBIAO_METRICS_TOKEN: 'short' })[0], /short;/);
});

t.test('settings that contradict each other', async (t) => {
  const url = 'postgres://app@h/d';
  t.equal(faultsOf({ DATABASE_MIGRATION_URL: url }).length, 1);
  t.match(faultsOf({ DATABASE_URL: url, DATABASE_MIGRATION_URL: url }), [/must not run as the tables’ owner/]);
  t.strictSame(faultsOf({ DATABASE_URL: url, DATABASE_MIGRATION_URL: 'postgres://owner@h/d' }), []);
  t.match(faultsOf({ KAIBIAO_HEARTBEAT_PERIOD_MS: '1000', KAIBIAO_OUTAGE_TOLERANCE_MS: '1999' }), [/two heartbeats/]);
  t.strictSame(faultsOf({ KAIBIAO_HEARTBEAT_PERIOD_MS: '1000', KAIBIAO_OUTAGE_TOLERANCE_MS: '2000' }), []);
});

t.test('monitors: addresses that mean nothing else in the policy of a page, eight at most', async (t) => {
  const taken = (text: string) => readConfig({ KAIBIAO_MONITORS: text }).monitors;
  t.strictSame(taken(''), []);
  t.strictSame(taken('https://monitor.example, http://10.0.0.1:8800/watch/'), [
    'https://monitor.example',
    'http://10.0.0.1:8800/watch',
  ]);
  t.strictSame(taken('http://[::1]:8800'), ['http://[::1]:8800']);
  const many = (count: number) => Array.from({ length: count }, (_, n) => `https://m${n}.example`).join(',');
  t.equal(taken(many(8)).length, 8);
  t.match(faultsOf({ KAIBIAO_MONITORS: many(9) }), [/names more than 8/]);
  for (const text of [
    'monitor.example',
    'ftp://monitor.example',
    'https://*.example',
    "https://monitor.example; script-src 'unsafe-inline'",
    'https://monitor.example/a b',
    'https://user:secret@monitor.example',
    'https://monitor.example?x',
    'https://monitor.example#x',
    'https://Monitor.example',
    'https://monitor.example:443',
    'https://monitor.example/../x',
    'https:',
  ])
    t.match(faultsOf({ KAIBIAO_MONITORS: text }), [/is not an address/], text);
});
