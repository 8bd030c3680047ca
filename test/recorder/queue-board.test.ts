/** Who waits before the vault: told each second to every process, and to nobody once it is old. */
import {
  BOARD_AGE_MS,
  BOARD_PERIOD_MS,
  jobName,
  keepQueueBoard,
  readQueuePlace,
} from '../../server/recorder/queue-board.ts';
import type { WaitingJob } from '../../server/vault/pool.ts';
import { testDb } from '../support/database.ts';
import { START, until } from '../support/recorder.ts';
import t from '../support/tap.ts';
import { steppedWorld } from '../support/world.ts';

t.test('what waits is written, moves on, and is wiped', async (t) => {
  const { sql } = await testDb(t);
  const world = steppedWorld(START);
  let waiting: WaitingJob[] = [
    { share: 'A', name: jobName(1, 1), ahead: 0, waitMs: 10 },
    { share: 'B', name: jobName(1, 1), ahead: 1, waitMs: 20 },
    { share: 'A', name: jobName(2, 1), ahead: 2, waitMs: 30 },
  ];
  await sql`INSERT INTO vault_queues (opening_id, at, waiting) VALUES ('left by another', ${START}, '[]')`;
  const pool = { waiting: () => waiting };
  const board = keepQueueBoard({ sql, world, pool, onFault: (error) => t.error(error as Error) });
  t.teardown(() => board.stop());
  const place = (opening: string, bidder: number) => readQueuePlace({ sql, world }, opening, jobName(bidder, 1));
  t.equal(await place('A', 1), null, 'nothing is told yet');
  world.advance(BOARD_PERIOD_MS);
  await until(async () => (await place('A', 1)) !== null);
  t.same(
    [await place('A', 1), await place('B', 1), await place('A', 2)],
    [
      { ahead: 0, waitMs: 10 },
      { ahead: 1, waitMs: 20 },
      { ahead: 2, waitMs: 30 },
    ],
  );
  t.same([await place('A', 3), await place('C', 1)], [null, null]);
  t.equal((await sql`SELECT 1 FROM vault_queues`).length, 2, 'what another process left is wiped');
  waiting = [{ share: 'A', name: jobName(2, 1), ahead: 0, waitMs: 5 }];
  world.advance(BOARD_PERIOD_MS);
  await until(async () => (await place('A', 1)) === null);
  t.same([await place('A', 2), await place('B', 1)], [{ ahead: 0, waitMs: 5 }, null]);
  await board.stop();
  world.advance(BOARD_AGE_MS - 1);
  t.same(await place('A', 2), { ahead: 0, waitMs: 5 });
  world.advance(1);
  t.equal(await place('A', 2), null, 'whoever told it may be dead');
});

t.test('while nothing waits nothing is written', async (t) => {
  const { sql } = await testDb(t);
  const world = steppedWorld(START);
  let asked = 0;
  const counting = new Proxy(sql, {
    apply(target, self, args) {
      asked += 1;
      return Reflect.apply(target, self, args);
    },
  });
  const board = keepQueueBoard({
    sql: counting,
    world,
    pool: { waiting: () => [] },
    onFault: (e) => t.error(e as Error),
  });
  await world.advanceGently(BOARD_PERIOD_MS);
  await until(() => asked === 2);
  await world.advanceGently(3 * BOARD_PERIOD_MS);
  await board.stop();
  t.equal(asked, 2, 'only what another process may have left');
});
