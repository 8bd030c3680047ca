/** A bidder's own bid: sealing and lodging it, what became of it, its receipts, replacing and withdrawing it before the deadline. */
import { sha256 } from '@noble/hashes/sha2.js';
import { useSignal } from '@preact/signals';
import type { JSX } from 'preact';
import { useEffect, useMemo } from 'preact/hooks';
import type { AgentCertificate } from '../../server/client/key-agent.ts';
import { registerPhaseRefusal } from '../../server/core/opening/register.ts';
import type { OpeningState } from '../../server/core/opening/state.ts';
import { browserVerifyJws } from '../keys/verify-jws.ts';
import { Section } from '../parts/section.tsx';
import { Dialog } from '../person/dialog.tsx';
import { headSeenIn, type Seat } from '../person/seat.ts';
import type { ReplicaView } from '../replica/replica.ts';
import { browserEd25519 } from '../replica/verify-ed25519.ts';
import './bid.css';
import { type KeptBid, payloadOf, standingIn } from './kept-bid.ts';
import { KeptRow } from './kept-row.tsx';
import { isInHand, type Lodging, openLodging } from './lodging.ts';
import { ProgressPart } from './progress-part.tsx';
import { receiptKeysHere } from './receipt-keys-here.ts';
import { RehearsePart } from './rehearse-part.tsx';
import { SealForm } from './seal-form.tsx';
import { browserShelf, type Shelf } from './shelf.ts';
import { say } from './words.ts';

export type BidPartProps = {
  readonly seat: Seat;
  readonly view: ReplicaView;
  readonly state: OpeningState;
  /** The platform's, ms. */
  readonly now: number;
  /** A bid was received: whoever lodged is the opening's bidder now. */
  readonly onLodged: () => void;
  readonly onFault: (fault: unknown) => void;
};

export function BidPart({ seat, view, state, now, onLodged, onFault }: BidPartProps): JSX.Element {
  const shelf = useMemo(browserShelf, []);
  const lodging = useLodging(seat, state, shelf);
  const isFilling = useSignal(false);
  const leaving = useSignal<KeptBid | null>(null);
  const bids = lodging.bids.value ?? [];
  const standing = standingIn(bids);
  const closed = whyClosed(state, now);
  const certificate = encryptionCertificate(seat.means.keys, now);
  const isIdle = lodging.state.value.kind === 'resting';
  const isLodged = lodging.state.value.kind === 'lodged';
  useEffect(() => {
    if (isLodged) onLodged();
  }, [isLodged, onLodged]);
  const isTrusted = view.standing.kind === 'verified' || view.standing.kind === 'behind';
  useEffect(() => {
    if (isTrusted && view.vkey !== null) lodging.learn(state, view.vkey).catch(onFault);
  }, [lodging, isTrusted, state.phase]);
  const mayWithdraw = registerPhaseRefusal('WithdrawBid', state.phase) === null;

  async function withdraw(bid: KeptBid): Promise<void> {
    const given = { type: 'WithdrawBid', data: { bidId: bid.bidId }, headSeen: headSeenIn(view) } as const;
    const sent = await seat.outbox.give(seat, given);
    if (sent.kind === 'accepted') await lodging.takeWithdrawal(bid, sent.answer);
  }

  return (
    <Section id="bid" title={say('bid')} aside={standing === null ? undefined : say(`st_${standing.status}`)}>
      <p class="section-words">{say('bidWords')}</p>
      <ProgressPart lodging={lodging} />
      {bids.length === 0 && isIdle ? <p class="empty">{say('nothingLodged')}</p> : null}
      <ul class="rows">
        {bids
          .filter(({ bidId }) => isIdle || bidId !== underWay(lodging))
          .map((bid) => (
            <KeptRow
              key={bid.bidId}
              bid={bid}
              shelf={shelf}
              lodging={lodging}
              isBusy={isInHand(lodging.state.value)}
              isClosed={closed !== null}
            />
          ))}
      </ul>
      {closed === null ? null : <p class="label">{say('lodgingClosed', { why: closed })}</p>}
      {closed === null && certificate === null ? <p class="tone-warn">{say('noEncryptionKey')}</p> : null}
      <p class="bid-acts">
        {closed === null && certificate !== null && isIdle && isTrusted ? (
          <button
            type="button"
            class={standing === null ? 'strong' : ''}
            onClick={() => {
              isFilling.value = true;
            }}
          >
            {say(standing === null ? 'sealAndLodge' : 'sealAndReplace')}
          </button>
        ) : null}
        {standing !== null && mayWithdraw && isIdle && isTrusted ? (
          <button
            type="button"
            onClick={() => {
              leaving.value = standing;
            }}
          >
            {say('withdraw')}
          </button>
        ) : null}
      </p>
      {registerPhaseRefusal('Rehearse', state.phase) === null && isTrusted ? (
        <RehearsePart
          seat={seat}
          view={view}
          keptCertSha256={standing === null ? null : payloadOf(standing).encCertSha256}
          onFault={onFault}
        />
      ) : null}
      {state.window !== null ? null : (
        <p class="label">
          <a href={`/preflight?opening=${state.openingId}&role=bidder`}>{say('toPreflight')}</a>
        </p>
      )}
      {isFilling.value && certificate !== null ? (
        <SealForm
          certificate={certificate}
          about={{ lotId: state.details.lot.code, creditCode: seat.creditCode, name: seat.organisation || seat.name }}
          onClose={() => {
            isFilling.value = false;
          }}
          onGo={(request) => {
            isFilling.value = false;
            lodging.seal(request, state, view.vkey ?? '').catch(onFault);
          }}
        />
      ) : null}
      {leaving.value === null ? null : (
        <Dialog
          title={say('withdraw')}
          onClose={() => {
            leaving.value = null;
          }}
        >
          <p class="dialog-words">{say('confirmWithdraw')}</p>
          <p class="form-end">
            <button
              type="button"
              onClick={() => {
                leaving.value = null;
              }}
            >
              {say('cancel')}
            </button>
            <button
              type="button"
              class="strong"
              onClick={() => {
                const bid = leaving.value;
                leaving.value = null;
                if (bid !== null) withdraw(bid).catch(onFault);
              }}
            >
              {say('withdraw')}
            </button>
          </p>
        </Dialog>
      )}
    </Section>
  );
}

/** One for each person at this page; what it was sending it goes on sending. */
function useLodging(seat: Seat, { openingId, platform }: OpeningState, shelf: Shelf): Lodging {
  const { means, creditCode } = seat;
  const lodging = useMemo(() => {
    const verifyEd25519 = browserEd25519(crypto.subtle);
    return openLodging({
      ...means,
      openingId,
      creditCode,
      shelf,
      // what seals is fetched when something is to be sealed
      startSealing: (...asked) => sealLater(import('../seal/seal-room.ts'), asked),
      receiptKeys: () => receiptKeysHere(means.api, platform, verifyEd25519),
      verifyEd25519,
      verifySignature: browserVerifyJws(crypto.subtle),
      sha256,
      world: {
        now: means.serverNow,
        after(delayMs, alarm) {
          const timer = setTimeout(alarm, delayMs);
          return () => clearTimeout(timer);
        },
        randomBytes: (count) => crypto.getRandomValues(new Uint8Array(count)),
      },
    });
  }, [creditCode, openingId, platform, shelf, means]);
  useEffect(() => () => lodging.close(), [lodging]);
  return lodging;
}

type Room = typeof import('../seal/seal-room.ts');

function sealLater(room: Promise<Room>, asked: Parameters<Room['startSealing']>): ReturnType<Room['startSealing']> {
  const started = room.then(({ startSealing }) => startSealing(...asked));
  return {
    sealed: started.then(({ sealed }) => sealed),
    cancel: () => void started.then(({ cancel }) => cancel()),
  };
}

/** Why nothing can be lodged now, as far as the page knows; the platform has the last word. */
function whyClosed(state: OpeningState, now: number): string | null {
  if (registerPhaseRefusal('LodgeBid', state.phase) !== null) return say('whyPhase');
  return now < state.deadlineAt ? null : say('whyDeadline');
}

/** The one to seal to; which of two is meant is not guessed. */
function encryptionCertificate(keys: readonly AgentCertificate[], now: number): AgentCertificate | null {
  const fitting = keys.filter(
    ({ canUnwrap, certificate: { notBeforeAt, notAfterAt } }) =>
      canUnwrap && notBeforeAt <= now && now < notAfterAt + 1000,
  );
  const [first, second] = fitting;
  return second === undefined ? (first ?? null) : null;
}

function underWay(lodging: Lodging): string | null {
  const state = lodging.state.value;
  return 'bid' in state ? state.bid.bidId : null;
}
