/** What the recorder makes of acts at the edges: boundaries with a crowd before them, clocks set back, repetitions, files left over. */

import { parseEntry } from '../../server/core/log/entry.ts';
import { leafHash } from '../../server/core/log/merkle.ts';
import { ed25519Verifier, parseVkey } from '../../server/core/log/note.ts';
import { verifyProof } from '../../server/core/log/proof.ts';
import { utf8 } from '../../server/core/log/utf8.ts';
import { verifyLog } from '../../server/core/log/verify.ts';
import { payloadSha256 } from '../../server/core/seal/statement.ts';
import { sha256 } from '../../server/hash.ts';
import { createIntake } from '../../server/recorder/intake.ts';
import { ROUND_LIMIT } from '../../server/recorder/keeper.ts';
import { storeSubmission } from '../../server/recorder/stored-submission.ts';
import type { Submission } from '../../server/recorder/submission.ts';
import type { Sql } from '../../server/store/driver.ts';
import { readDisclosures } from '../../server/store/read-log.ts';
import { testDb } from '../support/database.ts';
import { verifyEd25519 } from '../support/log-fixtures.ts';
import { bidderWho, OPENING_ID, ORIGIN } from '../support/opening-people.ts';
import {
  accepted,
  createRequest,
  DEADLINE,
  decryption,
  type Hall,
  lodgement,
  MINUTE,
  openWindow,
  publishRoster,
  type RunningRecorder,
  stateOf,
  submission,
  testHall,
  until,
} from '../support/recorder.ts';
import t from '../support/tap.ts';

async function published(running: RunningRecorder): Promise<string> {
  await accepted(running.recorder.create(createRequest()));
  await accepted(running.recorder.submit(submission('PublishOpening', 'host', {})));
  return (await stateOf(running)).policyHash;
}

async function inCheckIn(hall: Hall, running: RunningRecorder): Promise<string> {
  const policyHash = await published(running);
  await hall.pass(3 * MINUTE);
  await until(async () => (await stateOf(running)).phase === 'CheckIn');
  return policyHash;
}

async function leave(sql: Sql, receivedAt: number, left: readonly Submission[]): Promise<void> {
  const rows = left.map((s) => ({
    opening_id: OPENING_ID,
    received_at: receivedAt,
    kind: s.type,
    content: utf8(JSON.stringify(s)),
  }));
  await sql`INSERT INTO intake ${sql(rows)}`;
}

const actsOf = async (sql: Sql, type: string): Promise<number> =>
  (await sql`SELECT 1 FROM register_acts WHERE type = ${type}`).length;

/** The log as anyone would verify it: times in order, bytes, root, every disclosure. */
async function verified(sql: Sql, { signer }: RunningRecorder) {
  const head = signer.released(ORIGIN);
  const entries = await sql<{ bytes: Uint8Array }[]>`SELECT bytes FROM entries WHERE origin = ${ORIGIN} ORDER BY seq`;
  const all = await readDisclosures(sql, ORIGIN, 0, entries.length);
  return verifyLog({
    vkey: signer.vkeyOf(ORIGIN, 'opening'),
    checkpointNote: head?.note ?? '',
    entries: entries.map(({ bytes }) => bytes),
    disclosuresFor: (seq) => all.filter((d) => d.seq === seq).map((d) => d.disclosure),
    requireAllDisclosures: true,
    sha256,
    verifyEd25519,
  });
}

t.test(
  `more than ${ROUND_LIMIT} acts wait at the deadline: all that were in time are sealed, none that was late`,
  async (t) => {
    const db = await testDb(t);
    const hall = await testHall(t, db);
    const before = await hall.start();
    const policyHash = await inCheckIn(hall, before);
    await hall.pass(DEADLINE - 3_000 - hall.world.now());
    await before.stop();
    const count = ROUND_LIMIT + 60;
    const all = Array.from({ length: count + 10 }, (_, i) => lodgement(i, policyHash));
    await leave(db.sql, DEADLINE - 1, all.slice(0, count));
    await leave(db.sql, DEADLINE, all.slice(count));
    hall.world.advance(4_000);
    const after = await hall.start();
    t.teardown(() => after.stop());
    hall.world.advance(1_000);
    await until(async () => (await stateOf(after)).phase === 'Sealed');
    const { counts, phaseSince } = await stateOf(after);
    t.equal(phaseSince, DEADLINE);
    t.same(counts.known && counts.value, { receipts: count, standing: count, replaced: 0, withdrawn: 0 });
    t.equal((await db.sql`SELECT 1 FROM intake WHERE NOT decided`).length, 0);
    t.same(after.faults, []);
  },
);

t.test(
  'the seal falls between the acts of one batch: before it the one in time, after it the one that is late',
  async (t) => {
    const db = await testDb(t);
    const hall = await testHall(t, db);
    const running = await hall.start();
    t.teardown(() => running.stop());
    const policyHash = await inCheckIn(hall, running);
    for (const i of [0, 1, 2]) await accepted(running.recorder.submit(lodgement(i, policyHash)));
    await hall.pass(DEADLINE - 5 - hall.world.now());
    const early = submission('RaiseEarlyObjection', 'bidder', { text: '截标前的异议' }, 1);
    const late = submission('CheckIn', 'bidder', {}, 2);
    await leave(db.sql, DEADLINE - 1, [submission('CheckIn', 'bidder', {}, 1)]);
    await leave(db.sql, DEADLINE, [late, early]);
    hall.world.advance(10);
    await until(async () => (await stateOf(running)).phase === 'Sealed');
    t.equal(await actsOf(db.sql, 'CheckedIn'), 1);
    t.equal(await actsOf(db.sql, 'EarlyObjectionRaised'), 1, 'an objection may come until the roster');
    const [stored] = await db.sql<
      { outcome: string }[]
    >`SELECT outcome FROM commands WHERE command_id = ${late.command}`;
    t.same(JSON.parse(stored?.outcome ?? '{}'), { outcome: 'refused', code: 'deadline_has_passed' });
  },
);

t.test(
  'a decryption received before the end is decided before the end, though the outage began right after',
  async (t) => {
    const db = await testDb(t);
    const hall = await testHall(t, db);
    const before = await hall.start();
    const { window } = await openWindow(hall, before);
    await hall.pass(9_000);
    const diedAt = hall.world.now();
    await before.stop();
    await leave(db.sql, diedAt + 200, [decryption(0)]);
    hall.world.advance(30 * MINUTE);
    t.ok(hall.world.now() > (window?.closesAt ?? 0), 'the window would be over');
    let look = (): void => undefined;
    const looked = new Promise<null>((resolve) => {
      look = () => resolve(null);
    });
    const after = await hall.start(() => looked);
    t.teardown(() => after.stop());
    const state = await stateOf(after);
    t.equal(state.phase, 'Decrypting', 'no alarm sounded before the freeze');
    t.match(state.suspended, { cause: 'outage' });
    t.equal(state.bids.filter((b) => b.attempts[0]?.outcome === 'undecided').length, 1);
    look();
    await until(async () => (await stateOf(after)).bids.some((b) => b.attempts[0]?.outcome === 'decrypted'));
    t.match(await verified(db.sql, after), { ok: true });
  },
);

t.test('what came in an outage after the end that the outage froze is not late, and comes again', async (t) => {
  const db = await testDb(t);
  const hall = await testHall(t, db);
  const before = await hall.start();
  const { window } = await openWindow(hall, before);
  await hall.pass(9_000);
  const diedAt = hall.world.now();
  const closesAt = window?.closesAt ?? 0;
  await before.stop();
  // Received by processes that do not decide, while nobody did.
  const [inTime, late] = [decryption(0), decryption(1)];
  await leave(db.sql, closesAt - 1, [inTime]);
  await leave(db.sql, closesAt, [late]);
  hall.world.advance(30 * MINUTE);
  const after = await hall.start();
  t.teardown(() => after.stop());
  const outcomeOf = async ({ command }: Submission) => {
    const [row] = await db.sql<{ outcome: string }[]>`SELECT outcome FROM commands WHERE command_id = ${command}`;
    return JSON.parse(row?.outcome ?? '{}') as unknown;
  };
  t.match(await outcomeOf(inTime), { outcome: 'accepted' });
  t.same(await outcomeOf(late), { outcome: 'refused', code: 'opening_is_suspended' });
  t.match((await stateOf(after)).suspended, { cause: 'outage', since: diedAt });
  await accepted(after.recorder.submit(submission('ResumeOpening', 'host', { reason: '恢复' })));
  await accepted(after.recorder.submit(decryption(1)));
  await until(
    async () => (await stateOf(after)).bids.filter((b) => b.attempts[0]?.outcome === 'decrypted').length === 2,
  );
  const types = (await db.sql<{ bytes: Uint8Array }[]>`SELECT bytes FROM entries WHERE origin = ${ORIGIN}`).map(
    ({ bytes }) => parseEntry(bytes).type,
  );
  t.notOk(types.includes('AttemptRefused'), 'nothing stands against anyone');
  t.match(await verified(db.sql, after), { ok: true });
});

t.test('an outage across the deadline is not sealed by any alarm of the restart', async (t) => {
  const db = await testDb(t);
  const hall = await testHall(t, db);
  const before = await hall.start();
  const policyHash = await inCheckIn(hall, before);
  await before.stop();
  await leave(db.sql, hall.world.now(), [lodgement(0, policyHash)]);
  hall.world.advance(10 * MINUTE);
  const after = await hall.start();
  t.teardown(() => after.stop());
  hall.world.advance(5_000);
  const state = await stateOf(after);
  t.equal(state.phase, 'CheckIn');
  t.equal(state.suspended?.cause, 'outage_across_deadline');
  t.equal(await actsOf(db.sql, 'BidLodged'), 1, 'what was received in time is lodged');
});

t.test('a clock set back makes nothing earlier: not in this life of the process, and not in the next', async (t) => {
  const db = await testDb(t);
  const hall = await testHall(t, db);
  const before = await hall.start();
  await published(before);
  await hall.pass(60_000);
  await accepted(before.recorder.submit(submission('ProposeAbort', 'host', { reason: '一' })));
  hall.setBack(50_000);
  await accepted(before.recorder.submit(submission('ProposeAbort', 'tenderer', { reason: '二' })));
  await before.stop();
  hall.setBack(3_000);
  const after = await hall.start();
  t.teardown(() => after.stop());
  await accepted(after.recorder.submit(submission('ProposeAbort', 'host', { reason: '三' })));
  t.match(await verified(db.sql, after), { ok: true, size: 5 });
  t.same([...before.faults, ...after.faults], []);
});

t.test('an opening created before the clock was set back takes acts after it', async (t) => {
  const db = await testDb(t);
  const hall = await testHall(t, db);
  const running = await hall.start();
  t.teardown(() => running.stop());
  await accepted(running.recorder.create(createRequest()));
  hall.setBack(20_000);
  await accepted(running.recorder.submit(submission('PublishOpening', 'host', {})));
  t.match(await verified(db.sql, running), { ok: true, size: 2 });
});

t.test('a window that was shown is open to all, though the clock was set back to before it', async (t) => {
  const db = await testDb(t);
  const hall = await testHall(t, db);
  const running = await hall.start();
  t.teardown(() => running.stop());
  const { recorder } = running;
  await publishRoster(hall, running);
  // The host's act waits a moment for its round: the window opens later than the act was received.
  await leave(db.sql, hall.world.now(), [submission('OpenWindow', 'host', {})]);
  hall.world.advance(20);
  recorder.hear(OPENING_ID);
  await until(async () => (await stateOf(running)).phase === 'Decrypting');
  hall.setBack(10_000);
  await accepted(recorder.submit(decryption(0)));
  // Another process, that only receives, and has received nothing yet.
  const another = createIntake(db.sql, hall.world);
  const { receivedAt } = await another.receive(OPENING_ID, 'DecryptBid', storeSubmission(decryption(1)));
  t.equal(receivedAt, (await stateOf(running)).lastAt);
  recorder.hear(OPENING_ID);
  await until(
    async () =>
      (await stateOf(running)).bids.filter(({ attempts }) => attempts[0]?.outcome === 'decrypted').length === 2,
  );
  t.match(await verified(db.sql, running), { ok: true });
  t.same(running.faults, []);
});

t.test('who checks in again gets the first receipt: at once, by a colleague, after a restart', async (t) => {
  const db = await testDb(t);
  const hall = await testHall(t, db);
  const before = await hall.start();
  await inCheckIn(hall, before);
  const checkIn = () => submission('CheckIn', 'bidder', {}, 1);
  const answers = await Promise.all(Array.from({ length: 8 }, () => accepted(before.recorder.submit(checkIn()))));
  const [{ receipt, actId } = { receipt: null, actId: null }] = answers;
  t.match(receipt, /^[\w-]+\.[\w-]+\.[\w-]+$/);
  for (const each of answers) t.match(each, { receipt, actId });
  const colleague = { ...bidderWho(1), account: `${bidderWho(1).creditCode}/7`, name: '同事' };
  t.match(await accepted(before.recorder.submit({ ...checkIn(), who: colleague })), { receipt, actId });
  await before.stop();
  const after = await hall.start();
  t.teardown(() => after.stop());
  t.match(await accepted(after.recorder.submit(checkIn())), { receipt, actId });
  t.equal(await actsOf(db.sql, 'CheckedIn'), 1);
});

t.test('one command id is one command, on the register, in the opening and at its creation', async (t) => {
  const db = await testDb(t);
  const hall = await testHall(t, db);
  const running = await hall.start();
  t.teardown(() => running.stop());
  const { recorder } = running;
  const reused = { outcome: 'refused', code: 'command_id_reused' };
  await accepted(recorder.create(createRequest()));
  t.same(await recorder.submit(submission('PublishOpening', 'host', {}, 0, 'create')), reused);
  await accepted(recorder.submit(submission('PublishOpening', 'host', {}, 0, 'p')));
  await hall.pass(3 * MINUTE);
  await until(async () => (await stateOf(running)).phase === 'CheckIn');
  await accepted(recorder.submit(submission('CheckIn', 'bidder', {}, 1, 'mine')));
  t.same(await recorder.submit(submission('RaiseObjection', 'bidder', { text: '异议' }, 1, 'mine')), reused);
  const both = await Promise.all([
    recorder.submit(submission('Rehearse', 'bidder', rehearsal(1), 2, 'two')),
    recorder.submit(submission('Rehearse', 'bidder', rehearsal(2), 2, 'two')),
  ]);
  t.same(both.map((a) => (a.outcome === 'refused' ? a.code : 'accepted')).sort(), ['accepted', 'command_id_reused']);
  await accepted(recorder.submit(submission('CheckIn', 'bidder', {}, 2, 'mine')));
  t.equal(await actsOf(db.sql, 'CheckedIn'), 2, 'an id is its own person’s');
});

t.test('a try to open too early stands on the register, then on the log, once each; a late one besides', async (t) => {
  const db = await testDb(t);
  const hall = await testHall(t, db);
  const running = await hall.start();
  t.teardown(() => running.stop());
  const { recorder } = running;
  const policyHash = await published(running);
  for (const i of [0, 1, 2]) await accepted(recorder.submit(lodgement(i, policyHash)));
  const early = { outcome: 'refused', code: 'window_not_open' };
  for (let tries = 0; tries < 3; tries++) t.same(await recorder.submit(decryption(1)), early);
  t.same(await recorder.submit(decryption(9)), early, 'who has no bid leaves no trace');
  t.equal(await actsOf(db.sql, 'AttemptRefused'), 1);
  await hall.pass(5 * MINUTE);
  await until(async () => (await stateOf(running)).phase === 'Sealed');
  t.same(await recorder.submit(decryption(1)), early);
  t.equal(await actsOf(db.sql, 'AttemptRefused'), 1);
  await accepted(recorder.submit(submission('PublishRoster', 'host', {})));
  for (let tries = 0; tries < 2; tries++) t.same(await recorder.submit(decryption(1)), early);
  await accepted(recorder.submit(submission('OpenWindow', 'host', {})));
  await hall.pass(10 * MINUTE);
  await until(async () => (await stateOf(running)).phase === 'Attribution');
  const over = { outcome: 'refused', code: 'window_is_over' };
  for (let tries = 0; tries < 2; tries++) t.same(await recorder.submit(decryption(1)), over);
  const entries = await db.sql<
    { bytes: Uint8Array }[]
  >`SELECT bytes FROM entries WHERE origin = ${ORIGIN} ORDER BY seq`;
  const noted = entries.map(({ bytes }) => parseEntry(bytes)).filter((e) => e.type === 'AttemptRefused');
  t.same(
    noted.map((e) => e.body['attempt']),
    ['early_opening', 'late_decryption'],
  );
  t.match(await verified(db.sql, running), { ok: true });
});

t.test('files that no bid names are removed; those of lodged, replaced and withdrawn bids stay', async (t) => {
  const db = await testDb(t);
  const hall = await testHall(t, db);
  const running = await hall.start();
  t.teardown(() => running.stop());
  const { recorder } = running;
  const policyHash = await published(running);
  const first = lodgement(0, policyHash);
  const answer = await accepted(recorder.submit(first));
  const again = { ...first, enclosure: { ...enclosureOf(first), file: 'second-upload' } };
  t.same(await accepted(recorder.submit(again)), answer, 'the same statement, uploaded once more');
  const { bidId } = first.data as { bidId: string };
  const replacing = lodgement(0, policyHash, { bidId: 'replacement000000000-0', replaces: bidId });
  await accepted(recorder.submit(replacing));
  await accepted(recorder.submit(submission('WithdrawBid', 'bidder', { bidId: 'replacement000000000-0' })));
  const foreign = lodgement(1, 'E'.repeat(43));
  t.same(await recorder.submit(foreign), { outcome: 'refused', code: 'statement_not_for_this_opening' });
  await until(() => running.discarded.length === 2);
  t.same(running.discarded, ['second-upload', enclosureOf(foreign).file]);
  const kept = await db.sql<{ file: string }[]>`SELECT file FROM envelopes ORDER BY file`;
  t.same(
    kept.map(({ file }) => file),
    [enclosureOf(first).file, enclosureOf(replacing).file].sort(),
  );
});

t.test('a bid id that another opening has is refused and spoils no round', async (t) => {
  const db = await testDb(t);
  const hall = await testHall(t, db);
  const running = await hall.start();
  t.teardown(() => running.stop());
  const policyHash = await published(running);
  await db.sql`INSERT INTO envelopes (id, opening_id, account, file, sha256, size_bytes, header, lodged_at, statement)
    VALUES (${(lodgement(0, policyHash).data as { bidId: string }).bidId}, 'another', 'x', 'f', ${sha256(utf8(''))}, 1, ${utf8('h')}, 1, 's')`;
  const answers = await Promise.all([0, 1].map((i) => running.recorder.submit(lodgement(i, policyHash))));
  t.same(answers[0], { outcome: 'refused', code: 'bid_id_used' });
  t.equal(answers[1]?.outcome, 'accepted');
  t.same(running.faults, []);
});

t.test('nothing is kept in memory of openings that are not there or are over', async (t) => {
  const hall = await testHall(t, await testDb(t));
  const running = await hall.start();
  t.teardown(() => running.stop());
  const { recorder } = running;
  for (let i = 0; i < 20; i++) t.equal(await recorder.stateOf(`made-up-${i}`), null);
  t.equal(recorder.health().openings, 0);
  await published(running);
  t.equal(recorder.health().openings, 1);
  await hall.pass(5 * MINUTE);
  await until(async () => (await stateOf(running)).phase === 'Failed');
  await hall.pass(MINUTE);
  await until(() => recorder.health().openings === 0);
  t.equal((await stateOf(running)).phase, 'Archived');
  t.same(await recorder.submit(submission('ProposeAbort', 'host', { reason: '太晚' })), {
    outcome: 'refused',
    code: 'opening_is_over',
  });
});

function rehearsal(clockOffsetMs: number) {
  return { encCertSha256: 'D'.repeat(43), unwrapped: true, clockOffsetMs, device: 'test' };
}

function enclosureOf(s: Submission): Extract<Submission['enclosure'], { kind: 'envelope' }> {
  if (s.enclosure?.kind !== 'envelope') throw new Error('no envelope');
  return s.enclosure;
}

t.test('a withdrawal’s receipt names the payload of the act, not the text of its JWS', async (t) => {
  const hall = await testHall(t, await testDb(t));
  const running = await hall.start();
  t.teardown(() => running.stop());
  const { recorder } = running;
  const policyHash = await published(running);
  const lodged = lodgement(0, policyHash);
  await accepted(recorder.submit(lodged));
  const { bidId } = lodged.data as { readonly bidId: string };
  const withdrawal = submission('WithdrawBid', 'bidder', { bidId }, 0);
  const { receipt } = await accepted(recorder.submit(withdrawal));
  const partOf = (jws: string | null) => JSON.parse(Buffer.from(jws?.split('.')[1] ?? '', 'base64url').toString());
  const said = partOf(withdrawal.act.act);
  t.match(partOf(receipt), { act: 'withdrawn', bidId, statementSha256: payloadSha256(sha256, said) });
});

t.test(
  'a crowd at once: each is answered from memory as the database would answer it, under shared checkpoints',
  async (t) => {
    const db = await testDb(t);
    const hall = await testHall(t, db);
    const running = await hall.start();
    t.teardown(() => running.stop());
    const { recorder, signer } = running;
    const { details, policy } = createRequest();
    await accepted(recorder.create(createRequest()));
    const asked = Array.from({ length: 30 }, (_, i) =>
      submission('AmendDraft', 'host', { details, policy }, 0, `c-${i}`),
    );
    const answers = await Promise.all(asked.map((each) => accepted(recorder.submit(each))));
    const again = await Promise.all(asked.map((each) => accepted(recorder.submit(each))));
    t.strictSame(again, answers);
    t.ok(new Set(answers.map(({ checkpoint }) => checkpoint)).size < asked.length, 'committed together');
    const logKey = ed25519Verifier(parseVkey(sha256, signer.vkeyOf(ORIGIN, 'opening')), verifyEd25519);
    for (const { entries, proofs, seqs } of answers) {
      const proven = await verifyProof({
        sha256,
        proof: proofs[0] ?? '',
        leaf: leafHash(sha256, utf8(entries[0] ?? '')),
        logKey,
      });
      t.equal(proven.ok && proven.index, seqs[0]);
    }
    t.same(running.faults, []);
  },
);
