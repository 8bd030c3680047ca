/** The last checkpoint a person has seen of each log, kept in a file, so that no log can quietly show another history later. */
import { readFile, rename, writeFile } from 'node:fs/promises';
import { assembleFromTiles, type ReadTile } from '../../client/tile-proofs.ts';
import type { HeadSeen } from '../../core/log/act.ts';
import { toBase64 } from '../../core/log/base64.ts';
import { type Checkpoint, openCheckpoint } from '../../core/log/checkpoint.ts';
import { LogFormatError } from '../../core/log/error.ts';
import { consistencyPlan, emptyRoot } from '../../core/log/merkle.ts';
import type { NoteVerifier } from '../../core/log/note.ts';
import { acceptHead, type ReplicaReason } from '../../core/log/replica.ts';
import { sha256 } from '../../hash.ts';

/** A head that contradicts an earlier one: evidence, both notes are in it. */
export class HeadError extends Error {
  override readonly name = 'HeadError';
  readonly code: Exclude<ReplicaReason, 'head_is_older'>;
  readonly kept: string;
  readonly shown: string;

  constructor(code: HeadError['code'], kept: string, shown: string) {
    super(`${code}: keep both checkpoints, they prove that the log showed two histories`);
    this.code = code;
    this.kept = kept;
    this.shown = shown;
  }
}

/** Hashes of the consistency proof from one size to a larger one. */
export type ProofSource = (oldSize: number, size: number) => Promise<readonly Uint8Array[]>;

export type HeadKeeper = {
  /**
   * Takes a checkpoint that was shown.
   *
   * Returns: the newest accepted head: an older one that agrees changes nothing.
   * Throws:  LogFormatError when the log's key did not sign it; HeadError when it contradicts what was kept, and then
   *          the kept one stays.
   */
  accept(note: string, proof: ProofSource): Promise<Checkpoint>;
  /** What an act says it has seen; the empty log when nothing was. */
  headSeen(): HeadSeen;
  /** The newest accepted note, undefined before the first. */
  note(): string | undefined;
};

/**
 * The keeper of one log's head.
 *
 * Shape:  `file` holds the newest note; it need not exist yet. `verifier` is the log's own key, as the person trusts it; one of `earlier`,
 *         which it has followed, may have signed what is kept.
 * Throws: LogFormatError when the file is not a note of this log: it is evidence, so it is not overwritten.
 */
export async function keepHead({
  file,
  verifier,
  earlier = [],
}: {
  file: string;
  verifier: NoteVerifier;
  earlier?: readonly NoteVerifier[];
}): Promise<HeadKeeper> {
  let kept = await readKept(file, [verifier, ...earlier]);
  // One at a time, or two checkpoints that came together could each be compared with the same older one.
  let last: Promise<unknown> = Promise.resolve();

  async function acceptNext(note: string, proof: ProofSource): Promise<Checkpoint> {
    const { checkpoint } = await openCheckpoint(note, verifier);
    if (kept === undefined) return keep(note, checkpoint);
    const { size } = kept.checkpoint;
    if (checkpoint.size < size) {
      // Older, but is it our past? The same question the other way round.
      const hashes = await proof(checkpoint.size, size);
      const past = acceptHead(sha256, checkpoint, kept.checkpoint, hashes);
      if (!past.ok) throw contradiction(past.reason, note);
      return kept.checkpoint;
    }
    const hashes = checkpoint.size > size ? await proof(size, checkpoint.size) : [];
    const accepted = acceptHead(sha256, kept.checkpoint, checkpoint, hashes);
    if (!accepted.ok) throw contradiction(accepted.reason, note);
    return accepted.newer ? keep(note, checkpoint) : kept.checkpoint;
  }

  function contradiction(reason: ReplicaReason, shown: string): Error {
    if (reason === 'head_is_older' || kept === undefined) throw new Error(`cannot be: ${reason}`);
    return new HeadError(reason, kept.note, shown);
  }

  async function keep(note: string, checkpoint: Checkpoint): Promise<Checkpoint> {
    // Written beside and renamed: a crash leaves the old note or the new one.
    await writeFile(`${file}.part`, note, { mode: 0o600 });
    await rename(`${file}.part`, file);
    kept = { note, checkpoint };
    return checkpoint;
  }

  return {
    accept(note, proof) {
      const next = last.then(() => acceptNext(note, proof));
      last = Promise.allSettled([next]);
      return next;
    },
    headSeen: () => ({
      size: kept?.checkpoint.size ?? 0,
      root: toBase64(kept?.checkpoint.root ?? emptyRoot(sha256)),
    }),
    note: () => kept?.note,
  };
}

async function readKept(file: string, verifiers: readonly NoteVerifier[]) {
  let note: string;
  try {
    note = await readFile(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
  const [last, ...others] = [...verifiers].reverse();
  for (const verifier of others.reverse())
    try {
      return { note, checkpoint: (await openCheckpoint(note, verifier)).checkpoint };
    } catch (fault) {
      // perhaps one of the keys before it
      if (!(fault instanceof LogFormatError)) throw fault;
    }
  if (last === undefined) throw new Error('no key to check what is kept with');
  return { note, checkpoint: (await openCheckpoint(note, last)).checkpoint };
}

/**
 * Consistency proofs made here from the log's own tiles.
 *
 * Throws: LogFormatError tile_malformed.
 */
export function proofFromTiles(readTile: ReadTile): ProofSource {
  return (oldSize, size) => assembleFromTiles(sha256, readTile, consistencyPlan(oldSize, size), size);
}
