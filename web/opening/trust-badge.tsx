/** How far the log is verified by this very page, or why it is not believed. */
import type { JSX } from 'preact';
import { Icon } from '../parts/icon.tsx';
import { language } from '../parts/language.ts';
import { shortDigest } from '../parts/short-digest.ts';
import type { ReplicaRefusal } from '../replica/refusals.ts';
import type { ReplicaView, Standing } from '../replica/replica.ts';
import type { MonitorLine } from './head-reports.ts';
import { MonitorLines } from './monitor-lines.tsx';
import type { OutsideAnswer } from './outside.ts';
import { OutsideLines } from './outside-lines.tsx';
import { say } from './words.ts';

type Props = {
  view: ReplicaView;
  outside: OutsideAnswer | null;
  monitors: readonly MonitorLine[] | null;
};

export function TrustBadge({ view, outside, monitors }: Props): JSX.Element {
  const { standing } = view;
  if (standing.kind === 'refused')
    return (
      <p class="trust tone-bad">
        <Icon name="cross" /> {say('refused')}
      </p>
    );
  if (standing.kind === 'empty')
    return (
      <p class="trust tone-quiet">
        <Icon name="dots" /> {say('unverified')}
      </p>
    );
  const isBehind = standing.kind === 'behind';
  return (
    <details class={`trust tone-${isBehind ? 'warn' : 'good'}`}>
      <summary class="trust-head">
        <Icon name={isBehind ? 'clock' : 'shield'} /> <span>{headline(standing)}</span>
      </summary>
      <TrustDetails view={view} standing={standing} outside={outside} monitors={monitors} />
    </details>
  );
}

type Verified = Extract<Standing, { kind: 'verified' | 'behind' }>;

/** Entries are numbered from 0, so `size` of them end at number size − 1. */
function headline(standing: Verified): string {
  return standing.kind === 'behind'
    ? say('behind', { n: standing.size - 1, seen: standing.seen })
    : say('verified', { n: standing.size - 1, root: shortDigest(standing.root) });
}

type DetailsProps = Props & { standing: Verified };

function TrustDetails({ view, standing, outside, monitors }: DetailsProps): JSX.Element {
  const origin = view.entries[0]?.entry.log ?? '';
  return (
    <div class="trust-inside">
      <p>
        {say('verifyWords')} <a href={`/verify#${view.state?.openingId ?? ''}`}>{say('verifyApart')}</a>
      </p>
      <dl class="fields">
        <div>
          <dt>{say('originLabel')}</dt>
          <dd class="code">{origin}</dd>
        </div>
        <div>
          <dt>{say('countLabel')}</dt>
          <dd class="number">
            {standing.size} · {say(view.state?.phase === 'Archived' ? 'complete' : 'stillOpen')}
          </dd>
        </div>
        <div>
          <dt>{say('rootLabel')}</dt>
          <dd class="code">{standing.root}</dd>
        </div>
        <div>
          <dt>{say('vkeyLabel')}</dt>
          <dd class="code">{view.vkey}</dd>
        </div>
        <OutsideLines outside={outside} />
        <MonitorLines monitors={monitors} />
      </dl>
      <p>{view.isPinned === false ? say('notPinned') : say('pinned')}</p>
    </div>
  );
}

/** The loud part: the page has stopped, this is why, this is what to do. */
export function RefusalBanner({ refusal }: { refusal: ReplicaRefusal }): JSX.Element {
  return (
    <div class="banner banner-refused" role="alert">
      <Icon name="warning" />
      <div>
        <strong>{say('refused')}</strong>
        <p>
          {language.value === 'en' ? refusal.words.en : refusal.words.zh}{' '}
          {refusal.seq === null ? '' : say('refusedAt', { n: refusal.seq })}
        </p>
        <p class="code verbatim">
          {refusal.code}: {refusal.detail}
        </p>
        <p>{say('refusedHint')}</p>
      </div>
    </div>
  );
}
