/** The shapes of the disclosed values that pages read; a value of another shape is refused before anything shows it. */
import * as Type from 'typebox';
import { Check } from 'typebox/schema';
import { BidderNumber, MessageText, ReasonText } from '../../server/core/opening/details.ts';
import type { EventType } from '../../server/core/opening/events.ts';
import { QuoteRowSchema } from '../../server/core/opening/quote-rounds.ts';
import {
  LodgementSchema,
  PriceRowSchema,
  RegisterCountsSchema,
  RosterRowSchema,
} from '../../server/core/opening/rows.ts';

const Numbers = Type.Array(BidderNumber);

const FIELD_SHAPES: Readonly<Partial<Record<EventType, Readonly<Record<string, Type.TSchema>>>>> = {
  BidsSealed: { lodgements: Type.Array(LodgementSchema), counts: RegisterCountsSchema },
  RosterPublished: { roster: Type.Array(RosterRowSchema), numbers: Numbers },
  PricesAnnounced: { rows: Type.Array(PriceRowSchema), numbers: Numbers },
  DrawingVoidProposed: { reason: ReasonText },
  DrawingVoided: { reason: ReasonText },
  QuotesReleased: { rows: Type.Array(QuoteRowSchema) },
  RulingGiven: { reason: ReasonText },
  RecordRefused: { reason: ReasonText },
  Said: { text: MessageText },
  SaidInPrivate: { text: MessageText },
  NoticeGiven: { text: ReasonText },
  Muted: { reason: ReasonText },
  BidRevoked: { reason: ReasonText },
  ObjectionRaised: { text: ReasonText },
  ObjectionAnswered: { text: ReasonText },
  AnswerDisputed: { reason: ReasonText },
  OpeningResumed: { reason: ReasonText },
};

/** Whether a disclosed value has the shape its field is read in; fields that no page reads may hold anything. */
export function isInForm(type: EventType, field: string, value: unknown): boolean {
  const shape = FIELD_SHAPES[type]?.[field];
  return shape === undefined || Check(shape, value);
}
