/** Certificate policies along a path (RFC 5280 §6.1 as RFC 9618 rewrote it): a graph, so that no path makes it grow beyond its certificates. */
import { type Certificate, isSelfIssued } from './certificate.ts';

const ANY_POLICY = '2.5.29.32.0';

/** Nodes and edges in the graph of one path; CAs state a handful of policies, an attacker thousands (CVE-2023-0464). */
export const POLICY_LIMIT = 1_024;

/** What a path must satisfy (RFC 5280 §6.1.1 c–g); all absent: any policy will do, and none is asked for. */
export type PolicyTerms = {
  /** Policies of which one is to hold; absent: any. */
  readonly initialPolicySet?: readonly string[];
  readonly requireExplicitPolicy?: boolean;
  readonly inhibitPolicyMapping?: boolean;
  readonly inhibitAnyPolicy?: boolean;
};

type Node = {
  readonly policy: string;
  expected: ReadonlySet<string>;
  readonly parents: readonly Node[];
};
type Level = Map<string, Node>;

export type PolicyReason = 'policy' | 'search_limit';

type PolicyCertificate = Pick<
  Certificate,
  'subject' | 'issuer' | 'policies' | 'policyMappings' | 'policyConstraints' | 'inhibitAnyPolicy'
>;

export type PolicyWalk = {
  /** The anchor's own constraints, before the first certificate (RFC 5937). */
  begin(anchor: PolicyCertificate): void;
  /** RFC 5280 §6.1.3 (d)–(f). */
  enter(certificate: PolicyCertificate, isLeaf: boolean): PolicyReason | undefined;
  /** RFC 5280 §6.1.4 (a), (b), (h)–(j): before the certificate below this one. */
  leave(certificate: PolicyCertificate): PolicyReason | undefined;
  /** RFC 5280 §6.1.5 (a), (b), (g). Returns: the policies under which the path holds. */
  finish(leaf: PolicyCertificate): { readonly policies: readonly string[] } | { readonly reason: PolicyReason };
};

/** The walk down a path of `length` certificates below its anchor. */
export function walkPolicies(length: number, terms: PolicyTerms): PolicyWalk {
  const wanted = terms.initialPolicySet?.includes(ANY_POLICY) === true ? undefined : terms.initialPolicySet;
  let explicit = terms.requireExplicitPolicy === true ? 0 : length + 1;
  let mapping = terms.inhibitPolicyMapping === true ? 0 : length + 1;
  let any = terms.inhibitAnyPolicy === true ? 0 : length + 1;
  let level: Level | undefined = new Map([
    [ANY_POLICY, { policy: ANY_POLICY, expected: new Set([ANY_POLICY]), parents: [] }],
  ]);
  let size = 1;

  const add = (to: Level, policy: string, parents: readonly Node[], expected = new Set([policy])): void => {
    size += 1 + parents.length + expected.size;
    if (size <= POLICY_LIMIT) to.set(policy, { policy, expected, parents });
  };
  const constrain = ({ policyConstraints, inhibitAnyPolicy }: PolicyCertificate): void => {
    explicit = Math.min(explicit, policyConstraints?.requireExplicitPolicy ?? explicit);
    mapping = Math.min(mapping, policyConstraints?.inhibitPolicyMapping ?? mapping);
    any = Math.min(any, inhibitAnyPolicy ?? any);
  };

  return {
    begin: constrain,

    enter(certificate, isLeaf) {
      const { policies } = certificate;
      if (policies === undefined) level = undefined;
      if (level !== undefined && policies !== undefined) {
        const expecting = nodesByExpectation(level);
        const below: Level = new Map();
        const anyNode = level.get(ANY_POLICY);
        for (const policy of policies) {
          if (policy === ANY_POLICY) continue;
          const parents = expecting.get(policy) ?? (anyNode && [anyNode]);
          if (parents !== undefined) add(below, policy, parents);
        }
        if (policies.includes(ANY_POLICY) && (any > 0 || (!isLeaf && isSelfIssued(certificate))))
          for (const [policy, parents] of expecting) if (!below.has(policy)) add(below, policy, parents);
        if (size > POLICY_LIMIT) return 'search_limit';
        level = below.size === 0 ? undefined : below;
      }
      return explicit > 0 || level !== undefined ? undefined : 'policy';
    },

    leave(certificate) {
      const equivalents = new Map<string, Set<string>>();
      for (const { issuerDomain, subjectDomain } of certificate.policyMappings ?? []) {
        if (issuerDomain === ANY_POLICY || subjectDomain === ANY_POLICY) return 'policy';
        const known = equivalents.get(issuerDomain) ?? new Set<string>();
        equivalents.set(issuerDomain, known.add(subjectDomain));
      }
      if (level !== undefined) {
        const anyNode = level.get(ANY_POLICY);
        for (const [policy, expected] of equivalents) {
          const node = level.get(policy);
          if (mapping === 0) level.delete(policy);
          else if (node !== undefined) {
            size += expected.size;
            node.expected = expected;
          } else if (anyNode !== undefined) add(level, policy, anyNode.parents, expected);
        }
        if (size > POLICY_LIMIT) return 'search_limit';
        if (level.size === 0) level = undefined;
      }
      if (!isSelfIssued(certificate)) {
        explicit = Math.max(0, explicit - 1);
        mapping = Math.max(0, mapping - 1);
        any = Math.max(0, any - 1);
      }
      constrain(certificate);
      return undefined;
    },

    finish(leaf) {
      explicit = Math.max(0, explicit - 1);
      if (leaf.policyConstraints?.requireExplicitPolicy === 0) explicit = 0;
      const policies = policiesOf(level, wanted);
      return explicit > 0 || policies.length > 0 ? { policies } : { reason: 'policy' };
    },
  };
}

function nodesByExpectation(level: Level): Map<string, Node[]> {
  const found = new Map<string, Node[]>();
  for (const node of level.values())
    for (const policy of node.expected) {
      const nodes = found.get(policy);
      if (nodes === undefined) found.set(policy, [node]);
      else nodes.push(node);
    }
  return found;
}

/**
 * The policies under which the path holds, by the names that the anchor's domain has for them.
 *
 * Why: what the last level holds was reached from the policies that stand directly below any-policy; only these are
 *      named as the one who asks names them, for mappings rename what is below.
 */
function policiesOf(last: Level | undefined, wanted: readonly string[] | undefined): string[] {
  if (last === undefined) return [];
  if (last.has(ANY_POLICY)) return [...(wanted ?? [ANY_POLICY])];
  const reached = new Set<Node>(last.values());
  const found = new Set<string>();
  // A set is walked in the order of insertion, what is added on the way included.
  for (const node of reached) {
    if (node.policy !== ANY_POLICY && node.parents.some(({ policy }) => policy === ANY_POLICY)) found.add(node.policy);
    for (const parent of node.parents) reached.add(parent);
  }
  return [...found].filter((policy) => wanted === undefined || wanted.includes(policy));
}
