/** A signer that can be told to sign no more heads: when somebody outside holds another history than the one we sign. */
import type { Signer } from './signer.ts';

/** No head is signed any more; the message says why. */
export class SigningStoppedError extends Error {
  readonly code = 'signing_stopped';
  constructor(why: string) {
    super(why);
    this.name = 'SigningStoppedError';
  }
}

/** The signer, and what stops it for good; what is committed is still let out, and stays readable. `pend` then throws SigningStoppedError. */
export function stoppable(signer: Signer): { readonly signer: Signer; stop(why: string): void } {
  let stopped: string | null = null;
  return {
    signer: {
      ...signer,
      pend: async (...head) => {
        if (stopped !== null) throw new SigningStoppedError(stopped);
        return signer.pend(...head);
      },
    },
    stop(why) {
      stopped ??= why;
    },
  };
}
