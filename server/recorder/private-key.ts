/** The private half of a key that an opening named on its log and the vault key wraps: of its window, of holders' shares, a drawing or a round of quotes; used once and not kept. */
import type { KeyObject } from 'node:crypto';
import type { WindowKey } from '../core/seal/decryption.ts';
import type { Sql, TransactionSql } from '../store/driver.ts';
import { unwrapWindowKey } from '../vault/window-key.ts';

export type KeySources = { readonly tx: Sql | TransactionSql; readonly vaultKey: Uint8Array };

/** Returns: null where the key's row is not written yet, because what it is for begins in this very commit. */
export async function privateKeyOf(
  openingId: string,
  kid: string,
  { tx, vaultKey }: KeySources,
): Promise<KeyObject | null> {
  const [row] = await tx<{ publicJwk: string; wrappedPrivate: Uint8Array | null }[]>`
    SELECT public_jwk AS "publicJwk", wrapped_private AS "wrappedPrivate" FROM window_keys
    WHERE opening_id = ${openingId} AND kid = ${kid}`;
  if (row === undefined) return null;
  if (row.wrappedPrivate === null) throw new Error('a key that is still needed was destroyed');
  const publicKey = JSON.parse(row.publicJwk) as WindowKey;
  return unwrapWindowKey(vaultKey, { openingId, kid, publicKey, wrappedKey: row.wrappedPrivate });
}
