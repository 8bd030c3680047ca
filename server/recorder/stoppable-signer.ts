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

/** The signer, and what stops it for good; heads that were let out stay readable. `sign` then throws SigningStoppedError. */
export function stoppable(signer: Signer): { readonly signer: Signer; stop(why: string): void } {
  let stopped: string | null = null;
  return {
    signer: {
      ...signer,
      sign: async (...head) => {
        if (stopped !== null) throw new SigningStoppedError(stopped);
        return signer.sign(...head);
      },
    },
    stop(why) {
      stopped ??= why;
    },
  };
}
