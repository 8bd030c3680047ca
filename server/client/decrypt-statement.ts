/** Gives a bid's content key to the opening, and only to a window that is proven to be open: the checks a bidder's own client makes before its key is used. */
import { CompactEncrypt, importJWK } from 'jose';
import { Check } from 'typebox/schema';
import { checkAct, type VerifyJwsSignature } from '../core/log/act.ts';
import { toBase64, toBase64Url } from '../core/log/base64.ts';
import { tryParseEntry } from '../core/log/entry.ts';
import type { Sha256 } from '../core/log/hash.ts';
import { parseInstant } from '../core/log/instant.ts';
import { leafHash } from '../core/log/merkle.ts';
import type { NoteVerifier } from '../core/log/note.ts';
import { verifyProof } from '../core/log/proof.ts';
import { utf8 } from '../core/log/utf8.ts';
import { EVENTS } from '../core/opening/events.ts';
import { type CertificateSigner, signByCertificate } from '../core/pki/person-jws.ts';
import { cekCommit } from '../core/seal/commitments.ts';
import {
  DECRYPTION_TYPE,
  type DecryptionPayload,
  type KeyStatementType,
  SEALED_KEY_ALGORITHM,
  SEALED_KEY_ENCRYPTION,
  type WindowKey,
  windowKeyId,
} from '../core/seal/decryption.ts';
import { isLodgementPayload, type LodgementPayload } from '../core/seal/lodgement.ts';
import type { ReceiptPayload } from '../core/seal/receipt.ts';
import { type Recipient, readRecipientInfos } from '../core/seal/recipient-info.ts';
import { payloadSha256, RANDOM_ID_BYTES } from '../core/seal/statement.ts';
import type { Unwrap } from './key-agent.ts';
import { SealError } from './seal-error.ts';

/** The proof that the window was opened, as the platform sends it with the challenge. */
export type WindowEvidence = {
  /** Exact bytes of the WindowOpened entry. */
  entry: Uint8Array;
  /** Its `.tlog-proof`. */
  proof: string;
};

export type Challenge = {
  window: WindowEvidence;
  /** 128 random bits, base64url. */
  jti: string;
  /** The envelope's RecipientInfos SET. */
  recipientInfos: Uint8Array;
};

/** What the bidder itself kept from lodging. */
export type KeptLodgement = {
  statement: string;
  receipt: ReceiptPayload;
  /** Key of the opening log, from the genesis the bidder saw then: `<platform>/opening/<id>`. */
  logKey: NoteVerifier;
  /** Where the window is blind: the key that its holders had been dealt by then; null where the platform makes one. */
  windowKid: string | null;
};

/** The keys, and the outside. */
export type DecryptionMeans = {
  sha256: Sha256;
  unwrap: Unwrap;
  signer: CertificateSigner;
  verifySignature: VerifyJwsSignature;
  /** ms since 1970, the bidder's own clock. */
  nowAt: number;
  randomBytes: (length: number) => Uint8Array;
  /** In the remedy the same statement is a backup's; in the window it is a decryption's. */
  type?: KeyStatementType;
};

export type Decryption = { statement: string; jwe: string; payload: DecryptionPayload };

/**
 * Answers the challenge of the decryption window.
 *
 * Returns: the statement and the sealed content key; whoever carries them to the platform learns nothing.
 * Throws:  SealError not_our_lodgement, receipt_not_for_this_bid, window_not_proven, before_deadline, header_differs, unwrap_failed,
 *          wrong_key; up to header_differs the key has not been touched.
 * Why:     a platform that sends its challenge early would turn the bidder into its decryption oracle. So the key is used only after
 *          WindowOpened is proven to stand on the log the bidder knows, and after the deadline that it signed has passed by
 *          its own clock; there is no way to call this without either. And where the window was promised to be blind, only to the key
 *          whose holders were dealt their shares: on a log forged up to a key of the platform's own it stays sealed.
 */
export async function decryptBid(
  kept: KeptLodgement,
  challenge: Challenge,
  means: DecryptionMeans,
): Promise<Decryption> {
  const { sha256 } = means;
  const { lodged, windowKey, headSeen, recipient, recipientInfosSha256 } = await proveUnwrap(kept, challenge, means);

  const cek = await means.unwrap(recipient);
  try {
    if (cekCommit(sha256, cek) !== lodged.cekCommit) throw new SealError('wrong_key');
    const jwe = await sealKey(sha256, cek, windowKey, { jti: challenge.jti, envelopeSha256: lodged.envelopeSha256 });
    const { iss, aud, openingId, lotId, bidId } = lodged;
    const payload: DecryptionPayload = {
      v: 1,
      iss,
      aud,
      openingId,
      lotId,
      bidId,
      receiptSha256: payloadSha256(sha256, kept.receipt),
      recipientInfosSha256,
      cekCommit: lodged.cekCommit,
      challengeJti: challenge.jti,
      jweSha256: toBase64Url(sha256(utf8(jwe))),
      headSeen,
      iat: Math.floor(means.nowAt / 1000),
      jti: toBase64Url(means.randomBytes(RANDOM_ID_BYTES)),
    };
    return {
      statement: await signByCertificate(sha256, means.signer, means.type ?? DECRYPTION_TYPE, payload),
      jwe,
      payload,
    };
  } finally {
    cek.fill(0);
  }
}

/** What is proven before a key is used. */
export type ProvenUnwrap = {
  readonly lodged: LodgementPayload;
  /** Certificates of who signed the lodgement, DER, the leaf first. */
  readonly certificates: readonly Uint8Array[];
  readonly windowKey: WindowKey;
  readonly headSeen: DecryptionPayload['headSeen'];
  readonly recipient: Recipient;
  readonly recipientInfosSha256: string;
};

/**
 * Whether a key may be used for a challenge; whoever holds a key asks this first, wherever the key lies.
 *
 * Throws: SealError not_our_lodgement, receipt_not_for_this_bid, window_not_proven, before_deadline, header_differs; EnvelopeError.
 */
export async function proveUnwrap(
  kept: KeptLodgement,
  challenge: Challenge,
  means: Pick<DecryptionMeans, 'sha256' | 'verifySignature' | 'nowAt'>,
): Promise<ProvenUnwrap> {
  const { sha256 } = means;
  const { lodged, certificates } = await readOwnLodgement(kept, means);
  if (payloadSha256(sha256, lodged) !== kept.receipt.statementSha256) throw new SealError('receipt_not_for_this_bid');
  const { windowKey, headSeen } = await proveWindow(sha256, kept.logKey, challenge.window, lodged);
  if (kept.windowKid !== null && windowKeyId(sha256, windowKey) !== kept.windowKid)
    throw new SealError('window_not_proven', 'not_the_dealt_key');
  if (means.nowAt < parseInstant(lodged.deadlineAt)) throw new SealError('before_deadline');
  const recipientInfosSha256 = toBase64Url(sha256(challenge.recipientInfos));
  if (recipientInfosSha256 !== lodged.recipientInfosSha256) throw new SealError('header_differs');
  const recipient = readRecipientInfos(challenge.recipientInfos);
  return { lodged, certificates, windowKey, headSeen, recipient, recipientInfosSha256 };
}

/** The promises this bidder signed, its own signature checked: a file from elsewhere could name another deadline. */
async function readOwnLodgement(
  { statement, receipt }: KeptLodgement,
  { sha256, verifySignature }: Pick<DecryptionMeans, 'sha256' | 'verifySignature'>,
): Promise<{ readonly lodged: LodgementPayload; readonly certificates: readonly Uint8Array[] }> {
  const expected = { platform: receipt.iss, openingId: receipt.openingId, command: '', types: ['LodgeBid'] };
  const act = await checkAct({ act: statement }, expected, verifySignature, sha256);
  if (!act.ok) throw new SealError('not_our_lodgement', act.reason);
  if (!isLodgementPayload(act.payload) || act.payload.iss !== receipt.aud) throw new SealError('not_our_lodgement');
  return { lodged: act.payload, certificates: act.certificates };
}

/** The window key on the log, and the head under which it was proven. Throws: SealError window_not_proven. */
async function proveWindow(
  sha256: Sha256,
  logKey: NoteVerifier,
  { entry, proof }: WindowEvidence,
  { aud, openingId }: LodgementPayload,
): Promise<{ windowKey: WindowKey; headSeen: DecryptionPayload['headSeen'] }> {
  if (logKey.name !== `${aud}/opening/${openingId}`) throw new SealError('window_not_proven', 'other_log');
  const proven = await verifyProof({ sha256, proof, leaf: leafHash(sha256, entry), logKey });
  if (!proven.ok) throw new SealError('window_not_proven', proven.reason);
  const parsed = tryParseEntry(entry);
  if (!parsed.ok) throw new SealError('window_not_proven', parsed.fault.code);
  const { type, log, seq, body } = parsed.entry;
  const isInPlace = type === 'WindowOpened' && log === logKey.name && seq === proven.index;
  if (!isInPlace || !Check(EVENTS.WindowOpened.body, body)) throw new SealError('window_not_proven', 'other_entry');
  if (windowKeyId(sha256, body.windowKey) !== body.kid) throw new SealError('window_not_proven', 'other_key');
  const { size, root } = proven.checkpoint;
  return { windowKey: body.windowKey, headSeen: { size, root: toBase64(root) } };
}

/** The content key as compact JWE to the window key, bound to challenge and envelope. */
async function sealKey(
  sha256: Sha256,
  cek: Uint8Array,
  windowKey: WindowKey,
  bound: { jti: string; envelopeSha256: string },
): Promise<string> {
  return new CompactEncrypt(cek)
    .setProtectedHeader({
      alg: SEALED_KEY_ALGORITHM,
      enc: SEALED_KEY_ENCRYPTION,
      kid: windowKeyId(sha256, windowKey),
      ...bound,
    })
    .encrypt(await importJWK({ ...windowKey }, SEALED_KEY_ALGORITHM));
}
