/** Appends entries to a log within the caller's transaction: head locked, tree grown, head noted by the signer; commits, signs and releases nothing. */
import { joinBytes, sameBytes } from '../core/log/bytes.ts';
import { parseEntry } from '../core/log/entry.ts';
import { HASH_BYTES } from '../core/log/hash.ts';
import {
  appendLeaves,
  type CompactRange,
  consistencyProof,
  EMPTY_RANGE,
  leafHash,
  type NodeId,
  type ReadNode,
  rangeNodes,
  rangeRoot,
} from '../core/log/merkle.ts';
import type { LogKind } from '../core/log/origin.ts';
import { sha256 } from '../hash.ts';
import { textOfBytes } from '../native-text.ts';
import { byteList, type Sql, type TransactionSql } from './driver.ts';
import { joinLines } from './lines.ts';
import type { SplitDisclosure } from './stored-disclosure.ts';

/** A log as its row says while it is locked. `range` is the tree over its entries, `root` the root of it. */
export type Head = {
  readonly origin: string;
  readonly kind: LogKind;
  readonly size: number;
  readonly range: CompactRange;
  readonly root: Uint8Array;
};

/** An entry to append: its exact bytes, and what opens its withheld fields. */
export type NewEntry = {
  readonly bytes: Uint8Array;
  readonly disclosures: readonly NewDisclosure[];
};

/** `split` where the login at its end is durable in `logins` already, and need not be stored again. */
export type NewDisclosure = { readonly field: string; readonly disclosure: string; readonly split?: SplitDisclosure };

/** Who will sign the new head once it is committed: makes it durable on his side now, and refuses one that does not grow from `after`. */
export type HeadSigner = {
  pend(
    origin: string,
    kind: LogKind,
    growth: {
      readonly size: number;
      readonly root: Uint8Array;
      readonly after: { readonly size: number; readonly root: Uint8Array };
      /** The RFC 6962 consistency proof. */
      readonly proof: readonly Uint8Array[];
    },
  ): Promise<void>;
};

/** What was appended: the new head, which is signed once it is committed. */
export type Appended = {
  readonly size: number;
  readonly root: Uint8Array;
  readonly head: Head;
  /** Every subtree that a proof of one of the new entries against the new head is made from; of others it throws. */
  readonly readNode: ReadNode;
};

/** The log cannot be appended to as it stands; a fault of the database or of the caller, never of a person. */
export class AppendFault extends Error {
  readonly code: 'log_missing' | 'head_corrupt' | 'head_moved' | 'entry_out_of_place';
  constructor(code: AppendFault['code'], origin: string, detail: string) {
    super(`${code}: ${origin}: ${detail}`);
    this.name = 'AppendFault';
    this.code = code;
  }
}

/** Begins a log without entries. Throws: PostgresError 23505 when the log, or another of this opening, is there. */
export async function createLog(
  tx: TransactionSql,
  log: { readonly origin: string; readonly kind: LogKind; readonly openingId: string | null },
): Promise<void> {
  const root = rangeRoot(sha256, EMPTY_RANGE);
  await tx`INSERT INTO logs (origin, kind, opening_id, size, frontier, root)
           VALUES (${log.origin}, ${log.kind}, ${log.openingId}, 0, ${new Uint8Array()}, ${root})`;
}

/** The hashes of a compact range, largest subtree first, as the column `frontier` holds them. */
function readFrontier(origin: string, size: number, frontier: Uint8Array): CompactRange {
  if (frontier.length !== rangeNodes(size).length * HASH_BYTES)
    throw new AppendFault('head_corrupt', origin, `the frontier does not fit ${size} entries`);
  const hashes: Uint8Array[] = [];
  for (let at = 0; at < frontier.length; at += HASH_BYTES) hashes.push(frontier.slice(at, at + HASH_BYTES));
  return { size, hashes };
}

/**
 * Locks the head of a log until the transaction ends, and reads it.
 *
 * Throws: AppendFault: `log_missing`; `head_corrupt` when frontier and root contradict each other.
 * Why:    lock order is the opening's row first, then this: two rounds of one opening, or a round and a batch, cannot deadlock.
 */
export async function lockHead(tx: TransactionSql, origin: string): Promise<Head> {
  const [row] = await tx<HeadRow[]>`SELECT kind, size, frontier, root FROM logs WHERE origin = ${origin} FOR UPDATE`;
  return readHead(origin, row);
}

/** The same behind the row of its opening, both in one statement. Throws: as `lockHead`. */
export async function lockOpening(tx: TransactionSql, openingId: string, origin: string): Promise<Head> {
  // The head is locked last, when the row that goes before it is there or known not to be.
  const [row] = await tx<HeadRow[]>`
    WITH opening AS MATERIALIZED (SELECT id FROM openings WHERE id = ${openingId} FOR UPDATE)
    SELECT kind, size, frontier, root FROM logs LEFT JOIN opening ON true WHERE origin = ${origin} FOR UPDATE OF logs`;
  return readHead(origin, row);
}

type HeadRow = {
  readonly kind: LogKind;
  readonly size: number;
  readonly frontier: Uint8Array;
  readonly root: Uint8Array;
};

function readHead(origin: string, row: HeadRow | undefined): Head {
  if (row === undefined) throw new AppendFault('log_missing', origin, 'there is no such log');
  const { kind, size, frontier, root } = row;
  const range = readFrontier(origin, size, frontier);
  if (!sameBytes(rangeRoot(sha256, range), root))
    throw new AppendFault('head_corrupt', origin, `the root at ${size} is not the frontier's`);
  return { origin, kind, size, range, root };
}

/**
 * Appends entries and has the new head noted.
 *
 * Shape:   `head` from `lockHead` in the same transaction, or from the append before in it; at least one entry. `meanwhile` is
 *          what else the transaction writes, done while the signer waits for its disk.
 * Returns: the new head. The caller commits, THEN has the signer release and sign it, THEN stores and shows the checkpoint; when the
 *          transaction fails after this was called, or its outcome is unknown, he settles (see recorder/commit.ts).
 * Throws:  AppendFault: `entry_out_of_place` when an entry is not the next one of this log; `head_moved` when the head is not
 *          as it was locked. LogFormatError for bytes that no verifier would read. What the signer and `meanwhile` throw.
 * Why:     an entry is read once more before it is noted, because nothing signed can ever be taken back; and nothing is signed
 *          before it is committed, so that no signature exists of what was rolled back.
 */
export async function appendEntries(
  tx: TransactionSql,
  head: Head,
  entries: readonly NewEntry[],
  signer: HeadSigner,
  meanwhile: () => Promise<void> = async () => undefined,
): Promise<Appended> {
  const { origin, kind, size: before } = head;
  if (entries.length === 0) throw new AppendFault('entry_out_of_place', origin, 'nothing to append');
  const texts = entries.map(({ bytes }) => textOfBytes(bytes));
  entries.forEach(({ bytes }, n) => {
    const { log, seq } = parseEntry(bytes, () => texts[n] as string);
    if (log !== origin || seq !== before + n)
      throw new AppendFault('entry_out_of_place', origin, `entry ${seq} of ${log} at ${before + n}`);
  });

  const leaves = entries.map(({ bytes }) => leafHash(sha256, bytes));
  const nodes: (NodeId & { readonly hash: Uint8Array })[] = [];
  const range = appendLeaves(sha256, head.range, leaves, (node, hash) => nodes.push({ ...node, hash }));
  const root = rangeRoot(sha256, range);
  const { size } = range;

  const readNode = nodesAt(head.range, nodes);
  const proof = consistencyProof(sha256, readNode, before, size);
  const noting = signer.pend(origin, kind, { size, root, after: { size: before, root: head.root }, proof });
  const [noted, written] = await Promise.allSettled([noting, meanwhile()]);
  // Both have ended before anyone settles what failed.
  if (noted.status === 'rejected') throw noted.reason;
  if (written.status === 'rejected') throw written.reason;

  // the leaves' own hashes stand beside the entries
  const inner = nodes.filter(({ level }) => level > 0);
  const opening = entries.flatMap(({ disclosures }, n) => disclosures.map((d) => ({ seq: before + n, ...d })));
  const withheld = opening.map(({ disclosure, split }) => split?.beforeLogin ?? disclosure);
  const logins = opening.map(({ split }) => split?.loginSha256 ?? null);
  // One statement, one way to the database and back: four that were sent together came out of the driver in another order.
  const [moved] = await tx<{ rows: number }[]>`
    WITH appended AS (
      INSERT INTO entries (origin, seq, bytes, leaf_hash)
      SELECT ${origin}, ${before}::bigint + n - 1, convert_to(line, 'UTF8'), leaf_hash
      FROM ROWS FROM (string_to_table(${joinLines(texts)}, chr(10)), unnest(${byteList(tx, leaves)}::bytea[]))
        WITH ORDINALITY AS e (line, leaf_hash, n)
    ), grown AS (
      INSERT INTO nodes (origin, level, index, hash)
      SELECT ${origin}, level, index, hash
      FROM unnest(${inner.map(({ level }) => level)}::int[], ${inner.map(({ index }) => index)}::bigint[],
                  ${byteList(
                    tx,
                    inner.map(({ hash }) => hash),
                  )}::bytea[]) AS n (level, index, hash)
    ), withheld AS (
      INSERT INTO disclosures (origin, seq, field, disclosure, login_sha256)
      SELECT ${origin}, seq, field, line, login_sha256
      FROM ROWS FROM (unnest(${opening.map(({ seq }) => seq)}::bigint[]), unnest(${opening.map(({ field }) => field)}::text[]),
                      string_to_table(${joinLines(withheld)}, chr(10)), unnest(${byteList(tx, logins)}::bytea[]))
        AS d (seq, field, line, login_sha256)
    ), moved AS (
      UPDATE logs SET size = ${size}, frontier = ${joinBytes(...range.hashes)}, root = ${root}
      WHERE origin = ${origin} AND size = ${before} RETURNING 1
    )
    SELECT count(*)::int AS rows FROM moved`;
  if (moved?.rows !== 1) throw new AppendFault('head_moved', origin, `it no longer stands at ${before}`);
  return { size, root, head: { origin, kind, size, range, root }, readNode };
}

/**
 * The subtrees at hand right after an append: those the tree consisted of before, and those that were made.
 *
 * Why: a new leaf's siblings to the left are what the tree consisted of, or have become complete since; to the right all is new.
 */
function nodesAt(before: CompactRange, made: readonly (NodeId & { readonly hash: Uint8Array })[]): ReadNode {
  const name = (level: number, index: number): string => `${level}/${index}`;
  const hashes = new Map<string, Uint8Array>();
  rangeNodes(before.size).forEach(({ level, index }, n) => {
    hashes.set(name(level, index), before.hashes[n] as Uint8Array);
  });
  for (const { level, index, hash } of made) hashes.set(name(level, index), hash);
  return (level, index) => {
    const hash = hashes.get(name(level, index));
    if (hash === undefined) throw new Error(`subtree ${level}/${index} is not at hand`);
    return hash;
  };
}

/** The committed head of a log while its row is locked; null when there is no such log, or nothing on it. */
export async function lockCommitted(
  tx: TransactionSql,
  origin: string,
): Promise<{ readonly size: number; readonly root: Uint8Array } | null> {
  const [row] = await tx<{ size: number; root: Uint8Array }[]>`
    SELECT size, root FROM logs WHERE origin = ${origin} FOR UPDATE`;
  return row === undefined || row.size === 0 ? null : row;
}

/** Stores the signed checkpoint of a head that was let out; one that is there stands, as it is the same. */
export async function storeCheckpoint(
  sql: Sql | TransactionSql,
  origin: string,
  { size, note }: { readonly size: number; readonly note: string },
): Promise<void> {
  await sql`INSERT INTO checkpoints (origin, size, note) VALUES (${origin}, ${size}, ${note}) ON CONFLICT DO NOTHING`;
}
