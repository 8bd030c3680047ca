/** Judges what somebody gave the page, with the one verifier there is; it runs in a worker and asks nobody for anything. */
import { fromBase64, toBase64Url } from '../../server/core/log/base64.ts';
import { sameBytes } from '../../server/core/log/bytes.ts';
import { LogFormatError } from '../../server/core/log/error.ts';
import { ledgerOrigin } from '../../server/core/log/origin.ts';
import { parsePolicy, type TlogPolicy } from '../../server/core/log/policy-file.ts';
import { utf8 } from '../../server/core/log/utf8.ts';
import { isEventType, readEvent } from '../../server/core/opening/read-event.ts';
import type { RecordMark, RecordNumber } from '../../server/core/opening/record-mark.ts';
import type { OpeningState } from '../../server/core/opening/state.ts';
import { type Certificate, parsePem } from '../../server/core/pki/certificate.ts';
import { CertificateError } from '../../server/core/pki/der.ts';
import { keyOf, platformOf } from '../../server/verify/anchoring.ts';
import { checkCosigned } from '../../server/verify/cosigned.ts';
import { type HeldPart, judgeSource } from '../../server/verify/log.ts';
import { judgeReceipt, type Measured, type ReceiptVerdict } from '../../server/verify/receipt.ts';
import { readReceiptFile } from '../../server/verify/receipt-file.ts';
import { keepRoots, type Roots } from '../../server/verify/roots.ts';
import { type LogSource, SourceError } from '../../server/verify/source.ts';
import type { VerifyTools } from '../../server/verify/tools.ts';
import { type Refused, refuse } from '../../server/verify/words.ts';
import { filesSource, zipBlobSource } from './blob-source.ts';
import type {
  Anchors,
  Given,
  Judged,
  JudgedLog,
  JudgeRequest,
  MarkFound,
  ReceiptCosigned,
  Refusal,
  ShownEntry,
} from './judge-messages.ts';
import { judgeOnePaper, type LogAtHand } from './judge-paper.ts';
import { type Sorted, sortGiven } from './sort-given.ts';

/** An anchor that is none. */
export class AnchorError extends Error {
  readonly field: keyof Anchors;
  constructor(field: keyof Anchors, detail: string) {
    super(detail);
    this.name = 'AnchorError';
    this.field = field;
  }
}

type Believed = { readonly trust?: string; readonly policy?: TlogPolicy; readonly stampRoots?: readonly Certificate[] };

export type Judging = {
  readonly tools: VerifyTools;
  /** SHA-256 of a file too long for memory. */
  readonly measure: (blob: Blob) => Promise<Measured>;
  readonly onEntries: (entries: number) => void;
};

/** Entries that the page shows, the newest: a log may have a hundred thousand. */
const SHOWN = 2_000;
/** Entries between two words of progress. */
const PROGRESS = 500;

/** Judges all of it. Throws: AnchorError. */
export async function judgeGiven(judging: Judging, request: Omit<JudgeRequest, 'id'>): Promise<Judged[]> {
  const { tools } = judging;
  const believed = readAnchors(tools, request.anchors);
  const sorted = await sortGiven(request.given);
  const opened = await openAll(tools, sorted);
  const ledger = await ledgerAmong(tools, opened);
  const judged: Judged[] = [];
  // judged whole with whatever is held against it, and by itself only where nothing is
  const atHand: LogAtHand[] = [];
  const judgeNext = async (one: Opened, beside: LogSource | null): Promise<void> => {
    const roots = keepRoots(tools.sha256);
    const log = await judgeLog(judging, one, { request, believed, ledger: beside, roots });
    const vkey = 'ok' in one.source ? '' : await one.source.vkey().catch(textOfUnreadable);
    judged.push(log);
    atHand.push({ judged: log, vkey, roots });
  };
  for (const one of opened) if (one.source !== ledger) await judgeNext(one, ledger);
  for (const one of opened) if (one.source === ledger && !judged.some(isHeldAgainstLedger)) await judgeNext(one, null);
  const papers = await Promise.all(sorted.papers.map((paper) => judgeOnePaper(tools, paper, atHand)));
  // who gave a paper asked for that first of all
  judged.unshift(...papers);
  // of several receipts nobody says whose envelope it is
  const envelope = sorted.others.length === 1 && sorted.receipts.length === 1 ? sorted.others[0] : undefined;
  for (const receipt of sorted.receipts) judged.push(await judgeOneReceipt(judging, receipt, believed, envelope));
  if (envelope === undefined) for (const { path } of sorted.others) judged.push({ kind: 'unknown', name: path });
  return judged;
}

/** Was the whole ledger read for it? */
function isHeldAgainstLedger(judged: Judged): boolean {
  if (judged.kind !== 'log' || judged.verified === null) return false;
  const { anchoredBy } = judged.verified;
  return anchoredBy === 'whole_ledger' || anchoredBy === 'whole_ledger_beside';
}

/**
 * The key of a ledger that the reader gave; undefined where none was.
 *
 * Shape: `shown` is the key that the material comes with: of several keys of one ledger, as after a succession, that one is meant.
 * Why:   a policy may list many platforms' ledgers. What is of none of them is not vouched for by any, and must not look so.
 */
function trustFor(
  { sha256 }: VerifyTools,
  believed: Believed,
  ledger: string,
  shown: string | null,
): string | undefined {
  const { trust, policy } = believed;
  if (trust !== undefined) return trust;
  const named = (policy?.logs ?? []).filter(({ vkey }) => nameOfKey(sha256, vkey) === ledger);
  return (named.find(({ vkey }) => vkey === shown) ?? named.at(-1))?.vkey;
}

function nameOfKey(sha256: VerifyTools['sha256'], vkey: string): string | null {
  const key = keyOf(sha256, vkey);
  return 'ok' in key ? null : key.name;
}

/**
 * Reads whom the reader believes.
 *
 * Shape:  a policy that lists one log vouches for it as the ledger; a line that is a vkey is that ledger alone.
 * Throws: AnchorError.
 */
export function readAnchors({ sha256 }: VerifyTools, { policy, stampRoots }: Anchors): Believed {
  return { ...policyOf(policy), ...rootsOf(stampRoots) };

  function policyOf(text: string | null): Pick<Believed, 'trust' | 'policy'> {
    if (text === null || text.trim() === '') return {};
    const line = text.trim();
    if (!/[\n ]/.test(line)) {
      const key = keyOf(sha256, line);
      if ('ok' in key) throw new AnchorError('policy', key.detail ?? key.reason);
      return { trust: line };
    }
    try {
      const read = parsePolicy(sha256, utf8(text.endsWith('\n') ? text : `${text}\n`));
      const [log, ...more] = read.logs;
      return { policy: read, ...(log !== undefined && more.length === 0 && { trust: log.vkey }) };
    } catch (fault) {
      if (fault instanceof LogFormatError) throw new AnchorError('policy', fault.message);
      throw fault;
    }
  }

  function rootsOf(text: string | null): Pick<Believed, 'stampRoots'> {
    if (text === null || text.trim() === '') return {};
    try {
      return { stampRoots: parsePem(text) };
    } catch (fault) {
      if (fault instanceof CertificateError) throw new AnchorError('stampRoots', fault.message);
      throw fault;
    }
  }
}

type Opened = { readonly name: string; readonly source: LogSource | Refused };

async function openAll({ decodeUtf8 }: VerifyTools, { folders, zips }: Sorted): Promise<Opened[]> {
  const opened: Opened[] = folders.map(({ name, files }) => {
    const twice = repeatedPath(files);
    // of two files under one path one would never be looked at
    if (twice !== null) return { name, source: refuse('file_unlisted', { detail: `${twice} × 2` }) };
    return { name, source: filesSource(name, files, decodeUtf8) };
  });
  for (const zip of zips) {
    const source = await zipBlobSource(zip, decodeUtf8).catch((error: unknown) => {
      if (error instanceof SourceError) return refuse(error.code, { detail: error.message });
      throw error;
    });
    opened.push({ name: zip.path, source });
  }
  return opened;
}

function repeatedPath(files: readonly Given[]): string | null {
  const seen = new Set<string>();
  for (const { path } of files) {
    if (seen.has(path)) return path;
    seen.add(path);
  }
  return null;
}

/** A ledger among the logs, which the openings beside it are held against. */
async function ledgerAmong({ sha256 }: VerifyTools, opened: readonly Opened[]): Promise<LogSource | null> {
  if (opened.length < 2) return null;
  for (const { source } of opened) {
    if ('ok' in source) continue;
    const key = keyOf(sha256, await source.vkey().catch(textOfUnreadable));
    if (!('ok' in key) && key.name.endsWith('/ledger')) return source;
  }
  return null;
}

/** What cannot be read is judged, and refused, in its own turn. */
function textOfUnreadable(error: unknown): string {
  if (error instanceof SourceError) return '';
  throw error;
}

async function judgeLog(
  { tools, onEntries }: Judging,
  { name, source }: Opened,
  asked: {
    readonly request: Omit<JudgeRequest, 'id'>;
    readonly believed: Believed;
    readonly ledger: LogSource | null;
    /** Empty. */
    readonly roots: Roots;
  },
): Promise<JudgedLog> {
  const held: HeldPart[] = [];
  const shown: ShownEntry[] = [];
  const { request, believed, ledger, roots } = asked;
  const { policy, stampRoots } = believed;
  const trust = 'ok' in source ? undefined : await trustOf(tools, believed, source);
  const common = {
    heldAgainst: { key: trust !== undefined, policy: policy !== undefined, stampRoots: stampRoots !== undefined },
    isFetched: request.isPublicView,
  };
  const refused = (refusal: Refused): JudgedLog => ({
    ...common,
    kind: 'log',
    name,
    held,
    refusal: refusalOf(refusal),
    verified: null,
    state: null,
    shown: [],
    mark: null,
  });
  if ('ok' in source) return refused(source);
  const judged = await judgeSource(tools, source, {
    requireAllDisclosures: !request.isPublicView,
    ...(trust !== undefined && { trust }),
    ...(stampRoots !== undefined && { stampRoots }),
    // a view of the public comes without a ledger, and a policy speaks of nothing else
    ...(policy !== undefined && (!request.isPublicView || ledger !== null) && { policy }),
    ...(ledger !== null && { ledger }),
    roots,
    onHeld: (part) => held.push(part),
    onEntry(entry, values, bytes) {
      if (entry.seq % PROGRESS === 0) onEntries(entry.seq);
      if (!isEventType(entry.type)) return;
      shown.push({ entry, event: readEvent(entry, values), text: tools.decodeUtf8(bytes) });
      if (shown.length >= 2 * SHOWN) shown.splice(0, shown.length - SHOWN);
    },
  });
  if (!judged.ok) return refused(judged);
  const { state, record: _record, ...verified } = judged;
  const mark = request.mark === null || state === null ? null : markFound(request.mark, state, roots);
  return { ...common, kind: 'log', name, held, refusal: null, verified, state, shown: shown.slice(-SHOWN), mark };
}

/** The key by which the reader believes this log's ledger; undefined where none was given, or the log cannot say whose it is. */
async function trustOf(tools: VerifyTools, believed: Believed, source: LogSource): Promise<string | undefined> {
  try {
    const own = nameOfKey(tools.sha256, await source.vkey());
    if (own === null) return believed.trust;
    const ledger = own.endsWith('/ledger') ? own : ledgerOrigin(platformOf(own));
    const shown = own === ledger ? await source.vkey() : ((await source.anchor())?.vkey ?? null);
    return trustFor(tools, believed, ledger, shown);
  } catch (error) {
    // it is refused in its own turn
    if (error instanceof SourceError) return believed.trust;
    throw error;
  }
}

/** Does the log have that record, was its head that one when it was issued, and is it the present one? Of a typed number: is there such a version? */
export function markFound(mark: RecordMark | RecordNumber, state: OpeningState, roots: Roots): MarkFound | null {
  const { record, pastRecords } = state;
  const present = record?.version ?? null;
  if (mark.version === null) return null;
  const version = present === mark.version ? record : pastRecords[mark.version - 1];
  const sha256 = version?.sha256 ?? null;
  const found = (verdict: MarkFound['verdict']): MarkFound => ({ verdict, present, sha256 });
  if (state.openingId !== mark.openingId) return found('other_opening');
  if ('root' in mark) {
    const root = roots.at(mark.size);
    if (root === null) return found('not_reached');
    if (!sameBytes(root, fromBase64(mark.root))) return found('other_head');
    if (sha256 !== mark.sha256) return found('other_record');
  }
  if (sha256 === null) return found('absent');
  if (mark.version !== present) return found('replaced');
  return found('root' in mark ? 'stands' : 'named');
}

async function judgeOneReceipt(
  { tools, measure }: Judging,
  { name, text }: { readonly name: string; readonly text: string },
  believed: Believed,
  envelope: Given | undefined,
): Promise<Judged> {
  const shown = readReceiptFile(text)?.ledger ?? '';
  const trust = trustFor(tools, believed, nameOfKey(tools.sha256, shown) ?? '', shown);
  const judged = await judgeReceipt(tools, text, {
    ...(trust !== undefined && { trust }),
    ...(envelope !== undefined && { measureEnvelope: () => measure(envelope.blob) }),
  });
  const common = {
    kind: 'receipt' as const,
    name,
    hasEnvelope: envelope !== undefined,
    isTrusted: trust !== undefined,
    hasPolicy: believed.policy !== undefined,
  };
  if (!judged.ok) return { ...common, refusal: refusalOf(judged), verdict: null, cosigned: null };
  const cosigned = await receiptCosigned(tools, judged, believed.policy);
  if (cosigned !== null && 'ok' in cosigned)
    return { ...common, refusal: refusalOf(cosigned), verdict: null, cosigned: null };
  const { receipt, ledgerSeq, ledger } = judged;
  return { ...common, refusal: null, verdict: { receipt, ledgerSeq, ledger }, cosigned };
}

/**
 * Whether the cosigners of the reader's policy stand for the ledger's heads that a receipt is proven under.
 *
 * Returns: null where the policy asks for nobody. Too few refuse nothing: a receipt is given before anybody can have countersigned its
 *          head; but nothing then says that others were shown the same ledger.
 */
async function receiptCosigned(
  tools: VerifyTools,
  { ledger, ledgerNotes }: ReceiptVerdict,
  policy: TlogPolicy | undefined,
): Promise<ReceiptCosigned | Refused> {
  if (policy === undefined || policy.quorum === null) return null;
  const words: string[] = [];
  let isReached = true;
  for (const note of new Set(ledgerNotes)) {
    const judged = await checkCosigned(tools, { vkey: ledger, note, links: [] }, { ...policy, logs: [] });
    if (!judged.ok && judged.reason !== 'cosigners_too_few') return judged;
    isReached &&= judged.ok;
    words.push(judged.ok ? judged.words : (judged.detail ?? ''));
  }
  return { isReached, words: words.join('; ') };
}

function refusalOf({ reason, words, seq, detail }: Refused): Refusal {
  return { reason, words, seq: seq ?? null, detail: detail ?? null };
}

/** The digest and length of a blob, read in pieces. */
export function blobMeasure(create: () => { update(bytes: Uint8Array): unknown; digest(): Uint8Array }) {
  return async (blob: Blob): Promise<Measured> => {
    const hash = create();
    const piece = 1 << 22;
    for (let at = 0; at < blob.size; at += piece)
      hash.update(new Uint8Array(await blob.slice(at, at + piece).arrayBuffer()));
    return { bytes: blob.size, sha256: toBase64Url(hash.digest()) };
  };
}
