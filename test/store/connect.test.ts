/** The database as the server sees it: types, identities, listening, and the embedded one from nothing. */
import fc from 'fast-check';
import { connect, openDatabase } from '../../server/store/connect.ts';
import { byteList, openPool } from '../../server/store/driver.ts';
import { entries, logs } from '../../server/store/schema/log.ts';
import { type TestDatabase, testDb } from '../support/database.ts';
import { newFolder } from '../support/folder.ts';
import t from '../support/tap.ts';

let database: TestDatabase;
t.before(async () => {
  database = await testDb(t);
});

t.test('bigint is a number, exact up to the last safe one and a fault beyond', async (t) => {
  const { sql } = database;
  await fc.assert(
    fc.asyncProperty(fc.maxSafeInteger(), async (n) => {
      const [row] = await sql`SELECT ${n}::bigint AS n`;
      t.equal(row?.['n'], n);
    }),
    { numRuns: 25 },
  );
  for (const n of [Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER, 0]) {
    const [row] = await sql`SELECT ${n}::bigint AS n`;
    t.equal(row?.['n'], n);
  }
  await t.rejects(Promise.resolve(sql`SELECT 9007199254740992::bigint AS n`), /not a safe integer/);
  await t.rejects(Promise.resolve(sql`SELECT ${2 ** 53}::bigint AS n`), /not a safe integer/);
  await t.rejects(Promise.resolve(sql`SELECT ${1.5}::bigint AS n`), /not a safe integer/);
});

t.test('bytea is a plain Uint8Array with a buffer of its own', async (t) => {
  const { sql } = database;
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), async (bytes) => {
      const [row] = await sql<{ b: Uint8Array }[]>`SELECT ${bytes}::bytea AS b`;
      t.strictSame(row?.b, bytes);
      t.equal(Object.getPrototypeOf(row?.b), Uint8Array.prototype);
      t.equal(row?.b.buffer.byteLength, bytes.length);
    }),
    { numRuns: 25 },
  );
});

t.test('arrays of bytes and numbers go in one statement, empty ones too', async (t) => {
  const { sql } = database;
  const rowsOf = async (bytes: Uint8Array[], numbers: number[]) => [
    ...(await sql`SELECT * FROM unnest(${byteList(sql, bytes)}::bytea[], ${numbers}::bigint[]) AS x (bytes, seq)`),
  ];
  t.strictSame(await rowsOf([Uint8Array.of(1), Uint8Array.of(2, 3)], [5, 6]), [
    { bytes: Uint8Array.of(1), seq: 5 },
    { bytes: Uint8Array.of(2, 3), seq: 6 },
  ]);
  t.strictSame(await rowsOf([], []), []);
  t.strictSame(await rowsOf([new Uint8Array()], [0]), [{ bytes: new Uint8Array(), seq: 0 }]);
});

t.test('drizzle reads and writes through the same pool, in the same types', async (t) => {
  const { db } = database;
  const log = {
    origin: 'o',
    kind: 'ledger' as const,
    openingId: null,
    size: 1,
    frontier: new Uint8Array(32),
    root: new Uint8Array(32),
  };
  await db.transaction(async (tx) => {
    await tx.insert(logs).values(log);
    await tx.insert(entries).values({ origin: 'o', seq: 0, bytes: Uint8Array.of(7), leafHash: new Uint8Array(32) });
  });
  t.strictSame(await db.select().from(logs), [log]);
  t.strictSame(await db.select({ bytes: entries.bytes, seq: entries.seq }).from(entries), [
    { bytes: Uint8Array.of(7), seq: 0 },
  ]);
});

t.test('the server refuses to work as somebody who may rewrite the log', async (t) => {
  await t.rejects(connect(database.owner, 1), /kaibiao_owner, who may rewrite the log/);
  const superuser = { ...(database.owner as object), user: 'postgres' } as typeof database.owner;
  await t.rejects(connect(superuser, 1), /postgres, who may rewrite the log/);
});

t.test('a login of another name is let into the role by the migration, and refused without it', async (t) => {
  const name = `login_${process.pid}`;
  const { superuser } = database;
  await superuser`CREATE ROLE ${superuser(name)} LOGIN`;
  t.teardown(() => superuser`DROP ROLE ${superuser(name)}`.then(() => undefined));
  const url = database.appUrl.replace('kaibiao_app', name);
  const settings = { databaseUrl: url, databasePoolSize: 2, dataFolder: '/nowhere' };
  // It cannot even see the list of migrations.
  await t.rejects(openDatabase({ ...settings, databaseMigrationUrl: null }));
  await superuser`GRANT kaibiao_app TO kaibiao_owner WITH ADMIN OPTION`;
  const opened = await openDatabase({ ...settings, databaseMigrationUrl: database.ownerUrl });
  const [who] = await opened.sql`SELECT current_user::text AS who`;
  t.equal(who?.['who'], name);
  await opened.close();
  await superuser`REVOKE kaibiao_app FROM ${superuser(name)}`;
});

t.test('what is notified after a commit is heard, what is rolled back is not', async (t) => {
  const { sql, listen } = database;
  const heard: string[] = [];
  let arrived: () => void = () => undefined;
  const end = await listen(
    'append',
    (payload) => {
      heard.push(payload);
      arrived();
    },
    () => heard.push('(listening)'),
  );
  await t.rejects(
    sql.begin(async (tx) => {
      await tx`SELECT pg_notify('append', 'rolled back')`;
      throw new Error('roll back');
    }),
  );
  const arrival = new Promise<void>((resolve) => {
    arrived = resolve;
  });
  await sql`SELECT pg_notify('append', 'committed')`;
  await arrival;
  t.strictSame(heard, ['(listening)', 'committed']);
  await end();
});

t.test('a listener whose connection is ended hears again, and is told to read anew', async (t) => {
  const { superuser, listen } = database;
  let times = 0;
  let again: () => void = () => undefined;
  const listensAgain = new Promise<void>((resolve) => {
    again = resolve;
  });
  const end = await listen(
    'append',
    () => undefined,
    () => {
      times++;
      if (times === 2) again();
    },
  );
  await superuser`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                  WHERE datname = current_database() AND query ILIKE 'listen%'`;
  await listensAgain;
  t.equal(times, 2);
  await end();
});

t.test('a URL with a socket folder names it as libpq does', async (t) => {
  const sql = openPool(database.appUrl, 1);
  const [row] = await sql`SELECT current_database() AS name`;
  await sql.end();
  const [same] = await database.sql`SELECT current_database() AS name`;
  t.equal(row?.['name'], same?.['name']);
});

t.test('without DATABASE_URL an embedded one is made from nothing, and is there again the next time', async (t) => {
  const dataFolder = await newFolder(t);
  const settings = { databaseUrl: null, databaseMigrationUrl: null, databasePoolSize: 2, dataFolder };
  const first = await openDatabase(settings);
  await first.sql`INSERT INTO heartbeats VALUES ('p', 1)`;
  await first.close();
  const second = await openDatabase(settings);
  t.strictSame([...(await second.sql`SELECT * FROM heartbeats`)], [{ process_id: 'p', at: 1 }]);
  const [who] = await second.sql`SELECT current_user::text AS who`;
  t.equal(who?.['who'], 'kaibiao_app');
  await second.close();
});
