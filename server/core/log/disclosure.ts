/** Withheld fields: salted disclosures in the encoding of SD-JWT (RFC 9901), their digests, and the matching of the two. */
import { fromBase64Url, toBase64Url, toBase64UrlBytes } from './base64.ts';
import { canonicalise, type Json, parseCanonical } from './canonical.ts';
import { demand, LogFormatError, recode } from './error.ts';
import type { Sha256 } from './hash.ts';
import { fromUtf8, textOf, utf8 } from './utf8.ts';

/** Bytes of salt in a disclosure: 256 random bits, so that a digest says nothing about a guessable value. */
export const SALT_BYTES = 32;
/** Characters a disclosure may have; a roster of a thousand bidders needs about one million. */
export const DISCLOSURE_LIMIT_CHARACTERS = 8 * 1024 * 1024;
/** Characters of a digest: 32 bytes as base64url. */
export const DIGEST_CHARACTERS = 43;
/** How a withheld field may be called. */
export const FIELD_NAME = /^[a-z][A-Za-z0-9]{0,63}$/;

/** What a disclosure says once it is read. */
export type Disclosed = { readonly salt: Uint8Array; readonly field: string; readonly value: Json };

/** A withheld field as one reader sees it. */
export type Known = { readonly known: true; readonly value: Json };
export type Withheld = { readonly known: false };

/**
 * Digest of a disclosure, as it stands in an entry's `commit`.
 *
 * Shape:  base64url of SHA-256 over the ASCII of the disclosure text itself (not over what it encodes).
 * Source: RFC 9901 §4.2.3.
 */
export function disclosureDigest(sha256: Sha256, disclosure: string): string {
  return toBase64Url(sha256(utf8(disclosure)));
}

/**
 * Encodes and hashes a disclosure's text, for whoever makes thousands of them and has faster means than this room.
 *
 * Shape: `disclosure` as `toBase64Url(utf8(text))`, `digest` as `disclosureDigest` of it; the text is one that `canonicalise` made.
 */
export type DisclosureWriter = (text: string) => { disclosure: string; digest: string };

function writePlainly(sha256: Sha256, text: string): { disclosure: string; digest: string } {
  const ascii = toBase64UrlBytes(utf8(text));
  return { disclosure: textOf(ascii), digest: toBase64Url(sha256(ascii)) };
}

/**
 * Makes the disclosure of one field and its digest.
 *
 * Shape:  disclosure = base64url(RFC 8785 of [salt as base64url, field, value]).
 * Throws: `disclosure_malformed` on a salt that is not 32 bytes or a field that is no field name; `disclosure_too_long`;
 *         the codes of `canonicalise`.
 * Why:    the salt is an argument because the core has no chance of its own; it must be fresh random bytes each time.
 */
export function makeDisclosure(
  sha256: Sha256,
  salt: Uint8Array,
  field: string,
  value: Json,
  write: DisclosureWriter = (text) => writePlainly(sha256, text),
): { disclosure: string; digest: string } {
  demand(salt.length === SALT_BYTES, 'disclosure_malformed', `a salt has ${SALT_BYTES} bytes`);
  demand(FIELD_NAME.test(field), 'disclosure_malformed', `"${field}" is no field name`);
  const made = write(canonicalise([toBase64Url(salt), field, value]));
  const { length } = made.disclosure;
  demand(length <= DISCLOSURE_LIMIT_CHARACTERS, 'disclosure_too_long', `${length} characters`);
  return made;
}

/**
 * The work on a disclosure's characters, for whoever has thousands of them and faster means than this room.
 *
 * Shape: `text` what it encodes, as `fromUtf8(fromBase64Url(disclosure))`, refusing with a `LogFormatError` what these refuse; `digest`
 *        as `disclosureDigest`.
 */
export type DisclosureReader = { text(disclosure: string): string; digest(disclosure: string): string };

/**
 * Reads a disclosure, refusing every text that `makeDisclosure` would not have written.
 *
 * Throws: `disclosure_malformed`, `disclosure_too_long`.
 */
export function readDisclosure(disclosure: string): Disclosed {
  return readWith(undefined, disclosure);
}

/** The same with means of the caller's. */
export function readWith(reader: DisclosureReader | undefined, disclosure: string): Disclosed {
  demand(disclosure.length <= DISCLOSURE_LIMIT_CHARACTERS, 'disclosure_too_long', `${disclosure.length} characters`);
  return recode('disclosure_malformed', () => {
    const parts = parseCanonical(reader?.text(disclosure) ?? fromUtf8(fromBase64Url(disclosure)));
    demand(Array.isArray(parts) && parts.length === 3, 'disclosure_malformed', 'not [salt, field, value]');
    const [saltText, field, value] = parts as [Json, Json, Json];
    demand(
      typeof saltText === 'string' && typeof field === 'string',
      'disclosure_malformed',
      'salt or field is no text',
    );
    const salt = fromBase64Url(saltText);
    demand(salt.length === SALT_BYTES, 'disclosure_malformed', `a salt has ${SALT_BYTES} bytes`);
    demand(FIELD_NAME.test(field), 'disclosure_malformed', 'no field name');
    return { salt, field, value };
  });
}

/** 43 characters of base64url; the last one's two lowest bits are behind the 32nd byte and zero. */
const DIGEST = /^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/;

/** Whether a text has the shape of a digest: 32 bytes as base64url. */
export function isDigest(text: unknown): text is string {
  return typeof text === 'string' && DIGEST.test(text);
}

export type DisclosureRefusal = 'disclosure_malformed' | 'disclosure_not_committed' | 'disclosure_repeated';

/**
 * Matches disclosures with the commitments of one entry.
 *
 * Returns: every committed field as Known or Withheld; or why a disclosure does not belong there.
 * Why:     a disclosure nobody asked for is refused and not skipped: whoever hands it out is wrong about this entry.
 */
export function openDisclosures(
  sha256: Sha256,
  commit: { readonly [field: string]: string },
  disclosures: readonly string[],
  reader?: DisclosureReader,
): { ok: true; fields: Record<string, Known | Withheld> } | { ok: false; reason: DisclosureRefusal; detail: string } {
  const fields: Record<string, Known | Withheld> = {};
  for (const field of Object.keys(commit)) fields[field] = { known: false };
  for (const text of disclosures) {
    let disclosed: Disclosed;
    try {
      disclosed = readWith(reader, text);
    } catch (cause) {
      if (!(cause instanceof LogFormatError)) throw cause;
      return { ok: false, reason: 'disclosure_malformed', detail: cause.message };
    }
    const { field, value } = disclosed;
    if (!Object.hasOwn(commit, field) || commit[field] !== (reader?.digest(text) ?? disclosureDigest(sha256, text))) {
      return { ok: false, reason: 'disclosure_not_committed', detail: field };
    }
    if (fields[field]?.known) return { ok: false, reason: 'disclosure_repeated', detail: field };
    fields[field] = { known: true, value };
  }
  return { ok: true, fields };
}
