/** What came of everything that was given, one after the other. */
import type { JSX } from 'preact';
import type { RecordMark } from '../../server/core/opening/record-mark.ts';
import { Icon } from '../parts/icon.tsx';
import type { Judged } from './judge-messages.ts';
import { LogResult } from './log-result.tsx';
import { PaperResult } from './paper-result.tsx';
import { ReceiptResult } from './receipt-result.tsx';
import { say } from './words.ts';

export function Results(props: { judged: readonly Judged[]; onLookUp: (mark: RecordMark) => void }): JSX.Element {
  const { judged, onLookUp } = props;
  return (
    <>
      {judged.map((one, n) => {
        const key = `${n} ${one.name}`;
        if (one.kind === 'log') return <LogResult key={key} log={one} />;
        if (one.kind === 'paper') return <PaperResult key={key} paper={one} onLookUp={onLookUp} />;
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
