/** Decrypts one's own bid from the page: the same checks as the command line's before the key is used, the log being the one this page has verified. */
import { sha256 } from '@noble/hashes/sha2.js';
import * as Type from 'typebox';
import { Check } from 'typebox/schema';
import type { Api, CommandAnswer } from '../../server/client/api.ts';
import { decryptBid } from '../../server/client/decrypt-statement.ts';
import type { Unwrap } from '../../server/client/key-agent.ts';
import { readKeyBackup } from '../../server/client/key-backup.ts';
import { SealError } from '../../server/client/seal-error.ts';
import { ApiError } from '../../server/client/transport.ts';
import { fromBase64, fromBase64Url } from '../../server/core/log/base64.ts';
import { isJsonObject, type Json } from '../../server/core/log/canonical.ts';
import { ed25519Verifier, parseVkey } from '../../server/core/log/note.ts';
import { fromUtf8, utf8 } from '../../server/core/log/utf8.ts';
import { isWindowBlind } from '../../server/core/opening/layer.ts';
import type { CertificateSigner } from '../../server/core/pki/person-jws.ts';
import { BACKUP_TYPE, DECRYPTION_TYPE } from '../../server/core/seal/decryption.ts';
import { isLodgementPayload, type LodgementPayload } from '../../server/core/seal/lodgement.ts';
import { isReceiptPayload } from '../../server/core/seal/receipt.ts';
import { KeyFileError } from '../keys/key-file-error.ts';
import { browserVerifyJws } from '../keys/verify-jws.ts';
import type { ReplicaView } from '../replica/replica.ts';
import { browserEd25519 } from '../replica/verify-ed25519.ts';

/** What the bidder kept of the lodging: the statement, the receipt, and by which log; the file of the command line. */
const KeptBidSchema = Type.Object({
  bidId: Type.String(),
  statement: Type.String(),
  /** Null in the file that was saved before anything was sent. */
  receipt: Type.Union([Type.String(), Type.Null()]),
  windowKid: Type.Optional(Type.String()),
  logVkey: Type.Optional(Type.String()),
});
type KeptBid = Type.Static<typeof KeptBidSchema>;

export type DecryptionNeeds = {
  readonly openingId: string;
  readonly api: Api;
  readonly signer: CertificateSigner;
  /** The bidder who is logged in. */
  readonly creditCode: string;
  unwrapper(certSha256: string): Unwrap;
  /** Sends without a session; what it carries needs none (seal-format §3.4). */
  sendAsAnybody: Api['sendDecryption'];
  /** Begins to say that the challenge arrived. It matters most to whom the key then fails, and is never waited for. */
  acknowledge(kid: string): void;
};

/** In a remedy the same statement is a backup's; `backup` is the text of the file of the key that was kept, null where one's own key unwraps now. */
export type Remedying = { readonly backup: string | null };

/** The key in a backup of this very bid. Throws: KeyFileError backup_malformed. */
function keyIn(text: string, openingId: string, bidId: string): Uint8Array {
  const backup = readKeyBackup(text);
  if (backup?.openingId !== openingId || backup.bidId !== bidId)
    throw new KeyFileError('backup_malformed', 'of another bid');
  return fromBase64Url(backup.contentKey);
}

/**
 * Makes the decryption.
 *
 * Returns: what sends it, the same each time.
 * Throws:  KeyFileError bid_file_malformed, bid_file_other, key_of_another_certificate, key_cannot_unwrap; SealError of the checks; ApiError.
 * Why:     the window is believed only when the very entry of the challenge stands on the log that this page has verified from its first
 *          entry on, under the key that the log had at the lodging; and the deadline is held against this computer's own clock, so that nobody's
 *          word alone makes the key speak early. The receipt's signature is not checked again: it was when it was kept, and a false one only
 *          keeps its own bidder from decrypting.
 */
export async function prepareDecryption(
  { openingId, api, signer, creditCode, unwrapper, acknowledge, sendAsAnybody }: DecryptionNeeds,
  view: ReplicaView,
  bidFile: string,
  remedy: Remedying | null = null,
): Promise<() => Promise<CommandAnswer>> {
  const { kept, lodged } = readKeptBid(bidFile);
  if (lodged.iss !== creditCode) throw new KeyFileError('bid_file_malformed', 'of another bidder');
  if (view.vkey === null || view.state === null) throw new Error('nothing is verified to decrypt upon');
  if (kept.logVkey !== undefined && kept.logVkey !== view.vkey) throw new SealError('window_not_proven', 'other_log');
  if (isWindowBlind(view.state) && kept.windowKid === undefined)
    throw new SealError('window_not_proven', 'not_the_dealt_key');
  const keptKey = remedy?.backup == null ? null : keyIn(remedy.backup, openingId, kept.bidId);
  const challenge = await api.readDecryptionChallenge(openingId);
  const isOnOurLog = view.entries.some(
    ({ text, event }) => event.type === 'WindowOpened' && text === challenge.window.entry,
  );
  if (!isOnOurLog) throw new SealError('window_not_proven', 'other_entry');
  // said first and waited for never: under load the platform may shed that word, and whom it refuses may still decrypt
  if (remedy === null && view.state.window !== null) acknowledge(view.state.window.kid);
  if (challenge.bidId !== lodged.bidId) throw new KeyFileError('bid_file_other');
  const receipt = payloadOf(kept.receipt ?? (await receiptAgain(api, openingId, lodged)));
  if (!isReceiptPayload(receipt)) throw new KeyFileError('bid_file_malformed', 'no receipt');
  const { subtle } = crypto;
  const { vkey } = view;
  const { jti, window } = challenge;
  const windowKid = kept.windowKid ?? null;
  const recipientInfos = fromBase64(challenge.recipientInfos);
  const unwrap = unwrapper(lodged.encCertSha256);
  const evidence = { statement: kept.statement, receipt, logVkey: vkey, windowKid, ...window, jti, recipientInfos };
  const { statement, jwe } = await decryptBid(
    {
      statement: kept.statement,
      receipt,
      logKey: ed25519Verifier(parseVkey(sha256, vkey), browserEd25519(subtle)),
      windowKid,
    },
    { window: { entry: utf8(window.entry), proof: window.proof }, jti, recipientInfos },
    {
      sha256,
      unwrap: async (recipient) => keptKey ?? unwrap(recipient, evidence),
      type: remedy === null ? DECRYPTION_TYPE : BACKUP_TYPE,
      signer,
      verifySignature: browserVerifyJws(subtle),
      nowAt: Date.now(),
      randomBytes: (count) => crypto.getRandomValues(new Uint8Array(count)),
    },
  );
  return byWhomever(
    () => api.sendDecryption(openingId, { statement, jwe }),
    () => sendAsAnybody(openingId, { statement, jwe }),
  );
}

/** Sends in one's own name and, where the session ended or was taken over since the key was used, in nobody's. */
export function byWhomever<Answer>(
  bySession: () => Promise<Answer>,
  asAnybody: () => Promise<Answer>,
): () => Promise<Answer> {
  return async () => {
    try {
      return await bySession();
    } catch (fault) {
      if (!(fault instanceof ApiError) || fault.status !== 401) throw fault;
      return asAnybody();
    }
  };
}

/** The platform's receipt once more, for whose file was saved before it came. Throws: KeyFileError; ApiError. */
async function receiptAgain(api: Api, openingId: string, { bidId }: LodgementPayload): Promise<string> {
  const { standing } = await api.readOwnBid(openingId);
  if (standing?.bidId !== bidId) throw new KeyFileError('bid_file_other');
  return standing.receipt;
}

function readKeptBid(text: string): { readonly kept: KeptBid; readonly lodged: LodgementPayload } {
  let kept: unknown;
  try {
    kept = JSON.parse(text);
  } catch (fault) {
    if (!(fault instanceof SyntaxError)) throw fault;
  }
  if (!Check(KeptBidSchema, kept)) throw new KeyFileError('bid_file_malformed', 'not what lodging keeps');
  const lodged = payloadOf(kept.statement);
  if (!isLodgementPayload(lodged)) throw new KeyFileError('bid_file_malformed', 'no lodgement');
  return { kept, lodged };
}

/** What a JWS says, unchecked. Throws: KeyFileError. */
function payloadOf(jws: string): Json {
  try {
    const payload: unknown = JSON.parse(fromUtf8(fromBase64Url(jws.split('.')[1] ?? '')));
    if (isJsonObject(payload)) return payload;
  } catch (fault) {
    throw new KeyFileError('bid_file_malformed', fault instanceof Error ? fault.message : '');
  }
  throw new KeyFileError('bid_file_malformed', 'no statement');
}
