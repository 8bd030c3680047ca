/** The content of an envelope on its way through the cipher: plaintext, promise and archive in one pass. It says nothing before the tag has been checked. */
import { createHmac } from 'node:crypto';
import { type ArchiveEntry, startArchive } from '../core/seal/archive.ts';
import { type ArchiveCode, ArchiveError } from '../core/seal/archive-error.ts';
import { openingListDisclosure, type StartHmac } from '../core/seal/commitments.ts';
import type { ContentAlgorithm } from '../core/seal/content-cipher.ts';
import { type OpeningList, type OpeningListProblem, readOpeningList } from '../core/seal/opening-list.ts';
import { sha256 } from '../hash.ts';
import { startDeciphering } from './deciphering.ts';
import { firstProblem } from './first-problem.ts';
import { inflate } from './inflate.ts';

export type OpenedList = {
  openingList: OpeningList;
  /** `[salt, "openingList", list]`, and its digest, which the bidder promised. */
  disclosure: string;
  openingListCommit: string;
  entries: ArchiveEntry[];
};

export type Content =
  | { isAuthentic: false }
  | {
      isAuthentic: true;
      contentCommit: string;
      contentBytes: number;
      list: OpenedList | { problem: ArchiveCode | OpeningListProblem };
    };

export const startHmac: StartHmac = (key) => {
  const hmac = createHmac('sha256', key);
  return { update: (bytes) => void hmac.update(bytes), digest: () => hmac.digest() };
};

export type ContentPass = {
  /** Returns: plaintext that nothing vouches for yet. */
  update(ciphertext: Uint8Array): Uint8Array;
  finish(tag: Uint8Array): Content;
};

/** Starts opening one content. The key stays the caller's to erase. */
export function startContent(cek: Uint8Array, algorithm: ContentAlgorithm): ContentPass {
  const deciphering = startDeciphering(cek, algorithm, startHmac);
  const archive = startArchive(inflate);
  /** What the archive says must wait for the tag: until then its faults may be an attacker's. */
  const problem = firstProblem<ArchiveCode>(ArchiveError);

  function readList(): OpenedList | { problem: ArchiveCode | OpeningListProblem } {
    const contents = problem.attempt(() => archive.end());
    if (contents === undefined) return { problem: problem.code() ?? 'truncated' };
    const read = readOpeningList(contents.openingList);
    if ('problem' in read) return read;
    const { disclosure, digest } = openingListDisclosure(sha256, cek, read.list);
    return { openingList: read.list, disclosure, openingListCommit: digest, entries: contents.entries };
  }

  return {
    update(ciphertext) {
      const plaintext = deciphering.update(ciphertext);
      problem.attempt(() => archive.push(plaintext));
      return plaintext;
    },
    finish(tag) {
      const proven = deciphering.finish(tag);
      return proven.isAuthentic ? { ...proven, list: readList() } : proven;
    },
  };
}
