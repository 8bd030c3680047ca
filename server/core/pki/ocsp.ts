/** OCSP responses (RFC 6960): read into values, and what one says of a certificate when somebody signed it who may. */
import { sameBytes, toHex } from '../log/bytes.ts';
import { type Algorithm, type Certificate, parseCertificate, readAlgorithm } from './certificate.ts';
import { REVOCATION_REASONS, type Revocation } from './crl.ts';
import {
  CertificateError,
  type Der,
  derBitBytes,
  derChildren,
  derEnumerated,
  derInteger,
  derOid,
  derTime,
  expectTag,
  readDerAs,
  TAG,
} from './der.ts';
import { EXTENSION, type Extension, readExtensions } from './extensions.ts';
import { type Name, readName } from './names.ts';
import { isOver } from './path.ts';
import { checkSignature, type Search } from './search.ts';

/** A response with its responder's certificates has 2–5 KB. */
export const OCSP_LIMIT_BYTES = 65_536;
/** How old an answer may be that names no end of its own. */
export const OCSP_AGE_LIMIT_MS = 3_600_000;

const BASIC_RESPONSE = '1.3.6.1.5.5.7.48.1.1';
const NONCE = '1.3.6.1.5.5.7.48.1.2';
const NO_CHECK = '1.3.6.1.5.5.7.48.1.5';
const OCSP_SIGNING = '1.3.6.1.5.5.7.3.9';
export const SHA1 = '1.3.14.3.2.26';

/** OCSPResponseStatus by its number; 4 is not used. */
const RESPONSE_STATES = {
  0: 'successful',
  1: 'malformedRequest',
  2: 'internalError',
  3: 'tryLater',
  5: 'sigRequired',
  6: 'unauthorized',
} as const;

export type OcspAnswer = {
  readonly hash: Algorithm;
  readonly issuerNameHash: Uint8Array;
  readonly issuerKeyHash: Uint8Array;
  /** As certificate.ts writes it. */
  readonly serial: string;
  readonly state: 'good' | 'unknown' | Revocation;
  readonly thisUpdateAt: number;
  readonly nextUpdateAt?: number;
  readonly extensions: readonly Extension[];
};

export type OcspResponse = {
  readonly der: Uint8Array;
  /** The bytes the responder signed. */
  readonly tbs: Uint8Array;
  readonly responder: { readonly name: Name } | { readonly keyHash: Uint8Array };
  readonly producedAt: number;
  readonly answers: readonly OcspAnswer[];
  readonly extensions: readonly Extension[];
  readonly signatureAlgorithm: Algorithm;
  readonly signature: Uint8Array;
  readonly certificates: readonly Certificate[];
};

/**
 * Reads a successful basic response.
 *
 * Throws: CertificateError; ocsp_structure for one that is no success or of another type.
 * Source: RFC 6960 §4.2.1.
 */
export function parseOcspResponse(der: Uint8Array): OcspResponse {
  if (der.length > OCSP_LIMIT_BYTES)
    throw new CertificateError('ocsp_too_large', `more than ${OCSP_LIMIT_BYTES} bytes`);
  const [status, tagged, ...rest] = derChildren(readDerAs(der, TAG.sequence));
  const state = RESPONSE_STATES[derEnumerated(expectTag(status, TAG.enumerated)) as keyof typeof RESPONSE_STATES];
  if (state !== 'successful' || tagged === undefined || rest.length > 0)
    throw new CertificateError('ocsp_structure', `no answer in it: ${state ?? 'unknown status'}`);
  const [type, octets] = exactly(2, derChildren(expectTag(inside(tagged, 0xa0), TAG.sequence)));
  if (derOid(expectTag(type, TAG.oid)) !== BASIC_RESPONSE)
    throw new CertificateError('ocsp_structure', 'not a basic response');
  const [tbs, algorithm, signature, certificates, ...more] = derChildren(
    readDerAs(expectTag(octets, TAG.octetString).content, TAG.sequence),
  );
  if (tbs === undefined || algorithm === undefined || signature === undefined || more.length > 0)
    throw new CertificateError('ocsp_structure', 'a response is body, algorithm, signature and certificates');
  return {
    der,
    tbs: tbs.full,
    ...readData(tbs),
    signatureAlgorithm: readAlgorithm(algorithm),
    signature: derBitBytes(signature),
    certificates:
      certificates === undefined
        ? []
        : derChildren(expectTag(inside(certificates, 0xa0), TAG.sequence)).map(({ full }) => parseCertificate(full)),
  };
}

function exactly(count: 2, elements: Der[]): [Der, Der] {
  if (elements.length !== count) throw new CertificateError('ocsp_structure', 'a field is missing or too many');
  return elements as [Der, Der];
}

/** The one element inside an explicit tag. */
function inside(tagged: Der, tag: number): Der {
  const [child, ...rest] = derChildren(expectTag(tagged, tag));
  if (child === undefined || rest.length > 0) throw new CertificateError('ocsp_structure', 'one element belongs there');
  return child;
}

function readData(tbs: Der) {
  const fields = derChildren(expectTag(tbs, TAG.sequence));
  // Version 1 is the default and there is no other, so DER leaves it out.
  const [responder, producedAt, answers, tagged, ...rest] = fields;
  if (responder === undefined || producedAt === undefined || rest.length > 0)
    throw new CertificateError('ocsp_structure', 'a field of the response is missing or too many');
  return {
    responder: readResponder(responder),
    producedAt: derTime(expectTag(producedAt, TAG.generalizedTime)),
    answers: derChildren(expectTag(answers, TAG.sequence)).map(readAnswer),
    extensions: tagged === undefined ? [] : readExtensions(inside(tagged, 0xa1)),
  };
}

function readResponder(element: Der): OcspResponse['responder'] {
  if (element.tag === 0xa1) return { name: readName(inside(element, 0xa1)) };
  return { keyHash: expectTag(inside(element, 0xa2), TAG.octetString).content };
}

function readAnswer(element: Der): OcspAnswer {
  const fields = derChildren(expectTag(element, TAG.sequence));
  const [id, state, thisUpdate] = fields.splice(0, 3);
  const next = fields[0]?.tag === 0xa0 ? fields.shift() : undefined;
  const tagged = fields[0]?.tag === 0xa1 ? fields.shift() : undefined;
  const [hash, nameHash, keyHash, serial, ...rest] = derChildren(expectTag(id, TAG.sequence));
  if (hash === undefined || serial === undefined || state === undefined || rest.length > 0 || fields.length > 0)
    throw new CertificateError('ocsp_structure', 'an answer is a certificate, its state and its dates');
  return {
    hash: readAlgorithm(hash),
    issuerNameHash: expectTag(nameHash, TAG.octetString).content,
    issuerKeyHash: expectTag(keyHash, TAG.octetString).content,
    serial: toHex(derInteger(serial)),
    state: readState(state),
    thisUpdateAt: derTime(expectTag(thisUpdate, TAG.generalizedTime)),
    ...(next && { nextUpdateAt: derTime(expectTag(inside(next, 0xa0), TAG.generalizedTime)) }),
    extensions: tagged === undefined ? [] : readExtensions(inside(tagged, 0xa1)),
  };
}

function readState(element: Der): OcspAnswer['state'] {
  if ((element.tag === 0x80 || element.tag === 0x82) && element.content.length === 0)
    return element.tag === 0x80 ? 'good' : 'unknown';
  const [time, tagged, ...rest] = derChildren(expectTag(element, 0xa1));
  const number = tagged === undefined ? 0 : derEnumerated(inside(tagged, 0xa0));
  if (rest.length > 0 || !Object.hasOwn(REVOCATION_REASONS, number))
    throw new CertificateError('ocsp_structure', 'a revocation is a time and a reason');
  return {
    reason: REVOCATION_REASONS[number as keyof typeof REVOCATION_REASONS],
    revokedAt: derTime(expectTag(time, TAG.generalizedTime)),
  };
}

/** A digest by the OID of its algorithm; undefined for one that is not known. SHA-1 names keys and certificates here, and signs nothing. */
export type Digest = (oid: string, bytes: Uint8Array) => Uint8Array | undefined;

export type OcspQuestion = {
  readonly certificate: Certificate;
  readonly issuer: Certificate;
  /** Instant, ms. */
  readonly at: number;
  readonly digest: Digest;
  /** What was sent with the question, when it was: then the response must say it again. */
  readonly nonce?: Uint8Array;
  readonly search: Search;
  /** Whether a responder whose certificate does not forbid the question is known not to be revoked. */
  isNotRevoked(responder: Certificate): boolean;
};

/** Why a response says nothing, from the least telling to the most; `ocsp_other` is about somebody else. */
export const OCSP_REASONS = ['ocsp_other', 'ocsp_unusable', 'ocsp_signer', 'ocsp_stale', 'ocsp_unknown'] as const;
export type OcspReason = (typeof OCSP_REASONS)[number];

export type OcspStatus = { readonly state: 'good' | Revocation } | { readonly unknown: OcspReason };

/**
 * What a response says of a certificate.
 *
 * Returns: good or its revocation, if the response is fresh and by the issuer or a responder that the issuer itself authorised.
 * Why:     an answer that is over still condemns for good, as a list does.
 * Source:  RFC 6960 §3.2, §4.2.2.2.
 */
export function askOcsp(response: OcspResponse, question: OcspQuestion): OcspStatus {
  const { at, nonce } = question;
  const own = response.answers.filter((answer) => isAbout(answer, question));
  if (own.length === 0) return { unknown: 'ocsp_other' };
  const said = response.extensions.find(({ oid }) => oid === NONCE)?.value;
  const strange = [...response.extensions, ...own.flatMap(({ extensions }) => extensions)];
  if (strange.some(({ oid, critical }) => critical && oid !== NONCE)) return { unknown: 'ocsp_unusable' };
  if (nonce !== undefined && (said === undefined || !isNonce(said, nonce))) return { unknown: 'ocsp_unusable' };
  if (!signersOf(response, question).some((signer) => checkSignature(question.search, response, signer) === 'good'))
    return { unknown: 'ocsp_signer' };
  const revocation = own.map(({ state }) => state).find((state) => typeof state !== 'string');
  const isFresh = response.producedAt <= at && own.every((answer) => isFreshAnswer(answer, at));
  if (revocation !== undefined && (isFresh || revocation.reason !== 'certificateHold')) return { state: revocation };
  if (!isFresh) return { unknown: 'ocsp_stale' };
  return own.every(({ state }) => state === 'good') ? { state: 'good' } : { unknown: 'ocsp_unknown' };
}

/** CertID names the issuer by the digests of its name and key, and the certificate by its serial. */
function isAbout(answer: OcspAnswer, { certificate, issuer, digest }: OcspQuestion): boolean {
  if (answer.serial !== certificate.serial) return false;
  const name = digest(answer.hash.oid, certificate.issuer.full);
  const key = digest(answer.hash.oid, keyBits(issuer));
  if (name === undefined || key === undefined) return false;
  return sameBytes(name, answer.issuerNameHash) && sameBytes(key, answer.issuerKeyHash);
}

/** The key without its algorithm: what KeyHash is a digest of. */
function keyBits({ spki }: Certificate): Uint8Array {
  return derBitBytes(expectTag(derChildren(readDerAs(spki, TAG.sequence))[1], TAG.bitString));
}

/** RFC 8954: the nonce is an OCTET STRING in the value of its extension. */
function isNonce(value: Uint8Array, nonce: Uint8Array): boolean {
  try {
    return sameBytes(readDerAs(value, TAG.octetString).content, nonce);
  } catch (error) {
    if (error instanceof CertificateError) return false;
    throw error;
  }
}

function isFreshAnswer({ thisUpdateAt, nextUpdateAt }: OcspAnswer, at: number): boolean {
  if (thisUpdateAt > at) return false;
  return nextUpdateAt === undefined ? at - thisUpdateAt <= OCSP_AGE_LIMIT_MS : !isOver(nextUpdateAt, at);
}

/**
 * Those who may have signed: the issuer with the key that signed the certificate, or whom that key certified for this.
 *
 * Why: a responder under any other CA, the same anchor's even, speaks for that CA's people only.
 */
function signersOf(response: OcspResponse, question: OcspQuestion): Certificate[] {
  const { issuer, digest } = question;
  const isNamed = (signer: Certificate): boolean => {
    const { responder } = response;
    if ('name' in responder) return responder.name.key === signer.subject.key;
    const hash = digest(SHA1, keyBits(signer));
    return hash !== undefined && sameBytes(hash, responder.keyHash);
  };
  const delegates = response.certificates.filter(
    (candidate) => isNamed(candidate) && isAuthorised(candidate, question),
  );
  return isNamed(issuer) ? [issuer, ...delegates] : delegates;
}

const READ: readonly string[] = [
  EXTENSION.basicConstraints,
  EXTENSION.keyUsage,
  EXTENSION.extendedKeyUsage,
  EXTENSION.subjectKeyIdentifier,
  EXTENSION.authorityKeyIdentifier,
  EXTENSION.certificatePolicies,
  EXTENSION.subjectAltName,
  EXTENSION.crlDistributionPoints,
  NO_CHECK,
];

function isAuthorised(responder: Certificate, { issuer, at, search, isNotRevoked }: OcspQuestion): boolean {
  return (
    responder.issuer.key === issuer.subject.key &&
    responder.extendedKeyUsage?.includes(OCSP_SIGNING) === true &&
    (responder.keyUsage === undefined || responder.keyUsage.includes('digitalSignature')) &&
    responder.extensions.every(({ oid, critical }) => !critical || READ.includes(oid)) &&
    responder.notBeforeAt <= at &&
    !isOver(responder.notAfterAt, at) &&
    checkSignature(search, responder, issuer) === 'good' &&
    (responder.extensions.some(({ oid }) => oid === NO_CHECK) || isNotRevoked(responder))
  );
}
