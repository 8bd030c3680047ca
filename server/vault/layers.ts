/** Both layers of an envelope in one pass: what the bidder's key opens is read as an envelope to the opening key, and opened in its turn once that key is there. */
import type { ContentAlgorithm } from '../core/seal/content-cipher.ts';
import { type EnvelopeHeader, startEnvelope } from '../core/seal/envelope.ts';
import { type EnvelopeCode, EnvelopeError } from '../core/seal/envelope-error.ts';
import { type Content, type ContentPass, startContent, startHmac } from './content.ts';
import { type Deciphered, startDeciphering } from './deciphering.ts';
import { firstProblem } from './first-problem.ts';
import { startJoining } from './join-pieces.ts';

const NOTHING = new Uint8Array(0);

/** What lies under the bidder's layer. */
export type InnerScan = {
  /** Undefined when it is no envelope; then `problem` says why. */
  header: EnvelopeHeader | undefined;
  problem: EnvelopeCode | undefined;
  /** Undefined when no key was given, or it is no envelope. */
  content: Content | undefined;
};

/** `inner` says nothing before the outer tag has been checked, for until then it may be an attacker's. */
export type Layers = { outer: Deciphered; inner: InnerScan };

export type LayersPass = {
  /** Returns: innermost plaintext, which nothing vouches for yet; none without the inner key. */
  update(ciphertext: Uint8Array): Uint8Array;
  finish(tag: Uint8Array): Layers;
};

/**
 * Starts reading both layers.
 *
 * Shape: `innerCekFor` is asked once, with the inner header; undefined = the inner content stays sealed. Keys stay the caller's to erase.
 * Why:   the inner envelope never lies anywhere, so that any size needs the same memory and nothing of it is ever left behind.
 */
export function startLayers(
  cek: Uint8Array,
  algorithm: ContentAlgorithm,
  innerCekFor: (header: EnvelopeHeader) => Uint8Array | undefined,
): LayersPass {
  const outer = startDeciphering(cek, algorithm, startHmac);
  const reader = startEnvelope();
  const join = startJoining();
  let header: EnvelopeHeader | undefined;
  const problem = firstProblem<EnvelopeCode>(EnvelopeError);
  let content: ContentPass | undefined;

  return {
    update(ciphertext) {
      const plaintext = outer.update(ciphertext);
      const pieces = problem.attempt(() => reader.push(plaintext)) ?? [];
      if (header === undefined) {
        header = reader.header();
        const innerCek = header && innerCekFor(header);
        if (header && innerCek) content = startContent(innerCek, header);
      }
      return content === undefined || pieces.length === 0 ? NOTHING : content.update(join(pieces));
    },
    finish(tag) {
      const deciphered = outer.finish(tag);
      const end = problem.attempt(() => reader.end());
      return {
        outer: deciphered,
        inner: {
          header: problem.code() === undefined ? header : undefined,
          problem: problem.code(),
          content: end && content?.finish(end.tag),
        },
      };
    },
  };
}
