/** Access tokens: who is asking, for minutes, bound to the session key; roles are not in them, they are looked up each time. */
import type { KeyObject } from 'node:crypto';
import { errors, jwtVerify } from 'jose';
import { toBase64Url } from '../core/log/base64.ts';
import type { Json } from '../core/log/canonical.ts';
import type { World } from '../world.ts';
import { checkProof, type ProofDependencies, type ProvenRequest } from './dpop.ts';
import { type Outcome, refuse } from './refusals.ts';
import type { CheckStanding } from './standing.ts';

const TOKEN_LIMIT_CHARACTERS = 4096;
const TYP = 'at+jwt';

/** The platform's Ed25519 key for tokens; receipts are signed with the same one under another `typ`. */
export type TokenKey = {
  readonly publicKey: KeyObject;
  /** A compact JWS (EdDSA) with the `typ` of an access token, wherever the private key lies. */
  sign(payload: Json): Promise<string>;
};

/** Who asks: an account through a session key that a certificate certified. */
export type Caller = {
  readonly account: string;
  readonly sessionId: string;
  /** RFC 7638 thumbprint of the session key. */
  readonly jkt: string;
  readonly certSha256: string;
};

export type TokenDependencies = {
  readonly world: Pick<World, 'now' | 'randomBytes'>;
  readonly config: { readonly platform: string; readonly accessTokenLifetimeMs: number };
  readonly tokenKey: TokenKey;
};

/** Tokens whose signature was found good; the one used longest ago goes first. */
export const KNOWN_TOKENS_LIMIT = 8_192;

type KnownToken = { readonly platform: string; readonly caller: Caller; readonly expiresAtSeconds: number };

/**
 * By the key that signed them, then word for word.
 *
 * Why: a token comes with each request of its holder and is signed once. Only what the text itself says is remembered; its time is
 *      asked each time, and of account and session the database. A token that is refused is read anew: nobody fills this with those.
 */
const knownTokens = new WeakMap<TokenKey, Map<string, KnownToken>>();

export type IssuedToken = { readonly accessToken: string; readonly expiresAt: number };

/**
 * Makes an access token (RFC 9068 in form), good for config.accessTokenLifetimeMs but not beyond the session's end.
 *
 * Units: `expiresAt` an instant in ms; in the token whole seconds, rounded down.
 */
export async function issueToken(
  { world, config, tokenKey }: TokenDependencies,
  caller: Caller,
  sessionEndsAt: number,
): Promise<IssuedToken> {
  const now = world.now();
  const expiresAt = Math.floor(Math.min(now + config.accessTokenLifetimeMs, sessionEndsAt) / 1000) * 1000;
  const accessToken = await tokenKey.sign({
    iss: config.platform,
    aud: config.platform,
    sub: caller.account,
    jti: toBase64Url(world.randomBytes(16)),
    iat: Math.floor(now / 1000),
    exp: expiresAt / 1000,
    cnf: { jkt: caller.jkt },
    sid: caller.sessionId,
    certSha256: caller.certSha256,
  });
  return { accessToken, expiresAt };
}

/**
 * Reads an access token of ours as it stood at an instant.
 *
 * Refuses: token_invalid, token_expired.
 */
export async function readToken(
  { config, tokenKey }: Pick<TokenDependencies, 'config' | 'tokenKey'>,
  accessToken: string,
  at: number,
): Promise<Outcome<{ caller: Caller }>> {
  if (accessToken.length > TOKEN_LIMIT_CHARACTERS) return refuse('token_invalid');
  const known = knownTokens.get(tokenKey) ?? new Map<string, KnownToken>();
  knownTokens.set(tokenKey, known);
  const before = known.get(accessToken);
  const isKnown = before !== undefined && before.platform === config.platform;
  const read = isKnown ? { ok: true as const, token: before } : await readAnew(config.platform, tokenKey, accessToken);
  if ('refused' in read) return read;
  known.delete(accessToken);
  known.set(accessToken, read.token);
  const [longestAgo] = known.keys();
  if (known.size > KNOWN_TOKENS_LIMIT && longestAgo !== undefined) known.delete(longestAgo);
  if (Math.floor(at / 1000) >= read.token.expiresAtSeconds) return refuse('token_expired');
  return { ok: true, caller: read.token.caller };
}

async function readAnew(
  platform: string,
  tokenKey: TokenKey,
  accessToken: string,
): Promise<Outcome<{ token: KnownToken }>> {
  try {
    const { payload } = await jwtVerify(accessToken, tokenKey.publicKey, {
      algorithms: ['EdDSA'],
      typ: TYP,
      issuer: platform,
      audience: platform,
      requiredClaims: ['sub', 'exp', 'iat', 'jti'],
      // Whether it has run out is asked above: at the beginning of time none has.
      currentDate: new Date(0),
    });
    const { sub: account, sid: sessionId, certSha256, cnf, exp = 0 } = payload;
    const jkt = typeof cnf === 'object' && cnf !== null && 'jkt' in cnf ? cnf.jkt : undefined;
    if (
      typeof account !== 'string' ||
      typeof sessionId !== 'string' ||
      typeof certSha256 !== 'string' ||
      typeof jkt !== 'string'
    )
      return refuse('token_invalid');
    const caller = { account, sessionId, jkt, certSha256 };
    return { ok: true, token: { platform, caller, expiresAtSeconds: exp } };
  } catch (error) {
    if (error instanceof errors.JOSEError) return refuse('token_invalid', error.code);
    throw error;
  }
}

/**
 * Who makes this request: token, then proof, then whether account and session still stand.
 *
 * Shape:   `authorization` is the header as it came, `DPoP <token>`; a Bearer scheme is not taken.
 * Refuses: token_missing, token_invalid, token_expired, the proof_… codes, account_disabled, session_ended.
 */
export async function authenticate(
  dependencies: TokenDependencies & ProofDependencies & { readonly checkStanding: CheckStanding },
  { authorization, ...request }: ProvenRequest & { readonly authorization: string | undefined },
): Promise<Outcome<{ caller: Caller }>> {
  const accessToken = tokenOf(authorization);
  if (accessToken === undefined) return refuse('token_missing');
  const read = await readToken(dependencies, accessToken, dependencies.world.now());
  if ('refused' in read) return read;
  const proof = await checkProof(dependencies, request, { jkt: read.caller.jkt, accessToken });
  if ('refused' in proof) return proof;
  const standing = await dependencies.checkStanding(read.caller, dependencies.world.now());
  return 'refused' in standing ? standing : read;
}

/** The token of an `Authorization: DPoP …` header. */
export function tokenOf(authorization: string | undefined): string | undefined {
  return /^DPoP ([A-Za-z0-9._-]+)$/i.exec(authorization ?? '')?.[1];
}
