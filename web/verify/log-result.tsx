/** What came of a log: the verdict, its items, and of an opening what it was, its prices, its record and its entries. */
import type { JSX } from 'preact';
import { Board } from '../opening/board.tsx';
import { Feed } from '../opening/feed.tsx';
import { Masthead } from '../opening/masthead.tsx';
import { Objections } from '../opening/objections.tsx';
import { Prices } from '../opening/prices.tsx';
import { RecordPart } from '../opening/record.tsx';
import { Roster } from '../opening/roster.tsx';
import { Icon, type IconName } from '../parts/icon.tsx';
import { Section } from '../parts/section.tsx';
import { type Item, itemsOf, limitOf, type Standing, verdictOf } from './items.ts';
import type { JudgedLog } from './judge-messages.ts';
import { VerdictBanner } from './verdict-banner.tsx';
import { say } from './words.ts';

const LOOKS = {
  good: { tone: 'good', icon: 'check' },
  bad: { tone: 'bad', icon: 'cross' },
  open: { tone: 'warn', icon: 'question' },
  unseen: { tone: 'quiet', icon: 'dots' },
} as const satisfies Record<Standing, { tone: string; icon: IconName }>;

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

function Items({ items }: { items: readonly Item[] }): JSX.Element {
  return (
    <Section id="items" title={say('item')}>
      <ul class="items">
        {items.map(({ key, standing, words, fills, detail }) => (
          <li key={key} class={`item tone-${LOOKS[standing].tone}`} data-item={key} data-standing={standing}>
            <span class="item-standing">
              <Icon name={LOOKS[standing].icon} /> {say(`standing_${standing}`)}
            </span>
            <div>
              <strong>{say(`item_${key}`)}</strong>
              <p>{say(words, fills)}</p>
              {detail === undefined ? null : <p class="code item-detail">{detail}</p>}
            </div>
          </li>
        ))}
      </ul>
    </Section>
  );
}
