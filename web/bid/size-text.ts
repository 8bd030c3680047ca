/** How large a file is, as people say it: decimal units, one digit behind the point below ten. */

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB'] as const;
const STEP = 1000;

/** Shape: whole bytes below a kilobyte, else as `1.2 MB`, `84 MB`. */
export function sizeText(bytes: number): string {
  let value = bytes;
  let unit = 0;
  // what would be rounded to a thousand is one of the next
  while (Math.round(value) >= STEP && unit < UNITS.length - 1) {
    value /= STEP;
    unit += 1;
  }
  const digits = unit > 0 && value < 9.95 ? 1 : 0;
  return `${value.toFixed(digits)} ${UNITS[unit]}`;
}
