/** The pool while connections are lost under load: each query and each transaction ends, as a whole, and nobody gets another's answer. */
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import {
  ANSWER_LIMIT_MS,
  limitStatements,
  openPool,
  type Sql,
  type TransactionSql,
} from '../../server/store/driver.ts';
import { type TestDatabase, testDb } from '../support/database.ts';
import { newFolder } from '../support/folder.ts';
import { type Line, lineTo } from '../support/line.ts';
import t from '../support/tap.ts';
import { steppedWorld } from '../support/world.ts';

const WORKERS = 16;
const LOSSES = 25;
/** Operations that must have succeeded between one loss and the next. */
const SUCCESSES = 12;

type Teardown = Parameters<typeof testDb>[0];
type Stage = { readonly db: TestDatabase; readonly line: Line; readonly sql: Sql };

async function setUp(test: Teardown, connections: number): Promise<Stage> {
  const db = await testDb(test, 2);
  const line = await lineTo(test, db.app);
  const sql = openPool(line.place, connections);
  test.teardown(() => sql.end({ timeout: 1 }));
  await db.superuser`CREATE TABLE pairs (n bigint, half int, backend int DEFAULT pg_backend_pid())`;
  await db.superuser`GRANT SELECT, INSERT ON pairs TO kaibiao_app`;
  return { db, line, sql };
}

const backends = (db: TestDatabase) =>
  db.superuser<{ pid: number }[]>`
    SELECT pid FROM pg_stat_activity WHERE usename = 'kaibiao_app' AND datname = current_database()
      AND application_name = 'kaibiao' AND pid <> pg_backend_pid()`;

/** One of three kinds of work by its number. Throws: an Error that says what came back wrongly. */
async function work(sql: Sql, n: number): Promise<void> {
  if (n % 3 === 0) {
    const rows = await sql<{ n: number }[]>`SELECT ${n}::bigint + i - i AS n FROM generate_series(1, 40) AS i`;
    if (rows.length !== 40 || rows.some((row) => row?.n !== n)) throw new Error(`${n} got another's answer`);
  } else if (n % 3 === 1) {
    const rows = await sql`INSERT INTO pairs (n, half) VALUES (${n}, 0) RETURNING n`;
    if (rows[0]?.['n'] !== n) throw new Error(`${n} was answered without being done`);
  } else {
    await sql.begin(async (tx) => {
      await tx`INSERT INTO pairs (n, half) VALUES (${n}, 1)`;
      // Half of them give the event loop a turn, as a signer does.
      if (n % 2 === 0) await new Promise((turn) => setImmediate(turn));
      await tx`INSERT INTO pairs (n, half) VALUES (${n}, 2)`;
    });
  }
}

const losses: Readonly<Record<string, (stage: Stage) => unknown>> = {
  'lines are cut': ({ line }) => line.cut(),
  'backends are terminated': ({ db }) =>
    db.superuser`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
      WHERE usename = 'kaibiao_app' AND datname = current_database()`,
};

for (const [name, lose] of Object.entries(losses))
  t.test(`${name}, again and again: all that was answered is done, once and whole`, async (t) => {
    const stage = await setUp(t, 5);
    const { db, sql } = stage;
    const done: number[] = [];
    const codes = new Set<unknown>();
    let next = 0;
    let isOver = false;
    let wake: () => void = () => undefined;
    const worker = async (): Promise<void> => {
      while (!isOver) {
        const n = next++;
        try {
          await work(sql, n);
          done.push(n);
        } catch (error) {
          if (!(error instanceof Error && 'code' in error)) throw error;
          codes.add(error.code);
        }
        wake();
      }
    };
    const workers = Promise.all(Array.from({ length: WORKERS }, worker));
    for (let lost = 0; lost < LOSSES; lost++) {
      const before = done.length;
      while (done.length < before + SUCCESSES) await new Promise<void>((step) => (wake = step));
      await lose(stage);
    }
    isOver = true;
    await workers;
    t.ok(codes.size > 0, 'some were lost');
    t.strictSame(
      [...codes].filter((code) => !/^(CONNECTION_CLOSED|ECONN\w+|EPIPE|57P01)$/.test(String(code))),
      [],
    );
    const torn = await db.superuser`SELECT n FROM pairs WHERE half > 0 GROUP BY n
      HAVING count(*) <> 2 OR count(DISTINCT backend) <> 1`;
    t.strictSame([...torn], [], 'no transaction is half done, or done by two connections');
    const written = new Set((await db.superuser<{ n: number }[]>`SELECT DISTINCT n FROM pairs`).map(({ n }) => n));
    t.strictSame(
      done.filter((n) => n % 3 !== 0 && !written.has(n)),
      [],
      'what was answered is there',
    );
  });

t.test('an idle connection that was terminated is not noticed by the next query', async (t) => {
  const { db, line, sql } = await setUp(t, 1);
  const turn = () => new Promise((over) => setImmediate(over));
  await sql`SELECT 1`;
  await db.superuser`SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
    WHERE usename = 'kaibiao_app' AND datname = current_database() AND pid <> pg_backend_pid()`;
  while (line.open() > 0) await turn();
  // Our end of the line hears of it in the turns after.
  for (let turns = 0; turns < 3; turns++) await turn();
  t.strictSame([...(await sql`SELECT 1 AS one`)], [{ one: 1 }]);
});

t.test('a value without a form in SQL is an error of its own query only', async (t) => {
  const { sql } = await setUp(t, 1);
  const ask = (n: number) => sql<{ n: number }[]>`SELECT ${n}::bigint AS n`;
  await ask(1);
  for (const n of [1.5, 2 ** 53, 0.1]) await t.rejects(Promise.resolve(ask(n)), /not a safe integer/);
  const asked = await Promise.allSettled([ask(2), ask(1.5), ask(3)]);
  t.strictSame(
    asked.map(({ status }) => status),
    ['fulfilled', 'rejected', 'fulfilled'],
  );
  const work = sql.begin(async (tx) => {
    await tx`INSERT INTO pairs (n, half) VALUES (7, 0)`;
    await tx`INSERT INTO pairs (n, half) VALUES (${1.5}::bigint, 0)`;
  });
  await t.rejects(work, /not a safe integer/);
  t.strictSame([...(await sql`SELECT n FROM pairs`)], []);
});

t.test('work that catches the loss goes on without its transaction, and is told so each time', async (t) => {
  const { db, sql } = await setUp(t, 2);
  const told: unknown[] = [];
  let isFinished: () => void = () => undefined;
  const finished = new Promise<void>((resolve) => {
    isFinished = resolve;
  });
  const lost = sql.begin(async (tx) => {
    try {
      await tx`INSERT INTO pairs (n, half) VALUES (1, 0)`;
      await db.superuser`SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
        WHERE usename = 'kaibiao_app' AND datname = current_database() AND pid <> pg_backend_pid()
          AND state = 'idle in transaction'`;
      for (const n of [2, 3])
        await tx`INSERT INTO pairs (n, half) VALUES (${n}, 0)`.catch((error: { code?: unknown }) =>
          told.push(error.code),
        );
      await tx
        .savepoint((point) => point`INSERT INTO pairs (n, half) VALUES (4, 0)`)
        .catch(() => told.push('savepoint'));
    } finally {
      isFinished();
    }
  });
  await t.rejects(lost, { code: /CONNECTION_CLOSED|ECONNRESET|EPIPE/ });
  await finished;
  t.equal(told.length, 3);
  t.strictSame([...(await sql`SELECT n FROM pairs`)], []);
});

t.test('a query of a transaction that has ended is carried out nowhere', async (t) => {
  const { sql } = await setUp(t, 1);
  const leaked: TransactionSql[] = [];
  await sql.begin(async (tx) => {
    leaked.push(tx as TransactionSql);
    await tx`SELECT 1`;
  });
  for (const tx of leaked)
    await t.rejects(Promise.resolve(tx`INSERT INTO pairs (n, half) VALUES (1, 0)`), /transaction is over/);
  t.strictSame([...(await sql`SELECT n FROM pairs`)], []);
});

t.test('who listens is told of each gap and hears again', async (t) => {
  const { db, line, sql } = await setUp(t, 1);
  const heard: string[] = [];
  let wake: () => void = () => undefined;
  const until = async (count: number): Promise<void> => {
    while (heard.length < count) await new Promise<void>((step) => (wake = step));
  };
  const hear = (what: string): void => {
    heard.push(what);
    wake();
  };
  const { unlisten } = await sql.listen('news', hear, () => hear('gap'));
  for (const n of [1, 2, 3]) {
    await db.superuser`SELECT pg_notify('news', ${String(n)})`;
    await until(2 * n);
    line.cut();
    await until(2 * n + 1);
  }
  t.strictSame(heard, ['gap', '1', 'gap', '2', 'gap', '3', 'gap']);
  await unlisten();
  await sql.end({ timeout: 1 });
  // A backend takes a moment to end; the one that stays is the test's own.
  while ((await backends(db)).length > 1) await db.superuser`SELECT 1`;
});

t.test('a closed pool refuses, also those who wait', async (t) => {
  const { sql } = await setUp(t, 1);
  const asked = Promise.allSettled([sql`SELECT pg_sleep(0.05)`, sql`SELECT 2`]);
  await new Promise((turn) => setImmediate(turn));
  await sql.end({ timeout: 5 });
  t.strictSame(
    (await asked).map(({ status }) => status),
    ['fulfilled', 'rejected'],
  );
  await t.rejects(Promise.resolve(sql`SELECT 1`), { code: 'CONNECTION_ENDED' });
  await t.rejects(
    sql.begin((tx) => tx`SELECT 1`),
    { code: 'CONNECTION_ENDED' },
  );
  t.throws(() => sql.reserve(), /not used here/);
});

/** What hangs on a line that has gone silent, each with its own way to the database. */
const silenced: Readonly<Record<string, (sql: Sql, silence: () => void) => Promise<unknown>>> = {
  'a query': async (sql, silence) => {
    silence();
    return sql`SELECT 1`;
  },
  BEGIN: (sql, silence) => {
    silence();
    return sql.begin((tx) => tx`SELECT 1`);
  },
  'a statement': (sql, silence) =>
    sql.begin(async (tx) => {
      await tx`SELECT 1`;
      silence();
      await tx`SELECT 1`;
    }),
  'a savepoint': (sql, silence) =>
    sql.begin(async (tx) => {
      await tx`SELECT 1`;
      silence();
      await tx.savepoint((point) => point`SELECT 1`);
    }),
  COMMIT: (sql, silence) =>
    sql.begin(async (tx) => {
      await tx`SELECT 1`;
      silence();
    }),
};

t.test('a database that says nothing any more is given up after the limit, whatever was asked of it', async (t) => {
  const db = await testDb(t, 2);
  const line = await lineTo(t, db.app);
  const world = steppedWorld();
  const sql = openPool(line.place, 1, 'kaibiao', world);
  t.teardown(() => sql.end({ timeout: 1 }));
  const turn = () => new Promise((over) => setImmediate(over));
  for (const [name, ask] of Object.entries(silenced)) {
    await sql`SELECT 1`;
    t.equal(world.alarms(), 0, 'an answer takes its limit along');
    let isSilent = false;
    let outcome: unknown = null;
    const asked = ask(sql, () => {
      line.silence(true);
      isSilent = true;
    }).catch((error: { code?: unknown }) => {
      outcome = error.code;
    });
    while (!isSilent || world.alarms() === 0) await turn();
    world.advance(ANSWER_LIMIT_MS - 1);
    await turn();
    t.equal(outcome, null, name);
    world.advance(1);
    await asked;
    t.equal(outcome, 'CONNECTION_CLOSED', name);
    line.silence(false);
  }
  while (line.open() > 0) await turn();
  t.equal(line.open(), 0, 'what was given up is closed at once');
});

t.test('a transaction that may take longer is waited for longer', async (t) => {
  const { db, line } = await setUp(t, 1);
  const world = steppedWorld();
  const sql = openPool(line.place, 1, 'kaibiao', world);
  t.teardown(() => sql.end({ timeout: 1 }));
  const limits = await sql.begin(async (tx) => {
    await limitStatements(tx as TransactionSql, 600_000);
    const [one] = await tx`SELECT current_setting('statement_timeout') AS "limit"`;
    await limitStatements(tx as TransactionSql, null);
    const [two] = await tx`SELECT current_setting('statement_timeout') AS "limit"`;
    t.equal(world.alarms(), 0);
    return [one?.['limit'], two?.['limit']];
  });
  t.strictSame(limits, ['10min', '0']);
  let isAsked = false;
  let outcome: unknown = null;
  const late = sql
    .begin(async (tx) => {
      await limitStatements(tx as TransactionSql, 600_000);
      isAsked = true;
      await tx`SELECT pg_sleep(60)`;
    })
    .catch((error: { code?: unknown }) => {
      outcome = error.code;
    });
  const turn = () => new Promise((over) => setImmediate(over));
  while (!isAsked || world.alarms() === 0) await turn();
  world.advance(609_999);
  await turn();
  t.equal(outcome, null);
  world.advance(1);
  await late;
  t.equal(outcome, 'CONNECTION_CLOSED');
  await db.superuser`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(60)%' AND pid <> pg_backend_pid()`;
});

/** A place where something else than PostgreSQL answers first: `serve` gets each connection with its number. */
async function placeOf(
  test: Parameters<typeof newFolder>[0],
  { port, database, user }: TestDatabase['app'],
  serve: (near: Socket, n: number) => void,
) {
  const folder = await newFolder(test);
  await mkdir(folder);
  const open = new Set<Socket>();
  let made = 0;
  const server = createServer((near) => {
    open.add(near);
    near.on('error', () => undefined).on('close', () => open.delete(near));
    serve(near, made++);
  });
  server.listen(join(folder, `.s.PGSQL.${port}`));
  await once(server, 'listening');
  test.teardown(async () => {
    for (const near of open) near.destroy();
    server.close();
  });
  return { place: { host: folder, port, database, user }, made: () => made, open: () => open.size };
}

t.test('a peer that accepts and hangs up is no database: each who asks is told, and it is asked no more', async (t) => {
  const db = await testDb(t, 2);
  const { place, made } = await placeOf(t, db.app, (near) => near.once('data', () => near.end()));
  const sql = openPool(place, 1);
  t.teardown(() => sql.end({ timeout: 1 }));
  await t.rejects(Promise.resolve(sql`SELECT 1`), { code: 'CONNECTION_CLOSED' });
  t.equal(made(), 1);
  await t.rejects(
    sql.begin((tx) => tx`SELECT 1`),
    { code: 'CONNECTION_CLOSED' },
  );
  await t.rejects(
    sql.listen('news', () => undefined),
    { code: 'CONNECTION_CLOSED' },
  );
  t.equal(made(), 3);
});

t.test('who is turned away at the door takes nobody along, and leaves no connection behind', async (t) => {
  const db = await testDb(t, 2);
  const field = (kind: string, value: string): Buffer => Buffer.from(`${kind}${value}\0`);
  const fields = Buffer.concat([
    field('S', 'FATAL'),
    field('V', 'FATAL'),
    field('C', '53300'),
    field('M', 'sorry, too many clients already'),
    Buffer.from('\0'),
  ]);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(fields.length + 4);
  const { place, made, open } = await placeOf(t, db.app, (near, n) => {
    if (n === 0) near.once('data', () => near.end(Buffer.concat([Buffer.from('E'), length, fields])));
    else {
      const far = connect(join(db.app.host, `.s.PGSQL.${db.app.port}`));
      near.pipe(far).pipe(near);
      far.on('error', () => near.destroy()).on('close', () => near.destroy());
      near.on('close', () => far.destroy());
    }
  });
  const sql = openPool(place, 1);
  const asked = await Promise.allSettled([1, 2, 3].map((n) => sql`SELECT ${n}::int AS n`));
  t.strictSame(
    asked.map((one) => (one.status === 'fulfilled' ? one.value[0]?.['n'] : one.reason.code)),
    ['53300', 2, 3],
  );
  t.equal(open(), 1);
  t.equal(made(), 2, 'one that was refused, one that serves the others');
  await sql.end({ timeout: 5 });
  while (open() > 0) await new Promise((over) => setImmediate(over));
  t.equal(open(), 0);
});
