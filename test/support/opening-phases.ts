/** One plain opening of four bids, stopped in any phase that is built: two open, one has the wrong key, one stays silent. */
import { shareCommitment } from '../../server/core/opening/draw.ts';
import { sharerOf } from '../../server/core/opening/drawing.ts';
import { halfOpenBids, isWindowBlind, shareDealtTo, sharingRules } from '../../server/core/opening/layer.ts';
import type { Phase } from '../../server/core/opening/phases.ts';
import type { LayerRules, Policy } from '../../server/core/opening/policy.ts';
import { unacknowledged } from '../../server/core/opening/steps/point.ts';
import { nextAttempt } from '../../server/core/opening/steps/window.ts';
import { digest, OPENING_ID } from './opening-people.ts';
import {
  BLIND_KEY,
  bidder,
  clock,
  DEADLINE,
  HOUR,
  host,
  MINUTE,
  OPENING_CERTIFICATE,
  openingScript,
  platform,
  type Script,
  SECOND,
  type Setting,
  scriptedShare,
  supervisor,
  tenderer,
  WINDOW_KEY,
  witness,
} from './opening-script.ts';

export const BUILT = [
  'Draft',
  'Scheduled',
  'CheckIn',
  'Sealed',
  'RosterPublished',
  'Decrypting',
  'Attribution',
  'Announcing',
  'RecordConfirm',
  'Closed',
  'ReviewMeeting',
  'HandedOver',
  'Archived',
  'Failed',
  'Aborted',
  'Postponed',
] as const satisfies readonly Phase[];
export type BuiltPhase = (typeof BUILT)[number];

/** Phases beside the plain course, each reached under a policy that asks for it. */
export const DETOURS = ['Drawing', 'TendererDecrypting', 'Remedy', 'QuoteRound'] as const satisfies readonly Phase[];
export type DetourPhase = (typeof DETOURS)[number];
/** Every phase that a script can stand in. */
export const STANDS = [...BUILT, ...DETOURS] as const;

/** A draw among a million values, so that no forged share leads to the same one by chance; by default before decryption. */
export const DRAW = {
  when: 'before_decryption',
  coefficients: { first: 1, last: 1_000_000 },
  commitMs: 5 * MINUTE,
  revealMs: 2 * MINUTE,
} satisfies Exclude<Policy['draw'], 'none'>;
/** Two rounds of quotes of ten minutes. */
export const ROUNDS = { maxRounds: 2, roundMs: 10 * MINUTE };
/** A remedy of ten minutes. */
export const REMEDY = { kind: 'backup', windowMs: 10 * MINUTE } as const satisfies Policy['remedy'];
/** An opening key of tenderer, host and witness, of whom two open it within ten minutes. */
export const LAYER = { holders: 3, threshold: 2, windowMs: 10 * MINUTE } as const satisfies LayerRules;
/** The same of a blind window's key. */
export const BLIND = { tendererLayer: false, blindWindow: LAYER } as const satisfies Partial<Policy>;
export const DRAW_AFTER: Policy['draw'] = { ...DRAW, when: 'after_decryption' };

export const BIDS = 4;
export const DECRYPTED = [1, 2] as const;
export const WRONG_KEY = 3;
export const SILENT = 4;
/** When the roster comes out, the window opens. */
export const ROSTER_AT = DEADLINE + MINUTE;
export const WINDOW_AT = DEADLINE + 2 * MINUTE;

/** One decryption received, and decided where the window is not blind. */
export function decryptNow(s: Script, number: number, failure: 'wrong_key' | 'worker_failed' | null = null): Script {
  s.go('DecryptBid', { jweSha256: digest(`jwe ${number}`) }, bidder(number));
  if (isWindowBlind(s.state)) return s;
  return s.go(
    'RecordDecryption',
    { bidder: number, attempt: s.state.bids[number - 1]?.attempts.length ?? 0, failure },
    platform,
  );
}

/** Host and witness rule alike. */
export function ruleAlike(
  s: Script,
  number: number,
  verdict: 'deemed_revoked' | 'deemed_withdrawn' | 'unknown',
): Script {
  for (const actor of [host, witness]) s.go('GiveRuling', { bidder: number, verdict, reason: '证据见日志' }, actor);
  return s;
}

/** The witness acknowledges what the policy asks for and is still to come. */
export function acknowledgePoints(s: Script): Script {
  for (const point of unacknowledged(s.state)) s.go('AcknowledgePoint', { point, note: '' }, witness);
  return s;
}

/** The version and digest that stand now. */
export function recordNow(s: Script): { version: number; recordSha256: string } {
  if (s.state.record === null) throw new Error('no record');
  return { version: s.state.record.version, recordSha256: s.state.record.sha256 };
}

/** The holders in the order of their numbers. */
export const HOLDERS = [tenderer, host, witness] as const;
export const DEALT = {
  certificate: OPENING_CERTIFICATE,
  wrappedKey: 'AAAA',
  secretCommit: digest('secret'),
  shares: [1, 2, 3].map((holder) => ({ holder, commitment: digest(`share ${holder}`), sealed: 'a.b.c.d.e' })),
};

/** What is dealt where the window is blind. */
export const BLIND_DEALT = {
  windowKey: BLIND_KEY,
  wrappedKey: DEALT.wrappedKey,
  secretCommit: DEALT.secretCommit,
  shares: DEALT.shares,
};

/** The keys of tenderer, host and witness offered, as holders 1, 2 and 3. */
export function offerKeys(s: Script): Script {
  for (const actor of HOLDERS) s.go('OfferHolderKey', { key: WINDOW_KEY }, actor);
  return s;
}

/** An opening key dealt to all three. */
export function dealNow(s: Script): Script {
  return offerKeys(s).go('DealOpeningKey', s.state.policy.blindWindow === false ? DEALT : BLIND_DEALT, tenderer);
}

/** The whole ceremony: every share acknowledged. */
export function holdCeremony(s: Script): Script {
  dealNow(s);
  const data = { secretCommit: DEALT.secretCommit };
  for (const [place, actor] of HOLDERS.entries()) s.go('AcknowledgeShare', data, actor, { ownHolder: place + 1 });
  return s;
}

/** What a holder sends: the share that was dealt to it. */
export function shareOf(s: Script, holder: number) {
  return { commitment: shareDealtTo(s.state.layer, holder)?.commitment ?? digest('no share'), sealed: 'a.b.c.d.e' };
}

/** These holders give their shares, sound ones. */
export function giveShares(s: Script, ...holders: number[]): Script {
  for (const holder of holders)
    s.go('UnsealLayer', shareOf(s, holder), HOLDERS[holder - 1] ?? host, {
      ownHolder: holder,
      layerShare: { share: 'AAAA', isSound: true },
    });
  return s;
}

/** Tenderer and witness give their shares, every second layer opens, of a blind window all but the wrong key, and the clock goes on. */
export function unsealNow(s: Script): Script {
  giveShares(s, 1, 3);
  for (const { bidder: number } of halfOpenBids(s.state))
    s.go('RecordLayer', { bidder: number, failure: null }, platform);
  return decideAll(s).go('CloseUnsealing', {}, clock);
}

/** The vault decides every decryption that waits; the wrong key is found wrong. */
export function decideAll(s: Script): Script {
  for (const { bidder: number } of s.state.bids) {
    const failure = number === WRONG_KEY ? 'wrong_key' : null;
    const next = () => nextAttempt(s.state.bids[number - 1]);
    for (let attempt = next(); attempt !== undefined; attempt = next())
      s.go('RecordDecryption', { bidder: number, attempt, failure }, platform);
  }
  return s;
}

const STEPS: Readonly<Record<string, (s: Script) => Script>> = {
  Scheduled: (s) => {
    s.clockTo(DEADLINE - 20 * HOUR);
    if (sharingRules(s.state.policy) !== null) holdCeremony(s);
    return s.go('PublishOpening', {}, host);
  },
  CheckIn: (s) => {
    s.clockTo(DEADLINE - 10 * HOUR);
    for (let i = 0; i < BIDS; i++) s.lodge(i);
    return s
      .clockTo(DEADLINE - 2 * HOUR)
      .go('OpenCheckIn', {}, clock)
      .act(0, 'CheckIn', {});
  },
  Sealed: (s) => s.clockTo(DEADLINE).go('Seal', {}, clock),
  RosterPublished: (s) => s.clockTo(ROSTER_AT).go('PublishRoster', {}, host),
  Decrypting: (s) => s.clockTo(WINDOW_AT).go('OpenWindow', {}, host),
  Attribution: (s) => {
    s.clockTo(WINDOW_AT + MINUTE);
    for (const number of DECRYPTED) decryptNow(s, number);
    decryptNow(s, WRONG_KEY, 'wrong_key');
    s.go('AcknowledgeChallenge', { kid: s.state.window?.kid ?? '' }, bidder(SILENT));
    s.clockTo(s.state.window?.closesAt ?? 0).go('CloseWindow', {}, clock);
    return s.state.phase === 'TendererDecrypting' ? unsealNow(s) : s;
  },
  Announcing: (s) => {
    for (const number of [WRONG_KEY, SILENT]) ruleAlike(s, number, 'deemed_revoked');
    return s.clockTo(s.now + MINUTE).go('AnnouncePrices', {}, host);
  },
  RecordConfirm: (s) => s.clockTo(s.now + MINUTE).go('IssueRecord', { note: '' }, host),
  Closed: (s) => {
    for (const number of DECRYPTED) s.go('SignRecord', recordNow(s), bidder(number));
    s.clockTo(s.state.record?.confirmBy ?? 0).go('TimeOutConfirmations', {}, clock);
    acknowledgePoints(s);
    return s.go('ProposeClose', {}, host).go('AttestClose', recordNow(s), witness);
  },
  HandedOver: (s) => s.clockTo(s.now + SECOND).go('HandOver', {}, host),
  Archived: (s) => s.clockTo(s.now + s.state.policy.archiveAfterMs).go('ArchiveOpening', {}, clock),
};

/** Plays on until the phase is reached. The opening must stand in an earlier one of the plain course. */
export function playTo(s: Script, phase: BuiltPhase): Script {
  for (const name of Object.keys(STEPS)) {
    if (s.state.phase === phase) return s;
    if (BUILT.indexOf(name as BuiltPhase) > BUILT.indexOf(s.state.phase as BuiltPhase)) STEPS[name]?.(s);
  }
  if (s.state.phase !== phase) throw new Error(`${phase} is not on the plain course`);
  return s;
}

/** A fresh opening in this phase. Failed: too few bids. Aborted: a supervisor's order in CheckIn. Postponed: from there as well. Drawing: before decryption. */
export function reach(phase: BuiltPhase | DetourPhase, setting: Setting = {}): Script {
  if (phase === 'Drawing') {
    const policy = { draw: DRAW, ...setting.policy };
    return reach('RosterPublished', { ...setting, policy }).go('StartDrawing', {}, host);
  }
  if (phase === 'QuoteRound') {
    const policy = { quoteRounds: ROUNDS, ...setting.policy };
    return reach('Announcing', { profile: 'negotiation', ...setting, policy }).go('StartQuoteRound', {}, host);
  }
  if (phase === 'TendererDecrypting') {
    const s = reach('Decrypting', { ...setting, policy: { tendererLayer: LAYER, ...setting.policy } });
    for (const number of DECRYPTED) decryptNow(s, number);
    decryptNow(s, WRONG_KEY, 'wrong_key');
    return s.clockTo(s.state.window?.closesAt ?? 0).go('CloseWindow', {}, clock);
  }
  if (phase === 'Remedy') {
    const policy = { remedy: REMEDY, ...setting.policy };
    return reach('Attribution', { ...setting, policy }).go('OpenRemedy', {}, host);
  }
  if (phase === 'Failed') {
    const s = playTo(openingScript(setting), 'Scheduled').lodge(0).lodge(1);
    s.clockTo(DEADLINE - 2 * HOUR).go('OpenCheckIn', {}, clock);
    return s.clockTo(DEADLINE).go('Seal', {}, clock);
  }
  if (phase === 'Aborted') return reach('CheckIn', setting).go('OrderAbort', { reason: '责令终止' }, supervisor);
  if (phase === 'Postponed') return reach('CheckIn', setting).go('PostponeOpening', { reason: '澄清招标文件' }, host);
  if (phase === 'ReviewMeeting') return reach('Closed', setting).go('OpenReview', { reason: '公布评审结果' }, host);
  return playTo(openingScript(setting), phase);
}

/** A tender of two bids that fails at the deadline, with an early objection of each of these bidders; 0 and 1 have a bid. */
export function failedWithObjections(...indices: readonly number[]): Script {
  const s = playTo(openingScript(), 'Scheduled').lodge(0).lodge(1);
  s.clockTo(DEADLINE - 2 * HOUR).go('OpenCheckIn', {}, clock);
  for (const index of indices) s.act(index, 'RaiseEarlyObjection', { text: `异议 ${index}` });
  return s.clockTo(DEADLINE).go('Seal', {}, clock);
}

/** What a party of the drawing promises; null is the witness. */
export function promiseOf(s: Script, party: number | null) {
  const round = s.state.drawing?.round ?? 1;
  const open = { sharer: sharerOf(party), share: scriptedShare(party) };
  const commitment = shareCommitment({ openingId: OPENING_ID, round }, open, digest);
  return { round, commitment, sealed: 'a.b.c.d.e' };
}

/** Promises of these parties; null is the witness. */
export function commitNow(s: Script, ...parties: (number | null)[]): Script {
  for (const party of parties) s.go('CommitShare', promiseOf(s, party), party === null ? witness : bidder(party));
  return s;
}

/** Commitments of the witness and these bidders, closed at their end. */
export function closeCommitments(s: Script, ...bidders: number[]): Script {
  commitNow(s, null, ...bidders);
  return s.clockTo(s.state.drawing?.commitBy ?? 0).go('CloseCommitments', {}, clock);
}

/** A whole draw: witness and bidders 1 and 2 have promised; the witness and bidder 1 show, bidder 2 does not. */
export function drawNow(): Script {
  const s = closeCommitments(reach('Drawing'), 1, 2);
  const show = (party: number | null) => ({ round: 1, share: scriptedShare(party) });
  s.go('RevealShare', show(null), witness).go('RevealShare', show(1), bidder(1));
  return s.clockTo(s.state.drawing?.revealBy ?? 0).go('CloseReveals', {}, clock);
}

/** What a bidder sends to quote in the running round. */
export function quoteOf(s: Script, number: number) {
  return { round: s.state.quoteRounds.length, commitment: s.offerOf(number).digest, sealed: 'a.b.c.d.e' };
}

/** These bidders quote, and the round ends. */
export function quoteNow(s: Script, ...numbers: number[]): Script {
  for (const number of numbers) s.go('SubmitQuote', quoteOf(s, number), bidder(number));
  return s.clockTo(s.state.quoteRounds.at(-1)?.closesAt ?? 0).go('ReleaseQuotes', {}, clock);
}

/** Suspended by the host, in a phase that allows it. */
export function suspend(s: Script, actor = host): Script {
  return s.go('SuspendOpening', { reason: '停电' }, actor);
}

/** An objection raised, and answered if wanted. */
export function object(s: Script, number: number, answered = false): Script {
  s.go('RaiseObjection', { text: '对唱标结果有异议 <100>' }, bidder(number));
  return answered ? s.go('AnswerObjection', { objection: s.state.objections.length, text: '维持' }, tenderer) : s;
}
