/** The register: the deadline by the millisecond of receipt, replacing and withdrawing, one check-in, and what its counts add up to. */
import fc from 'fast-check';
import { formatInstant } from '../../../server/core/log/instant.ts';
import { PHASES } from '../../../server/core/opening/phases.ts';
import {
  decideRegister,
  emptyRegister,
  evolveRegister,
  freezeRegister,
  isRegisterCommand,
  MAX_EARLY_OBJECTIONS,
  MAX_REHEARSALS,
  REGISTER_COMMAND_TYPES,
  type RegisteredAct,
  type RegisterState,
  registerPhaseRefusal,
  standingBids,
} from '../../../server/core/opening/register.ts';
import { bidderWho, digest, lodgedBid } from '../../support/opening-people.ts';
import { reach } from '../../support/opening-phases.ts';
import { clock, DEADLINE, refusalOf, SECOND } from '../../support/opening-script.ts';
import t from '../../support/tap.ts';

const about = (() => {
  const { policyHash, details } = reach('Scheduled').state;
  return { policyHash, deadlineAt: details.deadlineAt };
})();
const bid = (index: number, changes: Parameters<typeof lodgedBid>[2] = {}) => lodgedBid(index, about, changes);
const lodge = (index: number, changes: Parameters<typeof lodgedBid>[2] = {}) =>
  ({ type: 'LodgeBid', data: bid(index, changes) }) as const;

t.test('lodged at deadline − 1 ms counts, at the deadline it is late (20号令27)', async (t) => {
  const s = reach('CheckIn');
  t.equal(refusalOf(s.askRegister(7, lodge(7), DEADLINE - 1)), undefined);
  t.equal(
    refusalOf(s.askRegister(7, lodge(7), DEADLINE)),
    'deadline_has_passed',
    'although the phase still says CheckIn',
  );
  for (const act of [
    { type: 'CheckIn', data: {} },
    { type: 'WithdrawBid', data: { bidId: bid(1).bidId } },
  ] as const) {
    t.equal(refusalOf(s.askRegister(1, act, DEADLINE - 1)), undefined);
    t.equal(refusalOf(s.askRegister(1, act, DEADLINE)), 'deadline_has_passed', act.type);
  }
});

t.test('each act has its phases', async (t) => {
  t.equal(registerPhaseRefusal('LodgeBid', 'Draft'), 'not_published_yet');
  t.equal(registerPhaseRefusal('LodgeBid', 'Scheduled'), null);
  t.equal(registerPhaseRefusal('LodgeBid', 'Sealed'), 'deadline_has_passed');
  t.equal(registerPhaseRefusal('CheckIn', 'Scheduled'), 'check_in_not_open');
  t.equal(registerPhaseRefusal('RaiseEarlyObjection', 'Sealed'), null, 'until the roster');
  t.equal(registerPhaseRefusal('RaiseEarlyObjection', 'Decrypting'), 'too_late');
  for (const type of REGISTER_COMMAND_TYPES) {
    t.ok(isRegisterCommand(type));
    for (const phase of ['Archived', 'Failed', 'Aborted'] as const)
      t.equal(registerPhaseRefusal(type, phase), 'opening_is_over');
    for (const phase of PHASES.slice(PHASES.indexOf('RosterPublished')))
      if (phase !== 'Postponed') t.not(registerPhaseRefusal(type, phase), null);
  }
  t.notOk(isRegisterCommand('toString'));
});

t.test('a statement for another opening, policy or deadline is refused', async (t) => {
  const s = reach('Scheduled');
  for (const changes of [
    { policyHash: digest('other') },
    { deadlineAt: formatInstant(DEADLINE + 1) },
    { lotId: 'LOT-2' },
  ])
    t.equal(refusalOf(s.askRegister(0, lodge(0, changes))), 'statement_not_for_this_opening', JSON.stringify(changes));
});

t.test('a replacement names the bid that stands; until then the old one does', async (t) => {
  const s = reach('Scheduled').lodge(0);
  const bidId = 'second0000000000000000';
  t.equal(refusalOf(s.askRegister(0, lodge(0, { bidId }))), 'statement_replaces_another', 'names none');
  t.equal(
    refusalOf(s.askRegister(0, lodge(0, { bidId, replaces: bidId }))),
    'statement_replaces_another',
    'names another',
  );
  t.equal(
    refusalOf(s.askRegister(1, lodge(1, { replaces: bid(0).bidId }))),
    'statement_replaces_another',
    'nobody replaces another’s',
  );
  t.equal(refusalOf(s.askRegister(0, lodge(0, { replaces: bid(0).bidId }))), 'bid_id_used');
  t.equal(standingBids(s.register)[0]?.standing.bidId, bid(0).bidId);
  s.lodge(0, { bidId, replaces: bid(0).bidId });
  t.equal(standingBids(s.register)[0]?.standing.bidId, bidId);
  t.match(s.register, { receipts: 2, replaced: 1, withdrawn: 0 });
});

t.test('withdrawn is withdrawn, and a new bid may follow that replaces nothing', async (t) => {
  const s = reach('Scheduled').lodge(0);
  const withdraw = (bidId: string) => ({ type: 'WithdrawBid', data: { bidId } }) as const;
  t.equal(refusalOf(s.askRegister(0, withdraw('another'))), 'no_standing_bid');
  t.equal(refusalOf(s.askRegister(1, withdraw(bid(0).bidId))), 'no_standing_bid', 'nobody withdraws another’s');
  s.act(0, 'WithdrawBid', { bidId: bid(0).bidId });
  t.equal(refusalOf(s.askRegister(0, withdraw(bid(0).bidId))), 'no_standing_bid');
  t.equal(refusalOf(s.askRegister(0, lodge(0))), 'bid_id_used', 'a number is used once, also after a withdrawal');
  s.lodge(0, { bidId: 'again00000000000000000' });
  t.match(s.register, { receipts: 2, replaced: 0, withdrawn: 1 });
  t.equal(standingBids(s.register).length, 1);
});

t.test('fifty check-ins make one; the later ones repeat its answer', async (t) => {
  const s = reach('CheckIn');
  const size = s.register.size;
  for (let i = 0; i < 50; i++) s.act(3, 'CheckIn', {}, s.now + i);
  t.equal(s.register.size, size + 1);
  t.same(s.askRegister(3, { type: 'CheckIn', data: {} }), { repeats: 'CheckedIn' });
  t.equal(s.register.bidders.get(bidderWho(3).creditCode)?.checkedInAt, s.now, 'the first counts');
});

t.test('checking in without a bid is possible and puts nobody on the roster', async (t) => {
  const s = reach('CheckIn').act(8, 'CheckIn', {});
  t.notOk(s.registerFacts().roster.some((r) => r.creditCode === bidderWho(8).creditCode));
});

t.test('a rehearsal warns when the certificate is not the envelope’s', async (t) => {
  const s = reach('CheckIn');
  const data = { encCertSha256: bid(0).encCertSha256, unwrapped: true, clockOffsetMs: -12, device: 'USB' };
  t.match(s.askRegister(0, { type: 'Rehearse', data }), { events: [{ body: { warning: null } }] });
  t.match(s.askRegister(0, { type: 'Rehearse', data: { ...data, encCertSha256: digest('renewed') } }), {
    events: [{ body: { warning: 'another_certificate' } }],
  });
  t.match(
    s.askRegister(9, { type: 'Rehearse', data }),
    { events: [{ body: { warning: null } }] },
    'nothing lodged, nothing to compare',
  );
});

t.test('rehearsals and early objections are bounded, lodging is not', async (t) => {
  const s = reach('CheckIn');
  const data = { encCertSha256: digest('c'), unwrapped: true, clockOffsetMs: 0, device: '' };
  for (let i = 0; i < MAX_REHEARSALS; i++) s.act(0, 'Rehearse', data);
  for (let i = 0; i < MAX_EARLY_OBJECTIONS; i++) s.act(0, 'RaiseEarlyObjection', { text: '异议' });
  t.equal(refusalOf(s.askRegister(0, { type: 'Rehearse', data })), 'too_many_acts');
  t.equal(refusalOf(s.askRegister(0, { type: 'RaiseEarlyObjection', data: { text: '异议' } })), 'too_many_acts');
  t.equal(refusalOf(s.askRegister(1, { type: 'Rehearse', data })), undefined, 'another bidder is not held back');
});

t.test('the roster carries the name of the bid that stands, not of the first act', async (t) => {
  const s = reach('CheckIn');
  const old = { ...bidderWho(5), name: '旧名称' };
  const checkedIn = {
    type: 'CheckedIn',
    body: {},
    who: old,
    receivedAt: s.now,
    receiptSha256: null,
    act: null,
    source: null,
  } as const;
  const lodged = {
    type: 'BidLodged',
    body: bid(5),
    who: bidderWho(5),
    receivedAt: s.now + SECOND,
    receiptSha256: digest('r'),
    act: null,
    source: null,
  } as const;
  const register = evolveRegister(evolveRegister(emptyRegister, checkedIn), lodged);
  t.match(freezeRegister(register, formatInstant, { checkInOpensAt: null }).roster, [
    { name: '投标人5', checkedIn: true },
  ]);
  const { certSha256 } = bidderWho(5);
  const { encCertSha256 } = bid(5);
  const bare = { certSha256, judgement: null, encCertSha256, encryptionJudgement: null };
  t.same(freezeRegister(register, formatInstant, { checkInOpensAt: null }).certificates, [bare]);
  const judged = { judgement: digest('j'), encryptionJudgement: digest('e') };
  const anew = { ...lodged, body: { ...bid(5), bidId: 'B'.repeat(22) }, who: { ...bidderWho(5), ...judged } };
  const replaced = evolveRegister(register, anew);
  t.same(
    freezeRegister(replaced, formatInstant, { checkInOpensAt: null }).certificates,
    [{ ...bare, ...judged }],
    'of the bid that stands',
  );
});

t.test('a stored register that does not fit is corrupt', async (t) => {
  const act = { who: bidderWho(0), receivedAt: 0, act: null, source: null };
  const lodged = { ...act, type: 'BidLodged', body: bid(0), receiptSha256: digest('r') } as const;
  t.throws(() => evolveRegister(emptyRegister, { ...lodged, receiptSha256: null }), /without a receipt/);
  t.throws(() => evolveRegister(evolveRegister(emptyRegister, lodged), lodged), /used twice/);
  t.throws(
    () => evolveRegister(emptyRegister, { ...act, type: 'BidWithdrawn', body: { bidId: 'x' }, receiptSha256: null }),
    /did not stand/,
  );
});

type Wish = { who: number; kind: 'lodge' | 'replace' | 'withdraw' | 'checkin' | 'wrong' };
const wishes = fc.array(
  fc.record({
    who: fc.integer({ min: 0, max: 5 }),
    kind: fc.constantFrom('lodge', 'replace', 'withdraw', 'checkin', 'wrong'),
  }) as fc.Arbitrary<Wish>,
  { maxLength: 40 },
);

/** Tries each wish; those the register accepts are folded. */
function play(list: readonly Wish[], startAt: number): { register: RegisterState; acts: RegisteredAct[] } {
  const opening = { ...reach('CheckIn').state };
  let register = emptyRegister;
  const acts: RegisteredAct[] = [];
  for (const [i, wish] of list.entries()) {
    const who = bidderWho(wish.who);
    const standing = register.bidders.get(who.creditCode)?.standing?.bidId ?? null;
    const bidId = `b${String(i).padStart(21, '0')}`;
    const command = {
      lodge: { type: 'LodgeBid', data: bid(wish.who, { bidId }), who },
      replace: { type: 'LodgeBid', data: bid(wish.who, { bidId, replaces: standing }), who },
      withdraw: { type: 'WithdrawBid', data: { bidId: standing ?? 'none' }, who },
      checkin: { type: 'CheckIn', data: {}, who },
      wrong: { type: 'LodgeBid', data: bid(wish.who, { bidId, replaces: 'nothing' }), who },
    }[wish.kind] as Parameters<typeof decideRegister>[2];
    const receivedAt = startAt + i;
    const decision = decideRegister(register, opening, command, { receivedAt });
    if (!('events' in decision)) continue;
    for (const event of decision.events) {
      const act: RegisteredAct = {
        ...event,
        who,
        receivedAt,
        receiptSha256: event.type === 'BidLodged' ? digest(bidId) : null,
        act: null,
        source: null,
      };
      register = evolveRegister(register, act);
      acts.push(act);
    }
  }
  return { register, acts };
}

t.test('random acts: receipts = standing + replaced + withdrawn, and a replay is the same register', async (t) => {
  fc.assert(
    fc.property(wishes, (list) => {
      const { register, acts } = play(list, DEADLINE - 10_000);
      const { counts } = freezeRegister(register, formatInstant, { checkInOpensAt: null });
      t.equal(counts.receipts, counts.standing + counts.replaced + counts.withdrawn);
      t.same(acts.reduce(evolveRegister, emptyRegister), register);
      t.equal(register.size, acts.length);
    }),
    { numRuns: 60 },
  );
});

t.test('random acts: the order of standing bids tells nothing of when they came', async (t) => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.integer({ min: 0, max: 30 }), { minLength: 1, maxLength: 12 }), (order) => {
      const list = order.map((who): Wish => ({ who, kind: 'lodge' }));
      const codes = (l: readonly Wish[]) =>
        standingBids(play(l, DEADLINE - 10_000).register).map((b) => b.who.creditCode);
      t.same(codes(list), codes([...list].reverse()));
      t.same(codes(list), [...codes(list)].sort());
    }),
    { numRuns: 40 },
  );
  t.equal(reach('CheckIn').go('Seal', {}, clock, { at: DEADLINE }).state.phase, 'Sealed');
});
