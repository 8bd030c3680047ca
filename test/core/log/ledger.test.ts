/** What the ledger holds: heads of logs that chain, and register batches that tell nothing but their root. */
import { toBase64 } from '../../../server/core/log/base64.ts';
import { canonicalise, type JsonObject } from '../../../server/core/log/canonical.ts';
import { makeDisclosure } from '../../../server/core/log/disclosure.ts';
import {
  checkHead,
  type HeadKind,
  headBody,
  isSameHead,
  type LedgerHead,
  readHead,
} from '../../../server/core/log/head.ts';
import { consistencyProof, leafHash, readFromLeaves } from '../../../server/core/log/merkle.ts';
import {
  BATCH_LEAVES,
  batchBody,
  batchLeaf,
  batchProof,
  batchRoot,
  dummyLeaf,
  readBatch,
  verifyBatchAct,
} from '../../../server/core/log/register-batch.ts';
import { utf8 } from '../../../server/core/log/utf8.ts';
import { checkpointNote, logKey, saltOf, sha256 } from '../../support/log-fixtures.ts';
import t from '../../support/tap.ts';

const fault = (code: string) => ({ name: 'LogFormatError', code });
const signer = logKey('kaibiao.example/opening/op-1', 6);
const leaves = Array.from({ length: 12 }, (_, i) => leafHash(sha256, utf8(`leaf ${i}`)));

function bodyOf(kind: HeadKind, from: number, to: number, of = signer): JsonObject {
  const consistency = consistencyProof(sha256, readFromLeaves(sha256, leaves), from, to);
  return headBody({ kind, note: checkpointNote(of, leaves.slice(0, to)), previousSize: from, consistency });
}
const head = (kind: HeadKind, from: number, to: number, of = signer): LedgerHead =>
  readHead(bodyOf(kind, from, to, of));

t.test('heads chain from opened to closed', async (t) => {
  const chain = [
    head('opened', 0, 1),
    head('head', 1, 5),
    head('head', 5, 5),
    head('head', 5, 11),
    head('closed', 11, 12),
  ];
  let previous: LedgerHead | undefined;
  for (const next of chain) {
    t.equal(checkHead(sha256, previous, next), undefined, `${next.kind} ${next.checkpoint.size}`);
    previous = next;
  }
});

t.test('heads that do not follow are refused', async (t) => {
  const other = logKey('kaibiao.example/opening/op-2', 6);
  const opened = head('opened', 0, 5);
  t.equal(checkHead(sha256, undefined, head('head', 1, 5)), 'head_before_opened');
  t.equal(checkHead(sha256, opened, head('opened', 0, 5)), 'head_opened_twice');
  t.equal(checkHead(sha256, opened, head('head', 5, 7, other)), 'head_of_other_log');
  t.equal(checkHead(sha256, head('closed', 1, 5), head('head', 5, 7)), 'head_after_closed');
  t.equal(checkHead(sha256, head('closed', 1, 5), head('closed', 5, 7)), undefined, 'erasures follow the end');
  t.equal(checkHead(sha256, opened, head('head', 4, 7)), 'head_size_differs');
  const good = head('head', 5, 7);
  t.equal(checkHead(sha256, opened, { ...good, consistency: good.consistency.slice(1) }), 'head_inconsistent');
  t.equal(
    checkHead(sha256, opened, { ...good, checkpoint: { ...good.checkpoint, root: sha256(utf8('x')) } }),
    'head_inconsistent',
  );
});

t.test('the body of a head says what its checkpoint says', async (t) => {
  const body = bodyOf('head', 5, 7);
  t.strictSame(headBody(readHead(body)), body);
  t.strictSame(Object.keys(body).sort(), [
    'checkpoint',
    'consistency',
    'kind',
    'origin',
    'previousSize',
    'root',
    'size',
  ]);
  const { kind: _, ...without } = body;
  for (const bad of [
    without,
    { ...body, more: 1 },
    { ...body, kind: 'rotated' },
    { ...body, origin: 'other.example' },
    { ...body, size: 8 },
    { ...body, root: toBase64(sha256(utf8('x'))) },
    { ...body, checkpoint: 'x' },
    { ...body, checkpoint: 5 },
    { ...body, previousSize: 0 },
    { ...body, previousSize: '5' },
    { ...body, previousSize: -1 },
    { ...body, consistency: null },
    { ...body, consistency: ['x'] },
    { ...body, consistency: [5] },
    { ...bodyOf('opened', 0, 5), previousSize: 1 },
  ])
    t.throws(() => readHead(bad as JsonObject), fault('head_malformed'));
});

t.test('two heads are the same when all three lines are', async (t) => {
  const { checkpoint } = head('opened', 0, 5);
  t.ok(isSameHead(checkpoint, { ...checkpoint, root: checkpoint.root.slice() }));
  for (const change of [{ size: 6 }, { origin: 'x' }, { root: sha256(utf8('x')) }])
    t.notOk(isSameHead(checkpoint, { ...checkpoint, ...change }));
});

const disclosure = makeDisclosure(sha256, saltOf(1), 'act', { act: 'jws' }).disclosure;
const position = 1234;
const batch = Array.from({ length: BATCH_LEAVES }, (_, i) =>
  i === position ? batchLeaf(sha256, disclosure) : dummyLeaf(sha256, sha256(utf8(`dummy ${i}`))),
);
const root = batchRoot(sha256, batch);
const proof = batchProof(sha256, batch, position);

t.test('an act in a batch is shown by twelve hashes', async (t) => {
  t.equal(proof.length, 12);
  t.ok(verifyBatchAct(sha256, { disclosure, position, proof, root }));
  for (const change of [
    { position: position + 1 },
    { position: BATCH_LEAVES },
    { proof: proof.slice(1) },
    { proof: [...proof, root] },
    { root: sha256(root) },
    { disclosure: makeDisclosure(sha256, saltOf(2), 'act', { act: 'jws' }).disclosure },
  ])
    t.notOk(verifyBatchAct(sha256, { disclosure, position, proof, root, ...change }));
});

t.test('every batch entry has the same length', async (t) => {
  const none = batchRoot(
    sha256,
    Array.from({ length: BATCH_LEAVES }, (_, i) => dummyLeaf(sha256, sha256(utf8(`none ${i}`)))),
  );
  const body = batchBody(root);
  t.equal(canonicalise(body).length, canonicalise(batchBody(none)).length);
  t.strictSame(readBatch(body), root);
  for (const bad of [{}, { ...body, depth: 11 }, { ...body, count: 3 }, { ...body, root: 'x' }, { ...body, root: 5 }])
    t.throws(() => readBatch(bad as JsonObject), fault('batch_malformed'));
  t.throws(() => batchBody(root.subarray(1)), fault('batch_malformed'));
});

t.test('batches of another width are none', async (t) => {
  t.throws(() => batchRoot(sha256, batch.slice(1)), fault('batch_malformed'));
  t.throws(() => batchProof(sha256, batch.slice(1), 0), fault('batch_malformed'));
  t.throws(() => batchProof(sha256, batch, BATCH_LEAVES), fault('merkle_index_refused'));
  t.throws(() => dummyLeaf(sha256, new Uint8Array(31)), fault('batch_malformed'));
});
