/** Early objections through the real recorder: silent before the roster, entered with it or with the end, answered, disputed by who raised them. */

import type { Sql } from '../../server/store/driver.ts';
import { testDb } from '../support/database.ts';
import { ORIGIN } from '../support/opening-people.ts';
import {
  accepted,
  createRequest,
  DEADLINE,
  type Hall,
  lodgement,
  MINUTE,
  type RunningRecorder,
  stateOf,
  submission,
  testHall,
  until,
} from '../support/recorder.ts';
import { problemsOf } from '../support/recorder-audit.ts';
import t from '../support/tap.ts';

const OUTSIDER = 7;
const object = (index: number) => submission('RaiseEarlyObjection', 'bidder', { text: `异议 ${index}` }, index);
const answer = (objection: number) => submission('AnswerObjection', 'host', { objection, text: '答复' });
const dispute = (objection: number, index: number) =>
  submission('DisputeAnswer', 'bidder', { objection, reason: '不服' }, index);

async function inCheckIn(hall: Hall, running: RunningRecorder, bidders: readonly number[]): Promise<void> {
  const { recorder } = running;
  await accepted(recorder.create(createRequest()));
  await accepted(recorder.submit(submission('PublishOpening', 'host', {})));
  const { policyHash } = await stateOf(running);
  for (const index of bidders) await accepted(recorder.submit(lodgement(index, policyHash)));
  await hall.pass(3 * MINUTE);
  await until(async () => (await stateOf(running)).phase === 'CheckIn');
}

async function toPhase(hall: Hall, running: RunningRecorder, phase: string): Promise<void> {
  await hall.pass(DEADLINE - hall.world.now());
  await until(async () => (await stateOf(running)).phase === phase);
}

const sizeOf = async (sql: Sql): Promise<number> => (await sql`SELECT 1 FROM entries WHERE origin = ${ORIGIN}`).length;

t.test('with the roster, after a restart, under a number and without one', async (t) => {
  const db = await testDb(t);
  const hall = await testHall(t, db);
  const before = await hall.start();
  await inCheckIn(hall, before, [0, 1, 2]);
  const silent = await sizeOf(db.sql);
  const raised = await accepted(before.recorder.submit(object(OUTSIDER)));
  t.ok(raised.receipt, 'the objector has a receipt at once');
  t.same(raised.seqs, []);
  await hall.pass(1_000);
  await accepted(before.recorder.submit(object(1)));
  t.equal(await sizeOf(db.sql), silent, 'and nothing stands on the log');
  await toPhase(hall, before, 'Sealed');
  await accepted(before.recorder.submit(submission('PublishRoster', 'host', {})));
  await before.stop();

  const after = await hall.start();
  t.teardown(() => after.stop());
  const { objections, bids } = await stateOf(after);
  t.equal(bids.length, 3);
  t.same(
    objections.map((o) => o.bidder === null),
    [true, false],
  );
  t.match(await after.recorder.submit(dispute(1, OUTSIDER)), { code: 'objection_not_answered' });
  await accepted(after.recorder.submit(answer(1)));
  t.match(await after.recorder.submit(dispute(1, 8)), { code: 'not_your_objection' });
  t.match(await after.recorder.submit(dispute(1, 1)), { code: 'not_your_objection' });
  await accepted(after.recorder.submit(dispute(1, OUTSIDER)));
  t.equal((await stateOf(after)).objections[0]?.status, 'disputed');
  t.same(await problemsOf(db.sql), []);
  t.same([...before.faults, ...after.faults], []);
});

t.test('a tender that fails: entered at the deadline by the clock, answered, and only then archived', async (t) => {
  const db = await testDb(t);
  const hall = await testHall(t, db);
  const running = await hall.start();
  t.teardown(() => running.stop());
  await inCheckIn(hall, running, []);
  await accepted(running.recorder.submit(object(OUTSIDER)));
  await toPhase(hall, running, 'Failed');
  const { objections } = await stateOf(running);
  t.match(objections, [{ bidder: null, status: 'open', text: { known: true, value: `异议 ${OUTSIDER}` } }]);
  await hall.pass(2 * MINUTE);
  t.equal((await stateOf(running)).phase, 'Failed', 'an answer is owed');
  await accepted(running.recorder.submit(answer(1)));
  await accepted(running.recorder.submit(dispute(1, OUTSIDER)));
  await hall.pass(MINUTE);
  await until(async () => (await stateOf(running)).phase === 'Archived');
  t.same(await problemsOf(db.sql), []);
  t.same(running.faults, []);
});

t.test('terminated by order before the deadline: entered behind the order', async (t) => {
  const db = await testDb(t);
  const hall = await testHall(t, db);
  const running = await hall.start();
  t.teardown(() => running.stop());
  await inCheckIn(hall, running, [0]);
  await accepted(running.recorder.submit(object(0)));
  const { seqs } = await accepted(
    running.recorder.submit(submission('OrderAbort', 'supervisor', { reason: '责令终止' })),
  );
  t.equal(seqs.length, 2);
  t.match(await stateOf(running), { phase: 'Aborted', objections: [{ bidder: null }] });
  await accepted(running.recorder.submit(answer(1)));
  t.match(await running.recorder.submit(dispute(1, 1)), { code: 'not_your_objection' });
  await accepted(running.recorder.submit(dispute(1, 0)));
  t.same(await problemsOf(db.sql), []);
  t.same(running.faults, []);
});
