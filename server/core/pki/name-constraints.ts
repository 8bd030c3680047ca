/** Whether the names of a certificate lie within the subtrees that the CAs above it set (RFC 5280 §4.2.1.10, §6.1.3 b–c). */
import type { Certificate } from './certificate.ts';
import type { NameConstraints } from './extensions.ts';
import { ATTRIBUTE, type GeneralName, isEmptyName } from './names.ts';

/** Comparisons of a name with a subtree in one path: what thousands of names under thousands of constraints may cost. */
export const NAME_COMPARISON_LIMIT = 100_000;

export type NameReason = 'name_not_permitted' | 'name_excluded' | 'constraint_not_supported' | 'search_limit';

/** Compares on, from `left` comparisons down; what is over when they are used up is refused. */
export type NameBudget = { left: number };

/**
 * Why a certificate may not stand below CAs with these constraints; undefined when it may.
 *
 * Why: an e-mail address in the subject's name is held to the constraints on addresses too, although RFC 5280 asks it only
 *      of certificates without alternative names: the other way round a second address would hide the first. A common name
 *      is a name of people here and is never read as a host.
 */
export function whyNamesNot(
  certificate: Pick<Certificate, 'subject' | 'subjectAltNames'>,
  constraints: readonly NameConstraints[],
  budget: NameBudget,
): NameReason | undefined {
  if (constraints.length === 0) return undefined;
  for (const name of namesOf(certificate)) {
    for (const { permitted, excluded } of constraints) {
      const reason = whyNameNot(name, permitted, excluded, budget);
      if (reason !== undefined) return reason;
    }
  }
  return undefined;
}

function namesOf({ subject, subjectAltNames = [] }: Pick<Certificate, 'subject' | 'subjectAltNames'>): GeneralName[] {
  return [
    ...(isEmptyName(subject) ? [] : [{ kind: 'directory', name: subject } as const]),
    ...subjectAltNames,
    ...subject.attributes.flatMap(({ oid, value }) =>
      oid === ATTRIBUTE.emailAddress ? [{ kind: 'email', value } as const] : [],
    ),
  ];
}

function whyNameNot(
  name: GeneralName,
  permitted: readonly GeneralName[],
  excluded: readonly GeneralName[],
  budget: NameBudget,
): NameReason | undefined {
  budget.left -= permitted.length + excluded.length;
  if (budget.left < 0) return 'search_limit';
  const isOfForm = (tree: GeneralName) =>
    tree.kind === name.kind && (tree.kind !== 'other' || (name.kind === 'other' && tree.tag === name.tag));
  const within = permitted.filter(isOfForm);
  const without = excluded.filter(isOfForm);
  if (within.length + without.length === 0) return undefined;
  // A name that cannot be read cannot be held to anything, and a subtree that cannot be read holds nothing.
  if (!isReadable(name) || ![...within, ...without].every(isSubtree)) return 'constraint_not_supported';
  if (without.some((tree) => isWithin(name, tree) || mayCover(name, tree))) return 'name_excluded';
  if (within.length > 0 && !within.some((tree) => isWithin(name, tree))) return 'name_not_permitted';
  return undefined;
}

const HOST = /^(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/i;
const MAILBOX = /^([^@\s]+)@([^@\s]+)$/;
const HOST_OF_URI = /^[a-z][a-z0-9+.-]*:\/\/(?:[^@/?#]*@)?([^@:/?#[\]]+)(?::[0-9]*)?(?:[/?#]|$)/i;
const DOTTED_QUAD = /^[0-9]+(?:\.[0-9]+){3}$/;

/** Every label is below 64 characters, so a host is short or malformed; longer ones never meet the patterns. */
const HOST_LIMIT = 253;

const isHost = (text: string): boolean => text.length <= HOST_LIMIT && HOST.test(text);

function hostOfUri(uri: string): string | undefined {
  const host = HOST_OF_URI.exec(uri)?.[1];
  // A constraint on URIs speaks of hosts by name; an address has none.
  return host !== undefined && isHost(host) && !DOTTED_QUAD.test(host) ? host.toLowerCase() : undefined;
}

function mailbox(address: string): { local: string; host: string } | undefined {
  const [, local, host] = MAILBOX.exec(address) ?? [];
  return local !== undefined && host !== undefined && isHost(host) ? { local, host: host.toLowerCase() } : undefined;
}

function isReadable(name: GeneralName): boolean {
  switch (name.kind) {
    case 'directory':
      return true;
    case 'email':
      return mailbox(name.value) !== undefined;
    case 'dns':
      return isHost(name.value.startsWith('*.') ? name.value.slice(2) : name.value);
    case 'uri':
      return hostOfUri(name.value) !== undefined;
    case 'ip':
      return name.bytes.length === 4 || name.bytes.length === 16;
    case 'other':
      return false;
  }
}

function isSubtree(tree: GeneralName): boolean {
  switch (tree.kind) {
    case 'directory':
      return true;
    case 'email':
      return tree.value.includes('@') ? mailbox(tree.value) !== undefined : isHost(withoutDot(tree.value));
    case 'dns':
      return tree.value === '' || isHost(tree.value);
    case 'uri':
      return isHost(withoutDot(tree.value)) && !DOTTED_QUAD.test(tree.value);
    case 'ip':
      return (
        (tree.bytes.length === 8 || tree.bytes.length === 32) && isMask(tree.bytes.subarray(tree.bytes.length / 2))
      );
    case 'other':
      return false;
  }
}

const withoutDot = (host: string): string => (host.startsWith('.') ? host.slice(1) : host);

/** Ones, then zeros. */
function isMask(bytes: Uint8Array): boolean {
  const bits = [...bytes].map((byte) => byte.toString(2).padStart(8, '0')).join('');
  return /^1*0*$/.test(bits);
}

/** Whether a readable name lies in a subtree of its own form. */
function isWithin(name: GeneralName, tree: GeneralName): boolean {
  if (name.kind === 'directory' && tree.kind === 'directory')
    return tree.name.parts.every((part, index) => part === name.name.parts[index]);
  if (name.kind === 'ip' && tree.kind === 'ip') return isAddressWithin(name.bytes, tree.bytes);
  if (name.kind === 'dns' && tree.kind === 'dns')
    return isHostWithin(name.value.toLowerCase(), tree.value.toLowerCase());
  if (name.kind === 'uri' && tree.kind === 'uri') return isOnHost(hostOfUri(name.value) ?? '', tree.value);
  if (name.kind !== 'email' || tree.kind !== 'email') return false;
  const { local, host } = mailbox(name.value) ?? { local: '', host: '' };
  const only = mailbox(tree.value);
  // The part before the @ is its host's own matter and is compared letter for letter.
  return only === undefined ? isOnHost(host, tree.value) : only.local === local && only.host === host;
}

/** dNSName: the host itself and all below it. */
function isHostWithin(host: string, tree: string): boolean {
  return tree === '' || host === tree || host.endsWith(`.${tree}`);
}

/** URI and rfc822Name: this host, or with a leading dot all below it and not itself. */
function isOnHost(host: string, tree: string): boolean {
  return tree.startsWith('.') ? host.endsWith(tree.toLowerCase()) : host === tree.toLowerCase();
}

/** True of a wildcard among whose hosts an excluded one may be: `*.example.cn` covers `bad.example.cn`. */
function mayCover(name: GeneralName, tree: GeneralName): boolean {
  if (name.kind !== 'dns' || tree.kind !== 'dns' || !name.value.startsWith('*.')) return false;
  return tree.value.toLowerCase().endsWith(name.value.slice(1).toLowerCase());
}

function isAddressWithin(address: Uint8Array, tree: Uint8Array): boolean {
  const half = tree.length / 2;
  return (
    address.length === half &&
    address.every(
      (byte, index) => (byte & (tree[half + index] ?? 0)) === ((tree[index] ?? 0) & (tree[half + index] ?? 0)),
    )
  );
}
