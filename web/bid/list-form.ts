/** The opening list 开标一览表 out of what its bidder filled in, or what of it is not in form. */
import { Check } from 'typebox/schema';
import { amountInWords } from '../../server/core/opening/amount-in-words.ts';
import { OPENING_LIST_VERSION, type OpeningList, OpeningListSchema } from '../../server/core/seal/opening-list.ts';
import { plainAmount } from '../parts/amount.ts';

/** The fields of the form, as their names stand in it; `columns` has a line for each, `title: text`. */
export const LIST_FIELDS = ['kind', 'amount', 'unit', 'inWords', 'duration', 'quality', 'manager', 'columns'] as const;
export type ListField = (typeof LIST_FIELDS)[number];
export type FilledList = Readonly<Record<ListField, string>>;

const KINDS = ['total', 'rate', 'unit'] as const;

/**
 * Reads the form.
 *
 * Returns: the field that is not in form first.
 * Why:     the amount in words is made from the figures where it was left empty, for words prevail over figures (87号令59) and nobody should
 *          mistype them; what the bidder wrote stands as written.
 */
export function readListForm(
  filled: FilledList,
  about: { readonly lotId: string; readonly creditCode: string; readonly name: string },
): { readonly list: OpeningList } | { readonly wrong: ListField } {
  const text = (field: ListField): string => filled[field].normalize('NFC').trim();
  const kind = KINDS.find((known) => known === text('kind'));
  if (kind === undefined) return { wrong: 'kind' };
  const amount = plainAmount(text('amount'));
  if (amount === null) return { wrong: 'amount' };
  const columns = readColumns(text('columns'));
  if (columns === null) return { wrong: 'columns' };
  const written = text('inWords');
  const inWords = written === '' && kind === 'total' ? (amountInWords(amount) ?? '') : written;
  const list: OpeningList = {
    v: OPENING_LIST_VERSION,
    ...about,
    quote: { kind, amount, currency: 'CNY', unit: text('unit'), inWords },
    duration: text('duration'),
    quality: text('quality'),
    manager: text('manager'),
    columns,
  };
  if (Check(OpeningListSchema, list)) return { list };
  const tooLong = LIST_FIELDS.find((field) => text(field).length > (field === 'unit' ? 40 : 200));
  return { wrong: tooLong ?? 'columns' };
}

function readColumns(text: string): Record<string, string> | null {
  const columns: Record<string, string> = {};
  for (const line of text.split('\n').filter((each) => each.trim() !== '')) {
    const [, title, value] = /^\s*([^:：]+?)\s*[:：]\s*(.*?)\s*$/.exec(line) ?? [];
    if (title === undefined || value === undefined || Object.hasOwn(columns, title)) return null;
    columns[title] = value;
  }
  return columns;
}
