/** Sessions read together: each question gets its own answer, as of after it was asked, and a failure only fails its own. */
import type { inArray } from 'drizzle-orm';
import type { Db } from '../../server/identity/database.ts';
import { endSession } from '../../server/identity/login.ts';
import { readSessionsTogether, SESSIONS_AT_ONCE } from '../../server/identity/read-sessions.ts';
import { sessions } from '../../server/store/schema/identity.ts';
import t from '../support/tap.ts';
import { logIn, organisation, setStage } from './stage.ts';

const stage = await setStage(t);
const [one, two] = [await logIn(stage, organisation(1), 'p256'), await logIn(stage, organisation(2), 'p256')];

/** The stage's database, counting its queries; each waits to be let through when the test says so. */
function counted(isHeld = false) {
  const queries: (() => void)[] = [];
  let fails = false;
  const db = {
    select: () => ({
      from: () => ({
        async where(condition: ReturnType<typeof inArray>) {
          await new Promise<void>((go) => {
            queries.push(go);
            if (!isHeld) go();
          });
          if (fails) throw new Error('away');
          return stage.db.select().from(sessions).where(condition);
        },
      }),
    }),
  } as unknown as Db;
  return { read: readSessionsTogether(db), queries, fail: (does: boolean) => (fails = does) };
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
    while (queries.length < 1) await null;
    await endSession(stage, leaving.caller);
    const late = read(leaving.sessionId);
    queries[0]?.();
    await early;
    while (queries.length < 2) await null;
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
