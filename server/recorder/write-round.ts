/** Writes what a round decided beside its entries: acts, answers, envelopes, decryptions, and the opening at a glance. */
import { fromBase64Url } from '../core/log/base64.ts';
import type { TransactionSql } from '../store/driver.ts';
import type { WrappedWindowKey } from '../vault/window-key.ts';
import { contentDigest, type Round } from './deciding.ts';
import type { Outcome, Submission } from './submission.ts';

export type RoundWrites = {
  readonly decidedIds: readonly number[];
  readonly commands: readonly { readonly submission: Submission; readonly outcome: Outcome }[];
  readonly windowKeys: readonly WrappedWindowKey[];
  readonly verified: readonly { readonly bidder: number; readonly attempt: number; readonly failure: string | null }[];
};

/** The id of a received decryption: as unique as its attempt on the log. */
export function decryptionIdOf(openingId: string, bidder: number, attempt: number): string {
  return `${openingId}/${bidder}/${attempt}`;
}

export async function writeRound(
  tx: TransactionSql,
  openingId: string,
  round: Round,
  writes: RoundWrites,
): Promise<void> {
  await writeActs(tx, openingId, round);
  await writeDecryptions(tx, openingId, round, writes);
  for (const key of writes.windowKeys) {
    await tx`INSERT INTO window_keys (opening_id, kid, public_jwk, wrapped_private)
      VALUES (${openingId}, ${key.kid}, ${JSON.stringify(key.publicKey)}, ${key.wrappedKey})`;
  }
  if (writes.commands.length > 0) {
    const rows = writes.commands.map(({ submission, outcome }) => ({
      opening_id: openingId,
      actor: submission.who.account,
      command_id: submission.command,
      content_sha256: contentDigest(submission),
      outcome: JSON.stringify(outcome),
    }));
    await tx`INSERT INTO commands ${tx(rows)}`;
  }
  if (writes.decidedIds.length > 0)
    await tx`UPDATE intake SET decided = true WHERE id IN ${tx([...writes.decidedIds])}`;
  if (round.made.length > 0) {
    const { details, phase, deadlineAt } = round.kept.state;
    await tx`UPDATE openings SET title = ${details.title}, phase = ${phase}, deadline_at = ${deadlineAt}, opening_at = ${deadlineAt}
      WHERE id = ${openingId}`;
  }
  // Once nothing can be opened any more, the window's private key goes: what was sealed to it stays sealed.
  if (round.made.some(({ event }) => ENDS_OPENING.has(event.type))) {
    await tx`UPDATE window_keys SET wrapped_private = NULL WHERE opening_id = ${openingId}`;
  }
}

const ENDS_OPENING: ReadonlySet<string> = new Set(['HandedOver', 'TenderFailed', 'OpeningAborted']);

async function writeActs(tx: TransactionSql, openingId: string, round: Round): Promise<void> {
  if (round.acts.length === 0) return;
  const rows = round.acts.map(({ stored, n }) => ({
    id: stored.id,
    opening_id: openingId,
    n,
    at: stored.at,
    received_at: stored.receivedAt,
    type: stored.type,
    disclosure: stored.disclosure,
  }));
  await tx`INSERT INTO register_acts ${tx(rows)}`;
  for (const { stored, submission } of round.acts) {
    const { enclosure } = submission;
    if (stored.type !== 'BidLodged' || enclosure?.kind !== 'envelope') continue;
    const bid = submission.data as {
      readonly bidId: string;
      readonly envelopeSha256: string;
      readonly envelopeBytes: number;
    };
    await tx`INSERT INTO envelopes (id, opening_id, account, file, sha256, size_bytes, header, lodged_at, statement)
      VALUES (${bid.bidId}, ${openingId}, ${submission.who.account}, ${enclosure.file}, ${fromBase64Url(bid.envelopeSha256)},
        ${bid.envelopeBytes}, ${fromBase64Url(enclosure.header)}, ${stored.receivedAt}, ${submission.act.act})`;
  }
}

async function writeDecryptions(
  tx: TransactionSql,
  openingId: string,
  round: Round,
  writes: RoundWrites,
): Promise<void> {
  for (const { submission, bidder, attempt, receivedAt } of round.decryptions) {
    if (submission.enclosure?.kind !== 'decryption') throw new Error('a decryption without its sealed key');
    const { creditCode } = submission.who;
    const bidId = round.kept.register.bidders.get(creditCode)?.standing?.bidId;
    if (bidId === undefined) throw new Error('a decryption of no standing bid');
    await tx`INSERT INTO decryptions (id, opening_id, bid_id, received_at, statement, jwe)
      VALUES (${decryptionIdOf(openingId, bidder, attempt)}, ${openingId}, ${bidId}, ${receivedAt}, ${submission.act.act},
        ${submission.enclosure.jwe})`;
  }
  for (const { bidder, attempt, failure } of writes.verified) {
    const state = failure === null ? 'verified' : 'failed';
    await tx`UPDATE decryptions SET state = ${state}, outcome = ${JSON.stringify({ failure })} WHERE id = ${decryptionIdOf(openingId, bidder, attempt)}`;
  }
}
