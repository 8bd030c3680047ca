// What may be asked of an opening: each command's data, the roles that may ask it, and whose key must sign it.
import * as Type from 'typebox';
import { CorrectionSchema } from './correction.ts';
import { BidderNumber, DetailsSchema, DigestText, InstantText, MessageText, Name, ReasonText } from './details.ts';
import { DrawRound, SealedText } from './drawing-events.ts';
import { ERASURE_BASES } from './erasure-bases.ts';
import { ATTEMPTS, AtSealingSchema, DamagedSchema, DECRYPTION_FAILURES, VerdictSchema } from './findings.ts';
import { HOLDING_ROLES, LAYER_DATA } from './layer-commands.ts';
import { PolicySchema, WITNESS_POINTS } from './policy.ts';
import { ASSIGNABLE, type Role } from './roles.ts';
import { AccountId, AssignmentSchema } from './staff.ts';

const strict = { additionalProperties: false } as const;
const nothing = Type.Object({}, strict);
const withReason = Type.Object({ reason: ReasonText }, strict);

type CommandRule = {
  readonly data: Type.TSchema;
  readonly roles: readonly Role[];
  /** `session`: the certified session key signs; `certificate`: step-up, the CA key itself (seal-format §8); `none`: a machine. */
  readonly signedBy: 'session' | 'certificate' | 'none';
};

const clock = { roles: ['clock'], signedBy: 'none' } as const;
const platform = { roles: ['platform'], signedBy: 'none' } as const;

export const COMMANDS = {
  AmendDraft: {
    data: Type.Object({ details: DetailsSchema, policy: PolicySchema }, strict),
    roles: ['host'],
    signedBy: 'session',
  },
  AssignRole: { data: AssignmentSchema, roles: ['host', 'tenderer', 'operator'], signedBy: 'session' },
  WithdrawRole: {
    data: Type.Object({ account: AccountId, role: Type.Enum(ASSIGNABLE), reason: ReasonText }, strict),
    roles: ['host', 'tenderer', 'operator'],
    signedBy: 'session',
  },
  PublishOpening: { data: nothing, roles: ['host'], signedBy: 'session' },
  OpenCheckIn: { data: nothing, ...clock },
  Seal: { data: nothing, ...clock },
  PostponeOpening: { data: withReason, roles: ['host'], signedBy: 'session' },
  RescheduleOpening: {
    data: Type.Object({ deadlineAt: InstantText, place: Name }, strict),
    roles: ['host'],
    signedBy: 'session',
  },
  PublishRoster: { data: nothing, roles: ['host'], signedBy: 'session' },
  RecordScan: { data: Type.Object({ damaged: DamagedSchema, atSealing: AtSealingSchema }, strict), ...platform },
  StartDrawing: { data: nothing, roles: ['host'], signedBy: 'session' },
  CommitShare: {
    data: Type.Object({ round: DrawRound, commitment: DigestText, sealed: SealedText }, strict),
    roles: ['bidder', 'witness'],
    signedBy: 'session',
  },
  CloseCommitments: { data: nothing, ...clock },
  RevealShare: {
    data: Type.Object({ round: DrawRound, share: DigestText }, strict),
    roles: ['bidder', 'witness'],
    signedBy: 'session',
  },
  CloseReveals: { data: nothing, ...clock },
  VoidDrawing: { data: withReason, roles: ['witness', 'supervisor'], signedBy: 'session' },
  OpenWindow: { data: nothing, roles: ['host'], signedBy: 'session' },
  ExtendWindow: {
    data: Type.Object({ extraMs: Type.Integer({ minimum: 1_000, maximum: 7_200_000 }), reason: ReasonText }, strict),
    roles: ['host'],
    signedBy: 'session',
  },
  EndWindowEarly: { data: nothing, roles: ['host'], signedBy: 'session' },
  AcknowledgeChallenge: { data: Type.Object({ kid: DigestText }, strict), roles: ['bidder'], signedBy: 'session' },
  DecryptBid: { data: Type.Object({ jweSha256: DigestText }, strict), roles: ['bidder'], signedBy: 'certificate' },
  RecordDecryption: {
    data: Type.Object(
      {
        bidder: BidderNumber,
        attempt: Type.Integer({ minimum: 1 }),
        failure: Type.Union([Type.Null(), Type.Enum(DECRYPTION_FAILURES)]),
      },
      strict,
    ),
    ...platform,
  },
  CloseWindow: { data: nothing, ...clock },
  OfferHolderKey: { data: LAYER_DATA.OfferHolderKey, roles: HOLDING_ROLES, signedBy: 'certificate' },
  DealOpeningKey: { data: LAYER_DATA.DealOpeningKey, roles: ['tenderer', 'host'], signedBy: 'certificate' },
  AcknowledgeShare: { data: LAYER_DATA.AcknowledgeShare, roles: HOLDING_ROLES, signedBy: 'certificate' },
  UnsealLayer: { data: LAYER_DATA.UnsealLayer, roles: HOLDING_ROLES, signedBy: 'certificate' },
  RecordLayer: {
    data: Type.Object(
      { bidder: BidderNumber, failure: Type.Union([Type.Null(), Type.Enum(DECRYPTION_FAILURES)]) },
      strict,
    ),
    ...platform,
  },
  CloseUnsealing: { data: nothing, ...clock },
  GiveRuling: {
    data: Type.Object({ bidder: BidderNumber, verdict: VerdictSchema, reason: ReasonText }, strict),
    roles: ['host', 'witness'],
    signedBy: 'session',
  },
  ContestRuling: { data: withReason, roles: ['bidder'], signedBy: 'certificate' },
  DeclareFailed: { data: withReason, roles: ['host'], signedBy: 'session' },
  OpenRemedy: { data: nothing, roles: ['host'], signedBy: 'session' },
  SubmitBackup: { data: Type.Object({ jweSha256: DigestText }, strict), roles: ['bidder'], signedBy: 'certificate' },
  CloseRemedy: { data: nothing, ...clock },
  AnnouncePrices: { data: nothing, roles: ['host'], signedBy: 'session' },
  StartQuoteRound: { data: nothing, roles: ['host'], signedBy: 'session' },
  SubmitQuote: {
    data: Type.Object({ round: Type.Integer({ minimum: 1 }), commitment: DigestText, sealed: SealedText }, strict),
    roles: ['bidder'],
    signedBy: 'certificate',
  },
  ReleaseQuotes: { data: nothing, ...clock },
  IssueRecord: {
    data: Type.Object({ note: Type.String({ maxLength: 2_000 }) }, strict),
    roles: ['host'],
    signedBy: 'session',
  },
  SignRecord: {
    data: Type.Object({ version: Type.Integer({ minimum: 1 }), recordSha256: DigestText }, strict),
    roles: ['bidder'],
    signedBy: 'certificate',
  },
  RefuseRecord: {
    data: Type.Object({ version: Type.Integer({ minimum: 1 }), recordSha256: DigestText, reason: ReasonText }, strict),
    roles: ['bidder'],
    signedBy: 'certificate',
  },
  TimeOutConfirmations: { data: nothing, ...clock },
  RaiseObjection: { data: Type.Object({ text: ReasonText }, strict), roles: ['bidder'], signedBy: 'certificate' },
  AnswerObjection: {
    data: Type.Object({ objection: Type.Integer({ minimum: 1 }), text: ReasonText }, strict),
    roles: ['host', 'tenderer'],
    signedBy: 'session',
  },
  DisputeAnswer: {
    data: Type.Object({ objection: Type.Integer({ minimum: 1 }), reason: ReasonText }, strict),
    roles: ['bidder'],
    signedBy: 'certificate',
  },
  ProposeClose: { data: nothing, roles: ['host'], signedBy: 'session' },
  AttestClose: {
    data: Type.Object({ version: Type.Integer({ minimum: 1 }), recordSha256: DigestText }, strict),
    roles: ['witness'],
    signedBy: 'certificate',
  },
  HandOver: { data: nothing, roles: ['host'], signedBy: 'session' },
  OpenReview: { data: withReason, roles: ['host'], signedBy: 'session' },
  ArchiveOpening: { data: nothing, ...clock },
  SuspendOpening: { data: withReason, roles: ['host', 'supervisor'], signedBy: 'session' },
  RequestSuspension: { data: withReason, roles: ['witness'], signedBy: 'session' },
  FreezeForOutage: { data: Type.Object({}, strict), ...clock },
  ResumeOpening: { data: withReason, roles: ['host', 'supervisor'], signedBy: 'session' },
  EndSuspension: { data: nothing, ...clock },
  ConfirmResume: { data: nothing, roles: ['witness'], signedBy: 'session' },
  ProposeAbort: { data: withReason, roles: ['host', 'tenderer'], signedBy: 'session' },
  ConfirmAbort: { data: nothing, roles: ['host', 'tenderer'], signedBy: 'session' },
  OrderAbort: { data: withReason, roles: ['supervisor'], signedBy: 'certificate' },
  RecordRefusedAttempt: {
    data: Type.Object({ bidder: BidderNumber, attempt: Type.Enum(ATTEMPTS) }, strict),
    ...platform,
  },
  RevokeBid: { data: withReason, roles: ['bidder'], signedBy: 'certificate' },
  /** Proposes a correction; `ConfirmCorrection` by the other of the two makes it. */
  CorrectEmergency: {
    data: Type.Object({ correction: CorrectionSchema, reason: ReasonText }, strict),
    roles: ['witness', 'supervisor'],
    signedBy: 'certificate',
  },
  ConfirmCorrection: {
    data: Type.Object({ number: Type.Integer({ minimum: 1 }) }, strict),
    roles: ['witness', 'supervisor'],
    signedBy: 'certificate',
  },
  /** Proposes that a withheld field of an entry be destroyed; `ConfirmErasure` by the other of the two does it. */
  ProposeErasure: {
    data: Type.Object(
      {
        seq: Type.Integer({ minimum: 0 }),
        field: Type.String({ minLength: 1, maxLength: 40 }),
        basis: Type.Enum(ERASURE_BASES),
        reason: ReasonText,
      },
      strict,
    ),
    roles: ['witness', 'supervisor'],
    signedBy: 'certificate',
  },
  ConfirmErasure: {
    data: Type.Object({ number: Type.Integer({ minimum: 1 }) }, strict),
    roles: ['witness', 'supervisor'],
    signedBy: 'certificate',
  },
  AcknowledgePoint: {
    data: Type.Object({ point: Type.Enum(WITNESS_POINTS), note: Type.String({ maxLength: 2_000 }) }, strict),
    roles: ['witness'],
    signedBy: 'session',
  },
  /** `to`: everyone; a bidder's own thread with the host; or, for the host, the thread of the bidder with this number. */
  Say: {
    data: Type.Object(
      { text: MessageText, to: Type.Union([Type.Literal('all'), Type.Literal('host'), BidderNumber]) },
      strict,
    ),
    roles: ['bidder', 'host', 'tenderer', 'witness', 'supervisor'],
    signedBy: 'session',
  },
  Mute: {
    data: Type.Object({ bidder: BidderNumber, reason: ReasonText }, strict),
    roles: ['host'],
    signedBy: 'session',
  },
  Unmute: { data: Type.Object({ bidder: BidderNumber }, strict), roles: ['host'], signedBy: 'session' },
  GiveNotice: { data: Type.Object({ text: ReasonText }, strict), roles: ['host'], signedBy: 'session' },
  AcknowledgeNotice: {
    data: Type.Object({ notice: Type.Integer({ minimum: 1 }) }, strict),
    roles: ['bidder', 'tenderer', 'witness', 'supervisor'],
    signedBy: 'session',
  },
} as const satisfies Record<string, CommandRule>;

export type CommandType = keyof typeof COMMANDS;
export const COMMAND_TYPES = Object.keys(COMMANDS) as readonly CommandType[];
export type CommandData<T extends CommandType> = Type.Static<(typeof COMMANDS)[T]['data']>;

/** One command before `decide`: data already checked against its schema, the actor already known by certificate. */
export type Command = {
  readonly [T in CommandType]: {
    readonly type: T;
    readonly data: CommandData<T>;
    readonly actor: import('./roles.ts').Actor;
  };
}[CommandType];

/** Commands that stay open while the opening is suspended: chat and objections, and the ways out (domain §2). */
export const OPEN_WHILE_SUSPENDED: ReadonlySet<CommandType> = new Set<CommandType>([
  'AmendDraft',
  'AssignRole',
  'WithdrawRole',
  'AcknowledgeChallenge',
  'RaiseObjection',
  'AnswerObjection',
  'DisputeAnswer',
  'RequestSuspension',
  'ResumeOpening',
  'ConfirmResume',
  'EndSuspension',
  'ProposeAbort',
  'ConfirmAbort',
  'OrderAbort',
  'RecordScan',
  'RecordDecryption',
  'RecordLayer',
  'RecordRefusedAttempt',
  'CorrectEmergency',
  'ConfirmCorrection',
  'AcknowledgePoint',
  'GiveNotice',
  'AcknowledgeNotice',
  'Say',
  'Mute',
  'Unmute',
]);
