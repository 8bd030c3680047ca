/** The platform's receipts: what a bidder keeps in hand at once, before any batch has reached the ledger. */

import { fromBase64Url, toBase64Url } from '../core/log/base64.ts';
import { canonicalise, type Json } from '../core/log/canonical.ts';
import { formatInstant } from '../core/log/instant.ts';
import { fromUtf8, utf8 } from '../core/log/utf8.ts';
import type { RegisterEvent } from '../core/opening/register.ts';
import { RECEIPT_TYPE } from '../core/seal/receipt.ts';
import { payloadSha256 } from '../core/seal/statement.ts';
import { sha256 } from '../hash.ts';
import type { RoundContext } from './deciding.ts';
import type { KeptOpening } from './kept-opening.ts';
import type { Submission } from './submission.ts';

/** A receipt before it is signed: its digest is what later statements name, its signature changes nothing of it. */
export type Receipt = { readonly typ: string; readonly payload: Json; readonly sha256: string; text: string | null };

/** Receipts of acts that are not about a bid's bytes: checking in, rehearsing, objecting early. */
export const ACT_RECEIPT_TYPE = 'act-receipt+jws';

function receipt(typ: string, payload: Json): Receipt {
  return { typ, payload, sha256: toBase64Url(sha256(utf8(canonicalise(payload)))), text: null };
}

/** The receipt for one event of the register. `text` is filled in when it is signed, before the answer goes out. */
export function receiptFor(
  event: RegisterEvent,
  submission: Submission,
  kept: KeptOpening,
  receivedAt: number,
  context: RoundContext,
): Receipt {
  const { state, register } = kept;
  const about = {
    v: 1,
    iss: context.platform,
    aud: submission.who.creditCode,
    openingId: context.openingId,
    lotId: state.details.lot.code,
    receivedAt: formatInstant(receivedAt),
    iat: formatInstant(context.at),
    jti: toBase64Url(context.randomBytes(16)),
  } as const;
  if (event.type === 'BidLodged') {
    const { bidId, envelopeSha256, envelopeBytes, recipientInfosSha256, replaces } = event.body;
    const enclosed = submission.enclosure?.kind === 'envelope' ? submission.enclosure : null;
    if (enclosed === null) throw new Error('a lodged bid without its envelope');
    return receipt(RECEIPT_TYPE, {
      ...about,
      bidId,
      act: replaces === null ? 'lodged' : 'replaced',
      ...(replaces === null ? {} : { replaces }),
      statementSha256: enclosed.statementSha256,
      envelopeSha256,
      envelopeBytes,
      recipientInfosSha256,
    });
  }
  if (event.type === 'BidWithdrawn') {
    const standing = register.bidders.get(submission.who.creditCode)?.standing;
    if (standing == null) throw new Error('withdrew nothing');
    const { bidId, envelopeSha256, envelopeBytes, recipientInfosSha256 } = standing;
    // Over the decoded payload: the text of a JWS is malleable, its hash names nothing.
    const statementSha256 = payloadSha256(sha256, payloadOf(submission.act.act));
    return receipt(RECEIPT_TYPE, {
      ...about,
      bidId,
      act: 'withdrawn',
      statementSha256,
      envelopeSha256,
      envelopeBytes,
      recipientInfosSha256,
    });
  }
  return receipt(ACT_RECEIPT_TYPE, { ...about, act: event.type });
}

/** The payload of an act whose signature was checked before it was received. */
function payloadOf(jws: string): Json {
  return JSON.parse(fromUtf8(fromBase64Url(jws.split('.')[1] ?? ''))) as Json;
}
