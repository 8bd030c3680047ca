/** A bid as this browser keeps it: what was signed and received, and where the envelope lies; never a key, never a document. */
import * as Type from 'typebox';
import { Check } from 'typebox/schema';
import { fromBase64Url } from '../../server/core/log/base64.ts';
import type { Json } from '../../server/core/log/canonical.ts';
import { LogFormatError } from '../../server/core/log/error.ts';
import { parseInstant } from '../../server/core/log/instant.ts';
import { fromUtf8 } from '../../server/core/log/utf8.ts';
import type { OpeningState } from '../../server/core/opening/state.ts';
import { isLodgementPayload, type LodgementPayload } from '../../server/core/seal/lodgement.ts';
import { isReceiptPayload } from '../../server/core/seal/receipt.ts';

/**
 * `sealed`: signed, and its bidder has not said that it shall be sent; `sending`: they have; `refused`: the platform has said no;
 * `unproven`: there is a receipt that has not been held against the ledger's keys; `lodged` and on: there is one that holds.
 */
export const KEPT_STATUSES = ['sealed', 'sending', 'refused', 'unproven', 'lodged', 'replaced', 'withdrawn'] as const;

const KeptBidSchema = Type.Object({
  v: Type.Literal(1),
  openingId: Type.String(),
  creditCode: Type.String(),
  bidId: Type.String(),
  statement: Type.String(),
  receipt: Type.Union([Type.String(), Type.Null()]),
  actId: Type.Union([Type.String(), Type.Null()]),
  /** The receipt of the withdrawal. */
  withdrawal: Type.Union([Type.String(), Type.Null()]),
  windowKid: Type.Union([Type.String(), Type.Null()]),
  logVkey: Type.String(),
  status: Type.Enum(KEPT_STATUSES),
  /** ms since 1970, when it was signed: newer ones stand above older ones. */
  signedAt: Type.Integer(),
  sizeBytes: Type.Integer(),
  /** The envelope's file in the page's own file system; null where it was no file. */
  fileName: Type.Union([Type.String(), Type.Null()]),
});
export type KeptBid = Type.Static<typeof KeptBidSchema>;

export function isKeptBid(value: unknown): value is KeptBid {
  return Check(KeptBidSchema, value) && payloadIn(value.statement) !== null;
}

/** What a lodgement statement says, unchecked; null for any other text. */
export function payloadIn(statement: string): LodgementPayload | null {
  const payload = readPayload(statement);
  return isLodgementPayload(payload) ? payload : null;
}

function readPayload(jws: string): Json {
  try {
    return JSON.parse(fromUtf8(fromBase64Url(jws.split('.')[1] ?? ''))) as Json;
  } catch (fault) {
    if (fault instanceof SyntaxError || fault instanceof LogFormatError) return null;
    throw fault;
  }
}

/** The same of a bid that is kept, which has one. */
export function payloadOf({ statement }: Pick<KeptBid, 'statement'>): LodgementPayload {
  const payload = payloadIn(statement);
  if (payload === null) throw new Error('a kept bid without a statement');
  return payload;
}

/**
 * The file its bidder keeps elsewhere: what the command line keeps as `bids/<id>.json`, and what decrypting asks for on another computer.
 *
 * Shape: before it was received it has no receipt, and proves what was meant to be sent.
 */
export function bidFileOf({ bidId, statement, receipt, actId, windowKid, logVkey }: KeptBid): string {
  const named = windowKid === null ? {} : { windowKid };
  return `${JSON.stringify({ bidId, statement, envelope: '', receipt, actId, logVkey, ...named }, null, 2)}\n`;
}

/** When the platform says to have received it, ms; null without a receipt that can be read. Whether the receipt holds, the status says. */
export function receivedAtOf({ receipt }: Pick<KeptBid, 'receipt'>): number | null {
  const payload = receipt === null ? null : readPayload(receipt);
  return isReceiptPayload(payload) ? parseInstant(payload.receivedAt) : null;
}

/** The bid that stands by what is kept here; null when none does. One of an unproven receipt stands by the platform's word. */
export function standingIn(bids: readonly KeptBid[]): KeptBid | null {
  return bids.find(({ status }) => status === 'lodged' || status === 'unproven') ?? null;
}

/** What is not known to have arrived: it may be sent, again too, or let go of. */
export function isUnsent({ status }: Pick<KeptBid, 'status'>): boolean {
  return status === 'sealed' || status === 'sending' || status === 'refused';
}

/**
 * The file to decrypt with: of the very bid that the roster names; null where it is not among these.
 *
 * Why: another may have been lodged since from another computer, and with the file of one that is replaced nothing opens.
 */
export function fileFor(
  bids: readonly KeptBid[],
  { roster }: Pick<OpeningState, 'roster'>,
  creditCode: string,
): string | null {
  const row = roster.known ? roster.value.find((one) => one.creditCode === creditCode) : undefined;
  const found = bids.find((bid) => bid.receipt !== null && payloadOf(bid).envelopeSha256 === row?.envelopeSha256);
  return found === undefined ? null : bidFileOf(found);
}
