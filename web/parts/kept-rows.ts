/** Keeps the rows of a long list as they were drawn for as long as they show the same: of a thousand only what changed is drawn again. */
import type { JSX } from 'preact';
import { useRef } from 'preact/hooks';

type Kept = { readonly shows: readonly unknown[]; readonly row: JSX.Element };

/** Draws a row, or gives it back as it was. Shape: `shows` is all that it is drawn from, compared one by one. */
export type KeepRow = (key: string | number, shows: readonly unknown[], draw: () => JSX.Element) => JSX.Element;

/** For one list of a component; rows that are gone are forgotten with the component. */
export function useKeptRows(): KeepRow {
  const { current: kept } = useRef(new Map<string | number, Kept>());
  return (key, shows, draw) => {
    const before = kept.get(key);
    // The very same element again: then nothing below it is looked at.
    if (before !== undefined && shows.every((each, i) => Object.is(each, before.shows[i]))) return before.row;
    const row = draw();
    kept.set(key, { shows, row });
    return row;
  };
}
