/** What each credential, each address and each socket's holder may ask: at the edges, across the minute, and with a thousand bidders behind one address. */
import fc from 'fast-check';
import {
  CALLERS_LIMIT,
  type CountedAs,
  createLimits,
  LIMIT_KINDS,
  networkOf,
  type SeatedAs,
  SOCKETS_OF_A_SESSION,
} from '../../server/http/limits.ts';
import t from '../support/tap.ts';

const MINUTE = 60_000;
const START = Date.UTC(2026, 2, 2);

function bench(changes: { requestsPerMinute?: number; peoplePerAddress?: number; socketLimit?: number } = {}) {
  const clock = { at: START };
  const config = { requestsPerMinute: 600, peoplePerAddress: 1_000, socketLimit: 20_000, ...changes };
  return { clock, ...createLimits({ world: { now: () => clock.at }, config }) };
}

t.test('a credential has as many requests of each kind, and not one more', async (t) => {
  const { take } = bench({ requestsPerMinute: 5 });
  for (const kind of LIMIT_KINDS) {
    for (let n = 0; n < 5; n++) t.equal(take(kind, 'key a'), null);
    t.equal(take(kind, 'key a'), 60, `${kind}: the sixth waits for the next minute`);
  }
  t.equal(take('general', 'key b'), null, 'another’s are untouched');
});

t.test('an address has so many for each of its people, of each kind apart', async (t) => {
  const people = 3;
  for (const [kind, each] of [
    ['general', 20],
    ['login', 4],
    ['vital', 4],
    ['files', 150],
    ['chains', 1],
    ['probes', 4],
    ['phone', 150],
  ] as const) {
    const { take } = bench({ peoplePerAddress: people, requestsPerMinute: 1 });
    for (let n = 0; n < each * people; n++) if (take(kind, 'address x') !== null) t.fail(`${kind} ${n}`);
    t.equal(take(kind, 'address x'), 60, kind);
    t.equal(take(kind, 'address y'), null);
    t.equal(take(kind, 'stranger x'), null, 'tokens that nobody issued count apart');
    t.equal(take('vital', 'key a'), null);
  }
});

t.test('the count begins anew with the minute, and it is said when', async (t) => {
  const { take, clock } = bench({ requestsPerMinute: 1 });
  clock.at = START + 10_500;
  take('general', 'key a');
  t.equal(take('general', 'key a'), 50);
  clock.at = START + MINUTE - 1;
  t.equal(take('general', 'key a'), 1, 'never 0: that would be at once');
  clock.at = START + MINUTE;
  t.equal(take('general', 'key a'), null);
  t.equal(take('general', 'key a'), 60);
});

t.test('memory is bounded: callers beyond the limit share one count, those before keep theirs', async (t) => {
  const { take, clock } = bench({ requestsPerMinute: 2 });
  for (let n = 0; n < CALLERS_LIMIT; n++) take('general', `key ${n}`);
  t.equal(take('general', 'key one more'), null);
  t.equal(take('general', 'key and another'), null);
  t.equal(take('general', 'key a third'), 60, 'counted together');
  t.equal(take('general', 'key 0'), null, 'its second');
  clock.at += MINUTE;
  t.equal(take('general', 'key a third'), null);
});

t.test('a crowd without credentials leaves those who have one their own counts', async (t) => {
  const { take } = bench({ requestsPerMinute: 1, peoplePerAddress: 1 });
  for (let n = 0; n <= CALLERS_LIMIT; n++) take('vital', n % 2 === 0 ? `stranger ${n}` : `address ${n}`);
  for (let n = 0; n < 4; n++) take('vital', 'address beyond');
  t.equal(take('vital', 'address beyond too'), 60, 'those beyond share one count');
  for (const who of ['key a', 'key b'] as const) {
    t.equal(take('vital', who), null);
    t.equal(take('vital', who), 60);
  }
});

t.test('sockets: so many of a session, half of all for an address, given back once', async (t) => {
  const { takeSocket } = bench({ socketLimit: 7 });
  const edge = (who: SeatedAs, most: number): void => {
    const held = Array.from({ length: most }, () => takeSocket(who));
    t.notOk(held.includes(null), who);
    t.equal(takeSocket(who), null, `${who}: one more`);
    held[0]?.();
    held[0]?.();
    t.ok(takeSocket(who), 'one went');
    t.equal(takeSocket(who), null, 'and only one, though it said so twice');
  };
  edge('session a', SOCKETS_OF_A_SESSION);
  edge('address x', 3);
  t.ok(takeSocket('session b'));
  t.ok(bench({ socketLimit: 1 }).takeSocket('address x'), 'a hall of one seat has one');
});

t.test('all who look on without a ticket leave a quarter of the seats to those who take part', async (t) => {
  const { takeSocket } = bench({ socketLimit: 8 });
  const taken = Array.from({ length: 6 }, (_, n) => takeSocket(`address ${n}`));
  t.notOk(taken.includes(null));
  t.equal(takeSocket('address 7'), null, 'the seventh');
  t.ok(takeSocket('session a'));
  taken[0]?.();
  t.ok(takeSocket('address 7'));
  t.equal(takeSocket('address 8'), null);
});

t.test('addresses: of IPv6 the line’s network, however it is written; of IPv4 the address', async (t) => {
  for (const [address, network] of [
    ['192.0.2.7', '192.0.2.7'],
    ['::ffff:192.0.2.7', '192.0.2.7'],
    ['::FFFF:c000:207', '192.0.2.7'],
    ['2001:db8:0:1:2:3:4:5', '2001:db8:0:1'],
    ['2001:db8:0:1::', '2001:db8:0:1'],
    ['2001:0DB8::1:0:0:1', '2001:db8:0:0'],
    ['::1', '0:0:0:0'],
    ['fe80::1%eth0', 'fe80:0:0:0'],
    ['', ''],
    ['not an address', 'not an address'],
  ] as const)
    t.equal(networkOf(address), network, address);
  const group = fc.integer({ min: 0, max: 0xffff });
  const sixteen = fc.tuple(group, group, group, group, group, group, group, group);
  fc.assert(
    fc.property(sixteen, sixteen, (one, other) => {
      const text = (groups: readonly number[]): string => groups.map((value) => value.toString(16)).join(':');
      const neighbour = [...one.slice(0, 4), ...other.slice(4)];
      fc.pre(![one, neighbour].some((groups) => groups.slice(0, 6).join() === '0,0,0,0,0,65535'));
      return (
        networkOf(text(one)) === text(one.slice(0, 4)) &&
        networkOf(text(neighbour)) === networkOf(text(one)) &&
        networkOf(text(other)) === text(other.slice(0, 4))
      );
    }),
  );
});

t.test(
  'a thousand bidders log in, read and decrypt from one address within a minute; somebody beyond measure hurts nobody else',
  async (t) => {
    const { take } = bench();
    const address = 'address 203.0.113.1';
    // One of them asks on and on, with its credential and with tokens that nobody issued.
    for (let n = 0; n < 50_000; n++) {
      take('general', 'key bad');
      take('vital', 'key bad');
      take('general', 'stranger 203.0.113.1');
    }
    t.ok(take('vital', 'key bad'), 'it is held back');
    const refused: string[] = [];
    const ask = (kind: (typeof LIMIT_KINDS)[number], who: CountedAs): void => {
      if (take(kind, who) !== null) refused.push(`${kind} ${who}`);
    };
    for (let n = 0; n < 1_000; n++) {
      for (let file = 0; file < 116; file++) ask('files', address);
      for (let read = 0; read < 5; read++) ask('general', address);
      // A challenge and a login, and once more after a wrong passphrase.
      for (let login = 0; login < 4; login++) ask('login', address);
      for (let read = 0; read < 30; read++) ask('general', `key ${n}`);
      for (let act = 0; act < 3; act++) ask('vital', `key ${n}`);
    }
    t.strictSame(refused, []);
  },
);
