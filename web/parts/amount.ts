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

/** Whether two decimal texts name the same amount: `1.5` and `1.50` do. */
export function isSameAmount(a: string, b: string): boolean {
  return formatAmount(a, 6) === formatAmount(b, 6);
}

const AMOUNT = /^(?:0|[1-9][0-9]{0,14})(?:\.[0-9]{1,6})?$/;

/** Figures as the log holds them, out of what was typed: thousands may be set apart as people do; null where it is no amount. */
export function plainAmount(typed: string): string | null {
  const amount = typed.normalize('NFC').replace(/[,，\s]/g, '');
  return AMOUNT.test(amount) ? amount : null;
}
