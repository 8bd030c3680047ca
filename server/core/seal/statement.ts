/** Signed statements about bids: what all of them say, and how they are named; `signByCertificate` of core/pki signs them, `checkAct` of core/log checks them. */
import * as Type from 'typebox';
import { toBase64Url } from '../log/base64.ts';
import { canonicalise, type Json } from '../log/canonical.ts';
import type { Sha256 } from '../log/hash.ts';
import { utf8 } from '../log/utf8.ts';
import { OpeningId } from '../opening/details.ts';
import { CreditCode } from '../opening/rows.ts';

/** 128 random bits, base64url. */
export const RANDOM_ID_BYTES = 16;
export const RandomId = Type.String({ pattern: '^[A-Za-z0-9_-]{21}[AQgw]$' });
export const PlatformName = Type.String({ minLength: 1, maxLength: 100 });
export const LotId = Type.String({ minLength: 1, maxLength: 200 });

/** What every statement of a bidder says first. */
export const statementFields = {
  v: Type.Literal(1),
  /** 统一社会信用代码 of the bidder. */
  iss: CreditCode,
  aud: PlatformName,
  openingId: OpeningId,
  lotId: LotId,
  bidId: RandomId,
  /** Seconds since 1970 by the bidder's clock: a claim, the time of receipt is the fact. */
  iat: Type.Integer({ minimum: 0 }),
  /** Also the command id under which the act is submitted. */
  jti: RandomId,
} as const;

/**
 * The name of a statement or receipt: base64url of SHA-256 over the RFC 8785 form of its payload.
 *
 * Why: the text of a JWS is malleable (signature, header, order of members), so its hash names nothing.
 */
export function payloadSha256(sha256: Sha256, payload: Json): string {
  return toBase64Url(sha256(utf8(canonicalise(payload))));
}

/** The first of `expected`'s members that `payload` does not carry with the same value. */
export function findDifference<Payload extends Record<string, unknown>>(
  payload: Payload,
  expected: Partial<Payload>,
): (keyof Payload & string) | undefined {
  return Object.keys(expected).find((field) => payload[field] !== expected[field]);
}
