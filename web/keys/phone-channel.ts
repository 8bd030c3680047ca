/** The sealed line between a page and a phone: two fresh keys, the secret that was scanned, and a code that both screens show; nobody between them reads or changes a word. */
import { sha256 } from '@noble/hashes/sha2.js';
import { otherSide, PHONE_CODE_DIGITS, type PhoneSide } from '../../server/client/phone-limits.ts';
import type { PhoneCode } from '../../server/client/phone-protocol.ts';
import { fromBase64Url, toBase64Url } from '../../server/core/log/base64.ts';
import { joinBytes } from '../../server/core/log/bytes.ts';
import { LogFormatError } from '../../server/core/log/error.ts';
import { utf8 } from '../../server/core/log/utf8.ts';
import { P256 } from './agreed-key.ts';
import { inOwnMemory } from './own-memory.ts';

const ID_BYTES = 16;
const SHARED_BITS = 256;
const IV_BYTES = 12;

/** One side's key of this one pairing: its private half never leaves WebCrypto, and goes with the page. */
export type FreshKey = { readonly privateKey: CryptoKey; readonly publicKey: Uint8Array };

/** A fresh P-256 key; the public half as an uncompressed point. */
export async function makeFreshKey(subtle: SubtleCrypto): Promise<FreshKey> {
  const { privateKey, publicKey } = await subtle.generateKey(P256, false, ['deriveBits']);
  return { privateKey, publicKey: new Uint8Array(await subtle.exportKey('raw', publicKey)) };
}

/**
 * The number of a page's mailbox: the digest of its key.
 *
 * Why: it stands in the code that is scanned, so a phone knows by it that the key it is then sent is the one of the screen; whoever
 *      photographed the code, and even the server, cannot put another in its place.
 */
export function mailboxIdOf(publicKey: Uint8Array): string {
  return toBase64Url(sha256(joinBytes(utf8('kaibiao-phone-id-v1\0'), publicKey)).subarray(0, ID_BYTES));
}

/** Seals a side's public key for who has scanned the code. */
export async function sealHello(
  subtle: SubtleCrypto,
  code: PhoneCode,
  from: PhoneSide,
  publicKey: Uint8Array,
): Promise<string> {
  const key = await helloKey(subtle, code, from);
  return toBase64Url(await encrypt(subtle, key, new Uint8Array(IV_BYTES), code.id, publicKey));
}

/** The other side's public key; null when it was not sealed by who knows the code, or is not the page's that was scanned. */
export async function openHello(
  subtle: SubtleCrypto,
  code: PhoneCode,
  from: PhoneSide,
  sealed: string,
): Promise<Uint8Array | null> {
  const key = await helloKey(subtle, code, from);
  const publicKey = await decrypt(subtle, key, new Uint8Array(IV_BYTES), code.id, sealed);
  return publicKey === null || (from === 'desktop' && mailboxIdOf(publicKey) !== code.id) ? null : publicKey;
}

export type PhoneChannel = {
  /** What both screens show. */
  readonly digits: string;
  /** Seals the message of this number; each number once. */
  seal(seq: number, message: Uint8Array): Promise<string>;
  /** Opens the other side's message of this number; null when it is not that. */
  open(seq: number, sealed: string): Promise<Uint8Array | null>;
};

/**
 * The line between two keys.
 *
 * Shape:   `own` of the side `side`; `other` as openHello gave it.
 * Returns: null when the other's key is no point of the curve.
 * Source:  HKDF RFC 5869 with SHA-256 over ECDH ‖ secret; AES-256-GCM, a key for each direction, the number as nonce and all else as AAD.
 * Why:     the agreed key is fresh, so who has the code later, or all that was sent, can open nothing of it; the code on the screens is
 *          drawn from both keys, so it differs wherever somebody stands between them.
 */
export async function openChannel(
  subtle: SubtleCrypto,
  code: PhoneCode,
  side: PhoneSide,
  own: FreshKey,
  other: Uint8Array,
): Promise<PhoneChannel | null> {
  const shared = await agree(subtle, own.privateKey, other);
  if (shared === null) return null;
  const [desktop, phone] = side === 'desktop' ? [own.publicKey, other] : [other, own.publicKey];
  const transcript = joinBytes(utf8(`${code.id}\0`), desktop, phone);
  const material = joinBytes(shared, fromBase64Url(code.secret));
  const root = await subtle.importKey('raw', inOwnMemory(material), 'HKDF', false, ['deriveKey', 'deriveBits']);
  shared.fill(0);
  material.fill(0);
  const directionKey = (from: PhoneSide) => deriveKey(subtle, root, `kaibiao-phone-v1 from ${from}`, transcript);
  const [ownKey, otherKey] = await Promise.all([directionKey(side), directionKey(otherSide(side))]);
  const bits = await subtle.deriveBits(terms('kaibiao-phone-v1 code', transcript), root, 32);
  const number = new DataView(bits).getUint32(0) % 10 ** PHONE_CODE_DIGITS;
  const aadOf = (from: PhoneSide, seq: number): string => `${code.id} ${from} ${seq}`;
  return {
    digits: String(number).padStart(PHONE_CODE_DIGITS, '0'),
    async seal(seq, message) {
      return toBase64Url(await encrypt(subtle, ownKey, nonceOf(seq), aadOf(side, seq), message));
    },
    open: (seq, sealed) => decrypt(subtle, otherKey, nonceOf(seq), aadOf(otherSide(side), seq), sealed),
  };
}

function nonceOf(seq: number): Uint8Array {
  const nonce = new Uint8Array(IV_BYTES);
  new DataView(nonce.buffer).setUint32(IV_BYTES - 4, seq);
  return nonce;
}

/** Each of the two is used once for one pairing: the nonce may be fixed. */
async function helloKey(subtle: SubtleCrypto, { id, secret }: PhoneCode, from: PhoneSide): Promise<CryptoKey> {
  const root = await subtle.importKey('raw', inOwnMemory(fromBase64Url(secret)), 'HKDF', false, ['deriveKey']);
  return deriveKey(subtle, root, `kaibiao-phone-v1 hello of ${from}`, utf8(id));
}

function terms(purpose: string, context: Uint8Array) {
  const info = inOwnMemory(joinBytes(utf8(`${purpose}\0`), context));
  return { name: 'HKDF', hash: 'SHA-256', salt: new Uint8Array(0), info };
}

function deriveKey(subtle: SubtleCrypto, root: CryptoKey, purpose: string, context: Uint8Array): Promise<CryptoKey> {
  const aes = { name: 'AES-GCM', length: 256 };
  return subtle.deriveKey(terms(purpose, context), root, aes, false, ['encrypt', 'decrypt']);
}

/** Null for bytes that are no point: WebCrypto says so by a DOMException. */
async function agree(subtle: SubtleCrypto, own: CryptoKey, other: Uint8Array): Promise<Uint8Array | null> {
  try {
    const open = await subtle.importKey('raw', inOwnMemory(other), P256, false, []);
    return new Uint8Array(await subtle.deriveBits({ name: 'ECDH', public: open }, own, SHARED_BITS));
  } catch (fault) {
    if (fault instanceof DOMException) return null;
    throw fault;
  }
}

async function encrypt(
  subtle: SubtleCrypto,
  key: CryptoKey,
  iv: Uint8Array,
  aad: string,
  message: Uint8Array,
): Promise<Uint8Array> {
  const how = { name: 'AES-GCM', iv: inOwnMemory(iv), additionalData: inOwnMemory(utf8(aad)) };
  return new Uint8Array(await subtle.encrypt(how, key, inOwnMemory(message)));
}

async function decrypt(
  subtle: SubtleCrypto,
  key: CryptoKey,
  iv: Uint8Array,
  aad: string,
  sealed: string,
): Promise<Uint8Array | null> {
  const how = { name: 'AES-GCM', iv: inOwnMemory(iv), additionalData: inOwnMemory(utf8(aad)) };
  try {
    return new Uint8Array(await subtle.decrypt(how, key, inOwnMemory(fromBase64Url(sealed))));
  } catch (fault) {
    if (fault instanceof DOMException || fault instanceof LogFormatError) return null;
    throw fault;
  }
}
