/** Certificate revocation lists (RFC 5280 §5) read into plain values: full, delta and indirect ones; whether to believe one is revocation.ts's question. */
import { sameBytes, toHex } from '../log/bytes.ts';
import { type Algorithm, readAlgorithm } from './certificate.ts';
import {
  CertificateError,
  type Der,
  type DerHead,
  derBitBytes,
  derChildren,
  derCount,
  derEnumerated,
  derTime,
  derUnsigned,
  expectTag,
  readDer,
  readDerAs,
  readHead,
  TAG,
} from './der.ts';
import { type IssuingPoint, readIssuingPoint } from './distribution-point.ts';
import { EXTENSION, type Extension, readAuthorityKeyId, readExtensions } from './extensions.ts';
import { type Name, readGeneralNames, readName } from './names.ts';

/** A national CA's list of half a million certificates has 20 MB; what is longer is not read. */
export const CRL_LIMIT_BYTES = 33_554_432;

export const CRL_EXTENSION = {
  number: '2.5.29.20',
  reason: '2.5.29.21',
  holdInstruction: '2.5.29.23',
  invalidityDate: '2.5.29.24',
  deltaIndicator: '2.5.29.27',
  issuingPoint: '2.5.29.28',
  certificateIssuer: '2.5.29.29',
} as const;

/** CRLReason by its number (RFC 5280 §5.3.1); 7 is not used. */
export const REVOCATION_REASONS = {
  0: 'unspecified',
  1: 'keyCompromise',
  2: 'cACompromise',
  3: 'affiliationChanged',
  4: 'superseded',
  5: 'cessationOfOperation',
  6: 'certificateHold',
  8: 'removeFromCRL',
  9: 'privilegeWithdrawn',
  10: 'aACompromise',
} as const;
export type RevocationReason = (typeof REVOCATION_REASONS)[keyof typeof REVOCATION_REASONS];

export type Revocation = { readonly reason: RevocationReason; readonly revokedAt: number };

export type Crl = {
  /** The whole list as it came. */
  readonly der: Uint8Array;
  /** The bytes the issuer signed. */
  readonly tbs: Uint8Array;
  readonly issuer: Name;
  readonly thisUpdateAt: number;
  /** Start of the last second in which it holds; without it the list is never fresh. */
  readonly nextUpdateAt?: number;
  readonly signatureAlgorithm: Algorithm;
  readonly signature: Uint8Array;
  readonly number?: bigint;
  /** Of a delta: the least number of the full list it is to be read with. */
  readonly deltaBase?: bigint;
  readonly issuingPoint?: IssuingPoint;
  readonly authorityKeyId?: string;
  /** Something critical in it is not known here: then it says nothing about any certificate. */
  readonly hasUnknownCritical: boolean;
  readonly entryCount: number;
  /** By the key of the certificates' issuer, by the hex of the serial. */
  readonly entries: ReadonlyMap<string, ReadonlyMap<string, Revocation>>;
};

const KNOWN: readonly string[] = [
  EXTENSION.authorityKeyIdentifier,
  EXTENSION.issuerAltName,
  EXTENSION.freshestCrl,
  CRL_EXTENSION.number,
  CRL_EXTENSION.deltaIndicator,
  CRL_EXTENSION.issuingPoint,
];
const KNOWN_IN_ENTRY: readonly string[] = [
  CRL_EXTENSION.reason,
  CRL_EXTENSION.holdInstruction,
  CRL_EXTENSION.invalidityDate,
  CRL_EXTENSION.certificateIssuer,
];

/**
 * Reads one CRL.
 *
 * Throws: CertificateError; nothing else, whatever the bytes.
 * Source: RFC 5280 §5.1–5.3.
 */
export function parseCrl(der: Uint8Array): Crl {
  if (der.length > CRL_LIMIT_BYTES) throw new CertificateError('crl_too_large', `more than ${CRL_LIMIT_BYTES} bytes`);
  const [tbs, outerAlgorithm, signature, ...rest] = derChildren(readDerAs(der, TAG.sequence));
  if (tbs === undefined || outerAlgorithm === undefined || signature === undefined || rest.length > 0)
    throw new CertificateError('crl_structure', 'a list is body, algorithm and signature');
  const { algorithm, ...body } = readBody(expectTag(tbs, TAG.sequence));
  if (!sameBytes(algorithm.full, outerAlgorithm.full))
    throw new CertificateError(
      'certificate_algorithm',
      'the signed algorithm differs from the one beside the signature',
    );
  return {
    der,
    tbs: tbs.full,
    signatureAlgorithm: readAlgorithm(outerAlgorithm),
    signature: derBitBytes(signature),
    ...body,
  };
}

const isTime = (element: Der | undefined): element is Der =>
  element?.tag === TAG.utcTime || element?.tag === TAG.generalizedTime;

function readBody(tbs: Der) {
  const fields = derChildren(tbs);
  const version = fields[0]?.tag === TAG.integer ? derCount(fields.shift() as Der) + 1 : 1;
  const [algorithm, issuerElement, thisUpdate] = fields.splice(0, 3);
  const nextUpdate = isTime(fields[0]) ? fields.shift() : undefined;
  const list = fields[0]?.tag === TAG.sequence ? fields.shift() : undefined;
  const tagged = fields[0]?.tag === 0xa0 ? fields.shift() : undefined;
  if (version > 2 || algorithm === undefined || !isTime(thisUpdate) || fields.length > 0)
    throw new CertificateError('crl_structure', 'a field of the list is missing or too many');
  if (tagged !== undefined && version !== 2)
    throw new CertificateError('crl_structure', 'extensions belong to version 2');
  const issuer = readName(expectTag(issuerElement, TAG.sequence));
  const extensions = tagged === undefined ? [] : readExtensions(onlyChild(tagged));
  const known = readKnown(extensions);
  const read = readEntries(list, issuer);
  if (read.hasExtensions && version !== 2)
    throw new CertificateError('crl_structure', 'extensions belong to version 2');
  if (read.namesIssuers && known.issuingPoint?.indirect !== true)
    throw new CertificateError('crl_structure', 'entries of other issuers in a list that is not indirect');
  return {
    algorithm,
    issuer,
    thisUpdateAt: derTime(thisUpdate),
    ...(nextUpdate && { nextUpdateAt: derTime(nextUpdate) }),
    ...known,
    hasUnknownCritical:
      read.hasUnknownCritical || extensions.some(({ oid, critical }) => critical && !KNOWN.includes(oid)),
    entryCount: read.count,
    entries: read.entries,
  };
}

function onlyChild(tagged: Der): Der | undefined {
  const [child, ...rest] = derChildren(tagged);
  if (rest.length > 0) throw new CertificateError('crl_structure', 'two lists of extensions');
  return child;
}

function readKnown(extensions: readonly Extension[]) {
  const value = (oid: string) => extensions.find((extension) => extension.oid === oid)?.value;
  const number = value(CRL_EXTENSION.number);
  const base = value(CRL_EXTENSION.deltaIndicator);
  const point = value(CRL_EXTENSION.issuingPoint);
  const authorityKey = value(EXTENSION.authorityKeyIdentifier);
  const authorityKeyId = authorityKey && readAuthorityKeyId(authorityKey);
  return {
    ...(number && { number: derUnsigned(readDer(number)) }),
    ...(base && { deltaBase: derUnsigned(readDer(base)) }),
    ...(point && { issuingPoint: readIssuingPoint(point) }),
    ...(authorityKeyId !== undefined && { authorityKeyId }),
  };
}

type Entries = {
  readonly entries: ReadonlyMap<string, ReadonlyMap<string, Revocation>>;
  readonly count: number;
  readonly hasExtensions: boolean;
  readonly namesIssuers: boolean;
  readonly hasUnknownCritical: boolean;
};

/**
 * Reads the entries, one after another.
 *
 * Why: an entry without certificateIssuer belongs to the issuer of the one before it (RFC 5280 §5.3.3), so the order
 *      counts. Of two entries for one certificate the first that revokes it stays. A CA's list has tens of thousands of
 *      entries, all alike: places in the bytes are kept instead of an object for each element.
 */
function readEntries(list: Der | undefined, issuer: Name): Entries {
  const entries = new Map<string, Map<string, Revocation>>();
  let current = new Map<string, Revocation>();
  entries.set(issuer.key, current);
  let [count, hasExtensions, namesIssuers, hasUnknownCritical] = [0, false, false, false];
  const bytes = list?.content ?? new Uint8Array();
  const readTime = timesRemembered();
  const head: DerHead = { tag: 0, contentStart: 0, end: 0 };
  const expect = (start: number, limit: number, ...tags: number[]): void => {
    readHead(bytes, start, limit, head);
    if (!tags.includes(head.tag))
      throw new CertificateError('crl_structure', 'an entry is a serial, a date and its extensions');
  };
  for (let at = 0; at < bytes.length; ) {
    expect(at, bytes.length, TAG.sequence);
    const end = head.end;
    expect(head.contentStart, end, TAG.integer);
    const serial = serialHex(bytes.subarray(head.contentStart, head.end));
    const dateAt = head.end;
    expect(dateAt, end, TAG.utcTime, TAG.generalizedTime);
    const revokedAt = readTime(bytes.subarray(dateAt, head.end));
    let reason: RevocationReason = 'unspecified';
    if (head.end < end) {
      hasExtensions = true;
      const extensions = bytes.subarray(head.end, end);
      const plain = plainReason(extensions);
      if (plain !== undefined) reason = readReason(plain);
      else
        for (const { oid, critical, value } of readExtensions(readDer(extensions))) {
          if (oid === CRL_EXTENSION.reason) reason = readReason(value);
          else if (oid === CRL_EXTENSION.certificateIssuer) {
            namesIssuers = true;
            const { key } = readCertificateIssuer(value);
            current = entries.get(key) ?? new Map<string, Revocation>();
            entries.set(key, current);
          } else if (critical && !KNOWN_IN_ENTRY.includes(oid)) hasUnknownCritical = true;
        }
    }
    const before = current.get(serial);
    if (before === undefined || before.reason === 'removeFromCRL') current.set(serial, { reason, revokedAt });
    count += 1;
    at = end;
  }
  return { entries, count, hasExtensions, namesIssuers, hasUnknownCritical };
}

/** A list of one extension, a reason that is not critical: what nearly every entry has, and nothing else. */
const PLAIN_REASON = Uint8Array.of(0x30, 0x0c, 0x30, 0x0a, 0x06, 0x03, 0x55, 0x1d, 0x15, 0x04, 0x03);
const PLAIN_REASON_BYTES = 14;

/** The value of that extension, without going through the list; undefined when the list is any other. */
function plainReason(bytes: Uint8Array): Uint8Array | undefined {
  if (bytes.length !== PLAIN_REASON_BYTES) return undefined;
  for (let i = 0; i < PLAIN_REASON.length; i++) if (bytes[i] !== PLAIN_REASON[i]) return undefined;
  return bytes.subarray(PLAIN_REASON.length);
}

/** As certificate.ts writes a serial; of an integer that is not minimal nothing good comes, but no certificate has it. */
function serialHex(content: Uint8Array): string {
  if (content.length === 0) throw new CertificateError('der_value', 'an integer has a byte at least');
  return toHex(content);
}

/** Reads a time, the same bytes as the ones before without reading them: a list that a CA made at once has long runs of them. */
function timesRemembered(): (bytes: Uint8Array) => number {
  let last: Uint8Array = new Uint8Array();
  let instant = 0;
  return (bytes) => {
    if (!sameBytes(last, bytes)) {
      instant = derTime(readDer(bytes));
      last = bytes;
    }
    return instant;
  };
}

function readReason(value: Uint8Array): RevocationReason {
  const number = derEnumerated(readDer(value));
  if (!Object.hasOwn(REVOCATION_REASONS, number)) throw new CertificateError('der_value', 'no such reason');
  return REVOCATION_REASONS[number as keyof typeof REVOCATION_REASONS];
}

function readCertificateIssuer(value: Uint8Array): Name {
  const names = readGeneralNames(derChildren(readDerAs(value, TAG.sequence)));
  const [issuer, ...more] = names.flatMap((name) => (name.kind === 'directory' ? [name.name] : []));
  if (issuer === undefined || more.length > 0)
    throw new CertificateError('crl_structure', 'the issuer of an entry is one distinguished name');
  return issuer;
}
