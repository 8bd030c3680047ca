/** The real world's timers at their limits, and the stepped world that the other tests rely on. */
import fc from 'fast-check';
import { systemWorld } from '../server/world.ts';
import t from './support/tap.ts';
import { steppedWorld } from './support/world.ts';

t.test('the real clock tells integer ms', async (t) => {
  t.ok(Number.isSafeInteger(systemWorld.now()));
  t.ok(Math.abs(systemWorld.now() - Date.now()) < 1000);
});

t.test('real random bytes have the length asked for and differ', async (t) => {
  t.equal(systemWorld.randomBytes(0).length, 0);
  t.equal(systemWorld.randomBytes(33).length, 33);
  t.not(String(systemWorld.randomBytes(32)), String(systemWorld.randomBytes(32)));
});

t.test('a real alarm sounds, and one taken back does not', async (t) => {
  const heard: string[] = [];
  const takeBack = systemWorld.after(0, () => heard.push('taken back'));
  takeBack();
  await new Promise<void>((done) => systemWorld.after(1, done));
  t.strictSame(heard, []);
});

t.test('a real alarm due in the past sounds at once', async () => {
  await new Promise<void>((done) => systemWorld.after(-1000, done));
});

t.test('a real alarm beyond the 31 bits of a timer does not sound at once', async (t) => {
  let isHeard = false;
  const takeBack = systemWorld.after(2 ** 31, () => {
    isHeard = true;
  });
  await new Promise<void>((done) => systemWorld.after(20, done));
  t.notOk(isHeard);
  takeBack();
});

t.test('the stepped clock moves only when told', async (t) => {
  const world = steppedWorld(1000);
  t.equal(world.now(), 1000);
  world.advance(0);
  t.equal(world.now(), 1000);
  world.advance(5);
  t.equal(world.now(), 1005);
  t.throws(() => world.advance(-1));
  t.throws(() => world.advance(0.5));
});

t.test('alarms sound in order, each at its own instant; at one instant the first set is first', async (t) => {
  const world = steppedWorld(0);
  const heard: string[] = [];
  world.after(20, () => heard.push(`b@${world.now()}`));
  world.after(10, () => heard.push(`a@${world.now()}`));
  world.after(20, () => heard.push(`c@${world.now()}`));
  world.advance(9);
  t.strictSame(heard, []);
  world.advance(1);
  t.strictSame(heard, ['a@10']);
  world.advance(100);
  t.strictSame(heard, ['a@10', 'b@20', 'c@20']);
  t.equal(world.now(), 110);
  t.equal(world.alarms(), 0);
});

t.test('an alarm may set the next one within the same step', async (t) => {
  const world = steppedWorld(0);
  const heard: number[] = [];
  const beat = (): void => {
    heard.push(world.now());
    world.after(10, beat);
  };
  world.after(10, beat);
  world.advance(35);
  t.strictSame(heard, [10, 20, 30]);
});

t.test('advancing gently lets what an alarm began end before the next alarm', async (t) => {
  const world = steppedWorld(0);
  const heard: string[] = [];
  world.after(10, async () => {
    await Promise.resolve();
    heard.push('first ended');
  });
  world.after(20, () => heard.push('second began'));
  await world.advanceGently(20);
  t.strictSame(heard, ['first ended', 'second began']);
});

t.test('an alarm taken back stays silent', async (t) => {
  const world = steppedWorld(0);
  const takeBack = world.after(10, () => t.fail('sounded'));
  takeBack();
  world.advance(10);
  t.equal(world.alarms(), 0);
});

t.test('the same seed gives the same bytes, another seed others, and no call repeats', async (t) => {
  fc.assert(
    fc.property(fc.nat(), fc.nat(100), (seed, length) => {
      const [one, two] = [steppedWorld(0, seed), steppedWorld(0, seed)];
      const first = one.randomBytes(length);
      t.strictSame(first, two.randomBytes(length));
      t.equal(first.length, length);
      if (length >= 16) {
        t.notSame(first, one.randomBytes(length));
        t.notSame(first, steppedWorld(0, seed + 1).randomBytes(length));
      }
    }),
    { numRuns: 30 },
  );
});
