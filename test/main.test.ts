/** The composed server: it starts, serves, stops and starts again; a restored backup makes it read-only, a taken port leaves nothing open. */
import { chmod, cp, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Config, readConfig } from '../server/config.ts';
import { createLogger } from '../server/http/diagnostics.ts';
import { start } from '../server/main.ts';
import { RECOVERY } from '../server/recorder/recovery.ts';
import { systemWorld } from '../server/world.ts';
import { type TestDatabase, testDb } from './support/database.ts';
import { newFolder } from './support/folder.ts';
import { until } from './support/recorder.ts';
import t from './support/tap.ts';

function configFor(db: TestDatabase, dataFolder: string, changes: Record<string, string> = {}): Config {
  return readConfig({
    DATABASE_URL: db.appUrl,
    KAIBIAO_DATA: dataFolder,
    KAIBIAO_PLATFORM: 'kaibiao.test',
    KAIBIAO_PORT: '0',
    KAIBIAO_VAULT_WORKERS: '1',
    ...changes,
  });
}

/** Starts a server whose diagnostics are kept. */
async function serve(config: Config) {
  const lines: string[] = [];
  const server = await start(
    config,
    systemWorld,
    createLogger('info', { write: (line: string) => void lines.push(line) }),
  );
  const get = (path: string, init?: RequestInit) => fetch(`${server.url}${path}`, init);
  return { server, lines, get };
}

t.test('it starts, serves, stops, and starts again where it was', async (t) => {
  const [db, data] = [await testDb(t), await newFolder(t)];
  const first = await serve(configFor(db, data));
  t.match(first.server, { url: /^http:\/\/127\.0\.0\.1:[0-9]+$/, readOnly: null });
  t.match(await (await first.get('/readyz')).json(), { status: 'ready', clockOffsetMs: Number });
  const vkey = await (await first.get('/logs/ledger/vkey')).text();
  t.match(await (await first.get('/logs/ledger/checkpoint')).text(), /^kaibiao\.test\/ledger\n/);
  await first.server.close();
  await t.rejects(first.get('/healthz'), 'nobody listens any more');
  for (const file of ['keys/openings.key', 'keys/ledger.key', 'keys/receipts.key', 'keys/vault.key'])
    t.equal((await stat(join(data, file))).mode & 0o777, 0o600, file);

  const second = await serve(configFor(db, data));
  t.equal(await (await second.get('/logs/ledger/vkey')).text(), vkey, 'with the same keys');
  await second.server.close();
  t.notMatch(first.lines.join('') + second.lines.join(''), /"level":(50|60)/, 'nothing went wrong');
});

t.test('pages and commands know the origin it listens at when none is configured', async (t) => {
  const { server, get } = await serve(configFor(await testDb(t), await newFolder(t)));
  const ask = (origin: string) =>
    get('/auth/challenge', {
      method: 'POST',
      headers: { 'content-type': 'application/json', origin },
      body: JSON.stringify({ jkt: 'A'.repeat(43) }),
    });
  const own = await ask(server.url);
  t.equal(own.status, 200);
  t.match(await own.json(), { origin: server.url, aud: 'kaibiao.test' });
  t.equal((await ask(server.url.replace('127.0.0.1', 'localhost'))).status, 200);
  t.equal((await ask('https://evil.example')).status, 403);
  await server.close();
});

t.test('with a restored backup it serves what stands and takes no command', async (t) => {
  const [db, data] = [await testDb(t), await newFolder(t)];
  const before = await serve(configFor(db, data));
  await before.server.close();
  // Another database under the same guard: what was let out is not in it.
  const restored = await testDb(t);
  const { server, lines, get } = await serve(configFor(restored, data));
  t.match(server.readOnly, /database_is_behind/);
  const ready = await get('/readyz');
  t.equal(ready.status, 503);
  t.match(await ready.json(), { status: 'read_only' });
  t.equal((await get('/healthz')).status, 200);
  t.match(lines.join(''), /database and guard contradict each other/);
  t.ok(lines.join('').includes(RECOVERY.database_is_behind.en), 'and how to come back');
  const [entries] = await restored.sql<{ count: number }[]>`SELECT count(*)::int AS count FROM entries`;
  t.equal(entries?.count, 0, 'nothing was signed or written');
  await server.close();
});

t.test('what somebody changes in the database under a running server is found, and commands are refused', async (t) => {
  const [db, data] = [await testDb(t), await newFolder(t)];
  const { server, lines, get } = await serve(configFor(db, data));
  t.equal((await get('/readyz')).status, 200);
  await db.superuser.begin(async (tx) => {
    await tx`SET LOCAL session_replication_role = replica`;
    await tx`UPDATE entries SET bytes = set_byte(bytes, 30, get_byte(bytes, 30) # 1) WHERE seq = 0 AND origin LIKE '%/ledger'`;
  });
  await until(async () => (await get('/readyz')).status === 503);
  t.match(await (await get('/readyz')).json(), { status: 'read_only' });
  t.match(lines.join(''), /"code":"leaf_hash_differs","seq":0/);
  t.ok(lines.join('').includes(RECOVERY.leaf_hash_differs.en), 'and how to come back');
  await server.close();
});

t.test('a start that fails leaves nothing open', async (t) => {
  const { server } = await serve(configFor(await testDb(t), await newFolder(t)));
  const port = new URL(server.url).port;
  const [db, data] = [await testDb(t), await newFolder(t)];
  await t.rejects(serve(configFor(db, data, { KAIBIAO_PORT: port })), { code: 'EADDRINUSE' });
  const again = await serve(configFor(db, data));
  t.equal((await again.get('/healthz')).status, 200, 'keys and guard were let go of');
  await again.server.close();
  await server.close();
});

t.test(
  'two servers share a data folder when they share the database: one leads, the other follows and takes over',
  async (t) => {
    const [db, data] = [await testDb(t), await newFolder(t)];
    const first = await serve(configFor(db, data));
    const second = await serve(configFor(db, data));
    const partOf = async ({ get }: typeof first) => ((await (await get('/readyz')).json()) as { part: string }).part;
    t.equal(await partOf(first), 'leader');
    t.equal(await partOf(second), 'follower');
    const checkpoint = await (await first.get('/logs/ledger/checkpoint')).text();
    t.equal((await (await second.get('/logs/ledger/checkpoint')).text()).split('\n')[0], checkpoint.split('\n')[0]);
    await first.server.close();
    await until(async () => (await partOf(second)) === 'leader');
    await second.server.close();
    t.notMatch(first.lines.join('') + second.lines.join(''), /"level":(50|60)/, 'nothing went wrong');
  },
);

t.test('two servers never share one data folder when each has a database of its own', async (t) => {
  const [db, other, data] = [await testDb(t), await testDb(t), await newFolder(t)];
  const { server } = await serve(configFor(db, data));
  await t.rejects(serve(configFor(other, data)), { code: 'guard_in_use' });
  t.equal(await fetch(`${server.url}/healthz`).then(({ status }) => status), 200);
  await server.close();
});

t.test('keys that others may read, or that are gone, stop the start', async (t) => {
  const [db, data] = [await testDb(t), await newFolder(t)];
  await (await serve(configFor(db, data))).server.close();
  const copy = await newFolder(t);
  await cp(data, copy, { recursive: true });
  await chmod(join(copy, 'keys/vault.key'), 0o644);
  await t.rejects(serve(configFor(db, copy)), { code: 'vault_key_open_to_others' });
  await chmod(join(copy, 'keys/vault.key'), 0o600);
  await rm(join(copy, 'keys/ledger.key'));
  await t.rejects(serve(configFor(db, copy)), { code: 'key_missing' });
});
