/** Whether a cosigner's stored line is its signature of a head: verified by its key, and remembered once it is; it knows no database. */
import { cosignatureVerifier } from '../core/log/cosignature.ts';
import { LogFormatError } from '../core/log/error.ts';
import { parseSignatureLine, parseVkey, type VerifyEd25519 } from '../core/log/note.ts';
import { utf8 } from '../core/log/utf8.ts';
import { sha256 } from '../hash.ts';

/** So many verified lines are remembered; what everybody asks for are those of the newest heads. */
export const GOOD_LINES_LIMIT = 256;

/** Says whether a line is the signature of this key over a checkpoint's text. Never throws for what they hold. */
export type IsGoodLine = (vkey: string, line: string, text: string) => Promise<boolean>;

/**
 * A judge of lines that verifies each good one once.
 *
 * Why: the ledger's checkpoint is read by everybody all the time, and its lines are the same until the next head. What is remembered are
 *      key, line and text as they were, none of which may differ in a byte; a bad line is never remembered.
 */
export function createGoodLines(verifyEd25519: VerifyEd25519, limit = GOOD_LINES_LIMIT): IsGoodLine {
  const good = new Set<string>();
  async function verifies(vkey: string, line: string, text: string): Promise<boolean> {
    try {
      const verifier = cosignatureVerifier(parseVkey(sha256, vkey), verifyEd25519);
      const { name, keyId, signature } = parseSignatureLine(line);
      return name === verifier.name && keyId === verifier.keyId && (await verifier.verify(utf8(text), signature));
    } catch (fault) {
      if (!(fault instanceof LogFormatError)) throw fault;
      return false;
    }
  }
  return async (vkey, line, text) => {
    const known = JSON.stringify([vkey, line, text]);
    if (good.has(known)) return true;
    if (!(await verifies(vkey, line, text))) return false;
    good.add(known);
    const [oldest] = good;
    if (good.size > limit && oldest !== undefined) good.delete(oldest);
    return true;
  };
}
