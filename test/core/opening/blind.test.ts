/** A blind window by its rules: its key dealt before publication, nothing decided in it, shares given after it, and whose failure it is when the key does not come. */

import { formatInstant } from '../../../server/core/log/instant.ts';
import { nextAlarm } from '../../../server/core/opening/alarms.ts';
import { DECRYPTION_FAULTS } from '../../../server/core/opening/findings.ts';
import { isWindowBlind, shareKeyOf } from '../../../server/core/opening/layer.ts';
import type { LayerRules } from '../../../server/core/opening/policy.ts';
import { outcomeOf } from '../../../server/core/opening/state.ts';
import { MAX_BACKUPS } from '../../../server/core/opening/steps/remedy.ts';
import { MAX_DECRYPTION_ATTEMPTS } from '../../../server/core/opening/steps/window.ts';
import { audit, body, type Forgery, fields, forge } from '../../support/opening-forgery.ts';
import { digest } from '../../support/opening-people.ts';
import {
  BLIND,
  BLIND_DEALT,
  DEALT,
  DECRYPTED,
  dealNow,
  decideAll,
  decryptNow,
  giveShares,
  holdCeremony,
  LAYER,
  offerKeys,
  playTo,
  REMEDY,
  reach,
  ruleAlike,
  SILENT,
  shareOf,
  suspend,
  unsealNow,
  WRONG_KEY,
} from '../../support/opening-phases.ts';
import {
  BLIND_KEY,
  BLIND_KID,
  bidder,
  clock,
  DEADLINE,
  HOUR,
  host,
  MINUTE,
  openingScript,
  platform,
  type Script,
  tenderer,
} from '../../support/opening-script.ts';
import t from '../../support/tap.ts';

const policy = BLIND;
const draft = (): Script => openingScript({ policy });
const window = (): Script => reach('Decrypting', { policy });
const unsealing = (changes = {}): Script => reach('TendererDecrypting', { policy: { ...policy, ...changes } });
const sound = { layerShare: { share: 'AAAA', isSound: true } };
const closesAt = (s: Script): number => s.state.layer.unsealing?.closesAt ?? 0;
const attemptsOf = (s: Script, number: number) => s.state.bids[number - 1]?.attempts.map(({ outcome }) => outcome);
const another = { jweSha256: digest('another jwe') };

t.test('the key of the window is dealt before publication, a bare key and no certificate', async (t) => {
  const s = offerKeys(draft()).clockTo(DEADLINE - 20 * HOUR);
  t.equal(s.refusal('PublishOpening', {}, host), 'opening_key_not_dealt');
  t.equal(s.refusal('DealOpeningKey', DEALT, tenderer), 'opening_key_not_in_form', 'the key of a second layer');
  const both = { ...BLIND_DEALT, certificate: DEALT.certificate };
  t.equal(s.refusal('DealOpeningKey', both, tenderer), 'opening_key_not_in_form');
  const { windowKey: _none, ...neither } = BLIND_DEALT;
  t.equal(s.refusal('DealOpeningKey', neither, tenderer), 'opening_key_not_in_form');
  const openingKey = { sha256: BLIND_KID, isInForm: false };
  t.equal(s.refusal('DealOpeningKey', BLIND_DEALT, tenderer, { openingKey }), 'opening_key_not_in_form');
  const layered = offerKeys(openingScript({ policy: { tendererLayer: LAYER } }));
  t.equal(layered.refusal('DealOpeningKey', BLIND_DEALT, tenderer), 'opening_key_not_in_form');
  s.go('DealOpeningKey', BLIND_DEALT, tenderer);
  t.match(s.state.layer.key, { certificate: null, certSha256: null, windowKey: { kid: BLIND_KID, key: BLIND_KEY } });
  t.equal(s.refusal('PublishOpening', {}, host), 'shares_not_acknowledged');
  const { details } = s.state;
  const amended = (rules: LayerRules | false) =>
    s.fork().go('AmendDraft', { details, policy: { ...s.state.policy, blindWindow: rules } }, host);
  t.not(amended(LAYER).state.layer.key, null);
  t.equal(amended({ ...LAYER, threshold: 3 }).state.layer.key, null, 'other rules, another dealing');
  t.equal(amended(false).refusal('PublishOpening', {}, host), undefined, 'no blind window, no ceremony');
});

t.test('bids are sealed as in any opening, and the window opens with the key that was dealt', async (t) => {
  const s = window();
  t.match(s.state.window, { kid: BLIND_KID, key: BLIND_KEY });
  const opened = s.lines.find(({ entry }) => entry.type === 'WindowOpened');
  t.same(opened?.entry.body['holders'], ['tenderer 1', 'host 2', 'witness 3']);
  t.ok(isWindowBlind(s.state));
  t.equal(shareKeyOf(s.state), null, 'there is nothing yet that a share could be sealed to');
});

t.test('in the window everything is received and nothing decided', async (t) => {
  const s = window();
  decryptNow(s, 1);
  t.same(attemptsOf(s, 1), ['undecided']);
  t.equal(s.refusal('RecordDecryption', { bidder: 1, attempt: 1, failure: null }, platform), 'shares_missing');
  t.equal(s.refusal('RevokeBid', { reason: '撤销' }, bidder(1)), 'attempt_undecided', 'who has decrypted stays');
  t.equal(s.refusal('DecryptBid', another, bidder(1)), undefined, 'another is taken beside it');
  while ((attemptsOf(s, 1)?.length ?? 0) < MAX_DECRYPTION_ATTEMPTS) s.go('DecryptBid', another, bidder(1));
  t.equal(s.refusal('DecryptBid', another, bidder(1)), 'too_many_attempts');
  t.equal(s.refusal('UnsealLayer', { commitment: digest('x'), sealed: 'a.b.c.d.e' }, host), 'too_early');
  t.equal(reach('Decrypting').state.policy.blindWindow, false);
  const seen = reach('Decrypting').go('DecryptBid', another, bidder(1));
  t.equal(seen.refusal('DecryptBid', another, bidder(1)), 'attempt_undecided', 'as before where it is not blind');
});

t.test('the window ends with everything undecided, names a key for the shares, and asks for them', async (t) => {
  const s = window();
  for (const number of [1, 1, 2]) decryptNow(s, number);
  const end = s.state.window?.closesAt ?? 0;
  t.same(nextAlarm(s.state), { at: end, command: 'CloseWindow' });
  t.equal(s.refusal('CloseWindow', {}, clock, { at: end - 1 }), 'before_its_time');
  t.equal(s.refusal('CloseWindow', {}, clock, { at: end, undecided: 1 }), 'acts_still_undecided', 'not received yet');
  s.clockTo(end).go('CloseWindow', {}, clock);
  t.match(s.state, { phase: 'TendererDecrypting', layer: { unsealing: { opensAt: end, closedAt: null } } });
  t.equal(closesAt(s), end + LAYER.windowMs);
  t.not(shareKeyOf(s.state)?.kid, BLIND_KID);
  t.same(shareKeyOf(s.state), s.state.layer.shareKey);
  t.ok(s.state.bids.every((bid) => bid.proposal === null));
  const silent = window();
  silent.clockTo(end).go('CloseWindow', {}, clock);
  t.match(silent.state, { phase: 'Attribution', layer: { unsealing: null, shareKey: null } });
  t.match(silent.state.bids[0]?.proposal, { verdict: 'unknown', evidence: { peerSucceeded: false } });
});

t.test('where the platform holds the key, nobody else’s failure to give it can be recorded', async (t) => {
  const s = reach('Decrypting');
  s.go('DecryptBid', { jweSha256: digest('jwe') }, bidder(1));
  const record = { bidder: 1, attempt: 1, failure: 'window_key_not_given' } as const;
  t.equal(s.refusal('RecordDecryption', record, platform), 'shares_missing');
  t.equal(s.refusal('RecordDecryption', { ...record, failure: 'worker_failed' }, platform), undefined);
});

t.test('it may end early once a decryption of each bid is received, whatever comes of it', async (t) => {
  const s = window().clockTo(DEADLINE + 3 * MINUTE);
  for (const number of [1, 2, 3]) decryptNow(s, number);
  t.equal(s.refusal('EndWindowEarly', {}, host), 'window_running');
  const revoked = s.fork().go('RevokeBid', { reason: '撤销' }, bidder(SILENT));
  t.equal(revoked.refusal('EndWindowEarly', {}, host), undefined);
  decryptNow(s, SILENT).go('EndWindowEarly', {}, host);
  t.match(s.state, { phase: 'TendererDecrypting', window: { closed: { at: s.now, why: 'all_received' } } });
  t.same(audit(unsealNow(s).lines).problems, []);
});

t.test('an extension and a suspension keep it blind for as long, and the holders’ time whole', async (t) => {
  const s = decryptNow(window(), 1);
  const end = s.state.window?.closesAt ?? 0;
  s.go('ExtendWindow', { extraMs: MINUTE, reason: '网络拥堵' }, host);
  suspend(s);
  t.equal(s.refusal('DecryptBid', another, bidder(1)), 'opening_is_suspended');
  t.equal(s.refusal('RecordDecryption', { bidder: 1, attempt: 1, failure: null }, platform), 'shares_missing');
  s.clockTo(s.now + 3 * MINUTE).go('ResumeOpening', { reason: '恢复' }, host);
  t.equal(s.refusal('CloseWindow', {}, clock, { at: end + 4 * MINUTE - 1 }), 'before_its_time');
  s.clockTo(end + 4 * MINUTE).go('CloseWindow', {}, clock);
  const before = closesAt(s);
  suspend(s);
  t.equal(s.refusal('UnsealLayer', shareOf(s, 1), host, { ownHolder: 1, ...sound }), 'opening_is_suspended');
  s.clockTo(s.now + 7 * MINUTE).go('ResumeOpening', { reason: '恢复' }, host);
  t.equal(closesAt(s), before + 7 * MINUTE);
  giveShares(s, 1, 2);
  suspend(s);
  s.go('RecordDecryption', { bidder: 1, attempt: 1, failure: null }, platform);
  t.same(attemptsOf(s, 1), ['decrypted'], 'what the platform owes goes on');
});

t.test(
  'with the key given every attempt is decided in the order received; the first that opens is enough',
  async (t) => {
    const s = window();
    for (const number of [1, 1, 1, 2, WRONG_KEY]) decryptNow(s, number);
    s.clockTo(s.state.window?.closesAt ?? 0).go('CloseWindow', {}, clock);
    const record = (attempt: number, failure: 'wrong_key' | null) =>
      s.refusal('RecordDecryption', { bidder: 1, attempt, failure }, platform);
    giveShares(s, 2);
    t.equal(record(1, null), 'shares_missing');
    giveShares(s, 3);
    t.equal(s.refusal('UnsealLayer', shareOf(s, 1), tenderer, { ownHolder: 1, ...sound }), 'shares_complete');
    t.equal(nextAlarm(s.state), null, 'the end waits for the platform');
    t.equal(s.refusal('CloseUnsealing', {}, clock, { at: closesAt(s) }), 'acts_still_undecided');
    t.equal(record(2, null), 'no_such_attempt', 'the first one first');
    s.go('RecordDecryption', { bidder: 1, attempt: 1, failure: 'wrong_key' }, platform);
    s.go('RecordDecryption', { bidder: 1, attempt: 2, failure: null }, platform);
    t.same(attemptsOf(s, 1), ['wrong_key', 'decrypted', 'not_needed']);
    t.equal(record(3, null), 'no_such_attempt');
    decideAll(s);
    t.same(nextAlarm(s.state), { at: s.now, command: 'CloseUnsealing' });
    s.go('CloseUnsealing', {}, clock);
    t.match(s.state, { phase: 'Attribution', layer: { unsealing: { closedAt: s.now } } });
    t.same(s.state.bids.map(outcomeOf), ['decrypted', 'decrypted', 'unknown', 'unknown']);
    t.match(s.state.bids[WRONG_KEY - 1]?.proposal, {
      verdict: 'deemed_revoked',
      evidence: { failures: ['wrong_key'] },
    });
    t.match(s.state.bids[SILENT - 1]?.proposal, { evidence: { peerSucceeded: true, actReceived: false } });
    t.same(audit(s.lines).problems, []);
  },
);

t.test('too few shares: each attempt fails by the tenderer’s side, the missing holders are named', async (t) => {
  const s = giveShares(unsealing(), 2);
  t.equal(s.refusal('CloseUnsealing', {}, clock, { at: closesAt(s) - 1 }), 'before_its_time');
  s.clockTo(closesAt(s)).go('CloseUnsealing', {}, clock);
  t.equal(DECRYPTION_FAULTS.window_key_not_given, 'tenderer');
  const closed = s.lines.find(({ entry }) => entry.type === 'UnsealingClosed');
  t.match(closed?.entry.body, { why: 'shares_missing', missing: [1, 3] });
  // of a wrong key nobody could know: that bid, too, waited for the holders
  for (const number of [...DECRYPTED, WRONG_KEY])
    t.match(s.state.bids[number - 1], {
      attempts: [{ outcome: 'window_key_not_given' }],
      proposal: { verdict: 'deemed_withdrawn' },
    });
  t.match(s.state.bids[SILENT - 1]?.proposal, { verdict: 'unknown', evidence: { peerSucceeded: false } });
  const revoke = { bidder: 1, verdict: 'deemed_revoked', reason: '未解密' } as const;
  t.equal(s.refusal('GiveRuling', revoke, host), 'not_the_bidders_fault');
  t.equal(s.refusal('AnnouncePrices', {}, host), 'nothing_decrypted');
  for (const number of [...DECRYPTED, WRONG_KEY]) ruleAlike(s, number, 'deemed_withdrawn');
  ruleAlike(s, SILENT, 'unknown');
  s.clockTo(s.now + MINUTE).go('DeclareFailed', { reason: '持有人未给出密钥' }, host);
  t.equal(s.state.phaseSince, s.state.layer.unsealing?.closedAt);
  t.same(audit(playTo(s, 'Failed').lines).problems, []);
});

t.test('in a remedy the window stays blind until its key is given, and shares are asked for once more', async (t) => {
  const s = giveShares(unsealing({ remedy: REMEDY }), 1);
  const first = shareKeyOf(s.state);
  s.clockTo(closesAt(s)).go('CloseUnsealing', {}, clock).go('OpenRemedy', {}, host);
  s.go('SubmitBackup', another, bidder(2)).go('SubmitBackup', another, bidder(2));
  t.equal(s.refusal('RecordDecryption', { bidder: 2, attempt: 2, failure: null }, platform), 'shares_missing');
  while ((attemptsOf(s, 2)?.length ?? 0) < 1 + MAX_BACKUPS) s.go('SubmitBackup', another, bidder(2));
  t.equal(s.refusal('SubmitBackup', another, bidder(2)), 'too_many_attempts');
  s.clockTo(s.state.remedy?.closesAt ?? 0).go('CloseRemedy', {}, clock);
  t.match(s.state, { phase: 'TendererDecrypting', layer: { given: [{ holder: 1 }] } });
  t.same(shareKeyOf(s.state), first, 'one key for all their shares');
  decideAll(giveShares(s, 2)).go('CloseUnsealing', {}, clock);
  t.equal(outcomeOf(s.state.bids[1] as never), 'decrypted');
  t.same(audit(s.lines).problems, []);
});

t.test('in a remedy behind a given key a backup is decided as it comes', async (t) => {
  const s = unsealNow(unsealing({ remedy: REMEDY })).go('OpenRemedy', {}, host);
  t.same(s.state.remedy?.bids, [WRONG_KEY, SILENT]);
  s.go('SubmitBackup', another, bidder(SILENT));
  t.equal(s.refusal('SubmitBackup', another, bidder(SILENT)), 'attempt_undecided');
  t.equal(s.refusal('CloseRemedy', {}, clock, { at: s.state.remedy?.closesAt ?? 0 }), 'acts_still_undecided');
  s.go('RecordDecryption', { bidder: SILENT, attempt: 1, failure: null }, platform);
  s.clockTo(s.state.remedy?.closesAt ?? 0).go('CloseRemedy', {}, clock);
  t.equal(s.state.phase, 'Attribution', 'nothing waits for the holders any more');
  t.same(audit(s.lines).problems, []);
});

t.test('a remedy after a window in which nobody did anything asks for shares for the first time', async (t) => {
  const s = reach('Decrypting', { policy: { ...policy, remedy: REMEDY } });
  s.clockTo(s.state.window?.closesAt ?? 0)
    .go('CloseWindow', {}, clock)
    .go('OpenRemedy', {}, host);
  s.go('SubmitBackup', another, bidder(1));
  t.equal(shareKeyOf(s.state), null);
  s.clockTo(s.state.remedy?.closesAt ?? 0).go('CloseRemedy', {}, clock);
  t.not(shareKeyOf(s.state), null);
  t.same(audit(unsealNow(s).lines).problems, []);
});

t.test('the record says who held the key of the window and how many gave it', async (t) => {
  const s = playTo(draft(), 'RecordConfirm');
  const closedAt = formatInstant(s.state.layer.unsealing?.closedAt ?? 0);
  t.match(s.state.record?.document, { value: { blindWindow: { holders: 3, threshold: 2, given: 2, closedAt } } });
});

t.test('a whole opening with a blind window passes the audit, and each forgery of it is named', async (t) => {
  const { lines } = playTo(draft(), 'Archived');
  t.match(audit(lines), { problems: [], complete: true });
  const forged = (type: Parameters<typeof forge>[0], forgery: Forgery, n = 0) => forge(type, forgery, n, lines);
  const other = { ...BLIND_KEY, x: digest('a key of the platform’s') };
  t.same(forged('WindowOpened', body({ windowKey: other })), ['event_does_not_fit'], 'another key under its name');
  t.same(forged('WindowOpened', body({ kid: digest('x') })), ['event_does_not_fit']);
  t.ok(forged('WindowOpened', body({ holders: ['platform'] })).includes('step_not_lawful'));
  t.ok(forged('OpeningKeyDealt', body({ kid: digest('x') })).includes('opening_key_differs'));
  t.ok(forged('OpeningKeyDealt', body({ certificate: DEALT.certificate })).includes('step_not_lawful'));
  t.ok(forged('OpeningKeyDealt', body({ threshold: 3 })).includes('step_not_lawful'));
  const closed = lines.find(({ entry }) => entry.type === 'WindowClosed');
  const shareKey = { ...(closed?.entry.body['shareKey'] as object), key: other };
  t.same(forged('WindowClosed', body({ shareKey })), ['opening_key_differs']);
  const without =
    (name: string): Forgery =>
    ({ entry }) => ({
      entry: { ...entry, body: Object.fromEntries(Object.entries(entry.body).filter(([key]) => key !== name)) },
    });
  for (const name of ['shareKey', 'sharesBy'])
    t.ok(forged('WindowClosed', without(name)).includes('step_not_lawful'), name);
  t.ok(forged('WindowClosed', body({ why: 'all_received' })).includes('step_not_lawful'));
  t.ok(forged('WindowClosed', body({ why: 'all_decrypted' })).includes('step_not_lawful'));
  t.ok(forged('LayerShareGiven', body({ commitment: digest('x') })).includes('step_not_lawful'));
  t.ok(forged('DecryptionFailed', body({ fault: 'platform' })).includes('step_not_lawful'));
  const held = { failure: 'window_key_not_given', fault: 'bidder' } as const;
  t.ok(forged('DecryptionFailed', body(held)).includes('step_not_lawful'));
  t.ok(forged('UnsealingClosed', body({ why: 'shares_missing', missing: [2] })).includes('step_not_lawful'));
  // a bid opened before the second share was there: somebody had the key who must not
  const early = lines.findIndex(({ entry }) => entry.type === 'BidDecrypted');
  const shared = lines.findLastIndex(({ entry }) => entry.type === 'LayerShareGiven');
  const swapped = lines.map((line, n) => {
    if (n !== early && n !== shared) return line;
    const at = lines[n === early ? shared : early] as typeof line;
    return { ...at, entry: { ...at.entry, seq: line.entry.seq, at: line.entry.at } };
  });
  t.ok(audit(swapped).problems.some(({ code, seq }) => code === 'step_not_lawful' && seq === shared));
});

t.test('holders who gave are not called missing, and nobody’s act is another’s', async (t) => {
  const s = giveShares(unsealing(), 2);
  s.go('UnsealLayer', shareOf(s, 1), tenderer, { ownHolder: 1, layerShare: { share: 'AAAA', isSound: false } });
  s.clockTo(closesAt(s)).go('CloseUnsealing', {}, clock);
  const { lines } = s;
  t.same(audit(lines).problems, []);
  for (const missing of [[1, 2, 3], [3], [1]])
    t.ok(forge('UnsealingClosed', body({ missing }), 0, lines).includes('step_not_lawful'), missing.join());
  t.ok(
    forge('DecryptionFailed', body({ failure: 'wrong_key', fault: 'bidder' }), 0, lines).includes('step_not_lawful'),
  );
  t.same(forge('LayerShareRefused', fields({ share: null }), 0, lines), ['layer_share_differs']);
  t.ok(forge('LayerShareGiven', body({ holder: 3 }), 0, lines).includes('holder_differs'));
});

t.test('a ceremony that never was published gives nobody anything to give', async (t) => {
  const s = dealNow(draft());
  t.equal(s.refusal('UnsealLayer', shareOf(s, 1), host, { ownHolder: 1, ...sound }), 'not_published_yet');
  t.equal(
    holdCeremony(draft()).state.layer.key?.shares.every(({ acknowledged }) => acknowledged),
    true,
  );
});
