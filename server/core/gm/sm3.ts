/** SM3 in plain arithmetic, whole or in pieces, for where the host has none: browsers. Node.js hashes by OpenSSL instead (server/sm2.ts). */

export const SM3_BLOCK_BYTES = 64;
const LENGTH_BYTES = 8;
const WORDS = 68;
const ROUNDS = 64;
/** From this round on T, FF and GG are others. */
const TURN = 16;
const IV = [0x7380166f, 0x4914b2b9, 0x172442d7, 0xda8a0600, 0xa96f30bc, 0x163138aa, 0xe38dee4d, 0xb0fb0e4e] as const;
const INNER_PAD = 0x36;
const OUTER_PAD = 0x5c;

const rotated = (word: number, by: number): number => (word << by) | (word >>> (32 - by));
const p0 = (x: number): number => x ^ rotated(x, 9) ^ rotated(x, 17);
const p1 = (x: number): number => x ^ rotated(x, 15) ^ rotated(x, 23);
/** T of each round, turned by its number. */
const CONSTANTS = Int32Array.from({ length: ROUNDS }, (_, round) => {
  const constant = round < TURN ? 0x79cc4519 : 0x7a879d8a;
  return (constant << (round & 31)) | (constant >>> ((32 - round) & 31));
});

/** A hash in pieces. Shape: used no more once its digest was taken. */
export type StreamingSm3 = { update(bytes: Uint8Array): void; digest(): Uint8Array };

/**
 * SM3 of all bytes given.
 *
 * Returns: 32 bytes.
 * Source:  GM/T 0004-2012 (GB/T 32905-2016) §5.
 */
export function sm3(data: Uint8Array): Uint8Array {
  const hash = startSm3();
  hash.update(data);
  return hash.digest();
}

/** Starts SM3 over bytes that come in pieces of any length. */
export function startSm3(): StreamingSm3 {
  const state = Int32Array.from(IV);
  const words = new Int32Array(WORDS);
  const rest = new Uint8Array(SM3_BLOCK_BYTES);
  let restBytes = 0;
  let total = 0;

  function take(bytes: Uint8Array): number {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    let at = 0;
    for (; at + SM3_BLOCK_BYTES <= bytes.length; at += SM3_BLOCK_BYTES) compress(state, words, view, at);
    return at;
  }
  function update(bytes: Uint8Array): void {
    total += bytes.length;
    let from = 0;
    if (restBytes > 0) {
      from = Math.min(SM3_BLOCK_BYTES - restBytes, bytes.length);
      rest.set(bytes.subarray(0, from), restBytes);
      restBytes += from;
      if (restBytes < SM3_BLOCK_BYTES) return;
      take(rest);
    }
    const left = bytes.subarray(from);
    const over = left.subarray(take(left));
    rest.set(over);
    restBytes = over.length;
  }

  return {
    update,
    /** A one bit, zeroes, and the length in bits as 64 of them. */
    digest() {
      const bits = total * 8;
      const blocks = Math.ceil((restBytes + 1 + LENGTH_BYTES) / SM3_BLOCK_BYTES);
      const padding = new Uint8Array(blocks * SM3_BLOCK_BYTES - restBytes);
      padding[0] = 0x80;
      const length = new DataView(padding.buffer, padding.length - LENGTH_BYTES);
      length.setUint32(0, Math.floor(bits / 2 ** 32));
      length.setUint32(LENGTH_BYTES / 2, bits % 2 ** 32);
      update(padding);
      const digest = new DataView(new ArrayBuffer(4 * IV.length));
      state.forEach((word, at) => {
        digest.setInt32(4 * at, word);
      });
      return new Uint8Array(digest.buffer);
    },
  };
}

/** Starts HMAC-SM3. Shape: the key is the caller's to erase; one longer than a block is hashed first. Source: RFC 2104 §2. */
export function startHmacSm3(key: Uint8Array): StreamingSm3 {
  const own = key.length > SM3_BLOCK_BYTES ? sm3(key) : key;
  const padded = (pad: number) => Uint8Array.from({ length: SM3_BLOCK_BYTES }, (_, at) => (own[at] ?? 0) ^ pad);
  const [inner, outer] = [startSm3(), startSm3()];
  inner.update(padded(INNER_PAD));
  outer.update(padded(OUTER_PAD));
  return {
    update: inner.update,
    digest() {
      outer.update(inner.digest());
      return outer.digest();
    },
  };
}

/** HMAC-SM3 of all bytes given, of 32 bytes. */
export function hmacSm3(key: Uint8Array, data: Uint8Array): Uint8Array {
  const mac = startHmacSm3(key);
  mac.update(data);
  return mac.digest();
}

/**
 * The block of `view` at `from` into the state; `words` is a place to work in.
 *
 * Why:    the rounds before and behind the turn in loops of their own, for to choose within one takes longer than the round.
 * Source: GM/T 0004-2012 §5.3.
 */
function compress(state: Int32Array, words: Int32Array, view: DataView, from: number): void {
  expand(words, view, from);
  // read one by one: taking a typed array apart asks its iterator, which takes longer than the rounds
  let a = state[0] as number;
  let b = state[1] as number;
  let c = state[2] as number;
  let d = state[3] as number;
  let e = state[4] as number;
  let f = state[5] as number;
  let g = state[6] as number;
  let h = state[7] as number;
  for (let round = 0; round < TURN; round++) {
    const turned = rotated(a, 12);
    const ss1 = rotated((turned + e + (CONSTANTS[round] as number)) | 0, 7);
    const word = words[round] as number;
    const tt1 = ((a ^ b ^ c) + d + (ss1 ^ turned) + (word ^ (words[round + 4] as number))) | 0;
    const tt2 = ((e ^ f ^ g) + h + ss1 + word) | 0;
    d = c;
    c = rotated(b, 9);
    b = a;
    a = tt1;
    h = g;
    g = rotated(f, 19);
    f = e;
    e = p0(tt2);
  }
  for (let round = TURN; round < ROUNDS; round++) {
    const turned = rotated(a, 12);
    const ss1 = rotated((turned + e + (CONSTANTS[round] as number)) | 0, 7);
    const word = words[round] as number;
    const tt1 = (((a & b) | (c & (a | b))) + d + (ss1 ^ turned) + (word ^ (words[round + 4] as number))) | 0;
    const tt2 = ((g ^ (e & (f ^ g))) + h + ss1 + word) | 0;
    d = c;
    c = rotated(b, 9);
    b = a;
    a = tt1;
    h = g;
    g = rotated(f, 19);
    f = e;
    e = p0(tt2);
  }
  state[0] = (state[0] as number) ^ a;
  state[1] = (state[1] as number) ^ b;
  state[2] = (state[2] as number) ^ c;
  state[3] = (state[3] as number) ^ d;
  state[4] = (state[4] as number) ^ e;
  state[5] = (state[5] as number) ^ f;
  state[6] = (state[6] as number) ^ g;
  state[7] = (state[7] as number) ^ h;
}

function expand(words: Int32Array, view: DataView, from: number): void {
  for (let index = 0; index < TURN; index++) words[index] = view.getInt32(from + 4 * index);
  for (let index = TURN; index < WORDS; index++) {
    const mixed =
      (words[index - 16] as number) ^ (words[index - 9] as number) ^ rotated(words[index - 3] as number, 15);
    words[index] = p1(mixed) ^ rotated(words[index - 13] as number, 7) ^ (words[index - 6] as number);
  }
}
