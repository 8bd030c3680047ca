/** Where sealing and sending stand, honestly: nothing is called received that has no receipt. */
import { useSignal } from '@preact/signals';
import type { JSX } from 'preact';
import { Icon } from '../parts/icon.tsx';
import { bidFaultWords } from './fault-words.ts';
import { bidFileOf, type KeptBid } from './kept-bid.ts';
import type { Lodging, LodgingState } from './lodging.ts';
import { SaveText } from './save-link.tsx';
import { sizeText } from './size-text.ts';
import { say } from './words.ts';

export function ProgressPart({ lodging }: { readonly lodging: Lodging }): JSX.Element | null {
  const state = lodging.state.value;
  switch (state.kind) {
    case 'resting':
      return null;
    case 'sealing':
      return (
        <div class="bid-progress" data-state="sealing">
          <p class="tone-busy">
            <Icon name="lock" /> {say('sealing')} · {say(`step_${state.step}`)}
          </p>
          <Bar share={state.share} label={say(`step_${state.step}`)} />
          <p class="form-end">
            <button type="button" onClick={lodging.cancel}>
              {say('cancel')}
            </button>
          </p>
        </div>
      );
    case 'sealed':
      return <Sealed lodging={lodging} state={state} />;
    case 'sending': {
      const { sentBytes, bid, isCut } = state;
      const share = sentBytes / bid.sizeBytes;
      const words = say('sending', {
        share: Math.floor(share * 100),
        sent: sizeText(sentBytes),
        all: sizeText(bid.sizeBytes),
      });
      return (
        <div class="bid-progress" data-state={isCut ? 'cut' : 'sending'}>
          <p class={isCut ? 'tone-warn' : 'tone-busy'} aria-live="polite">
            <Icon name={isCut ? 'warning' : 'dots'} /> {isCut ? say('sendingCut') : say('st_sending')}
          </p>
          <Bar share={share} label={words} />
          <p class="label number">{words}</p>
          {bid.fileName === null ? <p class="tone-warn">{say('memoryOnly')}</p> : null}
        </div>
      );
    }
    case 'unproven':
      return (
        <div class="bid-progress" data-state="unproven">
          <p class="tone-warn" role="status">
            <Icon name="question" /> {say('unprovenTitle', { why: bidFaultWords(state.fault) })}
          </p>
          <SaveBid bid={state.bid} />
        </div>
      );
    case 'lodged':
      return (
        <div class="bid-progress" data-state="lodged">
          <p class="tone-good" role="status">
            <Icon name="check" /> {say('lodgedTitle')}
          </p>
          <p>{say('lodgedWords')}</p>
          <SaveBid bid={state.bid} />
          <Close lodging={lodging} />
        </div>
      );
    case 'failed':
      return (
        <div class="bid-progress" data-state="failed">
          <p class="tone-bad" role="alert">
            <Icon name="cross" /> {say('failed', { why: bidFaultWords(state.fault) })}
          </p>
          <Close lodging={lodging} />
        </div>
      );
  }
}

function SaveBid({ bid }: { readonly bid: KeptBid }): JSX.Element {
  return (
    <p>
      <SaveText
        name={`bid-${bid.bidId}.json`}
        text={bidFileOf(bid)}
        type="application/json"
        words={say('saveBidFile')}
      />
    </p>
  );
}

function Close({ lodging }: { readonly lodging: Lodging }): JSX.Element {
  return (
    <p class="form-end">
      <button type="button" onClick={lodging.rest}>
        {say('close')}
      </button>
    </p>
  );
}

function Bar({ share, label }: { readonly share: number; readonly label: string }): JSX.Element {
  return <progress class="bar" max={1} value={share} aria-label={label} />;
}

function Sealed(props: {
  readonly lodging: Lodging;
  readonly state: Extract<LodgingState, { kind: 'sealed' }>;
}): JSX.Element {
  const { lodging, state } = props;
  const { bid, contentKey, isTried } = state;
  const isSaved = useSignal(false);
  return (
    <div class="bid-progress" data-state="sealed">
      <p class="tone-good" role="status">
        <Icon name="check" /> {say(isTried ? 'sealedTitle' : 'sealedUntried')}
      </p>
      <p>{say('sealedWords')}</p>
      <SaveBid bid={bid} />
      {contentKey === null ? null : (
        <>
          <p class="tone-warn">
            <Icon name="warning" /> {say('remedyWords')}
          </p>
          <p>
            <SaveText
              name={`bid-key-${bid.bidId}.json`}
              text={contentKey}
              type="application/json"
              words={say('saveContentKey')}
            />
          </p>
        </>
      )}
      <label class="bid-check">
        <input
          type="checkbox"
          checked={isSaved.value}
          onChange={({ currentTarget }) => {
            isSaved.value = currentTarget.checked;
          }}
        />{' '}
        {say('haveSaved')}
      </label>
      <p class="form-end">
        <button type="button" onClick={() => void lodging.discard(bid)}>
          {say('discard')}
        </button>
        <button type="button" class="strong" disabled={!isSaved.value} onClick={() => void lodging.send(bid)}>
          {say('sendNow')}
        </button>
      </p>
    </div>
  );
}
