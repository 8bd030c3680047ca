/** Waiting for rows that another process writes: told, untold, too late, and while the database is away. */
import { watchRows } from '../../server/store/watch-rows.ts';
import { until } from '../support/recorder.ts';
import t from '../support/tap.ts';
import { steppedWorld } from '../support/world.ts';

const PERIOD_MS = 500;
const LIMIT_MS = 2_000;

function setUp() {
  const world = steppedWorld(1_000_000);
  const there = new Map<number, string>();
  const faults: unknown[] = [];
  let looks = 0;
  let isAway = false;
  const watch = watchRows<string>({
    world,
    periodMs: PERIOD_MS,
    limitMs: LIMIT_MS,
    async look(ids) {
      looks += 1;
      if (isAway) throw new Error('away');
      return new Map(ids.flatMap((id) => (there.has(id) ? [[id, there.get(id) ?? '']] : [])));
    },
    onLate: () => new Error('late'),
    onFault: (error) => faults.push(error),
  });
  return {
    world,
    watch,
    there,
    faults,
    looks: () => looks,
    away(is: boolean) {
      isAway = is;
    },
  };
}

t.test(
  'what is there is found without being told, what comes when it is told, and what nobody tells of after a period',
  async (t) => {
    const { world, watch, there, looks } = setUp();
    there.set(1, 'before');
    t.equal(await watch.wait(1), 'before');
    const told = watch.wait(2);
    await until(() => looks() >= 2);
    there.set(2, 'told');
    watch.hear();
    t.equal(await told, 'told');
    const untold = watch.wait(3);
    const before = looks();
    await until(() => looks() > before);
    there.set(3, 'untold');
    await until(() => {
      world.advance(PERIOD_MS);
      return looks() > before + 1;
    });
    t.equal(await untold, 'untold');
  },
);

t.test('one millisecond before the limit it is still waited for, at the limit no longer', async (t) => {
  const { world, watch, looks } = setUp();
  let isLate = false;
  const waited = watch.wait(1).catch((error: Error) => {
    isLate = true;
    return error.message;
  });
  await until(() => looks() === 1);
  world.advance(LIMIT_MS - 1);
  watch.hear();
  await until(() => looks() >= 2);
  await new Promise((resume) => setImmediate(resume));
  t.equal(isLate, false);
  world.advance(1);
  watch.hear();
  t.equal(await waited, 'late');
  const looked = looks();
  world.advance(10 * PERIOD_MS);
  t.equal(looks(), looked, 'nobody waits, nobody looks');
});

t.test('a look that is never answered holds nobody beyond the limit and one period', async (t) => {
  const world = steppedWorld();
  let looks = 0;
  const watch = watchRows<string>({
    world,
    periodMs: PERIOD_MS,
    limitMs: LIMIT_MS,
    look: () => {
      looks += 1;
      return new Promise(() => undefined);
    },
    onLate: () => new Error('late'),
    onFault: (error) => t.fail(String(error)),
  });
  const told: string[] = [];
  const wait = (id: number) => watch.wait(id).catch((error: Error) => told.push(`${id} ${error.message}`));
  const first = wait(1);
  await until(() => looks === 1);
  world.advance(PERIOD_MS);
  const second = wait(2);
  world.advance(LIMIT_MS - 1);
  await new Promise((resume) => setImmediate(resume));
  t.strictSame(told, []);
  world.advance(1);
  await first;
  t.strictSame(told, ['1 late']);
  world.advance(PERIOD_MS);
  await second;
  t.strictSame(told, ['1 late', '2 late']);
  t.equal(world.alarms(), 0);
});

t.test('a look that fails is told of, and made again', async (t) => {
  const { world, watch, there, faults, away } = setUp();
  away(true);
  const waited = watch.wait(1);
  await until(() => faults.length === 1);
  there.set(1, 'there');
  away(false);
  await new Promise((resume) => setImmediate(resume));
  world.advance(PERIOD_MS);
  t.equal(await waited, 'there');
});

t.test('who stops waits for nothing more, and sets no alarm', async (t) => {
  const { world, watch, there } = setUp();
  const waiting = t.rejects(watch.wait(1), { message: 'late' });
  watch.stop();
  await waiting;
  there.set(2, 'there');
  await t.rejects(watch.wait(2), { message: 'late' });
  watch.hear();
  await until(() => world.alarms() === 0);
  t.equal(world.alarms(), 0);
});
