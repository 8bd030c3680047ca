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
import { type KeptBid, payloadOf, standingIn } from './kept-bid.ts';
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
  | { readonly kind: 'lodged'; readonly bid: KeptBid; readonly receipt: ReceiptPayload }
  | { readonly kind: 'failed'; readonly fault: unknown };

export type LodgingNeeds = {
  readonly openingId: string;
  readonly creditCode: string;
  readonly api: Pick<Api, 'sendBid' | 'registerEncryptionCertificate'>;
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
  /** Lets go of a bid that was not received. */
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
  const bids = signal<readonly KeptBid[] | null>(null);
  /** Envelopes that are no files, as long as the page is open. */
  const envelopes = new Map<string, Blob>();
  let sealing: Sealing | null = null;
  let isClosed = false;
  let wake = (): void => undefined;

  const show = (next: LodgingState): void => {
    if (!isClosed) state.value = next;
  };
  async function readShelf(): Promise<void> {
    bids.value = await shelf.bids(openingId, creditCode);
  }

  /** Keeps it in the browser's storage, and where there is none as long as the page is open. */
  async function keep(bid: KeptBid): Promise<KeptBid> {
    if (await shelf.keep(bid)) await readShelf();
    else bids.value = [bid, ...(bids.value ?? []).filter(({ bidId }) => bidId !== bid.bidId)];
    return bid;
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
      const replaces = standingIn(bids.value ?? [])?.bidId;
      const about = { creditCode, promises: sealed.promises, ...(replaces !== undefined && { replaces }) };
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

  async function send(bid: KeptBid): Promise<void> {
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
        if (fault instanceof ApiError && endsLodgement(fault)) await letGo(sending);
        const mayPass = fault instanceof ApiError && !endsLodgement(fault) && fault.status !== 401;
        if (!mayPass) return show({ kind: 'failed', fault });
        show({ kind: 'sending', bid: sending, sentBytes, isCut: true });
        await new Promise<void>((again) => {
          wake = again;
          world.after(SEND_AGAIN_MS, again);
        });
        if (isClosed) return;
      }
    }
    await received(sending, answer);
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

  async function received(bid: KeptBid, { receipt, actId }: CommandAnswer): Promise<void> {
    if (receipt === null) throw new SealError('receipt_not_genuine', 'none came');
    const payload = payloadOf(bid);
    // kept before it is checked: a receipt that does not hold is evidence, too
    const lodged = await keep({ ...bid, receipt, actId, status: 'lodged' });
    for (const other of (bids.value ?? []).filter(({ bidId }) => bidId === payload.replaces)) {
      await keep({ ...other, status: 'replaced' });
      await shelf.dropEnvelope(other);
    }
    const checked = await checkBidReceipt(
      needs.verifyEd25519,
      receipt,
      await needs.receiptKeys(),
      receiptOf(sha256, payload),
    );
    if (!('receipt' in checked)) throw new SealError(checked.fault, checked.detail);
    show({ kind: 'lodged', bid: lodged, receipt: checked.receipt });
  }

  async function letGo(bid: KeptBid): Promise<void> {
    envelopes.delete(bid.bidId);
    await shelf.forget(bid);
    await readShelf();
  }

  readShelf()
    .then(() => {
      const unsent = (bids.value ?? []).find(({ status }) => status === 'sending');
      const goesOn = unsent !== undefined && !isClosed ? send(unsent) : undefined;
      return Promise.all([goesOn, shelf.clearLeft()]);
    })
    .catch((fault: unknown) => show({ kind: 'failed', fault }));
  const online = (): void => wake();
  globalThis.addEventListener?.('online', online);

  return {
    state,
    bids,
    seal,
    cancel: () => sealing?.cancel(),
    send: (bid) => send(bid).catch((fault: unknown) => show({ kind: 'failed', fault })),
    async discard(bid) {
      await letGo(bid);
      show({ kind: 'resting' });
    },
    async takeWithdrawal(bid, { receipt }) {
      if (receipt === null) throw new SealError('receipt_not_genuine', 'none came');
      await keep({ ...bid, withdrawal: receipt, status: 'withdrawn' });
      await shelf.dropEnvelope(bid);
      const expected = withdrawalReceiptOf(payloadOf(bid));
      const checked = await checkBidReceipt(needs.verifyEd25519, receipt, await needs.receiptKeys(), expected);
      if (!('receipt' in checked)) throw new SealError(checked.fault, checked.detail);
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
