/** The rhythm: at whole periods, one at a time, faults told, and still when it is stopped. */
import fc from 'fast-check';
import { keepRhythm } from '../../server/recorder/rhythm.ts';
import t from '../support/tap.ts';
import { steppedWorld } from '../support/world.ts';

const settle = (): Promise<void> => new Promise((done) => setImmediate(done));

t.test('once a period, the first after one period', async (t) => {
  const world = steppedWorld(0);
  const at: number[] = [];
  const rhythm = keepRhythm(
    world,
    100,
    async () => void at.push(world.now()),
    (error) => t.fail(String(error)),
  );
  await world.advanceGently(99);
  t.strictSame(at, []);
  await world.advanceGently(351);
  t.strictSame(at, [100, 200, 300, 400]);
  await rhythm.stop();
  t.equal(world.alarms(), 0);
});

t.test('long work delays nobody: the next comes at a whole period, those missed are left out', async (t) => {
  const world = steppedWorld(0);
  const at: number[] = [];
  let finish: () => void = () => undefined;
  const rhythm = keepRhythm(
    world,
    100,
    () => {
      at.push(world.now());
      return new Promise<void>((done) => {
        finish = done;
      });
    },
    (error) => t.fail(String(error)),
  );
  await world.advanceGently(100);
  await world.advanceGently(250);
  t.strictSame(at, [100], 'one at a time');
  finish();
  await settle();
  await world.advanceGently(100);
  t.strictSame(at, [100, 400]);
  finish();
  await rhythm.stop();
});

t.test('a fault is told, and the next round comes all the same', async (t) => {
  const world = steppedWorld(0);
  const faults: unknown[] = [];
  let rounds = 0;
  const rhythm = keepRhythm(
    world,
    10,
    async () => {
      rounds++;
      throw new Error(`round ${rounds}`);
    },
    (error) => faults.push((error as Error).message),
  );
  await world.advanceGently(30);
  t.strictSame(faults, ['round 1', 'round 2', 'round 3']);
  await rhythm.stop();
});

t.test('stopping waits for the round under way and starts no other', async (t) => {
  const world = steppedWorld(0);
  let finish: () => void = () => undefined;
  let rounds = 0;
  const rhythm = keepRhythm(
    world,
    10,
    () => {
      rounds++;
      return new Promise<void>((done) => {
        finish = done;
      });
    },
    (error) => t.fail(String(error)),
  );
  await world.advanceGently(10);
  let stopped = false;
  const stopping = rhythm.stop().then(() => {
    stopped = true;
  });
  await settle();
  t.equal(stopped, false);
  finish();
  await stopping;
  await world.advanceGently(100);
  t.equal(rounds, 1);
});

t.test('whatever the steps of the clock, no round is off the beat and none comes twice', async (t) => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 50 }),
      fc.array(fc.nat(120), { maxLength: 12 }),
      async (period, steps) => {
        const world = steppedWorld(1_000);
        const at: number[] = [];
        const rhythm = keepRhythm(
          world,
          period,
          async () => void at.push(world.now()),
          (error) => t.fail(String(error)),
        );
        for (const step of steps) await world.advanceGently(step);
        await rhythm.stop();
        t.ok(at.every((when) => (when - 1_000) % period === 0));
        t.equal(new Set(at).size, at.length);
        t.equal(at.length, Math.floor((world.now() - 1_000) / period));
      },
    ),
    { numRuns: 30 },
  );
});
