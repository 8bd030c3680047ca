/** Writes what a round decided beside its entries: acts, answers, envelopes, decryptions, and the opening at a glance. */
import { fromBase64Url } from '../core/log/base64.ts';
import type { Knowable } from '../core/opening/events.ts';
import { personOf } from '../core/opening/staff.ts';
import { byteList, type TransactionSql } from '../store/driver.ts';
import type { WrappedWindowKey } from '../vault/window-key.ts';
import type { Round } from './deciding.ts';
import type { Known, Outcome } from './submission.ts';

export type RoundWrites = {
  readonly decidedIds: readonly number[];
  readonly commands: readonly { readonly known: Known; readonly outcome: Outcome }[];
  readonly windowKeys: readonly WrappedWindowKey[];
  readonly verified: readonly { readonly bidder: number; readonly attempt: number; readonly failure: string | null }[];
};

/** The id of a received decryption: as unique as its attempt on the log. */
export function decryptionIdOf(openingId: string, bidder: number, attempt: number): string {
  return `${openingId}/${bidder}/${attempt}`;
}

/*
 * Rows go in by lists, one statement for any number of them: a statement whose text grew with them would be planned anew each time,
 * and one for each row would cost a way to the database and back.
 */
export async function writeRound(
  tx: TransactionSql,
  openingId: string,
  round: Round,
  writes: RoundWrites,
): Promise<void> {
  await writeActs(tx, openingId, round);
  await writeRoles(tx, openingId, round);
  await writeEnvelopes(tx, openingId, round);
  await writeDecryptions(tx, openingId, round);
  await writeVerified(tx, openingId, writes);
  for (const key of writes.windowKeys) {
    await tx`INSERT INTO window_keys (opening_id, kid, public_jwk, wrapped_private)
      VALUES (${openingId}, ${key.kid}, ${JSON.stringify(key.publicKey)}, ${key.wrappedKey})`;
  }
  await writeAnswers(tx, openingId, writes);
  await writeGlance(tx, openingId, round);
  // Once nothing can be opened any more, the window's private key goes: what was sealed to it stays sealed.
  if (round.made.some(({ event }) => ENDS_OPENING.has(event.type))) {
    await tx`UPDATE window_keys SET wrapped_private = NULL WHERE opening_id = ${openingId}`;
  }
}

const ENDS_OPENING: ReadonlySet<string> = new Set(['HandedOver', 'TenderFailed', 'OpeningAborted']);

/** The opening at a glance, where an entry of this round changed it: most do not. */
async function writeGlance(tx: TransactionSql, openingId: string, { began, kept }: Round): Promise<void> {
  const { details, phase, deadlineAt } = kept.state;
  const before = began.state;
  if (details.title === before.details.title && phase === before.phase && deadlineAt === before.deadlineAt) return;
  await tx`UPDATE openings SET title = ${details.title}, phase = ${phase}, deadline_at = ${deadlineAt}, opening_at = ${deadlineAt}
    WHERE id = ${openingId}`;
}

/** First answers, and the rows of the intake that are decided now. */
async function writeAnswers(
  tx: TransactionSql,
  openingId: string,
  { commands, decidedIds }: RoundWrites,
): Promise<void> {
  if (decidedIds.length === 0) return;
  await tx`
    WITH answered AS (
      INSERT INTO commands (opening_id, actor, command_id, content_sha256, outcome)
      SELECT ${openingId}, actor, command_id, content_sha256, outcome
      FROM unnest(${commands.map(({ known }) => known.submission.who.account)}::text[],
                  ${commands.map(({ known }) => known.submission.command)}::text[],
                  ${byteList(
                    tx,
                    commands.map(({ known }) => known.digest),
                  )}::bytea[],
                  ${commands.map(({ outcome }) => JSON.stringify(outcome))}::text[])
        AS c (actor, command_id, content_sha256, outcome)
    )
    UPDATE intake SET decided = true WHERE id = ANY (${[...decidedIds]}::bigint[])`;
}

/** Roles given and taken back, in the order of their entries: what every request is asked by from now on. */
async function writeRoles(tx: TransactionSql, openingId: string, { made }: Round): Promise<void> {
  for (const { event } of made) {
    if (event.type !== 'RoleAssigned' && event.type !== 'RoleWithdrawn') continue;
    const { role } = event.body;
    const account = toldBy<string>(event.fields['account']);
    const { account: by } = toldBy<{ readonly account: string }>(event.fields['who']);
    if (event.type === 'RoleAssigned')
      await tx`INSERT INTO assignments (opening_id, account, person, role, assigned_by, assigned_at)
        VALUES (${openingId}, ${account}, ${personOf(account)}, ${role}, ${by}, ${event.at})`;
    else
      await tx`UPDATE assignments SET withdrawn_by = ${by}, withdrawn_at = ${event.at}
        WHERE opening_id = ${openingId} AND account = ${account} AND role = ${role} AND withdrawn_at IS NULL`;
  }
}

/** What this process itself has just put into an entry. */
function toldBy<T>(field: Knowable<unknown> | undefined): T {
  if (field?.known !== true) throw new Error('an entry of our own without its field');
  return field.value as T;
}

async function writeActs(tx: TransactionSql, openingId: string, { acts }: Round): Promise<void> {
  if (acts.length === 0) return;
  await tx`
    INSERT INTO register_acts (id, opening_id, n, at, received_at, type, disclosure)
    SELECT id, ${openingId}, n, at, received_at, type, disclosure
    FROM unnest(${acts.map(({ stored }) => stored.id)}::text[], ${acts.map(({ n }) => n)}::bigint[],
                ${acts.map(({ stored }) => stored.at)}::bigint[], ${acts.map(({ stored }) => stored.receivedAt)}::bigint[],
                ${acts.map(({ stored }) => stored.type)}::text[], ${acts.map(({ stored }) => stored.disclosure)}::text[])
      AS a (id, n, at, received_at, type, disclosure)`;
}

async function writeEnvelopes(tx: TransactionSql, openingId: string, { acts }: Round): Promise<void> {
  const bids = acts.flatMap(({ stored, submission: { enclosure, data, who, act } }) =>
    stored.type === 'BidLodged' && enclosure?.kind === 'envelope'
      ? [
          {
            ...(data as LodgedPromises),
            enclosure,
            account: who.account,
            lodgedAt: stored.receivedAt,
            statement: act.act,
          },
        ]
      : [],
  );
  if (bids.length === 0) return;
  const digests = bids.map(({ envelopeSha256 }) => fromBase64Url(envelopeSha256));
  const headers = bids.map(({ enclosure }) => fromBase64Url(enclosure.header));
  await tx`
    INSERT INTO envelopes (id, opening_id, account, file, sha256, size_bytes, header, lodged_at, statement)
    SELECT id, ${openingId}, account, file, sha256, size_bytes, header, lodged_at, statement
    FROM unnest(${bids.map(({ bidId }) => bidId)}::text[], ${bids.map(({ account }) => account)}::text[],
                ${bids.map(({ enclosure }) => enclosure.file)}::text[], ${byteList(tx, digests)}::bytea[],
                ${bids.map(({ envelopeBytes }) => envelopeBytes)}::bigint[], ${byteList(tx, headers)}::bytea[],
                ${bids.map(({ lodgedAt }) => lodgedAt)}::bigint[], ${bids.map(({ statement }) => statement)}::text[])
      AS e (id, account, file, sha256, size_bytes, header, lodged_at, statement)`;
}

/** Of a lodged bid's data what its envelope's row repeats. */
type LodgedPromises = { readonly bidId: string; readonly envelopeSha256: string; readonly envelopeBytes: number };

async function writeDecryptions(tx: TransactionSql, openingId: string, round: Round): Promise<void> {
  if (round.decryptions.length === 0) return;
  const rows = round.decryptions.map(({ submission, bidder, attempt, receivedAt }) => {
    if (submission.enclosure?.kind !== 'decryption') throw new Error('a decryption without its sealed key');
    const bidId = round.kept.register.bidders.get(submission.who.creditCode)?.standing?.bidId;
    if (bidId === undefined) throw new Error('a decryption of no standing bid');
    const { jwe, refusedFor = null } = submission.enclosure;
    const id = decryptionIdOf(openingId, bidder, attempt);
    return { id, bidId, receivedAt, statement: submission.act.act, jwe, refusedFor };
  });
  await tx`
    INSERT INTO decryptions (id, opening_id, bid_id, received_at, statement, jwe, refused_for)
    SELECT id, ${openingId}, bid_id, received_at, statement, jwe, refused_for
    FROM unnest(${rows.map(({ id }) => id)}::text[], ${rows.map(({ bidId }) => bidId)}::text[],
                ${rows.map(({ receivedAt }) => receivedAt)}::bigint[], ${rows.map(({ statement }) => statement)}::text[],
                ${rows.map(({ jwe }) => jwe)}::text[], ${rows.map(({ refusedFor }) => refusedFor)}::text[])
      AS d (id, bid_id, received_at, statement, jwe, refused_for)`;
}

async function writeVerified(tx: TransactionSql, openingId: string, { verified }: RoundWrites): Promise<void> {
  if (verified.length === 0) return;
  const ids = verified.map(({ bidder, attempt }) => decryptionIdOf(openingId, bidder, attempt));
  const states = verified.map(({ failure }) => (failure === null ? 'verified' : 'failed'));
  const outcomes = verified.map(({ failure }) => JSON.stringify({ failure }));
  await tx`
    UPDATE decryptions SET state = v.state, outcome = v.outcome
    FROM unnest(${ids}::text[], ${states}::text[], ${outcomes}::text[]) AS v (id, state, outcome)
    WHERE decryptions.id = v.id`;
}
