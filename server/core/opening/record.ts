// The opening record 开标记录 as data: its form, that of its public version, and the digest that is signed.
import * as Type from 'typebox';
import { canonicalise, type Json } from '../log/canonical.ts';
import { BidderNumber, DetailsSchema, DigestText, InstantText, Name, OpeningId } from './details.ts';
import { MoneyText, PROFILE_NAMES } from './policy.ts';
import { CreditCode, PriceRowSchema, QuoteSchema } from './rows.ts';

const strict = { additionalProperties: false } as const;

/** A key that was held in shares. */
const SharedKey = {
  holders: Type.Integer({ minimum: 2 }),
  threshold: Type.Integer({ minimum: 2 }),
  given: Type.Integer({ minimum: 0 }),
  closedAt: InstantText,
};

/** What of an announced row stands in the record; the opening list itself stays with the announcement. */
const RecordPriceSchema = Type.Object(
  {
    quote: QuoteSchema,
    duration: PriceRowSchema.properties.duration,
    quality: PriceRowSchema.properties.quality,
    manager: PriceRowSchema.properties.manager,
    overCeiling: Type.Boolean({ description: 'over the ceiling price: flagged, nothing is rejected (87号令59)' }),
  },
  strict,
);

const line = {
  bidder: BidderNumber,
  name: Name,
  creditCode: CreditCode,
  lodgedAt: InstantText,
  checkedIn: Type.Boolean(),
  envelopeSha256: DigestText,
  decryption: Type.Enum(['decrypted', 'revoked', 'deemed_revoked', 'deemed_withdrawn', 'unknown']),
  revokedAt: Type.Optional({
    ...InstantText,
    description:
      'only where its bidder revoked it after the deadline, opened or not; the bid bond may be kept (条例35)',
  }),
};

/** One bidder's line of the record. A price stands there only when the bid was opened. */
const RecordLineSchema = Type.Object({ ...line, price: Type.Union([RecordPriceSchema, Type.Null()]) }, strict);
export type RecordLine = Type.Static<typeof RecordLineSchema>;

const PublicLineSchema = Type.Object({ ...line, priceWithheld: Type.Boolean() }, strict);

const { title, project, lot, tenderer, agency, place } = DetailsSchema.properties;

const members = {
  v: Type.Literal(1),
  openingId: OpeningId,
  log: Type.String({ description: 'origin of the log on which every line can be checked' }),
  version: Type.Integer({ minimum: 1 }),
  rehearsal: Type.Boolean(),
  profile: Type.Enum(PROFILE_NAMES),
  articles: Type.Object({ record: Type.String(), fault: Type.String() }, strict),
  title,
  project,
  lot,
  tenderer,
  agency,
  place,
  openingAt: InstantText,
  window: Type.Object(
    { opensAt: InstantText, closedAt: InstantText, extendedMs: Type.Integer({ minimum: 0 }) },
    strict,
  ),
  draw: Type.Optional(
    Type.Object(
      { round: Type.Integer({ minimum: 1 }), coefficient: Type.String({ minLength: 1 }) },
      { ...strict, description: 'where the policy drew one: the round and what came of it' },
    ),
  ),
  layer: Type.Optional(
    Type.Object(SharedKey, {
      ...strict,
      description: 'where bids had a second layer: how many held its key, how many were needed, how many gave',
    }),
  ),
  blindWindow: Type.Optional(
    Type.Object(SharedKey, { ...strict, description: 'the same of the window key, where the window was blind' }),
  ),
  ceilingPrice: Type.Union([MoneyText, Type.Null()]),
  currency: Type.String({ pattern: '^[A-Z]{3}$' }),
  objections: Type.Array(
    Type.Object(
      {
        objection: Type.Integer({ minimum: 1 }),
        bidder: Type.Union([BidderNumber, Type.Null()], {
          description: 'null: raised before the roster by someone without a standing bid',
        }),
        status: Type.Enum(['open', 'answered', 'disputed']),
        raisedAt: InstantText,
      },
      strict,
    ),
  ),
  cosignerQuorum: Type.Integer({ minimum: 0 }),
};

/** One round of quotes; null is a bidder that declined (采购法38(5)). */
const RecordRoundSchema = Type.Object(
  {
    round: Type.Integer({ minimum: 1 }),
    opensAt: InstantText,
    closedAt: InstantText,
    quotes: Type.Array(Type.Object({ bidder: BidderNumber, quote: Type.Union([QuoteSchema, Type.Null()]) }, strict)),
  },
  strict,
);

/** The opening record 开标记录: its RFC 8785 form is the original (20号令62), what bidders sign is that form's digest. */
export const OpeningRecordSchema = Type.Object(
  {
    ...members,
    lines: Type.Array(RecordLineSchema),
    rounds: Type.Optional(Type.Array(RecordRoundSchema)),
    note: Type.String(),
  },
  { ...strict, $id: 'opening-record', title: '开标记录 opening record' },
);
export type OpeningRecord = Type.Static<typeof OpeningRecordSchema>;

/** What the public reads instead where prices are secret: every line without its price, and the original's digest. */
export const PublicRecordSchema = Type.Object(
  { ...members, form: Type.Literal('public'), originalSha256: DigestText, lines: Type.Array(PublicLineSchema) },
  { ...strict, $id: 'public-opening-record', title: '开标记录（公开版）public form of an opening record' },
);
export type PublicRecord = Type.Static<typeof PublicRecordSchema>;

/** The digest that bidders sign: base64url SHA-256 of the record's canonical bytes. */
export function recordDigest(record: Json, digest: (text: string) => string): string {
  return digest(canonicalise(record));
}
