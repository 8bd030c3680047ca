/** Login: what a certificate must prove before a session key may act for it, one refusal after another. */
import { createHmac, sign } from 'node:crypto';
import { eq } from 'drizzle-orm';
import { basicConstraints } from '../../server/cli/demo/ca.ts';
import { fromBase64Url, toBase64, toBase64Url } from '../../server/core/log/base64.ts';
import { formatInstant } from '../../server/core/log/instant.ts';
import { fromUtf8, utf8 } from '../../server/core/log/utf8.ts';
import { parsePem } from '../../server/core/pki/certificate.ts';
import { ATTRIBUTE } from '../../server/core/pki/names.ts';
import { signByCertificate } from '../../server/core/pki/person-jws.ts';
import { sha256 } from '../../server/hash.ts';
import { changeAccount, createOfficial, findAccount } from '../../server/identity/accounts.ts';
import { thumbprintOf } from '../../server/identity/check-certificate.ts';
import { addCrl, readCrl } from '../../server/identity/crls.ts';
import { endSession, forgetChallenges, login, openChallenge, renewToken } from '../../server/identity/login.ts';
import { readToken } from '../../server/identity/tokens.ts';
import { TRUST_CACHE_MS } from '../../server/identity/trust.ts';
import { accounts, challenges } from '../../server/store/schema/identity.ts';
import { authority, crlDer, DAY_MS, signUsage } from '../core/pki/authority.ts';
import { testCa } from '../support/ca.ts';
import t from '../support/tap.ts';
import { addition, keepChange } from '../support/trust.ts';
import {
  accepted,
  accountOf,
  challengeFor,
  enterOfficials,
  logIn,
  loginFor,
  malleated,
  ORIGIN,
  organisation,
  PLATFORM,
  person,
  provenRequest,
  rawJws,
  refusalOf,
  sessionKey,
  setStage,
  signerOf,
} from './stage.ts';

const stage = await setStage(t);
const company = organisation(1);
const signer = signerOf(await stage.ca.issue({ holder: company, usage: 'sign' }));

/** A login payload as an honest client would sign it, with changes. */
async function payloadFor(changes: Record<string, unknown> = {}) {
  const session = await sessionKey();
  const challenge = await challengeFor(stage, session.jkt);
  return {
    v: 1,
    iss: company.creditCode,
    aud: PLATFORM,
    origin: ORIGIN,
    nonce: challenge.nonce,
    purpose: 'login',
    iat: Math.floor(stage.world.now() / 1000),
    session: { jwk: session.jwk, jkt: session.jkt },
    ...changes,
  };
}
const tryLogin = async (jws: string) => refusalOf(await login(stage, { login: jws }));
const signed = (payload: object, by = signer) => signByCertificate(sha256, by, 'login+jws', payload as never);

t.test('a trusted organisation is let in at its first login and gets a token bound to its session key', async (t) => {
  const session = await sessionKey();
  const challenge = await challengeFor(stage, session.jkt);
  t.equal(fromBase64Url(challenge.nonce).length, 32);
  t.equal(challenge.expiresAt - stage.world.now(), 60_000);
  const jws = await loginFor(stage, signer, { challenge, account: company.creditCode, jwk: session.jwk });
  const result = accepted(await login(stage, { login: jws }));
  t.match(result.account, { id: company.creditCode, kind: 'bidder', organisation: '第1公司' });
  const { caller } = accepted(await readToken(stage, result.accessToken, stage.world.now()));
  t.match(caller, { account: company.creditCode, jkt: session.jkt, certSha256: result.certSha256 });
  const [, claims = ''] = result.accessToken.split('.');
  t.notMatch(fromUtf8(fromBase64Url(claims)), /role|bidder/, 'no role is in the token');
});

t.test('RS256, PS256 and ES256 are taken', async (t) => {
  const issued = await stage.ca.issue({ holder: company, usage: 'sign' });
  const elliptic = await stage.ca.issue({ holder: company, usage: 'sign', key: 'p256' });
  t.equal(await tryLogin(await signed(await payloadFor(), signerOf(issued, 'RS256'))), 'ok');
  t.equal(await tryLogin(await signed(await payloadFor(), signerOf(issued, 'PS256'))), 'ok');
  t.equal(await tryLogin(await signed(await payloadFor(), signerOf(elliptic, 'ES256'))), 'ok');
  t.equal(
    await tryLogin(await signed(await payloadFor(), { ...signerOf(issued), alg: 'PS256' })),
    'login_signature_bad',
  );
  t.equal(
    await tryLogin(await signed(await payloadFor(), { ...signerOf(issued), alg: 'ES256' })),
    'login_signature_bad',
  );
});

t.test('SM2 is taken, under a CA of any kind, and never mistaken for another algorithm', async (t) => {
  const issued = await stage.ca.issue({ holder: company, usage: 'sign', key: 'sm2' });
  t.equal(await tryLogin(await signed(await payloadFor(), signerOf(issued, 'SM2SM3'))), 'ok');
  const elliptic = await stage.ca.issue({ holder: company, usage: 'sign', key: 'p256' });
  for (const [said, by] of [
    ['ES256', signerOf(issued, 'SM2SM3')],
    ['SM2SM3', signerOf(elliptic, 'ES256')],
    ['SM2SM3', signer],
  ] as const)
    t.equal(await tryLogin(await signed(await payloadFor(), { ...by, alg: said })), 'login_signature_bad', said);

  const ca = await testCa({ name: 'Stage SM2', at: stage.world.now(), key: 'sm2' });
  const alone = signerOf(await ca.issue({ holder: company, usage: 'sign' }), 'SM2SM3');
  t.equal(await tryLogin(await signed(await payloadFor(), alone)), 'certificate_not_trusted');
  const [certificate] = parsePem(ca.rootPem);
  if (certificate === undefined) throw new Error('no root');
  const fromAt = stage.world.now();
  await keepChange(stage.database.sql, addition(certificate, { label: 'SM2', purposes: ['sign'], fromAt }), fromAt);
  stage.trust.forget();
  t.equal(await tryLogin(await signed(await payloadFor(), alone)), 'ok');
});

t.test('none, a shared secret and other algorithms are refused before anything else', async (t) => {
  const x5c = [signer.certificate, ...signer.chain].map(toBase64);
  const thumbprint = { 'x5t#S256': toBase64Url(sha256(signer.certificate)) };
  for (const alg of ['none', 'HS256', 'RS512', 'EdDSA', 'RSA1_5']) {
    const header = { alg, typ: 'login+jws', x5c, ...thumbprint };
    const payload = await payloadFor();
    const input = rawJws(header, payload, Uint8Array.of(0)).split('.').slice(0, 2).join('.');
    const mac = createHmac('sha256', signer.certificate).update(input).digest();
    t.equal(await tryLogin(`${input}.${toBase64Url(mac)}`), 'login_alg_refused', alg);
  }
});

t.test('a nonce is good once, also when two answers come at the same moment', async (t) => {
  const jws = await signed(await payloadFor());
  t.equal(await tryLogin(jws), 'ok');
  t.equal(await tryLogin(jws), 'challenge_used');
  const twice = await signed(await payloadFor());
  const answers = await Promise.all(Array.from({ length: 8 }, () => tryLogin(twice)));
  t.strictSame(answers.sort(), [...Array(7).fill('challenge_used'), 'ok']);
});

t.test('a nonce that expired, was never given, or was given to another session key', async (t) => {
  const late = await signed(await payloadFor());
  stage.world.advance(60_000);
  t.equal(await tryLogin(late), 'challenge_expired');
  t.equal(await tryLogin(late), 'challenge_used', 'an expired one is burnt as well');
  const inTime = await signed(await payloadFor());
  stage.world.advance(59_999);
  t.equal(await tryLogin(inTime), 'ok');
  t.equal(
    await tryLogin(await signed(await payloadFor({ nonce: toBase64Url(new Uint8Array(32)) }))),
    'challenge_unknown',
  );
  const other = await sessionKey();
  const stolen = await payloadFor({ session: { jwk: other.jwk, jkt: other.jkt } });
  t.equal(await tryLogin(await signed(stolen)), 'challenge_of_other_session');
});

t.test('a wrong signature burns nobody’s nonce', async (t) => {
  const payload = await payloadFor();
  const good = await signed(payload);
  const bad = `${good.slice(0, -4)}AAAA`;
  t.equal(await tryLogin(bad), 'login_signature_bad');
  t.equal(await tryLogin(good), 'ok');
});

t.test('a login with its signature’s other half is the same login', async (t) => {
  const byCurve = signerOf(await stage.ca.issue({ holder: company, usage: 'sign', key: 'p256' }), 'ES256');
  const jws = await signed(await payloadFor(), byCurve);
  t.not(malleated(jws), jws);
  t.equal(await tryLogin(malleated(jws)), 'ok', 'it is as valid');
  t.equal(await tryLogin(jws), 'challenge_used', 'and lets nobody in twice');
});

t.test('a statement, an act or a receipt is no login', async (t) => {
  for (const typ of ['bid-lodgement+jws', 'bid-decryption+jws', 'act+jws', 'bid-receipt+jws', 'at+jwt', 'JWT']) {
    const jws = await signByCertificate(sha256, signer, typ, (await payloadFor()) as never);
    t.equal(await tryLogin(jws), 'login_malformed', typ);
  }
});

t.test('audience and origin', async (t) => {
  t.equal(await tryLogin(await signed(await payloadFor({ aud: 'other.test' }))), 'login_other_platform');
  t.equal(await tryLogin(await signed(await payloadFor({ origin: 'https://evil.test' }))), 'challenge_of_other_origin');
  t.equal(await tryLogin(await signed(await payloadFor({ purpose: 'stamp' }))), 'login_payload_malformed');
  const { jkt } = await sessionKey();
  t.equal(refusalOf(await openChallenge(stage, { jkt, origin: 'https://evil.test' })), 'origin_not_allowed');
  t.equal(refusalOf(await openChallenge(stage, { jkt: 'short' })), 'thumbprint_malformed');
  t.equal(accepted(await openChallenge(stage, { jkt })).challenge.origin, ORIGIN, 'a client that is no page gets ours');
});

t.test('certificates that are not trusted, not valid, or not for signing', async (t) => {
  const now = stage.world.now();
  const other = await testCa({ name: 'Stage', at: now });
  const cases: [what: string, code: string, by: ReturnType<typeof signerOf>][] = [
    [
      'another CA of the same name',
      'certificate_not_trusted',
      signerOf(await other.issue({ holder: company, usage: 'sign' })),
    ],
    [
      'expired',
      'certificate_expired',
      signerOf(await stage.ca.issue({ holder: company, usage: 'sign', notAfterAt: now - 5000 })),
    ],
    [
      'not yet valid',
      'certificate_not_yet_valid',
      signerOf(await stage.ca.issue({ holder: company, usage: 'sign', notBeforeAt: now + 5000 })),
    ],
    [
      'the encryption certificate',
      'certificate_wrong_usage',
      signerOf(await stage.ca.issue({ holder: company, usage: 'encrypt' })),
    ],
    [
      'a code with a wrong check character',
      'credit_code_invalid',
      signerOf(await stage.ca.issue({ holder: { ...company, creditCode: '91620700MADEM00010' }, usage: 'sign' })),
    ],
  ];
  for (const [what, code, by] of cases) t.equal(await tryLogin(await signed(await payloadFor(), by)), code, what);
  const noChain = { ...signer, chain: [] };
  t.equal(
    await tryLogin(await signed(await payloadFor(), noChain)),
    'certificate_not_trusted',
    'without its intermediate',
  );
});

t.test('the certificate’s account is the one that logs in', async (t) => {
  t.equal(
    await tryLogin(await signed(await payloadFor({ iss: organisation(2).creditCode }))),
    'certificate_of_other_account',
  );
  t.equal(await findAccount(stage, organisation(2).creditCode), undefined, 'and nobody else was let in');
});

t.test('a person must have been entered by the operator', async (t) => {
  const host = person(5, 'H-1');
  const by = signerOf(await stage.ca.issue({ holder: host, usage: 'sign' }));
  t.equal(await tryLogin(await signed(await payloadFor({ iss: accountOf(host) }), by)), 'account_unknown');
  const { operator } = await enterOfficials(stage, host);
  t.equal(await tryLogin(await signed(await payloadFor({ iss: accountOf(host) }), by)), 'ok');
  t.match(await findAccount(stage, accountOf(host)), { kind: 'official', createdBy: operator });
  const subject = { ...host, account: accountOf(host) };
  t.strictSame(await createOfficial(stage, { by: accountOf(host), subject, kind: 'operator' }), {
    refused: 'not_operator',
  });
  t.strictSame(await createOfficial(stage, { by: operator, subject, kind: 'operator' }), { refused: 'account_exists' });
});

t.test('an account that was shut gets no session and no new token', async (t) => {
  const subject = organisation(6);
  const member = await logIn(stage, subject);
  t.strictSame(
    await changeAccount(stage, { change: 'disable', by: accountOf(person(900, 'OP')), account: member.caller.account }),
    {
      ok: true,
    },
  );
  const by = member.signer;
  t.equal(await tryLogin(await signed(await payloadFor({ iss: subject.creditCode }), by)), 'account_disabled');
  t.equal(refusalOf(await renewToken(stage, await provenRequest(stage, member))), 'account_disabled');
});

t.test('a session key is certified once', async (t) => {
  const session = await sessionKey();
  const account = company.creditCode;
  const once = async () => {
    const challenge = await challengeFor(stage, session.jkt);
    return tryLogin(await loginFor(stage, signer, { challenge, account, jwk: session.jwk }));
  };
  t.equal(await once(), 'ok');
  t.equal(await once(), 'session_key_not_fresh');
});

t.test('renewal: the session and the certificate must still live, the token need not', async (t) => {
  const member = await logIn(stage, organisation(7));
  stage.world.advance(stage.config.accessTokenLifetimeMs + 1000);
  t.equal(refusalOf(await readToken(stage, member.accessToken, stage.world.now())), 'token_expired');
  const renewed = accepted(await renewToken(stage, await provenRequest(stage, member)));
  t.match(accepted(await readToken(stage, renewed.accessToken, stage.world.now())).caller, member.caller);
  const stranger = { ...member, session: await sessionKey() };
  t.equal(refusalOf(await renewToken(stage, await provenRequest(stage, stranger))), 'proof_of_other_key');
  t.equal(
    refusalOf(await renewToken(stage, { ...(await provenRequest(stage, member)), authorization: undefined })),
    'token_missing',
  );
  await endSession(stage, member.caller);
  t.equal(refusalOf(await renewToken(stage, await provenRequest(stage, member))), 'session_ended');

  const second = await logIn(stage, organisation(7));
  stage.world.advance(stage.config.sessionLifetimeMs);
  t.equal(refusalOf(await renewToken(stage, await provenRequest(stage, second))), 'session_ended');
});

t.test('a CA that is trusted no more lets nobody in; what it was trusted for stays so', async (t) => {
  const { world, database, trust } = stage;
  const ca = await testCa({ name: 'Ending', at: world.now() });
  const [certificate] = parsePem(ca.rootPem);
  if (certificate === undefined) throw new Error('no root');
  const { sql } = database;
  const certificateSha256 = thumbprintOf(certificate);
  const fromAt = world.now();
  const anchor = addition(certificate, { label: 'Ending', purposes: ['sign'], fromAt });
  t.equal(await keepChange(sql, anchor, fromAt), 'ok');
  t.equal(await keepChange(sql, anchor, fromAt), 'anchor_exists');
  trust.forget();
  const by = signerOf(await ca.issue({ holder: organisation(8), usage: 'sign' }));
  const sealing = signerOf(await ca.issue({ holder: organisation(8), usage: 'encrypt' }));
  const certificates = [by.certificate, ...by.chain];
  const at = world.now();
  t.equal(refusalOf(await trust.check({ certificates, purpose: 'sign', at })), 'ok');
  t.equal(
    refusalOf(await trust.check({ certificates, purpose: 'sign', at: at - 1 })),
    'certificate_not_trusted',
    'not before it began',
  );
  const wrong = { certificates: [sealing.certificate, ...sealing.chain], purpose: 'encrypt' as const, at };
  t.equal(refusalOf(await trust.check(wrong)), 'certificate_not_trusted', 'only for the purposes it has');
  world.advance(5000);
  const end = { change: 'end', certificateSha256, from: formatInstant(world.now()), reason: '到期' } as const;
  t.equal(await keepChange(sql, end, world.now()), 'ok');
  world.advance(TRUST_CACHE_MS);
  t.equal(refusalOf(await trust.check({ certificates, purpose: 'sign', at: world.now() })), 'certificate_not_trusted');
  t.equal(refusalOf(await trust.check({ certificates, purpose: 'sign', at })), 'ok');
  const [leaf] = parsePem(ca.rootPem);
  t.equal(refusalOf(await trust.check({ certificates: [utf8('junk')], purpose: 'sign', at })), 'certificate_malformed');
  t.equal(
    refusalOf(await trust.check({ certificates: leaf ? [leaf.der] : [], purpose: 'sign', at })),
    'certificate_not_trusted',
    'a root is not a person',
  );
});

t.test('a CA between that was revoked since the deadline lets in who waits for the opening of a bid', async (t) => {
  const { world, database, trust } = stage;
  const { sql } = database;
  const dates = { notBeforeAt: world.now() - DAY_MS, notAfterAt: world.now() + 10 * DAY_MS };
  const root = await authority('Revoking Root', undefined, dates);
  t.equal(await keepChange(sql, addition(root.certificate, { fromAt: world.now() }), world.now()), 'ok');
  trust.forget();
  const waiting = async (n: number) => {
    const { creditCode, organisation: name } = organisation(n);
    const subject = [
      [ATTRIBUTE.organizationIdentifier, creditCode],
      [ATTRIBUTE.organisation, name],
      [ATTRIBUTE.commonName, name],
    ] as const;
    const middle = await authority(`Revoked Middle ${n}`, root, dates);
    const leaf = await authority('Holder', middle, {
      ...dates,
      subject,
      extensions: [basicConstraints(false), signUsage],
    });
    const by = {
      alg: 'ES256' as const,
      certificate: leaf.certificate.der,
      chain: [middle.certificate.der],
      sign: async (data: Uint8Array) =>
        new Uint8Array(sign('sha256', data, { key: leaf.key, dsaEncoding: 'ieee-p1363' })),
    };
    const enter = async () => tryLogin(await signed(await payloadFor({ iss: creditCode }), by));
    t.equal(await enter(), 'ok', 'before the deadline');
    return { creditCode, middle, leaf, enter };
  };
  const [since, before, itself] = [await waiting(21), await waiting(22), await waiting(23)];
  world.advance(5_000);
  const deadlineAt = world.now();
  world.advance(10_000);
  const day = { number: 1, thisUpdateAt: world.now() - 1_000, nextUpdateAt: world.now() + DAY_MS };
  const bring = async (der: Uint8Array) => {
    accepted(await addCrl(stage, { ...accepted(readCrl(der)), addedBy: 'test' }));
    trust.forget();
  };
  const second = Math.floor(deadlineAt / 1_000) * 1_000;
  const entries = [
    { serial: since.middle.certificate.serial, revokedAt: second + 1_000 },
    { serial: before.middle.certificate.serial, revokedAt: second - 1_000 },
    { serial: itself.middle.certificate.serial, revokedAt: second + 1_000 },
  ];
  await bring(crlDer(root, { ...day, entries }));
  await bring(
    crlDer(itself.middle, { ...day, entries: [{ serial: itself.leaf.certificate.serial, revokedAt: second + 2_000 }] }),
  );
  t.equal(await since.enter(), 'certificate_revoked', 'no bid of it waits');
  await sql`INSERT INTO openings ${sql({ id: 'waiting', title: 't', phase: 'Sealed', deadline_at: deadlineAt, opening_at: deadlineAt, created_at: 0 })}`;
  for (const { creditCode } of [since, before, itself])
    await sql`INSERT INTO envelopes (id, opening_id, account, file, sha256, size_bytes, header, lodged_at, statement)
      VALUES (${creditCode}, 'waiting', ${creditCode}, ${creditCode}, ${new Uint8Array(32)}, 6, ${new Uint8Array(1)}, 1, 's')`;
  t.equal(await since.enter(), 'ok');
  t.equal(await before.enter(), 'certificate_revoked', 'revoked before the deadline');
  t.equal(await itself.enter(), 'certificate_revoked', 'whose own certificate was revoked as well');
});

t.test('the database keeps no nonce, and forgets the old ones', async (t) => {
  const payload = await payloadFor();
  const rows = JSON.stringify(await stage.db.select().from(challenges));
  t.notMatch(rows, new RegExp(payload.nonce));
  stage.world.advance(3_600_000 + 60_001);
  t.ok((await forgetChallenges(stage)) > 0);
  t.strictSame(await stage.db.select().from(challenges), []);
});

t.test('the account bears the name the CA vouches for today', async (t) => {
  const before = organisation(9);
  await logIn(stage, before);
  await logIn(stage, { ...before, organisation: '更名公司', name: '更名公司' });
  const [row] = await stage.db.select().from(accounts).where(eq(accounts.id, before.creditCode));
  t.match(row, { organisation: '更名公司', name: '更名公司', kind: 'bidder' });
});
