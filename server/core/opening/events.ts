// The catalogue of what can happen in an opening: each event's body in clear, and its withheld fields with who may see them and from when.
import * as Type from 'typebox';
import { CorrectionSchema, EffectSchema } from './correction.ts';
import {
  BidderNumber,
  DetailsSchema,
  DigestText,
  InstantText,
  Name,
  OpeningId,
  ReasonText,
  WindowKeySchema,
} from './details.ts';
import { MAX_DRAW_ROUNDS } from './draw.ts';
import { DRAWING_EVENTS } from './drawing-events.ts';
import { ERASURE_EVENTS } from './erasure-events.ts';
import {
  type FieldRules,
  objector,
  person,
  toAll,
  toAllUnlessSecret,
  toConducting,
  toHosting,
  toOversight,
  toParticipants,
  toThoseInTheRoom,
  withRoster,
} from './field-rules.ts';
import { ATTEMPTS, AtSealingSchema, DamagedSchema, DECRYPTION_FAILURES, VerdictSchema } from './findings.ts';
import { LAYER_EVENTS, ShareKeySchema } from './layer-events.ts';
import { MoneyText, PolicySchema, PROFILE_NAMES, WITNESS_POINTS } from './policy.ts';
import { QUOTE_EVENTS } from './quote-events.ts';
import { REMEDY_EVENTS } from './remedy-events.ts';
import { ASSIGNABLE } from './roles.ts';

const strict = { additionalProperties: false } as const;
const nothing = Type.Object({}, strict);
const Bidder = Type.Object({ bidder: BidderNumber }, strict);
/** Null: raised before the roster by someone who has no number on it, for want of a standing bid or of a roster. */
const Objector = Type.Union([BidderNumber, Type.Null()]);
const CorrectingSide = Type.Union([Type.Literal('witness'), Type.Literal('supervisor')]);
const RecordVersion = { version: Type.Integer({ minimum: 1 }), recordSha256: DigestText };

type EventRule = {
  readonly body: Type.TSchema;
  readonly withheld: Readonly<Record<string, FieldRules>>;
};

/** What the log says of one bid that did not open: the evidence the engine judged by (20号令31). */
export const EvidenceSchema = Type.Object(
  {
    actReceived: Type.Boolean(),
    failures: Type.Array(Type.Enum(DECRYPTION_FAILURES)),
    challengeAcknowledged: Type.Boolean(),
    peerSucceeded: Type.Boolean(),
    outageMs: Type.Integer({ minimum: 0 }),
    /** By the latest scan its envelope is not what was received: the platform's own storage. */
    damagedInStorage: Type.Boolean(),
  },
  strict,
);

export const EVENTS = {
  OpeningCreated: {
    body: Type.Object(
      {
        formatVersion: Type.Literal(1),
        openingId: OpeningId,
        platform: Type.String({ minLength: 1, maxLength: 100 }),
        profile: Type.Enum(PROFILE_NAMES),
        details: DetailsSchema,
        policy: PolicySchema,
        policyHash: DigestText,
        vkey: Type.String({ minLength: 1, maxLength: 400 }),
        cosigners: Type.Object({ quorum: Type.Integer({ minimum: 0 }), vkeys: Type.Array(Type.String()) }, strict),
        /** Where the policy draws: what the platform's own share of each round commits to, before any other share exists. */
        drawCommitments: Type.Optional(
          Type.Array(DigestText, { minItems: MAX_DRAW_ROUNDS, maxItems: MAX_DRAW_ROUNDS }),
        ),
      },
      strict,
    ),
    withheld: { ...person, assignments: toConducting },
  },
  DraftAmended: {
    body: Type.Object({ details: DetailsSchema, policy: PolicySchema, policyHash: DigestText }, strict),
    withheld: person,
  },
  RoleAssigned: {
    body: Type.Object({ role: Type.Enum(ASSIGNABLE) }, strict),
    withheld: { ...person, account: toConducting },
  },
  RoleWithdrawn: {
    body: Type.Object({ role: Type.Enum(ASSIGNABLE) }, strict),
    withheld: { ...person, account: toConducting, reason: toConducting },
  },
  OpeningPublished: {
    body: Type.Object({ policyHash: DigestText, checkInOpensAt: InstantText }, strict),
    withheld: person,
  },
  OpeningPostponed: {
    body: Type.Object({ deadlineAt: InstantText, reason: ReasonText }, strict),
    withheld: person,
  },
  OpeningRescheduled: {
    body: Type.Object({ deadlineAt: InstantText, place: Name, checkInOpensAt: InstantText }, strict),
    withheld: person,
  },
  CheckInOpened: { body: Type.Object({ effectiveAt: InstantText }, strict), withheld: {} },
  BidsSealed: {
    body: Type.Object({ effectiveAt: InstantText, envelopesRoot: DigestText }, strict),
    withheld: { lodgements: withRoster, counts: withRoster },
  },
  TenderFailed: {
    body: Type.Object(
      {
        reason: Type.Union([Type.Literal('too_few_bidders'), Type.Literal('no_bid_decrypted')]),
        effectiveAt: InstantText,
      },
      strict,
    ),
    withheld: { ...person, report: toOversight },
  },
  RosterPublished: {
    body: Type.Object({ count: Type.Integer({ minimum: 1 }) }, strict),
    withheld: { ...person, roster: toAll, numbers: toParticipants, certificates: toOversight },
  },
  /**
   * The stored envelopes were read through and held against their receipts. Once behind the roster, and again when the finding changes.
   *
   * Why: none before the roster. Dated by how long it took to read all bids, it would tell how much was lodged.
   */
  EnvelopesScanned: {
    body: Type.Object(
      {
        damaged: DamagedSchema,
        /** In the first one only. */
        atSealing: Type.Optional(AtSealingSchema),
      },
      strict,
    ),
    withheld: {},
  },
  ...DRAWING_EVENTS,
  WindowOpened: {
    body: Type.Object(
      {
        kid: DigestText,
        windowKey: WindowKeySchema,
        holders: Type.Array(Type.String({ minLength: 1 })),
        opensAt: InstantText,
        closesAt: InstantText,
      },
      strict,
    ),
    withheld: person,
  },
  WindowExtended: {
    body: Type.Object({ closesAt: InstantText, extraMs: Type.Integer(), reason: ReasonText }, strict),
    withheld: person,
  },
  ChallengeAcknowledged: { body: Type.Object({ bidder: BidderNumber, kid: DigestText }, strict), withheld: person },
  DecryptionReceived: {
    body: Type.Object({ bidder: BidderNumber, attempt: Type.Integer({ minimum: 1 }), jweSha256: DigestText }, strict),
    withheld: person,
  },
  BidDecrypted: {
    body: Type.Object({ bidder: BidderNumber, attempt: Type.Integer({ minimum: 1 }) }, strict),
    withheld: {},
  },
  DecryptionFailed: {
    body: Type.Object(
      {
        bidder: BidderNumber,
        attempt: Type.Integer({ minimum: 1 }),
        failure: Type.Enum(DECRYPTION_FAILURES),
        fault: Type.Union([Type.Literal('bidder'), Type.Literal('platform'), Type.Literal('tenderer')]),
      },
      strict,
    ),
    withheld: {},
  },
  AttemptRefused: {
    body: Type.Object({ bidder: BidderNumber, attempt: Type.Enum(ATTEMPTS) }, strict),
    withheld: person,
  },
  WindowClosed: {
    body: Type.Object(
      {
        effectiveAt: InstantText,
        /** `all_received`: in a blind window nobody knows yet what opens. */
        why: Type.Union([Type.Literal('time'), Type.Literal('all_decrypted'), Type.Literal('all_received')]),
        /** Where bids wait for a key that is held in shares: until when its holders give them. */
        sharesBy: Type.Optional(InstantText),
        shareKey: Type.Optional(ShareKeySchema),
      },
      strict,
    ),
    withheld: person,
  },
  ...LAYER_EVENTS,
  ...REMEDY_EVENTS,
  AttributionProposed: {
    body: Type.Object({ bidder: BidderNumber, verdict: VerdictSchema, evidence: EvidenceSchema }, strict),
    withheld: {},
  },
  RulingGiven: {
    body: Type.Object(
      { bidder: BidderNumber, verdict: VerdictSchema, by: Type.Union([Type.Literal('host'), Type.Literal('witness')]) },
      strict,
    ),
    withheld: { ...person, reason: toParticipants },
  },
  BidRevoked: { body: Bidder, withheld: { ...person, reason: toParticipants } },
  RulingContested: { body: Bidder, withheld: { ...person, reason: toConducting } },
  PricesAnnounced: {
    body: Type.Object(
      { count: Type.Integer({ minimum: 1 }), ceilingPrice: Type.Union([MoneyText, Type.Null()]) },
      strict,
    ),
    withheld: { ...person, rows: toAllUnlessSecret, numbers: toAll },
  },
  ...QUOTE_EVENTS,
  RecordIssued: {
    body: Type.Object({ ...RecordVersion, confirmBy: InstantText }, strict),
    withheld: { ...person, record: toAllUnlessSecret, publicRecord: toAll },
  },
  RecordSigned: { body: Type.Object({ bidder: BidderNumber, ...RecordVersion }, strict), withheld: person },
  RecordRefused: {
    body: Type.Object({ bidder: BidderNumber, ...RecordVersion }, strict),
    withheld: { ...person, reason: toParticipants },
  },
  ConfirmationsTimedOut: {
    body: Type.Object({ version: Type.Integer({ minimum: 1 }), effectiveAt: InstantText }, strict),
    withheld: {},
  },
  CorrectionProposed: {
    body: Type.Object(
      {
        number: Type.Integer({ minimum: 1 }),
        by: CorrectingSide,
        correction: CorrectionSchema,
        effects: Type.Array(EffectSchema, { minItems: 1 }),
      },
      strict,
    ),
    withheld: { ...person, reason: toParticipants },
  },
  CorrectionMade: {
    body: Type.Object({ number: Type.Integer({ minimum: 1 }), by: CorrectingSide }, strict),
    withheld: person,
  },
  ...ERASURE_EVENTS,
  PointAcknowledged: {
    body: Type.Object({ point: Type.Enum(WITNESS_POINTS) }, strict),
    withheld: { ...person, note: toConducting },
  },
  /** The public chat. `bidder` is null for officials, whom their role tells. */
  Said: {
    body: Type.Object({ bidder: Type.Union([BidderNumber, Type.Null()]) }, strict),
    withheld: { ...person, text: toAll },
  },
  /** A bidder's own thread with the host. */
  SaidInPrivate: {
    body: Type.Object({ bidder: BidderNumber, by: Type.Union([Type.Literal('bidder'), Type.Literal('host')]) }, strict),
    withheld: { ...person, text: toHosting },
  },
  Muted: { body: Bidder, withheld: { ...person, reason: toParticipants } },
  Unmuted: { body: Bidder, withheld: person },
  NoticeGiven: { body: nothing, withheld: { ...person, text: toAll } },
  NoticeAcknowledged: {
    body: Type.Object(
      {
        notice: Type.Integer({ minimum: 1 }),
        bidder: Type.Union([BidderNumber, Type.Null()]),
        by: Type.Enum(['bidder', 'tenderer', 'witness', 'supervisor'] as const),
      },
      strict,
    ),
    withheld: person,
  },
  ObjectionRaised: {
    body: Type.Object({ objection: Type.Integer({ minimum: 1 }), bidder: Objector }, strict),
    withheld: { ...objector, text: toThoseInTheRoom },
  },
  ObjectionAnswered: {
    body: Type.Object({ objection: Type.Integer({ minimum: 1 }) }, strict),
    withheld: { ...person, text: toThoseInTheRoom },
  },
  AnswerDisputed: {
    body: Type.Object({ objection: Type.Integer({ minimum: 1 }), bidder: Objector, complainBy: InstantText }, strict),
    withheld: { ...objector, reason: toThoseInTheRoom },
  },
  CloseProposed: { body: Type.Object(RecordVersion, strict), withheld: person },
  OpeningClosed: {
    /** `uncosigned`: its cosigners had not signed what it closes when their time was over. */
    body: Type.Object({ ...RecordVersion, uncosigned: Type.Optional(Type.Literal(true)) }, strict),
    withheld: person,
  },
  ReviewOpened: { body: Type.Object({ ...RecordVersion, reason: ReasonText }, strict), withheld: person },
  HandedOver: {
    body: Type.Object({ manifestSha256: DigestText, bids: Type.Integer({ minimum: 0 }) }, strict),
    withheld: { ...person, manifest: toConducting },
  },
  OpeningArchived: {
    body: Type.Object(
      {
        reason: Type.Union([Type.Literal('handed_over'), Type.Literal('failed'), Type.Literal('aborted')]),
        /** Absent where publishing them would tell the next tender's bidders how many stood in this one. */
        counts: Type.Union([
          Type.Null(),
          Type.Object(
            {
              receipts: Type.Integer({ minimum: 0 }),
              opened: Type.Integer({ minimum: 0 }),
              withdrawn: Type.Integer({ minimum: 0 }),
              replaced: Type.Integer({ minimum: 0 }),
              ruled: Type.Integer({ minimum: 0 }),
            },
            strict,
          ),
        ]),
      },
      strict,
    ),
    withheld: { counts: toOversight },
  },
  OpeningSuspended: {
    body: Type.Object(
      {
        cause: Type.Union([
          Type.Literal('host'),
          Type.Literal('supervisor'),
          Type.Literal('outage'),
          Type.Literal('outage_across_deadline'),
        ]),
        since: InstantText,
        reason: Type.Union([ReasonText, Type.Null()]),
      },
      strict,
    ),
    withheld: person,
  },
  SuspensionRequested: { body: nothing, withheld: { ...person, reason: toConducting } },
  ResumeProposed: { body: Type.Object({ reason: ReasonText }, strict), withheld: person },
  OpeningResumed: {
    body: Type.Object({ since: InstantText, frozenMs: Type.Integer({ minimum: 0 }) }, strict),
    withheld: { ...person, reason: toParticipants },
  },
  AbortProposed: {
    body: Type.Object({ by: Type.Union([Type.Literal('host'), Type.Literal('tenderer')]), reason: ReasonText }, strict),
    withheld: person,
  },
  OpeningAborted: {
    body: Type.Object(
      { by: Type.Union([Type.Literal('tenderer_and_host'), Type.Literal('supervisor')]), reason: ReasonText },
      strict,
    ),
    withheld: { ...person, report: toOversight },
  },
} as const satisfies Record<string, EventRule>;

export type EventType = keyof typeof EVENTS;
export const EVENT_TYPES = Object.keys(EVENTS) as readonly EventType[];
export type EventBody<T extends EventType> = Type.Static<(typeof EVENTS)[T]['body']>;

/** Whose reading of the field depends on the viewer's sight: the value, or the plain fact that it is not shown. */
export type Knowable<T> = { readonly known: true; readonly value: T } | { readonly known: false };
export const withheld = { known: false } as const;
export function known<T>(value: T): Knowable<T> {
  return { known: true, value };
}

/** An event as `decide` makes it; the recorder adds seq, instants, who, source and act, and the salts. */
export type NewEvent = {
  readonly [T in EventType]: {
    readonly type: T;
    readonly body: EventBody<T>;
    /** Values of the withheld fields beside who, source and act. */
    readonly fields: Readonly<Record<string, unknown>>;
  };
}[EventType];

/** An event as it stands on the log, seen by one viewer. Instants in integer ms. */
export type LoggedEvent = {
  readonly [T in EventType]: {
    readonly seq: number;
    readonly at: number;
    readonly receivedAt?: number;
    readonly type: T;
    readonly body: EventBody<T>;
    readonly fields: Readonly<Record<string, Knowable<unknown>>>;
  };
}[EventType];

export type Evidence = Type.Static<typeof EvidenceSchema>;
