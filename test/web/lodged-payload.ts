/** What a lodgement statement says, of digests that stand for nothing: for tests that only carry it about. */
import { toBase64Url } from '../../server/core/log/base64.ts';
import { utf8 } from '../../server/core/log/utf8.ts';
import type { LodgementPayload } from '../../server/core/seal/lodgement.ts';

const digest = toBase64Url(new Uint8Array(32));
const id = toBase64Url(new Uint8Array(16));

export function lodgedPayload(changes: Partial<LodgementPayload> = {}): LodgementPayload {
  return {
    v: 1,
    iss: '91620000MA71A00012',
    aud: 'kaibiao.test',
    openingId: 'opening-1',
    lotId: 'LOT-1',
    bidId: id,
    iat: 0,
    jti: id,
    policyHash: digest,
    deadlineAt: '2026-03-02T01:00:00.000Z',
    envelopeSha256: digest,
    envelopeBytes: 1,
    recipientInfosSha256: digest,
    encCertSha256: digest,
    openingListCommit: digest,
    cekCommit: digest,
    contentCommit: digest,
    profile: 'kaibiao-seal-1',
    ...changes,
  };
}

/** A JWS in shape, whose signature is none. */
export const unsignedJws = (payload: unknown): string => `e30.${toBase64Url(utf8(JSON.stringify(payload)))}.AA`;
