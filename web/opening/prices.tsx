/** The announced prices: figures and words side by side, each held against the promise made before the deadline. */
import { sha256 } from '@noble/hashes/sha2.js';
import type { JSX } from 'preact';
import { useMemo } from 'preact/hooks';
import { priceWords } from '../../server/core/opening/price-words.ts';
import type { PriceRow } from '../../server/core/opening/rows.ts';
import type { OpeningState } from '../../server/core/opening/state.ts';
import { formatAmount } from '../parts/amount.ts';
import { Icon } from '../parts/icon.tsx';
import { EmptySection, Section } from '../parts/section.tsx';
import { ownFirst } from './own-first.ts';
import { checkPrice } from './price-check.ts';
import { say } from './words.ts';

/** Rows from which on the table scrolls in a frame of its own, where a bidder's own row stays in sight. */
const TALL_ROWS = 12;

/** `own` is the number of whoever looks on as a bidder: their row stands first and stays in sight. */
export function Prices({ state, own = null }: { state: OpeningState; own?: number | null }): JSX.Element {
  const { prices } = state;
  if (prices === null || !prices.known)
    return (
      <EmptySection
        id="prices"
        title={say('prices')}
        words={prices === null ? say('pricesEmpty') : say('pricesWithheld')}
      />
    );
  return (
    <Section id="prices" title={say('prices')} aside={say('currencyUnit', { currency: state.policy.currency })}>
      <div {...frameOf(own !== null && prices.value.length > TALL_ROWS)}>
        <table class="table prices">
          <thead>
            <tr>
              <th scope="col">{say('bidder')}</th>
              <th scope="col" class="amount-head">
                {say('amount')}
              </th>
              <th scope="col">{say('inWords')}</th>
              <th scope="col">{say('duration')}</th>
              <th scope="col">{say('quality')}</th>
              <th scope="col">{say('manager')}</th>
            </tr>
          </thead>
          <tbody>
            {ownFirst(prices.value, own).map((row) => (
              <Price key={row.bidder} row={row} state={state} isOwn={row.bidder === own} />
            ))}
          </tbody>
        </table>
      </div>
    </Section>
  );
}

/** What scrolls must be reached by keyboard, and say what it is. */
function frameOf(isTall: boolean): JSX.IntrinsicElements['div'] {
  return isTall
    ? { class: 'table-frame table-frame-tall', tabIndex: 0, role: 'region', 'aria-labelledby': 'prices-title' }
    : { class: 'table-frame' };
}

function Price({ row, state, isOwn }: { row: PriceRow; state: OpeningState; isOwn: boolean }): JSX.Element {
  const { quote } = row;
  const isMoney = quote.kind === 'total';
  return (
    <tr class={isOwn ? 'row-own' : undefined}>
      <th scope="row" data-label={say('bidder')}>
        <span class="price-number">
          {say('bidderNumber', { n: row.bidder })}
          {isOwn ? ` · ${say('own')}` : ''}
        </span>
        <bdi class="price-name">{row.name}</bdi>
        <PromiseKept row={row} state={state} />
      </th>
      <td class="amount" data-label={say('amount')}>
        <span>
          <span class="figures">{formatAmount(quote.amount, isMoney ? 2 : 0)}</span>
          {quote.unit === '' ? null : <span class="unit">{quote.unit}</span>}
          {quote.currency === state.policy.currency ? null : <span class="unit">{quote.currency}</span>}
        </span>
        {row.overCeiling ? (
          <span class="flag tone-warn">
            <Icon name="warning" /> {say('overCeiling')}
          </span>
        ) : null}
      </td>
      <td class="words" data-label={say('inWords')}>
        <InWords row={row} />
      </td>
      <td class="verbatim" data-label={say('duration')}>
        <bdi>{row.duration}</bdi>
      </td>
      <td class="verbatim" data-label={say('quality')}>
        <bdi>{row.quality}</bdi>
      </td>
      <td class="verbatim" data-label={say('manager')}>
        <bdi>{row.manager}</bdi>
      </td>
    </tr>
  );
}

/** 大写 computed from the figures; the bidder's own words where they name another amount: then they prevail (87号令59). */
function InWords({ row }: { row: PriceRow }): JSX.Element | null {
  const { standing, computed, written } = priceWords(row.quote);
  if (standing === 'none') return null;
  if (standing === 'written')
    return (
      <span class="verbatim" lang="zh-CN">
        {written}
      </span>
    );
  if (standing === 'same') return <span lang="zh-CN">{computed}</span>;
  return (
    <>
      <span lang="zh-CN">{computed}</span>
      <span class="flag tone-warn">
        <Icon name="warning" /> {say(standing === 'unread' ? 'wordsAsWritten' : 'wordsDiffer')}{' '}
        <span class="verbatim" lang="zh-CN">
          {written}
        </span>
      </span>
    </>
  );
}

function PromiseKept({ row, state }: { row: PriceRow; state: OpeningState }): JSX.Element {
  const check = useMemo(() => checkPrice(sha256, row, state.lodgements), [row, state.lodgements]);
  switch (check) {
    case 'same':
      return (
        <span class="promise tone-good">
          <Icon name="shield" /> {say('promiseSame')}
        </span>
      );
    case 'differs':
      return (
        <span class="promise tone-bad">
          <Icon name="cross" /> {say('promiseDiffers')}
        </span>
      );
    case 'unknown':
      return <span class="promise tone-quiet">{say('promiseUnknown')}</span>;
  }
}
