/** The phase table by driving a real state into every phase and asking every command: accepted, or refused as the table says. */

import { formatInstant } from '../../../server/core/log/instant.ts';
import {
  COMMAND_TYPES,
  COMMANDS,
  type Command,
  type CommandType,
  OPEN_WHILE_SUSPENDED,
} from '../../../server/core/opening/commands.ts';
import { decide } from '../../../server/core/opening/decide.ts';
import type { Facts } from '../../../server/core/opening/facts.ts';
import { PHASES, phaseCell } from '../../../server/core/opening/phases.ts';
import type { Actor } from '../../../server/core/opening/roles.ts';
import { MACHINES, PEOPLE } from '../../../server/core/opening/roles.ts';
import { digest } from '../../support/opening-people.ts';
import {
  acknowledgePoints,
  BLIND,
  BUILT,
  type BuiltPhase,
  closeCommitments,
  commitNow,
  DEALT,
  type DetourPhase,
  DRAW,
  DRAW_AFTER,
  dealNow,
  decryptNow,
  failedWithObjections,
  giveShares,
  LAYER,
  object,
  offerKeys,
  playTo,
  promiseOf,
  quoteNow,
  quoteOf,
  REMEDY,
  ROUNDS,
  reach,
  recordNow,
  ruleAlike,
  SILENT,
  STANDS,
  shareOf,
  suspend,
  WRONG_KEY,
} from '../../support/opening-phases.ts';
import {
  bidder,
  clock,
  DEADLINE,
  HOUR,
  host,
  MINUTE,
  operator,
  platform,
  refusalOf,
  type Script,
  STAFF,
  scriptedShare,
  supervisor,
  tenderer,
  WINDOW_KEY,
  witness,
} from '../../support/opening-script.ts';
import t from '../../support/tap.ts';

type Ask = { readonly data: unknown; readonly actor: Actor; readonly facts?: Partial<Facts> };
type Suitable = (s: Script) => Ask;

const ask = (data: unknown, actor: Actor, facts: Partial<Facts> = {}): Ask => ({ data, actor, facts });
const reason = { reason: '因故' };
/** In Attribution and later: a ruling that may still be given. */
const toRule = { bidder: SILENT, verdict: 'unknown', reason: '待查' };

/** The close asks for every point of the witness first. */
function toClose(s: Script): Script {
  return acknowledgePoints(s.go('TimeOutConfirmations', {}, clock, { at: s.state.record?.confirmBy ?? 0 }));
}

/** For each command that is built: what makes it acceptable in a phase whose cell says yes. */
const SUITABLE: Readonly<Partial<Record<CommandType, Suitable>>> = {
  AmendDraft: (s) => ask({ details: s.state.details, policy: s.state.policy }, host),
  AssignRole: () => ask({ account: '91110000600037341L/NEW', role: 'witness' }, operator),
  WithdrawRole: () => ask({ ...STAFF[4], ...reason }, operator),
  PublishOpening: () => ask({}, host),
  OpenCheckIn: () => ask({}, clock, { at: DEADLINE - 2 * HOUR }),
  Seal: () => ask({}, clock, { at: DEADLINE }),
  PublishRoster: () => ask({}, host),
  PostponeOpening: () => ask(reason, host),
  RescheduleOpening: () => ask({ deadlineAt: formatInstant(DEADLINE + 72 * HOUR), place: '2 号厅' }, host),
  CorrectEmergency: () =>
    ask({ correction: { kind: 'record_text', member: 'place', text: '3 号厅' }, ...reason }, witness),
  ConfirmCorrection: (s) => {
    s.go(
      'CorrectEmergency',
      { correction: { kind: 'record_text', member: 'place', text: '3 号厅' }, ...reason },
      witness,
    );
    return ask({ number: 1 }, supervisor);
  },
  ProposeErasure: () => ask({ seq: 1, field: 'who', basis: 'ordered', ...reason }, witness),
  ConfirmErasure: (s) => {
    s.go('ProposeErasure', { seq: 1, field: 'who', basis: 'ordered', ...reason }, witness);
    return ask({ number: 1 }, supervisor);
  },
  AcknowledgePoint: () => ask({ point: 'seal', note: '' }, witness),
  Say: () => ask({ text: '各位好', to: 'all' }, host),
  Mute: () => ask({ bidder: 1, ...reason }, host),
  Unmute: (s) => {
    s.go('Mute', { bidder: 1, ...reason }, host);
    return ask({ bidder: 1 }, host);
  },
  GiveNotice: () => ask({ text: '答疑已发布' }, host),
  AcknowledgeNotice: (s) => {
    if (s.state.notices.length === 0) s.go('GiveNotice', { text: '答疑已发布' }, host);
    return ask({ notice: 1 }, supervisor);
  },
  // a bid between its layers waits
  RevokeBid: (s) => ask(reason, bidder(s.state.phase === 'TendererDecrypting' ? SILENT : 1)),
  OpenReview: () => ask(reason, host),
  RecordScan: () => ask({ damaged: [{ bidder: 1, failure: 'stored_bytes_differ' }], atSealing: null }, platform),
  StartDrawing: () => ask({}, host),
  CommitShare: (s) => ask(promiseOf(s, null), witness),
  CloseCommitments: (s) => ask({}, clock, { at: commitNow(s, null).state.drawing?.commitBy ?? 0 }),
  RevealShare: (s) => ask({ round: 1, share: scriptedShare(1) }, closeCommitments(s, 1) && bidder(1)),
  CloseReveals: (s) => ask({}, clock, { at: closeCommitments(s, 1).state.drawing?.revealBy ?? 0 }),
  VoidDrawing: () => ask(reason, witness),
  OpenRemedy: () => ask({}, host),
  SubmitBackup: () => ask({ jweSha256: digest('jwe') }, bidder(WRONG_KEY)),
  CloseRemedy: (s) => ask({}, clock, { at: s.state.remedy?.closesAt ?? 0 }),
  StartQuoteRound: (s) => {
    if (s.state.phase === 'QuoteRound') quoteNow(s, 1);
    return ask({}, host);
  },
  SubmitQuote: (s) => ask(quoteOf(s, 1), bidder(1)),
  ReleaseQuotes: (s) => ask({}, clock, { at: s.state.quoteRounds.at(-1)?.closesAt ?? 0 }),
  OfferHolderKey: () => ask({ key: WINDOW_KEY }, tenderer),
  DealOpeningKey: (s) => ask(DEALT, offerKeys(s) && tenderer),
  AcknowledgeShare: (s) => ask({ secretCommit: DEALT.secretCommit }, dealNow(s) && witness, { ownHolder: 3 }),
  UnsealLayer: (s) => ask(shareOf(s, 2), host, { ownHolder: 2, layerShare: { share: 'AAAA', isSound: true } }),
  RecordLayer: (s) => ask({ bidder: 1, failure: null }, giveShares(s, 1, 2) && platform),
  CloseUnsealing: (s) => ask({}, clock, { at: s.state.layer.unsealing?.closesAt ?? 0 }),
  OpenWindow: () => ask({}, host),
  ExtendWindow: () => ask({ extraMs: MINUTE, reason: '网络拥堵' }, host),
  EndWindowEarly: (s) => {
    for (const bid of s.state.bids) decryptNow(s, bid.bidder);
    return ask({}, host);
  },
  AcknowledgeChallenge: (s) => ask({ kid: s.state.window?.kid }, bidder(1)),
  DecryptBid: () => ask({ jweSha256: digest('jwe') }, bidder(1)),
  RecordDecryption: (s) => {
    if (s.state.phase === 'Remedy') {
      s.go('SubmitBackup', { jweSha256: digest('jwe') }, bidder(WRONG_KEY));
      return ask({ bidder: WRONG_KEY, attempt: 2, failure: null }, platform);
    }
    // behind the window nothing but a blind one has left something to be decided
    if (s.state.phase === 'TendererDecrypting') giveShares(s, 1, 2);
    else s.go('DecryptBid', { jweSha256: digest('jwe') }, bidder(1));
    return ask({ bidder: 1, attempt: 1, failure: null }, platform);
  },
  CloseWindow: (s) => ask({}, clock, { at: s.state.window?.closesAt ?? 0 }),
  GiveRuling: (s) => {
    if (s.state.bids[SILENT - 1]?.ruledByHost === 'deemed_revoked') s.go('ContestRuling', reason, bidder(SILENT));
    return ask(toRule, host);
  },
  ContestRuling: (s) => {
    if (s.state.bids[SILENT - 1]?.ruledByHost === null) ruleAlike(s, SILENT, 'deemed_revoked');
    return ask(reason, bidder(SILENT));
  },
  DeclareFailed: () => ask(reason, host),
  AnnouncePrices: (s) => {
    for (const bid of s.state.bids.slice(2)) ruleAlike(s, bid.bidder, 'deemed_revoked');
    return ask({}, host);
  },
  IssueRecord: (s) => {
    if (s.state.phase === 'QuoteRound') quoteNow(s, 1);
    return ask({ note: '更正' }, host);
  },
  SignRecord: (s) => ask(recordNow(s), bidder(1)),
  RefuseRecord: (s) => ask({ ...recordNow(s), ...reason }, bidder(1)),
  TimeOutConfirmations: (s) => ask({}, clock, { at: s.state.record?.confirmBy ?? 0 }),
  RaiseObjection: () => ask({ text: '异议' }, bidder(1)),
  AnswerObjection: (s) => ask({ objection: someObjection(s), text: '答复' }, tenderer),
  DisputeAnswer: (s) => {
    const objection = someObjection(s);
    s.go('AnswerObjection', { objection, text: '维持' }, tenderer);
    return ask({ objection, reason: '不服' }, bidder(1), { ownObjections: [objection] });
  },
  ProposeClose: (s) => {
    toClose(s);
    return ask({}, host);
  },
  AttestClose: (s) => {
    toClose(s).go('ProposeClose', {}, host);
    return ask(recordNow(s), witness);
  },
  HandOver: () => ask({}, host),
  ArchiveOpening: (s) => ask({}, clock, { at: s.state.phaseSince + s.state.policy.archiveAfterMs }),
  SuspendOpening: () => ask(reason, supervisor),
  RequestSuspension: () => ask(reason, witness),
  FreezeForOutage: (s) => ask({}, clock, { outageSince: s.now, at: Math.max(DEADLINE, s.now) }),
  ResumeOpening: (s) => {
    freeze(s);
    return ask(reason, host);
  },
  ConfirmResume: (s) => {
    freeze(s).go('ResumeOpening', reason, host);
    return ask({}, witness);
  },
  EndSuspension: (s) => {
    suspend(s);
    return ask({}, clock, { at: s.now + s.state.policy.maxSuspensionMs });
  },
  ProposeAbort: () => ask(reason, tenderer),
  ConfirmAbort: (s) => {
    s.go('ProposeAbort', reason, tenderer);
    return ask({}, host);
  },
  OrderAbort: () => ask(reason, supervisor),
  RecordRefusedAttempt: () => ask({ bidder: 1, attempt: 'late_decryption' }, platform),
};

/** The last objection: one raised now, or where nobody can any more the early one that came in with the end. */
function someObjection(s: Script): number {
  const isOver = s.state.phase === 'Failed' || s.state.phase === 'Aborted';
  return (isOver ? s : object(s, 1)).state.objections.length;
}

/** Suspended in any phase: by the host where he may, by an outage over the deadline before. */
function freeze(s: Script): Script {
  if (s.state.phase !== 'Scheduled' && s.state.phase !== 'CheckIn') return suspend(s);
  return s.go('FreezeForOutage', {}, clock, { outageSince: s.now, at: DEADLINE });
}

const asked = (s: Script, type: CommandType, { data, actor, facts }: Ask) =>
  decide(s.state, { type, data, actor } as unknown as Command, s.facts(facts));
const anyone = (type: CommandType): Actor => ({ role: COMMANDS[type].roles[0], bidder: 1 });

const OF_CEREMONY: readonly CommandType[] = ['OfferHolderKey', 'DealOpeningKey', 'AcknowledgeShare'];
const standing = new Map(STANDS.map((phase) => [phase, reach(phase)]));
function stand(phase: BuiltPhase | DetourPhase): Script {
  const s = standing.get(phase);
  if (s === undefined) throw new Error(phase);
  return s.fork();
}
/** Where one plain opening cannot show it: nobody decrypted, or a tender that failed only in attribution. */
function standFor(phase: BuiltPhase | DetourPhase, type: CommandType): Script {
  if (type === 'AcknowledgePoint')
    return reach(phase, { policy: { witnessPoints: ['seal'], ...(phase === 'Drawing' ? { draw: DRAW } : {}) } });
  if (type === 'AcknowledgeNotice' && (phase === 'Failed' || phase === 'Aborted')) {
    const s = stand('Scheduled').go('GiveNotice', { text: '答疑已发布' }, host);
    if (phase === 'Aborted') return s.go('OrderAbort', reason, supervisor);
    return s.go('OpenCheckIn', {}, clock, { at: DEADLINE - 2 * HOUR }).go('Seal', {}, clock, { at: DEADLINE });
  }
  const isObjection = type === 'AnswerObjection' || type === 'DisputeAnswer';
  if (isObjection && phase === 'Aborted')
    return stand('CheckIn').act(0, 'RaiseEarlyObjection', { text: '异议' }).go('OrderAbort', reason, supervisor);
  if (isObjection && phase === 'Failed') return failedWithObjections(0);
  if (type === 'StartQuoteRound' && phase === 'Announcing')
    return reach(phase, { profile: 'negotiation', policy: { quoteRounds: ROUNDS } });
  if (type === 'RecordDecryption' && phase === 'TendererDecrypting') return reach(phase, { policy: BLIND });
  if (OF_CEREMONY.includes(type)) return reach(phase, { policy: { tendererLayer: LAYER } });
  if (type === 'OpenRemedy') return reach(phase, { policy: { remedy: REMEDY } });
  if (type === 'StartDrawing') return reach(phase, { policy: { draw: phase === 'Announcing' ? DRAW_AFTER : DRAW } });
  const isSilent = type === 'DeclareFailed' && phase === 'Attribution';
  const isFailedLate = type === 'RecordRefusedAttempt' && phase === 'Failed';
  const isAbortedLate = type === 'RecordRefusedAttempt' && phase === 'Aborted';
  if (isAbortedLate) return stand('Decrypting').go('OrderAbort', reason, supervisor);
  if (!isSilent && !isFailedLate) return stand(phase);
  const s = stand('Decrypting');
  s.go('CloseWindow', {}, clock, { at: s.state.window?.closesAt ?? 0 });
  for (const bid of s.state.bids) ruleAlike(s, bid.bidder, 'unknown');
  return isFailedLate ? s.go('DeclareFailed', reason, host) : s;
}

for (const phase of STANDS)
  t.test(`${phase}: every command as its cell says`, async (t) => {
    for (const type of COMMAND_TYPES) {
      const cell = phaseCell(phase, type);
      if (cell !== 'yes') {
        t.equal(refusalOf(asked(stand(phase), type, ask({}, anyone(type)))), cell, `${type}: ${cell}`);
        continue;
      }
      const s = standFor(phase, type);
      const suitable = SUITABLE[type];
      if (suitable === undefined) throw new Error(`nothing suitable for ${type}`);
      const decision = asked(s, type, suitable(s));
      t.equal(refusalOf(decision), undefined, `${type} is accepted`);
      t.ok('events' in decision && decision.events.length > 0, `${type} leads to events`);
    }
  });

t.test('phases that no script reaches yet refuse by their cells and never fault', async (t) => {
  const s = stand('Decrypting');
  for (const phase of PHASES.filter((p) => !STANDS.some((b) => b === p)))
    for (const type of COMMAND_TYPES) {
      const cell = phaseCell(phase, type);
      if (cell !== 'yes')
        t.equal(refusalOf(asked(s.inPhase(phase), type, ask({}, anyone(type)))), cell, `${type} in ${phase}`);
    }
});

t.test('the role is refused before the phase, whatever the phase', async (t) => {
  for (const type of COMMAND_TYPES) {
    const roles: readonly string[] = COMMANDS[type].roles;
    for (const role of [...PEOPLE, ...MACHINES].filter((r) => !roles.includes(r)))
      for (const phase of ['Draft', 'Decrypting', 'Archived'] as const)
        t.equal(
          refusalOf(asked(stand(phase), type, ask({}, { role }))),
          'role_not_allowed',
          `${type} by ${role} in ${phase}`,
        );
  }
});

t.test('suspension is refused after the phase and before the own checks', async (t) => {
  for (const phase of [
    'Sealed',
    'RosterPublished',
    'Drawing',
    'Decrypting',
    'TendererDecrypting',
    'Attribution',
    'Remedy',
    'Announcing',
    'QuoteRound',
    'RecordConfirm',
  ] as const) {
    const s = suspend(stand(phase));
    for (const type of COMMAND_TYPES) {
      const cell = phaseCell(phase, type);
      const said = () =>
        refusalOf(
          asked(
            s,
            type,
            ask(
              {
                bidder: 99,
                objection: 99,
                attempt: 99,
                damaged: [],
                correction: { kind: 'strike_attempt', bidder: 99 },
              },
              { role: COMMANDS[type].roles[0] },
            ),
          ),
        );
      if (cell !== 'yes') t.equal(said(), cell, `${type}: phase first`);
      else if (!OPEN_WHILE_SUSPENDED.has(type)) t.equal(said(), 'opening_is_suspended', type);
      else t.not(said(), 'opening_is_suspended', `${type} stays open`);
    }
  }
});

t.test('the plain course goes on from any built phase to the end', async (t) => {
  for (const phase of BUILT.slice(0, BUILT.indexOf('Archived') + 1))
    t.equal(playTo(stand(phase), 'Archived').state.phase, 'Archived', phase);
});
