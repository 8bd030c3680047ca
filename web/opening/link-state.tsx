/** Whether what is shown is live: a small word while it is, a bar across the page while it is not. */
import type { JSX } from 'preact';
import { useRef } from 'preact/hooks';
import { Icon } from '../parts/icon.tsx';
import type { Viewing } from './viewing.ts';
import { say } from './words.ts';

export function LinkWord({ viewing }: { viewing: Viewing }): JSX.Element {
  const { kind } = viewing.link.value;
  const isLive = kind === 'open';
  const viewers = viewing.viewers.value;
  return (
    <p class={`link-word ${isLive ? 'tone-good' : 'tone-quiet'}`}>
      <span class="link-dot" aria-hidden="true" />
      {isLive ? say('link_open') : say('link_connecting')}
      {isLive && viewers > 0 ? <span class="link-viewers">{say('viewers', { n: viewers })}</span> : null}
    </p>
  );
}

/** Says that the line is lost, and that it is back, to those who listen: once each, not the seconds until the next attempt. */
export function LinkSaid({ viewing }: { viewing: Viewing }): JSX.Element {
  const { kind } = viewing.link.value;
  const wasLost = useRef(false);
  const isLost = kind === 'waiting' && !viewing.isMissing.value;
  wasLost.current ||= isLost;
  // trying again is no news
  const words = kind === 'open' ? say('link_back') : say('link_lost');
  return (
    <p class="unseen link-said" role="status">
      {wasLost.current ? words : ''}
    </p>
  );
}

export function LinkBar({ viewing }: { viewing: Viewing }): JSX.Element | null {
  const link = viewing.link.value;
  if (link.kind === 'stopped')
    return (
      <div class="bar bar-stopped" role="status">
        <Icon name="cross" />
        <span>{say('link_stopped', { why: link.why })}</span>
        <button type="button" onClick={() => location.reload()}>
          {say('reload')}
        </button>
      </div>
    );
  if (link.kind !== 'waiting' || viewing.isMissing.value) return null;
  const seconds = viewing.retrySeconds.value ?? 0;
  return (
    <div class="bar">
      <Icon name="warning" />
      <span>{seconds > 1 ? say('link_waiting', { s: seconds }) : say('link_waiting_soon')}</span>
      <button type="button" onClick={viewing.hurry}>
        {say('link_now')}
      </button>
    </div>
  );
}
