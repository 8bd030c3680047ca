/** The arithmetic of a draw: what a share commits to, which order counts, and that every value is as likely as any other. */
import fc from 'fast-check';
import {
  coefficientCount,
  drawCoefficient,
  type OpenShare,
  shareCommitment,
} from '../../../server/core/opening/draw.ts';
import { digest } from '../../support/opening-people.ts';
import t from '../../support/tap.ts';

const about = { openingId: 'zhangye-2026-001', policyHash: digest('policy'), round: 1 };
const list = { coefficients: ['0.95', '0.96', '0.97'] };
const share = (sharer: OpenShare['sharer'], text = String(sharer)): OpenShare => ({ sharer, share: digest(text) });
const shares = [share('platform'), share('witness'), share(1), share(2), share(11)];
const drawn = (changes: Partial<typeof about> = {}, from: readonly OpenShare[] = shares, range = list) =>
  drawCoefficient({ ...about, ...changes }, range, from, digest);

t.test('a coefficient written down once: the derivation does not change under anyone', async (t) => {
  const wide = { coefficients: { first: 1, last: 1_000_000 } };
  t.equal(drawCoefficient(about, wide, shares, digest), '705981');
  t.equal(drawn(), '0.97');
});

t.test('the order in which shares come is of no matter, their set is', async (t) => {
  const wide = { coefficients: { first: 0, last: 1_000_000 } };
  fc.assert(
    fc.property(fc.shuffledSubarray(shares, { minLength: shares.length }), (mixed) => {
      t.equal(drawCoefficient(about, wide, mixed, digest), drawCoefficient(about, wide, shares, digest));
    }),
    { numRuns: 30 },
  );
  const all = drawCoefficient(about, wide, shares, digest);
  t.not(drawCoefficient(about, wide, shares.slice(1), digest), all, 'one left out');
  t.not(drawCoefficient(about, wide, [share('platform', 'x'), ...shares.slice(1)], digest), all, 'one changed');
  t.not(drawCoefficient({ ...about, round: 2 }, wide, shares, digest), all, 'another round');
  t.not(drawCoefficient({ ...about, openingId: 'another' }, wide, shares, digest), all, 'another opening');
  t.not(drawCoefficient({ ...about, policyHash: digest('p') }, wide, shares, digest), all, 'other rules');
});

t.test('what lies above the last whole multiple is drawn again, so that no value is likelier', async (t) => {
  const asked: string[] = [];
  // the first digest says the largest number there is: no whole multiple of three reaches it
  const scripted = (text: string): string => {
    asked.push(text);
    return asked.length === 1 ? '_'.repeat(43) : 'A'.repeat(43);
  };
  t.equal(drawCoefficient(about, list, shares, scripted), '0.95');
  t.equal(asked.length, 2);
  t.same(
    asked.map((text) => text.slice(0, 'kaibiao-draw-result-v1.0.'.length)),
    [0, 1].map((n) => `kaibiao-draw-result-v1\0${n}\0`),
  );
  t.throws(() => drawCoefficient(about, list, shares, () => '_'.repeat(43)), 'and not for ever');
});

t.test('over many draws every value comes about as often as it should', async (t) => {
  const counts = new Map<string, number>();
  const runs = 3_000;
  for (let i = 0; i < runs; i++) {
    const value = drawn({}, [share('platform'), share('witness', `run ${i}`)]);
    counts.set(value, (counts.get(value) ?? 0) + 1);
  }
  t.same([...counts.keys()].sort(), list.coefficients);
  // five standard deviations of a fair draw of three; the runs are always the same ones
  for (const [value, count] of counts) t.ok(Math.abs(count - runs / 3) < 130, `${value}: ${count}`);
});

t.test('a range holds both its ends', async (t) => {
  const range = { coefficients: { first: 7, last: 9 } };
  t.equal(coefficientCount(range), 3);
  const values = new Set<string>();
  for (let i = 0; i < 60; i++)
    values.add(drawCoefficient(about, range, [share('platform', `${i}`), share('witness')], digest));
  t.same([...values].sort(), ['7', '8', '9']);
});

t.test('a commitment binds share, sharer, round and opening', async (t) => {
  const mine = shareCommitment(about, share(3), digest);
  t.match(mine, /^[\w-]{43}$/);
  t.not(shareCommitment(about, share(4, '3'), digest), mine, 'copied by another');
  t.not(shareCommitment(about, share('witness', '3'), digest), mine);
  t.not(shareCommitment({ ...about, round: 2 }, share(3), digest), mine, 'used again');
  t.not(shareCommitment({ ...about, openingId: 'another' }, share(3), digest), mine);
  t.not(shareCommitment(about, share(3, '4'), digest), mine);
});
