/** Signs heads of logs and receipts for those who append: what may be shown of a log, and how database and guard are brought to agree. */
import { sameBytes } from '../core/log/bytes.ts';
import { openCheckpoint } from '../core/log/checkpoint.ts';
import { LogFormatError } from '../core/log/error.ts';
import { ed25519Verifier, parseNote, parseVkey } from '../core/log/note.ts';
import type { LogKind } from '../core/log/origin.ts';
import { verifyEd25519 } from '../ed25519.ts';
import { sha256 } from '../hash.ts';
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
  /**
   * Shows the head of an opening that was let out before, by the checkpoint that was stored of it: no key is asked.
   *
   * Returns: whether it is that: `committed` is what the guard let out last, nothing else is noted, and this log's own key signed the note.
   * Why:     the note comes from the database, which is not believed.
   */
  takeUp(origin: string, committed: GuardedHead, note: string): Promise<boolean>;
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
  /** Whether nothing is left to settle of a log: what is committed is shown, the guard has let out just that, and has nothing else noted. */
  isSettled(origin: string, committed: GuardedHead | null): boolean;
  /** Every log the guard has heard of. */
  origins(): readonly string[];
  close(): Promise<void>;
};

const isSame = (a: GuardedHead, b: GuardedHead): boolean => a.size === b.size && sameBytes(a.root, b.root);
const isSigned = (head: LetOutHead): head is ReleasedHead => head.note !== null;

/** The signer over a desk: it keeps what is shown, and knows when database and guard contradict each other. */
export function createSigner(keyring: Keyring, desk: HeadDesk): Signer {
  const shown = new Map<string, ReleasedHead>();
  const show = (origin: string, head: ReleasedHead): void => {
    if (head.size > (shown.get(origin)?.size ?? 0)) shown.set(origin, head);
  };
  /** Whether the guard has let out just what is committed, and has nothing else noted. */
  function agrees(origin: string, committed: GuardedHead | null): boolean {
    const out = desk.released(origin);
    return (
      desk.pending(origin).length === 0 &&
      (out === null || committed === null ? out === committed : isSame(out, committed))
    );
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
      const noted = desk.pending(origin);
      const isCommitted = (head: GuardedHead): boolean =>
        committed !== null && head.size === size && sameBytes(head.root, committed.root);
      const isGrown = size > (out?.size ?? 0);
      if (isGrown && !noted.some(isCommitted))
        throw new RestoredBackupError('guard_is_behind', origin, `the database's head at ${size} was never noted`);
      // Larger than what is committed, or another root: its transaction is gone. Said by name and before anything is waited for: the
      // lock under which this is known may be lost while a slow key signs, and the next round then notes heads of its own.
      const dropping = desk.drop(
        origin,
        noted.filter((head) => head.size >= size && !isCommitted(head)),
      );
      if (isGrown && committed !== null) return (await Promise.all([desk.release(origin, committed), dropping]))[0];
      // Let out, and then the key failed: only the signature is lacking.
      const signing = out === null || isSigned(out) ? out : desk.release(origin, out);
      return (await Promise.all([signing, dropping]))[0];
    },
    async takeUp(origin, committed, note) {
      if (!agrees(origin, committed)) return false;
      try {
        const key = ed25519Verifier(parseVkey(sha256, keyring.vkeyOf(origin, 'opening')), verifyEd25519);
        const { checkpoint } = await openCheckpoint(note, key);
        // A stranger's line beside it would go on into the ledger.
        if (!isSame(checkpoint, committed) || parseNote(note).signatures.length !== 1) return false;
      } catch (fault) {
        if (fault instanceof LogFormatError) return false;
        throw fault;
      }
      const { size, root } = committed;
      show(origin, { size, root, note });
      return true;
    },
    isSettled(origin, committed) {
      if (!agrees(origin, committed)) return false;
      const out = shown.get(origin);
      return committed === null || (out !== undefined && isSame(out, committed));
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
