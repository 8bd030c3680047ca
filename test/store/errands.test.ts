/** Errands: done once however the one who does them ends, answered whatever comes of them, and never done for nobody. */
import { createAsker, type ErrandAnswer, type KeepErrand, runErrands } from '../../server/store/errands.ts';
import { testDb } from '../support/database.ts';
import { until } from '../support/recorder.ts';
import t from '../support/tap.ts';
import { steppedWorld } from '../support/world.ts';

const db = await testDb(t);

type Handler = (content: unknown, keep: KeepErrand) => Promise<ErrandAnswer>;

/** Asker and leaders on one database, with a clock that stands still. */
function setUp() {
  const faults: unknown[] = [];
  let asked = 0;
  let done = 0;
  const dependencies = {
    sql: db.sql,
    world: steppedWorld(),
    tell: async (is: 'asked' | 'done') => void (is === 'asked' ? asked++ : done++),
    onFault: (error: unknown) => faults.push(error),
  };
  const asker = createAsker(dependencies, () => new Error('nobody'));
  const untold: Handler = async () => {
    throw new Error('not asked for');
  };
  return {
    asker,
    faults,
    asked: () => asked,
    done: () => done,
    lead: (access: Handler) =>
      runErrands(dependencies, { create: untold, prepare: untold, access, operator: untold, trust: untold }),
  };
}

/** Stands for whatever an errand does: a row of its own for each time. */
let rows = 0;
const doIt = (keep: KeepErrand): Promise<unknown> =>
  db.sql.begin(async (tx) => {
    await tx`INSERT INTO heartbeats (process_id, at) VALUES (${`done ${rows++}`}, 1)`;
    await keep(tx, 7);
  });
const timesDone = async (): Promise<number> => {
  const [found] = await db.sql<{ n: number }[]>`SELECT count(*)::int AS n FROM heartbeats`;
  return found?.n ?? -1;
};
const left = async () => [...(await db.sql`SELECT answer FROM errands`)];

t.test('what throws is answered and not done again every second', async (t) => {
  const { asker, faults, lead, asked, done } = setUp();
  let tries = 0;
  const leader = lead(async () => {
    tries += 1;
    throw new Error('a defect');
  });
  const answer = asker.ask('access', { n: 1 });
  await until(() => asked() === 1);
  leader.hear();
  await until(() => done() === 1);
  asker.hear();
  t.strictSame(await answer, { failed: 'unknown', why: 'a defect' });
  await leader.stop();
  t.equal(tries, 1);
  t.match(faults, [{ message: 'a defect' }]);
  t.strictSame(await left(), []);
});

t.test(
  'a leader that dies between doing and answering: the next one tells what was done, and does not do it',
  async (t) => {
    const { asker, lead, asked, done } = setUp();
    const before = await timesDone();
    const answer = asker.ask('access', { n: 1 });
    await until(() => asked() === 1);
    // It never comes back from what it does.
    lead(async (_content, keep) => {
      await doIt(keep);
      return new Promise(() => undefined);
    });
    await until(async () => (await timesDone()) === before + 1);
    asker.hear();
    t.strictSame(await left(), [{ answer: '{"held":7}' }], 'what may not be let out yet is told nobody');
    const next = lead(async () => {
      throw new Error('a second time');
    });
    await until(() => done() === 1);
    asker.hear();
    t.strictSame(await answer, { done: 7 });
    t.equal(await timesDone(), before + 1);
    await next.stop();
  },
);

t.test('what nobody waits for any more is rolled back', async (t) => {
  const { asker, faults, lead, asked } = setUp();
  const before = await timesDone();
  const answer = t.rejects(asker.ask('access', { n: 1 }), { message: 'nobody' });
  await until(() => asked() === 1);
  const leader = lead(async (_content, keep) => {
    await db.sql`DELETE FROM errands`;
    await doIt(keep);
    return { done: 7 };
  });
  await until(() => faults.length === 1);
  t.match(faults, [{ message: /nobody waits for errand/ }]);
  t.equal(await timesDone(), before);
  await leader.stop();
  asker.stop();
  await answer;
  await t.rejects(asker.ask('access', { n: 2 }), { message: 'nobody' }, 'who has stopped waits for nobody');
});
