/** Extensions of certificates and CRLs (RFC 5280 §4.2, §5.2): the list, and the values of those a path depends on. */
import { toHex } from '../log/bytes.ts';
import {
  CertificateError,
  type Der,
  derBits,
  derBoolean,
  derChildren,
  derCount,
  derOid,
  expectTag,
  readDer,
  readDerAs,
  TAG,
} from './der.ts';
import { type GeneralName, readGeneralName } from './names.ts';

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

export type Extension = { readonly oid: string; readonly critical: boolean; readonly value: Uint8Array };

/** Reads a list of extensions, none of which may come twice. Throws: CertificateError. */
export function readExtensions(list: Der | undefined): Extension[] {
  const extensions = derChildren(expectTag(list, TAG.sequence)).map(readExtension);
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

export function readBasicConstraints(value: Uint8Array): { ca: boolean; pathLength?: number } {
  const parts = derChildren(readDerAs(value, TAG.sequence));
  const ca = parts[0]?.tag === TAG.boolean && derBoolean(parts.shift() as Der);
  const [pathLength, ...rest] = parts;
  if (rest.length > 0) throw new CertificateError('certificate_structure', 'basicConstraints holds too much');
  return pathLength === undefined ? { ca } : { ca, pathLength: derCount(pathLength) };
}

export function readKeyUsage(value: Uint8Array): KeyUsage[] {
  const { bytes } = derBits(readDer(value));
  return KEY_USAGES.filter((_, bit) => ((bytes[bit >> 3] ?? 0) & (0x80 >> (bit & 7))) !== 0);
}

export function readExtendedKeyUsage(value: Uint8Array): string[] {
  const purposes = derChildren(readDerAs(value, TAG.sequence)).map(derOid);
  if (purposes.length === 0) throw new CertificateError('certificate_structure', 'extendedKeyUsage names no purpose');
  return purposes;
}

/** Hex of the issuer's key identifier, when there is one. */
export function readAuthorityKeyId(value: Uint8Array): string | undefined {
  const [first] = derChildren(readDerAs(value, TAG.sequence));
  return first?.tag === 0x80 ? toHex(first.content) : undefined;
}

/** The OIDs of certificatePolicies, none twice; qualifiers say nothing to a machine and are left. Source: RFC 5280 §4.2.1.4. */
export function readPolicies(value: Uint8Array): string[] {
  const policies = derChildren(readDerAs(value, TAG.sequence)).map((information) => {
    const [policy, ...rest] = derChildren(expectTag(information, TAG.sequence));
    if (policy === undefined || rest.length > 1)
      throw new CertificateError('certificate_structure', 'a policy is a name and its qualifiers');
    return derOid(policy);
  });
  if (policies.length === 0 || new Set(policies).size !== policies.length)
    throw new CertificateError('certificate_structure', 'policies are none, or one comes twice');
  return policies;
}

/** One pair of policyMappings: what the issuer calls `issuerDomain` the subject calls `subjectDomain`. */
export type PolicyMapping = { readonly issuerDomain: string; readonly subjectDomain: string };

/** Source: RFC 5280 §4.2.1.5. */
export function readPolicyMappings(value: Uint8Array): PolicyMapping[] {
  const mappings = derChildren(readDerAs(value, TAG.sequence)).map((pair) => {
    const [issuer, subject, ...rest] = derChildren(expectTag(pair, TAG.sequence)).map(derOid);
    if (issuer === undefined || subject === undefined || rest.length > 0)
      throw new CertificateError('certificate_structure', 'a mapping is a pair of policies');
    return { issuerDomain: issuer, subjectDomain: subject };
  });
  if (mappings.length === 0) throw new CertificateError('certificate_structure', 'policyMappings maps nothing');
  return mappings;
}

/** After how many certificates a policy is required, and mapping is forbidden. */
export type PolicyConstraints = { readonly requireExplicitPolicy?: number; readonly inhibitPolicyMapping?: number };

/** Source: RFC 5280 §4.2.1.11. */
export function readPolicyConstraints(value: Uint8Array): PolicyConstraints {
  const parts = derChildren(readDerAs(value, TAG.sequence));
  const [first, second] = parts.map(({ tag }) => tag);
  const known = parts.length === 1 ? first === 0x80 || first === 0x81 : first === 0x80 && second === 0x81;
  if (!known || parts.length > 2)
    throw new CertificateError('certificate_structure', 'policyConstraints is one number or two');
  const count = (tag: number): number | undefined => {
    const part = parts.find((each) => each.tag === tag);
    return part && derCount({ ...part, tag: TAG.integer });
  };
  const requireExplicitPolicy = count(0x80);
  const inhibitPolicyMapping = count(0x81);
  return {
    ...(requireExplicitPolicy !== undefined && { requireExplicitPolicy }),
    ...(inhibitPolicyMapping !== undefined && { inhibitPolicyMapping }),
  };
}

/** Which names may stand in the certificates below a CA, and which may not. */
export type NameConstraints = { readonly permitted: readonly GeneralName[]; readonly excluded: readonly GeneralName[] };

/**
 * Source: RFC 5280 §4.2.1.10.
 * Why:    minimum and maximum have no use there and would widen or narrow a subtree unseen: refused, save the default 0.
 */
export function readNameConstraints(value: Uint8Array): NameConstraints {
  const parts = derChildren(readDerAs(value, TAG.sequence));
  const tags = parts.map(({ tag }) => tag).join();
  if (!['160', '161', '160,161'].includes(tags))
    throw new CertificateError('certificate_structure', 'nameConstraints permits or excludes');
  const trees = (tag: number) =>
    parts
      .filter((part) => part.tag === tag)
      .flatMap(derChildren)
      .map((tree) => {
        const [base, ...rest] = derChildren(expectTag(tree, TAG.sequence));
        if (base === undefined || rest.length > 0)
          throw new CertificateError('certificate_structure', 'a subtree is one name');
        return readGeneralName(base);
      });
  const constraints = { permitted: trees(0xa0), excluded: trees(0xa1) };
  if (parts.some((part) => part.content.length === 0))
    throw new CertificateError('certificate_structure', 'a list of subtrees without a subtree');
  return constraints;
}
