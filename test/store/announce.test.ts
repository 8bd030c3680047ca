/** Announcing and the clock: what reaches a listener, what it is told to read anew, and whose time it is. */
import { openingOrigin } from '../../server/core/log/origin.ts';
import { announce, listen } from '../../server/store/announce.ts';
import { clockOffset, readClock } from '../../server/store/clock.ts';
import { systemWorld } from '../../server/world.ts';
import { testDb } from '../support/database.ts';
import { appendSome, begin, PLATFORM, testSigner } from '../support/signed-log.ts';
import t from '../support/tap.ts';
import { steppedWorld } from '../support/world.ts';

/** Everything a listener is told, and a promise of the next word. */
function ear() {
  const heard: string[] = [];
  let wake: () => void = () => undefined;
  const hear = (word: string): void => {
    heard.push(word);
    wake();
  };
  const until = async (word: string): Promise<void> => {
    while (!heard.includes(word)) await new Promise<void>((resolve) => (wake = resolve));
  };
  return {
    heard,
    until,
    onAppend: (origin: string, size: number) => hear(`${origin} ${size}`),
    onGap: () => hear('gap'),
  };
}

t.test('an append is heard with its origin and size, after hearing began with a gap', async (t) => {
  const database = await testDb(t);
  const signer = await testSigner(t);
  const origin = openingOrigin(PLATFORM, '开标 1'.replace(' ', '-'));
  const { heard, until, onAppend, onGap } = ear();
  const end = await listen(database, onAppend, onGap);
  await begin(database.sql, origin);
  await appendSome(database.sql, signer, origin, 3);
  await until(`${origin} 3`);
  t.strictSame(heard, ['gap', `${origin} 3`]);
  await end();
});

t.test('what is heard is let out already', async (t) => {
  const database = await testDb(t);
  const signer = await testSigner(t);
  const origin = openingOrigin(PLATFORM, 'x');
  const sizes: (number | undefined)[] = [];
  const { until, onAppend, onGap } = ear();
  const end = await listen(
    database,
    (log, size) => {
      sizes.push(signer.released(log)?.size);
      onAppend(log, size);
    },
    onGap,
  );
  await begin(database.sql, origin);
  for (let size = 1; size <= 5; size++) await appendSome(database.sql, signer, origin);
  await until(`${origin} 5`);
  t.ok(sizes.every((size, n) => size !== undefined && size >= n + 1));
  await end();
});

t.test('a listener that lost its connection is told of the gap', async (t) => {
  const database = await testDb(t);
  const { heard, until, onAppend, onGap } = ear();
  let gaps = 0;
  const end = await listen(database, onAppend, () => {
    gaps++;
    onGap();
    if (gaps === 2) onAppend('back', 2);
  });
  await database.superuser`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                           WHERE datname = current_database() AND query ILIKE 'listen%'`;
  await until('back 2');
  await announce(database.sql, 'log', 9);
  await until('log 9');
  t.strictSame(heard, ['gap', 'gap', 'back 2', 'log 9']);
  await end();
});

t.test('what others say on the channel is no news', async (t) => {
  const database = await testDb(t);
  const { heard, until, onAppend, onGap } = ear();
  const end = await listen(database, onAppend, onGap);
  for (const payload of ['', '12', 'x log', '01 log', '1e3 log', '-1 log', '99999999999999999 log'])
    await database.sql`SELECT pg_notify('kaibiao_append', ${payload})`;
  await announce(database.sql, 'a log+with 空格', 0);
  await until('a log+with 空格 0');
  t.strictSame(heard, ['gap', 'a log+with 空格 0']);
  await end();
});

t.test('in tests it is the world’s time, in production the database’s, and it runs within a transaction', async (t) => {
  const { sql } = await testDb(t);
  const world = steppedWorld(1_700_000_000_123);
  t.equal(await readClock(sql, world), 1_700_000_000_123);
  const [first, second] = await sql.begin(async (tx) => {
    const at = await readClock(tx, systemWorld);
    await tx`SELECT pg_sleep(0.02)`;
    return [at, await readClock(tx, systemWorld)];
  });
  t.ok(Number.isInteger(first));
  t.ok((second as number) - (first as number) >= 20);
  t.ok(Math.abs((first as number) - Date.now()) < 60_000);
});

t.test('the offset to the recorder’s clock', async (t) => {
  const { sql } = await testDb(t);
  t.ok(Math.abs(await clockOffset(sql, systemWorld)) < 200);
  t.equal(await clockOffset(sql, steppedWorld()), 0);
});
