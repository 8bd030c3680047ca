/** What somebody has begun to write in the dialog of an act: it outlives a page that is loaded again, until the act was taken. */
import type { OpeningState } from '../../server/core/opening/state.ts';
import { keepText, keptText } from '../parts/kept-text.ts';
import type { Offer } from './act-rows.ts';

/** Whom or what an act was chosen for; words about one of them are no words about the next. */
const TARGETS = ['bidder', 'objection', 'notice', 'point'] as const;

export type TypedWords = {
  kept(name: string): string | null;
  keep(name: string, words: string): void;
  forget(): void;
};

/** Shape: `account` is whose words they are: the next person at this computer does not find them. */
export function typedOf(
  { openingId }: Pick<OpeningState, 'openingId'>,
  account: string,
  {
    offer,
    preset,
  }: { readonly offer: Pick<Offer, 'type' | 'fields'>; readonly preset: Readonly<Record<string, string>> },
): TypedWords {
  const about = TARGETS.flatMap((target) => (preset[target] === undefined ? [] : [`${target} ${preset[target]}`]));
  const keyOf = (name: string): string => ['kaibiao.typed', openingId, account, offer.type, ...about, name].join(' ');
  return {
    kept: (name) => keptText(keyOf(name), 'tab'),
    keep: (name, words) => void keepText(keyOf(name), words, 'tab'),
    forget() {
      for (const { name } of offer.fields) keepText(keyOf(name), null, 'tab');
    },
  };
}
