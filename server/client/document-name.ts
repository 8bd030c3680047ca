/** Which names documents may have in the archive of a bid. */
import { utf8 } from '../core/log/utf8.ts';
import { ArchiveError } from '../core/seal/archive-error.ts';
import { FLAG_UTF8, readName } from '../core/seal/archive-records.ts';
import { SealError } from './seal-error.ts';

/** Throws: SealError name_not_allowed for what the archive's readers would refuse, for a folder, and for letters that are not in NFC. */
export function checkDocumentName(name: string): void {
  try {
    const isNormal = name.normalize('NFC') === name && !name.endsWith('/');
    if (isNormal && readName(utf8(name), FLAG_UTF8) === name) return;
  } catch (error) {
    if (!(error instanceof ArchiveError)) throw error;
  }
  throw new SealError('name_not_allowed');
}
