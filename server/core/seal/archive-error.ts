/** Why bytes are not an archive we accept: one error class with a closed set of stable codes. */

export const ARCHIVE_CODES = [
  'prefix_bytes',
  'first_not_opening_list',
  'opening_list_too_long',
  'opening_list_damaged',
  'encrypted_entry',
  'data_descriptor',
  'unsupported_flags',
  'unsupported_method',
  'stored_size_differs',
  'bad_name',
  'duplicate_name',
  'extra_field',
  'zip64_mismatch',
  'too_many_entries',
  'gap',
  'central_mismatch',
  'not_a_file',
  'comment',
  'end_mismatch',
  'trailing_bytes',
  'truncated',
] as const;

export type ArchiveCode = (typeof ARCHIVE_CODES)[number];

/** A fault of the archive; `message` is the code alone, since an entry's name is content of the bid. */
export class ArchiveError extends Error {
  readonly code: ArchiveCode;

  constructor(code: ArchiveCode) {
    super(code);
    this.name = 'ArchiveError';
    this.code = code;
  }
}
