/** Time-stamp responses and their tokens (RFC 3161 §2.4.2 over CMS, RFC 5652) read into plain values; whether to believe one is verify.ts's question. */
import { toHex } from '../log/bytes.ts';
import { type Algorithm, type Certificate, parseCertificate, readAlgorithm } from '../pki/certificate.ts';
import { type Der, derChildren, derCount, derInteger, derOid, derText, expectTag, readDerAs, TAG } from '../pki/der.ts';
import { type Name, readName } from '../pki/names.ts';
import { readInfo, type TimestampInfo } from './info.ts';
import { ATTRIBUTE, SHA1, SHA256, SIGNED_DATA, TST_INFO } from './object-ids.ts';
import { readingDer, TimestampError } from './timestamp-error.ts';

/** A token with its chain has 3–8 KB, with the authority's lists some more. */
export const RESPONSE_LIMIT_BYTES = 262_144;
/** Certificates in one token, and lists. */
export const TOKEN_PARTS_LIMIT = 16;

/** PKIStatus by its number (RFC 3161 §2.4.2). */
export const STATUSES = [
  'granted',
  'grantedWithMods',
  'rejection',
  'waiting',
  'revocationWarning',
  'revocationNotification',
] as const;

/** An ESS signing-certificate attribute's first entry: who signed, by the hash of the certificate (RFC 2634, RFC 5035). */
export type SigningCertificate = {
  /** OID of the hash; in version 1 it is always SHA-1. */
  readonly hashOid: string;
  readonly hash: Uint8Array;
  readonly issuer?: { readonly names: readonly Name[]; readonly serial: string };
};

export type TimestampToken = {
  /** The whole ContentInfo. */
  readonly der: Uint8Array;
  /** DER of TSTInfo: what the digest is of. */
  readonly content: Uint8Array;
  readonly info: TimestampInfo;
  readonly certificates: readonly Certificate[];
  /** DER of the revocation lists that came with it. */
  readonly crls: readonly Uint8Array[];
  readonly signer: { readonly issuer: Name; readonly serial: string } | { readonly keyId: string };
  readonly digestOid: string;
  readonly signatureAlgorithm: Algorithm;
  readonly signature: Uint8Array;
  /** DER of the signed attributes as a SET in DER's order: what the signature is over (RFC 5652 §5.4). */
  readonly signedAttributes: Uint8Array;
  /** The value of each; undefined where it is missing. */
  readonly contentType?: string;
  readonly messageDigest?: Uint8Array;
  readonly signingCertificates: readonly SigningCertificate[];
};

export type TimestampResponse = {
  readonly status: (typeof STATUSES)[number];
  /** What the authority says of it in words, and hex of its failure bits. */
  readonly said: string;
  readonly token?: TimestampToken;
};

/**
 * Reads a TimeStampResp.
 *
 * Shape:  DER and nothing else, as RFC 3161 §3.4 asks of what comes over HTTP: a token in BER's indefinite lengths is refused.
 * Throws: TimestampError; nothing else, whatever the bytes.
 */
export function parseTimestampResponse(der: Uint8Array): TimestampResponse {
  if (der.length > RESPONSE_LIMIT_BYTES)
    throw new TimestampError('timestamp_too_large', `more than ${RESPONSE_LIMIT_BYTES} bytes`);
  return readingDer(() => {
    const [info, token, ...rest] = derChildren(readDerAs(der, TAG.sequence));
    if (info === undefined || rest.length > 0)
      throw new TimestampError('response_structure', 'a response is a status and a token');
    const { status, said } = readStatus(expectTag(info, TAG.sequence));
    const isGranted = status === 'granted' || status === 'grantedWithMods';
    if (isGranted !== (token !== undefined))
      throw new TimestampError('response_structure', `a token and the status ${status} do not go together`);
    return token === undefined ? { status, said } : { status, said, token: readToken(token) };
  });
}

function readStatus(element: Der): Pick<TimestampResponse, 'status' | 'said'> {
  const parts = derChildren(element);
  const status = STATUSES[derCount(expectTag(parts.shift(), TAG.integer))];
  if (status === undefined) throw new TimestampError('response_structure', 'no such status');
  const words = parts[0]?.tag === TAG.sequence ? derChildren(parts.shift() as Der).map((part) => derText(part)) : [];
  const failure = parts[0]?.tag === TAG.bitString ? [`failure ${toHex((parts.shift() as Der).content)}`] : [];
  if (parts.length > 0) throw new TimestampError('response_structure', 'a status is a number, words and a failure');
  return { status, said: [...words, ...failure].filter((part) => part !== undefined).join('; ') };
}

function readToken(element: Der): TimestampToken {
  const [type, tagged] = exactly(2, expectTag(element, TAG.sequence));
  if (derOid(type as Der) !== SIGNED_DATA) throw new TimestampError('token_structure', 'a token is signed data');
  const [signed] = exactly(1, expectTag(tagged, 0xa0));
  const fields = derChildren(expectTag(signed, TAG.sequence));
  const [version, algorithms, encapsulated] = fields.splice(0, 3);
  const certificates = fields[0]?.tag === 0xa0 ? listed(fields.shift() as Der) : [];
  const crls = fields[0]?.tag === 0xa1 ? listed(fields.shift() as Der) : [];
  const [signers, ...rest] = fields;
  expectTag(algorithms, TAG.set);
  if (version === undefined || rest.length > 0)
    throw new TimestampError('token_structure', 'a field is missing or too many');
  if (![3, 4, 5].includes(derCount(version)))
    throw new TimestampError('token_structure', 'no such version of signed data');
  const [infoType, octets] = exactly(2, expectTag(encapsulated, TAG.sequence));
  if (derOid(infoType as Der) !== TST_INFO) throw new TimestampError('token_structure', 'what is signed is no TSTInfo');
  const content = expectTag(exactly(1, expectTag(octets, 0xa0))[0], TAG.octetString).content;
  // Two signers would be two answers: RFC 3161 §2.4.2 allows one.
  const [signer] = exactly(1, expectTag(signers, TAG.set));
  return {
    der: element.full,
    content,
    info: readInfo(content),
    certificates: certificates.map(({ full }) => parseCertificate(full)),
    crls: crls.map(({ full }) => full),
    ...readSigner(expectTag(signer, TAG.sequence)),
  };
}

/** The elements of one of the token's lists that are certificates or lists of X.509; other forms are tagged and passed over. */
function listed(element: Der): Der[] {
  const parts = derChildren(element).filter(({ tag }) => tag === TAG.sequence);
  if (parts.length > TOKEN_PARTS_LIMIT)
    throw new TimestampError('token_structure', `more than ${TOKEN_PARTS_LIMIT} certificates or lists`);
  return parts;
}

function readSigner(element: Der) {
  const fields = derChildren(element);
  const [version, id, digest, attributes, algorithm, signature] = fields.splice(0, 6);
  const unsigned = fields.shift();
  if (version === undefined || id === undefined || digest === undefined || algorithm === undefined || fields.length > 0)
    throw new TimestampError('token_structure', 'a field of the signer is missing or too many');
  if (unsigned !== undefined) expectTag(unsigned, 0xa1);
  const signer = readSignerId(id);
  if (derCount(version) !== ('keyId' in signer ? 3 : 1))
    throw new TimestampError('token_structure', 'the version of the signer does not fit how it is named');
  const signed = readAttributes(expectTag(attributes, 0xa0));
  const contentType = signed.values.get(ATTRIBUTE.contentType);
  const messageDigest = signed.values.get(ATTRIBUTE.messageDigest);
  return {
    signer,
    digestOid: readAlgorithm(digest).oid,
    signatureAlgorithm: readAlgorithm(algorithm),
    signature: expectTag(signature, TAG.octetString).content,
    signedAttributes: signed.der,
    ...(contentType && { contentType: derOid(contentType) }),
    ...(messageDigest && { messageDigest: expectTag(messageDigest, TAG.octetString).content }),
    signingCertificates: [
      ...readSigningCertificate(signed.values.get(ATTRIBUTE.signingCertificate), 1),
      ...readSigningCertificate(signed.values.get(ATTRIBUTE.signingCertificateV2), 2),
    ],
  };
}

function readSignerId(element: Der): TimestampToken['signer'] {
  if (element.tag === 0x80) return { keyId: toHex(element.content) };
  const [issuer, serial] = exactly(2, expectTag(element, TAG.sequence));
  return { issuer: readName(expectTag(issuer, TAG.sequence)), serial: toHex(derInteger(serial as Der)) };
}

/** Each attribute once, with one value; `der` the SET that was signed. */
function readAttributes(element: Der): { der: Uint8Array; values: ReadonlyMap<string, Der> } {
  const attributes = derChildren(element);
  const values = new Map<string, Der>();
  for (const attribute of attributes) {
    const [type, set] = exactly(2, expectTag(attribute, TAG.sequence));
    const oid = derOid(type as Der);
    if (values.has(oid)) throw new TimestampError('token_structure', 'the same attribute twice');
    const [value] = exactly(1, expectTag(set, TAG.set));
    values.set(oid, value as Der);
  }
  // Only the tag differs from what stands in the token; its order must be DER's, or two encodings would be one signature.
  const der = element.full.slice();
  der[0] = TAG.set;
  for (let n = 1; n < attributes.length; n++)
    if (compareBytes((attributes[n - 1] as Der).full, (attributes[n] as Der).full) > 0)
      throw new TimestampError('token_structure', 'the attributes are not in the order of DER');
  return { der, values };
}

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  for (let n = 0; n < a.length && n < b.length; n++) {
    const order = (a[n] as number) - (b[n] as number);
    if (order !== 0) return order;
  }
  return a.length - b.length;
}

/** The first certificate that the attribute names: the signer's, which must come first. Source: RFC 2634 §5.4, RFC 5035 §3. */
function readSigningCertificate(value: Der | undefined, version: 1 | 2): SigningCertificate[] {
  if (value === undefined) return [];
  const [ids] = derChildren(expectTag(value, TAG.sequence));
  const [first] = derChildren(expectTag(ids, TAG.sequence));
  const parts = derChildren(expectTag(first, TAG.sequence));
  const named = version === 2 && parts[0]?.tag === TAG.sequence ? readAlgorithm(parts.shift() as Der).oid : undefined;
  const [hash, issuerSerial, ...rest] = parts;
  if (rest.length > 0)
    throw new TimestampError('token_structure', 'a signing certificate is a hash, an issuer and a serial');
  return [
    {
      hashOid: version === 1 ? SHA1 : (named ?? SHA256),
      hash: expectTag(hash, TAG.octetString).content,
      ...(issuerSerial && { issuer: readIssuerSerial(issuerSerial) }),
    },
  ];
}

function readIssuerSerial(element: Der): { names: Name[]; serial: string } {
  const [names, serial] = exactly(2, expectTag(element, TAG.sequence));
  const directories = derChildren(expectTag(names, TAG.sequence)).filter(({ tag }) => tag === 0xa4);
  return {
    names: directories.map((name) => readName(expectTag(exactly(1, name)[0], TAG.sequence))),
    serial: toHex(derInteger(serial as Der)),
  };
}

/** The elements inside, of which there must be so many. */
function exactly(count: 1 | 2, element: Der): Der[] {
  const parts = derChildren(element);
  if (parts.length !== count) throw new TimestampError('token_structure', 'a field is missing or too many');
  return parts;
}
