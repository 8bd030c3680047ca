/** The pool of threads: jobs run side by side and in order, crashes cost one job one retry, a full queue says so. */
import { join } from 'node:path';
import { startVaultPool, type Ticket, type VaultPool } from '../../server/vault/pool.ts';
import { openVaultFolder } from '../../server/vault/vault-folder.ts';
import { systemWorld } from '../../server/world.ts';
import { goldenNames } from '../core/seal/golden.ts';
import t from '../support/tap.ts';
import { archiveOf, CEK, goldenBid, promisesOf, storeBid, temporaryFolder } from './bids.ts';

const CRASHING = new URL('./crashing-worker.ts', import.meta.url);
const PROMISED = promisesOf(new Uint8Array(0), new Uint8Array(0));

function startPool(
  t: { teardown(clean: () => Promise<void>): unknown },
  options: Partial<Parameters<typeof startVaultPool>[0]> = {},
): { pool: VaultPool; crashes: Error[] } {
  const crashes: Error[] = [];
  const pool = startVaultPool({ workers: 2, queueLimit: 100, onCrash: (error) => crashes.push(error), ...options });
  t.teardown(() => pool.close());
  return { pool, crashes };
}

function accepted<Result>(answer: Ticket<Result> | { refused: string }): Ticket<Result> {
  if ('refused' in answer) throw new Error(answer.refused);
  return answer;
}

t.test('jobs run in threads and answer as the function does', async (t) => {
  const { pool, crashes } = startPool(t);
  pool.warm();
  const bids = await Promise.all(goldenNames('valid').map(goldenBid));
  const results = await Promise.all(bids.map((bid) => accepted(pool.open(bid)).done));
  for (const result of results) t.match(result, { ok: true, openingList: { quote: { amount: '12800000.00' } } });
  const [bid] = bids;
  if (!bid) throw new Error('no bid');
  const wrong = accepted(pool.open({ ...bid, cek: new Uint8Array(32) }));
  t.match(await wrong.done, { ok: false, failure: 'wrong_key', fault: 'bidder' });
  t.equal(crashes.length, 0);
});

t.test('a bid is materialised in a thread', async (t) => {
  const folder = await temporaryFolder(t);
  const documents = await openVaultFolder(join(folder, 'documents'), systemWorld.randomBytes);
  const bid = await storeBid(folder, archiveOf());
  const { pool } = startPool(t, { workers: 1 });
  const job = { ...bid, folder: join(folder, 'documents'), limits: { unpackedLimitBytes: 1_000_000 } };
  const result = await accepted(pool.materialise(job)).done;
  if (!result.ok) throw new Error(result.detail);
  t.equal(result.manifest.entries.length, 2);
  t.ok(documents.path(result.name));
});

t.test('a thread that dies once costs a retry and nothing else', async (t) => {
  const folder = await temporaryFolder(t);
  const { pool } = startPool(t, { workers: 1, script: CRASHING });
  const tickets = ['first', 'once', 'last'].map((name) =>
    accepted(pool.open({ path: join(folder, name), cek: CEK, promised: PROMISED })),
  );
  for (const { done } of tickets) t.match(await done, { ok: true });
});

t.test('a job that kills its thread twice is the platform’s fault; the others go on', async (t) => {
  const { pool, crashes } = startPool(t, { script: CRASHING });
  const run = (path: string) => accepted(pool.open({ path, cek: CEK, promised: PROMISED })).done;
  const [good, exit, bug, rejection, last] = await Promise.all(['/a', '/exit', '/throw', '/reject', '/b'].map(run));
  for (const result of [good, last]) t.match(result, { ok: true });
  for (const result of [exit, bug, rejection]) {
    t.strictSame(result, { ok: false, failure: 'worker_failed', fault: 'platform', detail: 'worker_failed' });
  }
  t.strictSame(crashes.map(({ message }) => message).sort(), ['a bug', 'a bug', 'a rejection', 'a rejection']);
});

t.test('a script that cannot start fails its jobs instead of trying for ever', async (t) => {
  const { pool, crashes } = startPool(t, { script: new URL('./no-such-worker.ts', import.meta.url) });
  const { done } = accepted(pool.open({ path: '/a', cek: CEK, promised: PROMISED }));
  t.match(await done, { ok: false, failure: 'worker_failed', fault: 'platform' });
  t.equal(crashes.length, 2);
});

t.test('the queue tells positions, keeps its order and refuses what is too much', async (t) => {
  const { pool } = startPool(t, { workers: 1, queueLimit: 2, script: CRASHING });
  const submit = (path: string) => pool.open({ path, cek: CEK, promised: PROMISED });
  const tickets = ['/1', '/2', '/3'].map((path) => accepted(submit(path)));
  t.strictSame(
    tickets.map((ticket) => ticket.position()),
    [0, 1, 2],
  );
  t.strictSame(submit('/4'), { refused: 'vault_is_busy' });
  const order: unknown[] = [];
  await Promise.all(tickets.map(({ done }) => done.then((result) => order.push(result.ok && result.openingList))));
  t.strictSame(order, [{ path: '/1' }, { path: '/2' }, { path: '/3' }]);
  t.strictSame(
    tickets.map((ticket) => ticket.position()),
    [0, 0, 0],
  );
  t.match(await accepted(submit('/5')).done, { ok: true });
});

t.test('openings take turns, and who waits is told for how long by what was measured', async (t) => {
  let nowMs = 0;
  const { pool } = startPool(t, { workers: 1, script: CRASHING, clock: () => nowMs });
  const submit = (path: string, share: string, bytes = 1_000_000) =>
    accepted(pool.open({ path, cek: CEK, promised: PROMISED }, { share, name: path, bytes }));
  const done = submit('/measured', 'A', 10_000_000).done;
  nowMs = 500;
  await done;
  // four fifths of what was assumed, one fifth of the 20,000 bytes a millisecond that were measured
  const bytesPerMs = 0.8 * 100_000 + 0.2 * 20_000;
  const running = submit('/hang', 'A', 4_000_000);
  const waiting = ['/a1', '/a2'].map((path) => submit(path, 'A'));
  waiting.push(submit('/b1', 'B', 3_000_000));
  t.same(pool.waiting(), [
    { share: 'A', name: '/a1', ahead: 0, waitMs: Math.ceil(2_000_000 / bytesPerMs) },
    { share: 'B', name: '/b1', ahead: 1, waitMs: Math.ceil(3_000_000 / bytesPerMs) },
    { share: 'A', name: '/a2', ahead: 2, waitMs: Math.ceil(6_000_000 / bytesPerMs) },
  ]);
  t.same(
    waiting.map((ticket) => ticket.position()),
    [1, 3, 2],
  );
  const closed = [running, ...waiting].map((ticket) => t.rejects(ticket.done, { name: 'VaultClosed' }));
  await pool.close();
  await Promise.all(closed);
  t.same(pool.waiting(), []);
});

t.test('closing rejects what is not done: nothing was found out, so there is nothing to record', async (t) => {
  const { pool } = startPool(t, { workers: 1, script: CRASHING });
  const tickets = ['/hang', '/waiting'].map((path) => accepted(pool.open({ path, cek: CEK, promised: PROMISED })));
  const rejections = tickets.map(({ done }) => t.rejects(done, { name: 'VaultClosed' }));
  await pool.close();
  await Promise.all(rejections);
  t.strictSame(pool.open({ path: '/a', cek: CEK, promised: PROMISED }), { refused: 'vault_is_busy' });
});

t.test('the caller’s key is left alone, and may be erased at once', async (t) => {
  const [name = ''] = goldenNames('valid');
  const bid = await goldenBid(name);
  const { pool } = startPool(t, { workers: 1 });
  const first = accepted(pool.open(bid));
  const second = accepted(pool.open(bid));
  t.notOk(bid.cek.every((octet) => octet === 0));
  bid.cek.fill(0);
  t.match(await first.done, { ok: true });
  t.match(await second.done, { ok: true });
});
