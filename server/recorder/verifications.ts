/** Sees to it that every received decryption is verified by the vault and what it found recorded, however often either fails. */
import type { DecryptionFailure } from '../core/opening/commands.ts';
import { isUndecided, type OpeningState } from '../core/opening/state.ts';
import { isDatabaseAway } from '../store/faults.ts';
import type { World } from '../world.ts';
import type { Keeper } from './keeper.ts';
import { type OpeningDesk, VaultBusyError } from './opening-desk.ts';

/** How soon the vault is asked again after it could not look, or what it found could not be recorded. */
const VERIFY_AGAIN_MS = 1_000;
/** Times a verification may fail by a fault of ours before the platform answers for it; waiting for the database does not count. */
const VERIFY_TRIES = 3;

export type Verifications = {
  /** Hands every undecided decryption to the vault; asked again at each change and at start, so none is forgotten. */
  see(openingId: string, state: OpeningState): void;
  /** Nothing is verified or recorded any more; what is undecided stays for the next start. */
  stop(): void;
};

type VerificationDeps = {
  readonly world: World;
  readonly desk: OpeningDesk;
  keeperOf(openingId: string): Keeper;
  onFault(error: unknown): void;
};

export function createVerifications({ world, desk, keeperOf, onFault }: VerificationDeps): Verifications {
  const underWay = new Set<string>();
  const pauses = new Set<() => void>();
  let isStopped = false;

  /** Verifies one decryption and records what was found; goes on until that is done, or there is nothing to record. */
  async function verify(openingId: string, bidder: number, attempt: number): Promise<void> {
    let found: { readonly failure: DecryptionFailure | null } | null = null;
    for (let faults = 0; !isStopped; await pause(VERIFY_AGAIN_MS)) {
      try {
        const kept = await keeperOf(openingId).kept();
        if (kept?.state.bids[bidder - 1]?.attempts[attempt - 1]?.outcome !== 'undecided') return;
        found ??= { failure: await desk.verify(kept.state, bidder, attempt) };
      } catch (error) {
        if (isStopped) return;
        onFault(error);
        if (!isDatabaseAway(error) && !(error instanceof VaultBusyError)) faults += 1;
        if (faults < VERIFY_TRIES) continue;
        found = { failure: 'worker_failed' };
      }
      if (isStopped) return;
      const data = { bidder, attempt, failure: found.failure };
      const recorded = await keeperOf(openingId)
        .machine({ type: 'RecordDecryption', data })
        .then(
          () => true,
          // The keeper has told of it.
          () => false,
        );
      if (recorded) return;
    }
  }

  function pause(ms: number): Promise<void> {
    if (isStopped) return Promise.resolve();
    return new Promise((resolve) => {
      const end = (): void => {
        cancel();
        pauses.delete(end);
        resolve();
      };
      const cancel = world.after(ms, end);
      pauses.add(end);
    });
  }

  return {
    see(openingId, { phase, bids }) {
      // In any other phase nothing of it could be recorded any more.
      if ((phase !== 'Decrypting' && phase !== 'Remedy') || isStopped) return;
      for (const { bidder, attempts } of bids.filter(isUndecided)) {
        for (const { attempt, outcome } of attempts) {
          const job = `${openingId}/${bidder}/${attempt}`;
          if (outcome !== 'undecided' || underWay.has(job)) continue;
          underWay.add(job);
          void verify(openingId, bidder, attempt).finally(() => underWay.delete(job));
        }
      }
    },
    stop() {
      isStopped = true;
      for (const end of [...pauses]) end();
    },
  };
}
