/** The platform's key for receipts as this browser believes it: listed by the ledger, whose own key is held on to from the first visit. */
import { sha256 } from '@noble/hashes/sha2.js';
import type { Api } from '../../server/client/api.ts';
import { readListedKey } from '../../server/client/ledger-key.ts';
import { SealError } from '../../server/client/seal-error.ts';
import { LogFormatError } from '../../server/core/log/error.ts';
import { ed25519Verifier, parseVkey, type VerifyEd25519 } from '../../server/core/log/note.ts';
import { fromUtf8 } from '../../server/core/log/utf8.ts';
import type { ReceiptKey } from '../../server/core/seal/receipt-key.ts';
import { keepText, keptText } from '../parts/kept-text.ts';

const LEDGER = 'ledger';

/**
 * Reads and proves it.
 *
 * Shape:  `platform` is the name in the opening's log.
 * Throws: SealError ledger_not_genuine, also when the ledger has another key than at an earlier visit; ApiError.
 */
export async function receiptKeyHere(
  api: Pick<Api, 'readLogFile'>,
  platform: string,
  verifyEd25519: VerifyEd25519,
): Promise<ReceiptKey> {
  const place = `kaibiao.ledger.${platform}`;
  const readFile = (path: string) => api.readLogFile(LEDGER, path);
  try {
    const vkey = fromUtf8(await readFile('vkey')).replace(/\n$/u, '');
    const pinned = keptText(place);
    if (pinned !== null && pinned !== vkey) throw new SealError('ledger_not_genuine', 'log_key_changed');
    const key = parseVkey(sha256, vkey);
    if (key.name !== `${platform}/${LEDGER}`) throw new SealError('ledger_not_genuine', 'other_log');
    const listed = await readListedKey(sha256, readFile, ed25519Verifier(key, verifyEd25519));
    if ('doubt' in listed) throw new SealError('ledger_not_genuine', listed.doubt);
    keepText(place, vkey);
    return listed.key;
  } catch (fault) {
    if (fault instanceof LogFormatError) throw new SealError('ledger_not_genuine', fault.code);
    throw fault;
  }
}
