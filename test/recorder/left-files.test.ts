/** Files that a crash left behind: only what nobody names, and only when it is old, is removed. */
import { mkdtemp, readdir, rm, utimes } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Json } from '../../server/core/log/canonical.ts';
import { makeDisclosure } from '../../server/core/log/disclosure.ts';
import { utf8 } from '../../server/core/log/utf8.ts';
import { sha256 } from '../../server/hash.ts';
import {
  LEFT_FILE_AGE_MS,
  removeLeftDocuments,
  removeLeftEnvelopes,
  sweepLeftFiles,
} from '../../server/recorder/left-files.ts';
import { openVaultFolder, type VaultFolder, writeAll } from '../../server/vault/vault-folder.ts';
import { systemWorld } from '../../server/world.ts';
import { testDb } from '../support/database.ts';
import t from '../support/tap.ts';

const NOW = Date.parse('2026-03-02T00:00:00.000Z');
const world = { now: () => NOW };

async function vault(test: { teardown(act: () => Promise<void>): void }) {
  const folder = await mkdtemp(join(tmpdir(), 'kaibiao-left-'));
  test.teardown(() => rm(folder, { recursive: true, force: true }));
  const envelopes = await openVaultFolder(folder, systemWorld.randomBytes);
  return { envelopes, finished: join(folder, 'finished') };
}

/** A finished envelope that was last written so long before now. */
async function lay(envelopes: VaultFolder, ageMs: number): Promise<string> {
  const { file, publish } = await envelopes.begin();
  await writeAll(file, utf8('sealed'));
  const name = await publish();
  const at = new Date(NOW - ageMs);
  await utimes(envelopes.path(name), at, at);
  return name;
}

t.test('a bid’s file, one that waits and a young one stay; an old one that nobody names goes', async (t) => {
  const { sql } = await testDb(t);
  const { envelopes, finished } = await vault(t);
  const old = 2 * LEFT_FILE_AGE_MS;
  const [bid, waits, young, due, decided] = [
    await lay(envelopes, old),
    await lay(envelopes, old),
    await lay(envelopes, LEFT_FILE_AGE_MS - 1),
    await lay(envelopes, LEFT_FILE_AGE_MS),
    await lay(envelopes, old),
  ];
  await sql`INSERT INTO envelopes (id, opening_id, account, file, sha256, size_bytes, header, lodged_at, statement)
    VALUES ('bid', 'o', 'a', ${bid}, ${new Uint8Array(32)}, 6, ${new Uint8Array(1)}, 1, 's')`;
  const content = (file: string) => utf8(JSON.stringify({ type: 'LodgeBid', enclosure: { kind: 'envelope', file } }));
  await sql`INSERT INTO intake (opening_id, received_at, kind, content) VALUES ('o', 1, 'LodgeBid', ${content(waits)})`;
  await sql`INSERT INTO intake (opening_id, received_at, kind, content, decided)
    VALUES ('o', 1, 'LodgeBid', ${content(decided)}, true)`;
  t.equal(await removeLeftEnvelopes({ sql, world, envelopes }), 2, 'the one that was decided is no bid’s');
  t.strictSame((await readdir(finished)).sort(), [bid, waits, young].sort());
  t.equal(await envelopes.writtenAt(due), null);
  t.equal(await removeLeftEnvelopes({ sql, world, envelopes }), 0);
});

t.test('while something that waits cannot be read, nothing is removed', async (t) => {
  const { sql } = await testDb(t);
  const { envelopes, finished } = await vault(t);
  t.equal(await removeLeftEnvelopes({ sql, world, envelopes }), 0, 'an empty vault');
  const name = await lay(envelopes, 2 * LEFT_FILE_AGE_MS);
  await sql`INSERT INTO intake (opening_id, received_at, kind, content) VALUES ('o', 1, 'LodgeBid', ${utf8('{')})`;
  await t.rejects(removeLeftEnvelopes({ sql, world, envelopes }), SyntaxError);
  t.strictSame(await readdir(finished), [name]);
});

t.test('documents that a hand-over names stay; those of one that was cut off go', async (t) => {
  const { sql } = await testDb(t);
  const { envelopes: documents, finished } = await vault(t);
  const old = 2 * LEFT_FILE_AGE_MS;
  const handedOver = await lay(documents, old);
  const young = await lay(documents, LEFT_FILE_AGE_MS - 1);
  const left = await lay(documents, LEFT_FILE_AGE_MS);
  const put = async (origin: string, field: string, value: Json): Promise<void> => {
    await sql`INSERT INTO logs (origin, kind, opening_id, size, frontier, root)
      VALUES (${origin}, 'opening', ${origin}, 0, ${new Uint8Array()}, ${new Uint8Array(32)})`;
    await sql`INSERT INTO entries (origin, seq, bytes, leaf_hash) VALUES (${origin}, 0, ${utf8('{}')}, ${new Uint8Array(32)})`;
    const { disclosure } = makeDisclosure(sha256, new Uint8Array(32), field, value);
    await sql`INSERT INTO disclosures (origin, seq, field, disclosure) VALUES (${origin}, 0, ${field}, ${disclosure})`;
  };
  await put('one', 'manifest', { v: 1, openingId: 'one', bids: [{ bidder: 1, file: handedOver }] });
  await put('two', 'text', { bids: [{ file: left }] });
  t.equal(await removeLeftDocuments({ sql, world, documents }), 1);
  t.strictSame((await readdir(finished)).sort(), [handedOver, young].sort());

  await put('three', 'manifest', { v: 1 });
  await lay(documents, old);
  await t.rejects(removeLeftDocuments({ sql, world, documents }), /three handed over by a manifest that is none/);
  t.equal((await readdir(finished)).length, 3, 'then nothing is removed');
});

t.test('what was new when the sweep began stays, however long it takes', async (t) => {
  const { sql } = await testDb(t);
  const { envelopes, finished } = await vault(t);
  const young = await lay(envelopes, LEFT_FILE_AGE_MS - 1);
  let at = NOW;
  const hanging = {
    ...envelopes,
    // It hangs behind its look at the names, and comes to itself hours later.
    writtenAt(name: string) {
      at += 5 * LEFT_FILE_AGE_MS;
      return envelopes.writtenAt(name);
    },
  };
  t.equal(await removeLeftEnvelopes({ sql, world: { now: () => at }, envelopes: hanging }), 0);
  t.strictSame(await readdir(finished), [young]);
});

t.test('both folders are swept beside the work, until it is stopped; what keeps it from it is told', async (t) => {
  const { sql } = await testDb(t);
  const [one, two] = [await vault(t), await vault(t)];
  const old = 2 * LEFT_FILE_AGE_MS;
  await lay(one.envelopes, old);
  await lay(two.envelopes, old);
  const told: unknown[] = [];
  const sweep = (envelopes: VaultFolder) =>
    sweepLeftFiles({
      sql,
      world,
      envelopes,
      documents: two.envelopes,
      onRemoved: (removed) => told.push(removed),
      onFault: (error) => told.push(error),
    });
  await sweep(one.envelopes).ended;
  t.strictSame(told.splice(0), [{ envelopes: 1, documents: 1 }]);
  for (const _ of [0, 1, 2]) await lay(one.envelopes, old);
  let stop = async (): Promise<void> => undefined;
  const stopping = sweep({
    ...one.envelopes,
    async discard(name: string) {
      void stop();
      await one.envelopes.discard(name);
    },
  });
  stop = stopping.stop;
  await stopping.ended;
  t.strictSame(told.splice(0), [{ envelopes: 1, documents: 0 }]);
  t.equal((await readdir(one.finished)).length, 2, 'what it was not at yet stays');
  await sweep({ ...one.envelopes, list: () => Promise.reject(new Error('no folder')) }).ended;
  t.match(told, [{ message: 'no folder' }]);
});
