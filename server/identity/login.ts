/** Login by certificate challenge: the CA key signs once, for a nonce of ours, and certifies a fresh session key. */

import { and, eq, isNull, lt } from 'drizzle-orm';
import { checkLogin } from '../core/log/act.ts';
import { toBase64Url } from '../core/log/base64.ts';
import { utf8 } from '../core/log/utf8.ts';
import type { ChainReason } from '../core/pki/chain.ts';
import { lastBefore } from '../core/pki/judgement.ts';
import { sha256 } from '../hash.ts';
import { challenges, sessions } from '../store/schema/identity.ts';
import type { World } from '../world.ts';
import { type Account, admitSubject, isOperator } from './accounts.ts';
import type { Db } from './database.ts';
import { checkProof, type ProofDependencies, type ProvenRequest } from './dpop.ts';
import { deadlinesWaiting } from './open-bids.ts';
import { type IdentityRefusal, type Outcome, type Refused, refuse } from './refusals.ts';
import { verifyJwsSignature } from './signature.ts';
import type { CheckStanding } from './standing.ts';
import { type Caller, type IssuedToken, issueToken, readToken, type TokenDependencies, tokenOf } from './tokens.ts';
import type { Trust, TrustedCertificate } from './trust.ts';

const NONCE_BYTES = 32;
const THUMBPRINT = /^[A-Za-z0-9_-]{43}$/;

export type LoginDependencies = TokenDependencies &
  ProofDependencies & {
    readonly db: Db;
    readonly world: Pick<World, 'now' | 'randomBytes'>;
    readonly config: {
      readonly challengeLifetimeMs: number;
      readonly sessionLifetimeMs: number;
    };
    readonly trust: Trust;
    readonly checkStanding: CheckStanding;
    /** Origins whose pages may log people in; the first is our own, taken for clients that are no page. */
    readonly origins: readonly [string, ...string[]];
  };

/** What the person's key must sign over, with the instant until which it may, and our clock for theirs. */
export type Challenge = {
  readonly nonce: string;
  readonly aud: string;
  readonly origin: string;
  readonly purpose: 'login';
  readonly expiresAt: number;
  readonly now: number;
};

/**
 * Gives a challenge to the holder of a fresh session key.
 *
 * Shape:   `jkt` the thumbprint of that key; `origin` the Origin header, undefined from a client that is no page.
 * Refuses: thumbprint_malformed, origin_not_allowed.
 * Why:     the challenge is bound to the session key already here, so a nonce that leaks serves nobody else. A page of
 *          another origin cannot hide its Origin header; a relay that lies about it is caught by the signed one.
 */
export async function openChallenge(
  { db, world, config, origins }: LoginDependencies,
  { jkt, origin = origins[0] }: { readonly jkt: string; readonly origin?: string | undefined },
): Promise<Outcome<{ challenge: Challenge }>> {
  if (!THUMBPRINT.test(jkt)) return refuse('thumbprint_malformed');
  if (!origins.includes(origin)) return refuse('origin_not_allowed');
  const now = world.now();
  const nonce = toBase64Url(world.randomBytes(NONCE_BYTES));
  const expiresAt = now + config.challengeLifetimeMs;
  await db
    .insert(challenges)
    .values({ nonceSha256: hashOf(nonce), purpose: 'login', jkt, origin, createdAt: now, expiresAt });
  return { ok: true, challenge: { nonce, aud: config.platform, origin, purpose: 'login', expiresAt, now } };
}

export type Login = IssuedToken & {
  readonly account: Pick<Account, 'id' | 'creditCode' | 'organisation' | 'name' | 'kind'>;
  readonly sessionId: string;
  readonly sessionEndsAt: number;
  readonly certSha256: string;
};

/**
 * Logs a person in.
 *
 * Shape:   `login` is the JWS that core/log/act.ts describes; `ocsp` responses stapled to it, kept when they speak of the certificate.
 * Refuses: the login_… and session_… codes of core/log/act.ts; challenge_…; certificate_…; credit_code_invalid;
 *          certificate_of_other_account; account_…; session_key_not_fresh — in this order.
 * Why:     the nonce is consumed only by who signed rightly, so that nobody burns another's; from there on it is
 *          gone, whatever the certificate turns out to be. A crash after the consumption costs one more challenge.
 */
export async function login(
  dependencies: LoginDependencies,
  { login: jws, ocsp }: { readonly login: string; readonly ocsp?: readonly Uint8Array[] },
): Promise<Outcome<Login>> {
  const { db, world, config, trust } = dependencies;
  const signed = await checkLogin(jws, { platform: config.platform }, verifyJwsSignature, sha256);
  if (!signed.ok) return refuse(signed.reason);
  const at = world.now();
  const consumed = await consumeChallenge({ db }, { ...signed, at });
  if ('refused' in consumed) return consumed;
  const trusted = await checkForLogin({ db, trust }, signed, at, ocsp);
  if ('refused' in trusted) return trusted;
  if (trusted.subject.account !== signed.account) return refuse('certificate_of_other_account');
  const admitted = await admitSubject({ db, world }, trusted.subject);
  if ('refused' in admitted) return admitted;
  if (trusted.lapsedAt !== null && admitted.account.kind !== 'bidder') return refuse('certificate_expired');

  const { id: account, creditCode, organisation, name, kind } = admitted.account;
  const { jkt, certSha256 } = signed;
  const sessionId = toBase64Url(world.randomBytes(16));
  const endsAt = at + config.sessionLifetimeMs;
  const created = await db
    .insert(sessions)
    .values({ id: sessionId, account, jkt, certSha256, login: jws, createdAt: at, endsAt })
    .onConflictDoNothing()
    .returning({ id: sessions.id });
  if (created.length === 0) return refuse('session_key_not_fresh');
  const token = await issueToken(dependencies, { account, sessionId, jkt, certSha256 }, endsAt);
  return {
    ok: true,
    ...token,
    account: { id: account, creditCode, organisation, name, kind },
    sessionId,
    sessionEndsAt: endsAt,
    certSha256,
  };
}

/** A login whose signature holds: who says to be whom, by which certificates, DER, its own first. */
type Signed = { readonly account: string; readonly certSha256: string; readonly certificates: readonly Uint8Array[] };

/**
 * Whether a login's certificates are trusted now.
 *
 * Why: an operator comes in although it cannot be determined whether his certificate was revoked, for when a list is over only he
 *      can bring the next one, and nothing else is taken from him then (acts.ts). A bidder comes in whose certificate, or whose CA,
 *      ended or was revoked behind the deadline of a bid that waits to be opened, for he needs its challenge; beside that decryption
 *      nothing is taken from him either. Whose own certificate was revoked is out like anybody.
 */
async function checkForLogin(
  { db, trust }: Pick<LoginDependencies, 'db' | 'trust'>,
  signed: Signed,
  at: number,
  ocsp?: readonly Uint8Array[],
): Promise<Outcome<TrustedCertificate>> {
  const question = { certificates: signed.certificates, purpose: 'sign', at, ...(ocsp && { ocsp }) } as const;
  const trusted = await trust.check(question);
  if (!('refused' in trusted)) return trusted;
  if (trusted.refused === 'certificate_undetermined') {
    const passed = await trust.check({ ...question, undetermined: 'pass' });
    return 'refused' in passed || (await isOperator({ db }, passed.subject.account)) ? passed : trusted;
  }
  if (!ENDED.includes(trusted.refused) && trusted.detail !== ISSUER_REVOKED) return trusted;
  for (const deadlineAt of await deadlinesWaiting(db, signed, at)) {
    const passed = await trust.check({
      ...question,
      lapsed: 'pass',
      undetermined: 'pass',
      asOf: lastBefore(deadlineAt),
    });
    if ('refused' in passed || (passed.outcome === 'revoked' && passed.isNamedRevoked)) continue;
    if (passed.lapsedAt !== null && passed.lapsedAt >= deadlineAt) return passed;
  }
  return trusted;
}

/** As what a certificate is refused that may have been good at a deadline: over itself, or without a CA that is believed. */
const ENDED: readonly IdentityRefusal[] = ['certificate_expired', 'certificate_not_trusted'];
/** Why `certificate_revoked` says no more than that something above it was. */
const ISSUER_REVOKED: ChainReason = 'issuer_revoked';

async function consumeChallenge(
  { db }: { readonly db: Db },
  { nonce, jkt, origin, at }: { nonce: string; jkt: string; origin: string; at: number },
): Promise<{ ok: true } | Refused> {
  const isThisOne = eq(challenges.nonceSha256, hashOf(nonce));
  // One statement: of two logins with one nonce at the same moment the database lets one through.
  const [challenge] = await db
    .update(challenges)
    .set({ consumedAt: at })
    .where(and(isThisOne, isNull(challenges.consumedAt)))
    .returning();
  if (challenge === undefined) {
    const [known] = await db.select({ jkt: challenges.jkt }).from(challenges).where(isThisOne);
    return refuse(known === undefined ? 'challenge_unknown' : 'challenge_used');
  }
  if (at >= challenge.expiresAt) return refuse('challenge_expired');
  if (challenge.jkt !== jkt) return refuse('challenge_of_other_session');
  if (challenge.origin !== origin) return refuse('challenge_of_other_origin');
  return { ok: true };
}

type Session = typeof sessions.$inferSelect;

/** Whether a session lives at this instant. */
export function isLiving({ endsAt, endedAt }: Pick<Session, 'endsAt' | 'endedAt'>, at: number): boolean {
  return endsAt > at && (endedAt === null || endedAt > at);
}

/**
 * The session of a caller, when it still lives at this instant.
 *
 * Refuses: session_ended.
 */
export async function findSession(
  { db }: { readonly db: Db },
  { sessionId, at }: { readonly sessionId: string; readonly at: number },
): Promise<Outcome<{ session: Session }>> {
  const [session] = await db.select().from(sessions).where(eq(sessions.id, sessionId));
  return session !== undefined && isLiving(session, at) ? { ok: true, session } : refuse('session_ended');
}

/**
 * A new access token for a session that lives, on the strength of the old one, expired or not, and of the session key.
 *
 * Refuses: token_missing, token_invalid, the proof_… codes, account_disabled, session_ended, the certificate_… codes:
 *          a certificate that expired or lost its CA since the login renews nothing.
 */
export async function renewToken(
  dependencies: LoginDependencies,
  { authorization, ...request }: ProvenRequest & { readonly authorization: string | undefined },
): Promise<Outcome<IssuedToken>> {
  const { db, world, config, trust } = dependencies;
  const accessToken = tokenOf(authorization);
  if (accessToken === undefined) return refuse('token_missing');
  // Read as of the beginning of time, so that it cannot have expired: the session decides.
  const read = await readToken(dependencies, accessToken, 0);
  if ('refused' in read) return read;
  const { caller } = read;
  const proof = await checkProof(dependencies, request, { jkt: caller.jkt, accessToken });
  if ('refused' in proof) return proof;
  const at = world.now();
  const standing = await dependencies.checkStanding(caller, at);
  if ('refused' in standing) return standing;
  const found = await findSession({ db }, { sessionId: caller.sessionId, at });
  if ('refused' in found) return found;
  const signed = await checkLogin(found.session.login, { platform: config.platform }, verifyJwsSignature, sha256);
  if (!signed.ok) throw new Error(`a stored login does not verify: ${signed.reason}`);
  const trusted = await checkForLogin({ db, trust }, signed, at);
  if ('refused' in trusted) return trusted;
  return { ok: true, ...(await issueToken(dependencies, caller, found.session.endsAt)) };
}

/** Ends a session at its holder's wish; its token is refused from then on. */
export async function endSession(
  { db, world }: { readonly db: Db; readonly world: Pick<World, 'now'> },
  { sessionId }: Pick<Caller, 'sessionId'>,
): Promise<void> {
  await db
    .update(sessions)
    .set({ endedAt: world.now() })
    .where(and(eq(sessions.id, sessionId), isNull(sessions.endedAt)));
}

/** Forgets the challenges that expired an hour ago and more; returns how many. */
export async function forgetChallenges({ db, world }: Pick<LoginDependencies, 'db' | 'world'>): Promise<number> {
  const old = lt(challenges.expiresAt, world.now() - 3_600_000);
  return (await db.delete(challenges).where(old).returning({ jkt: challenges.jkt })).length;
}

function hashOf(nonce: string): string {
  return toBase64Url(sha256(utf8(nonce)));
}
