/** Reads the logs again and again and holds every byte against what was signed: what an owner of the database changes, this finds. */
import { sameBytes } from '../core/log/bytes.ts';
import { openDisclosures } from '../core/log/disclosure.ts';
import type { Entry } from '../core/log/entry.ts';
import { appendLeaves, type CompactRange, EMPTY_RANGE, leafHash, type NodeId, rangeRoot } from '../core/log/merkle.ts';
import { ERASED_TYPE, goneWith, MISSING_LIMIT } from '../core/log/verify.ts';
import { sha256 } from '../hash.ts';
import type { Sql } from '../store/driver.ts';
import { readCheckpoint, readDisclosures } from '../store/read-log.ts';
import type { World } from '../world.ts';
import type { ReleasedHead } from './head-desk.ts';
import { keepRhythm } from './rhythm.ts';
import type { Signer } from './signer.ts';

/** Entries read at a time; between two chunks other work gets its turn. */
const CHUNK_ENTRIES = 64;

/** How long a head may be committed and not yet let out, ms: far longer than any answer of database and signer is waited for. */
export const LETTING_OUT_LIMIT_MS = 300_000;

/** What can be found; the order is the order in which an entry is looked at. */
export type FindingCode =
  | 'log_missing'
  | 'head_differs'
  | 'checkpoint_differs'
  | 'entry_missing'
  | 'leaf_hash_differs'
  | 'disclosure_differs'
  | 'node_differs'
  | 'root_differs'
  | 'disclosure_missing';

/** A contradiction between what was signed and what is stored. `seq` is the entry, when it is about one. */
export type Finding = {
  readonly origin: string;
  readonly code: FindingCode;
  readonly seq: number | null;
  readonly detail: string;
};

export type SelfAuditDependencies = {
  readonly sql: Sql;
  readonly signer: Pick<Signer, 'origins' | 'released'>;
  readonly world: World;
  readonly periodMs: number;
  /** Entries of one tick at most: what bounds its cost. */
  readonly entriesPerTick: number;
  /** Called once for each finding: the server must go read-only and say so. */
  readonly onFinding: (finding: Finding) => void;
  /** Told when the database could not be asked; the next tick goes on where this one was. */
  readonly onFault: (error: unknown) => void;
};

export type SelfAudit = {
  /** Reads on, as far as one tick may. Throws: what the database says. */
  tick(): Promise<void>;
  findings(): readonly Finding[];
  /** How far it is: complete rounds over all logs, and when the last one ended, ms of the world's clock. */
  progress(): { readonly rounds: number; readonly roundEndedAt: number | null };
  stop(): Promise<void>;
};

/**
 * Whether a stored checkpoint is the one that was signed.
 *
 * Why: signed anew at each start, it comes out the same; but for the lines of keys that have come or gone since, while one follows another.
 */
function isSigned(stored: string | null, note: string): boolean {
  if (stored === null || stored === note) return stored === note;
  const split = (text: string): readonly [string, readonly string[]] => {
    const end = text.lastIndexOf('\n\n');
    return [
      text.slice(0, end),
      text
        .slice(end + 2)
        .split('\n')
        .slice(0, -1),
    ];
  };
  const [[text, lines], [own, ownLines]] = [split(stored), split(note)];
  return text === own && stored.endsWith('\n') && lines.some((line) => ownLines.includes(line));
}

/** A log that is being read: the head it is held against, and how far it is. */
type Reading = {
  readonly origin: string;
  readonly head: ReleasedHead;
  range: CompactRange;
  readonly missing: Map<string, number>;
};

/**
 * Starts the audit.
 *
 * Why: guard and cosigners protect heads; that the entries below them are still the ones that were signed, only reading them tells.
 *      Each log is read from its first entry, since a change hides best far behind the newest.
 */
export function startSelfAudit(dependencies: SelfAuditDependencies): SelfAudit {
  const { sql, signer, world, entriesPerTick } = dependencies;
  const found = new Map<string, Finding>();
  let waiting: string[] = [...signer.origins()];
  let reading: Reading | null = null;
  /** Logs that lack a disclosure while their database stands ahead of the head that was let out: of which head, and since when, ms. */
  const ahead = new Map<string, { readonly size: number; readonly since: number }>();
  let rounds = 0;
  let roundEndedAt: number | null = null;

  /** Notes a contradiction and leaves the log for this round: after one, everything behind it differs as well. */
  function find(origin: string, code: FindingCode, seq: number | null, detail: string): void {
    reading = null;
    const finding: Finding = { origin, code, seq, detail };
    const name = JSON.stringify([origin, code, seq]);
    if (found.has(name)) return;
    found.set(name, finding);
    dependencies.onFinding(finding);
  }

  /** Holds head row and checkpoint of the next log against what was let out. */
  async function beginNext(): Promise<void> {
    const origin = waiting.shift();
    const head = origin === undefined ? null : signer.released(origin);
    if (origin === undefined || head === null) return;
    const [row] = await sql<{ size: number; root: Uint8Array }[]>`SELECT size, root FROM logs WHERE origin = ${origin}`;
    if (row === undefined) return find(origin, 'log_missing', null, `${head.size} entries were let out`);
    const isBehind = row.size < head.size || (row.size === head.size && !sameBytes(row.root, head.root));
    if (isBehind)
      return find(origin, 'head_differs', null, `the database stands at ${row.size}, ${head.size} was let out`);
    if (!isSigned(await readCheckpoint(sql, origin, head.size), head.note))
      return find(origin, 'checkpoint_differs', null, `the checkpoint of ${head.size} is not the one that was signed`);
    reading = { origin, head, range: EMPTY_RANGE, missing: new Map() };
  }

  /** Reads a few more entries of the log at hand. Returns: how many. */
  async function readOn(log: Reading, limit: number): Promise<number> {
    const { origin, head } = log;
    const from = log.range.size;
    const to = Math.min(head.size, from + limit);
    const rows = await sql<{ seq: number; bytes: Uint8Array; leafHash: Uint8Array }[]>`
      SELECT seq, bytes, leaf_hash AS "leafHash" FROM entries
      WHERE origin = ${origin} AND seq >= ${from} AND seq < ${to} ORDER BY seq`;
    const disclosures = new Map<number, string[]>();
    for (const { seq, disclosure } of await readDisclosures(sql, origin, from, to))
      disclosures.set(seq, [...(disclosures.get(seq) ?? []), disclosure]);
    const leaves: Uint8Array[] = [];
    for (let seq = from; seq < to; seq++) {
      const row = rows[seq - from];
      if (row?.seq !== seq) {
        find(origin, 'entry_missing', seq, `entry ${seq} is not there`);
        return to - from;
      }
      const leaf = leafHash(sha256, row.bytes);
      if (!sameBytes(leaf, row.leafHash)) {
        find(origin, 'leaf_hash_differs', seq, `entry ${seq} does not have the hash stored beside it`);
        return to - from;
      }
      if (!checkDisclosures(log, row.bytes, seq, disclosures.get(seq) ?? [])) return to - from;
      leaves.push(leaf);
    }
    const nodes = new Map<string, { id: NodeId; hash: Uint8Array }>();
    log.range = appendLeaves(sha256, log.range, leaves, (id, hash) => {
      if (id.level > 0) nodes.set(`${id.level}/${id.index}`, { id, hash });
    });
    await checkNodes(log, nodes);
    return to - from;
  }

  /** Whether the stored disclosures are those committed to; missing ones are kept until the end, an `Erased` may follow. */
  function checkDisclosures(log: Reading, bytes: Uint8Array, seq: number, texts: readonly string[]): boolean {
    // The bytes were canonical when they were signed, and the root tells whether they still are those bytes.
    let entry: Pick<Entry, 'type' | 'commit' | 'body'>;
    try {
      entry = JSON.parse(new TextDecoder().decode(bytes)) as Entry;
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      find(log.origin, 'leaf_hash_differs', seq, `entry ${seq} is not JSON: hash and bytes were changed together`);
      return false;
    }
    const opened = openDisclosures(sha256, entry.commit, texts);
    if (!opened.ok) {
      find(log.origin, 'disclosure_differs', seq, `entry ${seq}: ${opened.reason}, ${opened.detail}`);
      return false;
    }
    for (const [field, value] of Object.entries(opened.fields))
      if (!value.known && log.missing.size < MISSING_LIMIT) log.missing.set(`${seq} ${field}`, seq);
    if (entry.type === ERASED_TYPE)
      for (const field of goneWith(String(entry.body['field']))) log.missing.delete(`${entry.body['seq']} ${field}`);
    return true;
  }

  async function checkNodes(log: Reading, nodes: ReadonlyMap<string, { id: NodeId; hash: Uint8Array }>): Promise<void> {
    const wanted = [...nodes.values()];
    const rows = await sql<{ level: number; index: number; hash: Uint8Array }[]>`
      SELECT n.level, n.index, n.hash
      FROM unnest(${wanted.map(({ id }) => id.level)}::int[], ${wanted.map(({ id }) => id.index)}::bigint[]) AS w (level, index)
      JOIN nodes n ON n.origin = ${log.origin} AND n.level = w.level AND n.index = w.index`;
    const stored = new Map(rows.map(({ level, index, hash }) => [`${level}/${index}`, hash]));
    for (const [name, { hash }] of nodes) {
      const there = stored.get(name);
      if (there !== undefined && sameBytes(there, hash)) continue;
      return find(log.origin, 'node_differs', null, `the stored hash of subtree ${name} is not that of its entries`);
    }
  }

  /**
   * Whether entries behind this head are committed that are still to be let out: one of them may be the erasure of what is missing.
   *
   * Shape: not for longer than LETTING_OUT_LIMIT_MS, or whoever owns the database could put a larger size there and be left alone.
   */
  async function isBeingLetOut({ origin, head }: Reading): Promise<boolean> {
    const [row] = await sql<{ size: number }[]>`SELECT size FROM logs WHERE origin = ${origin}`;
    if (row === undefined || row.size <= head.size) return false;
    const before = ahead.get(origin);
    const since = before?.size === head.size ? before.since : world.now();
    ahead.set(origin, { size: head.size, since });
    return world.now() - since < LETTING_OUT_LIMIT_MS;
  }

  /** Holds the whole log against the head that was let out. */
  async function finish(log: Reading): Promise<void> {
    const { origin, head, range, missing } = log;
    const [gap] = missing;
    if (gap === undefined) ahead.delete(origin);
    if (!sameBytes(rangeRoot(sha256, range), head.root))
      find(origin, 'root_differs', null, `${head.size} entries do not have the root that was signed`);
    else if (gap !== undefined && (signer.released(origin)?.size ?? 0) > head.size) {
      // What is missing may have been erased while it was read, by an entry behind the head it is held against: once more, under the new one.
      waiting.unshift(origin);
      reading = null;
    } else if (gap !== undefined && (await isBeingLetOut(log))) {
      // Behind COMMIT a disclosure is gone, while the head that says so is still being signed: again, when the others were read.
      waiting.push(origin);
      reading = null;
    } else if (gap !== undefined) find(origin, 'disclosure_missing', gap[1], `no disclosure for ${gap[0]}`);
    else reading = null;
  }

  async function readSome(): Promise<void> {
    let left = entriesPerTick;
    while (left > 0) {
      if (reading === null) {
        if (waiting.length === 0) {
          rounds += 1;
          roundEndedAt = world.now();
          waiting = [...signer.origins()];
          return;
        }
        await beginNext();
        // a log costs something even when it is short
        left -= 1;
        continue;
      }
      const log: Reading = reading;
      left -= await readOn(log, Math.min(left, CHUNK_ENTRIES));
      if (reading === log && log.range.size === log.head.size) await finish(log);
    }
  }

  let underWay: Promise<unknown> = Promise.resolve();
  /** One at a time; whoever asked for the one before has heard how it ended. */
  async function tick(): Promise<void> {
    const before = underWay;
    const own = Promise.allSettled([before]).then(readSome);
    underWay = own;
    await own;
  }

  const rhythm = keepRhythm(world, dependencies.periodMs, tick, dependencies.onFault);
  return {
    tick,
    findings: () => [...found.values()],
    progress: () => ({ rounds, roundEndedAt }),
    stop: () => rhythm.stop(),
  };
}
