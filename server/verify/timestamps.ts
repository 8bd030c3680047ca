/** Whether outside authorities stamped a ledger's head, and when: the one thing that says how old a log is without the platform's word for it. */
import { toHex } from '../core/log/bytes.ts';
import { formatInstant } from '../core/log/instant.ts';
import { utf8 } from '../core/log/utf8.ts';
import { type Certificate, parseCertificate } from '../core/pki/certificate.ts';
import { CertificateError } from '../core/pki/der.ts';
import type { Name } from '../core/pki/names.ts';
import { CLOCK_LIMIT_MS, type TimestampResult, verifyTimestamp } from '../core/timestamp/verify.ts';
import type { Stamp, StampedNote } from './source.ts';
import type { VerifyTools } from './tools.ts';
import { type Refused, refuse } from './words.ts';

type Held = Extract<TimestampResult, { ok: true }>;

export type StampTerms = {
  /** The roots by which authorities are believed; null where nobody named any: then each is shown under the root that came with it. */
  readonly roots: readonly Certificate[] | null;
  /** The instant that the stamped entry says of itself, ms; null where it is not at hand. */
  readonly writtenAt: number | null;
};

/** What the stamps show, in words, earliest first. */
export type Stamped = { readonly ok: true; readonly words: string };

/**
 * Judges the time-stamps over a note, by themselves: no clock is read, so the answer is the same in ten years.
 *
 * Shape:   `note` is the whole signed note that was stamped; that it says what the log says is checked elsewhere.
 * Returns: who stamped it and when; or the first stamp that does not hold, one that is earlier than what it stamps, or that no
 *          authority of the given roots is among them.
 * Why:     a stamp of an authority that nobody here believes proves nothing, and spoils nothing either: a platform asks several.
 */
export function checkStamps(
  tools: VerifyTools,
  { note, stamps }: StampedNote,
  { roots, writtenAt }: StampTerms,
): Stamped | Refused {
  const imprint = tools.sha256(utf8(note));
  const counted: { readonly held: Held; readonly words: string }[] = [];
  for (const stamp of stamps) {
    const judged = judge(tools, stamp, imprint, roots);
    if (!judged.ok)
      return refuse('timestamp_refused', { detail: `${stamp.name}: ${judged.reason} ${judged.detail ?? ''}`.trim() });
    const { held, isTrusted } = judged;
    if (writtenAt !== null && held.at + (held.accuracyMs ?? 0) + CLOCK_LIMIT_MS < writtenAt)
      return refuse('timestamp_before_entry', {
        detail: `${stamp.name}: ${formatInstant(held.at)}, and the ledger’s entry says ${formatInstant(writtenAt)}`,
      });
    if (roots === null || isTrusted) counted.push({ held, words: wordsOf(tools, held) });
  }
  if (counted.length === 0)
    return refuse('timestamp_missing', { detail: `${stamps.length} stamps, none under a given root` });
  counted.sort((a, b) => a.held.at - b.held.at);
  const words = counted.map((each) => each.words).join('; ');
  const whose = roots === null ? ' (an authority that nobody here said to trust)' : '';
  return { ok: true, words: `time-stamped ${words}${whose}` };
}

type Judged =
  | { readonly ok: true; readonly held: Held; readonly isTrusted: boolean }
  | Extract<TimestampResult, { ok: false }>;

/** By the given roots; where the path leads to none of them, by the root that came with the stamp, which is then not believed. */
function judge(
  { digestByOid, verifyCertificateSignature }: VerifyTools,
  { response, path, crls }: Stamp,
  imprint: Uint8Array,
  roots: readonly Certificate[] | null,
): Judged {
  const own = readPath(path);
  if (own === null) return { ok: false, reason: 'chain_refused', detail: 'its chain cannot be read' };
  const question = {
    response,
    imprint,
    intermediates: own,
    crls,
    digest: digestByOid,
    verifySignature: verifyCertificateSignature,
  };
  const trusted = roots === null ? null : verifyTimestamp({ ...question, anchors: roots });
  if (trusted?.ok) return { ok: true, held: trusted, isTrusted: true };
  if (trusted !== null && trusted.reason !== 'chain_refused') return trusted;
  const held = verifyTimestamp({ ...question, anchors: own.slice(-1) });
  return held.ok ? { ok: true, held, isTrusted: false } : held;
}

function readPath(path: readonly Uint8Array[]): Certificate[] | null {
  try {
    return path.map((der) => parseCertificate(der));
  } catch (error) {
    if (error instanceof CertificateError) return null;
    throw error;
  }
}

function wordsOf({ sha256 }: VerifyTools, { at, accuracyMs, path, revocation }: Held): string {
  const [signer] = path;
  const root = path.at(-1);
  if (signer === undefined || root === undefined) throw new Error('a path that holds has both its ends');
  const within = accuracyMs === null ? '' : ` ± ${accuracyMs} ms`;
  const under = `${nameOf(root.subject)} (SHA-256 ${toHex(sha256(root.der))})`;
  return `${formatInstant(at)}${within} by ${nameOf(signer.subject)} under ${under}, revocation ${revocation}`;
}

/** Whoever made the certificate chose its name: nothing of it may steer a terminal. */
function nameOf({ attributes }: Name): string {
  return attributes.map(({ value }) => value.replace(/[\p{C}\p{Z}]+/gu, ' ')).join(', ');
}
