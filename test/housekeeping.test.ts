/** The house is kept in every process, whatever else takes long. */
import { keepHouse } from '../server/housekeeping.ts';
import { openVaultFolder } from '../server/vault/vault-folder.ts';
import { testDb } from './support/database.ts';
import { newFolder } from './support/folder.ts';
import { until } from './support/recorder.ts';
import t from './support/tap.ts';
import { steppedWorld } from './support/world.ts';

t.test('a sweep of what erasures left that does not end holds nothing else up', async (t) => {
  const database = await testDb(t);
  const { superuser } = database;
  const world = steppedWorld();
  const told: unknown[] = [];
  const envelopes = await openVaultFolder(await newFolder(t, 'vault'), world.randomBytes);
  const ticket = () => superuser`
    INSERT INTO tickets (ticket_sha256, account, session_id, opening_id, role, created_at, expires_at) VALUES ('t', 'a', 's', 'o', 'bidder', 1, 2)`;
  const isForgotten = async () => (await superuser`SELECT FROM tickets`).length === 0;
  await superuser`INSERT INTO erasure_leftovers (kind, key) VALUES ('intake', ${'o\nc\na'})`;
  await ticket();
  const house = await superuser.begin(async (tx) => {
    await tx`LOCK TABLE erasure_leftovers IN EXCLUSIVE MODE`;
    const house = keepHouse({ world, database, envelopes, logger: { error: (what: unknown) => told.push(what) } });
    world.advance(0);
    await until(isForgotten);
    await until(() => world.alarms() === 1);
    await ticket();
    world.advance(30_000);
    await until(isForgotten);
    return house;
  });
  await until(async () => (await superuser`SELECT FROM erasure_leftovers`).length === 0);
  await house.stop();
  t.same(told, []);
  t.equal(world.alarms(), 0, 'and it ends');
});
