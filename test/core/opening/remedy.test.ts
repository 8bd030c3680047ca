/** The remedy by its rules: only where it was promised, once, for all that may be remedied, in its time; then attribution goes on. */
import { formatInstant } from '../../../server/core/log/instant.ts';
import { nextAlarm } from '../../../server/core/opening/alarms.ts';
import { outcomeOf } from '../../../server/core/opening/state.ts';
import { MAX_BACKUPS } from '../../../server/core/opening/steps/remedy.ts';
import { audit, body, forge } from '../../support/opening-forgery.ts';
import { digest } from '../../support/opening-people.ts';
import {
  DECRYPTED,
  playTo,
  REMEDY,
  reach,
  ruleAlike,
  SILENT,
  suspend,
  WRONG_KEY,
} from '../../support/opening-phases.ts';
import { bidder, clock, host, MINUTE, platform, type Script, SECOND, witness } from '../../support/opening-script.ts';
import t from '../../support/tap.ts';

const jwe = { jweSha256: digest('kept key') };
const policy = { remedy: REMEDY };
const remedied = (): Script => reach('Remedy');
const closesAt = (s: Script): number => s.state.remedy?.closesAt ?? 0;
const attempt = (s: Script, number: number): number => s.state.bids[number - 1]?.attempts.length ?? 0;

function open(s: Script, number: number, failure: 'wrong_key' | null = null): Script {
  s.go('SubmitBackup', jwe, bidder(number));
  return s.go('RecordDecryption', { bidder: number, attempt: attempt(s, number), failure }, platform);
}

t.test('only where the policy promised it, by the host, and once', async (t) => {
  t.equal(reach('Attribution').refusal('OpenRemedy', {}, host), 'no_remedy_promised');
  const s = reach('Attribution', { policy });
  t.equal(s.refusal('OpenRemedy', {}, witness), 'role_not_allowed');
  s.go('OpenRemedy', {}, host);
  t.match(s.state, { phase: 'Remedy', remedy: { bids: [WRONG_KEY, SILENT], closedAt: null } });
  t.equal(closesAt(s) - s.now, REMEDY.windowMs);
  s.clockTo(closesAt(s)).go('CloseRemedy', {}, clock);
  t.match(s.state, { phase: 'Attribution', phaseSince: closesAt(s) });
  t.equal(s.refusal('OpenRemedy', {}, host), 'remedy_used');
});

t.test('for every bid that may be remedied alike: not opened, not given up, not ruled revoked by both', async (t) => {
  const s = reach('Attribution', { policy });
  ruleAlike(s, WRONG_KEY, 'deemed_revoked');
  ruleAlike(s, SILENT, 'deemed_withdrawn');
  t.same(s.fork().go('OpenRemedy', {}, host).state.remedy?.bids, [SILENT]);
  s.go('RevokeBid', { reason: '不再参加' }, bidder(SILENT));
  t.equal(s.refusal('OpenRemedy', {}, host), 'nothing_to_remedy');
});

t.test('a kept key is taken in its time, from those it is for, a few times', async (t) => {
  const s = remedied();
  t.equal(s.refusal('SubmitBackup', jwe, bidder(DECRYPTED[0])), 'already_decrypted');
  t.equal(s.refusal('SubmitBackup', jwe, bidder(9)), 'no_such_bidder');
  t.equal(s.refusal('SubmitBackup', jwe, bidder(SILENT), { at: closesAt(s) - 1 }), undefined);
  t.equal(s.refusal('SubmitBackup', jwe, bidder(SILENT), { at: closesAt(s) }), 'remedy_is_over');
  s.go('SubmitBackup', jwe, bidder(SILENT));
  t.equal(s.refusal('SubmitBackup', jwe, bidder(SILENT)), 'attempt_undecided');
  s.go('RecordDecryption', { bidder: SILENT, attempt: 1, failure: 'wrong_key' }, platform);
  for (let i = 1; i < MAX_BACKUPS; i++) open(s, SILENT, 'wrong_key');
  t.equal(s.refusal('SubmitBackup', jwe, bidder(SILENT)), 'too_many_attempts');
  const revoked = reach('Attribution', { policy });
  ruleAlike(revoked, WRONG_KEY, 'deemed_revoked').go('OpenRemedy', {}, host);
  t.equal(revoked.refusal('SubmitBackup', jwe, bidder(WRONG_KEY)), 'not_in_the_remedy');
});

t.test('it ends at its end, not before every act is decided, or as soon as nothing is left', async (t) => {
  const s = remedied();
  t.same(nextAlarm(s.state), { at: closesAt(s), command: 'CloseRemedy' });
  t.equal(s.refusal('CloseRemedy', {}, clock, { at: closesAt(s) - 1 }), 'before_its_time');
  t.equal(s.refusal('CloseRemedy', {}, clock, { at: closesAt(s), undecided: 1 }), 'acts_still_undecided');
  const late = s
    .fork()
    .go('SubmitBackup', jwe, bidder(SILENT), { at: closesAt(s) + SECOND, receivedAt: closesAt(s) - 1 });
  t.equal(late.refusal('CloseRemedy', {}, clock), 'acts_still_undecided');
  late.go('RecordDecryption', { bidder: SILENT, attempt: 1, failure: null }, platform).go('CloseRemedy', {}, clock);
  t.equal(late.state.phaseSince, closesAt(s), 'dated to its end');
  open(open(s, SILENT), WRONG_KEY);
  t.same(nextAlarm(s.state), { at: s.now, command: 'CloseRemedy' });
  s.go('CloseRemedy', {}, clock);
  t.equal(s.state.phase, 'Attribution');
});

t.test('what the remedy opened counts as decrypted: announced, recorded, no ruling needed', async (t) => {
  const s = reach('Attribution', { policy });
  ruleAlike(s, SILENT, 'unknown').go('OpenRemedy', {}, host);
  t.equal(s.refusal('GiveRuling', { bidder: SILENT, verdict: 'unknown', reason: '因' }, host), 'too_early');
  open(s, SILENT).clockTo(closesAt(s)).go('CloseRemedy', {}, clock);
  t.equal(s.refusal('GiveRuling', { bidder: SILENT, verdict: 'unknown', reason: '因' }, host), 'bid_was_decrypted');
  ruleAlike(s, WRONG_KEY, 'deemed_revoked')
    .clockTo(s.now + MINUTE)
    .go('AnnouncePrices', {}, host);
  playTo(s, 'RecordConfirm');
  t.same(s.state.bids.map(outcomeOf), ['decrypted', 'decrypted', 'deemed_revoked', 'decrypted']);
  t.equal(s.state.prices?.known && s.state.prices.value.length, 3);
  t.match(audit(playTo(s, 'Archived').lines), { problems: [], complete: true });
});

t.test('a suspension keeps the exact remainder', async (t) => {
  const s = remedied();
  const left = closesAt(s) - s.now;
  suspend(s)
    .clockTo(s.now + 7 * MINUTE)
    .go('ResumeOpening', { reason: '恢复' }, host);
  t.equal(closesAt(s) - s.now, left);
});

t.test('an auditor finds a remedy that the rules did not allow', async (t) => {
  const s = open(remedied(), SILENT);
  const ends = closesAt(s);
  s.clockTo(ends).go('CloseRemedy', {}, clock);
  t.same(audit(s.lines).problems, []);
  const unlawful = ['step_not_lawful'];
  t.same(forge('RemedyOpened', body({ bids: [SILENT] }), 0, s.lines), unlawful, 'one was picked');
  t.same(forge('RemedyOpened', body({ closesAt: formatInstant(ends + 1) }), 0, s.lines).slice(0, 1), unlawful);
  t.same(
    forge('BackupReceived', ({ entry }) => ({ entry: { ...entry, receivedAt: formatInstant(ends) } }), 0, s.lines),
    unlawful,
  );
  t.same(forge('RemedyClosed', body({ effectiveAt: formatInstant(ends - 1) }), 0, s.lines), unlawful);
});
