/** How long, how large and how many: the limits of a pairing of a page with a phone, for both of them and for the server between them. */

/** How long a code may be scanned. Source: seal-format §7: a one-time challenge of 60 s at most. */
export const PHONE_PAIRING_MS = 60_000;
/** How long one message waits to be fetched, and one question on the phone for its answer. */
export const PHONE_MESSAGE_MS = 60_000;
/** How long a page waits for an answer: the question, and the line. */
export const PHONE_ANSWER_MS = PHONE_MESSAGE_MS + 15_000;
/** How often both look whether something came: while something goes on, and when nothing did for a while. */
export const PHONE_LOOK_MS = 1_000;
export const PHONE_LOOK_SLOWLY_MS = 3_000;
export const PHONE_QUIET_AFTER_MS = 120_000;
/** How long a pairing lives after the phone was last heard of, and at the longest. */
export const PHONE_IDLE_MS = 1_800_000;
export const PHONE_LONGEST_MS = 43_200_000;
/** Bytes of one frame before it is sealed: as much as an agent takes (a test holds the two together). */
export const PHONE_FRAME_LIMIT_BYTES = 256 * 1024;
/** The tag of AES-GCM. */
export const PHONE_SEAL_BYTES = 16;
/** Characters of a sealed frame in base64url. */
export const PHONE_SEALED_LIMIT_CHARACTERS = Math.ceil(((PHONE_FRAME_LIMIT_BYTES + PHONE_SEAL_BYTES) * 4) / 3);
/** Characters of a sealed public key: a point of P-256 with its tag. */
export const PHONE_HELLO_CHARACTERS = Math.ceil(((65 + PHONE_SEAL_BYTES) * 4) / 3);
/** Messages of one side that may wait at one time. */
export const PHONE_WAITING_LIMIT = 16;
/** Messages of one side in one pairing. */
export const PHONE_MESSAGES_LIMIT = 10_000;
/** Pairings that a platform keeps at one time. */
export const PHONE_MAILBOXES_LIMIT = 20_000;
/** Digits that both screens show before anything is signed. */
export const PHONE_CODE_DIGITS = 6;

/** Whose message it is. */
export const PHONE_SIDES = ['desktop', 'phone'] as const;
export type PhoneSide = (typeof PHONE_SIDES)[number];
export const otherSide = (side: PhoneSide): PhoneSide => (side === 'desktop' ? 'phone' : 'desktop');
