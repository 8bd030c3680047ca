/** RFC 6962 trees: published cases, our own roots, and every proof of small trees with every way to spoil it. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { fromBase64 } from '../../../server/core/log/base64.ts';
import { sameBytes, toHex } from '../../../server/core/log/bytes.ts';
import {
  appendLeaves,
  assembleProof,
  type CompactRange,
  consistencyNodes,
  consistencyPlan,
  consistencyProof,
  EMPTY_RANGE,
  emptyRoot,
  inclusionNodes,
  inclusionPlan,
  inclusionProof,
  leafHash,
  leafSpan,
  type NodeId,
  nodeHash,
  rangeNodes,
  rangeRoot,
  readFromLeaves,
  rootOf,
  verifyConsistency,
  verifyInclusion,
} from '../../../server/core/log/merkle.ts';
import { utf8 } from '../../../server/core/log/utf8.ts';
import { packageRoot } from '../../../server/root.ts';
import { sha256 } from '../../support/log-fixtures.ts';
import t from '../../support/tap.ts';

const fault = (code: string) => ({ name: 'LogFormatError', code });
const leavesOf = (size: number): Uint8Array[] =>
  Array.from({ length: size }, (_, i) => leafHash(sha256, utf8(`leaf ${i}`)));
const ALL = leavesOf(80);
const at = (list: readonly Uint8Array[], i: number): Uint8Array => list[i] as Uint8Array;

/** MTH of RFC 6962 §2.1, word for word, to hold the quick ways against. */
function plainRoot(leaves: readonly Uint8Array[]): Uint8Array {
  if (leaves.length === 0) return emptyRoot(sha256);
  if (leaves.length === 1) return at(leaves, 0);
  let k = 1;
  while (k * 2 < leaves.length) k *= 2;
  return nodeHash(sha256, plainRoot(leaves.slice(0, k)), plainRoot(leaves.slice(k)));
}

/** PATH of RFC 6962 §2.1.1, word for word. */
function plainPath(m: number, leaves: readonly Uint8Array[]): Uint8Array[] {
  if (leaves.length <= 1) return [];
  let k = 1;
  while (k * 2 < leaves.length) k *= 2;
  return m < k
    ? [...plainPath(m, leaves.slice(0, k)), plainRoot(leaves.slice(k))]
    : [...plainPath(m - k, leaves.slice(k)), plainRoot(leaves.slice(0, k))];
}

/** SUBPROOF of RFC 6962 §2.1.2, word for word. */
function plainSubproof(m: number, leaves: readonly Uint8Array[], whole: boolean): Uint8Array[] {
  if (m === leaves.length) return whole ? [] : [plainRoot(leaves)];
  let k = 1;
  while (k * 2 < leaves.length) k *= 2;
  return m <= k
    ? [...plainSubproof(m, leaves.slice(0, k), whole), plainRoot(leaves.slice(k))]
    : [...plainSubproof(m - k, leaves.slice(k), false), plainRoot(leaves.slice(0, k))];
}

const flipped = (hash: Uint8Array): Uint8Array => hash.map((byte, i) => (i === 17 ? byte ^ 1 : byte));

/** Every small way to spoil a list of hashes. */
function* spoiled(proof: readonly Uint8Array[]): Generator<Uint8Array[]> {
  for (let i = 0; i < proof.length; i++) {
    yield proof.map((hash, k) => (k === i ? flipped(hash) : hash));
    yield proof.filter((_, k) => k !== i);
    yield [...proof.slice(0, i), at(proof, i), ...proof.slice(i)];
    if (i > 0) yield proof.map((hash, k) => (k === i ? at(proof, i - 1) : k === i - 1 ? at(proof, i) : hash));
    yield proof.map((hash, k) => (k === i ? hash.subarray(0, 31) : hash));
  }
  yield [...proof, at(ALL, 79)];
  yield [at(ALL, 79), ...proof];
}

type InclusionCase = {
  leafIdx: number;
  treeSize: number;
  root: string;
  leafHash: string;
  proof: string[] | null;
  wantErr: boolean;
  name: string;
};
type ConsistencyCase = {
  size1: number;
  size2: number;
  root1: string;
  root2: string;
  proof: string[] | null;
  wantErr: boolean;
  name: string;
};

function cases<T>(file: string): T[] {
  return JSON.parse(readFileSync(join(packageRoot, 'test/vectors/merkle', file), 'utf8')) as T[];
}

t.test('all published inclusion cases', async (t) => {
  const all = cases<InclusionCase>('inclusion.json');
  t.equal(all.length, 98);
  for (const { leafIdx, treeSize, root, leafHash: leaf, proof, wantErr, name } of all) {
    const claim = {
      index: leafIdx,
      size: treeSize,
      leaf: fromBase64(leaf),
      proof: (proof ?? []).map(fromBase64),
      root: fromBase64(root),
    };
    t.equal(verifyInclusion(sha256, claim), !wantErr, name);
  }
});

t.test('all published consistency cases', async (t) => {
  const all = cases<ConsistencyCase>('consistency.json');
  t.equal(all.length, 98);
  let exempt = 0;
  for (const { size1, size2, root1, root2, proof, wantErr, name } of all) {
    const claim = {
      oldSize: size1,
      oldRoot: fromBase64(root1),
      size: size2,
      root: fromBase64(root2),
      proof: (proof ?? []).map(fromBase64),
    };
    if (!wantErr && claim.root.length !== 32) {
      exempt += 1;
      t.equal(verifyConsistency(sha256, claim), false, `${name}: a "don't care" root is no root here`);
    } else {
      t.equal(verifyConsistency(sha256, claim), !wantErr, name);
    }
  }
  t.equal(exempt, 1);
});

t.test('roots of the RFC 6962 test data known from other implementations', async (t) => {
  const inputs = ['', '00', '10', '2021', '3031', '40414243', '5051525354555657', '606162636465666768696a6b6c6d6e6f'];
  const roots = [
    'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
    '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
    'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
    'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
    'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
    '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
    '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
    'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
    '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
  ];
  const leaves = inputs.map((hex) => leafHash(sha256, new Uint8Array(Buffer.from(hex, 'hex'))));
  for (const [size, root] of roots.entries())
    t.equal(toHex(rootOf(sha256, leaves.slice(0, size))), root, `size ${size}`);
});

t.test('a range grown in any steps has the root of the plain definition', async (t) => {
  fc.assert(
    fc.property(fc.nat(70), fc.array(fc.nat(9), { maxLength: 30 }), (size, steps) => {
      const leaves = ALL.slice(0, size);
      let range: CompactRange = EMPTY_RANGE;
      for (const step of steps) range = appendLeaves(sha256, range, leaves.slice(range.size, range.size + step));
      range = appendLeaves(sha256, range, leaves.slice(range.size));
      t.equal(range.size, size);
      t.ok(sameBytes(rangeRoot(sha256, range), plainRoot(leaves)));
      t.equal(range.hashes.length, rangeNodes(size).length);
    }),
    { numRuns: 100 },
  );
});

t.test('appending leaves the given range alone and reports each complete subtree once, children first', async (t) => {
  const before = appendLeaves(sha256, EMPTY_RANGE, ALL.slice(0, 7));
  const kept = [...before.hashes];
  const seen: string[] = [];
  const read = readFromLeaves(sha256, ALL);
  appendLeaves(sha256, before, ALL.slice(7, 10), ({ level, index }: NodeId, hash) => {
    seen.push(`${level}/${index}`);
    t.ok(sameBytes(hash, read(level, index)));
  });
  t.strictSame(seen, ['0/7', '1/3', '2/1', '3/0', '0/8', '0/9', '1/4']);
  t.strictSame(before.hashes, kept);
});

t.test('a range that does not fit its size is refused', async (t) => {
  const range = appendLeaves(sha256, EMPTY_RANGE, ALL.slice(0, 5));
  for (const bad of [
    { size: 6, hashes: range.hashes.slice(1) },
    { size: 5, hashes: range.hashes.slice(1) },
    { size: 0, hashes: range.hashes },
    { size: 5, hashes: [at(range.hashes, 0), at(range.hashes, 1).subarray(1)] },
  ])
    t.throws(() => rangeRoot(sha256, bad), fault('merkle_range_malformed'));
  for (const size of [-1, 0.5, 2 ** 53])
    t.throws(() => rangeRoot(sha256, { size, hashes: [] }), fault('merkle_size_refused'));
  t.throws(() => appendLeaves(sha256, range, [new Uint8Array(31)]), fault('merkle_range_malformed'));
});

t.test('inclusion: every leaf of every tree up to 70, as RFC 6962 defines it, verifies', async (t) => {
  for (let size = 1; size <= 70; size++) {
    const leaves = ALL.slice(0, size);
    const root = rootOf(sha256, leaves);
    const read = readFromLeaves(sha256, leaves);
    for (let index = 0; index < size; index++) {
      const proof = inclusionProof(sha256, read, index, size);
      const isPlain =
        size > 20 || JSON.stringify(proof.map(toHex)) === JSON.stringify(plainPath(index, leaves).map(toHex));
      if (!isPlain || !verifyInclusion(sha256, { index, size, leaf: at(leaves, index), proof, root }))
        t.fail(`${index} of ${size}`);
    }
  }
  t.pass('2,485 proofs');
});

t.test('inclusion: every spoiled proof, index, size, leaf and root is refused', async (t) => {
  let tried = 0;
  for (let size = 1; size <= 34; size++) {
    const leaves = ALL.slice(0, size);
    const root = rootOf(sha256, leaves);
    const read = readFromLeaves(sha256, leaves);
    for (let index = 0; index < size; index++) {
      const proof = inclusionProof(sha256, read, index, size);
      const good = { index, size, leaf: at(leaves, index), proof, root };
      const bad = [
        { ...good, leaf: flipped(good.leaf) },
        { ...good, root: flipped(root) },
        { ...good, index: index + 1 },
        { ...good, index: index - 1 },
        { ...good, index: index + 0.5 },
        { ...good, index: size },
        { ...good, index: index + 2 ** 32 },
        { ...good, size: 0 },
        { ...good, leaf: good.leaf.subarray(1) },
        { ...good, root: root.subarray(1) },
        ...[...spoiled(proof)].map((other) => ({ ...good, proof: other })),
      ];
      for (const claim of bad) {
        // swapping two equal hashes or dropping into the same list is no change
        tried += 1;
        if (verifyInclusion(sha256, claim))
          t.fail(`${index} of ${size}: ${JSON.stringify({ ...claim, proof: claim.proof.length })}`);
      }
    }
  }
  t.ok(tried > 15_000, `${tried} spoiled claims`);
});

t.test('consistency: every pair of sizes up to 70, as RFC 6962 defines it, verifies', async (t) => {
  const roots = Array.from({ length: 71 }, (_, size) => rootOf(sha256, ALL.slice(0, size)));
  for (let size = 0; size <= 70; size++) {
    const leaves = ALL.slice(0, size);
    const read = readFromLeaves(sha256, leaves);
    for (let oldSize = 0; oldSize <= size; oldSize++) {
      const proof = consistencyProof(sha256, read, oldSize, size);
      if (size <= 20 && oldSize > 0) {
        t.strictSame(proof.map(toHex), plainSubproof(oldSize, leaves, true).map(toHex), `${oldSize} → ${size}`);
      }
      const claim = { oldSize, oldRoot: at(roots, oldSize), size, root: at(roots, size), proof };
      if (!verifyConsistency(sha256, claim)) t.fail(`${oldSize} → ${size}`);
    }
  }
});

t.test('consistency: every spoiled proof, size and root is refused', async (t) => {
  const roots = Array.from({ length: 35 }, (_, size) => rootOf(sha256, ALL.slice(0, size)));
  let tried = 0;
  for (let size = 1; size <= 34; size++) {
    const read = readFromLeaves(sha256, ALL.slice(0, size));
    for (let oldSize = 1; oldSize <= size; oldSize++) {
      const proof = consistencyProof(sha256, read, oldSize, size);
      const good = { oldSize, oldRoot: at(roots, oldSize), size, root: at(roots, size), proof };
      const bad = [
        { ...good, oldRoot: flipped(good.oldRoot) },
        { ...good, root: flipped(good.root) },
        { ...good, oldSize: oldSize - 1 },
        { ...good, oldSize: oldSize - 0.5 },
        { ...good, oldSize: size + 1 },
        { ...good, size: oldSize - 1 },
        { ...good, oldSize: 0, oldRoot: at(roots, 0), proof: [at(ALL, 0)] },
        ...[...spoiled(proof)].map((other) => ({ ...good, proof: other })),
      ];
      for (const claim of bad) {
        tried += 1;
        if (verifyConsistency(sha256, claim))
          t.fail(`${oldSize} → ${size}: ${JSON.stringify({ ...claim, proof: claim.proof.length })}`);
      }
    }
  }
  t.ok(tried > 10_000, `${tried} spoiled claims`);
});

t.test('consistency: a rewritten past is refused whatever the proof', async (t) => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 60 }), fc.nat(59), fc.nat(10), (oldSize, changed, more) => {
      const size = oldSize + more;
      const rewritten = ALL.slice(0, size).map((leaf, i) => (i === changed % oldSize ? flipped(leaf) : leaf));
      const proof = consistencyProof(sha256, readFromLeaves(sha256, rewritten), oldSize, size);
      const oldRoot = rootOf(sha256, ALL.slice(0, oldSize));
      t.notOk(verifyConsistency(sha256, { oldSize, oldRoot, size, root: rootOf(sha256, rewritten), proof }));
    }),
    { numRuns: 100 },
  );
});

t.test('empty trees: only their own root, only without a proof', async (t) => {
  const empty = emptyRoot(sha256);
  const root = rootOf(sha256, ALL.slice(0, 3));
  t.ok(verifyConsistency(sha256, { oldSize: 0, oldRoot: empty, size: 0, root: empty, proof: [] }));
  t.ok(verifyConsistency(sha256, { oldSize: 0, oldRoot: empty, size: 3, root, proof: [] }));
  t.notOk(verifyConsistency(sha256, { oldSize: 0, oldRoot: root, size: 3, root, proof: [] }));
  t.notOk(verifyConsistency(sha256, { oldSize: 0, oldRoot: root, size: 0, root, proof: [] }));
  t.notOk(verifyConsistency(sha256, { oldSize: 0, oldRoot: empty, size: 3, root, proof: [root] }));
});

t.test('plans name complete subtrees of the tree, once, and fit what is assembled from them', async (t) => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 70 }), fc.nat(69), (size, pick) => {
      const index = pick % size;
      const leaves = ALL.slice(0, size);
      for (const [plan, nodes] of [
        [inclusionPlan(index, size), inclusionNodes(index, size)],
        [consistencyPlan(index, size), consistencyNodes(index, size)],
      ] as const) {
        t.strictSame(nodes, plan.flat());
        t.equal(new Set(nodes.map(({ level, index }) => `${level}/${index}`)).size, nodes.length);
        t.ok(nodes.every((node) => leafSpan(node).end <= size));
        // a store that fetched exactly these nodes has all that is needed
        const fetched = new Map(
          nodes.map(({ level, index }) => [`${level}/${index}`, readFromLeaves(sha256, leaves)(level, index)]),
        );
        const proof = assembleProof(sha256, plan, (level, i) => fetched.get(`${level}/${i}`) as Uint8Array);
        t.equal(proof.length, plan.length);
      }
    }),
    { numRuns: 60 },
  );
});

t.test('sizes beyond 32 bits are planned, not folded', async (t) => {
  const size = 2 ** 40 + 5;
  const plan = inclusionPlan(2 ** 40 + 4, size);
  t.strictSame(
    plan.map((part) => part.length),
    [1, 1],
  );
  t.strictSame(plan.at(-1), [{ level: 40, index: 0 }]);
  t.equal(inclusionPlan(0, size).length, 41);
  t.strictSame(rangeNodes(2 ** 33 + 1), [
    { level: 33, index: 0 },
    { level: 0, index: 2 ** 33 },
  ]);
  t.strictSame(consistencyPlan(2 ** 33, 2 ** 33 + 1), [[{ level: 0, index: 2 ** 33 }]]);
  t.equal(rangeNodes(Number.MAX_SAFE_INTEGER).length, 53);
});

t.test('a proof in a tree of 2^40 + 3 leaves, built from its subtrees, verifies', async (t) => {
  const big = sha256(utf8('a subtree of 2^40 leaves'));
  const [a, b, c] = [at(ALL, 0), at(ALL, 1), at(ALL, 2)];
  const right = nodeHash(sha256, nodeHash(sha256, a, b), c);
  const root = nodeHash(sha256, big, right);
  const size = 2 ** 40 + 3;
  const index = 2 ** 40 + 2;
  const proof = [nodeHash(sha256, a, b), big];
  t.ok(verifyInclusion(sha256, { index, size, leaf: c, proof, root }));
  t.notOk(verifyInclusion(sha256, { index: 2, size: 3, leaf: c, proof, root }), 'the same index in 32 bits');
  const grown = appendLeaves(sha256, { size: 2 ** 40, hashes: [big] }, [a, b, c]);
  t.ok(sameBytes(rangeRoot(sha256, grown), root));
  const steps = [c, nodeHash(sha256, a, b), big];
  const claim = { oldSize: 2 ** 40 + 2, oldRoot: nodeHash(sha256, big, nodeHash(sha256, a, b)), size, root };
  t.ok(verifyConsistency(sha256, { ...claim, proof: [nodeHash(sha256, a, b), c, big] }));
  t.notOk(verifyConsistency(sha256, { ...claim, proof: steps }));
});

t.test('plans refuse what is not in the tree', async (t) => {
  for (const [index, size] of [
    [0, 0],
    [3, 3],
    [-1, 3],
    [0.5, 3],
  ] as const)
    t.throws(() => inclusionPlan(index, size), fault('merkle_index_refused'), `${index} of ${size}`);
  for (const [oldSize, size] of [
    [4, 3],
    [-1, 3],
    [1, 2 ** 53],
  ] as const)
    t.throws(() => consistencyPlan(oldSize, size), fault('merkle_size_refused'), `${oldSize} → ${size}`);
  t.throws(() => readFromLeaves(sha256, ALL)(3, 10), fault('merkle_index_refused'));
});
