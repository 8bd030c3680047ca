/** Questions joined into one: each gets its own answer, a fault goes to those it befell, and what comes meanwhile goes next. */
import fc from 'fast-check';
import { together } from '../../server/store/together.ts';
import t from '../support/tap.ts';

t.test('questions of one turn go together, up to the limit, and answers to whom they belong', async (t) => {
  const asked: (readonly number[])[] = [];
  const ask = together<number, number>(3, async (asks) => {
    asked.push(asks);
    return asks.map((n) => n * n);
  });
  t.strictSame(await Promise.all([1, 2, 3].map(ask)), [1, 4, 9]);
  t.strictSame(await Promise.all([1, 2, 3, 4].map(ask)), [1, 4, 9, 16]);
  t.strictSame(asked, [[1, 2, 3], [1, 2, 3], [4]]);
});

t.test('what comes while one is under way goes into the next', async (t) => {
  const asked: (readonly string[])[] = [];
  let late: Promise<string> | null = null;
  const ask = together<string, string>(10, async (asks) => {
    asked.push(asks);
    late ??= ask('late');
    return asks;
  });
  t.equal(await ask('first'), 'first');
  t.equal(await late, 'late');
  t.strictSame(asked, [['first'], ['late']]);
});

t.test(
  'a fault goes to those who asked together, and the next ask anew; a wrong number of answers is one',
  async (t) => {
    let does: 'fail' | 'lack' | 'answer' = 'fail';
    const ask = together<number, number>(2, async (asks) => {
      if (does === 'fail') throw new Error('the database is away');
      return does === 'lack' ? [] : asks;
    });
    const all = async () => (await Promise.allSettled([1, 2, 3].map(ask))).map(({ status }) => status);
    t.strictSame(await all(), ['rejected', 'rejected', 'rejected']);
    does = 'lack';
    await t.rejects(ask(1), /0 answers to 1 questions/);
    does = 'answer';
    t.strictSame(await all(), ['fulfilled', 'fulfilled', 'fulfilled']);
  },
);

t.test('whatever is asked when, everybody gets the own answer', async (t) => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat(3), { maxLength: 30 }), fc.integer({ min: 1, max: 5 }), async (turns, limit) => {
      const ask = together<number, string>(limit, async (asks) => {
        if (asks.length > limit) throw new Error('too many');
        await new Promise((turn) => setImmediate(turn));
        return asks.map(String);
      });
      const answers = turns.map(async (wait, n) => {
        for (let turn = 0; turn < wait; turn++) await new Promise((next) => setImmediate(next));
        return ask(n);
      });
      return (await Promise.all(answers)).every((answer, n) => answer === String(n));
    }),
    { numRuns: 50 },
  );
  t.pass('asserted by fast-check');
});
