/** Decrypting one's own bid in the window: challenge, the client's own checks, the sealed key; as a file or sent, by whomever. */

import type { Api, DecryptionChallengeAnswer } from '../../client/api.ts';
import { type Decryption, decryptBid } from '../../client/decrypt-statement.ts';
import type { KeyAgent, Unwrap } from '../../client/key-agent.ts';
import { SealError } from '../../client/seal-error.ts';
import { ApiError } from '../../client/transport.ts';
import { fromBase64, fromBase64Url } from '../../core/log/base64.ts';
import { isJsonObject, type Json } from '../../core/log/canonical.ts';
import { type Entry, tryParseEntry } from '../../core/log/entry.ts';
import { LogFormatError } from '../../core/log/error.ts';
import { parseProof } from '../../core/log/proof.ts';
import { fromUtf8, utf8 } from '../../core/log/utf8.ts';
import type { DecryptionFailure } from '../../core/opening/findings.ts';
import { isWindowBlind } from '../../core/opening/layer.ts';
import { numberOf, type OpeningState } from '../../core/opening/state.ts';
import { cekCommit } from '../../core/seal/commitments.ts';
import { DECRYPTION_TYPE, type KeyStatementType } from '../../core/seal/decryption.ts';
import { sha256 } from '../../hash.ts';
import { verifyJwsSignature } from '../../identity/signature.ts';
import { acceptHead, act, proveAnswer } from './act.ts';
import { type Lodged, readStanding } from './lodge.ts';
import type { Person } from './person.ts';
import { PersonError } from './person-error.ts';
import { catchUp } from './read-opening.ts';
import { waitFor } from './wait-for.ts';

/** A decryption that anyone may carry to the platform: nobody but the vault can open the key in it. */
export type DecryptionFile = {
  readonly v: 1;
  readonly openingId: string;
  readonly statement: string;
  readonly jwe: string;
  /** OCSP responses that go with it, DER in base64. */
  readonly ocsp?: string[];
};

/** What became of a bid's decryption: the number of the bidder and of the attempt, and how the vault judged it. */
export type DecryptionOutcome = {
  readonly bidder: number;
  readonly attempt: number;
  /** `undecided`: in a blind window, until its holders have given the key. */
  readonly outcome: 'decrypted' | 'undecided' | DecryptionFailure;
};

/**
 * Makes the decryption of the standing bid.
 *
 * Returns: what to send, or to hand to somebody who can.
 * Throws:  PersonError no_kept_bid; HeadError; SealError of the checks before and after the key is used (cli/seal); ApiError
 *          window_not_open, no_standing_bid.
 * Why:     the head of the challenge's proof is held against the heads this person has seen, before the key is touched: a log
 *          forked for this one bidder would open its bid early.
 */
export async function makeDecryption(person: Person, openingId: string): Promise<DecryptionFile> {
  const { file, acknowledged } = await answerWindow(person, openingId);
  await acknowledged;
  return file;
}

/**
 * Decrypts the standing bid: makes the decryption, sends it, and proves that its receipt stands on the log.
 *
 * Returns: the proven DecryptionReceived entry: from here on the act counts, whatever the queue does.
 * Throws:  as makeDecryption and handIn.
 */
export async function decrypt(person: Person, openingId: string): Promise<Entry> {
  return deliver(person, openingId, { type: DECRYPTION_TYPE, event: 'DecryptionReceived' });
}

/** As what the key is delivered, which entry receives it, and whence the key: by default from the person's own key. */
export type Delivery = {
  readonly type: KeyStatementType;
  readonly event: 'DecryptionReceived' | 'BackupReceived';
  readonly unwrap?: Unwrap;
};

/** Delivers the content key, and proves that its receipt stands on the log. Throws: as decrypt. */
export async function deliver(person: Person, openingId: string, delivery: Delivery): Promise<Entry> {
  const { file, acknowledged } = await answerWindow(person, openingId, delivery);
  const answer = await handIn(person.api, file);
  const [received] = await proveAnswer(person, openingId, answer, jtiOf(file.statement));
  await acknowledged;
  if (received?.type !== delivery.event) throw new PersonError('answer_not_as_asked', received?.type);
  return received;
}

/**
 * Answers the challenge.
 *
 * Why: that the challenge arrived is said first and waited for last: under load the platform may shed that word, but never the
 *      decryption, which must not lose its time in the window to it.
 */
async function answerWindow(
  person: Person,
  openingId: string,
  delivery: Pick<Delivery, 'type' | 'unwrap'> = { type: DECRYPTION_TYPE },
): Promise<{ readonly file: DecryptionFile; readonly acknowledged: Promise<void> }> {
  const lodged = await readStanding(person, openingId);
  if (lodged === null) throw new PersonError('no_kept_bid');
  // Who lodged has pinned the log's key then; a key that first shows itself with a challenge would prove nothing.
  const logKey = await (await person.pin(openingId)).pinned();
  if (logKey === null) throw new PersonError('no_kept_bid', 'the log’s key is not kept');
  const challenge = await person.api.readDecryptionChallenge(openingId);
  await acceptHead(person, openingId, checkpointOf(challenge.window.proof));
  const acknowledged = acknowledge(person, openingId, challenge);
  try {
    const { statement, jwe } = await answerChallenge(person, lodged, challenge, logKey, delivery);
    const { staples } = person;
    const ocsp = staples.length === 0 ? {} : { ocsp: [...staples] };
    const file: DecryptionFile = { v: 1, openingId, statement, jwe, ...ocsp };
    await person.folder.keepEvidence(openingId, `decryption-${lodged.bid.bidId}.json`, `${JSON.stringify(file)}\n`);
    // Whoever awaits it hears of its failure; until then it is nobody's.
    acknowledged.catch(() => 'heard later');
    return { file, acknowledged };
  } catch (error) {
    // The word that the challenge arrived matters most to whom the key then fails.
    await acknowledged;
    throw error;
  }
}

/** The head a proof stands on. Throws: PersonError log_not_genuine. */
function checkpointOf(proof: string): string {
  try {
    return parseProof(proof).checkpoint;
  } catch (fault) {
    if (fault instanceof LogFormatError) throw new PersonError('log_not_genuine', fault.code);
    throw fault;
  }
}

/** Waits until the vault has judged the last attempt, or cannot before the window is over. Throws: as waitFor. */
export async function outcomeOf(person: Person, openingId: string, signal?: AbortSignal): Promise<DecryptionOutcome> {
  const judged = (state: OpeningState): DecryptionOutcome | null => {
    const bidder = numberOf(state, person.creditCode);
    const bid = state.bids.find((candidate) => candidate.bidder === bidder);
    // of several in a blind window the one that opened the bid, if one has
    const last = bid?.attempts.find((a) => a.outcome === 'decrypted') ?? bid?.attempts.at(-1);
    if (bid === undefined || last === undefined || last.outcome === 'not_needed') return null;
    if (last.outcome === 'undecided' && !isWindowBlind(state)) return null;
    return { bidder: bid.bidder, attempt: last.attempt, outcome: last.outcome };
  };
  const outcome = judged(await waitFor(person, openingId, 'bidder', (state) => judged(state) !== null, signal));
  if (outcome === null) throw new Error('waited for an outcome and there is none');
  return outcome;
}

/** Carries a decryption to the platform, one's own or another's; nobody need be logged in for it. Throws: ApiError. */
export function handIn(api: Pick<Api, 'sendDecryption'>, { openingId, statement, jwe, ocsp }: DecryptionFile) {
  return api.sendDecryption(openingId, { statement, jwe, ...(ocsp && { ocsp }) });
}

/** The text of a decryption file. Throws: PersonError answer_not_as_asked. */
export function readDecryptionFile(text: string): DecryptionFile {
  let file: unknown;
  try {
    file = JSON.parse(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  const isFile =
    isJsonObject(file) &&
    file['v'] === 1 &&
    [file['openingId'], file['statement'], file['jwe']].every((part) => typeof part === 'string') &&
    (file['ocsp'] === undefined ||
      (Array.isArray(file['ocsp']) && file['ocsp'].every((part) => typeof part === 'string')));
  if (!isFile) throw new PersonError('answer_not_as_asked', 'no decryption file');
  return file as unknown as DecryptionFile;
}

function answerChallenge(
  { keys, signer, world }: Person,
  { bid, payload, receipt }: Lodged,
  challenge: DecryptionChallengeAnswer,
  logKey: Parameters<typeof decryptBid>[0]['logKey'],
  { type, unwrap }: Pick<Delivery, 'type' | 'unwrap'>,
): Promise<Decryption> {
  return decryptBid(
    { statement: bid.statement, receipt, logKey, windowKid: bid.windowKid ?? null },
    {
      window: { entry: utf8(challenge.window.entry), proof: challenge.window.proof },
      jti: challenge.jti,
      recipientInfos: fromBase64(challenge.recipientInfos),
    },
    {
      type,
      unwrap: unwrap ?? (async (recipient) => (await unwrapperOf(keys, payload))(recipient)),
      signer,
      sha256,
      verifySignature: verifyJwsSignature,
      nowAt: world.now(),
      randomBytes: world.randomBytes,
    },
  );
}

/**
 * The key the bid is sealed to.
 *
 * Throws: SealError envelope_for_another_certificate: a token renewed since is the usual reason.
 * Why:    a certificate that was renewed for the same key names another certificate, but opens all the same; which key is the right
 *         one, the promise made at lodging tells.
 */
async function unwrapperOf(
  keys: KeyAgent,
  { encCertSha256, cekCommit: promised }: Pick<Lodged['payload'], 'encCertSha256' | 'cekCommit'>,
): Promise<Unwrap> {
  const listed = await keys.listCertificates();
  if (listed.some(({ certSha256 }) => certSha256 === encCertSha256)) return keys.unwrapper(encCertSha256);
  return async (recipient) => {
    for (const { certSha256 } of listed.filter(({ canUnwrap }) => canUnwrap)) {
      const cek = await tryUnwrap(await keys.unwrapper(certSha256), recipient);
      if (cek !== undefined && cekCommit(sha256, cek) === promised) return cek;
    }
    throw new SealError('envelope_for_another_certificate');
  };
}

async function tryUnwrap(unwrap: Unwrap, recipient: Parameters<Unwrap>[0]): Promise<Uint8Array | undefined> {
  try {
    return await unwrap(recipient);
  } catch (error) {
    if (error instanceof SealError) return undefined;
    throw error;
  }
}

/**
 * Says on the log that the challenge has arrived.
 *
 * Why: whoever got it and does not answer has let the window pass; whoever never got it has not (seal-format §3). A refusal
 *      here changes nothing of the decryption itself, which is what counts.
 */
async function acknowledge(person: Person, openingId: string, { window }: DecryptionChallengeAnswer): Promise<void> {
  const parsed = tryParseEntry(utf8(window.entry));
  const kid = parsed.ok ? parsed.entry.body['kid'] : undefined;
  if (typeof kid !== 'string') return;
  try {
    await act(person, openingId, { type: 'AcknowledgeChallenge', role: 'bidder', data: { kid } });
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
  }
}

/** A statement's `jti`, under which its entry stands. */
function jtiOf(statement: string): string {
  const payload = JSON.parse(fromUtf8(fromBase64Url(statement.split('.')[1] ?? ''))) as Json;
  return isJsonObject(payload) && typeof payload['jti'] === 'string' ? payload['jti'] : '';
}

/** What a bidder should know before the window: the state by its own log, as a bidder. Throws: as catchUp. */
export function readAsBidder(person: Person, openingId: string): Promise<OpeningState> {
  return catchUp(person, openingId, 'bidder');
}
