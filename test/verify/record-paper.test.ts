/** The record on paper as it is signed and judged: every changed byte tells, another key, another record, and the log that has it. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { nodeTools, verifySource } from '../../server/cli/verify-log.ts';
import { judgePaper } from '../../server/cli/verify-paper.ts';
import { toBase64 } from '../../server/core/log/base64.ts';
import type { JsonObject } from '../../server/core/log/canonical.ts';
import { fromUtf8, utf8 } from '../../server/core/log/utf8.ts';
import { publicFormOf } from '../../server/core/opening/record-building.ts';
import {
  appendRecordNote,
  attachedRecord,
  formatRecordStatement,
  isRecordStatement,
  type RecordStatement,
  readRecordStatement,
  splitRecordNote,
} from '../../server/core/opening/record-paper.ts';
import { renderRecord } from '../../server/dossier/record-pdf.ts';
import { sha256 } from '../../server/hash.ts';
import { judgeRecordPaper, paperOnLog } from '../../server/verify/record-paper.ts';
import { PAPER_REASONS } from '../../server/verify/record-words.ts';
import { keepRoots } from '../../server/verify/roots.ts';
import { newFolder } from '../support/folder.ts';
import { goldenFiles, memorySource, runCli, WHOLE } from '../support/golden-judge.ts';
import { writeFiles } from '../support/golden-log.ts';
import { goldenPaper, paperSigner } from '../support/golden-paper.ts';
import t from '../support/tap.ts';

t.setTimeout(180_000);

const files = goldenFiles('valid', WHOLE);
const roots = keepRoots(sha256);
const known = await verifySource(memorySource(files), { requireAllDisclosures: true, roots });
if (!known.ok || known.state === null) throw new Error('the golden log does not verify');
const { state, origin: log } = known;
const head = state.record;
if (head === null) throw new Error('the golden log has no record');
const { asked, plain, platform: PLATFORM, signed, again } = await goldenPaper(known, 'https://kb.example');
const { record, mark } = asked;
const own = paperSigner(log);
const stranger = paperSigner(log, `${PLATFORM}/ledger`);
const statement: RecordStatement = { log, origin: asked.origin, mark, vkey: own.vkeyOf(), sha256: sha256(plain) };

const shown = new Set<string>();
async function reasonOf(bytes: Uint8Array): Promise<string> {
  const judged = await judgeRecordPaper(nodeTools, bytes);
  if (!judged.ok) shown.add(judged.reason);
  return judged.ok ? 'ok' : judged.reason;
}
/** Whatever is wanted, signed as it should be. */
const signedAs = async (pdf: Uint8Array, more: Partial<RecordStatement> = {}): Promise<Uint8Array> =>
  appendRecordNote(pdf, await own.signRecord(formatRecordStatement({ ...statement, sha256: sha256(pdf), ...more })));

t.test('the signed file holds, says whose it is, and is the same each time', async (t) => {
  t.match(await judgeRecordPaper(nodeTools, signed), { ok: true, form: 'original', statement: { log, mark } });
  t.match(await judgePaper(signed), { ok: true });
  t.equal(toBase64(sha256(await again())), toBase64(sha256(signed)));
  t.equal(fromUtf8(signed.slice(-7)), '\n%%EOF\n', 'it ends as every PDF does');
  t.strictSame(splitRecordNote(signed)?.pdf, plain.slice());
});

t.test('a changed, a missing or a further byte is refused, wherever it is', async (t) => {
  const places = [0, 100, plain.length - 1, plain.length, plain.length + 30, signed.length - 100, signed.length - 1];
  const change = (at: number, by: number): Uint8Array => {
    const bytes = signed.slice();
    bytes[at] = (bytes[at] as number) ^ by;
    return bytes;
  };
  for (const at of places) t.not(await reasonOf(change(at, 1)), 'ok', `byte ${at}`);
  const property = fc.asyncProperty(
    fc.oneof(fc.nat(signed.length - 1), fc.integer({ min: plain.length, max: signed.length - 1 })),
    fc.integer({ min: 1, max: 255 }),
    async (at, by) => (await reasonOf(change(at, by))) !== 'ok',
  );
  await fc.assert(property, { numRuns: 60 });
  t.equal(await reasonOf(change(200, 1)), 'paper_changed');
  t.equal(await reasonOf(signed.slice(1)), 'paper_changed');
  t.equal(await reasonOf(plain), 'paper_unsigned', 'the signature cut off');
  t.equal(await reasonOf(Uint8Array.from([...signed.slice(-2_000), 0x0a])), 'paper_unsigned', 'a byte behind it');
  const twice = appendRecordNote(signed, await own.signRecord(formatRecordStatement(statement)));
  t.equal(await reasonOf(twice), 'paper_changed', 'signed twice');
});

t.test('another’s signature, and a statement that is none', async (t) => {
  const foreign = await stranger.signRecord(formatRecordStatement(statement));
  t.equal(await reasonOf(appendRecordNote(plain, foreign)), 'paper_signature_bad', 'under the name of the log’s key');
  const both = `${await own.signRecord(formatRecordStatement(statement))}${foreign.slice(foreign.lastIndexOf('\u2014'))}`;
  t.equal(await reasonOf(appendRecordNote(plain, both)), 'paper_unsigned', 'a line of somebody else beside it');
  t.equal(await reasonOf(appendRecordNote(plain, await own.signRecord('Hello\n'))), 'paper_unsigned');
  t.equal(readRecordStatement(`${formatRecordStatement(statement)}x`), null);
  t.ok(isRecordStatement(PLATFORM, statement.vkey, formatRecordStatement(statement)));
  for (const other of [{ log: `${log}x` }, { vkey: stranger.vkeyOf() }, { mark: { ...mark, openingId: 'another' } }])
    t.notOk(isRecordStatement(PLATFORM, statement.vkey, formatRecordStatement({ ...statement, ...other })));
  t.notOk(isRecordStatement('other.test', statement.vkey, formatRecordStatement(statement)));
  t.throws(() => appendRecordNote(utf8('%PDF-1.3\n'), foreign), { code: 'note_malformed' });
});

t.test('the record inside must be the one that is named, and the pages must be made of it', async (t) => {
  const other = { ...record, title: '另一份记录' };
  const rendered = await renderRecord({ ...asked, record: other });
  t.equal(await reasonOf(await signedAs(rendered)), 'paper_record_differs');
  t.equal(
    await reasonOf(await signedAs(plain, { mark: { ...mark, version: mark.version + 1 } })),
    'paper_record_differs',
  );
  t.equal(
    await reasonOf(await signedAs(utf8('%PDF-1.3\nstartxref\n9\n%%EOF\n'))),
    'paper_record_differs',
    'nothing inside',
  );
  // the pages of another record around the record of the log: only whoever makes them again can tell
  const inside = attachedRecord(plain);
  const beside = attachedRecord(rendered);
  if (inside === null || beside === null) throw new Error('no record inside');
  const text = Buffer.from(rendered)
    .toString('latin1')
    .replace(/\/Length \d+\n>>\nstream\n/, () => `/Length ${inside.length}\n>>\nstream\n`);
  const at = text.indexOf('stream\n') + 'stream\n'.length;
  const lie = Buffer.from(
    text.slice(0, at) + Buffer.from(inside).toString('latin1') + text.slice(at + beside.length),
    'latin1',
  );
  const pages = await judgePaper(await signedAs(new Uint8Array(lie)));
  if (!pages.ok) shown.add(pages.reason);
  t.match(pages, { ok: false, reason: 'paper_pages_differ' });
});

t.test('the public’s form names the original', async (t) => {
  const form = publicFormOf(record, mark.sha256, { publicPrices: false });
  if (form === null) throw new Error('there is a public form where prices are secret');
  const bytes = await signedAs(await renderRecord({ ...asked, record: form }));
  t.match(await judgePaper(bytes), { ok: true, form: 'public' });
});

t.test('against the log: its key, its record, its place', async (t) => {
  const judged = { origin: log, vkey: `${own.vkeyOf()}\n`, state, roots };
  const paper = { statement, form: 'original' as const, record: record as unknown as JsonObject };
  t.equal(paperOnLog(paper, judged), 'stands');
  const form = { form: 'public', lines: [] };
  const secret = { ...state, record: { ...head, publicForm: { known: true, value: form } } } as typeof state;
  const shownToAll = { statement, form: 'public' as const, record: form };
  t.equal(paperOnLog(shownToAll, { ...judged, state: secret }), 'stands');
  t.equal(
    paperOnLog({ ...shownToAll, record: { ...form, lines: [1] } }, { ...judged, state: secret }),
    'paper_not_on_log',
    'the original’s digest beside other lines proves nothing of them',
  );
  const past = [{ ...head, answers: [] }];
  const later = { ...state, record: { ...head, version: mark.version + 1 }, pastRecords: past };
  t.equal(paperOnLog(paper, { ...judged, state: later }), 'replaced');
  for (const [wrong, reason] of [
    [{ vkey: stranger.vkeyOf() }, 'paper_other_key'],
    [{ log: `${log}x` }, 'paper_other_key'],
    [{ mark: { ...mark, version: mark.version + 1 } }, 'paper_not_on_log'],
    [{ mark: { ...mark, root: toBase64(sha256(utf8(''))) } }, 'paper_not_on_log'],
  ] as const) {
    t.equal(paperOnLog({ ...paper, statement: { ...statement, ...wrong } }, judged), reason);
    shown.add(reason);
  }
});

t.test('kaibiao verify --record says it line by line, alone and with the log', async (t) => {
  const folder = await newFolder(t, 'paper');
  await writeFiles(files, join(folder, 'log'));
  const path = join(folder, 'record.pdf');
  await writeFile(path, signed);
  const alone = await runCli('verify', '--record', path);
  t.match(alone, { code: 0, out: /whole: signed by .*file’s own word/s });
  const beside = await runCli('verify', '--record', path, join(folder, 'log'));
  t.match(beside, { code: 0, out: /the log has this record at that place.*valid, complete/s });
  const bad = signed.slice();
  bad[5_000] = (bad[5_000] as number) ^ 1;
  await writeFile(path, bad);
  t.match(await runCli('verify', '--record', path), { code: 1, err: /paper_changed/ });
  await writeFile(
    path,
    appendRecordNote(
      plain,
      await stranger.signRecord(formatRecordStatement({ ...statement, vkey: stranger.vkeyOf() })),
    ),
  );
  t.match(await runCli('verify', '--record', path, join(folder, 'log')), { code: 1, err: /paper_other_key/ });
});

t.test('every reason was shown, in both languages', async (t) => {
  t.strictSame(
    [...shown].filter((reason) => Object.hasOwn(PAPER_REASONS, reason)).sort(),
    Object.keys(PAPER_REASONS).sort(),
  );
  for (const { en, zh } of Object.values(PAPER_REASONS)) t.match(`${en} ${zh}`, /[a-z].*\p{Script=Han}/u);
});
