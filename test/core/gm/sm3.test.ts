/** SM3 whole and in pieces: the standard's own examples, and OpenSSL's hash and HMAC of anything. */
import { createHash, createHmac } from 'node:crypto';
import fc from 'fast-check';
import { hmacSm3, sm3, startHmacSm3, startSm3 } from '../../../server/core/gm/sm3.ts';
import { BLOCK_BYTES } from '../../../server/core/log/block-hash.ts';
import { utf8 } from '../../../server/core/log/utf8.ts';
import t from '../../support/tap.ts';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

t.test('the examples of GM/T 0004 appendix A', async (t) => {
  t.equal(hex(sm3(utf8('abc'))), '66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0');
  t.equal(hex(sm3(utf8('abcd'.repeat(16)))), 'debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732');
});

t.test('in pieces as in one, and as OpenSSL, at every edge of a block', async (t) => {
  for (const length of [0, 1, 55, 56, 63, 64, 65, 119, 120, 128]) {
    const data = new Uint8Array(length).fill(0xa5);
    t.equal(hex(sm3(data)), createHash('sm3').update(data).digest('hex'), `${length} bytes`);
  }
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 8 }), (pieces) => {
      const hash = startSm3();
      for (const piece of pieces) hash.update(piece);
      t.equal(hex(hash.digest()), createHash('sm3').update(Buffer.concat(pieces)).digest('hex'));
    }),
    { numRuns: 100 },
  );
});

t.test('HMAC, with keys up to a block and longer ones', async (t) => {
  const keys = fc.oneof(
    fc.uint8Array({ maxLength: 2 * BLOCK_BYTES }),
    fc.constantFrom(BLOCK_BYTES, BLOCK_BYTES + 1).map((length) => new Uint8Array(length).fill(7)),
  );
  fc.assert(
    fc.property(keys, fc.uint8Array({ maxLength: 300 }), fc.nat(300), (key, data, cut) => {
      const expected = createHmac('sm3', key).update(data).digest('hex');
      t.equal(hex(hmacSm3(key, data)), expected);
      const mac = startHmacSm3(key);
      mac.update(data.subarray(0, cut));
      mac.update(data.subarray(cut));
      t.equal(hex(mac.digest()), expected);
    }),
    { numRuns: 100 },
  );
});
