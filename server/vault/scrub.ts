/** Reads every stored envelope of an opening once more and holds it against what was signed and receipted; it opens none and mends none. */
import { fromBase64Url } from '../core/log/base64.ts';
import type { Json } from '../core/log/canonical.ts';
import { fromUtf8 } from '../core/log/utf8.ts';
import { STORAGE_FAILURES, type StorageFailure } from '../core/opening/findings.ts';
import { isLodgementPayload } from '../core/seal/lodgement.ts';
import { envelopesOf } from '../store/bids.ts';
import type { Sql } from '../store/driver.ts';
import type { Scanner } from './scanner.ts';
import type { VaultFolder } from './vault-folder.ts';

/** An envelope that is not what was received; the platform kept it, so the platform answers for it (20号令31). */
export type Damage = {
  readonly bidId: string;
  readonly file: string;
  readonly failure: StorageFailure;
  /** A code for the operator. */
  readonly detail: string;
};

/**
 * Scrubs the envelopes of an opening, one after the other.
 *
 * Returns: those that are damaged, of replaced and withdrawn bids too.
 * Throws:  VaultClosed; what the database says; where the vault holds a statement it did not receive.
 * Source:  seal-format §3, first check: scanned before the window, and again with every opening.
 * Why:     found before the window, a damaged file can still be put back from a backup; found in it, the bid is lost.
 */
export async function scrubEnvelopes(
  deps: { readonly sql: Sql; readonly envelopes: Pick<VaultFolder, 'path'>; readonly scanner: Pick<Scanner, 'check'> },
  openingId: string,
): Promise<Damage[]> {
  const { sql, envelopes, scanner } = deps;
  const damaged: Damage[] = [];
  for (const { bidId, file, statement } of await envelopesOf(sql, openingId)) {
    const promised = JSON.parse(fromUtf8(fromBase64Url(statement.split('.')[1] ?? ''))) as Json;
    if (!isLodgementPayload(promised)) throw new Error('the vault holds a statement it did not receive');
    const checked = await scanner.check(envelopes.path(file), promised);
    if (checked.ok) continue;
    const failure = STORAGE_FAILURES.find((one) => one === checked.failure);
    if (failure === undefined) throw new Error(`a scan without a key found ${checked.failure}`);
    damaged.push({ bidId, file, failure, detail: checked.detail });
  }
  return damaged;
}
