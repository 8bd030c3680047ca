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
  | { readonly kind: 'refused'; readonly code: string; readonly words: Words | null };

export type Sent = { readonly id: string; readonly type: ActType; readonly state: SentState };

export type Outbox = {
  /** The newest first. */
  readonly sent: ReadonlySignal<readonly Sent[]>;
  /** Signs and sends; kept when it is accepted or refused. Rejects only on faults of this page. */
  give(seat: Seat, act: { type: ActType; data: JsonObject; headSeen: HeadSeen }): Promise<SentState>;
  close(): void;
};

export function createOutbox(world: Pick<PageWorld, 'after'>): Outbox {
  const sent = signal<readonly Sent[]>([]);
  let isClosed = false;

  function note(id: string, state: SentState): SentState {
    sent.value = sent.value.map((one) => (one.id === id ? { ...one, state } : one));
    return state;
  }

  async function give(seat: Seat, { type, data, headSeen }: { type: ActType; data: JsonObject; headSeen: HeadSeen }) {
    const id = seat.newId();
    sent.value = [{ id, type, state: { kind: 'signing' } }, ...sent.value];
    const signed = await seat.sign({ id, type, data, headSeen });
    for (;;) {
      try {
        return note(id, { kind: 'accepted', answer: await seat.send(signed) });
      } catch (fault) {
        if (!(fault instanceof ApiError)) throw fault;
        const mayPass = fault.status === 0 || PASSING_STATUSES.includes(fault.status);
        if (!mayPass || isClosed) return note(id, { kind: 'refused', code: fault.code, words: fault.words });
        note(id, { kind: 'waiting' });
        await new Promise<void>((later) => void world.after(SEND_AGAIN_MS, later));
      }
    }
  }

  return {
    sent,
    give: (seat, act) => give(seat, act),
    close() {
      isClosed = true;
    },
  };
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
