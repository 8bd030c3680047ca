/** Holds the ledger's register batches against what the openings say of their registers: that there were any, how many acts, and what was shown of them when. */
import type { Entry } from '../../core/log/entry.ts';
import { parseInstant } from '../../core/log/instant.ts';
import { readReveal } from '../../core/log/register-reveal.ts';
import type { RegisterFacts } from './register-facts.ts';

/** How far the date of a batch may lie from what it could see of an opening: both are dated within their transactions. */
const DATING_MS = 5_000;
/** Behind its sealing, or its end when that comes later, an opening's last acts are in a batch by then. */
const BATCH_DUE_MS = 600_000;

/** An opening as far as it was replayed; `closedSeq` is the entry of the ledger with its end, null before. */
export type RegisteredOpening = {
  readonly origin: string;
  readonly facts: RegisterFacts;
  readonly closedSeq: number | null;
};

export type RegisterProblem = {
  readonly kind:
    | 'register_batch_missing'
    | 'register_facts_withheld'
    | 'register_acts_too_few'
    | 'register_acts_of_nobody'
    | 'register_revealed_early';
  /** Null where it is the ledger's own. */
  readonly origin: string | null;
  /** Entry of the ledger. */
  readonly seq?: number;
  readonly detail?: string;
};

export type RegisterWatch = {
  /** An entry of the ledger that holds, in order. */
  take(entry: Entry): void;
  /**
   * What does not fit.
   *
   * Shape:   `openings` that were replayed as far as the ledger knows them; `areAll` whether that is every one with a head.
   * Why:     a batch names no opening and tells no number before it is revealed. What can be known is bounds: acts that are
   *          public by now must have had room in batches behind them, and where nobody could act nobody did.
   */
  judge(openings: readonly RegisteredOpening[], areAll: boolean): RegisterProblem[];
};

/** Watches the batches of one ledger; 32 bytes for each. */
export function watchRegister(): RegisterWatch {
  const seqs: number[] = [];
  const dates: number[] = [];
  /** Acts that a reveal showed, −1 before; and when it did. */
  const acts: number[] = [];
  const revealedAt: number[] = [];
  const revealed: number[] = [];
  let judgedReveals = 0;
  let newestAt = 0;

  /** The first batch dated at that instant or later. */
  const firstFrom = (at: number): number => lowerBound(dates, at);

  /** Acts of the batches dated in [from, to]; null when one of them is not revealed. */
  function actsWithin(from: number, to: number): number | null {
    let sum = 0;
    for (let n = firstFrom(from); n < dates.length && (dates[n] as number) <= to; n++) {
      if ((acts[n] as number) < 0) return null;
      sum += acts[n] as number;
    }
    return sum;
  }

  function missingBatch({ origin, facts, closedSeq }: RegisteredOpening): RegisterProblem[] {
    const { deadlineAt, sealedAt } = facts;
    // its own log may say the end, and the ledger never
    if (deadlineAt === null || sealedAt === null || (closedSeq ?? facts.endedAt) === null) return [];
    if (newestAt <= Math.max(sealedAt, facts.endedAt ?? 0) + BATCH_DUE_MS) return [];
    const n = firstFrom(deadlineAt);
    const isBeforeEnd = closedSeq !== null && (seqs[n] ?? closedSeq) < closedSeq;
    const isTaken = n < seqs.length && (isBeforeEnd || (dates[n] as number) <= sealedAt + BATCH_DUE_MS);
    return isTaken ? [] : [{ kind: 'register_batch_missing', origin }];
  }

  /** Counts and roster are public from the roster on and never erased: without them nothing below could be asked. */
  function withheldFacts({ origin, facts }: RegisteredOpening): RegisterProblem[] {
    const { isHandedOver, leastActs } = facts;
    return isHandedOver && leastActs === null ? [{ kind: 'register_facts_withheld', origin }] : [];
  }

  /** All acts of the opening, and of those that lie within it, must have had room; and so those that came late. */
  function tooFew(opening: RegisteredOpening, others: readonly RegisteredOpening[]): RegisterProblem[] {
    const { publishedAt, endedAt, isHandedOver, leastActs, lodgedAt } = opening.facts;
    if (publishedAt === null || endedAt === null || !isHandedOver || leastActs === null) return [];
    const from = publishedAt - DATING_MS;
    const held = actsWithin(from, endedAt);
    if (held === null) return [];
    const within = others.filter(
      ({ facts }) =>
        facts.publishedAt !== null && facts.publishedAt >= publishedAt && (facts.endedAt ?? endedAt + 1) <= endedAt,
    );
    const least = within.reduce((sum, { facts }) => sum + (facts.leastActs ?? 0), 0);
    const { origin } = opening;
    if (least > held) return [{ kind: 'register_acts_too_few', origin, detail: `${held} of ${least} acts` }];
    for (const [n, at] of lodgedAt.entries()) {
      const later = lodgedAt.length - n;
      const room = actsWithin(Math.max(from, at - DATING_MS), endedAt) ?? later;
      if (later > room)
        return [{ kind: 'register_acts_too_few', origin, detail: `${room} of ${later} behind bid ${n + 1} by time` }];
    }
    return [];
  }

  /** Of one revealed batch: could anybody have used it, and was everybody who could have handed over? */
  function ofReveal(n: number, openings: readonly RegisteredOpening[], areAll: boolean): RegisterProblem[] {
    const [seq, at, shownAt] = [seqs[n] as number, dates[n] as number, revealedAt[n] as number];
    const could = openings.filter(({ facts: { publishedAt, endedAt } }) => {
      if (publishedAt === null || publishedAt > at + DATING_MS) return false;
      return endedAt === null || at <= endedAt + DATING_MS;
    });
    const early = could.find(({ facts: { publishedAt, registerEndsAt, endedAt, isHandedOver } }) => {
      const isSure =
        (publishedAt ?? 0) + DATING_MS < at && at + DATING_MS < (registerEndsAt ?? Number.MAX_SAFE_INTEGER);
      return isSure && !(isHandedOver && endedAt !== null && endedAt <= shownAt + DATING_MS);
    });
    const found: RegisterProblem[] =
      early === undefined ? [] : [{ kind: 'register_revealed_early', origin: early.origin, seq }];
    if (areAll && could.length === 0 && (acts[n] as number) > 0)
      found.push({ kind: 'register_acts_of_nobody', origin: null, seq, detail: `${acts[n]} acts` });
    return found;
  }

  return {
    take(entry) {
      newestAt = parseInstant(entry.at);
      if (entry.type === 'RegisterBatch') {
        seqs.push(entry.seq);
        dates.push(newestAt);
        acts.push(-1);
        revealedAt.push(-1);
      }
      if (entry.type !== 'DummiesRevealed') return;
      const { batch, acts: shown } = readReveal(entry.body);
      const n = lowerBound(seqs, batch);
      if (seqs[n] !== batch) return;
      acts[n] = shown.size;
      revealedAt[n] = newestAt;
      revealed.push(n);
    },
    judge(openings, areAll) {
      const found = openings.flatMap((opening) => [
        ...missingBatch(opening),
        ...withheldFacts(opening),
        ...tooFew(opening, openings),
      ]);
      // a reveal is asked about again until every opening is known
      for (const n of revealed.slice(judgedReveals)) found.push(...ofReveal(n, openings, areAll));
      if (areAll) judgedReveals = revealed.length;
      return found;
    },
  };
}

/** Where in ascending numbers the first one is that is not below. */
function lowerBound(among: readonly number[], least: number): number {
  let [from, to] = [0, among.length];
  while (from < to) {
    const middle = (from + to) >>> 1;
    if ((among[middle] as number) < least) from = middle + 1;
    else to = middle;
  }
  return from;
}
