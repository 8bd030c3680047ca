/** DER elements one behind the other, as the evidence beside a token is stored. */
import { derChildren, TAG } from '../pki/der.ts';
import { readingDer } from './timestamp-error.ts';

/** The elements of which the bytes are made, in order. Throws: TimestampError timestamp_der. */
export function splitElements(bytes: Uint8Array): Uint8Array[] {
  return readingDer(() => derChildren({ tag: TAG.sequence, full: bytes, content: bytes }).map(({ full }) => full));
}
