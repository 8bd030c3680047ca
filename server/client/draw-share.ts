/** A share of one's own in a drawing: made here, promised and sealed before anybody shows one; the file it is kept in. */

import { fromBase64Url, toBase64Url } from '../core/log/base64.ts';
import { isJsonObject, type JsonObject } from '../core/log/canonical.ts';
import { LogFormatError } from '../core/log/error.ts';
import type { Sha256 } from '../core/log/hash.ts';
import { utf8 } from '../core/log/utf8.ts';
import { shareCommitment } from '../core/opening/draw.ts';
import { type Drawing, sharerOf } from '../core/opening/drawing.ts';
import { sealSecretTo } from './seal-secret.ts';

const SHARE_BYTES = 32;

/** 32 bytes of chance, base64url. */
export function makeShare(randomBytes: (count: number) => Uint8Array): string {
  return toBase64Url(randomBytes(SHARE_BYTES));
}

/**
 * What is sent to promise a share.
 *
 * Shape:  `bidder` null for the witness; the drawing is read from the person's own verified copy of the log.
 * Throws: SealError key_not_as_named.
 */
export async function promiseShare(
  sha256: Sha256,
  about: {
    readonly openingId: string;
    readonly drawing: Pick<Drawing, 'round' | 'kid' | 'key'>;
    readonly bidder: number | null;
  },
  share: string,
): Promise<{ readonly round: number; readonly commitment: string; readonly sealed: string }> {
  const { openingId, drawing, bidder } = about;
  const { round, kid, key } = drawing;
  const digest = (text: string): string => toBase64Url(sha256(utf8(text)));
  const commitment = shareCommitment({ openingId, round }, { sharer: sharerOf(bidder), share }, digest);
  const purpose = { about: 'draw_share', openingId, round } as const;
  return { round, commitment, sealed: await sealSecretTo(sha256, fromBase64Url(share), { kid, key }, purpose) };
}

/** The text of the file in which a share is kept. */
export function shareFile(openingId: string, round: number, share: string): string {
  return `${JSON.stringify({ v: 1, openingId, round, share })}\n`;
}

/** The share in such a file; null where it is not one of this round. */
export function readShareFile(text: string, openingId: string, round: number): string | null {
  const kept = parsed(text);
  const isThis = kept !== null && kept['openingId'] === openingId && kept['round'] === round;
  const share = isThis ? kept['share'] : null;
  return typeof share === 'string' && bytesIn(share) === SHARE_BYTES ? share : null;
}

function parsed(text: string): JsonObject | null {
  try {
    const value: unknown = JSON.parse(text);
    return isJsonObject(value) ? value : null;
  } catch (fault) {
    if (fault instanceof SyntaxError) return null;
    throw fault;
  }
}

function bytesIn(text: string): number {
  try {
    return fromBase64Url(text).length;
  } catch (fault) {
    if (fault instanceof LogFormatError) return -1;
    throw fault;
  }
}
