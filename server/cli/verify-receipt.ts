/** Judges a receipt file without asking anyone: whose signature, where it stands in the ledger, and whether the envelope at hand is the receipted one. */
import { createHash } from 'node:crypto';
import * as Type from 'typebox';
import { Check } from 'typebox/schema';
import { toBase64Url } from '../core/log/base64.ts';
import { parseEntry } from '../core/log/entry.ts';
import { LogFormatError } from '../core/log/error.ts';
import { leafHash } from '../core/log/merkle.ts';
import { ed25519Verifier, type NoteVerifier, parseVkey } from '../core/log/note.ts';
import { parseProof, verifyProof } from '../core/log/proof.ts';
import { readRegisterProof, verifyRegisterProof } from '../core/log/register-proof.ts';
import { utf8 } from '../core/log/utf8.ts';
import { isReceiptPayload, RECEIPT_TYPE, type ReceiptPayload } from '../core/seal/receipt.ts';
import { payloadSha256 } from '../core/seal/statement.ts';
import { verifyEd25519 } from '../ed25519.ts';
import { sha256 } from '../hash.ts';
import { readChunks } from '../vault/vault-folder.ts';
import { listedReceiptKey } from './person/ledger.ts';
import { PersonError } from './person/person-error.ts';
import { openReceipt, type ReceiptKey } from './person/receipt.ts';
import { readReceiptFile } from './receipt-file.ts';
import { type Refused, refuse } from './verify-words.ts';

/** What the ledger holds of the act, as far as a receipt repeats it. */
const ActSchema = Type.Object({
  type: Type.String(),
  openingId: Type.String(),
  receivedAt: Type.String(),
  body: Type.Object({ bidId: Type.String() }),
  who: Type.Object({ creditCode: Type.String() }),
  receiptSha256: Type.Union([Type.String(), Type.Null()]),
});

export type ReceiptVerdict = {
  readonly ok: true;
  readonly receipt: ReceiptPayload;
  /** Entry of the ledger in which the act's batch stands. */
  readonly ledgerSeq: number;
  readonly ledger: string;
  /** Signed heads of the ledger that the proofs lead to. */
  readonly ledgerNotes: readonly string[];
};

/**
 * Judges a receipt file.
 *
 * Shape:   `trust` is the ledger's vkey that one believes; without it the file's own is taken, and only its consistency is shown.
 * Returns: the first thing wrong: the file, the ledger's key, the receipt key's place, the signature, the act's place, the act, the
 *          envelope; in this order.
 */
export async function verifyReceipt(
  text: string,
  { trust, envelope }: { readonly trust?: string; readonly envelope?: string },
): Promise<ReceiptVerdict | Refused> {
  const file = readReceiptFile(text);
  if (file === null) return refuse('receipt_file_malformed');
  if (trust !== undefined && file.ledger !== trust) return refuse('receipt_of_other_ledger');
  const ledgerKey = ledgerKeyOf(file.ledger);
  const key = ledgerKey === null ? null : await receiptKeyIn(file.key, ledgerKey);
  if (ledgerKey === null || key === null) return refuse('receipt_key_unproven');

  const receipt = await payloadOf(file.receipt, key);
  if (receipt === null) return refuse('receipt_unsigned');
  const proven = await verifyRegisterProof({ sha256, proof: file.act, ledgerKey });
  if (!proven.ok) return refuse('receipt_not_in_ledger', { detail: proven.reason });
  if (!isActOf(receipt, proven.act)) return refuse('receipt_act_differs');
  if (envelope !== undefined && !(await isEnvelopeOf(receipt, envelope))) return refuse('receipt_of_other_envelope');
  const proofs = [file.key.proof, readRegisterProof(file.act).proof];
  const ledgerNotes = proofs.map((proof) => parseProof(proof).checkpoint);
  return { ok: true, receipt, ledgerSeq: proven.entry.seq, ledger: file.ledger, ledgerNotes };
}

function ledgerKeyOf(vkey: string): NoteVerifier | null {
  try {
    return ed25519Verifier(parseVkey(sha256, vkey), verifyEd25519);
  } catch (fault) {
    if (fault instanceof LogFormatError) return null;
    throw fault;
  }
}

/** The key for receipts, when the ledger's first entry lists it and stands where it says. */
async function receiptKeyIn(
  { entry, proof }: { readonly entry: string; readonly proof: string },
  ledgerKey: NoteVerifier,
): Promise<ReceiptKey | null> {
  try {
    const bytes = utf8(entry);
    const proven = await verifyProof({ sha256, proof, leaf: leafHash(sha256, bytes), logKey: ledgerKey });
    return proven.ok && proven.index === 0 ? listedReceiptKey(parseEntry(bytes), ledgerKey.name) : null;
  } catch (fault) {
    if (fault instanceof LogFormatError) return null;
    throw fault;
  }
}

async function payloadOf(receipt: string, key: ReceiptKey): Promise<ReceiptPayload | null> {
  try {
    const payload = await openReceipt(receipt, RECEIPT_TYPE, key);
    return isReceiptPayload(payload) ? payload : null;
  } catch (error) {
    if (error instanceof PersonError) return null;
    throw error;
  }
}

/** A lodgement's entry names the receipt by its digest; of a withdrawal everything that both say must be the same. */
function isActOf(receipt: ReceiptPayload, act: unknown): boolean {
  if (!Check(ActSchema, act)) return false;
  const { openingId, bidId, aud, receivedAt } = receipt;
  const isSame =
    act.openingId === openingId &&
    act.body.bidId === bidId &&
    act.who.creditCode === aud &&
    act.receivedAt === receivedAt;
  const isWithdrawal = receipt.act === 'withdrawn';
  const named = isWithdrawal ? null : payloadSha256(sha256, receipt);
  return isSame && act.type === (isWithdrawal ? 'BidWithdrawn' : 'BidLodged') && act.receiptSha256 === named;
}

async function isEnvelopeOf({ envelopeSha256, envelopeBytes }: ReceiptPayload, path: string): Promise<boolean> {
  const hash = createHash('sha256');
  let length = 0;
  for await (const chunk of readChunks(path)) {
    hash.update(chunk);
    length += chunk.length;
  }
  return length === envelopeBytes && toBase64Url(hash.digest()) === envelopeSha256;
}
