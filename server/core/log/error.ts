/** The one fault of this room: bytes or values that are not what a log format says, with a stable code. */

/** Every code a `LogFormatError` can carry; the part before the first underscore names the format. */
export const LOG_FORMAT_CODES = [
  'base64_malformed',
  'utf8_malformed',
  'instant_malformed',
  'json_malformed',
  'json_value_refused',
  'json_text_not_nfc',
  'json_number_refused',
  'json_too_deep',
  'json_not_canonical',
  'disclosure_malformed',
  'disclosure_too_long',
  'entry_malformed',
  'entry_too_long',
  'merkle_size_refused',
  'merkle_index_refused',
  'merkle_range_malformed',
  'vkey_malformed',
  'vkey_weak',
  'key_name_malformed',
  'note_malformed',
  'note_too_long',
  'note_signature_bad',
  'note_unsigned',
  'checkpoint_malformed',
  'checkpoint_other_log',
  'cosignature_malformed',
  'cosign_request_malformed',
  'policy_malformed',
  'tile_path_malformed',
  'tile_malformed',
  'bundle_malformed',
  'proof_malformed',
  'batch_malformed',
  'reveal_malformed',
  'head_malformed',
  'manifest_malformed',
] as const;

export type LogFormatCode = (typeof LOG_FORMAT_CODES)[number];

/** Thrown by every parser and printer of server/core/log; `code` is stable, `message` is for people. */
export class LogFormatError extends Error {
  readonly code: LogFormatCode;

  constructor(code: LogFormatCode, message: string) {
    super(`${code}: ${message}`);
    this.name = 'LogFormatError';
    this.code = code;
  }
}

/**
 * Throws a `LogFormatError` unless the condition holds.
 *
 * Why: format rules read as a list of demands, one a line, with the code at the end.
 */
export function demand(condition: boolean, code: LogFormatCode, message: string): asserts condition {
  if (!condition) throw new LogFormatError(code, message);
}

/**
 * What `read` returns; a `LogFormatError` of it comes out under another code.
 *
 * Why: a caller that parses a note should learn that the note is malformed, not that some base64 in it was.
 */
export function recode<T>(code: LogFormatCode, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (cause instanceof LogFormatError && cause.code !== code) throw new LogFormatError(code, cause.message);
    throw cause;
  }
}
