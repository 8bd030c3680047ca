/** What the ledger says of the platform itself: its keys, whom it trusts, and what its operators did by hand. */
import { toBase64 } from '../core/log/base64.ts';
import type { Json } from '../core/log/canonical.ts';
import { formatInstant } from '../core/log/instant.ts';
import type { PlatformKey, PlatformKeyUse } from '../core/log/ledger-events.ts';
import type { Signer } from '../recorder/signer.ts';
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

/** Records that a trust anchor came or went; `certificate` is its DER in base64. */
export async function recordTrustChange(
  writer: LogWriter,
  author: Author,
  change: {
    readonly change: 'added' | 'ended';
    readonly certificateSha256: string;
    readonly fromAt: number;
    readonly certificate: string;
    readonly reason: string | null;
  },
  also?: Also,
): Promise<number> {
  const draft = {
    type: 'TrustChanged',
    role: 'operator',
    command: author.command,
    body: {
      change: change.change,
      certificateSha256: change.certificateSha256,
      from: formatInstant(change.fromAt),
    },
    withheld: { ...personOf(author), certificate: change.certificate, reason: change.reason },
  } as const;
  return writeOne(writer, draft, also);
}

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
