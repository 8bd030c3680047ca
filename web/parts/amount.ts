/** Amounts as people read them: groups of three digits, two places for money; decimal text in, text out, never a float. */

/**
 * An amount with thousands separators: `12345678.9` → `12,345,678.90`.
 *
 * Shape: decimal text of the log; places are filled up to `leastPlaces`, none is cut off.
 */
export function formatAmount(amount: string, leastPlaces = 2): string {
  const [whole = '', decimals = ''] = amount.split('.');
  const grouped = whole.replace(/\B(?=(?:[0-9]{3})+$)/g, ',');
  const places = decimals.padEnd(leastPlaces, '0');
  return places === '' ? grouped : `${grouped}.${places}`;
}

const AMOUNT = /^(?:0|[1-9][0-9]{0,14})(?:\.[0-9]{1,6})?$/;

/** Groups of three as in figures, or of four as in 万; one and the same mark between all of them. */
const GROUPED = [/^[0-9]{1,3}(?:([,，\s])[0-9]{3}(?:\1[0-9]{3})*)?$/, /^[0-9]{1,4}([,，\s])[0-9]{4}(?:\1[0-9]{4})*$/];

/**
 * Figures as the log holds them, out of what was typed; null where it is no amount.
 *
 * Why: a mark between groups is passed over only where groups stand: `12,80` is twelve eighty to many, and must not become 1280.
 */
export function plainAmount(typed: string): string | null {
  const [whole = '', ...decimals] = typed.normalize('NFC').trim().split('.');
  const isPlain = /^[0-9]+$/.test(whole) || GROUPED.some((groups) => groups.test(whole));
  const amount = [whole.replace(/[,，\s]/g, ''), ...decimals].join('.');
  return isPlain && AMOUNT.test(amount) ? amount : null;
}
