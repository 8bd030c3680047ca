/** The log of what officials were shown of non-public data: written, and let out, before the answer is given; and found again by who read. */

import { toBase64Url } from '../core/log/base64.ts';
import { isJsonObject, type Json } from '../core/log/canonical.ts';
import { readDisclosure } from '../core/log/disclosure.ts';
import { fromUtf8 } from '../core/log/utf8.ts';
import type { Sql, TransactionSql } from '../store/driver.ts';
import { readDisclosures } from '../store/read-log.ts';
import type { World } from '../world.ts';
import type { Also, LogWriter } from './log-writer.ts';

/** Entries indexed at a time when the index is behind its log. */
const INDEX_BATCH = 500;

/** A read: who reads, from where, and what; `openingId` null when it is not about one opening. */
export type Access = {
  readonly who: { readonly account: string; readonly [member: string]: Json };
  readonly source: { readonly address: string; readonly client: string };
  readonly openingId: string | null;
  /** What is read, in a word that stays the same, such as `price_list`. */
  readonly what: string;
  /** Entries it is about, when it is about some. */
  readonly seqs?: readonly number[];
};

/**
 * Records a read.
 *
 * Returns: the entry's number once it is committed and let out; only then may the answer be given.
 * Throws:  what the store throws; then nothing may be shown.
 */
export async function recordAccess(writer: LogWriter, world: World, access: Access, also?: Also): Promise<number> {
  const { who, source, openingId, what, seqs } = access;
  const { seqs: written } = await writer.write(async (tx, seq) => {
    await indexReads(tx, [{ seq, account: who.account, openingId }]);
    await also?.(tx, seq);
    const draft = {
      type: 'Accessed',
      role: 'platform',
      command: toBase64Url(world.randomBytes(16)),
      body: {},
      withheld: { who, source, access: { openingId, what, ...(seqs === undefined ? {} : { seqs }) } },
    } as const;
    return { drafts: [draft], answer: null };
  });
  return written[0] as number;
}

type IndexedRead = { readonly seq: number; readonly account: string; readonly openingId: string | null };

async function indexReads(sql: Sql | TransactionSql, reads: readonly IndexedRead[]): Promise<void> {
  if (reads.length === 0) return;
  await sql`
    INSERT INTO access_reads (seq, account, opening_id)
    SELECT seq, account, opening_id
    FROM unnest(${reads.map(({ seq }) => seq)}::bigint[], ${reads.map(({ account }) => account)}::text[],
                ${reads.map(({ openingId }) => openingId)}::text[]) AS r (seq, account, opening_id)`;
}

/** Indexes what stands on the access log and not yet in its index: written before there was one, or by a rebuild. */
export async function rebuildReads(sql: Sql, origin: string, size: number): Promise<void> {
  const [last] = await sql<{ seq: number }[]>`SELECT coalesce(max(seq), 0) AS seq FROM access_reads`;
  for (let from = (last?.seq ?? 0) + 1; from < size; from += INDEX_BATCH) {
    const fields = new Map<number, { who?: Json; access?: Json }>();
    for (const { seq, disclosure } of await readDisclosures(sql, origin, from, Math.min(size, from + INDEX_BATCH))) {
      const { field, value } = readDisclosure(disclosure);
      fields.set(seq, { ...fields.get(seq), [field]: value });
    }
    await indexReads(sql, [...fields].flatMap(indexedReadOf));
  }
}

function indexedReadOf([seq, { who, access }]: [number, { who?: Json; access?: Json }]): IndexedRead[] {
  if (!isJsonObject(who) || !isJsonObject(access) || typeof who['account'] !== 'string') return [];
  const { openingId } = access;
  return [{ seq, account: who['account'], openingId: typeof openingId === 'string' ? openingId : null }];
}

/** A recorded read as it stands on the access log, with what opens its withheld fields. */
export type RecordedRead = { readonly seq: number; readonly entry: string; readonly disclosures: readonly string[] };

/**
 * Recorded reads of one account or about one opening, or both, in their order.
 *
 * Shape: those behind entry `after` and below `size`, `limit` of them at most; null asks for any account, any opening.
 */
export async function findReads(
  sql: Sql,
  origin: string,
  asked: {
    readonly account: string | null;
    readonly openingId: string | null;
    readonly after: number;
    readonly size: number;
    readonly limit: number;
  },
): Promise<RecordedRead[]> {
  const { account, openingId, after, size, limit } = asked;
  const rows = await sql<{ seq: number; bytes: Uint8Array; disclosures: string }[]>`
    SELECT r.seq, e.bytes, string_agg(d.disclosure, ' ' ORDER BY d.field) AS disclosures
    FROM (SELECT seq FROM access_reads
          WHERE (${account}::text IS NULL OR account = ${account}) AND (${openingId}::text IS NULL OR opening_id = ${openingId})
            AND seq > ${after} AND seq < ${size} ORDER BY seq LIMIT ${limit}) r
    JOIN entries e ON e.origin = ${origin} AND e.seq = r.seq
    JOIN disclosures d ON d.origin = e.origin AND d.seq = e.seq
    GROUP BY r.seq, e.bytes ORDER BY r.seq`;
  // base64url knows no space.
  return rows.map(({ seq, bytes, disclosures }) => ({
    seq,
    entry: fromUtf8(bytes),
    disclosures: disclosures.split(' '),
  }));
}
