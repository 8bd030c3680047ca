/** /openings/<id>/decryptions: the challenge for one's own bid, and decryption statements from anyone. */
import * as Type from 'typebox';
import { fromBase64Url, toBase64, toBase64Url } from '../core/log/base64.ts';
import { isJsonObject } from '../core/log/canonical.ts';
import { LogFormatError } from '../core/log/error.ts';
import { parseInstant } from '../core/log/instant.ts';
import { openingOrigin } from '../core/log/origin.ts';
import { fromUtf8, utf8 } from '../core/log/utf8.ts';
import { numberOf } from '../core/opening/state.ts';
import { nextAttempt } from '../core/opening/steps/window.ts';
import { BACKUP_TYPE, isDecryptionPayload, SEALED_KEY_LIMIT_CHARACTERS } from '../core/seal/decryption.ts';
import { sha256 } from '../hash.ts';
import { checkDeliveredStatement } from '../identity/acts.ts';
import { releasedNow } from '../live/log-view.ts';
import { challengeOf } from '../recorder/challenge.ts';
import { jobName, readQueuePlace } from '../recorder/queue-board.ts';
import type { Source } from '../recorder/submission.ts';
import { headerOfBid } from '../store/bids.ts';
import { proofOf, readEntries } from '../store/read-log.ts';
import { callerOf, callers, creditCodeOf, sourceOf } from './authenticate.ts';
import { answerOf } from './commands.ts';
import { type Dependencies, type Nouns, receiptTime } from './dependencies.ts';
import { accepted, ProblemError } from './errors.ts';
import { AcceptedSchema, JwsText, OpeningParams, Staples, stapled, strict } from './schemas.ts';

const tags = ['decryptions'];
/** Compact JWE. */
const JweText = Type.String({
  pattern: '^[A-Za-z0-9_-]+(\\.[A-Za-z0-9_-]*){4}$',
  maxLength: SEALED_KEY_LIMIT_CHARACTERS,
});
const Body = Type.Object({ statement: JwsText, jwe: JweText, ocsp: Type.Optional(Staples) }, strict);

const Challenge = Type.Object({
  bidId: Type.String(),
  jti: Type.String(),
  window: Type.Object({ entry: Type.String({ description: 'exact leaf text of WindowOpened' }), proof: Type.String() }),
  recipientInfos: Type.String({
    description: 'base64 of the envelope’s RecipientInfos, for the bidder’s key to unwrap',
  }),
  closesAt: Type.Integer(),
  now: Type.Integer(),
});

const Own = Type.Object({
  bidder: Type.Integer(),
  attempts: Type.Array(
    Type.Object({
      attempt: Type.Integer(),
      outcome: Type.String({ description: 'undecided, decrypted, not_needed or why not' }),
    }),
  ),
  queue: Type.Union([Type.Object({ ahead: Type.Integer(), waitMs: Type.Integer() }), Type.Null()], {
    description: 'the place before the vault of the attempt that is decided next, while it waits there',
  }),
});

export function addDecryptions(app: Nouns, dependencies: Dependencies): void {
  const { may, must } = callers(dependencies);
  const config = { isVital: true, limit: 'vital' } as const;

  app.get(
    '/openings/:openingId/decryptions/challenge',
    {
      config,
      preParsing: must,
      schema: {
        tags,
        summary: 'What one’s own key must answer in the window',
        params: OpeningParams,
        response: { 200: Challenge },
      },
    },
    async (request) => challengeFor(dependencies, request.params.openingId, callerOf(request).account),
  );

  app.get(
    '/openings/:openingId/decryptions/own',
    {
      config,
      preParsing: must,
      schema: {
        tags,
        summary: 'What became of one’s own decryption, or how long it still waits',
        params: OpeningParams,
        response: { 200: Own },
      },
    },
    async (request) => ownDecryption(dependencies, request.params.openingId, callerOf(request).account),
  );

  app.post(
    '/openings/:openingId/decryptions',
    {
      config,
      preParsing: may,
      bodyLimit: dependencies.config.commandLimitBytes,
      schema: {
        tags,
        summary: 'A decryption statement with its sealed content key, delivered by anyone',
        params: OpeningParams,
        body: Body,
        response: { 200: AcceptedSchema },
      },
    },
    async (request) => processDecryption(dependencies, request.params.openingId, request.body, sourceOf(request)),
  );
}

/**
 * Takes a decryption in.
 *
 * Throws: ProblemError: what checkDeliveredStatement refuses; statement_malformed; act_data_differs when the sealed key is not the
 *         one that was signed; what the recorder refuses.
 * Why:    from anyone: a bidder who is cut off has other ways in (20号令 art. 54(5)). Only what the bidder signed becomes its
 *         attempt: a stranger who swaps the sealed key must not use one up. The certificate is judged at this instant: revoked or over
 *         before the deadline it fails on the log, by its bidder's fault, who may come again with another; since then, or when only
 *         its CA ended since, the bid that came in time is opened all the same. In any case what it was judged by stands in the
 *         entry's `who`.
 * Source: domain §2, attribution; 招投标法36.
 */
async function processDecryption(
  dependencies: Dependencies,
  openingId: string,
  { statement, jwe, ocsp }: Type.Static<typeof Body>,
  source: Source,
) {
  const { identity, recorder } = dependencies;
  const type = typOf(statement) === BACKUP_TYPE ? 'SubmitBackup' : 'DecryptBid';
  const state = await recorder.stateOf(openingId);
  const deadlineAt = state === null ? undefined : parseInstant(state.details.deadlineAt);
  const { who, act, checked, lapsedAt } = accepted(
    await checkDeliveredStatement(identity, {
      type,
      openingId,
      act: statement,
      receivedAt: receiptTime(dependencies),
      ...(deadlineAt !== undefined && { deadlineAt }),
      ...stapled(ocsp),
    }),
  );
  const { payload } = checked;
  if (!isDecryptionPayload(payload)) throw new ProblemError('statement_malformed');
  const { jti, jweSha256 } = payload;
  if (jweSha256 !== toBase64Url(sha256(utf8(jwe)))) throw new ProblemError('act_data_differs');
  const hadLapsed = lapsedAt !== null && deadlineAt !== undefined && lapsedAt < deadlineAt;
  return answerOf(
    await recorder.submit({
      openingId,
      command: jti,
      type,
      data: { jweSha256 },
      role: 'bidder',
      who,
      act,
      source,
      enclosure: { kind: 'decryption', jwe, ...(hadLapsed && { refusedFor: 'certificate_not_valid' as const }) },
    }),
  );
}

/** The caller's own attempts, by its number on the roster. Throws: ProblemError no_such_opening, no_standing_bid. */
async function ownDecryption(
  { recorder, sql, world }: Dependencies,
  openingId: string,
  account: string,
): Promise<Type.Static<typeof Own>> {
  const state = await recorder.stateOf(openingId);
  if (state === null) throw new ProblemError('no_such_opening');
  const bidder = numberOf(state, creditCodeOf(account));
  const bid = state.bids.find((one) => one.bidder === bidder);
  if (bidder === null || bid === undefined) throw new ProblemError('no_standing_bid');
  const next = nextAttempt(bid);
  return {
    bidder,
    attempts: bid.attempts.map(({ attempt, outcome }) => ({ attempt, outcome })),
    queue: next === undefined ? null : await readQueuePlace({ sql, world }, openingId, jobName(bidder, next)),
  };
}

/** What a statement says it is: in the window a decryption, in the remedy a backup. Whether it is one, the check says. */
function typOf(statement: string): unknown {
  try {
    const header: unknown = JSON.parse(fromUtf8(fromBase64Url(statement.split('.')[0] ?? '')));
    return isJsonObject(header) ? header['typ'] : undefined;
  } catch (fault) {
    if (fault instanceof LogFormatError || fault instanceof SyntaxError) return undefined;
    throw fault;
  }
}

/**
 * The challenge for the caller's own bid, with the proof that its window is open.
 *
 * Throws: ProblemError: no_such_opening, window_not_open, no_standing_bid.
 */
async function challengeFor(
  { recorder, hall, log, sql, vaultKey, config, world }: Dependencies,
  openingId: string,
  account: string,
): Promise<Type.Static<typeof Challenge>> {
  const state = await recorder.stateOf(openingId);
  const room = await hall.room(openingId);
  if (state === null || room === null) throw new ProblemError('no_such_opening');
  const seq = await room.windowSeq();
  if (state.window === null || seq === null) throw new ProblemError('window_not_open');
  const creditCode = creditCodeOf(account);
  const lodgement = state.lodgements.known
    ? state.lodgements.value.find((l) => l.creditCode === creditCode)
    : undefined;
  if (lodgement === undefined || numberOf(state, creditCode) === null) throw new ProblemError('no_standing_bid');
  const { bidId } = lodgement;
  const origin = openingOrigin(config.platform, openingId);
  const head = await releasedNow(log, origin);
  const [entry] = await readEntries(sql, origin, seq, seq + 1);
  const header = await headerOfBid(sql, bidId);
  if (head === null || entry === undefined || header === null)
    throw new Error(`the vault misses the envelope of a standing bid`);
  return {
    bidId,
    jti: challengeOf(vaultKey, openingId, state.window.kid, bidId),
    window: { entry: fromUtf8(entry.bytes), proof: await proofOf(sql, origin, seq, head.size, head.note) },
    recipientInfos: toBase64(header),
    closesAt: state.window.closesAt,
    now: world.now(),
  };
}
