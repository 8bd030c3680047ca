/** Terms: they only grow, a later one waits for what the earlier ones have begun and lets none of it begin again. */
import { connect, type Database } from '../../server/store/connect.ts';
import type { Candidate, Election, Reign } from '../../server/store/election.ts';
import { BEGIN_LIMIT_MS, CLOSE_LIMIT_MS, STOP_LIMIT_MS, standForElection } from '../../server/store/election.ts';
import { beginTerm, heldTo, identify, readLeadership, sayReadOnly } from '../../server/store/leadership.ts';
import { testDb } from '../support/database.ts';
import { lineTo } from '../support/line.ts';
import { until } from '../support/recorder.ts';
import t from '../support/tap.ts';
import { steppedWorld } from '../support/world.ts';

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

/** Of a lock: other tests' servers stand for election in this cluster, too. */
const isHere = () => db.superuser`database = (SELECT oid FROM pg_database WHERE datname = current_database())`;

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
  const waiting = async () => (await db.superuser`SELECT FROM pg_locks WHERE NOT granted AND ${isHere()}`).length;
  await until(async () => (await waiting()) === 1);
  t.equal(begun, null, 'it waits');
  // A leader with much to do always has a transaction under way when another ends: this one would be the first of them.
  const behind = t.rejects(note(one, term, 'behind'), { code: 'TERM_IS_OVER' });
  await until(async () => (await waiting()) === 2);
  finish();
  await under;
  await next;
  await behind;
  t.strictSame(over.splice(0), [term]);
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
  // His other connections come back, each when it is found to be gone, and are of no use.
  const onceMore = (): Promise<string | undefined> =>
    note(one, term, 'once more').then(
      () => 'done',
      ({ code }: { readonly code?: string }) => code,
    );
  await until(async () => (await onceMore()) !== 'CONNECTION_CLOSED');
  t.equal(await onceMore(), 'TERM_IS_OVER');
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
    await endLockHolder();
    await until(
      async () =>
        (await db.superuser`SELECT FROM pg_locks WHERE objid = 7301002 AND ${isHere()}`).length === 1 &&
        faults.length === 1,
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

/** An election with nobody but this process; what it leads is over when `close` was called. */
function standAlone(database: Candidate['database'], changes: Partial<Candidate> = {}) {
  const faults: unknown[] = [];
  const election = standForElection({
    database,
    leaseMs: 5_000,
    lastTerm: async () => 0,
    lead: async (term) => ({ term, close: async () => undefined }),
    onFault: (error) => faults.push(error),
    ...changes,
  });
  return { election, faults };
}
const endLockHolder = () => db.superuser`
  SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND objid = 7301002 AND granted AND ${isHere()}`;

t.test('who stands for election keeps no table from being migrated, however long another leads', async (t) => {
  const leading = standAlone(one);
  await leading.election.first;
  const following = standAlone(two);
  await following.election.first;
  t.equal(following.election.seen()?.processId, one.name);
  const held = await db.superuser`
    SELECT c.relname FROM pg_locks l JOIN pg_class c ON c.oid = l.relation JOIN pg_stat_activity a ON a.pid = l.pid
    WHERE a.state = 'idle in transaction' AND c.relname = 'leadership' AND a.datname = current_database()`;
  t.equal(held.length, 0);
  await following.election.stop();
  await leading.election.stop();
});

t.test('what one that led before said is forgotten by who leads after it', async (t) => {
  const term = await beginTerm(two.sql, two.name, 0);
  await sayReadOnly(two.sql, term, 'restored');
  const locked = await blockLeading(two);
  const next = standAlone(one);
  await next.election.first;
  t.equal(next.election.seen()?.readOnly, 'restored');
  await locked();
  await until(async () => (await readLeadership(one.sql))?.processId === one.name);
  await until(() => next.election.seen() === null);
  await next.election.stop();
});

/** Holds the lock of the election as a leader would. Returns: what lets it go. */
async function blockLeading(database: Database): Promise<() => Promise<void>> {
  let letGo: () => void = () => undefined;
  const isOver = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  let isHeld = false;
  const holding = database.sql.begin(async (tx) => {
    await tx`SELECT pg_advisory_xact_lock(7301002)`;
    isHeld = true;
    await isOver;
  });
  await until(() => isHeld);
  return async () => {
    letGo();
    await holding;
  };
}

t.test('why it could not lead is told also when its session is lost meanwhile', async (t) => {
  let fail: (why: Error) => void = () => undefined;
  const failing = new Promise<never>((_, reject) => {
    fail = reject;
  });
  const terms: number[] = [];
  const { election, faults } = standAlone(one, {
    async lead(term) {
      terms.push(term);
      if (terms.length === 1) await failing;
      return { term, close: async () => undefined };
    },
  });
  await until(() => terms.length === 1);
  // heard of before anybody could miss it
  const refused = t.rejects(election.first, { code: 'CONNECTION_CLOSED' });
  await endLockHolder();
  await refused;
  fail(new Error('no keys'));
  await until(() => faults.length === 1);
  t.match(faults, [{ message: 'no keys' }]);
  await election.stop();

  // Both in the same moment.
  const second = standAlone(one, {
    lead: async () => {
      await endLockHolder();
      throw new Error('no disk');
    },
  });
  await t.rejects(second.election.first, { message: 'no disk' });
  await second.election.stop();
});

t.test('who stops waits for a reign that does not begin no longer than so, and closes it should it come', async (t) => {
  const world = steppedWorld();
  const told: string[] = [];
  let begin: () => void = () => undefined;
  const { election, faults } = standAlone(one, {
    world,
    lead: (term) =>
      new Promise((resolve) => {
        begin = () => resolve({ term, close: async () => void told.push('closed') });
        told.push('hangs');
      }),
  });
  // A question that the database has not answered yet is given up in the same moment: then the session is lost as well.
  election.first.catch((lost: unknown) => faults.push(lost));
  await until(() => told.length === 1);
  const stopping = election.stop().then(() => told.push('stopped'));
  world.advance(BEGIN_LIMIT_MS - 1);
  await new Promise((resume) => setImmediate(resume));
  t.strictSame([told, faults], [['hangs'], []]);
  world.advance(1);
  await stopping;
  t.strictSame(told, ['hangs', 'stopped']);
  t.equal(faults.filter((fault) => /had not begun to lead after 10000 ms/.test(String(fault))).length, 1);

  const next = standAlone(two);
  await next.election.first;
  begin();
  await until(() => told.length === 3);
  t.strictSame(told, ['hangs', 'stopped', 'closed']);
  await next.election.stop();
  t.strictSame(next.faults, []);
});

t.test('a reign that does not end keeps nobody else from leading, and nobody from stopping', async (t) => {
  const world = steppedWorld();
  let end: () => void = () => undefined;
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  const { election, faults } = standAlone(one, { world, lead: async (term) => ({ term, close: () => ended }) });
  await election.first;
  const term = (await readLeadership(one.sql))?.term ?? 0;
  election.over(term);
  // The lock is asked for again and again in steps that are shorter than the limit.
  const isTold = (): boolean => faults.some((fault) => /before had not ended after 10000 ms/.test(String(fault)));
  await until(async () => {
    await world.advanceGently(CLOSE_LIMIT_MS / 10);
    return isTold();
  });
  const next = standAlone(two);
  await next.election.first;
  t.equal((await readLeadership(two.sql))?.term, term + 1, 'it has let go of the lock');
  let isStopped = false;
  const stopping = election.stop().then(() => {
    isStopped = true;
  });
  await world.advanceGently(STOP_LIMIT_MS - 1);
  t.equal(isStopped, false);
  await until(async () => {
    await world.advanceGently(1);
    return isStopped;
  });
  await stopping;
  t.match(String(faults.at(-1)), /had not ended after 60000 ms/);
  end();
  await next.election.stop();
});

t.test('a line that has gone silent is given up: nobody stops for ever', async (t) => {
  const line = await lineTo(t, db.app);
  const far = await connect(line.place, 4, 'kaibiao-far');
  const world = steppedWorld();
  const { election, faults } = standAlone({ ...one, alone: far.alone }, { leaseMs: 60_000, world });
  await election.first;
  line.silence(true);
  await until(() => {
    world.advance(60_000);
    return faults.length > 0;
  });
  t.equal(faults.length, 1, 'it led, and is told that its session is gone');
  await election.stop();
  line.silence(false);
  await far.close();
});
