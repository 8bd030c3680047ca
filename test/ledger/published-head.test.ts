/** The published head of the ledger: with its quorum or after the grace, the same in every process, and never one before, whatever happens. */
import fc from 'fast-check';
import { NO_COSIGNERS } from '../../server/ledger/cosigner-policy.ts';
import {
  createPublishedHead,
  type Head,
  openPublisher,
  PUBLICATION_GRACE_MS,
} from '../../server/ledger/published-head.ts';
import type { World } from '../../server/world.ts';
import { cosignedLedger, origin } from '../support/cosigned-ledger.ts';
import { policyOf } from '../support/cosigning.ts';
import t from '../support/tap.ts';

type Bench = Awaited<ReturnType<typeof cosignedLedger>>;
const released = (b: Bench): Head => {
  const head = b.signer.released(origin);
  if (head === null) throw new Error('a ledger has a genesis');
  return head;
};
/** Its ledger's own rhythm never advances: there the policy is of nobody. */
const published = (b: Bench, policy = b.policy) => createPublishedHead(b.sql, origin, policy).of(released(b));

t.test('what is published waits for the quorum, but not long', async (t) => {
  const b = await cosignedLedger(t, 2, 2);
  t.equal((await published(b)).size, released(b).size, 'nothing is held before the leader says so');
  const first = released(b).size;
  const publisher = await openPublisher(b, origin, b.policy);
  await b.grow('a');
  await publisher.advance();
  t.equal((await published(b)).size, first, 'what was shown before there was a quorum');
  await b.take();
  await publisher.advance();
  const cosigned = released(b).size;
  const shown = await published(b);
  t.equal(shown.size, cosigned);
  t.match(shown.note, /cosigner\.test\/0 .*\n.*cosigner\.test\/1 /);

  await b.grow('a');
  await publisher.advance();
  t.equal((await published(b)).size, cosigned, 'the newest with its quorum');
  // the clock of the publisher alone, for the ledger's own rhythms go by the other
  const late = await openPublisher({ ...b, world: later(b.world, PUBLICATION_GRACE_MS - 1) }, origin, b.policy);
  await late.advance();
  t.equal((await published(b)).size, cosigned);
  const overdue = await openPublisher({ ...b, world: later(b.world, PUBLICATION_GRACE_MS) }, origin, b.policy);
  await overdue.advance();
  const alone = await published(b);
  t.equal(alone.size, released(b).size, 'after the grace without');
  t.notMatch(alone.note, /cosigner\.test/);
  await b.take();
  t.match((await published(b)).note, /cosigner\.test\/0 .*\n.*cosigner\.test\/1 /, 'they come behind');
});

t.test('without a quorum everything is shown at once, and asking for one later takes nothing back', async (t) => {
  const b = await cosignedLedger(t, 2, 2);
  await openPublisher(b, origin, b.policy);
  await b.grow('a');
  t.not((await published(b)).size, released(b).size);
  await openPublisher(b, origin, NO_COSIGNERS);
  t.equal((await published(b)).size, released(b).size);
  await b.grow('a');
  const shown = (await published(b)).size;
  t.equal(shown, released(b).size);
  await openPublisher(b, origin, b.policy);
  await b.grow('a');
  t.equal((await published(b)).size, shown);
  await t.rejects(b.sql`UPDATE published_head SET size = size - 1`, { code: 'KB007' });
  await t.rejects(b.sql`DELETE FROM published_head`);
  await t.rejects(b.database.superuser`TRUNCATE published_head`, { code: 'KB001' });
});

t.test('it never goes back: over restarts, clocks set back, other policies, and whoever is asked', async (t) => {
  const b = await cosignedLedger(t, 1, 2);
  const policies = [b.policy, policyOf(2, b.cosigners), policyOf(1, b.cosigners.slice(1)), NO_COSIGNERS];
  const step = fc.oneof(
    fc.record({ is: fc.constantFrom('grow' as const, 'sign' as const, 'advance' as const, 'look' as const) }),
    fc.record({ is: fc.constant('clock' as const), byMs: fc.integer({ min: -20_000, max: 20_000 }) }),
    fc.record({ is: fc.constant('restart' as const), policy: fc.nat(policies.length - 1) }),
  );
  let shown = 0;
  let openings = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
      let offset = 0;
      let policy = b.policy;
      const world = { ...b.world, now: () => b.world.now() + offset };
      let publisher = await openPublisher({ ...b, world }, origin, policy);
      for (const one of steps) {
        if (one.is === 'grow') await b.grow(`p${openings++ % 3}`);
        if (one.is === 'sign') await b.take();
        if (one.is === 'advance') await publisher.advance();
        if (one.is === 'clock') offset = Math.max(offset + one.byMs, -1_000_000);
        if (one.is === 'restart') {
          policy = policies[one.policy] ?? b.policy;
          publisher = await openPublisher({ ...b, world }, origin, policy);
        }
        // two processes, one of which was not told of the other policy
        for (const of of [policy, b.policy]) {
          const { size, note } = await published(b, of);
          if (size < shown) throw new Error(`${size} after ${shown}`);
          if (!note.startsWith(`${origin}\n${size}\n`)) throw new Error(note);
          shown = size;
        }
      }
    }),
    { numRuns: 40 },
  );
  t.ok(shown > 1);
});

function later(world: World, ms: number): World {
  return { ...world, now: () => world.now() + ms };
}
