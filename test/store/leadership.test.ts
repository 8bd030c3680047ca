/** Terms: they only grow, a later one waits for what the earlier ones have begun and lets none of it begin again. */
import { connect, type Database } from '../../server/store/connect.ts';
import type { Election, Reign } from '../../server/store/election.ts';
import { standForElection } from '../../server/store/election.ts';
import { beginTerm, heldTo, identify, readLeadership, sayReadOnly } from '../../server/store/leadership.ts';
import { testDb } from '../support/database.ts';
import { until } from '../support/recorder.ts';
import t from '../support/tap.ts';

const db = await testDb(t);
const over: number[] = [];

/** A process of its own on the database. */
async function processOf(name: string): Promise<Database> {
  const database = await connect(db.app, 4, name);
  t.teardown(() => database.close());
  return database;
}
const one = await processOf('kaibiao-one');
const two = await processOf('kaibiao-two');
const held = (database: Database, term: number) => heldTo(database.sql, term, () => over.push(term));
const note = (database: Database, term: number, id: string) =>
  held(database, term).begin((tx) => tx`INSERT INTO heartbeats (process_id, at) VALUES (${id}, 1)`);
const noted = async (): Promise<string[]> =>
  (await db.sql<{ id: string }[]>`SELECT process_id AS id FROM heartbeats ORDER BY 1`).map(({ id }) => id);

t.test('terms count up, past the one they must be later than', async (t) => {
  t.equal(await readLeadership(one.sql), null);
  t.equal(await beginTerm(one.sql, one.name, 0), 1);
  t.strictSame(await readLeadership(two.sql), { term: 1, processId: one.name, readOnly: null });
  t.equal(await beginTerm(two.sql, two.name, 0), 2);
  t.equal(await beginTerm(one.sql, one.name, 7), 8, 'a guard that has seen more than a restored database');
  await sayReadOnly(two.sql, 2, 'of a term that is over');
  t.equal((await readLeadership(two.sql))?.readOnly, null);
  await sayReadOnly(one.sql, 8, 'why');
  t.equal((await readLeadership(two.sql))?.readOnly, 'why');
  t.equal(await beginTerm(one.sql, one.name, 0), 9);
  t.equal((await readLeadership(two.sql))?.readOnly, null, 'the next one looks for himself');
});

t.test('nobody can put a term back, or take another’s', async (t) => {
  for (const sql of [db.sql, db.superuser]) {
    await t.rejects(sql`UPDATE leadership SET term = 8`, { code: 'KB005' });
    await t.rejects(sql`UPDATE leadership SET process_id = 'another'`, { code: 'KB005' });
  }
  await t.rejects(db.sql`DELETE FROM leadership`, { code: '42501' });
  await t.rejects(db.superuser`DELETE FROM leadership`, { code: 'KB001' });
  await t.rejects(db.superuser`TRUNCATE leadership`, { code: 'KB001' });
});

t.test('what is held to a term that is over is not done', async (t) => {
  const term = await beginTerm(one.sql, one.name, 0);
  await note(one, term, 'in time');
  await beginTerm(two.sql, two.name, 0);
  await t.rejects(note(one, term, 'late'), { code: 'TERM_IS_OVER' });
  await t.rejects(note(one, term + 5, 'early'), { code: 'TERM_IS_OVER' });
  t.strictSame(await noted(), ['in time']);
  t.strictSame(over.splice(0), [term, term + 5]);
});

t.test('a later term waits for the transactions of the earlier one, and for nothing that begins after', async (t) => {
  const term = await beginTerm(one.sql, one.name, 0);
  let finish: () => void = () => undefined;
  const finished = new Promise<void>((resolve) => {
    finish = resolve;
  });
  let isIn = false;
  const under = held(one, term).begin(async (tx) => {
    isIn = true;
    await finished;
    await tx`INSERT INTO heartbeats (process_id, at) VALUES ('under way', 1)`;
  });
  await until(() => isIn);
  let begun: number | null = null;
  const next = beginTerm(two.sql, two.name, 0).then((later) => {
    begun = later;
  });
  await until(async () => (await db.superuser`SELECT FROM pg_locks WHERE NOT granted`).length > 0);
  t.equal(begun, null, 'it waits');
  finish();
  await under;
  await next;
  t.equal(begun, term + 1);
  t.strictSame(await noted(), ['in time', 'under way'], 'what was begun in time is done');
});

t.test('a leader that hangs in a transaction is not waited for, and what he had begun is rolled back', async (t) => {
  const term = await beginTerm(one.sql, one.name, 0);
  let isIn = false;
  const hanging = held(one, term).begin(async (tx) => {
    await tx`INSERT INTO heartbeats (process_id, at) VALUES ('hanging', 1)`;
    isIn = true;
    await new Promise(() => undefined);
  });
  const lost = t.rejects(hanging, { code: 'CONNECTION_CLOSED' });
  await until(() => isIn);
  t.equal(await beginTerm(two.sql, two.name, 0), term + 1);
  await lost;
  t.notOk((await noted()).includes('hanging'));
  await t.rejects(
    note(one, term, 'once more'),
    { code: 'TERM_IS_OVER' },
    'his other connections come back and are of no use',
  );
  over.splice(0);
});

t.test('each database is another', async (t) => {
  const other = await testDb(t);
  t.equal(await identify(one.sql), await identify(two.sql));
  t.not(await identify(one.sql), await identify(other.sql));
  t.match(await identify(one.sql), /^[0-9]+-[0-9]+$/);
});

t.test(
  'of those who stand for election one leads; when it goes, another does, and a lost session alone changes nothing',
  async (t) => {
    const reigns: string[] = [];
    const faults: unknown[] = [];
    const stand = (database: Database, lead?: (term: number) => Promise<Reign>): Election =>
      standForElection({
        database,
        leaseMs: 5_000,
        lastTerm: async () => 0,
        lead:
          lead ??
          (async (term) => {
            reigns.push(`${database.name} leads in ${term}`);
            return {
              term,
              async close() {
                reigns.push(`${database.name} ends`);
              },
            };
          }),
        onFault: (error) => faults.push(error),
      });
    const term = (await readLeadership(one.sql))?.term ?? 0;
    const [first, second] = [stand(one), stand(two)];
    await Promise.all([first.first, second.first]);
    await until(() => reigns.length === 1);
    const isFirst = reigns[0]?.startsWith(one.name) === true;
    const [leading, following] = isFirst ? [first, second] : [second, first];
    const [leader, follower] = isFirst ? [one, two] : [two, one];
    t.strictSame(reigns, [`${leader.name} leads in ${term + 1}`]);
    await until(() => following.seen()?.processId === leader.name);

    // Nobody else stands now: it has the lock again at once, in the same term.
    await following.stop();
    await db.superuser`SELECT pg_terminate_backend(l.pid) FROM pg_locks l WHERE l.locktype = 'advisory' AND l.objid = 7301002`;
    await until(
      async () => (await db.superuser`SELECT FROM pg_locks WHERE objid = 7301002`).length === 1 && faults.length === 1,
    );
    t.equal((await readLeadership(one.sql))?.term, term + 1);
    t.equal(reigns.length, 1);

    const third = stand(follower);
    await third.first;
    await leading.stop();
    await until(() => reigns.length === 3);
    t.strictSame(reigns.slice(1), [`${leader.name} ends`, `${follower.name} leads in ${term + 2}`]);
    await third.stop();

    await t.rejects(stand(one, () => Promise.reject(new Error('no keys'))).first, { message: 'no keys' });
    const fourth = stand(two);
    await fourth.first;
    t.match(reigns.at(-1), / leads in /, 'who could not lead has let go of the lock');
    await fourth.stop();
  },
);
