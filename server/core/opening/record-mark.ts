/** What stands in the QR code of an opening record: which record it is, and the head of the log that it can be found under. */
import { fromBase64, fromBase64Url, toBase64Url } from '../log/base64.ts';
import { LogFormatError } from '../log/error.ts';
import { HASH_BYTES } from '../log/hash.ts';

export type RecordMark = {
  readonly openingId: string;
  readonly version: number;
  /** Base64url of the record's digest, as bidders sign it. */
  readonly sha256: string;
  /** Entries up to and with the one that issued this version. */
  readonly size: number;
  /** Base64 of the log's root at that size. */
  readonly root: string;
};

/** Only what a reader typed: an opening, and a version of its record where one was named. */
export type RecordNumber = { readonly openingId: string; readonly version: number | null };

const ID = '[a-z0-9][a-z0-9-]{0,62}[a-z0-9]';
const MARK = new RegExp(
  `^(?:(https?://[^/#\\s]+)/verify#)?(${ID})/([1-9][0-9]{0,5})/([A-Za-z0-9_-]{43})/([1-9][0-9]{0,15})/([A-Za-z0-9_-]{43})$`,
);
const NUMBER = new RegExp(`^(${ID})(?:/([1-9][0-9]{0,5}))?$`);

/**
 * The mark as an address that any reader of QR codes opens: the verify page of the platform, with the mark behind the `#`, which
 * is never sent to anybody.
 *
 * Shape: `<origin>/verify#<openingId>/<version>/<sha256>/<size>/<root>`, both hashes in base64url.
 */
export function formatRecordMark(origin: string, { openingId, version, sha256, size, root }: RecordMark): string {
  return `${origin}/verify#${openingId}/${version}/${sha256}/${size}/${toBase64Url(fromBase64(root))}`;
}

/** The mark in such a text, with or without the address in front; null for any other. `origin` is null without one. */
export function readRecordMark(text: string): { readonly origin: string | null; readonly mark: RecordMark } | null {
  const [, origin, openingId = '', version, sha256 = '', size, root = ''] = MARK.exec(text.trim()) ?? [];
  if (openingId === '' || !isHash(sha256) || !isHash(root) || !Number.isSafeInteger(Number(size))) return null;
  const mark = { openingId, version: Number(version), sha256, size: Number(size), root: `${standard(root)}=` };
  return { origin: origin ?? null, mark };
}

/** What a reader typed as the number of a record: `<openingId>` or `<openingId>/<version>`; null for any other text. */
export function readRecordNumber(text: string): RecordNumber | null {
  const [, openingId, version] = NUMBER.exec(text.trim()) ?? [];
  return openingId === undefined ? null : { openingId, version: version === undefined ? null : Number(version) };
}

/** base64url to base64: the same digits in two other letters. */
function standard(text: string): string {
  return text.split('-').join('+').split('_').join('/');
}

function isHash(text: string): boolean {
  try {
    return fromBase64Url(text).length === HASH_BYTES;
  } catch (fault) {
    if (fault instanceof LogFormatError) return false;
    throw fault;
  }
}
