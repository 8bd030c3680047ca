/** The platform's keys for receipts as this browser believes them: listed by the ledger, whose own key is held on to from the first visit. */
import { sha256 } from '@noble/hashes/sha2.js';
import type { Api } from '../../server/client/api.ts';
import { type ListedReceiptKey, readLedgerKeys } from '../../server/client/ledger-keys.ts';
import { SealError } from '../../server/client/seal-error.ts';
import type { VerifyEd25519 } from '../../server/core/log/note.ts';
import { keepText, keptText } from '../parts/kept-text.ts';

const LEDGER = 'ledger';

/**
 * Reads and proves them.
 *
 * Shape:  `platform` is the name in the opening's log.
 * Throws: SealError ledger_not_genuine, also when no announcement leads from the ledger's key of an earlier visit to its present one; ApiError.
 */
export async function receiptKeysHere(
  api: Pick<Api, 'readLogFile'>,
  platform: string,
  verifyEd25519: VerifyEd25519,
): Promise<readonly ListedReceiptKey[]> {
  const place = `kaibiao.ledger.${platform}`;
  const terms = { sha256, verifyEd25519, origin: `${platform}/${LEDGER}`, pinned: keptText(place) };
  const found = await readLedgerKeys((path) => api.readLogFile(LEDGER, path), terms);
  if ('doubt' in found) throw new SealError('ledger_not_genuine', `${found.doubt}: ${found.detail}`);
  keepText(place, found.vkey);
  return found.receiptKeys;
}
