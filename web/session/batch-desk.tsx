/** Acts over several lots at once: which can be done and where, the lots chosen and confirmed, and what became of each. */
import { useSignal } from '@preact/signals';
import type { JSX } from 'preact';
import { REFUSALS } from '../../server/core/opening/refusals.ts';
import { Icon } from '../parts/icon.tsx';
import { language } from '../parts/language.ts';
import { Section } from '../parts/section.tsx';
import { ActDialog } from '../person/act-dialog.tsx';
import { nameKey } from '../person/act-rows.ts';
import { headSeenIn } from '../person/seat.ts';
import { sentWords } from '../person/sent-words.ts';
import { say as sayOfPerson } from '../person/words.ts';
import { type BatchedType, type BatchOffer, batchOffers, gatheringSender, type LotStanding } from './batch.ts';
import type { LotSeat, SessionSeat } from './host-seat.ts';
import { say } from './words.ts';

/** One act as it was given: in which lots, each by the number under which its outbox holds it. */
type Given = {
  readonly number: number;
  readonly type: BatchedType;
  readonly acts: readonly { readonly openingId: string; readonly id: string }[];
};

const PENDING: ReadonlySet<string> = new Set(['signing', 'waiting']);

export function BatchDesk(props: {
  readonly sessionId: string;
  readonly room: SessionSeat;
  readonly lotNames: ReadonlyMap<string, string>;
  readonly onFault: (fault: unknown) => void;
}): JSX.Element {
  const { room, lotNames, sessionId, onFault } = props;
  // a lot that turns out to be none of this session's is not acted upon
  const lots = new Map([...room.lots].filter(([openingId]) => lotNames.has(openingId)));
  const chosen = useSignal<BatchedType | null>(null);
  const given = useSignal<readonly Given[]>([]);
  const send = useSender(sessionId, room);
  const offers = batchOffers([...lots].map(([openingId, lot]) => ({ openingId, stand: standOf(lot) })));
  const open = offers.find(({ type }) => type === chosen.value) ?? null;

  function give(type: BatchedType, filled: Readonly<Record<string, string>>, openingIds: readonly string[]): void {
    const offer = offers.find((one) => one.type === type);
    const acts = openingIds.flatMap((openingId) => {
      const lot = lots.get(openingId);
      const standing = offer?.lots.find((one) => one.openingId === openingId)?.standing;
      if (lot === undefined || standing === undefined || !('offer' in standing)) return [];
      const { seat, viewing } = lot;
      const id = seat.newId();
      const headSeen = headSeenIn(viewing.view.value);
      const data = standing.offer.data(filled);
      const prepare = async () => {
        const signed = await seat.sign({ id, type, data, headSeen });
        return () => send(openingId, signed);
      };
      seat.outbox.take(type, id, prepare).catch(onFault);
      return [{ openingId, id }];
    });
    given.value = [{ number: given.value.length + 1, type, acts }, ...given.value];
  }

  return (
    <Section id="batch" title={say('batch')} aside={<span class="number">{lots.size}</span>}>
      <p class="section-words">{say('batchWords')}</p>
      {offers.length === 0 ? (
        <p class="empty">{say('batchNothing')}</p>
      ) : (
        <ul class="offers">
          {offers.map(({ type, lots: each }) => (
            <li key={type}>
              <button
                type="button"
                onClick={() => {
                  chosen.value = type;
                }}
              >
                {sayOfPerson(nameKey(type))}
              </button>
              <span class="label">
                {say('batchIn', { n: each.filter(({ standing }) => 'offer' in standing).length, count: each.length })}
              </span>
            </li>
          ))}
        </ul>
      )}
      <Results given={given.value} lots={lots} lotNames={lotNames} />
      {open === null ? null : (
        <BatchDialog
          offer={open}
          lots={lots}
          lotNames={lotNames}
          account={room.person.session.account}
          onClose={() => {
            chosen.value = null;
          }}
          onGo={(filled, openingIds) => {
            chosen.value = null;
            give(open.type, filled, openingIds);
          }}
        />
      )}
    </Section>
  );
}

/** From where the host stands in a lot; null while nothing of its log is verified. */
function standOf({ seat, viewing }: LotSeat) {
  const { state, standing } = viewing.view.value;
  const now = viewing.now.value;
  if (state === null || now === null || (standing.kind !== 'verified' && standing.kind !== 'behind')) return null;
  return { role: seat.role, state, creditCode: seat.creditCode, now };
}

/** Whether an act of this kind is still on its way to this lot. */
function isOnItsWay({ seat }: LotSeat, type: BatchedType): boolean {
  return seat.outbox.sent.value.some((sent) => sent.type === type && PENDING.has(sent.state.kind));
}

/** The second step: the lots, each with what the act stands on there or why it may not be, and then the signatures. */
function BatchDialog(props: {
  readonly offer: BatchOffer;
  readonly lots: ReadonlyMap<string, LotSeat>;
  readonly lotNames: ReadonlyMap<string, string>;
  readonly account: string;
  readonly onClose: () => void;
  readonly onGo: (filled: Readonly<Record<string, string>>, openingIds: readonly string[]) => void;
}): JSX.Element | null {
  const { offer, lots, lotNames, account } = props;
  const free = offer.lots.filter(({ openingId, standing }) => {
    const lot = lots.get(openingId);
    return 'offer' in standing && lot !== undefined && !isOnItsWay(lot, offer.type);
  });
  const left = useSignal<ReadonlySet<string>>(new Set());
  const chosen = free.filter(({ openingId }) => !left.value.has(openingId));
  const first = offer.lots.find(({ standing }) => 'offer' in standing);
  const state = first === undefined ? null : (lots.get(first.openingId)?.viewing.view.value.state ?? null);
  if (first === undefined || !('offer' in first.standing) || state === null) return null;
  const asked = { ...first.standing.offer, about: [], data: (filled: Readonly<Record<string, string>>) => filled };
  const turn = (openingId: string): void => {
    const next = new Set(left.value);
    if (!next.delete(openingId)) next.add(openingId);
    left.value = next;
  };
  return (
    <ActDialog
      offer={asked}
      state={state}
      account={account}
      fault={chosen.length === 0 ? say('batchNoLot') : null}
      onClose={props.onClose}
      onGo={(filled) =>
        props.onGo(
          filled as Readonly<Record<string, string>>,
          chosen.map(({ openingId }) => openingId),
        )
      }
    >
      <fieldset class="choice batch-lots">
        <legend>{say('batchLots', { n: chosen.length, count: offer.lots.length })}</legend>
        {offer.lots.map(({ openingId, standing }) => {
          const isFree = free.some((one) => one.openingId === openingId);
          return (
            <label key={openingId} class={isFree ? '' : 'batch-blocked'}>
              <input
                type="checkbox"
                checked={isFree && !left.value.has(openingId)}
                disabled={!isFree}
                onChange={() => turn(openingId)}
              />
              <span>
                {lotNames.get(openingId) ?? openingId}{' '}
                <LotLine standing={standing} isOnItsWay={'offer' in standing && !isFree} />
              </span>
            </label>
          );
        })}
      </fieldset>
    </ActDialog>
  );
}

/** Behind a lot: what the act stands on there, or why it may not be. */
function LotLine({ standing, isOnItsWay }: { standing: LotStanding; isOnItsWay: boolean }): JSX.Element | null {
  if (isOnItsWay) return <span class="label">{sayOfPerson('out_waiting')}</span>;
  if ('offer' in standing) {
    const about = standing.offer.about.map(([name, value]) => `${sayOfPerson(name)} ${value}`).join('; ');
    return about === '' ? null : <span class="label">{about}</span>;
  }
  const { zh, en } = REFUSALS[standing.code];
  return (
    <span class="label" data-code={standing.code}>
      <Icon name="lock" /> {language.value === 'en' ? en : zh}
    </span>
  );
}

/** Every act with what became of it in each lot: done only where this page has verified its entry. */
function Results(props: {
  readonly given: readonly Given[];
  readonly lots: ReadonlyMap<string, LotSeat>;
  readonly lotNames: ReadonlyMap<string, string>;
}): JSX.Element | null {
  const { given, lots, lotNames } = props;
  if (given.length === 0) return null;
  return (
    <div class="batch-results" aria-live="polite">
      <h3>{sayOfPerson('outbox')}</h3>
      <ol class="rows">
        {given.map(({ number, type, acts }) => (
          <li key={number} class="row">
            <p class="row-title">{sayOfPerson(nameKey(type))}</p>
            <ul class="batch-answers">
              {acts.map(({ openingId, id }) => (
                <Answer key={openingId} name={lotNames.get(openingId) ?? openingId} lot={lots.get(openingId)} id={id} />
              ))}
            </ul>
          </li>
        ))}
      </ol>
    </div>
  );
}

function Answer(props: {
  readonly name: string;
  readonly lot: LotSeat | undefined;
  readonly id: string;
}): JSX.Element | null {
  const { name, lot, id } = props;
  const sent = lot?.seat.outbox.sent.value.find((one) => one.id === id);
  if (lot === undefined || sent === undefined) return null;
  const { tone, icon, words } = sentWords(sent, lot.viewing.view.value);
  return (
    <li data-state={sent.state.kind}>
      {name}{' '}
      <span class={`tone-${tone}`}>
        <Icon name={icon} /> {words}
      </span>
    </li>
  );
}

/** One for as long as the person sits there. */
function useSender(sessionId: string, { person }: SessionSeat) {
  const sender = useSignal<ReturnType<typeof gatheringSender> | null>(null);
  sender.value ??= gatheringSender(
    {
      after: (delayMs, alarm) => {
        const timer = setTimeout(alarm, delayMs);
        return () => clearTimeout(timer);
      },
    },
    (commands) => person.session.api.sendSessionCommands(sessionId, commands),
  );
  return sender.value;
}
