// The shapes that commands and events share: who the opening is for, and the few text and instant forms of signed bytes.
import * as Type from 'typebox';

/** RFC 3339 UTC with milliseconds, the only form of an instant inside signed bytes. */
export const InstantText = Type.String({
  pattern: '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{3}Z$',
});
/** base64url of 32 bytes, no padding: a SHA-256 digest. */
export const DigestText = Type.String({ pattern: '^[A-Za-z0-9_-]{43}$' });
export const ReasonText = Type.String({ minLength: 1, maxLength: 2_000 });
/** One message of the chat: long enough for a question, too short to hide a document in. */
export const MESSAGE_LIMIT_CHARACTERS = 1_000;
export const MessageText = Type.String({ minLength: 1, maxLength: MESSAGE_LIMIT_CHARACTERS });
export const Name = Type.String({ minLength: 1, maxLength: 200 });
export const BidderNumber = Type.Integer({ minimum: 1, maximum: 100_000 });
export const OpeningId = Type.String({ pattern: '^[a-z0-9][a-z0-9-]{0,62}[a-z0-9]$' });

/** What the opening is about, as the notice names it (exchange names of domain §7 in parentheses). */
export const DetailsSchema = Type.Object(
  {
    title: Name,
    /** TENDER_PROJECT_CODE and name. */
    project: Type.Object({ code: Name, name: Name }, { additionalProperties: false }),
    /** BID_SECTION_CODES and name: one lot, one opening. */
    lot: Type.Object({ code: Name, name: Name }, { additionalProperties: false }),
    tenderer: Name,
    agency: Name,
    place: Name,
    /** The session 开标场次 that groups the lots which share a room; the same host leads all of them. */
    session: Type.Optional(Type.Object({ id: OpeningId, title: Name }, { additionalProperties: false })),
    /** Bid deadline = opening time (招投标法34, 87号令39). */
    deadlineAt: InstantText,
  },
  { additionalProperties: false },
);
export type Details = Type.Static<typeof DetailsSchema>;

/** The public half of the window key, as a JWK with exactly these members (RFC 7638 thumbprint = kid). */
export const WindowKeySchema = Type.Object(
  { kty: Type.Literal('EC'), crv: Type.Literal('P-256'), x: DigestText, y: DigestText },
  { additionalProperties: false },
);
