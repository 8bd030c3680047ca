/** Revocation 撤销 after the deadline: by the bidder's key, recorded with its consequence; what is open stays open (条例35). */
import { outcomeOf } from '../../../server/core/opening/state.ts';
import { audit, forge } from '../../support/opening-forgery.ts';
import { digest } from '../../support/opening-people.ts';
import {
  DECRYPTED,
  decryptNow,
  playTo,
  reach,
  recordNow,
  ruleAlike,
  SILENT,
  WRONG_KEY,
} from '../../support/opening-phases.ts';
import { bidder, clock, host, MINUTE, type Script, witness } from '../../support/opening-script.ts';
import t from '../../support/tap.ts';

const reason = { reason: '报价有误' };
const jwe = { jweSha256: digest('jwe') };

function closeWindow(s: Script): Script {
  return s.go('CloseWindow', {}, clock, { at: s.state.window?.closesAt ?? 0 });
}

t.test('once, by the bidder itself, from the roster on', async (t) => {
  t.equal(
    reach('Sealed').refusal('RevokeBid', reason, bidder(1)),
    'too_early',
    'nobody may know yet that there is a bid',
  );
  const s = reach('RosterPublished').go('RevokeBid', reason, bidder(1));
  t.equal(s.state.bids[0]?.revokedAt, s.now);
  t.equal(s.refusal('RevokeBid', reason, bidder(1)), 'bid_was_revoked');
  t.equal(s.refusal('RevokeBid', reason, { role: 'bidder' }), 'no_such_bidder');
  t.equal(s.refusal('RevokeBid', reason, host), 'role_not_allowed');
});

t.test('a revoked bid is not opened, not ruled on, and holds nobody up', async (t) => {
  const s = reach('Decrypting').go('RevokeBid', reason, bidder(SILENT));
  t.equal(s.refusal('DecryptBid', jwe, bidder(SILENT)), 'bid_was_revoked');
  for (const number of DECRYPTED) decryptNow(s, number);
  decryptNow(s, WRONG_KEY);
  t.equal(s.refusal('EndWindowEarly', {}, host), undefined, 'all that still stand are open');
  closeWindow(s);
  t.same(
    s.lines.filter((l) => l.entry.type === 'AttributionProposed'),
    [],
    'there is no fault to attribute',
  );
  t.equal(s.refusal('GiveRuling', { bidder: SILENT, verdict: 'unknown', reason: '无' }, host), 'bid_was_revoked');
  t.equal(s.refusal('ContestRuling', reason, bidder(SILENT)), 'bid_was_revoked');
  s.go('AnnouncePrices', {}, host);
  t.equal(s.state.prices?.known === true && s.state.prices.value.length, 3, 'and it has no price');
});

t.test('an act received first goes first: while it is being checked the bidder waits', async (t) => {
  const s = reach('Decrypting').go('DecryptBid', jwe, bidder(1));
  t.equal(s.refusal('RevokeBid', reason, bidder(1)), 'attempt_undecided');
});

t.test('a bid that is open stays announced; the record says both', async (t) => {
  const s = reach('RecordConfirm').go('RevokeBid', reason, bidder(1));
  s.go('TimeOutConfirmations', {}, clock, { at: s.state.record?.confirmBy ?? 0 });
  t.equal(s.refusal('ProposeClose', {}, host), 'record_outdated', 'what was signed is no longer what is true');
  s.go('IssueRecord', { note: '一家撤销' }, host);
  const record = s.lines.at(-1)?.disclosed['record'] as { lines: { decryption: string; revokedAt?: string }[] };
  const { lines } = record;
  t.equal(lines[0]?.decryption, 'decrypted');
  t.match(lines[0]?.revokedAt, /^2026-/);
  t.notOk(
    lines.slice(1).some((line) => 'revokedAt' in line),
    'and of the others nothing',
  );
});

t.test('a ruling given before falls away; the bid is revoked, not deemed so', async (t) => {
  const s = reach('Attribution');
  ruleAlike(s, SILENT, 'unknown');
  s.go('RevokeBid', reason, bidder(SILENT));
  t.equal(outcomeOf(s.state.bids[SILENT - 1] as never), 'revoked');
  ruleAlike(s, WRONG_KEY, 'deemed_revoked');
  s.go('AnnouncePrices', {}, host).go('IssueRecord', { note: '' }, host);
  s.go('TimeOutConfirmations', {}, clock, { at: s.state.record?.confirmBy ?? 0 }).go('ProposeClose', {}, host);
  s.go('AttestClose', recordNow(s), witness);
  t.equal(s.state.phase, 'Closed', 'no "unknown" is left');
  t.same(audit(playTo(s, 'Archived').lines).problems, []);
});

t.test('all revoked: nothing to announce, and the tender fails', async (t) => {
  const s = reach('Decrypting');
  for (const { bidder: number } of s.state.bids) s.go('RevokeBid', reason, bidder(number));
  closeWindow(s);
  t.equal(s.refusal('AnnouncePrices', {}, host), 'nothing_decrypted');
  s.go('DeclareFailed', reason, host);
  t.equal(s.state.phase, 'Failed');
  t.same(audit(s.lines).problems, []);
});

t.test('an audit finds a revoked bid opened afterwards, and a revocation given to another', async (t) => {
  const s = reach('Decrypting').go('RevokeBid', reason, bidder(SILENT));
  decryptNow(s, 1);
  const { lines } = closeWindow(s.clockTo(s.now + MINUTE));
  t.same(audit(lines).problems, []);
  const asAnother =
    (number: number) =>
    ({ entry }: { entry: (typeof lines)[number]['entry'] }) => ({
      entry: { ...entry, body: { ...entry.body, bidder: number } },
    });
  t.ok(forge('DecryptionReceived', asAnother(SILENT), 0, lines).includes('step_not_lawful'));
  t.ok(forge('BidRevoked', asAnother(2), 0, lines).includes('bidder_differs'));
});
