/** PKCS#12 files (RFC 7292): the keys as they lie there, of any kind, and the certificates beside them; it pairs none of them, and the ciphers are handed in. */
import { joinBytes, sameBytes } from '../log/bytes.ts';
import { utf8 } from '../log/utf8.ts';
import { type Der, derChildren, derCount, derOid, expectTag, readDerAs, TAG } from './der.ts';

/** Keys (PKCS#8, DER; the caller erases them) and certificates (DER), each kind in the order of the file. */
export type Pkcs12 = { readonly keys: readonly Uint8Array[]; readonly certificates: readonly Uint8Array[] };

export type Pkcs12Digest = 'sha1' | 'sha256' | 'sha384' | 'sha512' | 'sm3';
export type Pkcs12CipherName = 'aes-128-cbc' | 'aes-192-cbc' | 'aes-256-cbc' | 'des-ede3-cbc' | 'sm4-cbc' | Rc2Name;
/** RC2 of 40 or 128 effective bits, in files of old tools. */
export type Rc2Name = 'rc2-40-cbc' | 'rc2-cbc';

/** What the host brings. Whatever it does not know, it throws Pkcs12Unknown of. */
export type Pkcs12Crypto = {
  hash(digest: Pkcs12Digest, data: Uint8Array): Uint8Array;
  hmac(digest: Pkcs12Digest, key: Uint8Array, data: Uint8Array): Uint8Array;
  /** PBKDF2 (RFC 8018 §5.2). */
  pbkdf2(
    digest: Pkcs12Digest,
    terms: { password: Uint8Array; salt: Uint8Array; iterations: number; bytes: number },
  ): Promise<Uint8Array>;
  /** CBC with the padding of PKCS#7. Throws: Pkcs12Unopened where the padding is wrong. */
  decipher(cipher: Pkcs12CipherName, key: Uint8Array, iv: Uint8Array, data: Uint8Array): Promise<Uint8Array>;
};

/** The file is not in DER, or enciphered in a way that is not known here: another reader may know it. */
export class Pkcs12Unknown extends Error {
  override readonly name = 'Pkcs12Unknown';
}

/** The password is not the file's own, or the file was changed, or it would cost more rounds than anybody asks for. */
export class Pkcs12Unopened extends Error {
  override readonly name = 'Pkcs12Unopened';
}

/** More rounds than any tool makes; a file that asks for more wants to keep the processor busy. */
export const ITERATIONS_LIMIT = 10_000_000;
/** Bags within bags. */
const DEPTH_LIMIT = 4;

const EXPLICIT = 0xa0;
const OCTETS = 0x80;
const OID = {
  data: '1.2.840.113549.1.7.1',
  encryptedData: '1.2.840.113549.1.7.6',
  keyBag: '1.2.840.113549.1.12.10.1.1',
  shroudedKeyBag: '1.2.840.113549.1.12.10.1.2',
  certificateBag: '1.2.840.113549.1.12.10.1.3',
  safeContentsBag: '1.2.840.113549.1.12.10.1.6',
  x509Certificate: '1.2.840.113549.1.9.22.1',
  pbes2: '1.2.840.113549.1.5.13',
  pbkdf2: '1.2.840.113549.1.5.12',
} as const;

/** Bytes of a digest's block: what the derivation of RFC 7292 goes by. */
const DIGESTS: Readonly<Record<string, { readonly name: Pkcs12Digest; readonly blockBytes: number }>> = {
  '1.3.14.3.2.26': { name: 'sha1', blockBytes: 64 },
  '2.16.840.1.101.3.4.2.1': { name: 'sha256', blockBytes: 64 },
  '2.16.840.1.101.3.4.2.2': { name: 'sha384', blockBytes: 128 },
  '2.16.840.1.101.3.4.2.3': { name: 'sha512', blockBytes: 128 },
  '1.2.156.10197.1.401': { name: 'sm3', blockBytes: 64 },
};
const PSEUDORANDOM: Readonly<Record<string, Pkcs12Digest>> = {
  '1.2.840.113549.2.7': 'sha1',
  '1.2.840.113549.2.9': 'sha256',
  '1.2.840.113549.2.10': 'sha384',
  '1.2.840.113549.2.11': 'sha512',
  '1.2.156.10197.1.401.2': 'sm3',
};
const CIPHERS: Readonly<Record<string, { readonly name: Pkcs12CipherName; readonly keyBytes: number }>> = {
  '2.16.840.1.101.3.4.1.2': { name: 'aes-128-cbc', keyBytes: 16 },
  '2.16.840.1.101.3.4.1.22': { name: 'aes-192-cbc', keyBytes: 24 },
  '2.16.840.1.101.3.4.1.42': { name: 'aes-256-cbc', keyBytes: 32 },
  '1.2.840.113549.3.7': { name: 'des-ede3-cbc', keyBytes: 24 },
  '1.2.156.10197.1.104.2': { name: 'sm4-cbc', keyBytes: 16 },
};

/** Derived by RFC 7292 appendix B with SHA-1; their blocks have 8 bytes. Source: RFC 7292 appendix C. */
const OLD_CIPHERS: Readonly<Record<string, { readonly name: Pkcs12CipherName; readonly keyBytes: number }>> = {
  '1.2.840.113549.1.12.1.3': { name: 'des-ede3-cbc', keyBytes: 24 },
  '1.2.840.113549.1.12.1.5': { name: 'rc2-cbc', keyBytes: 16 },
  '1.2.840.113549.1.12.1.6': { name: 'rc2-40-cbc', keyBytes: 5 },
};
const OLD_BLOCK_BYTES = 8;

/**
 * Reads a file.
 *
 * Throws: Pkcs12Unopened; Pkcs12Unknown; CertificateError where it is no DER.
 * Why:    libraries know RSA keys only, and passwords in ASCII. The MAC is checked before anything is believed.
 */
export async function readPkcs12(crypto: Pkcs12Crypto, file: Uint8Array, password: string): Promise<Pkcs12> {
  const [version, authSafe, mac, more] = derChildren(readDerAs(file, TAG.sequence));
  if (more !== undefined || derCount(expectTag(version, TAG.integer)) !== 3) throw new Pkcs12Unknown('another version');
  const content = dataOf(contentInfo(expectTag(authSafe, TAG.sequence)));
  // without a MAC it is signed by a key, and whose that is nobody here could say
  checkMac(crypto, expectTag(mac, TAG.sequence), content, password);
  const found: Found = { keys: [], certificates: [] };
  for (const part of derChildren(readDerAs(content, TAG.sequence)))
    await collect(crypto, await safeContents(crypto, contentInfo(part), password), password, found, 0);
  return found;
}

type Found = { readonly keys: Uint8Array[]; readonly certificates: Uint8Array[] };

type ContentInfo = { readonly type: string; readonly content: Der };
function contentInfo(element: Der): ContentInfo {
  const [type, content] = derChildren(expectTag(element, TAG.sequence));
  const [inner] = derChildren(expectTag(content, EXPLICIT));
  if (inner === undefined) throw new Pkcs12Unknown('no content');
  return { type: derOid(expectTag(type, TAG.oid)), content: inner };
}

function dataOf({ type, content }: ContentInfo): Uint8Array {
  if (type !== OID.data) throw new Pkcs12Unknown(`content of type ${type}`);
  return expectTag(content, TAG.octetString).content;
}

async function safeContents(crypto: Pkcs12Crypto, info: ContentInfo, password: string): Promise<Uint8Array> {
  if (info.type !== OID.encryptedData) return dataOf(info);
  const [, encrypted] = derChildren(expectTag(info.content, TAG.sequence));
  const [type, algorithm, ciphertext] = derChildren(expectTag(encrypted, TAG.sequence));
  if (derOid(expectTag(type, TAG.oid)) !== OID.data) throw new Pkcs12Unknown('encrypted content of another type');
  return decipher(crypto, expectTag(algorithm, TAG.sequence), expectTag(ciphertext, OCTETS).content, password);
}

async function collect(
  crypto: Pkcs12Crypto,
  contents: Uint8Array,
  password: string,
  found: Found,
  depth: number,
): Promise<void> {
  if (depth > DEPTH_LIMIT) throw new Pkcs12Unknown('bags within bags');
  for (const bag of derChildren(readDerAs(contents, TAG.sequence))) {
    const [type, wrapped] = derChildren(expectTag(bag, TAG.sequence));
    const [value] = derChildren(expectTag(wrapped, EXPLICIT));
    if (value === undefined) throw new Pkcs12Unknown('an empty bag');
    switch (derOid(expectTag(type, TAG.oid))) {
      case OID.keyBag:
        found.keys.push(Uint8Array.from(value.full));
        break;
      case OID.shroudedKeyBag: {
        // EncryptedPrivateKeyInfo (RFC 5958 §3)
        const [algorithm, ciphertext] = derChildren(expectTag(value, TAG.sequence));
        const shrouded = expectTag(ciphertext, TAG.octetString).content;
        found.keys.push(await decipher(crypto, expectTag(algorithm, TAG.sequence), shrouded, password));
        break;
      }
      case OID.certificateBag: {
        const [kind, certificate] = derChildren(expectTag(value, TAG.sequence));
        if (derOid(expectTag(kind, TAG.oid)) !== OID.x509Certificate) break;
        const [der] = derChildren(expectTag(certificate, EXPLICIT));
        found.certificates.push(Uint8Array.from(expectTag(der, TAG.octetString).content));
        break;
      }
      case OID.safeContentsBag:
        await collect(crypto, value.full, password, found, depth + 1);
        break;
      default:
      // lists and secrets are nothing to us
    }
  }
}

function checkMac(crypto: Pkcs12Crypto, mac: Der, content: Uint8Array, password: string): void {
  const [digestInfo, salt, rounds] = derChildren(mac);
  const [algorithm, expected] = derChildren(expectTag(digestInfo, TAG.sequence));
  const digest = DIGESTS[algorithmOf(expectTag(algorithm, TAG.sequence)).oid];
  if (digest === undefined) throw new Pkcs12Unknown('MAC of another digest');
  const iterations = rounds === undefined ? 1 : iterationsOf(rounds);
  const bytes = crypto.hash(digest.name, new Uint8Array()).length;
  const key = deriveKey(crypto, {
    digest,
    password,
    salt: expectTag(salt, TAG.octetString).content,
    iterations,
    id: 3,
    bytes,
  });
  // a file of one's own on one's own machine: nobody measures how long this takes
  const isGenuine = sameBytes(crypto.hmac(digest.name, key, content), expectTag(expected, TAG.octetString).content);
  if (!isGenuine) throw new Pkcs12Unopened('the MAC does not fit');
}

async function decipher(
  crypto: Pkcs12Crypto,
  algorithm: Der,
  ciphertext: Uint8Array,
  password: string,
): Promise<Uint8Array> {
  const { oid, parameters } = algorithmOf(algorithm);
  if (parameters === undefined) throw new Pkcs12Unknown(`cipher ${oid}`);
  const old = OLD_CIPHERS[oid];
  if (old !== undefined) {
    const [salt, rounds] = derChildren(expectTag(parameters, TAG.sequence));
    const digest = { name: 'sha1', blockBytes: 64 } as const;
    const terms = {
      digest,
      password,
      salt: expectTag(salt, TAG.octetString).content,
      iterations: iterationsOf(rounds),
    };
    const key = deriveKey(crypto, { ...terms, id: 1, bytes: old.keyBytes });
    return crypto.decipher(old.name, key, deriveKey(crypto, { ...terms, id: 2, bytes: OLD_BLOCK_BYTES }), ciphertext);
  }
  if (oid !== OID.pbes2) throw new Pkcs12Unknown(`cipher ${oid}`);
  const [derivation, scheme] = derChildren(expectTag(parameters, TAG.sequence));
  const kdf = algorithmOf(expectTag(derivation, TAG.sequence));
  if (kdf.oid !== OID.pbkdf2) throw new Pkcs12Unknown(`derivation ${kdf.oid}`);
  const [salt, rounds, ...rest] = derChildren(expectTag(kdf.parameters, TAG.sequence));
  const pseudorandom = rest.find(({ tag }) => tag === TAG.sequence);
  const hash = pseudorandom === undefined ? 'sha1' : PSEUDORANDOM[algorithmOf(pseudorandom).oid];
  const named = algorithmOf(expectTag(scheme, TAG.sequence));
  const cipher = CIPHERS[named.oid];
  if (hash === undefined || cipher === undefined) throw new Pkcs12Unknown(`cipher ${named.oid}`);
  const key = await crypto.pbkdf2(hash, {
    password: utf8(password),
    salt: expectTag(salt, TAG.octetString).content,
    iterations: iterationsOf(rounds),
    bytes: cipher.keyBytes,
  });
  return crypto.decipher(cipher.name, key, expectTag(named.parameters, TAG.octetString).content, ciphertext);
}

function algorithmOf(element: Der): { readonly oid: string; readonly parameters: Der | undefined } {
  const [oid, parameters] = derChildren(element);
  return { oid: derOid(expectTag(oid, TAG.oid)), parameters };
}

function iterationsOf(element: Der | undefined): number {
  const iterations = derCount(expectTag(element, TAG.integer));
  // refused for good: no other reader would be quicker
  if (iterations < 1 || iterations > ITERATIONS_LIMIT) throw new Pkcs12Unopened('more rounds than anybody asks for');
  return iterations;
}

/** RFC 7292 appendix B.2: `id` 1 for a key, 2 for an initial value, 3 for a MAC's key; the password as UTF-16, big-endian, with its end. */
function deriveKey(
  crypto: Pkcs12Crypto,
  terms: {
    readonly digest: { readonly name: Pkcs12Digest; readonly blockBytes: number };
    readonly password: string;
    readonly salt: Uint8Array;
    readonly iterations: number;
    readonly id: number;
    readonly bytes: number;
  },
): Uint8Array {
  const { digest, iterations, bytes } = terms;
  const { blockBytes } = digest;
  const password = utf16(`${terms.password}\0`);
  const filled = (from: Uint8Array): Uint8Array =>
    Uint8Array.from({ length: Math.ceil(from.length / blockBytes) * blockBytes }, (_, i) => from[i % from.length] ?? 0);
  const input = joinBytes(filled(terms.salt), filled(password));
  const diversifier = new Uint8Array(blockBytes).fill(terms.id);
  const parts: Uint8Array[] = [];
  for (let made = 0; made < bytes; ) {
    let block = crypto.hash(digest.name, joinBytes(diversifier, input));
    for (let round = 1; round < iterations; round++) block = crypto.hash(digest.name, block);
    parts.push(block);
    made += block.length;
    for (let at = 0; at < input.length; at += blockBytes) addOneMore(input.subarray(at, at + blockBytes), block);
  }
  return joinBytes(...parts).subarray(0, bytes);
}

/** input := input + block, repeated to its length, + 1, as big-endian numbers of that length. */
function addOneMore(input: Uint8Array, block: Uint8Array): void {
  let carry = 1;
  for (let at = input.length - 1; at >= 0; at--) {
    carry += (input[at] ?? 0) + (block[at % block.length] ?? 0);
    input[at] = carry & 0xff;
    carry >>= 8;
  }
}

/** Big-endian UTF-16 (BMPString). */
function utf16(text: string): Uint8Array {
  const bytes = new Uint8Array(2 * text.length);
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    bytes[2 * at] = unit >> 8;
    bytes[2 * at + 1] = unit & 0xff;
  }
  return bytes;
}
