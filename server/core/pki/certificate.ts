/** X.509 v3 certificates (RFC 5280 §4) read into plain values; whether to trust one is chain.ts's question. */
import { fromBase64 } from '../log/base64.ts';
import { sameBytes, toHex } from '../log/bytes.ts';
import {
  CertificateError,
  type Der,
  derBitBytes,
  derChildren,
  derCount,
  derInteger,
  derOid,
  derTime,
  expectTag,
  readDer,
  readDerAs,
  TAG,
} from './der.ts';
import { type DistributionPoint, readDistributionPoints } from './distribution-point.ts';
import {
  EXTENSION,
  type Extension,
  type KeyUsage,
  type NameConstraints,
  type PolicyConstraints,
  type PolicyMapping,
  readAuthorityKeyId,
  readBasicConstraints,
  readExtendedKeyUsage,
  readExtensions,
  readKeyUsage,
  readNameConstraints,
  readPolicies,
  readPolicyConstraints,
  readPolicyMappings,
} from './extensions.ts';
import { type GeneralName, type Name, readGeneralNames, readName } from './names.ts';

/** A certificate with its names and extensions is 1–3 KB; one of more than this is an attack, not a person. */
export const CERTIFICATE_LIMIT_BYTES = 32_768;
/** Leaf and intermediates in one `x5c` or PEM file. */
export const CERTIFICATES_LIMIT = 8;

/** An AlgorithmIdentifier: the OID and, when there are any, the DER of its parameters. */
export type Algorithm = { readonly oid: string; readonly parameters?: Uint8Array };

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
  readonly subjectAltNames?: readonly GeneralName[];
  /** OIDs of certificatePolicies. */
  readonly policies?: readonly string[];
  readonly policyMappings?: readonly PolicyMapping[];
  readonly policyConstraints?: PolicyConstraints;
  readonly inhibitAnyPolicy?: number;
  readonly nameConstraints?: NameConstraints;
  readonly crlDistributionPoints?: readonly DistributionPoint[];
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
    extensions: readCertificateExtensions(rest, version),
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

/** Reads an AlgorithmIdentifier. */
export function readAlgorithm(element: Der): Algorithm {
  const [oid, parameters, ...rest] = derChildren(expectTag(element, TAG.sequence));
  if (oid === undefined || rest.length > 0)
    throw new CertificateError('certificate_structure', 'an algorithm is a name and its parameters');
  return parameters === undefined ? { oid: derOid(oid) } : { oid: derOid(oid), parameters: parameters.full };
}

function readCertificateExtensions(fields: readonly Der[], version: 1 | 2 | 3): Extension[] {
  let extensions: Extension[] = [];
  let lastTag = 0;
  for (const field of fields) {
    if (field.tag <= lastTag || (field.tag !== 0x81 && field.tag !== 0x82 && field.tag !== 0xa3))
      throw new CertificateError('certificate_structure', 'an unknown field at the end of the certificate');
    lastTag = field.tag;
    if (field.tag !== 0xa3) continue;
    if (version !== 3) throw new CertificateError('certificate_structure', 'extensions belong to version 3');
    const [list, ...rest] = derChildren(field);
    if (rest.length > 0) throw new CertificateError('certificate_structure', 'two lists of extensions');
    extensions = readExtensions(list);
  }
  return extensions;
}

/** What the extensions say that a path depends on; each is read if it is there, critical or not. */
function readKnownExtensions(extensions: readonly Extension[]) {
  const read = <K extends string, T>(key: K, oid: string, reader: (value: Uint8Array) => T | undefined) => {
    const value = extensions.find((extension) => extension.oid === oid)?.value;
    const known = value === undefined ? undefined : reader(value);
    return (known === undefined ? {} : { [key]: known }) as { readonly [Key in K]?: T };
  };
  return {
    ...read('basicConstraints', EXTENSION.basicConstraints, readBasicConstraints),
    ...read('keyUsage', EXTENSION.keyUsage, readKeyUsage),
    ...read('extendedKeyUsage', EXTENSION.extendedKeyUsage, readExtendedKeyUsage),
    ...read('subjectKeyId', EXTENSION.subjectKeyIdentifier, (value) =>
      toHex(readDerAs(value, TAG.octetString).content),
    ),
    ...read('authorityKeyId', EXTENSION.authorityKeyIdentifier, readAuthorityKeyId),
    ...read('subjectAltNames', EXTENSION.subjectAltName, (value) =>
      readGeneralNames(derChildren(readDerAs(value, TAG.sequence))),
    ),
    ...read('policies', EXTENSION.certificatePolicies, readPolicies),
    ...read('policyMappings', EXTENSION.policyMappings, readPolicyMappings),
    ...read('policyConstraints', EXTENSION.policyConstraints, readPolicyConstraints),
    ...read('inhibitAnyPolicy', EXTENSION.inhibitAnyPolicy, (value) => derCount(readDer(value))),
    ...read('nameConstraints', EXTENSION.nameConstraints, readNameConstraints),
    ...read('crlDistributionPoints', EXTENSION.crlDistributionPoints, readDistributionPoints),
  };
}

/** Issued under its own name: such certificates bind a CA's new key to its old one, and count for nothing in a path's length. */
export function isSelfIssued({ subject, issuer }: Pick<Certificate, 'subject' | 'issuer'>): boolean {
  return subject.key === issuer.key;
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
