// What an opening is at one point of its log, as one viewer may know it: the result of folding `evolve` over the entries.

import type { StandingCorrection } from './correction.ts';
import type { Cosigners } from './cosigners.ts';
import type { Details } from './details.ts';
import type { Drawing } from './drawing.ts';
import type { StandingErasure } from './erasure-events.ts';
import type { EventBody, Evidence, Knowable } from './events.ts';
import type { DecryptionFailure, StorageFailure, Verdict } from './findings.ts';
import type { Layer } from './layer.ts';
import type { Notice } from './notices.ts';
import type { Phase } from './phases.ts';
import type { Policy, ProfileName, WitnessPoint } from './policy.ts';
import type { QuoteRound } from './quote-rounds.ts';
import type { Remedy } from './remedy.ts';
import type { Lodgement, PriceRow, RegisterCounts, RosterRow } from './rows.ts';
import type { Staff } from './staff.ts';

export type Attempt = {
  readonly attempt: number;
  readonly receivedAt: number;
  /** `undecided` until the vault has looked; then decrypted, or why not. `not_needed`: in a blind window, one before it has opened the bid. */
  readonly outcome: 'undecided' | 'decrypted' | 'not_needed' | DecryptionFailure;
};

/** A bidder's answer to one version of the record. */
export type RecordAnswer = {
  readonly version: number;
  readonly kind: 'signed' | 'refused' | 'timed_out';
  /** When the act was received; of who did not answer, the end of the time to answer. */
  readonly at: number;
};

export type Bid = {
  /** 1-based; drawn by lot at the roster, so that it says nothing by itself. */
  readonly bidder: number;
  readonly challengeAcknowledged: boolean;
  readonly attempts: readonly Attempt[];
  readonly lateAttempts: number;
  /** Opened by the opening key as well; true from the start where the policy promises no second layer. */
  readonly isLayerOpen: boolean;
  /** When its bidder revoked it after the deadline, by receipt (条例35); null while it stands. */
  readonly revokedAt: number | null;
  readonly proposal: { readonly verdict: Verdict; readonly evidence: Evidence } | null;
  readonly ruledByHost: Verdict | null;
  readonly ruledByWitness: Verdict | null;
  readonly contests: number;
  /** Contested and not ruled on again since. */
  readonly contestOpen: boolean;
  readonly answer: RecordAnswer | null;
  /** Messages of this bidder so far, public and private. */
  readonly messages: number;
  /** Silenced by the host in the public chat. */
  readonly muted: boolean;
};

export type Window = {
  readonly kid: string;
  readonly key: EventBody<'WindowOpened'>['windowKey'];
  readonly opensAt: number;
  readonly closesAt: number;
  readonly extendedMs: number;
  readonly closed: { readonly at: number; readonly why: EventBody<'WindowClosed'>['why'] } | null;
  /** Platform outages on the log while the window ran. */
  readonly outageMs: number;
};

export type OpeningRecordHead = {
  readonly version: number;
  readonly sha256: string;
  readonly issuedAt: number;
  readonly confirmBy: number;
  readonly timedOut: boolean;
  /** What this version says and what can still change after it: see `changeable`. */
  readonly says: readonly string[];
  readonly document: Knowable<unknown>;
  /** The form for the public; null where the public reads the original. */
  readonly publicForm: Knowable<unknown>;
};

/** A version that another has replaced, with what each bidder had answered to it: answers[i] is bidder i+1's. */
export type PastRecord = OpeningRecordHead & { readonly answers: readonly (RecordAnswer | null)[] };

export type Objection = {
  readonly objection: number;
  /** Null: raised before the roster by someone who has no number on it. */
  readonly bidder: number | null;
  /** The credit code of who has no number, where the viewer may know it. No guard asks for it. */
  readonly raisedBy: Knowable<string>;
  readonly raisedAt: number;
  readonly status: 'open' | 'answered' | 'disputed';
  readonly answeredAt: number | null;
  readonly text: Knowable<string>;
  readonly answer: Knowable<string>;
};

export type Suspension = {
  readonly cause: EventBody<'OpeningSuspended'>['cause'];
  readonly since: number;
  readonly reason: string | null;
  readonly resumeProposed: boolean;
};

export type OpeningState = {
  readonly openingId: string;
  readonly platform: string;
  readonly profile: ProfileName;
  readonly details: Details;
  readonly policy: Policy;
  readonly policyHash: string;
  readonly vkey: string;
  /** Whose countersignatures the close waits for. */
  readonly cosigners: Cosigners;
  /** The entries up to the last that bears on the close: talk behind it keeps nobody from closing (TALK in evolve). */
  readonly closingSize: number;
  /** The instant of that last entry: from then on a close waits for the quorum, and not for ever (COSIGNED_WAIT_MS). */
  readonly closingAt: number;
  /** Who holds and held which role. */
  readonly staff: Staff;
  readonly phase: Phase;
  /** When the phase was entered; a phase ended by its time is entered at its exact end. */
  readonly phaseSince: number;
  readonly deadlineAt: number;
  readonly checkInOpensAt: number | null;
  readonly envelopesRoot: string | null;
  readonly lodgements: Knowable<readonly Lodgement[]>;
  readonly counts: Knowable<RegisterCounts>;
  readonly roster: Knowable<readonly RosterRow[]>;
  /** numbers[i] is the bidder number of roster row i. */
  readonly numbers: Knowable<readonly number[]>;
  readonly bids: readonly Bid[];
  /** The latest scan of the stored envelopes: the bids that are not what was received. Null before the first on the log. */
  readonly scan: { readonly damaged: readonly { readonly bidder: number; readonly failure: StorageFailure }[] } | null;
  readonly window: Window | null;
  /** What the platform's own share of each draw round commits to; empty where the policy of genesis drew nothing. */
  readonly drawCommitments: readonly string[];
  /** The latest round. */
  readonly drawing: Drawing | null;
  readonly remedy: Remedy | null;
  readonly layer: Layer;
  readonly prices: Knowable<readonly PriceRow[]> | null;
  readonly quoteRounds: readonly QuoteRound[];
  readonly record: OpeningRecordHead | null;
  /** The versions before it, the first first. */
  readonly pastRecords: readonly PastRecord[];
  readonly objections: readonly Objection[];
  readonly corrections: readonly StandingCorrection[];
  readonly erasures: readonly StandingErasure[];
  readonly notices: readonly Notice[];
  /** What the witness has acknowledged. */
  readonly points: readonly WitnessPoint[];
  readonly suspended: Suspension | null;
  readonly suspensionRequested: boolean;
  /** Time under suspension by the host so far, ms; a running one not counted. */
  readonly suspendedByHostMs: number;
  readonly closeProposed: number | null;
  readonly abortProposedBy: 'host' | 'tenderer' | null;
  readonly failure: EventBody<'TenderFailed'>['reason'] | null;
  /** Number of entries folded; the next entry's seq. */
  readonly size: number;
  readonly lastAt: number;
};

/** The verdict that stands: both have ruled, and alike. */
export function verdictOf(bid: Bid): Verdict | null {
  return bid.ruledByHost !== null && bid.ruledByHost === bid.ruledByWitness ? bid.ruledByHost : null;
}

export function isDecrypted(bid: Bid): boolean {
  return bid.attempts.some((a) => a.outcome === 'decrypted');
}

/** Revoked before it was opened: there is nothing to open any more, and nothing to rule on. */
export function isGivenUp(bid: Bid): boolean {
  return bid.revokedAt !== null && !isDecrypted(bid);
}

/** Neither opened nor ruled on alike nor given up, or opened by one key of two: the others' prices wait for it. */
export function isUnsettled(bid: Bid): boolean {
  if (isDecrypted(bid)) return !bid.isLayerOpen;
  return !isGivenUp(bid) && verdictOf(bid) === null;
}

/** What became of a bid, in the words of the record; what nobody has ruled on alike is unknown. */
export function outcomeOf(bid: Bid): 'decrypted' | 'revoked' | Verdict {
  if (isGivenUp(bid)) return 'revoked';
  return isDecrypted(bid) ? 'decrypted' : (verdictOf(bid) ?? 'unknown');
}

/**
 * What the record says and what can still change once it is issued: each bid's outcome, each objection's status, and by an
 * emergency correction how it names things. All in clear.
 */
export function changeable(state: Pick<OpeningState, 'bids' | 'objections' | 'details'>): readonly string[] {
  const { title, tenderer, agency, place } = state.details;
  const bids = state.bids.map((bid) => `${outcomeOf(bid)}${bid.revokedAt === null ? '' : ' and revoked'}`);
  return [...bids, ...state.objections.map((o) => o.status), title, tenderer, agency, place];
}

/** An attempt is received and the vault has not decided it yet. */
export function isUndecided(bid: Bid): boolean {
  return bid.attempts.some((a) => a.outcome === 'undecided');
}

/** Is this bid, by the latest scan on the log, not what was received? */
export function isDamaged({ scan }: Pick<OpeningState, 'scan'>, { bidder }: Pick<Bid, 'bidder'>): boolean {
  return scan?.damaged.some((one) => one.bidder === bidder) === true;
}

/** The bid with this number; numbers come from the roster, so a foreign one is undefined. */
export function bidOf(state: OpeningState, bidder: number): Bid | undefined {
  return state.bids[bidder - 1];
}

/** The bidder number of a credit code, where the viewer knows roster and numbers. */
export function numberOf(state: OpeningState, creditCode: string): number | null {
  if (!state.roster.known || !state.numbers.known) return null;
  const row = state.roster.value.findIndex((r) => r.creditCode === creditCode);
  return state.numbers.value[row] ?? null;
}
