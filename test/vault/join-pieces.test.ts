/** Joining pieces: the same bytes in the same order, a single piece as it is, and one memory for all chunks. */
import fc from 'fast-check';
import { joinBytes } from '../../server/core/log/bytes.ts';
import { startJoining } from '../../server/vault/join-pieces.ts';
import t from '../support/tap.ts';

t.test('pieces become one, chunk after chunk', async (t) => {
  const chunks = fc.array(fc.array(fc.uint8Array({ maxLength: 40 }), { minLength: 1, maxLength: 9 }), { maxLength: 9 });
  fc.assert(
    fc.property(chunks, (given) => {
      const join = startJoining();
      for (const pieces of given) t.strictSame(Uint8Array.from(join(pieces)), joinBytes(...pieces));
    }),
    { numRuns: 50 },
  );
});

t.test('memory grows to the longest chunk and is used again; one piece is not copied', async (t) => {
  const join = startJoining();
  const half = new Uint8Array(500).fill(1);
  const first = join([half, half]);
  t.equal(join([half, half]).buffer, first.buffer);
  t.equal(join([half]), half);
});
