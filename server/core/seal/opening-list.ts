/** The opening list 开标一览表, the first file of every bid: its shape and its one spelling; it judges no price. */
import * as Type from 'typebox';
import { Check } from 'typebox/schema';
import { parseCanonical } from '../log/canonical.ts';
import { LogFormatError } from '../log/error.ts';
import { fromUtf8 } from '../log/utf8.ts';
import { Name } from '../opening/details.ts';
import { CreditCode, QuoteSchema } from '../opening/rows.ts';

export const OPENING_LIST_NAME = 'opening-list.json';
export const OPENING_LIST_LIMIT_BYTES = 262_144;
export const OPENING_LIST_VERSION = 1;

export const COLUMN_TITLE_LIMIT = 100;
export const COLUMN_TEXT_LIMIT = 2_000;

/** Why: Type.Record asks nothing of a name but a pattern, and one in which a line break stands does not match it at all. */
const Columns = Type.Unsafe<Record<string, string>>({
  type: 'object',
  propertyNames: Type.String({ minLength: 1, maxLength: COLUMN_TITLE_LIMIT }),
  additionalProperties: Type.String({ maxLength: COLUMN_TEXT_LIMIT }),
});

/** `quote.inWords` 大写 is carried as the bidder wrote it: words prevail over figures (87号令59), people compare them. */
export const OpeningListSchema = Type.Object(
  {
    v: Type.Literal(OPENING_LIST_VERSION),
    lotId: Name,
    creditCode: CreditCode,
    name: Name,
    quote: QuoteSchema,
    duration: Type.String({ maxLength: 200 }),
    quality: Type.String({ maxLength: 200 }),
    manager: Type.String({ maxLength: 200 }),
    /** Whatever else the tender asks for, column title to text. */
    columns: Columns,
  },
  { additionalProperties: false },
);
export type OpeningList = Type.Static<typeof OpeningListSchema>;

export const OPENING_LIST_PROBLEMS = ['too_long', 'not_canonical', 'not_in_form'] as const;
export type OpeningListProblem = (typeof OPENING_LIST_PROBLEMS)[number];

/**
 * Reads the bytes of `opening-list.json`.
 *
 * Shape:   RFC 8785 bytes, at most OPENING_LIST_LIMIT_BYTES.
 * Returns: the list, or what is wrong with the bytes.
 * Why:     with one spelling only, no two readers can see two prices in the same file (repeated names, other escapes).
 */
export function readOpeningList(bytes: Uint8Array): { list: OpeningList } | { problem: OpeningListProblem } {
  if (bytes.length > OPENING_LIST_LIMIT_BYTES) return { problem: 'too_long' };
  try {
    const list: unknown = parseCanonical(fromUtf8(bytes));
    return Check(OpeningListSchema, list) ? { list } : { problem: 'not_in_form' };
  } catch (error) {
    if (error instanceof LogFormatError) return { problem: 'not_canonical' };
    throw error;
  }
}
