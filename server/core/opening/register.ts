// The register of an opening: lodging, replacing, withdrawing, rehearsing, checking in, all before the roster, with its own decide and evolve.
import * as Type from 'typebox';
import { DigestText, InstantText, Name, ReasonText } from './details.ts';
import type { Facts, RegisterFacts } from './facts.ts';
import { layerRules } from './layer.ts';
import type { Phase } from './phases.ts';
import { type Refusal, type RefusalCode, refuse } from './refusals.ts';
import { CreditCode, LayerPromiseSchema, type Lodgement, type LodgementCertificates, type RosterRow } from './rows.ts';
import type { OpeningState } from './state.ts';

const strict = { additionalProperties: false } as const;

/** How many rehearsals and early objections one bidder may leave; lodging is bounded by nothing but the deadline. */
export const MAX_REHEARSALS = 50;
export const MAX_EARLY_OBJECTIONS = 20;

/** What a lodged envelope promises, copied from the signed statement after the gate has held it against the bytes. */
export const LodgedBidSchema = Type.Object(
  {
    bidId: Type.String({ pattern: '^[A-Za-z0-9_-]{22}$' }),
    envelopeSha256: DigestText,
    envelopeBytes: Type.Integer({ minimum: 1 }),
    recipientInfosSha256: DigestText,
    encCertSha256: DigestText,
    openingListCommit: DigestText,
    cekCommit: DigestText,
    contentCommit: DigestText,
    layer: Type.Optional(LayerPromiseSchema),
    policyHash: DigestText,
    deadlineAt: InstantText,
    lotId: Type.String({ minLength: 1, maxLength: 200 }),
    replaces: Type.Union([Type.String(), Type.Null()]),
  },
  strict,
);
export type LodgedBid = Type.Static<typeof LodgedBidSchema>;

export const REGISTER_COMMANDS = {
  LodgeBid: { data: LodgedBidSchema, signedBy: 'certificate' },
  WithdrawBid: { data: Type.Object({ bidId: Type.String() }, strict), signedBy: 'certificate' },
  CheckIn: { data: Type.Object({}, strict), signedBy: 'session' },
  Rehearse: {
    data: Type.Object(
      {
        encCertSha256: DigestText,
        unwrapped: Type.Boolean(),
        clockOffsetMs: Type.Integer(),
        device: Type.String({ maxLength: 200 }),
      },
      strict,
    ),
    signedBy: 'session',
  },
  RaiseEarlyObjection: { data: Type.Object({ text: ReasonText }, strict), signedBy: 'certificate' },
  AcknowledgeEarlyNotice: { data: Type.Object({ notice: Type.Integer({ minimum: 1 }) }, strict), signedBy: 'session' },
} as const;
export type RegisterCommandType = keyof typeof REGISTER_COMMANDS;
export const REGISTER_COMMAND_TYPES = Object.keys(REGISTER_COMMANDS) as readonly RegisterCommandType[];
export function isRegisterCommand(type: string): type is RegisterCommandType {
  return Object.hasOwn(REGISTER_COMMANDS, type);
}

/** The bidder who acts, as its certificate says. */
export const WhoSchema = Type.Object(
  {
    account: Type.String(),
    creditCode: CreditCode,
    name: Name,
    certSha256: DigestText,
    /** Digest of what the certificate was judged by; of a lodged bid also that of the certificate it is sealed to. */
    judgement: Type.Optional(DigestText),
    encryptionJudgement: Type.Optional(DigestText),
  },
  strict,
);
export type RegisterWho = Type.Static<typeof WhoSchema>;

export type RegisterCommand = {
  readonly [T in RegisterCommandType]: {
    readonly type: T;
    readonly data: Type.Static<(typeof REGISTER_COMMANDS)[T]['data']>;
    readonly who: RegisterWho;
  };
}[RegisterCommandType];

export type RegisterEvent =
  | { readonly type: 'BidLodged'; readonly body: LodgedBid }
  | { readonly type: 'BidWithdrawn'; readonly body: { readonly bidId: string } }
  | { readonly type: 'CheckedIn'; readonly body: Record<string, never> }
  | {
      readonly type: 'Rehearsed';
      readonly body: Type.Static<(typeof REGISTER_COMMANDS)['Rehearse']['data']> & {
        readonly warning: 'another_certificate' | null;
      };
    }
  | { readonly type: 'EarlyObjectionRaised'; readonly body: { readonly text: string } }
  | { readonly type: 'NoticeAcknowledged'; readonly body: { readonly notice: number } }
  /** No command makes it: a refused try that the law wants kept, noted by the recorder (log-format §2). */
  | { readonly type: 'AttemptRefused'; readonly body: { readonly attempt: 'early_opening' } };

/** A register event as it stands: who did it and when it was received; `receiptSha256` of the receipt given for a lodged bid. */
export type RegisteredAct = RegisterEvent & {
  readonly who: RegisterWho;
  readonly receivedAt: number;
  readonly receiptSha256: string | null;
  /** Kept for the log: the signed act and its source, as the entry's withheld fields will hold them. */
  readonly act: unknown;
  readonly source: unknown;
};

type Standing = LodgedBid & { readonly lodgedAt: number; readonly receiptSha256: string };

/** One bidder in the register, by credit code. */
export type Registered = {
  readonly who: RegisterWho;
  readonly standing: Standing | null;
  readonly checkedInAt: number | null;
  readonly rehearsals: number;
  readonly refusedAttempts: number;
  /** Numbers of the notices it has acknowledged before the roster. */
  readonly notices: readonly number[];
  readonly objections: readonly {
    readonly text: string;
    readonly act: unknown;
    readonly source: unknown;
    readonly receivedAt: number;
  }[];
};

export type RegisterState = {
  readonly bidders: ReadonlyMap<string, Registered>;
  readonly bidIds: ReadonlySet<string>;
  readonly receipts: number;
  readonly replaced: number;
  readonly withdrawn: number;
  readonly size: number;
};

export const emptyRegister: RegisterState = {
  bidders: new Map(),
  bidIds: new Set(),
  receipts: 0,
  replaced: 0,
  withdrawn: 0,
  size: 0,
};

export type RegisterDecision =
  | { readonly events: readonly RegisterEvent[] }
  /** The same was done before: the first act's answer is given again (50 parallel check-ins make one). */
  | { readonly repeats: 'CheckedIn' }
  | Refusal;

/** May bidders act on the register in this phase? Checking in has a phase of its own. */
const REGISTER_PHASES = {
  LodgeBid: ['Scheduled', 'CheckIn'],
  WithdrawBid: ['Scheduled', 'CheckIn', 'Postponed'],
  CheckIn: ['CheckIn'],
  Rehearse: ['Scheduled', 'CheckIn', 'Postponed'],
  RaiseEarlyObjection: ['Scheduled', 'CheckIn', 'Sealed', 'Postponed'],
  AcknowledgeEarlyNotice: ['Scheduled', 'CheckIn', 'Sealed', 'Postponed'],
} as const satisfies Record<RegisterCommandType, readonly Phase[]>;

/** What the deadline does not end: it may come until the roster. */
const UNTIL_ROSTER: ReadonlySet<RegisterCommandType> = new Set(['RaiseEarlyObjection', 'AcknowledgeEarlyNotice']);

/** The refusal for the phase, or null when this register command may be asked in it. */
export function registerPhaseRefusal(type: RegisterCommandType, phase: Phase): RefusalCode | null {
  const phases: readonly Phase[] = REGISTER_PHASES[type];
  if (phases.includes(phase)) return null;
  if (phase === 'Draft') return 'not_published_yet';
  // While it is postponed there is no deadline that a bid could name; what is lodged stands and may be withdrawn.
  if (type === 'LodgeBid' && phase === 'Postponed') return 'not_open_for_bids';
  if (type === 'CheckIn' && (phase === 'Scheduled' || phase === 'Postponed')) return 'check_in_not_open';
  if (phase === 'Archived' || phase === 'Failed' || phase === 'Aborted') return 'opening_is_over';
  // From the roster on it goes to the opening itself.
  if (type === 'RaiseEarlyObjection' || type === 'AcknowledgeEarlyNotice') return 'too_late';
  return 'deadline_has_passed';
}

/**
 * What follows from a bidder's act before the roster.
 *
 * Refuses: phase, then the deadline by `receivedAt` (late by 1 ms is late, 20号令27), then the command's own checks.
 * Why:     the phase may still say CheckIn a moment after the deadline; what counts is when the act was received.
 */
export function decideRegister(
  register: RegisterState,
  opening: Pick<
    OpeningState,
    'phase' | 'deadlineAt' | 'checkInOpensAt' | 'policyHash' | 'details' | 'notices' | 'layer' | 'policy'
  >,
  command: RegisterCommand,
  facts: Pick<Facts, 'receivedAt'>,
): RegisterDecision {
  const wrongPhase = registerPhaseRefusal(command.type, opening.phase);
  if (wrongPhase !== null) return refuse(wrongPhase);
  const hasDeadline = !UNTIL_ROSTER.has(command.type) && opening.phase !== 'Postponed';
  if (hasDeadline && facts.receivedAt >= opening.deadlineAt) return refuse('deadline_has_passed');
  const mine = register.bidders.get(command.who.creditCode);
  switch (command.type) {
    case 'LodgeBid': {
      const { data } = command;
      const { details, policyHash } = opening;
      const fits =
        data.policyHash === policyHash && data.deadlineAt === details.deadlineAt && data.lotId === details.lot.code;
      if (!fits) return refuse('statement_not_for_this_opening');
      const sealedTo = layerRules(opening.policy) === null ? undefined : (opening.layer.key?.certSha256 ?? undefined);
      if (data.layer?.openingCertSha256 !== sealedTo) return refuse('not_sealed_to_opening_key');
      if (register.bidIds.has(data.bidId)) return refuse('bid_id_used');
      if (data.replaces !== (mine?.standing?.bidId ?? null)) return refuse('statement_replaces_another');
      return { events: [{ type: 'BidLodged', body: data }] };
    }
    case 'WithdrawBid':
      if (mine?.standing == null || mine.standing.bidId !== command.data.bidId) return refuse('no_standing_bid');
      return { events: [{ type: 'BidWithdrawn', body: command.data }] };
    case 'CheckIn':
      if (mine !== undefined && isCheckedIn(mine, opening)) return { repeats: 'CheckedIn' };
      return { events: [{ type: 'CheckedIn', body: {} }] };
    case 'Rehearse': {
      if ((mine?.rehearsals ?? 0) >= MAX_REHEARSALS) return refuse('too_many_acts');
      const recipient = mine?.standing?.encCertSha256;
      const warning =
        recipient !== undefined && recipient !== command.data.encCertSha256 ? 'another_certificate' : null;
      return { events: [{ type: 'Rehearsed', body: { ...command.data, warning } }] };
    }
    case 'RaiseEarlyObjection':
      if ((mine?.objections.length ?? 0) >= MAX_EARLY_OBJECTIONS) return refuse('too_many_acts');
      return { events: [{ type: 'EarlyObjectionRaised', body: command.data }] };
    case 'AcknowledgeEarlyNotice':
      if (opening.notices[command.data.notice - 1] === undefined) return refuse('no_such_notice');
      if (mine?.notices.includes(command.data.notice) === true) return refuse('already_acknowledged');
      return { events: [{ type: 'NoticeAcknowledged', body: command.data }] };
  }
}

/**
 * What a try to open a bid before the roster leaves on the register: the first of each bidder with a standing bid, for its
 * repetitions would only be noise, and without a bid there is nothing to open.
 */
export function noteEarlyAttempt(register: RegisterState, creditCode: string): readonly RegisterEvent[] {
  const mine = register.bidders.get(creditCode);
  if (mine?.standing == null || mine.refusedAttempts > 0) return [];
  return [{ type: 'AttemptRefused', body: { attempt: 'early_opening' } }];
}

/** The register after one more act. Throws where an act does not fit: the stored register is corrupt. */
export function evolveRegister(register: RegisterState, act: RegisteredAct): RegisterState {
  const { creditCode } = act.who;
  const before: Registered = register.bidders.get(creditCode) ?? {
    who: act.who,
    standing: null,
    checkedInAt: null,
    rehearsals: 0,
    refusedAttempts: 0,
    notices: [],
    objections: [],
  };
  const put = (after: Partial<Registered>): RegisterState => ({
    ...register,
    bidders: new Map(register.bidders).set(creditCode, { ...before, ...after }),
    size: register.size + 1,
  });
  switch (act.type) {
    case 'BidLodged': {
      if (act.receiptSha256 === null) throw new Error('a lodged bid without a receipt');
      if (register.bidIds.has(act.body.bidId)) throw new Error('a bid id used twice');
      return {
        // the person and name of the bid that stands, not of the company's first act
        ...put({ who: act.who, standing: { ...act.body, lodgedAt: act.receivedAt, receiptSha256: act.receiptSha256 } }),
        bidIds: new Set(register.bidIds).add(act.body.bidId),
        receipts: register.receipts + 1,
        replaced: register.replaced + (before.standing === null ? 0 : 1),
      };
    }
    case 'BidWithdrawn':
      if (before.standing?.bidId !== act.body.bidId) throw new Error('withdrew a bid that did not stand');
      return { ...put({ standing: null }), withdrawn: register.withdrawn + 1 };
    case 'CheckedIn':
      return put({ checkedInAt: act.receivedAt });
    case 'Rehearsed':
      return put({ rehearsals: before.rehearsals + 1 });
    case 'NoticeAcknowledged':
      return put({ notices: [...before.notices, act.body.notice] });
    case 'AttemptRefused':
      return put({ refusedAttempts: before.refusedAttempts + 1 });
    case 'EarlyObjectionRaised':
      return put({
        objections: [
          ...before.objections,
          { text: act.body.text, act: act.act, source: act.source, receivedAt: act.receivedAt },
        ],
      });
  }
}

/** Checked in for the opening as it is scheduled now; who came for a date that was postponed has to come again. */
export function isCheckedIn(
  { checkedInAt }: Pick<Registered, 'checkedInAt'>,
  { checkInOpensAt }: Pick<OpeningState, 'checkInOpensAt'>,
): boolean {
  return checkedInAt !== null && checkedInAt >= (checkInOpensAt ?? 0);
}

/** The standing bids in the order of their credit codes: an order that tells nothing of when or how they came. */
export function standingBids(register: RegisterState): readonly (Registered & { readonly standing: Standing })[] {
  const standing = [...register.bidders.values()].filter(
    (b): b is Registered & { standing: Standing } => b.standing !== null,
  );
  return standing.sort((a, b) => (a.who.creditCode < b.who.creditCode ? -1 : 1));
}

/** The lists that sealing and roster stand on. `formatInstant` is handed in for the signed texts. */
export function freezeRegister(
  register: RegisterState,
  formatInstant: (at: number) => string,
  opening: Pick<OpeningState, 'checkInOpensAt'>,
): Omit<RegisterFacts, 'envelopesRoot' | 'numbers'> {
  const standing = standingBids(register);
  const lodgements = standing.map(
    ({ who, standing: s }): Lodgement => ({
      creditCode: who.creditCode,
      name: who.name,
      bidId: s.bidId,
      envelopeSha256: s.envelopeSha256,
      envelopeBytes: s.envelopeBytes,
      recipientInfosSha256: s.recipientInfosSha256,
      openingListCommit: s.openingListCommit,
      cekCommit: s.cekCommit,
      contentCommit: s.contentCommit,
      ...(s.layer === undefined ? {} : { layer: s.layer }),
      receiptSha256: s.receiptSha256,
      lodgedAt: formatInstant(s.lodgedAt),
    }),
  );
  const roster = standing.map(
    ({ who, standing: s, checkedInAt }): RosterRow => ({
      creditCode: who.creditCode,
      name: who.name,
      envelopeSha256: s.envelopeSha256,
      lodgedAt: formatInstant(s.lodgedAt),
      checkedIn: isCheckedIn({ checkedInAt }, opening),
    }),
  );
  const certificates = standing.map(
    ({ who, standing: s }): LodgementCertificates => ({
      certSha256: who.certSha256,
      judgement: who.judgement ?? null,
      encCertSha256: s.encCertSha256,
      encryptionJudgement: who.encryptionJudgement ?? null,
    }),
  );
  // of everyone who objected, with a standing bid or without
  const earlyObjections = [...register.bidders.values()]
    .flatMap(({ who, objections }) => objections.map((o) => ({ creditCode: who.creditCode, who, ...o })))
    .sort((a, b) => a.receivedAt - b.receivedAt || (a.creditCode < b.creditCode ? -1 : 1))
    .map(({ receivedAt: _receivedAt, ...o }) => o);
  const { receipts, replaced, withdrawn } = register;
  const counts = { receipts, standing: standing.length, replaced, withdrawn };
  return { lodgements, roster, certificates, earlyObjections, counts };
}
