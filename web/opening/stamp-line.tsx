/** What the platform says of outside time-stamps over this opening; the page cannot judge a stamp and does not claim to. */
import type { JSX } from 'preact';
import { dayTimeText } from '../parts/instant-text.ts';
import { language } from '../parts/language.ts';
import type { StampAnswer } from './stamp.ts';
import { say } from './words.ts';

export function StampLine({ stamp }: { stamp: StampAnswer | null }): JSX.Element | null {
  if (stamp === null) return null;
  return (
    <div>
      <dt>{say('stampLabel')}</dt>
      <dd>{stampWords(stamp)}</dd>
    </div>
  );
}

function stampWords({ authorities, stamped }: StampAnswer): string {
  if (stamped === null) return say(authorities === 0 ? 'stampNone' : 'stampNotYet');
  return say('stamped', {
    n: stamped.size - 1,
    time: dayTimeText(stamped.stampedAt, language.value),
    authority: URL.canParse(stamped.authority) ? new URL(stamped.authority).host : stamped.authority,
  });
}
