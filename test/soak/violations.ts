/** What a simulation watches over, by name; the first thing that is not so ends it, with the seed that leads there again. */

export const INVARIANTS = {
  viewer_prefix: 'What every viewer was shown is a prefix of the log, without a gap.',
  viewer_fold: 'A viewer’s fold is the server’s state, as far as the viewer may see.',
  nothing_before_its_time: 'No price is shown before the announcement, no bidder before the roster.',
  equal_release: 'Entries reach all streaming viewers of one sight in the same frames, at the same instant.',
  acknowledged_is_recorded:
    'What was acknowledged stands on the log or the register, exactly once; what was refused does not.',
  same_answer: 'The same command asked again gets its first answer again.',
  received_in_order:
    'Acts were received between sending and answer, and stand in the order in which they were received.',
  one_root_per_size: 'Of each size of a log there is one root, and it is that of its entries.',
  log_verifies: 'kaibiao verify accepts the log.',
  ledger_holds_heads: 'The ledger verifies and holds the last head of every log that has ended.',
  phases_go_on: 'An opening goes from phase to phase as the table has them.',
  windows_end_in_time: 'A window ends when it was to end, put off by exactly what was frozen.',
  outages_freeze:
    'An outage beyond the tolerance freezes what was running since the last heartbeat, a shorter one nothing.',
  timely_bids_are_opened_or_ruled: 'At the close every bid lodged in time is opened or ruled.',
  corrections_as_shown:
    'A correction is made by two, changes what it was shown to change, and nothing that was bid, opened or announced.',
  closed_as_cosigned:
    'A close that does not say otherwise was countersigned by the quorum when it was made, with all that bears on it.',
  heads_are_cosigned:
    'Once all cosigners are well, each has signed the newest head of the ledger; nothing raises an alarm.',
  comes_to_an_end: 'People who want to end an opening can.',
  no_unexpected_fault: 'The server reports no fault that nobody caused.',
} as const;
export type Invariant = keyof typeof INVARIANTS;

/** An invariant that did not hold. */
export class ViolationError extends Error {
  readonly invariant: Invariant;
  /** How the opening went, line by line, where it is known. */
  course: readonly string[] = [];
  constructor(invariant: Invariant, openingId: string, detail: string) {
    super(`${invariant}: ${openingId}: ${detail}`);
    this.name = 'ViolationError';
    this.invariant = invariant;
  }
}

/** Throws: ViolationError unless it is so. */
export function holds(isSo: boolean, invariant: Invariant, openingId: string, detail: () => string): void {
  if (!isSo) throw new ViolationError(invariant, openingId, detail());
}

/** The same within one opening. */
export type Ensure = (isSo: boolean, invariant: Invariant, detail: () => string) => void;
