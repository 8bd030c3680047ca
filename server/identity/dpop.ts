/** DPoP proofs (RFC 9449): that the holder of the session key, and nobody who copied a token, makes this very request. */

import { lt } from 'drizzle-orm';
import { calculateJwkThumbprint, compactVerify, EmbeddedJWK, errors } from 'jose';
import { toBase64Url } from '../core/log/base64.ts';
import { LogFormatError } from '../core/log/error.ts';
import { fromUtf8, utf8 } from '../core/log/utf8.ts';
import { sha256 } from '../hash.ts';
import { dpopSeen } from '../store/schema/identity.ts';
import type { World } from '../world.ts';
import type { Db } from './database.ts';
import { type Outcome, refuse } from './refusals.ts';

const PROOF_LIMIT_CHARACTERS = 4096;
const JTI = /^[\x21-\x7e]{8,128}$/;

export type ProofDependencies = {
  readonly db: Db;
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
  { db, world, config }: ProofDependencies,
  { proof, method, url }: ProvenRequest,
  expected: { readonly jkt: string; readonly accessToken: string },
): Promise<Outcome<{ jkt: string }>> {
  if (proof === undefined || proof === '') return refuse('proof_missing');
  const read = await readProof(proof);
  if (read === undefined) return refuse('proof_malformed');
  const { jkt, claims } = read;
  if (jkt !== expected.jkt) return refuse('proof_of_other_key');
  if (claims.htm !== method || withoutQuery(claims.htu) !== withoutQuery(url)) return refuse('proof_of_other_request');
  if (claims.ath !== toBase64Url(sha256(utf8(expected.accessToken)))) return refuse('proof_of_other_token');
  const now = world.now();
  if (Math.abs(claims.iat * 1000 - now) > config.proofAgeLimitMs) return refuse('proof_out_of_time');
  // Its time is at most one limit ahead of ours, and it is too old one limit after its time.
  const expiresAt = now + 2 * config.proofAgeLimitMs + 1000;
  const remembered = await db
    .insert(dpopSeen)
    .values({ jkt, jti: claims.jti, expiresAt })
    .onConflictDoNothing()
    .returning({ jti: dpopSeen.jti });
  return remembered.length === 0 ? refuse('proof_replayed') : { ok: true, jkt };
}

async function readProof(proof: string): Promise<{ jkt: string; claims: Claims } | undefined> {
  if (proof.length > PROOF_LIMIT_CHARACTERS) return undefined;
  try {
    // Only what the session key can sign with; EmbeddedJWK refuses private and symmetric keys.
    const { protectedHeader, payload } = await compactVerify(proof, EmbeddedJWK, { algorithms: ['ES256'] });
    if (protectedHeader.typ !== 'dpop+jwt' || protectedHeader.jwk === undefined) return undefined;
    const claims: unknown = JSON.parse(fromUtf8(payload));
    return isClaims(claims) ? { jkt: await calculateJwkThumbprint(protectedHeader.jwk), claims } : undefined;
  } catch (error) {
    // Whatever jose or the platform's crypto says of a stranger's bytes, it means: no proof.
    if (
      error instanceof errors.JOSEError ||
      error instanceof SyntaxError ||
      error instanceof TypeError ||
      error instanceof LogFormatError
    )
      return undefined;
    if (error instanceof Error && error.name === 'DataError') return undefined;
    throw error;
  }
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
export async function forgetProofs({ db, world }: Pick<ProofDependencies, 'db' | 'world'>): Promise<number> {
  const gone = await db.delete(dpopSeen).where(lt(dpopSeen.expiresAt, world.now())).returning({ jti: dpopSeen.jti });
  return gone.length;
}
