/** Which names documents may have in the archive of a bid: what its readers refuse is found before anything is sealed. */
import { utf8 } from '../core/log/utf8.ts';
import { ARCHIVE_ENTRIES_LIMIT } from '../core/seal/archive.ts';
import { ArchiveError } from '../core/seal/archive-error.ts';
import { FLAG_UTF8, foldName, readName } from '../core/seal/archive-records.ts';
import { OPENING_LIST_NAME } from '../core/seal/opening-list.ts';
import { SealError } from './seal-error.ts';

/** The sealing tool's facts, the last of an archive. */
export const TOOL_FACTS_NAME = 'tool.json';

/**
 * The names of an archive, all of them, in order.
 *
 * Throws: SealError name_not_allowed for what the archive's readers would refuse, for a folder, and for letters that are not in NFC;
 *         names_alike for two that are one to those readers; too_many_documents.
 * Why:    an archive that its readers refuse seals like any other, and is found in the window, as its bidder's fault.
 */
export function checkDocumentNames(names: readonly string[]): void {
  if (names.length > ARCHIVE_ENTRIES_LIMIT) throw new SealError('too_many_documents');
  for (const name of names) checkDocumentName(name);
  if (findAlike(names) !== null) throw new SealError('names_alike');
}

/** The first of the chosen documents that has another's name, or that of what every archive holds beside them; null when none has. */
export function findAlikeDocument(chosen: readonly string[]): string | null {
  return findAlike([OPENING_LIST_NAME, TOOL_FACTS_NAME, ...chosen]);
}

function findAlike(names: readonly string[]): string | null {
  const known = new Set<string>();
  for (const name of names) {
    if (known.has(foldName(name))) return name;
    known.add(foldName(name));
  }
  return null;
}

/** One of them by itself. Throws: SealError name_not_allowed. */
export function checkDocumentName(name: string): void {
  try {
    const isNormal = name.normalize('NFC') === name && !name.endsWith('/');
    if (isNormal && readName(utf8(name), FLAG_UTF8) === name) return;
  } catch (error) {
    if (!(error instanceof ArchiveError)) throw error;
  }
  throw new SealError('name_not_allowed');
}
