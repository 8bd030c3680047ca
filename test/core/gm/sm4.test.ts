/** SM4 backwards and as a stream: the standard's own block, and the same as OpenSSL for anything it enciphers. */
import { createCipheriv, getCiphers } from 'node:crypto';
import fc from 'fast-check';
import { decipherSm4Cbc, startSm4Ctr } from '../../../server/core/gm/sm4.ts';
import t from '../../support/tap.ts';

const hex = (text: string) => Uint8Array.from(Buffer.from(text, 'hex'));

t.test('the block of GM/T 0002 appendix A', async (t) => {
  const block = hex('0123456789abcdeffedcba9876543210');
  const enciphered = hex('681edf34d206965e86b3e94f536e4246');
  // a second block that deciphers to nothing but padding: 16 times 16, which OpenSSL puts behind a whole block
  const cipher = createCipheriv('sm4-cbc', block, new Uint8Array(16));
  const whole = Buffer.concat([cipher.update(block), cipher.final()]);
  t.strictSame(Uint8Array.from(whole.subarray(0, 16)), enciphered);
  t.strictSame(decipherSm4Cbc(block, new Uint8Array(16), whole), block);
});

t.test('whatever OpenSSL enciphers comes out; another key, and what is no whole block, does not', async (t) => {
  t.ok(getCiphers().includes('sm4-cbc'));
  const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
  fc.assert(
    fc.property(bytes(16), bytes(16), fc.uint8Array({ maxLength: 100 }), (key, iv, plain) => {
      const cipher = createCipheriv('sm4-cbc', key, iv);
      const data = Uint8Array.from(Buffer.concat([cipher.update(plain), cipher.final()]));
      t.strictSame(decipherSm4Cbc(key, iv, data), plain);
      t.equal(decipherSm4Cbc(key, iv, data.subarray(1)), undefined);
    }),
    { numRuns: 60 },
  );
  t.equal(decipherSm4Cbc(new Uint8Array(15), new Uint8Array(16), new Uint8Array(16)), undefined);
  t.equal(decipherSm4Cbc(new Uint8Array(16), new Uint8Array(15), new Uint8Array(16)), undefined);
  t.equal(decipherSm4Cbc(new Uint8Array(16), new Uint8Array(16), new Uint8Array(0)), undefined);
  for (const last of [0, 17, 2])
    t.equal(
      decipherSm4Cbc(
        new Uint8Array(16),
        new Uint8Array(16),
        cipherOf(new Uint8Array(16).fill(1, 0, 15).fill(last, 15)),
      ),
      undefined,
      `padding ${last}`,
    );
});

function cipherOf(block: Uint8Array): Uint8Array {
  const cipher = createCipheriv('sm4-cbc', new Uint8Array(16), new Uint8Array(16)).setAutoPadding(false);
  return Uint8Array.from(Buffer.concat([cipher.update(block), cipher.final()]));
}

t.test('SM4-CTR is that of OpenSSL, however the content is cut, and over the end of the counter', async (t) => {
  const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
  const counters = fc.oneof(bytes(16), fc.nat({ max: 3 }).map(nearlyFull));
  const pieces = fc.array(fc.uint8Array({ maxLength: 70 }), { maxLength: 6 });
  fc.assert(
    fc.property(bytes(16), counters, pieces, (key, counter, cut) => {
      const stream = startSm4Ctr(key, counter);
      const out = Buffer.concat(cut.map((piece) => stream(piece)));
      t.ok(out.equals(createCipheriv('sm4-ctr', key, counter).update(Buffer.concat(cut))));
    }),
    { numRuns: 150, examples: [[new Uint8Array(16), nearlyFull(0), [new Uint8Array(33)]]] },
  );
  t.throws(() => startSm4Ctr(new Uint8Array(15), new Uint8Array(16)), RangeError);
  t.throws(() => startSm4Ctr(new Uint8Array(16), new Uint8Array(17)), RangeError);
});

/** A counter block that begins again from zero within the next few. */
function nearlyFull(last: number): Uint8Array {
  return new Uint8Array(16).fill(0xff).fill(0xff - last, 15);
}
