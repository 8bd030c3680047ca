/** Signatures checked by plain arithmetic: the verdict of OpenSSL on every kind of key, padding and change of a byte. */
import { constants, createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { sha256, sha384, sha512 } from '@noble/hashes/sha2.js';
import fc from 'fast-check';
import type { Algorithm } from '../../../server/core/pki/certificate.ts';
import { plainCertificateVerifier } from '../../../server/core/pki/plain-signature.ts';
import { verifyCertificateSignature } from '../../../server/identity/signature.ts';
import t from '../../support/tap.ts';

const HASHES = { sha256, sha384, sha512 };
const plain = plainCertificateVerifier(HASHES);
const data = new TextEncoder().encode('to be signed');

const spkiOf = (key: KeyObject): Uint8Array =>
  new Uint8Array(createPublicKey(key).export({ type: 'spki', format: 'der' }));
const oid = (text: string): Algorithm => ({ oid: text });

/** RSASSA-PSS parameters (RFC 4055) of one hash and a salt as long. */
function pss(hash: keyof typeof HASHES, salt: number): Algorithm {
  const name = { sha256: '01', sha384: '02', sha512: '03' }[hash];
  const hashAlgorithm = `300d06096086480165030402${name}0500`;
  const mask = `301a06092a864886f70d010108${hashAlgorithm}`;
  const inner = `a00f${hashAlgorithm}a11c${mask}a2030201${salt.toString(16).padStart(2, '0')}`;
  const hex = `30${(inner.length / 2).toString(16)}${inner}`;
  return { oid: '1.2.840.113549.1.1.10', parameters: new Uint8Array(Buffer.from(hex, 'hex')) };
}

type Case = { readonly algorithm: Algorithm; readonly key: KeyObject; readonly signature: Uint8Array };

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
// 8n + 1 bits: the encoding of PSS is a byte shorter than the modulus
const odd = generateKeyPairSync('rsa', { modulusLength: 2049 }).privateKey;
const short = generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey;
const ec = (namedCurve: string) => generateKeyPairSync('ec', { namedCurve }).privateKey;
const curves = ['P-256', 'P-384', 'P-521', 'secp256k1'].map(ec);

const cases: Case[] = [];
for (const key of [rsa, odd, short])
  for (const [n, hash] of (['sha256', 'sha384', 'sha512'] as const).entries()) {
    cases.push({
      algorithm: oid(`1.2.840.113549.1.1.${11 + n}`),
      key,
      signature: new Uint8Array(sign(hash, data, key)),
    });
    if (key === short) continue;
    const saltLength = [32, 48, 64][n] as number;
    const padding = constants.RSA_PKCS1_PSS_PADDING;
    cases.push({
      algorithm: pss(hash, saltLength),
      key,
      signature: new Uint8Array(sign(hash, data, { key, padding, saltLength })),
    });
    cases.push({
      algorithm: pss(hash, saltLength),
      key,
      signature: new Uint8Array(sign(hash, data, { key, padding, saltLength: 20 })),
    });
  }
for (const key of curves)
  for (const [n, hash] of (['sha256', 'sha384', 'sha512'] as const).entries())
    cases.push({ algorithm: oid(`1.2.840.10045.4.3.${2 + n}`), key, signature: new Uint8Array(sign(hash, data, key)) });

t.test('every kind of signature is good or bad as OpenSSL says, and both occur', async (t) => {
  const verdicts = cases.map(({ algorithm, key, signature }) => {
    const signed = { algorithm, spki: spkiOf(key), data, signature };
    const verdict = plain(signed);
    t.equal(verdict, verifyCertificateSignature(signed), `${algorithm.oid} ${key.asymmetricKeyType}`);
    return verdict;
  });
  t.equal(verdicts.filter(Boolean).length, 6 * 2 + 9, 'RSA of 2048 and 2049 bits, three curves');
});

t.test('an RSA key whose parameters are not NULL counts nowhere (RFC 3279 §2.3.1)', async (t) => {
  const [{ algorithm, key, signature } = cases[0] as Case] = cases;
  const spki = spkiOf(key);
  const at = Buffer.from(spki).indexOf(Buffer.from('010101' + '0500', 'hex')) + 3;
  t.equal(spki[at], 0x05);
  for (const tag of [0x01, 0x02, 0x04, 0x06, 0x0c, 0x30, 0xa0]) {
    const changed = Uint8Array.from(spki);
    changed[at] = tag;
    const signed = { algorithm, spki: changed, data, signature };
    t.equal(plain(signed), false, `tag ${tag}`);
    t.equal(verifyCertificateSignature(signed), false, `tag ${tag}`);
  }
});

t.test('no changed byte of signature, key or data is taken otherwise than by OpenSSL', async (t) => {
  fc.assert(
    fc.property(
      fc.constantFrom(...cases),
      fc.constantFrom('signature', 'spki', 'data'),
      fc.nat(),
      fc.integer({ min: 1, max: 255 }),
      ({ algorithm, key, signature }, part, at, by) => {
        const signed = { algorithm, spki: spkiOf(key), data, signature };
        const changed = Uint8Array.from(signed[part]);
        changed[at % changed.length] = (changed[at % changed.length] as number) ^ by;
        const one = { ...signed, [part]: changed };
        return plain(one) === verifyCertificateSignature(one);
      },
    ),
    { numRuns: 300 },
  );
  t.pass('300 changes');
});
