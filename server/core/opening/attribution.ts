// Whose failure it is that a bid did not open: the engine's proposal from what stands on the log (20号令31); people rule.

import type { Evidence } from './events.ts';
import { DECRYPTION_FAULTS, type DecryptionFailure, STORAGE_FAILURES, type Verdict } from './findings.ts';
import { type Bid, isDamaged, isDecrypted, type OpeningState } from './state.ts';

/** The evidence on the log about one undecrypted bid at the end of the window. */
export function evidenceOf(state: OpeningState, bid: Bid): Evidence {
  const failures = bid.attempts.map((a) => a.outcome).filter(isFailure);
  return {
    actReceived: bid.attempts.length > 0,
    failures: [...new Set(failures)],
    challengeAcknowledged: bid.challengeAcknowledged,
    peerSucceeded: state.bids.some((peer) => isDecrypted(peer) || hasOpenedItsOwn(peer)),
    outageMs: state.window?.outageMs ?? 0,
    damagedInStorage: isDamaged(state, bid),
  };
}

/**
 * The verdict the evidence speaks for.
 *
 * Source:  20号令 art. 31; the table of domain §2, first line that fits:
 *          damaged in the platform's storage, or a fault of the platform or the tenderer on any attempt → deemed_withdrawn
 *          (direct loss may be claimed) ·
 *          only the bidder's own faults → deemed_revoked ·
 *          no act, delivered challenge, no outage, a peer succeeded → deemed_revoked ·
 *          anything else → unknown: two people rule, never the platform's word alone.
 * Returns: total; a proposal, never a ruling.
 */
export function proposeVerdict(evidence: Evidence): Verdict {
  if (evidence.damagedInStorage) return 'deemed_withdrawn';
  if (evidence.failures.some((f) => DECRYPTION_FAULTS[f] !== 'bidder')) return 'deemed_withdrawn';
  if (evidence.failures.length > 0) return 'deemed_revoked';
  const silent =
    !evidence.actReceived && evidence.challengeAcknowledged && evidence.outageMs === 0 && evidence.peerSucceeded;
  return silent ? 'deemed_revoked' : 'unknown';
}

/**
 * Is what keeps this bid closed surely not its bidder's? Anything that was tried of it failed at the holders of the opening key, or the
 * platform did not keep what it had received, by the latest scan or by an attempt (20号令31, domain §2).
 *
 * Why: as in the proposal, one failure of others on the log outweighs every failure of its own: a bidder whose key was right in
 *      the window is not to be blamed for a wrong file in the remedy.
 */
export function isOthersFault(state: Pick<OpeningState, 'scan'>, bid: Bid): boolean {
  if (isDamaged(state, bid)) return true;
  return bid.attempts.some(
    ({ outcome }) => isFailure(outcome) && (DECRYPTION_FAULTS[outcome] === 'tenderer' || isOfStorage(outcome)),
  );
}

/** Has it failed under its bidder's own layer, which thus had opened? What becomes of it then says nothing of the window. */
function hasOpenedItsOwn({ attempts }: Bid): boolean {
  return attempts.some(({ outcome }) => UNDER_THE_OWN_LAYER.some((failure) => failure === outcome));
}

function isOfStorage(failure: DecryptionFailure): boolean {
  return STORAGE_FAILURES.some((one) => one === failure);
}

const UNDER_THE_OWN_LAYER = ['layer_malformed', 'layer_wrong_key', 'layer_not_opened'] as const;

function isFailure(outcome: Bid['attempts'][number]['outcome']): outcome is DecryptionFailure {
  return outcome !== 'decrypted' && outcome !== 'undecided' && outcome !== 'not_needed';
}
