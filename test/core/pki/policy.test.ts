/** Policies along a path: the walk by hand-made certificates, and that no path makes its graph grow beyond its bound. */
import type { Certificate } from '../../../server/core/pki/certificate.ts';
import { POLICY_LIMIT, type PolicyTerms, walkPolicies } from '../../../server/core/pki/policy.ts';
import t from '../../support/tap.ts';
import { authority } from './authority.ts';

const ANY = '2.5.29.32.0';
const { certificate } = await authority('Policy');
const other = (await authority('Other')).certificate;

type Parts = Partial<Pick<Certificate, 'policies' | 'policyMappings' | 'policyConstraints' | 'inhibitAnyPolicy'>> & {
  readonly selfIssued?: boolean;
};

/** The policies of a path, anchor's side first, or why it fails. */
function walk(path: readonly Parts[], terms: PolicyTerms = {}): readonly string[] | string {
  const walking = walkPolicies(path.length, terms);
  const full = path.map(({ selfIssued = false, ...parts }) => ({
    subject: certificate.subject,
    issuer: selfIssued ? certificate.subject : other.subject,
    ...parts,
  }));
  for (const [index, each] of full.entries()) {
    const isLeaf = index === full.length - 1;
    const reason = walking.enter(each, isLeaf) ?? (isLeaf ? undefined : walking.leave(each));
    if (reason !== undefined) return reason;
  }
  const [leaf] = full.slice(-1);
  if (leaf === undefined) throw new Error('no path');
  const held = walking.finish(leaf);
  return 'reason' in held ? held.reason : held.policies;
}

const map = (issuerDomain: string, ...subjectDomains: string[]) =>
  subjectDomains.map((subjectDomain) => ({ issuerDomain, subjectDomain }));
const explicit: PolicyTerms = { requireExplicitPolicy: true };

t.test('what is stated all the way holds', async (t) => {
  t.strictSame(walk([{ policies: ['1.1', '1.2'] }, { policies: ['1.2', '1.3'] }]), ['1.2']);
  t.strictSame(walk([{ policies: ['1.1'] }, { policies: ['1.2'] }]), [], 'none holds, and none is asked for');
  t.equal(walk([{ policies: ['1.1'] }, { policies: ['1.2'] }], explicit), 'policy');
  t.equal(walk([{ policies: ['1.1'] }, {}], explicit), 'policy', 'a certificate without policies ends them');
  t.strictSame(walk([{ policies: [ANY] }, { policies: ['1.2'] }], explicit), ['1.2']);
  t.strictSame(walk([{ policies: [ANY] }, { policies: [ANY] }], explicit), [ANY]);
  t.strictSame(walk([{ policies: ['1.1'] }, { policies: [ANY] }], explicit), ['1.1']);
});

t.test('who asks for certain policies gets one of them or nothing', async (t) => {
  const asked = (...initialPolicySet: string[]) => ({ ...explicit, initialPolicySet });
  t.strictSame(walk([{ policies: ['1.1'] }, { policies: ['1.1'] }], asked('1.1')), ['1.1']);
  t.equal(walk([{ policies: ['1.1'] }, { policies: ['1.1'] }], asked('1.2')), 'policy');
  t.equal(walk([{ policies: ['1.1'] }], asked()), 'policy');
  t.strictSame(walk([{ policies: ['1.1'] }], asked(ANY)), ['1.1']);
  t.strictSame(walk([{ policies: [ANY] }, { policies: [ANY] }], asked('1.7')), ['1.7']);
});

t.test('mappings rename below, and the answer is in the words of above', async (t) => {
  const path = [{ policies: ['1.1'], policyMappings: map('1.1', '2.1') }, { policies: ['2.1'] }];
  t.strictSame(walk(path, explicit), ['1.1']);
  t.strictSame(walk(path, { ...explicit, initialPolicySet: ['1.1'] }), ['1.1']);
  t.equal(walk(path, { ...explicit, initialPolicySet: ['2.1'] }), 'policy');
  t.equal(walk(path, { ...explicit, inhibitPolicyMapping: true }), 'policy');
  t.equal(walk([{ policies: ['1.1'], policyMappings: map('1.1', ANY) }, { policies: ['1.1'] }]), 'policy');
  t.equal(walk([{ policies: ['1.1'], policyMappings: map(ANY, '1.1') }, { policies: ['1.1'] }]), 'policy');
  t.strictSame(
    walk([{ policies: [ANY], policyMappings: map('1.1', '2.1') }, { policies: ['2.1'] }], explicit),
    ['1.1'],
    'any-policy stands for the one that is mapped',
  );
  t.equal(walk([path[0] ?? {}, { policies: ['1.1'] }], explicit), 'policy', 'the old name is no more');
});

t.test('constraints count down, and not over what a CA issued to itself', async (t) => {
  const require = (count: number) => ({ policies: ['1.1'], policyConstraints: { requireExplicitPolicy: count } });
  const bare = { policies: ['9.9'] };
  t.strictSame(walk([require(3), { policies: ['1.1'] }, bare]), []);
  t.equal(walk([require(2), { policies: ['1.1'] }, bare]), 'policy');
  t.equal(walk([require(0), bare]), 'policy');
  t.strictSame(walk([require(2), { policies: ['1.1'], selfIssued: true }, bare]), []);
  const inhibit = (count: number) => ({ policies: ['1.1'], inhibitAnyPolicy: count });
  t.strictSame(walk([inhibit(1), { policies: [ANY] }], explicit), ['1.1']);
  t.equal(walk([inhibit(0), { policies: [ANY] }], explicit), 'policy');
  t.strictSame(walk([inhibit(0), { policies: [ANY], selfIssued: true }, { policies: ['1.1'] }], explicit), ['1.1']);
  t.equal(walk([{ policies: ['1.1'] }, { policies: [ANY] }], { ...explicit, inhibitAnyPolicy: true }), 'policy');
  const closed = [{ policies: ['1.1'] }, { policies: ['2.1'], policyConstraints: { requireExplicitPolicy: 0 } }];
  t.equal(walk(closed), 'policy', 'the leaf itself may ask');
});

t.test('the bound: as many nodes as it says, and one more is refused', async (t) => {
  // The root is one; each policy that any-policy stands for costs itself, its edge and what it expects.
  const most = Math.floor((POLICY_LIMIT - 1) / 3);
  const stated = (count: number) => Array.from({ length: count }, (_, n) => `1.${n + 1}`);
  t.equal(walk([{ policies: stated(most) }]).length, most);
  t.equal(walk([{ policies: stated(most + 1) }]), 'search_limit');
});

t.test('mappings that multiply at every level (CVE-2023-0464) cost what the certificates hold', async (t) => {
  const names = ['1.1', '1.2', '1.3', '1.4'];
  const level = { policies: names, policyMappings: names.flatMap((name) => map(name, ...names)) };
  // As a tree this would have 4^12 leaves.
  const answer = walk([...Array.from({ length: 12 }, () => level), { policies: names }], explicit);
  t.strictSame(answer, names);
  const wide = Array.from({ length: 40 }, (_, n) => `1.${n + 1}`);
  const dense = { policies: wide, policyMappings: wide.flatMap((name) => map(name, ...wide)) };
  t.equal(walk([dense, dense, { policies: wide }], explicit), 'search_limit');
});
