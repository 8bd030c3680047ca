/** A bidder's way from documents to a receipt on one page: sealed, kept, sent however often the line is cut, received. */
import { type ReadonlySignal, signal } from '@preact/signals';
import type { Api, CommandAnswer } from '../../server/client/api.ts';
import {
  checkBidReceipt,
  endsLodgement,
  receiptOf,
  type UsableReceiptKey,
  withdrawalReceiptOf,
} from '../../server/client/bid-receipt.ts';
import { dealtWindowKidIn, openingCertificateIn } from '../../server/client/dealt-key.ts';
import type { AgentCertificate, Unwrap } from '../../server/client/key-agent.ts';
import { chooseKeyTransport, profileFor } from '../../server/client/key-transport.ts';
import { type OpeningTerms, signLodgement } from '../../server/client/lodge-statement.ts';
import { SealError } from '../../server/client/seal-error.ts';
import { ApiError } from '../../server/client/transport.ts';
import type { VerifyJwsSignature } from '../../server/core/log/act.ts';
import { toBase64Url } from '../../server/core/log/base64.ts';
import type { Json } from '../../server/core/log/canonical.ts';
import type { Sha256 } from '../../server/core/log/hash.ts';
import type { VerifyEd25519 } from '../../server/core/log/note.ts';
import type { OpeningState } from '../../server/core/opening/state.ts';
import type { CertificateSigner } from '../../server/core/pki/person-jws.ts';
import { cekCommit } from '../../server/core/seal/commitments.ts';
import type { OpeningList } from '../../server/core/seal/opening-list.ts';
import type { ReceiptPayload } from '../../server/core/seal/receipt.ts';
import { readRecipientInfos } from '../../server/core/seal/recipient-info.ts';
import type { SourceDocument } from '../seal/archive-blob.ts';
import type { SealedBid, SealTask } from '../seal/seal-here.ts';
import type { Sealing } from '../seal/seal-room.ts';
import { isUnsent, type KeptBid, payloadOf, standingIn } from './kept-bid.ts';
import { openKeptBids } from './kept-bids.ts';
import { adoptStanding } from './own-standing.ts';
import type { Shelf } from './shelf.ts';

/** Between two rounds of sending, when the platform does not answer at all, ms. */
export const SEND_AGAIN_MS = 3_000;
/** Bytes of one part: small enough that a person sees it move, and loses little when the line is cut. */
export const BROWSER_PART_BYTES = 4_194_304;

export type LodgingState =
  | { readonly kind: 'resting' }
  | { readonly kind: 'sealing'; readonly step: 'read' | 'seal' | 'test'; readonly share: number }
  /** Signed and kept; nothing has been sent. `isTried`: one's own key has opened it. `contentKey` is the backup file's text where the policy promises a remedy, in no memory but this. */
  | { readonly kind: 'sealed'; readonly bid: KeptBid; readonly contentKey: string | null; readonly isTried: boolean }
  /** `isCut`: there is no answer at the moment. */
  | { readonly kind: 'sending'; readonly bid: KeptBid; readonly sentBytes: number; readonly isCut: boolean }
  /** The platform has given a receipt that could not be held against the ledger's keys yet; tried again and again. */
  | { readonly kind: 'unproven'; readonly bid: KeptBid; readonly fault: ApiError }
  | { readonly kind: 'lodged'; readonly bid: KeptBid; readonly receipt: ReceiptPayload }
  | { readonly kind: 'failed'; readonly fault: unknown };

export type LodgingNeeds = {
  readonly openingId: string;
  readonly creditCode: string;
  readonly api: Pick<Api, 'sendBid' | 'registerEncryptionCertificate' | 'readOwnBid' | 'giveUpBid' | 'readPlatform'>;
  readonly signer: CertificateSigner;
  readonly keys: readonly AgentCertificate[];
  unwrapper(certSha256: string): Unwrap;
  readonly isTryable: boolean;
  readonly shelf: Shelf;
  readonly startSealing: (
    task: SealTask,
    fileName: string,
    progress: (step: 'read' | 'seal', done: number, all: number) => void,
  ) => Sealing;
  receiptKeys(): Promise<readonly UsableReceiptKey[]>;
  readonly verifyEd25519: VerifyEd25519;
  readonly verifySignature: VerifyJwsSignature;
  readonly sha256: Sha256;
  readonly world: {
    /** ms since 1970 by the platform's clock, as far as the page knows it. */
    now(): number;
    after(delayMs: number, alarm: () => void): () => void;
    randomBytes(count: number): Uint8Array;
  };
};

export type BidRequest = {
  readonly openingList: OpeningList;
  readonly documents: readonly SourceDocument[];
  readonly toolFacts: Json;
  readonly certificate: AgentCertificate;
};

export type Lodging = {
  readonly state: ReadonlySignal<LodgingState>;
  /** All that is kept here of this bidder in this opening, the newest first; null until it was read. */
  readonly bids: ReadonlySignal<readonly KeptBid[] | null>;
  /** Seals, signs and keeps; sends nothing. Shape: `opening` and `vkey` as the page has verified them. */
  seal(request: BidRequest, opening: OpeningState, vkey: string): Promise<void>;
  /** Ends a sealing under way. */
  cancel(): void;
  /** Sends a sealed bid until it is received or refused for good. */
  send(bid: KeptBid): Promise<void>;
  /** By the platform's word: null when nothing stands, undefined before it was asked or when it did not answer. */
  readonly standingThere: ReadonlySignal<string | null | undefined>;
  /** Asks what of this bidder's stands, and keeps it where it was lodged from elsewhere or its answer was lost. Shape: as `seal`. */
  learn(opening: OpeningState, vkey: string): Promise<void>;
  /** Lets go of a bid that was not received, and of what of it has arrived; one that was received all the same is kept. */
  discard(bid: KeptBid): Promise<void>;
  /** Holds the receipt of a withdrawal against what was withdrawn, and keeps it. Throws: SealError receipt_not_genuine, receipt_not_as_lodged. */
  takeWithdrawal(bid: KeptBid, answer: CommandAnswer): Promise<void>;
  /** Back to what is kept, after what failed or is done was read. */
  rest(): void;
  close(): void;
};

/** Reads what is kept, and goes on with what was being sent when the page was left. */
export function openLodging(needs: LodgingNeeds): Lodging {
  const { openingId, creditCode, api, signer, shelf, sha256, world } = needs;
  const state = signal<LodgingState>({ kind: 'resting' });
  const standingThere = signal<string | null | undefined>(undefined);
  const { bids, keep, forget, read } = openKeptBids(shelf, openingId, creditCode);
  /** Envelopes that are no files, as long as the page is open. */
  const envelopes = new Map<string, Blob>();
  let sealing: Sealing | null = null;
  /** Unknown, and then the platform's gate says it. */
  let limitBytes: number | undefined;
  let isSending = false;
  let isClosed = false;
  let wake = (): void => undefined;

  const show = (next: LodgingState): void => {
    if (!isClosed) state.value = next;
  };
  /** What this browser knows, corrected by what the platform says. */
  function standing(): string | null {
    return standingThere.value === undefined ? (standingIn(bids.value ?? [])?.bidId ?? null) : standingThere.value;
  }

  async function seal(request: BidRequest, opening: OpeningState, vkey: string): Promise<void> {
    show({ kind: 'sealing', step: 'read', share: 0 });
    try {
      show(await sealAndKeep(request, opening, vkey));
    } catch (fault) {
      show({ kind: 'failed', fault });
    } finally {
      sealing = null;
    }
  }

  async function sealAndKeep(request: BidRequest, opening: OpeningState, vkey: string): Promise<LodgingState> {
    const { certificate, ...rest } = request;
    const windowKid = dealtWindowKidIn(sha256, opening);
    const fileName = `${toBase64Url(world.randomBytes(16))}.cms`;
    const keyTransport = chooseKeyTransport(certificate.certificate);
    const task: SealTask = {
      ...rest,
      certificate: certificate.certificate.der,
      keyTransport,
      profile: profileFor(keyTransport),
      openingCertificate: openingCertificateIn(sha256, opening),
      limitBytes,
    };
    sealing = needs.startSealing(task, fileName, (step, done, all) =>
      show({ kind: 'sealing', step, share: all === 0 ? 1 : done / all }),
    );
    const { sealed, isKept } = await sealing.sealed;
    try {
      if (needs.isTryable) {
        show({ kind: 'sealing', step: 'test', share: 1 });
        await tryOwnKey(sealed, certificate.certSha256);
      }
      const terms: OpeningTerms = {
        platform: opening.platform,
        openingId,
        lotId: opening.details.lot.code,
        policyHash: opening.policyHash,
        deadlineAt: opening.deadlineAt,
      };
      const replaces = standing();
      const about = { creditCode, promises: sealed.promises, ...(replaces !== null && { replaces }) };
      const signedAt = Math.floor(world.now());
      const outside = { nowAt: signedAt, randomBytes: world.randomBytes, sha256 };
      const { statement, payload } = await signLodgement(terms, about, signer, outside);
      if (!isKept) envelopes.set(payload.bidId, sealed.envelope);
      const bid = await keep({
        v: 1,
        openingId,
        creditCode,
        bidId: payload.bidId,
        statement,
        receipt: null,
        actId: null,
        withdrawal: null,
        windowKid,
        logVkey: vkey,
        status: 'sealed',
        signedAt,
        sizeBytes: sealed.promises.envelopeBytes,
        fileName: isKept ? fileName : null,
      });
      const contentKey =
        opening.policy.remedy === 'none'
          ? null
          : `${JSON.stringify({ v: 1, openingId, bidId: bid.bidId, contentKey: toBase64Url(sealed.cek) })}\n`;
      return { kind: 'sealed', bid, contentKey, isTried: needs.isTryable };
    } finally {
      sealed.cek.fill(0);
    }
  }

  /** What opens today opens in the window, as far as the key goes: a renewed certificate and a wrong file are found here. */
  async function tryOwnKey({ recipientInfos, promises }: SealedBid, certSha256: string): Promise<void> {
    const cek = await needs.unwrapper(certSha256)(readRecipientInfos(recipientInfos));
    const isOwn = cekCommit(sha256, cek) === promises.cekCommit;
    cek.fill(0);
    if (!isOwn) throw new SealError('self_test_failed');
  }

  /** One at a time: a second would only stand in the first one's way. */
  async function send(bid: KeptBid): Promise<void> {
    if (isSending) return;
    isSending = true;
    try {
      await sendUntilAnswered(bid);
    } finally {
      isSending = false;
    }
  }

  async function sendUntilAnswered(bid: KeptBid): Promise<void> {
    const sending = await keep({ ...bid, status: 'sending' });
    let sentBytes = 0;
    show({ kind: 'sending', bid: sending, sentBytes, isCut: false });
    let answer: CommandAnswer | null = null;
    while (answer === null) {
      try {
        answer = await sendOnce(sending, (sent) => {
          sentBytes = sent;
          show({ kind: 'sending', bid: sending, sentBytes, isCut: false });
        });
      } catch (fault) {
        if (fault instanceof ApiError && endsLodgement(fault)) await keep({ ...sending, status: 'refused' });
        if (!(fault instanceof ApiError) || !mayPass(fault)) return show({ kind: 'failed', fault });
        show({ kind: 'sending', bid: sending, sentBytes, isCut: true });
        await aWhile();
        if (isClosed) return;
      }
    }
    await received(sending, answer);
  }

  function aWhile(): Promise<void> {
    return new Promise((again) => {
      wake = again;
      world.after(SEND_AGAIN_MS, again);
    });
  }

  async function sendOnce(bid: KeptBid, progress: (sentBytes: number) => void): Promise<CommandAnswer> {
    const { encCertSha256 } = payloadOf(bid);
    const certificate = needs.keys.find(({ certSha256 }) => certSha256 === encCertSha256);
    const envelope = envelopes.get(bid.bidId) ?? (await shelf.envelopeOf(bid));
    if (envelope === null) throw new SealError('envelope_missing');
    // known already when this is not the first try; who comes back with other keys has sent it before
    if (certificate !== undefined) await api.registerEncryptionCertificate(certificate.x5c);
    return api.sendBid(openingId, {
      statement: bid.statement,
      sizeBytes: bid.sizeBytes,
      open: (from, to) => envelope.slice(from, to),
      partBytes: BROWSER_PART_BYTES,
      progress,
    });
  }

  /** Kept before it is checked: a receipt that does not hold is evidence, too. */
  async function received(
    bid: KeptBid,
    { receipt, actId }: Pick<CommandAnswer, 'receipt' | 'actId'>,
    tell = show,
  ): Promise<void> {
    if (receipt === null) throw new SealError('receipt_not_genuine', 'none came');
    standingThere.value = bid.bidId;
    await proveUntilKnown(await keep({ ...bid, receipt, actId, status: 'unproven' }), tell);
  }

  /** Holds a receipt against the ledger's keys, as often as it takes to get them. Throws: SealError. */
  async function proveUntilKnown(bid: KeptBid, tell = show): Promise<void> {
    for (;;) {
      try {
        return await prove(bid, tell);
      } catch (fault) {
        if (!(fault instanceof ApiError)) throw fault;
        tell({ kind: 'unproven', bid, fault });
        await aWhile();
        if (isClosed) return;
      }
    }
  }

  /** What it replaces gives way only to a receipt that holds. */
  async function prove(bid: KeptBid, tell: typeof show): Promise<void> {
    const payload = payloadOf(bid);
    const keys = await needs.receiptKeys();
    const expected = receiptOf(sha256, payload);
    const checked = await checkBidReceipt(needs.verifyEd25519, bid.receipt ?? '', keys, expected);
    if (!('receipt' in checked)) throw new SealError(checked.fault, checked.detail);
    const lodged = await keep({ ...bid, status: 'lodged' });
    for (const other of (bids.value ?? []).filter(({ bidId }) => bidId === payload.replaces)) {
      await keep({ ...other, status: 'replaced' });
      await shelf.dropEnvelope(other);
    }
    tell({ kind: 'lodged', bid: lodged, receipt: checked.receipt });
  }

  async function learn(opening: OpeningState, vkey: string): Promise<void> {
    const { standing: there } = await api.readOwnBid(openingId);
    standingThere.value = there?.bidId ?? null;
    if (there === null || bids.value === null) return;
    const here = bids.value.find(({ bidId }) => bidId === there.bidId);
    // what is being sent gets its answer where it is sent
    if (here !== undefined && (!isUnsent(here) || isSending)) return;
    // nothing that is in hand gives way to it: a key for a remedy is shown once
    const tell = isInHand(state.value) ? () => undefined : show;
    if (here !== undefined) return received(here, there, tell);
    const adopted = await adoptStanding(there, { ...needs, opening, vkey });
    if (adopted !== null) await proveUntilKnown(await keep(adopted), tell);
  }

  async function discard(bid: KeptBid): Promise<void> {
    // nobody has sent what is only sealed
    if (bid.status !== 'sealed') {
      await api.giveUpBid(openingId, bid.bidId);
      const { standing: there } = await api.readOwnBid(openingId);
      if (there?.bidId === bid.bidId) return received(bid, there);
    }
    envelopes.delete(bid.bidId);
    await forget(bid);
    show({ kind: 'resting' });
  }

  api.readPlatform().then(
    ({ bidLimitBytes }) => {
      limitBytes = bidLimitBytes;
    },
    (fault: unknown) => {
      if (!(fault instanceof ApiError)) fail(fault);
    },
  );
  const fail = (fault: unknown): void => show({ kind: 'failed', fault });
  read()
    .then(() => {
      const find = (status: KeptBid['status']) => (bids.value ?? []).find((bid) => bid.status === status);
      const [unsent, unproven] = [find('sending'), find('unproven')];
      if (isClosed) return shelf.clearLeft();
      const goesOn = unsent !== undefined ? send(unsent) : unproven && proveUntilKnown(unproven);
      return Promise.all([goesOn, shelf.clearLeft()]).then(() => undefined);
    })
    .catch(fail);
  const online = (): void => wake();
  globalThis.addEventListener?.('online', online);

  return {
    state,
    bids,
    standingThere,
    seal,
    learn: (opening, vkey) =>
      learn(opening, vkey).catch((fault: unknown) => {
        // asked again when the opening goes on
        if (!(fault instanceof ApiError) && !isInHand(state.value)) fail(fault);
      }),
    cancel: () => sealing?.cancel(),
    send: (bid) => send(bid).catch(fail),
    discard: (bid) => discard(bid).catch(fail),
    async takeWithdrawal(bid, { receipt }) {
      if (receipt === null) throw new SealError('receipt_not_genuine', 'none came');
      standingThere.value = null;
      await keep({ ...bid, withdrawal: receipt, status: 'withdrawn' });
      const expected = withdrawalReceiptOf(payloadOf(bid));
      const checked = await checkBidReceipt(needs.verifyEd25519, receipt, await needs.receiptKeys(), expected);
      if (!('receipt' in checked)) throw new SealError(checked.fault, checked.detail);
      await shelf.dropEnvelope(bid);
      show({ kind: 'resting' });
    },
    rest: () => show({ kind: 'resting' }),
    close() {
      isClosed = true;
      sealing?.cancel();
      wake();
      globalThis.removeEventListener?.('online', online);
    },
  };
}

/** Whether one bid is in hand: no other is sent or let go of meanwhile. */
export function isInHand({ kind }: LodgingState): boolean {
  return kind === 'sealing' || kind === 'sealed' || kind === 'sending' || kind === 'unproven';
}

/** A cut line, a server that restarts or sheds load: not what it, or a proxy before it, has said no to, and no session that is over. */
function mayPass(fault: ApiError): boolean {
  const isNo = fault.code === 'unreadable' && fault.status >= 400 && fault.status < 500 && fault.status !== 429;
  return !endsLodgement(fault) && !isNo && fault.status !== 401 && fault.code !== 'too_many_uploads';
}
