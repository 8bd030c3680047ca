// The opening record 开标记录 as data: built from the state alone, so that anyone who may see the state can build it again.
import * as Type from 'typebox';
import { canonicalise, type Json } from '../log/canonical.ts';
import { formatInstant } from '../log/instant.ts';
import { BidderNumber, DetailsSchema, DigestText, InstantText, Name, OpeningId } from './details.ts';
import type { RegisterFacts } from './facts.ts';
import { layerRules, sharingRules } from './layer.ts';
import { MoneyText, type Policy, PROFILE_NAMES, PROFILES } from './policy.ts';
import { CreditCode, type PriceRow, PriceRowSchema, QuoteSchema } from './rows.ts';
import { type Bid, type OpeningState, outcomeOf } from './state.ts';

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
type RecordLine = Type.Static<typeof RecordLineSchema>;

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

/**
 * The record of this state.
 *
 * Asserts: prices are announced and the window is closed; roster and numbers are the register's.
 * Source:  20号令32, 62: this JSON is the original, every other form a view of it.
 */
export function buildRecord(
  state: OpeningState,
  register: Pick<RegisterFacts, 'roster' | 'numbers'>,
  version: number,
  note: string,
): OpeningRecord {
  const { window, prices } = state;
  if (window?.closed == null || prices?.known !== true)
    throw new Error('a record needs a closed window and announced prices');
  const articles = PROFILES[state.profile].articles;
  return {
    v: 1,
    openingId: state.openingId,
    log: `${state.platform}/opening/${state.openingId}`,
    version,
    rehearsal: state.profile === 'rehearsal',
    profile: state.profile,
    articles: { record: articles.record, fault: articles.fault },
    title: state.details.title,
    project: state.details.project,
    lot: state.details.lot,
    tenderer: state.details.tenderer,
    agency: state.details.agency,
    place: state.details.place,
    openingAt: formatInstant(state.deadlineAt),
    window: {
      opensAt: formatInstant(window.opensAt),
      closedAt: formatInstant(window.closed.at),
      extendedMs: window.extendedMs,
    },
    ...drawOf(state),
    ...sharedKeyOf(state),
    ceilingPrice: state.policy.ceilingPrice,
    currency: state.policy.currency,
    lines: state.bids.map((bid) => lineOf(bid, register, prices.value)),
    ...roundsOf(state),
    objections: state.objections.map((o) => ({
      objection: o.objection,
      bidder: o.bidder,
      status: o.status,
      raisedAt: formatInstant(o.raisedAt),
    })),
    cosignerQuorum: state.cosigners.quorum,
    note,
  };
}

function drawOf({ drawing }: OpeningState): Pick<OpeningRecord, 'draw'> {
  if (drawing?.coefficient == null) return {};
  return { draw: { round: drawing.round, coefficient: drawing.coefficient } };
}

function sharedKeyOf({ policy, layer }: OpeningState): Pick<OpeningRecord, 'layer' | 'blindWindow'> {
  const rules = sharingRules(policy);
  if (rules === null || layer.unsealing?.closedAt == null) return {};
  const { holders, threshold } = rules;
  const closedAt = formatInstant(layer.unsealing.closedAt);
  const shared = { holders, threshold, given: layer.given.length, closedAt };
  return layerRules(policy) === null ? { blindWindow: shared } : { layer: shared };
}

function roundsOf({ quoteRounds }: OpeningState): Pick<OpeningRecord, 'rounds'> {
  if (quoteRounds.length === 0) return {};
  const rounds = quoteRounds.map(({ round, opensAt, closesAt, rows }) => {
    if (rows?.known !== true) throw new Error('a record needs the quotes of every round');
    const quotes = rows.value.map(({ bidder, quote }) => ({ bidder, quote }));
    return { round, opensAt: formatInstant(opensAt), closedAt: formatInstant(closesAt), quotes };
  });
  return { rounds };
}

function lineOf(
  bid: Bid,
  register: Pick<RegisterFacts, 'roster' | 'numbers'>,
  prices: readonly PriceRow[],
): RecordLine {
  const row = register.roster[register.numbers.indexOf(bid.bidder)];
  if (row === undefined) throw new Error(`no roster row for bidder ${bid.bidder}`);
  const price = prices.find((p) => p.bidder === bid.bidder);
  return {
    bidder: bid.bidder,
    name: row.name,
    creditCode: row.creditCode,
    lodgedAt: row.lodgedAt,
    checkedIn: row.checkedIn,
    envelopeSha256: row.envelopeSha256,
    decryption: outcomeOf(bid),
    ...(bid.revokedAt === null ? {} : { revokedAt: formatInstant(bid.revokedAt) }),
    price:
      price === undefined
        ? null
        : {
            quote: price.quote,
            duration: price.duration,
            quality: price.quality,
            manager: price.manager,
            overCeiling: price.overCeiling,
          },
  };
}

/**
 * The form in which the public reads this record: null where it may read the original.
 *
 * Why:    where prices are secret (采购法38: nobody may tell one party's price to another or to outsiders) the record is published
 *         all the same (20号令32): who took part, what became of each bid, and the digest of what the bidders signed. The host's note is
 *         left out with the prices: it may speak of them.
 */
export function publicFormOf(
  record: OpeningRecord,
  sha256: string,
  policy: Pick<Policy, 'publicPrices'>,
): PublicRecord | null {
  if (policy.publicPrices) return null;
  const { lines, note: _note, rounds: _rounds, ...rest } = record;
  return {
    ...rest,
    form: 'public',
    originalSha256: sha256,
    lines: lines.map(({ price, ...shown }) => ({ ...shown, priceWithheld: price !== null })),
  };
}

/** The digest that bidders sign: base64url SHA-256 of the record's canonical bytes. */
export function recordDigest(record: Json, digest: (text: string) => string): string {
  return digest(canonicalise(record));
}

/** Do two versions say the same but for their number? Then a new version would only void signatures. */
export function sameContent(a: OpeningRecord, b: OpeningRecord): boolean {
  const bare = (r: OpeningRecord) => canonicalise({ ...r, version: 0 });
  return bare(a) === bare(b);
}
