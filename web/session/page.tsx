/** The page of a session: its lots side by side, each by its own verified log, and what is said in the room they share. */
import { type ReadonlySignal, useSignalEffect } from '@preact/signals';
import type { JSX } from 'preact';
import { MonitorBanner, MonitorLines } from '../opening/monitor-lines.tsx';
import { PlainTop } from '../opening/plain-top.tsx';
import type { Viewing } from '../opening/viewing.ts';
import { say as sayOfOpening } from '../opening/words.ts';
import { dayText, timeText } from '../parts/instant-text.ts';
import { language } from '../parts/language.ts';
import { Message } from '../parts/message.tsx';
import { Section } from '../parts/section.tsx';
import { chatOf } from './chat.ts';
import { ChatPart } from './chat-part.tsx';
import { LotRow } from './lot-row.tsx';
import { asLogged, type Finding, type SessionLots } from './lots.ts';
import { gravestOf } from './monitors.ts';
import { say } from './words.ts';

export type PageParts = {
  readonly sessionId: string;
  readonly finding: ReadonlySignal<Finding>;
  /** The viewing of a lot, begun when it is first asked for. */
  readonly viewingOf: (openingId: string) => Viewing;
};

export function Page({ sessionId, finding, viewingOf }: PageParts): JSX.Element {
  const found = finding.value;
  useSignalEffect(() => {
    const present = finding.value;
    document.documentElement.lang = language.value;
    document.title = typeof present === 'object' ? `${present.title} · ${say('session')}` : say('session');
  });
  return (
    <>
      <PlainTop word={say('session')} />
      {typeof found === 'object' ? (
        <Lots sessionId={sessionId} listed={found} viewingOf={viewingOf} />
      ) : (
        <main id="main" class="blank" tabIndex={-1}>
          <Nothing finding={found} sessionId={sessionId} />
        </main>
      )}
    </>
  );
}

function Lots({
  sessionId,
  listed,
  viewingOf,
}: Pick<PageParts, 'sessionId' | 'viewingOf'> & { readonly listed: SessionLots }): JSX.Element {
  const { found, foreign } = asLogged(
    sessionId,
    listed,
    (openingId) => viewingOf(openingId).view.value.state?.details ?? null,
  );
  const viewed = found.openings.map((lot) => ({ lot, viewing: viewingOf(lot.openingId) }));
  const chat = chatOf(
    viewed.map(({ lot, viewing }) => ({ openingId: lot.openingId, entries: viewing.view.value.entries })),
  );
  const monitors = gravestOf(viewed.map(({ viewing }) => viewing.monitors.value));
  const lotNames = new Map(found.openings.map(({ openingId, lot }) => [openingId, lot.name]));
  return (
    <main id="main" tabIndex={-1}>
      <header class="masthead session-head">
        <h1>
          <bdi>{found.title}</bdi>
        </h1>
        <ServerTime viewings={viewed.map(({ viewing }) => viewing)} />
      </header>
      <MonitorBanner monitors={monitors} />
      <div class="columns">
        <div class="column-main">
          <Section id="lots" title={say('lots')} aside={<span class="number">{found.openings.length}</span>}>
            <div class="table-frame">
              <table class="table">
                <thead>
                  <tr>
                    <th scope="col">{say('lot')}</th>
                    <th scope="col">{say('phase')}</th>
                    <th scope="col">{say('limit')}</th>
                    <th scope="col">{say('log')}</th>
                  </tr>
                </thead>
                <tbody>
                  {viewed.map(({ lot, viewing }) => (
                    <LotRow key={lot.openingId} lot={lot} viewing={viewing} isForeign={foreign.has(lot.openingId)} />
                  ))}
                </tbody>
              </table>
            </div>
            <dl class="fields">
              <MonitorLines monitors={monitors} />
            </dl>
          </Section>
        </div>
        <div class="column-side">
          <ChatPart chat={chat} lotNames={lotNames} />
        </div>
      </div>
    </main>
  );
}

/** Apart from the rest, so that a second's passing draws nothing but itself. */
function ServerTime({ viewings }: { viewings: readonly Viewing[] }): JSX.Element {
  const now = viewings.map((viewing) => viewing.now.value).find((known) => known !== null) ?? null;
  return (
    <p class="label">
      {sayOfOpening('serverTime')}{' '}
      <span class="number">
        {now === null ? '--:--:--' : `${timeText(now, language.value)} · ${dayText(now, language.value)}`}
      </span>
    </p>
  );
}

function Nothing({ finding, sessionId }: { finding: Exclude<Finding, SessionLots>; sessionId: string }): JSX.Element {
  if (finding === 'absent')
    return (
      <Message title={say('notFound')} words={say('notFoundWords')}>
        <p class="code">{sessionId}</p>
      </Message>
    );
  return <Message title={say('loading')} words={finding === 'silent' ? say('noAnswer') : say('loadingWords')} />;
}
