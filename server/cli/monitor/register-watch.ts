/** Holds the ledger's register batches against what the openings say of their registers: that there were any, how many acts, and what was shown of them when. */
import type { Entry } from '../../core/log/entry.ts';
import { parseInstant } from '../../core/log/instant.ts';
import { readReveal } from '../../core/log/register-reveal.ts';
import { growingSums } from './growing-sums.ts';
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
  /** Acts that are revealed, and batches that are not. */
  const shownActs = growingSums();
  const hidden = growingSums();
  let judgedReveals = 0;
  let newestAt = 0;
  /** What was asked last: nothing is asked twice of what has not changed. */
  const asked = new Map<string, RegisterFacts>();
  /** Openings whose register fits, as long as none changes. */
  const fitting = new Set<string>();
  /** Revealed batches with acts that no opening known could have used. */
  const orphans = new Set<number>();

  /** The first batch dated at that instant or later. */
  const firstFrom = (at: number): number => lowerBound(dates, at);

  /** Acts of the batches dated in [from, to]; null when one of them is not revealed. */
  function actsWithin(from: number, to: number): number | null {
    const [first, end] = [firstFrom(from), Math.max(firstFrom(from), firstFrom(to + 1))];
    if (hidden.first(end) > hidden.first(first)) return null;
    return shownActs.first(end) - shownActs.first(first);
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
    fitting.add(origin);
    return [];
  }

  const couldUse = ({ publishedAt, endedAt }: RegisterFacts, at: number): boolean =>
    publishedAt !== null && publishedAt <= at + DATING_MS && (endedAt === null || at <= endedAt + DATING_MS);

  /** Whether a batch was revealed before an opening that surely could have used it was handed over. */
  function isEarly({ publishedAt, registerEndsAt, endedAt, isHandedOver }: RegisterFacts, n: number): boolean {
    const [at, shownAt] = [dates[n] as number, revealedAt[n] as number];
    if (publishedAt === null || publishedAt + DATING_MS >= at) return false;
    if (at + DATING_MS >= (registerEndsAt ?? Number.MAX_SAFE_INTEGER)) return false;
    return !(isHandedOver && endedAt !== null && endedAt <= shownAt + DATING_MS);
  }

  const early = (origin: string, n: number): RegisterProblem => ({
    kind: 'register_revealed_early',
    origin,
    seq: seqs[n] as number,
  });

  /** Of an opening that is new or has changed: every revealed batch that it could have used. */
  function ofOpening({ origin, facts }: RegisteredOpening): RegisterProblem[] {
    const found: RegisterProblem[] = [];
    if (facts.publishedAt === null) return found;
    const end = firstFrom((facts.registerEndsAt ?? Number.MAX_SAFE_INTEGER - 1) + 1);
    for (let n = firstFrom(facts.publishedAt); n < end; n++)
      if ((acts[n] as number) >= 0 && isEarly(facts, n)) found.push(early(origin, n));
    for (const n of orphans) if (couldUse(facts, dates[n] as number)) orphans.delete(n);
    return found;
  }

  /** Of a batch that was revealed since: those openings that have not changed. */
  function ofReveal(n: number, openings: readonly RegisteredOpening[], unchanged: readonly RegisteredOpening[]) {
    if ((acts[n] as number) > 0 && !openings.some(({ facts }) => couldUse(facts, dates[n] as number))) orphans.add(n);
    return unchanged.filter(({ facts }) => isEarly(facts, n)).map(({ origin }) => early(origin, n));
  }

  function isChanged({ origin, facts }: RegisteredOpening): boolean {
    const before = asked.get(origin);
    if (before === facts) return false;
    asked.set(origin, facts);
    return before === undefined || JSON.stringify(before) !== JSON.stringify(facts);
  }

  return {
    take(entry) {
      newestAt = parseInstant(entry.at);
      if (entry.type === 'RegisterBatch') {
        seqs.push(entry.seq);
        dates.push(newestAt);
        acts.push(-1);
        shownActs.push(0);
        hidden.push(1);
        revealedAt.push(-1);
      }
      if (entry.type !== 'DummiesRevealed') return;
      const { batch, acts: shown } = readReveal(entry.body);
      const n = lowerBound(seqs, batch);
      if (seqs[n] !== batch || (acts[n] as number) >= 0) return;
      shownActs.add(n, shown.size);
      hidden.add(n, -1);
      acts[n] = shown.size;
      revealedAt[n] = newestAt;
      revealed.push(n);
    },
    judge(openings, areAll) {
      const changed = new Set(openings.filter(isChanged));
      if (changed.size > 0) fitting.clear();
      const unchanged = openings.filter((opening) => !changed.has(opening));
      const found = openings.flatMap((opening) => [...missingBatch(opening), ...withheldFacts(opening)]);
      for (const opening of openings) if (!fitting.has(opening.origin)) found.push(...tooFew(opening, openings));
      for (const opening of changed) found.push(...ofOpening(opening));
      for (const n of revealed.slice(judgedReveals)) found.push(...ofReveal(n, openings, unchanged));
      judgedReveals = revealed.length;
      if (!areAll) return found;
      // only now is it known that nobody could
      for (const n of orphans)
        found.push({
          kind: 'register_acts_of_nobody',
          origin: null,
          seq: seqs[n] as number,
          detail: `${acts[n]} acts`,
        });
      orphans.clear();
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
