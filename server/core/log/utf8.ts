/** UTF-8 both ways, fatal on anything ill-formed, because the core has no TextEncoder and must not lose a byte-order mark. */
import { LogFormatError } from './error.ts';

/** Units that are turned into a string by one call: written out below, as arguments. */
const BLOCK = 16;
/** Units decoded one by one before whole blocks of ASCII are looked for again. */
const CHARACTERS = 32;

/**
 * A string as UTF-8.
 *
 * Throws: `utf8_malformed` on a lone surrogate, which has no UTF-8 form (TextEncoder would write U+FFFD and so sign another text).
 */
export function utf8(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit >= 0x80) return utf8From(text, i, bytes);
    bytes[i] = unit;
  }
  return bytes;
}

/** The text as UTF-8 when it is not ASCII; its first `ascii` units stand in `begun`. */
function utf8From(text: string, ascii: number, begun: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(ascii + mostBytes(text, ascii));
  bytes.set(begun.subarray(0, ascii));
  let length = ascii;
  for (let i = ascii; i < text.length; i++) {
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
      if (!(unit < 0xdc00 && low >= 0xdc00 && low <= 0xdfff)) refuse(`lone surrogate at ${i}`);
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

/** An upper bound of the bytes of a text from a place on: two units of a pair are counted three each. */
function mostBytes(text: string, from: number): number {
  let length = 0;
  for (let i = from; i < text.length; i++) {
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
  let text = leadingAscii(bytes, 0);
  let i = text.length;
  if (i === bytes.length) return text;
  // one more than is asked for: the last character may need two units
  const units = new Uint16Array(CHARACTERS + 1);
  while (i < bytes.length) {
    let length = 0;
    while (i < bytes.length && length < CHARACTERS) {
      const lead = bytes[i] as number;
      if (lead < 0x80) {
        units[length++] = lead;
        i += 1;
        continue;
      }
      const point = pointAt(bytes, i);
      if (point < 0x10000) {
        units[length++] = point;
        i += point < 0x800 ? 2 : 3;
      } else {
        units[length++] = 0xd800 + ((point - 0x10000) >> 10);
        units[length++] = 0xdc00 + ((point - 0x10000) & 0x3ff);
        i += 4;
      }
    }
    text += String.fromCharCode.apply(null, units.subarray(0, length) as unknown as number[]);
    const ascii = leadingAscii(bytes, i);
    text += ascii;
    i += ascii.length;
  }
  return text;
}

/** As many whole blocks of ASCII as begin at a place, as a string. */
function leadingAscii(bytes: Uint8Array, from: number): string {
  let text = '';
  for (let i = from; i + BLOCK <= bytes.length; i += BLOCK) {
    let all = 0;
    for (let k = 0; k < BLOCK; k++) all |= bytes[i + k] as number;
    if (all >= 0x80) return text;
    text += blockAt(bytes, i);
  }
  return text;
}

/** The code point of the character of two bytes or more that begins at a place. */
function pointAt(bytes: Uint8Array, i: number): number {
  const lead = bytes[i] as number;
  const more =
    lead >= 0xc2 && lead <= 0xdf ? 1 : lead >= 0xe0 && lead <= 0xef ? 2 : lead >= 0xf0 && lead <= 0xf4 ? 3 : 0;
  if (more === 0) refuse(`byte ${lead} cannot begin a character, at ${i}`);
  // the second byte's range is narrower after four lead bytes: that is what excludes overlong forms and surrogates
  let low = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80;
  let high = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf;
  let point = lead & (0x3f >> more);
  for (let k = 1; k <= more; k++) {
    const byte = bytes[i + k];
    if (byte === undefined || byte < low || byte > high) refuse(`broken character at ${i}`);
    point = point * 64 + (byte & 0x3f);
    low = 0x80;
    high = 0xbf;
  }
  return point;
}

function refuse(message: string): never {
  throw new LogFormatError('utf8_malformed', message);
}

/**
 * A string of UTF-16 units.
 *
 * Why: sixteen units a call, as arguments: an array handed to `apply` is twice as slow and its spread twenty times.
 */
export function textOf(units: Uint8Array | Uint16Array): string {
  let text = '';
  let i = 0;
  for (; i + BLOCK <= units.length; i += BLOCK) text += blockAt(units, i);
  for (; i < units.length; i++) text += String.fromCharCode(units[i] as number);
  return text;
}

/** Sixteen units at a place as a string. Asserts: they are there. */
function blockAt(units: Uint8Array | Uint16Array, i: number): string {
  return String.fromCharCode(
    units[i] as number,
    units[i + 1] as number,
    units[i + 2] as number,
    units[i + 3] as number,
    units[i + 4] as number,
    units[i + 5] as number,
    units[i + 6] as number,
    units[i + 7] as number,
    units[i + 8] as number,
    units[i + 9] as number,
    units[i + 10] as number,
    units[i + 11] as number,
    units[i + 12] as number,
    units[i + 13] as number,
    units[i + 14] as number,
    units[i + 15] as number,
  );
}
