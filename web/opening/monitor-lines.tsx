/** Which monitors this page tells what it was shown, and what they say; loud when one of them proves that it was shown another history. */
import type { JSX } from 'preact';
import { Icon } from '../parts/icon.tsx';
import type { MonitorLine, Said } from './head-reports.ts';
import { say } from './words.ts';

const WORDS = {
  known: 'monitorKnown',
  waiting: 'monitorWaiting',
  other: 'monitorOther',
  claims: 'monitorClaims',
  unreached: 'monitorUnreached',
} as const satisfies Record<Said, string>;

type Props = { monitors: readonly MonitorLine[] | null };

export function MonitorLines({ monitors }: Props): JSX.Element | null {
  if (monitors === null) return null;
  return (
    <div>
      <dt>{say('monitorLabel')}</dt>
      {monitors.length === 0 ? <dd>{say('monitorNone')}</dd> : null}
      {monitors.map((line) => (
        <dd key={line.address}>{monitorWords(line)}</dd>
      ))}
    </div>
  );
}

/** The monitor's host, and what it said. */
export function monitorWords({ address, said }: MonitorLine): string {
  const host = URL.canParse(address) ? new URL(address).host : address;
  return `${host}: ${say(said === null ? 'monitorNotYet' : WORDS[said])}`;
}

/** The loud part: somebody else is shown another log than this page. */
export function MonitorBanner({ monitors }: Props): JSX.Element | null {
  const others = (monitors ?? []).filter(({ said }) => said === 'other');
  if (others.length === 0) return null;
  return (
    <div class="banner banner-refused" role="alert">
      <Icon name="warning" />
      <div>
        <strong>{say('monitorOther')}</strong>
        <p>{others.map(monitorWords).join('; ')}</p>
        <p>{say('monitorOtherHint')}</p>
      </div>
    </div>
  );
}
