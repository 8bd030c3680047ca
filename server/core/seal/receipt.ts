/** The receipt a platform signs for a lodged, replaced or withdrawn bid, at once (seal-format §2). */
import * as Type from 'typebox';
import { Check } from 'typebox/schema';
import type { Json } from '../log/canonical.ts';
import { DigestText, InstantText, OpeningId } from '../opening/details.ts';
import { CreditCode } from '../opening/rows.ts';
import { LotId, PlatformName, RandomId } from './statement.ts';

export const RECEIPT_TYPE = 'bid-receipt+jws';

export const RECEIPT_ACTS = ['lodged', 'replaced', 'withdrawn'] as const;

/** A decryption statement names it by `payloadSha256` as its `receiptSha256`. */
export const ReceiptPayloadSchema = Type.Object(
  {
    v: Type.Literal(1),
    /** The platform. */
    iss: PlatformName,
    /** The bidder. */
    aud: CreditCode,
    openingId: OpeningId,
    lotId: LotId,
    bidId: RandomId,
    act: Type.Enum(RECEIPT_ACTS),
    replaces: Type.Optional(RandomId),
    /** `payloadSha256` of the bidder's statement. */
    statementSha256: DigestText,
    envelopeSha256: DigestText,
    envelopeBytes: Type.Integer({ minimum: 1 }),
    recipientInfosSha256: DigestText,
    /** When the last byte was durably received. */
    receivedAt: InstantText,
    iat: InstantText,
    jti: RandomId,
  },
  { additionalProperties: false },
);
export type ReceiptPayload = Type.Static<typeof ReceiptPayloadSchema>;

/** Whether a decoded payload is a receipt's; the platform's signature is checked by whoever holds its key. */
export function isReceiptPayload(payload: Json): payload is ReceiptPayload {
  return Check(ReceiptPayloadSchema, payload);
}
