/** Emergency corrections 紧急纠错: a closed list, effects shown before the other of the two confirms, and nothing erased. */
import { Check } from 'typebox/schema';
import { COMMANDS } from '../../../server/core/opening/commands.ts';
import { type Correction, effectsOf } from '../../../server/core/opening/correction.ts';
import { verdictOf } from '../../../server/core/opening/state.ts';
import { MAX_CORRECTIONS } from '../../../server/core/opening/steps/correction.ts';
import { audit, body, forge } from '../../support/opening-forgery.ts';
import { DECRYPTED, playTo, reach, recordNow, ruleAlike, SILENT } from '../../support/opening-phases.ts';
import {
  bidder,
  clock,
  host,
  platform,
  type Script,
  supervisor,
  tenderer,
  witness,
} from '../../support/opening-script.ts';
import t from '../../support/tap.ts';

const place = (text = '3 号厅'): Correction => ({ kind: 'record_text', member: 'place', text });
const ruling: Correction = { kind: 'reopen_ruling', bidder: SILENT };
const attempt: Correction = { kind: 'strike_attempt', bidder: 1 };
const asked = (correction: Correction) => ({ correction, reason: '现场核对' });
const made = (s: Script, correction: Correction) =>
  s
    .go('CorrectEmergency', asked(correction), witness)
    .go('ConfirmCorrection', { number: s.state.corrections.length }, supervisor);

t.test('a bid, its price, its time and its decryption are in no correction there is', async (t) => {
  const fits = (correction: unknown) => Check(COMMANDS.CorrectEmergency.data, { correction, reason: '因故' });
  t.ok(fits(place()) && fits(ruling) && fits(attempt));
  for (const forbidden of [
    { kind: 'price', bidder: 1, amount: '1.00' },
    { kind: 'announced_row', bidder: 1 },
    { kind: 'record_text', member: 'deadlineAt', text: '2026-03-02T01:00:00.000Z' },
    { kind: 'reopen_ruling', bidder: 1, verdict: 'unknown' },
    { kind: 'strike_attempt', bidder: 0 },
  ])
    t.notOk(fits(forbidden), JSON.stringify(forbidden));
});

t.test('proposed by witness or supervisor, confirmed by the other, and by nobody else', async (t) => {
  for (const [one, other] of [
    [witness, supervisor],
    [supervisor, witness],
  ] as const) {
    const s = reach('Announcing').go('CorrectEmergency', asked(place()), one);
    t.equal(s.refusal('ConfirmCorrection', { number: 1 }, one), 'second_person_needed');
    t.equal(s.refusal('ConfirmCorrection', { number: 1 }, host), 'role_not_allowed');
    t.equal(s.refusal('ConfirmCorrection', { number: 2 }, other), 'no_such_correction');
    s.go('ConfirmCorrection', { number: 1 }, other);
    t.equal(s.refusal('ConfirmCorrection', { number: 1 }, other), 'no_such_correction', 'once');
    t.equal(s.state.details.place, '3 号厅');
  }
  for (const actor of [host, tenderer, bidder(1)])
    t.equal(reach('Announcing').refusal('CorrectEmergency', asked(place()), actor), 'role_not_allowed');
});

t.test('what it would change stands on the log before it is confirmed', async (t) => {
  const s = reach('RecordConfirm');
  for (const number of DECRYPTED) s.go('SignRecord', recordNow(s), bidder(number));
  s.go('CorrectEmergency', asked(ruling), witness);
  t.same(s.state.corrections[0]?.effects, [
    { what: 'ruling', bidder: SILENT, before: 'deemed_revoked', after: 'not_ruled' },
    { what: 'record_version', bidder: null, before: '1', after: '2' },
    { what: 'signatures', bidder: null, before: '2', after: '0' },
  ]);
  t.equal(verdictOf(s.state.bids[SILENT - 1] as never), 'deemed_revoked', 'and nothing has changed yet');
});

t.test('a ruling is given anew, by those who rule', async (t) => {
  const s = made(reach('Announcing'), ruling);
  t.equal(verdictOf(s.state.bids[SILENT - 1] as never), null);
  ruleAlike(s, SILENT, 'deemed_withdrawn');
  t.equal(verdictOf(s.state.bids[SILENT - 1] as never), 'deemed_withdrawn');
  t.equal(reach('Decrypting').refusal('CorrectEmergency', asked(ruling), witness), 'nothing_to_correct');
  t.equal(s.refusal('CorrectEmergency', asked({ ...ruling, bidder: 1 }), witness), 'nothing_to_correct', 'it is open');
  t.equal(s.refusal('CorrectEmergency', asked({ ...ruling, bidder: 99 }), witness), 'nothing_to_correct');
});

t.test('a refused attempt noted by mistake is struck; its entry stays', async (t) => {
  const s = reach('Announcing');
  t.equal(s.refusal('CorrectEmergency', asked(attempt), witness), 'nothing_to_correct');
  s.go('RecordRefusedAttempt', { bidder: 1, attempt: 'late_decryption' }, platform);
  made(s, attempt);
  t.equal(s.state.bids[0]?.lateAttempts, 0);
  t.equal(s.lines.filter((l) => l.entry.type === 'AttemptRefused').length, 1);
});

t.test('a corrected text asks for the next version of the record, and the close waits for it', async (t) => {
  const s = reach('RecordConfirm').go('TimeOutConfirmations', {}, clock, {
    at: reach('RecordConfirm').state.record?.confirmBy ?? 0,
  });
  s.go('ProposeClose', {}, host);
  made(s, place());
  t.equal(s.state.closeProposed, null, 'the proposal to close falls');
  t.equal(s.refusal('ProposeClose', {}, host), 'record_outdated');
  s.go('IssueRecord', { note: '' }, host);
  t.match(s.lines.at(-1)?.disclosed['record'], { place: '3 号厅', version: 2 });
  t.same(audit(playTo(s, 'Archived').lines).problems, []);
});

t.test('what was shown must still be so when it is confirmed', async (t) => {
  const s = reach('RecordConfirm').go('CorrectEmergency', asked(place()), witness);
  s.go('SignRecord', recordNow(s), bidder(1));
  t.equal(
    s.refusal('ConfirmCorrection', { number: 1 }, supervisor),
    'effects_changed',
    'one signature more would fall',
  );
  s.go('CorrectEmergency', asked(place()), witness);
  t.equal(s.refusal('ConfirmCorrection', { number: 2 }, supervisor), undefined);
});

t.test('so many proposals and not one more', async (t) => {
  const s = reach('Announcing');
  for (let i = 0; i < MAX_CORRECTIONS; i++) s.go('CorrectEmergency', asked(place()), witness);
  t.equal(s.refusal('CorrectEmergency', asked(place()), supervisor), 'too_many_corrections');
  t.equal(s.refusal('ConfirmCorrection', { number: MAX_CORRECTIONS }, supervisor), undefined);
});

t.test('an audit computes the effects again, and finds one person in both roles', async (t) => {
  const s = made(reach('Announcing'), place());
  t.same(audit(s.lines).problems, []);
  const effects = [{ what: 'record_text', bidder: null, before: '1 号厅', after: '3 号厅' }];
  t.ok(forge('CorrectionProposed', body({ effects }), 0, s.lines).includes('step_not_lawful'), 'others than there are');
  t.ok(forge('CorrectionProposed', body({ correction: place('4 号厅') }), 0, s.lines).includes('act_data_differs'));
  const alone = ({ entry }: { entry: (typeof s.lines)[number]['entry'] }) => ({
    entry: { ...entry, actor: { role: 'witness' }, body: { ...entry.body, by: 'witness' } },
  });
  t.ok(forge('CorrectionMade', alone, 0, s.lines).includes('step_not_lawful'));
  t.equal(effectsOf(s.state, place()), null, 'and there is nothing left to put right');
});
