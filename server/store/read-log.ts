/** Reads a log as it was let out: entries, disclosures, checkpoints, tiles and proofs; writes nothing and signs nothing. */
import {
  assembleProof,
  consistencyPlan,
  inclusionPlan,
  type NodeId,
  type ProofPlan,
  type ReadNode,
  rangeNodes,
  rangeRoot,
} from '../core/log/merkle.ts';
import { formatProof } from '../core/log/proof.ts';
import { encodeBundle, encodeHashTile, isTileWithin, TILE_HEIGHT, TILE_WIDTH, type Tile } from '../core/log/tile.ts';
import { sha256 } from '../hash.ts';
import type { Sql, TransactionSql } from './driver.ts';
import { wholeDisclosure } from './stored-disclosure.ts';

/*
 * Every function here takes how far it may read. Callers give the size of a released head (signer.released), so that nobody
 * is shown what a crash could still take back. What is missing below that size is a fault: somebody removed it.
 */

type AnySql = Sql | TransactionSql;

/** Entries read at a time by `streamEntries`: at most 8 MiB of them. */
const STREAM_ENTRIES = 128;

export type StoredEntry = { readonly seq: number; readonly bytes: Uint8Array };
export type StoredDisclosure = { readonly seq: number; readonly field: string; readonly disclosure: string };

/** The database lacks what it must hold, or holds what cannot be: somebody has been at it. */
export class LogDamagedError extends Error {
  readonly code = 'log_damaged';
  readonly origin: string;
  constructor(origin: string, detail: string) {
    super(`log_damaged: ${origin}: ${detail}`);
    this.name = 'LogDamagedError';
    this.origin = origin;
  }
}

/**
 * The entries [from, to) of a log, in order.
 *
 * Throws: LogDamagedError when one is missing.
 */
export async function readEntries(sql: AnySql, origin: string, from: number, to: number): Promise<StoredEntry[]> {
  const rows = await sql<StoredEntry[]>`
    SELECT seq, bytes FROM entries WHERE origin = ${origin} AND seq >= ${from} AND seq < ${to} ORDER BY seq`;
  rows.forEach(({ seq }, n) => {
    if (seq !== from + n) throw new LogDamagedError(origin, `entry ${from + n} is missing`);
  });
  if (rows.length !== Math.max(0, to - from))
    throw new LogDamagedError(origin, `entry ${from + rows.length} is missing`);
  return [...rows];
}

/**
 * The entries of a ledger that may announce a key, in order: that their bytes hold the words is all that is known of them.
 *
 * Why: a few among millions, found by the index `entries_key_announced`, whose condition stands here word for word.
 */
export async function readKeyAnnouncements(sql: AnySql, ledger: string): Promise<StoredEntry[]> {
  const rows = await sql<StoredEntry[]>`
    SELECT seq, bytes FROM entries WHERE origin = ${ledger}
    AND position('\\x2274797065223a224b6579416e6e6f756e63656422'::bytea IN bytes) > 0 ORDER BY seq`;
  return [...rows];
}

/**
 * The entry that issued this version of an opening's record; null when there is none.
 *
 * Why: versions are counted from 1 as they are issued, so the n-th of these entries is the n-th version.
 */
export async function issuedAt(sql: AnySql, origin: string, version: number): Promise<number | null> {
  const words = Buffer.from('"type":"RecordIssued"');
  const [row] = await sql<{ seq: number }[]>`
    SELECT seq FROM entries WHERE origin = ${origin} AND position(${words} IN bytes) > 0
    ORDER BY seq LIMIT 1 OFFSET ${version - 1}`;
  return row?.seq ?? null;
}

/** The entries [from, to) one by one, in memory that does not grow with them. Throws: as `readEntries`. */
export async function* streamEntries(
  sql: AnySql,
  origin: string,
  from: number,
  to: number,
): AsyncGenerator<StoredEntry> {
  for (let at = from; at < to; at += STREAM_ENTRIES)
    yield* await readEntries(sql, origin, at, Math.min(to, at + STREAM_ENTRIES));
}

/**
 * What opens the withheld fields of the entries [from, to), by entry and field. Not for everyone: see core/opening/visibility.
 *
 * Returns: without those whose login is gone from `logins`: a disclosure of which a part is missing is missing.
 */
export async function readDisclosures(
  sql: AnySql,
  origin: string,
  from: number,
  to: number,
): Promise<StoredDisclosure[]> {
  const rows = await sql<(StoredDisclosure & { readonly login: string | null })[]>`
    SELECT d.seq, d.field, d.disclosure, l.login FROM disclosures d LEFT JOIN logins l ON l.sha256 = d.login_sha256
    WHERE d.origin = ${origin} AND d.seq >= ${from} AND d.seq < ${to} AND (d.login_sha256 IS NULL OR l.login IS NOT NULL)
    ORDER BY d.seq, d.field`;
  return rows.map(({ seq, field, disclosure, login }) => ({
    seq,
    field,
    disclosure: wholeDisclosure(disclosure, login),
  }));
}

/** The signed checkpoint of a size that some append ended at; null for other sizes. */
export async function readCheckpoint(sql: AnySql, origin: string, size: number): Promise<string | null> {
  const [row] = await sql<{ note: string }[]>`
    SELECT note FROM checkpoints WHERE origin = ${origin} AND size = ${size}`;
  return row?.note ?? null;
}

/** The first checkpoint that covers `size` entries: those committed together have one between them. Null when there is none. */
export async function readCheckpointOver(
  sql: AnySql,
  origin: string,
  size: number,
): Promise<{ readonly size: number; readonly note: string } | null> {
  const [row] = await sql<{ size: number; note: string }[]>`
    SELECT size, note FROM checkpoints WHERE origin = ${origin} AND size >= ${size} ORDER BY size LIMIT 1`;
  return row ?? null;
}

/** The last checkpoint that was committed; null for a log without any. For whoever does not let logs out himself. */
export async function readLastCheckpoint(
  sql: AnySql,
  origin: string,
): Promise<{ readonly size: number; readonly note: string } | null> {
  const [row] = await sql<{ size: number; note: string }[]>`
    SELECT size, note FROM checkpoints WHERE origin = ${origin} ORDER BY size DESC LIMIT 1`;
  return row ?? null;
}

const nameOf = ({ level, index }: NodeId): string => `${level}/${index}`;

/**
 * Hashes of complete subtrees, all in one query.
 *
 * Returns: a function over exactly the nodes asked for.
 * Throws:  LogDamagedError when one is missing.
 */
export async function readNodes(sql: AnySql, origin: string, nodes: readonly NodeId[]): Promise<ReadNode> {
  const leaves = nodes.filter(({ level }) => level === 0).map(({ index }) => index);
  const inner = nodes.filter(({ level }) => level > 0);
  const rows =
    nodes.length === 0
      ? []
      : await sql<{ level: number; index: number; hash: Uint8Array }[]>`
    SELECT 0 AS level, seq AS index, leaf_hash AS hash FROM entries
    WHERE origin = ${origin} AND seq = ANY (${leaves}::bigint[])
    UNION ALL
    SELECT n.level, n.index, n.hash
    FROM unnest(${inner.map(({ level }) => level)}::int[], ${inner.map(({ index }) => index)}::bigint[]) AS w (level, index)
    JOIN nodes n ON n.origin = ${origin} AND n.level = w.level AND n.index = w.index`;
  const hashes = new Map(rows.map(({ level, index, hash }) => [nameOf({ level, index }), hash]));
  for (const node of nodes)
    if (!hashes.has(nameOf(node))) throw new LogDamagedError(origin, `the hash of subtree ${nameOf(node)} is missing`);
  return (level, index) => {
    const hash = hashes.get(nameOf({ level, index }));
    if (hash === undefined) throw new Error(`subtree ${level}/${index} was not asked for`);
    return hash;
  };
}

/** Makes several proofs from one query. */
async function assemble(sql: AnySql, origin: string, plans: readonly ProofPlan[]): Promise<Uint8Array[][]> {
  const read = await readNodes(sql, origin, plans.flat(2));
  return plans.map((plan) => assembleProof(sha256, plan, read));
}

/**
 * `.tlog-proof` texts of several entries against one checkpoint.
 *
 * Shape:  `checkpoint` is the signed note of `size`.
 * Throws: LogDamagedError; LogFormatError `merkle_index_refused` for an entry that is not below `size`.
 */
export async function proofsOf(
  sql: AnySql,
  origin: string,
  seqs: readonly number[],
  size: number,
  checkpoint: string,
): Promise<string[]> {
  const proofs = await assemble(
    sql,
    origin,
    seqs.map((seq) => inclusionPlan(seq, size)),
  );
  return proofs.map((hashes, n) => formatProof({ index: seqs[n] as number, hashes, checkpoint }));
}

/** The `.tlog-proof` text of one entry. Throws: as `proofsOf`. */
export async function proofOf(
  sql: AnySql,
  origin: string,
  seq: number,
  size: number,
  checkpoint: string,
): Promise<string> {
  const [proof] = await proofsOf(sql, origin, [seq], size, checkpoint);
  return proof as string;
}

/** The root of the tree over the first `size` entries. Throws: LogDamagedError. */
export async function rootAt(sql: AnySql, origin: string, size: number): Promise<Uint8Array> {
  const nodes = rangeNodes(size);
  const read = await readNodes(sql, origin, nodes);
  return rangeRoot(sha256, { size, hashes: nodes.map(({ level, index }) => read(level, index)) });
}

/** The hashes that show how the tree of `oldSize` grew to `size`. Throws: LogDamagedError, LogFormatError. */
export async function consistencyOf(sql: AnySql, origin: string, oldSize: number, size: number): Promise<Uint8Array[]> {
  const [proof] = await assemble(sql, origin, [consistencyPlan(oldSize, size)]);
  return proof as Uint8Array[];
}

/**
 * The bytes of a tile of hashes or a bundle of entries, full or of any partial width.
 *
 * Shape:   `releasedSize` is the size of the released head.
 * Returns: null when the tree of that size does not hold all of the tile.
 * Throws:  LogDamagedError.
 * Why:     a checkpoint with every append means that every width must be served; all are cut from the same rows, none is stored.
 */
export async function readTile(
  sql: AnySql,
  origin: string,
  tile: Tile,
  releasedSize: number,
): Promise<Uint8Array | null> {
  if (!isTileWithin(tile, releasedSize)) return null;
  const from = tile.index * TILE_WIDTH;
  const to = from + tile.width;
  if (tile.kind === 'entries')
    return encodeBundle((await readEntries(sql, origin, from, to)).map(({ bytes }) => bytes));
  const level = tile.level * TILE_HEIGHT;
  const rows = await (level === 0
    ? sql<{ hash: Uint8Array }[]>`
        SELECT leaf_hash AS hash FROM entries WHERE origin = ${origin} AND seq >= ${from} AND seq < ${to} ORDER BY seq`
    : sql<{ hash: Uint8Array }[]>`
        SELECT hash FROM nodes WHERE origin = ${origin} AND level = ${level} AND index >= ${from} AND index < ${to}
        ORDER BY index`);
  if (rows.length !== tile.width)
    throw new LogDamagedError(origin, `tile ${tile.level}/${tile.index} has ${rows.length} of ${tile.width} hashes`);
  return encodeHashTile(rows.map(({ hash }) => hash));
}
