/** Judges a receipt file without asking anyone: whose signature, where it stands in the ledger, and whether the envelope at hand is the receipted one. */
import * as Type from 'typebox';
import { Check } from 'typebox/schema';
import { parseEntry } from '../core/log/entry.ts';
import { LogFormatError } from '../core/log/error.ts';
import { isAnnouncementSigned } from '../core/log/key-announcement.ts';
import { isStrong } from '../core/log/key-links.ts';
import type { KeyAnnouncement } from '../core/log/ledger-events.ts';
import { leafHash } from '../core/log/merkle.ts';
import { ed25519Verifier, type NoteVerifier, parseVkey } from '../core/log/note.ts';
import { parseProof, verifyProof } from '../core/log/proof.ts';
import { readRegisterProof, verifyRegisterProof } from '../core/log/register-proof.ts';
import { utf8 } from '../core/log/utf8.ts';
import { isReceiptPayload, RECEIPT_TYPE, type ReceiptPayload } from '../core/seal/receipt.ts';
import { listedReceiptKey, openReceiptJws, type ReceiptKey } from '../core/seal/receipt-key.ts';
import { payloadSha256 } from '../core/seal/statement.ts';
import { readReceiptFile } from './receipt-file.ts';
import type { VerifyTools } from './tools.ts';
import { type Refused, refuse } from './words.ts';

/** What the ledger holds of the act, as far as a receipt repeats it. */
const ActSchema = Type.Object({
  type: Type.String(),
  openingId: Type.String(),
  receivedAt: Type.String(),
  body: Type.Object({ bidId: Type.String() }),
  who: Type.Object({ creditCode: Type.String() }),
  receiptSha256: Type.Union([Type.String(), Type.Null()]),
});

/** An envelope at hand: its length and its SHA-256, base64url. */
export type Measured = { readonly bytes: number; readonly sha256: string };

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
 *          envelope; in this order. `measureEnvelope` is asked only when everything else holds.
 */
export async function judgeReceipt(
  tools: VerifyTools,
  text: string,
  { trust, measureEnvelope }: { readonly trust?: string; readonly measureEnvelope?: () => Promise<Measured> },
): Promise<ReceiptVerdict | Refused> {
  const { sha256 } = tools;
  const file = readReceiptFile(text);
  if (file === null) return refuse('receipt_file_malformed');
  if (trust !== undefined && file.ledger !== trust) return refuse('receipt_of_other_ledger');
  const ledgerKey = ledgerKeyOf(tools, file.ledger);
  const key = ledgerKey === null ? null : await receiptKeyIn(tools, file.key, ledgerKey);
  if (ledgerKey === null || key === null) return refuse('receipt_key_unproven');

  const receipt = await payloadOf(tools, file.receipt, key);
  if (receipt === null) return refuse('receipt_unsigned');
  const proven = await verifyRegisterProof({ sha256, proof: file.act, ledgerKey });
  if (!proven.ok) return refuse('receipt_not_in_ledger', { detail: proven.reason });
  if (!isActOf(tools, receipt, proven.act)) return refuse('receipt_act_differs');
  if (measureEnvelope !== undefined && !isEnvelopeOf(receipt, await measureEnvelope()))
    return refuse('receipt_of_other_envelope');
  const proofs = [file.key.proof, readRegisterProof(file.act).proof];
  const ledgerNotes = proofs.map((proof) => parseProof(proof).checkpoint);
  return { ok: true, receipt, ledgerSeq: proven.entry.seq, ledger: file.ledger, ledgerNotes };
}

function ledgerKeyOf({ sha256, verifyEd25519 }: VerifyTools, vkey: string): NoteVerifier | null {
  try {
    return ed25519Verifier(parseVkey(sha256, vkey), verifyEd25519);
  } catch (fault) {
    if (fault instanceof LogFormatError) return null;
    throw fault;
  }
}

/** The key for receipts, when the ledger's first entry lists it or a later one announces it, as both keys signed, and stands where it says. */
async function receiptKeyIn(
  { sha256, verifyEd25519 }: VerifyTools,
  { entry, proof }: { readonly entry: string; readonly proof: string },
  ledgerKey: NoteVerifier,
): Promise<ReceiptKey | null> {
  try {
    const bytes = utf8(entry);
    const proven = await verifyProof({ sha256, proof, leaf: leafHash(sha256, bytes), logKey: ledgerKey });
    const listing = parseEntry(bytes);
    if (!proven.ok || proven.index !== listing.seq) return null;
    const key = listedReceiptKey(sha256, listing, ledgerKey.name);
    if (key === null || listing.type === 'LedgerOpened') return key;
    const said = listing.body as unknown as KeyAnnouncement;
    const isSound = [said.key.publicKey, said.replaces].every((each) => isStrong(sha256, each));
    const platform = ledgerKey.name.replace(/\/ledger$/u, '');
    return isSound && (await isAnnouncementSigned(platform, said, verifyEd25519)) ? key : null;
  } catch (fault) {
    if (fault instanceof LogFormatError) return null;
    throw fault;
  }
}

async function payloadOf(
  { verifyEd25519 }: VerifyTools,
  receipt: string,
  key: ReceiptKey,
): Promise<ReceiptPayload | null> {
  const payload = await openReceiptJws(verifyEd25519, receipt, RECEIPT_TYPE, key);
  return isReceiptPayload(payload) ? payload : null;
}

/** A lodgement's entry names the receipt by its digest; of a withdrawal everything that both say must be the same. */
function isActOf({ sha256 }: VerifyTools, receipt: ReceiptPayload, act: unknown): boolean {
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

function isEnvelopeOf({ envelopeSha256, envelopeBytes }: ReceiptPayload, { sha256, bytes }: Measured): boolean {
  return bytes === envelopeBytes && sha256 === envelopeSha256;
}
