/** Who made a document: PDF and Office documents say it, others and broken ones are unknown. */
import { open, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { prepareArchive } from '../../../server/cli/seal/archive-source.ts';
import { readDocumentFacts } from '../../../server/cli/seal/document-facts.ts';
import { FACT_LIMIT, instantFact, NO_FACTS, textFact } from '../../../server/cli/seal/fact-text.ts';
import { PROPERTIES_LIMIT_BYTES } from '../../../server/cli/seal/office-facts.ts';
import { toolFacts } from '../../../server/cli/seal/tool-facts.ts';
import { canonicalise } from '../../../server/core/log/canonical.ts';
import { utf8 } from '../../../server/core/log/utf8.ts';
import { systemWorld } from '../../../server/world.ts';
import t from '../../support/tap.ts';
import { temporaryFolder } from '../../vault/bids.ts';

/** A PDF of one page with this information dictionary; `fill` bytes of page lie between. */
function pdf(information: string, fill = 10): Buffer {
  const objects = [
    '<</Type/Catalog/Pages 2 0 R>>',
    '<</Type/Pages/Kids[4 0 R]/Count 1>>',
    `<<${information}>>`,
    '<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]/Contents 5 0 R>>',
    `<</Length ${fill}>>stream\n${'x'.repeat(fill)}\nendstream`,
  ];
  let text = '%PDF-1.7\n';
  const places = objects.map((object, place) => {
    const at = text.length;
    text += `${place + 1} 0 obj${object}endobj\n`;
    return `${String(at).padStart(10, '0')} 00000 n \n`;
  });
  const table = `xref\n0 6\n0000000000 65535 f \n${places.join('')}`;
  return Buffer.from(
    `${text}${table}trailer<</Size 6/Root 1 0 R/Info 3 0 R>>\nstartxref\n${text.length}\n%%EOF`,
    'latin1',
  );
}

/** A text string of a PDF, as UTF-16 in hexadecimal digits. */
const inHex = (text: string): string => `<feff${Buffer.from(text, 'utf16le').swap16().toString('hex')}>`;

const PDF_FACTS = `/Author ${inHex('张三')}/Creator(WPS)/Producer(Acme PDF)/CreationDate(D:20260102030405+08'00')/ModDate(D:2026)`;
const CORE = `<?xml version="1.0" encoding="UTF-8"?>
<cp:coreProperties xmlns:cp="urn:cp" xmlns:dc="urn:dc" xmlns:dcterms="urn:dcterms" xmlns:xsi="urn:xsi">
<dc:creator>李四 &amp; 王五</dc:creator><cp:lastModifiedBy><![CDATA[赵<六>]]></cp:lastModifiedBy>
<dcterms:created xsi:type="dcterms:W3CDTF">2026-03-04T05:06:07Z</dcterms:created>
<dcterms:modified>2026-03-04T05:06:07+08:00</dcterms:modified></cp:coreProperties>`;
const APPLICATION = '<Properties><Application>WPS Office</Application><AppVersion>12.0</AppVersion></Properties>';

async function office(parts: Readonly<Record<string, string>>, compress = true): Promise<Buffer> {
  const files = Object.entries(parts).map(([name, text]) => ({ name, bytes: utf8(text) }));
  const chunks: Uint8Array[] = [];
  for await (const chunk of (await prepareArchive(files, compress)).read()) chunks.push(chunk);
  return Buffer.concat(chunks);
}

type T = Parameters<typeof temporaryFolder>[0];
const factsOf = async (t: T, bytes: Uint8Array) => {
  const path = join(await temporaryFolder(t), 'document');
  await writeFile(path, bytes);
  return readDocumentFacts(path);
};

t.test('a PDF', async (t) => {
  const facts = {
    author: '张三',
    lastModifiedBy: 'unknown',
    createdAt: '2026-01-01T19:04:05Z',
    modifiedAt: '2026-01-01T00:00:00Z',
    application: 'WPS / Acme PDF',
  };
  t.same(await factsOf(t, pdf(PDF_FACTS)), facts);
  t.same(await factsOf(t, Buffer.concat([Buffer.alloc(1_000, 10), pdf(PDF_FACTS)])), facts, 'a kilobyte in front');
  t.same(await factsOf(t, pdf('/Author()/CreationDate(yesterday)')), NO_FACTS);
  t.same(await factsOf(t, pdf(PDF_FACTS).subarray(0, 60)), NO_FACTS, 'cut off');
});

t.test('of a large PDF only what tells of it is read', async (t) => {
  const path = join(await temporaryFolder(t), 'plan.pdf');
  const size = 40_000_000;
  await writeFile(path, pdf(PDF_FACTS, size));
  const probe = await open(path);
  const reading = Object.getPrototypeOf(probe) as { read: (...asked: unknown[]) => Promise<{ bytesRead: number }> };
  await probe.close();
  const { read } = reading;
  let bytes = 0;
  reading.read = async function (...asked) {
    const result = await read.apply(this, asked);
    bytes += result.bytesRead;
    return result;
  };
  t.teardown(() => {
    reading.read = read;
  });
  t.match(await readDocumentFacts(path), { author: '张三' });
  t.ok(bytes > 0 && bytes < size / 20, `${bytes} bytes`);
});

t.test('an Office document, deflated or stored', async (t) => {
  const parts = { '[Content_Types].xml': '<Types/>', 'docProps/core.xml': CORE, 'docProps/app.xml': APPLICATION };
  const facts = {
    author: '李四 & 王五',
    lastModifiedBy: '赵<六>',
    createdAt: '2026-03-04T05:06:07Z',
    modifiedAt: '2026-03-03T21:06:07Z',
    application: 'WPS Office 12.0',
  };
  for (const compress of [true, false]) t.same(await factsOf(t, await office(parts, compress)), facts);
  const entity = '<!DOCTYPE x [<!ENTITY e "boom">]><x><creator>&e;</creator></x>';
  t.same(await factsOf(t, await office({ 'docProps/core.xml': entity })), NO_FACTS, 'entities of its own');
  t.same(await factsOf(t, await office({ 'docProps/core.xml': '<x><creator>A</x>' })), NO_FACTS, 'not well-formed');
  t.same(await factsOf(t, await office({ 'a.txt': 'A' })), NO_FACTS, 'another ZIP');
  t.same(await factsOf(t, (await office(parts)).subarray(0, 90)), NO_FACTS, 'cut off');
  const padded = (bytes: number) => {
    const [head, foot] = ['<x><creator>A</creator><!--', '--></x>'];
    return {
      'docProps/core.xml': `${head}${'-'.repeat(bytes - head.length - foot.length).replaceAll('--', 'xx')}${foot}`,
    };
  };
  t.match(await factsOf(t, await office(padded(PROPERTIES_LIMIT_BYTES))), { author: 'A' });
  t.match(await factsOf(t, await office(padded(PROPERTIES_LIMIT_BYTES + 1))), { author: 'unknown' });
});

t.test('whatever a file holds: facts within their limits, or none', async (t) => {
  const path = join(await temporaryFolder(t), 'document');
  const whole = [pdf(PDF_FACTS), await office({ 'docProps/core.xml': CORE })];
  const spoilt = fc.tuple(fc.constantFrom(...whole), fc.nat(), fc.uint8Array({ minLength: 1, maxLength: 8 }));
  await fc.assert(
    fc.asyncProperty(spoilt, async ([document, at, bytes]) => {
      const copy = Buffer.from(document);
      copy.set(bytes.subarray(0, 1), at % copy.length);
      copy.set(bytes, at % (copy.length - bytes.length));
      await writeFile(path, copy);
      const facts = await readDocumentFacts(path);
      canonicalise(facts);
      return Object.values(facts).every((fact) => fact.length > 0 && fact.length <= FACT_LIMIT);
    }),
    { numRuns: 150 },
  );
});

t.test('what is no fact', async (t) => {
  for (const nothing of [undefined, null, 5, '', ' \n']) t.equal(textFact(nothing), 'unknown');
  t.equal(textFact('a'.repeat(FACT_LIMIT + 1)), 'a'.repeat(FACT_LIMIT));
  t.equal(textFact(`${'a'.repeat(FACT_LIMIT - 1)}😀`), `${'a'.repeat(FACT_LIMIT - 1)}\uFFFD`, 'no half character');
  for (const at of [Number.NaN, Number.POSITIVE_INFINITY, Date.UTC(12_026, 0), -1e14])
    t.equal(instantFact(at), 'unknown');
  t.equal(instantFact(999), '1970-01-01T00:00:00Z');
  t.same(await factsOf(t, Buffer.from('\u00d0\u00cf\u0011\u00e0', 'latin1')), NO_FACTS, 'an old Word document');
  t.same(await factsOf(t, Buffer.alloc(0)), NO_FACTS);
  await t.rejects(readDocumentFacts(join(await temporaryFolder(t), 'missing')), { code: 'ENOENT' });
});

t.test('tool.json names each document with its facts', async (t) => {
  const folder = await temporaryFolder(t);
  const path = join(folder, '技术标.pdf');
  await writeFile(path, pdf(PDF_FACTS));
  const facts = await toolFacts('0.1.0', [
    { name: '技术标.pdf', path },
    { name: 'a.txt', bytes: systemWorld.randomBytes(9) },
  ]);
  t.match(facts, {
    documents: [
      { name: '技术标.pdf', author: '张三' },
      { name: 'a.txt', ...NO_FACTS },
    ],
  });
  canonicalise(facts);
  await rm(path);
  await t.rejects(toolFacts('0.1.0', [{ name: '技术标.pdf', path }]), { code: 'ENOENT' });
});
