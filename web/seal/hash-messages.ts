/** What a sealing worker and a hashing one say to each other over their port. */

/** `hmacKey` null: a plain SHA-256. The bytes are the first `length` of `memory`, which goes over and comes back. */
export type HashRequest =
  | { readonly kind: 'start'; readonly hmacKey: Uint8Array | null }
  | { readonly kind: 'bytes'; readonly memory: ArrayBuffer; readonly length: number }
  | { readonly kind: 'end' };
/** `taken` answers each `bytes`, `digest` the end. */
export type HashAnswer =
  | { readonly kind: 'taken'; readonly memory: ArrayBuffer }
  | { readonly kind: 'digest'; readonly digest: Uint8Array };

/** What hashes at the other end of this port, one thing after another, each begun by a `start`. */
export type HashPort = Pick<MessagePort, 'postMessage' | 'onmessage'>;
