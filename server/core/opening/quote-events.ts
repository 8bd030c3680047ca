// What can happen in a round of quotes: started, a sealed quote received without saying whose, all released together.
import * as Type from 'typebox';
import { DigestText, InstantText, WindowKeySchema } from './details.ts';
import { type FieldRules, person, toAllUnlessSecret } from './field-rules.ts';

const strict = { additionalProperties: false } as const;
const Round = Type.Integer({ minimum: 1 });

/** Nobody learns before the end who has quoted, those who conduct and supervise included. */
const atTheEnd = {
  who: [{ to: 'conducting', from: 'QuotesReleased' }],
  source: [{ to: 'oversight', from: 'QuotesReleased' }],
  act: [{ to: 'oversight', from: 'QuotesReleased' }],
  quoter: [{ to: 'participants', from: 'QuotesReleased' }],
  sealed: [{ to: 'oversight', from: 'QuotesReleased' }],
} as const satisfies Record<string, FieldRules>;

export const QUOTE_EVENTS = {
  QuoteRoundStarted: {
    body: Type.Object(
      {
        round: Round,
        kid: DigestText,
        roundKey: WindowKeySchema,
        holders: Type.Array(Type.String({ minLength: 1 })),
        closesAt: InstantText,
      },
      strict,
    ),
    withheld: person,
  },
  QuoteReceived: { body: Type.Object({ round: Round, commitment: DigestText }, strict), withheld: atTheEnd },
  QuotesReleased: {
    body: Type.Object(
      {
        round: Round,
        effectiveAt: InstantText,
        quoted: Type.Integer({ minimum: 0 }),
        declined: Type.Integer({ minimum: 0 }),
      },
      strict,
    ),
    withheld: { rows: toAllUnlessSecret },
  },
} as const satisfies Record<
  string,
  { readonly body: Type.TSchema; readonly withheld: Readonly<Record<string, FieldRules>> }
>;
