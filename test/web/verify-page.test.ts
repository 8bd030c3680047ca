/** What the verify page makes of what it is given: folders, ZIP files, receipts, anchors, marks of QR codes; the verdict item by item. */
import { webcrypto } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { sha256 as noble } from '@noble/hashes/sha2.js';
import { writeZip } from '../../server/cli/bundle/stored-zip.ts';
import { verifySource } from '../../server/cli/verify-log.ts';
import { toBase64 } from '../../server/core/log/base64.ts';
import { formatVkey, KEY_TYPES, verifierKey } from '../../server/core/log/note.ts';
import { formatRecordMark, type RecordMark } from '../../server/core/opening/record-mark.ts';
import { sha256 } from '../../server/hash.ts';
import { keepRoots } from '../../server/verify/roots.ts';
import { blobBytes } from '../../web/verify/blob-source.ts';
import { browserTools } from '../../web/verify/browser-tools.ts';
import { openDesk } from '../../web/verify/desk.ts';
import { itemsOf, verdictOf } from '../../web/verify/items.ts';
import { blobMeasure, judgeGiven } from '../../web/verify/judge-given.ts';
import type { Given, JudgedLog, JudgeRequest } from '../../web/verify/judge-messages.ts';
import { zh } from '../../web/verify/words-zh.ts';
import { newFolder } from '../support/folder.ts';
import { bundleOf, policyOf } from '../support/golden-bundle.ts';
import { ownKey } from '../support/golden-change.ts';
import { goldenFiles, memorySource, TRUST, WHOLE } from '../support/golden-judge.ts';
import { type LogFiles, writeFiles } from '../support/golden-log.ts';
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
      'certificates good',
      'end good',
      'anchor open',
    ],
  );
  t.equal(dropped.shown.length, known.entries);
});

t.test('with the ledger’s key the verdict is green, with another’s red', async (t) => {
  const files = given(whole, '');
  const trusted = await judgeOne(asked(files, { anchors: { policy: TRUST, stampRoots: null } }));
  t.equal(verdictOf(trusted), 'good');
  const byPolicy = await judgeOne(asked(files, { anchors: { policy: policyOf(bare), stampRoots: null } }));
  t.equal(verdictOf(byPolicy), 'good', 'a policy that lists the ledger vouches for it');
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
    t.equal(judged.mark, verdict);
    t.equal(verdictOf(judged) === 'bad', verdict.startsWith('other'), verdict);
  }
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
