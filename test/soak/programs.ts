/** What each person of an opening does next, by what it was shown: mostly what the law asks of it, at drawn moments also what it must not. */
import { toBase64Url } from '../../server/core/log/base64.ts';
import type { Json } from '../../server/core/log/canonical.ts';
import { makeDisclosure } from '../../server/core/log/disclosure.ts';
import { formatInstant } from '../../server/core/log/instant.ts';
import { utf8 } from '../../server/core/log/utf8.ts';
import type { DecryptionFailure } from '../../server/core/opening/findings.ts';
import { isWindowBlind } from '../../server/core/opening/layer.ts';
import {
  type Bid,
  changeable,
  isDecrypted,
  isGivenUp,
  isUndecided,
  numberOf,
  type OpeningState,
  verdictOf,
} from '../../server/core/opening/state.ts';
import type { OpeningList } from '../../server/core/seal/opening-list.ts';
import { sha256 } from '../../server/hash.ts';
import type { Enclosure } from '../../server/recorder/submission.ts';
import { digest, lodgedBid } from '../support/opening-people.ts';
import type { Chance } from './chance.ts';
import type { Person } from './people.ts';

/** How this opening is minded: shares of draws. */
export type Temper = {
  readonly unlawful: number;
  readonly suspends: number;
  readonly aborts: number;
  readonly objects: number;
  readonly contests: number;
  readonly extends: number;
  readonly edge: number;
};

/** Whoever has it does only what is asked of it. */
export const EVEN_TEMPER: Temper = {
  unlawful: 0,
  suspends: 0,
  aborts: 0,
  objects: 0,
  contests: 0,
  extends: 0,
  edge: 0,
};

export type BidderPlan = {
  readonly person: Person;
  readonly bids: boolean;
  readonly replaces: boolean;
  readonly withdraws: boolean;
  readonly isSilent: boolean;
  /** So many tries with the wrong key come first, each failing like this. */
  readonly wrongTries: number;
  readonly failure: DecryptionFailure;
};

/** What a bidder remembers of what the log does not show before the roster. */
export type BidderMemory = {
  standing: string | null;
  lodged: number;
  isWithdrawn: boolean;
  isCheckedIn: boolean;
  tried: Set<string>;
  readonly amounts: string[];
};

export type Wish = {
  readonly type: string;
  /** Made when it is sent, where that takes a key. */
  readonly data: Json | (() => Promise<Json>);
  readonly enclosure?: Enclosure;
  /** Exactly then, for an act at the edge of a window. */
  readonly at?: number;
  /** A role that is not its own. */
  readonly role?: Person['role'];
};

export type Mind = {
  readonly chance: Chance;
  readonly temper: Temper;
  /** From then on everybody only wants to come to an end. */
  readonly isLate: boolean;
  readonly mustEnd: boolean;
  readonly now: number;
};

const reasons = ['设备故障', '现场停电', '异常情况', '依法处理'] as const;
const EDGES = [-1, 0, 1] as const;

/** Opening lists by what was promised of them; what the vault finds in an envelope. */
export type Lists = Map<string, { readonly disclosure: string; readonly list: OpeningList }>;

/** The wish of someone who conducts or oversees; null when there is nothing to do. */
export function staffWish(role: Person['role'], state: OpeningState, mind: Mind): Wish | null {
  const { chance, temper, isLate } = mind;
  if (!isLate && chance.happens(temper.unlawful)) return unlawfulWish(state, mind);
  if (role === 'host') return hostWish(state, mind);
  if (role === 'witness') return witnessWish(state, mind);
  if (role === 'tenderer') return tendererWish(state, mind);
  return supervisorWish(state, mind);
}

const reasonOf = ({ chance }: Mind): { reason: string } => ({ reason: chance.pick(reasons) });
const openObjection = (state: OpeningState): number | null =>
  state.objections.find((o) => o.status === 'open')?.objection ?? null;
const unruled = (state: OpeningState): Bid[] =>
  state.bids.filter(
    (bid) => !isDecrypted(bid) && !isGivenUp(bid) && (verdictOf(bid) === null || verdictOf(bid) === 'unknown'),
  );
const isConducted = ({ phase }: OpeningState): boolean =>
  !['Draft', 'Scheduled', 'Closed', 'HandedOver', 'Archived', 'Failed', 'Aborted'].includes(phase);

function answer(state: OpeningState): Wish | null {
  const objection = openObjection(state);
  const isSaid = objection !== null && ((state.bids.length > 0 && isConducted(state)) || isEnded(state));
  return isSaid ? { type: 'AnswerObjection', data: { objection, text: '答复：维持' } } : null;
}

const isEnded = ({ phase }: OpeningState): boolean => phase === 'Failed' || phase === 'Aborted';

function hostWish(state: OpeningState, mind: Mind): Wish | null {
  const { chance, temper, isLate } = mind;
  const act = (type: string, data: Json = {}): Wish => ({ type, data });
  if (state.suspended !== null && !isEnded(state)) {
    const { cause, resumeProposed } = state.suspended;
    if (cause === 'supervisor' || (cause === 'outage_across_deadline' && resumeProposed)) return null;
    return isLate || chance.happens(0.5) ? act('ResumeOpening', reasonOf(mind)) : null;
  }
  if (!isLate && isConducted(state) && chance.happens(temper.suspends)) return act('SuspendOpening', reasonOf(mind));
  if (!isLate && state.phase !== 'Archived' && chance.happens(temper.aborts))
    return act('ProposeAbort', reasonOf(mind));
  switch (state.phase) {
    case 'Draft':
      if (chance.happens(0.15))
        return act('AmendDraft', { details: { ...state.details, title: '道路工程（修订）' }, policy: state.policy });
      return act('PublishOpening');
    case 'Sealed':
      return act('PublishRoster');
    case 'RosterPublished':
      return act('OpenWindow');
    case 'Decrypting': {
      if (state.bids.every((bid) => isDecrypted(bid) || isGivenUp(bid)))
        return chance.happens(0.6) ? act('EndWindowEarly') : null;
      const { window } = state;
      if (window === null || !chance.happens(temper.extends)) return null;
      const wish = act('ExtendWindow', { extraMs: 1_000 * chance.between(1, 3), ...reasonOf(mind) });
      return chance.happens(temper.edge) ? atEdge(wish, window.closesAt, mind) : wish;
    }
    case 'Attribution': {
      const [bid] = unruled(state).filter((b) => b.ruledByHost === null || b.ruledByHost !== b.proposal?.verdict);
      if (bid !== undefined) return act('GiveRuling', rulingOf(bid, mind));
      if (state.bids.some((b) => !isDecrypted(b) && !isGivenUp(b) && verdictOf(b) === null)) return null;
      return state.bids.some(isDecrypted) ? act('AnnouncePrices') : act('DeclareFailed', reasonOf(mind));
    }
    case 'Announcing':
      return answer(state) ?? act('IssueRecord', { note: '' });
    case 'RecordConfirm': {
      const [bid] = unruled(state);
      if (bid !== undefined && (bid.ruledByHost === null || bid.ruledByHost !== bid.proposal?.verdict))
        return act('GiveRuling', rulingOf(bid, mind));
      const replying = answer(state);
      if (replying !== null) return replying;
      // What changed after the record asks for its next version.
      const isOutdated = state.record?.says.join('\n') !== changeable(state).join('\n');
      if (isOutdated) return act('IssueRecord', { note: '' });
      const isAnswered = state.bids.every((b) => b.answer !== null);
      const isContested = state.bids.some((b) => b.contestOpen);
      return isAnswered && !isContested && state.closeProposed === null ? act('ProposeClose') : null;
    }
    case 'Closed':
      return act('HandOver');
    case 'Failed':
    case 'Aborted':
      return answer(state);
    default:
      return null;
  }
}

function rulingOf(bid: Bid, { chance, isLate }: Mind): Json {
  const proposed = bid.proposal?.verdict ?? 'deemed_revoked';
  const settled = proposed === 'unknown' ? 'deemed_withdrawn' : proposed;
  const verdict =
    !isLate && chance.happens(0.15) ? chance.pick(['deemed_revoked', 'deemed_withdrawn', 'unknown']) : settled;
  return { bidder: bid.bidder, verdict, reason: '证据见日志' };
}

function witnessWish(state: OpeningState, mind: Mind): Wish | null {
  const { chance, temper, isLate } = mind;
  if (state.suspended?.cause === 'outage_across_deadline' && state.suspended.resumeProposed)
    return { type: 'ConfirmResume', data: {} };
  if (!isLate && isConducted(state) && chance.happens(temper.suspends / 2))
    return { type: 'RequestSuspension', data: reasonOf(mind) };
  if (state.suspended !== null) return null;
  if (['Attribution', 'Announcing', 'RecordConfirm'].includes(state.phase)) {
    const bid = unruled(state).find((b) => b.ruledByHost !== null && b.ruledByWitness !== b.ruledByHost);
    if (bid !== undefined) {
      const verdict = !isLate && chance.happens(0.1) ? 'unknown' : bid.ruledByHost;
      return { type: 'GiveRuling', data: { bidder: bid.bidder, verdict, reason: '同意' } };
    }
  }
  if (state.phase === 'RecordConfirm' && state.record !== null && state.closeProposed === state.record.version)
    return { type: 'AttestClose', data: { version: state.record.version, recordSha256: state.record.sha256 } };
  return null;
}

function tendererWish(state: OpeningState, mind: Mind): Wish | null {
  const { chance, isLate } = mind;
  if (state.abortProposedBy === 'host' && !isEnded(state) && state.phase !== 'Archived' && chance.happens(0.4))
    return { type: 'ConfirmAbort', data: {} };
  return isLate || chance.happens(0.7) ? answer(state) : null;
}

function supervisorWish(state: OpeningState, mind: Mind): Wish | null {
  const { chance, temper, isLate, mustEnd } = mind;
  if (mustEnd && !['Closed', 'HandedOver', 'Archived', 'Failed', 'Aborted'].includes(state.phase))
    return { type: 'OrderAbort', data: reasonOf(mind) };
  if (state.suspended?.cause === 'supervisor')
    return isLate || chance.happens(0.5) ? { type: 'ResumeOpening', data: reasonOf(mind) } : null;
  if (isLate || !isConducted(state) || state.suspended !== null) return null;
  if (state.suspensionRequested || chance.happens(temper.suspends / 3))
    return { type: 'SuspendOpening', data: reasonOf(mind) };
  return chance.happens(temper.aborts / 3) ? { type: 'OrderAbort', data: reasonOf(mind) } : null;
}

/** The wish of a bidder. */
export function bidderWish(
  plan: BidderPlan,
  memory: BidderMemory,
  state: OpeningState,
  mind: Mind,
  lists: Lists,
): Wish | null {
  const { chance, temper, isLate, now } = mind;
  if (!isLate && chance.happens(temper.unlawful)) return unlawfulWish(state, mind);
  const number = numberOf(state, plan.person.who.creditCode);
  if (state.phase === 'Scheduled' || state.phase === 'CheckIn') return beforeDeadline(plan, memory, state, mind, lists);
  if (state.phase === 'Sealed' && !isLate && chance.happens(temper.objects))
    return { type: 'RaiseEarlyObjection', data: { text: `对程序有异议 ${now}` } };
  const own = objectionWish(plan, number, state, mind);
  if (own !== null) return own;
  if (number === null) return null;
  const bid = state.bids[number - 1];
  if (bid === undefined) return null;
  if (state.phase === 'Decrypting' && state.window !== null) {
    if (!bid.challengeAcknowledged && chance.happens(plan.isSilent ? 0.2 : 0.6))
      return { type: 'AcknowledgeChallenge', data: { kid: state.window.kid } };
    if (isDecrypted(bid) || isGivenUp(bid) || plan.isSilent) return null;
    // of a blind window nobody hears before its end: who has more tries than one in mind sends them beside each other
    const isEnough = !isWindowBlind(state) || bid.attempts.length > plan.wrongTries;
    if (isUndecided(bid) && isEnough) return null;
    const wish = decryption(plan, bid);
    if (!memory.tried.has('window edge') && chance.happens(temper.edge)) {
      memory.tried.add('window edge');
      return atEdge(wish, state.window.closesAt, mind);
    }
    return wish;
  }
  if (['Attribution', 'Announcing', 'RecordConfirm'].includes(state.phase) && verdictOf(bid) !== null) {
    if (!isLate && chance.happens(temper.contests)) return { type: 'ContestRuling', data: { reason: '不认可该认定' } };
  }
  if (state.phase === 'RecordConfirm' && state.record !== null && bid.answer === null) {
    const { version, sha256: recordSha256, confirmBy } = state.record;
    const isRefusing = chance.happens(0.1);
    const wish: Wish = isRefusing
      ? { type: 'RefuseRecord', data: { version, recordSha256, reason: '内容有误' } }
      : { type: 'SignRecord', data: { version, recordSha256 } };
    if (chance.happens(temper.edge)) return atEdge(wish, confirmBy, mind);
    return chance.happens(0.6) ? wish : null;
  }
  return null;
}

function objectionWish(plan: BidderPlan, number: number | null, state: OpeningState, mind: Mind): Wish | null {
  const { chance, temper, isLate } = mind;
  if (isLate) return null;
  if (number !== null && isConducted(state) && chance.happens(temper.objects))
    return { type: 'RaiseObjection', data: { text: '对开标过程有异议' } };
  const answered = state.objections.find(
    (o) =>
      o.status === 'answered' &&
      (o.bidder === null ? o.raisedBy.known && o.raisedBy.value === plan.person.who.creditCode : o.bidder === number),
  );
  const isSaid = state.bids.length > 0 ? isConducted(state) || isEnded(state) : isEnded(state);
  if (answered !== undefined && isSaid && chance.happens(temper.objects))
    return { type: 'DisputeAnswer', data: { objection: answered.objection, reason: '不同意该答复' } };
  return null;
}

/** The exact edge of a stretch of time, or one millisecond beside it. */
export function atEdge(wish: Wish, edgeAt: number, { chance, now }: Mind): Wish {
  const at = edgeAt + chance.pick(EDGES);
  return at > now ? { ...wish, at } : wish;
}

function decryption(plan: BidderPlan, bid: Bid): Wish {
  const jwe = `jwe ${plan.person.who.creditCode} ${bid.attempts.length + 1}`;
  return { type: 'DecryptBid', data: { jweSha256: digest(jwe) }, enclosure: { kind: 'decryption', jwe } };
}

function beforeDeadline(
  plan: BidderPlan,
  memory: BidderMemory,
  state: OpeningState,
  mind: Mind,
  lists: Lists,
): Wish | null {
  const { chance, temper } = mind;
  const once = (name: string, share: number): boolean => {
    if (memory.tried.has(name)) return false;
    memory.tried.add(name);
    return chance.happens(share);
  };
  if (once('early objection', temper.objects))
    return { type: 'RaiseEarlyObjection', data: { text: '对招标文件有异议' } };
  if (plan.bids && memory.standing === null && !memory.isWithdrawn) {
    const wish = lodgement(plan, memory, state, mind, lists);
    return once('deadline edge', temper.edge) ? atEdge(wish, state.deadlineAt, mind) : wish;
  }
  if (state.phase === 'CheckIn' && !memory.isCheckedIn && chance.happens(0.7)) return { type: 'CheckIn', data: {} };
  if (memory.standing === null) return null;
  if (plan.replaces && memory.lodged === 1 && chance.happens(0.5)) return lodgement(plan, memory, state, mind, lists);
  if (plan.withdraws && once('withdrawal', 0.7)) {
    const wish: Wish = { type: 'WithdrawBid', data: { bidId: memory.standing } };
    return chance.happens(temper.edge) ? atEdge(wish, state.deadlineAt, mind) : wish;
  }
  if (once('rehearsal', 0.2)) {
    const data = {
      encCertSha256: digest('encryption'),
      unwrapped: true,
      clockOffsetMs: chance.between(-50, 50),
      device: '',
    };
    return { type: 'Rehearse', data };
  }
  return null;
}

/** A sealed bid with a price of its own, in place of the one that stands. */
function lodgement(plan: BidderPlan, memory: BidderMemory, state: OpeningState, { chance }: Mind, lists: Lists): Wish {
  const { creditCode, name } = plan.person.who;
  // Nine digits drawn anew each time: found anywhere, they can only be this price.
  const amount = `${chance.between(100_000_000, 999_999_999)}.${chance.between(10, 99)}`;
  memory.amounts.push(amount);
  const list: OpeningList = {
    v: 1,
    lotId: state.details.lot.code,
    creditCode,
    name,
    quote: { kind: 'total', amount, currency: 'CNY', unit: '元', inWords: '' },
    duration: '90天',
    quality: '合格',
    manager: '项目经理',
    columns: {},
  };
  const made = makeDisclosure(sha256, chance.bytes(32), 'openingList', list as unknown as Json);
  lists.set(made.digest, { disclosure: made.disclosure, list });
  const bidId = toBase64Url(sha256(utf8(`${state.openingId} ${creditCode} ${memory.amounts.length}`))).slice(0, 22);
  const about = { policyHash: state.policyHash, deadlineAt: formatInstant(state.deadlineAt) };
  const data = lodgedBid(0, about, {
    bidId,
    openingListCommit: made.digest,
    lotId: state.details.lot.code,
    replaces: memory.standing,
    ...layerOf(state, bidId),
  });
  const enclosure = {
    kind: 'envelope',
    file: `file-${bidId}`,
    header: 'AAAA',
    statementSha256: digest(bidId),
  } as const;
  return { type: 'LodgeBid', data, enclosure };
}

/** What a bid promises of its second layer, where there is an opening key. */
export function layerOf({ layer }: OpeningState, bidId: string) {
  if (layer.key === null || layer.key.certSha256 === null) return {};
  const commits = { cekCommit: digest(`inner ${bidId}`), contentCommit: digest(`archive ${bidId}`) };
  return { layer: { openingCertSha256: layer.key.certSha256, ...commits } };
}

/** Something out of place: another's act, a step too early or too late, a window key that is none. */
function unlawfulWish(state: OpeningState, mind: Mind): Wish {
  const { chance } = mind;
  const record = {
    version: (state.record?.version ?? 0) + chance.between(0, 1),
    recordSha256: state.record?.sha256 ?? digest('no record'),
  };
  const wishes: readonly Wish[] = [
    { type: 'PublishRoster', data: {} },
    { type: 'OpenWindow', data: {} },
    { type: 'EndWindowEarly', data: {} },
    { type: 'ExtendWindow', data: { extraMs: 7_200_000, reason: '过长' } },
    { type: 'AcknowledgeChallenge', data: { kid: digest('another key') } },
    { type: 'DecryptBid', data: { jweSha256: digest('early') }, enclosure: { kind: 'decryption', jwe: 'early' } },
    { type: 'GiveRuling', data: { bidder: chance.between(1, 9), verdict: 'deemed_revoked', reason: '无' } },
    { type: 'ContestRuling', data: { reason: '无' } },
    { type: 'DeclareFailed', data: { reason: '无' } },
    { type: 'AnnouncePrices', data: {} },
    { type: 'IssueRecord', data: { note: '' } },
    { type: 'SignRecord', data: record },
    { type: 'AttestClose', data: record },
    { type: 'ProposeClose', data: {} },
    { type: 'HandOver', data: {} },
    { type: 'AnswerObjection', data: { objection: chance.between(1, 3), text: '答复' } },
    { type: 'DisputeAnswer', data: { objection: chance.between(1, 3), reason: '争议' } },
    { type: 'ResumeOpening', data: { reason: '恢复' } },
    { type: 'ConfirmResume', data: {} },
    { type: 'ConfirmAbort', data: {} },
    { type: 'CheckIn', data: {} },
    { type: 'WithdrawBid', data: { bidId: digest('no bid').slice(0, 22) } },
    { type: 'CloseWindow', data: {} },
    { type: 'PublishOpening', data: {}, role: 'auditor' },
    { type: 'RevokeBid', data: { reason: '撤销' } },
    { type: 'UnsealLayer', data: { commitment: digest('no share'), sealed: 'a.b.c.d.e' } },
    { type: 'AcknowledgeShare', data: { secretCommit: digest('no secret') } },
    { type: 'ConfirmCorrection', data: { number: chance.between(1, 2) } },
  ];
  return chance.pick(wishes);
}
