/** Where heads of logs are signed: the guard first, then the key; it signs nothing that it has not let out for good. */
import { sameBytes } from '../core/log/bytes.ts';
import { verifyConsistency } from '../core/log/merkle.ts';
import type { LogKind } from '../core/log/origin.ts';
import { sha256 } from '../hash.ts';
import { openGuard } from './guard.ts';
import { GuardRefusal } from './guard-faults.ts';
import type { Office } from './guard-folder.ts';
import type { GuardedHead } from './guard-journal.ts';
import type { SigningKeyring } from './keyring.ts';

/** A head that was let out, with its signed checkpoint. */
export type ReleasedHead = GuardedHead & { readonly note: string };

/** A head that was let out; its note is null while this desk has not signed it: it was let out before, or the key failed. */
export type LetOutHead = GuardedHead & { readonly note: string | null };

/** A head that is about to be committed, and the RFC 6962 consistency proof that it grows from the one before it. */
export type Growth = GuardedHead & { readonly after: GuardedHead; readonly proof: readonly Uint8Array[] };

/**
 * The desk at which heads are signed, in this process or in another.
 *
 * Why: a signature is given only for a head that is let out, which is never taken back; and only for one that is proven, link by
 *      link, to grow from the last that was let out. So whoever asks, and whatever he asks, gets one history of each log signed.
 */
export type HeadDesk = {
  /** Notes durably that this head is about to be committed. Throws: GuardRefusal, GuardFault. */
  pend(origin: string, kind: LogKind, growth: Growth): Promise<void>;
  /**
   * Lets out a noted head, durably, and signs it; null when a larger one is out already.
   *
   * Throws: GuardRefusal, GuardFault, KeyError. It may be let out all the same; asked again it is signed.
   */
  release(origin: string, head: GuardedHead): Promise<ReleasedHead | null>;
  /**
   * Forgets these heads, which were noted and not let out: they were rolled back. No signature of them exists.
   *
   * Throws: GuardFault.
   * Why:    by name. Whoever says so may be late, and what was noted meanwhile is on its way to its COMMIT.
   */
  drop(origin: string, heads: readonly GuardedHead[]): Promise<void>;
  /** The largest head let out; null when none was. */
  released(origin: string): LetOutHead | null;
  /** What is noted and not let out, smallest first. */
  pending(origin: string): readonly GuardedHead[];
  /** Every log that the guard has heard of. */
  origins(): readonly string[];
  close(): Promise<void>;
};

/**
 * The desk of a data folder: for this process alone, or for the term of an office (see `openGuard`).
 *
 * Throws: GuardFault.
 * Why:    nothing is signed here: what was let out before has its note where it is shown, or is asked for again, and of one head it comes out
 *         byte for byte the same. A token that takes its time over each signature must not keep some hundreds of logs from a new leader.
 */
export async function openDesk(
  dataFolder: string,
  { signHead, checkKind }: Pick<SigningKeyring, 'signHead' | 'checkKind'>,
  office: Office | null,
): Promise<HeadDesk> {
  const guard = await openGuard(dataFolder, office);
  const signed = new Map<string, ReleasedHead>();
  const signReleased = async (origin: string, head: GuardedHead): Promise<ReleasedHead> => {
    const made = { ...head, note: await signHead(origin, head) };
    if (made.size > (signed.get(origin)?.size ?? 0)) signed.set(origin, made);
    return made;
  };
  return {
    async pend(origin, kind, { size, root, after, proof }) {
      checkKind(origin, kind);
      const isGrowth = verifyConsistency(sha256, { oldSize: after.size, oldRoot: after.root, size, root, proof });
      if (!isGrowth) throw new GuardRefusal('not_consistent', origin, size);
      await guard.pend(origin, { size, root }, after);
    },
    async release(origin, { size, root }) {
      await guard.release(origin, { size, root });
      const out = guard.released(origin);
      if (out === null || out.size !== size || !sameBytes(out.root, root)) return null;
      return signReleased(origin, out);
    },
    drop: guard.drop,
    released(origin) {
      const out = guard.released(origin);
      if (out === null) return null;
      const last = signed.get(origin);
      return last?.size === out.size ? last : { ...out, note: null };
    },
    pending: guard.pending,
    origins: guard.origins,
    close: guard.close,
  };
}
