/** The record on paper: every field readable again, the same bytes each time, verbatim text of any script, and a code that leads to the log. */
import decodeQR from 'qr/decode.js';
import type * as Type from 'typebox';
import { extractText, getDocumentProxy } from 'unpdf';
import { verifySource } from '../../server/cli/verify-log.ts';
import { toHex } from '../../server/core/log/bytes.ts';
import { canonicalise, type Json } from '../../server/core/log/canonical.ts';
import { fromUtf8 } from '../../server/core/log/utf8.ts';
import { type OpeningRecord, OpeningRecordSchema, PublicRecordSchema } from '../../server/core/opening/record.ts';
import { publicFormOf } from '../../server/core/opening/record-building.ts';
import { formatRecordMark, type RecordMark, readRecordMark } from '../../server/core/opening/record-mark.ts';
import { QuoteSchema } from '../../server/core/opening/rows.ts';
import { RECORD_LABELS } from '../../server/dossier/record-labels.ts';
import { renderRecord } from '../../server/dossier/record-pdf.ts';
import { sha256 } from '../../server/hash.ts';
import { goldenFiles, memorySource, WHOLE } from '../support/golden-judge.ts';
import t from '../support/tap.ts';

const known = await verifySource(memorySource(goldenFiles('valid', WHOLE)), { requireAllDisclosures: true });
if (!known.ok || known.record === null) throw new Error('the golden log has no record');
const golden = JSON.parse(fromUtf8(known.record)) as OpeningRecord;
const [line] = golden.lines;
if (line === undefined) throw new Error('the golden record has no bidder');
const HEBREW = 'שלום עולם';
const record: OpeningRecord = {
  ...golden,
  title: '道路工程 <100> & "样例"',
  lines: [{ ...line, name: `甲公司 ${HEBREW} Ltd` }, ...golden.lines.slice(1)],
  note: `第一行\n<script>alert(1)</script> 倒序\u202e结束 𠮷 مرحبا بالعالم`,
};
const mark: RecordMark = {
  openingId: record.openingId,
  version: record.version,
  sha256: 'A'.repeat(43),
  size: 31,
  root: `${'B'.repeat(42)}A=`,
};
const asked = { record, mark, origin: 'https://kb.example' };
const pdf = await renderRecord(asked);

async function textOf(bytes: Uint8Array): Promise<string> {
  const { text } = await extractText(await getDocumentProxy(Uint8Array.from(bytes)), { mergePages: true });
  return text;
}
const bare = (text: string): string => text.replace(/\s+/g, '');

t.setTimeout(180_000);

t.test('the same record makes the same bytes, another one others', async (t) => {
  // by digest: the tool that compares would write both out
  const digest = toHex(sha256(pdf));
  t.equal(toHex(sha256(await renderRecord(asked))), digest);
  t.not(toHex(sha256(await renderRecord({ ...asked, record: { ...record, note: '' } }))), digest);
});

t.test('everything the record says can be read in it, word for word', async (t) => {
  const text = bare(await textOf(pdf));
  const leaves = (value: Json): Json[] =>
    value !== null && typeof value === 'object' ? Object.values(value).flatMap((one) => leaves(one as Json)) : [value];
  const { note, lines, ...rest } = record;
  for (const said of leaves({ ...rest, lines: lines.slice(1) } as unknown as Json))
    if (typeof said === 'string' || typeof said === 'number') t.ok(text.includes(bare(String(said))), String(said));
  t.ok(text.includes('<script>alert(1)</script>'));
  t.ok(text.includes('倒序[U+202E]结束'), 'what steers a reader’s eye is shown by its number');
  t.ok(text.includes('[U+20BB7]'), 'a character that no font has is shown by its number');
  for (const word of [...HEBREW.split(' '), 'مرحبا', 'بالعالم', '甲公司', 'Ltd']) t.ok(text.includes(word), word);
  t.ok(note);
});

t.test(
  'names as long as may be, in any script, stay on the page, and what draws nothing is shown by its number',
  async (t) => {
    const names = [
      'مرحبا بالعالم '.repeat(14),
      'ب'.repeat(200),
      'שלום '.repeat(40),
      'ש'.repeat(200),
      'W'.repeat(200),
      '龘'.repeat(200),
      'a\u061cb',
      '\u0600 x \u05ff',
    ].map((name) => name.slice(0, 200).trim());
    const made = await renderRecord({
      ...asked,
      record: { ...record, lines: names.map((name) => ({ ...line, name })) },
    });
    const proxy = await getDocumentProxy(Uint8Array.from(made));
    let widest = 0;
    for (let n = 1; n <= proxy.numPages; n++) {
      const { items } = await (await proxy.getPage(n)).getTextContent();
      for (const item of items) if ('width' in item) widest = Math.max(widest, Number(item.transform[4]) + item.width);
    }
    t.ok(widest > 500 && widest < 596 - 49, `${widest} of 546 points`);
    const text = bare(await textOf(made));
    for (const shown of ['[U+061C]', '[U+0600]', '[U+05FF]']) t.ok(text.includes(shown), shown);
    t.equal(text.split('龘').length - 1, 200, 'nothing of a name is left out');
  },
);

t.test('the record travels in the file, as it was signed', async (t) => {
  const proxy = await getDocumentProxy(Uint8Array.from(pdf));
  const attached = (await proxy.getAttachments()) as Record<string, { content: Uint8Array }>;
  t.equal(fromUtf8(Uint8Array.from(attached['record.json']?.content ?? [])), canonicalise(record as unknown as Json));
});

t.test('the code on the page is the mark of this record', async (t) => {
  // the squares as they are drawn: left, top, width and height of each
  const squares = [
    ...Buffer.from(pdf)
      .toString('latin1')
      .matchAll(/^([\d.]+) ([\d.]+) 2\.2 2\.2 re$/gm),
  ].map(([, x, y]) => [Math.round(Number(x) / 2.2), Math.round(Number(y) / 2.2)]);
  const [left, top] = [Math.min(...squares.map(([x]) => x ?? 0)), Math.min(...squares.map(([, y]) => y ?? 0))];
  const side = Math.max(...squares.map(([x]) => x ?? 0)) - left + 1;
  const [scale, quiet] = [4, 4];
  const width = (side + 2 * quiet) * scale;
  const data = new Uint8Array(width * width * 4).fill(255);
  for (const [x = 0, y = 0] of squares)
    for (let dx = 0; dx < scale; dx++)
      for (let dy = 0; dy < scale; dy++) {
        const at = (((y - top + quiet) * scale + dy) * width + (x - left + quiet) * scale + dx) * 4;
        data.fill(0, at, at + 3);
      }
  const text = decodeQR({ data, width, height: width }, { timeLimit: 5_000 });
  t.equal(text, formatRecordMark('https://kb.example', mark));
  t.strictSame(readRecordMark(text)?.mark, mark);
});

t.test('the public’s form names no price', async (t) => {
  const shown = publicFormOf(record, mark.sha256, { publicPrices: false });
  if (shown === null) throw new Error('there is a public form where prices are secret');
  const text = bare(await textOf(await renderRecord({ ...asked, record: shown })));
  t.notMatch(text, '2600000');
  t.match(text, '报价依法不公开');
});

t.test('every member of a record has a name on paper', async (t) => {
  const names = new Set<string>();
  const walk = (schema: Type.TSchema): void => {
    const {
      properties = {},
      items,
      anyOf = [],
    } = schema as {
      properties?: Record<string, Type.TSchema>;
      items?: Type.TSchema;
      anyOf?: Type.TSchema[];
    };
    for (const [name, inner] of Object.entries(properties)) {
      names.add(name);
      walk(inner);
    }
    if (items !== undefined) walk(items);
    for (const one of anyOf) walk(one);
  };
  for (const schema of [OpeningRecordSchema, PublicRecordSchema, QuoteSchema]) walk(schema);
  t.strictSame(
    [...names].filter((name) => !Object.hasOwn(RECORD_LABELS, name)),
    [],
  );
});
