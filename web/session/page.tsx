/** The page of a session: its lots side by side, each by its own verified log, and what is said in the room they share. */
import { type ReadonlySignal, useSignalEffect } from '@preact/signals';
import type { JSX } from 'preact';
import { MonitorBanner, MonitorLines } from '../opening/monitor-lines.tsx';
import { PlainTop } from '../opening/plain-top.tsx';
import type { Viewing } from '../opening/viewing.ts';
import { say as sayOfOpening } from '../opening/words.ts';
import { Icon } from '../parts/icon.tsx';
import { dayText, timeText } from '../parts/instant-text.ts';
import { language } from '../parts/language.ts';
import { Message } from '../parts/message.tsx';
import { Section } from '../parts/section.tsx';
import { chatOf } from './chat.ts';
import { ChatPart } from './chat-part.tsx';
import { LotRow } from './lot-row.tsx';
import { asLogged, type Finding, type SessionLots } from './lots.ts';
import { gravestOf } from './monitors.ts';
import type { Room } from './room.ts';
import { say } from './words.ts';

export type PageParts = {
  readonly sessionId: string;
  readonly finding: ReadonlySignal<Finding>;
  /** The viewing of a lot, begun when it is first asked for. */
  readonly viewingOf: (openingId: string) => Viewing;
  readonly room: Room;
};

export function Page({ sessionId, finding, viewingOf, room }: PageParts): JSX.Element {
  const found = finding.value;
  useSignalEffect(() => {
    const present = finding.value;
    document.documentElement.lang = language.value;
    document.title = typeof present === 'object' ? `${present.title} · ${say('session')}` : say('session');
  });
  return (
    <>
      <PlainTop word={say('session')}>
        <Who room={room} />
      </PlainTop>
      {room.isSeatLost.value ? (
        <div class="bar bar-stopped" role="alert">
          <Icon name="warning" />
          <span>{sayOfOpening('seatLost')}</span>
        </div>
      ) : null}
      {typeof found === 'object' ? (
        <Lots sessionId={sessionId} listed={found} viewingOf={viewingOf} room={room} />
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
  room,
}: Omit<PageParts, 'finding'> & { readonly listed: SessionLots }): JSX.Element {
  const HostPart = room.part.value;
  const { found, foreign } = asLogged(
    sessionId,
    listed,
    (openingId) => viewingOf(openingId).view.value.state?.details ?? null,
  );
  const viewed = found.openings.map((lot) => ({ lot, viewing: seenBy(room, lot.openingId, viewingOf(lot.openingId)) }));
  const chat = chatOf(
    viewed.map(({ lot, viewing }) => ({ openingId: lot.openingId, entries: viewing.view.value.entries })),
  );
  const monitors = gravestOf(viewed.map(({ viewing }) => viewing.monitors.value));
  const lotNames = new Map(found.openings.map(({ openingId, lot }) => [openingId, lot.name]));
  // what only the platform counts among the lots is none to act upon
  const ownLots = new Map([...lotNames].filter(([openingId]) => !foreign.has(openingId)));
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
          {HostPart === null ? null : <HostPart sessionId={sessionId} room={room} lotNames={ownLots} />}
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

/** A lot as whoever is there sees it, once there is as much to see as the public has; else as the public does. */
function seenBy(room: Room, openingId: string, asPublic: Viewing): Viewing {
  const own = room.seat.value?.lots.get(openingId)?.viewing;
  const size = asPublic.view.value.state?.size ?? 0;
  return own !== undefined && (own.view.value.state?.size ?? -1) >= size ? own : asPublic;
}

/** Who acts here: nobody, with a way to log in, or a person. */
function Who({ room }: { room: Room }): JSX.Element {
  const seat = room.seat.value;
  return (
    <p class="seat">
      {seat === null ? (
        <>
          {room.cannotLoad.value ? <span class="tone-warn">{sayOfOpening('cannotLoad')}</span> : null}
          <button type="button" class="log-in" onClick={() => room.ask().catch(room.report)}>
            {sayOfOpening('logIn')}
          </button>
        </>
      ) : (
        <>
          <span class="seat-name">{seat.person.name}</span>
          <button type="button" onClick={() => room.leave().catch(room.report)}>
            {sayOfOpening('leave')}
          </button>
        </>
      )}
    </p>
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
