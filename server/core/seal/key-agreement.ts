/** The KeyAgreeRecipientInfo of an envelope: ECDH with a fresh P-256 key of the sealing tool (RFC 5753 §3.1); it agrees on no key itself. */
import { type Der, derBitBytes, derChildren, derInteger, derOid, expectTag, readDer } from '../pki/der.ts';
import { TAG, writeElement, writeOid } from './der.ts';
import { EnvelopeError } from './envelope-error.ts';
import { type RecipientIdentifier, readIssuerAndSerial, writeIssuerAndSerial } from './recipient-identifier.ts';

export const OID_EC_PUBLIC_KEY = '1.2.840.10045.2.1';
export const OID_P256 = '1.2.840.10045.3.1.7';
/** dhSinglePass-stdDH-sha256kdf-scheme. */
const OID_STD_DH_SHA256_KDF = '1.3.132.1.11.1';
const OID_AES256_WRAP = '2.16.840.1.101.3.4.1.45';

/** An uncompressed point: 04, x, y. */
export const P256_POINT_BYTES = 65;
const UNCOMPRESSED = 0x04;
/** RFC 3394 adds 8 bytes to the 32 of a content key. */
export const AES_WRAPPED_KEY_BYTES = 40;
const VERSION = 3;
const KEK_BITS = Uint8Array.of(0, 0, 1, 0);

export type AgreedKey = {
  /** The sealing tool's key for this one envelope, an uncompressed point. */
  ephemeralKey: Uint8Array;
  /** The content key under AES-256 key wrap. */
  encryptedKey: Uint8Array;
  identifier: RecipientIdentifier;
};

/**
 * Reads what the [1] of a RecipientInfo holds.
 *
 * Shape:  originatorKey on P-256, no ukm, stdDH-sha256kdf with aes256-wrap, exactly one RecipientEncryptedKey.
 * Throws: EnvelopeError bad_version, two_recipients, no_recipient, unsupported_recipient, bad_der; CertificateError.
 * Why:    a ukm would be bound by the key derivation, but no tool we know writes one; what is not needed is refused.
 */
export function readKeyAgreement(info: Der): AgreedKey {
  const [version, originator, afterOriginator, ...rest] = derChildren(info);
  const [versionOctet, moreVersion] = derInteger(expectTag(version, TAG.integer));
  if (versionOctet !== VERSION || moreVersion !== undefined)
    throw new EnvelopeError('bad_version', 'of the RecipientInfo');
  const ephemeralKey = readOriginator(expectTag(originator, TAG.constructedContext0));
  if (afterOriginator?.tag === TAG.constructedContext1) throw new EnvelopeError('unsupported_recipient', 'a ukm');
  checkAlgorithm(expectTag(afterOriginator, TAG.sequence));
  const [keys, more] = rest;
  if (more !== undefined) throw new EnvelopeError('bad_der', 'more than a KeyAgreeRecipientInfo holds');
  const [key, another] = derChildren(expectTag(keys, TAG.sequence));
  if (key === undefined) throw new EnvelopeError('no_recipient');
  if (another !== undefined) throw new EnvelopeError('two_recipients');
  return { ephemeralKey, ...readEncryptedKey(expectTag(key, TAG.sequence)) };
}

/** The [1] that `readKeyAgreement` reads back. */
export function writeKeyAgreement({ ephemeralKey, encryptedKey, identifier }: AgreedKey): Uint8Array {
  const publicKey = writeElement(TAG.bitString, Uint8Array.of(0), ephemeralKey);
  const algorithm = writeElement(TAG.sequence, writeOid(OID_EC_PUBLIC_KEY));
  const rid =
    'subjectKeyIdentifier' in identifier
      ? writeElement(TAG.constructedContext0, writeElement(TAG.octetString, identifier.subjectKeyIdentifier))
      : writeIssuerAndSerial(identifier);
  return writeElement(
    TAG.constructedContext1,
    writeElement(TAG.integer, Uint8Array.of(VERSION)),
    writeElement(TAG.constructedContext0, writeElement(TAG.constructedContext1, algorithm, publicKey)),
    writeElement(TAG.sequence, writeOid(OID_STD_DH_SHA256_KDF), writeElement(TAG.sequence, writeOid(OID_AES256_WRAP))),
    writeElement(TAG.sequence, writeElement(TAG.sequence, rid, writeElement(TAG.octetString, encryptedKey))),
  );
}

/**
 * What is hashed behind the shared secret and a counter to give the key that wraps the content key: ECC-CMS-SharedInfo.
 *
 * Source: RFC 5753 §7.2; X9.63: KEK = SHA-256(Z ‖ 00000001 ‖ this), whose 32 bytes are all that is needed.
 */
export function sharedInfo(): Uint8Array {
  return writeElement(
    TAG.sequence,
    writeElement(TAG.sequence, writeOid(OID_AES256_WRAP)),
    writeElement(TAG.constructedContext2, writeElement(TAG.octetString, KEK_BITS)),
  );
}

function readOriginator(originator: Der): Uint8Array {
  const choice = readDer(originator.content);
  if (choice.tag !== TAG.constructedContext1)
    throw new EnvelopeError('unsupported_recipient', 'the originator’s key stands elsewhere');
  const [algorithm, key, more] = derChildren(choice);
  if (more !== undefined) throw new EnvelopeError('bad_der', 'more than an OriginatorPublicKey holds');
  const [oid, curve, moreAlgorithm] = derChildren(expectTag(algorithm, TAG.sequence));
  // RFC 5753 §3.1.1: absent, NULL or the curve; where it says one, it must be ours.
  const isNull = curve === undefined || (curve.tag === TAG.null && curve.content.length === 0);
  const isP256 = isNull || (curve.tag === TAG.oid && derOid(curve) === OID_P256);
  if (derOid(expectTag(oid, TAG.oid)) !== OID_EC_PUBLIC_KEY || !isP256 || moreAlgorithm !== undefined)
    throw new EnvelopeError('unsupported_recipient', 'only P-256');
  const point = derBitBytes(expectTag(key, TAG.bitString));
  if (point.length !== P256_POINT_BYTES || point[0] !== UNCOMPRESSED)
    throw new EnvelopeError('unsupported_recipient', 'only uncompressed points of P-256');
  return point;
}

function checkAlgorithm(algorithm: Der): void {
  const [oid, wrap, more] = derChildren(algorithm);
  const name = derOid(expectTag(oid, TAG.oid));
  if (name !== OID_STD_DH_SHA256_KDF) throw new EnvelopeError('unsupported_recipient', name);
  const [wrapOid, wrapParameters] = derChildren(expectTag(wrap, TAG.sequence));
  // RFC 3565 §2.3.2 leaves the parameters away; a NULL there would be hashed into the key as well.
  const isRight = derOid(expectTag(wrapOid, TAG.oid)) === OID_AES256_WRAP && wrapParameters === undefined;
  if (!isRight || more !== undefined) throw new EnvelopeError('unsupported_recipient', 'only aes256-wrap');
}

function readEncryptedKey(recipientKey: Der): Pick<AgreedKey, 'encryptedKey' | 'identifier'> {
  const [rid, key, more] = derChildren(recipientKey);
  if (more !== undefined) throw new EnvelopeError('bad_der', 'more than a RecipientEncryptedKey holds');
  const encryptedKey = expectTag(key, TAG.octetString).content;
  if (encryptedKey.length !== AES_WRAPPED_KEY_BYTES)
    throw new EnvelopeError('unsupported_recipient', 'another length than a wrapped content key has');
  if (rid?.tag !== TAG.constructedContext0) return { encryptedKey, identifier: readIssuerAndSerial(rid) };
  const [keyIdentifier, dateOrOther] = derChildren(rid);
  if (dateOrOther !== undefined) throw new EnvelopeError('unsupported_recipient', 'a dated key identifier');
  return { encryptedKey, identifier: { subjectKeyIdentifier: expectTag(keyIdentifier, TAG.octetString).content } };
}
