/** The fields for certificate files and their password, wherever a page opens them itself. */
import type { JSX } from 'preact';
import { KeyFileError } from '../keys/key-file-error.ts';
import { say } from './words.ts';

/** The largest file that is looked at, bytes; one with a chain of four is 10 KB. */
const FILE_LIMIT_BYTES = 1_048_576;

export function KeyFileFields(): JSX.Element {
  return (
    <>
      <label class="field">
        <span>{say('files')}</span>
        <input name="files" type="file" accept=".pfx,.p12,application/x-pkcs12" multiple required />
        <span class="field-hint">{say('filesHint')}</span>
      </label>
      <label class="field">
        <span>{say('password')}</span>
        <input name="password" type="password" autocomplete="off" />
      </label>
    </>
  );
}

/** What was filled in there. Throws: KeyFileError for a file that is too large. */
export function keyFilesIn(form: FormData): { readonly files: readonly Blob[]; readonly password: string } {
  const files = form.getAll('files').map((value) => {
    if (typeof value === 'string' || value.size > FILE_LIMIT_BYTES)
      throw new KeyFileError('key_file_unknown', 'too large');
    return value;
  });
  return { files, password: String(form.get('password') ?? '') };
}
