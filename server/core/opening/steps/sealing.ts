// From draft to roster: publication, check-in, the sealing exactly at the deadline, and the one broadcast of who bid.
import { canonicalise } from '../../log/canonical.ts';
import { LogFormatError } from '../../log/error.ts';
import { formatInstant, parseInstant } from '../../log/instant.ts';
import { isWithinReach } from '../cosigners.ts';
import { type Decision, needed, type Step } from '../decision.ts';
import type { Details } from '../details.ts';
import type { NewEvent } from '../events.ts';
import type { Facts } from '../facts.ts';
import {
  areLawfulLayerRules,
  areLawfulRounds,
  isBlindTwice,
  isLawfulDraw,
  isLawfulRemedy,
  type Policy,
  type ProfileName,
  unlawfulMember,
} from '../policy.ts';
import { type Refusal, refuse } from '../refusals.ts';
import { ASSIGNABLE } from '../roles.ts';
import { numberOf } from '../state.ts';
import { ceremonyHindrance } from './layer.ts';
import { earlyObjections } from './objection.ts';

export type CreationRequest = {
  readonly openingId: string;
  readonly platform: string;
  readonly profile: ProfileName;
  readonly details: Details;
  readonly policy: Policy;
  readonly vkey: string;
  readonly cosigners: { readonly quorum: number; readonly vkeys: string[] };
  /** What the platform's own shares commit to; they go into genesis where the policy draws. */
  readonly drawCommitments: string[];
  readonly assignments: unknown;
  /** A production platform refuses rehearsals (domain §2). */
  readonly production: boolean;
};

/** base64url SHA-256 of the policy's canonical bytes: what is frozen at publication and named in every lodgement. */
export function policyHashOf(policy: Policy, facts: Pick<Facts, 'digest'>): string {
  return facts.digest(canonicalise(policy));
}

/**
 * Genesis: the only event of an opening that no phase table guards, because there is no opening before it.
 *
 * Refuses: `rehearsal_not_allowed`, `quorum_out_of_reach`, then as every draft: `details_invalid`, `policy_not_lawful`, `layer_and_blind_window`.
 */
export function createOpening(request: CreationRequest, facts: Pick<Facts, 'digest'>): Decision {
  const { production, assignments, drawCommitments, ...body } = request;
  if (production && request.profile === 'rehearsal') return refuse('rehearsal_not_allowed');
  if (!isWithinReach(request.cosigners)) return refuse('quorum_out_of_reach');
  const unfit = unfitDraft(request.profile, request.details, request.policy);
  if (unfit !== null) return unfit;
  return {
    events: [
      {
        type: 'OpeningCreated',
        body: {
          formatVersion: 1,
          ...body,
          policyHash: policyHashOf(request.policy, facts),
          ...(request.policy.draw === 'none' ? {} : { drawCommitments }),
        },
        fields: { assignments },
      },
    ],
  };
}

/** What speaks against a draft: 30 February, a window outside the law, prices hidden twice. */
function unfitDraft(profile: ProfileName, details: Details, policy: Policy): Refusal | null {
  if (!isInstant(details.deadlineAt)) return refuse('details_invalid');
  if (
    unlawfulMember(profile, policy) !== null ||
    !isLawfulDraw(profile, policy) ||
    !isLawfulRemedy(profile, policy) ||
    !areLawfulLayerRules(profile, policy) ||
    !areLawfulRounds(profile, policy)
  )
    return refuse('policy_not_lawful');
  return isBlindTwice(policy) ? refuse('layer_and_blind_window') : null;
}

/** Does the text name a real instant? */
export function isInstant(text: string): boolean {
  try {
    return formatInstant(parseInstant(text)) === text;
  } catch (fault) {
    if (fault instanceof LogFormatError) return false;
    throw fault;
  }
}

export const amendDraft: Step<'AmendDraft'> = (state, { data }, facts) => {
  const unfit = unfitDraft(state.profile, data.details, data.policy);
  if (unfit !== null) return unfit;
  // The others of the session count on it; another session is another opening.
  if (data.details.session?.id !== state.details.session?.id) return refuse('session_is_fixed');
  // The platform's own share must be promised before any other: a draw thought of later begins with a new opening.
  if (data.policy.draw !== 'none' && state.drawCommitments.length === 0) return refuse('draw_not_promised_in_genesis');
  return {
    events: [{ type: 'DraftAmended', body: { ...data, policyHash: policyHashOf(data.policy, facts) }, fields: {} }],
  };
};

/** 20号令 art. 7(3), 53(2): no supervision, no opening. */
export const publishOpening: Step<'PublishOpening'> = (state, _command, facts) => {
  const roles = ASSIGNABLE.filter((role) => role !== 'auditor');
  if (!roles.every((role) => facts.assigned.includes(role))) return refuse('no_supervisor_assigned');
  const hindrance = ceremonyHindrance(state);
  if (hindrance !== null) return refuse(hindrance);
  const checkInOpensAt = state.deadlineAt - state.policy.checkInLeadMs;
  const times = { deadlineAt: state.deadlineAt, checkInOpensAt };
  if (!hasLawfulLead(state.profile, times, facts.receivedAt)) return refuse('deadline_too_soon');
  return {
    events: [
      {
        type: 'OpeningPublished',
        body: { policyHash: state.policyHash, checkInOpensAt: formatInstant(checkInOpensAt) },
        fields: {},
      },
    ],
  };
};

/** Does an act received then leave check-in its time before the deadline? In a rehearsal it may already be due. */
export function hasLawfulLead(
  profile: ProfileName,
  { deadlineAt, checkInOpensAt }: { readonly deadlineAt: number; readonly checkInOpensAt: number },
  receivedAt: number,
): boolean {
  return receivedAt < deadlineAt && (profile === 'rehearsal' || receivedAt <= checkInOpensAt);
}

export const openCheckIn: Step<'OpenCheckIn'> = (state, _command, facts) => {
  if (state.checkInOpensAt === null || facts.at < state.checkInOpensAt) return refuse('before_its_time');
  return {
    events: [{ type: 'CheckInOpened', body: { effectiveAt: formatInstant(state.checkInOpensAt) }, fields: {} }],
  };
};

/**
 * The deadline: no human has a hand in it.
 *
 * Source: 20号令27, 29; 条例44; 87号令41/43. Every act received before the deadline is decided first; then the register is frozen.
 */
export const seal: Step<'Seal'> = (state, _command, facts) => {
  if (facts.at < state.deadlineAt) return refuse('before_its_time');
  if (facts.undecided > 0) return refuse('acts_still_undecided');
  const register = needed(facts.register, 'the register');
  const effectiveAt = formatInstant(state.deadlineAt);
  const sealed: NewEvent = {
    type: 'BidsSealed',
    body: { effectiveAt, envelopesRoot: register.envelopesRoot },
    fields: { lodgements: register.lodgements, counts: register.counts },
  };
  if (register.lodgements.length >= state.policy.minimumBidders) return { events: [sealed] };
  const failed: NewEvent = {
    type: 'TenderFailed',
    body: { reason: 'too_few_bidders', effectiveAt },
    fields: { report: { standing: register.lodgements.length, minimum: state.policy.minimumBidders } },
  };
  return { events: [sealed, failed, ...earlyObjections(register.earlyObjections, () => null)] };
};

/** One broadcast; absence at check-in and an unpaid bond never remove a bidder (招投标法36). What was objected earlier enters here. */
export const publishRoster: Step<'PublishRoster'> = (state, _command, facts) => {
  const register = needed(facts.register, 'the register');
  if (!state.lodgements.known || state.lodgements.value.length !== register.roster.length)
    throw new Error('the register changed after the deadline');
  const roster: NewEvent = {
    type: 'RosterPublished',
    body: { count: register.roster.length },
    fields: { roster: register.roster, numbers: register.numbers, certificates: register.certificates },
  };
  const rows = {
    ...state,
    roster: { known: true, value: register.roster },
    numbers: { known: true, value: register.numbers },
  } as const;
  return { events: [roster, ...earlyObjections(register.earlyObjections, (code) => numberOf(rows, code))] };
};
