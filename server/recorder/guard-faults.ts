/** What a guard says when it does not let something happen, and when it cannot do its work. */

/** What the guard does not let be signed or let out. */
export class GuardRefusal extends Error {
  /**
   * `second_root`: another root stands for this size. `smaller_size`: a larger head is out, or asked for.
   * `unsettled_pending`: another head was noted meanwhile and nobody has said yet whether it was committed.
   * `unknown_predecessor`: the head does not grow from one that this guard knows. `not_consistent`: that it does is not proven.
   * `not_pending`: never noted.
   */
  readonly code:
    | 'second_root'
    | 'smaller_size'
    | 'unsettled_pending'
    | 'unknown_predecessor'
    | 'not_consistent'
    | 'not_pending';
  readonly origin: string;
  readonly size: number;
  constructor(code: GuardRefusal['code'], origin: string, size: number) {
    super(`${code}: ${origin} at size ${size}`);
    this.name = 'GuardRefusal';
    this.code = code;
    this.origin = origin;
    this.size = size;
  }
}

/** The guard cannot do its work; nothing may be signed. */
export class GuardFault extends Error {
  readonly code: 'guard_in_use' | 'term_refused' | 'guard_corrupted' | 'guard_write_failed';
  constructor(code: GuardFault['code'], message: string, options?: ErrorOptions) {
    super(`${code}: ${message}`, options);
    this.name = 'GuardFault';
    this.code = code;
  }
}
