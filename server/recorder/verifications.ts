/** Sees to it that every received decryption, in a blind window once its key is given, and later every second layer, is verified by the vault and what it found recorded, however often either fails. */
import type { DecryptionFailure } from '../core/opening/findings.ts';
import { halfOpenBids, isKeyGiven, isWindowBlind } from '../core/opening/layer.ts';
import type { OpeningState } from '../core/opening/state.ts';
import { nextAttempt } from '../core/opening/steps/window.ts';
import { isDatabaseAway } from '../store/faults.ts';
import type { World } from '../world.ts';
import type { Keeper } from './keeper.ts';
import type { MachineCommand } from './machine.ts';
import { type OpeningDesk, VaultBusyError } from './opening-desk.ts';

/** How soon the vault is asked again after it could not look, or what it found could not be recorded. */
const VERIFY_AGAIN_MS = 1_000;
/** Times a verification may fail by a fault of ours before the platform answers for it; waiting for the database does not count. */
const VERIFY_TRIES = 3;

const VERIFYING: ReadonlySet<string> = new Set(['Decrypting', 'TendererDecrypting', 'Remedy']);

export type Verifications = {
  /** Hands everything undecided to the vault; asked again at each change and at start, so none is forgotten. */
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

/** One thing to be verified: whether it still waits, how the vault looks, and what records it. */
type Verification = {
  readonly name: string;
  isOpen(state: OpeningState): boolean;
  look(state: OpeningState): Promise<DecryptionFailure | null>;
  command(failure: DecryptionFailure | null): MachineCommand;
};

export function createVerifications({ world, desk, keeperOf, onFault }: VerificationDeps): Verifications {
  const underWay = new Set<string>();
  const pauses = new Set<() => void>();
  let isStopped = false;

  /** Does one verification and records what was found; goes on until that is done, or there is nothing to record. */
  async function verify(openingId: string, { isOpen, look, command }: Verification): Promise<void> {
    let found: { readonly failure: DecryptionFailure | null } | null = null;
    for (let faults = 0; !isStopped; await pause(VERIFY_AGAIN_MS)) {
      try {
        const kept = await keeperOf(openingId).kept();
        if (kept === null || !isOpen(kept.state)) return;
        found ??= { failure: await look(kept.state) };
      } catch (error) {
        if (isStopped) return;
        onFault(error);
        if (!isDatabaseAway(error) && !(error instanceof VaultBusyError)) faults += 1;
        if (faults < VERIFY_TRIES) continue;
        found = { failure: 'worker_failed' };
      }
      if (isStopped) return;
      const recorded = await keeperOf(openingId)
        .machine(command(found.failure))
        .then(
          () => true,
          // The keeper has told of it.
          () => false,
        );
      if (recorded) return;
    }
  }

  /** A received decryption. */
  function ofAttempt(bidder: number, attempt: number): Verification {
    return {
      name: `${bidder}/${attempt}`,
      isOpen: (state) => !isWindowBlind(state) && nextAttempt(state.bids[bidder - 1]) === attempt,
      look: (state) => desk.verify(state, bidder, attempt),
      command: (failure) => ({ type: 'RecordDecryption', data: { bidder, attempt, failure } }),
    };
  }

  /** The second layer of a bid, once the opening key is given. */
  function ofLayer(bidder: number): Verification {
    return {
      name: `${bidder}/layer`,
      isOpen: (state) => isKeyGiven(state) && halfOpenBids(state).some((bid) => bid.bidder === bidder),
      look: (state) => desk.verifyLayer(state, bidder),
      command: (failure) => ({ type: 'RecordLayer', data: { bidder, failure } }),
    };
  }

  function due(state: OpeningState): Verification[] {
    // In any other phase nothing of it could be recorded any more.
    if (!VERIFYING.has(state.phase) || isWindowBlind(state)) return [];
    const layers = state.phase === 'TendererDecrypting' && isKeyGiven(state) ? halfOpenBids(state) : [];
    // of several of one bid, which only a blind window takes, one after the other: the first that opens it is enough
    const attempts = state.bids.flatMap((bid) => {
      const attempt = nextAttempt(bid);
      return attempt === undefined ? [] : [ofAttempt(bid.bidder, attempt)];
    });
    return [...layers.map((bid) => ofLayer(bid.bidder)), ...attempts];
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
    see(openingId, state) {
      if (isStopped) return;
      for (const verification of due(state)) {
        const job = `${openingId}/${verification.name}`;
        if (underWay.has(job)) continue;
        underWay.add(job);
        void verify(openingId, verification).finally(() => underWay.delete(job));
      }
    },
    stop() {
      isStopped = true;
      for (const end of [...pauses]) end();
    },
  };
}
