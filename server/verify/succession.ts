/** Whether whoever trusts one key of a ledger may believe what is shown with another: by a signature beside it, or by the links that lead from key to key. */
import { toBase64 } from '../core/log/base64.ts';
import { openCheckpoint } from '../core/log/checkpoint.ts';
import { LogFormatError } from '../core/log/error.ts';
import type { Sha256 } from '../core/log/hash.ts';
import { type KeyLink, readLinks, type ShownLink, type Standing, standingOf } from '../core/log/key-links.ts';
import { ed25519Verifier, formatVkey, KEY_TYPES, parseVkey, type VerifierKey, verifierKey } from '../core/log/note.ts';
import { accessOrigin, ledgerOrigin } from '../core/log/origin.ts';
import { parseProof } from '../core/log/proof.ts';
import type { VerifyTools } from './tools.ts';
import { type Refused, refuse } from './words.ts';

/** A signed head of a ledger or an access log, the key it came with, and the links that are known of the ledger's keys. */
export type HeadShown = { readonly vkey: string; readonly note: string; readonly links: readonly KeyLink[] };

/** How a trusted key stands to the one that a head came with; null when nothing ties them. `beside` leaves out a signature of its own. */
export async function tieOf(
  tools: VerifyTools,
  trust: string,
  { vkey, note, links }: HeadShown,
  beside = true,
): Promise<Standing | null> {
  const [trusted, shown] = [readKey(tools.sha256, trust), readKey(tools.sha256, vkey)];
  if (trusted === null || shown === null || !isOfOne(trusted, shown)) return null;
  return standingOf(links, {
    trusted: toBase64(trusted.publicKey),
    shown: toBase64(shown.publicKey),
    signsBeside: beside && (await signs(tools, trusted, note, shown.name)),
  });
}

/** The same log, or the access log of the same platform: the ledger's key signs both, each under its name. */
function isOfOne(trusted: VerifierKey, { name }: VerifierKey): boolean {
  const platform = /^(.+)\/access$/u.exec(name)?.[1];
  const isAccess = platform !== undefined && accessOrigin(platform) === name;
  return trusted.name === name || (isAccess && trusted.name === ledgerOrigin(platform));
}

async function signs(
  { sha256, verifyEd25519 }: VerifyTools,
  { publicKey }: VerifierKey,
  note: string,
  name: string,
): Promise<boolean> {
  try {
    const key = verifierKey(sha256, name, KEY_TYPES.ed25519, publicKey);
    await openCheckpoint(note, ed25519Verifier(key, verifyEd25519));
    return true;
  } catch (fault) {
    if (fault instanceof LogFormatError) return false;
    throw fault;
  }
}

function readKey(sha256: Sha256, vkey: string): VerifierKey | null {
  try {
    const key = parseVkey(sha256, vkey);
    return key.type === KEY_TYPES.ed25519 ? key : null;
  } catch (fault) {
    if (fault instanceof LogFormatError) return null;
    throw fault;
  }
}

/** Whether others than the platform stand for a head: as many cosigners as a policy of the verifier's own asks for. */
export type Vouch = () => Promise<boolean>;

/** What a tie that rests on a compromised key needs besides. */
const VOUCHED = ', though others may have had one of these keys: the cosigners of the policy stand for this head';

/**
 * Whether a trusted key lets a head be believed.
 *
 * Returns: how, in words behind `the key of …`; empty for the very key. Or `anchor_other_ledger` when nothing ties the two, and
 *          `trust_key_compromised` when the tie rests on a key that others may have had and nobody else stands for the head.
 */
export async function believedBy(
  tools: VerifyTools,
  trust: string,
  shown: HeadShown,
  vouch: Vouch,
  beside = true,
): Promise<{ readonly how: Standing['how']; readonly words: string } | Refused> {
  const tie = await tieOf(tools, trust, shown, beside);
  if (tie === null) return refuse('anchor_other_ledger');
  const { how, links, compromisedSince } = tie;
  if (compromisedSince !== null && !(await vouch()))
    return refuse('trust_key_compromised', { detail: `since ${compromisedSince}` });
  const vouched = compromisedSince === null ? '' : VOUCHED;
  if (how === 'followed')
    return {
      how,
      words: `follows the trusted one by ${links} ${links === 1 ? 'link' : 'links'} on the ledger${vouched}`,
    };
  return { how, words: vouched };
}

/**
 * The links that came beside a log, checked.
 *
 * Shape:   `under` is the key of the ledger and its one head that every link must be proven under; null where the log came with none.
 * Returns: none where none came; `file_unlisted` where they have no place, `anchor_links_bad` where they lead nowhere.
 */
export async function linksBeside(
  { sha256, verifyEd25519 }: VerifyTools,
  shown: readonly ShownLink[],
  under: { readonly vkey: string; readonly checkpoint: string } | null,
): Promise<readonly KeyLink[] | Refused> {
  if (shown.length === 0) return [];
  const ledgerKey = under && readKey(sha256, under.vkey);
  if (under === null || ledgerKey === null) return refuse('file_unlisted', { detail: 'keys' });
  const platform = ledgerKey.name.replace(/\/ledger$/u, '');
  const { checkpoint } = under;
  const links = await readLinks(shown, { ledgerKey, platform, use: 'ledger', checkpoint, sha256, verifyEd25519 });
  return 'problem' in links ? refuse('anchor_links_bad', { detail: links.problem }) : links;
}

/** What the links beside an access log of that key are proven under: a head of the ledger, as the first of them has it, by the same key. */
export function underOwnLedger(sha256: Sha256, { name, publicKey }: VerifierKey, [first]: readonly ShownLink[]) {
  const ledger = ledgerOrigin(name.replace(/\/access$/u, ''));
  const checkpoint = first === undefined ? undefined : checkpointOf(first.proof);
  const vkey = formatVkey(verifierKey(sha256, ledger, KEY_TYPES.ed25519, publicKey));
  return { vkey, checkpoint: checkpoint ?? '' };
}

function checkpointOf(proof: string): string | undefined {
  try {
    return parseProof(proof).checkpoint;
  } catch (fault) {
    if (fault instanceof LogFormatError) return undefined;
    throw fault;
  }
}
