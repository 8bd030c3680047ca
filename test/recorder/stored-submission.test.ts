/** Submissions in the intake: read back as they were submitted, their login once in `logins`, and decided by whoever finds them. */
import { readDisclosure } from '../../server/core/log/disclosure.ts';
import { sha256OfText } from '../../server/hash.ts';
import { createDurableLogins, DURABLE_LOGINS_LIMIT } from '../../server/recorder/durable-logins.ts';
import { startSelfAudit } from '../../server/recorder/self-audit.ts';
import { readSubmission, storeSubmission } from '../../server/recorder/stored-submission.ts';
import type { Submission } from '../../server/recorder/submission.ts';
import { readDisclosures } from '../../server/store/read-log.ts';
import { testDb } from '../support/database.ts';
import { OPENING_ID, ORIGIN } from '../support/opening-people.ts';
import { accepted, createRequest, stateOf, submission, testHall } from '../support/recorder.ts';
import t from '../support/tap.ts';

const LOGIN = `${'l'.repeat(4_000)}.o.g`;

function withLogin(made: Submission, login = LOGIN): Submission {
  return { ...made, act: { act: made.act.act, data: made.data, login } };
}

const readBack = (made: Submission): Submission => {
  const { content, login } = storeSubmission(made);
  return readSubmission(Buffer.from(content), login).submission;
};

t.test('read back as it was, whatever belongs to the act', async (t) => {
  const plain = submission('Rehearse', 'bidder', { clockOffsetMs: 3 });
  const { act } = plain.act;
  const shapes: Submission[] = [
    withLogin(plain),
    { ...plain, act: { act } },
    { ...plain, act: { act, data: plain.data } },
    { ...plain, act: { act, login: LOGIN } },
    { ...plain, act: { act, data: { other: 1 }, login: LOGIN } },
  ];
  for (const each of shapes) t.strictSame(readBack(each), each);
  const whole = withLogin(plain);
  const known = readSubmission(Buffer.from(JSON.stringify(whole)), null);
  t.strictSame(known.submission, whole, 'as earlier versions wrote it');
  t.equal(known.loginSha256, null);
});

t.test('a login is stored once, and the log discloses every act with it', async (t) => {
  const hall = await testHall(t, await testDb(t));
  const running = await hall.start();
  const { sql } = hall.db;
  await accepted(running.recorder.create(createRequest()));
  await accepted(running.recorder.submit(withLogin(submission('PublishOpening', 'host', {}))));
  await running.stop();

  // Durable, and the process died before the round.
  const left = withLogin(
    submission('Rehearse', 'bidder', {
      encCertSha256: 'D'.repeat(43),
      unwrapped: true,
      clockOffsetMs: 3,
      device: 'test',
    }),
  );
  const postponed = withLogin(submission('PostponeOpening', 'host', { reason: '设备故障' }));
  for (const each of [left, postponed]) {
    const { content, login } = storeSubmission(each);
    await sql`INSERT INTO intake (opening_id, received_at, kind, content, login_sha256)
      VALUES (${OPENING_ID}, ${hall.world.now()}, ${each.type}, ${Buffer.from(content)}, ${sha256OfText(login ?? '')})`;
  }
  const after = await hall.start();
  t.teardown(() => after.stop());
  t.equal((await stateOf(after)).phase, 'Postponed');

  t.equal((await sql`SELECT 1 FROM logins`).length, 1);
  const stored = await sql<{ length: number }[]>`
    SELECT length(disclosure) AS length FROM disclosures WHERE origin = ${ORIGIN} AND field = 'act' AND seq > 0`;
  t.equal(stored.length, 2);
  for (const { length } of stored) t.ok(length < LOGIN.length);
  const disclosed = (await readDisclosures(sql, ORIGIN, 1, 3)).filter(({ field }) => field === 'act');
  for (const { disclosure } of disclosed) t.match(readDisclosure(disclosure).value, { act: String, login: LOGIN });

  const found = async (): Promise<(readonly [string, number | null])[]> => {
    const audit = startSelfAudit({
      sql: hall.db.sql,
      signer: after.signer,
      world: hall.world,
      periodMs: 60_000,
      entriesPerTick: 1_000,
      onFinding: () => undefined,
      onFault: (error) => t.fail(String(error)),
    });
    while (audit.progress().rounds === 0) await audit.tick();
    await audit.stop();
    return audit.findings().map(({ code, seq }) => [code, seq] as const);
  };
  t.strictSame(await found(), [], 'the self-audit finds every disclosure whole');
  await hall.db.superuser`ALTER TABLE logins DISABLE TRIGGER ALL`;
  await hall.db.superuser`UPDATE logins SET login = 'm.o.g'`;
  t.strictSame(await found(), [['disclosure_differs', 1]], 'and that the login behind it was changed');
  await hall.db.superuser`DELETE FROM logins`;
  t.match(await found(), [['disclosure_missing', 1]], 'or taken away');
});

t.test('a login is durable only once its transaction has committed', async (t) => {
  const { sql } = await testDb(t);
  const logins = createDurableLogins();
  await t.rejects(
    sql.begin(async (tx) => {
      await logins.store(tx, ['a', null, 'a']);
      throw new Error('rolled back');
    }),
    /rolled back/,
  );
  const { hashes, committed } = await sql.begin((tx) => logins.store(tx, ['a', null, 'a', 'b']));
  committed();
  t.strictSame(hashes, [sha256OfText('a'), null, sha256OfText('a'), sha256OfText('b')]);
  t.strictSame(
    (await sql<{ login: string }[]>`SELECT login FROM logins ORDER BY login`).map(({ login }) => login),
    ['a', 'b'],
  );
});

t.test(
  `${DURABLE_LOGINS_LIMIT} logins are remembered; with one more the one used longest ago is stored again, to no effect`,
  async (t) => {
    const { sql } = await testDb(t);
    const logins = createDurableLogins();
    const store = async (...given: string[]): Promise<number> => {
      let statements = 0;
      const stored = await sql.begin((tx) => {
        const counting = new Proxy(tx, {
          apply(target, self, args: unknown[]) {
            if (Array.isArray(args[0]) && args[0].join('').includes('INSERT INTO logins')) statements++;
            return Reflect.apply(target as unknown as (...all: unknown[]) => unknown, self, args);
          },
        });
        return logins.store(counting, given);
      });
      stored.committed();
      return statements;
    };
    t.equal(await store(...Array.from({ length: DURABLE_LOGINS_LIMIT }, (_, n) => `l${n}`)), 1);
    t.equal(await store('l0'), 0);
    t.equal(await store('more'), 1);
    t.equal(await store('l0'), 0, 'used since');
    t.equal(await store('l1'), 1, 'used longest ago');
    t.equal((await sql`SELECT 1 FROM logins`).length, DURABLE_LOGINS_LIMIT + 1);
  },
);
