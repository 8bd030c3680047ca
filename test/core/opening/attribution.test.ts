/** Whose failure it was: the evidence table line by line, two people's ruling, contest and failure of the whole tender. */
import { proposeVerdict } from '../../../server/core/opening/attribution.ts';
import type { Evidence } from '../../../server/core/opening/events.ts';
import { DECRYPTION_FAILURES, DECRYPTION_FAULTS } from '../../../server/core/opening/findings.ts';
import { bidOf, verdictOf } from '../../../server/core/opening/state.ts';
import { MAX_CONTESTS } from '../../../server/core/opening/steps/attribution.ts';
import { DECRYPTED, decryptNow, reach, ruleAlike, SILENT, WRONG_KEY } from '../../support/opening-phases.ts';
import { bidder, clock, host, MINUTE, type Script, SECOND, supervisor, witness } from '../../support/opening-script.ts';
import t from '../../support/tap.ts';

const silent: Evidence = {
  actReceived: false,
  failures: [],
  challengeAcknowledged: true,
  peerSucceeded: true,
  outageMs: 0,
  damagedInStorage: false,
};
const rule = (verdict: 'deemed_revoked' | 'deemed_withdrawn' | 'unknown', number = SILENT) => ({
  bidder: number,
  verdict,
  reason: '见证据',
});
const why = { reason: '平台故障' };

/** The verdict that stands on the silent bid. */
function verdictNow(s: Script): string | null {
  const bid = bidOf(s.state, SILENT);
  if (bid === undefined) throw new Error('no such bid');
  return verdictOf(bid);
}

t.test('silence is the bidder’s own only when everything speaks for it (20号令31)', async (t) => {
  t.equal(proposeVerdict(silent), 'deemed_revoked');
  t.equal(
    proposeVerdict({ ...silent, challengeAcknowledged: false }),
    'unknown',
    'no signed delivery: never the platform’s word alone',
  );
  t.equal(proposeVerdict({ ...silent, outageMs: 1 }), 'unknown', 'an outage, however short');
  t.equal(proposeVerdict({ ...silent, peerSucceeded: false }), 'unknown', 'nobody succeeded');
  t.equal(proposeVerdict({ ...silent, actReceived: true }), 'unknown', 'an act without an outcome is ambiguous');
});

t.test('each failure goes to whose fault it is', async (t) => {
  for (const failure of DECRYPTION_FAILURES) {
    const expected = DECRYPTION_FAULTS[failure] === 'bidder' ? 'deemed_revoked' : 'deemed_withdrawn';
    t.equal(proposeVerdict({ ...silent, actReceived: true, failures: [failure] }), expected, failure);
  }
});

t.test('one platform fault among the bidder’s own outweighs them', async (t) => {
  t.equal(
    proposeVerdict({ ...silent, actReceived: true, failures: ['wrong_key', 'worker_failed'] }),
    'deemed_withdrawn',
  );
  t.equal(proposeVerdict({ ...silent, actReceived: true, failures: ['wrong_key', 'tag_mismatch'] }), 'deemed_revoked');
});

t.test('the end of the window proposes for each undecrypted bid, in one commit, with the evidence', async (t) => {
  const s = reach('Attribution');
  t.same(
    s.lines.slice(-3).map((l) => l.entry.type),
    ['WindowClosed', 'AttributionProposed', 'AttributionProposed'],
  );
  t.same(s.state.bids[WRONG_KEY - 1]?.proposal, {
    verdict: 'deemed_revoked',
    evidence: {
      actReceived: true,
      failures: ['wrong_key'],
      challengeAcknowledged: false,
      peerSucceeded: true,
      outageMs: 0,
      damagedInStorage: false,
    },
  });
  t.same(s.state.bids[SILENT - 1]?.proposal, { verdict: 'deemed_revoked', evidence: silent });
  t.equal(s.state.bids[0]?.proposal, null);
});

t.test('an outage in the window stands in the evidence', async (t) => {
  const s = reach('Decrypting');
  decryptNow(s, 1).go('AcknowledgeChallenge', { kid: s.state.window?.kid ?? '' }, bidder(SILENT));
  s.go('FreezeForOutage', {}, clock, { outageSince: s.now + MINUTE, at: s.now + 3 * MINUTE });
  s.go('ResumeOpening', why, host, { at: s.now + MINUTE });
  s.go('CloseWindow', {}, clock, { at: s.state.window?.closesAt ?? 0 });
  t.match(s.state.bids[SILENT - 1]?.proposal, { verdict: 'unknown', evidence: { outageMs: 3 * MINUTE } });
});

t.test('a proposal binds nobody: a verdict stands once host and witness have said the same', async (t) => {
  const s = reach('Attribution').go('GiveRuling', rule('deemed_withdrawn'), host);
  t.equal(verdictNow(s), null);
  t.equal(s.refusal('AnnouncePrices', {}, host), 'rulings_missing');
  s.go('GiveRuling', rule('deemed_revoked'), witness);
  t.equal(verdictNow(s), null, 'not alike');
  s.go('GiveRuling', rule('deemed_revoked'), host);
  t.equal(verdictNow(s), 'deemed_revoked', 'the host came round');
  t.equal(s.refusal('GiveRuling', rule('unknown'), host), 'ruling_is_final');
  t.equal(s.refusal('GiveRuling', rule('unknown'), supervisor), 'role_not_allowed', 'supervisors have no such button');
});

t.test('there is nothing to rule on a bid that opened or does not exist', async (t) => {
  const s = reach('Attribution');
  t.equal(s.refusal('GiveRuling', rule('unknown', DECRYPTED[0]), host), 'bid_was_decrypted');
  t.equal(s.refusal('GiveRuling', rule('unknown', 9), host), 'no_such_bidder');
});

t.test('unknown holds up Closed, not the announcement, and is ruled again', async (t) => {
  const s = reach('Attribution');
  ruleAlike(ruleAlike(s, WRONG_KEY, 'deemed_revoked'), SILENT, 'unknown')
    .go('AnnouncePrices', {}, host)
    .go('IssueRecord', { note: '' }, host);
  s.go('TimeOutConfirmations', {}, clock, { at: s.state.record?.confirmBy ?? 0 });
  t.equal(s.refusal('ProposeClose', {}, host), 'verdict_unknown');
  s.go('GiveRuling', rule('deemed_withdrawn'), host);
  t.equal(s.refusal('ProposeClose', {}, host), 'verdict_unknown', 'one has moved, the other not');
  s.go('GiveRuling', rule('deemed_withdrawn'), witness);
  t.equal(s.refusal('ProposeClose', {}, host), 'record_outdated', 'the record still says unknown');
  s.go('IssueRecord', { note: '' }, host).go('TimeOutConfirmations', {}, clock, { at: s.state.record?.confirmBy ?? 0 });
  t.equal(s.refusal('ProposeClose', {}, host), undefined);
});

function contested(): Script {
  return ruleAlike(reach('Attribution'), SILENT, 'deemed_revoked').go('ContestRuling', why, bidder(SILENT));
}

t.test('the bidder may contest a ruling; it falls until both rule again', async (t) => {
  const s = contested();
  t.match(s.state.bids[SILENT - 1], { ruledByHost: null, ruledByWitness: null, contests: 1, contestOpen: true });
  t.equal(s.refusal('ContestRuling', why, bidder(SILENT)), 'nothing_ruled');
  ruleAlike(s, SILENT, 'deemed_withdrawn');
  t.match(s.state.bids[SILENT - 1], { contestOpen: false, contests: 1 });
});

t.test('a contest holds up Closed', async (t) => {
  const s = reach('RecordConfirm').go('ContestRuling', why, bidder(WRONG_KEY));
  t.equal(s.refusal('ProposeClose', {}, host), 'ruling_contested');
  ruleAlike(s, WRONG_KEY, 'deemed_revoked');
  t.equal(
    s.refusal('ProposeClose', {}, host),
    'confirmations_running',
    'ruled as before: the record still says what is true',
  );
});

t.test('nothing can be contested before both have ruled, by others, or without end', async (t) => {
  const s = reach('Attribution');
  t.equal(s.refusal('ContestRuling', why, bidder(SILENT)), 'nothing_ruled');
  s.go('GiveRuling', rule('unknown'), host);
  t.equal(s.refusal('ContestRuling', why, bidder(SILENT)), 'nothing_ruled');
  t.equal(s.refusal('ContestRuling', why, bidder(DECRYPTED[0])), 'nothing_ruled');
  t.equal(s.refusal('ContestRuling', why, { role: 'bidder' }), 'no_such_bidder');
  for (let i = 0; i < MAX_CONTESTS; i++)
    ruleAlike(s, SILENT, 'deemed_revoked').go('ContestRuling', why, bidder(SILENT));
  ruleAlike(s, SILENT, 'deemed_revoked');
  t.equal(s.refusal('ContestRuling', why, bidder(SILENT)), 'ruling_is_final');
});

t.test('nothing decrypted: no prices, and the host declares the failure once all are ruled on', async (t) => {
  const s = reach('Decrypting').go('CloseWindow', {}, clock, { at: reach('Decrypting').state.window?.closesAt ?? 0 });
  t.equal(s.refusal('AnnouncePrices', {}, host), 'nothing_decrypted');
  t.equal(s.refusal('DeclareFailed', why, host), 'rulings_missing');
  for (const bid of s.state.bids) ruleAlike(s, bid.bidder, 'deemed_withdrawn');
  t.equal(s.refusal('AnnouncePrices', {}, host), 'nothing_decrypted');
  s.go('DeclareFailed', why, host, { at: s.now + SECOND });
  t.match(s.state, { phase: 'Failed', failure: 'no_bid_decrypted', phaseSince: s.state.window?.closed?.at });
  t.match(s.lines.at(-1)?.disclosed, { who: { name: '主持人' }, report: { bids: 4 } });
});

t.test('where one bid opened, the tender does not fail here', async (t) => {
  const s = reach('Attribution');
  t.equal(s.refusal('DeclareFailed', why, host), 'some_decrypted');
});
