/** `kaibiao verify`: judges a log from a folder or an address, in words; it needs no server, no database and no trust in either. */
import { verify as verifySignature } from 'node:crypto';
import { toBase64 } from '../core/log/base64.ts';
import { sameBytes } from '../core/log/bytes.ts';
import { type Checkpoint, openCheckpoint, parseCheckpoint } from '../core/log/checkpoint.ts';
import { type Entry, parseEntry } from '../core/log/entry.ts';
import { demand, LogFormatError } from '../core/log/error.ts';
import { isSameHead, type LedgerHead, readHead } from '../core/log/head.ts';
import { appendLeaves, EMPTY_RANGE, leafHash, rangeRoot } from '../core/log/merkle.ts';
import {
  ed25519Verifier,
  KEY_TYPES,
  parseNote,
  parseVkey,
  type VerifierKey,
  type VerifyEd25519,
} from '../core/log/note.ts';
import { accessOrigin, ledgerOrigin, openingOrigin } from '../core/log/origin.ts';
import { verifyProof } from '../core/log/proof.ts';
import { type Disclosures, LOG_REASONS, verifyLog } from '../core/log/verify.ts';
import { sha256 } from '../hash.ts';
import { nativeReader, textOfBytes } from '../native-text.ts';
import { type Anchor, type LogSource, SourceError } from './log-source.ts';
import { watchLedger } from './verify-ledger.ts';
import { keepRoots, type Roots, watchOpening } from './verify-opening.ts';
import { checkTiles } from './verify-tiles.ts';
import { type Refused, refuse } from './verify-words.ts';
import type { BatchCount, Watcher } from './watcher.ts';

export type { Refused } from './verify-words.ts';

export type Verified = {
  readonly ok: true;
  readonly kind: 'opening' | 'ledger' | 'access';
  readonly origin: string;
  readonly entries: number;
  /** Base64. */
  readonly root: string;
  /** A log that ends before its terminal entry is valid and still open. */
  readonly standing: 'valid, complete' | 'valid, still open';
  readonly actsChecked: number;
  readonly withheld: number;
  /** Withheld fields whose disclosure is gone for good, each accounted for by an `Erased` entry. */
  readonly erased: number;
  readonly anchoring: string;
  /** Of a ledger only. */
  readonly batches?: BatchCount;
};

export type VerifyOptions = {
  /** The ledger's verifier key, from elsewhere than the log. */
  readonly trust?: string;
  /** The whole ledger, to exclude a second log of an opening; by default the one beside the log, where `trust` is given. */
  readonly ledger?: LogSource;
  /** Whether every disclosure must be there: so for a whole export, not for what the public may see. */
  readonly requireAllDisclosures: boolean;
};

const verifyEd25519: VerifyEd25519 = (publicKey, message, signature) =>
  verifySignature(
    null,
    message,
    { key: Buffer.concat([ED25519_SPKI, publicKey]), format: 'der', type: 'spki' },
    signature,
  );
/** SubjectPublicKeyInfo of an Ed25519 key up to its 32 bytes (RFC 8410). */
const ED25519_SPKI = Buffer.from('302a300506032b6570032100', 'hex');

/**
 * Verifies the log of a source.
 *
 * Shape:   an opening's log, the ledger or an access log, told apart by the name of its key.
 * Returns: what was verified, or the first reason against it: key, checkpoint, files, then entry by entry, root, what must be at
 *          the end, hash tiles, anchoring.
 * Throws:  only for faults of the disk that are not the log's.
 */
export async function verifySource(source: LogSource, options: VerifyOptions): Promise<Verified | Refused> {
  try {
    return await judge(source, options);
  } catch (error) {
    if (error instanceof SourceError) return refuse(error.code, { detail: error.message });
    throw error;
  }
}

/** What somebody else looks for in a ledger while it is judged. */
type Eyes = {
  readonly onHead: (head: LedgerHead, publicKey: string) => void;
  readonly onLeaf: (leaf: Uint8Array) => void;
};

async function judge(source: LogSource, options: VerifyOptions, eyes?: Eyes): Promise<Verified | Refused> {
  const vkey = await source.vkey();
  const key = keyOf(vkey);
  if ('ok' in key) return key;
  const roots = keepRoots();
  const watcher = watcherOf(key, vkey, roots, eyes?.onHead);
  if (watcher === null) return refuse('not_a_log_of_this_format', { detail: key.name });
  // Before the log's own checkpoint: then whatever an honest ledger knows of the log, the log shows.
  const wholeLedger = watcher.kind === 'opening' ? await readWholeLedger(source, key.name, options) : null;
  const checkpointNote = await source.checkpoint();
  const tiles = checkTiles(source);
  const reading = verifyLog({
    vkey,
    checkpointNote,
    entries: entriesUnder(source, checkpointNote),
    disclosuresFor: (seq) => source.disclosuresFor(seq),
    requireAllDisclosures: options.requireAllDisclosures,
    sha256,
    verifyEd25519,
    disclosureReader: nativeReader,
    decodeUtf8: textOfBytes,
    async onEntry(entry, disclosed, _bytes, leaf) {
      const problem = await watcher.see(entry, valuesOf(disclosed));
      if (problem !== undefined) return problem;
      await tiles.add(leaf);
      if (watcher.kind === 'opening') roots.add(leaf);
      eyes?.onLeaf(leaf);
      return undefined;
    },
  });
  const log = await settled(watcher, reading);
  if (!log.ok) return log;
  if (log.size === 0) return refuse('log_empty');
  const judged = watcher.finish();
  if (!judged.ok) return judged;
  const tile = await tiles.finish();
  if (tile !== null) return refuse('tile_differs', { detail: tile });
  const standing = judged.complete ? 'valid, complete' : 'valid, still open';
  const shown = { key, checkpoint: log, isComplete: judged.complete, roots };
  const anchoring =
    watcher.kind === 'opening'
      ? await anchoringOf(source, shown, wholeLedger, options.trust)
      : platformAnchoring(key, vkey, options.trust);
  if (typeof anchoring !== 'string') return anchoring;
  return {
    ok: true,
    kind: watcher.kind,
    origin: log.origin,
    entries: log.size,
    root: toBase64(log.root),
    standing,
    actsChecked: watcher.actsChecked(),
    withheld: log.withheld,
    erased: log.erased.length,
    anchoring,
    ...(watcher.batchCount && { batches: watcher.batchCount() }),
  };
}

/** What was found of a log, or of its acts, whichever stands in front: some acts are still being checked when the rest is known. */
async function settled<T>(watcher: Watcher, reading: Promise<T>): Promise<T | Refused> {
  try {
    const read = await reading;
    return (await watcher.settle?.()) ?? read;
  } catch (error) {
    if (!(error instanceof SourceError)) throw error;
    const refused = await watcher.settle?.();
    if (refused === undefined) throw error;
    return refused;
  }
}

/** The entries the checkpoint speaks of; asked for only once its signature has been checked. */
async function* entriesUnder(source: LogSource, checkpointNote: string): AsyncGenerator<Uint8Array> {
  const { size } = parseCheckpoint(parseNote(checkpointNote).text);
  const unlisted = await source.unlisted(size);
  if (unlisted !== null) throw new SourceError('file_unlisted', unlisted);
  yield* source.entries(size);
}

function keyOf(vkey: string): VerifierKey | Refused {
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

const OPENING_NAME = /^(.+?)\/opening\/([a-z0-9][a-z0-9-]{0,62}[a-z0-9])$/u;
const PLATFORM_NAME = /^(.+)\/(?:ledger|access)$/u;

function watcherOf(
  { name, publicKey }: VerifierKey,
  vkey: string,
  roots: Roots,
  onHead?: Eyes['onHead'],
): Watcher | null {
  const [, platform = '', openingId = ''] = OPENING_NAME.exec(name) ?? [];
  if (platform !== '' && openingOrigin(platform, openingId) === name)
    return watchOpening(platform, openingId, vkey, roots);
  const [, owner = ''] = PLATFORM_NAME.exec(name) ?? [];
  const common = { platform: owner, publicKey: toBase64(publicKey), verifyEd25519, ...(onHead && { onHead }) };
  if (owner !== '' && ledgerOrigin(owner) === name) return watchLedger({ ...common, kind: 'ledger' });
  return owner !== '' && accessOrigin(owner) === name ? watchLedger({ ...common, kind: 'access' }) : null;
}

function valuesOf(disclosed: Disclosures): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  for (const [field, knowable] of Object.entries(disclosed)) if (knowable.known) values[field] = knowable.value;
  return values;
}

const OWN_KEY_ONLY = 'consistent with its own key only';

/** The ledger is what others are anchored in; it is trusted itself, or it is not. One key signs the access log, too, under its name. */
function platformAnchoring(key: VerifierKey, vkey: string, trust: string | undefined): string | Refused {
  if (trust === undefined) return OWN_KEY_ONLY;
  if (vkey === trust) return 'its key is the trusted one';
  const trusted = keyOf(trust);
  const isLedgers =
    !('ok' in trusted) &&
    trusted.name === ledgerOrigin(platformOf(key.name)) &&
    sameBytes(trusted.publicKey, key.publicKey);
  return isLedgers ? 'its key is that of the trusted ledger' : refuse('anchor_other_ledger');
}

type Judged = {
  readonly key: VerifierKey;
  readonly checkpoint: Checkpoint;
  readonly isComplete: boolean;
  readonly roots: Roots;
};

/** How far the log is tied to a ledger that is trusted from elsewhere, in words; or why the tie does not hold. */
async function anchoringOf(
  source: LogSource,
  log: Judged,
  ledger: WholeLedger | Refused | null,
  trust: string | undefined,
): Promise<string | Refused> {
  const anchor = await source.anchor();
  if (anchor !== null) {
    const refused = await checkAnchor(anchor, log, trust);
    if (refused !== undefined) return refused;
  }
  if (ledger !== null) return 'ok' in ledger ? ledger : wholeAnchoring(ledger, log, trust);
  if (anchor === null) return trust === undefined ? OWN_KEY_ONLY : refuse('anchor_missing');
  if (trust === undefined) return `anchored in a ledger whose key came with it: ${OWN_KEY_ONLY}`;
  return 'anchored in the trusted ledger; a second log of this opening can be excluded only with the whole ledger';
}

/** The anchor that came with a log: the ledger's key, an entry proven to stand on it, and in it this log's head, signed by this log's key. */
async function checkAnchor(anchor: Anchor, log: Judged, trust: string | undefined): Promise<Refused | undefined> {
  if (trust !== undefined && anchor.vkey !== trust) return refuse('anchor_other_ledger');
  const ledgerKey = keyOf(anchor.vkey);
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
  return (await isSigned(head, log.key)) ? undefined : refuse('ledger_head_unsigned');
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

async function isSigned({ note }: LedgerHead, key: VerifierKey): Promise<boolean> {
  try {
    await openCheckpoint(note, ed25519Verifier(key, verifyEd25519));
    return true;
  } catch (fault) {
    if (fault instanceof LogFormatError) return false;
    throw fault;
  }
}

/** A ledger that was verified from its first entry to its last, and every head it has of one log. */
type WholeLedger = {
  readonly entries: number;
  readonly heads: readonly (Checkpoint & { readonly kind: LedgerHead['kind']; readonly publicKey: string })[];
};

/**
 * Verifies the whole ledger, where there is one to read.
 *
 * Returns: null where none is given, and none stands beside a log that is to be anchored.
 * Why:     the ledger refuses a second `opened` of an origin; so once it has been read whole, no second log of this opening can
 *          stand in it.
 */
async function readWholeLedger(
  source: LogSource,
  origin: string,
  { ledger, trust }: VerifyOptions,
): Promise<WholeLedger | Refused | null> {
  const from = ledger ?? (trust === undefined ? null : source.ledger());
  if (from === null) return null;
  const heads: WholeLedger['heads'][number][] = [];
  const options = { requireAllDisclosures: false, ...(trust !== undefined && { trust }) };
  const anchored = anchoredAt(await source.anchor());
  let range = EMPTY_RANGE;
  const judged = await judge(from, options, {
    onHead({ kind, checkpoint }, publicKey) {
      if (checkpoint.origin === origin) heads.push({ ...checkpoint, kind, publicKey });
    },
    onLeaf(leaf) {
      if (anchored !== null && range.size < anchored.size) range = appendLeaves(sha256, range, [leaf]);
    },
  });
  if (!judged.ok) return { ...judged, detail: `${from.name}: ${judged.detail ?? ''}` };
  const isOther = judged.kind !== 'ledger' || judged.origin !== ledgerOrigin(platformOf(origin));
  if (isOther) return refuse('anchor_other_ledger');
  const isReached = anchored !== null && range.size === anchored.size;
  if (isReached && !sameBytes(rangeRoot(sha256, range), anchored.root))
    return refuse('anchor_ledger_differs', { detail: `at ${anchored.size} entries` });
  return { entries: judged.entries, heads };
}

/**
 * The head of the ledger that a log came with; null when there is none that can be read. Whether it is signed is asked elsewhere.
 *
 * Why: a platform that keeps two ledgers, one for this opening and one for everybody else, shows it here.
 */
function anchoredAt(anchor: Anchor | null): Checkpoint | null {
  if (anchor === null) return null;
  try {
    return parseCheckpoint(parseNote(anchor.checkpoint).text);
  } catch (fault) {
    if (fault instanceof LogFormatError) return null;
    throw fault;
  }
}

/** The platform in the name of an opening's log or of the access log. */
const platformOf = (origin: string): string => origin.replace(/\/(?:opening\/[^/]*|access)$/u, '');

/** Every head the ledger has of this log, held against the log. */
function wholeAnchoring(
  { entries, heads }: WholeLedger,
  { key, checkpoint, isComplete, roots }: Judged,
  trust: string | undefined,
): string | Refused {
  const last = heads.at(-1);
  if (last === undefined) return refuse('anchor_missing');
  for (const { size, root, publicKey } of heads) {
    if (publicKey !== toBase64(key.publicKey)) return refuse('vkey_differs');
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
  return `${part} in ${whose}, which was read whole (${entries} entries): it knows no second log of this opening`;
}
