/** Envelopes that a crash left behind: only what nobody names, and only when it is old, is removed. */
import { mkdtemp, readdir, rm, utimes } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { utf8 } from '../../server/core/log/utf8.ts';
import { LEFT_ENVELOPE_AGE_MS, removeLeftEnvelopes } from '../../server/recorder/left-envelopes.ts';
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
  const old = 2 * LEFT_ENVELOPE_AGE_MS;
  const [bid, waits, young, due, decided] = [
    await lay(envelopes, old),
    await lay(envelopes, old),
    await lay(envelopes, LEFT_ENVELOPE_AGE_MS - 1),
    await lay(envelopes, LEFT_ENVELOPE_AGE_MS),
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
  const name = await lay(envelopes, 2 * LEFT_ENVELOPE_AGE_MS);
  await sql`INSERT INTO intake (opening_id, received_at, kind, content) VALUES ('o', 1, 'LodgeBid', ${utf8('{')})`;
  await t.rejects(removeLeftEnvelopes({ sql, world, envelopes }), SyntaxError);
  t.strictSame(await readdir(finished), [name]);
});
