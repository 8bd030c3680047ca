/** How an envelope's content is enciphered: the two algorithms there are, as CMS writes them, and the profile that names each; it enciphers nothing. */
import { sameBytes } from '../log/bytes.ts';
import { type Der, derChildren, derCount, derOid, expectTag } from '../pki/der.ts';
import { TAG, writeElement, writeOid } from './der.ts';
import { EnvelopeError } from './envelope-error.ts';

/** The profile that a lodgement statement signs, and the one cipher it allows: an envelope by another is refused. */
export const PROFILE_CIPHERS = {
  'kaibiao-seal-1': 'aes_256_gcm',
  'kaibiao-seal-sm-1': 'sm4_ctr_hmac_sm3',
} as const;
export type SealProfile = keyof typeof PROFILE_CIPHERS;
export const SEAL_PROFILES = ['kaibiao-seal-1', 'kaibiao-seal-sm-1'] as const satisfies SealProfile[];
export type ContentCipher = (typeof PROFILE_CIPHERS)[SealProfile];

/** `nonce` is GCM's, or the first counter block of SM4-CTR. */
export type ContentAlgorithm = { readonly cipher: ContentCipher; readonly nonce: Uint8Array };

export const NONCE_BYTES = 12;
export const GCM_TAG_BYTES = 16;
const COUNTER_BLOCK_BYTES = 16;
const SM3_BYTES = 32;

/** Bytes of nonce and tag. */
export const CIPHER_SHAPES = {
  aes_256_gcm: { nonceBytes: NONCE_BYTES, tagBytes: GCM_TAG_BYTES },
  sm4_ctr_hmac_sm3: { nonceBytes: COUNTER_BLOCK_BYTES, tagBytes: SM3_BYTES },
} as const satisfies Record<ContentCipher, { nonceBytes: number; tagBytes: number }>;

export const OID_AES_256_GCM = '2.16.840.1.101.3.4.1.46';
/** id-alg-authEnc-256 of RFC 6476: a cipher and a MAC whose keys come from one content key of 256 bits. */
export const OID_AUTH_ENC_256 = '1.2.840.113549.1.9.16.3.16';
const OID_PBKDF2 = '1.2.840.113549.1.5.12';
/** Source: GM/T 0006-2012, as OpenSSL's sm4-ctr has it, and SM3 with a key. */
const OID_SM4_CTR = '1.2.156.10197.1.104.7';
const OID_HMAC_SM3 = '1.2.156.10197.1.401.2';

/** The profile whose cipher this is. */
export function profileOf(cipher: ContentCipher): SealProfile {
  return cipher === 'aes_256_gcm' ? 'kaibiao-seal-1' : 'kaibiao-seal-sm-1';
}

/**
 * Reads the AlgorithmIdentifier of the content.
 *
 * Throws: EnvelopeError wrong_cipher, bad_nonce, short_tag; CertificateError where it is no DER.
 * Why:    GCM's tag length must be spelt out, for its default is 12. What SM4-CTR is combined with is not negotiable: but for the
 *         counter block the bytes are the ones `writeContentAlgorithm` writes, so there is no parameter to weaken.
 * Source: RFC 5084 §3.2; RFC 6476 §4.
 */
export function readContentAlgorithm(algorithm: Der): ContentAlgorithm {
  const [oid, parameters, more] = derChildren(algorithm);
  const name = derOid(expectTag(oid, TAG.oid));
  if (more !== undefined) throw new EnvelopeError('wrong_cipher');
  if (name === OID_AES_256_GCM) return { cipher: 'aes_256_gcm', nonce: readGcmNonce(parameters) };
  if (name !== OID_AUTH_ENC_256) throw new EnvelopeError('wrong_cipher');
  const [, encryption] = derChildren(expectTag(parameters, TAG.sequence));
  const [, counter] = derChildren(expectTag(encryption, TAG.sequence));
  const nonce = expectTag(counter, TAG.octetString).content;
  if (nonce.length !== COUNTER_BLOCK_BYTES) throw new EnvelopeError('bad_nonce');
  const read = { cipher: 'sm4_ctr_hmac_sm3', nonce } as const;
  if (!sameBytes(algorithm.full, writeContentAlgorithm(read))) throw new EnvelopeError('wrong_cipher', 'parameters');
  return read;
}

function readGcmNonce(parameters: Der | undefined): Uint8Array {
  const [nonce, tagLength, another] = derChildren(expectTag(parameters, TAG.sequence));
  const { content } = expectTag(nonce, TAG.octetString);
  if (content.length !== NONCE_BYTES) throw new EnvelopeError('bad_nonce');
  if (tagLength === undefined || derCount(tagLength) !== GCM_TAG_BYTES) throw new EnvelopeError('short_tag');
  if (another !== undefined) throw new EnvelopeError('wrong_cipher', 'more than GCMParameters hold');
  return content;
}

/** The AlgorithmIdentifier that `readContentAlgorithm` reads back. Asserts: a nonce of the cipher's length. */
export function writeContentAlgorithm({ cipher, nonce }: ContentAlgorithm): Uint8Array {
  const { nonceBytes } = CIPHER_SHAPES[cipher];
  if (nonce.length !== nonceBytes) throw new RangeError(`a nonce of ${cipher} has ${nonceBytes} bytes`);
  if (cipher === 'sm4_ctr_hmac_sm3')
    return writeElement(TAG.sequence, writeOid(OID_AUTH_ENC_256), writeAuthEncParams(nonce));
  const parameters = [writeElement(TAG.octetString, nonce), writeElement(TAG.integer, Uint8Array.of(GCM_TAG_BYTES))];
  return writeElement(TAG.sequence, writeOid(OID_AES_256_GCM), writeElement(TAG.sequence, ...parameters));
}

/**
 * AuthEncParams: both keys by PBKDF2 of one iteration with HMAC-SM3, SM4-CTR from this counter block, HMAC-SM3.
 *
 * Why: the MAC is over these bytes and then the ciphertext, so that the algorithms are vouched for as the content is.
 */
export function writeAuthEncParams(counterBlock: Uint8Array): Uint8Array {
  const hmacSm3 = writeElement(TAG.sequence, writeOid(OID_HMAC_SM3));
  const pbkdf2 = writeElement(
    TAG.sequence,
    writeElement(TAG.octetString),
    writeElement(TAG.integer, Uint8Array.of(1)),
    hmacSm3,
  );
  return writeElement(
    TAG.sequence,
    writeElement(TAG.constructedContext0, writeOid(OID_PBKDF2), pbkdf2),
    writeElement(TAG.sequence, writeOid(OID_SM4_CTR), writeElement(TAG.octetString, counterBlock)),
    hmacSm3,
  );
}
