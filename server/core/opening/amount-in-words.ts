/** Amounts of money in Chinese capital figures 大写, written and read back, so that figures and words can be held together. */

const DIGITS = ['零', '壹', '贰', '叁', '肆', '伍', '陆', '柒', '捌', '玖'] as const;
const PLACES = ['', '拾', '佰', '仟'] as const;
/** MoneyText and DecimalText of the core: at most sixteen digits before the point. */
const AMOUNT = /^(0|[1-9][0-9]{0,15})(?:\.([0-9]{1,6}))?$/;
const MYRIAD = 10_000n;
const HUNDRED_MILLION = 100_000_000n;

/** A group of up to four digits, its inner zeros spoken once: 1005 → 壹仟零伍. Asserts: 0 < n < 10000. */
function groupInWords(n: number): string {
  let text = '';
  let owesZero = false;
  for (let place = 3; place >= 0; place--) {
    const digit = Math.floor(n / 10 ** place) % 10;
    if (digit === 0) {
      owesZero = text !== '';
      continue;
    }
    text += `${owesZero ? '零' : ''}${DIGITS[digit]}${PLACES[place]}`;
    owesZero = false;
  }
  return text;
}

/** A whole number; a gap between 亿, 万 and the rest is spoken as one 零. Asserts: n > 0. */
function wholeInWords(n: bigint): string {
  if (n >= HUNDRED_MILLION) return joined(n, HUNDRED_MILLION, '亿');
  if (n >= MYRIAD) return joined(n, MYRIAD, '万');
  return groupInWords(Number(n));
}

function joined(n: bigint, unit: bigint, name: string): string {
  const rest = n % unit;
  const high = `${wholeInWords(n / unit)}${name}`;
  if (rest === 0n) return high;
  return `${high}${rest < unit / 10n ? '零' : ''}${wholeInWords(rest)}`;
}

/**
 * An amount of yuan in capital figures: `1005.04` → 壹仟零伍元零肆分, `200` → 贰佰元整.
 *
 * Shape:   the decimal text of the log, at most sixteen digits before the point; no 人民币 in front.
 * Returns: null when the text is no amount, or names less than one fen, which words cannot say.
 * Source:  支付结算办法 (银发〔1997〕393号) annex 1: 整 after yuan, none after jiao and fen; 零 before fen without jiao.
 */
export function amountInWords(amount: string): string | null {
  const match = AMOUNT.exec(amount);
  if (match === null) return null;
  const decimals = (match[2] ?? '').padEnd(6, '0');
  if (decimals.slice(2) !== '0000') return null;
  const whole = BigInt(match[1] as string);
  const jiao = Number(decimals[0]);
  const fen = Number(decimals[1]);
  const yuan = whole === 0n ? '' : `${wholeInWords(whole)}元`;
  if (jiao === 0 && fen === 0) return yuan === '' ? '零元整' : `${yuan}整`;
  const jiaoWords = jiao > 0 ? `${DIGITS[jiao]}角` : yuan === '' ? '' : '零';
  return `${yuan}${jiaoWords}${fen > 0 ? `${DIGITS[fen]}分` : ''}`;
}

const VALUES: ReadonlyMap<string, number> = new Map([
  ...DIGITS.map((digit, value) => [digit, value] as const),
  ...[...'一二三四五六七八九'].map((digit, i) => [digit, i + 1] as const),
  ['〇', 0],
  ['贰', 2],
  ['貳', 2],
  ['弍', 2],
  ['两', 2],
  ['陸', 6],
]);
const SMALL_UNITS: ReadonlyMap<string, bigint> = new Map([
  ['拾', 10n],
  ['十', 10n],
  ['佰', 100n],
  ['百', 100n],
  ['仟', 1000n],
  ['千', 1000n],
]);

/** The whole number that words say, or null when they are not numerals in falling order. */
function readWhole(words: string): bigint | null {
  for (const [name, unit] of [
    ['亿', HUNDRED_MILLION],
    ['万', MYRIAD],
  ] as const) {
    const at = words.lastIndexOf(name);
    if (at < 0) continue;
    const high = readWhole(words.slice(0, at));
    const low = at + 1 === words.length ? 0n : readWhole(words.slice(at + 1));
    if (high === null || high === 0n || high >= unit || low === null || low >= unit) return null;
    return high * unit + low;
  }
  return readGroup(words);
}

function readGroup(words: string): bigint | null {
  let sum = 0n;
  let digit: bigint | null = null;
  let ceiling = 10_000n;
  for (const character of words) {
    const unit = SMALL_UNITS.get(character);
    const value = VALUES.get(character);
    if (unit !== undefined) {
      // 拾伍 for 壹拾伍 is common in print
      const times: bigint | null = digit ?? (unit === 10n && sum === 0n ? 1n : null);
      if (times === null || times === 0n || unit >= ceiling) return null;
      sum += times * unit;
      ceiling = unit;
      digit = null;
    } else if (value !== undefined) {
      if (digit !== null && digit !== 0n) return null;
      digit = BigInt(value);
    } else return null;
  }
  if (words === '') return null;
  return sum + (digit ?? 0n);
}

/**
 * The amount that words say, as decimal text with two places, or null when they cannot be read.
 *
 * Why: bidders write words in several lawful ways (零 or none, 正 for 整, 圆 for 元); what counts is the amount they name.
 */
export function amountFromWords(words: string): string | null {
  const bare = words
    .replace(/^人民币/u, '')
    .replace(/[\s:：￥¥]/gu, '')
    .replace(/^人民币/u, '')
    .replace(/[圆圓]/gu, '元');
  const match = /^(?:([^元角分整正]+)元)?零?(?:(.)角)?零?(?:(.)分)?[整正]?$/u.exec(bare);
  if (match === null || (match[1] ?? match[2] ?? match[3]) === undefined) return null;
  const whole = match[1] === undefined ? 0n : readWhole(match[1]);
  const jiao = match[2] === undefined ? 0 : VALUES.get(match[2]);
  const fen = match[3] === undefined ? 0 : VALUES.get(match[3]);
  if (whole === null || jiao === undefined || fen === undefined) return null;
  return `${whole}.${jiao}${fen}`;
}
