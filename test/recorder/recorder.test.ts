/** The recorder on a real database: a whole opening, the edges of its windows, and what a restart must not change. */
import { toBase64 } from '../../server/core/log/base64.ts';
import { canonicalise } from '../../server/core/log/canonical.ts';
import { parseEntry } from '../../server/core/log/entry.ts';
import { utf8 } from '../../server/core/log/utf8.ts';
import { sweepErasures } from '../../server/store/erasures.ts';
import { testDb } from '../support/database.ts';
import { OPENING_ID, ORIGIN } from '../support/opening-people.ts';
import {
  accepted,
  BIDDERS,
  createRequest,
  DEADLINE,
  decryption,
  lodgement,
  MINUTE,
  NOTHING_SEEN,
  openWindow,
  stateOf,
  submission,
  testHall,
  until,
} from '../support/recorder.ts';
import { problemsOf } from '../support/recorder-audit.ts';
import t from '../support/tap.ts';

t.test('a whole opening, from draft to archive', async (t) => {
  const hall = await testHall(t, await testDb(t));
  const running = await hall.start((bidder) => (bidder === 4 ? 'wrong_key' : null));
  t.teardown(() => running.stop());
  const { recorder } = running;
  const opened = await openWindow(hall, running);
  t.equal(opened.phase, 'Decrypting');
  t.equal(opened.phaseSince, DEADLINE);
  for (const index of BIDDERS) await accepted(recorder.submit(decryption(index)));
  await until(async () => (await stateOf(running)).bids.every((b) => b.attempts[0]?.outcome !== 'undecided'));
  await hall.pass(10 * MINUTE);
  await until(async () => (await stateOf(running)).phase === 'Attribution');
  const ruling = { bidder: 4, verdict: 'deemed_revoked', reason: '密钥不符' };
  await accepted(recorder.submit(submission('GiveRuling', 'host', ruling)));
  await accepted(recorder.submit(submission('GiveRuling', 'witness', ruling)));
  const announced = await accepted(recorder.submit(submission('AnnouncePrices', 'host', {})));
  t.equal(announced.seqs.length, 1, 'all prices stand in one entry');
  await accepted(recorder.submit(submission('IssueRecord', 'host', { note: '' })));
  const { record, numbers } = await stateOf(running);
  if (record === null || !numbers.known) throw new Error('no record');
  const signed = { version: 1, recordSha256: record.sha256 };
  for (const index of BIDDERS.slice(0, 2))
    await accepted(recorder.submit(submission('SignRecord', 'bidder', signed, index)));
  await hall.pass(MINUTE);
  await until(async () => (await stateOf(running)).record?.timedOut === true);
  await accepted(recorder.submit(submission('ProposeClose', 'host', {})));
  await accepted(recorder.submit(submission('AttestClose', 'witness', signed)));
  await accepted(recorder.submit(submission('HandOver', 'host', {})));
  await hall.pass(MINUTE);
  await until(async () => (await stateOf(running)).phase === 'Archived');
  const [archived] = await hall.db.sql<{ bytes: Uint8Array }[]>`
    SELECT bytes FROM entries WHERE origin = ${ORIGIN} ORDER BY seq DESC LIMIT 1`;
  const terminal = parseEntry(archived?.bytes ?? utf8(''));
  t.equal(terminal.type, 'OpeningArchived');
  t.same(terminal.body['counts'], { receipts: 4, opened: 3, withdrawn: 0, replaced: 0, ruled: 1 });
  const [keys] = await hall.db.sql<{ left: number }[]>`SELECT count(wrapped_private)::int AS left FROM window_keys`;
  t.equal(keys?.left, 0, 'the window key is destroyed');

  const said = announced.seqs[0] ?? 0;
  const source = { seq: said, field: 'source', basis: 'ordered', reason: '法院裁定' };
  const left = async () => ({
    disclosures: await hall.db
      .sql`SELECT field FROM disclosures WHERE origin = ${ORIGIN} AND seq = ${said} ORDER BY field`,
    intake: await hall.db.sql`SELECT 1 FROM intake WHERE kind = 'AnnouncePrices'`,
  });
  t.match(await left(), { intake: { length: 1 } });
  t.same(await recorder.submit(submission('ProposeErasure', 'witness', { ...source, field: 'rows' })), {
    outcome: 'refused',
    code: 'nothing_to_erase',
  });
  const proposed = await accepted(recorder.submit(submission('ProposeErasure', 'witness', source)));
  t.same(await recorder.submit(submission('ConfirmErasure', 'witness', { number: 1 })), {
    outcome: 'refused',
    code: 'second_person_needed',
  });
  t.ok(
    (await left()).disclosures.some(({ field }) => field === 'source'),
    'a proposal destroys nothing',
  );
  await t.rejects(hall.db.sql`SELECT erase_disclosure(${ORIGIN}, ${proposed.seqs[0] ?? 0})`, { code: 'KB006' });
  const forged = canonicalise({
    body: { basis: 'ordered', by: 'witness', field: 'who', number: 9, seq: said },
    type: 'Erased',
    v: 1,
  });
  const beyond = 1_000_000;
  await hall.db.sql
    .begin(async (tx) => {
      await tx`INSERT INTO entries ${tx({ origin: ORIGIN, seq: beyond, bytes: utf8(forged), leaf_hash: new Uint8Array(32) })}`;
      await t.rejects(
        tx.savepoint((at) => at`SELECT erase_disclosure(${ORIGIN}, ${beyond})`),
        { code: 'KB006' },
        'beyond the head',
      );
      throw new Error('rolled back');
    })
    .catch((error: Error) => t.equal(error.message, 'rolled back'));
  await t.rejects(hall.db.sql`DELETE FROM disclosures WHERE origin = ${ORIGIN}`, { code: '42501' }, 'by no other way');
  await accepted(recorder.submit(submission('ConfirmErasure', 'supervisor', { number: 1 })));
  t.equal(await sweepErasures({ sql: hall.db.sql, world: hall.world }), 1);
  const after = await left();
  t.notOk(
    after.disclosures.some(({ field }) => field === 'source'),
    'gone, and nothing else',
  );
  t.ok(
    after.disclosures.some(({ field }) => field === 'who') && after.disclosures.some(({ field }) => field === 'rows'),
  );
  t.equal(after.intake.length, 0, 'what was received said the same once more');
  t.same(await recorder.submit(submission('ProposeErasure', 'supervisor', source)), {
    outcome: 'refused',
    code: 'nothing_to_erase',
  });
  t.same(await problemsOf(hall.db.sql), [], 'the log holds without it');
  t.equal((await stateOf(running)).phase, 'Archived');
  t.same(running.faults, []);
});

t.test('fifty parallel check-ins make one act', async (t) => {
  const hall = await testHall(t, await testDb(t));
  const running = await hall.start();
  t.teardown(() => running.stop());
  const { recorder } = running;
  await accepted(recorder.create(createRequest()));
  await accepted(recorder.submit(submission('PublishOpening', 'host', {})));
  await hall.pass(3 * MINUTE);
  await until(async () => (await stateOf(running)).phase === 'CheckIn');
  const answers = await Promise.all(
    Array.from({ length: 50 }, () => recorder.submit(submission('CheckIn', 'bidder', {}, 1))),
  );
  t.ok(answers.every((a) => a.outcome === 'accepted'));
  const acts = await hall.db.sql`SELECT 1 FROM register_acts WHERE type = 'CheckedIn'`;
  t.equal(acts.length, 1);
});

t.test('the same command id gives the first answer; other content under it is refused', async (t) => {
  const hall = await testHall(t, await testDb(t));
  const running = await hall.start();
  t.teardown(() => running.stop());
  const { recorder } = running;
  const first = await accepted(recorder.create(createRequest()));
  t.same((await accepted(recorder.create(createRequest()))).entries, first.entries);
  const publish = submission('PublishOpening', 'host', {}, 0, 'once');
  const published = await accepted(recorder.submit(publish));
  t.same(await accepted(recorder.submit(publish)), published);
  const other = submission('SuspendOpening', 'host', { reason: '别的' }, 0, 'once');
  t.same(await recorder.submit(other), { outcome: 'refused', code: 'command_id_reused' });
});

t.test(
  'received at the last millisecond completes, received at the end is refused and stands on the log',
  async (t) => {
    const hall = await testHall(t, await testDb(t));
    let release = (): void => undefined;
    const held = new Promise<null>((resolve) => {
      release = () => resolve(null);
    });
    const running = await hall.start((_bidder, _attempt) => held);
    t.teardown(() => running.stop());
    const { recorder } = running;
    const { window } = await openWindow(hall, running);
    if (window === null) throw new Error('no window');
    await hall.pass(window.closesAt - 1 - hall.world.now());
    await accepted(recorder.submit(decryption(0)));
    hall.world.advance(1);
    t.same(await recorder.submit(decryption(1)), { outcome: 'refused', code: 'window_is_over' });
    t.equal((await stateOf(running)).phase, 'Decrypting', 'the window waits for what it received');
    release();
    await until(async () => {
      await hall.pass(9_000);
      return (await stateOf(running)).phase === 'Attribution';
    });
    const after = await stateOf(running);
    t.equal(after.window?.closed?.at, window.closesAt, 'it ended at its exact end');
    t.equal(after.bids.filter((b) => b.attempts[0]?.outcome === 'decrypted').length, 1);
    t.equal(after.bids.filter((b) => b.lateAttempts === 1).length, 1);
  },
);

t.test('lodged at the last millisecond stands; at the deadline it is late', async (t) => {
  const hall = await testHall(t, await testDb(t));
  const running = await hall.start();
  t.teardown(() => running.stop());
  const { recorder } = running;
  await accepted(recorder.create(createRequest()));
  await accepted(recorder.submit(submission('PublishOpening', 'host', {})));
  const { policyHash } = await stateOf(running);
  await hall.pass(DEADLINE - 1 - hall.world.now());
  await until(async () => (await stateOf(running)).phase === 'CheckIn');
  for (const index of [1, 2]) await accepted(recorder.submit(lodgement(index, policyHash)));
  const receipt = (await accepted(recorder.submit(lodgement(0, policyHash)))).receipt;
  t.match(receipt, /^[\w-]+\.[\w-]+\.[\w-]+$/, 'answered with a signed receipt');
  hall.world.advance(1);
  t.same(await recorder.submit(lodgement(3, policyHash)), { outcome: 'refused', code: 'deadline_has_passed' });
  await until(async () => (await stateOf(running)).phase === 'Sealed');
  const { counts } = await stateOf(running);
  t.same(counts.known && counts.value, { receipts: 3, standing: 3, replaced: 0, withdrawn: 0 });
});

t.test('a restart within the tolerance changes nothing: the window ends when it would have', async (t) => {
  const hall = await testHall(t, await testDb(t));
  const before = await hall.start();
  const { window } = await openWindow(hall, before);
  await accepted(before.recorder.submit(decryption(0)));
  await before.stop();
  hall.world.advance(5_000);
  const after = await hall.start();
  t.teardown(() => after.stop());
  const state = await stateOf(after);
  t.equal(state.suspended, null);
  t.equal(state.window?.closesAt, window?.closesAt);
  await until(async () => (await stateOf(after)).bids.some((b) => b.attempts[0]?.outcome === 'decrypted'));
});

t.test('a long outage freezes the window for everyone alike, dated from the last heartbeat', async (t) => {
  const hall = await testHall(t, await testDb(t));
  const before = await hall.start();
  await openWindow(hall, before);
  hall.world.advance(1_000);
  await until(async () => {
    const [beat] = await hall.db.sql<{ at: number }[]>`SELECT at FROM heartbeats`;
    return beat?.at === hall.world.now();
  });
  const diedAt = hall.world.now();
  await before.stop();
  hall.world.advance(20 * MINUTE);
  const after = await hall.start();
  t.teardown(() => after.stop());
  const frozen = await stateOf(after);
  t.equal(frozen.suspended?.cause, 'outage');
  t.equal(frozen.suspended?.since, diedAt);
  const remaining = (frozen.window?.closesAt ?? 0) - diedAt;
  hall.world.advance(MINUTE);
  await accepted(after.recorder.submit(submission('ResumeOpening', 'host', { reason: '恢复' })));
  const resumed = await stateOf(after);
  t.equal((resumed.window?.closesAt ?? 0) - hall.world.now(), remaining, 'the exact remainder');
});

t.test('an outage that only the start itself made too long is frozen as well', async (t) => {
  const db = await testDb(t);
  let startMs = 0;
  const sql = new Proxy(db.sql, {
    apply(target, self, args: unknown[]) {
      // What it does while it starts takes this long.
      if (Array.isArray(args[0]) && args[0].join('').includes('FROM openings WHERE phase')) hall.world.advance(startMs);
      return Reflect.apply(target as unknown as (...args: unknown[]) => unknown, self, args);
    },
  });
  const hall = await testHall(t, db, { sql });
  const before = await hall.start();
  await openWindow(hall, before);
  await hall.pass(9_000);
  const diedAt = hall.world.now();
  await before.stop();
  hall.world.advance(8_000);
  startMs = 3_000;
  const after = await hall.start();
  t.teardown(() => after.stop());
  await until(async () => (await stateOf(after)).suspended !== null);
  t.match((await stateOf(after)).suspended, { cause: 'outage', since: diedAt });
});

t.test('what was durably received is decided by the next start', async (t) => {
  const hall = await testHall(t, await testDb(t));
  const before = await hall.start();
  await accepted(before.recorder.create(createRequest()));
  await before.stop();
  const { openingId, type, ...rest } = submission('PublishOpening', 'host', {});
  const content = new TextEncoder().encode(JSON.stringify({ openingId, type, ...rest }));
  await hall.db.sql`INSERT INTO intake (opening_id, received_at, kind, content)
    VALUES (${OPENING_ID}, ${hall.world.now()}, ${type}, ${content})`;
  const after = await hall.start();
  t.teardown(() => after.stop());
  t.equal((await stateOf(after)).phase, 'Scheduled');
});

t.test('fewer bids than the minimum: the tender fails at the deadline, unread', async (t) => {
  const hall = await testHall(t, await testDb(t));
  const running = await hall.start();
  t.teardown(() => running.stop());
  const { recorder } = running;
  await accepted(recorder.create(createRequest()));
  await accepted(recorder.submit(submission('PublishOpening', 'host', {})));
  const { policyHash } = await stateOf(running);
  for (const index of [0, 1]) await accepted(recorder.submit(lodgement(index, policyHash)));
  await hall.pass(5 * MINUTE);
  await until(async () => (await stateOf(running)).phase === 'Failed');
  t.equal((await stateOf(running)).failure, 'too_few_bidders');
});

t.test('an act names a head this log has shown, or it is refused', async (t) => {
  const hall = await testHall(t, await testDb(t));
  const running = await hall.start();
  t.teardown(() => running.stop());
  const { recorder } = running;
  await accepted(recorder.create(createRequest()));
  const head = running.signer.released(ORIGIN);
  if (head === null) throw new Error('no head');
  const root = toBase64(head.root);
  const publish = (headSeen: { size: number; root: string }, command: string) =>
    recorder.submit(submission('PublishOpening', 'host', {}, 0, command, headSeen));
  const unknown = { outcome: 'refused', code: 'head_seen_unknown' };
  t.same(await publish({ size: 1, root: NOTHING_SEEN.root }, 'other-root'), unknown);
  t.same(await publish({ size: 2, root }, 'beyond'), unknown);
  t.same(await publish({ size: 0, root }, 'not-empty'), unknown);
  await accepted(publish({ size: 1, root }, 'right'));
});

t.test('the creator must be host, and nobody host and witness', async (t) => {
  const hall = await testHall(t, await testDb(t));
  const running = await hall.start();
  t.teardown(() => running.stop());
  const request = createRequest();
  const without = { ...request, assignments: request.assignments.filter((a) => a.role !== 'host') };
  t.same(await running.recorder.create(without), { outcome: 'refused', code: 'creator_is_not_host' });
  const both = [...request.assignments, { role: 'witness' as const, account: request.who.account }];
  t.same(await running.recorder.create({ ...request, assignments: both }), {
    outcome: 'refused',
    code: 'host_is_witness',
  });
  const stranger = [...request.assignments, { role: 'auditor' as const, account: 'nobody' }];
  t.same(await running.recorder.create({ ...request, assignments: stranger }), {
    outcome: 'refused',
    code: 'no_such_account',
  });
  const stray = { act: createRequest({ size: 1, root: NOTHING_SEEN.root }).act };
  t.same(await running.recorder.create({ ...request, ...stray }), { outcome: 'refused', code: 'head_seen_unknown' });
  await accepted(running.recorder.create(request));
});
