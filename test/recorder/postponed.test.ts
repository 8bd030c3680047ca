/** A postponed opening through the real recorder: no alarm of the old deadline, the register kept, a bid revoked, a review meeting, the end. */
import { parseEntry } from '../../server/core/log/entry.ts';
import { formatInstant } from '../../server/core/log/instant.ts';
import { COSIGNED_WAIT_MS } from '../../server/core/opening/cosigners.ts';
import { testDb } from '../support/database.ts';
import { OPENING_ID, ORIGIN } from '../support/opening-people.ts';
import {
  accepted,
  createRequest,
  DEADLINE,
  decryption,
  lodgement,
  MINUTE,
  stateOf,
  submission,
  testHall,
  until,
} from '../support/recorder.ts';
import { problemsOf } from '../support/recorder-audit.ts';
import t from '../support/tap.ts';

const reason = { reason: '澄清招标文件' };
const LATER = DEADLINE + 20 * MINUTE;
const later = { deadlineAt: formatInstant(LATER), place: '开标二室' };

t.test('postponed over its old deadline and a restart, then played to its end', async (t) => {
  const db = await testDb(t);
  // its one cosigner is gone for good
  const cosigning = { cosigners: { quorum: 1, vkeys: ['gone'] }, isCosigned: async () => false };
  const hall = await testHall(t, db, { cosigning });
  const before = await hall.start();
  await accepted(before.recorder.create(createRequest()));
  await accepted(before.recorder.submit(submission('PublishOpening', 'host', {})));
  const { policyHash } = await stateOf(before);
  for (const index of [0, 1, 2]) await accepted(before.recorder.submit(lodgement(index, policyHash)));
  await hall.pass(3 * MINUTE);
  await until(async () => (await stateOf(before)).phase === 'CheckIn');
  await accepted(before.recorder.submit(submission('CheckIn', 'bidder', {}, 0)));
  await accepted(before.recorder.submit(submission('PostponeOpening', 'host', reason)));
  t.match(await before.recorder.submit(lodgement(4, policyHash)), { code: 'not_open_for_bids' });
  await hall.pass(10 * MINUTE);
  t.equal((await stateOf(before)).phase, 'Postponed', 'the old deadline has passed and nothing was sealed');
  await before.stop();

  const after = await hall.start();
  t.teardown(() => after.stop());
  const { recorder } = after;
  await accepted(recorder.submit(submission('WithdrawBid', 'bidder', { bidId: 'bid0000000000000000002' }, 2)));
  await accepted(recorder.submit(submission('RescheduleOpening', 'host', later)));
  const [row] = await db.sql<{ deadlineAt: number; openingAt: number }[]>`
    SELECT deadline_at AS "deadlineAt", opening_at AS "openingAt" FROM openings WHERE id = ${OPENING_ID}`;
  t.same(row, { deadlineAt: LATER, openingAt: LATER }, 'deadline and opening time are one');
  t.match(await recorder.submit(lodgement(3, policyHash)), { code: 'statement_not_for_this_opening' });
  await accepted(recorder.submit(lodgement(3, policyHash, { deadlineAt: later.deadlineAt })));
  await hall.pass(LATER - 2 * MINUTE - hall.world.now());
  await until(async () => (await stateOf(after)).phase === 'CheckIn');
  const again = await accepted(recorder.submit(submission('CheckIn', 'bidder', {}, 0)));
  t.ok(again.receipt, 'a receipt of this day, not of the one that was postponed');
  await hall.pass(LATER - hall.world.now());
  await until(async () => (await stateOf(after)).phase === 'Sealed');
  await accepted(recorder.submit(submission('PublishRoster', 'host', {})));
  const { roster, numbers } = await stateOf(after);
  if (!roster.known || !numbers.known) throw new Error('no roster');
  t.same(
    roster.value.map((r) => r.checkedIn),
    [true, false, false],
    'two of the old deadline, one of the new',
  );

  await accepted(recorder.submit(submission('OpenWindow', 'host', {})));
  await accepted(recorder.submit(submission('RevokeBid', 'bidder', reason, 1)));
  t.match(await recorder.submit(decryption(1)), { code: 'bid_was_revoked' });
  for (const index of [0, 3]) await accepted(recorder.submit(decryption(index)));
  await until(async () => (await stateOf(after)).bids.every((b) => b.attempts[0]?.outcome !== 'undecided'));
  await accepted(recorder.submit(submission('EndWindowEarly', 'host', {})));
  await accepted(recorder.submit(submission('AnnouncePrices', 'host', {})));
  await accepted(recorder.submit(submission('IssueRecord', 'host', { note: '' })));
  const { record } = await stateOf(after);
  const signed = { version: 1, recordSha256: record?.sha256 ?? '' };
  await hall.pass(MINUTE);
  await until(async () => (await stateOf(after)).record?.timedOut === true);
  for (const [closing, role, data] of [
    ['ProposeClose', 'host', {}],
    ['AttestClose', 'witness', signed],
  ] as const) {
    let isDone = false;
    const done = accepted(recorder.submit(submission(closing, role, data))).finally(() => {
      isDone = true;
    });
    await hall.pass(COSIGNED_WAIT_MS / 2);
    t.equal(isDone, false, `${closing} waits for the cosigner`);
    await hall.pass(COSIGNED_WAIT_MS / 2);
    await done;
  }
  const [closed] = await db.sql<{ bytes: Uint8Array }[]>`
    SELECT bytes FROM entries WHERE origin = ${ORIGIN} ORDER BY seq DESC LIMIT 1`;
  t.match(parseEntry(closed?.bytes ?? new Uint8Array()), { type: 'OpeningClosed', body: { uncosigned: true } });
  await accepted(recorder.submit(submission('OpenReview', 'host', { reason: '公布评审结果' })));
  await accepted(recorder.submit(submission('HandOver', 'host', {})));
  await hall.pass(MINUTE);
  await until(async () => (await stateOf(after)).phase === 'Archived');
  t.same(await problemsOf(db.sql), []);
  t.same([...before.faults, ...after.faults], []);
});

t.test('a postponement received before the deadline counts, though it is decided after it', async (t) => {
  const db = await testDb(t);
  const hall = await testHall(t, db);
  const before = await hall.start();
  await accepted(before.recorder.create(createRequest()));
  await accepted(before.recorder.submit(submission('PublishOpening', 'host', {})));
  await hall.pass(DEADLINE - 1_000 - hall.world.now());
  await until(async () => (await stateOf(before)).phase === 'CheckIn');
  await before.stop();
  const left = submission('PostponeOpening', 'host', reason);
  await db.sql`INSERT INTO intake ${db.sql({
    opening_id: OPENING_ID,
    received_at: DEADLINE - 1,
    kind: left.type,
    content: Buffer.from(JSON.stringify(left)),
  })}`;
  hall.world.advance(3_000);
  const after = await hall.start();
  t.teardown(() => after.stop());
  await until(async () => (await stateOf(after)).phase === 'Postponed');
  t.same(await problemsOf(db.sql), []);
  t.same(after.faults, []);
});
