/** The announcement, read aloud: one bidder after the other in type that a whole hall reads, figures and words; and spoken where there is a voice. */
import { useSignal } from '@preact/signals';
import type { JSX } from 'preact';
import { useLayoutEffect, useRef } from 'preact/hooks';
import { priceWords, spokenPrice } from '../../server/core/opening/price-words.ts';
import type { PriceRow } from '../../server/core/opening/rows.ts';
import type { OpeningState } from '../../server/core/opening/state.ts';
import { formatAmount } from '../parts/amount.ts';
import { Icon } from '../parts/icon.tsx';
import { keepText, keptText } from '../parts/kept-text.ts';
import { Section } from '../parts/section.tsx';
import type { DeskParts } from './desks.tsx';
import { say } from './words.ts';

export function ReaderDesk({ stand }: DeskParts): JSX.Element | null {
  const isOpen = useSignal(false);
  const { prices, openingId } = stand.state;
  const key = `kaibiao.read ${openingId}`;
  // a page that is loaded again goes on where it was
  const place = useSignal(Number(keptText(key, 'tab') ?? 0));
  if (prices === null || !prices.known || prices.value.length === 0) return null;
  const rows = prices.value;
  const at = Math.min(Math.max(0, place.value), rows.length - 1);
  const turn = (to: number): void => {
    place.value = to;
    keepText(key, String(to), 'tab');
  };
  return (
    <Section id="reader" title={say('reader')}>
      <p class="section-words">{say('readerWords')}</p>
      <p class="desk">
        <button
          type="button"
          onClick={() => {
            isOpen.value = true;
          }}
        >
          {at === 0 ? say('startReading') : say('readOn', { n: at + 1 })}
        </button>
      </p>
      {isOpen.value ? (
        <Reader
          state={stand.state}
          rows={rows}
          at={at}
          onTurn={turn}
          onClose={() => {
            isOpen.value = false;
          }}
        />
      ) : null}
    </Section>
  );
}

function Reader(props: {
  readonly state: OpeningState;
  readonly rows: readonly PriceRow[];
  readonly at: number;
  readonly onTurn: (to: number) => void;
  readonly onClose: () => void;
}): JSX.Element | null {
  const { state, rows, at, onTurn, onClose } = props;
  const place = useRef<HTMLDialogElement>(null);
  // before it is drawn, so that Escape and the arrows are its own from the first
  useLayoutEffect(() => {
    const dialog = place.current;
    if (dialog !== null && !dialog.open) dialog.showModal();
    return () => {
      dialog?.close();
      hush();
    };
  }, []);
  const isSilent = useSignal(false);
  const row = rows[at];
  if (row === undefined) return null;
  const isLast = at === rows.length - 1;
  const go = (to: number): void => {
    if (to >= 0 && to < rows.length) onTurn(to);
  };
  return (
    <dialog
      ref={place}
      class="reader"
      aria-labelledby="reader-name"
      onClose={onClose}
      onKeyDown={({ key }) => {
        if (key === 'ArrowRight' || key === 'PageDown') go(at + 1);
        if (key === 'ArrowLeft' || key === 'PageUp') go(at - 1);
      }}
    >
      <p class="reader-head">
        <bdi>{state.details.lot.name}</bdi>
        <span class="number">{say('progress', { n: at + 1, count: rows.length })}</span>
      </p>
      <progress value={at + 1} max={rows.length} aria-label={say('progress', { n: at + 1, count: rows.length })} />
      <div class="reader-row" aria-live="polite">
        <p class="reader-number">{say('bidderNumber', { n: row.bidder })}</p>
        <h2 id="reader-name">
          <bdi>{row.name}</bdi>
        </h2>
        <p class="reader-amount number">
          {formatAmount(row.quote.amount, row.quote.kind === 'total' ? 2 : 0)} <small>{unitOf(row.quote)}</small>
        </p>
        <p class="reader-words" lang="zh-CN">
          {priceWords(row.quote).valid}
        </p>
        <WordsFlag quote={row.quote} />
        {row.overCeiling ? (
          <p class="tone-warn reader-flag">
            <Icon name="warning" /> {say('overCeiling')}
          </p>
        ) : null}
        <dl class="facts reader-facts">
          {(['duration', 'quality', 'manager'] as const).map((name) => (
            <div class="fact" key={name}>
              <dt>{say(name)}</dt>
              <dd class="verbatim" dir="auto">
                {row[name]}
              </dd>
            </div>
          ))}
        </dl>
      </div>
      <p class="label">
        {state.policy.ceilingPrice === null ? '' : say('ceiling', { amount: formatAmount(state.policy.ceilingPrice) })}
        {state.drawing?.coefficient == null ? '' : ` · ${say('coefficient', { value: state.drawing.coefficient })}`}
      </p>
      {isSilent.value ? (
        <p class="tone-warn" role="status">
          {say('noVoice')}
        </p>
      ) : null}
      <p class="form-end reader-end">
        <button
          type="button"
          onClick={() => {
            isSilent.value = false;
            speak(state.openingId, row).catch(() => {
              isSilent.value = true;
            });
          }}
        >
          {say('speak')}
        </button>
        <button type="button" disabled={at === 0} onClick={() => go(at - 1)}>
          {say('previous')}
        </button>
        <button type="button" class="strong" onClick={() => (isLast ? onClose() : go(at + 1))}>
          {say(isLast ? 'finish' : 'next')}
        </button>
      </p>
    </dialog>
  );
}

/** Said in the hall where figures and words name two sums, or the bidder's words cannot be told from the figures. */
function WordsFlag({ quote }: { quote: PriceRow['quote'] }): JSX.Element | null {
  const { standing, written } = priceWords(quote);
  if (standing !== 'differ' && standing !== 'unread') return null;
  return (
    <p class="tone-warn reader-flag" data-words={standing}>
      <Icon name="warning" /> {say(standing === 'differ' ? 'wordsDiffer' : 'wordsAsWritten')}{' '}
      {standing === 'unread' ? <q lang="zh-CN">{written}</q> : null}
    </p>
  );
}

/** The unit as it was written, and behind a sum that is not in yuan its currency. */
function unitOf({ kind, currency, unit }: PriceRow['quote']): string {
  return kind === 'total' && currency !== 'CNY' ? `${unit} ${currency}`.trim() : unit;
}

function speech(): SpeechSynthesis | null {
  return (globalThis.speechSynthesis as SpeechSynthesis | undefined) ?? null;
}

let fromServer: HTMLAudioElement | null = null;

function hush(): void {
  speech()?.cancel();
  fromServer?.pause();
}

/** Speaks with a Chinese voice of this computer, or else of the platform. Rejects: neither has one, or may not sound. */
async function speak(openingId: string, row: PriceRow): Promise<void> {
  hush();
  const synthesis = speech();
  const voice = synthesis?.getVoices().find(({ lang }) => /^(zh|cmn)/i.test(lang));
  if (synthesis == null || voice === undefined) {
    fromServer = new Audio(`/openings/${openingId}/spoken/${row.bidder}`);
    return fromServer.play();
  }
  const words = new SpeechSynthesisUtterance(spokenPrice(row));
  words.voice = voice;
  words.lang = voice.lang;
  synthesis.speak(words);
}
