/** The drawing of a coefficient: who has promised and shown a share, what came of it, and how anyone computes it again. */
import type { JSX } from 'preact';
import { useMemo } from 'preact/hooks';
import type { Drawing, Share } from '../../server/core/opening/drawing.ts';
import type { OpeningState } from '../../server/core/opening/state.ts';
import { nameOf } from '../opening/bid-status.ts';
import { ROLE_WORDS } from '../opening/term-words.ts';
import { Icon } from '../parts/icon.tsx';
import { timeText } from '../parts/instant-text.ts';
import { language } from '../parts/language.ts';
import { Section } from '../parts/section.tsx';
import type { HeldEntry } from '../replica/replica.ts';
import './drawing.css';
import { checkDraw, type DrawCheck } from './draw-check.ts';
import { say } from './words.ts';

export function DrawingPart(props: { state: OpeningState; entries: readonly HeldEntry[] }): JSX.Element | null {
  const { state, entries } = props;
  const { drawing } = state;
  const check = useMemo(() => checkDraw(state, entries), [drawing?.coefficient, drawing?.round]);
  if (drawing === null) return null;
  const { round, coefficient } = drawing;
  return (
    <Section id="drawing" title={say('drawing')} aside={say('drawRound', { n: round })}>
      <p class="section-words">{say('drawWords')}</p>
      <p class={coefficient === null ? 'draw-stage' : 'draw-stage draw-result'}>
        {coefficient === null ? stageWords(drawing) : say('drawn', { value: coefficient })}
      </p>
      <ul class="rows">
        {drawing.shares.map((share) => (
          <ShareRow key={share.bidder ?? 0} share={share} state={state} />
        ))}
      </ul>
      {drawing.leftOut.length === 0 ? null : (
        <p class="tone-warn">
          <Icon name="warning" /> {say('sharesLeftOut', { n: drawing.leftOut.length })}
        </p>
      )}
      {drawing.voidProposedBy === null || coefficient !== null ? null : (
        <p class="tone-warn">
          <Icon name="warning" /> {say('voidBy', { who: ROLE_WORDS[language.value][drawing.voidProposedBy] })}
        </p>
      )}
      {check === null ? null : <Recomputed check={check} />}
    </Section>
  );
}

function stageWords({ stage, commitBy, revealBy }: Drawing): string {
  const time = (at: number): string => timeText(at, language.value);
  switch (stage) {
    case 'committing':
      return say('drawCommitting', { time: time(commitBy) });
    case 'revealing':
      return say('drawRevealing', { time: revealBy === null ? '' : time(revealBy) });
    default:
      return say('drawVoid');
  }
}

function ShareRow({ share, state }: { share: Share; state: OpeningState }): JSX.Element {
  const isShown = share.share !== null;
  return (
    <li class="row">
      <p class="row-head">
        <span class="row-title">
          {share.bidder === null ? say('drawWitness') : say('bidderNumber', { n: share.bidder })}
        </span>
        {share.bidder === null ? null : <span>{nameOf(state, share.bidder)}</span>}
        <span class={isShown ? 'tone-good' : 'tone-quiet'}>
          <Icon name={isShown ? 'check' : 'lock'} /> {say(isShown ? 'shareShown' : 'sharePromised')}
        </span>
      </p>
      <p class="code">{share.share ?? share.commitment}</p>
    </li>
  );
}

function Recomputed({ check }: { check: DrawCheck }): JSX.Element {
  const { isAsPromised, isSame, coefficient, count, text } = check;
  const isGood = isAsPromised && isSame;
  return (
    <>
      <p class={isGood ? 'tone-good' : 'tone-bad'} role={isGood ? undefined : 'alert'}>
        <Icon name={isGood ? 'shield' : 'cross'} />{' '}
        {isGood ? say('drawSame', { value: coefficient }) : say('drawDiffers', { value: coefficient })}
      </p>
      <details class="draw-again">
        <summary>{say('drawAgain')}</summary>
        <p class="section-words">{say('drawAgainWords', { count })}</p>
        <p class="code draw-text">{text}</p>
      </details>
    </>
  );
}
