/** Rehearsing the decryption on the page: what a trial of one's own key shows, and what the register is told of it. */
import type { AgentCertificate } from '../../server/client/key-agent.ts';
import { chooseCertificate } from '../../server/client/preflight-checks.ts';
import type { JsonObject } from '../../server/core/log/canonical.ts';

/**
 * `good`: the key opens what is sealed to its certificate. `bad`: it does not. `other`: it does, and the bid is sealed to another.
 * `same` and `untried`: a token's key, which is used in the window only; its certificate is the bid's, or no bid is known.
 * `missing`, `several`: there is no one certificate to seal to.
 */
export type RehearsalResult = 'good' | 'bad' | 'other' | 'same' | 'untried' | 'missing' | 'several';

export type Rehearsal = {
  readonly result: RehearsalResult;
  /** For the register; null where no key was tried, for then there is nothing to say. */
  readonly told: JsonObject | null;
};

export type RehearsalNeeds = {
  readonly keys: readonly AgentCertificate[];
  readonly isTryable: boolean;
  /** The certificate that the bid which stands was sealed to; null where none is known. */
  readonly standingCertSha256: string | null;
  tryKey(certificate: AgentCertificate): Promise<boolean>;
  /** The platform's clock and this computer's, ms. */
  serverNow(): number;
  ownNow(): number;
};

/** What the register calls the holder of the key. */
const DEVICE = 'kaibiao-web';

/** Tries. Throws: whatever the key throws besides that it cannot. */
export async function rehearse(needs: RehearsalNeeds): Promise<Rehearsal> {
  const { keys, isTryable, standingCertSha256, serverNow, ownNow } = needs;
  // the key of the bid that stands, where it is here: it is the one that the window will ask for
  const own = keys.find(({ certSha256, canUnwrap }) => canUnwrap && certSha256 === standingCertSha256);
  const chosen = own ?? chooseCertificate(keys, 'encrypt', serverNow());
  if (typeof chosen === 'string')
    return { result: chosen === 'certificate_missing' ? 'missing' : 'several', told: null };
  const isOther = standingCertSha256 !== null && chosen.certSha256 !== standingCertSha256;
  if (!isTryable) return { result: isOther ? 'other' : standingCertSha256 === null ? 'untried' : 'same', told: null };
  const unwrapped = await needs.tryKey(chosen);
  const clockOffsetMs = Math.round(ownNow() - serverNow());
  const told = { encCertSha256: chosen.certSha256, unwrapped, clockOffsetMs, device: DEVICE };
  return { result: !unwrapped ? 'bad' : isOther ? 'other' : 'good', told };
}
