/** The real server with its signer as a process of its own: started without it, the signer killed in a burst of acts, and back; nothing acknowledged is lost, nothing half shown. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { act } from '../../server/cli/person/act.ts';
import { openingOrigin } from '../../server/core/log/origin.ts';
import { systemWorld } from '../../server/world.ts';
import { testDb } from '../support/database.ts';
import { newFolder } from '../support/folder.ts';
import { checkTree, entriesOf, exportAndVerify } from '../support/server-log.ts';
import { makeTown, publishOpening } from '../support/server-people.ts';
import { BIN, freePort, startServer } from '../support/server-process.ts';
import t from '../support/tap.ts';

const OPENING = 'signed-elsewhere';
const PLATFORM = 'kaibiao.test';
const ORIGIN = openingOrigin(PLATFORM, OPENING);
const NOTICES = 12;

t.setTimeout(100_000);
const { sql, appUrl, ownerUrl } = await testDb(t);
const folder = await newFolder(t, 'signer');
const data = join(folder, 'data');
const keys = join(folder, 'keys');
const socket = join(folder, 's');
const town = await makeTown(join(folder, 'town'));
const settings = {
  ...town.settings,
  DATABASE_URL: appUrl,
  DATABASE_MIGRATION_URL: ownerUrl,
  KAIBIAO_DATA: data,
  KAIBIAO_PLATFORM: PLATFORM,
  KAIBIAO_SIGNER: socket,
  KAIBIAO_PORT: String(await freePort()),
  KAIBIAO_LOG_LEVEL: 'warn',
  KAIBIAO_OUTAGE_TOLERANCE_MS: '60000',
  KAIBIAO_REQUESTS_PER_MINUTE: '100000',
};

async function startSigner(): Promise<ChildProcess> {
  const child = spawn(process.execPath, [BIN, 'signer', keys], {
    env: { KAIBIAO_PLATFORM: PLATFORM, KAIBIAO_SIGNER: socket },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.teardown(async () => {
    child.kill('SIGKILL');
  });
  await once(child.stdout, 'data');
  return child;
}

async function kill(child: ChildProcess): Promise<void> {
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
}

t.test('without its signer the server does not start, and says why', (t) => {
  const { status, stderr } = spawnSync(process.execPath, [BIN, 'serve'], { env: settings, encoding: 'utf8' });
  t.equal(status, 1);
  t.match(stderr, /^signer_unreachable: .*nobody answers at /m);
  t.end();
});

t.test(
  'the signer is killed in a burst of acts: every answer given stands, every act received is decided',
  async (t) => {
    let signer = await startSigner();
    const server = await startServer(t, settings);
    const officials = await town.enterOfficials(server.url);
    await publishOpening(officials, OPENING, {
      deadlineAt: systemWorld.now() + 3_600_000,
      checkInLeadMs: 60_000,
      decryptionWindowMs: 60_000,
      confirmationMs: 60_000,
    });
    const notice = (n: number) =>
      act(officials.host, OPENING, { type: 'GiveNotice', role: 'host', data: { text: `第${n}号通知` } });
    await notice(0);
    const before = (await entriesOf(sql, ORIGIN)).length;
    const given = Array.from({ length: NOTICES }, (_, n) => notice(n + 1));
    const outcomes = Promise.allSettled(given);
    await Promise.race(given);
    await kill(signer);
    signer = await startSigner();
    const settled = await outcomes;
    const answered = settled.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    t.ok(answered.length > 0);
    // Whoever heard nothing was received or was not; a further act tells that everything goes on.
    await untilTaken(() => notice(99));
    t.ok(server.isAlive(), 'it went on by itself');
    t.equal(server.isAlive() && (await entriesOf(sql, ORIGIN)).length > before + answered.length, true);
    const seen = answered.flatMap(({ answer }) => (answer.checkpoint === null ? [] : [answer.checkpoint]));
    await checkTree(t, sql, ORIGIN, seen);
    t.match(
      await exportAndVerify(t, sql, { url: server.url, openingId: OPENING, folder: join(folder, 'export') }),
      /valid/,
    );
    t.equal(await server.stop(), 0);
    await kill(signer);
    t.notOk((await readdir(data)).includes('guard'), 'the server has no guard of its own');
    t.strictSame(
      (await readdir(join(data, 'keys'))).filter((name) => name !== 'vault.key'),
      [],
      'and no signing key',
    );
  },
);

/** Tried again while the next term begins. */
async function untilTaken(work: () => Promise<unknown>): Promise<void> {
  for (let tries = 0; ; tries++) {
    try {
      await work();
      return;
    } catch (error) {
      if (tries === 50) throw error;
      await new Promise<void>((resume) => systemWorld.after(200, resume));
    }
  }
}
