/** How far a log is tied to a ledger: by the anchor that came with it, or by every head the whole ledger has of it. */
import { toBase64 } from '../core/log/base64.ts';
import { sameBytes } from '../core/log/bytes.ts';
import { type Checkpoint, openCheckpoint, parseCheckpoint } from '../core/log/checkpoint.ts';
import { type Entry, parseEntry } from '../core/log/entry.ts';
import { demand, LogFormatError } from '../core/log/error.ts';
import type { Sha256 } from '../core/log/hash.ts';
import { isSameHead, type LedgerHead, readHead } from '../core/log/head.ts';
import type { KeyLink } from '../core/log/key-links.ts';
import { leafHash } from '../core/log/merkle.ts';
import { ed25519Verifier, KEY_TYPES, parseNote, parseVkey, type VerifierKey } from '../core/log/note.ts';
import { ledgerOrigin } from '../core/log/origin.ts';
import { verifyProof } from '../core/log/proof.ts';
import { LOG_REASONS } from '../core/log/verify.ts';
import type { Believed } from './belief.ts';
import type { Cosigned } from './cosigned.ts';
import type { Roots } from './roots.ts';
import type { Anchor, StampedNote } from './source.ts';
import { believedBy, type HeadShown, type Vouch } from './succession.ts';
import type { VerifyTools } from './tools.ts';
import { type Refused, refuse } from './words.ts';

/** A log's own key. Returns: a refusal in the words of its fault. */
export function keyOf(sha256: Sha256, vkey: string): VerifierKey | Refused {
  try {
    const key = parseVkey(sha256, vkey);
    // only a log's own key is asked for, never a cosigner's
    demand(key.type === KEY_TYPES.ed25519, 'vkey_malformed', 'not a key of type 0x01');
    return key;
  } catch (fault) {
    if (!(fault instanceof LogFormatError)) throw fault;
    const reason = fault.code === 'vkey_weak' ? 'vkey_weak' : 'vkey_malformed';
    return { ok: false, reason, words: LOG_REASONS[reason], detail: fault.message };
  }
}

/** What a log is tied to. `own_key`: to nothing that came from elsewhere; `ledger_beside`: to a ledger whose key nobody here vouches for. */
export type AnchoringKind =
  | 'own_key'
  | 'ledger_beside'
  | 'trusted_key'
  | 'trusted_ledger'
  | 'whole_ledger'
  | 'whole_ledger_beside';
export type Anchoring = { readonly kind: AnchoringKind; readonly words: string };

const OWN_KEY_ONLY = 'consistent with its own key only';
const OWN_KEY: Anchoring = { kind: 'own_key', words: OWN_KEY_ONLY };

/** The ledger is what others are anchored in; it is trusted itself, or it is not. One key signs the access log, too, under its name. */
export async function platformAnchoring(
  tools: VerifyTools,
  shown: HeadShown,
  trust: string | undefined,
  vouch: Vouch,
): Promise<Anchoring | Refused> {
  if (trust === undefined) return OWN_KEY;
  const believed = await believedBy(tools, trust, shown, vouch);
  if ('ok' in believed) return believed;
  const { how, words } = believed;
  const by = (said: string): Anchoring => ({ kind: 'trusted_key', words: said });
  if (how === 'followed') return by(`its key ${words}`);
  if (how === 'beside') return by(`the trusted key signs its head, too${words}`);
  return by(`its key is ${shown.vkey === trust ? 'the trusted one' : 'that of the trusted ledger'}${words}`);
}

/** What of a log is known once it has been verified itself. */
export type Judged = {
  readonly key: VerifierKey;
  readonly checkpoint: Checkpoint;
  readonly isComplete: boolean;
  readonly roots: Roots;
};

/** A ledger that was verified from its first entry to its last, and every head it has of one log. */
export type WholeLedger = {
  readonly entries: number;
  /** What a policy found of its head; null without one. */
  readonly cosigned: Cosigned | null;
  readonly heads: readonly LedgersHead[];
  /** The entries of the log that the note a server has a stamp of covers; null where it has none, or it is of more than was read. */
  readonly stamped: Covered | Refused | null;
  /** How its keys followed one another. */
  readonly links: readonly KeyLink[];
  /** Whom the platform believed, as far as it says. */
  readonly believed: Believed | null;
};

/** So many entries of a log stand in the ledger below a head that is stamped. */
export type Covered = { readonly entries: number; readonly found: StampedNote };

/** A head that the ledger has of a log, in the entry `seq`, and the key (base64) it is signed by. */
export type LedgersHead = Checkpoint & {
  readonly seq: number;
  readonly kind: LedgerHead['kind'];
  readonly publicKey: string;
};

/** What ties a log to a ledger: its anchor, the links that are known of the ledger's keys, the whole ledger where it was read. */
export type Ties = {
  readonly anchor: Anchor | null;
  readonly links: readonly KeyLink[];
  readonly ledger: WholeLedger | Refused | null;
  /** Whether others stand for the anchor's head. */
  readonly vouch: Vouch;
};

/** How far the log is tied to a ledger that is trusted from elsewhere, in words; or why the tie does not hold. */
export async function anchoringOf(
  tools: VerifyTools,
  log: Judged,
  { anchor, links, ledger, vouch }: Ties,
  trust: string | undefined,
): Promise<Anchoring | Refused> {
  let whose = 'the trusted ledger';
  if (anchor !== null && trust !== undefined) {
    const believed = await believedBy(tools, trust, { vkey: anchor.vkey, note: anchor.checkpoint, links }, vouch);
    if ('ok' in believed) return believed;
    if (believed.words !== '') whose = `a ledger whose key ${believed.words.replace(/^, /u, 'is trusted, ')}`;
  }
  const refused = anchor && (await checkAnchor(tools, anchor, log));
  if (refused) return refused;
  if (ledger !== null) return 'ok' in ledger ? ledger : wholeAnchoring(ledger, log, trust);
  if (anchor === null) return trust === undefined ? OWN_KEY : refuse('anchor_missing');
  if (trust === undefined)
    return { kind: 'ledger_beside', words: `anchored in a ledger whose key came with it: ${OWN_KEY_ONLY}` };
  const limit = 'a second log of this opening can be excluded only with the whole ledger';
  return { kind: 'trusted_ledger', words: `anchored in ${whose}; ${limit}` };
}

/** The anchor that came with a log: the ledger's key, an entry proven to stand on it, and in it this log's head, signed by this log's key. */
async function checkAnchor(tools: VerifyTools, anchor: Anchor, log: Judged): Promise<Refused | undefined> {
  const { sha256, verifyEd25519 } = tools;
  const ledgerKey = keyOf(sha256, anchor.vkey);
  if ('ok' in ledgerKey) return ledgerKey;
  const { name } = log.key;
  if (ledgerKey.name !== ledgerOrigin(platformOf(name))) return refuse('anchor_other_ledger');
  const proven = await verifyProof({
    sha256,
    proof: anchor.proof,
    leaf: leafHash(sha256, anchor.head),
    logKey: ed25519Verifier(ledgerKey, verifyEd25519),
  });
  if (!proven.ok) return refuse('anchor_proof_bad', { detail: proven.reason });
  if (!anchor.proof.endsWith(`\n\n${anchor.checkpoint}`)) return refuse('anchor_checkpoint_differs');
  const head = headOf(anchor.head, ledgerKey.name, proven.index);
  if (head === undefined) return refuse('anchor_other_head', { detail: 'the entry is no head' });
  if (!isSameHead(head.checkpoint, log.checkpoint)) return refuse('anchor_other_head');
  if (log.isComplete !== (head.kind === 'closed'))
    return refuse('anchor_other_head', { detail: `the ledger holds it as ${head.kind}` });
  return (await isSigned(tools, head, log.key)) ? undefined : refuse('ledger_head_unsigned');
}

/** The head of a ledger's entry; undefined when the entry is another, or of another log or place. */
function headOf(bytes: Uint8Array, ledger: string, index: number): LedgerHead | undefined {
  try {
    const entry: Entry = parseEntry(bytes);
    return entry.type === 'Head' && entry.log === ledger && entry.seq === index ? readHead(entry.body) : undefined;
  } catch (fault) {
    if (fault instanceof LogFormatError) return undefined;
    throw fault;
  }
}

async function isSigned({ verifyEd25519 }: VerifyTools, { note }: LedgerHead, key: VerifierKey): Promise<boolean> {
  try {
    await openCheckpoint(note, ed25519Verifier(key, verifyEd25519));
    return true;
  } catch (fault) {
    if (fault instanceof LogFormatError) return false;
    throw fault;
  }
}

/**
 * The head of the ledger that a log came with; null when there is none that can be read. Whether it is signed is asked elsewhere.
 *
 * Why: a platform that keeps two ledgers, one for this opening and one for everybody else, shows it here.
 */
export function anchoredAt(anchor: Anchor | null): Checkpoint | null {
  if (anchor === null) return null;
  try {
    return parseCheckpoint(parseNote(anchor.checkpoint).text);
  } catch (fault) {
    if (fault instanceof LogFormatError) return null;
    throw fault;
  }
}

/** The platform in the name of an opening's log or of the access log. */
export const platformOf = (origin: string): string => origin.replace(/\/(?:opening\/[^/]*|access)$/u, '');

/** Every head the ledger has of this log, held against the log. */
function wholeAnchoring(
  { entries, heads }: WholeLedger,
  { key, checkpoint, isComplete, roots }: Judged,
  trust: string | undefined,
): Anchoring | Refused {
  const all = heads.at(-1);
  if (all === undefined) return refuse('anchor_missing');
  const shown = isComplete ? withoutErasures(heads, checkpoint.size) : heads;
  const last = shown.at(-1) ?? all;
  for (const { publicKey } of heads) if (publicKey !== toBase64(key.publicKey)) return refuse('vkey_differs');
  for (const { size, root } of shown) {
    const own = roots.at(size);
    if (own === null) return refuse('log_behind_ledger', { detail: `${size} entries` });
    if (!sameBytes(own, root)) return refuse('anchor_other_head', { detail: `at ${size} entries` });
  }
  const isLast = last.size === checkpoint.size;
  if (last.kind === 'closed' && !(isComplete && isLast))
    return refuse('anchor_other_head', { detail: `closed at ${last.size} entries` });
  if (isComplete && last.kind !== 'closed') return refuse('anchor_behind');
  const whose = trust === undefined ? 'a ledger that nobody said to trust' : 'the trusted ledger';
  const part = isLast ? 'anchored' : `its first ${last.size} entries anchored`;
  const later = all.size - last.size;
  const since = later === 0 ? '' : `; erased since: ${later} entries came behind its end, where nothing else may stand`;
  const words = `${part} in ${whose}, which was read whole (${entries} entries): it knows no second log of this opening${since}`;
  return { kind: trust === undefined ? 'whole_ledger_beside' : 'whole_ledger', words };
}

/**
 * The heads up to the one that a finished log is shown under, where everything behind that is `closed` as well; all of them otherwise.
 *
 * Why: behind the end nothing may come but erasures (core/opening/fits.ts), and whoever was given the log before one must not be told
 *      that it is cut off. Each later head continues this one: that was proven where the ledger was read.
 */
function withoutErasures(heads: WholeLedger['heads'], size: number): WholeLedger['heads'] {
  const end = heads.findLastIndex((head) => head.kind === 'closed' && head.size === size);
  return end < 0 ? heads : heads.slice(0, end + 1);
}
