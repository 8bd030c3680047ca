/** Whether a head of the ledger was countersigned as a policy asks: the one thing a verifier needs that the platform cannot make by itself. */
import { cosignatureVerifier, parseCosignature } from '../core/log/cosignature.ts';
import { LogFormatError } from '../core/log/error.ts';
import { formatInstant } from '../core/log/instant.ts';
import { openNote } from '../core/log/note.ts';
import { formatPolicy, isQuorate, type PolicyWitness, parsePolicy, type TlogPolicy } from '../core/log/policy-file.ts';
import { utf8 } from '../core/log/utf8.ts';
import type { Cosigners } from '../core/opening/cosigners.ts';
import { type HeadShown, tieOf } from './succession.ts';
import type { VerifyTools } from './tools.ts';
import { type Refused, refuse } from './words.ts';

/** The end of the year 9999, beyond which an instant has no RFC 3339 form. */
const LAST_SECOND = 253_402_300_799;

const OWN_WORD = 'these cosigners are the log’s own word, as no policy was given';

/** What a policy found of a head: in words, and whether as many signed as it asks for, which is somebody. */
export type Cosigned = { readonly ok: true; readonly isReached: boolean; readonly words: string };

/**
 * Holds a ledger's signed head against a policy.
 *
 * Shape:   the note's own signature is checked elsewhere.
 * Returns: in words who signed and when, oldest signature in front; or the refusal: a log the policy does not list, a bad line of a
 *          cosigner it knows, too few of them.
 * Why:     each key counts once: a line that stands twice is one signature, and so is a key under two names, which no policy file may hold.
 */
export async function checkCosigned(
  tools: VerifyTools,
  shown: HeadShown,
  policy: TlogPolicy,
): Promise<Cosigned | Refused> {
  const { note } = shown;
  const { logs, witnesses, quorum } = policy;
  const ties = await Promise.all(logs.map((log) => tieOf(tools, log.vkey, shown)));
  // What rests on a key that others may have had is as good as the cosigners who stand for the head, and no better.
  const isListed = ties.some((tie) => tie !== null && (tie.compromisedSince === null || quorum !== null));
  if (logs.length > 0 && !isListed) return refuse('policy_of_other_log');
  const signedAt = new Map<PolicyWitness, number>();
  for (const witness of witnesses) {
    try {
      const { signatures } = await openNote(note, [cosignatureVerifier(witness.key, tools.verifyEd25519)]);
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
  if (quorum === null)
    return { ok: true, isReached: false, words: `the policy asks for no cosigners; ${counted} signed` };
  return { ok: true, isReached: true, words: `cosigned by ${counted}: ${who.join(', ')}` };
}

/** Whether as many cosigners of a policy stand for a head as it asks for, whichever logs it lists; one that asks for nobody has nobody. */
export async function isVouchedFor(
  tools: VerifyTools,
  shown: HeadShown,
  policy: TlogPolicy | undefined,
): Promise<boolean> {
  const judged = policy === undefined ? null : await checkCosigned(tools, shown, { ...policy, logs: [] });
  return judged?.ok === true && judged.isReached;
}

/**
 * Holds the head an opening is anchored in against the cosigners of its own first entry, where nobody gave a policy.
 *
 * Returns: who signed, and whose word it is that these count; null where that entry asks for nobody. Too few are said and not refused:
 *          the platform named them, so they prove nothing against it, and one that was replaced since signs no later head.
 */
export async function cosignedByOwnWord(
  tools: VerifyTools,
  anchor: HeadShown,
  cosigners: Cosigners,
): Promise<Cosigned | Refused | null> {
  if (cosigners.quorum === 0) return null;
  let policy: TlogPolicy;
  try {
    policy = parsePolicy(tools.sha256, utf8(formatPolicy(anchor.vkey, cosigners)));
  } catch (fault) {
    if (!(fault instanceof LogFormatError)) throw fault;
    return {
      ok: true,
      isReached: false,
      words: `its first entry names cosigners that no policy can hold: ${fault.message}`,
    };
  }
  const judged = await checkCosigned(tools, anchor, policy);
  if (judged.ok) return { ...judged, words: `${judged.words}; ${OWN_WORD}` };
  if (judged.reason !== 'cosigners_too_few') return judged;
  return { ok: true, isReached: false, words: `not cosigned as its first entry asks: ${judged.detail}; ${OWN_WORD}` };
}
