/** What every way of lodging shares: what a lodgement statement must be before a byte is taken, and the one call in which an envelope that was received becomes a bid. */
import { toBase64Url } from '../core/log/base64.ts';
import { openingOrigin } from '../core/log/origin.ts';
import { decideRegister, type LodgedBid } from '../core/opening/register.ts';
import { checkLodgement, isLodgementPayload, type LodgementPayload } from '../core/seal/lodgement.ts';
import { payloadSha256 } from '../core/seal/statement.ts';
import { sha256 } from '../hash.ts';
import { type AcceptedAct, checkDeliveredStatement } from '../identity/acts.ts';
import { findEncryptionCertificate } from '../identity/encryption.ts';
import type { Caller } from '../identity/tokens.ts';
import type { Answer, Source } from '../recorder/submission.ts';
import { fileOfBid, isBidReceived, isCommandKnown } from '../store/bids.ts';
import type { Gate, ReceivedEnvelope } from '../vault/envelope-gate.ts';
import { type Dependencies, receiptTime } from './dependencies.ts';
import { accepted, ProblemError } from './errors.ts';

/** Of a refused upload so much is still read, that its sender hears why; beyond that the connection is closed. */
export const UNREAD_LIMIT_BYTES = 8 * 2 ** 20;

export type Lodging = { readonly openingId: string; readonly caller: Caller; readonly source: Source };

/** A statement that would be recorded as things stand, and the gate for the envelope it was signed over. */
export type AcceptedStatement = {
  readonly signed: AcceptedAct;
  readonly payload: LodgementPayload;
  readonly data: LodgedBid;
  readonly gate: Gate;
};

/**
 * Checks a statement before its envelope is carried here.
 *
 * Throws: ProblemError: what checkDeliveredStatement refuses; statement_malformed; act_of_other_account; what speaks against the bid
 *         already; envelope_too_large; the encryption certificate's codes.
 */
export async function acceptStatement(
  dependencies: Dependencies,
  lodging: Lodging,
  statement: string,
): Promise<AcceptedStatement> {
  const { identity, config } = dependencies;
  const { openingId, caller } = lodging;
  const at = receiptTime(dependencies);
  const signed = accepted(
    await checkDeliveredStatement(identity, { type: 'LodgeBid', openingId, act: statement, receivedAt: at }),
  );
  const { payload } = signed.checked;
  if (!isLodgementPayload(payload)) throw new ProblemError('statement_malformed');
  if (signed.who.account !== caller.account) throw new ProblemError('act_of_other_account');
  const data = lodgedBidOf(payload);
  await refuseEarly(dependencies, lodging, { at, payload, data, signed });
  if (payload.envelopeBytes > config.bidLimitBytes) throw new ProblemError('envelope_too_large');
  const { certificate, judgement } = accepted(
    await findEncryptionCertificate(identity, { account: caller.account, certSha256: payload.encCertSha256, at }),
  );
  const who = { ...signed.who, encryptionJudgement: judgement };
  return {
    signed: { ...signed, who },
    payload,
    data,
    gate: { certificate, limitBytes: config.bidLimitBytes, signed: payload },
  };
}

/**
 * Lodges an envelope that lies in the vault: where every way of lodging ends.
 *
 * Returns: the recorder's answer, which alone counts; under the same statement always the first one.
 *
 * The order of effects, and what a crash after each leaves:
 *   1. intake, decision, commit (the recorder)  the bid stands; the receipt is given again to whoever asks with the same statement
 *   2. a file that no bid names is removed      a later start removes it (left-files)
 */
export async function finaliseLodging(
  { recorder, envelopes, sql }: Dependencies,
  { openingId, source }: Lodging,
  { signed, payload, data }: AcceptedStatement,
  received: Pick<ReceivedEnvelope, 'name' | 'recipientInfos'>,
): Promise<Answer> {
  const answer = await recorder.submit({
    openingId,
    command: payload.jti,
    type: 'LodgeBid',
    data,
    role: 'bidder',
    who: signed.who,
    act: signed.act,
    source,
    enclosure: {
      kind: 'envelope',
      file: received.name,
      header: toBase64Url(received.recipientInfos),
      statementSha256: payloadSha256(sha256, payload),
    },
  });
  // Refused, or lodged before with the same bytes.
  if ((await fileOfBid(sql, data.bidId)) !== received.name) await envelopes.discard(received.name);
  return answer;
}

/** What the register keeps of a statement: its promises. */
function lodgedBidOf(payload: LodgementPayload): LodgedBid {
  return {
    bidId: payload.bidId,
    envelopeSha256: payload.envelopeSha256,
    envelopeBytes: payload.envelopeBytes,
    recipientInfosSha256: payload.recipientInfosSha256,
    encCertSha256: payload.encCertSha256,
    openingListCommit: payload.openingListCommit,
    cekCommit: payload.cekCommit,
    contentCommit: payload.contentCommit,
    ...(payload.layer === undefined ? {} : { layer: payload.layer }),
    policyHash: payload.policyHash,
    deadlineAt: payload.deadlineAt,
    lotId: payload.lotId,
    replaces: payload.replaces ?? null,
  };
}

/**
 * Refuses before the bytes what would be refused after them; the recorder's answer alone counts.
 *
 * Why: nobody should carry two gigabytes to a closed door. A statement that was answered before is let through: its sender
 *      lost the answer and gets it again; so is one that has been received and waits for its decision, which the deadline
 *      has passed since.
 */
async function refuseEarly(
  { recorder, sql, config }: Dependencies,
  { openingId, caller }: Lodging,
  about: { at: number; payload: LodgementPayload; data: LodgedBid; signed: AcceptedAct },
): Promise<void> {
  const { at, payload, data, signed } = about;
  const { readOnly } = recorder.health();
  if (readOnly) throw new ProblemError('log_read_only');
  const kept = await recorder.keptOf(openingId);
  if (kept === null) throw new ProblemError('no_such_opening', openingOrigin(config.platform, openingId));
  const { state, register } = kept;
  const lot = { lotId: state.details.lot.code };
  const difference = checkLodgement(payload, {
    ...lot,
    policyHash: state.policyHash,
    deadlineAt: state.details.deadlineAt,
  });
  const command = { type: 'LodgeBid', data, who: signed.who } as const;
  const decision = decideRegister(register, state, command, { receivedAt: at });
  if (difference === undefined && !('refused' in decision)) return;
  if (await isCommandKnown(sql, { openingId, actor: caller.account, commandId: payload.jti })) return;
  if (await isBidReceived(sql, { bidId: payload.bidId, openingId })) return;
  if ('refused' in decision) throw new ProblemError(decision.refused, difference?.field);
}
