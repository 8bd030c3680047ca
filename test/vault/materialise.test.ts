/** Materialising: documents come to disk under a name only when everything is proven, with a manifest of what they are. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { deflateRawSync } from 'node:zlib';
import { toBase64Url } from '../../server/core/log/base64.ts';
import { joinBytes } from '../../server/core/log/bytes.ts';
import { canonicalise } from '../../server/core/log/canonical.ts';
import { utf8 } from '../../server/core/log/utf8.ts';
import { type PlannedEntry, planArchive } from '../../server/core/seal/archive-writing.ts';
import { crc32 } from '../../server/core/seal/crc32.ts';
import { sha256 } from '../../server/hash.ts';
import { materialise } from '../../server/vault/materialise.ts';
import { openVaultFolder } from '../../server/vault/vault-folder.ts';
import { systemWorld } from '../../server/world.ts';
import { golden, goldenNames } from '../core/seal/golden.ts';
import t from '../support/tap.ts';
import { archiveOf, goldenBid, LIST, type StoredBid, storeBid, temporaryFolder } from './bids.ts';

const LIMITS = { unpackedLimitBytes: 1_000_000 };
const digest = (bytes: Uint8Array): string => toBase64Url(sha256(bytes));

async function places(t: Parameters<typeof temporaryFolder>[0]) {
  const path = await temporaryFolder(t);
  const folder = await openVaultFolder(join(path, 'documents'), systemWorld.randomBytes);
  const left = async () => [
    ...(await readdir(join(path, 'documents', 'incoming'))),
    ...(await readdir(join(path, 'documents', 'finished'))),
  ];
  return { path, folder, left };
}

type Sealed = { data: Uint8Array; entry: Omit<PlannedEntry, 'name' | 'storedBytes'> };

/** An archive whose documents are stored exactly so, truthfully or not. */
function archiveWith(documents: readonly Sealed[]): Uint8Array {
  const list = utf8(canonicalise(LIST));
  const all: Sealed[] = [
    { data: list, entry: { method: 'stored', crc32: crc32(list), bytes: list.length } },
    ...documents,
  ];
  const plan = planArchive(
    all.map(({ data, entry }, index) => ({
      ...entry,
      name: index === 0 ? 'opening-list.json' : `${index}.pdf`,
      storedBytes: data.length,
    })),
  );
  return joinBytes(...all.flatMap(({ data }, index) => [plan.localHeaders[index] as Uint8Array, data]), plan.ending);
}

t.test('golden bids are materialised byte for byte, and the manifest names every file', async (t) => {
  const { folder } = await places(t);
  const archive = golden('bid.zip');
  for (const name of goldenNames('valid')) {
    const { path, cek, promised } = await goldenBid(name);
    const result = await materialise(path, cek, promised, folder, LIMITS);
    if (!result.ok) throw new Error(`${name}: ${result.failure}`);
    t.strictSame(Uint8Array.from(await readFile(folder.path(result.name))), archive);
    t.equal(result.manifest.archiveSha256, digest(archive));
    t.equal(result.manifest.archiveBytes, archive.length);
    t.strictSame(
      result.manifest.entries.map((entry) => entry.name),
      ['opening-list.json', '技术标/施工组织设计.pdf', 'tool.json'],
    );
    const tool = result.manifest.entries[2];
    t.strictSame(tool, { name: 'tool.json', bytes: 24, sha256: digest(utf8('{"tool":"kaibiao","v":1}')) });
  }
});

t.test('whatever fails leaves neither name nor quarantine', async (t) => {
  const { path, folder, left } = await places(t);
  const good = await storeBid(path, archiveOf());
  const spoilt = await storeBid(path, archiveOf(), { spoilTag: true });
  const junk = await storeBid(path, utf8('no archive'));
  const other = digest(utf8('other'));
  const cases: readonly [string, StoredBid][] = [
    ['wrong_key', { ...good, cek: new Uint8Array(32) }],
    ['stored_bytes_differ', { ...good, promised: { ...good.promised, envelopeSha256: other } }],
    ['header_differs', { ...good, promised: { ...good.promised, recipientInfosSha256: other } }],
    ['tag_mismatch', spoilt],
    ['content_mismatch', { ...good, promised: { ...good.promised, contentCommit: other } }],
    ['archive_invalid', junk],
    ['opening_list_mismatch', { ...good, promised: { ...good.promised, openingListCommit: other } }],
    ['storage_unreadable', { ...good, path: join(path, 'missing') }],
  ];
  for (const [failure, bid] of cases) {
    t.match(await materialise(bid.path, bid.cek, bid.promised, folder, LIMITS), { ok: false, failure });
    t.strictSame(await left(), [], failure);
  }
});

t.test('deflated, empty and damaged files are told apart', async (t) => {
  const { path, folder } = await places(t);
  const text = utf8('技术标'.repeat(4000));
  const deflated = deflateRawSync(text);
  const entry = { method: 'deflated', crc32: crc32(text), bytes: text.length } as const;
  const archive = archiveWith([
    { data: deflated, entry },
    { data: new Uint8Array(0), entry: { method: 'stored', crc32: 0, bytes: 0 } },
    { data: deflated, entry: { ...entry, crc32: 1 } },
    { data: deflated, entry: { ...entry, bytes: text.length - 1 } },
    { data: deflated, entry: { ...entry, bytes: text.length + 1 } },
    { data: joinBytes(deflated, utf8('hidden')), entry },
    { data: deflated.subarray(0, -3), entry },
    { data: new Uint8Array(20).fill(255), entry },
    { data: text, entry: { method: 'stored', crc32: 1, bytes: text.length } },
  ]);
  const bid = await storeBid(path, archive);
  const result = await materialise(bid.path, bid.cek, bid.promised, folder, LIMITS);
  if (!result.ok) throw new Error(result.failure);
  const [, first, empty, ...damaged] = result.manifest.entries;
  t.strictSame(first, { name: '1.pdf', bytes: text.length, sha256: digest(text) });
  t.strictSame(empty, { name: '2.pdf', bytes: 0, sha256: digest(new Uint8Array(0)) });
  t.equal(damaged.length, 7);
  for (const entry of damaged) t.match(entry, { problem: 'damaged' }, entry.name);
});

t.test('a file that would unpack beyond the limit is listed unread', async (t) => {
  const { path, folder } = await places(t);
  const zeros = new Uint8Array(600_000);
  const entry = { method: 'deflated', crc32: crc32(zeros), bytes: zeros.length } as const;
  const archive = archiveWith([
    { data: deflateRawSync(zeros), entry },
    { data: deflateRawSync(zeros), entry },
  ]);
  const bid = await storeBid(path, archive);
  const result = await materialise(bid.path, bid.cek, bid.promised, folder, LIMITS);
  if (!result.ok) throw new Error(result.failure);
  t.match(result.manifest.entries[1], { sha256: digest(zeros) });
  t.strictSame(result.manifest.entries[2], { name: '2.pdf', bytes: zeros.length, problem: 'too_large' });
});

t.test('finished files can be discarded', async (t) => {
  const { path, folder, left } = await places(t);
  const bid = await storeBid(path, archiveOf());
  const result = await materialise(bid.path, bid.cek, bid.promised, folder, LIMITS);
  if (!result.ok) throw new Error(result.failure);
  t.strictSame(await left(), [result.name]);
  await folder.discard(result.name);
  await folder.discard(result.name);
  t.strictSame(await left(), []);
});
