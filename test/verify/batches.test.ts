/** The batches a verifier keeps: found again among many, each revealed once. */

import { batchBody, batchLeaves, batchRoot } from '../../server/core/log/register-batch.ts';
import { revealBody } from '../../server/core/log/register-reveal.ts';
import { watchBatches } from '../../server/verify/batches.ts';
import { saltOf, sha256 } from '../support/log-fixtures.ts';
import t from '../support/tap.ts';

const acts = new Map([[17, saltOf(99)]]);
const bodyOf = (n: number) => batchBody(batchRoot(sha256, batchLeaves(sha256, saltOf(n), acts)));
const revealOf = (n: number, batch: number) => revealBody({ batch, seed: saltOf(n), acts });

t.test('a batch is found by its entry, however many were taken', async (t) => {
  const watch = watchBatches(sha256);
  const bodies = [1, 2, 3].map(bodyOf);
  const count = 200;
  for (let n = 0; n < count; n++) t.equal(watch.takeBatch(bodies[n % 3] ?? {}, 3 * n + 1), undefined);
  for (const n of [0, 1, 63, 64, 65, 127, 128, 129, count - 1]) {
    const seq = 3 * n + 1;
    const at = 1000 + n;
    for (const other of [seq - 1, seq + 1])
      if (other > 0)
        t.match(watch.takeReveal(revealOf((n % 3) + 1, other), at), { reason: 'ledger_reveal_of_no_batch', seq: at });
    t.match(watch.takeReveal(revealOf(((n + 1) % 3) + 1, seq), at), { reason: 'ledger_reveal_differs', seq: at });
    t.equal(watch.takeReveal(revealOf((n % 3) + 1, seq), at), undefined);
    t.match(watch.takeReveal(revealOf((n % 3) + 1, seq), at), { reason: 'ledger_reveal_repeated', seq: at });
  }
  t.strictSame(watch.count(), { taken: count, revealed: 9 });
});

t.test('an act left out of a reveal, or at another place, does not have the root', async (t) => {
  const watch = watchBatches(sha256);
  t.equal(watch.takeBatch(bodyOf(1), 1), undefined);
  const seed = saltOf(1);
  t.match(watch.takeReveal(revealBody({ batch: 1, seed, acts: new Map() }), 2), { reason: 'ledger_reveal_differs' });
  const moved = revealBody({ batch: 1, seed, acts: new Map([[18, saltOf(99)]]) });
  t.match(watch.takeReveal(moved, 2), { reason: 'ledger_reveal_differs' });
  t.equal(watch.takeReveal(revealOf(1, 1), 2), undefined);
});

t.test('what is neither batch nor reveal', async (t) => {
  const watch = watchBatches(sha256);
  t.match(watch.takeBatch({}, 1), { reason: 'ledger_batch_malformed', seq: 1 });
  t.match(watch.takeReveal({}, 2), { reason: 'ledger_reveal_malformed', seq: 2 });
  t.match(watch.takeReveal(revealOf(1, 1), 2), { reason: 'ledger_reveal_of_no_batch' }, 'none was taken');
  t.strictSame(watch.count(), { taken: 0, revealed: 0 });
});
