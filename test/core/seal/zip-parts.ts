/** ZIP archives put together from parts, so that a test can make exactly one record lie. */
import { joinBytes } from '../../../server/core/log/bytes.ts';
import { utf8 } from '../../../server/core/log/utf8.ts';
import { planArchive } from '../../../server/core/seal/archive-writing.ts';
import { crc32 } from '../../../server/core/seal/crc32.ts';

export type Part = { name: string; bytes: Uint8Array };

/** A right archive with stored entries. */
export function zipOf(parts: readonly Part[]): Uint8Array {
  const plan = planArchive(
    parts.map(({ name, bytes }) => ({
      name,
      method: 'stored' as const,
      crc32: crc32(bytes),
      bytes: bytes.length,
      storedBytes: bytes.length,
    })),
  );
  return joinBytes(
    ...parts.flatMap(({ bytes }, index) => [plan.localHeaders[index] as Uint8Array, bytes]),
    plan.ending,
  );
}

/** The opening list of these tests; any bytes do, the archive reader does not look into them. */
export const LIST: Part = { name: 'opening-list.json', bytes: utf8('{"price":"12800000.00"}') };
export const DOCUMENT: Part = { name: '技术标.pdf', bytes: new Uint8Array(5000).fill(0x41) };

export type Field = { at: number; value: number; width: 2 | 4 };

/** Offsets of the records of a right archive, found by their signatures (no entry's bytes contain one). */
export function recordsOf(archive: Uint8Array): { local: number[]; central: number[]; end: number } {
  const view = new DataView(archive.buffer, archive.byteOffset, archive.length);
  const found: Record<number, number[]> = { 67324752: [], 33639248: [], 101010256: [] };
  for (let at = 0; at + 4 <= archive.length; at++) found[view.getUint32(at, true)]?.push(at);
  return { local: found[0x04034b50] ?? [], central: found[0x02014b50] ?? [], end: found[0x06054b50]?.[0] ?? -1 };
}

/** `archive` with some numbers overwritten. */
export function withFields(archive: Uint8Array, ...fields: Field[]): Uint8Array {
  const copy = archive.slice();
  const view = new DataView(copy.buffer);
  for (const { at, value, width } of fields) {
    if (width === 2) view.setUint16(at, value, true);
    else view.setUint32(at, value, true);
  }
  return copy;
}

/** `archive` with `inserted` at `at`, nothing else adjusted. */
export function withInserted(archive: Uint8Array, at: number, inserted: Uint8Array): Uint8Array {
  return joinBytes(archive.subarray(0, at), inserted, archive.subarray(at));
}
