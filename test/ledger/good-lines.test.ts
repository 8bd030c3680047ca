/** A cosigner's line is verified once for the same bytes, and only what verified is remembered. */
import { cosignatureMessage, formatCosignature } from '../../server/core/log/cosignature.ts';
import { formatSignatureLine, KEY_TYPES } from '../../server/core/log/note.ts';
import { createGoodLines } from '../../server/ledger/good-lines.ts';
import { logKey, verifyEd25519 } from '../support/log-fixtures.ts';
import t from '../support/tap.ts';

const key = logKey('cosigner.test/1', 3, KEY_TYPES.cosignature);
const stranger = logKey('cosigner.test/1', 4, KEY_TYPES.cosignature);
const text = (size: number): string => `kaibiao.test/ledger\n${size}\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n`;

function lineOver(size: number, signer = key, timeSeconds = 9): string {
  const signature = formatCosignature({
    timeSeconds,
    signature: signer.sign(cosignatureMessage(timeSeconds, text(size))),
  });
  return formatSignatureLine({ name: key.name, keyId: key.keyId, signature }).trimEnd();
}

/** A judge, and how often it has verified. */
function counted(limit?: number) {
  let verified = 0;
  const isGood = createGoodLines((...args) => {
    verified += 1;
    return verifyEd25519(...args);
  }, limit);
  return { isGood, verified: () => verified };
}

t.test('the same line of the same key under the same head is verified once', async (t) => {
  const { isGood, verified } = counted();
  for (let n = 0; n < 3; n++) t.ok(await isGood(key.vkey, lineOver(1), text(1)));
  t.equal(verified(), 1);
});

t.test('what differs in anything is verified for itself, and what is bad each time', async (t) => {
  const { isGood, verified } = counted();
  t.ok(await isGood(key.vkey, lineOver(1), text(1)));
  const bad = [
    ['another head', key.vkey, lineOver(1), text(2)],
    ['another time than was signed', key.vkey, lineOver(1).replace(/.{8}$/, 'AAAAAA=='), text(1)],
    ['signed by another key', key.vkey, lineOver(1, stranger), text(1)],
  ] as const;
  for (const [what, vkey, line, over] of bad) for (let n = 0; n < 2; n++) t.notOk(await isGood(vkey, line, over), what);
  t.equal(verified(), 1 + 2 * bad.length);
  t.notOk(await isGood(stranger.vkey, lineOver(1), text(1)), 'a line of another key id');
  t.notOk(await isGood(key.vkey, 'no line', text(1)));
  t.notOk(await isGood('no key', lineOver(1), text(1)));
  t.equal(verified(), 1 + 2 * bad.length, 'what cannot be read is not verified');
});

t.test('as many are remembered as the limit says: one more, and the oldest is verified anew', async (t) => {
  const { isGood, verified } = counted(2);
  for (const size of [1, 2, 1, 2]) t.ok(await isGood(key.vkey, lineOver(size), text(size)));
  t.equal(verified(), 2);
  t.ok(await isGood(key.vkey, lineOver(3), text(3)));
  t.ok(await isGood(key.vkey, lineOver(2), text(2)));
  t.equal(verified(), 3);
  t.ok(await isGood(key.vkey, lineOver(1), text(1)));
  t.equal(verified(), 4);
});
