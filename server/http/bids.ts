/** POST /openings/<id>/bids: a sealed envelope with its signed statement, streamed through the gate into the vault, then recorded. */
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
import { fileOfBid, isCommandKnown } from '../store/bids.ts';
import { type ReceivedEnvelope, receiveEnvelope } from '../vault/receive-envelope.ts';
import { callerOf, callers, sourceOf } from './authenticate.ts';
import { BID_MEDIA_TYPE, readBidUpload } from './bid-upload.ts';
import { answerOf } from './commands.ts';
import type { Dependencies, Nouns } from './dependencies.ts';
import { accepted, ProblemError } from './errors.ts';
import { AcceptedSchema, OpeningParams } from './schemas.ts';

/** Of a refused upload so much is still read, that its sender hears why; beyond that the connection is closed. */
const UNREAD_LIMIT_BYTES = 8 * 2 ** 20;

export function addBids(app: Nouns, dependencies: Dependencies): void {
  app.addContentTypeParser(BID_MEDIA_TYPE, (_request, body, done) => done(null, body));
  app.post(
    '/openings/:openingId/bids',
    {
      config: { isVital: true, limit: 'vital' },
      preParsing: callers(dependencies).must,
      // Its size is the gate's to bound, as it streams.
      bodyLimit: Number.MAX_SAFE_INTEGER,
      schema: {
        tags: ['bids'],
        summary: 'Lodges a bid, or replaces the one that stands; answered with the platform’s receipt',
        description: `Body: \`${BID_MEDIA_TYPE}\`: the lodgement statement as one line of ASCII, a line feed, then the envelope's bytes to the end.`,
        params: OpeningParams,
        response: { 200: AcceptedSchema },
      },
    },
    async (request, reply) => {
      // Until it has been read to its end: whoever is refused must not go on sending gigabytes.
      if (Number(request.headers['content-length'] ?? Number.NaN) <= UNREAD_LIMIT_BYTES === false)
        reply.header('connection', 'close');
      if (request.headers['content-type'] !== BID_MEDIA_TYPE) throw new ProblemError('media_type_not_taken');
      const lodging = { openingId: request.params.openingId, caller: callerOf(request), source: sourceOf(request) };
      const answer = answerOf(await processBid(dependencies, lodging, request.body as AsyncIterable<Uint8Array>));
      reply.removeHeader('connection');
      return answer;
    },
  );
}

type Lodging = { readonly openingId: string; readonly caller: Caller; readonly source: Source };

/**
 * Lodges one envelope.
 *
 * Throws: ProblemError: statement_line_malformed; what checkDeliveredStatement refuses; statement_malformed;
 *         act_of_other_account; what speaks against the bid already before its bytes; the encryption certificate's codes; the
 *         envelope_… codes; upload_broken.
 *
 * The order of effects, and what a crash after each leaves:
 *   1. statement, certificate, register asked   nothing
 *   2. envelope durable under a random name     a file nobody has a receipt for; a later start removes it (left-files)
 *   3. intake, decision, commit (the recorder)  the bid stands; the receipt is given again to whoever asks with the same statement
 *   4. a file that no bid names is removed      the same
 */
async function processBid(
  dependencies: Dependencies,
  lodging: Lodging,
  body: AsyncIterable<Uint8Array>,
): Promise<Answer> {
  const { identity, recorder, envelopes, world, config } = dependencies;
  const { openingId, caller, source } = lodging;
  const { statement, envelope } = await readBidUpload(body);
  const at = world.now();
  const signed = accepted(
    await checkDeliveredStatement(identity, { type: 'LodgeBid', openingId, act: statement, receivedAt: at }),
  );
  const { payload } = signed.checked;
  if (!isLodgementPayload(payload)) throw new ProblemError('statement_malformed');
  if (signed.who.account !== caller.account) throw new ProblemError('act_of_other_account');
  const data = lodgedBidOf(payload);
  await refuseEarly(dependencies, lodging, { at, payload, data, signed });
  const { certificate } = accepted(
    await findEncryptionCertificate(identity, { account: caller.account, certSha256: payload.encCertSha256, at }),
  );
  const received = accepted(
    await receiveEnvelope(envelopes, envelope, { certificate, limitBytes: config.bidLimitBytes, signed: payload }),
  );
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
  await discardUnused(dependencies, data.bidId, received);
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
 *      lost the answer and gets it again.
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
  if ('refused' in decision) throw new ProblemError(decision.refused, difference?.field);
}

/** Removes the file when the bid that stands names another, or none: it was refused, or lodged before with the same bytes. */
async function discardUnused(
  { envelopes, sql }: Dependencies,
  bidId: string,
  { name }: ReceivedEnvelope,
): Promise<void> {
  if ((await fileOfBid(sql, bidId)) !== name) await envelopes.discard(name);
}
