/** What the database itself refuses: to rewrite a log as anyone, and to the server's role everything its work does not need. */

import type { Sql } from '../../server/store/driver.ts';
import { type TestDatabase, testDb } from '../support/database.ts';
import t from '../support/tap.ts';

const origin = 'kaibiao.test/opening/1';
const hash = (n: number): Uint8Array => new Uint8Array(32).fill(n);

/** The SQLSTATE that a statement is refused with; null when it is done. */
async function refusal(statement: PromiseLike<unknown>): Promise<string | null> {
  try {
    await statement;
    return null;
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
}

/** A row in each append-only table. */
async function fill(sql: Sql): Promise<void> {
  await sql`INSERT INTO logs ${sql({ origin, kind: 'opening', opening_id: '1', size: 2, frontier: hash(1), root: hash(1) })}`;
  await sql`INSERT INTO entries ${sql({ origin, seq: 0, bytes: hash(5), leaf_hash: hash(6) })}`;
  await sql`INSERT INTO nodes ${sql({ origin, level: 1, index: 0, hash: hash(7) })}`;
  await sql`INSERT INTO checkpoints ${sql({ origin, size: 2, note: 'note' })}`;
  await sql`INSERT INTO disclosures ${sql({ origin, seq: 0, field: 'who', disclosure: 'd' })}`;
  await sql`INSERT INTO logins ${sql({ sha256: hash(8), login: 'j.w.s' })}`;
  await sql`INSERT INTO ledger_heads ${sql({ origin, size: 2, ledger_seq: 0 })}`;
  await sql`INSERT INTO commands ${sql({ opening_id: '1', actor: 'a', command_id: 'c', content_sha256: hash(1), outcome: '{}' })}`;
  await sql`INSERT INTO register_acts ${sql({ id: 'x', opening_id: '1', n: 0, at: 2, received_at: 1, type: 'Lodged', disclosure: 'd' })}`;
  await sql`INSERT INTO register_batches ${sql({ batch: 0, seed: hash(1), root: hash(2), ledger_seq: 0 })}`;
  await sql`INSERT INTO register_batch_members ${sql({ batch: 0, position: 3, act_id: 'x' })}`;
  const refusal = {
    opening_id: '1',
    account: 'a',
    type: 'Say',
    code: 'you_are_muted',
    count: 2,
    first_at: 1,
    last_at: 2,
  };
  await sql`INSERT INTO repeated_refusals ${sql(refusal)}`;
  await sql`INSERT INTO access_reads ${sql({ seq: 1, account: 'a', opening_id: null })}`;
  await sql`INSERT INTO register_reveals ${sql({ batch: 0, ledger_seq: 1 })}`;
}

const appendOnly = [
  'entries',
  'nodes',
  'checkpoints',
  'ledger_heads',
  'commands',
  'register_acts',
  'register_batches',
  'register_batch_members',
  'register_reveals',
  'access_reads',
  'repeated_refusals',
];

let database: TestDatabase;
t.before(async () => {
  database = await testDb(t);
  await fill(database.sql);
});

t.test('100 attempts to rewrite the log as the server are refused, and nothing has changed', async (t) => {
  const { sql } = database;
  const attempts = Array.from({ length: 100 }, (_, n) => {
    const ways = [
      () => sql`UPDATE entries SET bytes = ${hash(9)} WHERE seq = 0`,
      () => sql`DELETE FROM entries`,
      () => sql`TRUNCATE entries CASCADE`,
      () => sql`INSERT INTO entries ${sql({ origin, seq: 0, bytes: hash(9), leaf_hash: hash(9) })}
                ON CONFLICT (origin, seq) DO UPDATE SET bytes = excluded.bytes`,
    ];
    return refusal((ways[n % ways.length] ?? t.fail)() as PromiseLike<unknown>);
  });
  t.strictSame(new Set(await Promise.all(attempts)), new Set(['42501']));
  t.strictSame([...(await sql`SELECT * FROM entries`)], [{ origin, seq: 0, bytes: hash(5), leaf_hash: hash(6) }]);
});

t.test('every append-only table refuses the server UPDATE, DELETE and TRUNCATE for want of the right', async (t) => {
  const { sql } = database;
  for (const table of [...appendOnly, 'disclosures', 'logins']) {
    const [column] = await sql`SELECT column_name AS name FROM information_schema.columns WHERE table_name = ${table}`;
    t.equal(await refusal(sql`UPDATE ${sql(table)} SET ${sql(column?.['name'])} = DEFAULT`), '42501', table);
    t.equal(await refusal(sql`DELETE FROM ${sql(table)}`), '42501', table);
    t.equal(await refusal(sql`TRUNCATE ${sql(table)} CASCADE`), '42501', table);
  }
});

t.test('and refuses the superuser by trigger', async (t) => {
  const { superuser: sql } = database;
  for (const table of appendOnly) {
    const [column] = await sql`SELECT column_name AS name FROM information_schema.columns
      WHERE table_name = ${table} AND is_identity = 'NO'`;
    const name = sql(column?.['name']);
    t.equal(await refusal(sql`UPDATE ${sql(table)} SET ${name} = ${name}`), 'KB001', table);
    t.equal(await refusal(sql`DELETE FROM ${sql(table)}`), 'KB001', table);
    t.equal(await refusal(sql`TRUNCATE ${sql(table)} CASCADE`), 'KB001', table);
  }
  t.equal(await refusal(sql`UPDATE disclosures SET disclosure = 'x'`), 'KB001');
  t.equal(await refusal(sql`TRUNCATE disclosures`), 'KB001');
  t.equal(await refusal(sql`UPDATE logins SET login = 'x'`), 'KB001');
  t.equal(await refusal(sql`TRUNCATE logins`), 'KB001');
  t.equal(await refusal(sql`DELETE FROM logs`), 'KB001');
  t.equal(await refusal(sql`TRUNCATE logs CASCADE`), 'KB001');
});

t.test('the owner is refused as well', async (t) => {
  const { superuser: sql } = database;
  await sql.begin(async (tx) => {
    await tx`SET LOCAL ROLE kaibiao_owner`;
    t.equal(await refusal(tx.savepoint((s) => s`DELETE FROM entries`)), 'KB001');
    t.equal(await refusal(tx.savepoint((s) => s`TRUNCATE entries CASCADE`)), 'KB001');
  });
});

t.test('a head grows; it never shrinks, and has one root for a size', async (t) => {
  const { sql } = database;
  const move = (size: number, frontiers: number) =>
    refusal(
      sql`UPDATE logs SET size = ${size}, root = ${hash(3)}, frontier = ${new Uint8Array(32 * frontiers)} WHERE origin = ${origin}`,
    );
  t.equal(await move(1, 1), 'KB002', 'smaller');
  t.equal(await move(2, 1), 'KB002', 'same size, other root');
  t.equal(await move(3, 1), '23514', 'a compact range of 3 has two hashes');
  t.equal(await move(3, 2), null);
  t.equal(await refusal(sql`UPDATE logs SET origin = 'x'`), '42501');
  t.equal(await refusal(sql`UPDATE logs SET opening_id = 'x'`), '42501');
  t.equal(await refusal(sql`DELETE FROM logs`), '42501');
});

t.test('the same entry twice, an entry of no log, an entry that is too long or empty', async (t) => {
  const { sql } = database;
  const insert = (seq: number, bytes: Uint8Array, log = origin) =>
    refusal(sql`INSERT INTO entries ${sql({ origin: log, seq, bytes, leaf_hash: hash(6) })}`);
  t.equal(await insert(0, hash(1)), '23505');
  t.equal(await insert(0, hash(1), 'kaibiao.test/opening/2'), '23503');
  t.equal(await insert(1, new Uint8Array(65_535)), null);
  t.equal(await insert(2, new Uint8Array(65_536)), '23514');
  t.equal(await insert(2, new Uint8Array()), '23514');
  t.equal(await insert(-1, hash(1)), '23514');
});

t.test('the deadline is the opening time, to the millisecond', async (t) => {
  const { sql } = database;
  const insert = (id: string, deadlineAt: number, openingAt: number) =>
    refusal(
      sql`INSERT INTO openings ${sql({ id, title: 't', phase: 'Draft', deadline_at: deadlineAt, opening_at: openingAt, created_at: 0 })}`,
    );
  t.equal(await insert('1', 1000, 1001), '23514');
  t.equal(await insert('1', 1000, 999), '23514');
  t.equal(await insert('1', 1000, 1000), null);
  t.equal(await refusal(sql`UPDATE openings SET opening_at = 1001 WHERE id = '1'`), '23514');
});

t.test('of intake and decryptions only the outcome can be written', async (t) => {
  const { sql } = database;
  await sql`INSERT INTO intake ${sql({ opening_id: '1', received_at: 5, kind: 'command', content: hash(1) })}`;
  t.equal(await refusal(sql`UPDATE intake SET received_at = 4`), '42501');
  t.equal(await refusal(sql`UPDATE intake SET content = ${hash(2)}`), '42501');
  t.equal(await refusal(sql`DELETE FROM intake`), '42501');
  t.equal(await refusal(sql`UPDATE intake SET decided = true`), null);
  t.equal(await refusal(sql`INSERT INTO envelopes ${sql(envelope('b'))}`), null);
  t.equal(await refusal(sql`UPDATE envelopes SET file = 'y'`), '42501');
  await sql`INSERT INTO decryptions ${sql({ id: 'd', opening_id: '1', bid_id: 'b', received_at: 5, statement: 's', jwe: 'j' })}`;
  t.equal(await refusal(sql`UPDATE decryptions SET received_at = 4`), '42501');
  t.equal(await refusal(sql`UPDATE decryptions SET state = 'verified'`), '23514', 'verified, but no outcome');
  t.equal(await refusal(sql`UPDATE decryptions SET state = 'opened', outcome = '{}'`), '23514');
  t.equal(await refusal(sql`UPDATE decryptions SET state = 'verified', outcome = '{}'`), null);
});

const envelope = (id: string) => ({
  id,
  opening_id: '1',
  account: 'a',
  file: `file-${id}`,
  sha256: hash(1),
  size_bytes: 1,
  header: hash(1),
  lodged_at: 1,
  statement: 's',
});

t.test('a window key can be destroyed and never brought back or exchanged', async (t) => {
  const { sql } = database;
  await sql`INSERT INTO window_keys ${sql({ opening_id: '1', kid: 'k', public_jwk: '{}', wrapped_private: hash(1) })}`;
  t.equal(await refusal(sql`UPDATE window_keys SET wrapped_private = ${hash(2)}`), 'KB003');
  t.equal(await refusal(sql`UPDATE window_keys SET public_jwk = 'x'`), '42501');
  t.equal(await refusal(sql`UPDATE window_keys SET wrapped_private = NULL`), null);
  t.equal(await refusal(sql`UPDATE window_keys SET wrapped_private = ${hash(1)}`), 'KB003');
});

t.test('an act is in one batch, at one position; the register is dense', async (t) => {
  const { sql } = database;
  const member = (position: number, act: string) =>
    refusal(sql`INSERT INTO register_batch_members ${sql({ batch: 0, position, act_id: act })}`);
  t.equal(await member(4, 'x'), '23505', 'again');
  t.equal(await member(4, 'y'), '23503', 'no such act');
  await sql`INSERT INTO register_acts ${sql({ id: 'y', opening_id: '1', n: 1, at: 2, received_at: 2, type: 'Lodged', disclosure: 'd' })}`;
  t.equal(await member(3, 'y'), '23505', 'position taken');
  t.equal(await member(-1, 'y'), '23514');
  t.equal(await member(0, 'y'), null);
  t.equal(
    await refusal(
      sql`INSERT INTO register_acts ${sql({ id: 'z', opening_id: '1', n: 1, at: 2, received_at: 2, type: 'Lodged', disclosure: 'd' })}`,
    ),
    '23505',
  );
  t.equal(
    await refusal(
      sql`INSERT INTO register_acts ${sql({ id: 'z', opening_id: '1', n: 2, at: 2, received_at: 3, type: 'Lodged', disclosure: 'd' })}`,
    ),
    '23514',
    'decided before it was received',
  );
});

t.test('a span is drawn once: its end and how the opening ended stay as they were written', async (t) => {
  const { sql, superuser } = database;
  const set = (column: string, value: unknown) =>
    refusal(superuser`UPDATE register_spans SET ${superuser({ [column]: value })} WHERE opening_id = '1'`);
  const insert = (row: Record<string, unknown>) => refusal(sql`INSERT INTO register_spans ${sql(row)}`);
  t.equal(await insert({ opening_id: '1', first_batch: -1 }), '23514');
  t.equal(await insert({ opening_id: '1', first_batch: 5, last_batch: 4 }), '23514', 'ends before it begins');
  t.equal(await insert({ opening_id: '1', first_batch: 5, ending: 'failed' }), '23514', 'over, yet not ended');
  t.equal(await insert({ opening_id: '1', first_batch: 5 }), null);
  t.equal(await insert({ opening_id: '1', first_batch: 6 }), '23505');
  t.equal(await set('first_batch', 6), 'KB004');
  t.equal(await set('last_batch', 5), null);
  t.equal(await set('last_batch', 6), 'KB004');
  t.equal(await set('last_batch', null), 'KB004');
  t.equal(await set('ending', 'postponed'), '23514');
  t.equal(await set('ending', 'failed'), null);
  t.equal(await set('ending', 'handed_over'), 'KB004', 'a failed tender stays failed');
  t.equal(await refusal(sql`UPDATE register_spans SET first_batch = 0`), '42501');
  t.equal(await refusal(sql`DELETE FROM register_spans`), '42501');
  t.equal(await refusal(superuser`DELETE FROM register_spans`), 'KB001');
});

t.test('the server’s role can make, alter and own nothing', async (t) => {
  const { sql } = database;
  t.equal(await refusal(sql`CREATE TABLE x (a int)`), '42501');
  t.equal(await refusal(sql`ALTER TABLE entries DISABLE TRIGGER ALL`), '42501');
  t.equal(await refusal(sql`DROP TRIGGER append_only ON entries`), '42501');
  t.equal(await refusal(sql`SET session_replication_role = replica`), '42501', 'which would silence the triggers');
  t.equal(await refusal(sql`SET ROLE kaibiao_owner`), '42501');
  const [owned] = await sql`SELECT count(*) AS n FROM pg_class WHERE pg_get_userbyid(relowner) = current_user`;
  t.equal(owned?.['n'], 0);
});

t.test('every table has its rights spelled out: none for the public, SELECT and INSERT for the server', async (t) => {
  const { sql } = database;
  const tables = await sql<{ name: string; insert: boolean; select: boolean; truncate: boolean; open: boolean }[]>`
    SELECT c.relname AS name, has_table_privilege(c.oid, 'INSERT') AS insert, has_table_privilege(c.oid, 'SELECT') AS select,
      has_table_privilege(c.oid, 'TRUNCATE') AS truncate,
      coalesce(c.relacl::text ~ '[{,]=', false) AS open
    FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r'`;
  t.ok(tables.length >= 20);
  for (const table of tables) {
    // what erasures left is swept by the owner's function alone
    const may = table.name !== 'erasure_leftovers';
    t.match(table, { insert: may, select: may, truncate: false, open: false }, table.name);
  }
});
