/** Acts that another process received and left: the sweep finds them, in every opening, and only when they have waited. */

import { utf8 } from '../../server/core/log/utf8.ts';
import { SWEEP_AGE_MS, SWEEP_PERIOD_MS, sweepIntake } from '../../server/recorder/intake-sweep.ts';
import { testDb } from '../support/database.ts';
import { OPENING_ID } from '../support/opening-people.ts';
import { accepted, createRequest, START, stateOf, submission, testHall, until } from '../support/recorder.ts';
import t from '../support/tap.ts';
import { steppedWorld } from '../support/world.ts';

t.test('an act that lies in the intake while the recorder runs is decided, though nobody asks', async (t) => {
  const db = await testDb(t);
  const hall = await testHall(t, db);
  const running = await hall.start();
  t.teardown(() => running.stop());
  await accepted(running.recorder.create(createRequest()));
  const left = submission('PublishOpening', 'host', {});
  await db.sql`INSERT INTO intake (opening_id, received_at, kind, content)
    VALUES (${OPENING_ID}, ${START}, ${left.type}, ${utf8(JSON.stringify(left))})`;
  await hall.pass(SWEEP_PERIOD_MS);
  await until(async () => (await stateOf(running)).phase === 'Scheduled');
  t.equal((await db.sql`SELECT 1 FROM intake WHERE NOT decided`).length, 0);
  t.same(running.faults, []);
});

t.test('one that has waited a moment less than long enough is left to whoever received it', async (t) => {
  const { sql } = await testDb(t);
  const world = steppedWorld(START);
  const woken: string[] = [];
  const sweep = sweepIntake({ sql, world, onFault: (error) => t.error(error as Error) }, (id) => woken.push(id));
  t.teardown(() => sweep.stop());
  const dueAt = START + SWEEP_PERIOD_MS - SWEEP_AGE_MS;
  for (const [openingId, receivedAt, decided] of [
    ['just', dueAt, false],
    ['just', dueAt - 1, false],
    ['young', dueAt + 1, false],
    ['decided', dueAt, true],
  ] as const)
    await sql`INSERT INTO intake (opening_id, received_at, kind, content, decided)
      VALUES (${openingId}, ${receivedAt}, 'x', ${utf8('{}')}, ${decided})`;
  world.advance(SWEEP_PERIOD_MS);
  await until(() => woken.length > 0);
  t.strictSame(woken, ['just']);
  await until(() => world.alarms() > 0);
  world.advance(SWEEP_PERIOD_MS);
  await until(() => woken.length > 2);
  t.strictSame(woken.slice(1).sort(), ['just', 'young']);
});

t.test(
  'a start is not kept back by bytes that are no submission: they are refused in their round, and told of',
  async (t) => {
    const db = await testDb(t);
    const hall = await testHall(t, db);
    const first = await hall.start();
    await accepted(first.recorder.create(createRequest()));
    await first.stop();
    for (const kind of ['AnnouncePrices', 'HandOver', 'PublishOpening'])
      await db.sql`INSERT INTO intake (opening_id, received_at, kind, content)
      VALUES (${OPENING_ID}, ${START}, ${kind}, ${utf8('{')})`;
    const second = await hall.start();
    t.teardown(() => second.stop());
    t.equal((await db.sql`SELECT 1 FROM intake WHERE NOT decided`).length, 0);
    t.equal((await stateOf(second)).phase, 'Draft');
    t.ok(second.faults.length >= 3);
    t.ok(second.faults.every((fault) => fault instanceof SyntaxError));
  },
);
