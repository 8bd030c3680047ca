/** RFC 8785 text of the values a log may hold: the check in front of `canonicalize`, and the strict way back. */
import canonicalize from 'canonicalize';
import { demand, LogFormatError } from './error.ts';

/** The values of signed bytes. Numbers are safe integers, strings are NFC; money is a decimal string. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json };
export type JsonObject = { readonly [name: string]: Json };

/** Levels of arrays and objects a value may have; a scalar has none. */
export const JSON_DEPTH_LIMIT = 32;

/** Whether a value is an object with members (no array, no null, no instance of a class). */
export function isJsonObject(value: unknown): value is JsonObject {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype;
}

function checkText(text: string, where: string): void {
  // most texts are signatures and ids; one native scan settles them
  if (/^[ -~]*$/.test(text)) return;
  demand(text.normalize('NFC') === text, 'json_text_not_nfc', `${where} is not in normal form C`);
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0xd800 || unit > 0xdfff) continue;
    const low = text.charCodeAt(i + 1);
    demand(unit < 0xdc00 && low >= 0xdc00 && low <= 0xdfff, 'json_value_refused', `${where} holds a lone surrogate`);
    i += 1;
  }
}

function check(value: unknown, where: string, levels: number): void {
  if (value === null || typeof value === 'boolean') return;
  if (typeof value === 'string') {
    checkText(value, where);
    return;
  }
  if (typeof value === 'number') {
    // -0 prints as 0 and would not come back as itself
    demand(
      Number.isSafeInteger(value) && !Object.is(value, -0),
      'json_number_refused',
      `${where} is not a safe integer`,
    );
    return;
  }
  demand(typeof value === 'object', 'json_value_refused', `${where} is ${typeof value}`);
  demand(levels > 0, 'json_too_deep', `${where} is nested deeper than ${JSON_DEPTH_LIMIT}`);
  if (Array.isArray(value)) {
    // by index and not by iterator: a hole must be seen as undefined and refused
    for (let i = 0; i < value.length; i++) check(value[i], `${where}[${i}]`, levels - 1);
    demand(Object.keys(value).length === value.length, 'json_value_refused', `${where} is an array with extra members`);
    return;
  }
  demand(isJsonObject(value), 'json_value_refused', `${where} is not a plain object`);
  demand(Object.getOwnPropertySymbols(value).length === 0, 'json_value_refused', `${where} has a symbol member`);
  for (const name of Object.keys(value)) {
    // assigning such a member elsewhere would change a prototype instead of copying it
    demand(name !== '__proto__', 'json_value_refused', `${where} has a member __proto__`);
    checkText(name, `a name in ${where}`);
    check(value[name], `${where}.${name}`, levels - 1);
  }
}

/** Texts that stand in JSON as they are: printable ASCII but for the quote and the backslash. */
const PLAIN = /^[ !#-[\]-~]*$/;
const SURROGATE = /[\ud800-\udfff]/;

/** A text in JSON, or null where `check` should look at it: pairs of surrogates are rare, the rest is refused. */
function printText(text: string): string | null {
  if (PLAIN.test(text)) return `"${text}"`;
  if (SURROGATE.test(text) || text.normalize('NFC') !== text) return null;
  return JSON.stringify(text);
}

/**
 * The RFC 8785 text of a value in one pass, or null where anything about it is doubtful.
 *
 * Why: checking a value and writing it are one walk here, without a word on where it is: whoever gets null asks `check`, which
 *      says what is wrong, and if nothing is, `canonicalize`.
 */
function print(value: unknown, levels: number): string | null {
  if (typeof value === 'string') return printText(value);
  if (typeof value === 'number') return Number.isSafeInteger(value) && !Object.is(value, -0) ? `${value}` : null;
  if (typeof value === 'boolean') return value ? 'true' : 'false';
  if (value === null) return 'null';
  if (typeof value !== 'object' || levels === 0) return null;
  if (Array.isArray(value)) return printArray(value, levels - 1);
  if (!isJsonObject(value) || Object.getOwnPropertySymbols(value).length > 0) return null;
  const names = Object.keys(value);
  // parsed canonical text has its members in order already
  if (!isAscending(names)) names.sort();
  let text = '{';
  for (const name of names) {
    const nameText = name === '__proto__' ? null : printText(name);
    const valueText = print(value[name], levels - 1);
    if (nameText === null || valueText === null) return null;
    text += text.length === 1 ? `${nameText}:${valueText}` : `,${nameText}:${valueText}`;
  }
  return `${text}}`;
}

/** In the order of UTF-16 units, which is RFC 8785's. */
function isAscending(names: readonly string[]): boolean {
  for (let i = 1; i < names.length; i++) if ((names[i] as string) < (names[i - 1] as string)) return false;
  return true;
}

function printArray(values: readonly unknown[], levels: number): string | null {
  let text = '[';
  for (let i = 0; i < values.length; i++) {
    const valueText = print(values[i], levels);
    if (valueText === null) return null;
    text += i === 0 ? valueText : `,${valueText}`;
  }
  return Object.keys(values).length === values.length ? `${text}]` : null;
}

/**
 * The one text of a value (RFC 8785, JSON Canonicalization Scheme).
 *
 * Throws: `json_value_refused` (undefined, functions, classes, holes, lone surrogates), `json_number_refused` (fractions, unsafe
 *         integers, −0), `json_text_not_nfc`, `json_too_deep`.
 * Why:    what one pass cannot settle is checked before `canonicalize` sees it, which drops undefined members, calls `toJSON` and
 *         knows no limit of depth.
 */
export function canonicalise(value: Json): string {
  const printed = print(value, JSON_DEPTH_LIMIT);
  if (printed !== null) return printed;
  return canonicaliseSlowly(value);
}

/** The same by check and library: what `canonicalise` is held to, and what it falls back on. */
export function canonicaliseSlowly(value: Json): string {
  check(value, 'value', JSON_DEPTH_LIMIT);
  const text = canonicalize(value);
  demand(typeof text === 'string', 'json_value_refused', 'value has no JSON form');
  return text;
}

/**
 * Reads a text that `canonicalise` could have written.
 *
 * Throws: `json_malformed`, or the code of `canonicalise`, or `json_not_canonical` when writing the value again gives another
 *         text: other order, spaces, other escapes, repeated names, other spellings of a number.
 */
export function parseCanonical(text: string): Json {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new LogFormatError('json_malformed', String(cause));
  }
  demand(canonicalise(value as Json) === text, 'json_not_canonical', 'the text is not the RFC 8785 form of its value');
  return value as Json;
}
