/** Why a key file is not taken: a closed set of codes. */

/** Why a key file is not taken; each has its words in the page's dictionary. */
export const KEY_FAULTS = [
  'key_unreadable',
  'key_file_unknown',
  'key_of_another_certificate',
  'key_cannot_unwrap',
  'bid_file_malformed',
  'bid_file_other',
  'backup_malformed',
] as const;
export type KeyFault = (typeof KEY_FAULTS)[number];

export class KeyFileError extends Error {
  override readonly name = 'KeyFileError';
  readonly code: KeyFault;

  constructor(code: KeyFault, detail = '') {
    super(detail === '' ? code : `${code}: ${detail}`);
    this.code = code;
  }
}
