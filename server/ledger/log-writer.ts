/** The one writer of a log that the platform itself keeps (ledger, access log): jobs that wait together are committed together. */
import type { Json, JsonObject } from '../core/log/canonical.ts';
import { makeDisclosure, SALT_BYTES } from '../core/log/disclosure.ts';
import { encodeEntry, parseEntry } from '../core/log/entry.ts';
import { formatInstant, parseInstant } from '../core/log/instant.ts';
import type { LogKind } from '../core/log/origin.ts';
import { sha256 } from '../hash.ts';
import { commit } from '../recorder/commit.ts';
import type { Signer } from '../recorder/signer.ts';
import { appendEntries, createLog, type Head, lockHead, type NewEntry } from '../store/append.ts';
import { readClock } from '../store/clock.ts';
import type { Sql, TransactionSql } from '../store/driver.ts';
import { readEntries } from '../store/read-log.ts';
import type { World } from '../world.ts';

/** Jobs in one commit at most. */
const GROUP_LIMIT = 256;

/** An entry before it has a number and an instant. `withheld` holds the fields and values that only digests will show. */
export type Draft = {
  readonly type: string;
  readonly role: 'platform' | 'operator';
  readonly command: string;
  readonly body: JsonObject;
  readonly withheld: { readonly [field: string]: Json };
};

/**
 * Makes the entries of one job, and whatever rows belong to them, in the transaction of the append.
 *
 * Shape: `seq` is the number that the first of its entries will have, `at` their instant; it may make none.
 * Why:   it may run twice (see `commit`), so it has no other effects.
 */
export type Job<Answer> = (
  tx: TransactionSql,
  seq: number,
  at: number,
) => Promise<{ readonly drafts: readonly Draft[]; readonly answer: Answer }>;

/** What else belongs to the commit of one entry, given the entry's number; like a job it may run twice. */
export type Also = (tx: TransactionSql, seq: number) => Promise<void>;

/** What a job gets once its entries are let out. */
export type Written<Answer> = { readonly answer: Answer; readonly seqs: readonly number[] };

export type LogWriter = {
  readonly origin: string;
  /** Runs a job. Returns: its answer once its entries are let out. Throws: what the job throws, and as `commit`. */
  write<Answer>(job: Job<Answer>): Promise<Written<Answer>>;
  /** Waits for what is under way and takes no more. */
  close(): Promise<void>;
};

export type WriterDependencies = { readonly sql: Sql; readonly signer: Signer; readonly world: World };

type Waiting = {
  readonly job: Job<unknown>;
  readonly done: (written: Written<unknown>) => void;
  readonly fail: (error: unknown) => void;
};

/**
 * Opens the writer of a log, beginning the log with `genesis` when it is not there.
 *
 * Throws: what the database and the signer throw.
 */
export async function openLogWriter(
  dependencies: WriterDependencies,
  log: { readonly origin: string; readonly kind: Exclude<LogKind, 'opening'>; readonly genesis: Draft },
): Promise<LogWriter> {
  const { sql, signer, world } = dependencies;
  const { origin } = log;
  /** The instant of the last entry, as long as this process wrote it: then `size` is still the head's. */
  let last: { readonly size: number; readonly at: number } | null = null;

  /** Now, but never before the entry in front: the clock may have been set back. */
  async function instantFor(tx: TransactionSql, head: Head): Promise<number> {
    const now = await readClock(tx, world);
    if (head.size === 0) return now;
    if (last?.size === head.size) return Math.max(now, last.at);
    const [before] = await readEntries(tx, origin, head.size - 1, head.size);
    return Math.max(now, before === undefined ? 0 : parseInstant(parseEntry(before.bytes).at));
  }

  function makeEntry(draft: Draft, seq: number, at: number): NewEntry {
    const made: { field: string; disclosure: string }[] = [];
    const digests: Record<string, string> = {};
    for (const [field, value] of Object.entries(draft.withheld)) {
      const { disclosure, digest } = makeDisclosure(sha256, world.randomBytes(SALT_BYTES), field, value);
      made.push({ field, disclosure });
      digests[field] = digest;
    }
    const { type, role, command, body } = draft;
    const entry = { v: 1, log: origin, seq, at: formatInstant(at), type, actor: { role }, command, body } as const;
    return { bytes: encodeEntry({ ...entry, commit: digests }), disclosures: made };
  }

  /** Whether all jobs of the last run came to their end: what failed then is the commit or what follows it, not one of them. */
  let areDone = false;

  /** Runs jobs in one commit. Returns: for each its answer and the numbers of its entries. */
  async function run(jobs: readonly Job<unknown>[]): Promise<Written<unknown>[]> {
    areDone = false;
    const result = await commit({ sql, signer }, [origin], async (tx) => {
      areDone = false;
      const head = await lockHead(tx, origin);
      const at = await instantFor(tx, head);
      const entries: NewEntry[] = [];
      const written: Written<unknown>[] = [];
      for (const job of jobs) {
        const first = head.size + entries.length;
        const { drafts, answer } = await job(tx, first, at);
        drafts.forEach((draft, n) => {
          entries.push(makeEntry(draft, first + n, at));
        });
        written.push({ answer, seqs: drafts.map((_, n) => first + n) });
      }
      const appended = entries.length === 0 ? [] : [await appendEntries(tx, head, entries, signer)];
      areDone = true;
      return { appended, answer: { written, at, size: head.size + entries.length } };
    });
    last = { size: result.size, at: result.at };
    return result.written;
  }

  async function begin(): Promise<void> {
    const [there] = await sql`SELECT 1 FROM logs WHERE origin = ${origin}`;
    if (there !== undefined) return;
    await commit({ sql, signer }, [origin], async (tx) => {
      await createLog(tx, { origin, kind: log.kind, openingId: null });
      const entry = makeEntry(log.genesis, 0, await readClock(tx, world));
      return { appended: [await appendEntries(tx, await lockHead(tx, origin), [entry], signer)], answer: null };
    });
  }
  await begin();

  let waiting: Waiting[] = [];
  let writing: Promise<void> | null = null;
  let closed = false;

  async function flush(): Promise<void> {
    while (waiting.length > 0) {
      const group = waiting.slice(0, GROUP_LIMIT);
      waiting = waiting.slice(group.length);
      try {
        const written = await run(group.map(({ job }) => job));
        group.forEach(({ done }, n) => {
          done(written[n] as Written<unknown>);
        });
      } catch (error) {
        last = null;
        // One that fails must not fail the others: each is tried by itself, in order. But what may be committed is not done again.
        if (group.length === 1 || areDone) for (const { fail } of group) fail(error);
        else for (const { job, done, fail } of group) await run([job]).then(([only]) => done(only as never), fail);
      }
    }
    writing = null;
  }

  return {
    origin,
    write<Answer>(job: Job<Answer>) {
      if (closed) return Promise.reject(new Error(`the writer of ${origin} is closed`));
      return new Promise<Written<Answer>>((done, fail) => {
        waiting.push({ job, done: done as Waiting['done'], fail });
        writing ??= flush();
      });
    },
    async close() {
      closed = true;
      await writing;
    },
  };
}
