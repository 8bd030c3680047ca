/** Signs heads of logs and receipts for those who append: what may be shown of a log, and how database and guard are brought to agree. */
import { sameBytes } from '../core/log/bytes.ts';
import type { LogKind } from '../core/log/origin.ts';
import type { Office } from './guard-folder.ts';
import type { GuardedHead } from './guard-journal.ts';
import { type Growth, type HeadDesk, type LetOutHead, openDesk, type ReleasedHead } from './head-desk.ts';
import { type Keyring, openKeyring } from './keyring.ts';

/**
 * Database and guard contradict each other: one of them was put back to an earlier state. The server must stay read-only.
 *
 * `database_is_behind`: it lacks a head that was let out. `database_differs`: it has another root at that size.
 * `guard_is_behind`: it has a head that this guard never noted.
 */
export class RestoredBackupError extends Error {
  readonly code: 'database_is_behind' | 'database_differs' | 'guard_is_behind';
  readonly origin: string;
  constructor(code: RestoredBackupError['code'], origin: string, detail: string) {
    super(`${code}: ${origin}: ${detail}`);
    this.name = 'RestoredBackupError';
    this.code = code;
    this.origin = origin;
  }
}

export type Signer = Keyring & {
  /**
   * Notes a head that is about to be committed, durably in the guard before this returns; nothing is signed yet.
   *
   * Throws: GuardRefusal, GuardFault. The caller must then settle, and also when its transaction fails after this returned.
   */
  pend(origin: string, kind: LogKind, growth: Growth): Promise<void>;
  /**
   * Lets out a head whose transaction has committed, durably in the guard, and signs it. It is shown to nobody yet.
   *
   * Returns: the head with its checkpoint, to be stored and then shown; null when a larger one is out already.
   * Throws:  GuardRefusal, GuardFault, KeyError; it may be let out all the same, and settling signs it.
   */
  release(origin: string, size: number, root: Uint8Array): Promise<ReleasedHead | null>;
  /** From here on every reader may be shown this head, whose checkpoint is stored. */
  show(origin: string, head: ReleasedHead): void;
  /** The largest head shown, which is all that any reader may see; null when there is none. */
  released(origin: string): ReleasedHead | null;
  /**
   * Brings the guard in line with what is committed, after a crash, a failed transaction or a COMMIT with unknown outcome.
   *
   * Shape:   `committed` must be read while the log's row is locked, or a head that is just being committed would be dropped.
   * Returns: the committed head as it is let out now, to be stored and then shown.
   * Throws:  RestoredBackupError, GuardFault, KeyError.
   */
  settle(origin: string, committed: GuardedHead | null): Promise<ReleasedHead | null>;
  /** Whether nothing is left to settle of a log: the guard has let out just what is committed, and has nothing else noted. */
  isSettled(origin: string, committed: GuardedHead | null): boolean;
  /** Every log the guard has heard of. */
  origins(): readonly string[];
  close(): Promise<void>;
};

const isSigned = (head: LetOutHead): head is ReleasedHead => head.note !== null;

/** The signer over a desk: it keeps what is shown, and knows when database and guard contradict each other. */
export function createSigner(keyring: Keyring, desk: HeadDesk): Signer {
  const shown = new Map<string, ReleasedHead>();
  const show = (origin: string, head: ReleasedHead): void => {
    if (head.size > (shown.get(origin)?.size ?? 0)) shown.set(origin, head);
  };
  for (const origin of desk.origins()) {
    const head = desk.released(origin);
    if (head !== null && isSigned(head)) show(origin, head);
  }

  return {
    ...keyring,
    pend: desk.pend,
    release: (origin, size, root) => desk.release(origin, { size, root }),
    show,
    released: (origin) => shown.get(origin) ?? null,
    async settle(origin, committed) {
      const out = desk.released(origin);
      const size = committed?.size ?? 0;
      if (out !== null) {
        if (size < out.size)
          throw new RestoredBackupError('database_is_behind', origin, `at ${size}, but ${out.size} was let out`);
        if (committed !== null && size === out.size && !sameBytes(committed.root, out.root))
          throw new RestoredBackupError('database_differs', origin, `another root at size ${size}`);
      }
      let released: ReleasedHead | null = null;
      if (committed !== null && size > (out?.size ?? 0)) {
        const noted = desk.pending(origin).find((head) => head.size === size);
        if (noted === undefined || !sameBytes(noted.root, committed.root))
          throw new RestoredBackupError('guard_is_behind', origin, `the database's head at ${size} was never noted`);
        released = await desk.release(origin, noted);
      } else if (out !== null) {
        // Let out, and then the key failed: only the signature is lacking.
        released = isSigned(out) ? out : await desk.release(origin, out);
      }
      // Whatever is still noted is larger than what is committed, or another root: its transaction is gone.
      await desk.drop(origin);
      return released;
    },
    isSettled(origin, committed) {
      const released = desk.released(origin);
      if (desk.pending(origin).length > 0) return false;
      if (released === null || committed === null) return released === committed;
      return isSigned(released) && released.size === committed.size && sameBytes(released.root, committed.root);
    },
    origins: desk.origins,
    close: desk.close,
  };
}

/**
 * Opens the signer of a data folder: for this process alone, or for the term of an office (see `openGuard`).
 *
 * Throws: KeyError, GuardFault.
 */
export async function openSigner(dataFolder: string, platform: string, office: Office | null = null): Promise<Signer> {
  const keyring = await openKeyring(dataFolder, platform);
  return createSigner(keyring, await openDesk(dataFolder, keyring, office));
}
