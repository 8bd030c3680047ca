/** The stage of the identity tests: a CA, people with certificates, a migrated database, a stepped world, and what the server hands in. */
import { createPrivateKey, generateKeyPairSync, type KeyObject, sign, webcrypto } from 'node:crypto';
import { type JWTPayload, SignJWT } from 'jose';
import { type DemoCa, demoCreditCode, type Holder, type Issued, type KeyKind } from '../../server/cli/demo/ca.ts';
import type { JwsAlgorithm, SessionJwk } from '../../server/core/log/act.ts';
import { sessionThumbprint } from '../../server/core/log/act.ts';
import { toBase64Url } from '../../server/core/log/base64.ts';
import type { Json } from '../../server/core/log/canonical.ts';
import { KNOWN_LOGINS_LIMIT, rememberLogins } from '../../server/core/log/known-logins.ts';
import { utf8 } from '../../server/core/log/utf8.ts';
import { parsePem } from '../../server/core/pki/certificate.ts';
import { type CertificateSigner, type SessionSigner, signLogin, signProof } from '../../server/core/pki/person-jws.ts';
import { sha256 } from '../../server/hash.ts';
import { createFirstOperator, createOfficial } from '../../server/identity/accounts.ts';
import type { ActDependencies } from '../../server/identity/acts.ts';
import { createProofMemory } from '../../server/identity/dpop.ts';
import {
  type Challenge,
  type Login,
  type LoginDependencies,
  login,
  openChallenge,
} from '../../server/identity/login.ts';
import { readSessionsTogether } from '../../server/identity/read-sessions.ts';
import type { Outcome } from '../../server/identity/refusals.ts';
import { createJwsVerifier } from '../../server/identity/signature.ts';
import { createStandings } from '../../server/identity/standing.ts';
import type { Caller } from '../../server/identity/tokens.ts';
import { createTrust } from '../../server/identity/trust.ts';
import { sm2PrivateKey } from '../../server/sm2.ts';
import { testCa } from '../support/ca.ts';
import { type TestDatabase, testDb } from '../support/database.ts';
import { addition, keepChange } from '../support/trust.ts';
import { type SteppedWorld, steppedWorld } from '../support/world.ts';

export const PLATFORM = 'kaibiao.test';
export const ORIGIN = 'https://kaibiao.test';
export const OPENING = 'lot-1';
const NEVER_ENDING_MS = 3_650 * 86_400_000;

export type Stage = LoginDependencies &
  Pick<ActDependencies, 'verifySignature' | 'checkLogin' | 'readSession'> & {
    readonly world: SteppedWorld;
    readonly database: TestDatabase;
    readonly ca: DemoCa;
    /** The private half of the token key, for forgeries. */
    readonly tokenPrivateKey: KeyObject;
    readonly config: LoginDependencies['config'] & { readonly ticketLifetimeMs: number };
    /** Accounts that stand in the register, as `opening account`. */
    readonly bidders: Set<string>;
    readonly isBidder: (openingId: string, account: string) => Promise<boolean>;
  };

/** A fresh stage; its CA is trusted for both purposes. */
export async function setStage(t: { teardown(act: () => Promise<void>): void }): Promise<Stage> {
  const world = steppedWorld();
  const database = await testDb(t);
  const { db } = database;
  const ca = await testCa({ name: 'Stage', at: world.now() });
  const [certificate] = parsePem(ca.rootPem);
  if (certificate === undefined) throw new Error('no root');
  const terms = { label: 'Stage', fromAt: world.now() - 1000, untilAt: world.now() + NEVER_ENDING_MS };
  await keepChange(database.sql, addition(certificate, terms), terms.fromAt);
  const bidders = new Set<string>();
  const tokenPair = generateKeyPairSync('ed25519');
  return {
    world,
    database,
    db,
    ca,
    bidders,
    trust: createTrust({ db, world }),
    verifySignature: createJwsVerifier(KNOWN_LOGINS_LIMIT),
    checkLogin: rememberLogins(),
    readSession: readSessionsTogether(database.sql),
    checkStanding: createStandings(database.sql),
    rememberProof: createProofMemory(database.sql),
    tokenPrivateKey: tokenPair.privateKey,
    tokenKey: {
      publicKey: tokenPair.publicKey,
      sign: (payload: Json) => signToken(payload, tokenPair.privateKey),
    },
    origins: [ORIGIN],
    isBidder: async (openingId, account) => bidders.has(`${openingId} ${account}`),
    config: {
      platform: PLATFORM,
      challengeLifetimeMs: 60_000,
      accessTokenLifetimeMs: 900_000,
      sessionLifetimeMs: 43_200_000,
      proofAgeLimitMs: 60_000,
      ticketLifetimeMs: 30_000,
    },
  };
}

/** What the platform's keyring does with a token. */
function signToken(payload: Json, privateKey: KeyObject): Promise<string> {
  return new SignJWT(payload as JWTPayload).setProtectedHeader({ alg: 'EdDSA', typ: 'at+jwt' }).sign(privateKey);
}

/** The n-th organisation; every company of the tests has its number. */
export function organisation(index: number): Holder {
  const name = `第${index}公司`;
  return { creditCode: demoCreditCode(index), organisation: name, name };
}

/** A person in the n-th organisation. */
export function person(index: number, personId: string): Holder {
  return { ...organisation(index), name: `人${personId}`, personId };
}

/** The id of a holder's account. */
export function accountOf({ creditCode, personId }: Holder): string {
  return personId === undefined ? creditCode : `${creditCode}/${personId}`;
}

/** What signs with an issued key, as a CA token would. */
export function signerOf(
  { certificatePem, chainPem, privateKeyPem }: Issued,
  alg: JwsAlgorithm = 'RS256',
): CertificateSigner {
  const [certificate, ...chain] = parsePem(certificatePem + chainPem).map(({ der }) => der);
  if (certificate === undefined) throw new Error('no certificate');
  const key = createPrivateKey(privateKeyPem);
  return { alg, certificate, chain, sign: async (data) => signAs(alg, key, data) };
}

function signAs(alg: JwsAlgorithm, key: KeyObject, data: Uint8Array): Uint8Array {
  if (alg === 'SM2SM3') return sm2PrivateKey(key)?.sign(data) ?? new Uint8Array(64);
  if (alg === 'PS256') return sign('sha256', data, { key, padding: 6, saltLength: 32 });
  return sign('sha256', data, { key, dsaEncoding: 'ieee-p1363' });
}

/** A fresh session key as a browser makes it. */
export async function sessionKey(): Promise<SessionSigner & { readonly jkt: string }> {
  const { privateKey, publicKey } = await webcrypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, false, [
    'sign',
  ]);
  const { x = '', y = '' } = await webcrypto.subtle.exportKey('jwk', publicKey);
  const jwk: SessionJwk = { kty: 'EC', crv: 'P-256', x, y };
  return {
    jwk,
    jkt: sessionThumbprint(sha256, jwk),
    async sign(data) {
      return new Uint8Array(await webcrypto.subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, privateKey, data));
    },
  };
}

/** The value, or an Error that names the refusal. */
export function accepted<Value extends object>(outcome: Outcome<Value>): Value {
  if ('refused' in outcome) throw new Error(`refused: ${outcome.refused} ${outcome.detail ?? ''}`);
  return outcome;
}

/** What was refused, or 'ok'. */
export function refusalOf(outcome: Outcome<object> | { ok: true } | { refused: string }): string {
  return 'refused' in outcome ? outcome.refused : 'ok';
}

/** A challenge for a session key. */
export async function challengeFor(stage: LoginDependencies, jkt: string): Promise<Challenge> {
  return accepted(await openChallenge(stage, { jkt, origin: ORIGIN })).challenge;
}

/** A login JWS for a challenge. */
export function loginFor(
  stage: LoginDependencies,
  signer: CertificateSigner,
  terms: { challenge: Challenge; account: string; jwk: SessionJwk },
): Promise<string> {
  return signLogin(sha256, signer, { ...terms, iatSeconds: Math.floor(stage.world.now() / 1000) });
}

export type Person = {
  readonly account: string;
  readonly signer: CertificateSigner;
  readonly session: SessionSigner & { readonly jkt: string };
  readonly login: string;
  readonly caller: Caller;
} & Login;

const ALGORITHMS = { rsa: 'RS256', p256: 'ES256', sm2: 'SM2SM3' } as const satisfies Record<KeyKind, JwsAlgorithm>;

/** Logs somebody in with a fresh certificate and a fresh session key; a P-256 certificate is made much faster. */
export async function logIn(
  stage: LoginDependencies & Pick<Stage, 'ca'>,
  holder: Holder,
  key: KeyKind = 'rsa',
): Promise<Person> {
  const issued = await stage.ca.issue({ holder, usage: 'sign', key });
  return logInBy(stage, holder, signerOf(issued, ALGORITHMS[key]));
}

/** Logs somebody in with a certificate that they have, and a fresh session key. */
export async function logInBy(stage: LoginDependencies, holder: Holder, signer: CertificateSigner): Promise<Person> {
  const session = await sessionKey();
  const challenge = await challengeFor(stage, session.jkt);
  const jws = await loginFor(stage, signer, { challenge, account: accountOf(holder), jwk: session.jwk });
  const result = accepted(await login(stage, { login: jws }));
  const { sessionId, certSha256 } = result;
  const caller = { account: result.account.id, sessionId, jkt: session.jkt, certSha256 };
  return { ...result, account: result.account.id, signer, session, login: jws, caller } as unknown as Person;
}

/** A request with its token and a fresh proof. */
export async function provenRequest(
  stage: Stage,
  who: { session: SessionSigner; accessToken: string },
  changes: Partial<Parameters<typeof signProof>[2]> = {},
) {
  const method = 'POST';
  const url = `${ORIGIN}/auth/ticket`;
  const proof = await signProof(sha256, who.session, {
    method,
    url,
    accessToken: who.accessToken,
    jti: toBase64Url(stage.world.randomBytes(16)),
    iatSeconds: Math.floor(stage.world.now() / 1000),
    ...changes,
  });
  return { authorization: `DPoP ${who.accessToken}`, proof, method, url };
}

/** The operator and some officials, by account. */
export async function enterOfficials(stage: Stage, ...officials: Holder[]): Promise<{ operator: string }> {
  const operator = person(900, 'OP');
  accepted(await createFirstOperator(stage, { ...operator, account: accountOf(operator) }));
  for (const holder of officials) {
    const subject = { ...holder, account: accountOf(holder) };
    accepted(await createOfficial(stage, { by: accountOf(operator), subject, kind: 'official' }));
  }
  return { operator: accountOf(operator) };
}

/** A compact JWS made by hand, for headers and payloads that no honest client writes. */
export function rawJws(header: object, payload: object, signature: Uint8Array): string {
  const part = (value: object) => toBase64Url(utf8(JSON.stringify(value)));
  return `${part(header)}.${part(payload)}.${toBase64Url(signature)}`;
}

/** The order of P-256. Source: SEC 2 §2.4.2. */
const ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;

/** An ES256 JWS with its signature's other half: as valid as the first, another text, and nobody had to sign again. */
export function malleated(jws: string): string {
  const [header, payload, text = ''] = jws.split('.');
  const signature = Buffer.from(text, 'base64url');
  const other = ORDER - BigInt(`0x${signature.subarray(32).toString('hex')}`);
  signature.write(other.toString(16).padStart(64, '0'), 32, 'hex');
  return `${header}.${payload}.${signature.toString('base64url')}`;
}
