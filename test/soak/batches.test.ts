/** A long soak in batches: nothing is left out, a batch runs again by its own line, and what its process did or found is told. */
import { reach } from '../support/opening-phases.ts';
import t from '../support/tap.ts';
import { BATCH_LIMIT, batchesOf, commandOf, runBatch, sumOf } from './batches.ts';
import { simWorld } from './sim-world.ts';
import { emptySummary, START_AT } from './simulate.ts';
import { isEndOfTime } from './time-checks.ts';

const together = 32;

t.test('as many as fit run under the seed itself, more in batches with seeds of their own', async (t) => {
  t.strictSame(batchesOf({ seed: 's', openings: BATCH_LIMIT, together }), [
    { seed: 's', openings: BATCH_LIMIT, together },
  ]);
  t.strictSame(batchesOf({ seed: 's', openings: BATCH_LIMIT + 1, together }), [
    { seed: 's/1', openings: BATCH_LIMIT, together },
    { seed: 's/2', openings: 1, together },
  ]);
  const many = batchesOf({ seed: 's', openings: 10_000, together });
  t.equal(
    many.reduce((sum, { openings }) => sum + openings, 0),
    10_000,
  );
  t.equal(new Set(many.map(({ seed }) => seed)).size, many.length);
  for (const batch of many) t.strictSame(batchesOf(batch), [batch], 'a batch run again is the same batch');
  t.equal(commandOf({ seed: 's/2', openings: 1, together }), "npm run soak -- --seed 's/2' --openings 1 --together 32");
});

t.test('a batch tells what it did; one whose process dies counts as failed', async (t) => {
  const well = await runBatch({ seed: 'a batch', openings: 1, together: 1 }, () => undefined);
  t.match(well, { found: null, summary: { seed: 'a batch', openings: 1, phases: { Archived: 1 } } });
  // A lone surrogate is no text: this seed has no chance in it.
  const broken = await runBatch({ seed: '\ud800', openings: 1, together: 1 }, () => undefined);
  t.match(broken, { found: { why: /\S/ }, summary: { openings: 0 } });
});

t.test('what ended by itself did not end by its time, though it is dated no later', async (t) => {
  const body = (why: string) => ({ why });
  t.notOk(
    isEndOfTime('UnsealingClosed', body('all_decided'), undefined),
    'every share was there, and what it opened decided',
  );
  t.ok(isEndOfTime('UnsealingClosed', body('shares_missing'), undefined));
  t.notOk(isEndOfTime('WindowClosed', body('all_decrypted'), undefined));
  t.ok(isEndOfTime('WindowClosed', body('time'), undefined));
  t.ok(isEndOfTime('QuotesReleased', {}, undefined) && isEndOfTime('BidsSealed', {}, undefined));
  t.notOk(isEndOfTime('BidDecrypted', {}, undefined));
  const waiting = reach('Remedy').state;
  t.ok(isEndOfTime('RemedyClosed', {}, waiting), 'somebody was still waited for');
  t.notOk(isEndOfTime('RemedyClosed', {}, { ...waiting, bids: [] }));
});

t.test('what batches did is added up, by name', async (t) => {
  const one = { ...emptySummary('1'), openings: 2, restarts: { stop: 1, rest: 2 } };
  const other = { ...emptySummary('2'), openings: 3, restarts: { rest: 3 } };
  t.match(sumOf('both', [one, other]), { seed: 'both', openings: 5, restarts: { stop: 1, rest: 5 } });
});

t.test('a life that has ended leaves no alarm behind, however far off it was', async (t) => {
  const world = simWorld(START_AT, 'alarms');
  const life = world.life();
  const sounded: string[] = [];
  life.world.after(1, () => sounded.push('at once'));
  life.world.after(86_400_000, () => sounded.push('tomorrow'));
  life.world.after(2, () => sounded.push('cancelled'))();
  world.moveTo(START_AT + 2);
  t.strictSame(sounded, ['at once']);
  life.end();
  t.equal(world.nextAt(), null, 'so that nothing holds what the life held');
  life.world.after(1, () => sounded.push('by a dead one'));
  t.equal(world.nextAt(), null);
});
