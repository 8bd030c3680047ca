/** What is promised of an opening key and its shares (seal/LAYERS.md): one corrupted share would silently give a wrong secret, so each is committed to. */
import { toBase64Url } from '../log/base64.ts';
import { joinBytes } from '../log/bytes.ts';
import type { Sha256 } from '../log/hash.ts';
import { utf8 } from '../log/utf8.ts';
import { type WindowKey, windowKeyId } from './decryption.ts';

/** The secret that wraps the opening key's private half: an AES-256 key. */
export const SECRET_BYTES = 32;
/** Shamir over GF(2^8): one byte of the curve for each of the secret's, then the place at which they were taken. */
export const KEY_SHARE_BYTES = SECRET_BYTES + 1;

/**
 * The promise of one holder's share: base64url of SHA-256("opening-key-share-v1\0" ‖ openingId ‖ "\0" ‖ holder ‖ "\0" ‖ share).
 *
 * Why: binding, and it tells nothing of a share with 256 random bits; opening and holder are in it, so that a share of another
 *      opening, or another's share, is found out.
 */
export function shareCommit(sha256: Sha256, about: { openingId: string; holder: number }, share: Uint8Array): string {
  return commit(sha256, `opening-key-share-v1\0${about.openingId}\0${about.holder}\0`, share);
}

/** The promise of the secret: base64url of SHA-256("opening-key-secret-v1\0" ‖ openingId ‖ "\0" ‖ secret). */
export function secretCommit(sha256: Sha256, openingId: string, secret: Uint8Array): string {
  return commit(sha256, `opening-key-secret-v1\0${openingId}\0`, secret);
}

/** What the log names of an opening key: of a second layer its certificate, DER; of a blind window the key itself. */
export type PublicHalf = { certificate: Uint8Array } | { windowKey: WindowKey };

/** What the wrapped private half is bound to: the additional data of its AES-256-GCM. */
export function openingKeyBinding(sha256: Sha256, about: PublicHalf & { openingId: string }): Uint8Array {
  const name = 'certificate' in about ? toBase64Url(sha256(about.certificate)) : windowKeyId(sha256, about.windowKey);
  return utf8(`opening-key-v1\0${about.openingId}\0${name}`);
}

function commit(sha256: Sha256, label: string, secret: Uint8Array): string {
  const input = joinBytes(utf8(label), secret);
  const digest = toBase64Url(sha256(input));
  input.fill(0);
  return digest;
}
