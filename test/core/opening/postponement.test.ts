/** Postponement 延期: before the deadline only, to a later one with its place; what was lodged stands, who checked in comes again. */
import { formatInstant } from '../../../server/core/log/instant.ts';
import { nextAlarm } from '../../../server/core/opening/alarms.ts';
import { audit, body, forge } from '../../support/opening-forgery.ts';
import { playTo, reach } from '../../support/opening-phases.ts';
import { bidder, clock, DEADLINE, HOUR, host, MINUTE, type Script, SECOND } from '../../support/opening-script.ts';
import t from '../../support/tap.ts';

const reason = { reason: '澄清招标文件' };
const LATER = DEADLINE + 72 * HOUR;
const later = (at = LATER) => ({ deadlineAt: formatInstant(at), place: '2 号厅' });

/** Postponed in check-in with four bids, bidder 0 checked in, and scheduled anew. */
function rescheduled(): Script {
  return reach('Postponed').go('RescheduleOpening', later(), host);
}
function toRoster(s: Script): Script {
  s.clockTo(LATER - 2 * HOUR).go('OpenCheckIn', {}, clock);
  return s
    .clockTo(LATER)
    .go('Seal', {}, clock)
    .clockTo(LATER + MINUTE)
    .go('PublishRoster', {}, host);
}

t.test('what counts is when the host’s act was received: not at the deadline', async (t) => {
  const s = reach('CheckIn');
  const at = DEADLINE + SECOND;
  t.equal(s.refusal('PostponeOpening', reason, host, { at, receivedAt: DEADLINE }), 'deadline_has_passed');
  t.equal(s.refusal('PostponeOpening', reason, host, { at, receivedAt: DEADLINE - 1 }), undefined);
});

t.test('while it is postponed no alarm is set and no bid is taken, but one may be withdrawn', async (t) => {
  const s = reach('Postponed').clockTo(DEADLINE + HOUR);
  t.equal(nextAlarm(s.state), null);
  t.equal(s.state.checkInOpensAt, null);
  t.same(s.askRegister(0, { type: 'WithdrawBid', data: { bidId: 'bid0000000000000000000' } }), {
    events: [{ type: 'BidWithdrawn', body: { bidId: 'bid0000000000000000000' } }],
  });
  t.same(s.askRegister(0, { type: 'CheckIn', data: {} }), { refused: 'check_in_not_open' });
  t.throws(() => s.lodge(7), /not_open_for_bids/, 'there is no deadline that it could name');
});

t.test('the new deadline is later than the old one and leaves check-in its time', async (t) => {
  const s = reach('Postponed');
  t.equal(s.refusal('RescheduleOpening', later(DEADLINE), host), 'deadline_not_later');
  t.equal(
    s.refusal('RescheduleOpening', { ...later(), deadlineAt: '2026-02-30T00:00:00.000Z' }, host),
    'details_invalid',
  );
  const lead = s.state.policy.checkInLeadMs;
  t.equal(s.refusal('RescheduleOpening', later(), host, { at: LATER - lead }), undefined);
  t.equal(s.refusal('RescheduleOpening', later(), host, { at: LATER - lead + 1 }), 'deadline_too_soon');
});

t.test('scheduled anew: time, place and alarm, and nothing else of the details', async (t) => {
  const before = reach('Postponed').state.details;
  const { state } = rescheduled();
  t.equal(state.phase, 'Scheduled');
  t.same(state.details, { ...before, ...later() });
  t.equal(state.deadlineAt, LATER);
  t.same(nextAlarm(state), { at: LATER - state.policy.checkInLeadMs, command: 'OpenCheckIn' });
});

t.test('a bid lodged before stands under its old statement; a new one names the new deadline', async (t) => {
  const s = rescheduled();
  t.throws(() => s.lodge(5, { deadlineAt: formatInstant(DEADLINE) }), /statement_not_for_this_opening/);
  s.lodge(5);
  toRoster(s);
  t.equal(s.state.bids.length, 5);
});

t.test('who checked in for the old date has to come again', async (t) => {
  const s = rescheduled();
  t.same(s.askRegister(0, { type: 'CheckIn', data: {} }), { refused: 'check_in_not_open' });
  s.clockTo(LATER - 2 * HOUR).go('OpenCheckIn', {}, clock);
  t.same(
    s.registerFacts().roster.map((r) => r.checkedIn),
    [false, false, false, false],
  );
  s.act(0, 'CheckIn', {});
  t.same(s.askRegister(0, { type: 'CheckIn', data: {} }), { repeats: 'CheckedIn' });
  t.same(
    s.registerFacts().roster.map((r) => r.checkedIn),
    [true, false, false, false],
  );
});

t.test('it may be postponed again, and goes on to its end', async (t) => {
  const s = rescheduled().go('PostponeOpening', reason, host);
  t.equal(s.refusal('RescheduleOpening', later(LATER), host), 'deadline_not_later');
  s.go('RescheduleOpening', later(LATER + HOUR), host);
  s.clockTo(LATER - HOUR)
    .go('OpenCheckIn', {}, clock)
    .clockTo(LATER + HOUR)
    .go('Seal', {}, clock);
  s.go('PublishRoster', {}, host).go('OpenWindow', {}, host);
  t.equal(s.state.phase, 'Decrypting');
  t.equal(s.refusal('AcknowledgeChallenge', { kid: s.state.window?.kid ?? '' }, bidder(1)), undefined);
  t.same(audit(s.lines).problems, []);
});

t.test('the register acts on as before; nothing on the log tells how many stand', async (t) => {
  const s = rescheduled();
  t.same(
    s.lines.slice(-2).map((l) => Object.keys(l.entry.body)),
    [
      ['deadlineAt', 'reason'],
      ['deadlineAt', 'place', 'checkInOpensAt'],
    ],
  );
});

t.test(
  'an audit finds a postponement after the deadline, and a date that is not later or leaves no time',
  async (t) => {
    const { lines } = toRoster(rescheduled());
    t.same(audit(lines).problems, []);
    const late = ({ entry }: { entry: (typeof lines)[number]['entry'] }) => ({
      entry: { ...entry, receivedAt: formatInstant(DEADLINE) },
    });
    t.same(forge('OpeningPostponed', late, 0, lines), ['step_not_lawful']);
    t.ok(
      forge('OpeningPostponed', body({ deadlineAt: formatInstant(LATER) }), 0, lines).includes('event_does_not_fit'),
    );
    t.ok(
      forge('OpeningRescheduled', body({ deadlineAt: formatInstant(DEADLINE) }), 0, lines).includes('step_not_lawful'),
    );
    t.ok(
      forge('OpeningRescheduled', body({ checkInOpensAt: formatInstant(LATER) }), 0, lines).includes('step_not_lawful'),
    );
  },
);

t.test('not once it is sealed', async (t) => {
  t.equal(playTo(reach('CheckIn'), 'Sealed').refusal('PostponeOpening', reason, host), 'too_late');
});
