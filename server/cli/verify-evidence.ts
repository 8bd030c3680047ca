/** The certificates behind an opening's acts, judged again by the evidence that came with the log. */

import { Check } from 'typebox/schema';
import { isJsonObject, parseCanonical } from '../core/log/canonical.ts';
import type { Entry } from '../core/log/entry.ts';
import { LogFormatError } from '../core/log/error.ts';
import { parseInstant } from '../core/log/instant.ts';
import { fromUtf8 } from '../core/log/utf8.ts';
import { type Grounds, type Judged, judge } from '../core/pki/judge.ts';
import { filesOf, type Judgement, JudgementSchema, redoJudgement } from '../core/pki/judgement.ts';
import { sha256 } from '../hash.ts';
import { digestOfFile, ocspDigest } from '../identity/evidence.ts';
import { verifyCertificateSignature } from '../identity/signature.ts';
import type { LogSource } from './log-source.ts';
import { type Refused, refuse } from './verify-words.ts';

/**
 * How far the instant of judging may lie from the receipt, ms, by another clock than the one that dates it; an answer may turn in between.
 *
 * Why: a certificate is judged by the server's clock when an act comes in, and the database dates the receipt a moment later.
 */
export const JUDGED_NEAR_RECEIPT_MS = 60_000;
const TOOLS = { sha256, digest: ocspDigest, verifySignature: verifyCertificateSignature };
/** Files that are kept in memory: one person's certificate and lists are asked for again with each of its acts. */
const FILES_KEPT = 256;

export type EvidenceWatch = {
  /** Judges the certificate behind an entry again, where its judgement is disclosed and the source shows it. */
  see(entry: Entry, values: Record<string, unknown>): Promise<Refused | undefined>;
  /** How many were judged again. */
  judged(): number;
};

/** Watches the judgements of a log. `isWhole` when everything withheld must be there: then so must the evidence. */
export function watchEvidence(source: Pick<LogSource, 'evidence'>, isWhole: boolean): EvidenceWatch {
  const kept = new Map<string, Uint8Array>();
  let judged = 0;

  async function fetch(name: string): Promise<Uint8Array | undefined> {
    const before = kept.get(name);
    if (before !== undefined) return before;
    const bytes = await source.evidence(name);
    if (bytes === null) return undefined;
    const [oldest] = kept.keys();
    if (kept.size >= FILES_KEPT && oldest !== undefined) kept.delete(oldest);
    kept.set(name, bytes);
    return bytes;
  }

  return {
    async see({ seq, at, receivedAt, actor, type }, { who }) {
      if (!isJsonObject(who) || typeof who['judgement'] !== 'string') return undefined;
      // Of an objection from before the roster the entry holds the instant of its entering, not of its receipt.
      if (type === 'ObjectionRaised' && actor.role !== 'bidder') return undefined;
      const digest = who['judgement'];
      const bytes = await fetch(digest);
      if (bytes === undefined) return isWhole ? refuse('evidence_missing', { seq, detail: digest }) : undefined;
      const judgement = digestOfFile(bytes) === digest ? readJudgement(bytes) : undefined;
      if (judgement === undefined || judgement.certificates[0] !== who['certSha256'])
        return refuse('evidence_differs', { seq, detail: digest });
      const files = new Map<string, Uint8Array>();
      for (const name of filesOf(judgement)) {
        const file = await fetch(name);
        if (file !== undefined) files.set(name, file);
      }
      const redone = redoJudgement(judgement, (name) => files.get(name), TOOLS);
      if (!redone.ok && redone.reason === 'file_missing')
        return isWhole ? refuse('evidence_missing', { seq, detail: digest }) : undefined;
      if (!redone.ok) return refuse('evidence_differs', { seq, detail: redone.reason });
      if (!stillStands(redone.grounds, judgement.outcome, parseInstant(receivedAt ?? at)))
        return refuse('evidence_differs', { seq, detail: 'outcome_differs' });
      judged += 1;
      return undefined;
    },
    judged: () => judged,
  };
}

/**
 * Does a judgement still say how the certificate stood when an act was received?
 *
 * Why: one judgement serves every act in whose time nothing can turn, so it may be much older than the act; then the same must come
 *      out at its receipt.
 */
function stillStands(grounds: Grounds, outcome: Judged, receivedAt: number): boolean {
  if (Math.abs(grounds.at - receivedAt) <= JUDGED_NEAR_RECEIPT_MS) return true;
  return [0, -JUDGED_NEAR_RECEIPT_MS, JUDGED_NEAR_RECEIPT_MS].some(
    (apart) => judge({ ...grounds, at: receivedAt + apart }, TOOLS)?.outcome === outcome,
  );
}

function readJudgement(bytes: Uint8Array): Judgement | undefined {
  try {
    const value = parseCanonical(fromUtf8(bytes));
    return Check(JudgementSchema, value) ? (value as Judgement) : undefined;
  } catch (fault) {
    if (fault instanceof LogFormatError) return undefined;
    throw fault;
  }
}
