/** CRC-32 as ZIP uses it, eight bytes at a time: a bid's documents are read for it before they are sealed. */

const STRIDE = 8;
/** TABLES[n][octet]: what an octet leaves with n more behind it. */
const TABLES = makeTables();

function makeTables(): readonly Int32Array[] {
  const first = Int32Array.from({ length: 256 }, (_, octet) => {
    let remainder = octet;
    for (let bit = 0; bit < 8; bit++) remainder = remainder & 1 ? 0xedb88320 ^ (remainder >>> 1) : remainder >>> 1;
    return remainder;
  });
  const tables = [first];
  for (let n = 1; n < STRIDE; n++) {
    const before = tables[n - 1] as Int32Array;
    tables.push(before.map((left) => (left >>> 8) ^ (first[left & 0xff] as number)));
  }
  return tables;
}

/** The CRC of what went before and these bytes, an unsigned 32-bit number; 0 before the first. */
export function crc32Of(bytes: Uint8Array, before: number): number {
  const [t0, t1, t2, t3, t4, t5, t6, t7] = TABLES as [
    Int32Array,
    Int32Array,
    Int32Array,
    Int32Array,
    Int32Array,
    Int32Array,
    Int32Array,
    Int32Array,
  ];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const whole = bytes.length - (bytes.length % STRIDE);
  let crc = ~before;
  for (let at = 0; at < whole; at += STRIDE) {
    const low = crc ^ view.getInt32(at, true);
    const high = view.getInt32(at + 4, true);
    crc =
      (t7[low & 0xff] as number) ^
      (t6[(low >>> 8) & 0xff] as number) ^
      (t5[(low >>> 16) & 0xff] as number) ^
      (t4[low >>> 24] as number) ^
      (t3[high & 0xff] as number) ^
      (t2[(high >>> 8) & 0xff] as number) ^
      (t1[(high >>> 16) & 0xff] as number) ^
      (t0[high >>> 24] as number);
  }
  for (let at = whole; at < bytes.length; at++)
    crc = (t0[(crc ^ (bytes[at] as number)) & 0xff] as number) ^ (crc >>> 8);
  return ~crc >>> 0;
}
