/** Requests: access tokens and DPoP proofs, each bound to the key, the request, the token and the moment. */
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { decodeJwt, SignJWT } from 'jose';
import { toBase64Url } from '../../server/core/log/base64.ts';
import { utf8 } from '../../server/core/log/utf8.ts';
import { forgetProofs } from '../../server/identity/dpop.ts';
import { authenticate, issueToken, readToken } from '../../server/identity/tokens.ts';
import { dpopSeen } from '../../server/store/schema/identity.ts';
import t from '../support/tap.ts';
import {
  accepted,
  logIn,
  ORIGIN,
  organisation,
  PLATFORM,
  provenRequest,
  rawJws,
  refusalOf,
  sessionKey,
  setStage,
} from './stage.ts';

const stage = await setStage(t);
const member = await logIn(stage, organisation(1));
const answer = async (request: Parameters<typeof authenticate>[1]) => refusalOf(await authenticate(stage, request));
const nowSeconds = () => Math.floor(stage.world.now() / 1000);

t.test('token and proof together say who asks', async (t) => {
  const { caller } = accepted(await authenticate(stage, await provenRequest(stage, member)));
  t.strictSame(caller, member.caller);
});

t.test('no token, another scheme, a broken one', async (t) => {
  const request = await provenRequest(stage, member);
  t.equal(await answer({ ...request, authorization: undefined }), 'token_missing');
  t.equal(await answer({ ...request, authorization: `Bearer ${member.accessToken}` }), 'token_missing');
  t.equal(await answer({ ...request, authorization: 'DPoP a b' }), 'token_missing');
  t.equal(await answer({ ...request, authorization: 'DPoP abc' }), 'token_invalid');
  t.equal(await answer({ ...request, authorization: `DPoP ${member.accessToken.slice(0, -4)}AAAA` }), 'token_invalid');
  t.equal(await answer({ ...request, authorization: `DPoP ${'a'.repeat(5000)}` }), 'token_invalid');
});

t.test('a token lives for minutes, to the second', async (t) => {
  const now = Math.ceil(stage.world.now() / 1000) * 1000;
  stage.world.advance(now - stage.world.now());
  const { accessToken, expiresAt } = await issueToken(stage, member.caller, now + 86_400_000);
  t.equal(expiresAt, now + stage.config.accessTokenLifetimeMs);
  t.equal(refusalOf(await readToken(stage, accessToken, expiresAt - 1)), 'ok');
  t.equal(refusalOf(await readToken(stage, accessToken, expiresAt)), 'token_expired');
  const short = await issueToken(stage, member.caller, now + 5000);
  t.equal(short.expiresAt, now + 5000, 'never beyond the session');
});

t.test('tokens of another key, type, platform or algorithm are none', async (t) => {
  const { accessToken } = member;
  const claims = decodeJwt(accessToken);
  const forge = (changes: { typ?: string; claims?: object; key?: KeyObject }) =>
    new SignJWT({ ...claims, exp: nowSeconds() + 600, ...changes.claims })
      .setProtectedHeader({ alg: 'EdDSA', typ: changes.typ ?? 'at+jwt' })
      .sign(changes.key ?? stage.tokenPrivateKey);
  const read = async (token: string) => refusalOf(await readToken(stage, token, stage.world.now()));
  t.equal(await read(await forge({})), 'ok');
  t.equal(await read(await forge({ key: generateKeyPairSync('ed25519').privateKey })), 'token_invalid');
  t.equal(await read(await forge({ typ: 'bid-receipt+jws' })), 'token_invalid', 'a receipt is no token');
  t.equal(await read(await forge({ claims: { aud: 'other.test' } })), 'token_invalid');
  t.equal(await read(await forge({ claims: { iss: 'other.test' } })), 'token_invalid');
  t.equal(await read(await forge({ claims: { cnf: {} } })), 'token_invalid');
  t.equal(await read(await forge({ claims: { sub: undefined } })), 'token_invalid');
  const secret = toBase64Url(new Uint8Array(stage.tokenKey.publicKey.export({ type: 'spki', format: 'der' })));
  const hs = await new SignJWT(claims).setProtectedHeader({ alg: 'HS256', typ: 'at+jwt' }).sign(utf8(secret));
  t.equal(await read(hs), 'token_invalid', 'the public key is no shared secret');
  t.equal(await read(rawJws({ alg: 'none', typ: 'at+jwt' }, claims, new Uint8Array(1))), 'token_invalid');
});

t.test('a proof is good for one request', async (t) => {
  const request = await provenRequest(stage, member);
  t.equal(await answer(request), 'ok');
  t.equal(await answer(request), 'proof_replayed');
  const raced = await provenRequest(stage, member);
  const answers = await Promise.all(Array.from({ length: 6 }, () => answer(raced)));
  t.strictSame(answers.sort(), ['ok', ...Array(5).fill('proof_replayed')]);
});

t.test('method, address and token must be the ones of the proof', async (t) => {
  t.equal(await answer(await provenRequest(stage, member, { method: 'GET' })), 'proof_of_other_request');
  t.equal(await answer(await provenRequest(stage, member, { method: 'post' })), 'proof_of_other_request');
  t.equal(await answer(await provenRequest(stage, member, { url: `${ORIGIN}/auth/renew` })), 'proof_of_other_request');
  t.equal(
    await answer(await provenRequest(stage, member, { url: 'https://evil.test/auth/ticket' })),
    'proof_of_other_request',
  );
  t.equal(await answer(await provenRequest(stage, member, { url: 'nonsense' })), 'proof_of_other_request');
  const withQuery = await provenRequest(stage, member);
  t.equal(await answer({ ...withQuery, url: `${withQuery.url}?after=3#x` }), 'ok', 'query and fragment do not count');
  const other = await issueToken(stage, member.caller, stage.world.now() + 60_000);
  const ath = await provenRequest(stage, member, { accessToken: other.accessToken });
  t.equal(await answer({ ...ath, authorization: `DPoP ${member.accessToken}` }), 'proof_of_other_token');
});

t.test('another session’s key proves nothing for this token', async (t) => {
  const thief = { ...member, session: await sessionKey() };
  t.equal(await answer(await provenRequest(stage, thief)), 'proof_of_other_key');
});

t.test('the time of a proof, to the second', async (t) => {
  const limit = stage.config.proofAgeLimitMs / 1000;
  const at = async (iatSeconds: number) => answer(await provenRequest(stage, member, { iatSeconds }));
  t.equal(await at(nowSeconds() - limit), 'ok');
  t.equal(await at(nowSeconds() - limit - 1), 'proof_out_of_time');
  t.equal(await at(nowSeconds() + limit), 'ok');
  t.equal(await at(nowSeconds() + limit + 1), 'proof_out_of_time');
});

t.test('what is no proof', async (t) => {
  const request = await provenRequest(stage, member);
  t.equal(await answer({ ...request, proof: undefined }), 'proof_missing');
  t.equal(await answer({ ...request, proof: '' }), 'proof_missing');
  const [header = '', payload = '', signature = ''] = (request.proof ?? '').split('.');
  const { jwk } = member.session;
  const table: [what: string, proof: string][] = [
    ['junk', 'junk'],
    ['two parts', `${header}.${payload}`],
    ['a changed signature', `${header}.${payload}.${signature.slice(0, -4)}AAAA`],
    ['too long', `${header}.${payload}.${'A'.repeat(5000)}`],
    ['no key', rawJws({ alg: 'ES256', typ: 'dpop+jwt' }, {}, new Uint8Array(64))],
    ['alg none', rawJws({ alg: 'none', typ: 'dpop+jwt', jwk }, {}, new Uint8Array(64))],
    [
      'a shared secret',
      rawJws({ alg: 'HS256', typ: 'dpop+jwt', jwk: { kty: 'oct', k: 'AAAA' } }, {}, new Uint8Array(32)),
    ],
    [
      'a point off the curve',
      rawJws({ alg: 'ES256', typ: 'dpop+jwt', jwk: { ...jwk, x: jwk.y } }, {}, new Uint8Array(64)),
    ],
    ['a private key', rawJws({ alg: 'ES256', typ: 'dpop+jwt', jwk: { ...jwk, d: jwk.x } }, {}, new Uint8Array(64))],
  ];
  for (const [what, proof] of table) t.equal(await answer({ ...request, proof }), 'proof_malformed', what);
  t.equal(
    await answer(await provenRequest(stage, member, { jti: 'short' })),
    'proof_malformed',
    'an id that repeats too easily',
  );
  t.equal(await answer(request), 'ok', 'and none of them used up the real one');
});

t.test('proofs are forgotten only when they are too old anyway', async (t) => {
  const early = await provenRequest(stage, member, { iatSeconds: nowSeconds() + 60 });
  t.equal(await answer(early), 'ok');
  stage.world.advance(120_000);
  await forgetProofs(stage);
  t.equal(await answer(early), 'proof_replayed');
  stage.world.advance(1_001);
  t.ok((await forgetProofs(stage)) > 0);
  t.equal(await answer(early), 'proof_out_of_time');
  t.strictSame(await stage.db.select().from(dpopSeen), []);
});

t.test('the audience of a token is the platform', async (t) => {
  t.match(decodeJwt(member.accessToken), { iss: PLATFORM, aud: PLATFORM, cnf: { jkt: member.session.jkt } });
});
