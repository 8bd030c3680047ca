// The shapes of those withheld values that the fold keeps: a disclosure may be well committed to and still be no roster.
import * as Type from 'typebox';
import { Check } from 'typebox/schema';
import { BidderNumber, MessageText, ReasonText } from './details.ts';
import { SealedText } from './drawing-events.ts';
import type { EventType } from './events.ts';
import { QuoteRowSchema } from './quote-rounds.ts';
import { OpeningRecordSchema, PublicRecordSchema } from './record.ts';
import {
  LodgementCertificatesSchema,
  LodgementSchema,
  PriceRowSchema,
  RegisterCountsSchema,
  RosterRowSchema,
} from './rows.ts';
import { AccountId, AssignmentSchema } from './staff.ts';

const Numbers = Type.Array(BidderNumber);

/** By event and field. A field that is not here is carried as it is, for people to read; nothing folds it. */
export const FIELD_SHAPES: Readonly<Partial<Record<EventType, Readonly<Record<string, Type.TSchema>>>>> = {
  OpeningCreated: { assignments: Type.Array(AssignmentSchema) },
  RoleAssigned: { account: AccountId },
  RoleWithdrawn: { account: AccountId },
  BidsSealed: { lodgements: Type.Array(LodgementSchema), counts: RegisterCountsSchema },
  RosterPublished: {
    roster: Type.Array(RosterRowSchema),
    numbers: Numbers,
    certificates: Type.Array(LodgementCertificatesSchema),
  },
  PricesAnnounced: { rows: Type.Array(PriceRowSchema), numbers: Numbers },
  QuotesReleased: { rows: Type.Array(QuoteRowSchema) },
  QuoteReceived: { quoter: BidderNumber, sealed: SealedText },
  RecordIssued: { record: OpeningRecordSchema, publicRecord: Type.Union([PublicRecordSchema, Type.Null()]) },
  Said: { text: MessageText },
  SaidInPrivate: { text: MessageText },
  NoticeGiven: { text: ReasonText },
  ObjectionRaised: { text: ReasonText },
  ObjectionAnswered: { text: ReasonText },
};

/** Whether a value is of a schema's shape; `Check`, or what answers the same and faster. */
export type CheckShape = (schema: Type.TSchema, value: unknown) => boolean;

/** Has this withheld value the shape its event gives it? Fields without a shape hold anything. */
export function fitsField(type: EventType, field: string, value: unknown, check: CheckShape = Check): boolean {
  const shape = FIELD_SHAPES[type]?.[field];
  return shape === undefined || check(shape, value);
}
