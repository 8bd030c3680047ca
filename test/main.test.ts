/** The composed server: it starts, serves, stops and starts again; a restored backup or a proven fork makes it read-only, a taken port leaves nothing open. */
import { sign } from 'node:crypto';
import { chmod, cp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Config, readConfig } from '../server/config.ts';
import { formatAddCheckpoint } from '../server/core/log/add-checkpoint.ts';
import { formatCheckpoint, openCheckpoint } from '../server/core/log/checkpoint.ts';
import { cosignatureVerifier } from '../server/core/log/cosignature.ts';
import { ed25519Verifier, formatNote, formatVkey, KEY_TYPES, verifierKey } from '../server/core/log/note.ts';
import { utf8 } from '../server/core/log/utf8.ts';
import { filesOf, makeCosigner } from '../server/cosign/cosigner-folder.ts';
import { type CosignerServer, serveCosigner } from '../server/cosign/cosigner-server.ts';
import { enrolLog } from '../server/cosign/enrolled-logs.ts';
import { readSigningKey, verifyEd25519 } from '../server/ed25519.ts';
import { sha256 } from '../server/hash.ts';
import { createLogger } from '../server/http/diagnostics.ts';
import { claimFolder } from '../server/ledger/cosigner-alarms.ts';
import { start } from '../server/main.ts';
import { openKeyring } from '../server/recorder/keyring.ts';
import { RECOVERY } from '../server/recorder/recovery.ts';
import { systemWorld } from '../server/world.ts';
import { type TestDatabase, testDb } from './support/database.ts';
import { newFolder } from './support/folder.ts';
import { until } from './support/recorder.ts';
import { freePort } from './support/server-process.ts';
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

/** A cosigner at a port of its own, on a folder that outlives it. */
async function cosignerIn(folder: string, name: string, port: number) {
  const { key, vkey } = await makeCosigner(folder, name, systemWorld.randomBytes);
  let server: CosignerServer | null = null;
  return {
    vkey,
    verifier: cosignatureVerifier(key, verifyEd25519),
    url: `http://127.0.0.1:${port}`,
    enrol: (logVkey: string) => enrolLog(filesOf(folder).logs, logVkey),
    async serve() {
      server = await serveCosigner({ folder, host: '127.0.0.1', port }, systemWorld, (error) => t.fail(String(error)));
    },
    async close() {
      await server?.close();
      server = null;
    },
    /** As its owner could: what it signed is gone. */
    forget: () => rm(filesOf(folder).heads, { recursive: true }),
  };
}

t.test('heads are cosigned, all processes show the same, and a proven fork stops them all for good', async (t) => {
  const [db, data, folder] = [await testDb(t), await newFolder(t), await newFolder(t, 'cosigners')];
  const { publicKeys } = await openKeyring(data, 'kaibiao.test');
  const ledgerKey = verifierKey(sha256, 'kaibiao.test/ledger', KEY_TYPES.ed25519, publicKeys.ledger);
  const a = await cosignerIn(join(folder, 'a'), 'a.test/1', await freePort());
  const b = await cosignerIn(join(folder, 'b'), 'b.test/1', await freePort());
  for (const one of [a, b]) {
    await one.enrol(formatVkey(ledgerKey));
    await one.serve();
    t.teardown(() => one.close());
  }
  const policyFile = join(folder, 'policy.txt');
  const named = `witness a ${a.vkey} ${a.url}\nwitness b ${b.vkey} ${b.url}\n`;
  await writeFile(policyFile, `${named}group both all a b\nquorum both\n`);
  const policy = { KAIBIAO_COSIGNER_POLICY: policyFile, KAIBIAO_HEAD_PERIOD_MS: '100' };
  // a head a second: a cosigner takes 300 in a minute (CHECKPOINTS_PER_MINUTE), and this may take one
  const config = configFor(db, data, { ...policy, KAIBIAO_REGISTER_BATCH_PERIOD_MS: '1000' });
  type Running = Awaited<ReturnType<typeof serve>>;
  const ready = async ({ get }: Running) => (await (await get('/readyz')).json()) as Record<string, unknown>;
  const shown = async ({ get }: Running) => {
    const note = await (await get('/logs/ledger/checkpoint')).text();
    const verifiers = [a, b].map(({ verifier }) => verifier);
    const { checkpoint, signatures } = await openCheckpoint(note, ed25519Verifier(ledgerKey, verifyEd25519), verifiers);
    return { size: checkpoint.size, by: signatures.length - 1 };
  };

  const started: Running[] = [];
  const begin = async (): Promise<Running> => {
    const running = await serve(config);
    started.push(running);
    return running;
  };
  t.teardown(async () => void (await Promise.all(started.map(({ server }) => server.close()))));
  let [leader, follower] = [await begin(), await begin()];
  await until(async () => (await shown(follower)).by === 2 && (await shown(leader)).by === 2);
  let last = 0;
  for (let n = 0; n < 40; n++) {
    const { size } = await shown(n % 2 === 0 ? leader : follower);
    t.ok(size >= last, `${size} after ${last}, whoever is asked`);
    last = size;
  }
  // each process looks in its own rhythm, and on a busy machine anybody may be silent for a moment
  const says = async (running: Running): Promise<string> => {
    const { status, part, cosigners } = await ready(running);
    return [
      status,
      part,
      ...(cosigners as { name: string; state: string }[]).map((c) => `${c.name} ${c.state}`),
    ].join();
  };
  await until(async () => (await says(follower)) === 'ready,follower,a signs,b signs');

  await b.close();
  await until(async () => (await says(follower)) === 'degraded,follower,a signs,b silent');
  await until(async () => (await says(leader)) === 'degraded,leader,a signs,b silent');
  await until(async () => (await shown(follower)).by === 1);
  last = (await shown(follower)).size;
  await leader.server.close();
  t.ok((await shown(follower)).size >= last, 'a head that was shown without its quorum stays shown');
  await until(async () => (await ready(follower))['part'] === 'leader');
  [leader, follower] = [follower, await begin()];
  t.ok((await shown(follower)).size >= last, 'and over a restart');

  // b signed another history of ours, under our own key, which somebody has
  const rogue = { origin: 'kaibiao.test/ledger', size: 1_000_000, root: sha256(utf8('another history')) };
  const text = formatCheckpoint(rogue);
  const { privateKey } = await readSigningKey(join(data, 'keys/ledger.key'));
  const line = { name: ledgerKey.name, keyId: ledgerKey.keyId, signature: sign(null, utf8(text), privateKey) };
  const note = formatNote(text, [{ ...line, signature: new Uint8Array(line.signature) }]);
  await b.forget();
  await b.serve();
  const body = formatAddCheckpoint({ oldSize: 0, proof: [], checkpoint: note });
  await until(async () => {
    const asked = await fetch(`${b.url}/add-checkpoint`, { method: 'POST', body });
    // the platform may have come first: then it holds our history, and signs no other
    if (asked.status === 200) return true;
    await b.close();
    await b.forget();
    await b.serve();
    return false;
  });
  for (const one of [leader, follower]) await until(async () => (await one.get('/readyz')).status === 503);
  t.match(await ready(follower), { status: 'read_only' });
  const [evidence = ''] = await readdir(join(data, 'cosigner-alarms'));
  const kept = JSON.parse(await readFile(join(data, 'cosigner-alarms', evidence), 'utf8'));
  t.match(kept, { code: 'cosigner_is_ahead', cosigner: { name: 'b' }, isProven: true, itsSize: 1_000_000 });
  t.ok(kept.itsNote.startsWith(note), 'our signature on it');
  const claims = claimFolder(data, kept.cosigner.vkey);
  t.equal((await readdir(claims)).length, 1, 'and what was written before it was asked about');
  t.ok(leader.lines.join('').includes(RECOVERY.cosigner_is_ahead.en), 'the way back');

  await leader.server.close();
  await follower.server.close();
  const sizeOf = async () => (await db.sql`SELECT size FROM logs WHERE kind = 'ledger'`)[0]?.['size'];
  const size = await sizeOf();
  const again = await begin();
  t.match(again.server.readOnly, /^cosigner_is_ahead: b shows size 1000000 with our signature/);
  t.equal(await sizeOf(), size, 'nothing was signed');
});
