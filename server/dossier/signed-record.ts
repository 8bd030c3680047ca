/** A record on paper with the platform's word behind it: that these are the bytes it shows for this record, by the key of the opening's log. */
import { openingOrigin } from '../core/log/origin.ts';
import { appendRecordNote, formatRecordStatement } from '../core/opening/record-paper.ts';
import { sha256 } from '../hash.ts';
import type { Keyring } from '../recorder/keyring.ts';
import type { RecordOnPaper } from './record-pdf.ts';

export type RecordSigner = Pick<Keyring, 'vkeyOf' | 'signRecord'>;

/**
 * Signs what `renderRecord` made.
 *
 * Returns: the PDF with a signed note behind it; the same for the same record and key, for Ed25519 draws nothing.
 * Throws:  SignerError, KeyError.
 * Why:     the key that also signs the log's heads, so that whoever verifies the log has the key to this file, and `kaibiao verify` and the
 *          verify page need nobody. A PDF signature (CMS) would ask for a certificate that readers believe, which no platform's key has.
 */
export async function signRecord(
  signer: RecordSigner,
  platform: string,
  { mark, origin }: RecordOnPaper,
  pdf: Uint8Array,
): Promise<Uint8Array> {
  const log = openingOrigin(platform, mark.openingId);
  const vkey = signer.vkeyOf(log, 'opening');
  const statement = formatRecordStatement({ log, origin, mark, vkey, sha256: sha256(pdf) });
  return appendRecordNote(pdf, await signer.signRecord(statement));
}
