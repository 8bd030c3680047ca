/** SM3 in plain arithmetic, for where the host has none: browsers. Node.js hashes by OpenSSL instead (server/sm2.ts). */

const BLOCK_BYTES = 64;
const LENGTH_BYTES = 8;
const WORDS = 68;
const ROUNDS = 64;
/** From this round on T, FF and GG are others. */
const TURN = 16;
const IV = [0x7380166f, 0x4914b2b9, 0x172442d7, 0xda8a0600, 0xa96f30bc, 0x163138aa, 0xe38dee4d, 0xb0fb0e4e] as const;

const rotated = (word: number, by: number): number => (word << (by & 31)) | (word >>> ((32 - by) & 31));
const p0 = (x: number): number => x ^ rotated(x, 9) ^ rotated(x, 17);
const p1 = (x: number): number => x ^ rotated(x, 15) ^ rotated(x, 23);

/**
 * SM3 of all bytes given.
 *
 * Returns: 32 bytes.
 * Source:  GM/T 0004-2012 (GB/T 32905-2016) §5.
 */
export function sm3(data: Uint8Array): Uint8Array {
  const blocks = padded(data);
  const state = Int32Array.from(IV);
  for (let at = 0; at < blocks.length; at += BLOCK_BYTES) compress(state, blocks.subarray(at, at + BLOCK_BYTES));
  const view = new DataView(new ArrayBuffer(4 * IV.length));
  state.forEach((word, at) => {
    view.setInt32(4 * at, word);
  });
  return new Uint8Array(view.buffer);
}

/** The message, a one bit, zeroes, and its length in bits as 64 of them. */
function padded(data: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(Math.ceil((data.length + 1 + LENGTH_BYTES) / BLOCK_BYTES) * BLOCK_BYTES);
  bytes.set(data);
  bytes[data.length] = 0x80;
  const view = new DataView(bytes.buffer);
  view.setUint32(bytes.length - LENGTH_BYTES, Math.floor(data.length / 2 ** 29));
  view.setUint32(bytes.length - LENGTH_BYTES / 2, (data.length * 8) % 2 ** 32);
  return bytes;
}

function compress(state: Int32Array, block: Uint8Array): void {
  const words = expanded(block);
  let [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0] = state;
  for (let round = 0; round < ROUNDS; round++) {
    const isEarly = round < TURN;
    const constant = rotated(isEarly ? 0x79cc4519 : 0x7a879d8a, round);
    const ss1 = rotated((rotated(a, 12) + e + constant) | 0, 7);
    const ff = isEarly ? a ^ b ^ c : (a & b) | (a & c) | (b & c);
    const gg = isEarly ? e ^ f ^ g : (e & f) | (~e & g);
    const word = words[round] ?? 0;
    const tt1 = (ff + d + (ss1 ^ rotated(a, 12)) + (word ^ (words[round + 4] ?? 0))) | 0;
    const tt2 = (gg + h + ss1 + word) | 0;
    [d, c, b, a] = [c, rotated(b, 9), a, tt1];
    [h, g, f, e] = [g, rotated(f, 19), e, p0(tt2)];
  }
  [a, b, c, d, e, f, g, h].forEach((word, at) => {
    state[at] = (state[at] ?? 0) ^ word;
  });
}

function expanded(block: Uint8Array): Int32Array {
  const view = new DataView(block.buffer, block.byteOffset, block.length);
  const words = new Int32Array(WORDS);
  const at = (index: number): number => words[index] ?? 0;
  for (let index = 0; index < TURN; index++) words[index] = view.getInt32(4 * index);
  for (let index = TURN; index < WORDS; index++)
    words[index] =
      p1(at(index - 16) ^ at(index - 9) ^ rotated(at(index - 3), 15)) ^ rotated(at(index - 13), 7) ^ at(index - 6);
  return words;
}
