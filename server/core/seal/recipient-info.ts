/** The one RecipientInfo of an envelope: who can open it and how its content key is wrapped; it unwraps nothing itself. */
import { readSm2Ciphertext } from '../gm/der.ts';
import { sameBytes, toHex } from '../log/bytes.ts';
import type { Certificate } from '../pki/certificate.ts';
import { type Der, derChildren, derInteger, derOid, expectTag, readDer, readDerAs } from '../pki/der.ts';
import { CEK_BYTES } from './commitments.ts';
import { readingDer, TAG, writeElement, writeOid } from './der.ts';
import { EnvelopeError } from './envelope-error.ts';
import { OID_EC_PUBLIC_KEY, OID_P256, readKeyAgreement, writeKeyAgreement } from './key-agreement.ts';
import { type RecipientIdentifier, readIssuerAndSerial, writeIssuerAndSerial } from './recipient-identifier.ts';

export const RSA_TRANSPORTS = ['rsa_oaep_sha256', 'rsa_oaep_sha1', 'rsa_pkcs1_v15'] as const;
export type RsaTransport = (typeof RSA_TRANSPORTS)[number];
/** The ways a content key travels to its recipient; CMS calls `ecdh_p256` not transport but agreement. */
export const KEY_TRANSPORTS = [...RSA_TRANSPORTS, 'ecdh_p256', 'sm2'] as const;
export type KeyTransport = (typeof KEY_TRANSPORTS)[number];
/** The one padding of the inner layer: the opening key is made by our own tool, no device limits it. */
export const LAYER_KEY_TRANSPORT = 'rsa_oaep_sha256' satisfies KeyTransport;

/** A content key on its way; `ephemeralKey` is the sealing tool's, for this one envelope. */
export type WrappedKey =
  /** For SM2 the `encryptedKey` is the DER that `readSm2Ciphertext` reads. */
  | { keyTransport: RsaTransport | 'sm2'; encryptedKey: Uint8Array }
  | { keyTransport: 'ecdh_p256'; encryptedKey: Uint8Array; ephemeralKey: Uint8Array };
export type Recipient = WrappedKey & { identifier: RecipientIdentifier };

const OID_RSA_ENCRYPTION = '1.2.840.113549.1.1.1';
const OID_RSAES_OAEP = '1.2.840.113549.1.1.7';
const OID_MGF1 = '1.2.840.113549.1.1.8';
const OID_SHA1 = '1.3.14.3.2.26';
const OID_SHA256 = '2.16.840.1.101.3.4.2.1';
/** SM2-3, public-key encryption. Source: GM/T 0006-2012, as GM/T 0010-2012 uses it in recipient infos. */
const OID_SM2_ENCRYPTION = '1.2.156.10197.1.301.3';
const OID_SM2_CURVE = '1.2.156.10197.1.301';

/**
 * Reads the RecipientInfos SET of an envelope.
 *
 * Shape:  exactly one, a KeyTransRecipientInfo for an RSA or SM2 key or a KeyAgreeRecipientInfo for a P-256 key.
 * Throws: EnvelopeError no_recipient, two_recipients, unsupported_recipient, bad_version, bad_der.
 * Why:    several recipients, each with a key of its own, are how one ciphertext opens to two prices.
 * Source: RFC 5652 §6.2.1–2; RFC 8017 A.2.1; RFC 5753; GM/T 0009-2012 §7.2.
 */
export function readRecipientInfos(set: Uint8Array): Recipient {
  return readingDer(() => {
    const [info, another] = derChildren(readDerAs(set, TAG.set));
    if (info === undefined) throw new EnvelopeError('no_recipient');
    if (another !== undefined) throw new EnvelopeError('two_recipients');
    if (info.tag === TAG.constructedContext1) return { keyTransport: 'ecdh_p256', ...readKeyAgreement(info) };
    if (info.tag !== TAG.sequence) throw new EnvelopeError('unsupported_recipient', 'neither transport nor agreement');
    return readKeyTransport(info);
  });
}

/** The ways in which a content key can travel to this certificate's key, the best first; none for a key of another kind. */
export function keyTransportsFor({ keyAlgorithm }: Pick<Certificate, 'keyAlgorithm'>): readonly KeyTransport[] {
  const { oid, parameters } = keyAlgorithm;
  if (oid === OID_RSA_ENCRYPTION) return RSA_TRANSPORTS;
  const isOn = (curve: string) =>
    oid === OID_EC_PUBLIC_KEY && parameters !== undefined && sameBytes(parameters, writeOid(curve));
  if (isOn(OID_P256)) return ['ecdh_p256'];
  return isOn(OID_SM2_CURVE) ? ['sm2'] : [];
}

/** What of a certificate says whether an envelope is for it. */
export type AddressedCertificate = Pick<Certificate, 'issuer' | 'serial' | 'subjectKeyId' | 'keyAlgorithm'>;

/**
 * Whether `recipient` names this certificate (by issuer and serial number, or by its key identifier) in a way its key can open.
 *
 * Why: an envelope that says another kind of key than the certificate has could never be opened, and would be found out in the window.
 */
export function isAddressedTo(recipient: Recipient, certificate: AddressedCertificate): boolean {
  const { identifier, keyTransport } = recipient;
  if (!keyTransportsFor(certificate).includes(keyTransport)) return false;
  if ('subjectKeyIdentifier' in identifier) return toHex(identifier.subjectKeyIdentifier) === certificate.subjectKeyId;
  return sameBytes(identifier.issuer, certificate.issuer.full) && toHex(identifier.serial) === certificate.serial;
}

/** The RecipientInfos SET that `readRecipientInfos` reads back. */
export function writeRecipientInfos(recipient: Recipient): Uint8Array {
  return writeElement(
    TAG.set,
    recipient.keyTransport === 'ecdh_p256' ? writeKeyAgreement(recipient) : writeKeyTransport(recipient),
  );
}

function writeKeyTransport({ keyTransport, encryptedKey, identifier }: Transported): Uint8Array {
  const isByKey = 'subjectKeyIdentifier' in identifier;
  return writeElement(
    TAG.sequence,
    writeElement(TAG.integer, Uint8Array.of(isByKey ? 2 : 0)),
    isByKey ? writeElement(TAG.context0, identifier.subjectKeyIdentifier) : writeIssuerAndSerial(identifier),
    writeAlgorithm(keyTransport),
    writeElement(TAG.octetString, encryptedKey),
  );
}

type Transported = Extract<Recipient, { keyTransport: RsaTransport | 'sm2' }>;

function readKeyTransport(info: Der): Transported {
  const [version, identifier, algorithm, key, more] = derChildren(info);
  if (more !== undefined) throw new EnvelopeError('bad_der', 'more than a KeyTransRecipientInfo holds');
  const read =
    identifier?.tag === TAG.context0 ? { subjectKeyIdentifier: identifier.content } : readIssuerAndSerial(identifier);
  const wanted = 'subjectKeyIdentifier' in read ? 2 : 0;
  if (toHex(derInteger(expectTag(version, TAG.integer))) !== `0${wanted}`) {
    throw new EnvelopeError('bad_version', 'of the RecipientInfo');
  }
  const keyTransport = readAlgorithm(expectTag(algorithm, TAG.sequence));
  const encryptedKey = expectTag(key, TAG.octetString).content;
  if (keyTransport === 'sm2') checkSm2(encryptedKey);
  return { keyTransport, encryptedKey, identifier: read };
}

/** Why: what can be seen to hold no content key must not wait for the window to be found out. */
function checkSm2(encryptedKey: Uint8Array): void {
  const ciphertext = readSm2Ciphertext(encryptedKey);
  if (ciphertext?.c2.length !== CEK_BYTES) throw new EnvelopeError('bad_der', 'no content key encrypted by SM2');
}

function readAlgorithm(algorithm: Der): RsaTransport | 'sm2' {
  const [oid, parameters, more] = derChildren(algorithm);
  if (more !== undefined) throw new EnvelopeError('bad_der', 'more than an AlgorithmIdentifier holds');
  const name = derOid(expectTag(oid, TAG.oid));
  if (name === OID_RSA_ENCRYPTION) {
    if (isNullOrAbsent(parameters)) return 'rsa_pkcs1_v15';
    throw new EnvelopeError('unsupported_recipient', 'rsaEncryption with parameters');
  }
  if (name === OID_SM2_ENCRYPTION) {
    if (isNullOrAbsent(parameters)) return 'sm2';
    throw new EnvelopeError('unsupported_recipient', 'SM2 with parameters');
  }
  if (name !== OID_RSAES_OAEP) throw new EnvelopeError('unsupported_recipient', name);
  return readOaep(expectTag(parameters, TAG.sequence));
}

/** Only the two combinations every device has: the same hash twice and no label. */
function readOaep(parameters: Der): RsaTransport {
  let hash = OID_SHA1;
  let maskHash = OID_SHA1;
  let lastTag = 0;
  for (const parameter of derChildren(parameters)) {
    if (parameter.tag <= lastTag) throw new EnvelopeError('bad_der', 'OAEP parameters out of order');
    lastTag = parameter.tag;
    if (parameter.tag === TAG.constructedContext0) hash = readHash(readDer(parameter.content));
    else if (parameter.tag === TAG.constructedContext1) maskHash = readMaskHash(readDer(parameter.content));
    else throw new EnvelopeError('unsupported_recipient', 'an OAEP label');
  }
  if (hash === OID_SHA256 && maskHash === OID_SHA256) return 'rsa_oaep_sha256';
  if (hash === OID_SHA1 && maskHash === OID_SHA1) return 'rsa_oaep_sha1';
  throw new EnvelopeError('unsupported_recipient', 'OAEP hash');
}

function readHash(algorithm: Der): string {
  const [oid, parameters, more] = derChildren(expectTag(algorithm, TAG.sequence));
  if (more !== undefined || !isNullOrAbsent(parameters))
    throw new EnvelopeError('unsupported_recipient', 'hash parameters');
  return derOid(expectTag(oid, TAG.oid));
}

function readMaskHash(algorithm: Der): string {
  const [oid, hash, more] = derChildren(expectTag(algorithm, TAG.sequence));
  if (derOid(expectTag(oid, TAG.oid)) !== OID_MGF1 || more !== undefined) {
    throw new EnvelopeError('unsupported_recipient', 'mask generation');
  }
  return readHash(expectTag(hash, TAG.sequence));
}

function isNullOrAbsent(parameters: Der | undefined): boolean {
  return parameters === undefined || (parameters.tag === TAG.null && parameters.content.length === 0);
}

function writeAlgorithm(keyTransport: RsaTransport | 'sm2'): Uint8Array {
  switch (keyTransport) {
    case 'sm2':
      return writeElement(TAG.sequence, writeOid(OID_SM2_ENCRYPTION));
    case 'rsa_pkcs1_v15':
      return writeElement(TAG.sequence, writeOid(OID_RSA_ENCRYPTION), writeElement(TAG.null));
    case 'rsa_oaep_sha1':
      return writeElement(TAG.sequence, writeOid(OID_RSAES_OAEP), writeElement(TAG.sequence));
    case 'rsa_oaep_sha256': {
      const sha256 = writeElement(TAG.sequence, writeOid(OID_SHA256), writeElement(TAG.null));
      const mgf1 = writeElement(TAG.sequence, writeOid(OID_MGF1), sha256);
      const parameters = [writeElement(TAG.constructedContext0, sha256), writeElement(TAG.constructedContext1, mgf1)];
      return writeElement(TAG.sequence, writeOid(OID_RSAES_OAEP), writeElement(TAG.sequence, ...parameters));
    }
  }
}
