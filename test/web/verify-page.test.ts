/** What the verify page makes of what it is given: folders, ZIP files, receipts, anchors, marks of QR codes; the verdict item by item. */
import { webcrypto } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { sha256 as noble } from '@noble/hashes/sha2.js';
import { writeZip } from '../../server/cli/bundle/stored-zip.ts';
import { verifySource } from '../../server/cli/verify-log.ts';
import { toBase64 } from '../../server/core/log/base64.ts';
import { formatVkey, KEY_TYPES, verifierKey } from '../../server/core/log/note.ts';
import { utf8 } from '../../server/core/log/utf8.ts';
import { formatRecordMark, type RecordMark } from '../../server/core/opening/record-mark.ts';
import { sha256 } from '../../server/hash.ts';
import { formatPem } from '../../server/verify/pem-file.ts';
import { keepRoots } from '../../server/verify/roots.ts';
import { blobBytes } from '../../web/verify/blob-source.ts';
import { browserTools } from '../../web/verify/browser-tools.ts';
import { openDesk } from '../../web/verify/desk.ts';
import { droppedFiles } from '../../web/verify/given-files.ts';
import { itemsOf, limitOf, receiptVerdict, verdictOf } from '../../web/verify/items.ts';
import { blobMeasure, judgeGiven, markFound } from '../../web/verify/judge-given.ts';
import type { Given, JudgedLog, JudgedPaper, JudgedReceipt, JudgeRequest } from '../../web/verify/judge-messages.ts';
import { paperItems, paperVerdict } from '../../web/verify/paper-items.ts';
import { fetchPublicLog } from '../../web/verify/public-log.ts';
import { zh } from '../../web/verify/words-zh.ts';
import { newFolder } from '../support/folder.ts';
import { bundleOf, policyOf } from '../support/golden-bundle.ts';
import { ownKey } from '../support/golden-change.ts';
import { goldenFiles, memorySource, TRUST, WHOLE } from '../support/golden-judge.ts';
import { type LogFiles, writeFiles } from '../support/golden-log.ts';
import { goldenPaper } from '../support/golden-paper.ts';
import { stampAuthority, withStamp, writtenAt } from '../support/golden-stamps.ts';
import t from '../support/tap.ts';

const tools = browserTools(webcrypto.subtle as unknown as SubtleCrypto);
const judging = { tools, measure: blobMeasure(() => noble.create()), onEntries: () => undefined };
const NO_ANCHORS = { policy: null, stampRoots: null };
const asked = (given: readonly Given[], more: Partial<JudgeRequest> = {}) => ({
  given,
  anchors: NO_ANCHORS,
  mark: null,
  isPublicView: false,
  ...more,
});
const given = (files: LogFiles, folder: string): Given[] =>
  [...files].map(([path, bytes]) => ({ path: `${folder}${path}`, blob: new Blob([bytes as BlobPart]) }));

const bare = goldenFiles('valid', WHOLE);
const roots = keepRoots(sha256);
const known = await verifySource(memorySource(bare), { requireAllDisclosures: true, roots });
if (!known.ok || known.state === null) throw new Error('the golden log does not verify');
const whole = bundleOf(bare, known.record, 'complete');
const head = known.state.record;
if (head === null) throw new Error('the golden log has no record');
const mark: RecordMark = {
  openingId: known.state.openingId,
  version: head.version,
  sha256: head.sha256,
  size: known.entries,
  root: known.root,
};

async function judgeOne(request: Omit<JudgeRequest, 'id'>): Promise<JudgedLog> {
  const [one, ...more] = await judgeGiven(judging, request);
  if (one?.kind !== 'log' || more.length > 0) throw new Error('not one log');
  return one;
}

t.test('a bundle in a folder and in a ZIP file is one and the same', async (t) => {
  const folder = await newFolder(t, 'bundle');
  await writeFiles(whole, folder);
  const file = `${folder}.zip`;
  await writeZip(folder, file);
  const zip = { path: 'a.zip', blob: new Blob([(await readFile(file)) as BlobPart]) };
  const dropped = await judgeOne(asked(given(whole, 'shared/bundle/')));
  const zipped = await judgeOne(asked([zip]));
  t.strictSame({ ...zipped, name: '' }, { ...dropped, name: '' });
  t.equal(dropped.name, 'shared/bundle');
  t.equal(verdictOf(dropped), 'inner', 'nobody said whom to trust');
  t.match(
    itemsOf(dropped).map(({ key, standing }) => `${key} ${standing}`),
    [
      'key good',
      'files good',
      'entries good',
      'acts good',
      'rules good',
      'certificates open',
      'end good',
      'anchor open',
    ],
  );
  t.strictSame(limitOf(dropped), { words: 'noAnchor' });
  t.equal(dropped.shown.length, known.entries);
});

t.test('with the ledger’s key the verdict is green, with another’s red', async (t) => {
  const files = given(whole, '');
  const trusted = await judgeOne(asked(files, { anchors: { policy: TRUST, stampRoots: null } }));
  t.equal(verdictOf(trusted), 'good');
  const byPolicy = await judgeOne(asked(files, { anchors: { policy: policyOf(bare), stampRoots: null } }));
  t.equal(verdictOf(byPolicy), 'good', 'a policy that lists the ledger vouches for it');
  const strange = formatVkey(
    verifierKey(sha256, 'strange.test/ledger', KEY_TYPES.ed25519, ownKey('any/opening/key').publicKey),
  );
  const withAnother = `log ${strange}\n${policyOf(bare)}`;
  const byLonger = await judgeOne(asked(files, { anchors: { policy: withAnother, stampRoots: null } }));
  t.equal(verdictOf(byLonger), 'good', 'the one of several logs that is this ledger vouches for it');
  const byNobody = await judgeOne(asked(given(bare, ''), { anchors: { policy: 'quorum none\n', stampRoots: null } }));
  t.equal(verdictOf(byNobody), 'inner');
  t.strictSame(limitOf(byNobody), { words: 'anchorOther' }, 'and not that nothing was given');
  const { publicKey } = ownKey('any/opening/key');
  const other = formatVkey(verifierKey(sha256, 'kaibiao.test/ledger', KEY_TYPES.ed25519, publicKey));
  const foreign = await judgeOne(asked(files, { anchors: { policy: other, stampRoots: null } }));
  t.equal(foreign.refusal?.reason, 'anchor_other_ledger');
});

t.test('an anchor that is none is said, and nothing is judged', async (t) => {
  for (const anchors of [
    { policy: 'nonsense', stampRoots: null },
    { policy: 'log nonsense\nquorum none', stampRoots: null },
    { policy: null, stampRoots: '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----' },
  ])
    await t.rejects(judgeGiven(judging, asked(given(bare, ''), { anchors })), { name: 'AnchorError' });
});

t.test('every kind of damage is red at its item, with the verifier’s own code', async (t) => {
  const flipped = new Map(whole);
  const bytes = Uint8Array.from(flipped.get('checkpoint') ?? []);
  bytes[5] = (bytes[5] ?? 0) ^ 1;
  flipped.set('checkpoint', bytes);
  const damaged = await judgeOne(asked(given(flipped, '')));
  t.equal(verdictOf(damaged), 'bad');
  t.equal(damaged.refusal?.reason, 'bundle_file_differs');
  t.match(itemsOf(damaged), [
    { key: 'key', standing: 'good' },
    { key: 'files', standing: 'bad' },
    { key: 'entries', standing: 'unseen' },
  ]);
  for (const { words } of itemsOf(damaged)) t.ok(zh[words]);
  const lacking = new Map([...bare].filter(([path]) => path !== 'disclosures/3.json'));
  const missing = await judgeOne(asked(given(lacking, '')));
  t.equal(missing.refusal?.reason, 'disclosure_missing');
  t.equal(itemsOf(missing).find(({ standing }) => standing === 'bad')?.key, 'entries');
  const [broken] = await judgeGiven(
    judging,
    asked([{ path: 'x.zip', blob: new Blob([Uint8Array.of(0x50, 0x4b, 3, 4, 9)]) }]),
  );
  t.match(broken, { kind: 'log', refusal: { reason: 'file_malformed' } });
  const [unknown] = await judgeGiven(judging, asked([{ path: 'a.txt', blob: new Blob(['hello']) }]));
  t.strictSame(unknown, { kind: 'unknown', name: 'a.txt' });
  const [bad] = await judgeGiven(
    judging,
    asked([
      {
        path: 'r.json',
        blob: new Blob([
          JSON.stringify({ v: 1, ledger: TRUST, key: { entry: '{}', proof: '' }, receipt: '..', act: null }),
        ]),
      },
    ]),
  );
  t.match(bad, { kind: 'receipt', refusal: { reason: 'receipt_key_unproven' } });
});

t.test('the mark of a QR code is held against the log', async (t) => {
  const files = given(bare, '');
  for (const [verdict, wrong] of [
    ['stands', {}],
    ['other_opening', { openingId: 'another' }],
    ['other_head', { root: toBase64(sha256(new Uint8Array(0))) }],
    ['other_record', { version: mark.version + 1 }],
    ['not_reached', { size: mark.size + 1 }],
  ] as const) {
    const judged = await judgeOne(asked(files, { mark: { ...mark, ...wrong } }));
    t.equal(judged.mark?.verdict, verdict);
    t.equal(verdictOf(judged) === 'bad', verdict !== 'stands', verdict);
  }
});

t.test(
  'a version that another replaced is no present record, and a typed number is held against the log, too',
  async (t) => {
    if (!known.ok || known.state?.record == null) throw new Error('it has a record');
    const { state } = known;
    const { record } = state;
    if (record === null) throw new Error('it has a record');
    const past = { ...record, answers: [] };
    const later = { ...state, record: { ...record, version: 2 }, pastRecords: [past] };
    t.match(markFound(mark, later, roots), { verdict: 'replaced', present: 2, sha256: mark.sha256 });
    const typed = async (version: number | null) =>
      (await judgeOne(asked(given(bare, ''), { mark: { openingId: mark.openingId, version } }))).mark;
    t.match(await typed(1), { verdict: 'named', sha256: mark.sha256 });
    t.match(await typed(2), { verdict: 'absent', present: 1 });
    t.equal(await typed(null), null);
    const log = await judgeOne(asked(given(bare, '')));
    const itemFor = (verdict: 'replaced' | 'named' | 'absent') =>
      itemsOf({ ...log, mark: { verdict, present: 2, sha256: mark.sha256 } }).find(({ key }) => key === 'mark');
    t.match(itemFor('replaced'), { standing: 'open', fills: { n: 2 } });
    t.match(itemFor('named'), { standing: 'open', detail: mark.sha256 });
    t.match(itemFor('absent'), { standing: 'bad' });
  },
);

t.test('what the material says of itself is not shown as proven', async (t) => {
  const at = writtenAt(bare);
  const maker = await stampAuthority('anybody', at);
  const stamped = given(withStamp(bare, 1, maker), '');
  const item = (log: JudgedLog, key: string) => itemsOf(log).find((one) => one.key === key);
  const alone = await judgeOne(asked(stamped, { anchors: { policy: TRUST, stampRoots: null } }));
  t.match(item(alone, 'stamps'), { standing: 'open', words: 'stampedOwnWord' }, 'anybody can set up such an authority');
  t.match(item(alone, 'certificates'), { standing: 'open', words: 'certificatesOwnWord' });
  t.match(limitOf(alone), { words: 'someOpen', fills: { n: 3 } }, 'the green verdict says that it is not all');
  const pem = formatPem('CERTIFICATE', [maker.root.certificate.der]);
  const rooted = await judgeOne(asked(stamped, { anchors: { policy: TRUST, stampRoots: pem } }));
  t.match(item(rooted, 'stamps'), { standing: 'good', words: 'stamped' });
  // who cosigned by the log's own word, as the verifier tells it
  const own = {
    ...alone,
    verified: alone.verified && { ...alone.verified, cosigned: 'by 2', states: ['signed', 'cosigned'] as const },
  };
  t.match(item(own, 'cosigners'), { standing: 'open', words: 'cosignedOwnWord' });
  const named = { ...own, heldAgainst: { ...own.heldAgainst, policy: true } };
  t.match(item(named, 'cosigners'), { standing: 'good', words: 'cosigned' });
  const silent = { ...alone, verified: alone.verified && { ...alone.verified, actsChecked: 0 } };
  t.match(item(silent, 'acts'), { standing: 'open', words: 'actsNone' });
  const ledger = given(goldenFiles('valid', 'ledger'), 'ledger/');
  const [whole] = await judgeGiven(
    judging,
    asked([...given(bare, 'log/'), ...ledger], { anchors: { policy: TRUST, stampRoots: null } }),
  );
  t.match(whole?.kind === 'log' && item(whole, 'certificates'), { standing: 'good', words: 'certificatesHold' });
  const fetched = await judgeOne(asked(given(bare, ''), { isPublicView: true }));
  t.strictSame(limitOf(fetched), { words: 'noAnchorFetched' }, 'the platform vouches for itself, and it is said');
});

t.test(
  'a receipt is good only under a key that the reader gave, with the cosigners of the reader’s policy',
  async (t) => {
    const receipt: JudgedReceipt = {
      kind: 'receipt',
      name: 'r.json',
      refusal: null,
      verdict: null,
      hasEnvelope: false,
      isTrusted: true,
      hasPolicy: true,
      cosigned: null,
    };
    t.strictSame(receiptVerdict(receipt), { verdict: 'good', limit: null });
    t.strictSame(receiptVerdict({ ...receipt, isTrusted: false }), {
      verdict: 'inner',
      limit: { words: 'anchorOther' },
    });
    t.strictSame(receiptVerdict({ ...receipt, isTrusted: false, hasPolicy: false }), {
      verdict: 'inner',
      limit: { words: 'noAnchor' },
    });
    t.strictSame(receiptVerdict({ ...receipt, cosigned: { isReached: false, words: '0 of 1' } }), {
      verdict: 'inner',
      limit: { words: 'receiptNotCosigned' },
    });
    const text = JSON.stringify({ v: 1, ledger: TRUST, key: { entry: '{}', proof: '' }, receipt: '..', act: null });
    const isTrusted = async (policy: string) => {
      const [one] = await judgeGiven(
        judging,
        asked([{ path: 'r.json', blob: new Blob([text]) }], { anchors: { policy, stampRoots: null } }),
      );
      return one?.kind === 'receipt' && one.isTrusted;
    };
    t.equal(await isTrusted('quorum none\n'), false, 'a policy that lists no ledger vouches for none');
    t.equal(await isTrusted(policyOf(bare)), true);
  },
);

t.test('nothing that was given goes unlooked at', async (t) => {
  const flipped = new Map(bare);
  flipped.set('checkpoint', new Uint8Array(8));
  const twice = await judgeGiven(judging, asked([...given(flipped, 'opening/'), ...given(bare, 'opening/')]));
  t.match(twice, [{ kind: 'log', refusal: { reason: 'file_unlisted', detail: / × 2$/ } }]);
  const ledger = given(goldenFiles('valid', 'ledger'), 'ledger/');
  const beside = await judgeGiven(judging, asked([...given(flipped, 'broken/'), ...ledger]));
  t.match(
    beside.map((one) => one.kind === 'log' && [one.name, one.verified?.kind ?? null]),
    [
      ['broken', null],
      ['ledger', 'ledger'],
    ],
    'a ledger that nothing was held against is judged by itself',
  );
  const file = (name: string) => {
    const entry = {
      isFile: true,
      name,
      fullPath: `/${name}`,
      file: (take: (blob: Blob) => void) => take(new Blob([name])),
    };
    return { webkitGetAsEntry: () => entry };
  };
  const dropped = await droppedFiles({ items: [file('a'), file('b'), file('a')] } as unknown as DataTransfer);
  t.strictSame(
    dropped.map(({ path }) => path),
    ['a', 'b', 'a (2)'],
  );
  const receipt = JSON.stringify({ v: 1, ledger: TRUST, key: { entry: '{}', proof: '' }, receipt: '..', act: null });
  const two = await judgeGiven(
    judging,
    asked(
      ['1.json', '2.json', 'envelope'].map((path) => ({
        path,
        blob: new Blob([path.endsWith('json') ? receipt : 'x']),
      })),
    ),
  );
  t.match(two, [{ hasEnvelope: false }, { hasEnvelope: false }, { kind: 'unknown', name: 'envelope' }]);
});

t.test('a log whose head is none is judged as it came', async (t) => {
  const answers: Readonly<Record<string, string>> = { checkpoint: 'nonsense', vkey: 'x+y\n' };
  const get = async (path: string): Promise<Response> => new Response(answers[path.split('/').at(-1) ?? ''] ?? null);
  const fetched = await fetchPublicLog(get, 'an-opening', false, () => undefined);
  t.equal(typeof fetched === 'object' && fetched.files.length, 2, 'and nobody waits for ever');
});

t.test('a record on paper is judged by itself, with its log, and changed', async (t) => {
  const { signed } = await goldenPaper(known, 'https://kb.example');
  const file = (bytes: Uint8Array, path = 'record.pdf'): Given => ({ path, blob: new Blob([bytes as BlobPart]) });
  const judge = async (files: readonly Given[], policy: string | null = null): Promise<JudgedPaper> => {
    const all = await judgeGiven(judging, asked(files, { anchors: { policy, stampRoots: null } }));
    const found = all.find((one) => one.kind === 'paper');
    if (found === undefined) throw new Error('no paper was judged');
    return found;
  };
  const standings = (paper: JudgedPaper) => paperItems(paper).map(({ key, standing }) => `${key} ${standing}`);
  const alone = await judge([file(signed)]);
  t.equal(paperVerdict(alone), 'inner');
  t.match(alone.said, { mark, origin: 'https://kb.example' });
  t.strictSame(standings(alone), ['paper good', 'paperRecord good', 'paperPages unseen', 'paperLog open']);
  const beside = await judge([file(signed), ...given(whole, 'bundle/')]);
  t.strictSame(
    [paperVerdict(beside), standings(beside).at(-1)],
    ['inner', 'paperLog open'],
    'nothing vouches for the log',
  );
  const trusted = await judge([file(signed), ...given(whole, 'bundle/')], TRUST);
  t.strictSame([paperVerdict(trusted), standings(trusted).at(-1)], ['good', 'paperLog good']);
  const flipped = Uint8Array.from(signed);
  flipped[3_000] = (flipped[3_000] ?? 0) ^ 1;
  const changed = await judge([file(flipped)]);
  t.match([paperVerdict(changed), changed.refusal?.reason], ['bad', 'paper_changed']);
  t.match(standings(changed), ['paper bad', 'paperRecord unseen']);
  const lacking = [...given(whole, 'bundle/')].filter(({ path }) => !path.endsWith('disclosures/3.json'));
  t.match(
    await judge([file(signed), ...lacking], TRUST),
    { onLog: { standing: 'log_refused' } },
    'a log that does not hold',
  );
  t.match(await judge([file(utf8('%PDF-1.7\n'))]), { refusal: { reason: 'paper_unsigned' } }, 'any other PDF');
  for (const { words } of [alone, trusted, changed].flatMap(paperItems)) t.ok(zh[words]);
});

t.test('a number, a mark and a mark of another platform each go their way', async (t) => {
  const paths: string[] = [];
  const get = async (path: string): Promise<Response> => {
    paths.push(path);
    return new Response(null, { status: 404 });
  };
  const desk = openDesk({ judge: () => Promise.reject(new Error('nothing to judge')) }, get, 'https://a.example');
  await desk.takeText(' some-opening ');
  t.strictSame(desk.state.value, { kind: 'notFound', id: 'some-opening' });
  t.strictSame(paths, ['/logs/opening/some-opening/checkpoint']);
  await desk.takeText(formatRecordMark('https://a.example', mark));
  t.match(desk.state.value, { kind: 'notFound', id: mark.openingId });
  const asked = paths.length;
  await desk.takeText(formatRecordMark('https://b.example', mark));
  t.match(desk.state.value, { kind: 'elsewhere', origin: 'https://b.example' });
  await desk.takeText('Hello');
  t.match(desk.state.value, { kind: 'said', what: 'unknownText' });
  t.equal(paths.length, asked, 'another platform is asked nothing');
});

t.test('a blob read in blocks gives every stretch as it is', async (t) => {
  const content = new Uint8Array(3 * (1 << 20) + 17).map((_, n) => n * 31);
  const bytes = blobBytes(new Blob([content as BlobPart]));
  for (const [at, length] of [
    [0, 4],
    [(1 << 20) - 2, 4],
    [(1 << 20) - 1, (1 << 20) + 2],
    [content.length - 3, 3],
    [content.length - 3, 9],
    [5, 0],
  ] as const)
    t.strictSame(await bytes.read(at, length), content.slice(at, at + length), `${at} ${length}`);
});
