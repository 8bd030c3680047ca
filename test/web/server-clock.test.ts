/** The server's clock on a page whose own clock is wrong, and whose network is slow one way. */
import fc from 'fast-check';
import { serverClock } from '../../web/connection/server-clock.ts';
import t from '../support/tap.ts';

function clockAt(start = 0) {
  let now = start;
  const clock = serverClock(() => now);
  return {
    clock,
    pass: (ms: number) => {
      now += ms;
    },
    ping(out: number, back: number, ahead: number) {
      const sentAt = now;
      now += out;
      const serverNow = now + ahead;
      now += back;
      clock.sample(sentAt, now, serverNow);
    },
    now: () => now,
  };
}

t.test('nothing is known before anything was heard', async (t) => {
  const { clock } = clockAt();
  t.equal(clock.now(), null);
  t.equal(clock.errorMs(), null);
});

t.test('the fastest ping decides', async (t) => {
  const c = clockAt();
  c.ping(10, 200, 5000);
  c.ping(3, 3, 5000);
  c.ping(300, 10, 5000);
  t.equal(c.clock.now(), c.now() + 5000);
  t.equal(c.clock.errorMs(), 3);
  c.pass(12_345);
  t.equal(c.clock.now(), c.now() + 5000, 'it goes on by the monotonic clock');
});

t.test('the error is never more than half the best round trip, however the network leans', async (t) => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(500), fc.nat(500)), { minLength: 1, maxLength: 8 }),
      fc.integer({ min: -4_000_000_000, max: 4_000_000_000 }),
      (pings, ahead) => {
        const c = clockAt(1000);
        for (const [out, back] of pings) c.ping(out, back, ahead);
        const best = Math.min(...pings.map(([out, back]) => out + back));
        const off = Math.abs((c.clock.now() ?? 0) - (c.now() + ahead));
        return off <= best / 2 + 0.5 && c.clock.errorMs() === best / 2;
      },
    ),
  );
  t.pass();
});

t.test('a new connection is judged by its own pings', async (t) => {
  const c = clockAt();
  c.ping(1, 1, 5000);
  c.clock.begin();
  t.equal(c.clock.now(), c.now() + 5000, 'what is known stays until the first answers');
  c.ping(20, 20, 9000);
  t.equal(c.clock.now(), c.now() + 9000);
  t.equal(c.clock.errorMs(), 20);
});

t.test('any later word of the server pulls the clock forward, never back', async (t) => {
  const c = clockAt();
  c.clock.hear(1_000_000);
  t.equal(c.clock.now(), 1_000_000);
  c.clock.hear(999_000);
  t.equal(c.clock.now(), 1_000_000);
  c.clock.hear(1_060_000);
  t.equal(c.clock.now(), 1_060_000, 'a computer that slept finds the time again');
});

t.test('a pong before its ping is no measure', async (t) => {
  const { clock } = clockAt();
  clock.sample(10, 5, 100);
  t.equal(clock.now(), null);
});
