/** What a person has sent from this page, with an honest state of each: nothing is called done that the page has not verified. */
import { type ReadonlySignal, signal } from '@preact/signals';
import type { CommandAnswer } from '../../server/client/api.ts';
import { ApiError, PASSING_STATUSES } from '../../server/client/transport.ts';
import type { HeadSeen } from '../../server/core/log/act.ts';
import type { JsonObject } from '../../server/core/log/canonical.ts';
import { tryParseEntry } from '../../server/core/log/entry.ts';
import { utf8 } from '../../server/core/log/utf8.ts';
import type { Words } from '../../server/core/log/words.ts';
import type { PageWorld } from '../connection/page-world.ts';
import type { ActType } from './act-rows.ts';
import type { Seat } from './seat.ts';

/** Between two times of sending what got no answer, ms. */
export const SEND_AGAIN_MS = 5_000;

export type SentState =
  | { readonly kind: 'signing' }
  /** No answer: whether it arrived nobody here knows, so it is sent again under its own number. */
  | { readonly kind: 'waiting' }
  | { readonly kind: 'accepted'; readonly answer: CommandAnswer }
  | { readonly kind: 'refused'; readonly code: string; readonly words: Words | null }
  /** Sent and never answered, and now it is too late to send it again: whether it stands, only the log can say. */
  | { readonly kind: 'unknown' };

export type Sent = { readonly id: string; readonly type: ActType; readonly state: SentState };

/** Signs; what it gives sends the same again and again. */
export type Prepare = () => Promise<() => Promise<CommandAnswer>>;
type Refused = Extract<SentState, { readonly kind: 'refused' }>;

export type Outbox = {
  /** The newest first. */
  readonly sent: ReadonlySignal<readonly Sent[]>;
  /** Signs and sends; kept when it is accepted or refused. Rejects only on faults of this page. */
  give(
    seat: Pick<Seat, 'newId' | 'sign' | 'send'>,
    act: { type: ActType; data: JsonObject; headSeen: HeadSeen },
    readFault?: (fault: unknown) => Refused | null,
  ): Promise<SentState>;
  /** The same of anything: `prepare` signs once, what it gives sends, however often. `readFault` says what of its faults is a refusal. */
  take(type: ActType, id: string, prepare: Prepare, readFault?: (fault: unknown) => Refused | null): Promise<SentState>;
  /** Sends at once what waits to be sent again: the line is back. */
  hurry(): void;
  close(): void;
};

/** An empty outbox, of one person from log-in to log-out. */
export function createOutbox(world: Pick<PageWorld, 'after'>): Outbox {
  const sent = signal<readonly Sent[]>([]);
  let isClosed = false;
  const waiting = new Set<() => void>();

  function waitAgain(): Promise<void> {
    return new Promise((later) => {
      const stop = world.after(SEND_AGAIN_MS, () => wake());
      const wake = (): void => {
        stop();
        waiting.delete(wake);
        later();
      };
      waiting.add(wake);
    });
  }

  function note(id: string, state: SentState): SentState {
    sent.value = sent.value.map((one) => (one.id === id ? { ...one, state } : one));
    return state;
  }

  async function take(
    type: ActType,
    id: string,
    prepare: Prepare,
    readFault: (fault: unknown) => Refused | null = () => null,
  ): Promise<SentState> {
    sent.value = [{ id, type, state: { kind: 'signing' } }, ...sent.value];
    let send: (() => Promise<CommandAnswer>) | null = null;
    let isUnsure = false;
    for (;;) {
      try {
        send ??= await prepare();
        return note(id, { kind: 'accepted', answer: await send() });
      } catch (fault) {
        const refused = refusalOf(fault) ?? readFault(fault);
        if (refused !== null)
          return note(id, isUnsure && TOO_LATE_TO_ASK.has(refused.code) ? { kind: 'unknown' } : refused);
        if (!(fault instanceof ApiError)) {
          note(id, { kind: 'refused', code: 'page_fault', words: null });
          throw fault;
        }
        isUnsure ||= send !== null;
        note(id, { kind: 'waiting' });
        await waitAgain();
        if (isClosed) return note(id, { kind: 'unknown' });
      }
    }
  }

  return {
    sent,
    take,
    give(seat, { type, data, headSeen }, readFault) {
      const id = seat.newId();
      const prepare: Prepare = async () => {
        const signed = await seat.sign({ id, type, data, headSeen });
        return () => seat.send(signed);
      };
      return take(type, id, prepare, readFault);
    },
    hurry() {
      for (const wake of [...waiting]) wake();
    },
    close() {
      isClosed = true;
    },
  };
}

/** What is said of an act that was sent long ago before anybody looks whether it was received. */
const TOO_LATE_TO_ASK: ReadonlySet<string> = new Set([
  'act_out_of_time',
  'session_ended',
  'token_expired',
  'role_not_held',
]);

/** What the server has refused for good; null for what may pass by itself, for its own faults, and for what is no answer of its. */
function refusalOf(fault: unknown): Refused | null {
  if (!(fault instanceof ApiError)) return null;
  const { code, status, words } = fault;
  const mayPass = status === 0 || status >= 500 || code === 'unreadable' || PASSING_STATUSES.includes(status);
  return mayPass ? null : { kind: 'refused', code, words };
}

/** Where an accepted act stands: on the log this page has verified, on the log as the platform says, or in the register with a receipt. */
export type Standing =
  | { readonly kind: 'logged' | 'proving'; readonly seq: number }
  | { readonly kind: 'received'; readonly receipt: string | null };

/** Shape: `texts` are the exact leaf texts this page holds, each proven to its root. */
export function standingOf(answer: CommandAnswer, texts: readonly { readonly text: string }[]): Standing {
  const [first] = answer.entries;
  const read = first === undefined ? null : tryParseEntry(utf8(first));
  if (first === undefined || read === null || !read.ok) return { kind: 'received', receipt: answer.receipt };
  const { seq } = read.entry;
  return { kind: texts[seq]?.text === first ? 'logged' : 'proving', seq };
}
