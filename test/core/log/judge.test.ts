/** The second implementation: Python and OpenSSL, sharing no code, take what is right and refuse what is not, by golden logs and the specifications' own vectors. */
import { execFile, spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { toBase64Url } from '../../../server/core/log/base64.ts';
import { canonicalise, type Json, type JsonObject } from '../../../server/core/log/canonical.ts';
import { formatCheckpoint } from '../../../server/core/log/checkpoint.ts';
import { cosignatureMessage, formatCosignature } from '../../../server/core/log/cosignature.ts';
import { encodeEntry, parseEntry } from '../../../server/core/log/entry.ts';
import { headBody } from '../../../server/core/log/head.ts';
import { leafHash, rootOf } from '../../../server/core/log/merkle.ts';
import {
  addSignatures,
  formatNote,
  formatVkey,
  KEY_TYPES,
  parseNote,
  verifierKey,
} from '../../../server/core/log/note.ts';
import { formatProof } from '../../../server/core/log/proof.ts';
import { fromUtf8, utf8 } from '../../../server/core/log/utf8.ts';
import { sha256 } from '../../../server/hash.ts';
import { packageRoot } from '../../../server/root.ts';
import { newFolder } from '../../support/folder.ts';
import { bundleOf, withManifest } from '../../support/golden-bundle.ts';
import { anchorBy, ownKey, readChange } from '../../support/golden-change.ts';
import { goldenBench, goldenFiles, TRUST, WHOLE } from '../../support/golden-judge.ts';
import {
  filesOf,
  GOLDEN_FOLDER,
  type GoldenAnchor,
  type GoldenLog,
  type LogFiles,
  readGolden,
  writeFiles,
} from '../../support/golden-log.ts';
import { madeLedger, madeLog } from '../../support/made-ledger.ts';
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
  const [first = ''] = await Promise.all(folders);
  const ledger = (publicKey: Uint8Array) =>
    formatVkey(verifierKey(sha256, 'kaibiao.test/ledger', KEY_TYPES.ed25519, publicKey));
  t.equal((await judge('--trust', ledger(key.publicKey), first)).code, 0, 'one key signs it and the ledger');
  const stranger = ledger(ownKey('kaibiao.test/opening/any').publicKey);
  t.match((await judge('--trust', stranger, first)).lines[0], /^refused .*not signed by the trusted key/);
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

t.test('an opening may be called as the ledger is', options, async (t) => {
  const parent = await newFolder(t, 'called');
  await mkdir(parent);
  const origin = 'kaibiao.test/opening/ledger';
  const at = '2026-03-02T01:00:00.000Z';
  const common = {
    v: 1,
    log: origin,
    seq: 0,
    at,
    type: 'OpeningCreated',
    actor: { role: 'host' },
    command: 'c',
  } as const;
  const opening = madeLog(origin, (vkey) => [fromUtf8(encodeEntry({ ...common, body: { vkey }, commit: {} }))]);
  const head = headBody({ kind: 'opened', note: opening.checkpoint, previousSize: 0, consistency: [] });
  const ledger = madeLedger([{ type: 'Head', at, body: head }]);
  const folders = [opening, ledger].map((log, n) => writeFiles(filesOf(log), join(parent, String(n))));
  const said = await judge('--public', ...(await Promise.all(folders)));
  t.equal(said.code, 0, said.lines.join('\n'));
});

t.test('what is malformed is refused in one line, and nothing breaks', options, async (t) => {
  const parent = await newFolder(t, 'malformed');
  await mkdir(parent);
  const log = readGolden(WHOLE);
  const files = goldenFiles('valid', WHOLE);
  const bundle = bundleOf(files, null, 'complete');
  const manifest = JSON.parse(Buffer.from(bundle.get('manifest.json') ?? []).toString()) as { files: JsonObject[] };
  const [file = {}] = manifest.files;
  const json = (value: unknown) => utf8(canonicalise(value as Json));
  const manifests = [
    ...[null, [], {}, 1, '', { ...manifest, files: {} }, { ...manifest, files: [1] }, { ...manifest, files: null }],
    ...[
      { ...file, path: 1 },
      { ...file, path: null },
      { ...file, sha256: [] },
      { ...file, sizeBytes: 'x' },
      { path: 'x' },
    ].map((one) => ({ ...manifest, files: [one, ...manifest.files.slice(1)] })),
    { ...manifest, more: 1 },
    { ...manifest, size: true },
  ].map((value) => new Map(bundle).set('manifest.json', json(value)));
  /** An anchor whose head says that, truly on a ledger of its own. */
  const anchored = (head: unknown): LogFiles => {
    const text = canonicalise(head as Json);
    const ledger = madeLog('kaibiao.test/ledger', () => [text]);
    const proof = formatProof({ index: 0, hashes: [], checkpoint: ledger.checkpoint });
    return filesOf({ ...log, anchor: { vkey: ledger.vkey, checkpoint: ledger.checkpoint, head: text, proof } });
  };
  const head = JSON.parse(log.anchor?.head ?? '') as JsonObject & { body: JsonObject };
  const heads = [
    ...[
      null,
      [],
      {},
      'Head',
      7,
      { ...head, body: null },
      { ...head, body: [] },
      { ...head, type: [] },
      { ...head, seq: '0' },
    ],
    ...[{ checkpoint: 1 }, { checkpoint: null }, { kind: [] }, { size: '38' }, { more: 1 }].map((more) => ({
      ...head,
      body: { ...head.body, ...more },
    })),
    { type: 'Head', body: {} },
  ].map(anchored);
  const proofs = [
    '',
    'c2sp.org/tlog-proof@v1',
    'c2sp.org/tlog-proof@v1\nindex x\n\n',
    'c2sp.org/tlog-proof@v1\nindex 1\né\n\n',
  ].map((text) => new Map(files).set('anchor/opening.tlog-proof', utf8(text)));
  const bytes = [
    'anchor/head.json',
    'anchor/checkpoint',
    'anchor/opening.tlog-proof',
    'anchor/vkey',
    'vkey',
    'checkpoint',
  ].map((path) => new Map(files).set(path, Uint8Array.of(0xff, 0xfe, 10)));
  const [entry = ''] = log.entries;
  const entries = [
    null,
    [],
    {},
    { commit: null },
    { commit: [] },
    { body: 1 },
    { at: 1 },
    { type: {} },
    { receivedAt: null },
    { actor: 1 },
  ].map((more) => {
    const value =
      more === null || Array.isArray(more) || Object.keys(more).length === 0 ? more : { ...JSON.parse(entry), ...more };
    return filesOf(madeLog('kaibiao.test/opening/zhangye-2026-001', () => [canonicalise(value as Json)]));
  });
  const texts = [
    [],
    [1],
    ['x'],
    [toBase64Url(utf8('1'))],
    [toBase64Url(utf8('["a",1,2]'))],
    [toBase64Url(utf8('[1,{},2]'))],
  ].map((value) => new Map(files).set('disclosures/0.json', json(value)));
  const types = ['take', 'finish', '__init__', '__class__', 'platform'].map((type) =>
    filesOf(
      madeLog('kaibiao.test/ledger', () => [
        canonicalise({ ...JSON.parse(readGolden('ledger').entries[0] ?? ''), type }),
      ]),
    ),
  );
  const heads2 = [
    {},
    { body: {} },
    { origin: 1 },
    { consistency: [1] },
    { size: [] },
    { root: '=' },
    { checkpoint: 'x' },
  ].map((more) =>
    filesOf(
      madeLedger([
        { type: 'Head', at: '2026-03-02T01:00:00.000Z', body: { ...head.body, kind: 'opened', ...more } as JsonObject },
      ]),
    ),
  );
  const all = [...manifests, ...heads, ...proofs, ...bytes, ...entries, ...texts, ...types, ...heads2];
  const folders = await Promise.all(all.map((one, n) => writeFiles(one, join(parent, String(n)))));
  const said = await judge('--public', ...folders);
  t.equal(said.code, 1);
  t.equal(said.lines.length, folders.length, said.lines.slice(-3).join('\n'));
  t.strictSame(
    said.lines.filter((line) => !line.startsWith('refused ')),
    [],
  );
  t.match(await judge('--note', log.vkey, join(parent, 'nowhere')), { code: 2, lines: [/^not tried /] });
});

t.test('a field erased behind the end is no missing one; one that no entry accounts for is', options, async (t) => {
  const parent = await newFolder(t, 'erased');
  await mkdir(parent);
  const log = readGolden(WHOLE);
  const last = parseEntry(utf8(log.entries.at(-1) ?? ''));
  const [seq, fields] = Object.entries(log.fields).find(([, own]) => own['who'] !== undefined) ?? ['', {}];
  const behind = (type: string, n: number) =>
    fromUtf8(
      encodeEntry({
        ...last,
        seq: last.seq + n,
        type,
        command: `erase-${n}`,
        actor: { role: n === 1 ? 'witness' : 'supervisor' },
        body: { number: 1, seq: Number(seq), field: 'who', basis: 'ordered' },
        commit: {},
      }),
    );
  const { who: _erased, ...left } = fields;
  const without = { ...log.fields, [seq]: left };
  const erased = madeLog('kaibiao.test/opening/zhangye-2026-001', () => [
    ...log.entries,
    behind('ErasureProposed', 1),
    behind('Erased', 2),
  ]);
  const proposed = madeLog('kaibiao.test/opening/zhangye-2026-001', () => [
    ...log.entries,
    behind('ErasureProposed', 1),
  ]);
  const [whole, only, gone] = [
    { ...erased, fields: without },
    { ...proposed, fields: without },
    { ...log, fields: without },
  ].map((one, n) => writeFiles(filesOf(one), join(parent, String(n))));
  const said = await judge((await whole) ?? '', (await only) ?? '', (await gone) ?? '');
  t.match(said.lines[0], /^valid .*: 40 entries/);
  t.match(said.lines[1], /^refused .*1 disclosures are missing/);
  t.match(said.lines[2], /^refused .*1 disclosures are missing/);
  // With the manifest of a bundle the log still counts as ended: what stands behind the end does not open it again.
  const bundle = bundleOf(filesOf({ ...erased, fields: without, anchor: anchorOfClosed(erased) }), null, 'complete');
  const laid = await writeFiles(bundle, join(parent, 'bundle'));
  t.match((await judge(laid)).lines, [/^valid .*: 40 entries.*anchored in a ledger whose key came with it$/]);
});

/** An anchor of a closed head, on a ledger that holds nothing else. */
function anchorOfClosed(log: GoldenLog): GoldenAnchor {
  const whole = readGolden(WHOLE);
  const { anchor } = anchorBy(ownKey('kaibiao.test/ledger'), { ...log, anchor: whole.anchor }, 'closed');
  if (anchor === null) throw new Error('no anchor was made');
  return anchor;
}

t.test('cosignatures are counted by a policy: each key once, a bad one refuses', options, async (t) => {
  const parent = await newFolder(t, 'cosigned');
  await mkdir(parent);
  const ledger = readGolden('ledger');
  const cosigners = ['kaibiao.test/opening/any', 'kaibiao.test/ledger'].map((whose, n) => {
    const signer = ownKey(whose);
    const key = verifierKey(sha256, `cosigner.test/${n}`, KEY_TYPES.cosignature, signer.publicKey);
    return { signer, key, vkey: formatVkey(key) };
  });
  const { text } = parseNote(ledger.checkpoint);
  const line = (n: number, time = 1_772_000_000, said = text) => {
    const { signer, key } = cosigners[n] as (typeof cosigners)[number];
    const signature = signer.sign(cosignatureMessage(time, said));
    return { name: key.name, keyId: key.keyId, signature: formatCosignature({ timeSeconds: time, signature }) };
  };
  const lay = (name: string, lines: Parameters<typeof addSignatures>[1]) =>
    writeFiles(filesOf({ ...ledger, checkpoint: addSignatures(ledger.checkpoint, lines) }), join(parent, name));
  const policy = join(parent, 'policy.txt');
  const [a, b] = cosigners.map(({ vkey }) => vkey);
  const quorum = (least: string) =>
    `# who is believed\nlog ${TRUST}\nwitness a ${a}\nwitness b ${b} https://b.example\ngroup both ${least} a b\nquorum both\n`;
  const both = await lay('both', [line(0), line(1)]);
  const one = await lay('one', [line(0), line(0, 5)]);
  const none = await lay('none', []);
  const wrong = await lay('wrong', [line(0, 5, `${text} `)]);
  const anchored = await bench.place('valid', WHOLE);
  const said = async (terms: string, ...folders: string[]) => {
    await writeFile(policy, terms);
    return (await judge('--policy', policy, ...folders)).lines;
  };
  const told = await said(quorum('all'), both, one, none, wrong, anchored);
  t.match(told, [
    /^valid .*cosigned by 2 of 2$/,
    /1 of 2: too few/,
    /0 of 2: too few/,
    /cosigner\.test\/0 is bad/,
    /too few/,
  ]);
  t.match(await said(quorum('any'), both, one, none), [/2 of 2/, /^valid .*cosigned by 1 of 2$/, /too few/]);
  t.match(await said(`witness a ${a}\nquorum none\n`, none), [/^valid .*cosigned by 0 of 1$/]);
  t.match(await said(quorum('any').replace(TRUST, readGolden(WHOLE).vkey), both), [/another ledger/]);
  for (const malformed of [
    '',
    'quorum x\n',
    `${quorum('3')}`,
    `witness a ${TRUST}\nquorum a\n`,
    `${quorum('any')}quorum a\n`,
    'x\n',
  ])
    t.match(await said(malformed, both), [/^refused /], malformed);
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
