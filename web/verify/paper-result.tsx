/** What came of a record on paper: whether it is whole, what it is of, and the way to its log. */
import type { JSX } from 'preact';
import { formatRecordMark, type RecordMark } from '../../server/core/opening/record-mark.ts';
import { Section } from '../parts/section.tsx';
import { Items } from './item-list.tsx';
import type { JudgedPaper } from './judge-messages.ts';
import { paperItems, paperVerdict } from './paper-items.ts';
import { VerdictBanner } from './verdict-banner.tsx';
import { say } from './words.ts';

const WORDS = { good: 'paperGood', inner: 'paperInner', bad: 'verdict_bad' } as const;

export function PaperResult(props: { paper: JudgedPaper; onLookUp: (mark: RecordMark) => void }): JSX.Element {
  const { paper, onLookUp } = props;
  const { said, refusal, name, form, onLog } = paper;
  const verdict = paperVerdict(paper);
  return (
    <div class="result">
      <VerdictBanner verdict={verdict} words={say(WORDS[verdict])} name={name} refusal={refusal} limit={null} />
      <Items items={paperItems(paper)} />
      {said === null ? null : (
        <Section id="paper" title={say('paper')}>
          <dl class="facts">
            <div class="fact">
              <dt>{say('paperNumber')}</dt>
              <dd class="code">
                {said.mark.openingId}/{said.mark.version}
              </dd>
            </div>
            <div class="fact">
              <dt>{say('paperForm')}</dt>
              <dd>{say(`paperForm_${form}`)}</dd>
            </div>
            <div class="fact fact-wide">
              <dt>{say('paperDigest')}</dt>
              <dd class="code">{said.mark.sha256}</dd>
            </div>
            <div class="fact fact-wide">
              <dt>{say('paperKey')}</dt>
              <dd class="code">{said.vkey}</dd>
            </div>
          </dl>
          {onLog !== null ? null : said.origin === location.origin ? (
            <p>
              <button type="button" class="strong" onClick={() => onLookUp(said.mark)}>
                {say('paperLookUp')}
              </button>
            </p>
          ) : (
            <p>
              {say('paperElsewhere', { origin: said.origin })}{' '}
              <a href={formatRecordMark(said.origin, said.mark)} rel="noopener">
                {say('openThere')}
              </a>
            </p>
          )}
        </Section>
      )}
    </div>
  );
}
