/** What came of everything that was given, one after the other. */
import type { JSX } from 'preact';
import { Icon } from '../parts/icon.tsx';
import type { Judged } from './judge-messages.ts';
import { LogResult } from './log-result.tsx';
import { ReceiptResult } from './receipt-result.tsx';
import { say } from './words.ts';

export function Results({ judged }: { judged: readonly Judged[] }): JSX.Element {
  return (
    <>
      {judged.map((one, n) => {
        const key = `${n} ${one.name}`;
        if (one.kind === 'log') return <LogResult key={key} log={one} />;
        if (one.kind === 'receipt') return <ReceiptResult key={key} receipt={one} />;
        return (
          <p key={key} class="banner tone-warn">
            <Icon name="question" />
            <span>
              {say('unknown')} <span class="code">{one.name}</span>
            </span>
          </p>
        );
      })}
    </>
  );
}
