/** Looks up whether those who look on still may: one after the other, and once more after a fault. */

export type Review<Seat> = {
  /**
   * Looks up these, one at a time so that requests keep their share of the database.
   *
   * Returns: when everyone was looked up, or a lookup failed; whoever is left then is looked up with the next who are.
   */
  look(seats: Iterable<Seat>): Promise<void>;
  /** Looks these up at once: a role was taken back. */
  lookNow(seats: Iterable<Seat>): Promise<void>;
  /** Needs no lookup any more: it is gone. */
  forget(seat: Seat): void;
};

export type ReviewOptions<Seat> = {
  /** Ends a seat that is no longer lawful. Throws: when that cannot be found out. */
  check(seat: Seat): Promise<void>;
  onFault(error: unknown): void;
};

/** Begins without anyone to look up. */
export function createReview<Seat>({ check, onFault }: ReviewOptions<Seat>): Review<Seat> {
  /** Those still to be looked up; who could not be goes to the end. */
  const waiting = new Set<Seat>();
  let running: Promise<void> | null = null;

  async function lookUp(seat: Seat): Promise<void> {
    waiting.delete(seat);
    try {
      await check(seat);
    } catch (error) {
      waiting.add(seat);
      throw error;
    }
  }

  async function run(): Promise<void> {
    for (const seat of waiting) await lookUp(seat);
  }

  return {
    look(seats) {
      for (const seat of seats) waiting.add(seat);
      running ??= run()
        .catch(onFault)
        .finally(() => {
          running = null;
        });
      return running;
    },
    async lookNow(seats) {
      await Promise.all([...seats].map((seat) => lookUp(seat).catch(onFault)));
    },
    forget(seat) {
      waiting.delete(seat);
    },
  };
}
