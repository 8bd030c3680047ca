/** `kaibiao verify`: judges a log from a folder or an address, in words; it needs no server, no database and no trust in either. */
import { verify as verifySignature } from 'node:crypto';
import { ACT_REASONS, checkAct, readPersonAct } from '../core/log/act.ts';
import { toBase64 } from '../core/log/base64.ts';
import { isJsonObject, type JsonObject } from '../core/log/canonical.ts';
import { openCheckpoint } from '../core/log/checkpoint.ts';
import { type Entry, parseEntry } from '../core/log/entry.ts';
import { LogFormatError } from '../core/log/error.ts';
import { checkHead, type HeadRefusal, isSameHead, type LedgerHead, readHead } from '../core/log/head.ts';
import { leafHash, rootOf } from '../core/log/merkle.ts';
import { ed25519Verifier, parseVkey, type VerifyEd25519 } from '../core/log/note.ts';
import { ledgerOrigin } from '../core/log/origin.ts';
import { verifyProof } from '../core/log/proof.ts';
import { readBatch } from '../core/log/register-batch.ts';
import { type HashTile, TILE_HEIGHT, TILE_WIDTH } from '../core/log/tile.ts';
import { type Disclosures, type LogProblem, verifyLog } from '../core/log/verify.ts';
import type { Words } from '../core/log/words.ts';
import { createAudit } from '../core/opening/audit.ts';
import { isEventType } from '../core/opening/read-event.ts';
import { sha256 } from '../hash.ts';
import { verifyJwsSignature } from '../identity/signature.ts';
import { differingTile, type LogSource, SourceError } from './log-source.ts';
import { signedTypesOf } from './signed-types.ts';

/** What this file adds to the reasons of core/log and core/opening. */
export const VERIFY_REASONS = {
  source_unreadable: { en: 'The log cannot be read where it should be.', zh: '无法从指定位置读取日志。' },
  not_a_log_of_this_format: {
    en: 'This is no log of the kinds that can be verified here.',
    zh: '这不是此处可验证的日志类型。',
  },
  tile_differs: { en: 'A published tile is not what the entries make.', zh: '公布的哈希块与条目计算结果不一致。' },
  person_unsigned: { en: "A person's act is missing where a person acted.", zh: '应有本人签名的操作缺少签名。' },
  person_differs: {
    en: 'The act was signed by another person than the entry names.',
    zh: '签名人与条目所载人员不一致。',
  },
  anchor_missing: {
    en: 'A ledger key is trusted, but nothing anchors this log in the ledger.',
    zh: '已指定受信任的总账密钥，但本日志没有总账锚定。',
  },
  anchor_other_ledger: {
    en: 'The log is anchored in another ledger than the trusted one.',
    zh: '本日志锚定于另一总账，而非受信任的总账。',
  },
  anchor_proof_bad: {
    en: 'The proof that the head stands in the ledger does not hold.',
    zh: '树头在总账中的证明不成立。',
  },
  anchor_other_head: { en: 'The ledger holds another head than this log shows.', zh: '总账所载树头与本日志不一致。' },
  ledger_head_refused: {
    en: 'The ledger holds a head that does not continue the one before.',
    zh: '总账中有树头不是前一树头的延续。',
  },
  ledger_head_unsigned: { en: 'The ledger holds a head without its signature.', zh: '总账中有未经签名的树头。' },
  ledger_batch_malformed: {
    en: 'A register batch of the ledger is not of constant form.',
    zh: '总账中的登记批次格式不符。',
  },
} as const satisfies Record<string, Words>;

export type Refused = {
  readonly ok: false;
  readonly reason: string;
  readonly words: Words;
  readonly seq?: number;
  readonly detail?: string;
};

export type Verified = {
  readonly ok: true;
  readonly kind: 'opening' | 'ledger' | 'access';
  readonly origin: string;
  readonly entries: number;
  /** Base64. */
  readonly root: string;
  /** A log that ends before `Archived` is valid and still open. */
  readonly standing: 'valid, complete' | 'valid, still open';
  readonly actsChecked: number;
  readonly withheld: number;
  readonly anchoring: string;
};

export type VerifyOptions = {
  /** The ledger's verifier key, from elsewhere than the log. */
  readonly trust?: string;
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

function refuse(reason: keyof typeof VERIFY_REASONS, more: { seq?: number; detail?: string } = {}): Refused {
  return { ok: false, reason, words: VERIFY_REASONS[reason], ...more };
}

/**
 * Verifies the log of a source.
 *
 * Returns: what was verified, or the first reason against it.
 * Throws:  only for faults of the network or the disk that are not the log's.
 */
export async function verifySource(source: LogSource, options: VerifyOptions): Promise<Verified | Refused> {
  try {
    return await judge(source, options);
  } catch (error) {
    if (error instanceof SourceError) return refuse('source_unreadable', { detail: error.message });
    if (error instanceof LogFormatError)
      return refuse('source_unreadable', { detail: `${error.code}: ${error.message}` });
    throw error;
  }
}

async function judge(source: LogSource, options: VerifyOptions): Promise<Verified | Refused> {
  const vkey = await source.vkey();
  const { name: origin } = parseVkey(sha256, vkey);
  const watcher = origin.includes('/opening/') ? watchOpening(origin) : watchLedger(origin);
  const leaves: Uint8Array[] = [];
  const checkpointNote = await source.checkpoint();
  const logKey = ed25519Verifier(parseVkey(sha256, vkey), verifyEd25519);
  const { checkpoint } = await openCheckpoint(checkpointNote, logKey);
  const log = await verifyLog({
    vkey,
    checkpointNote,
    entries: source.entries(checkpoint.size),
    disclosuresFor: (seq) => source.disclosuresFor(seq),
    requireAllDisclosures: options.requireAllDisclosures,
    sha256,
    verifyEd25519,
    async onEntry(entry, disclosed, bytes) {
      leaves.push(leafHash(sha256, bytes));
      return watcher.see(entry, disclosed);
    },
  });
  if (!log.ok) return log;
  const judged = watcher.finish();
  if (!judged.ok) return judged;
  const tile = await differingTile(source, log.size, (t) => hashesOf(t, leaves));
  if (tile !== null) return refuse('tile_differs', { detail: tile });
  const anchoring = await anchoringOf(source, origin, log, options.trust, watcher.kind);
  if (typeof anchoring !== 'string') return anchoring;
  return {
    ok: true,
    kind: watcher.kind,
    origin,
    entries: log.size,
    root: toBase64(log.root),
    standing: judged.complete ? 'valid, complete' : 'valid, still open',
    actsChecked: watcher.actsChecked(),
    withheld: log.withheld,
    anchoring,
  };
}

/** The hashes of one tile, from the leaf hashes of all entries. */
function hashesOf(tile: HashTile, leaves: readonly Uint8Array[]): Uint8Array[] {
  const span = 2 ** (tile.level * TILE_HEIGHT);
  return Array.from({ length: tile.width }, (_, i) => {
    const from = (tile.index * TILE_WIDTH + i) * span;
    return rootOf(sha256, leaves.slice(from, from + span));
  });
}

type Watcher = {
  readonly kind: Verified['kind'];
  see(entry: Entry, disclosed: Disclosures): Promise<LogProblem | undefined>;
  finish(): { readonly ok: true; readonly complete: boolean } | Refused;
  actsChecked(): number;
};

function valuesOf(disclosed: Disclosures): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  for (const [field, knowable] of Object.entries(disclosed)) if (knowable.known) values[field] = knowable.value;
  return values;
}

/** An opening's log: every act by its person's key, every event by the opening's own rules. */
function watchOpening(origin: string): Watcher {
  const audit = createAudit(sha256);
  const [platform = '', openingId = ''] = origin.split('/opening/');
  let acts = 0;

  async function checkPerson(entry: Entry, values: Record<string, unknown>): Promise<Refused | undefined> {
    if (!isEventType(entry.type) || !Object.hasOwn(values, 'act') || values['act'] === null) return undefined;
    const person = readPersonAct(values['act']);
    if (person === undefined) return refuse('person_unsigned', { seq: entry.seq });
    const { types, command } = signedTypesOf(entry, person);
    const checked = await checkAct(person, { platform, openingId, command, types }, verifyJwsSignature, sha256);
    if (!checked.ok) return { ok: false, reason: checked.reason, words: ACT_REASONS[checked.reason], seq: entry.seq };
    const who = values['who'];
    if (isJsonObject(who) && (who['account'] !== checked.account || who['certSha256'] !== checked.certSha256)) {
      return refuse('person_differs', { seq: entry.seq });
    }
    acts += 1;
    return undefined;
  }

  return {
    kind: 'opening',
    async see(entry, disclosed) {
      const values = valuesOf(disclosed);
      const problem = await checkPerson(entry, values);
      if (problem !== undefined) return problem;
      const [found] = audit.add(entry, values);
      return found === undefined ? undefined : { ok: false, reason: found.code, words: found.words, seq: entry.seq };
    },
    finish() {
      const { problems, complete } = audit.finish();
      const [first] = problems;
      if (first === undefined) return { ok: true, complete };
      return {
        ok: false,
        reason: first.code,
        words: first.words,
        ...(first.seq === undefined ? {} : { seq: first.seq }),
      };
    },
    actsChecked: () => acts,
  };
}

/** The ledger or the access log: heads that only grow, batches of constant form. */
function watchLedger(origin: string): Watcher {
  const heads = new Map<string, LedgerHead>();

  async function checkLedgerHead(body: JsonObject, seq: number): Promise<Refused | undefined> {
    const head = readHead(body);
    const refusal: HeadRefusal | undefined = checkHead(sha256, heads.get(head.checkpoint.origin), head);
    if (refusal !== undefined) return refuse('ledger_head_refused', { seq, detail: refusal });
    heads.set(head.checkpoint.origin, head);
    return undefined;
  }

  return {
    kind: origin === ledgerOrigin(origin.replace(/\/ledger$/u, '')) ? 'ledger' : 'access',
    async see(entry) {
      if (entry.type === 'Head') return checkLedgerHead(entry.body as JsonObject, entry.seq);
      if (entry.type !== 'RegisterBatch') return undefined;
      try {
        readBatch(entry.body as JsonObject);
        return undefined;
      } catch (error) {
        if (error instanceof LogFormatError) return refuse('ledger_batch_malformed', { seq: entry.seq });
        throw error;
      }
    },
    finish: () => ({ ok: true, complete: false }),
    actsChecked: () => 0,
  };
}

/** How far the log is tied to a ledger that is trusted from elsewhere, in words; or why the tie does not hold. */
async function anchoringOf(
  source: LogSource,
  origin: string,
  log: { readonly size: number; readonly root: Uint8Array },
  trust: string | undefined,
  kind: Verified['kind'],
): Promise<string | Refused> {
  if (kind !== 'opening') {
    if (trust === undefined) return 'consistent with its own key only';
    return (await source.vkey()) === trust ? 'its key is the trusted one' : refuse('anchor_other_ledger');
  }
  const anchor = await source.anchor();
  if (anchor === null) return trust === undefined ? 'consistent with its own key only' : refuse('anchor_missing');
  if (trust !== undefined && anchor.vkey !== trust) return refuse('anchor_other_ledger');
  const ledgerKey = ed25519Verifier(parseVkey(sha256, anchor.vkey), verifyEd25519);
  const proven = await verifyProof({
    sha256,
    proof: anchor.proof,
    leaf: leafHash(sha256, anchor.head),
    logKey: ledgerKey,
  });
  if (!proven.ok) return refuse('anchor_proof_bad', { detail: proven.reason });
  const entry = parseEntry(anchor.head);
  if (entry.type !== 'Head') return refuse('anchor_other_head');
  const { checkpoint } = readHead(entry.body as JsonObject);
  if (!isSameHead(checkpoint, { origin, ...log })) return refuse('anchor_other_head');
  if (trust === undefined) return 'anchored in a ledger whose key came with it: consistent with its own key only';
  return 'anchored in the trusted ledger; a second log of this opening can be excluded only with the whole ledger';
}
