/** Reveals the dummies of register batches, once it is public how many stood in every opening that could have used them. */
import { checkReveal, type Reveal, revealBody } from '../core/log/register-reveal.ts';
import { sha256 } from '../hash.ts';
import type { Sql } from '../store/driver.ts';
import { LogDamagedError } from '../store/read-log.ts';
import type { LogWriter } from './log-writer.ts';
import { actLeaves } from './register-proofs.ts';
import { blockingSpans, gapsBetween, noteEndings, type Span } from './register-spans.ts';

/** Batches revealed in one round at most: each takes some 12,000 hashes to check. */
export const REVEALS_PER_ROUND = 8;
/** Digits of a batch's number in the entry, as in the batch's own. */
const NUMBER_DIGITS = 12;

type Batch = {
  readonly batch: number;
  readonly seed: Uint8Array;
  readonly root: Uint8Array;
  readonly ledgerSeq: number;
};

export type RegisterReveals = {
  /** Reveals the oldest batches that may be and are not yet, a few at a time. Returns: how many. */
  reveal(): Promise<number>;
};

/**
 * The reveals of a ledger.
 *
 * Why: a batch of an opening that failed or was aborted stays closed for ever, with whatever others acted in it: from the number
 *      of acts and what is public of the others one could tell how many had bid (domain §3). A revealed seed stays stored
 *      beside its batch: it is public by then, and proofs of acts are made with it.
 */
export function createRegisterReveals(sql: Sql, writer: LogWriter): RegisterReveals {
  /** Batches known to be revealed, all of them; forgotten with the process, and then found again. */
  let done: readonly Span[] = [];

  async function findSome(spans: readonly Span[]): Promise<readonly Batch[]> {
    return sql<Batch[]>`
      SELECT b.batch, b.seed, b.root, b.ledger_seq AS "ledgerSeq"
      FROM unnest(${spans.map(({ first }) => first)}::bigint[], ${spans.map(({ last }) => last)}::bigint[]) AS s (first, last)
      JOIN register_batches b ON b.batch BETWEEN s.first AND s.last
      WHERE NOT EXISTS (SELECT 1 FROM register_reveals r WHERE r.batch = b.batch)
      ORDER BY b.batch LIMIT ${REVEALS_PER_ROUND}`;
  }

  async function readReveal({ batch, seed, root, ledgerSeq }: Batch): Promise<Reveal> {
    const reveal = { batch: ledgerSeq, seed, acts: await actLeaves(sql, batch) };
    // Once it stands on the ledger it cannot be taken back: what does not hold must not get there.
    if (checkReveal(sha256, reveal, root) !== undefined)
      throw new LogDamagedError(writer.origin, `the acts of batch ${batch} do not have its root`);
    return reveal;
  }

  async function write(batch: number, reveal: Reveal): Promise<void> {
    await writer.write(async (tx, seq) => {
      // The head of the ledger is locked: nobody else reveals it meanwhile.
      const there = await tx`SELECT 1 FROM register_reveals WHERE batch = ${batch}`;
      if (there.length > 0) return { drafts: [], answer: null };
      await tx`INSERT INTO register_reveals (batch, ledger_seq) VALUES (${batch}, ${seq})`;
      const command = `reveal-${String(batch).padStart(NUMBER_DIGITS, '0')}`;
      const draft = {
        type: 'DummiesRevealed',
        role: 'platform',
        command,
        body: revealBody(reveal),
        withheld: {},
      } as const;
      return { drafts: [draft], answer: null };
    });
  }

  return {
    async reveal() {
      await noteEndings(sql);
      const [newest] = await sql<{ batch: number | null }[]>`SELECT max(batch) AS batch FROM register_batches`;
      const last = newest?.batch ?? null;
      if (last === null) return 0;
      const blocked = await blockingSpans(sql, last);
      const candidates = gapsBetween([...blocked, ...done], last);
      const found = candidates.length === 0 ? [] : await findSome(candidates);
      for (const batch of found) await write(batch.batch, await readReveal(batch));
      if (found.length < REVEALS_PER_ROUND) done = gapsBetween(blocked, last);
      return found.length;
    },
  };
}
