/** X.509 v3 certificates (RFC 5280 §4) read into plain values; whether to trust one is chain.ts's question. */
import { fromBase64 } from '../log/base64.ts';
import { sameBytes, toHex } from '../log/bytes.ts';
import {
  CertificateError,
  type Der,
  derBitBytes,
  derBits,
  derBoolean,
  derChildren,
  derCount,
  derInteger,
  derOid,
  derText,
  derTime,
  expectTag,
  readDer,
  readDerAs,
  TAG,
} from './der.ts';

/** A certificate with its names and extensions is 1–3 KB; one of more than this is an attack, not a person. */
export const CERTIFICATE_LIMIT_BYTES = 32_768;
/** Leaf and intermediates in one `x5c` or PEM file. */
export const CERTIFICATES_LIMIT = 8;

export const KEY_USAGES = [
  'digitalSignature',
  'nonRepudiation',
  'keyEncipherment',
  'dataEncipherment',
  'keyAgreement',
  'keyCertSign',
  'cRLSign',
  'encipherOnly',
  'decipherOnly',
] as const;
export type KeyUsage = (typeof KEY_USAGES)[number];

export const EXTENSION = {
  subjectKeyIdentifier: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  issuerAltName: '2.5.29.18',
  basicConstraints: '2.5.29.19',
  nameConstraints: '2.5.29.30',
  crlDistributionPoints: '2.5.29.31',
  certificatePolicies: '2.5.29.32',
  policyMappings: '2.5.29.33',
  authorityKeyIdentifier: '2.5.29.35',
  policyConstraints: '2.5.29.36',
  extendedKeyUsage: '2.5.29.37',
  freshestCrl: '2.5.29.46',
  inhibitAnyPolicy: '2.5.29.54',
} as const;

export const ATTRIBUTE = {
  commonName: '2.5.4.3',
  serialNumber: '2.5.4.5',
  country: '2.5.4.6',
  locality: '2.5.4.7',
  province: '2.5.4.8',
  organisation: '2.5.4.10',
  organisationalUnit: '2.5.4.11',
  organizationIdentifier: '2.5.4.97',
} as const;

export type NameAttribute = { readonly oid: string; readonly value: string };

/** A distinguished name: its attributes in order, and the key under which equal names meet (RFC 5280 §7.1 after NFKC). */
export type Name = { readonly attributes: readonly NameAttribute[]; readonly key: string; readonly full: Uint8Array };

/** An AlgorithmIdentifier: the OID and, when there are any, the DER of its parameters. */
export type Algorithm = { readonly oid: string; readonly parameters?: Uint8Array };

export type Extension = { readonly oid: string; readonly critical: boolean; readonly value: Uint8Array };

export type Certificate = {
  /** The whole certificate as it came. */
  readonly der: Uint8Array;
  /** The bytes the issuer signed. */
  readonly tbs: Uint8Array;
  readonly version: 1 | 2 | 3;
  /** Hex of the serial's two's-complement bytes. */
  readonly serial: string;
  readonly issuer: Name;
  readonly subject: Name;
  /** First instant at which it holds. */
  readonly notBeforeAt: number;
  /** Start of the last second in which it holds; certificate times are whole seconds. */
  readonly notAfterAt: number;
  /** DER of SubjectPublicKeyInfo. */
  readonly spki: Uint8Array;
  readonly keyAlgorithm: Algorithm;
  readonly signatureAlgorithm: Algorithm;
  readonly signature: Uint8Array;
  readonly extensions: readonly Extension[];
  readonly basicConstraints?: { readonly ca: boolean; readonly pathLength?: number };
  readonly keyUsage?: readonly KeyUsage[];
  readonly extendedKeyUsage?: readonly string[];
  readonly subjectKeyId?: string;
  readonly authorityKeyId?: string;
};

/**
 * Reads one certificate.
 *
 * Throws: CertificateError; nothing else, whatever the bytes.
 * Source: RFC 5280 §4.1–4.2.
 */
export function parseCertificate(der: Uint8Array): Certificate {
  if (der.length > CERTIFICATE_LIMIT_BYTES)
    throw new CertificateError('certificate_too_large', `more than ${CERTIFICATE_LIMIT_BYTES} bytes`);
  const [tbs, outerAlgorithm, signature, ...rest] = derChildren(readDerAs(der, TAG.sequence));
  if (tbs === undefined || outerAlgorithm === undefined || signature === undefined || rest.length > 0)
    throw new CertificateError('certificate_structure', 'a certificate is body, algorithm and signature');
  const body = readBody(expectTag(tbs, TAG.sequence));
  if (!sameBytes(body.algorithm.full, outerAlgorithm.full))
    throw new CertificateError(
      'certificate_algorithm',
      'the signed algorithm differs from the one beside the signature',
    );
  return {
    der,
    tbs: tbs.full,
    ...body.fields,
    signatureAlgorithm: readAlgorithm(outerAlgorithm),
    signature: derBitBytes(signature),
    extensions: body.extensions,
    ...readKnownExtensions(body.extensions),
  };
}

function readBody(tbs: Der) {
  const fields = derChildren(tbs);
  const version = fields[0]?.tag === 0xa0 ? readVersion(fields.shift()) : 1;
  const [serial, algorithm, issuer, validity, subject, spki, ...rest] = fields;
  const [notBefore, notAfter, ...moreTimes] = derChildren(expectTag(validity, TAG.sequence));
  const [keyAlgorithm, key, ...moreKey] = derChildren(expectTag(spki, TAG.sequence));
  if (
    serial === undefined ||
    algorithm === undefined ||
    spki === undefined ||
    notBefore === undefined ||
    notAfter === undefined ||
    moreTimes.length > 0 ||
    keyAlgorithm === undefined ||
    key === undefined ||
    moreKey.length > 0
  )
    throw new CertificateError('certificate_structure', 'a field of the certificate is missing or too many');
  derBitBytes(key);
  return {
    algorithm,
    extensions: readExtensions(rest, version),
    fields: {
      version,
      serial: toHex(derInteger(serial)),
      issuer: readName(expectTag(issuer, TAG.sequence)),
      subject: readName(expectTag(subject, TAG.sequence)),
      notBeforeAt: derTime(notBefore),
      notAfterAt: derTime(notAfter),
      spki: spki.full,
      keyAlgorithm: readAlgorithm(keyAlgorithm),
    },
  };
}

function readVersion(tagged: Der | undefined): 1 | 2 | 3 {
  const [number, ...rest] = derChildren(expectTag(tagged, 0xa0));
  const version = number === undefined || rest.length > 0 ? undefined : derCount(number) + 1;
  if (version !== 1 && version !== 2 && version !== 3)
    throw new CertificateError('certificate_structure', 'no such version');
  return version;
}

function readAlgorithm(element: Der): Algorithm {
  const [oid, parameters, ...rest] = derChildren(expectTag(element, TAG.sequence));
  if (oid === undefined || rest.length > 0)
    throw new CertificateError('certificate_structure', 'an algorithm is a name and its parameters');
  return parameters === undefined ? { oid: derOid(oid) } : { oid: derOid(oid), parameters: parameters.full };
}

function readName(element: Der): Name {
  const attributes: NameAttribute[] = [];
  const key = derChildren(element).map((set) => {
    const parts = derChildren(expectTag(set, TAG.set)).map((pair) => {
      const [oidElement, valueElement, ...rest] = derChildren(expectTag(pair, TAG.sequence));
      if (oidElement === undefined || valueElement === undefined || rest.length > 0)
        throw new CertificateError('certificate_structure', 'an attribute of a name is a type and a value');
      const oid = derOid(oidElement);
      const text = derText(valueElement);
      attributes.push({ oid, value: text ?? `#${toHex(valueElement.full)}` });
      return text === undefined ? [oid, '#', toHex(valueElement.full)] : [oid, '=', foldName(text)];
    });
    if (parts.length === 0) throw new CertificateError('certificate_structure', 'an empty part of a name');
    return parts.map((part) => JSON.stringify(part)).sort();
  });
  return { attributes, key: JSON.stringify(key), full: element.full };
}

/** How two spellings of one name are made alike: NFKC, case, runs of blanks. */
export function foldName(text: string): string {
  return text.normalize('NFKC').toLowerCase().trim().replace(/\s+/g, ' ');
}

/** True of a name without any attribute; such a CA cannot be named by others. */
export function isEmptyName(name: Name): boolean {
  return name.attributes.length === 0;
}

function readExtensions(fields: readonly Der[], version: 1 | 2 | 3): Extension[] {
  const extensions: Extension[] = [];
  let lastTag = 0;
  for (const field of fields) {
    if (field.tag <= lastTag || (field.tag !== 0x81 && field.tag !== 0x82 && field.tag !== 0xa3))
      throw new CertificateError('certificate_structure', 'an unknown field at the end of the certificate');
    lastTag = field.tag;
    if (field.tag !== 0xa3) continue;
    if (version !== 3) throw new CertificateError('certificate_structure', 'extensions belong to version 3');
    const [list, ...rest] = derChildren(field);
    if (rest.length > 0) throw new CertificateError('certificate_structure', 'two lists of extensions');
    for (const element of derChildren(expectTag(list, TAG.sequence))) extensions.push(readExtension(element));
  }
  if (new Set(extensions.map(({ oid }) => oid)).size !== extensions.length)
    throw new CertificateError('duplicate_extension', 'the same extension twice');
  return extensions;
}

function readExtension(element: Der): Extension {
  const parts = derChildren(expectTag(element, TAG.sequence));
  const [oid, second, third] = parts;
  if (oid === undefined || parts.length < 2 || parts.length > 3)
    throw new CertificateError('certificate_structure', 'an extension is a name, a flag and a value');
  const critical = third !== undefined && second !== undefined && derBoolean(second);
  return { oid: derOid(oid), critical, value: expectTag(third ?? second, TAG.octetString).content };
}

function readKnownExtensions(extensions: readonly Extension[]) {
  const value = (oid: string) => extensions.find((extension) => extension.oid === oid)?.value;
  const basic = value(EXTENSION.basicConstraints);
  const usage = value(EXTENSION.keyUsage);
  const extended = value(EXTENSION.extendedKeyUsage);
  const subjectKey = value(EXTENSION.subjectKeyIdentifier);
  const authorityKey = value(EXTENSION.authorityKeyIdentifier);
  const authorityKeyId = authorityKey === undefined ? undefined : readAuthorityKeyId(authorityKey);
  return {
    ...(basic && { basicConstraints: readBasicConstraints(basic) }),
    ...(usage && { keyUsage: readKeyUsage(usage) }),
    ...(extended && { extendedKeyUsage: readExtendedKeyUsage(extended) }),
    ...(subjectKey && { subjectKeyId: toHex(readDerAs(subjectKey, TAG.octetString).content) }),
    ...(authorityKeyId !== undefined && { authorityKeyId }),
  };
}

function readBasicConstraints(value: Uint8Array): { ca: boolean; pathLength?: number } {
  const parts = derChildren(readDerAs(value, TAG.sequence));
  const ca = parts[0]?.tag === TAG.boolean && derBoolean(parts.shift() as Der);
  const [pathLength, ...rest] = parts;
  if (rest.length > 0) throw new CertificateError('certificate_structure', 'basicConstraints holds too much');
  return pathLength === undefined ? { ca } : { ca, pathLength: derCount(pathLength) };
}

function readKeyUsage(value: Uint8Array): KeyUsage[] {
  const { bytes } = derBits(readDer(value));
  return KEY_USAGES.filter((_, bit) => ((bytes[bit >> 3] ?? 0) & (0x80 >> (bit & 7))) !== 0);
}

function readExtendedKeyUsage(value: Uint8Array): string[] {
  const purposes = derChildren(readDerAs(value, TAG.sequence)).map(derOid);
  if (purposes.length === 0) throw new CertificateError('certificate_structure', 'extendedKeyUsage names no purpose');
  return purposes;
}

function readAuthorityKeyId(value: Uint8Array): string | undefined {
  const [first] = derChildren(readDerAs(value, TAG.sequence));
  return first?.tag === 0x80 ? toHex(first.content) : undefined;
}

/**
 * Reads the `x5c` header of a JWS: base64 certificates, leaf first.
 *
 * Throws: CertificateError; an empty list too.
 * Source: RFC 7515 §4.1.6.
 */
export function parseX5c(x5c: readonly string[]): { leaf: Certificate; intermediates: Certificate[] } {
  if (x5c.length > CERTIFICATES_LIMIT)
    throw new CertificateError('too_many_certificates', `more than ${CERTIFICATES_LIMIT} certificates`);
  const [leaf, ...intermediates] = x5c.map((text) => parseCertificate(certificateBase64(text)));
  if (leaf === undefined) throw new CertificateError('certificate_structure', 'no certificate');
  return { leaf, intermediates };
}

const PEM_BLOCK = /-----BEGIN CERTIFICATE-----\r?\n([A-Za-z0-9+/=\r\n]{1,65536}?)-----END CERTIFICATE-----/g;

/**
 * Reads every CERTIFICATE block of a PEM text, in order; other text between blocks is ignored, as OpenSSL does.
 *
 * Throws: CertificateError; pem_format when there is no block.
 */
export function parsePem(text: string): Certificate[] {
  const blocks = [...text.matchAll(PEM_BLOCK)].map(([, body = '']) => body.replace(/[\r\n]/g, ''));
  if (blocks.length === 0) throw new CertificateError('pem_format', 'no certificate in this text');
  if (blocks.length > CERTIFICATES_LIMIT)
    throw new CertificateError('too_many_certificates', `more than ${CERTIFICATES_LIMIT} certificates`);
  return blocks.map((block) => parseCertificate(certificateBase64(block)));
}

function certificateBase64(text: string): Uint8Array {
  try {
    return fromBase64(text);
  } catch {
    throw new CertificateError('pem_format', 'the certificate is not base64');
  }
}
