// The lists that travel in withheld fields: lodgements, roster, price rows, the early objections, and the counts of the register.
import * as Type from 'typebox';
import { BidderNumber, DigestText, InstantText, Name } from './details.ts';
import { DecimalText } from './policy.ts';

const strict = { additionalProperties: false } as const;
export const CreditCode = Type.String({ pattern: '^[0-9A-HJ-NPQRTUWXY]{18}$' });

/**
 * What a bid with two layers promises of its inner one, which is sealed to the opening key; the members beside it are of the outer one.
 *
 * Source: seal/LAYERS.md.
 */
export const LayerPromiseSchema = Type.Object(
  {
    /** Over the DER of the opening key's certificate, as it stands on the log. */
    openingCertSha256: DigestText,
    /** Of the inner content key: it is another than the outer one. */
    cekCommit: DigestText,
    /** Of the archive, under the inner content key. */
    contentCommit: DigestText,
  },
  strict,
);
export type LayerPromise = Type.Static<typeof LayerPromiseSchema>;

/** One standing bid at the deadline: the promises its bidder signed (seal-format §2). Ordered by credit code. */
export const LodgementSchema = Type.Object(
  {
    creditCode: CreditCode,
    name: Name,
    bidId: Type.String({ minLength: 1, maxLength: 64 }),
    envelopeSha256: DigestText,
    envelopeBytes: Type.Integer({ minimum: 1 }),
    recipientInfosSha256: DigestText,
    openingListCommit: DigestText,
    cekCommit: DigestText,
    contentCommit: DigestText,
    /** Only where the policy asks for a second layer. */
    layer: Type.Optional(LayerPromiseSchema),
    receiptSha256: DigestText,
    lodgedAt: InstantText,
  },
  strict,
);
export type Lodgement = Type.Static<typeof LodgementSchema>;

/** By which certificates a standing bid was lodged and is sealed, and what each was judged by then (log/FORMAT.md); in the order of the lodgements. */
export const LodgementCertificatesSchema = Type.Object(
  {
    certSha256: DigestText,
    judgement: Type.Union([DigestText, Type.Null()]),
    encCertSha256: DigestText,
    encryptionJudgement: Type.Union([DigestText, Type.Null()]),
  },
  strict,
);
export type LodgementCertificates = Type.Static<typeof LodgementCertificatesSchema>;

/** One row of the roster 投标人名单, in the order of the lodgements; bond shown, never used to drop a bidder. */
export const RosterRowSchema = Type.Object(
  {
    creditCode: CreditCode,
    name: Name,
    envelopeSha256: DigestText,
    lodgedAt: InstantText,
    checkedIn: Type.Boolean(),
  },
  strict,
);
export type RosterRow = Type.Static<typeof RosterRowSchema>;

export const QuoteSchema = Type.Object(
  {
    kind: Type.Union([Type.Literal('total'), Type.Literal('rate'), Type.Literal('unit')]),
    amount: DecimalText,
    currency: Type.String({ pattern: '^[A-Z]{3}$' }),
    unit: Type.String({ maxLength: 40 }),
    inWords: Type.String({ maxLength: 200 }),
  },
  strict,
);

/** One row of the announcement 唱标. `openingList` is the disclosure whose digest the bidder signed before the deadline. */
export const PriceRowSchema = Type.Object(
  {
    bidder: BidderNumber,
    creditCode: CreditCode,
    name: Name,
    quote: QuoteSchema,
    duration: Type.String({ maxLength: 200 }),
    quality: Type.String({ maxLength: 200 }),
    manager: Type.String({ maxLength: 200 }),
    overCeiling: Type.Boolean(),
    openingList: Type.String({ minLength: 1 }),
  },
  strict,
);
export type PriceRow = Type.Static<typeof PriceRowSchema>;

/** What the register has seen by the deadline. receipts = standing + replaced + withdrawn. */
export const RegisterCountsSchema = Type.Object(
  {
    receipts: Type.Integer({ minimum: 0 }),
    standing: Type.Integer({ minimum: 0 }),
    replaced: Type.Integer({ minimum: 0 }),
    withdrawn: Type.Integer({ minimum: 0 }),
  },
  strict,
);
export type RegisterCounts = Type.Static<typeof RegisterCountsSchema>;

/**
 * Whether amount a is greater than amount b, both as DecimalText.
 *
 * Why: decimal strings compared digit by digit; money never passes through a float.
 */
export function isGreaterAmount(a: string, b: string): boolean {
  const [ai = '', af = ''] = a.split('.');
  const [bi = '', bf = ''] = b.split('.');
  if (ai.length !== bi.length) return ai.length > bi.length;
  if (ai !== bi) return ai > bi;
  return af.padEnd(6, '0') > bf.padEnd(6, '0');
}
