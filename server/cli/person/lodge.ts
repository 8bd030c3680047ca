/** Lodging a sealed bid: opened once with the bidder's own key, promised in a signed statement, sent, and not done before the receipt is checked. */
import { createReadStream } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { Readable } from 'node:stream';
import { endsLodgement, receiptOf } from '../../client/bid-receipt.ts';
import { dealtWindowKidIn, openingCertificateIn } from '../../client/dealt-key.ts';
import { type AgentCertificate, KeyAgentError, pickCertificate } from '../../client/key-agent.ts';
import { type BidPromises, type OpeningTerms, signLodgement } from '../../client/lodge-statement.ts';
import { ApiError } from '../../client/transport.ts';
import { fromBase64Url } from '../../core/log/base64.ts';
import type { Json } from '../../core/log/canonical.ts';
import { fromUtf8 } from '../../core/log/utf8.ts';
import { isLodgementPayload, type LodgementPayload } from '../../core/seal/lodgement.ts';
import type { OpeningList } from '../../core/seal/opening-list.ts';
import type { ReceiptPayload } from '../../core/seal/receipt.ts';
import { sha256 } from '../../hash.ts';
import { countBytes, type Progress } from '../progress.ts';
import { adoptEnvelope } from '../seal/adopt.ts';
import type { Person } from './person.ts';
import { PersonError } from './person-error.ts';
import type { KeptBid } from './person-folder.ts';
import { readOpening } from './read-opening.ts';
import { openBidReceipt } from './receipt.ts';

export type LodgeRequest = {
  /** Path of the sealed envelope, whoever made it. */
  readonly envelope: string;
  /** Replace the bid that stands. Without it a standing bid refuses. */
  readonly replace?: boolean;
  /** Which encryption certificate it is sealed to, when the person has several. */
  readonly certSha256?: string;
  /** Told how far opening and sending are. */
  readonly progress?: Progress;
};

/** A lodged bid with the receipt that proves it. */
export type Lodged = {
  readonly bid: KeptBid & { readonly receipt: string };
  readonly payload: LodgementPayload;
  readonly receipt: ReceiptPayload;
};

/**
 * Lodges a bid, or replaces the standing one.
 *
 * Throws: PersonError bid_already_lodged, list_of_another_bidder, list_of_another_lot, lodgement_unsettled, receipt_missing,
 *         receipt_not_genuine, receipt_not_as_lodged, no_opening_key, opening_key_not_genuine; SealError when the envelope is not one that this person can open; ApiError
 *         with the platform's refusal.
 * Why:    the statement is on disk before it is sent. After a lost answer the same one is sent again under the same id, and
 *         the platform gives its first answer again; a new statement would be a second bid.
 */
export async function lodge(person: Person, openingId: string, request: LodgeRequest): Promise<Lodged> {
  const path = resolve(request.envelope);
  const settled = await settle(person, openingId, request.progress);
  const { terms, state } = await readOpening(person, openingId);
  const certificate = await certificateFor(person, request.certSha256);
  const unwrap = await person.keys.unwrapper(certificate.certSha256);
  const { der } = certificate.certificate;
  const { promises, openingList } = await adoptEnvelope(
    path,
    der,
    unwrap,
    openingCertificateIn(sha256, state),
    (done, all) => request.progress?.('open', done, all),
  );
  checkList(person, terms, openingList);
  if (settled !== null && settled.payload.envelopeSha256 === promises.envelopeSha256) return settled;
  const standing = await person.folder.standing(openingId);
  if (standing !== null && request.replace !== true) throw new PersonError('bid_already_lodged', standing);

  await person.api.registerEncryptionCertificate(certificate.x5c, person.staples);
  const bid = await signBid(person, terms, promises, {
    replaces: standing,
    envelope: path,
    windowKid: dealtWindowKidIn(sha256, state),
    logVkey: state.vkey,
  });
  return send(person, bid, request.progress);
}

/** The bid that stands by what this person keeps, or null. Throws: PersonError receipt_…; nothing is asked of the platform. */
export async function readStanding(person: Person, openingId: string): Promise<Lodged | null> {
  const standing = await person.folder.standing(openingId);
  if (standing === null) return null;
  const bid = (await person.folder.bids(openingId)).find(({ bidId }) => bidId === standing);
  if (bid?.receipt == null) throw new PersonError('no_kept_bid', standing);
  return checkReceipt(person, bid, bid.receipt);
}

/** Sends again what was signed and never answered. Returns: it, when it was the last thing lodged. */
async function settle(person: Person, openingId: string, progress: Progress | undefined): Promise<Lodged | null> {
  const unanswered = (await person.folder.bids(openingId)).filter(({ receipt }) => receipt === null);
  let lodged: Lodged | null = null;
  for (const bid of unanswered) {
    await access(bid.envelope).catch(() => {
      throw new PersonError('lodgement_unsettled', bid.envelope);
    });
    try {
      lodged = await send(person, bid, progress);
    } catch (error) {
      // Refused: it was never lodged, and `send` has let go of it.
      if (!(error instanceof ApiError) || !endsLodgement(error)) throw error;
    }
  }
  return lodged;
}

async function certificateFor(person: Person, certSha256: string | undefined): Promise<AgentCertificate> {
  if (certSha256 === undefined) return pickCertificate(person.keys, 'unwrap', person.world.now());
  const found = (await person.keys.listCertificates()).find((listed) => listed.certSha256 === certSha256);
  if (found === undefined) throw new KeyAgentError('key_not_held', `no key for certificate ${certSha256}`);
  return found;
}

/** A price under another's name, or for another lot, would be found at the announcement; better now. */
function checkList(person: Person, terms: OpeningTerms, list: OpeningList): void {
  if (list.creditCode !== person.creditCode) throw new PersonError('list_of_another_bidder');
  if (list.lotId !== terms.lotId) throw new PersonError('list_of_another_lot');
}

async function signBid(
  person: Person,
  terms: OpeningTerms,
  promises: BidPromises,
  about: {
    readonly replaces: string | null;
    readonly envelope: string;
    readonly windowKid: string | null;
    readonly logVkey: string;
  },
): Promise<KeptBid> {
  const { replaces, envelope, windowKid, logVkey } = about;
  const { statement, payload } = await signLodgement(
    terms,
    { creditCode: person.creditCode, promises, ...(replaces !== null && { replaces }) },
    person.signer,
    { nowAt: person.world.now(), randomBytes: person.world.randomBytes, sha256 },
  );
  const named = windowKid === null ? {} : { windowKid };
  const bid: KeptBid = { bidId: payload.bidId, statement, envelope, receipt: null, actId: null, logVkey, ...named };
  await person.folder.keepBid(terms.openingId, bid);
  return bid;
}

async function send(person: Person, bid: KeptBid, progress: Progress | undefined): Promise<Lodged> {
  const { folder, api } = person;
  const { openingId } = payloadOf(bid.statement);
  const { size: sizeBytes } = await stat(bid.envelope);
  const open = (from: number, to: number): ReadableStream<Uint8Array> => {
    const bytes = createReadStream(bid.envelope, { start: from, end: to - 1 });
    const told = countBytes(bytes, (done) => progress?.('send', from + done, sizeBytes));
    return Readable.toWeb(Readable.from(told, { objectMode: false })) as ReadableStream<Uint8Array>;
  };
  let answer: Awaited<ReturnType<typeof api.sendBid>>;
  try {
    answer = await api.sendBid(openingId, { statement: bid.statement, sizeBytes, open });
  } catch (error) {
    if (error instanceof ApiError && endsLodgement(error)) await folder.forgetBid(openingId, bid.bidId);
    throw error;
  }
  if (answer.receipt === null) throw new PersonError('receipt_missing');
  const evidence = await folder.keepEvidence(openingId, `receipt-${bid.bidId}.jws`, answer.receipt);
  const kept = { ...bid, receipt: answer.receipt, actId: answer.actId };
  const lodged = await checkReceipt(person, kept, answer.receipt).catch((error: unknown) => {
    if (error instanceof PersonError) throw new PersonError(error.code, `${error.detail ?? ''} ${evidence}`.trim());
    throw error;
  });
  await folder.keepBid(openingId, kept);
  await folder.setStanding(openingId, bid.bidId);
  return lodged;
}

async function checkReceipt(person: Person, bid: KeptBid, text: string): Promise<Lodged> {
  const payload = payloadOf(bid.statement);
  const receipt = await openBidReceipt(text, await person.receiptKeys(), receiptOf(sha256, payload));
  return { bid: { ...bid, receipt: text }, payload, receipt };
}

/** What a statement of this person's says; its own signature is checked before a key is used (cli/seal). */
export function payloadOf(statement: string): LodgementPayload {
  const payload = JSON.parse(fromUtf8(fromBase64Url(statement.split('.')[1] ?? ''))) as Json;
  if (!isLodgementPayload(payload)) throw new PersonError('no_kept_bid', 'the kept statement is no lodgement');
  return payload;
}
