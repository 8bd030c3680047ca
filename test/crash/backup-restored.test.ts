/** Backup and restore of a real platform: taken while it runs, put back when all is lost, and refused wherever it would sign a second history. */
import { spawnSync } from 'node:child_process';
import { cp, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { BACKUP_ERRORS } from '../../server/cli/backup/backup-form.ts';
import { act } from '../../server/cli/person/act.ts';
import { lodge } from '../../server/cli/person/lodge.ts';
import { openPerson } from '../../server/cli/person/person.ts';
import { catchUp } from '../../server/cli/person/read-opening.ts';
import { openingOrigin } from '../../server/core/log/origin.ts';
import { systemWorld } from '../../server/world.ts';
import { testDb } from '../support/database.ts';
import { newFolder } from '../support/folder.ts';
import { checkTree, exportAndVerify, readPlatform } from '../support/server-log.ts';
import { makeTown, publishOpening } from '../support/server-people.ts';
import { BIN, freePort, startServer } from '../support/server-process.ts';
import t from '../support/tap.ts';

const OPENING = 'backed-up';
const PLATFORM = 'kaibiao.test';
const ORIGIN = openingOrigin(PLATFORM, OPENING);

t.setTimeout(100_000);
const { sql, appUrl, ownerUrl } = await testDb(t);
const other = await testDb(t);
const folder = await newFolder(t, 'backup');
const data = join(folder, 'data');
const town = await makeTown(join(folder, 'town'));
const port = String(await freePort());
const settings = {
  ...town.settings,
  DATABASE_URL: appUrl,
  DATABASE_MIGRATION_URL: ownerUrl,
  KAIBIAO_DATA: data,
  KAIBIAO_PLATFORM: PLATFORM,
  KAIBIAO_PORT: port,
  KAIBIAO_LOG_LEVEL: 'warn',
  KAIBIAO_EVENT_LOOP_LAG_LIMIT_MS: '60000',
};
const server = await startServer(t, settings);
const officials = await town.enterOfficials(server.url);
const bidder = await town.enterBidder(server.url, 0);
const { envelope } = await town.seal(bidder, '1000000.00');
await publishOpening(officials, OPENING, {
  deadlineAt: systemWorld.now() + 3_600_000,
  checkInLeadMs: 60_000,
  decryptionWindowMs: 60_000,
  confirmationMs: 60_000,
});
await lodge(bidder.person, OPENING, { envelope });

function kaibiao(env: Record<string, string>, ...argv: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [BIN, ...argv], { encoding: 'utf8', env });
  return { status, stdout, stderr };
}
/** What a refusal looks like at the terminal: the code, then both sentences. */
const refusal = (code: keyof typeof BACKUP_ERRORS) => ({
  status: 1,
  stderr: new RegExp(
    `^${code}\\n {2}${BACKUP_ERRORS[code].en.replaceAll(/[.()]/g, '\\$&')}\\n {2}${BACKUP_ERRORS[code].zh}\\n`,
  ),
});

const backup = join(folder, 'saved');
const keys = join(folder, 'saved-keys');

t.test('taken beside the running server, whole, and without a key in it', async (t) => {
  const taken = kaibiao(settings, 'backup', backup, '--keys', keys);
  t.match(taken, {
    status: 0,
    stderr: '',
    stdout: /^\d+ tables, \d+ logs, \d+ files → .*saved\nkeys → .*saved-keys\n$/,
  });
  t.match(kaibiao(settings, 'backup', backup), refusal('folder_not_empty'));
  const files = (await readdir(backup, { recursive: true })).sort();
  t.notOk(files.some((file) => /key|guard|journal/.test(file) && !file.endsWith('window_keys.copy')));
  t.equal(files.filter((file) => file.startsWith('data/envelopes/finished/')).length, 1, 'the envelope is in it');
  t.strictSame((await readdir(join(keys, 'keys'))).sort(), ['ledger.key', 'openings.key', 'receipts.key', 'vault.key']);
  t.strictSame(
    (await readdir(folder)).filter((name) => name.includes('.part')),
    [],
  );
});

let seen = '';
t.test('the platform goes on, and then all is lost', async (t) => {
  await act(officials.host, OPENING, { type: 'GiveNotice', role: 'host', data: { text: '备份之后的通知' } });
  seen = await (await fetch(`${server.url}/logs/opening/${OPENING}/checkpoint`)).text();
  t.match(seen, new RegExp(`^${ORIGIN}\n`));
  t.equal(await server.stop(), 0);
});

const elsewhere = {
  ...settings,
  DATABASE_URL: other.appUrl,
  DATABASE_MIGRATION_URL: other.ownerUrl,
  KAIBIAO_DATA: join(folder, 'elsewhere'),
};

t.test('refused where it would sign a second history, or is not what it was', async (t) => {
  const restoreBy = (from: string, env: Record<string, string>, ...more: string[]) =>
    kaibiao(env, 'restore', backup, '--keys', from, ...more);
  const restore = (env: Record<string, string>, ...more: string[]) => restoreBy(keys, env, ...more);
  const kept = { ...elsewhere, KAIBIAO_DATA: join(folder, 'kept') };
  await cp(join(data, 'keys'), join(folder, 'kept', 'keys'), { recursive: true });
  await cp(join(data, 'guard'), join(folder, 'kept', 'guard'), { recursive: true });
  t.match(restore(kept), refusal('backup_behind_guard'), 'the guard remembers what came after the backup');
  t.match(restore(elsewhere), refusal('guard_missing'));
  await t.rejects(readdir(join(folder, 'elsewhere', 'keys')), { code: 'ENOENT' }, 'no key beside an empty guard');
  const note = join(folder, 'seen');
  await writeFile(note, seen);
  t.match(restore(elsewhere, '--guard-lost', '--seen', note), refusal('backup_behind_seen'), 'so does who looked on');
  // Of a fork, from before the backup was taken; it would be refused at the last size as well.
  for (const size of [2, 1]) {
    const root = Buffer.alloc(32, size).toString('base64');
    await writeFile(note, `${ORIGIN}\n${size}\n${root}\n\n— ${ORIGIN} ${Buffer.alloc(68, 7).toString('base64')}\n`);
    t.match(restore(elsewhere, '--guard-lost', '--seen', note), refusal('backup_of_other_history'));
  }
  t.match(
    restore({ ...elsewhere, KAIBIAO_PLATFORM: 'other.test' }, '--guard-lost'),
    refusal('backup_of_other_platform'),
  );
  t.match(
    restore({ ...elsewhere, DATABASE_URL: appUrl, DATABASE_MIGRATION_URL: ownerUrl }, '--guard-lost'),
    refusal('database_not_empty'),
  );
  const file = join(backup, 'tables', 'entries.copy');
  const bytes = await readFile(file);
  await writeFile(
    file,
    bytes.map((byte, n) => (n === bytes.length >> 1 ? byte ^ 1 : byte)),
  );
  t.match(restore(elsewhere, '--guard-lost'), refusal('backup_unreadable'));
  await writeFile(file, bytes);
  const others = join(folder, 'other-keys');
  await cp(keys, others, { recursive: true });
  await cp(join(keys, 'keys', 'openings.key'), join(others, 'keys', 'ledger.key'));
  t.match(restoreBy(others, elsewhere, '--guard-lost'), refusal('keys_differ'));
  const form = join(backup, 'backup.json');
  const said = JSON.parse(await readFile(form, 'utf8')) as { heads: { root: string }[]; tables: { name: string }[] };
  const [head] = said.heads;
  const lies = [
    { ...said, heads: [{ ...head, root: 'A'.repeat(43).concat('=') }, ...said.heads.slice(1)] },
    { ...said, tables: said.tables.filter(({ name }) => name !== 'disclosures') },
  ];
  for (const [n, lie] of lies.entries()) {
    await writeFile(form, JSON.stringify(lie));
    const code = n === 0 ? 'log_does_not_hold' : 'backup_unreadable';
    t.match(restore(elsewhere, '--guard-lost'), refusal(code));
  }
  await writeFile(form, JSON.stringify(said));
  await t.rejects(readdir(join(folder, 'elsewhere', 'keys')), { code: 'ENOENT' }, 'still none');
  const rows = await other.sql`SELECT FROM logs UNION ALL SELECT FROM accounts`;
  t.equal(rows.length, 0, 'and nothing was written');
});

t.test('restored, the platform is what it was when the backup was taken, and goes on', async (t) => {
  const restored = kaibiao(elsewhere, 'restore', backup, '--keys', keys, '--guard-lost');
  t.match(restored, { status: 0, stderr: '', stdout: /^\d+ logs as of 20\d\d-/ });
  const again = await startServer(t, elsewhere);
  t.equal((await fetch(`${again.url}/readyz`)).status, 200, 'guard and database agree');
  t.match(await readPlatform(again.url), { platform: PLATFORM });
  await t.rejects(catchUp(officials.host, OPENING, 'host'), { code: 'log_is_behind' }, 'whoever looked on notices');
  const { keys: held } = officials.host;
  const afresh = join(folder, 'a-fresh-desk');
  const host = await openPerson({ url: again.url, fetch, keys: held, folder: afresh, world: systemWorld });
  const state = await catchUp(host, OPENING, 'host');
  t.equal(state.notices.length, 0, 'what came after the backup is lost');
  await act(host, OPENING, { type: 'GiveNotice', role: 'host', data: { text: '已从备份恢复' } });
  const [stored] = await other.sql<{ file: string }[]>`SELECT file FROM envelopes`;
  const files = await readdir(join(folder, 'elsewhere', 'envelopes', 'finished'));
  t.strictSame(files, [stored?.file], 'the bid lies where its row says');
  await checkTree(t, other.sql, ORIGIN, []);
  const place = { url: again.url, openingId: OPENING, folder: join(folder, 'export') };
  t.equal(await exportAndVerify(t, other.sql, place), 'valid, still open');
  t.equal(await again.stop(), 0);
  t.ok((await sql`SELECT FROM logs`).length > 0, 'the lost database is another one');
});
