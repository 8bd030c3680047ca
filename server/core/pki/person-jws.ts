/** What a person's client signs — login, act, request proof — as compact JWS; the keys and the hash are handed in, it holds none. */
import { bodySha256, type HeadSeen, type JwsAlgorithm, type SessionJwk, sessionThumbprint } from '../log/act.ts';
import { toBase64, toBase64Url } from '../log/base64.ts';
import { canonicalise, type Json, type JsonObject } from '../log/canonical.ts';
import type { Sha256 } from '../log/hash.ts';
import { utf8 } from '../log/utf8.ts';

/** The CA key, wherever it lies; for ES256 and SM2SM3 the signature is r‖s. */
export type CertificateSigner = {
  readonly alg: JwsAlgorithm;
  /** DER. */
  readonly certificate: Uint8Array;
  /** DER of the certificates above it, the anchor not needed. */
  readonly chain: readonly Uint8Array[];
  /** `shown` is what the signed bytes name by its digest only: a holder that asks its person shows it. */
  sign(data: Uint8Array, shown?: Json): Promise<Uint8Array>;
};

/** The session key: P-256, its private half usually non-extractable in WebCrypto; signs ES256 as r‖s. */
export type SessionSigner = {
  readonly jwk: SessionJwk;
  sign(data: Uint8Array): Promise<Uint8Array>;
};

/** What the platform's challenge said that a login must repeat. */
export type ChallengeTerms = { readonly nonce: string; readonly aud: string; readonly origin: string };

/** An act before it is signed; `iatSeconds` seconds since 1970 by the client's best clock. */
export type ActTerms = {
  readonly account: string;
  readonly platform: string;
  readonly openingId: string;
  readonly command: string;
  readonly type: string;
  readonly data: Json;
  readonly headSeen: HeadSeen;
  readonly iatSeconds: number;
};

/** The login that certifies the session key. Source: seal-format §8; read by checkLogin of core/log/act.ts. */
export function signLogin(
  sha256: Sha256,
  signer: CertificateSigner,
  { challenge, account, jwk, iatSeconds }: LoginTerms,
): Promise<string> {
  return signByCertificate(sha256, signer, 'login+jws', {
    v: 1,
    iss: account,
    aud: challenge.aud,
    origin: challenge.origin,
    nonce: challenge.nonce,
    purpose: 'login',
    iat: iatSeconds,
    session: { jwk, jkt: sessionThumbprint(sha256, jwk) },
  });
}

export type LoginTerms = {
  readonly challenge: ChallengeTerms;
  readonly account: string;
  readonly jwk: SessionJwk;
  readonly iatSeconds: number;
};

/** An ordinary act, by the session key. */
export function signAct(sha256: Sha256, session: SessionSigner, act: ActTerms): Promise<string> {
  return signJws({ alg: 'ES256', typ: 'act+jws' }, actPayload(sha256, act), session.sign);
}

/** The same act by the CA key itself: step-up. */
export function signStepUp(sha256: Sha256, signer: CertificateSigner, act: ActTerms): Promise<string> {
  const shows = { ...signer, sign: (bytes: Uint8Array) => signer.sign(bytes, act.data) };
  return signByCertificate(sha256, shows, 'act+jws', actPayload(sha256, act));
}

/** A statement such as bid-lodgement+jws, whose payload its own format fixes, by the CA key. */
export function signByCertificate(
  sha256: Sha256,
  { alg, certificate, chain, sign }: CertificateSigner,
  typ: string,
  payload: JsonObject,
): Promise<string> {
  const x5c = [certificate, ...chain].map(toBase64);
  return signJws({ alg, typ, x5c, 'x5t#S256': toBase64Url(sha256(certificate)) }, payload, sign);
}

/**
 * A DPoP proof for one request.
 *
 * Shape:  `url` without query and fragment; `jti` random, never used before with this key.
 * Source: RFC 9449 §4.2; `ath` of §4.3 (9).
 */
export function signProof(
  sha256: Sha256,
  session: SessionSigner,
  request: {
    readonly method: string;
    readonly url: string;
    readonly accessToken: string;
    readonly jti: string;
    readonly iatSeconds: number;
  },
): Promise<string> {
  const payload = {
    jti: request.jti,
    htm: request.method,
    htu: request.url,
    iat: request.iatSeconds,
    ath: toBase64Url(sha256(utf8(request.accessToken))),
  };
  return signJws({ alg: 'ES256', typ: 'dpop+jwt', jwk: session.jwk }, payload, session.sign);
}

function actPayload(sha256: Sha256, act: ActTerms): JsonObject {
  const { account, platform, openingId, command, type, data, headSeen, iatSeconds } = act;
  return {
    v: 1,
    iss: account,
    aud: platform,
    openingId,
    command,
    type,
    bodySha256: bodySha256(sha256, data),
    headSeen,
    iat: iatSeconds,
  };
}

async function signJws(
  header: JsonObject,
  payload: JsonObject,
  sign: (data: Uint8Array) => Promise<Uint8Array>,
): Promise<string> {
  const input = [header, payload].map((part) => toBase64Url(utf8(canonicalise(part)))).join('.');
  return `${input}.${toBase64Url(await sign(utf8(input)))}`;
}
