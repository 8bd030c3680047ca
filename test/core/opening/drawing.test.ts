/** A drawing by its rules: who promises and shows when, what is left out, what nobody can keep back, and what an auditor finds. */
import { formatInstant } from '../../../server/core/log/instant.ts';
import { nextAlarm } from '../../../server/core/opening/alarms.ts';
import { drawCoefficient, MAX_DRAW_ROUNDS, MAX_SHARES_LEFT_OUT } from '../../../server/core/opening/draw.ts';
import { audit, body, forge } from '../../support/opening-forgery.ts';
import { digest } from '../../support/opening-people.ts';
import {
  closeCommitments,
  commitNow,
  DRAW,
  DRAW_AFTER,
  drawNow,
  playTo,
  promiseOf,
  reach,
  SILENT,
  suspend,
} from '../../support/opening-phases.ts';
import {
  bidder,
  clock,
  host,
  MINUTE,
  type Script,
  SECOND,
  scriptedShare,
  supervisor,
  tenderer,
  witness,
} from '../../support/opening-script.ts';
import t from '../../support/tap.ts';

const reason = { reason: '抽取设备断电' };
const show = (party: number | null, round = 1) => ({ round, share: scriptedShare(party) });
const drawing = (): Script => reach('Drawing');
const commitBy = (s: Script): number => s.state.drawing?.commitBy ?? 0;
const revealBy = (s: Script): number => s.state.drawing?.revealBy ?? 0;
t.test(
  'a draw goes before the window or before the record, as the policy promised, and nothing goes on without it',
  async (t) => {
    t.equal(reach('RosterPublished').refusal('StartDrawing', {}, host), 'no_draw_promised');
    const before = reach('RosterPublished', { policy: { draw: DRAW } });
    t.equal(before.refusal('OpenWindow', {}, host), 'draw_not_done');
    t.equal(before.refusal('StartDrawing', {}, tenderer), 'role_not_allowed');
    const after = reach('RosterPublished', { policy: { draw: DRAW_AFTER } });
    t.equal(after.refusal('StartDrawing', {}, host), 'no_draw_promised');
    const announced = playTo(after, 'Announcing');
    t.equal(announced.refusal('IssueRecord', { note: '' }, host), 'draw_not_done');
    announced.go('StartDrawing', {}, host);
    t.match(announced.state, { phase: 'Drawing', drawing: { round: 1, from: 'Announcing', stage: 'committing' } });
    closeCommitments(announced, 1);
    announced.clockTo(revealBy(announced)).go('CloseReveals', {}, clock);
    t.equal(announced.state.phase, 'Announcing');
    t.equal(announced.refusal('StartDrawing', {}, host), 'already_drawn');
    announced.go('IssueRecord', { note: '' }, host);
    const { record, drawing } = announced.state;
    t.match(record?.document, { value: { draw: { round: 1, coefficient: drawing?.coefficient } } });
    t.match(audit(announced.lines).problems, []);
  },
);

t.test('commitments: the roster takes part, each once, until the end; after decryption only opened bids', async (t) => {
  const s = drawing();
  t.same(nextAlarm(s.state), null, 'it waits for the witness');
  t.equal(s.refusal('CommitShare', promiseOf(s, 9), bidder(9)), 'no_such_bidder');
  t.equal(s.refusal('CommitShare', { ...promiseOf(s, 1), round: 2 }, bidder(1)), 'wrong_draw_round');
  commitNow(s, null, 1);
  t.same(nextAlarm(s.state), { at: commitBy(s), command: 'CloseCommitments' });
  t.equal(s.refusal('CommitShare', promiseOf(s, 1), bidder(1)), 'share_already_committed');
  t.equal(s.refusal('CommitShare', promiseOf(s, 2), bidder(2), { at: commitBy(s) - 1 }), undefined);
  t.equal(s.refusal('CommitShare', promiseOf(s, 2), bidder(2), { at: commitBy(s) }), 'commitments_are_closed');
  t.equal(
    s.refusal('CommitShare', promiseOf(s, 2), bidder(2), { at: commitBy(s) + SECOND, receivedAt: commitBy(s) - 1 }),
    undefined,
    'the receipt counts',
  );
  const after = reach('Announcing', { policy: { draw: DRAW_AFTER } }).go('StartDrawing', {}, host);
  t.equal(after.refusal('CommitShare', promiseOf(after, SILENT), bidder(SILENT)), 'bid_not_opened');
  t.equal(after.refusal('CommitShare', promiseOf(after, 1), bidder(1)), undefined);
});

t.test('the witness must take part: without its share the commitments stay open to everyone', async (t) => {
  const s = commitNow(drawing(), 1).clockTo(0 + commitBy(drawing()) + MINUTE);
  t.equal(s.refusal('CloseCommitments', {}, clock), 'witness_share_missing');
  t.equal(s.refusal('CommitShare', promiseOf(s, 2), bidder(2)), undefined);
  commitNow(s, null);
  t.equal(s.refusal('CommitShare', promiseOf(s, 2), bidder(2)), 'commitments_are_closed');
  t.equal(nextAlarm(s.state)?.at, commitBy(s), 'due at once');
  s.go('CloseCommitments', {}, clock);
  t.match(s.state.drawing, { stage: 'revealing', revealBy: s.now + DRAW.revealMs });
  t.match(audit(s.lines).problems, []);
});

t.test('the end of the commitments is not before its time and leaves no act undecided', async (t) => {
  const s = commitNow(drawing(), null);
  t.equal(s.refusal('CloseCommitments', {}, clock, { at: commitBy(s) - 1 }), 'before_its_time');
  t.equal(s.refusal('CloseCommitments', {}, clock, { at: commitBy(s), undecided: 1 }), 'acts_still_undecided');
  s.clockTo(commitBy(s)).go('CloseCommitments', {}, clock);
  t.equal(s.refusal('CloseCommitments', {}, clock), 'commitments_are_closed');
  t.equal(s.refusal('CommitShare', promiseOf(s, 1), bidder(1)), 'commitments_are_closed');
});

t.test('a share that is not what it promises is named and left out before anyone shows one', async (t) => {
  const s = drawing();
  const unsound = { sealedShare: { isSound: false } };
  for (let i = 0; i < MAX_SHARES_LEFT_OUT; i++) s.go('CommitShare', promiseOf(s, 1), bidder(1), unsound);
  t.same(s.state.drawing?.leftOut, [1, 1, 1]);
  t.same(s.state.drawing?.shares, []);
  t.equal(s.refusal('CommitShare', promiseOf(s, 1), bidder(1)), 'too_many_attempts');
  t.equal(s.refusal('CommitShare', promiseOf(s, 2), bidder(2)), undefined, 'others are not held up');
  const once = drawing().go('CommitShare', promiseOf(s, 1), bidder(1), unsound);
  commitNow(once, 1);
  t.equal(once.state.drawing?.shares.length, 1, 'it may be put right while shares are committed');
});

t.test('shares are shown by those who promised them, and as promised', async (t) => {
  const early = commitNow(drawing(), null, 1);
  t.equal(early.refusal('RevealShare', show(1), bidder(1)), 'commitments_not_closed');
  const s = closeCommitments(drawing(), 1);
  t.equal(s.refusal('RevealShare', show(2), bidder(2)), 'no_share_committed');
  t.equal(s.refusal('RevealShare', { round: 1, share: digest('a better one') }, bidder(1)), 'share_not_as_committed');
  t.equal(s.refusal('RevealShare', show(1, 2), bidder(1)), 'wrong_draw_round');
  t.equal(s.refusal('RevealShare', show(1), bidder(1), { at: revealBy(s) - 1 }), undefined);
  t.equal(s.refusal('RevealShare', show(1), bidder(1), { at: revealBy(s) }), 'reveals_are_closed');
  s.go('RevealShare', show(1), bidder(1));
  t.equal(s.refusal('RevealShare', show(1), bidder(1)), 'share_already_shown');
});

t.test('who shows nothing keeps nothing back: the share is opened and the result is the same', async (t) => {
  const s = drawNow();
  t.match(s.state, { phase: 'RosterPublished', drawing: { stage: 'drawn' } });
  const opened = s.lines.filter((l) => l.entry.type === 'ShareOpened').map((l) => l.entry.body['bidder']);
  t.same(opened, [2]);
  const kind = closeCommitments(drawing(), 1, 2);
  for (const party of [null, 1, 2]) kind.go('RevealShare', show(party), party === null ? witness : bidder(party));
  t.same(nextAlarm(kind.state), { at: kind.now, command: 'CloseReveals' }, 'nothing is left to wait for');
  kind.go('CloseReveals', {}, clock);
  t.equal(kind.state.drawing?.coefficient, s.state.drawing?.coefficient);
  t.match(s.state.drawing?.coefficient, /^[1-9][0-9]{0,6}$/);
  const { openingId, policyHash } = s.state;
  const shares = [
    { sharer: 'platform' as const, share: digest('platform share 1') },
    { sharer: 'witness' as const, share: scriptedShare(null) },
    ...[1, 2].map((sharer) => ({ sharer, share: scriptedShare(sharer) })),
  ];
  const again = drawCoefficient({ openingId, policyHash, round: 1 }, DRAW, shares, digest);
  t.equal(s.state.drawing?.coefficient, again, 'anyone computes it again from the log');
  t.equal(s.refusal('OpenWindow', {}, host), undefined, 'and the opening goes on');
});

t.test('the end waits for its time, for acts, and for a vault that can open what it found sound', async (t) => {
  const s = closeCommitments(drawing(), 1);
  t.equal(s.refusal('CloseReveals', {}, clock, { at: revealBy(s) - 1 }), 'before_its_time');
  t.equal(s.refusal('CloseReveals', {}, clock, { at: revealBy(s), undecided: 1 }), 'acts_still_undecided');
  t.equal(s.refusal('CloseReveals', {}, clock, { at: revealBy(s), drawShares: null }), 'shares_not_open');
  const lacking = { platform: digest('platform share 1'), opened: new Map([[null, scriptedShare(null)]]) };
  t.equal(
    s.refusal('CloseReveals', {}, clock, { at: revealBy(s), drawShares: lacking }),
    'shares_not_open',
    'never left out',
  );
});

t.test('no command takes a coefficient', async (t) => {
  const { COMMANDS } = await import('../../../server/core/opening/commands.ts');
  for (const [type, { data }] of Object.entries(COMMANDS))
    t.notOk('coefficient' in (data as { properties: object }).properties, type);
});

t.test(
  'void: witness and supervisor together, each with a reason, while nothing is drawn; then a new round',
  async (t) => {
    const s = closeCommitments(drawing(), 1);
    t.equal(s.refusal('VoidDrawing', reason, host), 'role_not_allowed');
    s.go('VoidDrawing', reason, witness);
    t.equal(s.refusal('VoidDrawing', reason, witness), 'second_person_needed');
    t.equal(s.state.phase, 'Drawing', 'one alone voids nothing');
    s.go('VoidDrawing', reason, supervisor);
    t.match(s.state, { phase: 'RosterPublished', drawing: { stage: 'void', coefficient: null } });
    t.equal(s.refusal('OpenWindow', {}, host), 'draw_not_done');
    s.go('StartDrawing', {}, host);
    t.match(s.state.drawing, { round: 2, shares: [], voidProposedBy: null, stage: 'committing' });
    t.equal(s.refusal('CommitShare', { ...promiseOf(s, 1), round: 1 }, bidder(1)), 'wrong_draw_round');
    closeCommitments(s, 1);
    s.clockTo(revealBy(s)).go('CloseReveals', {}, clock);
    t.equal(s.state.drawing?.stage, 'drawn');
    t.same(audit(s.lines).problems, []);
    t.equal(drawNow().refusal('VoidDrawing', reason, witness), 'too_early', 'a result is not drawn again');
  },
);

t.test('rounds are few', async (t) => {
  const s = drawing();
  for (let round = 1; round <= MAX_DRAW_ROUNDS; round++) {
    if (round > 1) s.go('StartDrawing', {}, host);
    s.go('VoidDrawing', reason, supervisor).go('VoidDrawing', reason, witness);
  }
  t.equal(s.refusal('StartDrawing', {}, host), 'too_many_draws');
});

t.test('a suspension and an outage keep the exact remainder of each stretch', async (t) => {
  const s = commitNow(drawing(), null);
  const left = commitBy(s) - s.now;
  suspend(s)
    .clockTo(s.now + 20 * MINUTE)
    .go('ResumeOpening', reason, host);
  t.equal(commitBy(s) - s.now, left);
  s.clockTo(commitBy(s)).go('CloseCommitments', {}, clock);
  const since = s.now + SECOND;
  s.go('FreezeForOutage', {}, clock, { outageSince: since, at: s.now + 10 * MINUTE });
  s.clockTo(s.now + MINUTE).go('ResumeOpening', reason, host);
  t.equal(revealBy(s) - s.now, DRAW.revealMs - SECOND);
});

t.test('an auditor finds a step of a drawing that the rules did not allow', async (t) => {
  const lines = drawNow().lines;
  const unlawful = ['step_not_lawful'];
  t.same(
    forge('DrawingStarted', body({ commitBy: formatInstant(commitBy(drawing()) + 1) }), 0, lines).includes(
      'step_not_lawful',
    ),
    true,
  );
  t.same(
    forge('CommitmentsClosed', body({ revealBy: formatInstant(revealBy(drawNow()) + SECOND) }), 0, lines)[0],
    unlawful[0],
  );
  t.same(
    forge(
      'ShareCommitted',
      ({ entry }) => ({ entry: { ...entry, receivedAt: formatInstant(commitBy(drawing())) } }),
      1,
      lines,
    ),
    unlawful,
    'received when it was over',
  );
  t.ok(
    forge(
      'ShareRevealed',
      ({ entry }) => ({ entry: { ...entry, receivedAt: formatInstant(revealBy(drawNow())) } }),
      0,
      lines,
    ).includes('step_not_lawful'),
  );
  const voided = drawing().go('VoidDrawing', reason, witness).go('VoidDrawing', reason, supervisor).lines;
  t.ok(forge('DrawingVoided', body({ by: 'witness' }), 0, voided).includes('step_not_lawful'), 'one alone');
  t.ok(audit(reach('RosterPublished', { policy: { draw: DRAW } }).lines).problems.length === 0);
});
