/** The server outlives its database: connections cut at COMMIT, backends terminated, PostgreSQL killed with SIGKILL under load and started again. */
import { join } from 'node:path';
import { createOpening, headSeen } from '../../server/cli/person/act.ts';
import type { Person } from '../../server/cli/person/person.ts';
import { catchUp } from '../../server/cli/person/read-opening.ts';
import type { CommandAnswer } from '../../server/client/api.ts';
import { ApiError } from '../../server/client/transport.ts';
import { openingOrigin } from '../../server/core/log/origin.ts';
import { PROFILES } from '../../server/core/opening/policy.ts';
import { systemWorld } from '../../server/world.ts';
import { newFolder } from '../support/folder.ts';
import { ownPostgres } from '../support/own-postgres.ts';
import { roadworks } from '../support/roadworks.ts';
import { type Assertions, checkTree, entriesOf, exportAndVerify } from '../support/server-log.ts';
import { makeTown } from '../support/server-people.ts';
import { startServer } from '../support/server-process.ts';
import t from '../support/tap.ts';

const OPENING = 'away-1';
const PLATFORM = 'kaibiao.test';
const ORIGIN = openingOrigin(PLATFORM, OPENING);
/** Commands of one burst, and how many of them are answered when the blow falls. */
const BURST = 24;
const ANSWERED_BEFORE = 6;
const HOUR_MS = 3_600_000;

t.setTimeout(100_000);
const folder = await newFolder(t, 'away');
const postgres = await ownPostgres(t, folder);
const town = await makeTown(join(folder, 'town'));
const server = await startServer(t, {
  ...town.settings,
  DATABASE_URL: postgres.url,
  KAIBIAO_DATA: join(folder, 'data'),
  KAIBIAO_PLATFORM: PLATFORM,
  KAIBIAO_PORT: '0',
  KAIBIAO_LOG_LEVEL: 'warn',
  KAIBIAO_OUTAGE_TOLERANCE_MS: '60000',
  KAIBIAO_REGISTER_BATCH_PERIOD_MS: '1000',
  KAIBIAO_REQUESTS_PER_MINUTE: '100000',
});
const officials = await town.enterOfficials(server.url);
const { host } = officials;
const details = roadworks(systemWorld.now() + HOUR_MS);
const policy = PROFILES.rehearsal.defaults;
await createOpening(host, {
  openingId: OPENING,
  profile: 'rehearsal',
  details,
  policy,
  assignments: Object.entries(officials).map(([role, { account }]) => ({ role, account })),
});

/** A signed command, to be sent as often as it takes. */
async function amendment(person: Person, title: string): Promise<() => Promise<CommandAnswer>> {
  const id = person.session.newId();
  const data = { details: { ...details, title }, policy };
  const seen = await headSeen(person, OPENING);
  const act = await person.session.sign({ openingId: OPENING, id, type: 'AmendDraft', data, headSeen: seen });
  return async () => {
    for (;;) {
      try {
        return await person.api.sendCommand(OPENING, { id, type: 'AmendDraft', data, role: 'host', act });
      } catch (error) {
        // Patience ends after some tries; a person comes back.
        if (!(error instanceof ApiError && error.status === 503)) throw error;
      }
    }
  };
}

let amended = 0;

/** Sends a burst, strikes in the midst of it, and asserts that each command ends up on the log once, answered alike each time. */
async function strike(
  t: Assertions,
  name: string,
  blow: () => Promise<unknown> | unknown,
  answeredBefore = ANSWERED_BEFORE,
): Promise<void> {
  const titles = Array.from({ length: BURST }, (_, n) => `${name} ${n}`);
  const send = await Promise.all(titles.map((title) => amendment(host, title)));
  let answered = 0;
  let reached: () => void = () => undefined;
  const enough = new Promise<void>((resolve) => {
    reached = resolve;
  });
  const burst = Promise.all(
    send.map(async (sendOne) => {
      const answer = await sendOne();
      answered += 1;
      if (answered >= answeredBefore) reached();
      return answer;
    }),
  );
  if (answeredBefore > 0) await enough;
  await blow();
  const answers = await burst;
  const again = await Promise.all(send.map((sendOne) => sendOne()));
  t.strictSame(again, answers, 'who asks again gets the first answer again');
  amended += BURST;
  const { ok, titlesOnLog } = await postgres.asSuperuser(async (sql) => {
    const entries = await entriesOf(sql, ORIGIN);
    const notes = answers.flatMap(({ checkpoint }) => (checkpoint === null ? [] : [checkpoint]));
    await checkTree(t, sql, ORIGIN, notes);
    const drafts = entries.filter(({ type }) => type === 'DraftAmended');
    return { ok: drafts.length === amended, titlesOnLog: drafts.slice(-BURST).map(titleOf).sort() };
  });
  t.ok(ok, 'no command is on the log twice');
  t.strictSame(titlesOnLog, [...titles].sort(), 'each is on the log');
  t.ok(server.isAlive(), 'the server lives');
}

const titleOf = ({ body }: { body: Readonly<Record<string, unknown>> }) =>
  String((body['details'] as { title?: unknown }).title);

t.test('cut after COMMIT was sent and before it was answered, again and again', async (t) => {
  const cutAll = async (): Promise<void> => {
    for (let cuts = 0; cuts < 6; cuts++) await postgres.line.cutBefore('COMMIT\0');
  };
  await strike(t, 'commit', cutAll, 0);
  t.match(server.output(), /a round failed/, 'a round of the recorder was among them');
});

t.test('every connection cut, and every backend terminated', async (t) => {
  await strike(t, 'cut', async () => {
    postgres.line.cut();
    await postgres.asSuperuser(
      (sql) => sql`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'kaibiao_app'`,
    );
  });
});

t.test('PostgreSQL killed and started again on the same files', async (t) => {
  await strike(t, 'killed', async () => {
    await postgres.killAndStart();
  });
});

t.test('the same process serves on, and the log verifies', async (t) => {
  const state = await catchUp(host, OPENING, 'host');
  t.equal(state.phase, 'Draft');
  await postgres.asSuperuser(async (sql) => {
    const standing = await exportAndVerify(t, sql, {
      url: server.url,
      openingId: OPENING,
      folder: join(folder, 'export'),
    });
    t.equal(standing, 'valid, still open');
  });
  t.equal((await fetch(`${server.url}/readyz`)).status, 200);
  t.notMatch(server.output(), /uncaught|unhandled|TypeError/i);
  t.equal(await server.stop(), 0);
});
