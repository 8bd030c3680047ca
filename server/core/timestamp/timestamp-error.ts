/** Why bytes are not a time-stamp response we read: one error class with a closed set of stable codes. */
import { CertificateError } from '../pki/der.ts';

export const TIMESTAMP_ERROR_CODES = [
  'timestamp_too_large',
  'timestamp_der',
  'response_structure',
  'token_structure',
  'info_structure',
] as const;
export type TimestampErrorCode = (typeof TIMESTAMP_ERROR_CODES)[number];

/** A fault of the bytes, never of the reader; `message` may be shown. */
export class TimestampError extends Error {
  override readonly name = 'TimestampError';
  readonly code: TimestampErrorCode;

  constructor(code: TimestampErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

/** Runs a reader of core/pki; where it finds no DER, the response is at fault. Throws: TimestampError timestamp_der. */
export function readingDer<Value>(read: () => Value): Value {
  try {
    return read();
  } catch (error) {
    if (error instanceof CertificateError) throw new TimestampError('timestamp_der', error.message);
    throw error;
  }
}
