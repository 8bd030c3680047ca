/** What a bidder promises about a sealed bid before the deadline, so that one ciphertext can only ever become one bid. */
import { toBase64Url } from '../log/base64.ts';
import { joinBytes } from '../log/bytes.ts';
import type { Json } from '../log/canonical.ts';
import { makeDisclosure } from '../log/disclosure.ts';
import type { Sha256 } from '../log/hash.ts';
import { utf8 } from '../log/utf8.ts';

/** A content-encryption key is 32 bytes. */
export const CEK_BYTES = 32;
/** The withheld field an opening list is disclosed as. */
export const OPENING_LIST_FIELD = 'openingList';

/** HMAC-SHA-256 in pieces, handed in. */
export type Hmac = { update(bytes: Uint8Array): void; digest(): Uint8Array };
export type StartHmac = (key: Uint8Array) => Hmac;

/**
 * The promise of one content key: base64url of SHA-256("bid-cek-v1\0" ‖ CEK).
 *
 * Why: GCM does not commit to its key, one ciphertext can open to two prices under two keys; this does commit, and tells nothing
 *      of 256 random bits.
 */
export function cekCommit(sha256: Sha256, cek: Uint8Array): string {
  return toBase64Url(derive(sha256, 'bid-cek-v1\0', cek));
}

/**
 * Starts the promise of the content: HMAC-SHA-256 over the plaintext under SHA-256("bid-content-v1\0" ‖ CEK).
 *
 * Why: a bare hash of a short form could be guessed before the opening.
 */
export function startContentCommit(sha256: Sha256, startHmac: StartHmac, cek: Uint8Array) {
  const key = contentCommitKey(sha256, cek);
  const hmac = startHmac(key);
  key.fill(0);
  return {
    update: (plaintext: Uint8Array): void => hmac.update(plaintext),
    /** The promise, base64url. */
    digest: (): string => toBase64Url(hmac.digest()),
  };
}

/** The key of the content's promise, which the caller erases: for whoever computes the HMAC elsewhere, or later. */
export function contentCommitKey(sha256: Sha256, cek: Uint8Array): Uint8Array {
  return derive(sha256, 'bid-content-v1\0', cek);
}

/**
 * The disclosure of an opening list and its digest, which is the promise `openingListCommit`.
 *
 * Why: the salt is SHA-256("bid-list-salt-v1\0" ‖ CEK) and not a secret of its own. Whoever opens the bid can then disclose the
 *      list without another secret having to travel (also for envelopes a foreign tool sealed), and nobody learns the key
 *      from the salt. A salt inside the archive was rejected: the first entry is the list and nothing but the list.
 */
export function openingListDisclosure(
  sha256: Sha256,
  cek: Uint8Array,
  list: Json,
): { disclosure: string; digest: string } {
  return makeDisclosure(sha256, derive(sha256, 'bid-list-salt-v1\0', cek), OPENING_LIST_FIELD, list);
}

function derive(sha256: Sha256, label: string, cek: Uint8Array): Uint8Array {
  if (cek.length !== CEK_BYTES) throw new RangeError(`a content key has ${CEK_BYTES} bytes`);
  const input = joinBytes(utf8(label), cek);
  const derived = sha256(input);
  input.fill(0);
  return derived;
}
