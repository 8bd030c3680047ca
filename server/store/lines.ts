/** Many texts as one parameter of a statement: a line each. */

/**
 * What a statement cuts apart again by `string_to_table(lines, chr(10))`.
 *
 * Shape:  texts without a line feed and not empty: canonical JSON, base64url.
 * Asserts: that they are; no text at all comes out as none.
 * Why:    PostgreSQL reads an array's text character by character, ten times as slowly as one value, and bytes as hexadecimal
 *         digits, twice as many.
 */
export function joinLines(texts: readonly string[]): string {
  for (const text of texts)
    if (text === '' || text.includes('\n')) throw new Error('a text that is no line cannot go among lines');
  return texts.join('\n');
}
