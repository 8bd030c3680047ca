/** One round of one opening, within one transaction: what waits is read under lock, heard, signed and written. */

import type { LoggedEvent } from '../core/opening/events.ts';
import { type Appended, appendEntries, type Head, lockOpening } from '../store/append.ts';
import { databaseTime, recorderTime } from '../store/clock.ts';
import type { TransactionSql } from '../store/driver.ts';
import type { World } from '../world.ts';
import { type IsCosigned, isCosignedToClose } from './closing.ts';
import { newRound, type Round, type RoundContext } from './deciding.ts';
import { eraseNamed } from './erasure-facts.ts';
import type { FactSources, Prepared } from './fact-finding.ts';
import { firstAnswers, receiptOfCheckIn } from './first-answers.ts';
import { hear, lodgedBidId, type Row } from './hearing.ts';
import { INTAKE_LOCK } from './intake.ts';
import { type FoldedOpening, loadOpening } from './kept-opening.ts';
import { isBoundary, type MachineAnswer, type MachineCommand } from './machine.ts';
import type { Signer } from './signer.ts';
import { readSubmission } from './stored-submission.ts';
import type { Known, Outcome, Submission } from './submission.ts';
import { writeRound } from './write-round.ts';

export type RoundDeps = {
  readonly world: World;
  readonly signer: Signer;
  readonly platform: string;
  readonly vaultKey: Uint8Array;
  prepared(openingId: string): Prepared;
  readonly isCosigned: IsCosigned;
  onFault(error: unknown): void;
};

/** What a round is to do. */
export type RoundOrder = {
  readonly openingId: string;
  readonly origin: string;
  readonly commands: readonly MachineCommand[];
  /** Submissions taken from the intake at most. */
  readonly limit: number;
  /** The opening as this process left it; not true any more when another process has written since. */
  readonly cached: FoldedOpening | null;
  /** What this process received itself, by its row of the intake: it need not be read back. */
  known(): ReadonlyMap<number, Known>;
  /** Told the oldest row that the round takes, before anything is decided. */
  onOldest(id: number | null): void;
};

/** What a round has done; nothing of it is true before its transaction has committed. */
export type RoundDone = {
  readonly kept: FoldedOpening;
  readonly events: readonly LoggedEvent[];
  /** Whether it changed the log or the register. */
  readonly isChange: boolean;
  readonly fresh: FreshEntries | null;
  readonly outcomes: ReadonlyMap<number, Outcome>;
  readonly machines: readonly MachineAnswer[];
  /** Files of envelopes that came with its submissions and that no bid names. */
  readonly unused: readonly string[];
  /** Not all that waited was taken. */
  readonly more: boolean;
};

/** What a round appended, with all that proofs of it are made from. */
export type FreshEntries = {
  readonly from: number;
  readonly entries: readonly { readonly bytes: Uint8Array }[];
  readonly appended: Appended;
};

/** The same once it is committed and let out, with its signed checkpoint. */
export type SignedEntries = FreshEntries & { readonly checkpoint: string };

/** Decides what waits. Throws: what the database and the signer say; the transaction must then be rolled back, and settled. */
export async function decideRound(tx: TransactionSql, deps: RoundDeps, order: RoundOrder): Promise<RoundDone> {
  const { world, signer } = deps;
  const { openingId, origin, commands, cached } = order;
  const head = await lockOpening(tx, openingId, origin);
  if (commands.some(isBoundary)) await tx`SELECT pg_advisory_xact_lock(${INTAKE_LOCK})`;
  const known = order.known();
  // Sent together: what this process received itself it can ask for without having read the rows.
  const [{ rows, registerSize, databaseAt }, answeredToKnown] = await Promise.all([
    readWaiting(tx, order, known, deps.onFault),
    firstAnswers(
      tx,
      openingId,
      [...known.values()].map(({ submission }) => submission),
    ),
  ]);
  order.onOldest(rows[0]?.id ?? null);
  const isCurrent = cached?.state.size === head.size && cached.register.size === registerSize;
  const kept = isCurrent ? cached : await loadOpening(tx, origin, openingId);
  if (kept === null) throw new Error(`${origin} has no genesis`);
  // The clock may have been set back, and rows may have come in since it was read: time goes back nowhere on a log.
  const at = rows.reduce(
    (latest, row) => Math.max(latest, row.receivedAt),
    Math.max(recorderTime(world, databaseAt), kept.state.lastAt, kept.receivedUntil),
  );
  const round = newRound(kept);
  const context: RoundContext = { platform: deps.platform, openingId, at, randomBytes: world.randomBytes };
  const sources: FactSources = {
    tx,
    vaultKey: deps.vaultKey,
    randomBytes: world.randomBytes,
    prepared: deps.prepared(openingId),
    cosigned: {
      is: await isCosignedToClose(tx, deps.isCosigned, kept.state, origin),
      closingSize: kept.state.closingSize,
    },
  };
  const submissions = rows.flatMap(({ known }) => (known === null ? [] : [known.submission]));
  const more = rows.length === order.limit;
  const found = rows.flatMap((row) => (row.known === null || known.has(row.id) ? [] : [row.known.submission]));
  const answered = new Map([...answeredToKnown, ...(await firstAnswers(tx, openingId, found))]);
  const foreignBids = await foreignBidsOf(tx, openingId, submissions);
  const heard = await hear(round, context, sources, { rows, more, commands, answered, foreignBids }, deps.onFault);

  // All at once: PostgreSQL ends a transaction that says nothing for half a minute, and a key behind a command takes its time.
  await Promise.all(
    round.acts.map(async ({ receipt }) => {
      if (receipt !== null) receipt.text = await signer.signReceipt(receipt.payload, receipt.typ);
    }),
  );
  const withReceipts = new Map<Outcome, Outcome>();
  for (const outcome of heard.outcomes.values())
    if (!withReceipts.has(outcome)) withReceipts.set(outcome, await withReceipt(tx, openingId, round, outcome));
  const finished = (outcome: Outcome): Outcome => withReceipts.get(outcome) ?? outcome;
  const fresh = await write(tx, openingId, head, round, signer, {
    decidedIds: rows.map((row) => row.id),
    commands: heard.fresh.map(({ known, outcome }) => ({ known, outcome: finished(outcome) })),
    windowKeys: heard.windowKeys,
    verified: heard.verified,
  });
  return {
    kept: round.kept,
    events: round.made.map((m) => m.event),
    isChange: round.made.length > 0 || round.acts.length > 0,
    fresh,
    outcomes: new Map([...heard.outcomes].map(([id, outcome]) => [id, finished(outcome)])),
    machines: heard.machines,
    unused: await unusedFiles(tx, submissions),
    more,
  };
}

/** Writes all of a round: the entries last, for they wait for the signer, and the rest need not. */
async function write(
  tx: TransactionSql,
  openingId: string,
  head: Head,
  round: Round,
  signer: Signer,
  writes: Parameters<typeof writeRound>[3],
): Promise<FreshEntries | null> {
  const others = () => writeRound(tx, openingId, round, writes);
  if (round.made.length === 0) {
    await others();
    return null;
  }
  const appended = await appendEntries(tx, head, round.made, signer, others);
  await eraseNamed(tx, head.origin, round.made);
  return { from: head.size, entries: round.made, appended };
}

type Waiting = { readonly rows: Row[]; readonly registerSize: number; readonly databaseAt: number };

/** What waits, oldest first, how many acts the register has, and what time it is: in one statement, after the locks. */
async function readWaiting(
  tx: TransactionSql,
  { openingId, limit }: RoundOrder,
  known: ReadonlyMap<number, Known>,
  onFault: (error: unknown) => void,
): Promise<Waiting> {
  type Found = {
    registerSize: number;
    databaseAt: number;
    id: number | null;
    receivedAt: number;
    content: Uint8Array | null;
    login: string | null;
  };
  const found = await tx<Found[]>`
    SELECT r.size AS "registerSize", r.at AS "databaseAt", i.id, i.received_at AS "receivedAt", i.content, i.login
    FROM (SELECT coalesce(max(n) + 1, 0) AS size, ${databaseTime(tx)} AS at
          FROM register_acts WHERE opening_id = ${openingId}) r
    LEFT JOIN (SELECT w.id, w.received_at, CASE WHEN w.is_known THEN NULL ELSE w.content END AS content, l.login
               FROM (SELECT *, id = ANY (${[...known.keys()]}::bigint[]) AS is_known FROM intake
                     WHERE opening_id = ${openingId} AND NOT decided ORDER BY received_at, id LIMIT ${limit}) w
               LEFT JOIN logins l ON NOT w.is_known AND l.sha256 = w.login_sha256) i ON true
    ORDER BY i.received_at, i.id`;
  const read = (id: number, content: Uint8Array | null, login: string | null): Known | null => {
    if (content === null) return known.get(id) ?? null;
    try {
      return readSubmission(content, login);
    } catch (fault) {
      onFault(fault);
      return null;
    }
  };
  const rows = found.flatMap(({ id, receivedAt, content, login }) =>
    id === null ? [] : [{ id, receivedAt, known: read(id, content, login) }],
  );
  const [first] = found;
  if (first === undefined) throw new Error('the database does not know what time it is');
  return { rows, registerSize: first.registerSize, databaseAt: first.databaseAt };
}

/** A bid id of another opening must not fail the round at its insert. */
async function foreignBidsOf(
  tx: TransactionSql,
  openingId: string,
  submissions: readonly Submission[],
): Promise<Set<string>> {
  const ids = submissions.flatMap((submission) => lodgedBidId(submission) ?? []);
  if (ids.length === 0) return new Set();
  const rows = await tx<{ id: string }[]>`
    SELECT id FROM envelopes WHERE id = ANY (${ids}::text[]) AND opening_id <> ${openingId}`;
  return new Set(rows.map(({ id }) => id));
}

/** The receipt that goes with an outcome: signed in this round, or given when the same was done before. */
async function withReceipt(tx: TransactionSql, openingId: string, round: Round, outcome: Outcome): Promise<Outcome> {
  if (outcome.outcome === 'refused' || outcome.actId === null || outcome.receipt !== null) return outcome;
  const made = round.acts.find((a) => a.stored.id === outcome.actId);
  if (made !== undefined) return { ...outcome, receipt: made.receipt?.text ?? null };
  return { ...outcome, receipt: await receiptOfCheckIn(tx, openingId, round.kept, outcome.actId) };
}

/** Of the envelopes that came with this round's submissions, those that no bid names. */
async function unusedFiles(tx: TransactionSql, submissions: readonly Submission[]): Promise<string[]> {
  const files = submissions.flatMap(({ enclosure }) => (enclosure?.kind === 'envelope' ? [enclosure.file] : []));
  if (files.length === 0) return [];
  const used = await tx<{ file: string }[]>`SELECT file FROM envelopes WHERE file = ANY (${files}::text[])`;
  return files.filter((file) => !used.some((row) => row.file === file));
}
