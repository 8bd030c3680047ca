/** From an outcome to what the caller is handed: his entries word for word, the checkpoint over them, and a proof of each. */

import { inclusionProof } from '../core/log/merkle.ts';
import { openingOrigin } from '../core/log/origin.ts';
import { formatProof } from '../core/log/proof.ts';
import { fromUtf8 } from '../core/log/utf8.ts';
import { sha256 } from '../hash.ts';
import type { Sql } from '../store/driver.ts';
import { proofsOf, readCheckpointOver, readEntries } from '../store/read-log.ts';
import type { SignedEntries } from './round.ts';
import { settleLog } from './settle-log.ts';
import type { Signer } from './signer.ts';
import type { Answer, Outcome } from './submission.ts';

/** `signer` is null in a process beside the one that signs: what is committed and answered it takes for let out. */
export type AnswerDeps = { readonly sql: Sql; readonly signer: Signer | null; readonly platform: string };

type AcceptedOutcome = Extract<Outcome, { readonly outcome: 'accepted' }>;

/** The answer right after the round that decided it: nothing is asked of the database. */
export function freshAnswer(outcome: AcceptedOutcome, { from, entries, appended, checkpoint }: SignedEntries): Answer {
  const { size, readNode } = appended;
  const proofOf = (index: number): string =>
    formatProof({ index, hashes: inclusionProof(sha256, readNode, index, size), checkpoint });
  const bytesOf = (seq: number): Uint8Array => entries[seq - from]?.bytes ?? absent(seq);
  const { seqs, receipt, actId } = outcome;
  return {
    outcome: 'accepted',
    seqs,
    // These bytes were made from a text a moment ago, so nothing in them can be ill-formed.
    entries: seqs.map((seq) => textOf(bytesOf(seq))),
    checkpoint,
    proofs: seqs.map(proofOf),
    receipt,
    actId,
  };
}

/**
 * The answer to what was decided at whatever time.
 *
 * Shape:  `fresh` are the entries of the round that has just decided it; null when it was another.
 * Throws: what the database and the signer say.
 */
export async function answerOf(
  { sql, signer, platform }: AnswerDeps,
  openingId: string,
  outcome: Outcome,
  fresh: SignedEntries | null,
): Promise<Answer> {
  if (outcome.outcome === 'refused') return outcome;
  const { seqs, size, receipt, actId } = outcome;
  const [first] = seqs;
  if (first === undefined)
    return { outcome: 'accepted', seqs, entries: [], checkpoint: null, proofs: [], receipt, actId };
  // The same command again may have come into a later round: its entries are older then.
  if (fresh !== null && first >= fresh.from) return freshAnswer(outcome, fresh);
  const origin = openingOrigin(platform, openingId);
  // Committed, but by a COMMIT whose answer was lost: nobody may be shown it before it is let out and signed.
  if (signer !== null && (signer.released(origin)?.size ?? 0) < size) await settleLog(sql, signer, origin);
  const checkpoint = await readCheckpointOver(sql, origin, size);
  if (checkpoint === null) throw new Error(`no checkpoint covers ${size} entries of ${origin}`);
  const stored = await readEntries(sql, origin, first, first + seqs.length);
  const entries = stored.map(({ bytes }) => fromUtf8(bytes));
  const proofs = await proofsOf(sql, origin, seqs, checkpoint.size, checkpoint.note);
  return { outcome: 'accepted', seqs, entries, checkpoint: checkpoint.note, proofs, receipt, actId };
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
}

function absent(seq: number): never {
  throw new Error(`entry ${seq} is not of this round`);
}
