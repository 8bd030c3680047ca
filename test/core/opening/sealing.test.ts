/** From draft to roster: what may be drafted, when it may be published, the deadline to the millisecond, the failed tender. */
import { formatInstant } from '../../../server/core/log/instant.ts';
import { envelopesRootOf } from '../../../server/core/opening/envelopes-root.ts';
import { PROFILES } from '../../../server/core/opening/policy.ts';
import { type CreationRequest, createOpening } from '../../../server/core/opening/steps/sealing.ts';
import { sha256 } from '../../../server/hash.ts';
import { digest, OPENING_ID, ORIGIN, PLATFORM } from '../../support/opening-people.ts';
import { BIDS, DRAW, LAYER, playTo, ROSTER_AT, reach } from '../../support/opening-phases.ts';
import {
  bidder,
  clock,
  DEADLINE,
  HOUR,
  host,
  MINUTE,
  openingScript,
  refusalOf,
  SECOND,
} from '../../support/opening-script.ts';
import t from '../../support/tap.ts';

const policy = PROFILES.engineering.defaults;
const details = openingScript().state.details;

function creation(changes: Partial<CreationRequest>) {
  const request: CreationRequest = {
    openingId: OPENING_ID,
    platform: PLATFORM,
    profile: 'engineering',
    details,
    policy,
    vkey: ORIGIN,
    cosigners: { quorum: 0, vkeys: [] },
    drawCommitments: [1, 2, 3].map((round) => digest(`promise ${round}`)),
    assignments: [],
    production: true,
  };
  return refusalOf(createOpening({ ...request, ...changes }, { digest }));
}

t.test('a draft must be lawful, possible and real', async (t) => {
  t.equal(creation({}), undefined);
  t.equal(creation({ profile: 'rehearsal' }), 'rehearsal_not_allowed', 'on a production platform');
  t.equal(creation({ profile: 'rehearsal', production: false }), undefined);
  t.equal(creation({ policy: { ...policy, decryptionWindowMs: 10 * MINUTE - 1 } }), 'policy_not_lawful');
  t.equal(creation({ policy: { ...policy, minimumBidders: 2 } }), 'policy_not_lawful', '条例44: three');
  t.equal(creation({ profile: 'negotiation', policy: { ...policy, minimumBidders: 2 } }), undefined, '采购法38: two');
  t.equal(creation({ policy: { ...policy, blindWindow: LAYER } }), undefined);
  t.equal(creation({ policy: { ...policy, blindWindow: { ...LAYER, threshold: 4 } } }), 'policy_not_lawful');
  t.equal(creation({ policy: { ...policy, blindWindow: LAYER, tendererLayer: LAYER } }), 'layer_and_blind_window');
  t.equal(creation({ policy: { ...policy, draw: DRAW } }), undefined);
  t.equal(creation({ policy: { ...policy, draw: { ...DRAW, commitMs: MINUTE - 1 } } }), 'policy_not_lawful');
  t.equal(creation({ policy: { ...policy, draw: { ...DRAW, revealMs: MINUTE - 1 } } }), 'policy_not_lawful');
  t.equal(
    creation({ policy: { ...policy, draw: { ...DRAW, coefficients: { first: 5, last: 5 } } } }),
    'policy_not_lawful',
  );
  t.equal(
    creation({ details: { ...details, deadlineAt: '2026-02-30T01:00:00.000Z' } }),
    'details_invalid',
    '30 February',
  );
});

t.test('no more cosigners are asked for than are named, each counted once', async (t) => {
  const asking = (quorum: number, ...vkeys: string[]) => creation({ cosigners: { quorum, vkeys } });
  t.equal(asking(0, 'a'), undefined);
  t.equal(asking(2, 'a', 'b'), undefined);
  t.equal(asking(3, 'a', 'b'), 'quorum_out_of_reach');
  t.equal(asking(2, 'a', 'a'), 'quorum_out_of_reach', 'one cosigner named twice');
  t.equal(asking(1), 'quorum_out_of_reach');
});

t.test('amending a draft is held to the same rules and changes the deadline', async (t) => {
  const s = openingScript();
  const amended = { ...details, deadlineAt: formatInstant(DEADLINE + HOUR) };
  t.equal(
    s.refusal('AmendDraft', { details, policy: { ...policy, checkInLeadMs: HOUR - 1 } }, host),
    'policy_not_lawful',
  );
  t.equal(
    s.refusal('AmendDraft', { details: { ...details, deadlineAt: '2026-13-01T01:00:00.000Z' }, policy }, host),
    'details_invalid',
  );
  t.equal(
    s.refusal('AmendDraft', { details, policy: { ...policy, draw: DRAW } }, host),
    'draw_not_promised_in_genesis',
    'no share of the platform was promised',
  );
  s.go('AmendDraft', { details: amended, policy: { ...policy, minimumBidders: 5 } }, host);
  t.equal(s.state.deadlineAt, DEADLINE + HOUR);
  t.equal(s.state.policy.minimumBidders, 5);
  t.not(s.state.policyHash, openingScript().state.policyHash);
});

t.test('no publication without host, tenderer, witness and supervisor (20号令7, 53)', async (t) => {
  const all = ['host', 'tenderer', 'witness', 'supervisor'] as const;
  for (const missing of all)
    t.equal(
      openingScript().refusal('PublishOpening', {}, host, { assigned: all.filter((r) => r !== missing) }),
      'no_supervisor_assigned',
      missing,
    );
  t.equal(
    openingScript().refusal('PublishOpening', {}, host, { assigned: all }),
    undefined,
    'an auditor is not needed',
  );
});

t.test('publication leaves the whole check-in period, by the instant it was received', async (t) => {
  const opensAt = DEADLINE - policy.checkInLeadMs;
  const s = openingScript();
  t.equal(s.refusal('PublishOpening', {}, host, { at: opensAt + SECOND, receivedAt: opensAt }), undefined);
  t.equal(s.refusal('PublishOpening', {}, host, { at: opensAt + 1 }), 'deadline_too_soon');
  const drill = openingScript({ profile: 'rehearsal' });
  t.equal(drill.refusal('PublishOpening', {}, host, { at: DEADLINE - 1 }), undefined, 'a drill may start late');
  t.equal(drill.refusal('PublishOpening', {}, host, { at: DEADLINE }), 'deadline_too_soon');
});

t.test('check-in opens at its time, not before, and as of that time', async (t) => {
  const s = reach('Scheduled');
  const opensAt = DEADLINE - policy.checkInLeadMs;
  t.equal(s.refusal('OpenCheckIn', {}, clock, { at: opensAt - 1 }), 'before_its_time');
  s.go('OpenCheckIn', {}, clock, { at: opensAt + 3 * SECOND });
  t.equal(s.state.phaseSince, opensAt);
});

t.test('the seal: refused at deadline − 1 ms, done at the deadline, dated to it', async (t) => {
  const s = reach('CheckIn');
  t.equal(s.refusal('Seal', {}, clock, { at: DEADLINE - 1 }), 'before_its_time');
  t.equal(s.refusal('Seal', {}, clock, { at: DEADLINE }), undefined);
  s.go('Seal', {}, clock, { at: DEADLINE + 7 * SECOND });
  t.equal(s.state.phase, 'Sealed');
  t.equal(s.state.phaseSince, DEADLINE);
  t.same(s.lines.at(-1)?.event.body, {
    effectiveAt: formatInstant(DEADLINE),
    envelopesRoot: s.registerFacts().envelopesRoot,
  });
});

t.test('the seal waits for every act received before the deadline', async (t) => {
  const s = reach('CheckIn');
  t.equal(s.refusal('Seal', {}, clock, { at: DEADLINE + SECOND, undecided: 1 }), 'acts_still_undecided');
  t.equal(s.refusal('Seal', {}, clock, { at: DEADLINE - 1, undecided: 1 }), 'before_its_time', 'the time comes first');
});

t.test('the sealed root is the root over the lodgements, and an empty one has its own', async (t) => {
  const { lodgements } = reach('CheckIn').registerFacts();
  t.equal(lodgements.length, BIDS);
  const root = envelopesRootOf(sha256, lodgements);
  t.not(envelopesRootOf(sha256, [...lodgements].reverse()), root, 'order matters');
  t.not(envelopesRootOf(sha256, lodgements.slice(1)), root);
  t.equal(envelopesRootOf(sha256, []), digest(''));
});

t.test(
  'one bid fewer than the minimum fails the tender, dated to the deadline; the minimum itself is enough',
  async (t) => {
    const enough = playTo(openingScript(), 'Scheduled').lodge(0).lodge(1).lodge(2);
    enough.go('OpenCheckIn', {}, clock, { at: DEADLINE - 2 * HOUR }).go('Seal', {}, clock, { at: DEADLINE });
    t.equal(enough.state.phase, 'Sealed');

    const few = reach('Failed');
    t.equal(few.state.failure, 'too_few_bidders');
    t.equal(few.state.phaseSince, DEADLINE);
    t.same(
      few.lines.slice(-2).map((l) => l.entry.type),
      ['BidsSealed', 'TenderFailed'],
    );
    t.same(few.lines.at(-1)?.disclosed['report'], { standing: 2, minimum: 3 });
    t.equal(few.lines.at(-1)?.disclosed['who'], null, 'the clock is nobody');
  },
);

t.test('the roster: one event with all rows, whoever checked in or not (招投标法36)', async (t) => {
  const s = reach('RosterPublished');
  const roster = s.lines.at(-1);
  t.equal(roster?.entry.type, 'RosterPublished');
  t.same(
    s.state.bids.map((b) => b.bidder),
    [1, 2, 3, 4],
  );
  t.same(
    s.registerFacts().roster.map((r) => r.checkedIn),
    [true, false, false, false],
  );
  t.ok(s.state.roster.known && s.state.roster.value.length === BIDS);
});

t.test('objections raised early enter with the roster, in order, under the bidder’s own act', async (t) => {
  const s = reach('CheckIn');
  s.act(2, 'RaiseEarlyObjection', { text: '后来的' }, s.now + 2).act(
    1,
    'RaiseEarlyObjection',
    { text: '先来的' },
    s.now + 1,
  );
  s.act(9, 'RaiseEarlyObjection', { text: '没有投标' }, s.now);
  s.clockTo(DEADLINE)
    .go('Seal', {}, clock)
    .act(0, 'RaiseEarlyObjection', { text: '封存后' }, DEADLINE + SECOND);
  s.go('PublishRoster', {}, host, { at: ROSTER_AT });
  const raised = s.lines.filter((l) => l.entry.type === 'ObjectionRaised');
  t.same(
    raised.map((l) => l.disclosed['text']),
    ['没有投标', '先来的', '后来的', '封存后'],
    'and who did not bid is answered like the others',
  );
  const { numbers } = s.registerFacts();
  t.same(
    s.state.objections.map((o) => o.bidder),
    [null, numbers[1], numbers[2], numbers[0]],
    'without a number, for it has none',
  );
  t.match(raised[1]?.disclosed['who'], { name: '投标人1' });
});

t.test('a fact that the recorder must bring is a fault, not a refusal', async (t) => {
  t.throws(() => reach('CheckIn').ask('Seal', {}, clock, { at: DEADLINE, register: null }), /the register/);
  t.throws(() => reach('RosterPublished').ask('OpenWindow', {}, host, { windowKey: null }), /the window key/);
  const changed = reach('Sealed');
  const register = { ...changed.registerFacts(), roster: changed.registerFacts().roster.slice(1) };
  t.throws(() => changed.ask('PublishRoster', {}, host, { register }), /changed after the deadline/);
  t.equal(changed.refusal('PublishRoster', {}, bidder(1)), 'role_not_allowed');
});
