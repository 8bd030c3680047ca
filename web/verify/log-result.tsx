/** What came of a log: the verdict, its items, and of an opening what it was, its prices, its record and its entries. */
import type { JSX } from 'preact';
import { Board } from '../opening/board.tsx';
import { Feed } from '../opening/feed.tsx';
import { Masthead } from '../opening/masthead.tsx';
import { Objections } from '../opening/objections.tsx';
import { Prices } from '../opening/prices.tsx';
import { RecordPart } from '../opening/record.tsx';
import { Roster } from '../opening/roster.tsx';
import { Items } from './item-list.tsx';
import { itemsOf, limitOf, verdictOf } from './items.ts';
import type { JudgedLog } from './judge-messages.ts';
import { VerdictBanner } from './verdict-banner.tsx';
import { say } from './words.ts';

export function LogResult({ log }: { log: JudgedLog }): JSX.Element {
  const verdict = verdictOf(log);
  const { state } = log;
  return (
    <div class="result">
      <VerdictBanner
        verdict={verdict}
        words={say(`verdict_${verdict}`)}
        name={log.name}
        refusal={log.refusal}
        limit={limitOf(log)}
      />
      {state === null ? null : <Masthead state={state} />}
      <Items items={itemsOf(log)} />
      {state === null ? null : (
        <>
          <Prices state={state} />
          <Board state={state} />
          <Roster state={state} />
          <RecordPart state={state} />
          <Objections state={state} />
          <Feed entries={log.shown} />
        </>
      )}
    </div>
  );
}
