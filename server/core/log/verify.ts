/** Verification of a whole log as a stream: signature, bytes, order, commitments, root; in memory that does not grow with it. */

import { sameBytes } from './bytes.ts';
import { isJsonObject } from './canonical.ts';
import { type Checkpoint, openCheckpoint } from './checkpoint.ts';
import { cosignatureVerifier } from './cosignature.ts';
import { type DisclosureReader, type Known, openDisclosures, type Withheld } from './disclosure.ts';
import { type Entry, parseEntry } from './entry.ts';
import { LogFormatError } from './error.ts';
import type { Sha256 } from './hash.ts';
import { parseInstant } from './instant.ts';
import { appendLeaves, EMPTY_RANGE, leafHash, rangeRoot } from './merkle.ts';
import { ed25519Verifier, type NoteVerifier, parseVkey, type VerifyEd25519 } from './note.ts';
import type { Words } from './words.ts';

/** The event that says why a disclosure is gone for good; its body holds `seq` and `field`. */
export const ERASED_TYPE = 'Erased';

/**
 * The withheld fields of an entry that an `Erased` entry naming this one accounts for.
 *
 * Why: a person's `act` is the whole command under a certificate, so it says once more what stands in any other field; only where the request
 *      came from is not in it. Whoever erased one and left the other would have erased nothing.
 */
export function goneWith(field: string): readonly string[] {
  return field === 'source' || field === 'act' ? [field] : [field, 'act'];
}

/** Missing disclosures that may wait for their `Erased` entry; a log that lacks more is refused, so memory stays bounded. */
export const MISSING_LIMIT = 100_000;

/** Every reason a log can be refused for by this file; whoever replays it adds his own. */
export const LOG_REASONS = {
  vkey_malformed: { en: 'The verifier key of the log cannot be read.', zh: '日志的验证公钥无法读取。' },
  vkey_weak: {
    en: 'The verifier key is of small order: it would verify anything.',
    zh: '验证公钥是小阶弱密钥，任何签名都会被其通过。',
  },
  checkpoint_malformed: { en: 'The checkpoint is not a signed checkpoint.', zh: '签名树头的格式不符。' },
  checkpoint_signature_bad: {
    en: 'A signature on the checkpoint does not verify.',
    zh: '签名树头上有签名验证不通过。',
  },
  checkpoint_unsigned: {
    en: 'The checkpoint is not signed by the key of this log.',
    zh: '签名树头没有本日志密钥的签名。',
  },
  checkpoint_other_log: { en: 'The checkpoint belongs to another log.', zh: '签名树头属于另一份日志。' },
  entry_too_long: { en: 'An entry is longer than 65,535 bytes.', zh: '条目超过 65,535 字节。' },
  entry_malformed: { en: 'An entry is not an entry of this format.', zh: '条目格式不符。' },
  entry_not_canonical: {
    en: 'An entry is not written in the one canonical way.',
    zh: '条目未按唯一的规范形式书写。',
  },
  entry_other_log: { en: 'An entry belongs to another log.', zh: '条目属于另一份日志。' },
  sequence_broken: {
    en: 'An entry does not have the number of its place.',
    zh: '条目编号与其所在位置不符。',
  },
  time_went_back: { en: 'An entry is dated before the one in front of it.', zh: '条目时间早于前一条目。' },
  received_time_went_back: {
    en: 'An act was received before one that stands in front of it.',
    zh: '操作的接收时间早于排在其前的操作。',
  },
  disclosure_malformed: { en: 'A disclosure cannot be read.', zh: '披露内容无法读取。' },
  disclosure_not_committed: {
    en: 'A disclosure is not what the entry committed to.',
    zh: '披露内容与条目中的承诺不符。',
  },
  disclosure_repeated: { en: 'A disclosure is given twice.', zh: '同一披露重复给出。' },
  disclosure_missing: {
    en: 'A disclosure is missing and no Erased entry accounts for it.',
    zh: '缺少披露，且没有“已清除”条目予以说明。',
  },
  erasure_malformed: {
    en: 'An Erased entry does not name a field of an earlier entry.',
    zh: '“已清除”条目未指明此前条目的字段。',
  },
  entries_missing: { en: 'There are fewer entries than the checkpoint says.', zh: '条目数少于签名树头所载。' },
  entries_beyond_checkpoint: {
    en: 'There are more entries than the checkpoint says.',
    zh: '条目数多于签名树头所载。',
  },
  root_differs: {
    en: 'The entries do not have the root that was signed.',
    zh: '由条目算出的根与签名树头不一致。',
  },
} as const satisfies Record<string, Words>;

export type LogReason = keyof typeof LOG_REASONS;

/** Why a log is refused, at which entry (when it is about one), with a word on what exactly for whoever looks closer. */
export type LogProblem = {
  readonly ok: false;
  readonly reason: string;
  readonly words: Words;
  readonly seq?: number;
  readonly detail?: string;
};

/** A log that holds. `erased` names what `Erased` entries account for; `withheld` counts the fields not disclosed otherwise. */
export type VerifiedLog = {
  readonly ok: true;
  readonly origin: string;
  readonly size: number;
  readonly root: Uint8Array;
  readonly lastAt: number | null;
  readonly signers: readonly string[];
  readonly withheld: number;
  readonly erased: readonly { readonly seq: number; readonly field: string }[];
};

/** One field of an entry as this verifier knows it. */
export type Disclosures = { readonly [field: string]: Known | Withheld };

export type VerifyLogOptions = {
  /** The origin the log must have; without it, the one of its key. */
  readonly origin?: string;
  /** The log's own key. */
  readonly vkey: string;
  /** Keys of cosigners whose signatures are checked and named when they are there. */
  readonly cosignerVkeys?: readonly string[];
  readonly checkpointNote: string | Uint8Array;
  /** The exact bytes of every entry, from number 0. */
  readonly entries: AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
  /** The disclosures at hand for one entry; none when there is nothing. */
  readonly disclosuresFor?: (seq: number) => readonly string[] | undefined | Promise<readonly string[] | undefined>;
  /** Whether a missing disclosure is an error (a complete bundle) or merely withheld from this reader. */
  readonly requireAllDisclosures: boolean;
  readonly sha256: Sha256;
  readonly verifyEd25519: VerifyEd25519;
  /** Faster means to read disclosures with than the core's own. */
  readonly disclosureReader?: DisclosureReader;
  /** The same to decode entries with: as strict as `fromUtf8`. */
  readonly decodeUtf8?: (bytes: Uint8Array) => string;
  /** Called once an entry itself holds, in order; a problem it returns refuses the log at that entry. */
  readonly onEntry?: (
    entry: Entry,
    disclosed: Disclosures,
    bytes: Uint8Array,
    /** Its leaf hash. */
    leaf: Uint8Array,
  ) => LogProblem | undefined | Promise<LogProblem | undefined>;
};

function problem(reason: LogReason, seq?: number, detail?: string): LogProblem {
  const words = LOG_REASONS[reason];
  return {
    ok: false,
    reason,
    words,
    ...(seq === undefined ? {} : { seq }),
    ...(detail === undefined ? {} : { detail }),
  };
}

/** The note's fault in the words of a log. */
function checkpointReason({ code }: LogFormatError): LogReason {
  switch (code) {
    case 'note_signature_bad':
      return 'checkpoint_signature_bad';
    case 'note_unsigned':
      return 'checkpoint_unsigned';
    case 'checkpoint_other_log':
      return 'checkpoint_other_log';
    case 'vkey_weak':
      return 'vkey_weak';
    case 'vkey_malformed':
    case 'key_name_malformed':
      return 'vkey_malformed';
    default:
      return 'checkpoint_malformed';
  }
}

function entryReason({ code }: LogFormatError): LogReason {
  if (code === 'entry_too_long') return 'entry_too_long';
  return code === 'json_not_canonical' ? 'entry_not_canonical' : 'entry_malformed';
}

function verifiersOf(options: VerifyLogOptions): { logKey: NoteVerifier; cosigners: NoteVerifier[] } {
  const { sha256, verifyEd25519 } = options;
  const logKey = ed25519Verifier(parseVkey(sha256, options.vkey), verifyEd25519);
  const cosigners = (options.cosignerVkeys ?? []).map((vkey) =>
    cosignatureVerifier(parseVkey(sha256, vkey), verifyEd25519),
  );
  return { logKey, cosigners };
}

/**
 * Verifies a log from its signed checkpoint and all its entries.
 *
 * Returns: what was verified, or the first problem met: first the checkpoint, then entry by entry (bytes, log, number, times,
 *          disclosures, `onEntry`), at last count, missing disclosures and root. Faults of the source of entries, of
 *          `disclosuresFor` and of `onEntry` throw through.
 * Why:     the root is known only after the last entry, so what `onEntry` does must wait for the answer before it is believed.
 *          A missing disclosure waits as well: the `Erased` entry that accounts for it comes later than the entry itself.
 * Source:  log-format §§2–3.
 */
export async function verifyLog(options: VerifyLogOptions): Promise<VerifiedLog | LogProblem> {
  const { sha256 } = options;
  let checkpoint: Checkpoint;
  let signers: string[];
  try {
    const { logKey, cosigners } = verifiersOf(options);
    const opened = await openCheckpoint(options.checkpointNote, logKey, cosigners);
    checkpoint = opened.checkpoint;
    signers = opened.signatures.map(({ name }) => name);
  } catch (fault) {
    if (!(fault instanceof LogFormatError)) throw fault;
    return problem(checkpointReason(fault), undefined, fault.message);
  }
  const { origin, size, root } = checkpoint;
  if (options.origin !== undefined && options.origin !== origin) {
    return problem('checkpoint_other_log', undefined, origin);
  }

  let range = EMPTY_RANGE;
  let lastAt: number | null = null;
  let lastReceivedAt: number | null = null;
  let withheld = 0;
  const missing = new Map<string, { seq: number; field: string }>();
  const erased: { seq: number; field: string }[] = [];

  for await (const bytes of options.entries) {
    const seq = range.size;
    if (seq >= size) return problem('entries_beyond_checkpoint', seq);

    let entry: Entry;
    try {
      entry = parseEntry(bytes, options.decodeUtf8);
    } catch (fault) {
      if (!(fault instanceof LogFormatError)) throw fault;
      return problem(entryReason(fault), seq, fault.message);
    }
    if (entry.log !== origin) return problem('entry_other_log', seq, entry.log);
    if (entry.seq !== seq) return problem('sequence_broken', seq, `says ${entry.seq}`);

    const at = parseInstant(entry.at);
    if (lastAt !== null && at < lastAt) return problem('time_went_back', seq, entry.at);
    lastAt = at;
    if (entry.receivedAt !== undefined) {
      const receivedAt = parseInstant(entry.receivedAt);
      if (lastReceivedAt !== null && receivedAt < lastReceivedAt) {
        return problem('received_time_went_back', seq, entry.receivedAt);
      }
      lastReceivedAt = receivedAt;
    }

    const texts = (await options.disclosuresFor?.(seq)) ?? [];
    const disclosed = openDisclosures(sha256, entry.commit, texts, options.disclosureReader);
    if (!disclosed.ok) return problem(disclosed.reason, seq, disclosed.detail);
    for (const [field, value] of Object.entries(disclosed.fields)) {
      if (value.known) continue;
      withheld += 1;
      if (!options.requireAllDisclosures) continue;
      if (missing.size >= MISSING_LIMIT) return problem('disclosure_missing', seq, `more than ${MISSING_LIMIT} are`);
      missing.set(`${seq} ${field}`, { seq, field });
    }

    if (entry.type === ERASED_TYPE) {
      const named = erasureOf(entry);
      if (named === undefined) return problem('erasure_malformed', seq);
      for (const field of goneWith(named.field)) {
        if (!missing.delete(`${named.seq} ${field}`)) continue;
        erased.push({ seq: named.seq, field });
        withheld -= 1;
      }
    }

    const leaf = leafHash(sha256, bytes);
    const refused = await options.onEntry?.(entry, disclosed.fields, bytes, leaf);
    if (refused !== undefined) return refused;
    range = appendLeaves(sha256, range, [leaf]);
  }

  if (range.size < size) return problem('entries_missing', range.size, `${range.size} of ${size}`);
  if (!sameBytes(rangeRoot(sha256, range), root)) return problem('root_differs');
  for (const { seq, field } of missing.values()) return problem('disclosure_missing', seq, field);
  return { ok: true, origin, size, root, lastAt, signers, withheld, erased };
}

/** The field an `Erased` entry names, when it is one of an earlier entry. */
function erasureOf(entry: Entry): { seq: number; field: string } | undefined {
  if (!isJsonObject(entry.body)) return undefined;
  const { seq, field } = entry.body;
  if (typeof seq !== 'number' || typeof field !== 'string' || seq < 0 || seq >= entry.seq) return undefined;
  return { seq, field };
}
