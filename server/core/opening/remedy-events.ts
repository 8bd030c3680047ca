// What can happen in a remedy: opened for named bids, a kept key received, closed by the clock.
import * as Type from 'typebox';
import { BidderNumber, DigestText, InstantText } from './details.ts';
import { type FieldRules, person } from './field-rules.ts';
import { ShareKeySchema } from './layer-events.ts';

const strict = { additionalProperties: false } as const;

export const REMEDY_EVENTS = {
  RemedyOpened: {
    body: Type.Object(
      { opensAt: InstantText, closesAt: InstantText, bids: Type.Array(BidderNumber, { minItems: 1 }) },
      strict,
    ),
    withheld: person,
  },
  BackupReceived: {
    body: Type.Object({ bidder: BidderNumber, attempt: Type.Integer({ minimum: 1 }), jweSha256: DigestText }, strict),
    withheld: person,
  },
  /** `sharesBy` and `shareKey` as of a window's end. */
  RemedyClosed: {
    body: Type.Object(
      { effectiveAt: InstantText, sharesBy: Type.Optional(InstantText), shareKey: Type.Optional(ShareKeySchema) },
      strict,
    ),
    withheld: {},
  },
} as const satisfies Record<
  string,
  { readonly body: Type.TSchema; readonly withheld: Readonly<Record<string, FieldRules>> }
>;
