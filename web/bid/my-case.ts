/** What happened to one bidder in an opening and what they may do now: read from the verified log alone, by the rules everybody is judged by. */
import { type CommandType, OPEN_WHILE_SUSPENDED } from '../../server/core/opening/commands.ts';
import { isWindowBlind } from '../../server/core/opening/layer.ts';
import { phaseCell } from '../../server/core/opening/phases.ts';
import { leftToRemedy } from '../../server/core/opening/remedy.ts';
import {
  type Bid,
  isDecrypted,
  isGivenUp,
  isUndecided,
  numberOf,
  type OpeningState,
  verdictOf,
} from '../../server/core/opening/state.ts';
import { COMPLAINT_MS, MAX_OBJECTIONS_PER_BIDDER } from '../../server/core/opening/steps/objection.ts';
import { type BidStatus, bidStatus } from '../opening/bid-status.ts';
import { isOfProcurement } from '../opening/regime.ts';
import type { HeldEntry } from '../replica/replica.ts';
import { type Law, lawIfConcerned } from './case-events.ts';

/** An entry that concerns the bid, and the article by which it was done; null where none is named. */
export type CaseStep = { readonly held: HeldEntry; readonly law: Law | null };

export const RIGHTS = [
  'decrypt',
  'remedy',
  'answer_record',
  'contest',
  'object',
  'dispute',
  'complain',
  'complain_first',
  'query',
  'loss',
] as const;

export type Right = {
  readonly what: (typeof RIGHTS)[number];
  readonly law: Law;
  readonly to: 'platform' | 'host' | 'host_and_witness' | 'authority' | 'tenderer' | 'liable';
  /** The end of the time for it, ms, half-open; null where none is counted: then it is until the opening closes. */
  readonly until: number | null;
  /** Which of one's objections it is about; null where none. */
  readonly objection: number | null;
  /** The time is over. */
  readonly isOver: boolean;
  /** Its time stands still with the opening's. */
  readonly isFrozen: boolean;
};

export type MyCase = {
  readonly bidder: number;
  readonly status: BidStatus;
  /** In the order of the log. */
  readonly steps: readonly CaseStep[];
  /** The nearest end first. */
  readonly rights: readonly Right[];
};

/** Null as long as the roster is not published, and for whoever has no bid in it. Shape: `now` by the platform's clock, ms. */
export function caseOf(
  state: OpeningState,
  entries: readonly HeldEntry[],
  creditCode: string,
  now: number,
): MyCase | null {
  const bidder = numberOf(state, creditCode);
  const bid = bidder === null ? undefined : state.bids[bidder - 1];
  if (bid === undefined) return null;
  const steps = entries.flatMap((held): CaseStep[] => {
    const law = lawIfConcerned(state, bid.bidder, held.event);
    return law === undefined ? [] : [{ held, law }];
  });
  return { bidder: bid.bidder, status: bidStatus(state, bid), steps, rights: rightsOf(state, bid, now) };
}

function rightsOf(state: OpeningState, bid: Bid, now: number): readonly Right[] {
  const { phase, suspended } = state;
  const may = (type: CommandType): boolean =>
    phaseCell(phase, type) === 'yes' && (suspended === null || OPEN_WHILE_SUSPENDED.has(type));
  /** A time of the opening's own; while it is suspended nobody can act in it, and it waits. */
  const timed = (what: Right['what'], law: Law, to: Right['to'], until: number): Right => ({
    what,
    law,
    to,
    until,
    objection: null,
    isOver: suspended === null && now >= until,
    isFrozen: suspended !== null,
  });
  const open = (what: Right['what'], law: Law, to: Right['to'], objection: number | null = null): Right => ({
    what,
    law,
    to,
    until: null,
    objection,
    isOver: false,
    isFrozen: false,
  });
  const own = state.objections.filter((one) => one.bidder === bid.bidder);
  const rights: Right[] = [];

  const { window, remedy, record } = state;
  const isWaited = isUndecided(bid) && !isWindowBlind(state);
  if (phase === 'Decrypting' && window !== null && !isDecrypted(bid) && !isGivenUp(bid) && !isWaited)
    rights.push(timed('decrypt', 'o30', 'platform', window.closesAt));
  if (phase === 'Remedy' && remedy !== null && leftToRemedy(state).some(({ bidder }) => bidder === bid.bidder))
    rights.push(timed('remedy', 'o31', 'platform', remedy.closesAt));
  if (phase === 'RecordConfirm' && record !== null && !record.timedOut && bid.answer?.version !== record.version)
    rights.push(timed('answer_record', 'o32', 'host', record.confirmBy));
  if (may('ContestRuling') && verdictOf(bid) !== null && !bid.contestOpen && !isDecrypted(bid))
    rights.push(open('contest', 'o31', 'host_and_witness'));
  if (may('RaiseObjection') && own.length < MAX_OBJECTIONS_PER_BIDDER) rights.push(open('object', 'r44', 'host'));
  for (const { objection, status, answeredAt } of own) {
    if (status === 'answered' && may('DisputeAnswer')) rights.push(open('dispute', 'r44', 'host', objection));
    // the law's clock, which no suspension stops
    if (answeredAt !== null && !isOfProcurement(state)) {
      const until = answeredAt + COMPLAINT_MS;
      const law = { law: 'r60', to: 'authority', objection, isFrozen: false } as const;
      rights.push({ what: 'complain', until, isOver: now >= until, ...law });
    }
  }
  // who never objected has no complaint about the opening once nobody can object any more
  const mayStill = may('RaiseObjection') || own.length > 0;
  if (isOfProcurement(state)) rights.push(open('query', 'pl52', 'tenderer'));
  else if (mayStill && !own.some(({ answeredAt }) => answeredAt !== null))
    rights.push(open('complain_first', 'r60', 'authority'));
  const status = bidStatus(state, bid);
  if (status === 'damaged' || status === 'deemed_withdrawn') rights.push(open('loss', 'o31', 'liable'));
  return rights.sort((a, b) => weight(a) - weight(b));
}

/** What ends comes first, the nearest at the front; then what stays open; what is over comes last. */
function weight({ until, isOver }: Right): number {
  if (isOver) return Number.MAX_VALUE;
  return until ?? Number.MAX_SAFE_INTEGER;
}
