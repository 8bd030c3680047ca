/** What others wrote, on a terminal: nothing in it moves the cursor, wipes a line, hides or turns what is read. */

const REPLACEMENT = '\ufffd';
/** Controls (C0, DEL and C1, by which terminals take commands), halves of characters, other line ends, and what turns the reading order. */
const COMMANDING = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\p{Bidi_Control}]/gu;
/** The same, and what nobody sees. */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Zl}\p{Zp}]/gu;

/** A text of one or more lines of ours, as it may be written to a terminal; line feeds and tabs stay. */
export function plainText(text: string): string {
  return text.replace(COMMANDING, (found) => (found === '\n' || found === '\t' ? found : REPLACEMENT));
}

/**
 * One line, whatever it says.
 *
 * Why: the names of files, the origin of a log and the reason that an entry is refused come from whoever made the bundle. A line feed
 *      in them would let a bundle say `valid` of itself, and a character that nobody sees lets it go by another's name.
 */
export function plainLine(text: string): string {
  return text.replace(UNSEEN, REPLACEMENT);
}
