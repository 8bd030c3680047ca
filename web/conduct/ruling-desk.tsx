/** The bids that did not open: what the log holds of each, what is proposed, what host and witness have ruled, and the way to rule. */
import type { JSX } from 'preact';
import type { Verdict } from '../../server/core/opening/findings.ts';
import { type Bid, isDecrypted, isGivenUp, numberOf, verdictOf } from '../../server/core/opening/state.ts';
import { MAX_CONTESTS } from '../../server/core/opening/steps/attribution.ts';
import { evidenceText } from '../opening/sentences.ts';
import { FAILURE_WORDS, VERDICT_WORDS } from '../opening/term-words.ts';
import { Icon } from '../parts/icon.tsx';
import { timeText } from '../parts/instant-text.ts';
import { language } from '../parts/language.ts';
import { Section } from '../parts/section.tsx';
import type { DeskParts } from './desks.tsx';
import { narrowed } from './standing.ts';
import { say } from './words.ts';

export function RulingDesk(parts: DeskParts): JSX.Element | null {
  const { role, state, creditCode } = parts.stand;
  const own = role === 'bidder' ? numberOf(state, creditCode) : null;
  const bids = state.bids
    .filter((bid) => bid.proposal !== null && !isDecrypted(bid) && !isGivenUp(bid))
    .filter(({ bidder }) => role !== 'bidder' || bidder === own);
  if (bids.length === 0) return null;
  return (
    <Section id="rulings" title={say('rulings')}>
      <p class="section-words">{say(role === 'bidder' ? 'ownRulingWords' : 'rulingsWords')}</p>
      <ul class="rows">
        {bids.map((bid) => (
          <Row key={bid.bidder} bid={bid} parts={parts} />
        ))}
      </ul>
    </Section>
  );
}

function Row({ bid, parts }: { bid: Bid; parts: DeskParts }): JSX.Element {
  const { stand, offers, onChoose } = parts;
  const words = VERDICT_WORDS[language.value];
  const offer = offers.find(({ type }) => type === 'GiveRuling');
  const contest = offers.find(({ type }) => type === 'ContestRuling');
  const own = offer === undefined ? null : narrowed(stand, offer, 'bidder', String(bid.bidder));
  const ruled = (verdict: Verdict | null) => (verdict === null ? say('notRuled') : words[verdict]);
  const standing = verdictOf(bid);
  return (
    <li class="row desk" id={`ruling-${bid.bidder}`}>
      <p class="row-head">
        <span class="row-title">{say('bidderNumber', { n: bid.bidder })}</span>
        {bid.contestOpen ? (
          <span class="tone-warn">
            <Icon name="warning" /> {say('contested')}
          </span>
        ) : null}
        {!bid.contestOpen && bid.contests > 0 ? (
          <span class="label">{say('contestedTimes', { n: bid.contests })}</span>
        ) : null}
        {standing === null ? null : (
          <span class={standing === 'unknown' ? 'tone-warn' : 'tone-good'}>
            <Icon name={standing === 'unknown' ? 'question' : 'check'} /> {words[standing]} · {say('ruled')}
          </span>
        )}
      </p>
      <dl class="facts">
        <div class="fact fact-wide">
          <dt>{say('evidence')}</dt>
          <dd>{bid.proposal === null ? null : evidenceText(bid.proposal.evidence, language.value)}</dd>
          {bid.attempts.map(({ attempt, receivedAt, outcome }) => (
            <dd key={attempt} class="label number">
              {say('attemptAt', {
                time: timeText(receivedAt, language.value),
                n: attempt,
                outcome: outcomeWords(outcome),
              })}
            </dd>
          ))}
        </div>
        <div class="fact">
          <dt>{say('proposal')}</dt>
          <dd>{ruled(bid.proposal?.verdict ?? null)}</dd>
        </div>
        <div class="fact">
          <dt>{say('byHost')}</dt>
          <dd>{ruled(bid.ruledByHost)}</dd>
        </div>
        <div class="fact">
          <dt>{say('byWitness')}</dt>
          <dd>{ruled(bid.ruledByWitness)}</dd>
        </div>
      </dl>
      {contest === undefined ? null : (
        <button type="button" onClick={() => onChoose(contest, {})}>
          {say('contest', { n: MAX_CONTESTS - bid.contests })}
        </button>
      )}
      {own === null ? null : (
        <button
          type="button"
          onClick={() => onChoose(own, { bidder: String(bid.bidder), verdict: bid.proposal?.verdict ?? '' })}
        >
          {say('rule')}
        </button>
      )}
    </li>
  );
}

function outcomeWords(outcome: Bid['attempts'][number]['outcome']): string {
  switch (outcome) {
    case 'undecided':
    case 'decrypted':
    case 'not_needed':
      return say(outcome);
    default:
      return FAILURE_WORDS[language.value][outcome];
  }
}
