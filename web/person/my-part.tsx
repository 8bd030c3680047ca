/** What the person who is logged in can do now, and what became of what they did. */
import { type Signal, useSignal } from '@preact/signals';
import type { JSX } from 'preact';
import { useEffect } from 'preact/hooks';
import { AgentProblemError } from '../../server/client/agent-keys.ts';
import { HOLDER_KEY_FILE } from '../../server/client/holder-key.ts';
import { SEAL_ERRORS, SealError } from '../../server/client/seal-error.ts';
import type { JsonObject } from '../../server/core/log/canonical.ts';
import type { OpeningState } from '../../server/core/opening/state.ts';
import { fileFor } from '../bid/kept-bid.ts';
import { keptTurns } from '../bid/kept-bids.ts';
import { browserShelf } from '../bid/shelf.ts';
import { BlockedSteps } from '../conduct/blocked-steps.tsx';
import { Desks, hasDesk } from '../conduct/desks.tsx';
import { isOfficial, type Standing, standingAt } from '../conduct/standing.ts';
import { KeyFileError } from '../keys/key-file-error.ts';
import { ROLE_WORDS } from '../opening/term-words.ts';
import { Icon } from '../parts/icon.tsx';
import { language } from '../parts/language.ts';
import { Section } from '../parts/section.tsx';
import type { ReplicaView } from '../replica/replica.ts';
import { type KeptFiles, keptFilesOf } from '../secrets/kept-files.ts';
import { KeptPart } from '../secrets/kept-part.tsx';
import { MadeActError } from '../secrets/made-act-error.ts';
import { isMade, MAKERS, shareFileName } from '../secrets/made-acts.ts';
import { ActDialog } from './act-dialog.tsx';
import { isExceptional, nameKey, type Offer, offersFor, whyKey } from './act-rows.ts';
import type { Outbox, Sent, SentState } from './outbox.ts';
import { headSeenIn, type Seat } from './seat.ts';
import { sentWords } from './sent-words.ts';
import { typedOf } from './typed-words.ts';
import { say } from './words.ts';
import { en } from './words-en.ts';
import { zh } from './words-zh.ts';

export function MyPart(props: {
  readonly seat: Seat;
  readonly view: ReplicaView;
  readonly state: OpeningState;
  /** The server's, ms. */
  readonly now: number;
  readonly onFault: (fault: unknown) => void;
}): JSX.Element {
  const { seat, view, state, now } = props;
  const { outbox } = seat;
  const chosen = useSignal<{ readonly offer: Offer; readonly preset: Readonly<Record<string, string>> } | null>(null);
  const keptFile = useKeptFile(seat, state);
  const { account } = seat.session;
  const files = keptFilesOf(state.openingId, account);
  const isTrusted = view.standing.kind === 'verified' || view.standing.kind === 'behind';
  const { offers, blocked } = isTrusted ? standingOf(seat, state, now) : NOTHING;
  // what is still on its way is not offered once more
  const onTheWay = new Set(outbox.sent.value.filter(({ state }) => PENDING.has(state.kind)).map(({ type }) => type));
  // messages may follow each other
  const free = offers
    .map((one) => withKept(one, keptFile.value, files, seat, state))
    .filter(({ type }) => type === 'Say' || !onTheWay.has(type));
  const listed = free.filter((offer) => !hasDesk(offer));
  const common = listed.filter((offer) => !isExceptional(offer));
  const exceptional = listed.filter(isExceptional);
  const choose = (offer: Offer, preset: Readonly<Record<string, string>> = {}): void => {
    chosen.value = { offer, preset };
  };
  const open = chosen.value;

  async function give({ type }: Offer, data: JsonObject): Promise<SentState> {
    if (isMade(type)) {
      const id = seat.newId();
      const prepare = async () => {
        const made = await MAKERS[type]({ ...seat, state, given: data, files, account, randomBytes, now: Date.now });
        const signed = await seat.sign({ id, type, data: made, headSeen: headSeenIn(view) });
        return () => seat.send(signed);
      };
      return outbox.take(type, id, prepare, refusedHere);
    }
    if (type === 'SubmitBackup') {
      const backup = typeof data['backupFile'] === 'string' && data['backupFile'] !== '' ? data['backupFile'] : null;
      const prepare = () => seat.prepareDecryption(view, String(data['bidFile'] ?? ''), { backup });
      return outbox.take(type, seat.newId(), prepare, refusedHere);
    }
    if (type !== 'DecryptBid') return outbox.give(seat, { type, data, headSeen: headSeenIn(view) }, refusedHere);
    const prepare = () => seat.prepareDecryption(view, String(data['bidFile'] ?? ''));
    return outbox.take(type, seat.newId(), prepare, refusedHere);
  }

  /** Whether it was taken. */
  async function saySo(data: JsonObject): Promise<boolean> {
    const { kind } = await outbox.give(seat, { type: 'Say', data, headSeen: headSeenIn(view) });
    return kind === 'accepted';
  }

  const mine = (
    <Section id="mine" title={say('mine')} aside={ROLE_WORDS[language.value][seat.role]}>
      <p class="section-words">{say('mineWords')}</p>
      {common.length === 0 ? (
        <p class="empty">{say('nothingNow')}</p>
      ) : (
        <Offers offers={common} state={state} onChoose={choose} />
      )}
      {seat.role === 'host' && state.phase === 'Draft' ? (
        <p>
          <a href={`/draft?opening=${seat.openingId}`}>{say('amendDraft')}</a>
        </p>
      ) : null}
      {exceptional.length === 0 ? null : (
        <details class="exceptional">
          <summary>{say('exceptional')}</summary>
          <Offers offers={exceptional} state={state} onChoose={choose} />
        </details>
      )}
      <BlockedSteps blocked={blocked} />
      {seat.role === 'witness' || seat.role === 'supervisor' ? <p class="label">{say('notYetHere')}</p> : null}
      <Sends outbox={outbox} view={view} />
      <KeptPart files={files} />
      {open === null ? null : (
        <ActDialog
          offer={open.offer}
          state={state}
          account={account}
          preset={open.preset}
          onClose={() => {
            chosen.value = null;
          }}
          onGo={(data) => {
            chosen.value = null;
            const typed = typedOf(state, seat.session.account, open);
            give(open.offer, data).then(({ kind }) => kind === 'accepted' && typed.forget(), props.onFault);
          }}
        />
      )}
    </Section>
  );
  if (!isOfficial(seat.role) && seat.role !== 'bidder') return mine;
  const stand = { role: seat.role, state, creditCode: seat.creditCode, now };
  return (
    <>
      {mine}
      <Desks stand={stand} offers={free} entries={view.entries} onChoose={choose} onSay={saySo} />
    </>
  );
}

/** The file of the bid that the roster names, where this browser keeps it; looked for whenever the opening goes on, or something is kept. */
function useKeptFile({ creditCode }: Seat, { openingId, roster }: OpeningState): Signal<string | null> {
  const kept = useSignal<string | null>(null);
  const turn = keptTurns.value;
  useEffect(() => {
    browserShelf()
      .bids(openingId, creditCode)
      .then(
        (bids) => {
          kept.value = fileFor(bids, { roster }, creditCode);
        },
        () => {
          // a storage that fails keeps nothing: the file is asked for
          kept.value = null;
        },
      );
  }, [kept, openingId, creditCode, roster, turn]);
  return kept;
}

/** Whoever lodged from this browser need not bring the file that it keeps, and may bring another. */
function withKept(offer: Offer, bidFile: string | null, files: KeptFiles, { role }: Seat, state: OpeningState): Offer {
  const without = (data: JsonObject): Offer => ({ ...offer, fields: [], data: () => data });
  if ((offer.type === 'DecryptBid' || offer.type === 'SubmitBackup') && bidFile !== null) {
    const fields = offer.fields.map((field) => ({ ...field, isOptional: true }));
    return {
      ...offer,
      fields,
      data: (filled) => ({ ...offer.data(filled), bidFile: filled['bidFile'] || bidFile }),
    };
  }
  const shareFile = files.textOf(shareFileName(state.drawing?.round ?? 0, role));
  if (offer.type === 'RevealShare' && shareFile !== null) return without({ shareFile });
  const holderFile = files.textOf(HOLDER_KEY_FILE);
  if (USE_HOLDER_KEY.has(offer.type) && holderFile !== null) return without({ holderFile });
  return offer;
}

const USE_HOLDER_KEY: ReadonlySet<string> = new Set(['AcknowledgeShare', 'UnsealLayer']);
const randomBytes = (count: number): Uint8Array => crypto.getRandomValues(new Uint8Array(count));

const NOTHING: Standing = { offers: [], blocked: [] };

/** Of officials by all the rules; of whoever bids by phase and role, for the rest hangs on the register. */
function standingOf({ role, creditCode }: Seat, state: OpeningState, now: number): Standing {
  if (isOfficial(role)) return standingAt({ role, state, creditCode, now });
  return { offers: offersFor(role, state, creditCode), blocked: [] };
}

/** What this page's own checks, or a key, say no to. */
function refusedHere(fault: unknown): Extract<SentState, { kind: 'refused' }> | null {
  if (fault instanceof SealError) return { kind: 'refused', code: fault.code, words: SEAL_ERRORS[fault.code] };
  if (fault instanceof AgentProblemError) return { kind: 'refused', code: fault.code, words: fault.words };
  if (!(fault instanceof KeyFileError) && !(fault instanceof MadeActError)) return null;
  return { kind: 'refused', code: fault.code, words: { zh: zh[fault.code], en: en[fault.code] } };
}

const PENDING: ReadonlySet<SentState['kind']> = new Set(['signing', 'waiting']);

function Offers(props: {
  readonly offers: readonly Offer[];
  readonly state: OpeningState;
  readonly onChoose: (offer: Offer) => void;
}): JSX.Element {
  return (
    <ul class="offers">
      {props.offers.map((offer) => (
        <li key={offer.type}>
          <button type="button" onClick={() => props.onChoose(offer)}>
            {say(nameKey(offer.type))}
          </button>
          <span class="label">{say(whyKey(offer.type, props.state))}</span>
        </li>
      ))}
    </ul>
  );
}

function Sends({ outbox, view }: { outbox: Outbox; view: ReplicaView }): JSX.Element | null {
  const sent = outbox.sent.value;
  if (sent.length === 0) return null;
  return (
    <div class="sent" aria-live="polite">
      <h3>{say('outbox')}</h3>
      <ol class="rows">
        {sent.map((one) => (
          <SentRow key={one.id} sent={one} view={view} />
        ))}
      </ol>
    </div>
  );
}

function SentRow({ sent, view }: { sent: Sent; view: ReplicaView }): JSX.Element {
  const { tone, icon, words, receipt } = sentWords(sent, view);
  return (
    <li class="row" data-state={sent.state.kind}>
      <p class="row-head">
        <span class="row-title">{say(nameKey(sent.type))}</span>
        <span class={`tone-${tone}`}>
          <Icon name={icon} /> {words}
        </span>
        {receipt === null ? null : (
          <a
            download={`receipt-${sent.id}.jws`}
            href={`data:application/jose;charset=utf-8,${encodeURIComponent(receipt)}`}
          >
            {say('saveReceipt')}
          </a>
        )}
      </p>
    </li>
  );
}
