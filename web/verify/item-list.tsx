/** The list of what was looked at, each line in colour, icon and words. */
import type { JSX } from 'preact';
import { Icon, type IconName } from '../parts/icon.tsx';
import { Section } from '../parts/section.tsx';
import type { Item, Standing } from './items.ts';
import { say } from './words.ts';

const LOOKS = {
  good: { tone: 'good', icon: 'check' },
  bad: { tone: 'bad', icon: 'cross' },
  open: { tone: 'warn', icon: 'question' },
  unseen: { tone: 'quiet', icon: 'dots' },
} as const satisfies Record<Standing, { tone: string; icon: IconName }>;

export function Items({ items }: { items: readonly Item[] }): JSX.Element {
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
