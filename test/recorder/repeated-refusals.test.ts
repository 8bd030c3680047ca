/** Refused acts that are repeated: decided a few times, then counted for a second, received again once anything changed, and kept as one row. */

import {
  createRepeatedRefusals,
  GATHER_MS,
  REPEAT_MS,
  REPEATED_LIMIT,
  TIMES_DECIDED,
} from '../../server/recorder/repeated-refusals.ts';
import type { Submission } from '../../server/recorder/submission.ts';
import { testDb } from '../support/database.ts';
import {
  accepted,
  createRequest,
  MINUTE,
  type RunningRecorder,
  stateOf,
  submission,
  testHall,
  until,
} from '../support/recorder.ts';
import t from '../support/tap.ts';
import { steppedWorld } from '../support/world.ts';

const digest = new Uint8Array(32).fill(7);
const other = new Uint8Array(32).fill(8);

async function bench(t: Parameters<typeof testDb>[0]) {
  const { sql } = await testDb(t);
  const world = steppedWorld();
  const faults: unknown[] = [];
  const refusals = createRepeatedRefusals({ sql, world, onFault: (error) => faults.push(error) });
  const rows = async () => [
    ...(await sql`SELECT opening_id, account, type, code, count, last_at - first_at AS ms FROM repeated_refusals ORDER BY id`),
  ];
  return { sql, world, faults, refusals, rows };
}

const said = submission('Say', 'bidder', { text: '甲', to: 'all' });

t.test('decided three times, then counted for a second, then decided again', async (t) => {
  const { refusals, world } = await bench(t);
  for (let n = 0; n < TIMES_DECIDED; n++) {
    t.equal(refusals.again(said, digest), null, `the ${n + 1}. is decided`);
    refusals.note(said, digest, 'you_are_muted');
  }
  t.equal(refusals.again(said, digest), 'you_are_muted');
  t.equal(refusals.again(said, other), null, 'other data is another act');
  t.equal(refusals.again({ ...said, type: 'RaiseObjection' }, digest), null);
  t.equal(refusals.again({ ...said, role: 'host' }, digest), null);
  t.equal(refusals.again({ ...said, openingId: 'another-opening' }, digest), null);
  const somebody = { ...said.who, account: 'somebody else' };
  t.equal(refusals.again({ ...said, who: somebody }, digest), null, 'nobody answers for another');
  world.advance(REPEAT_MS - 1);
  t.equal(refusals.again(said, digest), 'you_are_muted');
  world.advance(1);
  t.equal(refusals.again(said, digest), null);
  refusals.note(said, digest, 'you_are_muted');
  t.equal(refusals.again(said, digest), 'you_are_muted', 'for another second');
  await refusals.close();
});

t.test('once the opening has changed, or the refusal has, it is decided again', async (t) => {
  const { refusals } = await bench(t);
  for (let n = 0; n < TIMES_DECIDED; n++) refusals.note(said, digest, 'you_are_muted');
  refusals.changed('another-opening');
  t.equal(refusals.again(said, digest), 'you_are_muted');
  refusals.changed(said.openingId);
  t.equal(refusals.again(said, digest), null);
  refusals.note(said, digest, 'you_are_muted');
  t.equal(refusals.again(said, digest), 'you_are_muted', 'decided once more, it is counted again');
  refusals.changed(said.openingId);
  refusals.note(said, digest, 'too_late');
  t.equal(refusals.again(said, digest), null, 'a new refusal begins anew');
  await refusals.close();
});

t.test('what may pass without an entry is decided each time', async (t) => {
  const { refusals, rows } = await bench(t);
  for (let n = 0; n < 10; n++) {
    t.equal(refusals.again(said, digest), null);
    refusals.note(said, digest, 'could_not_be_decided');
  }
  await refusals.close();
  t.strictSame(await rows(), []);
});

t.test('repetitions become one row, with their count and their first and last instant', async (t) => {
  const { refusals, world, rows, faults } = await bench(t);
  const { openingId, who, type } = said;
  const row = { opening_id: openingId, account: who.account, type, code: 'you_are_muted' };
  for (let n = 0; n < TIMES_DECIDED; n++) refusals.note(said, digest, 'you_are_muted');
  world.advance(400);
  for (let n = 0; n < 500; n++) refusals.again(said, digest);
  refusals.note(said, other, 'you_are_muted');
  world.advance(GATHER_MS - 401);
  t.strictSame(await rows(), [], 'gathered for a while');
  world.advance(1);
  await until(async () => (await rows()).length > 0);
  t.strictSame(await rows(), [{ ...row, count: 500 + TIMES_DECIDED, ms: 400 }], 'and nothing of what was all received');
  for (let n = 0; n < TIMES_DECIDED; n++) refusals.note(said, digest, 'you_are_muted');
  refusals.again(said, digest);
  await refusals.close();
  t.strictSame((await rows()).at(-1), { ...row, count: TIMES_DECIDED + 1, ms: 0 }, 'the rest when it closes');
  t.equal(world.alarms(), 0);
  t.strictSame(faults, []);
});

t.test('memory is bounded: beyond the limit acts are received like any', async (t) => {
  const { refusals, world } = await bench(t);
  const nth = (n: number): Submission => ({ ...said, who: { ...said.who, account: `a${n}` } });
  for (let n = 0; n < REPEATED_LIMIT + 1; n++)
    for (let times = 0; times < TIMES_DECIDED; times++) refusals.note(nth(n), digest, 'you_are_muted');
  t.equal(refusals.again(nth(REPEATED_LIMIT - 1), digest), 'you_are_muted');
  t.equal(refusals.again(nth(REPEATED_LIMIT), digest), null);
  world.advance(REPEAT_MS);
  for (let times = 0; times < TIMES_DECIDED; times++) refusals.note(nth(REPEATED_LIMIT), digest, 'you_are_muted');
  t.equal(refusals.again(nth(REPEATED_LIMIT), digest), 'you_are_muted', 'those that are over make room');
  await refusals.close();
});

t.test('a row that cannot be written is told, and holds nothing up', async (t) => {
  const { refusals, sql, faults } = await bench(t);
  for (let n = 0; n < TIMES_DECIDED; n++) refusals.note({ ...said, type: 'Sa\0y' }, digest, 'you_are_muted');
  refusals.again({ ...said, type: 'Sa\0y' }, digest);
  await refusals.close();
  t.equal(faults.length, 1);
  t.strictSame([...(await sql`SELECT 1 FROM repeated_refusals`)], []);
});

t.test(
  'in the recorder: a hundred refused check-ins are three rows of the intake, and the first after it opened counts',
  async (t) => {
    const hall = await testHall(t, await testDb(t));
    const running: RunningRecorder = await hall.start();
    await accepted(running.recorder.create(createRequest()));
    await accepted(running.recorder.submit(submission('PublishOpening', 'host', {})));
    const checkIn = (command?: string) => running.recorder.submit(submission('CheckIn', 'bidder', {}, 0, command));
    for (let n = 0; n < 100; n++) {
      const code = n < TIMES_DECIDED ? 'check_in_not_open' : 'refused_just_now';
      t.match(await checkIn(), { outcome: 'refused', code });
    }
    t.match(await checkIn('not-received'), { outcome: 'refused', code: 'refused_just_now' });
    const received = await hall.db.sql`SELECT 1 FROM intake WHERE kind = 'CheckIn'`;
    t.equal(received.length, TIMES_DECIDED);
    await hall.pass(3 * MINUTE);
    await until(async () => (await stateOf(running)).phase === 'CheckIn');
    t.match(await checkIn('not-received'), { outcome: 'accepted' }, 'its id was not answered for good');
    const opened = submission('OpenWindow', 'host', {});
    for (let n = 0; n < 10; n++)
      t.match(await running.recorder.submit(opened), { outcome: 'refused', code: 'too_early' });
    const rows = await hall.db.sql`SELECT 1 FROM intake WHERE kind = 'OpenWindow'`;
    t.equal(rows.length, TIMES_DECIDED, 'nor does one id fill it');
    const [row] = await hall.db.sql`SELECT type, code, count FROM repeated_refusals`;
    t.strictSame(row, { type: 'CheckIn', code: 'check_in_not_open', count: 101 });
  },
);

t.test(
  'in the recorder: an id that was accepted keeps its answer, whatever its repetitions under other ids were told',
  async (t) => {
    const hall = await testHall(t, await testDb(t));
    const { recorder } = await hall.start();
    await accepted(recorder.create(createRequest()));
    const publish = (command?: string) => recorder.submit(submission('PublishOpening', 'host', {}, 0, command));
    const first = await accepted(publish('the-first'));
    for (let n = 0; n < 10; n++) {
      const code = n < TIMES_DECIDED ? 'too_late' : 'refused_just_now';
      t.match(await publish(), { outcome: 'refused', code });
    }
    t.match(await publish('the-first'), { outcome: 'accepted', seqs: first.seqs, entries: first.entries });
  },
);
