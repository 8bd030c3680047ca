/** The opening record: which version stands, whether its text has the digest people sign, and who has answered. */
import { sha256 } from '@noble/hashes/sha2.js';
import type { JSX } from 'preact';
import { useMemo } from 'preact/hooks';
import { toBase64Url } from '../../server/core/log/base64.ts';
import { canonicalise, type Json } from '../../server/core/log/canonical.ts';
import { utf8 } from '../../server/core/log/utf8.ts';
import type { OpeningRecordHead, OpeningState, RecordAnswer } from '../../server/core/opening/state.ts';
import { Icon, type IconName } from '../parts/icon.tsx';
import { dayTimeText } from '../parts/instant-text.ts';
import { language } from '../parts/language.ts';
import { QrCode } from '../parts/qr-code.tsx';
import { EmptySection, Section } from '../parts/section.tsx';
import { nameOf } from './bid-status.ts';
import { say } from './words.ts';

const ANSWERS = {
  signed: { tone: 'good', icon: 'check' },
  refused: { tone: 'bad', icon: 'cross' },
  timed_out: { tone: 'quiet', icon: 'clock' },
  none: { tone: 'quiet', icon: 'dots' },
} as const satisfies Record<RecordAnswer['kind'] | 'none', { tone: string; icon: IconName }>;

/** The digest of a disclosed record: it came out of a disclosure, so it is JSON that has a canonical form. */
function digestOf(document: unknown): string {
  return toBase64Url(sha256(utf8(canonicalise(document as Json))));
}

export function RecordPart({ state }: { state: OpeningState }): JSX.Element {
  const { record } = state;
  if (record === null) return <EmptySection id="record" title={say('record')} words={say('recordEmpty')} />;
  return (
    <Section id="record" title={say('record')} aside={say('recordVersion', { n: record.version })}>
      <dl class="facts">
        <div class="fact">
          <dt>{say('recordIssuedAt')}</dt>
          <dd class="number">{dayTimeText(record.issuedAt, language.value)}</dd>
        </div>
        <div class="fact">
          <dt>{say('recordConfirmBy')}</dt>
          <dd class="number">{dayTimeText(record.confirmBy, language.value)}</dd>
        </div>
        <div class="fact fact-wide">
          <dt>{say('recordDigest')}</dt>
          <dd class="code">{record.sha256}</dd>
          <DigestCheck record={record} />
          {state.policy.publicPrices ? null : <dd>{say('recordPublicForm')}</dd>}
        </div>
      </dl>
      <ul class="answers">
        {state.bids.map((bid) => {
          const kind = bid.answer?.kind ?? 'none';
          return (
            <li key={bid.bidder} class={`answer tone-${ANSWERS[kind].tone}`}>
              <Icon name={ANSWERS[kind].icon} />
              <span title={nameOf(state, bid.bidder) ?? undefined}>{say('bidderNumber', { n: bid.bidder })}</span>
              <span>{say(`answer_${kind}`)}</span>
            </li>
          );
        })}
      </ul>
      {state.phase === 'RecordConfirm' && state.closeProposed !== null ? (
        <p>{say('closeProposed', { n: state.closeProposed })}</p>
      ) : null}
      <p class="record-code">
        <QrCode
          text={`${location.origin}/verify#${state.openingId}/${record.version}`}
          label={say('recordQr', { number: `${state.openingId}/${record.version}` })}
        />
        <span>
          {say('recordQrWords')}
          <br />
          <span class="code">
            {state.openingId}/{record.version}
          </span>
        </span>
      </p>
      <p class="record-links">
        <a href={`/openings/${state.openingId}/record`} target="_blank" rel="noopener">
          {say('recordOpen')}
        </a>{' '}
        <a href={`/openings/${state.openingId}/record.pdf`} target="_blank" rel="noopener">
          {say('recordPdf')}
        </a>{' '}
        <a href={`/verify#${state.openingId}`} target="_blank" rel="noopener">
          {say('recordVerify')}
        </a>{' '}
        <button type="button" onClick={() => print()}>
          {say('recordPrint')}
        </button>
      </p>
    </Section>
  );
}

function DigestCheck({ record }: { record: OpeningRecordHead }): JSX.Element | null {
  // the record of a thousand bidders is long: it is hashed once for each version
  const { document, sha256: signed } = record;
  const isSame = useMemo(() => document.known && digestOf(document.value) === signed, [document, signed]);
  if (!document.known) return null;
  return (
    <dd class={isSame ? 'tone-good' : 'tone-bad'}>
      <Icon name={isSame ? 'shield' : 'cross'} /> {isSame ? say('recordSame') : say('recordDiffers')}
    </dd>
  );
}
