// What can happen in a drawing: started, shares committed and shown, a coefficient drawn, or a round declared void.
import * as Type from 'typebox';
import { BidderNumber, DigestText, InstantText, WindowKeySchema } from './details.ts';
import { MAX_DRAW_ROUNDS } from './draw.ts';
import { type FieldRules, person, toAll } from './field-rules.ts';
import { CoefficientText } from './policy.ts';

const strict = { additionalProperties: false } as const;

export const DrawRound = Type.Integer({ minimum: 1, maximum: MAX_DRAW_ROUNDS });

/** A compact JWE to a key of the opening: header, wrapped key, nonce, ciphertext and tag (`seal/sealed-secret.ts`). */
export const SealedText = Type.String({
  pattern: '^[A-Za-z0-9_-]+\\.[A-Za-z0-9_-]+\\.[A-Za-z0-9_-]+\\.[A-Za-z0-9_-]+\\.[A-Za-z0-9_-]+$',
  maxLength: 4_096,
});

/** Whose share it is: a bidder's number, or null for the witness. */
const Sharer = Type.Union([BidderNumber, Type.Null()]);
const Vote = Type.Union([Type.Literal('witness'), Type.Literal('supervisor')]);

export const DRAWING_EVENTS = {
  DrawingStarted: {
    body: Type.Object(
      {
        round: DrawRound,
        kid: DigestText,
        /** To which every share is sealed when it is committed, so that nobody can keep one back afterwards. */
        drawKey: WindowKeySchema,
        holders: Type.Array(Type.String({ minLength: 1 })),
        commitBy: InstantText,
      },
      strict,
    ),
    withheld: person,
  },
  ShareCommitted: {
    body: Type.Object({ round: DrawRound, bidder: Sharer, commitment: DigestText, sealed: SealedText }, strict),
    withheld: person,
  },
  ShareLeftOut: {
    body: Type.Object({ round: DrawRound, bidder: Sharer, commitment: DigestText, sealed: SealedText }, strict),
    withheld: person,
  },
  CommitmentsClosed: {
    body: Type.Object({ round: DrawRound, shares: Type.Integer({ minimum: 1 }), revealBy: InstantText }, strict),
    withheld: {},
  },
  ShareRevealed: {
    body: Type.Object({ round: DrawRound, bidder: Sharer, share: DigestText }, strict),
    withheld: person,
  },
  ShareOpened: { body: Type.Object({ round: DrawRound, bidder: Sharer, share: DigestText }, strict), withheld: {} },
  CoefficientDrawn: {
    body: Type.Object({ round: DrawRound, platformShare: DigestText, coefficient: CoefficientText }, strict),
    withheld: {},
  },
  DrawingVoidProposed: {
    body: Type.Object({ round: DrawRound, by: Vote }, strict),
    withheld: { ...person, reason: toAll },
  },
  DrawingVoided: { body: Type.Object({ round: DrawRound, by: Vote }, strict), withheld: { ...person, reason: toAll } },
} as const satisfies Record<
  string,
  { readonly body: Type.TSchema; readonly withheld: Readonly<Record<string, FieldRules>> }
>;
