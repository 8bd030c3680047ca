/** What is wrong with bytes that come in pieces: the first problem is kept, and nothing more is read behind it. */

export type FirstProblem<Code> = {
  /** Reads on. Returns: undefined once there is a problem. Throws: what `read` throws and is none of the expected errors. */
  attempt<Value>(read: () => Value): Value | undefined;
  /** Undefined so far. */
  code(): Code | undefined;
};

/** Keeps the code of the first error of this class. */
export function firstProblem<Code>(
  kind: new (...given: never[]) => Error & { readonly code: Code },
): FirstProblem<Code> {
  let problem: Code | undefined;
  return {
    attempt(read) {
      if (problem !== undefined) return undefined;
      try {
        return read();
      } catch (error) {
        if (!(error instanceof kind)) throw error;
        problem = error.code;
        return undefined;
      }
    },
    code: () => problem,
  };
}
