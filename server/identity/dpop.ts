/** DPoP proofs (RFC 9449): that the holder of the session key, and nobody who copied a token, makes this very request. */

import { lt } from 'drizzle-orm';
import { type SessionJwk, sessionThumbprint, type VerifyJwsSignature } from '../core/log/act.ts';
import { fromBase64Url, toBase64Url } from '../core/log/base64.ts';
import { isJsonObject } from '../core/log/canonical.ts';
import { LogFormatError } from '../core/log/error.ts';
import { fromUtf8, utf8 } from '../core/log/utf8.ts';
import { sha256 } from '../hash.ts';
import type { Sql } from '../store/driver.ts';
import { dpopSeen } from '../store/schema/identity.ts';
import { together } from '../store/together.ts';
import type { World } from '../world.ts';
import type { Db } from './database.ts';
import { type Outcome, refuse } from './refusals.ts';

const PROOF_LIMIT_CHARACTERS = 4096;
const JTI = /^[\x21-\x7e]{8,128}$/;

const COORDINATE_BYTES = 32;
const SIGNATURE_BYTES = 64;
/** Proofs remembered by one statement at most. */
const PROOFS_AT_ONCE = 500;

type SeenProof = { readonly jkt: string; readonly jti: string; readonly expiresAt: number };

/** Remembers a proof until it would be too old anyway. Returns: false when it was remembered before. */
export type RememberProof = (proof: SeenProof) => Promise<boolean>;

/** The memory in this database: a proof is good once for all processes. Those of one turn are written together. */
export function createProofMemory(sql: Sql): RememberProof {
  // Written in one order everywhere: two processes that were shown the same proofs wait for each other, and never both.
  return together<SeenProof, boolean>(PROOFS_AT_ONCE, async (proofs) => {
    const rows = await sql<{ jkt: string; jti: string }[]>`
      INSERT INTO dpop_seen (jkt, jti, expires_at)
      SELECT jkt, jti, expires_at
      FROM unnest(${proofs.map(({ jkt }) => jkt)}::text[], ${proofs.map(({ jti }) => jti)}::text[],
                  ${proofs.map(({ expiresAt }) => expiresAt)}::bigint[]) AS p (jkt, jti, expires_at)
      ORDER BY jkt, jti
      ON CONFLICT DO NOTHING RETURNING jkt, jti`;
    const fresh = new Set(rows.map(({ jkt, jti }) => `${jkt} ${jti}`));
    // Of two that came together under one id the first is taken.
    return proofs.map(({ jkt, jti }) => fresh.delete(`${jkt} ${jti}`));
  });
}

export type ProofDependencies = {
  readonly rememberProof: RememberProof;
  readonly verifySignature: VerifyJwsSignature;
  readonly world: Pick<World, 'now'>;
  readonly config: { readonly proofAgeLimitMs: number };
};

/** A request as its proof must describe it; `url` absolute, as the client sees it, its query and fragment do not count. */
export type ProvenRequest = {
  readonly proof: string | undefined;
  readonly method: string;
  readonly url: string;
};

type Claims = {
  readonly jti: string;
  readonly htm: string;
  readonly htu: string;
  readonly iat: number;
  readonly ath?: string;
};

/**
 * Checks a proof and remembers it, so that it is good once.
 *
 * Units:   `iat` is whole seconds of the client's clock; it may lie proofAgeLimitMs from ours either way.
 * Returns: the thumbprint of the key that made it.
 * Refuses: proof_missing, proof_malformed (also a wrong signature), proof_of_other_key, proof_of_other_request,
 *          proof_of_other_token, proof_out_of_time, proof_replayed — in this order.
 * Why:     remembered last, so that nobody fills the table without a session key.
 */
export async function checkProof(
  { rememberProof, verifySignature, world, config }: ProofDependencies,
  { proof, method, url }: ProvenRequest,
  expected: { readonly jkt: string; readonly accessToken: string },
): Promise<Outcome<{ jkt: string }>> {
  if (proof === undefined || proof === '') return refuse('proof_missing');
  const read = await readProof(proof, verifySignature);
  if (read === undefined) return refuse('proof_malformed');
  const { jkt, claims } = read;
  if (jkt !== expected.jkt) return refuse('proof_of_other_key');
  if (claims.htm !== method || withoutQuery(claims.htu) !== withoutQuery(url)) return refuse('proof_of_other_request');
  if (claims.ath !== toBase64Url(sha256(utf8(expected.accessToken)))) return refuse('proof_of_other_token');
  const now = world.now();
  if (Math.abs(claims.iat * 1000 - now) > config.proofAgeLimitMs) return refuse('proof_out_of_time');
  // Its time is at most one limit ahead of ours, and it is too old one limit after its time.
  const expiresAt = now + 2 * config.proofAgeLimitMs + 1000;
  return (await rememberProof({ jkt, jti: claims.jti, expiresAt })) ? { ok: true, jkt } : refuse('proof_replayed');
}

async function readProof(
  proof: string,
  verifySignature: VerifyJwsSignature,
): Promise<{ jkt: string; claims: Claims } | undefined> {
  if (proof.length > PROOF_LIMIT_CHARACTERS) return undefined;
  const [header = '', payload = '', signature = '', ...more] = proof.split('.');
  if (more.length > 0) return undefined;
  try {
    const jwk = proofKeyOf(JSON.parse(fromUtf8(fromBase64Url(header))));
    const signed = fromBase64Url(signature);
    if (jwk === undefined || signed.length !== SIGNATURE_BYTES) return undefined;
    const data = utf8(`${header}.${payload}`);
    if ((await verifySignature({ alg: 'ES256', key: { jwk }, data, signature: signed })) !== true) return undefined;
    const claims: unknown = JSON.parse(fromUtf8(fromBase64Url(payload)));
    return isClaims(claims) ? { jkt: sessionThumbprint(sha256, jwk), claims } : undefined;
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof LogFormatError) return undefined;
    throw error;
  }
}

/** The key a proof was made with, when its header is one: only what a session key can be, its public half, and no extension that must be understood. */
function proofKeyOf(header: unknown): SessionJwk | undefined {
  if (!isJsonObject(header) || header['typ'] !== 'dpop+jwt' || header['alg'] !== 'ES256') return undefined;
  const { jwk } = header;
  if (Object.hasOwn(header, 'crit') || !isJsonObject(jwk) || Object.hasOwn(jwk, 'd')) return undefined;
  const { kty, crv, x, y } = jwk;
  const isPoint = isCoordinate(x) && isCoordinate(y);
  return kty === 'EC' && crv === 'P-256' && isPoint ? { kty, crv, x, y } : undefined;
}

function isCoordinate(text: unknown): text is string {
  return typeof text === 'string' && fromBase64Url(text).length === COORDINATE_BYTES;
}

function isClaims(value: unknown): value is Claims {
  if (typeof value !== 'object' || value === null) return false;
  const { jti, htm, htu, iat, ath } = value as Record<string, unknown>;
  return (
    typeof jti === 'string' &&
    JTI.test(jti) &&
    typeof htm === 'string' &&
    typeof htu === 'string' &&
    Number.isSafeInteger(iat) &&
    (ath === undefined || typeof ath === 'string')
  );
}

/** The URL as RFC 9449 §4.3 compares it; a text that is no URL stays itself and meets nothing. */
function withoutQuery(url: string): string {
  if (!URL.canParse(url)) return url;
  const { origin, pathname } = new URL(url);
  return origin + pathname;
}

/** Forgets the proofs that would be too old by now; returns how many. */
export async function forgetProofs({
  db,
  world,
}: {
  readonly db: Db;
  readonly world: Pick<World, 'now'>;
}): Promise<number> {
  const gone = await db.delete(dpopSeen).where(lt(dpopSeen.expiresAt, world.now())).returning({ jti: dpopSeen.jti });
  return gone.length;
}
