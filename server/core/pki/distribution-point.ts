/** Where a CRL is found and what it covers (RFC 5280 §4.2.1.13, §5.2.5): the points of certificates and of CRLs, and when they meet. */
import { toHex } from '../log/bytes.ts';
import { CertificateError, type Der, derBits, derBoolean, derChildren, expectTag, readDerAs, TAG } from './der.ts';
import { type GeneralName, generalNameKey, type Name, nameKey, partKey, readGeneralNames } from './names.ts';

/** Names in full, or what is to be added to the name of the CRL's issuer. */
export type PointName = { readonly full: readonly GeneralName[] } | { readonly relative: string };

export type DistributionPoint = {
  readonly name?: PointName;
  /** Bits of ReasonFlags; without them a CRL of this point covers all. */
  readonly reasons?: number;
  readonly crlIssuer?: readonly GeneralName[];
};

/** The issuingDistributionPoint of a CRL; `scope` its hex, equal for a CRL and its deltas. */
export type IssuingPoint = {
  readonly name?: PointName;
  readonly onlyUsers: boolean;
  readonly onlyCas: boolean;
  readonly onlyAttributes: boolean;
  readonly indirect: boolean;
  readonly reasons?: number;
  readonly scope: string;
};

/** keyCompromise … aACompromise: the bits 1–8 of ReasonFlags. */
export const ALL_REASONS = 0b1_1111_1110;

/** Reads cRLDistributionPoints or freshestCRL. Throws: CertificateError. */
export function readDistributionPoints(value: Uint8Array): DistributionPoint[] {
  const points = derChildren(readDerAs(value, TAG.sequence)).map(readDistributionPoint);
  if (points.length === 0) throw new CertificateError('certificate_structure', 'no distribution point in the list');
  return points;
}

function readDistributionPoint(element: Der): DistributionPoint {
  const [name, reasons, issuer] = fieldsInOrder(element, [0xa0, 0x81, 0xa2]);
  // One that says nothing but reasons names no CRL at all.
  if (name === undefined && issuer === undefined)
    throw new CertificateError('certificate_structure', 'a distribution point without name and issuer');
  return {
    ...(name && { name: readPointName(name) }),
    ...(reasons && { reasons: readReasons(reasons) }),
    ...(issuer && { crlIssuer: readGeneralNames(derChildren(issuer)) }),
  };
}

/** Reads issuingDistributionPoint. Throws: CertificateError. */
export function readIssuingPoint(value: Uint8Array): IssuingPoint {
  const sequence = readDerAs(value, TAG.sequence);
  const [name, users, cas, reasons, indirect, attributes] = fieldsInOrder(
    sequence,
    [0xa0, 0x81, 0x82, 0x83, 0x84, 0x85],
  );
  return {
    ...(name && { name: readPointName(name) }),
    onlyUsers: readFlag(users),
    onlyCas: readFlag(cas),
    onlyAttributes: readFlag(attributes),
    indirect: readFlag(indirect),
    ...(reasons && { reasons: readReasons(reasons) }),
    scope: toHex(value),
  };
}

/** The fields of a sequence whose members are optional, each at its place; no other may be there, and none out of order. */
function fieldsInOrder(element: Der, tags: readonly number[]): (Der | undefined)[] {
  const fields = derChildren(expectTag(element, TAG.sequence));
  const places = fields.map(({ tag }) => tags.indexOf(tag));
  if (places.some((place, index) => place <= (places[index - 1] ?? -1)))
    throw new CertificateError('certificate_structure', 'a field of a distribution point is unknown or out of order');
  return tags.map((tag) => fields.find((field) => field.tag === tag));
}

function readFlag(field: Der | undefined): boolean {
  return field !== undefined && derBoolean({ ...field, tag: TAG.boolean });
}

function readReasons(field: Der): number {
  const { bytes } = derBits({ ...field, tag: TAG.bitString });
  let reasons = 0;
  for (let bit = 1; bit <= 8; bit++) if (((bytes[bit >> 3] ?? 0) & (0x80 >> (bit & 7))) !== 0) reasons |= 1 << bit;
  return reasons;
}

function readPointName(field: Der): PointName {
  const [choice, ...rest] = derChildren(field);
  if (choice === undefined || rest.length > 0)
    throw new CertificateError('certificate_structure', 'a point has one name');
  if (choice.tag === 0xa0) return { full: readGeneralNames(derChildren(choice)) };
  return { relative: partKey(derChildren(expectTag(choice, 0xa1))) };
}

/** The keys under which a point's name meets another's; a relative one is added to `issuer`. */
export function pointKeys(name: PointName, issuer: Name): string[] {
  if ('full' in name) return name.full.map(generalNameKey);
  return [`directory ${nameKey([...issuer.parts, name.relative])}`];
}
