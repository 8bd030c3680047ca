/** The shapes that several addresses take or answer; the API's description is made from them. */
import * as Type from 'typebox';
import { OpeningId } from '../core/opening/details.ts';
import { PEOPLE } from '../core/opening/roles.ts';

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
