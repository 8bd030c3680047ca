/** What only some policies have: the drawing, the opening key held in shares, the remedy and rounds of quotes, as they stand. */
import type { JSX } from 'preact';
import { type Drawing, hasWitnessShare } from '../../server/core/opening/drawing.ts';
import { missingHolders, sharingRules } from '../../server/core/opening/layer.ts';
import { leftToRemedy } from '../../server/core/opening/remedy.ts';
import type { OpeningState } from '../../server/core/opening/state.ts';
import { ROLE_WORDS } from '../opening/term-words.ts';
import { timeText } from '../parts/instant-text.ts';
import { language } from '../parts/language.ts';
import { Section } from '../parts/section.tsx';
import type { DeskParts } from './desks.tsx';
import { say } from './words.ts';

type Lines = { readonly title: string; readonly lines: readonly string[] };

export function SpecialDesk({ stand }: DeskParts): JSX.Element | null {
  const { state } = stand;
  const parts = [drawingLines(state), layerLines(state), remedyLines(state), quoteLines(state)].flatMap(
    (part) => part ?? [],
  );
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

function drawingLines({ drawing }: OpeningState): Lines | null {
  if (drawing === null) return null;
  const { round, shares, leftOut, voidProposedBy, stage } = drawing;
  const shown = shares.filter(({ share }) => share !== null).length;
  return {
    title: say('drawRound', { n: round }),
    lines: [
      stageLine(drawing),
      say('drawShares', { n: shares.length, shown }),
      ...(leftOut.length === 0 ? [] : [say('drawLeftOut', { n: leftOut.length })]),
      ...(stage === 'drawn' ? [] : [say(hasWitnessShare(drawing) ? 'witnessShare_yes' : 'witnessShare_no')]),
      ...(voidProposedBy === null ? [] : [say('voidBy', { who: ROLE_WORDS[language.value][voidProposedBy] })]),
    ],
  };
}

function stageLine({ stage, commitBy, revealBy, coefficient }: Drawing): string {
  switch (stage) {
    case 'committing':
      return say('draw_committing', { time: time(commitBy) });
    case 'revealing':
      return say('draw_revealing', { time: revealBy === null ? '' : time(revealBy) });
    case 'drawn':
      return say('draw_drawn', { value: coefficient ?? '' });
    case 'void':
      return say('draw_void');
  }
}

function layerLines({ policy, layer }: OpeningState): Lines | null {
  const rules = sharingRules(policy);
  if (rules === null) return null;
  const { key, holders, given, unsealing } = layer;
  const title = say('layer');
  if (key === null)
    return {
      title,
      lines: [say('layerNotDealt', { n: holders.length, holders: rules.holders }), say('layerTool')],
    };
  const roleOf = (number: number): string => {
    const role = holders.find(({ holder }) => holder === number)?.role;
    return say('layerHolder', { n: number, role: role === undefined ? '?' : ROLE_WORDS[language.value][role] });
  };
  const missing = missingHolders(layer).map(roleOf).join('、');
  return {
    title,
    lines: [
      say('layerDealt', { n: key.shares.length, k: key.threshold }),
      say('layerAcknowledged', { n: key.shares.filter(({ acknowledged }) => acknowledged).length }),
      ...(unsealing === null
        ? []
        : [
            say('layerGiven', { n: given.length, missing: missing === '' ? say('none') : missing }),
            say('layerUntil', { time: time(unsealing.closesAt) }),
          ]),
      say('layerTool'),
    ],
  };
}

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
