// Drawing the coefficient: everyone promises a share, then everyone shows it; what nobody can foresee or keep back makes the result.
import { formatInstant } from '../../log/instant.ts';
import { needed, type Step } from '../decision.ts';
import { drawCoefficient, MAX_DRAW_ROUNDS, MAX_SHARES_LEFT_OUT, type OpenShare, shareCommitment } from '../draw.ts';
import { type Drawing, hasWitnessShare, isAllShown, shareOf, sharerOf } from '../drawing.ts';
import type { NewEvent } from '../events.ts';
import type { DrawRules } from '../policy.ts';
import { type Refusal, refuse } from '../refusals.ts';
import type { Actor } from '../roles.ts';
import { bidOf, isDecrypted, type OpeningState } from '../state.ts';

/** The rules, when the policy promised a draw at the point where the opening stands now; else null. */
export function drawPromised({ policy, phase }: Pick<OpeningState, 'policy' | 'phase'>): DrawRules | null {
  if (policy.draw === 'none') return null;
  const at = policy.draw.when === 'before_decryption' ? 'RosterPublished' : 'Announcing';
  return phase === at ? policy.draw : null;
}

/** Is a draw promised for this point of the opening and no coefficient drawn yet? Then the opening does not go on without. */
export function isDrawOpen(state: OpeningState): boolean {
  return drawPromised(state) !== null && state.drawing?.stage !== 'drawn';
}

function rulesOf(state: OpeningState): DrawRules {
  return needed(state.policy.draw === 'none' ? null : state.policy.draw, 'the rules of the draw');
}

function drawingOf(state: OpeningState): Drawing {
  return needed(state.drawing, 'the drawing');
}

export const startDrawing: Step<'StartDrawing'> = (state, _command, facts) => {
  const rules = drawPromised(state);
  if (rules === null) return refuse('no_draw_promised');
  if (state.drawing?.stage === 'drawn') return refuse('already_drawn');
  const round = (state.drawing?.round ?? 0) + 1;
  if (round > MAX_DRAW_ROUNDS) return refuse('too_many_draws');
  const key = needed(facts.windowKey, 'the key of the draw');
  return {
    events: [
      {
        type: 'DrawingStarted',
        body: {
          round,
          kid: key.kid,
          drawKey: key.jwk,
          holders: ['platform'],
          commitBy: formatInstant(facts.at + rules.commitMs),
        },
        fields: {},
      },
    ],
  };
};

/** Whose share an actor's is. A bidder takes part whose bid is on the roster, after decryption one whose bid was opened. */
function partyOf(state: OpeningState, { role, bidder }: Actor): { readonly bidder: number | null } | Refusal {
  if (role === 'witness') return { bidder: null };
  const bid = bidder === undefined ? undefined : bidOf(state, bidder);
  if (bid === undefined) return refuse('no_such_bidder');
  if (rulesOf(state).when === 'after_decryption' && !isDecrypted(bid)) return refuse('bid_not_opened');
  return { bidder: bid.bidder };
}

/**
 * A promise of a share, with the share itself sealed to the key of the draw.
 *
 * Why: the holders of that key open the sealed share at once and hold it against the promise, before anyone has shown
 *      anything. What does not open or is something else is named and left out then; what is taken always opens later.
 *      Were it looked at only when it is missing, whoever promised garbage could see the others' shares and choose whether
 *      his own counts: one free choice between two results. So the set of shares is final before the first is shown.
 *      The price: the holders, today the platform alone, could know the bidders' shares early. They cannot use it by
 *      themselves, for the platform's own shares stand in genesis; they could together with whoever commits last.
 */
export const commitShare: Step<'CommitShare'> = (state, { data, actor }, facts) => {
  const drawing = drawingOf(state);
  const party = partyOf(state, actor);
  if ('refused' in party) return party;
  const { bidder } = party;
  if (data.round !== drawing.round) return refuse('wrong_draw_round');
  if (!mayCommit(drawing, facts.receivedAt)) return refuse('commitments_are_closed');
  if (shareOf(drawing, bidder) !== undefined) return refuse('share_already_committed');
  if (drawing.leftOut.filter((who) => who === bidder).length >= MAX_SHARES_LEFT_OUT) return refuse('too_many_attempts');
  const { isSound } = needed(facts.sealedShare, 'whether the share is what was promised');
  return { events: [{ type: isSound ? 'ShareCommitted' : 'ShareLeftOut', body: { ...data, bidder }, fields: {} }] };
};

/** Half-open: at exactly `commitBy` it is over, unless the witness, who must take part, has still to come. */
export function mayCommit(drawing: Drawing, receivedAt: number): boolean {
  return drawing.stage === 'committing' && (receivedAt < drawing.commitBy || !hasWitnessShare(drawing));
}

/** The set of shares is final: what was received before is decided, the witness's share is among them. */
export const closeCommitments: Step<'CloseCommitments'> = (state, _command, facts) => {
  const drawing = drawingOf(state);
  if (drawing.stage !== 'committing') return refuse('commitments_are_closed');
  if (facts.at < drawing.commitBy) return refuse('before_its_time');
  if (!hasWitnessShare(drawing)) return refuse('witness_share_missing');
  if (facts.undecided > 0) return refuse('acts_still_undecided');
  const revealBy = formatInstant(facts.at + rulesOf(state).revealMs);
  const body = { round: drawing.round, shares: drawing.shares.length, revealBy };
  return { events: [{ type: 'CommitmentsClosed', body, fields: {} }] };
};

export const revealShare: Step<'RevealShare'> = (state, { data, actor }, facts) => {
  const drawing = drawingOf(state);
  const party = partyOf(state, actor);
  if ('refused' in party) return party;
  const { bidder } = party;
  if (data.round !== drawing.round) return refuse('wrong_draw_round');
  if (drawing.stage === 'committing') return refuse('commitments_not_closed');
  const mine = shareOf(drawing, bidder);
  if (mine === undefined) return refuse('no_share_committed');
  if (mine.share !== null) return refuse('share_already_shown');
  if (facts.receivedAt >= needed(drawing.revealBy, 'when shares are shown')) return refuse('reveals_are_closed');
  const about = { openingId: state.openingId, round: drawing.round };
  if (shareCommitment(about, { sharer: sharerOf(bidder), share: data.share }, facts.digest) !== mine.commitment)
    return refuse('share_not_as_committed');
  return { events: [{ type: 'ShareRevealed', body: { ...data, bidder }, fields: {} }] };
};

/**
 * The end of the drawing: what was not shown is opened by the holders of the key, the platform's share is shown, the coefficient derived.
 *
 * Refuses: `shares_not_open` while the vault cannot open what it found sound: then the round stands until it can, or until witness
 *          and supervisor declare it void. No share is ever left out here: see `commitShare`.
 */
export const closeReveals: Step<'CloseReveals'> = (state, _command, facts) => {
  const drawing = drawingOf(state);
  if (drawing.stage !== 'revealing' || drawing.revealBy === null) return refuse('commitments_not_closed');
  if (facts.at < drawing.revealBy && !isAllShown(drawing)) return refuse('before_its_time');
  if (facts.undecided > 0) return refuse('acts_still_undecided');
  if (facts.drawShares === null) return refuse('shares_not_open');
  const { platform, opened } = facts.drawShares;
  const { round } = drawing;
  const events: NewEvent[] = [];
  const shares: OpenShare[] = [{ sharer: 'platform', share: platform }];
  for (const { bidder, share: shown } of drawing.shares) {
    const share = shown ?? opened.get(bidder);
    if (share === undefined) return refuse('shares_not_open');
    if (shown === null) events.push({ type: 'ShareOpened', body: { round, bidder, share }, fields: {} });
    shares.push({ sharer: sharerOf(bidder), share });
  }
  const { openingId, policyHash } = state;
  const coefficient = drawCoefficient({ openingId, policyHash, round }, rulesOf(state), shares, facts.digest);
  return {
    events: [
      ...events,
      { type: 'CoefficientDrawn', body: { round, platformShare: platform, coefficient }, fields: {} },
    ],
  };
};

/**
 * A technical void: witness and supervisor together, each with a reason, while no coefficient is derived.
 *
 * Why: once it is derived anyone can compute it again, so there is nothing technical left to be wrong; whoever dislikes it objects.
 */
export const voidDrawing: Step<'VoidDrawing'> = (state, { data, actor }) => {
  const { round, voidProposedBy } = drawingOf(state);
  const by = actor.role === 'witness' ? 'witness' : 'supervisor';
  if (voidProposedBy === by) return refuse('second_person_needed');
  const type = voidProposedBy === null ? 'DrawingVoidProposed' : 'DrawingVoided';
  return { events: [{ type, body: { round, by }, fields: { reason: data.reason } }] };
};
