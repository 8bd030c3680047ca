/** Distinguished names and general names (RFC 5280 §4.1.2.4, §4.2.1.6) read into values, and when two of them are one. */
import { toHex } from '../log/bytes.ts';
import { CertificateError, type Der, derChildren, derOid, derText, expectTag, readDerAs, TAG } from './der.ts';

export const ATTRIBUTE = {
  commonName: '2.5.4.3',
  serialNumber: '2.5.4.5',
  country: '2.5.4.6',
  locality: '2.5.4.7',
  province: '2.5.4.8',
  organisation: '2.5.4.10',
  organisationalUnit: '2.5.4.11',
  organizationIdentifier: '2.5.4.97',
  emailAddress: '1.2.840.113549.1.9.1',
} as const;

export type NameAttribute = { readonly oid: string; readonly value: string };

/** A distinguished name: its attributes in order, and the keys under which equal names meet (RFC 5280 §7.1 after NFKC). */
export type Name = {
  readonly attributes: readonly NameAttribute[];
  /** One key a relative name, in order: a subtree is named by the first ones. */
  readonly parts: readonly string[];
  readonly key: string;
  readonly full: Uint8Array;
};

/** Reads a Name. Throws: CertificateError. */
export function readName(element: Der): Name {
  const attributes: NameAttribute[] = [];
  const parts = derChildren(expectTag(element, TAG.sequence)).map((set) => {
    const pairs = derChildren(expectTag(set, TAG.set));
    for (const pair of pairs) attributes.push(readAttribute(pair));
    return partKey(pairs);
  });
  return { attributes, parts, key: nameKey(parts), full: element.full };
}

/** The key of a name made of these parts; JSON holds no line break, so no two lists of parts have one key. */
export function nameKey(parts: readonly string[]): string {
  return parts.join('\n');
}

/** The key of a relative name, whose attributes have no order. */
export function partKey(pairs: readonly Der[]): string {
  if (pairs.length === 0) throw new CertificateError('certificate_structure', 'an empty part of a name');
  const keys = pairs.map((pair) => {
    const { oid, text, full } = attributeOf(pair);
    return JSON.stringify(text === undefined ? [oid, '#', toHex(full)] : [oid, '=', foldName(text)]);
  });
  return keys.sort().join('+');
}

function readAttribute(pair: Der): NameAttribute {
  const { oid, text, full } = attributeOf(pair);
  return { oid, value: text ?? `#${toHex(full)}` };
}

function attributeOf(pair: Der): { oid: string; text: string | undefined; full: Uint8Array } {
  const [oidElement, valueElement, ...rest] = derChildren(expectTag(pair, TAG.sequence));
  if (oidElement === undefined || valueElement === undefined || rest.length > 0)
    throw new CertificateError('certificate_structure', 'an attribute of a name is a type and a value');
  return { oid: derOid(oidElement), text: derText(valueElement), full: valueElement.full };
}

/** How two spellings of one name are made alike: NFKC, case, runs of blanks. */
export function foldName(text: string): string {
  return text.normalize('NFKC').toLowerCase().trim().replace(/\s+/g, ' ');
}

/** True of a name without any attribute; such a CA cannot be named by others. */
export function isEmptyName(name: Name): boolean {
  return name.attributes.length === 0;
}

/** A GeneralName; forms that nothing here compares keep their tag and bytes. */
export type GeneralName =
  | { readonly kind: 'email' | 'dns' | 'uri'; readonly value: string }
  | { readonly kind: 'ip'; readonly bytes: Uint8Array }
  | { readonly kind: 'directory'; readonly name: Name }
  | { readonly kind: 'other'; readonly tag: number; readonly full: Uint8Array };

const OTHER_FORMS = [0xa0, 0xa3, 0xa5, 0x88];
const TEXT_FORMS: ReadonlyMap<number, 'email' | 'dns' | 'uri'> = new Map([
  [0x81, 'email'],
  [0x82, 'dns'],
  [0x86, 'uri'],
]);

/** Reads a GeneralName. Throws: CertificateError. Source: RFC 5280 §4.2.1.6. */
export function readGeneralName(element: Der): GeneralName {
  const { tag, content, full } = element;
  const kind = TEXT_FORMS.get(tag);
  if (kind !== undefined) return { kind, value: derText({ tag: TAG.ia5String, content, full }) ?? '' };
  if (tag === 0x87) return { kind: 'ip', bytes: content };
  if (tag === 0xa4) return { kind: 'directory', name: readName(readDerAs(content, TAG.sequence)) };
  if (OTHER_FORMS.includes(tag)) return { kind: 'other', tag, full };
  throw new CertificateError('certificate_structure', 'a general name of no known form');
}

/** Reads the elements of GeneralNames, of which there must be one. */
export function readGeneralNames(elements: readonly Der[]): GeneralName[] {
  if (elements.length === 0) throw new CertificateError('certificate_structure', 'a list of names without a name');
  return elements.map(readGeneralName);
}

/** Under which equal general names meet; host names are not made alike, for a CRL's point is named letter for letter. */
export function generalNameKey(name: GeneralName): string {
  if (name.kind === 'directory') return `directory ${name.name.key}`;
  if (name.kind === 'ip') return `ip ${toHex(name.bytes)}`;
  return name.kind === 'other' ? `other ${toHex(name.full)}` : `${name.kind} ${name.value}`;
}
