/** Takes the heads of opening logs into the ledger, each with the proof that it grew from the one before. */
import { parseEntry } from '../core/log/entry.ts';
import { type HeadKind, headBody } from '../core/log/head.ts';
import { kindOfOrigin } from '../core/log/origin.ts';
import type { ReleasedHead } from '../recorder/head-desk.ts';
import type { Signer } from '../recorder/signer.ts';
import type { Sql, TransactionSql } from '../store/driver.ts';
import { consistencyOf } from '../store/read-log.ts';
import { endingBefore, TERMINAL_TYPE } from './endings.ts';
import type { Draft, LogWriter } from './log-writer.ts';

/** Heads in one append at most. */
const ROUND_LIMIT = 500;

export type Heads = {
  /** A log has grown: its head is taken at the next round. Other logs than openings' are left out. */
  note(origin: string): void;
  /** Something may have been missed: the next round looks at every log. */
  noteGap(): void;
  /** Takes the newest released head of every log that has grown, all in one append. */
  take(): Promise<void>;
  /** The size of a log's last head in the ledger; null when there is none. */
  anchoredSize(origin: string): Promise<number | null>;
};

type Grown = { readonly origin: string; readonly head: ReleasedHead; readonly previousSize: number };

export function createHeads(
  { sql, signer, platform }: { readonly sql: Sql; readonly signer: Signer; readonly platform: string },
  writer: LogWriter,
): Heads {
  let noted = new Set<string>();
  let hasGap = true;

  async function findAll(): Promise<string[]> {
    const rows = await sql<{ origin: string }[]>`
      SELECT origin FROM logs l WHERE kind = 'opening'
      AND size > coalesce((SELECT max(h.size) FROM ledger_heads h WHERE h.origin = l.origin), 0)`;
    return rows.map(({ origin }) => origin);
  }

  /** Which of the logs have a released head that the ledger lacks. */
  async function findGrown(tx: TransactionSql, origins: readonly string[]): Promise<Grown[]> {
    const rows = await tx<{ origin: string; size: number }[]>`
      SELECT origin, max(size) AS size FROM ledger_heads WHERE origin = ANY (${[...origins]}::text[]) GROUP BY origin`;
    const sizes = new Map(rows.map(({ origin, size }) => [origin, size]));
    return origins.flatMap((origin) => {
      const head = signer.released(origin);
      const previousSize = sizes.get(origin) ?? 0;
      return head === null || head.size <= previousSize ? [] : [{ origin, head, previousSize }];
    });
  }

  /** The logs that have come to their end: the entry under the head says so, or the one that only erasures followed. */
  async function findClosed(tx: TransactionSql, grown: readonly Grown[]): Promise<ReadonlySet<string>> {
    const rows = await tx<{ origin: string; bytes: Uint8Array }[]>`
      SELECT e.origin, e.bytes FROM entries e
      JOIN unnest(${grown.map(({ origin }) => origin)}::text[], ${grown.map(({ head }) => head.size - 1)}::bigint[])
        AS g (origin, seq) ON e.origin = g.origin AND e.seq = g.seq`;
    const closed = new Set<string>();
    for (const { origin, bytes } of rows)
      if ((await endingBefore(tx, origin, parseEntry(bytes))).type === TERMINAL_TYPE) closed.add(origin);
    return closed;
  }

  async function draftsOf(
    tx: TransactionSql,
    { origin, head, previousSize }: Grown,
    isClosed: boolean,
  ): Promise<Draft[]> {
    const consistency = await consistencyOf(tx, origin, previousSize, head.size);
    const draft = (kind: HeadKind, from: number, proof: readonly Uint8Array[]): Draft => ({
      type: 'Head',
      role: 'platform',
      command: `${kind}-${head.size}`,
      body: headBody({ kind, note: head.note, previousSize: from, consistency: proof }),
      withheld: {},
    });
    if (previousSize > 0) return [draft(isClosed ? 'closed' : 'head', previousSize, consistency)];
    // A log that ended before its first head was taken is opened and closed at one size.
    const opened = draft('opened', 0, []);
    return isClosed ? [opened, draft('closed', head.size, [])] : [opened];
  }

  async function takeSome(origins: readonly string[]): Promise<void> {
    await writer.write(async (tx, seq) => {
      const grown = await findGrown(tx, origins);
      const closed = await findClosed(tx, grown);
      const drafts: Draft[] = [];
      const seqs: number[] = [];
      for (const one of grown) {
        drafts.push(...(await draftsOf(tx, one, closed.has(one.origin))));
        seqs.push(seq + drafts.length - 1);
      }
      await tx`INSERT INTO ledger_heads (origin, size, ledger_seq)
               SELECT origin, size, ledger_seq
               FROM unnest(${grown.map(({ origin }) => origin)}::text[], ${grown.map(({ head }) => head.size)}::bigint[],
                           ${seqs}::bigint[]) AS h (origin, size, ledger_seq)`;
      return { drafts, answer: null };
    });
  }

  return {
    note(origin) {
      if (kindOfOrigin(platform, origin) === 'opening') noted.add(origin);
    },
    noteGap() {
      hasGap = true;
    },
    async take() {
      const [before, hadGap] = [noted, hasGap];
      noted = new Set();
      hasGap = false;
      try {
        const origins = hadGap ? [...new Set([...before, ...(await findAll())])] : [...before];
        for (let from = 0; from < origins.length; from += ROUND_LIMIT)
          await takeSome(origins.slice(from, from + ROUND_LIMIT));
      } catch (error) {
        for (const origin of before) noted.add(origin);
        hasGap ||= hadGap;
        throw error;
      }
    },
    async anchoredSize(origin) {
      const [row] = await sql<{ size: number | null }[]>`
        SELECT max(size) AS size FROM ledger_heads WHERE origin = ${origin}`;
      return row?.size ?? null;
    },
  };
}
