/** The shapes that several addresses take or answer; the API's description is made from them. */
import * as Type from 'typebox';
import { fromBase64 } from '../core/log/base64.ts';
import { LogFormatError } from '../core/log/error.ts';
import { OpeningId } from '../core/opening/details.ts';
import { PEOPLE } from '../core/opening/roles.ts';
import { OCSP_LIMIT_BYTES } from '../core/pki/ocsp.ts';

export const strict = { additionalProperties: false } as const;

/** A compact JWS; how long it may be is the format's to say, this only keeps nonsense out. */
export const JwsText = Type.String({
  pattern: '^[A-Za-z0-9_-]+\\.[A-Za-z0-9_-]+\\.[A-Za-z0-9_-]+$',
  maxLength: 65_536,
});
/** The caller's own id of a command: printable ASCII, as entries hold it. */
export const CommandId = Type.String({ pattern: '^[\\x21-\\x7e]{1,128}$' });
export const RoleName = Type.Enum(PEOPLE);
/** Queries are text; a number in one is written without sign, leading zeros or exponent. */
export const AfterText = Type.String({ pattern: '^(-1|0|[1-9][0-9]{0,14})$' });
/** How many of a list, as text. */
export const LimitText = Type.String({ pattern: '^([1-9][0-9]?|[1-4][0-9]{2}|500)$', description: '1 to 500' });
/** How many when nothing is said. */
export const DEFAULT_LIMIT = 200;
export const Base64Text = Type.String({ pattern: '^[A-Za-z0-9+/]+={0,2}$', maxLength: 65_536 });

export const OpeningParams = Type.Object({ openingId: OpeningId }, strict);

/** The answer to an accepted command: what to keep. */
export const AcceptedSchema = Type.Object({
  seqs: Type.Array(Type.Integer()),
  entries: Type.Array(Type.String(), { description: 'exact leaf texts' }),
  checkpoint: Type.Union([Type.String(), Type.Null()]),
  proofs: Type.Array(Type.String(), { description: 'one .tlog-proof for each entry' }),
  receipt: Type.Union([Type.String(), Type.Null()], { description: 'compact JWS of the platform' }),
  actId: Type.Union([Type.String(), Type.Null()]),
});

/** Disclosures by the seq of the entry they open. */
export const DisclosuresSchema = Type.Record(Type.String({ pattern: '^[0-9]{1,15}$' }), Type.Array(Type.String()));

/** OCSP responses that come with one request. */
export const STAPLES_LIMIT = 4;
/** Stapled OCSP responses, DER in base64, of the certificate that signed and of those above it. */
export const Staples = Type.Array(
  Type.String({ pattern: '^[A-Za-z0-9+/]+={0,2}$', maxLength: Math.ceil(OCSP_LIMIT_BYTES / 3) * 4 }),
  { minItems: 1, maxItems: STAPLES_LIMIT },
);

/** Their bytes, as a question of trust takes them; one that is no base64 says nothing, as one that cannot be read. */
export function stapled(texts: readonly string[] | undefined): { ocsp?: Uint8Array[] } {
  return texts === undefined ? {} : { ocsp: texts.flatMap(decoded) };
}

function decoded(text: string): Uint8Array[] {
  try {
    return [fromBase64(text)];
  } catch (error) {
    if (error instanceof LogFormatError) return [];
    throw error;
  }
}
