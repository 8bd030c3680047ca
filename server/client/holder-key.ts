/** Holding a share of an opening key: a key of one's own, the file it is kept in, the share that was dealt to it, and the share given back. */
import { exportJWK, generateKeyPair, importJWK } from 'jose';
import { isJsonObject, type JsonObject } from '../core/log/canonical.ts';
import type { Sha256 } from '../core/log/hash.ts';
import { type KeyHolder, type NamedKey, shareDealtTo } from '../core/opening/layer.ts';
import { personOf } from '../core/opening/staff.ts';
import type { OpeningState } from '../core/opening/state.ts';
import { SEALED_KEY_ALGORITHM, windowKeyId } from '../core/seal/decryption.ts';
import { shareCommit } from '../core/seal/opening-key.ts';
import { openSecret, type SecretKey } from './open-secret.ts';
import { sealSecretTo } from './seal-secret.ts';

/** The name of its file, for whoever keeps it. */
export const HOLDER_KEY_FILE = 'holder-key.json';

export type HolderKey = NamedKey & { readonly privateKey: SecretKey };

/** A fresh key, as the text of its file; of no other use than this opening. */
export async function makeHolderKey(openingId: string): Promise<string> {
  const { privateKey } = await generateKeyPair(SEALED_KEY_ALGORITHM, { crv: 'P-256', extractable: true });
  return `${JSON.stringify({ v: 1, openingId, key: await exportJWK(privateKey) })}\n`;
}

/** The key in such a file; null where it is none of this opening's. Nothing of it stands in an error. */
export async function readHolderKey(sha256: Sha256, text: string, openingId: string): Promise<HolderKey | null> {
  const jwk = jwkIn(text, openingId);
  if (jwk === null) return null;
  const { x, y } = jwk;
  if (typeof x !== 'string' || typeof y !== 'string') return null;
  const key = { kty: 'EC', crv: 'P-256', x, y } as const;
  try {
    const privateKey = await importJWK({ ...jwk, ...key }, SEALED_KEY_ALGORITHM);
    return { kid: windowKeyId(sha256, key), key, privateKey };
  } catch {
    // What the browser, Node.js or the library says of a key that is none may quote it; that it is none is all that goes on.
    return null;
  }
}

function jwkIn(text: string, openingId: string): JsonObject | null {
  try {
    const kept: unknown = JSON.parse(text);
    if (!isJsonObject(kept) || kept['openingId'] !== openingId) return null;
    const key = kept['key'];
    return isJsonObject(key) ? key : null;
  } catch (fault) {
    if (fault instanceof SyntaxError) return null;
    throw fault;
  }
}

/** A share that was opened; the bytes are the caller's to erase. */
export type OwnShare = { readonly share: Uint8Array; readonly holder: number; readonly commitment: string };

/**
 * Opens the share that was dealt to a key, and holds it against its promise.
 *
 * Returns: `no_dealt_share` where none was dealt to this key of this person; `share_not_as_dealt` where it is not what is promised: then it is
 *          not to be acknowledged, and the key has to be dealt anew.
 */
export async function openDealtShare(
  sha256: Sha256,
  { openingId, layer }: Pick<OpeningState, 'openingId' | 'layer'>,
  own: HolderKey,
  account: string,
): Promise<OwnShare | 'no_dealt_share' | 'share_not_as_dealt'> {
  const isOwn = ({ kid, account: of }: KeyHolder): boolean =>
    kid === own.kid && (!of.known || personOf(of.value) === personOf(account));
  const holder = layer.holders.find(isOwn)?.holder;
  const dealt = holder === undefined ? undefined : shareDealtTo(layer, holder);
  if (holder === undefined || dealt === undefined) return 'no_dealt_share';
  const share = await openSecret(dealt.sealed, own.privateKey, own.kid, { about: 'dealt_share', openingId, holder });
  const commitment = share === null ? null : shareCommit(sha256, { openingId, holder }, share);
  if (share === null || commitment !== dealt.commitment) return 'share_not_as_dealt';
  return { share, holder, commitment };
}

/** What is sent to give a share back, sealed to the key that the log names for it. Throws: SealError key_not_as_named. */
export async function shareToGive(
  sha256: Sha256,
  openingId: string,
  { share, holder, commitment }: OwnShare,
  shareKey: NamedKey,
): Promise<{ readonly commitment: string; readonly sealed: string }> {
  const sealed = await sealSecretTo(sha256, share, shareKey, { about: 'unsealing_share', openingId, holder });
  return { commitment, sealed };
}
