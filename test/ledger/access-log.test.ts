/** Reads on the access log: indexed in the same commit, found by reader and opening, and indexed anew from the log alone. */
import { accessOrigin } from '../../server/core/log/origin.ts';
import { findReads, rebuildReads } from '../../server/ledger/access-log.ts';
import { ledgerBench } from '../support/ledger.ts';
import { PLATFORM } from '../support/signed-log.ts';
import t from '../support/tap.ts';

const origin = accessOrigin(PLATFORM);
const source = { address: '203.0.113.5', client: 'test' };
const everything = { account: null, openingId: null, after: -1, limit: 100 };

async function filled(t: Parameters<typeof ledgerBench>[0]) {
  const bench = await ledgerBench(t);
  const read = (account: string, openingId: string | null) =>
    bench.ledger.recordAccess({ who: { account, role: 'witness' }, source, openingId, what: 'entries' });
  // Together: one commit holds several, each under the number of its own entry.
  await Promise.all([read('a', 'x'), read('b', 'x'), read('a', 'y'), read('a', null)]);
  const size = bench.signer.released(origin)?.size ?? 0;
  const found = async (asked: Partial<Parameters<typeof findReads>[2]>) =>
    (await findReads(bench.sql, origin, { ...everything, size, ...asked })).map(({ seq }) => seq);
  return { bench, found, size };
}

t.test('reads are found by reader and by opening, behind one entry and below a size', async (t) => {
  const { bench, found, size } = await filled(t);
  t.equal(size, 5, 'the first entry, and four reads');
  t.strictSame(await found({}), [1, 2, 3, 4]);
  t.strictSame(await found({ account: 'a' }), [1, 3, 4]);
  t.strictSame(await found({ openingId: 'x' }), [1, 2]);
  t.strictSame(await found({ account: 'a', openingId: 'x' }), [1]);
  t.strictSame(await found({ account: 'nobody' }), []);
  t.strictSame(await found({ after: 1 }), [2, 3, 4]);
  t.strictSame(await found({ size: 4 }), [1, 2, 3], 'nothing that is not let out');
  t.strictSame(await found({ limit: 2 }), [1, 2]);
  const [first] = await findReads(bench.sql, origin, { ...everything, size });
  t.match(JSON.parse(first?.entry ?? ''), { seq: 1, type: 'Accessed', body: {} });
  t.equal(first?.disclosures.length, 3);
});

t.test('the index is made again from the log alone, from where it ends', async (t) => {
  const { bench, found, size } = await filled(t);
  const { superuser } = bench.database;
  const index = async () => [...(await bench.sql`SELECT * FROM access_reads ORDER BY seq`)];
  const before = await index();
  await rebuildReads(bench.sql, origin, size);
  t.strictSame(await index(), before, 'nothing to add');
  for (const from of [3, 1]) {
    await superuser`ALTER TABLE access_reads DISABLE TRIGGER append_only`;
    await superuser`DELETE FROM access_reads WHERE seq >= ${from}`;
    await superuser`ALTER TABLE access_reads ENABLE TRIGGER append_only`;
    t.equal((await found({})).length, from - 1);
    await rebuildReads(bench.sql, origin, size);
    t.strictSame(await index(), before, `from ${from}`);
  }
});

t.test('a read that cannot be indexed is not recorded either', async (t) => {
  const { bench, size } = await filled(t);
  await bench.database.superuser`REVOKE INSERT ON access_reads FROM kaibiao_app`;
  const read = { who: { account: 'a' }, source, openingId: 'x', what: 'entries' };
  await t.rejects(bench.ledger.recordAccess(read), { code: '42501' });
  t.equal(bench.signer.released(origin)?.size, size);
});

t.test('what belongs to the commit of a read is done with it, or neither is', async (t) => {
  const { bench, size } = await filled(t);
  const access = { who: { account: 'a' }, source, openingId: 'x', what: 'entries' };
  const seqs: number[] = [];
  const refused = bench.ledger.recordAccess(access, async () => {
    throw new Error('nobody waits');
  });
  // In one commit with it, and none the worse for it.
  const other = bench.ledger.recordAccess(access, async (tx, seq) => {
    seqs.push(seq);
    await tx`INSERT INTO heartbeats (process_id, at) VALUES ('also', ${seq})`;
  });
  await t.rejects(refused, { message: 'nobody waits' });
  t.equal(await other, size);
  t.equal(seqs.at(-1), size);
  t.strictSame([...(await bench.sql`SELECT at FROM heartbeats`)], [{ at: size }]);
  t.equal(bench.signer.released(origin)?.size, size + 1);
});
