/** The content key of a bid as its bidder keeps it for a remedy: the file, and what of it is one. */
import * as Type from 'typebox';
import { Check } from 'typebox/schema';
import { fromBase64Url } from '../core/log/base64.ts';
import { LogFormatError } from '../core/log/error.ts';
import { CEK_BYTES } from '../core/seal/commitments.ts';

const BackupSchema = Type.Object(
  { v: Type.Literal(1), openingId: Type.String(), bidId: Type.String(), contentKey: Type.String() },
  { additionalProperties: false },
);
/** A kept content key, base64url. With the envelope it opens the bid: it is kept like the bid itself. */
export type KeyBackup = Type.Static<typeof BackupSchema>;

/** The backup in a file's text; null where it is none. */
export function readKeyBackup(text: string): KeyBackup | null {
  try {
    const backup: unknown = JSON.parse(text);
    return Check(BackupSchema, backup) && fromBase64Url(backup.contentKey).length === CEK_BYTES ? backup : null;
  } catch (fault) {
    if (fault instanceof SyntaxError || fault instanceof LogFormatError) return null;
    throw fault;
  }
}
