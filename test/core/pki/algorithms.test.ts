/** Which algorithms and keys count: the strict policy at its edges, and a laxer one that a caller must ask for. */
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import fc from 'fast-check';
import { isAllowed, readPublicKey, STRICT_ALGORITHMS } from '../../../server/core/pki/algorithms.ts';
import { verifyChain } from '../../../server/core/pki/chain.ts';
import { CertificateError } from '../../../server/core/pki/der.ts';
import { verifyCertificateSignature } from '../../../server/identity/signature.ts';
import t from '../../support/tap.ts';
import { at, authority, holder } from './authority.ts';

const SHA256_RSA = '1.2.840.113549.1.1.11';
const SHA256_ECDSA = '1.2.840.10045.4.3.2';
const SM2_SM3 = '1.2.156.10197.1.501';
const spkiOf = (key: KeyObject) => new Uint8Array(key.export({ type: 'spki', format: 'der' }));
const curve = (namedCurve: string) => spkiOf(generateKeyPairSync('ec', { namedCurve }).publicKey);
const rsa = (modulusLength: number) => spkiOf(generateKeyPairSync('rsa', { modulusLength }).publicKey);
const allowed = (oid: string, spki: Uint8Array) => isAllowed(STRICT_ALGORITHMS, { oid }, spki);

t.test('the strict policy: keys', async (t) => {
  const [short, long] = [rsa(2040), rsa(2048)];
  t.strictSame(readPublicKey(short), { kind: 'rsa', bits: 2040 });
  t.strictSame(readPublicKey(long), { kind: 'rsa', bits: 2048 });
  t.equal(allowed(SHA256_RSA, long), true);
  t.equal(allowed(SHA256_RSA, short), false);
  const most = { ...STRICT_ALGORITHMS, rsaMostBits: 2040 };
  t.equal(isAllowed(most, { oid: SHA256_RSA }, short), false);
  t.equal(isAllowed({ ...most, rsaLeastBits: 2040 }, { oid: SHA256_RSA }, short), true);
  t.equal(isAllowed({ ...most, rsaLeastBits: 2040 }, { oid: SHA256_RSA }, long), false);
  for (const name of ['prime256v1', 'secp384r1', 'secp521r1']) t.equal(allowed(SHA256_ECDSA, curve(name)), true, name);
  for (const name of ['secp256k1', 'secp224r1', 'brainpoolP256r1'])
    t.equal(allowed(SHA256_ECDSA, curve(name)), false, name);
  t.equal(allowed('1.3.101.112', spkiOf(generateKeyPairSync('ed25519').publicKey)), true);
  t.equal(allowed('1.3.101.112', spkiOf(generateKeyPairSync('ed448').publicKey)), false);
  const explicit = generateKeyPairSync('ec', { namedCurve: 'prime256v1', paramEncoding: 'explicit' }).publicKey;
  t.equal(allowed(SHA256_ECDSA, spkiOf(explicit)), false, 'a curve by its parameters has no name');
});

t.test('the strict policy: algorithms, each with its own kind of key', async (t) => {
  const [strong, p256, sm2] = [rsa(2048), curve('prime256v1'), curve('SM2')];
  for (const oid of ['1.2.840.113549.1.1.4', '1.2.840.113549.1.1.5', '1.2.840.113549.1.1.2'])
    t.equal(allowed(oid, strong), false, `${oid}: MD5, SHA-1, MD2`);
  t.equal(allowed('1.2.840.10045.4.1', p256), false, 'ECDSA with SHA-1');
  t.equal(allowed(SHA256_RSA, p256), false);
  t.equal(allowed(SHA256_ECDSA, strong), false);
  t.equal(allowed(SM2_SM3, sm2), true);
  t.equal(allowed(SM2_SM3, p256), false);
  t.equal(allowed(SHA256_ECDSA, sm2), false, 'SM2’s curve signs as SM2 and in no other way');
  t.equal(allowed(SHA256_RSA, Uint8Array.of(0x30, 0)), false);
});

t.test('in a chain: refused for what it is, not as a wrong signature', async (t) => {
  const root = await authority('Root');
  const leaf = await holder(root);
  const ask = (algorithms = STRICT_ALGORITHMS) => {
    const result = verifyChain({
      leaf: leaf.certificate,
      intermediates: [],
      anchors: [root.certificate],
      at,
      purpose: 'sign',
      revocation: 'ignored',
      algorithms,
      verifySignature: verifyCertificateSignature,
    });
    return result.ok ? 'ok' : result.reason;
  };
  t.equal(ask(), 'ok');
  t.equal(ask({ ...STRICT_ALGORITHMS, signatures: [SHA256_RSA] }), 'algorithm_refused');
  t.equal(ask({ ...STRICT_ALGORITHMS, curves: [] }), 'algorithm_refused');
});

t.test('any bytes for a key: our own error or a kind', async (t) => {
  const good = rsa(2048);
  fc.assert(
    fc.property(fc.nat(good.length - 1), fc.nat(255), (where, byte) => {
      const changed = good.slice();
      changed[where] = byte;
      try {
        readPublicKey(changed);
      } catch (error) {
        if (!(error instanceof CertificateError)) throw error;
      }
      return typeof allowed(SHA256_RSA, changed) === 'boolean';
    }),
    { numRuns: 300 },
  );
  t.pass('held');
});
