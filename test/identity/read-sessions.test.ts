/** Sessions read together: each question gets its own answer, as of after it was asked, and a failure only fails its own; logins are fetched once. */
import { endSession } from '../../server/identity/login.ts';
import { readSessionsTogether, SESSION_LOGINS_LIMIT, SESSIONS_AT_ONCE } from '../../server/identity/read-sessions.ts';
import type { Sql } from '../../server/store/driver.ts';
import t from '../support/tap.ts';
import { logIn, organisation, setStage } from './stage.ts';

const stage = await setStage(t);
const [one, two] = [await logIn(stage, organisation(1), 'p256'), await logIn(stage, organisation(2), 'p256')];

/** The stage's database, counting its queries; each waits to be let through when the test says so. */
function counted(isHeld = false) {
  const queries: (() => void)[] = [];
  /** Logins that came with the answers. */
  const fetched: string[] = [];
  let fails = false;
  const sql = (async (text: TemplateStringsArray, ...values: string[][]) => {
    await new Promise<void>((go) => {
      queries.push(go);
      if (!isHeld) go();
    });
    if (fails) throw new Error('away');
    const rows = await stage.database.sql<{ login: string | null }[]>(text, ...values);
    fetched.push(...rows.flatMap(({ login }) => login ?? []));
    return rows;
  }) as unknown as Sql;
  return { read: readSessionsTogether(sql), queries, fetched, fail: (does: boolean) => (fails = does) };
}

t.test('asked at once, answered with one query, each its own', async (t) => {
  const { read, queries } = counted();
  const asked = [one.sessionId, 'nobody', two.sessionId, one.sessionId];
  const found = await Promise.all(asked.map(read));
  t.strictSame(
    found.map((session) => session?.account),
    [one.account, undefined, two.account, one.account],
  );
  t.equal(queries.length, 1);
});

t.test(`${SESSIONS_AT_ONCE} with one query, one more with two`, async (t) => {
  for (const [count, expected] of [
    [SESSIONS_AT_ONCE, 1],
    [SESSIONS_AT_ONCE + 1, 2],
  ] as const) {
    const { read, queries } = counted();
    const found = await Promise.all(
      Array.from({ length: count }, (_, n) => read(n === count - 1 ? one.sessionId : `no-${n}`)),
    );
    t.equal(found.at(-1)?.account, one.account);
    t.equal(queries.length, expected);
  }
});

t.test(
  'who asks while a query is under way is answered by the next: what was ended before he asked is ended',
  async (t) => {
    const { read, queries } = counted(true);
    const leaving = await logIn(stage, organisation(3), 'p256');
    const early = read(leaving.sessionId);
    while (queries.length < 1) await new Promise((turn) => setImmediate(turn));
    await endSession(stage, leaving.caller);
    const late = read(leaving.sessionId);
    queries[0]?.();
    await early;
    while (queries.length < 2) await new Promise((turn) => setImmediate(turn));
    queries[1]?.();
    t.equal((await late)?.endedAt, stage.world.now());
  },
);

t.test('a query that fails fails those that share it, and the next is asked anew', async (t) => {
  const { read, fail } = counted();
  fail(true);
  const both = await Promise.allSettled([read(one.sessionId), read(two.sessionId)]);
  t.strictSame(
    both.map(({ status }) => status),
    ['rejected', 'rejected'],
  );
  fail(false);
  t.equal((await read(one.sessionId))?.account, one.account);
});

t.test('a login is fetched once, and whether the session lives is asked each time', async (t) => {
  const { read, fetched } = counted();
  const leaving = await logIn(stage, organisation(4), 'p256');
  const first = await read(leaving.sessionId);
  t.match(first, { login: /^[\w-]+\.[\w-]+\.[\w-]+$/, endedAt: null });
  await endSession(stage, leaving.caller);
  t.strictSame(await read(leaving.sessionId), { ...first, endedAt: stage.world.now() });
  t.equal(fetched.length, 1);
});

t.test(
  `${SESSION_LOGINS_LIMIT} logins are remembered; with one more the one used longest ago is fetched again`,
  async (t) => {
    const asked: string[][] = [];
    const read = readSessionsTogether((async (_text: TemplateStringsArray, known: string[], ids: string[]) => {
      asked.push(known);
      return ids.map((id) => ({
        id,
        account: 'a',
        endsAt: 1,
        endedAt: null,
        login: known.includes(id) ? null : `of ${id}`,
      }));
    }) as unknown as Sql);
    for (let n = 0; n < SESSION_LOGINS_LIMIT; n += SESSIONS_AT_ONCE) {
      const count = Math.min(SESSIONS_AT_ONCE, SESSION_LOGINS_LIMIT - n);
      await Promise.all(Array.from({ length: count }, (_, k) => read(`s${n + k}`)));
    }
    const knows = async (id: string): Promise<boolean> => {
      t.equal((await read(id))?.login, `of ${id}`);
      return asked.at(-1)?.includes(id) ?? false;
    };
    t.ok(await knows('s0'));
    t.notOk(await knows('more'));
    t.ok(await knows('s0'), 'used since');
    t.notOk(await knows('s1'), 'used longest ago');
  },
);
