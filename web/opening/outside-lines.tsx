/** What the platform says of outside time-stamps and cosigners over this opening; the page judges neither and does not claim to. */
import type { JSX } from 'preact';
import { dayTimeText } from '../parts/instant-text.ts';
import { language } from '../parts/language.ts';
import type { CosignAnswer, OutsideAnswer, StampAnswer } from './outside.ts';
import { say } from './words.ts';

export function OutsideLines({ outside }: { outside: OutsideAnswer | null }): JSX.Element | null {
  if (outside === null) return null;
  return (
    <>
      <div>
        <dt>{say('cosignLabel')}</dt>
        <dd>{cosignWords(outside.cosigning)}</dd>
      </div>
      <div>
        <dt>{say('stampLabel')}</dt>
        <dd>{stampWords(outside.stamp)}</dd>
      </div>
    </>
  );
}

/** By how many of how many, and to which entry; and how many say otherwise. */
export function cosignWords(answer: CosignAnswer): string {
  const before = howFar(answer);
  return answer.claiming === 0 ? before : say('cosignClaims', { before, n: answer.claiming });
}

function howFar({ quorum, cosigners, cosigned }: CosignAnswer): string {
  if (cosigners === 0) return say('cosignNone');
  if (cosigned === null) return say('cosignNotYet', { quorum, of: cosigners });
  return say('cosigned', { by: cosigned.by, of: cosigners, n: cosigned.size - 1 });
}

function stampWords({ authorities, stamped }: StampAnswer): string {
  if (stamped === null) return say(authorities === 0 ? 'stampNone' : 'stampNotYet');
  return say('stamped', {
    n: stamped.size - 1,
    time: dayTimeText(stamped.stampedAt, language.value),
    authority: URL.canParse(stamped.authority) ? new URL(stamped.authority).host : stamped.authority,
  });
}
