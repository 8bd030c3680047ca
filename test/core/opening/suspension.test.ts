/** Suspension freezes what runs to the exact millisecond, for everyone alike; an outage is dated from the last heartbeat; ends need two or a supervisor. */
import { formatInstant } from '../../../server/core/log/instant.ts';
import { nextAlarm, runningUntil } from '../../../server/core/opening/alarms.ts';
import { audit, body, forge } from '../../support/opening-forgery.ts';
import { digest } from '../../support/opening-people.ts';
import { BUILT, object, reach, recordNow, suspend, WINDOW_AT } from '../../support/opening-phases.ts';
import {
  bidder,
  clock,
  DEADLINE,
  HOUR,
  host,
  MINUTE,
  openingScript,
  type Script,
  SECOND,
  supervisor,
  tenderer,
  witness,
} from '../../support/opening-script.ts';
import t from '../../support/tap.ts';

const reason = { reason: '停电' };
const jwe = { jweSha256: digest('jwe') };
const resume = (s: Script, afterMs: number, actor = host): Script =>
  s.go('ResumeOpening', reason, actor, { at: s.now + afterMs });

t.test('the window keeps its exact remainder', async (t) => {
  const s = reach('Decrypting').clockTo(WINDOW_AT + 12 * MINUTE + 345);
  const closesAt = s.state.window?.closesAt ?? 0;
  suspend(s);
  t.equal(s.refusal('DecryptBid', jwe, bidder(1)), 'opening_is_suspended');
  t.equal(s.refusal('ExtendWindow', { extraMs: MINUTE, reason: '久' }, host), 'opening_is_suspended');
  t.equal(s.refusal('CloseWindow', {}, clock, { at: closesAt }), 'opening_is_suspended');
  resume(s, 7 * MINUTE + 891);
  t.equal(s.state.window?.closesAt, closesAt + 7 * MINUTE + 891);
  t.same(s.lines.at(-1)?.event.body, {
    since: formatInstant(WINDOW_AT + 12 * MINUTE + 345),
    frozenMs: 7 * MINUTE + 891,
  });
  t.equal(s.state.window?.outageMs, 0, 'a suspension by people is no outage');
});

t.test('a window that had run out before the suspension is not revived', async (t) => {
  const s = reach('Decrypting');
  const closesAt = s.state.window?.closesAt ?? 0;
  s.clockTo(closesAt);
  t.equal(resume(suspend(s), MINUTE).state.window?.closesAt, closesAt);
  const running = reach('Decrypting').clockTo(closesAt - 1);
  t.equal(resume(suspend(running), MINUTE).state.window?.closesAt, closesAt + MINUTE, '1 ms was left');
});

t.test('received before the platform went away and decided after: frozen from when it was received', async (t) => {
  const s = reach('RecordConfirm');
  const { confirmBy = 0 } = s.state.record ?? {};
  const receivedAt = confirmBy - 2 * SECOND;
  s.go('SuspendOpening', reason, host, { receivedAt, at: confirmBy + 3 * SECOND });
  t.equal(s.state.suspended?.since, receivedAt);
  resume(s, MINUTE);
  const frozenMs = 5 * SECOND + MINUTE;
  t.equal(s.state.record?.confirmBy, confirmBy + frozenMs, 'the end that fell into the gap is moved like any other');
  t.equal(s.refusal('TimeOutConfirmations', {}, clock, { at: confirmBy + frozenMs - 1 }), 'before_its_time');
  t.same(audit(s.lines).problems, []);
  const since = formatInstant(receivedAt - 1);
  t.ok(forge('OpeningSuspended', body({ since }), 0, s.lines).includes('step_not_lawful'), 'and no earlier than that');
});

t.test('the time to confirm is frozen as well, a closed window is not touched', async (t) => {
  const s = reach('RecordConfirm');
  const { confirmBy = 0 } = s.state.record ?? {};
  const window = s.state.window;
  suspend(s.clockTo(confirmBy - 1));
  t.equal(s.refusal('SignRecord', recordNow(s), bidder(1)), 'opening_is_suspended');
  resume(s, 3 * MINUTE);
  t.equal(s.state.record?.confirmBy, confirmBy + 3 * MINUTE);
  t.same(s.state.window, window);
  t.same(nextAlarm(s.state), { at: confirmBy + 3 * MINUTE, command: 'TimeOutConfirmations' });
});

t.test('objections and the ways out stay open', async (t) => {
  const s = suspend(reach('RosterPublished'));
  object(s, 1, true).go('DisputeAnswer', { objection: 1, reason: '不服' }, bidder(1));
  t.equal(s.refusal('OrderAbort', reason, supervisor), undefined);
  t.equal(s.refusal('OpenWindow', {}, host), 'opening_is_suspended');
  t.equal(s.refusal('SuspendOpening', reason, supervisor), 'opening_is_suspended');
});

t.test('what a supervisor ordered only a supervisor ends', async (t) => {
  const s = suspend(reach('Decrypting'), supervisor);
  t.equal(s.refusal('ResumeOpening', reason, host), 'suspended_by_supervisor');
  t.equal(nextAlarm(s.state), null, 'without limit');
  t.equal(s.refusal('EndSuspension', {}, clock, { at: s.now + 365 * 24 * HOUR }), 'before_its_time');
  t.equal(resume(s, 10 * HOUR, supervisor).state.suspended, null);
  t.equal(s.state.suspendedByHostMs, 0, 'and it does not count against the host');
  t.equal(resume(suspend(s, host), MINUTE, supervisor).state.suspended, null, 'a supervisor may end the host’s');
});

t.test('the host’s suspensions together stay within the policy', async (t) => {
  const s = reach('Decrypting', { policy: { maxSuspensionMs: 10 * MINUTE } });
  resume(suspend(s), 4 * MINUTE);
  t.equal(s.state.suspendedByHostMs, 4 * MINUTE);
  suspend(s);
  const endsAt = s.now + 6 * MINUTE;
  t.same(nextAlarm(s.state), { at: endsAt, command: 'EndSuspension' }, 'the clock ends what the policy does not allow');
  t.equal(s.refusal('EndSuspension', {}, clock, { at: endsAt - 1 }), 'before_its_time');
  s.go('EndSuspension', {}, clock, { at: endsAt + SECOND });
  t.equal(s.state.suspended, null);
  t.equal(s.lines.at(-1)?.disclosed['who'], null);
  t.equal(s.refusal('SuspendOpening', reason, host), 'suspension_exceeds_policy');
  t.equal(s.refusal('SuspendOpening', reason, supervisor), undefined);
  t.equal(s.refusal('EndSuspension', {}, clock), 'not_suspended');
});

t.test('the witness asks for a suspension, a supervisor orders it', async (t) => {
  const s = reach('Decrypting').go('RequestSuspension', reason, witness);
  t.ok(s.state.suspensionRequested);
  t.equal(s.state.suspended, null);
  t.same(s.ask('RequestSuspension', reason, witness), { events: [] });
  t.notOk(suspend(s, supervisor).state.suspensionRequested);
  t.equal(s.refusal('SuspendOpening', reason, witness), 'role_not_allowed');
});

t.test('nothing is resumed that is not suspended', async (t) => {
  const s = reach('CheckIn');
  t.equal(s.refusal('ResumeOpening', reason, host), 'not_suspended');
  t.equal(s.refusal('ConfirmResume', {}, witness), 'not_suspended');
});

t.test('an outage freezes as of the last heartbeat and stands in the window', async (t) => {
  const s = reach('Decrypting');
  const closesAt = s.state.window?.closesAt ?? 0;
  const since = closesAt - 5 * MINUTE;
  s.go('FreezeForOutage', {}, clock, { outageSince: since, at: closesAt + 20 * MINUTE });
  t.match(s.state.suspended, { cause: 'outage', since });
  resume(s, MINUTE);
  t.equal(s.state.window?.closesAt, closesAt + 26 * MINUTE, 'five minutes are left, as at the last heartbeat');
  t.equal(s.state.window?.outageMs, 26 * MINUTE);
  t.equal(s.state.suspendedByHostMs, 0);
});

t.test('an outage freezes nothing where nothing ran', async (t) => {
  const freeze = (s: Script, since: number, at = since + HOUR) =>
    s.refusal('FreezeForOutage', {}, clock, { outageSince: since, at });
  const s = reach('Decrypting');
  const closesAt = s.state.window?.closesAt ?? 0;
  t.equal(freeze(s, closesAt), 'nothing_to_freeze', 'it had ended');
  t.equal(freeze(s, closesAt - 1), undefined);
  const confirming = reach('RecordConfirm');
  const { confirmBy = 0 } = confirming.state.record ?? {};
  t.equal(freeze(confirming, confirmBy - 1), undefined);
  t.equal(
    freeze(confirming.go('TimeOutConfirmations', {}, clock, { at: confirmBy }), confirmBy - 1),
    'nothing_to_freeze',
  );
  t.throws(() => s.ask('FreezeForOutage', {}, clock), /when the platform stopped/);
  t.equal(runningUntil(suspend(s).state), null, 'what is frozen does not run');
});

t.test('before the deadline an outage changes nothing unless it reaches over it', async (t) => {
  for (const phase of ['Scheduled', 'CheckIn'] as const) {
    const s = reach(phase);
    t.equal(runningUntil(s.state), DEADLINE);
    t.equal(
      s.refusal('FreezeForOutage', {}, clock, { outageSince: DEADLINE - HOUR, at: DEADLINE - 1 }),
      'nothing_to_freeze',
    );
    t.equal(
      s.refusal('FreezeForOutage', {}, clock, { outageSince: DEADLINE, at: DEADLINE + HOUR }),
      'nothing_to_freeze',
    );
    t.equal(s.refusal('FreezeForOutage', {}, clock, { outageSince: DEADLINE - 1, at: DEADLINE }), undefined, phase);
  }
});

t.test('an outage across the deadline: host and witness rule, nothing seals by itself', async (t) => {
  const s = reach('CheckIn').go('FreezeForOutage', {}, clock, {
    outageSince: DEADLINE - MINUTE,
    at: DEADLINE + MINUTE,
  });
  t.equal(s.state.suspended?.cause, 'outage_across_deadline');
  t.equal(nextAlarm(s.state), null);
  t.equal(s.refusal('Seal', {}, clock), 'opening_is_suspended');
  t.equal(s.refusal('ConfirmResume', {}, witness), 'no_resume_proposed');
  t.equal(
    s.refusal('ResumeOpening', reason, supervisor),
    'role_not_allowed',
    'a supervisor’s word takes neither’s place',
  );
  s.go('ResumeOpening', reason, host);
  t.same(s.ask('ResumeOpening', reason, host), { events: [] });
  t.equal(s.refusal('Seal', {}, clock), 'opening_is_suspended', 'one is not enough');
  t.equal(s.refusal('ConfirmResume', {}, host), 'role_not_allowed');
  s.go('ConfirmResume', {}, witness, { at: DEADLINE + HOUR });
  t.equal(s.state.deadlineAt, DEADLINE, 'the deadline is the law’s, not ours to move');
  s.go('Seal', {}, clock);
  t.equal(s.state.phaseSince, DEADLINE);
});

t.test('down from before check-in until after the deadline: frozen in Scheduled', async (t) => {
  const s = reach('Scheduled').lodge(0).lodge(1).lodge(2);
  s.go('FreezeForOutage', {}, clock, { outageSince: DEADLINE - 3 * HOUR, at: DEADLINE + HOUR });
  t.equal(s.refusal('OpenCheckIn', {}, clock), 'opening_is_suspended');
  s.go('ResumeOpening', reason, host)
    .go('ConfirmResume', {}, witness)
    .go('OpenCheckIn', {}, clock)
    .go('Seal', {}, clock);
  t.equal(s.state.phase, 'Sealed');
});

t.test('tenderer and host terminate together, in either order, never one alone', async (t) => {
  for (const [first, second] of [
    [host, tenderer],
    [tenderer, host],
  ] as const) {
    const s = reach('Decrypting');
    t.equal(s.refusal('ConfirmAbort', {}, second), 'no_abort_proposed');
    s.go('ProposeAbort', reason, first);
    t.same(s.ask('ProposeAbort', reason, first), { events: [] });
    t.equal(s.refusal('ConfirmAbort', {}, first), 'second_person_needed');
    s.go('ConfirmAbort', {}, second);
    t.equal(s.state.phase, 'Aborted');
    t.match(s.lines.at(-1)?.event.body, { by: 'tenderer_and_host' });
    t.match(s.lines.at(-1)?.disclosed['report'], { phase: 'Decrypting' });
  }
});

t.test('a supervisor’s instruction terminates from any phase before Closed, suspended or not', async (t) => {
  for (const phase of BUILT.slice(0, BUILT.indexOf('Closed'))) {
    const s = reach(phase).go('OrderAbort', reason, supervisor);
    t.match(s.state, { phase: 'Aborted', suspended: null });
    t.match(s.lines.at(-1)?.event.body, { by: 'supervisor', reason: '停电' });
  }
  t.equal(suspend(reach('Sealed')).go('OrderAbort', reason, supervisor).state.suspended, null);
  t.equal(reach('Closed').refusal('OrderAbort', reason, supervisor), 'too_late');
  t.equal(openingScript().refusal('OrderAbort', reason, host), 'role_not_allowed');
});
