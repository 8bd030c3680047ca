/** The judgement of a log, wherever it is read from and on whatever machine: one for `kaibiao verify`, the monitor and the page. */
import { toBase64 } from '../core/log/base64.ts';
import type { BundleManifest } from '../core/log/bundle.ts';
import { parseCheckpoint } from '../core/log/checkpoint.ts';
import { type Entry, parseEntry } from '../core/log/entry.ts';
import type { LedgerHead } from '../core/log/head.ts';
import { parseInstant } from '../core/log/instant.ts';
import type { KeyLink } from '../core/log/key-links.ts';
import { parseNote, type VerifierKey } from '../core/log/note.ts';
import { accessOrigin, ledgerOrigin, openingOrigin } from '../core/log/origin.ts';
import { formatPolicy, type TlogPolicy } from '../core/log/policy-file.ts';
import { type Disclosures, verifyLog } from '../core/log/verify.ts';
import type { Cosigners } from '../core/opening/cosigners.ts';
import type { OpeningState } from '../core/opening/state.ts';
import type { Certificate } from '../core/pki/certificate.ts';
import {
  type AnchoringKind,
  anchoredAt,
  anchoringOf,
  keyOf,
  type LedgersHead,
  platformAnchoring,
  platformOf,
  type WholeLedger,
} from './anchoring.ts';
import type { Believed } from './belief.ts';
import { checkContents, checkManifest } from './bundle.ts';
import { type Cosigned, checkCosigned, cosignedByOwnWord, isVouchedFor } from './cosigned.ts';
import { watchEvidence } from './evidence.ts';
import { watchLedger } from './ledger.ts';
import { coveredBy, markRoots, openedBy } from './marks.ts';
import { watchOpening } from './opening.ts';
import { keepRoots, type Roots } from './roots.ts';
import { type Anchor, type BundleSource, type LogSource, SourceError } from './source.ts';
import { believedBy, type HeadShown, linksBeside, tieOf, underOwnLedger } from './succession.ts';
import { checkTiles } from './tiles.ts';
import { checkStamps, type Stamped } from './timestamps.ts';
import type { VerifyTools } from './tools.ts';
import type { BatchCount, Watcher } from './watcher.ts';
import { type Refused, refuse } from './words.ts';

/** No line of the trusted key's own on a head: only that it is the key, or that links lead from it to the key. */
const BY_LINKS_ONLY = false;

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
  /** Certificates behind acts and bids that the log names to whoever has its disclosures, and how many were judged again by the evidence beside it. */
  readonly certificates: { readonly named: number; readonly judged: number };
  readonly withheld: number;
  /** Withheld fields whose disclosure is gone for good, each accounted for by an `Erased` entry. */
  readonly erased: number;
  readonly anchoring: string;
  /** The same as one of a few kinds. */
  readonly anchoredBy: AnchoringKind;
  /** How far the head it stands under came: signed by the platform, cosigned as the policy asks, stamped by an outside authority. */
  readonly states: readonly ('signed' | 'cosigned' | 'timestamped')[];
  /** What the policy that was given found, or of an opening the one of its own first entry, and which of the two; null where nobody is asked for. */
  readonly cosigned: string | null;
  /** Who stamped it and when; null where nobody did, or nothing ties what was stamped to this log. */
  readonly timestamped: string | null;
  /** Of an opening: what its entries and disclosures come to. */
  readonly state: OpeningState | null;
  /** Files of a bundle that are what its manifest lists; null of what is no bundle. */
  readonly files: number | null;
  /** Of an opening: its last record in RFC 8785 form. */
  readonly record: Uint8Array | null;
  /** Of an opening: the cosigners that its first entry names. */
  readonly cosigners: Cosigners | null;
  /** Of a ledger only. */
  readonly batches?: BatchCount;
  readonly believed?: Believed;
  readonly links?: readonly KeyLink[];
};

/** What is looked at one after the other; `end` asks whether the log has come to what must be at its end. */
export const HELD_PARTS = ['key', 'files', 'entries', 'end', 'anchor', 'cosigners', 'stamps'] as const;
export type HeldPart = (typeof HELD_PARTS)[number];

export type VerifyOptions = {
  /** The ledger's verifier key, from elsewhere than the log. */
  readonly trust?: string;
  /** The whole ledger, to exclude a second log of an opening; by default the one beside the log, where `trust` is given. */
  readonly ledger?: LogSource;
  /** Whether every disclosure must be there: so for a whole export, not for what the public may see. */
  readonly requireAllDisclosures: boolean;
  /** Of an opening, whether each certificate named must come with what it was judged by; asked for where every disclosure is, when left out. */
  readonly requireEvidence?: boolean;
  /** Whose countersignatures the ledger's head must carry; where it is absent an opening's own first entry is asked, and refuses nothing. */
  readonly policy?: TlogPolicy;
  /** The roots of time-stamping authorities, of which one must have stamped; where they are absent stamps are judged under their own. */
  readonly stampRoots?: readonly Certificate[];
  /** Whether a log that is still open is refused. */
  readonly requireComplete?: boolean;
  /** Where the root of every size is kept for the caller; empty at first. */
  readonly roots?: Roots;
  /** Told of each part that holds, in the order in which they are looked at. */
  readonly onHeld?: (part: HeldPart) => void;
  /** Told of every entry that holds so far, with the withheld values that are disclosed and its exact bytes. */
  readonly onEntry?: (entry: Entry, values: Record<string, unknown>, bytes: Uint8Array) => void;
};

/**
 * Verifies the log of a source.
 *
 * Shape:   an opening's log, the ledger or an access log, told apart by the name of its key.
 * Returns: what was verified, or the first reason against it: key, checkpoint, files, then entry by entry, root, what must be at
 *          the end, hash tiles, anchoring.
 * Throws:  only for faults of the disk that are not the log's.
 */
export async function judgeSource(
  tools: VerifyTools,
  source: LogSource,
  options: VerifyOptions,
): Promise<Verified | Refused> {
  try {
    return await judge(tools, source, options);
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

async function judge(
  tools: VerifyTools,
  source: LogSource,
  options: VerifyOptions,
  eyes?: Eyes,
): Promise<Verified | Refused> {
  const { sha256 } = tools;
  const vkey = await source.vkey();
  const key = keyOf(sha256, vkey);
  if ('ok' in key) return key;
  const roots = options.roots ?? keepRoots(sha256);
  const watcher = watcherOf(tools, key, vkey, roots, eyes?.onHead);
  if (watcher === null) return refuse('not_a_log_of_this_format', { detail: key.name });
  const held = (part: HeldPart) => options.onHeld?.(part);
  held('key');
  const anchor = watcher.kind === 'opening' ? await source.anchor() : null;
  const beside = await besideOf(tools, source, { kind: watcher.kind, key, anchor });
  if ('ok' in beside) return beside;
  const bundle = await readBundle(tools, source, key, { anchor, links: beside, options });
  if (bundle !== null && 'ok' in bundle) return bundle;
  if (bundle !== null && watcher.kind !== 'opening')
    return refuse('not_a_log_of_this_format', { detail: `${key.name} is of no opening, and a bundle is` });
  held('files');
  // Before the log's own checkpoint: then whatever an honest ledger knows of the log, the log shows.
  const wholeLedger = watcher.kind === 'opening' ? await readWholeLedger(tools, source, key.name, options) : null;
  const checkpointNote = await source.checkpoint();
  const tiles = checkTiles(source, sha256);
  const evidence = watchEvidence(tools, source, {
    isWhole: (options.requireEvidence ?? options.requireAllDisclosures) && watcher.kind === 'opening',
    deadlineAt: watcher.deadlineAt,
    believed: wholeLedger !== null && !('ok' in wholeLedger) ? wholeLedger.believed : null,
  });
  const reading = verifyLog({
    vkey,
    checkpointNote,
    entries: entriesUnder(source, checkpointNote),
    disclosuresFor: (seq) => source.disclosuresFor(seq),
    requireAllDisclosures: options.requireAllDisclosures,
    sha256,
    verifyEd25519: tools.verifyEd25519,
    disclosureReader: tools.disclosureReader,
    decodeUtf8: tools.decodeUtf8,
    async onEntry(entry, disclosed, bytes, leaf) {
      const problem = await watcher.see(entry, valuesOf(disclosed));
      if (problem !== undefined) return problem;
      const misjudged = await evidence.see(entry, valuesOf(disclosed));
      if (misjudged !== undefined) return misjudged;
      await tiles.add(leaf);
      if (watcher.kind === 'opening') roots.add(leaf);
      eyes?.onLeaf(leaf);
      options.onEntry?.(entry, valuesOf(disclosed), bytes);
      return undefined;
    },
  });
  const log = await settled(watcher, reading);
  if (!log.ok) return log;
  if (log.size === 0) return refuse('log_empty');
  held('entries');
  const judged = watcher.finish();
  if (!judged.ok) return judged;
  const tile = await tiles.finish();
  if (tile !== null) return refuse('tile_differs', { detail: tile });
  const record = watcher.record?.() ?? null;
  const cosigners = watcher.cosigners?.() ?? null;
  if (bundle !== null && anchor !== null && cosigners !== null) {
    const policy = formatPolicy(anchor.vkey, cosigners);
    const contents = { checkpoint: log, isComplete: judged.complete, record, policy };
    const differing = await checkContents(bundle.source, bundle.manifest, contents);
    if (differing !== undefined) return differing;
  }
  if (options.requireComplete === true && !judged.complete) return refuse('log_still_open');
  held('end');
  const standing = judged.complete ? 'valid, complete' : 'valid, still open';
  const links = watcher.links?.() ?? longer(beside, wholeLedger);
  const own = { vkey: anchor?.vkey ?? vkey, note: anchor?.checkpoint ?? checkpointNote, links };
  const vouch = () => isVouchedFor(tools, own, options.policy);
  const shown = { key, checkpoint: log, isComplete: judged.complete, roots };
  const anchoring =
    watcher.kind === 'opening'
      ? await anchoringOf(tools, shown, { anchor, links, ledger: wholeLedger, vouch }, options.trust)
      : await platformAnchoring(tools, own, options.trust, vouch);
  if ('ok' in anchoring) return anchoring;
  held('anchor');
  const head = { kind: watcher.kind, own, wholeLedger, anchor };
  const cosigned = await cosignedOf(tools, options, head, cosigners);
  if (cosigned !== null && !cosigned.ok) return cosigned;
  held('cosigners');
  const timestamped = watcher.kind === 'opening' ? await timestampedOf(tools, source, options, head) : null;
  if (timestamped !== null && !timestamped.ok) return timestamped;
  held('stamps');
  return {
    ok: true,
    kind: watcher.kind,
    origin: log.origin,
    entries: log.size,
    root: toBase64(log.root),
    standing,
    actsChecked: watcher.actsChecked(),
    certificates: evidence.counts(),
    withheld: log.withheld,
    erased: log.erased.length,
    anchoring: anchoring.words,
    anchoredBy: anchoring.kind,
    states: [
      'signed',
      ...(cosigned?.isReached === true ? (['cosigned'] as const) : []),
      ...(timestamped === null ? [] : (['timestamped'] as const)),
    ],
    cosigned: cosigned?.words ?? null,
    timestamped: timestamped?.words ?? null,
    files: bundle === null ? null : bundle.manifest.files.length,
    record,
    cosigners,
    state: watcher.state?.() ?? null,
    ...(watcher.batchCount && { batches: watcher.batchCount() }),
    ...(watcher.believed && { believed: watcher.believed() }),
    ...(watcher.links && { links: watcher.links() }),
  };
}

/** What is held against policy and stamps: the ledger's own head, the whole ledger that was read, or the head the log is anchored in. */
type HeadJudged = {
  readonly kind: Verified['kind'];
  /** The anchor's, or the log's own where it has none. */
  readonly own: HeadShown;
  readonly wholeLedger: WholeLedger | Refused | null;
  readonly anchor: Anchor | null;
};

/** Holds the head against the policy that was given; of an opening without one, against the cosigners of its own first entry. */
async function cosignedOf(
  tools: VerifyTools,
  { policy }: VerifyOptions,
  { kind, own, wholeLedger, anchor }: HeadJudged,
  cosigners: Cosigners | null,
): Promise<Cosigned | Refused | null> {
  if (policy === undefined)
    return anchor === null || cosigners === null ? null : cosignedByOwnWord(tools, own, cosigners);
  if (kind === 'ledger' || anchor !== null) return checkCosigned(tools, own, policy);
  if (wholeLedger === null || 'ok' in wholeLedger) return refuse('policy_needs_ledger');
  return wholeLedger.cosigned ?? refuse('policy_needs_ledger');
}

/** The time-stamps that came with the anchor, over its very note; or of a server, over a head of the ledger that was read whole. */
async function timestampedOf(
  tools: VerifyTools,
  source: LogSource,
  { stampRoots }: VerifyOptions,
  { anchor, wholeLedger }: HeadJudged,
): Promise<Stamped | Refused | null> {
  const roots = stampRoots ?? null;
  if (anchor !== null) {
    const found = await source.timestamps();
    if (found === null) return roots && refuse('timestamp_missing');
    return checkStamps(tools, found, { roots, writtenAt: parseInstant(parseEntry(anchor.head).at) });
  }
  // nothing ties a note that a server shows to a ledger that nobody read
  const covered = wholeLedger === null || 'ok' in wholeLedger ? null : wholeLedger.stamped;
  if (covered === null)
    return roots && refuse('timestamp_missing', { detail: 'none over a ledger that was read whole' });
  if ('ok' in covered) return covered;
  const judged = checkStamps(tools, covered.found, { roots, writtenAt: null });
  return judged.ok ? { ...judged, words: `its first ${covered.entries} entries ${judged.words}` } : judged;
}

/** The links that came beside a log, checked: of an opening under its anchor, of the access log under a head of the ledger; the ledger has its own. */
async function besideOf(
  tools: VerifyTools,
  source: LogSource,
  { kind, key, anchor }: { readonly kind: Verified['kind']; readonly key: VerifierKey; readonly anchor: Anchor | null },
): Promise<readonly KeyLink[] | Refused> {
  const shown = await source.links();
  return linksBeside(tools, shown, kind === 'access' ? underOwnLedger(tools.sha256, key, shown) : anchor);
}

/** Of what the whole ledger and what came beside the log say of the same keys, that which goes on further. */
function longer(beside: readonly KeyLink[], ledger: WholeLedger | Refused | null): readonly KeyLink[] {
  const whole = ledger === null || 'ok' in ledger ? [] : ledger.links;
  return (whole.at(-1)?.seq ?? -1) > (beside.at(-1)?.seq ?? -1) ? whole : beside;
}

type BundleTies = {
  readonly anchor: Anchor | null;
  readonly links: readonly KeyLink[];
  readonly options: VerifyOptions;
};

/** The source's bundle with its files checked; null where it is none. Its manifest is signed by the ledger's key, whoever trusts that. */
async function readBundle(
  tools: VerifyTools,
  source: LogSource,
  key: VerifierKey,
  { anchor, links, options: { trust, policy } }: BundleTies,
): Promise<{ readonly source: BundleSource; readonly manifest: BundleManifest } | Refused | null> {
  const bundle = await source.bundle();
  if (bundle === null) return null;
  if (anchor === null) throw new SourceError('file_missing', 'anchor/vkey');
  const head = { vkey: anchor.vkey, note: anchor.checkpoint, links };
  const vouch = () => isVouchedFor(tools, head, policy);
  // Just the trusted one or one that follows it: it signs the manifest, and whoever added a line of his own to a head could sign another.
  const believed = trust === undefined ? null : await believedBy(tools, trust, head, vouch, BY_LINKS_ONLY);
  if (believed !== null && 'ok' in believed) return believed;
  // A policy's logs are trusted as well: a line of theirs on the head is not enough for what the manifest says beside it.
  const { logs } = policy ?? { logs: [] };
  const listed = await Promise.all(logs.map(({ vkey }) => tieOf(tools, vkey, head, BY_LINKS_ONLY)));
  if (logs.length > 0 && listed.every((tie) => tie === null)) return refuse('policy_of_other_log');
  const ledgerKey = keyOf(tools.sha256, anchor.vkey);
  if ('ok' in ledgerKey) return ledgerKey;
  const terms = { origin: key.name, platform: platformOf(key.name), ledgerKey, tools };
  const manifest = await checkManifest(bundle, terms);
  return 'ok' in manifest ? manifest : { source: bundle, manifest };
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

const OPENING_NAME = /^(.+?)\/opening\/([a-z0-9][a-z0-9-]{0,62}[a-z0-9])$/u;
const PLATFORM_NAME = /^(.+)\/(?:ledger|access)$/u;

function watcherOf(
  tools: VerifyTools,
  { name, publicKey }: VerifierKey,
  vkey: string,
  roots: Roots,
  onHead?: Eyes['onHead'],
): Watcher | null {
  const [, platform = '', openingId = ''] = OPENING_NAME.exec(name) ?? [];
  if (platform !== '' && openingOrigin(platform, openingId) === name)
    return watchOpening(tools, { platform, openingId, vkey, roots });
  const [, owner = ''] = PLATFORM_NAME.exec(name) ?? [];
  const common = { platform: owner, publicKey: toBase64(publicKey), tools, ...(onHead && { onHead }) };
  if (owner !== '' && ledgerOrigin(owner) === name) return watchLedger({ ...common, kind: 'ledger' });
  return owner !== '' && accessOrigin(owner) === name ? watchLedger({ ...common, kind: 'access' }) : null;
}

function valuesOf(disclosed: Disclosures): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  for (const [field, knowable] of Object.entries(disclosed)) if (knowable.known) values[field] = knowable.value;
  return values;
}

/**
 * Verifies the whole ledger, where there is one to read.
 *
 * Returns: null where none is given, and none stands beside a log that is to be anchored.
 * Why:     the ledger refuses a second `opened` of an origin; so once it has been read whole, no second log of this opening can
 *          stand in it.
 */
async function readWholeLedger(
  tools: VerifyTools,
  source: LogSource,
  origin: string,
  { ledger, trust, policy }: VerifyOptions,
): Promise<WholeLedger | Refused | null> {
  const from = ledger ?? (trust === undefined ? null : source.ledger());
  if (from === null) return null;
  const heads: LedgersHead[] = [];
  const options = {
    requireAllDisclosures: false,
    ...(trust !== undefined && { trust }),
    ...(policy !== undefined && { policy }),
  };
  const anchor = await source.anchor();
  const anchored = anchoredAt(anchor);
  // what came with an anchor stamps its very note
  const found = anchor === null ? await source.timestamps() : null;
  const stamped = found === null ? null : await openedBy(tools, found.note, await from.vkey());
  const marks = markRoots(tools.sha256, [anchored, stamped]);
  const judged = await judge(tools, from, options, {
    onHead({ kind, checkpoint }, publicKey) {
      if (checkpoint.origin === origin) heads.push({ ...checkpoint, seq: marks.seen(), kind, publicKey });
    },
    onLeaf: marks.add,
  });
  if (!judged.ok) return { ...judged, detail: `${from.name}: ${judged.detail ?? ''}` };
  const isOther = judged.kind !== 'ledger' || judged.origin !== ledgerOrigin(platformOf(origin));
  if (isOther) return refuse('anchor_other_ledger');
  if (anchored !== null && marks.differs(anchored))
    return refuse('anchor_ledger_differs', { detail: `at ${anchored.size} entries` });
  return {
    entries: judged.entries,
    heads,
    cosigned:
      judged.cosigned === null
        ? null
        : { ok: true, isReached: judged.states.includes('cosigned'), words: judged.cosigned },
    stamped: found === null ? null : coveredBy(found, stamped, heads, marks),
    links: judged.links ?? [],
    believed: judged.believed ?? null,
  };
}
