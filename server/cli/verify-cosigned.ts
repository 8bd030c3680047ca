/** Whether a head of the ledger was countersigned as a policy asks: the one thing a verifier needs that the platform cannot make by itself. */
import { cosignatureVerifier, parseCosignature } from '../core/log/cosignature.ts';
import { LogFormatError } from '../core/log/error.ts';
import { formatInstant } from '../core/log/instant.ts';
import { openNote } from '../core/log/note.ts';
import { isQuorate, type PolicyWitness, type TlogPolicy } from '../core/log/policy-file.ts';
import { verifyEd25519 } from '../ed25519.ts';
import { type Refused, refuse } from './verify-words.ts';

/** The end of the year 9999, beyond which an instant has no RFC 3339 form. */
const LAST_SECOND = 253_402_300_799;

/**
 * Holds a ledger's signed head against a policy.
 *
 * Shape:   `vkey` is the ledger's; the note's own signature is checked elsewhere.
 * Returns: in words who signed and when, oldest signature in front; or the refusal: a log the policy does not list, a bad line of a
 *          cosigner it knows, too few of them.
 * Why:     each key counts once: a line that stands twice is one signature, and so is a key under two names, which no policy file may hold.
 */
export async function checkCosigned(note: string, vkey: string, policy: TlogPolicy): Promise<string | Refused> {
  const { logs, witnesses, quorum } = policy;
  if (logs.length > 0 && !logs.some((log) => log.vkey === vkey)) return refuse('policy_of_other_log');
  const signedAt = new Map<PolicyWitness, number>();
  for (const witness of witnesses) {
    try {
      const { signatures } = await openNote(note, [cosignatureVerifier(witness.key, verifyEd25519)]);
      const [line] = signatures;
      if (line === undefined) continue;
      const { timeSeconds } = parseCosignature(line.signature);
      // A time that nobody can live to see is no time: the line counts for nothing, and the others stand.
      if (timeSeconds <= LAST_SECOND) signedAt.set(witness, timeSeconds);
    } catch (fault) {
      if (!(fault instanceof LogFormatError)) throw fault;
      if (fault.code !== 'note_unsigned') return refuse('cosignature_bad', { detail: witness.name });
    }
  }
  const who = [...signedAt]
    .sort(([, a], [, b]) => a - b)
    .map(([{ name }, seconds]) => `${name} at ${formatInstant(seconds * 1000)}`);
  const counted = `${signedAt.size} of ${witnesses.length}`;
  if (!isQuorate(quorum, (witness) => signedAt.has(witness)))
    return refuse('cosigners_too_few', { detail: [counted, ...who].join(', ') });
  if (quorum === null) return `the policy asks for no cosigners; ${counted} signed`;
  return `cosigned by ${counted}: ${who.join(', ')}`;
}
