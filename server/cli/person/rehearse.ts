/** Rehearsing the decryption with one's own nonce: nothing of the platform's is ever unwrapped here, so it can be no oracle. */

import { pickCertificate } from '../../client/key-agent.ts';
import { chooseKeyTransport } from '../../client/key-transport.ts';
import { SealError } from '../../client/seal-error.ts';
import { sameBytes } from '../../core/log/bytes.ts';
import { CEK_BYTES } from '../../core/seal/commitments.ts';
import type { KeyTransport } from '../../core/seal/recipient-info.ts';
import { wrapTo } from '../seal/wrap.ts';
import { registerAct } from './check-in.ts';
import { readStanding } from './lodge.ts';
import type { Person } from './person.ts';

export type Rehearsal = {
  readonly certSha256: string;
  /** Whether the key gave back what was wrapped to its certificate. */
  readonly unwrapped: boolean;
  /** How far this computer's clock is ahead of the server's, ms. */
  readonly clockOffsetMs: number;
  /** The standing envelope is sealed to another certificate than this one: a renewed token is the usual reason. */
  readonly warning: 'another_certificate' | null;
};

/**
 * Wraps a nonce to one's own certificate, unwraps it with one's key, and says on the register whether that went well.
 *
 * Shape:  `keyTransport` as one's envelopes are sealed, by default the best for the key; `device` is what people call the holder of the key.
 * Throws: ApiError; KeyAgentError; PersonError receipt_….
 */
export async function rehearse(
  person: Person,
  openingId: string,
  { keyTransport, device = 'kaibiao', certSha256 }: RehearsalRequest = {},
): Promise<Rehearsal> {
  const { keys, world, session } = person;
  const certificates = await keys.listCertificates();
  const chosen =
    certificates.find((listed) => listed.certSha256 === certSha256) ??
    (await pickCertificate(keys, 'unwrap', world.now()));
  const nonce = world.randomBytes(CEK_BYTES);
  const unwrap = await keys.unwrapper(chosen.certSha256);
  let unwrapped = false;
  try {
    const transport = chooseKeyTransport(chosen.certificate, keyTransport);
    unwrapped = sameBytes(await unwrap(wrapTo(chosen.certificate.der, transport, nonce)), nonce);
  } catch (error) {
    // A key that cannot is what the rehearsal is there to find.
    if (!(error instanceof SealError)) throw error;
  }
  const clockOffsetMs = world.now() - session.serverNow();
  const data = { encCertSha256: chosen.certSha256, unwrapped, clockOffsetMs, device };
  await registerAct(person, openingId, { type: 'Rehearse', event: 'Rehearsed', data });
  const standing = await readStanding(person, openingId);
  const isAnother = standing !== null && standing.payload.encCertSha256 !== chosen.certSha256;
  return { certSha256: chosen.certSha256, unwrapped, clockOffsetMs, warning: isAnother ? 'another_certificate' : null };
}

export type RehearsalRequest = {
  readonly keyTransport?: KeyTransport | undefined;
  readonly device?: string;
  readonly certSha256?: string;
};
