/** Objections as those who answer them see them: how long each has waited, and until when a complaint may follow an answer. */
import type { JSX } from 'preact';
import { numberOf, type Objection } from '../../server/core/opening/state.ts';
import { COMPLAINT_MS } from '../../server/core/opening/steps/objection.ts';
import { isOfProcurement, objectionArticle } from '../opening/regime.ts';
import { Icon } from '../parts/icon.tsx';
import { countdownOf, dayTimeText, timeText } from '../parts/instant-text.ts';
import { language } from '../parts/language.ts';
import { Section } from '../parts/section.tsx';
import type { DeskParts } from './desks.tsx';
import { narrowed } from './standing.ts';
import { say } from './words.ts';

export function ObjectionDesk(parts: DeskParts): JSX.Element | null {
  const { role, state, creditCode } = parts.stand;
  const number = role === 'bidder' ? numberOf(state, creditCode) : null;
  const isOwn = ({ bidder, raisedBy }: Objection): boolean =>
    (number !== null && bidder === number) || (raisedBy.known && raisedBy.value === creditCode);
  const objections = state.objections.filter((one) => role !== 'bidder' || isOwn(one));
  if (objections.length === 0) return null;
  const open = objections.filter(({ status }) => status === 'open');
  const others = objections.filter(({ status }) => status !== 'open');
  return (
    <Section
      id="objection-desk"
      title={say(role === 'bidder' ? 'ownObjections' : 'objections')}
      aside={<span class="number">{open.length}</span>}
    >
      <p class="section-words">{say('objectionsWords', { article: objectionArticle(parts.stand.state) })}</p>
      <ul class="rows">
        {[...open, ...others].map((objection) => (
          <Row key={objection.objection} objection={objection} parts={parts} />
        ))}
      </ul>
    </Section>
  );
}

function Row({ objection, parts }: { objection: Objection; parts: DeskParts }): JSX.Element {
  const { stand, offers, onChoose } = parts;
  const { status, raisedAt, answeredAt } = objection;
  const number = String(objection.objection);
  const offer = offers.find(({ type }) => type === 'AnswerObjection');
  const own = offer === undefined ? null : narrowed(stand, offer, 'objection', number);
  const dispute = offers.find(({ type }) => type === 'DisputeAnswer');
  const isDisputable = dispute?.fields.some((field) => field.kind === 'choice' && field.options.includes(number));
  return (
    <li class="row desk" id={`objection-${number}`}>
      <p class="row-head">
        <span class="row-title">{say('objectionNumber', { n: number })}</span>
        {objection.bidder === null ? null : <span>{say('bidderNumber', { n: objection.bidder })}</span>}
        <time class="number">{timeText(raisedAt, language.value)}</time>
        {status === 'open' ? (
          <span class="tone-warn number">
            <Icon name="clock" /> {say('waiting', { clock: countdownOf(stand.now - raisedAt).clock })}
          </span>
        ) : null}
        {status === 'disputed' ? (
          <span class="tone-bad">
            <Icon name="warning" /> {say('disputed')}
          </span>
        ) : null}
      </p>
      {objection.text.known ? (
        <p class="verbatim" dir="auto">
          {objection.text.value}
        </p>
      ) : (
        <p class="empty">{say('objectionHidden')}</p>
      )}
      {answeredAt === null ? null : (
        <p class="label">
          {isOfProcurement(stand.state)
            ? say('queryBy')
            : say('complainBy', { day: dayTimeText(answeredAt + COMPLAINT_MS, language.value) })}
        </p>
      )}
      {objection.answer.known ? (
        <p class="verbatim">
          <span class="label">{say('answer')}</span> <bdi>{objection.answer.value}</bdi>
        </p>
      ) : null}
      {dispute === undefined || isDisputable !== true ? null : (
        <button type="button" onClick={() => onChoose(dispute, { objection: number })}>
          {say('dispute')}
        </button>
      )}
      {own === null ? null : (
        <button type="button" onClick={() => onChoose(own, { objection: number })}>
          {say('answerIt')}
        </button>
      )}
    </li>
  );
}
