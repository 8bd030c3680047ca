/** The command line as a person meets it: exit codes, help in both languages, complaints that say what is so and hold no secret. */

import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { demoCreditCode, writePair } from '../../server/cli/demo/ca.ts';
import { EXIT } from '../../server/cli/exit.ts';
import type { Io } from '../../server/cli/io.ts';
import { main, SUBCOMMANDS } from '../../server/cli/main.ts';
import { packageRoot } from '../../server/root.ts';
import { VERSION } from '../../server/version.ts';
import { systemWorld } from '../../server/world.ts';
import { testCa } from '../support/ca.ts';
import { testDb } from '../support/database.ts';
import { newFolder } from '../support/folder.ts';
import t from '../support/tap.ts';

const root = packageRoot;
const bin = join(root, 'server/cli/bin.mjs');
const NOWHERE = 'http://127.0.0.1:1';

/** Runs the command line in this process. */
async function run(argv: readonly string[], change: Partial<Io> = {}) {
  const out: string[] = [];
  const err: string[] = [];
  const io: Io = {
    out: (line) => void out.push(line),
    err: (line) => void err.push(line),
    // Nobody waits in these tests: a pause is over at once, patience with an answer never ends.
    world: {
      ...systemWorld,
      after(ms, alarm) {
        if (ms < 30_000) setImmediate(alarm);
        return () => undefined;
      },
    },
    fetch,
    askSecret: async () => 'wrong',
    ...change,
  };
  const code = await main(argv, io);
  return { code, out: out.join('\n'), err: err.join('\n') };
}

t.test('help says every subcommand in both languages', async (t) => {
  for (const argv of [['help'], ['--help'], ['-h']]) {
    const { code, out } = await run(argv);
    t.equal(code, EXIT.done);
    for (const [name, { en, zh }] of Object.entries(SUBCOMMANDS)) {
      t.ok(out.includes(name) && out.includes(en) && out.includes(zh), name);
      t.match(zh, /[\u4e00-\u9fff]/);
    }
  }
  t.match(await run([]), { code: EXIT.usage, out: '', err: /lodge/ });
});

t.test('each subcommand says its usage without being loaded, and loads', async (t) => {
  for (const [name, { load }] of Object.entries(SUBCOMMANDS)) {
    t.match(await run([name, '--help']), { code: EXIT.done, out: new RegExp(`^kaibiao ${name}`), err: '' }, name);
    t.type(await load(), 'function', name);
  }
});

t.test('the version is the package’s', async (t) => {
  const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));
  t.equal(VERSION, version);
  t.match(await run(['--version']), { code: EXIT.done, out: version });
});

t.test('the table itself loads nothing heavy', async (t) => {
  const source = await readFile(join(root, 'server/cli/main.ts'), 'utf8');
  const imported = [...source.matchAll(/^import .* from '([^']+)'/gm)].map(([, path]) => path);
  t.strictSame(imported, ['../version.ts', './exit.ts', './io.ts']);
});

t.test('what was not understood is answered with the usage and 2', async (t) => {
  const person = ['--url', NOWHERE, '--keys', 'nowhere'];
  for (const argv of [
    ['nothing'],
    ['constructor'],
    ['lodge'],
    ['lodge', 'opening'],
    ['lodge', 'opening', 'file', 'more', ...person],
    ['lodge', 'opening', 'file', '--keys', 'k'],
    ['lodge', 'opening', 'file', '--url', 'no address', '--keys', 'k'],
    ['lodge', 'opening', 'file', '--url', NOWHERE],
    ['lodge', 'opening', 'file', ...person, '--p12', 'file'],
    ['lodge', 'opening', 'file', ...person, '--rsa', 'RS1'],
    ['lodge', 'opening', 'file', ...person, '--unknown'],
    ['status', 'opening', ...person, '--role', 'king'],
    ['wait', 'opening', ...person, '--phase', 'Lunch'],
    ['rehearse', 'opening', ...person, '--padding', 'none'],
    ['record', 'opening', ...person, '--sign', '--refuse', 'no'],
    ['act', 'opening', 'Say', ...person],
    ['act', 'opening', 'Say', ...person, '--role', 'host', '--data', '{'],
    ['act', 'opening', 'Say', ...person, '--role', 'host', '--data', '[]'],
    ['act', 'opening', 'Say', ...person, '--role', 'host', '--data', '{}', '--data-file', 'x'],
    ['seal', 'document'],
    ['seal', '--list', 'a', '--out', 'b', '--padding', 'x'],
    ['verify'],
    ['verify', 'a', 'b'],
    ['export', 'only-one'],
    ['hand-in', 'file'],
    ['serve', '--port', '1'],
  ]) {
    const { code, out, err } = await run(argv);
    t.equal(code, EXIT.usage, argv.join(' '));
    t.equal(out, '');
    t.not(err, '');
  }
});

t.test('no secret is an option, and none is repeated', async (t) => {
  const { code, err } = await run(['login', '--passphrase=canary', '--url', NOWHERE, '--keys', 'k']);
  t.equal(code, EXIT.usage);
  t.notMatch(err, /canary/);
});

t.test('a refusal has its code, both sentences and 1', async (t) => {
  const folder = await newFolder(t, 'keys');
  const ca = await testCa({ name: 'Test', at: systemWorld.now() });
  const holder = { creditCode: demoCreditCode(1), organisation: '投标人', name: '投标人' };
  await writePair(folder, await ca.issuePair(holder));

  const away = await run(['login', '--url', NOWHERE, '--keys', folder]);
  t.match(away, { code: EXIT.refused, out: '', err: /^unreachable\n.*platform.*\n.*平台/ });
  const answers: typeof fetch = async () =>
    Response.json({ code: 'overloaded' }, { status: 400, headers: { 'content-type': 'application/problem+json' } });
  const refused = await run(['login', '--url', NOWHERE, '--keys', folder], { fetch: answers });
  t.match(refused, { code: EXIT.refused, err: /^overloaded\n.*overloaded.*\n.*服务器繁忙/ });
  const locked = await run(['login', '--url', NOWHERE, '--p12', join(folder, 'sign.crt')]);
  t.match(locked, { code: EXIT.refused, err: /^key_unreadable\n/ });
  const missing = await run(['login', '--url', NOWHERE, '--keys', join(folder, 'none')]);
  t.match(missing, { code: EXIT.refused, err: /^ENOENT/ });
  const unverifiable = await run(['verify', folder]);
  t.match(unverifiable, { code: EXIT.refused, err: /^file_missing\n.*\n.*缺少/ });
});

t.test('a bid is sealed without a network, and what is read of the machine is said', async (t) => {
  const folder = await newFolder(t, 'sealing');
  const ca = await testCa({ name: 'Test', at: systemWorld.now() });
  const creditCode = demoCreditCode(1);
  await writePair(folder, await ca.issuePair({ creditCode, organisation: '投标人', name: '投标人' }));
  const file = (name: string) => join(folder, name);
  const list = {
    v: 1,
    lotId: 'L',
    creditCode,
    name: '投标人',
    quote: { kind: 'total', amount: '1.00', currency: 'CNY', unit: '元', inWords: '' },
    duration: '',
    quality: '',
    manager: '',
    columns: {},
  };
  await writeFile(file('list.json'), JSON.stringify(list, null, 2));
  await writeFile(file('技术标.txt'), '施工组织设计');
  const sealing = ['seal', '--list', file('list.json'), '--out', file('bid.p7m'), '--keys', folder, file('技术标.txt')];
  const offline = { fetch: (async () => t.fail('the network was asked')) as unknown as typeof fetch };
  for (const padding of ['oaep-sha256', 'oaep-sha1', 'v1.5']) {
    const { code, out } = await run([...sealing, '--padding', padding], offline);
    t.equal(code, EXIT.done, padding);
    t.match(out, /"macs"/);
  }
  await writeFile(file('list.json'), JSON.stringify({ ...list, price: 1 }));
  t.match(await run(sealing, offline), { code: EXIT.usage, err: /开标一览表/ });
});

t.test('the server serves, is exported from beside, and stops when told', async (t) => {
  const db = await testDb(t);
  const folder = await newFolder(t, 'serving');
  await mkdir(folder, { recursive: true });
  const env = {
    PATH: process.env['PATH'] ?? '',
    DATABASE_URL: db.appUrl,
    KAIBIAO_DATA: join(folder, 'data'),
    KAIBIAO_PORT: '0',
    KAIBIAO_LOG_LEVEL: 'silent',
  };
  const server = spawn(process.execPath, [bin, 'serve'], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  t.teardown(() => server.kill('SIGKILL'));
  const url = await firstLine(server);
  t.match(url, /^http:\/\/127\.0\.0\.1:\d+$/);
  const vkey = (await (await fetch(`${url}/logs/ledger/vkey`)).text()).trim();

  const out = join(folder, 'ledger');
  const exported = await promisify(execFile)(process.execPath, [bin, 'export', '--ledger', out], { env });
  t.match(exported.stdout, /kaibiao\.localhost\/ledger: \d+ entries/);
  t.match(await run(['verify', out, '--trust', vkey]), { code: EXIT.done, out: /^valid, still open/ });
  t.match(await run(['verify', `${url}/logs/ledger`, '--trust', vkey]), { code: EXIT.done });
  const other = vkey.replace('/ledger+', '/ledgex+');
  t.match(await run(['verify', out, '--trust', other]), { code: EXIT.refused, err: /^anchor_other_ledger/ });

  const access = join(folder, 'access');
  await promisify(execFile)(process.execPath, [bin, 'export', '--access', access], { env });
  for (const place of [access, `${url}/logs/access`]) {
    t.match(await run(['verify', place]), { code: EXIT.done, out: /consistent with its own key only/ });
    t.match(await run(['verify', place, '--trust', vkey]), {
      code: EXIT.done,
      out: /its key is that of the trusted ledger/,
    });
    t.match(await run(['verify', place, '--trust', other]), { code: EXIT.refused, err: /^anchor_other_ledger/ });
  }

  const gone = once(server, 'exit');
  server.kill('SIGTERM');
  t.strictSame(await gone, [0, null]);
});

t.test('a wrong configuration is said in full, with 1', async (t) => {
  const env = { PATH: process.env['PATH'] ?? '', KAIBIAO_PORT: 'x', KAIBIAO_PROT: '1' };
  const server = spawn(process.execPath, [bin, 'serve'], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let err = '';
  server.stderr.on('data', (chunk: Buffer) => {
    err += chunk.toString();
  });
  t.strictSame(await once(server, 'close'), [EXIT.refused, null]);
  t.match(err, /config_is_wrong[\s\S]*KAIBIAO_PROT[\s\S]*KAIBIAO_PORT/);
});

async function firstLine(child: ChildProcess): Promise<string> {
  if (child.stdout === null) throw new Error('no standard output');
  for await (const line of createInterface({ input: child.stdout })) return line;
  throw new Error('it said nothing');
}
