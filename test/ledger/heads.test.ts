/** Heads in the ledger: each opening opened once, grown with proof, closed at its end, and nothing shown that was not let out. */
import { Check } from 'typebox/schema';
import { openCheckpoint } from '../../server/core/log/checkpoint.ts';
import type { Entry } from '../../server/core/log/entry.ts';
import { encodeEntry } from '../../server/core/log/entry.ts';
import { checkHead, type LedgerHead, readHead } from '../../server/core/log/head.ts';
import { LEDGER_EVENTS } from '../../server/core/log/ledger-events.ts';
import { leafHash } from '../../server/core/log/merkle.ts';
import { ed25519Verifier, parseVkey } from '../../server/core/log/note.ts';
import { ledgerOrigin, openingOrigin } from '../../server/core/log/origin.ts';
import { verifyProof } from '../../server/core/log/proof.ts';
import { sha256 } from '../../server/hash.ts';
import { createHeads } from '../../server/ledger/heads.ts';
import { commit, letOut } from '../../server/recorder/commit.ts';
import { appendEntries, lockHead } from '../../server/store/append.ts';
import { proofOf } from '../../server/store/read-log.ts';
import { entriesOf, HEAD_PERIOD_MS, type LedgerBench, ledgerBench } from '../support/ledger.ts';
import { verifyEd25519 } from '../support/log-fixtures.ts';
import { appendSome, begin, entryAt, PLATFORM } from '../support/signed-log.ts';
import t from '../support/tap.ts';

const ledger = ledgerOrigin(PLATFORM);
const origin = openingOrigin(PLATFORM, 'a');

async function headsOf(bench: LedgerBench): Promise<{ entry: Entry; head: LedgerHead }[]> {
  const entries = (await entriesOf(bench, ledger)).filter(({ type }) => type === 'Head');
  return entries.map((entry) => ({ entry, head: readHead(entry.body) }));
}

/** Everything a reader of the ledger alone can check of the heads in it. */
async function checkAll(t: Tap, bench: LedgerBench): Promise<void> {
  const last = new Map<string, LedgerHead>();
  for (const { entry, head } of await headsOf(bench)) {
    const { origin: of } = head.checkpoint;
    t.equal(checkHead(sha256, last.get(of), head), undefined, `${of} ${head.checkpoint.size}`);
    const key = ed25519Verifier(parseVkey(sha256, bench.signer.vkeyOf(of, 'opening')), verifyEd25519);
    await openCheckpoint(head.note, key);
    t.ok(Check(LEDGER_EVENTS.Head.body, entry.body));
    last.set(of, head);
  }
}
type Tap = Pick<typeof t, 'equal' | 'ok'>;

/** Appends the event after which nothing may follow. */
async function archive(bench: LedgerBench, log: string): Promise<void> {
  await commit({ sql: bench.sql, signer: bench.signer }, [log], async (tx) => {
    const head = await lockHead(tx, log);
    const { bytes, disclosures } = entryAt(log, head.size);
    const text = new TextDecoder().decode(bytes).replace('NoticePosted', 'OpeningArchived');
    const appended = await appendEntries(
      tx,
      head,
      [{ bytes: new TextEncoder().encode(text), disclosures }],
      bench.signer,
    );
    return { appended: [appended], answer: null };
  });
}

t.test('the first head is opened, the following ones prove their growth, the last is closed', async (t) => {
  const bench = await ledgerBench(t);
  await begin(bench.sql, origin);
  for (const count of [1, 3, 60, 1]) {
    await appendSome(bench.sql, bench.signer, origin, count);
    await bench.ledger.takeHeads();
  }
  await archive(bench, origin);
  await bench.ledger.takeHeads();
  const heads = await headsOf(bench);
  t.strictSame(
    heads.map(({ head }) => [head.kind, head.checkpoint.size, head.previousSize]),
    [
      ['opened', 1, 0],
      ['head', 4, 1],
      ['head', 64, 4],
      ['head', 65, 64],
      ['closed', 66, 65],
    ],
  );
  await checkAll(t, bench);
  t.equal(await bench.ledger.anchoredSize(origin), 66);
});

t.test('many logs that have changed go in one append, one entry each', async (t) => {
  const bench = await ledgerBench(t);
  const origins = Array.from({ length: 12 }, (_, n) => openingOrigin(PLATFORM, `o${n}`));
  for (const log of origins) {
    await begin(bench.sql, log);
    await appendSome(bench.sql, bench.signer, log, 2);
  }
  const before = await bench.sql`SELECT size FROM checkpoints WHERE origin = ${ledger}`;
  await bench.ledger.takeHeads();
  const after = await bench.sql`SELECT size FROM checkpoints WHERE origin = ${ledger}`;
  t.equal(after.length, before.length + 1);
  t.equal((await headsOf(bench)).length, 12);
  await checkAll(t, bench);
});

t.test('a log that has not changed is not taken again, and a round without change appends nothing', async (t) => {
  const bench = await ledgerBench(t);
  await begin(bench.sql, origin);
  await appendSome(bench.sql, bench.signer, origin);
  await bench.ledger.takeHeads();
  const size = bench.signer.released(ledger)?.size;
  await bench.ledger.takeHeads();
  await bench.ledger.takeHeads();
  t.equal(bench.signer.released(ledger)?.size, size);
});

t.test('only what was let out is taken: a committed head whose release is still due waits', async (t) => {
  const bench = await ledgerBench(t);
  await begin(bench.sql, origin);
  await appendSome(bench.sql, bench.signer, origin);
  const appended = await bench.sql.begin(async (tx) =>
    appendEntries(tx, await lockHead(tx, origin), [entryAt(origin, 1)], bench.signer),
  );
  await bench.ledger.takeHeads();
  t.strictSame(
    (await headsOf(bench)).map(({ head }) => head.checkpoint.size),
    [1],
  );
  await letOut(bench, origin, appended.head);
  await appendSome(bench.sql, bench.signer, origin);
  await bench.ledger.takeHeads();
  await checkAll(t, bench);
});

t.test('a log that ended before its first head was taken is opened and closed at once', async (t) => {
  const bench = await ledgerBench(t);
  await begin(bench.sql, origin);
  await appendSome(bench.sql, bench.signer, origin);
  await archive(bench, origin);
  await bench.ledger.takeHeads();
  t.strictSame(
    (await headsOf(bench)).map(({ head }) => head.kind),
    ['opened', 'closed'],
  );
  await checkAll(t, bench);
});

t.test('what is announced is taken with the next period, without anyone asking', async (t) => {
  const bench = await ledgerBench(t);
  await bench.ledger.takeHeads();
  await begin(bench.sql, origin);
  const heard = bench.heard(origin);
  const anchored = bench.heard(ledger);
  await appendSome(bench.sql, bench.signer, origin, 5);
  await heard;
  await bench.world.advanceGently(HEAD_PERIOD_MS);
  await anchored;
  t.equal(await bench.ledger.anchoredSize(origin), 5);
  t.strictSame(bench.faults, []);
});

t.test('after a restart every head that was missed is found', async (t) => {
  const bench = await ledgerBench(t);
  await bench.ledger.takeHeads();
  await begin(bench.sql, origin);
  await appendSome(bench.sql, bench.signer, origin, 3);
  const again = createHeads({ sql: bench.sql, signer: bench.signer, platform: PLATFORM }, bench.ledger.writer);
  await again.take();
  t.equal(await again.anchoredSize(origin), 3);
  again.note('elsewhere.example/opening/1');
  again.note(ledger);
  await again.take();
  await checkAll(t, bench);
});

t.test('a round that fails is made up for by the next', async (t) => {
  const bench = await ledgerBench(t);
  await bench.ledger.takeHeads();
  await begin(bench.sql, origin);
  await appendSome(bench.sql, bench.signer, origin);
  await bench.database.superuser`REVOKE INSERT ON ledger_heads FROM kaibiao_app`;
  const heads = createHeads({ sql: bench.sql, signer: bench.signer, platform: PLATFORM }, bench.ledger.writer);
  heads.note(origin);
  await t.rejects(heads.take(), { code: '42501' });
  await t.rejects(heads.take(), { code: '42501' });
  await bench.database.superuser`GRANT INSERT ON ledger_heads TO kaibiao_app`;
  await heads.take();
  t.equal(await heads.anchoredSize(origin), 1);
  await checkAll(t, bench);
});

t.test('the anchor of an opening: its last head’s entry, proven in the ledger', async (t) => {
  const bench = await ledgerBench(t);
  await begin(bench.sql, origin);
  await appendSome(bench.sql, bench.signer, origin, 4);
  await bench.ledger.takeHeads();
  await bench.ledger.takeRegister();
  const found = (await headsOf(bench)).at(-1);
  const released = bench.signer.released(ledger);
  const seq = found?.entry.seq ?? -1;
  const proof = await proofOf(bench.sql, ledger, seq, released?.size ?? 0, released?.note ?? '');
  const leaf = leafHash(sha256, encodeEntry(found?.entry as Entry));
  const key = ed25519Verifier(parseVkey(sha256, bench.signer.vkeyOf(ledger, 'ledger')), verifyEd25519);
  t.match(await verifyProof({ sha256, proof, leaf, logKey: key }), { ok: true, index: seq });
  t.equal(found?.head.note, bench.signer.released(origin)?.note);
});
