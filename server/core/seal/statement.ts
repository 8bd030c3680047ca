/** Signed statements about bids: compact JWS with a fixed `typ`, read strictly and prepared for signing; it verifies no signature and no certificate. */
import * as Type from 'typebox';
import { Check } from 'typebox/schema';
import { fromBase64Url, toBase64Url } from '../log/base64.ts';
import { canonicalise, type Json, parseCanonical } from '../log/canonical.ts';
import { LogFormatError } from '../log/error.ts';
import { fromUtf8, utf8 } from '../log/utf8.ts';
import { DigestText, InstantText, OpeningId } from '../opening/details.ts';
import { CreditCode } from '../opening/rows.ts';

/** A statement with a chain of RSA-4096 certificates stays well below. */
export const STATEMENT_LIMIT_CHARACTERS = 65_536;
/** What a CA key may sign with; the private label `SM2SM3` is not accepted yet. */
export const STATEMENT_ALGORITHMS = ['RS256', 'PS256', 'ES256'] as const;
export type StatementAlgorithm = (typeof STATEMENT_ALGORITHMS)[number];

/** 128 random bits, base64url. */
export const RandomId = Type.String({ pattern: '^[A-Za-z0-9_-]{22}$' });
export const PlatformName = Type.String({ minLength: 1, maxLength: 100 });

/** What every statement of a bidder says first. */
export const statementFields = {
  v: Type.Literal(1),
  /** 统一社会信用代码 of the bidder. */
  iss: CreditCode,
  aud: PlatformName,
  openingId: OpeningId,
  lotId: Type.String({ minLength: 1, maxLength: 200 }),
  bidId: RandomId,
  /** The bidder's clock; a claim, the time of receipt is the fact. */
  iat: InstantText,
  /** Also the command id under which the act is submitted. */
  jti: RandomId,
} as const;

const HeaderSchema = Type.Object(
  {
    alg: Type.Union(STATEMENT_ALGORITHMS.map((name) => Type.Literal(name))),
    typ: Type.String({ minLength: 1, maxLength: 40 }),
    x5c: Type.Array(Type.String({ minLength: 1 }), { minItems: 1, maxItems: 8 }),
    'x5t#S256': DigestText,
  },
  { additionalProperties: false },
);
export type StatementHeader = Type.Static<typeof HeaderSchema>;

export type Statement = {
  header: StatementHeader;
  payload: Json;
  /** The decoded payload: its SHA-256 names the statement, the text of a JWS is malleable and never does. */
  payloadBytes: Uint8Array;
  /** What `signature` signs. */
  signingInput: Uint8Array;
  signature: Uint8Array;
};

/**
 * Splits a compact JWS whose protected header names `typ`.
 *
 * Shape:   base64url without padding or spare bits, payload in RFC 8785 form, no header member beyond alg, typ, x5c, x5t#S256.
 * Returns: the parts, or undefined for anything else.
 */
export function splitStatement(text: string, typ: string): Statement | undefined {
  if (text.length > STATEMENT_LIMIT_CHARACTERS) return undefined;
  const parts = text.split('.');
  const [protectedText, payloadText, signatureText] = parts;
  if (parts.length !== 3 || !protectedText || !payloadText || !signatureText) return undefined;
  try {
    const header: unknown = JSON.parse(fromUtf8(fromBase64Url(protectedText)));
    if (!Check(HeaderSchema, header) || header.typ !== typ) return undefined;
    const payloadBytes = fromBase64Url(payloadText);
    return {
      header,
      payload: parseCanonical(fromUtf8(payloadBytes)),
      payloadBytes,
      signingInput: utf8(`${protectedText}.${payloadText}`),
      signature: fromBase64Url(signatureText),
    };
  } catch (error) {
    if (error instanceof LogFormatError || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** The bytes to sign for a statement, and how to finish it. The header's names stand in RFC 8785 order. */
export function prepareStatement(
  header: StatementHeader,
  payload: Json,
): { signingInput: Uint8Array; finish(signature: Uint8Array): string } {
  const input = [header, payload].map((part) => toBase64Url(utf8(canonicalise(part)))).join('.');
  return {
    signingInput: utf8(input),
    finish: (signature) => `${input}.${toBase64Url(signature)}`,
  };
}

/** The first of `expected`'s members that `payload` does not carry with the same value. */
export function findDifference<Payload extends Record<string, unknown>>(
  payload: Payload,
  expected: Partial<Payload>,
): (keyof Payload & string) | undefined {
  return Object.keys(expected).find((field) => payload[field] !== expected[field]);
}
