/** UTF-8 both ways, fatal on anything ill-formed, because the core has no TextEncoder and must not lose a byte-order mark. */
import { demand } from './error.ts';

/** Code units turned into a string per call; far below every engine's limit on arguments. */
const CHUNK_UNITS = 8192;

/**
 * A string as UTF-8.
 *
 * Throws: `utf8_malformed` on a lone surrogate, which has no UTF-8 form (TextEncoder would write U+FFFD and so sign another text).
 */
export function utf8(text: string): Uint8Array {
  const bytes = new Uint8Array(mostBytes(text));
  let length = 0;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x80) {
      bytes[length++] = unit;
    } else if (unit < 0x800) {
      bytes[length++] = 0xc0 | (unit >> 6);
      bytes[length++] = 0x80 | (unit & 0x3f);
    } else if (unit < 0xd800 || unit > 0xdfff) {
      bytes[length++] = 0xe0 | (unit >> 12);
      bytes[length++] = 0x80 | ((unit >> 6) & 0x3f);
      bytes[length++] = 0x80 | (unit & 0x3f);
    } else {
      const low = text.charCodeAt(i + 1);
      demand(unit < 0xdc00 && low >= 0xdc00 && low <= 0xdfff, 'utf8_malformed', `lone surrogate at ${i}`);
      i += 1;
      const point = 0x10000 + (unit - 0xd800) * 0x400 + (low - 0xdc00);
      bytes[length++] = 0xf0 | (point >> 18);
      bytes[length++] = 0x80 | ((point >> 12) & 0x3f);
      bytes[length++] = 0x80 | ((point >> 6) & 0x3f);
      bytes[length++] = 0x80 | (point & 0x3f);
    }
  }
  return length === bytes.length ? bytes : bytes.slice(0, length);
}

/** An upper bound of a text's bytes, exact for ASCII: two units of a pair are counted three each. */
function mostBytes(text: string): number {
  let length = 0;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    length += unit < 0x80 ? 1 : unit < 0x800 ? 2 : 3;
  }
  return length;
}

/**
 * UTF-8 as a string; a byte-order mark stays in it as U+FEFF.
 *
 * Throws: `utf8_malformed` on overlong forms, surrogates, values above U+10FFFF and cut-off sequences.
 * Source: Unicode 15, table 3-7 (well-formed UTF-8 byte sequences).
 */
export function fromUtf8(bytes: Uint8Array): string {
  const units = new Uint16Array(bytes.length);
  let length = 0;
  let i = 0;
  while (i < bytes.length) {
    const lead = bytes[i] as number;
    if (lead < 0x80) {
      units[length++] = lead;
      i += 1;
      continue;
    }
    const more =
      lead >= 0xc2 && lead <= 0xdf ? 1 : lead >= 0xe0 && lead <= 0xef ? 2 : lead >= 0xf0 && lead <= 0xf4 ? 3 : 0;
    demand(more > 0, 'utf8_malformed', `byte ${lead} cannot begin a character, at ${i}`);
    // the second byte's range is narrower after four lead bytes: that is what excludes overlong forms and surrogates
    let low = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80;
    let high = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf;
    let point = lead & (0x3f >> more);
    for (let k = 1; k <= more; k++) {
      const byte = bytes[i + k];
      demand(byte !== undefined && byte >= low && byte <= high, 'utf8_malformed', `broken character at ${i}`);
      point = point * 64 + (byte & 0x3f);
      low = 0x80;
      high = 0xbf;
    }
    i += more + 1;
    if (point < 0x10000) {
      units[length++] = point;
    } else {
      units[length++] = 0xd800 + ((point - 0x10000) >> 10);
      units[length++] = 0xdc00 + ((point - 0x10000) & 0x3ff);
    }
  }
  return textOf(units.subarray(0, length));
}

/**
 * A string of UTF-16 units.
 *
 * Why: `apply` on pieces of the array, not the spread of it, which walks an iterator and is ten times slower.
 */
export function textOf(units: Uint8Array | Uint16Array): string {
  let text = '';
  for (let at = 0; at < units.length; at += CHUNK_UNITS) {
    text += String.fromCharCode.apply(null, units.subarray(at, at + CHUNK_UNITS) as unknown as number[]);
  }
  return text;
}
