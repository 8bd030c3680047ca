/** What a page and its key worker say to each other; the bytes of a private key are in none of it. */
import type { SealErrorCode } from '../../server/client/seal-error.ts';
import type { JwsAlgorithm } from '../../server/core/log/act.ts';
import type { Recipient } from '../../server/core/seal/recipient-info.ts';
import type { KeyFault } from './key-file-error.ts';

/** A certificate whose key the worker holds: base64, itself first. */
export type ListedKey = { readonly certSha256: string; readonly x5c: readonly string[]; readonly alg: JwsAlgorithm };

export type KeyRequest = { readonly id: number } & (
  | { readonly kind: 'open'; readonly file: Blob; readonly password: string }
  | { readonly kind: 'sign'; readonly certSha256: string; readonly data: Uint8Array }
  | { readonly kind: 'unwrap'; readonly certSha256: string; readonly recipient: Recipient }
);
export type KeyAnswer = { readonly id: number } & (
  | { readonly kind: 'opened'; readonly keys: readonly ListedKey[] }
  | { readonly kind: 'signed'; readonly signature: Uint8Array }
  | { readonly kind: 'unwrapped'; readonly cek: Uint8Array }
  | { readonly kind: 'refused'; readonly code: KeyFault; readonly detail: string }
  | { readonly kind: 'not_unwrapped'; readonly code: SealErrorCode }
  | { readonly kind: 'broken'; readonly detail: string }
);
