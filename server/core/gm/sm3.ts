/** SM3 in plain arithmetic, whole or in pieces, for where the host has none: browsers. Node.js hashes by OpenSSL instead (server/sm2.ts). */
import { BLOCK_BYTES, type StreamingHash, startBlockHash, startHmac } from '../log/block-hash.ts';

const WORDS = 68;
const ROUNDS = 64;
/** From this round on T, FF and GG are others. */
const TURN = 16;
const IV = [0x7380166f, 0x4914b2b9, 0x172442d7, 0xda8a0600, 0xa96f30bc, 0x163138aa, 0xe38dee4d, 0xb0fb0e4e] as const;

const rotated = (word: number, by: number): number => (word << by) | (word >>> (32 - by));
const p0 = (x: number): number => x ^ rotated(x, 9) ^ rotated(x, 17);
const p1 = (x: number): number => x ^ rotated(x, 15) ^ rotated(x, 23);
/** T of each round, turned by its number. */
const CONSTANTS = Int32Array.from({ length: ROUNDS }, (_, round) => {
  const constant = round < TURN ? 0x79cc4519 : 0x7a879d8a;
  return (constant << (round & 31)) | (constant >>> ((32 - round) & 31));
});

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
export function startSm3(): StreamingHash {
  const words = new Int32Array(WORDS);
  return startBlockHash(IV, (state, view, from, to) => {
    for (let at = from; at < to; at += BLOCK_BYTES) compress(state, words, view, at);
  });
}

/** Starts HMAC-SM3. Shape: the key is the caller's to erase; one longer than a block is hashed first. */
export function startHmacSm3(key: Uint8Array): StreamingHash {
  return startHmac(startSm3, key.length > BLOCK_BYTES ? sm3(key) : key);
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
