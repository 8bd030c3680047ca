/** The opening key: any k shares give it, fewer or wrong ones give nothing, and nothing but the promised secret counts. */
import { createPrivateKey, createPublicKey } from 'node:crypto';
import fc from 'fast-check';
import { dealWindowKey } from '../../server/cli/seal/opening-key.ts';
import { openSecret } from '../../server/client/open-secret.ts';
import { KEY_SHARE_BYTES, secretCommit, shareCommit } from '../../server/core/seal/opening-key.ts';
import { isFor, readSealedSecretHeader } from '../../server/core/seal/sealed-secret.ts';
import { sha256 } from '../../server/hash.ts';
import { restoreOpeningKey, unwrapOpeningKey } from '../../server/vault/opening-key.ts';
import { windowKeyId } from '../../server/vault/window-key.ts';
import { systemWorld } from '../../server/world.ts';
import t from '../support/tap.ts';
import { holdCeremony, newHolder, OPENING, shareOf } from './layered.ts';

const ceremony = await holdCeremony(4, 3);
const { dealt, holders } = ceremony;
const shares = await Promise.all([1, 2, 3, 4].map((holder) => shareOf(ceremony, holder)));
const terms = { openingId: OPENING, threshold: 3, ...dealt };
const pick = (...numbers: number[]) => numbers.map((number) => shares[number - 1] as Uint8Array);

t.test('any three of four give the key, and always the same', async (t) => {
  const [key, ...others] = await Promise.all(
    [pick(1, 2, 3), pick(4, 3, 2), pick(1, 4, 2), pick(1, 2, 3, 4)].map((given) => restoreOpeningKey(given, terms)),
  );
  t.ok(key instanceof Uint8Array);
  for (const other of others) t.strictSame(other, key);
});

t.test('fewer, repeated, foreign or changed shares give nothing', async (t) => {
  t.equal(await restoreOpeningKey(pick(1, 2), terms), null, 'one short');
  t.equal(await restoreOpeningKey(pick(1, 2, 2), terms), null, 'one twice');
  const other = await holdCeremony(4, 3);
  t.equal(await restoreOpeningKey([...pick(1, 2), await shareOf(other, 3)], terms), null, 'one of another opening');
  t.equal(await restoreOpeningKey(pick(1, 2, 3), { ...terms, threshold: 2 }), null, 'fewer than were shared out for');
  const nought = shares.map((share) => share.slice());
  nought[0]?.fill(0, -1);
  t.equal(await restoreOpeningKey(nought, terms), null, 'a share at nought');
  t.equal(
    await restoreOpeningKey(
      pick(1, 2, 3).map((share) => share.subarray(1)),
      terms,
    ),
    null,
    'shorter ones',
  );
  const property = fc.asyncProperty(
    fc.nat(2),
    fc.nat(KEY_SHARE_BYTES - 1),
    fc.integer({ min: 1, max: 255 }),
    async (which, at, change) => {
      const given = pick(1, 2, 3).map((share) => share.slice());
      const changed = given[which] as Uint8Array;
      changed[at] = (changed[at] as number) ^ change;
      return (await restoreOpeningKey(given, terms)) === null;
    },
  );
  await t.resolves(fc.assert(property, { numRuns: 200 }));
});

t.test('what was dealt must be what it says', async (t) => {
  const given = pick(1, 2, 3);
  t.equal(await restoreOpeningKey(given, { ...terms, secretCommit: dealt.shares[0]?.commitment ?? '' }), null);
  t.equal(await restoreOpeningKey(given, { ...terms, openingId: 'another' }), null);
  const { certificate } = (await holdCeremony()).dealt;
  t.equal(await restoreOpeningKey(given, { ...terms, certificate }), null, 'another certificate');
  const wrappedKey = dealt.wrappedKey.slice(0, -1);
  t.equal(await restoreOpeningKey(given, { ...terms, wrappedKey }), null);
  t.equal(unwrapOpeningKey(new Uint8Array(32), { ...terms, wrappedKey: new Uint8Array(10) }), null);
});

t.test('each share is its holder’s own, and as promised', async (t) => {
  for (const [place, share] of shares.entries()) {
    const holder = place + 1;
    t.equal(share.length, KEY_SHARE_BYTES);
    t.equal(shareCommit(sha256, { openingId: OPENING, holder }, share), dealt.shares[place]?.commitment);
    t.not(shareCommit(sha256, { openingId: OPENING, holder: holder + 1 }, share), dealt.shares[place]?.commitment);
  }
  const [first, second] = holders;
  const sealed = dealt.shares[0]?.sealed ?? '';
  const purpose = { about: 'dealt_share', openingId: OPENING, holder: 1 } as const;
  t.equal(await openSecret(sealed, second?.privateKey ?? newHolder().privateKey, second?.kid ?? '', purpose), null);
  t.equal(await openSecret(sealed, second?.privateKey ?? newHolder().privateKey, first?.kid ?? '', purpose), null);
  for (const wrong of [
    { ...purpose, holder: 2 },
    { ...purpose, openingId: 'another' },
    { ...purpose, about: 'unsealing_share' as const },
    { about: 'draw_share', openingId: OPENING, round: 1 } as const,
  ])
    t.equal(await openSecret(sealed, first?.privateKey ?? newHolder().privateKey, first?.kid ?? '', wrong), null);
  t.not(secretCommit(sha256, OPENING, new Uint8Array(32)), secretCommit(sha256, 'another', new Uint8Array(32)));
});

t.test('a header that is for two things at once is for none', async (t) => {
  const sealed = dealt.shares[0]?.sealed ?? '';
  const header = readSealedSecretHeader(sealed);
  if (header === undefined) throw new Error('no header');
  t.match(header, { about: 'dealt_share', holder: 1 });
  t.notOk(isFor(header, { about: 'quote', openingId: OPENING, round: 1 }));
  const spoil = (change: object): string => {
    const [, ...rest] = sealed.split('.');
    return [Buffer.from(JSON.stringify({ ...header, ...change })).toString('base64url'), ...rest].join('.');
  };
  t.equal(readSealedSecretHeader(spoil({ round: 1 })), undefined);
  t.equal(readSealedSecretHeader(spoil({ about: 'quote' })), undefined);
  const total = fc.property(fc.string(), fc.object(), (text, change) => {
    readSealedSecretHeader(text);
    const read = readSealedSecretHeader(spoil(change));
    return read === undefined || typeof read.kid === 'string';
  });
  t.doesNotThrow(() => fc.assert(total, { numRuns: 300 }));
});

t.test('the key of a blind window is restored the same way, and only as the one that was named', async (t) => {
  const { randomBytes } = systemWorld;
  const dealing = { openingId: OPENING, holders, threshold: 3, nowAt: Date.now(), randomBytes };
  const blind = await dealWindowKey(dealing);
  const given = await Promise.all([1, 2, 4].map((holder) => shareOf({ ...ceremony, dealt: blind }, holder)));
  const about = { openingId: OPENING, threshold: 3, ...blind };
  const pkcs8 = await restoreOpeningKey(given, about);
  if (pkcs8 === null) throw new Error('the shares give no key');
  const key = createPrivateKey({ key: Buffer.from(pkcs8), format: 'der', type: 'pkcs8' });
  const { x = '', y = '' } = createPublicKey(key).export({ format: 'jwk' });
  t.equal(windowKeyId({ kty: 'EC', crv: 'P-256', x, y }), windowKeyId(blind.windowKey));
  t.equal(await restoreOpeningKey(given.slice(1), about), null, 'one short');
  t.equal(await restoreOpeningKey(given, { ...about, windowKey: newHolder().key }), null, 'another key was named');
  const { windowKey: _window, ...rest } = about;
  t.equal(await restoreOpeningKey(given, { ...rest, certificate: dealt.certificate }), null, 'the key of a layer');
});
