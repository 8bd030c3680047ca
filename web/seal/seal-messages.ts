/** What a page and its sealing worker say to each other. */
import type { SealErrorCode } from '../../server/client/seal-error.ts';
import type { SealFault } from './seal-fault.ts';
import type { SealedBid, SealStep, SealTask } from './seal-here.ts';

/** Ports to hashing workers: one for the envelope, one for the content of each layer. */
export type SealRequest = {
  readonly task: SealTask;
  /** The file in the page's own file system that the envelope becomes. */
  readonly fileName: string;
  readonly ports: readonly MessagePort[];
};
export type SealAnswer =
  | { readonly kind: 'progress'; readonly step: SealStep; readonly doneBytes: number; readonly allBytes: number }
  | { readonly kind: 'sealed'; readonly sealed: SealedBid; readonly isKept: boolean }
  | { readonly kind: 'refused'; readonly code: SealErrorCode; readonly detail: string | undefined }
  | { readonly kind: 'failed'; readonly code: SealFault }
  | { readonly kind: 'broken'; readonly detail: string };
