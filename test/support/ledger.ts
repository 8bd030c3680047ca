/** What tests of the ledger share: a ledger on a database of its own, openings and register acts put there by hand. */
import { toBase64Url } from '../../server/core/log/base64.ts';
import { makeDisclosure } from '../../server/core/log/disclosure.ts';
import { type Entry, parseEntry } from '../../server/core/log/entry.ts';
import { openingOrigin } from '../../server/core/log/origin.ts';
import { sha256 } from '../../server/hash.ts';
import { type Ledger, type LedgerDependencies, openLedger } from '../../server/ledger/ledger.ts';
import { commit } from '../../server/recorder/commit.ts';
import type { Signer } from '../../server/recorder/signer.ts';
import { appendEntries, lockHead } from '../../server/store/append.ts';
import type { Sql } from '../../server/store/driver.ts';
import { readEntries } from '../../server/store/read-log.ts';
import { type TestDatabase, testDb } from './database.ts';
import { begin, entryAt, PLATFORM, testSigner } from './signed-log.ts';
import { type SteppedWorld, steppedWorld } from './world.ts';

export const BATCH_PERIOD_MS = 10_000;
export const HEAD_PERIOD_MS = 1_000;

/** What a test brings: tap's `t`. */
type Teardown = { teardown(act: () => Promise<void>): void };

export type LedgerBench = {
  readonly database: TestDatabase;
  readonly sql: Sql;
  readonly signer: Signer;
  readonly world: SteppedWorld;
  readonly ledger: Ledger;
  readonly faults: unknown[];
  /** Settles once this ledger, and not only somebody, has heard that the log grew; counts from the call on. */
  heard(origin: string): Promise<void>;
};

/** A ledger that runs on a stepped world; closed with the test. */
export async function ledgerBench(
  t: Teardown,
  { cosigning, world = steppedWorld() }: { cosigning?: LedgerDependencies['cosigning']; world?: SteppedWorld } = {},
): Promise<LedgerBench> {
  const database = await testDb(t);
  const signer = await testSigner(t);
  const faults: unknown[] = [];
  const waiting = new Set<(payload: string) => void>();
  const listen: TestDatabase['listen'] = (channel, hear, onListening) =>
    database.listen(
      channel,
      (payload) => {
        hear(payload);
        for (const told of waiting) told(payload);
      },
      onListening,
    );
  const ledger = await openLedger({
    database: { sql: database.sql, listen },
    signer,
    world,
    platform: PLATFORM,
    batchPeriodMs: BATCH_PERIOD_MS,
    headPeriodMs: HEAD_PERIOD_MS,
    onFault: (error) => faults.push(error),
    ...(cosigning !== undefined && { cosigning }),
  });
  t.teardown(() => ledger.close());
  const heard = (origin: string): Promise<void> =>
    new Promise((resolve) => {
      const told = (payload: string): void => {
        if (!payload.endsWith(` ${origin}`)) return;
        waiting.delete(told);
        resolve();
      };
      waiting.add(told);
    });
  return { database, sql: database.sql, signer, world, ledger, faults, heard };
}

/** The row of an opening; its log is begun by `begin`. */
export async function addOpening(sql: Sql, id: string, phase = 'CheckIn'): Promise<void> {
  const at = Date.UTC(2026, 2, 5);
  await sql`INSERT INTO openings ${sql({ id, title: id, phase, deadline_at: at, opening_at: at, created_at: at - 1 })}`;
}

/** Archives an opening: the last entry of its log, and its row. */
export async function archiveOpening(
  bench: Pick<LedgerBench, 'sql' | 'signer'>,
  id: string,
  reason: 'handed_over' | 'failed' | 'aborted',
): Promise<void> {
  const { sql, signer } = bench;
  const origin = openingOrigin(PLATFORM, id);
  await begin(sql, origin);
  await commit({ sql, signer }, [origin], async (tx) => {
    const entry = entryAt(origin, 0, { reason, counts: null }, 'OpeningArchived');
    const appended = await appendEntries(tx, await lockHead(tx, origin), [entry], signer);
    await tx`UPDATE openings SET phase = 'Archived' WHERE id = ${id}`;
    return { appended: [appended], answer: null };
  });
}

/** Puts acts on the register of an opening. Returns: their ids. */
export async function addActs(sql: Sql, openingId: string, count: number, lengthOfText = 20): Promise<string[]> {
  const [row] = await sql<{ n: number }[]>`
    SELECT coalesce(max(n) + 1, 0) AS n FROM register_acts WHERE opening_id = ${openingId}`;
  const first = row?.n ?? 0;
  const rows = Array.from({ length: count }, (_, k) => {
    const id = toBase64Url(sha256(new TextEncoder().encode(`${openingId}/${first + k}`))).slice(0, 22);
    const salt = sha256(new TextEncoder().encode(`salt ${id}`));
    const { disclosure } = makeDisclosure(sha256, salt, 'act', { id, text: 'x'.repeat(lengthOfText) });
    return { id, opening_id: openingId, n: first + k, at: 2, received_at: 1, type: 'CheckedIn', disclosure };
  });
  for (let from = 0; from < rows.length; from += 1000)
    await sql`INSERT INTO register_acts ${sql(rows.slice(from, from + 1000))}`;
  return rows.map(({ id }) => id);
}

/** Every entry of a log that was let out. */
export async function entriesOf(bench: Pick<LedgerBench, 'sql' | 'signer'>, origin: string): Promise<Entry[]> {
  const size = bench.signer.released(origin)?.size ?? 0;
  return (await readEntries(bench.sql, origin, 0, size)).map(({ bytes }) => parseEntry(bytes));
}
