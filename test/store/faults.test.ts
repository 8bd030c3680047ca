/** Which error means that the database is away, which that it refuses a value, and which is none of its errors. */
import { isDatabaseAway, isQueryError, isValueRefused } from '../../server/store/faults.ts';
import { testDb } from '../support/database.ts';
import t from '../support/tap.ts';

const coded = (code: string, cause?: unknown): Error => Object.assign(new Error(code, { cause }), { code });

const MEANINGS = [
  // code, away, value refused
  ['CONNECTION_CLOSED', true, false],
  ['CONNECTION_ENDED', true, false],
  ['08006', true, false],
  ['53300', true, false],
  ['53100', true, false],
  ['57P01', true, false],
  ['57014', true, false],
  ['58030', true, false],
  ['22021', false, true],
  ['23505', false, true],
  ['UNDEFINED_VALUE', false, true],
  ['40P01', false, false],
  ['42501', false, false],
  ['KB001', false, false],
  ['guard_write_failed', false, false],
  ['ENOENT', false, false],
  ['0800', false, false],
  ['1080060', false, false],
] as const;

t.test('each code means one thing, in itself and as the cause of another error', async (t) => {
  for (const [code, away, refused] of MEANINGS)
    for (const error of [coded(code), new Error('query failed', { cause: coded(code) })]) {
      t.equal(isDatabaseAway(error), away, code);
      t.equal(isValueRefused(error), refused, code);
      t.equal(isQueryError(error), away || refused, code);
    }
  for (const none of [null, undefined, '08006', { code: '08006' }]) t.notOk(isQueryError(none), 'no error at all');
});

t.test('PostgreSQL’s own: a wrong value, a missing table, a server that ends the connection', async (t) => {
  const db = await testDb(t);
  const failure = async (query: Promise<unknown>): Promise<unknown> => query.then(() => null).catch((e: unknown) => e);
  const value = await failure(db.sql`SELECT 'x'::int`.execute());
  t.ok(isValueRefused(value) && !isDatabaseAway(value));
  const missing = await failure(db.sql`SELECT 1 FROM nowhere`.execute());
  t.ok(isQueryError(missing) && !isValueRefused(missing) && !isDatabaseAway(missing));
  const ended = await failure(db.sql`SELECT pg_terminate_backend(pg_backend_pid())`.execute());
  t.ok(isDatabaseAway(ended));
});
