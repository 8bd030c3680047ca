/** The archive reader: foreign tools' archives are read, and none that could show two faces. */
import { deflateRawSync } from 'node:zlib';
import fc from 'fast-check';
import { joinBytes } from '../../../server/core/log/bytes.ts';
import { utf8 } from '../../../server/core/log/utf8.ts';
import { ARCHIVE_ENTRIES_LIMIT, type ArchiveContents, startArchive } from '../../../server/core/seal/archive.ts';
import { ARCHIVE_CODES, type ArchiveCode, ArchiveError } from '../../../server/core/seal/archive-error.ts';
import { checkEnd, readCentral, readLocal, readZip64End } from '../../../server/core/seal/archive-records.ts';
import { planArchive } from '../../../server/core/seal/archive-writing.ts';
import { crc32 } from '../../../server/core/seal/crc32.ts';
import { OPENING_LIST_LIMIT_BYTES } from '../../../server/core/seal/opening-list.ts';
import { inflate } from '../../../server/vault/inflate.ts';
import t from '../../support/tap.ts';
import { golden } from './golden.ts';
import { DOCUMENT, LIST, recordsOf, withFields, withInserted, zipOf } from './zip-parts.ts';

type Read = ArchiveContents | { code: ArchiveCode };

function read(bytes: Uint8Array, cuts: readonly number[] = []): Read {
  const reader = startArchive(inflate);
  try {
    for (let at = 0, turn = 0; at < bytes.length; turn++) {
      const chunk = bytes.slice(at, at + (cuts[turn] ?? bytes.length));
      at += chunk.length;
      reader.push(chunk);
      chunk.fill(0x5a);
    }
    return reader.end();
  } catch (error) {
    if (error instanceof ArchiveError) return { code: error.code };
    throw error;
  }
}

const codeOf = (bytes: Uint8Array): ArchiveCode | 'accepted' => {
  const result = read(bytes);
  return 'code' in result ? result.code : 'accepted';
};

const right = zipOf([LIST, DOCUMENT]);
const { local, central, end } = recordsOf(right);
const [firstLocal = 0, secondLocal = 0] = local;
const [firstCentral = 0, secondCentral = 0] = central;

/** The first entry deflated, with what stands in its headers. */
function deflatedList(data: Uint8Array, bytes: number, crc: number): Uint8Array {
  const entry = { name: LIST.name, method: 'deflated', crc32: crc, bytes, storedBytes: data.length } as const;
  const plan = planArchive([entry]);
  return joinBytes(plan.localHeaders[0] as Uint8Array, data, plan.ending);
}

t.test('our archives, Info-ZIP’s and Python’s are read alike however they are cut', async (t) => {
  for (const name of ['bid.zip', 'foreign-infozip.zip', 'foreign-python.zip']) {
    const bytes = golden(name);
    const whole = read(bytes);
    if ('code' in whole) throw new Error(`${name}: ${whole.code}`);
    t.match(new TextDecoder().decode(whole.openingList), /"amount":"12800000.00"/);
    t.equal(whole.entries[0]?.name, 'opening-list.json');
    t.equal(whole.entries[1]?.bytes, 10_240);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 700 }), { maxLength: 100 }), (cuts) => {
        t.strictSame(read(bytes, cuts), whole);
      }),
      { numRuns: 50 },
    );
    t.strictSame(read(bytes, new Array(bytes.length).fill(1)), whole);
  }
});

t.test('entries say where their bytes are', async (t) => {
  const contents = read(right);
  if ('code' in contents) throw new Error(contents.code);
  for (const [index, part] of [LIST, DOCUMENT].entries()) {
    const entry = contents.entries[index];
    if (!entry) throw new Error('an entry is missing');
    t.strictSame(right.slice(entry.dataAt, entry.dataAt + entry.storedBytes), part.bytes);
    t.equal(entry.crc32, crc32(part.bytes));
  }
});

const changed = (at: number, value: number, width: 2 | 4 = 2): Uint8Array => withFields(right, { at, value, width });
/** The same lie in both headers of the second entry. */
const inBoth = (offset: number, value: number, width: 2 | 4 = 2): Uint8Array =>
  withFields(right, { at: secondLocal + offset, value, width }, { at: secondCentral + offset + 2, value, width });
const extra = (id: number): Uint8Array => {
  const field = Uint8Array.of(id & 0xff, id >> 8, 1, 0, 0);
  const at = firstLocal + 30 + LIST.name.length;
  return withInserted(changed(firstLocal + 28, field.length), at, field);
};
const named = (name: string): Uint8Array => zipOf([LIST, { name, bytes: utf8('x') }]);
const spare = new Uint8Array(4);

const refused: readonly [string, ArchiveCode, Uint8Array][] = [
  ['bytes before the archive, as a self-extracting one has', 'prefix_bytes', joinBytes(utf8('MZ'), right)],
  ['an empty archive', 'prefix_bytes', right.subarray(end)],
  ['another first entry', 'first_not_opening_list', zipOf([DOCUMENT, LIST])],
  ['the list in another folder', 'first_not_opening_list', zipOf([{ ...LIST, name: 'a/opening-list.json' }])],
  [
    'a list that is too long',
    'opening_list_too_long',
    zipOf([{ ...LIST, bytes: new Uint8Array(OPENING_LIST_LIMIT_BYTES + 1) }]),
  ],
  ['a list whose CRC is wrong', 'opening_list_damaged', withFields(right, { at: firstLocal + 14, value: 1, width: 4 })],
  [
    'a list that inflates to more than it says',
    'opening_list_damaged',
    deflatedList(deflateRawSync(LIST.bytes), LIST.bytes.length - 1, crc32(LIST.bytes.subarray(1))),
  ],
  [
    'a list with bytes behind its deflate stream',
    'opening_list_damaged',
    deflatedList(joinBytes(deflateRawSync(LIST.bytes), spare), LIST.bytes.length, crc32(LIST.bytes)),
  ],
  ['a list that does not inflate', 'opening_list_damaged', deflatedList(spare.fill(255), 5, 0)],
  ['encryption', 'encrypted_entry', changed(firstLocal + 6, 0x0801)],
  ['sizes behind the data', 'data_descriptor', changed(firstLocal + 6, 0x0808)],
  ['patch data', 'unsupported_flags', changed(firstLocal + 6, 0x0820)],
  ['masked headers', 'unsupported_flags', changed(firstLocal + 6, 0x2800)],
  ['bzip2', 'unsupported_method', inBoth(8, 12)],
  ['stored, but of two sizes', 'stored_size_differs', inBoth(22, 4999, 4)],
  ['a name that climbs', 'bad_name', named('../etc/passwd')],
  ['an absolute name', 'bad_name', named('/etc/passwd')],
  ['a drive', 'bad_name', named('C:x')],
  ['a backslash', 'bad_name', named('a\\b')],
  ['a control character', 'bad_name', named('a\u0000b')],
  ['a name of 513 bytes', 'bad_name', named('a'.repeat(513))],
  ['a name that is no UTF-8', 'bad_name', changed(secondLocal + 30, 0xffff)],
  ['a name that is not marked as UTF-8', 'bad_name', changed(secondLocal + 6, 0)],
  ['the list twice', 'duplicate_name', zipOf([LIST, LIST])],
  ['names alike but for case', 'duplicate_name', zipOf([LIST, { ...LIST, name: 'Opening-List.json' }])],
  ['names alike but for width', 'duplicate_name', zipOf([LIST, { ...LIST, name: 'ｏpening-list.json' }])],
  ['a second name in an extra field', 'extra_field', extra(0x7075)],
  ['an unknown extra field', 'extra_field', extra(0x9901)],
  ['a ZIP64 field that nothing asks for', 'zip64_mismatch', extra(0x0001)],
  ['one size of two in ZIP64', 'zip64_mismatch', changed(firstLocal + 18, 0xffffffff, 4)],
  [
    'both sizes in a ZIP64 field that is not there',
    'zip64_mismatch',
    withFields(
      right,
      { at: firstLocal + 18, value: 0xffffffff, width: 4 },
      { at: firstLocal + 22, value: 0xffffffff, width: 4 },
    ),
  ],
  ['a gap between entries', 'gap', withInserted(right, secondLocal, spare)],
  ['a gap before the directory', 'gap', withInserted(right, firstCentral, spare)],
  ['a gap before the end', 'gap', withInserted(right, end, spare)],
  ['an entry the directory leaves out', 'gap', joinBytes(right.subarray(0, secondCentral), right.subarray(end))],
  ['an entry only the directory has', 'central_mismatch', withInserted(right, end, right.subarray(secondCentral, end))],
  [
    'the directory in another order',
    'central_mismatch',
    joinBytes(
      right.subarray(0, firstCentral),
      right.subarray(secondCentral, end),
      right.subarray(firstCentral, secondCentral),
      right.subarray(end),
    ),
  ],
  ['another name in the directory', 'central_mismatch', changed(firstCentral + 46, 0x4141)],
  ['another CRC in the directory', 'central_mismatch', changed(firstCentral + 16, 7, 4)],
  ['another size in the directory', 'central_mismatch', changed(firstCentral + 20, 7, 4)],
  ['another time in the directory', 'central_mismatch', changed(firstCentral + 12, 7)],
  ['another method in the directory', 'central_mismatch', changed(firstCentral + 10, 8)],
  ['another place in the directory', 'central_mismatch', changed(secondCentral + 42, firstLocal, 4)],
  ['another disk in the directory', 'central_mismatch', changed(firstCentral + 34, 1)],
  [
    'a symbolic link',
    'not_a_file',
    withFields(
      right,
      { at: secondCentral + 4, value: 0x0314, width: 2 },
      { at: secondCentral + 40, value: 0xa1ff, width: 2 },
    ),
  ],
  ['a folder with content', 'not_a_file', named('folder/')],
  ['a comment on an entry', 'comment', withInserted(changed(firstCentral + 32, 2), secondCentral, utf8('hi'))],
  ['a comment at the end', 'comment', joinBytes(changed(end + 20, 2), utf8('hi'))],
  ['another count at the end', 'end_mismatch', changed(end + 10, 3)],
  ['another disk at the end', 'end_mismatch', changed(end + 4, 1)],
  ['another size of the directory', 'end_mismatch', changed(end + 12, 3, 4)],
  ['another place of the directory', 'end_mismatch', changed(end + 16, 3, 4)],
  ['a sentinel without a ZIP64 record', 'end_mismatch', changed(end + 16, 0xffffffff, 4)],
  ['bytes behind the end', 'trailing_bytes', joinBytes(right, spare)],
  ['a second archive behind the first', 'trailing_bytes', joinBytes(right, zipOf([LIST]))],
  ['nothing', 'truncated', new Uint8Array(0)],
];

for (const [what, code, bytes] of refused) {
  t.test(`refused as ${code}: ${what}`, async (t) => {
    t.equal(codeOf(bytes), code);
    t.strictSame(read(bytes, new Array(bytes.length).fill(1)), { code });
  });
}

t.test('limits: the longest list, the last entry and the first too many', async (t) => {
  t.equal(codeOf(zipOf([{ ...LIST, bytes: new Uint8Array(OPENING_LIST_LIMIT_BYTES) }])), 'accepted');
  t.equal(codeOf(named('a'.repeat(512))), 'accepted');
  t.equal(codeOf(named('folder/x')), 'accepted');
  const many = Array.from({ length: ARCHIVE_ENTRIES_LIMIT - 1 }, (_, index) => ({ name: `${index}`, bytes: spare }));
  t.equal(codeOf(zipOf([LIST, ...many])), 'accepted');
  t.equal(codeOf(zipOf([LIST, ...many, { name: 'more', bytes: spare }])), 'too_many_entries');
});

t.test('every refusal has its test', async (t) => {
  const tested = new Set<ArchiveCode>([...refused.map(([, code]) => code), 'too_many_entries']);
  t.strictSame(
    ARCHIVE_CODES.filter((code) => !tested.has(code)),
    [],
  );
});

t.test('cut short anywhere it is refused', async (t) => {
  for (let length = 0; length < right.length; length += length > 200 && length < firstCentral ? 101 : 1) {
    t.equal(codeOf(right.subarray(0, length)), 'truncated', `${length} bytes`);
  }
});

t.test('of an archive with one byte changed the list is the same, or nothing is read', async () => {
  const whole = read(right);
  fc.assert(
    fc.property(fc.nat(right.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
      const copy = right.slice();
      copy[at] = (copy[at] as number) ^ change;
      const result = read(copy);
      if ('code' in result) return true;
      return !('code' in whole) && Buffer.compare(result.openingList, whole.openingList) === 0;
    }),
    { numRuns: 1500 },
  );
});

t.test('ZIP64: sizes, places and counts beyond 32 and 16 bits are written and read back', async (t) => {
  const GIB = 2 ** 30;
  const entries = [
    { name: LIST.name, method: 'stored', crc32: 1, bytes: 10, storedBytes: 10 },
    { name: 'large', method: 'deflated', crc32: 2, bytes: 9 * GIB, storedBytes: 5 * GIB },
    { name: 'late', method: 'stored', crc32: 3, bytes: 11, storedBytes: 11 },
    { name: 'edge', method: 'deflated', crc32: 4, bytes: 0xffffffff, storedBytes: 7 },
  ] as const;
  const { localHeaders, ending, archiveBytes } = planArchive(entries);
  const headerAt = [0];
  for (const [index, entry] of entries.entries()) {
    headerAt.push((headerAt[index] ?? 0) + (localHeaders[index]?.length ?? 0) + entry.storedBytes);
  }
  let at = 0;
  for (const [index, entry] of entries.entries()) {
    const header = localHeaders[index] as Uint8Array;
    const view = new DataView(ending.buffer, ending.byteOffset + at);
    const nameEnd = 46 + view.getUint16(28, true);
    const next = nameEnd + view.getUint16(30, true);
    const name = utf8(entry.name);
    const here = readLocal(header.subarray(4, 30), name, header.subarray(30 + name.length));
    const there = readCentral(ending.subarray(at + 4, at + 46), name, ending.subarray(at + nameEnd, at + next));
    t.match(here, { bytes: entry.bytes, storedBytes: entry.storedBytes, crc32: entry.crc32 });
    t.strictSame(there, { ...here, headerAt: headerAt[index] });
    at += next;
  }
  const truth = { entries: 4, centralBytes: at, centralAt: headerAt[4] as number };
  t.strictSame(readZip64End(ending.subarray(at + 4, at + 56)), truth);
  t.equal(archiveBytes, truth.centralAt + ending.length);
  const endRecord = ending.subarray(ending.length - 18);
  checkEnd(endRecord, truth, true);
  t.throws(() => checkEnd(endRecord, truth, false), { code: 'end_mismatch' });
  t.throws(() => checkEnd(endRecord, { ...truth, entries: 5 }, true), { code: 'end_mismatch' });
});
