/** The decryption window, half-open to the millisecond: what is received in it counts, and its end waits for all of that. */
import { formatInstant } from '../../../server/core/log/instant.ts';
import { nextAlarm } from '../../../server/core/opening/alarms.ts';
import { DECRYPTION_FAILURES, DECRYPTION_FAULTS } from '../../../server/core/opening/findings.ts';
import { MAX_DECRYPTION_ATTEMPTS, standingOf } from '../../../server/core/opening/steps/window.ts';
import { digest } from '../../support/opening-people.ts';
import { decryptNow, reach, SILENT, WINDOW_AT } from '../../support/opening-phases.ts';
import { bidder, clock, host, MINUTE, platform, type Script, SECOND } from '../../support/opening-script.ts';
import t from '../../support/tap.ts';

const jwe = { jweSha256: digest('jwe') };
const open = (): Script => reach('Decrypting');
const CLOSES_AT = WINDOW_AT + 30 * MINUTE;
const longer = (extraMs: number) => ({ extraMs, reason: '网络拥堵' });

t.test('the window is half-open', async (t) => {
  const window = { opensAt: 10, closesAt: 20 };
  t.same(
    [9, 10, 19, 20].map((at) => standingOf(window, at)),
    ['before', 'open', 'open', 'after'],
  );
  const s = open();
  t.match(s.state.window, { opensAt: WINDOW_AT, closesAt: CLOSES_AT, closed: null });
  t.same(nextAlarm(s.state), { at: CLOSES_AT, command: 'CloseWindow' });
});

t.test('a decryption received at end − 1 ms counts, at the end it does not', async (t) => {
  const s = open();
  t.equal(s.refusal('DecryptBid', jwe, bidder(1), { at: CLOSES_AT - 1 }), undefined);
  t.equal(s.refusal('DecryptBid', jwe, bidder(1), { at: CLOSES_AT }), 'window_is_over');
  t.equal(s.refusal('DecryptBid', jwe, bidder(1), { at: CLOSES_AT + 1 }), 'window_is_over');
  t.equal(
    s.refusal('DecryptBid', jwe, bidder(1), { at: CLOSES_AT + SECOND, receivedAt: CLOSES_AT - 1 }),
    undefined,
    'the receipt counts, not when it is decided',
  );
  t.equal(s.refusal('DecryptBid', jwe, bidder(1), { at: WINDOW_AT, receivedAt: WINDOW_AT - 1 }), 'window_not_open');
});

t.test('received at end − 1 ms and decided later: it completes before the window is closed', async (t) => {
  const s = open().go('DecryptBid', jwe, bidder(1), { at: CLOSES_AT + SECOND, receivedAt: CLOSES_AT - 1 });
  t.equal(s.refusal('CloseWindow', {}, clock, { at: CLOSES_AT + 2 * SECOND }), 'acts_still_undecided');
  s.go('RecordDecryption', { bidder: 1, attempt: 1, failure: null }, platform, { at: CLOSES_AT + 3 * SECOND });
  t.equal(
    s.refusal('CloseWindow', {}, clock, { at: CLOSES_AT + 3 * SECOND, undecided: 1 }),
    'acts_still_undecided',
    'others wait in the intake',
  );
  s.go('CloseWindow', {}, clock, { at: CLOSES_AT + 4 * SECOND });
  t.match(s.state, { phase: 'Attribution', phaseSince: CLOSES_AT, window: { closed: { at: CLOSES_AT, why: 'time' } } });
  t.same(s.state.bids[0]?.attempts, [{ attempt: 1, receivedAt: CLOSES_AT - 1, outcome: 'decrypted' }]);
});

t.test('the clock closes at the end, not 1 ms before', async (t) => {
  const s = open();
  t.equal(s.refusal('CloseWindow', {}, clock, { at: CLOSES_AT - 1 }), 'before_its_time');
  t.equal(s.refusal('CloseWindow', {}, clock, { at: CLOSES_AT - 1, undecided: 1 }), 'before_its_time');
  t.equal(s.refusal('CloseWindow', {}, clock, { at: CLOSES_AT }), undefined);
  t.equal(s.refusal('CloseWindow', {}, host, { at: CLOSES_AT }), 'role_not_allowed', 'no human has a hand in it');
});

t.test('an extension: with a reason, before the end, for all alike', async (t) => {
  const s = open();
  t.equal(s.refusal('ExtendWindow', longer(MINUTE), host, { at: CLOSES_AT }), 'window_is_over');
  t.throws(() => s.refusal('ExtendWindow', { extraMs: MINUTE, reason: '' }, host), /not the data/);
  s.go('ExtendWindow', longer(MINUTE), host, { at: CLOSES_AT - 1 });
  t.equal(s.state.window?.closesAt, CLOSES_AT + MINUTE);
  t.match(s.lines.at(-1)?.event.body, { closesAt: formatInstant(CLOSES_AT + MINUTE), extraMs: MINUTE });
  t.equal(s.refusal('DecryptBid', jwe, bidder(2), { at: CLOSES_AT + MINUTE - 1 }), undefined);
  t.equal(s.refusal('CloseWindow', {}, clock, { at: CLOSES_AT }), 'before_its_time');
  t.same(nextAlarm(s.state), { at: CLOSES_AT + MINUTE, command: 'CloseWindow' });
});

t.test('all extensions together stay within the policy', async (t) => {
  const s = open();
  t.equal(s.refusal('ExtendWindow', longer(60 * MINUTE + 1), host), 'extension_exceeds_policy');
  s.go('ExtendWindow', longer(59 * MINUTE), host);
  t.equal(s.refusal('ExtendWindow', longer(MINUTE + 1), host), 'extension_exceeds_policy');
  s.go('ExtendWindow', longer(MINUTE), host);
  t.equal(s.refusal('ExtendWindow', longer(SECOND), host), 'extension_exceeds_policy');
  t.equal(
    reach('Decrypting', { policy: { maxExtensionMs: 0 } }).refusal('ExtendWindow', longer(SECOND), host),
    'extension_exceeds_policy',
  );
});

t.test('an early end only when every bid is decrypted, and never dated beyond the end', async (t) => {
  const s = open();
  for (const number of [1, 2, 3]) decryptNow(s, number);
  t.equal(s.refusal('EndWindowEarly', {}, host), 'window_running');
  decryptNow(s, SILENT, 'wrong_key');
  t.equal(s.refusal('EndWindowEarly', {}, host), 'window_running', 'failed is not decrypted');
  decryptNow(s, SILENT);
  t.equal(s.refusal('EndWindowEarly', {}, host, { at: CLOSES_AT }), 'window_is_over');
  const late = s.fork().go('EndWindowEarly', {}, host, { at: CLOSES_AT + SECOND, receivedAt: CLOSES_AT - 1 });
  t.same(late.state.window?.closed, { at: CLOSES_AT, why: 'all_decrypted' });
  s.go('EndWindowEarly', {}, host, { at: WINDOW_AT + MINUTE });
  t.match(s.state, { phase: 'Attribution', window: { closed: { at: WINDOW_AT + MINUTE, why: 'all_decrypted' } } });
  t.same(
    s.state.bids.map((b) => b.proposal),
    [null, null, null, null],
    'nothing to attribute',
  );
});

t.test('one attempt at a time; after a failure another, after success none', async (t) => {
  const s = open().go('DecryptBid', jwe, bidder(1));
  t.equal(s.refusal('DecryptBid', jwe, bidder(1)), 'attempt_undecided');
  t.equal(s.refusal('DecryptBid', jwe, bidder(2)), undefined, 'others are not held up');
  s.go('RecordDecryption', { bidder: 1, attempt: 1, failure: 'wrong_key' }, platform);
  s.go('DecryptBid', jwe, bidder(1)).go('RecordDecryption', { bidder: 1, attempt: 2, failure: null }, platform);
  t.equal(s.refusal('DecryptBid', jwe, bidder(1)), 'already_decrypted');
  t.equal(s.refusal('DecryptBid', jwe, { role: 'bidder' }), 'no_such_bidder');
  t.equal(s.refusal('DecryptBid', jwe, bidder(5)), 'no_such_bidder');
});

t.test('attempts are bounded', async (t) => {
  const s = open();
  for (let i = 0; i < MAX_DECRYPTION_ATTEMPTS; i++) decryptNow(s, 1, 'wrong_key');
  t.equal(s.refusal('DecryptBid', jwe, bidder(1)), 'too_many_attempts');
  t.equal(s.state.bids[0]?.attempts.length, MAX_DECRYPTION_ATTEMPTS);
});

t.test('the vault decides only what waits, and says at whose door a failure lies', async (t) => {
  const s = open();
  t.equal(s.refusal('RecordDecryption', { bidder: 1, attempt: 1, failure: null }, platform), 'no_such_attempt');
  t.equal(s.refusal('RecordDecryption', { bidder: 9, attempt: 1, failure: null }, platform), 'no_such_attempt');
  s.go('DecryptBid', jwe, bidder(1));
  t.equal(s.refusal('RecordDecryption', { bidder: 1, attempt: 2, failure: null }, platform), 'no_such_attempt');
  for (const failure of DECRYPTION_FAILURES) {
    if (failure === 'window_key_not_given') {
      t.equal(s.refusal('RecordDecryption', { bidder: 1, attempt: 1, failure }, platform), 'shares_missing');
      continue;
    }
    const body = s.fork().go('RecordDecryption', { bidder: 1, attempt: 1, failure }, platform).lines.at(-1)?.event.body;
    t.match(body, { failure, fault: DECRYPTION_FAULTS[failure] });
  }
  s.go('RecordDecryption', { bidder: 1, attempt: 1, failure: null }, platform);
  t.equal(
    s.refusal('RecordDecryption', { bidder: 1, attempt: 1, failure: 'wrong_key' }, platform),
    'no_such_attempt',
    'decided once',
  );
});

t.test('the challenge is acknowledged once, for the key on the log', async (t) => {
  const s = open();
  t.equal(s.refusal('AcknowledgeChallenge', { kid: digest('another') }, bidder(1)), 'wrong_window_key');
  const kid = { kid: s.state.window?.kid ?? '' };
  s.go('AcknowledgeChallenge', kid, bidder(1));
  t.same(s.ask('AcknowledgeChallenge', kid, bidder(1)), { events: [] });
  t.same(
    s.state.bids.map((b) => b.challengeAcknowledged),
    [true, false, false, false],
  );
});

t.test('a late attempt is refused and stands on the log', async (t) => {
  const s = reach('Attribution');
  t.equal(s.refusal('DecryptBid', jwe, bidder(SILENT)), 'window_is_over');
  s.go('RecordRefusedAttempt', { bidder: SILENT, attempt: 'late_decryption' }, platform);
  t.equal(s.state.bids[SILENT - 1]?.lateAttempts, 1);
  t.equal(s.refusal('RecordRefusedAttempt', { bidder: 9, attempt: 'late_decryption' }, platform), 'no_such_bidder');
});
