/** The second implementation: Python and OpenSSL, sharing no code, take what is right and refuse what is not, by golden logs and the specifications' own vectors. */
import { execFile, spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { formatCheckpoint } from '../../../server/core/log/checkpoint.ts';
import { encodeEntry } from '../../../server/core/log/entry.ts';
import { leafHash, rootOf } from '../../../server/core/log/merkle.ts';
import { formatNote, formatVkey, KEY_TYPES, verifierKey } from '../../../server/core/log/note.ts';
import { fromUtf8, utf8 } from '../../../server/core/log/utf8.ts';
import { sha256 } from '../../../server/hash.ts';
import { packageRoot } from '../../../server/root.ts';
import { newFolder } from '../../support/folder.ts';
import { bundleOf, withManifest } from '../../support/golden-bundle.ts';
import { ownKey, readChange } from '../../support/golden-change.ts';
import { goldenBench, goldenFiles, TRUST, WHOLE } from '../../support/golden-judge.ts';
import { filesOf, GOLDEN_FOLDER, type LogFiles, writeFiles } from '../../support/golden-log.ts';
import t from '../../support/tap.ts';
import { steppedWorld } from '../../support/world.ts';

const SCRIPT = join(packageRoot, 'server/core/log/judge.py');
const missing = ['python3', 'openssl'].find((name) => spawnSync(name, ['--version']).error !== undefined);
const options = { skip: missing === undefined ? false : `no ${missing} here` };

type Said = { readonly code: number; readonly lines: readonly string[] };

/** Runs it as a person would; a line for each path. */
function judge(...args: string[]): Promise<Said> {
  return new Promise((resolve) => {
    execFile('python3', [SCRIPT, ...args], { encoding: 'utf8' }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code), lines: (stdout + stderr).trimEnd().split('\n') }),
    );
  });
}

const goldens = (kind: 'valid' | 'invalid'): string[] =>
  readdirSync(join(GOLDEN_FOLDER, kind)).map((file) => file.replace(/\.json$/, ''));

/** What it does not judge: acts of persons and the rules of an opening, and what only the whole ledger shows. */
const NOT_JUDGED = [
  ...[
    'act',
    'person',
    'bidder',
    'actor',
    'step',
    'event',
    'machine',
    'policy',
    'quorum',
    'numbers',
    'counts',
    'roster',
  ],
  ...['prices', 'record', 'manifest', 'envelopes'],
].map((word) => new RegExp(`^${word}_`));
const WITH_THE_WHOLE_LEDGER = ['anchor_behind', 'anchor_ledger_differs', 'log_behind_ledger', 'entry_other_opening'];

const bench = await goldenBench(t);

t.test('every valid golden log holds', options, async (t) => {
  const folders = await Promise.all(goldens('valid').map((name) => bench.place('valid', name)));
  const said = await judge(...folders);
  t.equal(said.code, 0, said.lines.join('\n'));
  t.equal(said.lines.length, folders.length);
  const trusted = await judge(
    '--trust',
    TRUST,
    await bench.place('valid', WHOLE),
    await bench.place('valid', 'ledger'),
  );
  t.equal(trusted.code, 0, trusted.lines.join('\n'));
  t.match(trusted.lines[0], /^valid .*: 38 entries, root [A-Za-z0-9+/]{43}=, anchored$/);
});

t.test('golden logs whose fault is in what it judges are refused, one of each kind', options, async (t) => {
  const seen = new Set<string>();
  const judged = goldens('invalid').filter((name) => {
    const [reason = ''] = name.split('--');
    // One of a kind: each more costs a process the making of another log.
    const isFirst = !seen.has(reason);
    seen.add(reason);
    if (!isFirst) return false;
    return !NOT_JUDGED.some((of) => of.test(reason)) && !WITH_THE_WHOLE_LEDGER.includes(reason);
  });
  const place = (names: readonly string[]) => Promise.all(names.map((name) => bench.place('invalid', name)));
  const hasLedger = (name: string) => readChange('invalid', name).verify?.ledger !== undefined;
  const isTrusting = (name: string) => readChange('invalid', name).verify?.trust === true;
  const alone = judged.filter((name) => !isTrusting(name));
  const trusting = judged.filter((name) => isTrusting(name) && !hasLedger(name));
  t.ok(alone.length > 25 && trusting.length > 2, `${alone.length} and ${trusting.length}`);
  for (const said of [
    await judge(...(await place(alone))),
    await judge('--trust', TRUST, ...(await place(trusting))),
  ]) {
    t.equal(said.code, 1);
    t.strictSame(
      said.lines.filter((line) => !line.startsWith('refused ')),
      [],
    );
  }
});

t.test('a byte changed anywhere, a file dropped or added: refused', options, async (t) => {
  const world = steppedWorld(0, 7);
  const chance = (below: number): number => {
    const [a = 0, b = 0, c = 0, d = 0] = world.randomBytes(4);
    return (a * 2 ** 24 + b * 2 ** 16 + c * 2 ** 8 + d) % below;
  };
  const parent = await newFolder(t, 'mutated');
  await mkdir(parent);
  const original = bundleOf(goldenFiles('valid', WHOLE), null, 'complete');
  const intact = await writeFiles(original, join(parent, 'intact'));
  const paths = [...original.keys()];
  const folders: string[] = [];
  const lay = async (what: string, files: LogFiles) =>
    folders.push(await writeFiles(files, join(parent, `${folders.length} ${what.replaceAll('/', ' ')}`)));
  for (let n = 0; n < 24; n++) {
    const path = paths[chance(paths.length)] ?? '';
    const bytes = Uint8Array.from(original.get(path) ?? []);
    const at = chance(bytes.length);
    bytes[at] = (bytes[at] ?? 0) ^ (1 + chance(255));
    await lay(`${path} at ${at}`, new Map(original).set(path, bytes));
  }
  for (let n = 0; n < 4; n++) {
    const path = paths[chance(paths.length)] ?? '';
    await lay(`without ${path}`, new Map([...original].filter(([each]) => each !== path)));
  }
  await lay('with one more', new Map(original).set('tile/0/001.p/1', new Uint8Array(32)));
  const said = await judge('--trust', TRUST, intact, ...folders);
  const [first, ...others] = said.lines;
  t.match(first, /^valid /, 'the bundle as it was made');
  t.strictSame(
    others.filter((line) => !line.startsWith('refused ')),
    [],
  );
  t.equal(others.length, folders.length);
  const lies = [bundleOf(goldenFiles('valid', WHOLE), null, 'open'), withManifest(original, 'complete', { size: 37 })];
  const told = await Promise.all(lies.map((files, n) => writeFiles(files, join(parent, `lie ${n}`))));
  const { lines } = await judge(...told);
  t.strictSame(
    lines.map((line) => /: (.*)$/.exec(line)?.[1]),
    ['the manifest is of another log', 'the manifest is of another log'],
  );
});

t.test('logs of many tiles, at and beside their edges', options, async (t) => {
  const parent = await newFolder(t, 'wide');
  await mkdir(parent);
  const origin = 'kaibiao.test/access';
  const key = ownKey(origin);
  const { keyId } = verifierKey(sha256, origin, KEY_TYPES.ed25519, key.publicKey);
  const vkey = formatVkey({ name: origin, keyId, type: KEY_TYPES.ed25519, publicKey: key.publicKey });
  const at = '2026-03-02T01:00:00.000Z';
  const entries = Array.from({ length: 513 }, (_, seq) => {
    const type = seq === 0 ? 'AccessLogOpened' : 'Accessed';
    const entry = { v: 1, log: origin, seq, at, type, actor: { role: 'platform' }, command: `c-${seq}` } as const;
    return encodeEntry({ ...entry, body: {}, commit: {} });
  });
  const leaves = entries.map((entry) => leafHash(sha256, entry));
  const folders = [1, 2, 255, 256, 257, 511, 512, 513].map(async (size) => {
    const text = formatCheckpoint({ origin, size, root: rootOf(sha256, leaves.slice(0, size)) });
    const checkpoint = formatNote(text, [{ name: origin, keyId, signature: key.sign(utf8(text)) }]);
    const log = { claim: '', standing: 'valid, still open', vkey, checkpoint, fields: {}, anchor: null } as const;
    const files = filesOf({ ...log, entries: entries.slice(0, size).map(fromUtf8) });
    return writeFiles(files, join(parent, String(size)));
  });
  const said = await judge('--trust', vkey.replace('access', 'ledger'), ...(await Promise.all(folders)));
  t.match(
    said.lines[0],
    /^refused .*not in the ledger$/,
    'an access log stands in no ledger, so nothing vouches for it',
  );
  const alone = await judge(...(await Promise.all(folders)));
  t.equal(alone.code, 0, alone.lines.join('\n'));
});

t.test('disclosures may be wanting only for the public', options, async (t) => {
  const files = goldenFiles('valid', WHOLE);
  const folder = join(await newFolder(t, 'public'), 'log');
  await writeFiles(new Map([...files].filter(([path]) => !path.startsWith('disclosures/'))), folder);
  t.match((await judge(folder)).lines[0], /^refused .*disclosures are missing/);
  t.match((await judge('--public', folder)).lines[0], /^valid /);
});

t.test('the vector of signed-note', options, async (t) => {
  const folder = await newFolder(t, 'note');
  await mkdir(folder);
  const vkey = 'example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k';
  const signature = 'Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=';
  const note = `This is an example message.\n\n— example.com/foo ${signature}\n`;
  const wrong = [
    note.replace('example message', 'example Message'),
    note.replace('IneyaQM=', 'IneyaQN='),
    note.replace('— example', '- example'),
    note.replace('— ', '—  '),
    note.replace('example.com/foo Uw', 'example.com/bar Uw'),
    note.replace('message.\n', 'message.\r\n'),
    note.slice(0, -1),
    `${note}\n`,
  ];
  const files = [note, ...wrong].map((_, n) => join(folder, String(n)));
  await Promise.all([note, ...wrong].map((text, n) => writeFile(files[n] ?? '', text)));
  const { lines } = await judge('--note', vkey, ...files);
  t.match(lines[0], /^valid .*: This is an example message\.$/);
  t.equal(lines.filter((line) => line.startsWith('refused ')).length, wrong.length, lines.join('\n'));
});

t.test('the cases of transparency-dev/merkle', options, async (t) => {
  const files = ['inclusion.json', 'consistency.json'].map((file) => join(packageRoot, 'test/vectors/merkle', file));
  const said = await judge('--merkle', ...files);
  t.match(said, { code: 0, lines: [/: 98 cases$/, /: 88 cases$/] }, said.lines.join('\n'));
});
