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

/**
 * The one text of a value (RFC 8785, JSON Canonicalization Scheme).
 *
 * Throws: `json_value_refused` (undefined, functions, classes, holes, lone surrogates), `json_number_refused` (fractions, unsafe
 *         integers, −0), `json_text_not_nfc`, `json_too_deep`.
 * Why:    the check comes first because `canonicalize` drops undefined members, calls `toJSON` and knows no limit of depth.
 */
export function canonicalise(value: Json): string {
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
