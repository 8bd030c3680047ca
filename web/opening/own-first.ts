/** Puts one's own line before all others, which keep their order. */

/** Returns: the list itself where nothing is one's own. */
export function ownFirst<Row extends { readonly bidder: number }>(
  rows: readonly Row[],
  own: number | null,
): readonly Row[] {
  const mine = own === null ? undefined : rows.find(({ bidder }) => bidder === own);
  return mine === undefined ? rows : [mine, ...rows.filter((row) => row !== mine)];
}
