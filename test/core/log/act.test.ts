/** Signed acts: who really signed, over what, for which platform, opening and command — and every way to pretend. */
import fc from 'fast-check';
import {
  ACT_REASONS,
  type ActReason,
  bodySha256,
  checkAct,
  checkLogin,
  type JwsAlgorithm,
  type PersonAct,
  readPersonAct,
  sessionThumbprint,
} from '../../../server/core/log/act.ts';
import { toBase64, toBase64Url } from '../../../server/core/log/base64.ts';
import type { Json, JsonObject } from '../../../server/core/log/canonical.ts';
import { utf8 } from '../../../server/core/log/utf8.ts';
import { caKey, compactJws, sessionKey, sha256, verifyJws } from '../../support/log-fixtures.ts';
import t from '../../support/tap.ts';

const PLATFORM = 'kaibiao.example';
const ACCOUNT = '91110000600037341L/110101199003070011';
const ROOT = toBase64(sha256(utf8('a root')));
const expected = { platform: PLATFORM, openingId: 'op-1', command: 'c-1', types: ['CheckIn'] };
const data: Json = { device: '笔记本', offsetMs: -12 };

const keys: Record<JwsAlgorithm, ReturnType<typeof caKey>> = {
  ES256: caKey('ES256'),
  RS256: caKey('RS256'),
  PS256: caKey('PS256'),
  SM2SM3: caKey('SM2SM3'),
};
const session = sessionKey();
const jkt = sessionThumbprint(sha256, session.jwk);
const thumbprint = (certificate: Uint8Array): string => toBase64Url(sha256(certificate));

const certHeader = (alg: JwsAlgorithm, typ: string): JsonObject => ({
  alg,
  typ,
  x5c: [toBase64(keys[alg].certificate), toBase64(utf8('an issuer'))],
  'x5t#S256': thumbprint(keys[alg].certificate),
});
const loginPayload: JsonObject = {
  v: 1,
  iss: ACCOUNT,
  aud: PLATFORM,
  origin: 'https://kaibiao.example',
  nonce: 'n-1',
  purpose: 'login',
  iat: 1_772_672_400,
  session: { jwk: session.jwk, jkt },
};
const actPayload: JsonObject = {
  v: 1,
  iss: ACCOUNT,
  aud: PLATFORM,
  openingId: 'op-1',
  command: 'c-1',
  type: 'CheckIn',
  bodySha256: bodySha256(sha256, data),
  headSeen: { size: 4, root: ROOT },
  iat: 1_772_672_460,
};
const loginOf = (
  payload: JsonObject = loginPayload,
  header = certHeader('RS256', 'login+jws'),
  key = keys.RS256,
): string => compactJws(header, payload, key.sign);
const sessionActOf = (
  payload: JsonObject = actPayload,
  header: JsonObject = { alg: 'ES256', typ: 'act+jws' },
): string => compactJws(header, payload, session.sign);
const certActOf = (payload: JsonObject, typ = 'act+jws', alg: JwsAlgorithm = 'RS256'): string =>
  compactJws(certHeader(alg, typ), payload, keys[alg].sign);

const good: PersonAct = { act: sessionActOf(), login: loginOf(), data };
const check = (person: PersonAct, what = expected) => checkAct(person, what, verifyJws, sha256);

t.test('an act by the session key that a login certifies', async (t) => {
  t.strictSame(await check(good), {
    ok: true,
    signedBy: 'session',
    type: 'CheckIn',
    account: ACCOUNT,
    certSha256: thumbprint(keys.RS256.certificate),
    certificates: [keys.RS256.certificate, utf8('an issuer')],
    headSeen: { size: 4, root: ROOT },
    iat: 1_772_672_460,
    loginIat: 1_772_672_400,
    payload: actPayload,
  });
  const withKid = sessionActOf(actPayload, { alg: 'ES256', typ: 'act+jws', kid: jkt });
  t.match(await check({ ...good, act: withKid }), { ok: true });
});

t.test('an act by the certificate itself, in every allowed algorithm', async (t) => {
  for (const alg of ['ES256', 'RS256', 'PS256', 'SM2SM3'] as const) {
    const act = certActOf(actPayload, 'act+jws', alg);
    const checked = await check({ act, data });
    t.match(checked, { ok: true, signedBy: 'certificate', account: ACCOUNT, loginIat: null });
    t.match(checked, { certSha256: thumbprint(keys[alg].certificate) });
    for (const other of ['ES256', 'RS256', 'SM2SM3'] as const) {
      if (alg === other || (alg === 'PS256' && other === 'RS256')) continue;
      const header = { ...certHeader(alg, 'act+jws'), alg: other };
      const said = compactJws(header, actPayload, keys[alg].sign);
      t.strictSame(await check({ act: said, data }), { ok: false, reason: 'act_signature_bad' }, `${alg} as ${other}`);
    }
  }
});

const statement: JsonObject = {
  v: 1,
  iss: '91110000600037341L',
  aud: PLATFORM,
  openingId: 'op-1',
  lotId: 'lot-1',
  bidId: 'b-1',
  iat: 5,
  jti: 'j',
};

t.test('a session key never signs SM2, nor is its signature asked about', async (t) => {
  const act = sessionActOf(actPayload, { alg: 'SM2SM3', typ: 'act+jws' });
  t.strictSame(await check({ ...good, act }), { ok: false, reason: 'act_alg_refused' });
});

t.test('a statement is the act of lodging or decrypting', async (t) => {
  for (const [typ, type] of [
    ['bid-lodgement+jws', 'LodgeBid'],
    ['bid-decryption+jws', 'DecryptBid'],
  ] as const) {
    const act = certActOf(statement, typ, 'PS256');
    const checked = await check({ act }, { ...expected, types: [type] });
    t.match(checked, {
      ok: true,
      type,
      signedBy: 'certificate',
      account: '91110000600037341L',
      headSeen: null,
      iat: 5,
    });
    t.strictSame(checked.ok && checked.payload, statement);
    t.strictSame(await check({ act }), { ok: false, reason: 'act_other_type' });
    t.strictSame(await check({ act, data: {} }, { ...expected, types: [type] }), {
      ok: false,
      reason: 'act_data_unexpected',
    });
    t.strictSame(await check({ act, login: loginOf() }, { ...expected, types: [type] }), {
      ok: false,
      reason: 'login_unexpected',
    });
    const seen = { ...statement, headSeen: { size: 4, root: ROOT } };
    t.match(await check({ act: certActOf(seen, typ) }, { ...expected, types: [type] }), { headSeen: { size: 4 } });
    const illSeen = certActOf({ ...statement, headSeen: { size: 4 } }, typ);
    t.strictSame(await check({ act: illSeen }, { ...expected, types: [type] }), {
      ok: false,
      reason: 'act_payload_malformed',
    });
    const elsewhere = certActOf({ ...statement, openingId: 'op-2' }, typ);
    t.strictSame(await check({ act: elsewhere }, { ...expected, types: [type] }), {
      ok: false,
      reason: 'act_other_opening',
    });
    const plain = certActOf({ ...actPayload, type });
    t.strictSame(await check({ act: plain, data }, { ...expected, types: [type] }), {
      ok: false,
      reason: 'act_statement_needed',
    });
    const bySession = compactJws({ alg: 'ES256', typ }, statement, session.sign);
    t.strictSame(await check({ act: bySession, login: loginOf() }, { ...expected, types: [type] }), {
      ok: false,
      reason: 'act_header_refused',
    });
  }
});

t.test('an act given for something else is refused, whoever signed it', async (t) => {
  const cases: [JsonObject, ActReason][] = [
    [{ aud: 'other.example' }, 'act_other_platform'],
    [{ aud: [PLATFORM] }, 'act_other_platform'],
    [{ openingId: 'op-2' }, 'act_other_opening'],
    [{ command: 'c-2' }, 'act_other_command'],
    [{ type: 'CloseOpening' }, 'act_other_type'],
    [{ bodySha256: bodySha256(sha256, {}) }, 'act_data_differs'],
    [{ iss: 'someone' }, 'login_other_account'],
  ];
  for (const [change, reason] of cases) {
    const payload = { ...actPayload, ...change };
    t.strictSame(await check({ ...good, act: sessionActOf(payload) }), { ok: false, reason }, reason);
    if (reason === 'login_other_account') continue;
    t.strictSame(await check({ act: certActOf(payload), data }), { ok: false, reason }, reason);
  }
  for (const change of [{ platform: 'x' }, { openingId: 'x' }, { command: 'x' }, { types: [] }])
    t.match(await check(good, { ...expected, ...change }), { ok: false });
});

t.test('the data must be what was signed, in any order of its members', async (t) => {
  t.match(await check({ ...good, data: { offsetMs: -12, device: '笔记本' } }), { ok: true });
  for (const other of [{ ...(data as JsonObject), offsetMs: -11 }, {}, null, 'x', [data], { device: 'e\u0301' }])
    t.strictSame(await check({ ...good, data: other }), { ok: false, reason: 'act_data_differs' });
  const { data: _, ...without } = good;
  t.strictSame(await check(without), { ok: false, reason: 'act_data_missing' });
});

t.test('algorithms: only those of the list, and a session only ES256', async (t) => {
  const hmac = (): Uint8Array => new Uint8Array(32);
  for (const alg of ['none', 'HS256', 'RS1', 'ES384', 'EdDSA', 'es256', '', null, 1]) {
    const act = compactJws({ alg, typ: 'act+jws' }, actPayload, hmac);
    t.strictSame(await check({ ...good, act }), { ok: false, reason: 'act_alg_refused' }, String(alg));
    const byCert = compactJws({ ...certHeader('RS256', 'act+jws'), alg }, actPayload, hmac);
    t.strictSame(await check({ act: byCert, data }), { ok: false, reason: 'act_alg_refused' }, String(alg));
    const login = loginOf(loginPayload, { ...certHeader('RS256', 'login+jws'), alg });
    t.strictSame(await check({ ...good, login }), { ok: false, reason: 'login_alg_refused' }, String(alg));
  }
  const rsaSession = compactJws({ alg: 'RS256', typ: 'act+jws' }, actPayload, keys.RS256.sign);
  t.strictSame(await check({ ...good, act: rsaSession }), { ok: false, reason: 'act_alg_refused' });
  const confused = compactJws({ ...certHeader('RS256', 'act+jws'), alg: 'ES256' }, actPayload, session.sign);
  t.strictSame(
    await check({ act: confused, data }),
    { ok: false, reason: 'act_signature_bad' },
    'ES256 under an RSA certificate',
  );
});

t.test('typ: an act is nothing else, and a login is no act', async (t) => {
  for (const typ of ['JWT', 'act+jwt', 'login+jws', 'at+jwt', '', null, 'toString'])
    t.strictSame(await check({ ...good, act: sessionActOf(actPayload, { alg: 'ES256', typ }) }), {
      ok: false,
      reason: 'act_typ_unknown',
    });
  t.strictSame(await check({ ...good, act: sessionActOf(actPayload, { alg: 'ES256' }) }), {
    ok: false,
    reason: 'act_typ_unknown',
  });
  const act = certActOf(loginPayload, 'act+jws');
  t.strictSame(await check({ act, data }), { ok: false, reason: 'act_payload_malformed' }, 'a login signed as an act');
  t.strictSame(await check({ ...good, login: certActOf(actPayload) }), { ok: false, reason: 'login_malformed' });
});

t.test('headers hold nothing unexpected', async (t) => {
  for (const more of [
    { crit: ['b64'], b64: false },
    { jwk: session.jwk },
    { jku: 'https://x' },
    { kid: 'another' },
    { zip: 'DEF' },
    { x5u: 'x' },
  ])
    t.strictSame(await check({ ...good, act: sessionActOf(actPayload, { alg: 'ES256', typ: 'act+jws', ...more }) }), {
      ok: false,
      reason: 'act_header_refused',
    });
  const crit = compactJws({ ...certHeader('RS256', 'act+jws'), crit: ['exp'] }, actPayload, keys.RS256.sign);
  t.strictSame(await check({ act: crit, data }), { ok: false, reason: 'act_header_refused' });
  const login = loginOf(loginPayload, { ...certHeader('RS256', 'login+jws'), crit: ['exp'] });
  t.strictSame(await check({ ...good, login }), { ok: false, reason: 'login_malformed' });
});

t.test('certificates: there, readable, and the one the thumbprint names', async (t) => {
  const header = certHeader('RS256', 'act+jws');
  const changes: JsonObject[] = [
    { x5c: [] },
    { x5c: 'abc' },
    { x5c: [''] },
    { x5c: [1] },
    { x5c: ['not base64!'] },
    { x5c: Array.from({ length: 9 }, () => toBase64(keys.RS256.certificate)) },
    { x5c: [toBase64(keys.PS256.certificate)] },
    { 'x5t#S256': thumbprint(utf8('other')) },
    { 'x5t#S256': null },
  ];
  for (const change of changes) {
    const act = compactJws({ ...header, ...change }, actPayload, keys.RS256.sign);
    t.strictSame(await check({ act, data }), { ok: false, reason: 'act_certificate_malformed' });
    const login = loginOf(loginPayload, { ...certHeader('RS256', 'login+jws'), ...change });
    t.strictSame(await check({ ...good, login }), { ok: false, reason: 'login_certificate_malformed' });
  }
  const { 'x5t#S256': _, ...without } = header;
  const act = compactJws(without, actPayload, keys.RS256.sign);
  t.strictSame(await check({ act, data }), { ok: false, reason: 'act_header_refused' });
});

t.test('payloads say all they must and no more', async (t) => {
  for (const member of ['v', 'iss', 'bodySha256', 'headSeen', 'iat', 'type', 'command']) {
    const { [member]: _, ...rest } = actPayload;
    t.strictSame(
      await check({ ...good, act: sessionActOf(rest) }),
      { ok: false, reason: 'act_payload_malformed' },
      member,
    );
  }
  for (const change of [
    { v: 2 },
    { v: '1' },
    { iss: '' },
    { iss: 7 },
    { iat: 1.5 },
    { iat: '5' },
    { iat: -1 },
    { bodySha256: 'short' },
    { headSeen: null },
    { headSeen: { size: -1, root: ROOT } },
    { headSeen: { size: 1, root: 'x' } },
    { headSeen: { size: 1, root: ROOT, more: 1 } },
    { type: 5 },
    { more: true },
  ] as JsonObject[])
    t.strictSame(
      await check({ ...good, act: sessionActOf({ ...actPayload, ...change }) }),
      { ok: false, reason: 'act_payload_malformed' },
      JSON.stringify(change),
    );
  t.match(await check({ ...good, act: sessionActOf({ ...actPayload, jti: 'x' }) }), { ok: true });
});

t.test('logins say all they must and no more', async (t) => {
  for (const change of [
    { v: 2 },
    { iss: '' },
    { origin: null },
    { nonce: '' },
    { purpose: 'step-up' },
    { iat: 'now' },
    { session: null },
    { session: { jwk: session.jwk } },
    { session: { jwk: session.jwk, jkt, more: 1 } },
    { more: 1 },
  ] as JsonObject[])
    t.strictSame(
      await check({ ...good, login: loginOf({ ...loginPayload, ...change }) }),
      { ok: false, reason: 'login_payload_malformed' },
      JSON.stringify(change),
    );
  t.strictSame(await check({ ...good, login: loginOf({ ...loginPayload, aud: 'x' }) }), {
    ok: false,
    reason: 'login_other_platform',
  });
  t.match(await check({ ...good, login: loginOf({ ...loginPayload, exp: 9, jti: 'x' }) }), { ok: true });
  const { login: _, ...without } = good;
  t.strictSame(await check(without), { ok: false, reason: 'login_missing' });
  t.strictSame(await check({ act: certActOf(actPayload), login: loginOf(), data }), {
    ok: false,
    reason: 'login_unexpected',
  });
  t.match(await checkLogin(loginOf(), { platform: PLATFORM }, verifyJws, sha256), {
    ok: true,
    jkt,
    nonce: 'n-1',
    account: ACCOUNT,
  });
});

t.test('session keys: a P-256 public key under its own thumbprint', async (t) => {
  const withKey = (jwk: unknown, print: string = jkt): PersonAct => ({
    ...good,
    login: loginOf({ ...loginPayload, session: { jwk: jwk as Json, jkt: print } }),
  });
  for (const jwk of [
    null,
    {},
    { ...session.jwk, crv: 'P-384' },
    { ...session.jwk, kty: 'RSA' },
    { ...session.jwk, x: 'short' },
    { ...session.jwk, x: `${session.jwk.x}=` },
    { ...session.jwk, d: session.jwk.x },
    { ...session.jwk, ext: true },
  ])
    t.strictSame(await check(withKey(jwk)), { ok: false, reason: 'session_key_malformed' });
  const other = sessionKey();
  t.strictSame(await check(withKey(other.jwk)), { ok: false, reason: 'session_thumbprint_differs' });
  const otherPrint = sessionThumbprint(sha256, other.jwk);
  t.strictSame(
    await check(withKey(other.jwk, otherPrint)),
    { ok: false, reason: 'act_signature_bad' },
    'certified another key',
  );
});

t.test('the thumbprint is that of RFC 7638', async (t) => {
  const jwk = { kty: 'EC', crv: 'P-256', x: session.jwk.x, y: session.jwk.y } as const;
  const text = `{"crv":"P-256","kty":"EC","x":"${jwk.x}","y":"${jwk.y}"}`;
  t.equal(sessionThumbprint(sha256, jwk), Buffer.from(sha256(utf8(text))).toString('base64url'));
});

t.test('signatures by another key are refused', async (t) => {
  const thief = sessionKey();
  const forged = compactJws({ alg: 'ES256', typ: 'act+jws' }, actPayload, thief.sign);
  t.strictSame(await check({ ...good, act: forged }), { ok: false, reason: 'act_signature_bad' });
  const forgedLogin = loginOf(loginPayload, certHeader('RS256', 'login+jws'), keys.PS256);
  t.strictSame(await check({ ...good, login: forgedLogin }), { ok: false, reason: 'login_signature_bad' });
  const forgedCert = compactJws(certHeader('RS256', 'act+jws'), actPayload, keys.PS256.sign);
  t.strictSame(await check({ act: forgedCert, data }), { ok: false, reason: 'act_signature_bad' });
  const derSignature = sessionActOf().replace(/\.[^.]+$/, `.${toBase64Url(new Uint8Array(71))}`);
  t.strictSame(await check({ ...good, act: derSignature }), { ok: false, reason: 'act_signature_bad' }, 'not 64 bytes');
  const truthy = await checkAct(good, expected, () => 1 as unknown as boolean, sha256);
  t.strictSame(truthy, { ok: false, reason: 'login_signature_bad' }, 'only true is true');
});

t.test('text that is no compact JWS, or JSON that two readers could read differently', async (t) => {
  const [header, payload, signature] = good.act.split('.') as [string, string, string];
  const part = (text: string): string => toBase64Url(utf8(text));
  const text = JSON.stringify(actPayload);
  for (const bad of [
    '',
    '.',
    '..',
    `${header}.${payload}`,
    `${header}.${payload}.`,
    `${header}.${payload}.${signature}.x`,
    `${header}..${signature}`,
    `${header}.${payload}.${signature}=`,
    ` ${good.act}`,
    `${header}.${part(`${text} `)}.${signature}`,
    `${header}.${part(text.replace('{', '{"openingId":"op-2",'))}.${signature}`,
    `${header}.${part('[]')}.${signature}`,
    `${header}.${part('null')}.${signature}`,
    `${header}.${part('{')}.${signature}`,
    `${part('{"alg":"ES256","typ":"act+jws","typ":"act+jws"}')}.${payload}.${signature}`,
    'x'.repeat(65 * 1024),
  ])
    t.strictSame(await check({ ...good, act: bad }), { ok: false, reason: 'act_malformed' });
  t.strictSame(await check({ ...good, login: 'x' }), { ok: false, reason: 'login_malformed' });
});

t.test('every changed character of act and login is refused', async (t) => {
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom('act' as const, 'login' as const),
      fc.nat(),
      fc.constantFrom(...'AZaz09-_.='),
      async (which, pick, letter) => {
        const text = good[which] as string;
        const at = pick % text.length;
        if (text[at] === letter) return;
        const changed = text.slice(0, at) + letter + text.slice(at + 1);
        const { ok } = await check({ ...good, [which]: changed });
        if (ok) t.fail(`${which} character ${at} does not count`);
      },
    ),
    { numRuns: 400 },
  );
});

t.test('the value of a withheld field act', async (t) => {
  t.strictSame(readPersonAct(good), good);
  t.strictSame(readPersonAct({ act: 'x' }), { act: 'x' });
  for (const bad of [null, [], 'x', {}, { act: 1 }, { act: 'x', login: 1 }, { act: 'x', more: 1 }])
    t.equal(readPersonAct(bad), undefined);
});

t.test('every reason is said in both languages', async (t) => {
  for (const [reason, { en, zh }] of Object.entries(ACT_REASONS)) {
    t.match(reason, /^[a-z][a-z_]*$/);
    t.match(en, /^[A-Z].*\.$/);
    t.match(zh, /。$/);
  }
});
