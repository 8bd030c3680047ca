/** Why bytes are not an envelope we accept: one error class with a closed set of stable codes. */

export const ENVELOPE_CODES = [
  'not_auth_enveloped',
  'bad_tag',
  'bad_length',
  'bad_der',
  'bad_version',
  'originator_info',
  'no_recipient',
  'two_recipients',
  'unsupported_recipient',
  'wrong_content_type',
  'wrong_cipher',
  'bad_nonce',
  'short_tag',
  'no_content',
  'tiny_segments',
  'nested_too_deep',
  'auth_attrs',
  'unauth_attrs',
  'header_too_long',
  'trailing_bytes',
  'truncated',
] as const;

export type EnvelopeCode = (typeof ENVELOPE_CODES)[number];

/** A fault of the bytes, never of the reader; `message` may be shown and holds nothing of the content. */
export class EnvelopeError extends Error {
  readonly code: EnvelopeCode;

  constructor(code: EnvelopeCode, detail?: string) {
    super(detail === undefined ? code : `${code}: ${detail}`);
    this.name = 'EnvelopeError';
    this.code = code;
  }
}
