/** The driver when a connection is lost in mid-transaction: nothing of that transaction runs on, anywhere. */
import { openPool } from '../../server/store/driver.ts';
import { testDb } from '../support/database.ts';
import { lineTo } from '../support/line.ts';
import t from '../support/tap.ts';

type Held = {
  readonly reached: Promise<void>;
  readonly arrive: () => void;
  readonly go: () => void;
  readonly gone: Promise<void>;
};

/** A place in a function where a test holds it. */
function gate(): Held {
  let arrive = (): void => undefined;
  let go = (): void => undefined;
  const reached = new Promise<void>((resolve) => {
    arrive = resolve;
  });
  const gone = new Promise<void>((resolve) => {
    go = resolve;
  });
  return { reached, arrive, go, gone };
}

const codeOf = (error: unknown): unknown => (error as { code?: unknown }).code;

async function setUp(test: Parameters<typeof testDb>[0], connections: number) {
  const db = await testDb(test, 2);
  const line = await lineTo(test, db.app);
  const sql = openPool(line.place, connections);
  test.teardown(() => sql.end({ timeout: 1 }));
  const beats = async () => (await db.sql`SELECT process_id AS id FROM heartbeats ORDER BY 1`).map((row) => row['id']);
  return { db, line, sql, beats };
}

t.test('lost between two statements: the second is carried out nowhere', async (t) => {
  const { line, sql, beats } = await setUp(t, 1);
  const held = gate();
  let ranOn = false;
  const done = sql.begin(async (tx) => {
    await tx`INSERT INTO heartbeats (process_id, at) VALUES ('first', 1)`;
    held.arrive();
    await held.gone;
    await tx`INSERT INTO heartbeats (process_id, at) VALUES ('second', 1)`;
    ranOn = true;
  });
  const failed = done.then(
    () => 'no',
    (error: unknown) => codeOf(error),
  );
  await held.reached;
  line.cut();
  t.equal(await failed, 'CONNECTION_CLOSED');
  await sql`SELECT 1`;
  held.go();
  await sql`SELECT 1`;
  t.equal(ranOn, false);
  t.same(await beats(), []);
});

t.test('what fails after its connection is lost rolls back nobody else’s transaction', async (t) => {
  const { line, sql, beats } = await setUp(t, 1);
  const first = gate();
  const lost = sql
    .begin(async (tx) => {
      await tx`SELECT 1`;
      first.arrive();
      await first.gone;
      throw new Error('the signer is broken');
    })
    .catch(codeOf);
  await first.reached;
  line.cut();
  t.equal(await lost, 'CONNECTION_CLOSED');
  const second = gate();
  const other = sql.begin(async (tx) => {
    await tx`INSERT INTO heartbeats (process_id, at) VALUES ('a', 1)`;
    second.arrive();
    await second.gone;
    await tx`INSERT INTO heartbeats (process_id, at) VALUES ('b', 1)`;
  });
  await second.reached;
  first.go();
  await new Promise((resolve) => setImmediate(resolve));
  second.go();
  await other;
  t.same(await beats(), ['a', 'b']);
});

t.test('lost while a statement is under way: it is an error, and the process lives', async (t) => {
  const { db, line, sql } = await setUp(t, 2);
  const lost = sql.begin((tx) => tx`SELECT pg_sleep(60)`).catch(codeOf);
  for (let there = 0; there === 0; ) {
    const rows =
      await db.superuser`SELECT 1 FROM pg_stat_activity WHERE query LIKE '%pg_sleep(60)%' AND state = 'active'
      AND pid <> pg_backend_pid() AND datname = current_database()`;
    there = rows.length;
  }
  line.cut();
  t.match(String(await lost), /^(CONNECTION_CLOSED|ECONNRESET|EPIPE)$/);
  t.same([...(await sql`SELECT 1 AS one`)], [{ one: 1 }]);
});

t.test('cut before the answer to COMMIT: an error, and it is done', async (t) => {
  const { line, sql, beats } = await setUp(t, 1);
  const isCut = line.cutBefore('COMMIT\0');
  const lost = await sql
    .begin(async (tx) => {
      await tx`INSERT INTO heartbeats (process_id, at) VALUES ('done', 1)`;
    })
    .catch(codeOf);
  await isCut;
  t.match(String(lost), /^(CONNECTION_CLOSED|ECONNRESET|EPIPE)$/);
  t.same(await beats(), ['done']);
});

t.test('a transaction that fails by itself is rolled back, and the pool goes on', async (t) => {
  const { sql, beats } = await setUp(t, 1);
  const failed = await sql
    .begin(async (tx) => {
      await tx`INSERT INTO heartbeats (process_id, at) VALUES ('undone', 1)`;
      throw new Error('no');
    })
    .catch((error: unknown) => String(error));
  t.equal(failed, 'Error: no');
  const kept = await sql.begin(async (tx) => {
    await tx`INSERT INTO heartbeats (process_id, at) VALUES ('kept', 1)`;
    const inner = await tx
      .savepoint(async (point) => {
        await point`INSERT INTO heartbeats (process_id, at) VALUES ('inner', 1)`;
        throw new Error('inner');
      })
      .catch((error: unknown) => String(error));
    return inner;
  });
  t.equal(kept, 'Error: inner');
  t.same(await beats(), ['kept']);
});

t.test('a database that was away is found again within a second', async (t) => {
  const { line, sql } = await setUp(t, 1);
  await sql`SELECT 1`;
  await line.block(true);
  for (let n = 0; n < 8; n++)
    t.match(String(await sql`SELECT 1`.catch(codeOf)), /ENOENT|ECONN|CONNECTION_CLOSED|EPIPE/);
  await line.block(false);
  const askedAt = performance.now();
  await sql`SELECT 1`;
  t.ok(performance.now() - askedAt < 1_500);
});
