/** Base64 and base64url of RFC 4648, strict: one byte string has exactly one text, and any other text is refused. */
import { demand, LogFormatError } from './error.ts';
import { textOf } from './utf8.ts';

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';

type Alphabet = { readonly codes: Uint8Array; readonly values: Int8Array; readonly padded: boolean };

function alphabet(lastTwo: string, padded: boolean): Alphabet {
  const codes = new Uint8Array(64);
  const values = new Int8Array(128).fill(-1);
  for (const [value, letter] of [...(LETTERS + lastTwo)].entries()) {
    const code = letter.charCodeAt(0);
    codes[value] = code;
    values[code] = value;
  }
  return { codes, values, padded };
}

const STANDARD = alphabet('+/', true);
const URL_SAFE = alphabet('-_', false);
const PAD = '='.charCodeAt(0);

/** The characters as ASCII bytes. */
function encode(bytes: Uint8Array, { codes, padded }: Alphabet): Uint8Array {
  const characters = new Uint8Array(Math.ceil(bytes.length / 3) * 4);
  const tail = bytes.length % 3;
  const whole = bytes.length - tail;
  let length = 0;
  for (let i = 0; i < whole; i += 3) {
    const group = ((bytes[i] as number) << 16) | ((bytes[i + 1] as number) << 8) | (bytes[i + 2] as number);
    characters[length++] = codes[group >> 18] as number;
    characters[length++] = codes[(group >> 12) & 63] as number;
    characters[length++] = codes[(group >> 6) & 63] as number;
    characters[length++] = codes[group & 63] as number;
  }
  if (tail > 0) {
    const group = ((bytes[whole] as number) << 16) | ((bytes[whole + 1] ?? 0) << 8);
    characters[length++] = codes[group >> 18] as number;
    characters[length++] = codes[(group >> 12) & 63] as number;
    if (tail === 2) characters[length++] = codes[(group >> 6) & 63] as number;
    else if (padded) characters[length++] = PAD;
    if (padded) characters[length++] = PAD;
  }
  return characters.subarray(0, length);
}

function decode(text: string, { values, padded }: Alphabet): Uint8Array {
  let length = text.length;
  if (padded) {
    demand(length % 4 === 0, 'base64_malformed', 'length is not a multiple of four');
    if (length > 0 && text.charCodeAt(length - 1) === PAD) length -= text.charCodeAt(length - 2) === PAD ? 2 : 1;
  }
  const tail = length % 4;
  demand(tail !== 1, 'base64_malformed', 'one character too many');
  const bytes = new Uint8Array(Math.floor(length / 4) * 3 + (tail === 0 ? 0 : tail - 1));
  const whole = length - tail;
  let written = 0;
  for (let i = 0; i < whole; i += 4) {
    const a = text.charCodeAt(i);
    const b = text.charCodeAt(i + 1);
    const c = text.charCodeAt(i + 2);
    const d = text.charCodeAt(i + 3);
    if ((a | b | c | d) > 127) refuseCharacter(text, i, length, values);
    // a value of −1 makes the whole group negative
    const group =
      ((values[a] as number) << 18) |
      ((values[b] as number) << 12) |
      ((values[c] as number) << 6) |
      (values[d] as number);
    if (group < 0) refuseCharacter(text, i, length, values);
    bytes[written++] = group >> 16;
    bytes[written++] = (group >> 8) & 255;
    bytes[written++] = group & 255;
  }
  if (tail === 0) return bytes;
  const third = tail === 3 ? (values[text.charCodeAt(whole + 2)] ?? -1) : 0;
  const group =
    ((values[text.charCodeAt(whole)] ?? -1) << 18) | ((values[text.charCodeAt(whole + 1)] ?? -1) << 12) | (third << 6);
  if (group < 0) refuseCharacter(text, whole, length, values);
  // the bits behind the last whole byte carry nothing and must be zero, or two texts would mean the same bytes
  demand((group & (tail === 2 ? 0xffff : 0xff)) === 0, 'base64_malformed', 'unused bits are set');
  bytes[written++] = group >> 16;
  if (tail === 3) bytes[written] = (group >> 8) & 255;
  return bytes;
}

/** Says which character from `from` on is none of the alphabet. Asserts: there is one. */
function refuseCharacter(text: string, from: number, length: number, values: Int8Array): never {
  let i = from;
  while (i < length && (values[text.charCodeAt(i)] ?? -1) >= 0) i++;
  throw new LogFormatError('base64_malformed', `character ${i} is not of the alphabet`);
}

/** Standard base64 with padding (RFC 4648 §4), as signed notes and checkpoints use it. */
export function toBase64(bytes: Uint8Array): string {
  return textOf(encode(bytes, STANDARD));
}

/** Reads padded standard base64. Throws: `base64_malformed` on any other text, spaces and unused bits included. */
export function fromBase64(text: string): Uint8Array {
  return decode(text, STANDARD);
}

/** base64url without padding (RFC 4648 §5, RFC 7515 §2), as disclosures and JWS use it. */
export function toBase64Url(bytes: Uint8Array): string {
  return textOf(encode(bytes, URL_SAFE));
}

/** The same as the ASCII bytes of that text, for whoever hashes it. */
export function toBase64UrlBytes(bytes: Uint8Array): Uint8Array {
  return encode(bytes, URL_SAFE);
}

/** Reads unpadded base64url. Throws: `base64_malformed` on any other text, padding and unused bits included. */
export function fromBase64Url(text: string): Uint8Array {
  return decode(text, URL_SAFE);
}
