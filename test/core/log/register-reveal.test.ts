/** The reveal of a batch: what it may say, that it has the batch's root, and that it fits an entry. */
import fc from 'fast-check';
import { toBase64 } from '../../../server/core/log/base64.ts';
import type { JsonObject } from '../../../server/core/log/canonical.ts';
import { ENTRY_LIMIT_BYTES, encodeEntry } from '../../../server/core/log/entry.ts';
import {
  BATCH_ACTS,
  BATCH_LEAVES,
  batchLeaves,
  batchRoot,
  dummyBytes,
  dummyLeaf,
} from '../../../server/core/log/register-batch.ts';
import { checkReveal, readReveal, revealBody } from '../../../server/core/log/register-reveal.ts';
import { utf8 } from '../../../server/core/log/utf8.ts';
import { saltOf, sha256 } from '../../support/log-fixtures.ts';
import t from '../../support/tap.ts';

const seed = saltOf(7);
const leafOf = (n: number): Uint8Array => sha256(utf8(`act ${n}`));
const actsAt = (...places: number[]): Map<number, Uint8Array> =>
  new Map(places.map((place) => [place, leafOf(place)] as const));
const rootOf = (acts: ReadonlyMap<number, Uint8Array>): Uint8Array =>
  batchRoot(sha256, batchLeaves(sha256, seed, acts));

const places = fc.uniqueArray(fc.nat(BATCH_LEAVES - 1), { maxLength: 40 });

t.test('printing and reading a reveal gives the same, in whatever order the acts came', async (t) => {
  const bytes = fc.uint8Array({ minLength: 32, maxLength: 32 });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 2 ** 40 }), bytes, places, (batch, seed, places) => {
      const reveal = { batch, seed, acts: actsAt(...places) };
      const read = readReveal(JSON.parse(JSON.stringify(revealBody(reveal))));
      t.same({ ...read, acts: [...read.acts] }, { ...reveal, acts: [...actsAt(...places.sort((a, b) => a - b))] });
    }),
    { numRuns: 50 },
  );
});

t.test('dummies from the seed and the acts’ leaves have the batch’s root, and nothing else has', async (t) => {
  fc.assert(
    fc.property(places, fc.nat(BATCH_LEAVES - 1), (places, other) => {
      const acts = actsAt(...places);
      const root = rootOf(acts);
      t.equal(checkReveal(sha256, { batch: 1, seed, acts }, root), undefined);
      t.equal(checkReveal(sha256, { batch: 1, seed: saltOf(8), acts }, root), 'root_differs', 'another seed');
      const changed = new Map(acts);
      // an act more or an act less
      if (!changed.delete(other)) changed.set(other, leafOf(other));
      t.equal(checkReveal(sha256, { batch: 1, seed, acts: changed }, root), 'root_differs');
      const inflated = new Map(acts).set(other, dummyLeaf(sha256, dummyBytes(sha256, seed, other)));
      t.equal(checkReveal(sha256, { batch: 1, seed, acts: inflated }, root), 'dummy_as_act', 'a dummy among the acts');
    }),
    { numRuns: 10 },
  );
});

t.test('a dummy is made from the seed and its place alone', async (t) => {
  const all = new Set(Array.from({ length: BATCH_LEAVES }, (_, n) => toBase64(dummyBytes(sha256, seed, n))));
  t.equal(all.size, BATCH_LEAVES);
  t.strictSame(dummyBytes(sha256, seed, 258), sha256(Uint8Array.of(...seed, 0, 0, 1, 2)));
});

t.test('what is not of the form is refused', async (t) => {
  const good = revealBody({ batch: 5, seed, acts: actsAt(3, 9) });
  const leaf = toBase64(leafOf(3));
  const bad: Record<string, JsonObject> = {
    'a member more': { ...good, count: 2 },
    'no batch': { seed: good['seed'] ?? '', acts: [] },
    'the genesis as a batch': { ...good, batch: 0 },
    'half a batch': { ...good, batch: 1.5 },
    'a short seed': { ...good, seed: 'AAAA' },
    'a seed that is no text': { ...good, seed: 5 },
    'no list': { ...good, acts: {} },
    'an act without a leaf': { ...good, acts: [[3]] },
    'an act of three': { ...good, acts: [[3, leaf, leaf]] },
    'an act that is no pair': { ...good, acts: [{ place: 3 }] },
    'a short leaf': { ...good, acts: [[3, 'AAAA']] },
    'one place twice': {
      ...good,
      acts: [
        [3, leaf],
        [3, leaf],
      ],
    },
    'places that fall': {
      ...good,
      acts: [
        [9, leaf],
        [3, leaf],
      ],
    },
    'a place before the first': { ...good, acts: [[-1, leaf]] },
    'a place behind the last': { ...good, acts: [[BATCH_LEAVES, leaf]] },
    'a place in words': { ...good, acts: [['3', leaf]] },
  };
  for (const [what, body] of Object.entries(bad))
    t.throws(() => readReveal(body), { name: 'LogFormatError', code: 'reveal_malformed' }, what);
  t.equal(readReveal({ ...good, acts: [[BATCH_LEAVES - 1, leaf]] }).acts.size, 1, 'the last place');
});

t.test('a full batch fits one entry, and one act more is refused', async (t) => {
  const last = Array.from({ length: BATCH_ACTS + 1 }, (_, n) => BATCH_LEAVES - 1 - n);
  const body = revealBody({ batch: Number.MAX_SAFE_INTEGER, seed, acts: actsAt(...last.slice(1)) });
  const bytes = encodeEntry({
    v: 1,
    log: `${'p'.repeat(200)}/ledger`,
    seq: Number.MAX_SAFE_INTEGER,
    at: '2026-03-05T01:00:00.000Z',
    type: 'DummiesRevealed',
    actor: { role: 'platform' },
    command: 'reveal-000000000000',
    body,
    commit: {},
  });
  t.ok(bytes.length < ENTRY_LIMIT_BYTES, `${bytes.length} bytes`);
  t.throws(() => revealBody({ batch: 1, seed, acts: actsAt(...last) }), { code: 'reveal_malformed' });
});
