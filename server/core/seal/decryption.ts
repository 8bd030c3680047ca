/** The decryption statement and the sealed content key that travels with it (seal-format §3); no key is touched here. */
import * as Type from 'typebox';
import { Check } from 'typebox/schema';
import { fromBase64Url, toBase64Url } from '../log/base64.ts';
import { canonicalise, type Json } from '../log/canonical.ts';
import { LogFormatError } from '../log/error.ts';
import type { Sha256 } from '../log/hash.ts';
import { fromUtf8, utf8 } from '../log/utf8.ts';
import { DigestText, WindowKeySchema } from '../opening/details.ts';
import { findDifference, RandomId, statementFields } from './statement.ts';

export const DECRYPTION_TYPE = 'bid-decryption+jws';
/** The same statement in the remedy: the key in it is the one that the bidder kept. */
export const BACKUP_TYPE = 'bid-backup+jws';
export type KeyStatementType = typeof DECRYPTION_TYPE | typeof BACKUP_TYPE;
export const SEALED_KEY_ALGORITHM = 'ECDH-ES+A256KW';
export const SEALED_KEY_ENCRYPTION = 'A256GCM';
/** Header, wrapped key, nonce, 32 bytes and tag come to about 500 characters. */
export const SEALED_KEY_LIMIT_CHARACTERS = 2_048;

/** A root as a checkpoint writes it: standard base64 of 32 bytes. */
const RootText = Type.String({ pattern: '^[A-Za-z0-9+/]{43}=$' });

export type WindowKey = Type.Static<typeof WindowKeySchema>;

/** RFC 7638: SHA-256 over the required members in the order of their names, which is RFC 8785's order too. */
export function windowKeyId(sha256: Sha256, { crv, kty, x, y }: WindowKey): string {
  return toBase64Url(sha256(utf8(canonicalise({ crv, kty, x, y }))));
}

export const DecryptionPayloadSchema = Type.Object(
  {
    ...statementFields,
    receiptSha256: DigestText,
    recipientInfosSha256: DigestText,
    cekCommit: DigestText,
    challengeJti: RandomId,
    /** Over the ASCII of the compact JWE. */
    jweSha256: DigestText,
    /** The head whose inclusion proof of WindowOpened the bidder's client checked: the act is a witness of the log it saw. */
    headSeen: Type.Object({ size: Type.Integer({ minimum: 1 }), root: RootText }, { additionalProperties: false }),
  },
  { additionalProperties: false },
);
export type DecryptionPayload = Type.Static<typeof DecryptionPayloadSchema>;

/** Protected header of the JWE; `jti` is the challenge's. */
export const SealedKeyHeaderSchema = Type.Object(
  {
    alg: Type.Literal(SEALED_KEY_ALGORITHM),
    enc: Type.Literal(SEALED_KEY_ENCRYPTION),
    kid: DigestText,
    jti: RandomId,
    envelopeSha256: DigestText,
    epk: WindowKeySchema,
  },
  { additionalProperties: false },
);
export type SealedKeyHeader = Type.Static<typeof SealedKeyHeaderSchema>;

/** Whether the payload that `checkAct` hands on is a decryption's. */
export function isDecryptionPayload(payload: Json): payload is DecryptionPayload {
  return Check(DecryptionPayloadSchema, payload);
}

export type DecryptionProblem = 'statement_invalid' | 'header_differs' | 'wrong_key';

/**
 * Whether a decryption statement fits what was lodged, what was asked and the JWE that came with it.
 *
 * Returns: undefined when it does; otherwise the code of DECRYPTION_FAULTS, in the order of seal-format §3: whom and what the
 *          statement is about, then the header (ours to send), then the promised key.
 */
export function checkDecryption(
  sha256: Sha256,
  payload: DecryptionPayload,
  jwe: string,
  expected: Pick<
    DecryptionPayload,
    | 'iss'
    | 'aud'
    | 'openingId'
    | 'lotId'
    | 'bidId'
    | 'receiptSha256'
    | 'challengeJti'
    | 'recipientInfosSha256'
    | 'cekCommit'
  >,
): DecryptionProblem | undefined {
  const { recipientInfosSha256, cekCommit, ...about } = expected;
  if (findDifference(payload, about) !== undefined) return 'statement_invalid';
  if (payload.jweSha256 !== toBase64Url(sha256(utf8(jwe)))) return 'statement_invalid';
  if (payload.recipientInfosSha256 !== recipientInfosSha256) return 'header_differs';
  if (payload.cekCommit !== cekCommit) return 'wrong_key';
  return undefined;
}

/** The protected header of a compact JWE. Returns: undefined unless it is exactly what a sealed key carries. */
export function readSealedKeyHeader(jwe: string): SealedKeyHeader | undefined {
  if (jwe.length > SEALED_KEY_LIMIT_CHARACTERS) return undefined;
  const parts = jwe.split('.');
  if (parts.length !== 5) return undefined;
  try {
    const header: unknown = JSON.parse(fromUtf8(fromBase64Url(parts[0] ?? '')));
    return Check(SealedKeyHeaderSchema, header) ? header : undefined;
  } catch (error) {
    if (error instanceof LogFormatError || error instanceof SyntaxError) return undefined;
    throw error;
  }
}
