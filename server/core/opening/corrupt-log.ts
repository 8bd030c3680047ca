// The fault of a log that cannot be what the recorder wrote, and the assertion that finds it.

/** The log cannot be what the recorder wrote: an event that the state before it does not allow. */
export class CorruptLogError extends Error {
  readonly code = 'event_does_not_fit';
  readonly seq: number;
  constructor(seq: number, why: string) {
    super(`entry ${seq}: ${why}`);
    this.name = 'CorruptLogError';
    this.seq = seq;
  }
}

/** The value, which the state must hold for this event. Throws: CorruptLogError. */
export function must<T>(value: T | null | undefined, seq: number, why: string): T {
  if (value === null || value === undefined) throw new CorruptLogError(seq, why);
  return value;
}
