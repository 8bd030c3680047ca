/** Chat, notices and the witness's points through the real recorder: nothing of a bidder before the roster, everything after it on the log. */
import { readDisclosure } from '../../server/core/log/disclosure.ts';
import { testDb } from '../support/database.ts';
import { ORIGIN } from '../support/opening-people.ts';
import {
  accepted,
  BIDDERS,
  createRequest,
  decryption,
  MINUTE,
  openWindow,
  stateOf,
  submission,
  testHall,
  until,
} from '../support/recorder.ts';
import { problemsOf } from '../support/recorder-audit.ts';
import t from '../support/tap.ts';

const sizeOf = async (db: Awaited<ReturnType<typeof testDb>>): Promise<number> =>
  (await db.sql`SELECT 1 FROM entries WHERE origin = ${ORIGIN}`).length;

t.test('before the roster: the host alone on the log, a bidder’s word on the register', async (t) => {
  const db = await testDb(t);
  const hall = await testHall(t, db);
  const running = await hall.start();
  t.teardown(() => running.stop());
  const { recorder } = running;
  await accepted(recorder.create(createRequest()));
  await accepted(recorder.submit(submission('PublishOpening', 'host', {})));
  await accepted(recorder.submit(submission('GiveNotice', 'host', { text: '答疑已发布' })));
  const size = await sizeOf(db);
  const say = { text: '有人吗', to: 'all' };
  t.match(await recorder.submit(submission('Say', 'bidder', say, 0)), { code: 'too_early' });
  t.match(await recorder.submit(submission('AcknowledgeNotice', 'bidder', { notice: 1 }, 0)), { code: 'too_early' });
  const word = await accepted(recorder.submit(submission('AcknowledgeEarlyNotice', 'bidder', { notice: 1 }, 0)));
  t.ok(word.receipt);
  t.equal(await sizeOf(db), size, 'nothing came of it on the log');
  t.match(await recorder.submit(submission('AcknowledgeEarlyNotice', 'bidder', { notice: 1 }, 0)), {
    code: 'already_acknowledged',
  });
  t.match(await recorder.submit(submission('AcknowledgeEarlyNotice', 'bidder', { notice: 2 }, 0)), {
    code: 'no_such_notice',
  });
  await running.stop();
  const after = await hall.start();
  t.teardown(() => after.stop());
  const kept = await after.recorder.keptOf((await stateOf(after)).openingId);
  t.same(
    [...(kept?.register.bidders.values() ?? [])].map((b) => b.notices),
    [[1]],
    'and a restart knows it',
  );
  t.same([...running.faults, ...after.faults], []);
});

t.test('from the roster on: said, muted, acknowledged, and the close waits for the witness', async (t) => {
  const db = await testDb(t);
  const hall = await testHall(t, db);
  const running = await hall.start();
  t.teardown(() => running.stop());
  const { recorder } = running;
  const policy = { witnessPoints: ['seal', 'record'] as ('seal' | 'record')[] };
  await openWindow(hall, running, policy);
  const text = '<100> 元是否含税？\n"引号" & \u4e00\u{1f4c4}';
  await accepted(recorder.submit(submission('Say', 'bidder', { text, to: 'all' }, 0)));
  await accepted(recorder.submit(submission('Say', 'bidder', { text, to: 'host' }, 1)));
  const { roster, numbers } = await stateOf(running);
  if (!roster.known || !numbers.known) throw new Error('no roster');
  const first = numbers.value[0] ?? 0;
  await accepted(recorder.submit(submission('Say', 'host', { text: '见招标文件', to: first })));
  await accepted(recorder.submit(submission('Mute', 'host', { bidder: first, reason: '扰乱秩序' })));
  t.match(await recorder.submit(submission('Say', 'bidder', { text, to: 'all' }, 0)), { code: 'you_are_muted' });
  await accepted(recorder.submit(submission('Unmute', 'host', { bidder: first })));
  const apart = { ...submission('Say', 'bidder', { text, to: 'all' }, 0), data: { text: 'e\u0301', to: 'all' } };
  t.match(await recorder.submit(apart), { code: 'details_invalid' }, 'text has one normal form');
  const texts = await db.sql<{ disclosure: string }[]>`
    SELECT disclosure FROM disclosures WHERE origin = ${ORIGIN} AND field = 'text' ORDER BY seq`;
  t.same(
    texts.slice(-3, -1).map(({ disclosure }) => readDisclosure(disclosure).value),
    [text, text],
    'verbatim',
  );
  for (const [role, index] of [
    ['bidder', 0],
    ['witness', 0],
  ] as const)
    await accepted(recorder.submit(submission('AcknowledgeNotice', role, { notice: 1 }, index)));
  t.same((await stateOf(running)).notices[0]?.acknowledgedBy, [first, 'witness']);

  for (const index of BIDDERS) await accepted(recorder.submit(decryption(index)));
  await until(async () => (await stateOf(running)).bids.every((b) => b.attempts[0]?.outcome === 'decrypted'));
  await accepted(recorder.submit(submission('EndWindowEarly', 'host', {})));
  await accepted(recorder.submit(submission('AnnouncePrices', 'host', {})));
  await accepted(recorder.submit(submission('IssueRecord', 'host', { note: '' })));
  await hall.pass(MINUTE);
  await until(async () => (await stateOf(running)).record?.timedOut === true);
  const correction = { kind: 'record_text', member: 'place', text: '开标三室' };
  await accepted(recorder.submit(submission('CorrectEmergency', 'witness', { correction, reason: '厅号写错' })));
  t.match(await recorder.submit(submission('ConfirmCorrection', 'witness', { number: 1 })), {
    code: 'second_person_needed',
  });
  await accepted(recorder.submit(submission('ConfirmCorrection', 'supervisor', { number: 1 })));
  await accepted(recorder.submit(submission('IssueRecord', 'host', { note: '更正厅号' })));
  await hall.pass(MINUTE);
  await until(async () => (await stateOf(running)).record?.timedOut === true);
  t.match((await stateOf(running)).record, { version: 2, document: { value: { place: '开标三室' } } });
  t.match(await recorder.submit(submission('ProposeClose', 'host', {})), { code: 'points_unacknowledged' });
  for (const point of policy.witnessPoints)
    await accepted(recorder.submit(submission('AcknowledgePoint', 'witness', { point, note: '' })));
  await accepted(recorder.submit(submission('ProposeClose', 'host', {})));
  t.same(await problemsOf(db.sql), []);
  t.same(running.faults, []);
});
