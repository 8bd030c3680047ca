/** What the ledger says of the platform itself: its keys, whom it trusts, and what its operators did by hand. */
import { toBase64 } from '../core/log/base64.ts';
import type { Json, JsonObject } from '../core/log/canonical.ts';
import { formatInstant, parseInstant } from '../core/log/instant.ts';
import type { PlatformKey, PlatformKeyUse } from '../core/log/ledger-events.ts';
import type { TrustChange } from '../core/pki/trust-store.ts';
import type { Who } from '../identity/acts.ts';
import type { IdentityRefusal } from '../identity/refusals.ts';
import { decideTrust, keepTrustChange, type TrustStep } from '../identity/trust-changes.ts';
import type { Signer } from '../recorder/signer.ts';
import type { TransactionSql } from '../store/driver.ts';
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

const personOf = ({ who, source, act }: Author) => ({ who, source, act });

/**
 * Announces that a key will take the place of another from an instant on.
 *
 * Why: under the old key, before the new one signs anything: who trusts the old one learns of the new one from it.
 */
export async function announceKey(
  writer: LogWriter,
  author: Author,
  change: { use: PlatformKeyUse; publicKey: Uint8Array; replaces: Uint8Array; fromAt: number },
): Promise<number> {
  const key = { use: change.use, algorithm: 'Ed25519', publicKey: toBase64(change.publicKey) } as const;
  return writeOne(writer, {
    type: 'KeyAnnounced',
    role: 'operator',
    command: author.command,
    body: { key, replaces: toBase64(change.replaces), from: formatInstant(change.fromAt) },
    withheld: personOf(author),
  });
}

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
