/** A submission as the intake holds it: its data once, and the login behind the act by its hash. */
import { canonicalise, type Json } from '../core/log/canonical.ts';
import { fromUtf8 } from '../core/log/utf8.ts';
import { sha256OfText } from '../hash.ts';
import { contentDigest } from './deciding.ts';
import type { Known, Submission } from './submission.ts';

/** What becomes durable of a submission. */
export type StoredSubmission = {
  /** RFC 8785 text. */
  readonly content: string;
  /** The login JWS that `logins` holds for it; null when no session key signed. */
  readonly login: string | null;
};

/**
 * What stands in the content: `act` is the act's JWS alone when what belongs to it is found elsewhere, its data in `data` (then `actHasData`)
 * and its login in `logins`; a submission in full has the whole act there, as earlier versions wrote it.
 */
type Content = Omit<Submission, 'act'> & { readonly act: string | Submission['act']; readonly actHasData?: true };

/** Throws: LogFormatError for what is no plain JSON. */
export function storeSubmission(submission: Submission): StoredSubmission {
  const { act, login, data } = submission.act;
  // Data that is not the command's own, which no caller of ours sends, is kept as it came.
  if (data !== undefined && data !== submission.data)
    return { content: canonicalise(submission as unknown as Json), login: null };
  const content: Content = { ...submission, act, ...(data === undefined ? {} : { actHasData: true }) };
  return { content: canonicalise(content as unknown as Json), login: login ?? null };
}

/**
 * The submission in a row that this process did not receive itself, and the digest of what it asks.
 *
 * Throws: when its bytes are no JSON.
 */
export function readSubmission(bytes: Uint8Array, login: string | null): Known {
  const { actHasData, ...content } = JSON.parse(fromUtf8(bytes)) as Content;
  const { act: stored, data } = content;
  const loginSha256 = login === null ? null : sha256OfText(login);
  const act =
    typeof stored === 'string'
      ? { act: stored, ...(actHasData === true ? { data } : {}), ...(login === null ? {} : { login }) }
      : stored;
  const submission: Submission = { ...content, act };
  return { submission, digest: contentDigest(submission), loginSha256 };
}
