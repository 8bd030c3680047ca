/** Objections 异议: raised by a bidder, answered at once by those who conduct, disputed on the record (条例44, 60). */
import { formatInstant } from '../../../server/core/log/instant.ts';
import { COMPLAINT_MS, MAX_OBJECTIONS_PER_BIDDER } from '../../../server/core/opening/steps/objection.ts';
import { object, reach } from '../../support/opening-phases.ts';
import { bidder, host, MINUTE, SECOND, tenderer, witness } from '../../support/opening-script.ts';
import t from '../../support/tap.ts';

const text = '<100> 的报价 & "引号" 应当原样保存';

t.test('the text is kept as it was written', async (t) => {
  const s = reach('Announcing').go('RaiseObjection', { text }, bidder(1));
  t.same(s.state.objections[0]?.text, { known: true, value: text });
  t.same(s.lines.at(-1)?.event.body, { objection: 1, bidder: 1 }, 'none of it in clear');
});

t.test('raised when it was received', async (t) => {
  const s = reach('Announcing');
  s.go('RaiseObjection', { text }, bidder(1), { at: s.now + MINUTE, receivedAt: s.now + SECOND });
  t.equal(s.state.objections[0]?.raisedAt, s.now - MINUTE + SECOND);
});

t.test('only one who bids may object, and not without end', async (t) => {
  const s = reach('RosterPublished');
  t.equal(s.refusal('RaiseObjection', { text }, { role: 'bidder' }), 'no_such_bidder');
  t.equal(s.refusal('RaiseObjection', { text }, bidder(5)), 'no_such_bidder');
  t.equal(s.refusal('RaiseObjection', { text }, witness), 'role_not_allowed');
  for (let i = 0; i < MAX_OBJECTIONS_PER_BIDDER; i++) object(s, 1);
  t.equal(s.refusal('RaiseObjection', { text }, bidder(1)), 'too_many_objections');
  t.equal(s.refusal('RaiseObjection', { text }, bidder(2)), undefined);
});

t.test('answered once, by host or tenderer', async (t) => {
  const s = object(object(reach('RosterPublished'), 1), 2);
  t.equal(s.refusal('AnswerObjection', { objection: 3, text }, host), 'no_such_objection');
  t.equal(s.refusal('AnswerObjection', { objection: 1, text }, witness), 'role_not_allowed');
  s.go('AnswerObjection', { objection: 1, text }, host).go('AnswerObjection', { objection: 2, text }, tenderer);
  t.equal(s.refusal('AnswerObjection', { objection: 1, text }, host), 'objection_not_open');
  t.same(
    s.state.objections.map((o) => o.status),
    ['answered', 'answered'],
  );
  t.same(s.state.objections[1]?.answer, { known: true, value: text });
});

t.test('disputed by its own bidder after the answer, and the complaint clock starts', async (t) => {
  const s = object(reach('RosterPublished'), 1);
  const dispute = { objection: 1, reason: '不服' };
  t.equal(s.refusal('DisputeAnswer', dispute, bidder(1)), 'objection_not_answered');
  const answeredAt = s.now + MINUTE;
  s.go('AnswerObjection', { objection: 1, text }, host, { at: answeredAt });
  t.equal(s.refusal('DisputeAnswer', dispute, bidder(2)), 'not_your_objection');
  t.equal(s.refusal('DisputeAnswer', { ...dispute, objection: 2 }, bidder(1)), 'no_such_objection');
  s.go('DisputeAnswer', dispute, bidder(1), { at: answeredAt + MINUTE });
  t.match(
    s.lines.at(-1)?.event.body,
    { complainBy: formatInstant(answeredAt + COMPLAINT_MS) },
    'ten days from the answer (条例60)',
  );
  t.equal(s.refusal('DisputeAnswer', dispute, bidder(1)), 'objection_not_open', 'once');
  t.equal(s.state.objections[0]?.status, 'disputed');
});

t.test('what is disputed stays on the record and does not hold up Closed', async (t) => {
  const s = object(reach('Announcing'), 1, true).go('DisputeAnswer', { objection: 1, reason: '不服' }, bidder(1));
  s.go('IssueRecord', { note: '' }, host);
  const record = s.lines.at(-1)?.disclosed['record'] as { objections: unknown[] };
  t.match(record.objections, [{ objection: 1, bidder: 1, status: 'disputed' }]);
  t.equal(s.refusal('ProposeClose', {}, host), 'confirmations_running');
});
