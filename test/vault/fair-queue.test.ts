/** The queue before the vault: turns are taken, nobody is passed over, and the order told is the order kept. */
import fc from 'fast-check';
import { createFairQueue } from '../../server/vault/fair-queue.ts';
import t from '../support/tap.ts';

t.test('shares take turns, each in its own order', async (t) => {
  const queue = createFairQueue<string>();
  for (const thing of ['a1', 'a2', 'a3', 'b1', 'c1', 'c2']) queue.push(thing.slice(0, 1), thing);
  t.same(queue.inOrder(), ['a1', 'b1', 'c1', 'a2', 'c2', 'a3']);
  t.equal(queue.shift(), 'a1');
  queue.push('b', 'b2');
  queue.push('d', 'd1');
  queue.pushFirst('again');
  t.same(queue.inOrder(), ['again', 'b1', 'c1', 'a2', 'd1', 'b2', 'c2', 'a3']);
  t.same(queue.clear(), ['again', 'b1', 'c1', 'a2', 'd1', 'b2', 'c2', 'a3']);
  t.same([queue.length, queue.shift(), queue.inOrder()], [0, undefined, []]);
});

type Move = { readonly kind: 'push' | 'first' | 'shift'; readonly share: string };
const moves = fc.array(
  fc.record({
    kind: fc.constantFrom<Move['kind']>('push', 'push', 'shift', 'first'),
    share: fc.constantFrom('a', 'b', 'c'),
  }),
  { maxLength: 60 },
);

t.test('whatever comes and goes: all comes out once, as told, and each share in its own order', async (t) => {
  fc.assert(
    fc.property(moves, (made: readonly Move[]) => {
      const queue = createFairQueue<string>();
      const came: string[] = [];
      const out: string[] = [];
      for (const { kind, share } of made) {
        if (kind === 'shift') {
          const [told] = queue.inOrder();
          const taken = queue.shift();
          if (taken !== told) return false;
          if (taken !== undefined) out.push(taken);
          continue;
        }
        const thing = kind === 'first' ? `!${came.length}` : `${share}${came.length}`;
        came.push(thing);
        if (kind === 'first') queue.pushFirst(thing);
        else queue.push(share, thing);
      }
      if (queue.length !== came.length - out.length) return false;
      const told = queue.inOrder();
      while (queue.length > 0) out.push(queue.shift() ?? '');
      if (told.join() !== out.slice(out.length - told.length).join()) return false;
      const ofShare = (all: string[], share: string) => all.filter((thing) => thing.startsWith(share)).join();
      return (
        [...out].sort().join() === [...came].sort().join() &&
        ['a', 'b', 'c'].every((share) => ofShare(out, share) === ofShare(came, share))
      );
    }),
  );
  t.pass('held');
});

t.test('a thousand of one opening delay another’s one by one only', async (t) => {
  const queue = createFairQueue<string>();
  for (let n = 0; n < 1_000; n++) queue.push('large', `large ${n}`);
  for (let n = 0; n < 3; n++) queue.push('small', `small ${n}`);
  const order = queue.inOrder();
  t.same(
    [0, 1, 2].map((n) => order.indexOf(`small ${n}`)),
    [1, 3, 5],
  );
});
