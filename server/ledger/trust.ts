/** What the ledger says of the platform itself: its keys, whom it trusts, and what its operators did by hand. */
import { fromBase64, toBase64 } from '../core/log/base64.ts';
import type { Json, JsonObject } from '../core/log/canonical.ts';
import { parseEntry } from '../core/log/entry.ts';
import { parseInstant } from '../core/log/instant.ts';
import type { KeyAnnouncement, PlatformKey } from '../core/log/ledger-events.ts';
import { formatVkey, KEY_TYPES, verifierKey } from '../core/log/note.ts';
import type { TrustChange } from '../core/pki/trust-store.ts';
import { KeyError } from '../ed25519.ts';
import { sha256 } from '../hash.ts';
import type { Who } from '../identity/acts.ts';
import type { IdentityRefusal } from '../identity/refusals.ts';
import { decideTrust, keepTrustChange, type TrustStep } from '../identity/trust-changes.ts';
import type { Signer } from '../recorder/signer.ts';
import type { Sql, TransactionSql } from '../store/driver.ts';
import { readCheckpoint, readKeyAnnouncements } from '../store/read-log.ts';
import type { Also, Draft, LogWriter } from './log-writer.ts';

/** The person behind an entry; nobody when the platform did it by its configuration. */
export type Author = {
  readonly command: string;
  readonly who: Json;
  readonly source: Json;
  /** The signed act. */
  readonly act: Json;
};

/** The platform's keys as the ledger lists them. */
export function listKeys(signer: Pick<Signer, 'publicKeys'>): PlatformKey[] {
  const { publicKeys } = signer;
  const uses = ['openings', 'ledger', 'receipts'] as const;
  return uses.map((use) => ({ use, algorithm: 'Ed25519', publicKey: toBase64(publicKeys[use]) }));
}

/** What stands in the place of a command's id where whoever holds the keys' folder has put another key there. */
export const SUCCESSION = 'key-succession';

type Announcing = Pick<Signer, 'publicKeys' | 'announcements'>;

/**
 * Announces on the ledger every key that is to follow, or has followed, and does not stand there yet; at each start.
 *
 * Shape:  `takeHeads` brings every log that has begun onto the ledger; asked for before a key is said to be known to others, for no log may
 *         begin under such a key any more.
 * Throws: KeyError `key_unannounced` for a key in use that nobody announced, or an announcement that verifiers would refuse; nothing is
 *         signed then.
 * Why:    heads are signed by the key before as well until that one is taken away, so who trusts it learns of the new one from it.
 */
export async function announceKeys(
  writer: LogWriter,
  signer: Announcing,
  takeHeads: () => Promise<void>,
): Promise<void> {
  const { answer: isCompromised } = await writer.write(async (tx, _seq, at) => {
    const found = await findUnannounced(tx, writer.origin, signer, at);
    return { drafts: [], answer: found.some(({ compromisedSince }) => compromisedSince !== undefined) };
  });
  if (isCompromised) await takeHeads();
  await writer.write(async (tx, _seq, at) => {
    const found = await findUnannounced(tx, writer.origin, signer, at);
    const withheld = { who: null, source: null, act: null };
    const drafts = found.map(
      (said): Draft => ({ type: 'KeyAnnounced', role: 'operator', command: SUCCESSION, body: said, withheld }),
    );
    return { drafts, answer: null };
  });
}

/** What was signed of keys and does not stand on the ledger yet, in its order. Throws: KeyError key_unannounced. */
async function findUnannounced(
  tx: TransactionSql,
  ledger: string,
  signer: Announcing,
  at: number,
): Promise<KeyAnnouncement[]> {
  const known: PlatformKey[] = await readKeys(tx, ledger);
  const isListed = (publicKey: string): boolean => known.some((one) => one.publicKey === publicKey);
  const found: KeyAnnouncement[] = [];
  for (const said of signer.announcements) {
    const { key, replaces, from } = said;
    if (isListed(key.publicKey)) continue;
    if (known.findLast(({ use }) => use === key.use)?.publicKey !== replaces)
      throw new KeyError('key_unannounced', `the key to follow ${key.use} was announced by one that is not in use`);
    if (parseInstant(from) > at)
      throw new KeyError('key_unannounced', `the key to follow ${key.use} is of ${from}: one of the clocks is wrong`);
    found.push(said);
    known.push(key);
  }
  // Whatever it signed, nobody could tell it from a stranger's.
  for (const { use, publicKey } of listKeys(signer))
    if (!isListed(publicKey))
      throw new KeyError(
        'key_unannounced',
        `the key for ${use} is not on the ledger, and the one before it says nothing of it`,
      );
  return found;
}

/**
 * Has the access log grow where its newest stored head lacks the line of a key that signs it now.
 *
 * Why: a stored head stays as it was signed; once the key before is ended, nobody would have a head of a log that did not grow meanwhile.
 */
export async function showKeys(sql: Sql, writer: LogWriter, signer: Pick<Signer, 'released'>): Promise<void> {
  const head = signer.released(writer.origin);
  if (head === null) return;
  const stored = (await readCheckpoint(sql, writer.origin, head.size)) ?? '';
  const linesOf = (note: string): string[] => note.slice(note.lastIndexOf('\n\n') + 2).split('\n');
  if (linesOf(head.note).every((line) => linesOf(stored).includes(line))) return;
  const draft: Draft = { type: 'KeysChanged', role: 'platform', command: SUCCESSION, body: {}, withheld: {} };
  await writer.write(async () => ({ drafts: [draft], answer: null }));
}

/** A key that the ledger lists. `compromisedSince`: when it was replaced, others may have had it from then on (RFC 3339); null otherwise. */
type ListedKey = PlatformKey & { readonly compromisedSince: string | null };

/** The keys that the ledger lists: those it began with, then those that were announced. */
async function readKeys(tx: Sql | TransactionSql, origin: string): Promise<ListedKey[]> {
  const [genesis] = await tx<{ bytes: Uint8Array }[]>`SELECT bytes FROM entries WHERE origin = ${origin} AND seq = 0`;
  if (genesis === undefined) return [];
  const keys = parseEntry(genesis.bytes).body['keys'] as unknown as PlatformKey[];
  const said = (await readKeyAnnouncements(tx, origin)).flatMap(({ bytes }) => {
    const { type, body } = parseEntry(bytes);
    return type === 'KeyAnnounced' ? [body as unknown as KeyAnnouncement] : [];
  });
  return [...keys, ...said.map(({ key }) => key)].map((key) => ({
    ...key,
    compromisedSince:
      said.find(({ replaces, compromisedSince }) => replaces === key.publicKey && compromisedSince !== undefined)
        ?.compromisedSince ?? null,
  }));
}

/**
 * The vkeys under which a signed head of the ledger proves what the platform said: every key the ledger lists for itself, the ended and the
 * announced ones too, but those that others may have had.
 *
 * Why: what such a key signed may be its thief's; whoever shows it claims something and proves nothing, and must not stop the platform.
 */
export async function provingVkeys(sql: Sql, ledger: string): Promise<string[]> {
  const keys = await readKeys(sql, ledger);
  return keys
    .filter(({ use, compromisedSince }) => use === 'ledger' && compromisedSince === null)
    .map(({ publicKey }) => formatVkey(verifierKey(sha256, ledger, KEY_TYPES.ed25519, fromBase64(publicKey))));
}

const personOf = ({ who, source, act }: Author) => ({ who, source, act });

/** The author of a step that changes whom the platform believes: a person always. */
export type TrustAuthor = Omit<Author, 'who'> & { readonly who: Who };

/** The number of the proposal that it concerns; or why not. */
export type TrustAnswer = { readonly proposal: number } | { readonly refused: IdentityRefusal };

/** Told in the transaction what the answer will be; like a job it may run twice. */
export type KeepTrustAnswer = (tx: TransactionSql, answer: TrustAnswer) => Promise<void>;

/** Proposes, confirms or withdraws a change of whom the platform believes: decided, done and written in one transaction, or nothing of it. */
export async function changeTrust(
  writer: LogWriter,
  author: TrustAuthor,
  step: TrustStep,
  keep?: KeepTrustAnswer,
): Promise<TrustAnswer> {
  const { command, who } = author;
  const { answer } = await writer.write<TrustAnswer>(async (tx, seq, at) => {
    const decided = await decideTrust(tx, step, { by: who, command, seq, at });
    const told = 'refused' in decided ? { refused: decided.refused } : { proposal: decided.proposal };
    await keep?.(tx, told);
    if ('refused' in decided || decided.entry === undefined) return { drafts: [], answer: told };
    const { type, body } = decided.entry;
    const reason = step.step === 'withdraw' ? { reason: step.reason } : {};
    const withheld = { ...personOf({ ...author, who: who as unknown as Json }), ...reason };
    return {
      drafts: [{ type, role: 'operator', command, body: body as unknown as JsonObject, withheld }],
      answer: told,
    };
  });
  return answer;
}

/**
 * Takes in the CAs that the configuration of the first start names, and says so.
 *
 * Throws: for one that does not fit.
 * Why:    nobody signed for them but whoever holds the machine; so they stand there as of no proposal, and verifiers take such an
 *         entry only before the first thing that an operator did.
 */
export async function enrolAnchors(writer: LogWriter, changes: readonly TrustChange[]): Promise<void> {
  const nobody = { who: null, source: null, act: null };
  await writer.write(async (tx, seq) => {
    const drafts: Draft[] = [];
    for (const [n, change] of changes.entries()) {
      const kept = await keepTrustChange(tx, { seq: seq + n, change, fromAt: parseInstant(change.from) });
      if ('refused' in kept) throw new Error(`a CA of the first start was refused: ${kept.refused}`);
      const body = { proposal: null, change: change as unknown as JsonObject, from: change.from };
      drafts.push({ type: 'TrustChanged', role: 'operator', command: FIRST_START, body, withheld: nobody });
    }
    return { drafts, answer: null };
  });
}

/** What stands in the place of a command's id in what the first start did. */
export const FIRST_START = 'first-start';

/** Records what an operator did to the platform by hand; before it is done. */
export async function recordOperatorAct(writer: LogWriter, author: Author, what: Json, also?: Also): Promise<number> {
  const draft = {
    type: 'OperatorActed',
    role: 'operator',
    command: author.command,
    body: {},
    withheld: { ...personOf(author), what },
  } as const;
  return writeOne(writer, draft, also);
}

async function writeOne(writer: LogWriter, draft: Draft, also?: Also): Promise<number> {
  const { seqs } = await writer.write(async (tx, seq) => {
    await also?.(tx, seq);
    return { drafts: [draft], answer: null };
  });
  return seqs[0] as number;
}
