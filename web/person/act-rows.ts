/** What a person may do on the page of an opening: for each act what it asks of them, and what of the state goes with it. */
import type { Json, JsonObject } from '../../server/core/log/canonical.ts';
import { COMMANDS, type CommandType, OPEN_WHILE_SUSPENDED } from '../../server/core/opening/commands.ts';
import { VERDICTS } from '../../server/core/opening/findings.ts';
import { isWindowBlind } from '../../server/core/opening/layer.ts';
import { phaseCell } from '../../server/core/opening/phases.ts';
import {
  isRegisterCommand,
  type RegisterCommandType,
  registerPhaseRefusal,
} from '../../server/core/opening/register.ts';
import type { PersonRole } from '../../server/core/opening/roles.ts';
import { isDecrypted, isGivenUp, numberOf, type OpeningState, verdictOf } from '../../server/core/opening/state.ts';
import { MAX_MESSAGES_PER_BIDDER } from '../../server/core/opening/steps/chat.ts';
import { isDone } from '../../server/core/opening/steps/window.ts';
import { isOfProcurement } from '../opening/regime.ts';
import { instantOf } from '../parts/moment.ts';
import { contestRuling, revokeBid, submitBackup } from './bidder-shapes.ts';
import { extended, openRemedy, resumeOpening, suspendOpening, unopened } from './emergency-shapes.ts';
import { acknowledgeShare, dealOpeningKey, offerHolderKey, unsealLayer } from './holder-shapes.ts';
import { commitShare, revealShare, submitQuote } from './special-shapes.ts';
import type { Key } from './words-zh.ts';

/** What the person fills in. `options` are values of a choice, in the order shown. */
export type Field =
  | { readonly name: string; readonly kind: 'text' | 'line'; readonly begins?: string }
  /** A moment by Beijing's clock, as `2026-03-02T09:00`. */
  | { readonly name: string; readonly kind: 'moment' }
  | { readonly name: string; readonly kind: 'minutes' }
  /** Figures, read aloud in words beside them. */
  | { readonly name: string; readonly kind: 'amount' }
  /** Its text is the value. */
  | { readonly name: string; readonly kind: 'file'; readonly isOptional?: boolean }
  | { readonly name: string; readonly kind: 'choice'; readonly options: readonly string[] }
  /** So many of the options, in the order shown; the value has their names between commas. */
  | { readonly name: string; readonly kind: 'marks'; readonly options: readonly string[]; readonly count: number };

/** An act as it is offered now. */
export type Offer = {
  readonly type: ActType;
  readonly fields: readonly Field[];
  /** What of the opening the act is about, to be read before it is signed: a name in the dictionary and its value. */
  readonly about: readonly (readonly [Key, string])[];
  /** The command's data from what was filled in, by name; texts are NFC, as the log holds them. */
  readonly data: (filled: Readonly<Record<string, string>>) => JsonObject;
  readonly isRare: boolean;
};

/** What an act is about, seen from one person: the state, and the number the roster gave them. */
export type Standpoint = {
  readonly state: OpeningState;
  readonly role: PersonRole;
  readonly bidder: number | null;
  readonly creditCode: string;
};
export type Shape = {
  readonly fields: readonly Field[];
  readonly fixed?: JsonObject;
  readonly about?: readonly (readonly [Key, string])[];
  /** Done already, and only to be done again when something went wrong. */
  readonly isRare?: boolean;
};
/** Null: there is nothing this act could be about. */
export type Shaping = (standpoint: Standpoint) => Shape | null;

const plain: Shaping = () => ({ fields: [] });
const reason: Shaping = () => ({ fields: [{ name: 'reason', kind: 'text' }] });
const text: Shaping = () => ({ fields: [{ name: 'text', kind: 'text' }] });
export const choice = (name: string, options: readonly string[]): Field => ({ name, kind: 'choice', options });

/** The version of the record one would answer, and its digest; null while its text is not there to be read. */
function recordOf({ state }: Standpoint): Shape | null {
  const { record } = state;
  if (record === null || !record.document.known) return null;
  const { version, sha256 } = record;
  return {
    fields: [],
    fixed: { version, recordSha256: sha256 },
    about: [
      ['recordVersion', String(version)],
      ['recordDigest', sha256],
    ],
  };
}

/** A bidder answers a version once. */
const answering =
  (fields: readonly Field[]): Shaping =>
  (standpoint) => {
    const shape = recordOf(standpoint);
    const { state, bidder } = standpoint;
    const answer = bidder === null ? null : (state.bids[bidder - 1]?.answer ?? null);
    return shape === null || answer?.version === state.record?.version ? null : { ...shape, fields };
  };

function objections(standpoint: Standpoint, status: 'open' | 'answered', isOwn: boolean): string[] {
  const { state, bidder, creditCode } = standpoint;
  return state.objections
    .filter((one) => one.status === status)
    .filter(({ bidder: by, raisedBy }) =>
      isOwn ? (bidder !== null && by === bidder) || (raisedBy.known && raisedBy.value === creditCode) : true,
    )
    .map(({ objection }) => String(objection));
}

/** The roles that the tenderer's side gives and takes. */
const SIDE: readonly string[] = ['host', 'tenderer'];

/** The bidders who are, or are not, silenced. */
function muting({ bids }: OpeningState, isMuted: boolean, fields: readonly Field[]): Shape | null {
  const found = bids.filter(({ muted }) => muted === isMuted).map(({ bidder }) => String(bidder));
  return found.length === 0 ? null : { fields: [choice('bidder', found), ...fields] };
}

/** The acts of this page, in the order in which an opening comes to them. */
const SHAPES = {
  OfferHolderKey: offerHolderKey,
  DealOpeningKey: dealOpeningKey,
  AcknowledgeShare: acknowledgeShare,
  PublishOpening: plain,
  AssignRole: () => ({ fields: [choice('role', ['tenderer', 'host']), { name: 'account', kind: 'line' }] }),
  WithdrawRole: ({ state }) => {
    const held = state.staff.known ? state.staff.value.filter(({ ended, role }) => !ended && SIDE.includes(role)) : [];
    if (held.length === 0) return null;
    const accounts = [...new Set(held.map(({ account }) => account))];
    const roles = [...new Set(held.map(({ role }) => role))];
    return { fields: [choice('account', accounts), choice('role', roles), { name: 'reason', kind: 'text' }] };
  },
  CheckIn: plain,
  AcknowledgeEarlyNotice: ({ state, role }) =>
    role !== 'bidder' || state.notices.length === 0
      ? null
      : { fields: [choice('notice', state.notices.map(({ notice }) => String(notice)).reverse())] },
  // offered where one's own bid is shown
  Rehearse: () => null,
  WithdrawBid: () => null,
  RaiseEarlyObjection: text,
  PostponeOpening: reason,
  RescheduleOpening: () => ({
    fields: [
      { name: 'deadlineAt', kind: 'moment' },
      { name: 'place', kind: 'line' },
    ],
  }),
  PublishRoster: plain,
  AcknowledgePoint: ({ state }) => {
    const open = state.policy.witnessPoints.filter((point) => !state.points.includes(point));
    return open.length === 0 ? null : { fields: [choice('point', open), { name: 'note', kind: 'text' }] };
  },
  StartDrawing: ({ state }) => (state.policy.draw === 'none' ? null : { fields: [] }),
  CommitShare: commitShare,
  RevealShare: revealShare,
  OpenWindow: plain,
  DecryptBid: ({ state, bidder }) => {
    const own = bidder === null ? undefined : state.bids[bidder - 1];
    const isWaited = own?.attempts.some(({ outcome }) => outcome === 'undecided') === true;
    const isOver = own === undefined || isDecrypted(own) || isGivenUp(own);
    return isOver || (isWaited && !isWindowBlind(state)) ? null : { fields: [{ name: 'bidFile', kind: 'file' }] };
  },
  ExtendWindow: ({ state }) => ({
    fields: [
      { name: 'extraMs', kind: 'minutes' },
      { name: 'reason', kind: 'text' },
    ],
    about: extended(state),
  }),
  EndWindowEarly: ({ state }) => (state.bids.every((bid) => isDone(state, bid)) ? { fields: [] } : null),
  UnsealLayer: unsealLayer,
  GiveRuling: ({ state }) => {
    const open = state.bids
      .filter((bid) => bid.proposal !== null && !isDecrypted(bid) && !isGivenUp(bid))
      .filter((bid) => verdictOf(bid) === null || verdictOf(bid) === 'unknown')
      .map(({ bidder }) => String(bidder));
    return open.length === 0
      ? null
      : { fields: [choice('bidder', open), choice('verdict', VERDICTS), { name: 'reason', kind: 'text' }] };
  },
  ContestRuling: contestRuling,
  DeclareFailed: ({ state }) => ({ fields: [{ name: 'reason', kind: 'text' }], about: unopened(state) }),
  VoidDrawing: reason,
  OpenRemedy: openRemedy,
  SubmitBackup: submitBackup,
  AnnouncePrices: ({ state }) => ({ fields: [], about: unopened(state) }),
  StartQuoteRound: ({ state }) => (state.policy.quoteRounds === undefined ? null : { fields: [] }),
  SubmitQuote: submitQuote,
  IssueRecord: () => ({ fields: [{ name: 'note', kind: 'text' }] }),
  SignRecord: answering([]),
  RefuseRecord: answering([{ name: 'reason', kind: 'text' }]),
  RaiseObjection: ({ bidder }) => (bidder === null ? null : { fields: [{ name: 'text', kind: 'text' }] }),
  AnswerObjection: (standpoint) => {
    const open = objections(standpoint, 'open', false);
    return open.length === 0 ? null : { fields: [choice('objection', open), { name: 'text', kind: 'text' }] };
  },
  DisputeAnswer: (standpoint) => {
    const own = objections(standpoint, 'answered', true);
    return own.length === 0 ? null : { fields: [choice('objection', own), { name: 'reason', kind: 'text' }] };
  },
  ProposeClose: ({ state }) => (state.closeProposed === null ? { fields: [] } : null),
  AttestClose: (standpoint) => (standpoint.state.closeProposed === null ? null : recordOf(standpoint)),
  OpenReview: reason,
  HandOver: plain,
  SuspendOpening: suspendOpening,
  RequestSuspension: ({ state }) =>
    state.suspended === null && !state.suspensionRequested ? { fields: [{ name: 'reason', kind: 'text' }] } : null,
  ResumeOpening: resumeOpening,
  ConfirmResume: ({ state }) => (state.suspended?.resumeProposed === true ? { fields: [] } : null),
  OrderAbort: reason,
  RevokeBid: revokeBid,
  ProposeAbort: reason,
  ConfirmAbort: ({ state, role }) =>
    state.abortProposedBy === null || state.abortProposedBy === role ? null : { fields: [] },
  GiveNotice: text,
  AcknowledgeNotice: ({ state, role, bidder }) => {
    if (role === 'bidder' && bidder === null) return null;
    const open = state.notices.filter(({ acknowledgedBy }) => !acknowledgedBy.includes(bidder ?? role));
    return open.length === 0
      ? null
      : { fields: [choice('notice', open.map(({ notice }) => String(notice)).reverse())] };
  },
  Say: ({ state, role, bidder }) => {
    const own = bidder === null ? undefined : state.bids[bidder - 1];
    if (role === 'bidder' && (own === undefined || own.messages >= MAX_MESSAGES_PER_BIDDER)) return null;
    const threads = role === 'host' ? state.bids.map(({ bidder }) => String(bidder)) : [];
    const to = own === undefined ? ['all', ...threads] : own.muted ? ['host'] : ['all', 'host'];
    return { fields: [choice('to', to), { name: 'text', kind: 'text' }] };
  },
  Mute: ({ state }) => muting(state, false, [{ name: 'reason', kind: 'text' }]),
  Unmute: ({ state }) => muting(state, true, []),
} as const satisfies Partial<Record<CommandType | RegisterCommandType, Shaping>>;

export type ActType = keyof typeof SHAPES;
const ACT_TYPES = Object.keys(SHAPES) as readonly ActType[];

/** The words of an act in the dictionary: its name, what it does and by which article. */
export const nameKey = (type: ActType): Key => `act_${type}`;
export function whyKey(type: ActType, state: Pick<OpeningState, 'profile'>): Key {
  return isOfProcurement(state) && isOtherInProcurement(type) ? `why_${type}_procurement` : `why_${type}`;
}

/** Acts whose articles are others under the procurement law. */
const OTHER_IN_PROCUREMENT = [
  'RaiseEarlyObjection',
  'RaiseObjection',
  'AnswerObjection',
  'DisputeAnswer',
  'DeclareFailed',
] as const;
const isOtherInProcurement = (type: ActType): type is (typeof OTHER_IN_PROCUREMENT)[number] =>
  OTHER_IN_PROCUREMENT.some((one) => one === type);

/** Acts that come in the common course of an opening stand first; the others behind a fold. */
const EXCEPTIONAL: ReadonlySet<ActType> = new Set([
  'AssignRole',
  'WithdrawRole',
  'PostponeOpening',
  'ExtendWindow',
  'OpenReview',
  'SuspendOpening',
  'RequestSuspension',
  'OrderAbort',
  'RevokeBid',
  'ProposeAbort',
  'VoidDrawing',
  'GiveNotice',
  'AcknowledgeNotice',
  'AcknowledgeEarlyNotice',
  'Say',
  'Mute',
  'Unmute',
]);
export const isExceptional = ({ type, isRare }: Pick<Offer, 'type' | 'isRare'>): boolean =>
  isRare || EXCEPTIONAL.has(type);

/**
 * The acts that the rules let this role do now, as far as the page can know: the server has the last word.
 *
 * Why: by the same tables that the server decides by. What hangs on the register, on the clock or on other people's acts of this very moment
 *      is answered by its refusal.
 */
export function offersFor(role: PersonRole, state: OpeningState, creditCode: string): Offer[] {
  const bidder = role === 'bidder' ? numberOf(state, creditCode) : null;
  return ACT_TYPES.filter((type) => isAllowed(type, role, state)).flatMap((type) => {
    const shaping: Shaping = SHAPES[type];
    const shape = shaping({ state, role, bidder, creditCode });
    if (shape === null) return [];
    const { fields, fixed = {}, about = [], isRare = false } = shape;
    return [{ type, fields, about, isRare, data: (filled) => ({ ...fixed, ...dataOf(fields, filled) }) }];
  });
}

function isAllowed(type: ActType, role: PersonRole, state: OpeningState): boolean {
  if (isRegisterCommand(type)) {
    // an organisation that has not lodged yet is nobody's bidder, and may become one
    return (role === 'bidder' || role === 'public') && registerPhaseRefusal(type, state.phase) === null;
  }
  const roles: readonly string[] = COMMANDS[type].roles;
  if (!roles.includes(role) || phaseCell(state.phase, type) !== 'yes') return false;
  return state.suspended === null || OPEN_WHILE_SUSPENDED.has(type);
}

const MS_A_MINUTE = 60_000;
const NUMBERS: ReadonlySet<string> = new Set(['bidder', 'objection', 'notice', 'to']);

/** `all` stays a word; a chosen number is one. */
const numbered = (value: string): Json => (/^[0-9]+$/.test(value) ? Number(value) : value);

function dataOf(fields: readonly Field[], filled: Readonly<Record<string, string>>): JsonObject {
  const data: Record<string, Json> = {};
  for (const { name, kind } of fields) {
    const value = (filled[name] ?? '').normalize('NFC');
    if (kind === 'minutes') data[name] = Number(value) * MS_A_MINUTE;
    else if (kind === 'moment') data[name] = instantOf(value) ?? value;
    else data[name] = NUMBERS.has(name) ? numbered(value) : value;
  }
  return data;
}
