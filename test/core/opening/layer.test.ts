/** The second layer by its rules: an opening key dealt before publication, shares given after the window, and whose failure it is when it stays closed. */

import { Check } from 'typebox/schema';
import { formatInstant } from '../../../server/core/log/instant.ts';
import { nextAlarm, runningUntil } from '../../../server/core/opening/alarms.ts';
import { DECRYPTION_FAULTS } from '../../../server/core/opening/findings.ts';
import { MAX_OFFERS } from '../../../server/core/opening/layer-commands.ts';
import {
  areLawfulLayerRules,
  type LayerRules,
  MAX_HOLDERS,
  PolicySchema,
  PROFILES,
} from '../../../server/core/opening/policy.ts';
import { outcomeOf } from '../../../server/core/opening/state.ts';
import { MAX_WRONG_SHARES } from '../../../server/core/opening/steps/layer.ts';
import { audit, body, type Forgery, fields, forge } from '../../support/opening-forgery.ts';
import { digest } from '../../support/opening-people.ts';
import {
  DEALT,
  DECRYPTED,
  dealNow,
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
  bidder,
  clock,
  DEADLINE,
  HOUR,
  host,
  MINUTE,
  openingScript,
  operator,
  platform,
  type Script,
  STAFF,
  supervisor,
  tenderer,
  WINDOW_KEY,
  witness,
} from '../../support/opening-script.ts';
import t from '../../support/tap.ts';

const policy = { tendererLayer: LAYER };
const draft = (): Script => openingScript({ policy });
const offer = { key: WINDOW_KEY };
const sound = { layerShare: { share: 'AAAA', isSound: true } };
const closesAt = (s: Script): number => s.state.layer.unsealing?.closesAt ?? 0;
const acknowledged = { secretCommit: DEALT.secretCommit };

t.test('keys are offered where the policy promises a layer, one for each person, and again', async (t) => {
  t.equal(reach('Draft').refusal('OfferHolderKey', offer, host), 'no_layer_promised');
  const s = draft();
  t.equal(s.refusal('OfferHolderKey', offer, supervisor), 'role_not_allowed');
  offerKeys(s);
  t.match(s.state.layer.holders, [{ holder: 1, role: 'tenderer' }, { role: 'host' }, { holder: 3, role: 'witness' }]);
  s.go('DealOpeningKey', DEALT, tenderer).go('OfferHolderKey', offer, host, { ownHolder: 2 });
  t.equal(s.state.layer.holders.length, 3);
  t.equal(s.state.layer.key, null, 'what was dealt to the key before is dealt anew');
  while (s.state.layer.holders.length < MAX_OFFERS) s.go('OfferHolderKey', offer, witness);
  t.equal(s.refusal('OfferHolderKey', offer, witness), 'too_many_holders');
  t.equal(s.refusal('OfferHolderKey', offer, witness, { ownHolder: 3 }), undefined);
});

t.test('an opening key is dealt to exactly the holders that the policy asks for', async (t) => {
  t.equal(reach('Draft').refusal('DealOpeningKey', DEALT, host), 'no_layer_promised');
  const s = offerKeys(draft());
  t.equal(s.refusal('DealOpeningKey', DEALT, witness), 'role_not_allowed');
  const [one, two, three] = DEALT.shares;
  const dealt = (shares: unknown[]) => s.refusal('DealOpeningKey', { ...DEALT, shares } as never, tenderer);
  for (const shares of [
    [one, two],
    [one, two, three, { ...three, holder: 4, commitment: digest('share 4') }],
    [one, two, { ...three, holder: 2 }],
    [one, two, { ...three, holder: 4 }],
    [one, two, { ...three, commitment: two?.commitment }],
  ])
    t.equal(dealt(shares), 'not_for_these_holders');
  const openingKey = { sha256: digest('x'), isInForm: false };
  t.equal(s.refusal('DealOpeningKey', DEALT, host, { openingKey }), 'opening_key_not_in_form');
  t.equal(s.refusal('DealOpeningKey', DEALT, host), undefined);
});

t.test('every holder acknowledges its share before the opening is published', async (t) => {
  const s = offerKeys(draft()).clockTo(DEADLINE - 20 * HOUR);
  const publish = () => s.refusal('PublishOpening', {}, host);
  const ack = (holder: number | null, data = acknowledged) =>
    s.refusal('AcknowledgeShare', data, host, { ownHolder: holder });
  t.equal(ack(1), 'opening_key_not_dealt');
  t.equal(publish(), 'opening_key_not_dealt');
  s.go('DealOpeningKey', DEALT, tenderer);
  t.equal(ack(2, { secretCommit: digest('another') }), 'another_opening_key');
  t.equal(ack(null), 'not_a_holder');
  t.equal(ack(4), 'not_a_holder');
  for (const holder of [1, 2]) s.go('AcknowledgeShare', acknowledged, host, { ownHolder: holder });
  t.equal(publish(), 'shares_not_acknowledged');
  const size = s.state.size;
  s.go('AcknowledgeShare', acknowledged, host, { ownHolder: 2 });
  t.equal(s.state.size, size, 'a second time changes nothing');
  s.go('AcknowledgeShare', acknowledged, witness, { ownHolder: 3 });
  t.equal(publish(), undefined);
  const { details } = s.state;
  const amended = (rules: LayerRules | false) =>
    s.fork().go('AmendDraft', { details, policy: { ...s.state.policy, tendererLayer: rules } }, host);
  t.not(amended(LAYER).state.layer.key, null, 'another member of the policy voids nothing');
  t.equal(amended({ ...LAYER, threshold: 3 }).state.layer.key, null);
  t.equal(amended(false).refusal('PublishOpening', {}, host), undefined, 'no layer, no ceremony');
});

t.test('a holder who has left its role is no holder', async (t) => {
  const s = holdCeremony(draft()).clockTo(DEADLINE - 20 * HOUR);
  const [holding] = STAFF.filter(({ role }) => role === 'witness');
  if (holding === undefined) throw new Error('no witness');
  s.go('AssignRole', { account: '91110000600037341L/NEW', role: 'witness' }, operator);
  s.go('WithdrawRole', { ...holding, reason: '换人' }, operator);
  t.equal(s.refusal('PublishOpening', {}, host), 'holder_has_left');
});

t.test('the rules of a layer have a shape and a lawful range, tested at their edges', async (t) => {
  const { defaults } = PROFILES.engineering;
  const fits = (rules: Partial<LayerRules>) =>
    Check(PolicySchema, { ...defaults, tendererLayer: { ...LAYER, ...rules } });
  t.same([fits({ holders: 1 }), fits({ holders: 2 }), fits({ holders: MAX_HOLDERS })], [false, true, true]);
  t.same([fits({ holders: MAX_HOLDERS + 1 }), fits({ threshold: 1 }), fits({ threshold: 2 })], [false, false, true]);
  const lawful = (profile: 'engineering' | 'rehearsal', rules: Partial<LayerRules>) =>
    areLawfulLayerRules(profile, { tendererLayer: { ...LAYER, ...rules }, blindWindow: false });
  t.same([lawful('engineering', { threshold: 3 }), lawful('engineering', { threshold: 4 })], [true, false]);
  t.same(
    [lawful('engineering', { windowMs: 5 * MINUTE }), lawful('engineering', { windowMs: 5 * MINUTE - 1 })],
    [true, false],
  );
  t.ok(lawful('rehearsal', { windowMs: 1_000 }));
  t.notOk(lawful('rehearsal', { threshold: 4 }));
});

t.test('a bid is sealed to this opening’s key, or to none where there is no layer', async (t) => {
  const s = playTo(draft(), 'Scheduled');
  const lodge = (script: Script, layer: object) => {
    try {
      script.fork().lodge(0, layer);
      return 'taken';
    } catch (error) {
      return (error as Error).message;
    }
  };
  t.equal(lodge(s, {}), 'taken');
  const other = { openingCertSha256: digest('other'), cekCommit: digest('a'), contentCommit: digest('b') };
  t.match(lodge(s, { layer: other }), /not_sealed_to_opening_key/);
  t.match(lodge(s, { layer: undefined }), /not_sealed_to_opening_key/);
  t.match(lodge(reach('Scheduled'), { layer: other }), /not_sealed_to_opening_key/);
});

t.test('the end of the window asks for shares, when a bid waits for them', async (t) => {
  const s = reach('TendererDecrypting');
  t.match(s.state, { phase: 'TendererDecrypting', layer: { unsealing: { closedAt: null } } });
  t.equal(closesAt(s), s.now + LAYER.windowMs);
  t.ok(
    s.state.bids.every((bid) => bid.proposal === null),
    'nothing is attributed yet',
  );
  const silent = reach('Decrypting', { policy });
  silent.clockTo(silent.state.window?.closesAt ?? 0).go('CloseWindow', {}, clock);
  t.equal(silent.state.phase, 'Attribution');
  t.ok(silent.state.bids.every((bid) => bid.proposal !== null));
  const early = reach('Decrypting', { policy });
  for (const { bidder: number } of early.state.bids) decryptNow(early, number);
  t.equal(early.go('EndWindowEarly', {}, host).state.phase, 'TendererDecrypting');
  t.equal(reach('Attribution').state.layer.unsealing, null, 'no layer, no shares');
});

t.test('a share is taken from its holder, in its time, once', async (t) => {
  const s = reach('TendererDecrypting');
  const give = (holder: number | null, changes = {}) =>
    s.refusal('UnsealLayer', shareOf(s, holder ?? 1), host, { ownHolder: holder, ...sound, ...changes });
  t.equal(give(null), 'not_a_holder');
  t.equal(give(4), 'not_a_holder');
  t.equal(give(1, { at: closesAt(s) - 1 }), undefined);
  t.equal(give(1, { at: closesAt(s) }), 'unsealing_is_over');
  t.equal(
    give(1, { at: closesAt(s) + MINUTE, receivedAt: closesAt(s) - 1 }),
    undefined,
    'received in time, decided later',
  );
  t.equal(give(1, { at: closesAt(s) + MINUTE, receivedAt: closesAt(s) }), 'unsealing_is_over');
  const { opensAt } = s.state.layer.unsealing ?? { opensAt: 0 };
  t.equal(give(1, { at: opensAt, receivedAt: opensAt - 60 * MINUTE }), undefined, 'under a clock set back');
  giveShares(s, 1);
  t.equal(give(1), 'share_already_given');
  t.equal(s.refusal('RecordLayer', { bidder: 1, failure: null }, platform), 'shares_missing');
  giveShares(s, 3);
  t.equal(give(2), 'shares_complete');
});

t.test('a bid between its layers is not revoked: first it is said what becomes of it', async (t) => {
  const s = reach('TendererDecrypting');
  t.equal(s.refusal('RevokeBid', { reason: '撤销' }, bidder(1)), 'attempt_undecided');
  t.equal(s.refusal('RevokeBid', { reason: '撤销' }, bidder(SILENT)), undefined);
  const opened = unsealNow(reach('TendererDecrypting'));
  t.equal(opened.refusal('RevokeBid', { reason: '撤销' }, bidder(1)), undefined, 'recorded beside what is open');
});

t.test('a wrong share is on the log under its holder’s number, and may be sent again a few times', async (t) => {
  const s = reach('TendererDecrypting');
  const told = (share: string | null, isSound: boolean) => ({ ownHolder: 2, layerShare: { share, isSound } });
  const wrong = { commitment: digest('wrong'), sealed: 'a.b.c.d.e' };
  s.go('UnsealLayer', wrong, host, { ownHolder: 2, layerShare: { share: 'AAAA', isSound: false } });
  t.match(s.lines.at(-1), {
    entry: { type: 'LayerShareRefused', body: { holder: 2, why: 'other_commitment' } },
    disclosed: { share: null },
  });
  s.go('UnsealLayer', shareOf(s, 2), host, told('AAAA', false));
  t.match(s.lines.at(-1), { entry: { body: { why: 'not_as_committed' } }, disclosed: { share: 'AAAA' } });
  while (s.state.layer.wrong.length < MAX_WRONG_SHARES) s.go('UnsealLayer', shareOf(s, 2), host, told(null, false));
  t.match(s.lines.at(-1), { entry: { body: { why: 'does_not_open' } }, disclosed: { share: null } });
  t.equal(s.refusal('UnsealLayer', shareOf(s, 2), host, told('AAAA', true)), 'too_many_attempts');
  t.same(s.state.layer.given, []);
  t.same(audit(unsealNow(s).lines).problems, []);
});

t.test(
  'each bid’s layer is decided once, with the shares complete; a bidder’s own failure stays its own',
  async (t) => {
    const s = giveShares(reach('TendererDecrypting'), 1, 2);
    t.equal(s.refusal('RecordLayer', { bidder: WRONG_KEY, failure: null }, platform), 'no_such_attempt');
    t.equal(s.refusal('RecordLayer', { bidder: 9, failure: null }, platform), 'no_such_attempt');
    t.equal(nextAlarm(s.state), null, 'the end waits for the platform');
    t.equal(runningUntil(s.state), null);
    t.equal(s.refusal('CloseUnsealing', {}, clock), 'before_its_time');
    t.equal(s.refusal('CloseUnsealing', {}, clock, { at: closesAt(s) }), 'acts_still_undecided');
    s.go('RecordLayer', { bidder: 1, failure: null }, platform);
    t.equal(s.refusal('RecordLayer', { bidder: 1, failure: null }, platform), 'no_such_attempt');
    s.go('RecordLayer', { bidder: 2, failure: 'tag_mismatch' }, platform);
    t.same(nextAlarm(s.state), { at: s.now, command: 'CloseUnsealing' });
    t.equal(s.refusal('CloseUnsealing', {}, clock, { undecided: 1 }), 'acts_still_undecided');
    s.go('CloseUnsealing', {}, clock);
    t.match(s.state, { phase: 'Attribution', layer: { unsealing: { closedAt: s.now } } });
    t.match(s.state.bids, [
      { isLayerOpen: true, proposal: null },
      { isLayerOpen: false, proposal: { verdict: 'deemed_revoked', evidence: { failures: ['tag_mismatch'] } } },
      { proposal: {} },
      { proposal: {} },
    ]);
    for (const number of [2, WRONG_KEY, SILENT]) ruleAlike(s, number, 'deemed_revoked');
    s.go('AnnouncePrices', {}, host);
    t.equal(s.state.prices?.known === true && s.state.prices.value.length, 1);
  },
);

t.test('too few shares: never the bidder’s fault', async (t) => {
  const s = giveShares(reach('TendererDecrypting'), 2);
  t.same(nextAlarm(s.state), { at: closesAt(s), command: 'CloseUnsealing' });
  t.equal(runningUntil(s.state), closesAt(s));
  t.equal(s.refusal('CloseUnsealing', {}, clock, { at: closesAt(s) - 1 }), 'before_its_time');
  s.clockTo(closesAt(s)).go('CloseUnsealing', {}, clock);
  t.equal(DECRYPTION_FAULTS.layer_not_opened, 'tenderer');
  for (const number of DECRYPTED)
    t.match(s.state.bids[number - 1], {
      attempts: [{ outcome: 'layer_not_opened' }],
      proposal: { verdict: 'deemed_withdrawn', evidence: { failures: ['layer_not_opened'] } },
    });
  // what the holders owe says nothing of the silent one: others' own layers had opened in the window
  t.match(s.state.bids[SILENT - 1]?.proposal, { evidence: { peerSucceeded: true } });
  const revoke = { bidder: 1, verdict: 'deemed_revoked', reason: '未解密' } as const;
  t.equal(s.refusal('GiveRuling', revoke, host), 'not_the_bidders_fault');
  t.equal(s.refusal('AnnouncePrices', {}, host), 'nothing_decrypted');
  for (const number of DECRYPTED) ruleAlike(s, number, 'deemed_withdrawn');
  for (const number of [WRONG_KEY, SILENT]) ruleAlike(s, number, 'deemed_revoked');
  t.equal(s.state.bids.map(outcomeOf).join(), 'deemed_withdrawn,deemed_withdrawn,deemed_revoked,deemed_revoked');
  s.clockTo(s.now + MINUTE).go('DeclareFailed', { reason: '招标方未能解密' }, host);
  t.equal(
    s.state.phaseSince,
    s.state.layer.unsealing?.closedAt,
    'it failed when the holders’ time was over, not before',
  );
  t.same(audit(playTo(s, 'Failed').lines).problems, []);
});

t.test('the record says who held the key and how many gave it; without a layer it says nothing', async (t) => {
  const s = playTo(draft(), 'RecordConfirm');
  const closedAt = formatInstant(s.state.layer.unsealing?.closedAt ?? 0);
  t.match(s.state.record?.document, { value: { layer: { holders: 3, threshold: 2, given: 2, closedAt } } });
  const { document } = reach('RecordConfirm').state.record ?? {};
  t.notOk(document?.known === true && Object.hasOwn(document.value as object, 'layer'));
});

t.test('a suspension keeps the holders’ time', async (t) => {
  const s = reach('TendererDecrypting');
  const before = closesAt(s);
  suspend(s.clockTo(s.now + MINUTE));
  t.equal(s.refusal('UnsealLayer', shareOf(s, 1), host, { ownHolder: 1, ...sound }), 'opening_is_suspended');
  s.clockTo(s.now + 7 * MINUTE).go('ResumeOpening', { reason: '恢复' }, host);
  t.equal(closesAt(s), before + 7 * MINUTE);
});

t.test('after a remedy shares are asked for again, and those that are there count', async (t) => {
  const s = giveShares(reach('TendererDecrypting', { policy: { remedy: REMEDY } }), 1);
  s.clockTo(closesAt(s)).go('CloseUnsealing', {}, clock).go('OpenRemedy', {}, host);
  t.same(s.state.remedy?.bids, [1, 2, WRONG_KEY, SILENT]);
  s.go('SubmitBackup', { jweSha256: digest('kept') }, bidder(2));
  s.go('RecordDecryption', { bidder: 2, attempt: 2, failure: null }, platform);
  s.go('SubmitBackup', { jweSha256: digest('wrong file') }, bidder(1));
  s.go('RecordDecryption', { bidder: 1, attempt: 2, failure: 'wrong_key' }, platform);
  s.clockTo(s.state.remedy?.closesAt ?? 0).go('CloseRemedy', {}, clock);
  t.match(s.state, { phase: 'TendererDecrypting', layer: { given: [{ holder: 1 }] } });
  t.equal(closesAt(s), s.now + LAYER.windowMs);
  giveShares(s, 3).go('RecordLayer', { bidder: 2, failure: null }, platform).go('CloseUnsealing', {}, clock);
  t.equal(outcomeOf(s.state.bids[1] as never), 'decrypted');
  const revoke = { bidder: 1, verdict: 'deemed_revoked', reason: '未解密' } as const;
  t.equal(s.refusal('GiveRuling', revoke, host), 'not_the_bidders_fault', 'a wrong file in the remedy changes nothing');
  ruleAlike(s, 1, 'deemed_withdrawn');
  for (const number of [WRONG_KEY, SILENT]) ruleAlike(s, number, 'deemed_revoked');
  s.go('AnnouncePrices', {}, host);
  t.same(audit(s.lines).problems, []);
});

t.test('a whole opening with a layer passes the audit, and each forgery of it is named', async (t) => {
  const s = playTo(draft(), 'Archived');
  const { lines } = s;
  t.match(audit(lines), { problems: [], complete: true });
  const later = '2026-03-02T01:59:00.000Z';
  t.same(forge('HolderKeyOffered', body({ role: 'witness' }), 0, lines), ['step_not_lawful']);
  t.ok(forge('HolderKeyOffered', body({ kid: digest('x') }), 0, lines).includes('opening_key_differs'));
  t.ok(forge('OpeningKeyDealt', body({ threshold: 3 }), 0, lines).includes('step_not_lawful'));
  t.ok(forge('OpeningKeyDealt', body({ certSha256: digest('x') }), 0, lines).includes('opening_key_differs'));
  t.ok(forge('ShareAcknowledged', body({ secretCommit: digest('x') }), 0, lines).includes('event_does_not_fit'));
  const twice = forge('ShareAcknowledged', body({ holder: 2 }), 0, lines);
  t.same(twice, ['holder_differs', 'event_does_not_fit'], 'two of one holder');
  t.ok(forge('WindowClosed', body({ sharesBy: later }), 0, lines).includes('step_not_lawful'));
  const skipped: Forgery = ({ entry }) => {
    const { sharesBy: _sharesBy, ...rest } = entry.body;
    return { entry: { ...entry, body: rest } };
  };
  t.ok(forge('WindowClosed', skipped, 0, lines).includes('step_not_lawful'), 'nobody is asked');
  const asked = forge('WindowClosed', body({ sharesBy: later }), 0, playTo(openingScript(), 'Announcing').lines);
  t.ok(asked.includes('step_not_lawful'), 'nothing was promised');
  t.ok(forge('LayerShareGiven', body({ commitment: digest('x') }), 0, lines).includes('step_not_lawful'));
  t.ok(forge('LayerShareGiven', body({ holder: 3 }), 0, lines).includes('step_not_lawful'));
  t.same(forge('LayerOpened', body({ bidder: WRONG_KEY }), 0, lines), ['event_does_not_fit']);
  t.ok(forge('UnsealingClosed', body({ why: 'shares_missing' }), 0, lines).includes('step_not_lawful'));
  const dropped = (type: string) => audit(lines.filter((l) => l.entry.type !== type)).problems.length > 0;
  for (const type of ['LayerShareGiven', 'LayerOpened', 'UnsealingClosed']) t.ok(dropped(type), type);
});

t.test('a holder is not accused of a right share, nor a bidder of the holders’ failure', async (t) => {
  const s = reach('TendererDecrypting');
  s.go('UnsealLayer', shareOf(s, 2), host, { ownHolder: 2, layerShare: { share: 'AAAA', isSound: false } });
  s.clockTo(closesAt(s)).go('CloseUnsealing', {}, clock);
  ruleAlike(s, 1, 'deemed_withdrawn');
  const { lines } = s;
  t.same(audit(lines).problems, []);
  t.same(forge('LayerShareRefused', fields({ share: null }), 0, lines), ['layer_share_differs']);
  t.ok(forge('LayerShareRefused', body({ why: 'other_commitment' }), 0, lines).includes('step_not_lawful'));
  t.ok(forge('LayerFailed', body({ failure: 'tag_mismatch', fault: 'bidder' }), 0, lines).includes('step_not_lawful'));
  t.ok(forge('LayerFailed', body({ fault: 'bidder' }), 0, lines).includes('step_not_lawful'));
  t.ok(forge('RulingGiven', body({ verdict: 'deemed_revoked' }), 0, lines).includes('step_not_lawful'));
});

t.test('what was dealt stands: shares of a draft that never was published are nobody’s to give', async (t) => {
  const s = dealNow(draft());
  t.equal(s.refusal('UnsealLayer', shareOf(s, 1), host, { ownHolder: 1, ...sound }), 'not_published_yet');
  t.equal(
    reach('Decrypting', { policy }).refusal('UnsealLayer', { commitment: digest('x'), sealed: 'a.b.c.d.e' }, host),
    'too_early',
  );
});
