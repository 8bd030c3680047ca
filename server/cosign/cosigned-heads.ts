/** What a cosigner remembers: of each log the last checkpoint it signed, never half written, never older after a crash, and one history whoever else writes. */
import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { toHex } from '../core/log/bytes.ts';
import { parseDecimal } from '../core/log/decimal.ts';
import { utf8 } from '../core/log/utf8.ts';
import { syncFolder, writeOnce } from '../durable-file.ts';
import { sha256 } from '../hash.ts';
import type { World } from '../world.ts';

/** Of each log so many of the last notes stay, each a file of its own; see `write` for why more than one. */
export const KEPT_TURNS = 16;

/** A note and the turn it was written in: turns of a log are counted from 1. */
export type CosignedHead = { readonly turn: number; readonly note: Uint8Array };

export type CosignedHeads = {
  /** The last cosigned note of a log by the hex SHA-256 of its origin; null when it never signed one. */
  read(originHash: string): Promise<CosignedHead | null>;
  /**
   * Writes the next turn.
   *
   * Shape:   `turn` is one more than that of the head that was read, 1 when there was none.
   * Returns: true once the note is durable; false when another process has written this turn or a later one: what was read is no longer
   *          the last, and nothing may be signed on it.
   */
  write(originHash: string, turn: number, note: string): Promise<boolean>;
};

/** The name of a log in its files and in its address for monitors. */
export const hashOfOrigin = (origin: string): string => toHex(sha256(utf8(origin)));

/**
 * Opens the heads in a folder, making it on the first start.
 *
 * Why: each turn is a file `<hash>.<turn>` that is linked into its place and never replaced, so that of two processes with one folder — in two
 *      containers, where no lock of the kernel's reaches from one to the other — only one writes a turn; the other is told so, reads what
 *      that one signed, and goes on from there. Killed before the link the last head stands; after it the new one does, whose signature
 *      nobody may have got: the log learns of it by a 409 and goes on from there. A file `<hash>` alone is of the version before: turn 0.
 */
export async function openCosignedHeads(folder: string, randomBytes: World['randomBytes']): Promise<CosignedHeads> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await syncFolder(join(folder, '..'));
  // What a crash left half written. Of another process that is writing just now it costs one answer: its link finds nothing.
  for (const name of await readdir(folder)) if (name.includes('.part')) await rm(join(folder, name), { force: true });
  const fileOf = (originHash: string, turn: number): string =>
    join(folder, turn === 0 ? originHash : `${originHash}.${turn}`);

  /** The turns of a log, the last in front. */
  async function turnsOf(originHash: string): Promise<number[]> {
    const turns = (await readdir(folder)).flatMap((name) => {
      if (name === originHash) return [0];
      return name.startsWith(`${originHash}.`) ? (parseDecimal(name.slice(originHash.length + 1)) ?? []) : [];
    });
    return turns.sort((a, b) => b - a);
  }

  return {
    async read(originHash) {
      // one that was killed between the link and this, or whose disk failed there, has left a turn that a power failure may still take
      await syncFolder(folder);
      const [turn] = await turnsOf(originHash);
      if (turn === undefined) return null;
      return { turn, note: new Uint8Array(await readFile(fileOf(originHash, turn))) };
    },
    async write(originHash, turn, note) {
      const isFirst = await writeOnce(fileOf(originHash, turn), note, randomBytes);
      if (!isFirst) return false;
      // A turn that was written and taken away again is free once more. But what takes turns away leaves later ones, so that whoever is
      // that late sees one now; and as many stay as nobody writes while a folder is being listed.
      const turns = await turnsOf(originHash);
      if (turns[0] !== turn) {
        await rm(fileOf(originHash, turn));
        return false;
      }
      for (const old of turns.slice(KEPT_TURNS)) await rm(fileOf(originHash, old), { force: true });
      return true;
    },
  };
}
