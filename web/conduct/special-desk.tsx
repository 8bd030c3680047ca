/** What only some policies have, and has no part of its own: the remedy and rounds of quotes, as they stand. */
import type { JSX } from 'preact';
import { leftToRemedy } from '../../server/core/opening/remedy.ts';
import type { OpeningState } from '../../server/core/opening/state.ts';
import { timeText } from '../parts/instant-text.ts';
import { language } from '../parts/language.ts';
import { Section } from '../parts/section.tsx';
import type { DeskParts } from './desks.tsx';
import { say } from './words.ts';

type Lines = { readonly title: string; readonly lines: readonly string[] };

export function SpecialDesk({ stand }: DeskParts): JSX.Element | null {
  const { state } = stand;
  const parts = [remedyLines(state), quoteLines(state)].flatMap((part) => part ?? []);
  if (parts.length === 0) return null;
  return (
    <Section id="special" title={say('special')}>
      <dl class="facts">
        {parts.map(({ title, lines }) => (
          <div class="fact fact-wide" key={title}>
            <dt>{title}</dt>
            {lines.map((line) => (
              <dd key={line}>{line}</dd>
            ))}
          </div>
        ))}
      </dl>
    </Section>
  );
}

const time = (at: number): string => timeText(at, language.value);

function remedyLines(state: OpeningState): Lines | null {
  const { remedy } = state;
  if (remedy === null) return null;
  const left = leftToRemedy(state).length;
  const line =
    remedy.closedAt === null
      ? say('remedyRunning', { time: time(remedy.closesAt), left })
      : say('remedyOver', { left });
  return { title: say('remedy'), lines: [line] };
}

function quoteLines({ quoteRounds }: OpeningState): Lines | null {
  if (quoteRounds.length === 0) return null;
  const lines = quoteRounds.map(({ round, rows, commitments, closesAt }) =>
    rows === null
      ? say('quotesRunning', { n: round, count: commitments.length, time: time(closesAt) })
      : say('quotesReleased', { n: round }),
  );
  return { title: say('quotes'), lines };
}
