/** JWS signatures by four ways: one at a time, by a checker that remembers keys and uses other threads, by a browser's, by arithmetic alone; they must never disagree. */
import { createPrivateKey, generateKeyPairSync, sign, webcrypto } from 'node:crypto';
import { sha256, sha384, sha512 } from '@noble/hashes/sha2.js';
import { demoCreditCode, type KeyKind } from '../../server/cli/demo/ca.ts';
import { writeSm2Signature } from '../../server/core/gm/der.ts';
import type { JwsAlgorithm, SessionJwk, VerifyJwsSignature } from '../../server/core/log/act.ts';
import { utf8 } from '../../server/core/log/utf8.ts';
import { parsePem } from '../../server/core/pki/certificate.ts';
import { plainJwsVerifier } from '../../server/core/pki/plain-signature.ts';
import { createJwsVerifier, verifyJwsSignature } from '../../server/identity/signature.ts';
import { sm2PrivateKey } from '../../server/sm2.ts';
import { rememberingJwsVerifier } from '../../web/keys/verify-jws.ts';
import { testCa } from '../support/ca.ts';
import t from '../support/tap.ts';

const P1363 = { dsaEncoding: 'ieee-p1363' } as const;
const PSS = { padding: 6, saltLength: 32 } as const;
const data = utf8('header.payload');

function session(curve = 'P-256') {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: curve });
  const { x = '', y = '' } = publicKey.export({ format: 'jwk' }) as { x?: string; y?: string };
  const jwk: SessionJwk = { kty: 'EC', crv: 'P-256', x, y };
  return { key: { jwk }, signature: new Uint8Array(sign('sha256', data, { key: privateKey, ...P1363 })) };
}

async function certified(kind: KeyKind) {
  const ca = await testCa({ name: 'Signatures', at: Date.UTC(2026, 0, 1), key: kind });
  const holder = { creditCode: demoCreditCode(1), organisation: '甲', name: '甲' };
  const issued = await ca.issue({ holder, usage: 'sign', key: kind });
  const certificate = parsePem(issued.certificatePem)[0]?.der ?? new Uint8Array(0);
  const key = createPrivateKey(issued.privateKeyPem);
  if (kind === 'sm2') return { key: { certificate }, signatureOf: () => sm2PrivateKey(key)?.sign(data) ?? data };
  const signatureOf = (how: object) => new Uint8Array(sign('sha256', data, { key, ...how }));
  return { key: { certificate }, signatureOf };
}

const subtle = webcrypto.subtle as unknown as SubtleCrypto;
const plainly = plainJwsVerifier({ sha256, sha384, sha512 });

t.test('the four ways say the same of every request, asked twice and with keys long forgotten', async (t) => {
  const rsa = await certified('rsa');
  const p256 = await certified('p256');
  const sm2 = await certified('sm2');
  const one = session();
  const other = session();
  const longer = session('P-384');
  type Request = Parameters<VerifyJwsSignature>[0];
  const request = (alg: JwsAlgorithm, key: Request['key'], signature: Uint8Array, of = data): Request => ({
    alg,
    key,
    data: of,
    signature,
  });
  const cases: readonly [string, boolean, Request][] = [
    ['a session key', true, request('ES256', one.key, one.signature)],
    ['another session key', true, request('ES256', other.key, other.signature)],
    ['the signature of another', false, request('ES256', one.key, other.signature)],
    ['other data', false, request('ES256', one.key, one.signature, utf8('header.other'))],
    ['an elliptic key that should be RSA', false, request('RS256', one.key, one.signature)],
    ['a signature too short', false, request('ES256', one.key, one.signature.subarray(1))],
    ['no signature', false, request('ES256', one.key, new Uint8Array(0))],
    ['a key of another curve', false, request('ES256', longer.key, longer.signature)],
    ['a point off the curve', false, request('ES256', { jwk: { ...one.key.jwk, y: one.key.jwk.x } }, one.signature)],
    ['RSA by certificate', true, request('RS256', rsa.key, rsa.signatureOf({}))],
    ['PSS by certificate', true, request('PS256', rsa.key, rsa.signatureOf(PSS))],
    ['PSS said to be PKCS#1', false, request('RS256', rsa.key, rsa.signatureOf(PSS))],
    ['an RSA key that should be elliptic', false, request('ES256', rsa.key, rsa.signatureOf({}))],
    ['P-256 by certificate', true, request('ES256', p256.key, p256.signatureOf(P1363))],
    ['SM2 by certificate', true, request('SM2SM3', sm2.key, sm2.signatureOf({}))],
    ['SM2 of other data', false, request('SM2SM3', sm2.key, sm2.signatureOf({}), utf8('header.other'))],
    ['SM2 in DER', false, request('SM2SM3', sm2.key, writeSm2Signature(sm2.signatureOf({})))],
    ['an SM2 key said to be P-256', false, request('ES256', sm2.key, sm2.signatureOf({}))],
    ['an SM2 key said to be RSA', false, request('RS256', sm2.key, sm2.signatureOf({}))],
    ['a P-256 key said to be SM2', false, request('SM2SM3', p256.key, p256.signatureOf(P1363))],
    ['an RSA key said to be SM2', false, request('SM2SM3', rsa.key, rsa.signatureOf({}))],
    ['a session key said to be SM2', false, request('SM2SM3', one.key, one.signature)],
    ['SM2 without a certificate', false, request('SM2SM3', { certificate: utf8('none') }, one.signature)],
    ['no certificate', false, request('ES256', { certificate: utf8('none') }, one.signature)],
  ];
  for (const keysKept of [1, 2, 100]) {
    const verify = createJwsVerifier(keysKept);
    const inBrowser = rememberingJwsVerifier(subtle, keysKept);
    for (const round of [1, 2])
      for (const [name, good, asked] of cases) {
        t.equal(verifyJwsSignature(asked), good, name);
        t.equal(await verify(asked), good, `${name}, ${keysKept} keys kept, round ${round}`);
        t.equal(await inBrowser(asked), good, `${name}, by WebCrypto`);
        t.equal(await plainly(asked), good, `${name}, by arithmetic`);
      }
    const together = await Promise.all(cases.map(([, , asked]) => verify(asked)));
    t.strictSame(
      together,
      cases.map(([, good]) => good),
      'all at once',
    );
  }
});
