/** What leads from one key of the ledger to another: its announcements, proven to stand on it, and whether a trusted key may vouch by them for the one in use. */
import { Check } from 'typebox/schema';
import { fromBase64 } from './base64.ts';
import { type Entry, parseEntry } from './entry.ts';
import { LogFormatError } from './error.ts';
import type { Sha256 } from './hash.ts';
import { isAnnouncementSigned } from './key-announcement.ts';
import { type KeyAnnouncement, LEDGER_EVENTS, type PlatformKeyUse } from './ledger-events.ts';
import { leafHash } from './merkle.ts';
import { ed25519Verifier, KEY_TYPES, type VerifierKey, type VerifyEd25519, verifierKey } from './note.ts';
import { verifyProof } from './proof.ts';

/** Links that come beside a log at most: a rotation a year for longer than anybody keeps it. */
export const LINKS_LIMIT = 99;

/** The ledger's entry `seq` announces that a key of the platform follows another of its use. */
export type KeyLink = { readonly seq: number; readonly said: KeyAnnouncement };

/** A link as it is shown beside a log: the exact bytes of the entry, and its `.tlog-proof`. */
export type ShownLink = { readonly entry: Uint8Array; readonly proof: string };

/** Why what is shown is no way from key to key. */
export type LinkProblem = { readonly problem: string };

export type LinkTerms = {
  /** The key the ledger is shown with, under the ledger's name. */
  readonly ledgerKey: VerifierKey;
  readonly platform: string;
  /** What the keys sign that follow one another. */
  readonly use: PlatformKeyUse;
  /** The one signed head of the ledger that every proof must end in, word for word. */
  readonly checkpoint: string;
  readonly sha256: Sha256;
  readonly verifyEd25519: VerifyEd25519;
};

/**
 * Reads the links shown beside a log, believing none.
 *
 * Returns: them, in the order of the ledger, each in the place of the key before; or what is wrong with the first that does not hold: that it
 *          announces no key of this ledger, is not proven to stand on it, is out of order, or is not signed by both keys.
 * Why:     both signatures say who comes. That it stands in the tree says that everybody who follows the ledger was told so as well.
 */
export async function readLinks(
  shown: readonly ShownLink[],
  terms: LinkTerms,
): Promise<readonly KeyLink[] | LinkProblem> {
  const links: KeyLink[] = [];
  for (const [n, one] of shown.entries()) {
    const link = await readLink(one, terms, links);
    if ('problem' in link) return { problem: `link ${n + 1}: ${link.problem}` };
    links.push(link);
  }
  return links;
}

async function readLink(
  { entry: bytes, proof }: ShownLink,
  { ledgerKey, platform, use, checkpoint, sha256, verifyEd25519 }: LinkTerms,
  before: readonly KeyLink[],
): Promise<KeyLink | LinkProblem> {
  const entry = readEntry(bytes, use);
  if (entry === undefined) return { problem: `announces no key of use ${use}` };
  if (entry.log !== ledgerKey.name) return { problem: `stands on ${entry.log}` };
  const logKey = ed25519Verifier(ledgerKey, verifyEd25519);
  const proven = await verifyProof({ sha256, proof, leaf: leafHash(sha256, bytes), logKey });
  if (!proven.ok || proven.index !== entry.seq || !proof.endsWith(`\n\n${checkpoint}`))
    return { problem: 'is not proven to stand on the ledger' };
  const said = entry.body as unknown as KeyAnnouncement;
  const last = before.at(-1);
  const used = before.flatMap((link) => [link.said.replaces, link.said.key.publicKey]);
  const isNext = last === undefined || (last.seq < entry.seq && last.said.key.publicKey === said.replaces);
  if (!isNext || said.key.publicKey === said.replaces || used.includes(said.key.publicKey) || said.from > entry.at)
    return { problem: 'does not follow the one before' };
  for (const key of [said.key.publicKey, said.replaces])
    if (!isStrong(sha256, key)) return { problem: 'names a weak key' };
  if (!(await isAnnouncementSigned(platform, said, verifyEd25519)))
    return { problem: 'is not signed by the key before it and by its own' };
  return { seq: entry.seq, said };
}

/** An announcement of a key of that use; undefined when it is anything else. */
function readEntry(bytes: Uint8Array, use: PlatformKeyUse): Entry | undefined {
  try {
    const entry = parseEntry(bytes);
    const { body, withheld } = LEDGER_EVENTS.KeyAnnounced;
    const isForm = entry.type === 'KeyAnnounced' && entry.actor.role === 'operator' && Check(body, entry.body);
    const isWhole = [...withheld].sort().join() === Object.keys(entry.commit).sort().join();
    return isForm && isWhole && (entry.body as unknown as KeyAnnouncement).key.use === use ? entry : undefined;
  } catch (fault) {
    if (fault instanceof LogFormatError) return undefined;
    throw fault;
  }
}

/** Can this be enrolled: 32 bytes (base64), and no point of small order? */
export function isStrong(sha256: Sha256, publicKey: string): boolean {
  try {
    verifierKey(sha256, 'key', KEY_TYPES.ed25519, fromBase64(publicKey));
    return true;
  } catch (fault) {
    if (fault instanceof LogFormatError) return false;
    throw fault;
  }
}

/** How a trusted key stands to the one a ledger is shown with. */
export type Standing = {
  /** `same`; `beside`: it signs the head as well; `followed`: links lead from it to the key shown. */
  readonly how: 'same' | 'beside' | 'followed';
  /** Links on the way. */
  readonly links: number;
  /** Since when others may have had a key that this rests on; null where no link says so. From then on its word alone proves nothing. */
  readonly compromisedSince: string | null;
};

/**
 * Whether one who trusts a key may believe a head by what the ledger announces.
 *
 * Shape:   keys are base64 of 32 bytes; `signsBeside` says whether the trusted key signs the head itself.
 * Returns: null when nothing ties the two. No way leads back, from a key to the one before: whoever finds an old key could sign an old head.
 * Why:     a link that says the key before was in other hands is signed by that very key, so it leads nowhere by itself: a thief would
 *          announce a key of his own in the same words.
 */
export function standingOf(
  links: readonly KeyLink[],
  { trusted, shown, signsBeside }: { readonly trusted: string; readonly shown: string; readonly signsBeside: boolean },
): Standing | null {
  const compromised = (keys: readonly string[]): string | null =>
    links.find(({ said }) => said.compromisedSince !== undefined && keys.includes(said.replaces))?.said
      .compromisedSince ?? null;
  if (trusted === shown) return { how: 'same', links: 0, compromisedSince: compromised([trusted]) };
  const way = wayBetween(links, trusted, shown);
  const beside = compromised([trusted]);
  if (signsBeside && (beside === null || way === null)) return { how: 'beside', links: 0, compromisedSince: beside };
  if (way === null) return null;
  const on = [trusted, ...way.map(({ said }) => said.key.publicKey)];
  return { how: 'followed', links: way.length, compromisedSince: compromised(on) };
}

function wayBetween(links: readonly KeyLink[], from: string, to: string): readonly KeyLink[] | null {
  const first = links.findIndex(({ said }) => said.replaces === from);
  const last = links.findIndex(({ said }) => said.key.publicKey === to);
  return first === -1 || last < first ? null : links.slice(first, last + 1);
}
