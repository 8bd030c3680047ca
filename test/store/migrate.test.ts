/** Migrations: all applied, in their order, once, whoever starts at the same time; and they are what the schema says. */

import { readdir, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { generateDrizzleJson, generateMigration } from 'drizzle-kit/api';
import { packageRoot } from '../../server/root.ts';
import { SUPERUSER } from '../../server/store/cluster.ts';
import { connect, makeDatabase } from '../../server/store/connect.ts';
import { openPool } from '../../server/store/driver.ts';
import { checkMigrated, MigrationError, migrateUp } from '../../server/store/migrate.ts';
import { startTestCluster } from '../support/cluster.ts';
import { testDb } from '../support/database.ts';
import t from '../support/tap.ts';

const folder = join(packageRoot, 'migrations');
const journal: { entries: { idx: number; when: number; tag: string }[] } = JSON.parse(
  await readFile(resolve(folder, 'meta/_journal.json'), 'utf8'),
);

t.test('as many are applied as the journal has', async (t) => {
  const { superuser } = await testDb(t);
  const [applied] = await superuser`SELECT count(*) AS n FROM drizzle.__drizzle_migrations`;
  t.equal(applied?.['n'], journal.entries.length);
});

t.test('the journal goes forward in time, and each file is in it and says why', async (t) => {
  const files = (await readdir(folder)).filter((name) => name.endsWith('.sql')).sort();
  t.strictSame(
    files,
    journal.entries.map((entry) => `${entry.tag}.sql`),
  );
  for (const [n, entry] of journal.entries.entries())
    t.ok(n === 0 || (journal.entries[n - 1]?.when ?? 0) < entry.when, `${entry.tag} is later than the one before`);
  for (const file of files) t.match(await readFile(resolve(folder, file), 'utf8'), /^-- Why: ./, file);
});

t.test('the schema asks for nothing that no migration makes', async (t) => {
  const rooms = (await readdir(resolve(folder, '../server/store/schema'))).filter((name) => name !== 'columns.ts');
  const tables = Object.assign(
    {},
    ...(await Promise.all(rooms.map((name) => import(`../../server/store/schema/${name}`)))),
  );
  const last = String(journal.entries.at(-1)?.idx).padStart(4, '0');
  const before = JSON.parse(await readFile(resolve(folder, `meta/${last}_snapshot.json`), 'utf8'));
  t.strictSame(await generateMigration(before, generateDrizzleJson(tables, before.id)), []);
});

t.test('five at once migrate once, and a later one finds nothing to do', async (t) => {
  const cluster = await startTestCluster();
  const name = `t_${process.pid}_at_once`;
  const { owner } = await makeDatabase(cluster, name);
  const sql = openPool(owner, 1);
  t.teardown(async () => {
    await sql.end();
    const admin = openPool({ host: cluster.host, port: cluster.port, database: 'postgres', user: SUPERUSER }, 1);
    await admin`DROP DATABASE ${admin(name)} WITH (FORCE)`;
    await admin.end();
    await cluster.leave();
  });
  await Promise.all(Array.from({ length: 5 }, () => migrateUp(owner)));
  await migrateUp(owner);
  const [applied] = await sql`SELECT count(*) AS n FROM drizzle.__drizzle_migrations`;
  t.equal(applied?.['n'], journal.entries.length);
  await checkMigrated(sql);
});

t.test('a server that cannot migrate refuses tables that are not its own version’s', async (t) => {
  const database = await testDb(t);
  const { superuser } = database;
  await superuser`INSERT INTO drizzle.__drizzle_migrations (hash, created_at) VALUES ('later', 9999999999999)`;
  await t.rejects(connect(database.app, 1), MigrationError, 'a newer version has been here');
  await superuser`DELETE FROM drizzle.__drizzle_migrations WHERE hash = 'later'`;
  const other = await connect(database.app, 1);
  await other.close();
  await superuser`UPDATE drizzle.__drizzle_migrations SET hash = 'other' WHERE id = 1`;
  await t.rejects(connect(database.app, 1), MigrationError, 'an applied migration was changed');
});

t.test('a migration older than the last applied, which drizzle passes over, is told', async (t) => {
  const { superuser, owner } = await testDb(t);
  // As after a merge: the newest is applied, one from a branch is not.
  await superuser`DELETE FROM drizzle.__drizzle_migrations WHERE id = 1`;
  await t.rejects(migrateUp(owner), { code: 'tables_are_not_current' });
});

t.test('an empty database without an owner to migrate it is refused in words', async (t) => {
  const cluster = await startTestCluster();
  const { app } = await makeDatabase(cluster, `t_${process.pid}_empty`);
  t.teardown(async () => {
    const admin = openPool({ host: cluster.host, port: cluster.port, database: 'postgres', user: SUPERUSER }, 1);
    await admin`DROP DATABASE ${admin(`t_${process.pid}_empty`)} WITH (FORCE)`;
    await admin.end();
    await cluster.leave();
  });
  await t.rejects(connect(app, 1), /has 0 migrations.*DATABASE_MIGRATION_URL/);
});
