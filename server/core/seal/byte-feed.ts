/** Lets a parser be written as one straight line and still be fed chunk by chunk; it knows no format. */

export type Step<Result> = Generator<undefined, Result, undefined>;

/** What a parser asks for. Everything it takes it has consumed. */
export type Feed = {
  /** Bytes consumed so far. */
  position(): number;
  /** The next `count` bytes, gathered across chunks; keep `count` small. */
  take(count: number): Step<Uint8Array>;
  /** Hands the next `count` bytes on as slices of the chunks they came in, without gathering them. */
  pass(count: number, to: (slice: Uint8Array) => void): Step<void>;
  /** True at the end of the input, false as soon as one more byte is there. */
  isAtEnd(): Step<boolean>;
};

export type Pushed<Result> = {
  /** Feeds a chunk. Throws what the parser throws; once it has thrown, it throws the same again. */
  push(chunk: Uint8Array): void;
  /** Says that no chunk will follow. Returns: what the parser returned. */
  end(): Result;
};

/**
 * Runs `parse` as a push parser.
 *
 * Shape:  what the parser sees does not depend on how the input is cut into chunks (a property test holds this).
 * Throws: `truncated()` when the input ends while the parser still asks for bytes.
 */
export function startFeed<Result>(parse: (feed: Feed) => Step<Result>, truncated: () => Error): Pushed<Result> {
  let chunk: Uint8Array = new Uint8Array(0);
  let offset = 0;
  let consumed = 0;
  let isEnded = false;

  function* waitForByte(): Step<void> {
    while (offset === chunk.length) {
      if (isEnded) throw truncated();
      yield;
    }
  }

  function next(count: number): Uint8Array {
    const slice = chunk.subarray(offset, offset + count);
    offset += slice.length;
    consumed += slice.length;
    return slice;
  }

  const feed: Feed = {
    position: () => consumed,
    *take(count) {
      if (chunk.length - offset >= count) return next(count);
      const gathered = new Uint8Array(count);
      let length = 0;
      yield* feed.pass(count, (slice) => {
        gathered.set(slice, length);
        length += slice.length;
      });
      return gathered;
    },
    *pass(count, to) {
      for (let left = count; left > 0; ) {
        yield* waitForByte();
        const slice = next(left);
        left -= slice.length;
        to(slice);
      }
    },
    *isAtEnd() {
      while (offset === chunk.length && !isEnded) yield;
      return offset === chunk.length;
    },
  };

  const parser = parse(feed);
  let outcome: { result: Result } | undefined;
  let failure: { error: unknown } | undefined;

  function resume(): void {
    if (failure) throw failure.error;
    if (outcome) throw new Error('a parser was fed after its end');
    try {
      const step = parser.next();
      if (step.done) outcome = { result: step.value };
    } catch (error) {
      failure = { error };
      throw error;
    }
  }

  return {
    push(bytes) {
      chunk = bytes;
      offset = 0;
      resume();
    },
    end() {
      isEnded = true;
      resume();
      if (!outcome) throw truncated();
      return outcome.result;
    },
  };
}
