/** Tables out of one database and into another: every kind of value comes back as it was, counters go on behind the last number. */
import { createReadStream, createWriteStream } from 'node:fs';
import { dirname, join } from 'node:path';
import { openPool } from '../../server/store/driver.ts';
import { copyIn, copyOut, listTables, setCounters } from '../../server/store/table-copy.ts';
import { testDb } from '../support/database.ts';
import { newFolder } from '../support/folder.ts';
import t from '../support/tap.ts';

const folder = dirname(await newFolder(t));
const [from, to] = [await testDb(t), await testDb(t)];
const owners = [openPool(from.ownerUrl, 1), openPool(to.ownerUrl, 1)] as const;
t.teardown(() => Promise.all(owners.map((owner) => owner.end())));
const [source, target] = owners;
const strange = ['', '\\N', '\\.', 'a\tb\nc\rd\\e', '开标 <100>', '"quoted", it’s', '\u0001'];

t.test('a table stands behind those it refers to', async (t) => {
  const names = (await source.begin((tx) => listTables(tx))).map(({ name }) => name);
  t.ok(names.indexOf('logs') < names.indexOf('entries') && names.indexOf('entries') < names.indexOf('disclosures'));
  const [all] = await source<{ count: number }[]>`
    SELECT count(*)::int AS count FROM information_schema.tables WHERE table_schema = 'public' AND table_type = 'BASE TABLE'`;
  t.equal(names.length, all?.count, 'none is left out');
});

t.test('bytes, texts, nulls, numbers and truths come back, more of them than one fetch brings', async (t) => {
  const bytes = new Uint8Array(300).map((_, n) => n & 255);
  const rows = Array.from({ length: 1_203 }, (_, n) => ({
    opening_id: `o${n % 7}`,
    received_at: n,
    kind: strange[n % strange.length] ?? '',
    content: bytes,
    login_sha256: n % 2 === 0 ? null : new Uint8Array(32).fill(n),
    decided: n % 3 === 0,
  }));
  for (let at = 0; at < rows.length; at += 300) await source`INSERT INTO intake ${source(rows.slice(at, at + 300))}`;
  await source.begin('ISOLATION LEVEL REPEATABLE READ READ ONLY', async (tx) => {
    for (const table of await listTables(tx)) await copyOut(tx, table, createWriteStream(join(folder, table.name)));
  });
  await target.begin(async (tx) => {
    for (const table of await listTables(tx)) {
      await tx`DELETE FROM ${tx(table.name)}`;
      await copyIn(tx, table, createReadStream(join(folder, table.name)));
    }
    await setCounters(tx);
  });
  const read = (sql: typeof source) => sql`SELECT * FROM intake ORDER BY id`;
  t.strictSame([...(await read(target))], [...(await read(source))]);
  const [next] = await target<{ id: number }[]>`
    INSERT INTO intake (opening_id, received_at, kind, content) VALUES ('o', 1, 'k', '\\x00') RETURNING id`;
  t.equal(next?.id, rows.length + 1, 'the counter goes on');
  const [first] = await target<{ id: number }[]>`
    INSERT INTO repeated_refusals (opening_id, account, type, code, count, first_at, last_at)
    VALUES ('o', 'a', 't', 'c', 2, 1, 2) RETURNING id`;
  t.equal(first?.id, 1, 'and one that never counted begins');
});
