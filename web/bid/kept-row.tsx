/** One bid that is kept in this browser: what it is, how it stands, and what of it can be saved. */
import type { JSX } from 'preact';
import { useCallback } from 'preact/hooks';
import { Icon, type IconName } from '../parts/icon.tsx';
import { dayTimeText } from '../parts/instant-text.ts';
import { language } from '../parts/language.ts';
import { shortDigest } from '../parts/short-digest.ts';
import { bidFileOf, isUnsent, type KeptBid, payloadOf, receivedAtOf } from './kept-bid.ts';
import type { Lodging } from './lodging.ts';
import { SaveBlob, SaveText } from './save-link.tsx';
import type { Shelf } from './shelf.ts';
import { sizeText } from './size-text.ts';
import { say } from './words.ts';

const LOOKS = {
  sealed: { tone: 'warn', icon: 'lock' },
  sending: { tone: 'warn', icon: 'clock' },
  refused: { tone: 'bad', icon: 'cross' },
  unproven: { tone: 'warn', icon: 'question' },
  lodged: { tone: 'good', icon: 'check' },
  replaced: { tone: 'quiet', icon: 'arrow' },
  withdrawn: { tone: 'quiet', icon: 'cross' },
} as const satisfies Record<KeptBid['status'], { tone: string; icon: IconName }>;

export function KeptRow(props: {
  readonly bid: KeptBid;
  readonly shelf: Shelf;
  readonly lodging: Lodging;
  /** Another bid is being sealed or sent. */
  readonly isBusy: boolean;
  /** Whether nothing can be sent any more. */
  readonly isClosed: boolean;
}): JSX.Element {
  const { bid, shelf, lodging, isBusy, isClosed } = props;
  const { bidId, receipt, withdrawal, status } = bid;
  const { tone, icon } = LOOKS[status];
  const find = useCallback(() => shelf.envelopeOf(bid), [shelf, bid]);
  const there = lodging.standingThere.value;
  const isDenied = (status === 'lodged' || status === 'unproven') && there !== undefined && there !== bidId;
  const receivedAt = receivedAtOf(bid);
  const facts: readonly (readonly [string, string])[] = [
    [say('bidNumber'), bidId],
    receivedAt === null
      ? [say('signedAt'), dayTimeText(bid.signedAt, language.value)]
      : [say('receivedAt'), dayTimeText(receivedAt, language.value)],
    [say('size'), sizeText(bid.sizeBytes)],
    [say('digest'), shortDigest(payloadOf(bid).envelopeSha256)],
  ];
  return (
    <li class="row kept-bid" data-status={status}>
      <p class={`tone-${tone}`}>
        <Icon name={icon} /> {say(`st_${status}`)}
      </p>
      {isDenied ? <p class="tone-warn">{say('standsNoMore')}</p> : null}
      <dl class="facts">
        {facts.map(([name, value]) => (
          <div class="fact" key={name}>
            <dt>{name}</dt>
            <dd class="number">{value}</dd>
          </div>
        ))}
      </dl>
      <p class="saves">
        <SaveText name={`bid-${bidId}.json`} text={bidFileOf(bid)} type="application/json" words={say('saveBidFile')} />
        {receipt === null ? null : (
          <SaveText name={`receipt-${bidId}.jws`} text={receipt} type="application/jose" words={say('saveReceipt')} />
        )}
        {withdrawal === null ? null : (
          <SaveText
            name={`withdrawal-${bidId}.jws`}
            text={withdrawal}
            type="application/jose"
            words={say('saveWithdrawal')}
          />
        )}
        <SaveBlob name={`bid-${bidId}.p7m`} words={say('saveEnvelope')} find={find} />
      </p>
      {isUnsent(bid) && !isBusy ? (
        <p class="form-end">
          <button type="button" onClick={() => void lodging.discard(bid)}>
            {say('discard')}
          </button>
          {isClosed ? null : (
            <button type="button" class="strong" onClick={() => void lodging.send(bid)}>
              {say('sendNow')}
            </button>
          )}
        </p>
      ) : null}
    </li>
  );
}
