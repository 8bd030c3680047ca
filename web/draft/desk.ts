/** What the drafting page holds: the form as typed, kept until it is committed, the person, and what became of the act. */
import { sha256 } from '@noble/hashes/sha2.js';
import { effect, type ReadonlySignal, type Signal, signal } from '@preact/signals';
import type { CommandAnswer } from '../../server/client/api.ts';
import { ApiError, PASSING_STATUSES } from '../../server/client/transport.ts';
import { toBase64 } from '../../server/core/log/base64.ts';
import type { JsonObject } from '../../server/core/log/canonical.ts';
import { emptyRoot } from '../../server/core/log/merkle.ts';
import type { OpeningState } from '../../server/core/opening/state.ts';
import { browserWorld } from '../connection/page-world.ts';
import { serverClock } from '../connection/server-clock.ts';
import { viewHere } from '../opening/browser-viewing.ts';
import type { Viewing } from '../opening/viewing.ts';
import { keepText, keptText } from '../parts/kept-text.ts';
import { momentOf } from '../parts/moment.ts';
import { headSeenIn, type Seat } from '../person/seat.ts';
import { type Draft, FIELD_NAMES, fieldsOfPolicy, freshDraft } from './fields.ts';
import type { OpeningBody } from './read-draft.ts';

export type Sending =
  | { readonly kind: 'idle' | 'sending' }
  | { readonly kind: 'done'; readonly openingId: string }
  | { readonly kind: 'failed'; readonly fault: unknown };

export type Desk = {
  /** The opening whose draft is changed; null for a new one. */
  readonly amends: string | null;
  readonly draft: ReadonlySignal<Draft>;
  /** The draft as it stands on the log; null for a new one, and before it was verified. */
  readonly logged: ReadonlySignal<Draft | null>;
  readonly seat: Signal<Seat | null>;
  readonly sending: ReadonlySignal<Sending>;
  /** Whether the form may be filled in: of a draft that is changed, once its log was verified. */
  readonly isReady: ReadonlySignal<boolean>;
  /** The draft cannot be had, or is no draft any more. */
  readonly isClosed: ReadonlySignal<boolean>;
  write(change: Partial<Draft>): void;
  startAnew(): void;
  /** The server's now, ms; this computer's before it is known. */
  now(): number;
  /** Forgets what became of an attempt before: it says nothing of the next. */
  again(): void;
  send(body: OpeningBody): Promise<void>;
};

/** Opens the desk. Shape: the id of the draft that is to be changed, or null. */
export function createDesk(amends: string | null): Desk {
  const key = amends === null ? 'kaibiao.draft' : `kaibiao.draft ${amends}`;
  const kept = readKept(keptText(key));
  const draft = signal<Draft>(kept ?? freshDraft('engineering'));
  const seat = signal<Seat | null>(null);
  const logged = signal<Draft | null>(null);
  const sending = signal<Sending>({ kind: 'idle' });
  const isReady = signal(amends === null);
  const isClosed = signal(false);
  const clock = serverClock(browserWorld.monotonicNow);
  const viewing = amends === null ? null : viewHere(amends);
  if (viewing !== null) follow(viewing);
  void learnTime();

  function write(change: Partial<Draft>): void {
    draft.value = { ...draft.value, ...change };
    keepText(key, JSON.stringify(draft.value));
  }

  function startAnew(): void {
    keepText(key, null);
    const { state } = viewing?.view.value ?? { state: null };
    draft.value = state === null ? freshDraft('engineering') : draftOf(state);
  }

  /** The draft as the log has it, unless something was typed over it before. */
  function follow({ view, isMissing }: Viewing): void {
    effect(() => {
      const { state } = view.value;
      if (state === null) {
        isClosed.value = isMissing.value;
        return;
      }
      isClosed.value = state.phase !== 'Draft';
      logged.value = draftOf(state);
      if (!isReady.peek() && kept === null) draft.value = logged.peek() ?? draft.peek();
      isReady.value = true;
    });
  }

  /** The list of openings is asked for its time alone. */
  async function learnTime(): Promise<void> {
    const sentAt = browserWorld.monotonicNow();
    try {
      const answer = await fetch('/openings', { headers: { accept: 'application/json' } });
      const { now } = (await answer.json()) as { readonly now?: unknown };
      if (typeof now !== 'number') return;
      clock.begin();
      clock.sample(sentAt, browserWorld.monotonicNow(), now);
    } catch (fault) {
      // nobody answers, or no JSON: this computer's own clock serves meanwhile, and the server judges by its own
      if (!(fault instanceof TypeError || fault instanceof SyntaxError)) throw fault;
    }
  }

  /** Signs; what comes back sends the same again and again, which the server answers as the first time. */
  async function sign(person: Seat, { openingId, ...body }: OpeningBody): Promise<() => Promise<CommandAnswer>> {
    const { session } = person;
    const id = session.newId();
    if (viewing === null) {
      const data = body as unknown as JsonObject;
      const headSeen = { size: 0, root: toBase64(emptyRoot(sha256)) };
      const act = await session.sign({ openingId, id, type: 'CreateOpening', data, headSeen });
      return () => session.api.createOpening({ id, openingId, ...data, act });
    }
    const { details, policy } = body;
    const data = { details, policy } as unknown as JsonObject;
    const headSeen = headSeenIn(viewing.view.value);
    const act = await session.sign({ openingId, id, type: 'AmendDraft', data, headSeen });
    return () => session.api.sendCommand(openingId, { id, type: 'AmendDraft', data, role: 'host', act });
  }

  /** What was sent last and not refused: without an answer nobody here knows whether it stands. */
  let unsure: { readonly of: string; readonly person: Seat; readonly send: () => Promise<CommandAnswer> } | null = null;

  async function give(person: Seat, body: OpeningBody): Promise<void> {
    const of = JSON.stringify(body);
    if (unsure?.of !== of || unsure.person !== person) unsure = { of, person, send: await sign(person, body) };
    try {
      await unsure.send();
    } catch (fault) {
      if (fault instanceof ApiError && !mayHaveArrived(fault)) unsure = null;
      throw fault;
    }
  }

  return {
    amends,
    draft,
    logged,
    seat,
    sending,
    isReady,
    isClosed,
    write,
    startAnew,
    now: () => viewing?.now.peek() ?? clock.now() ?? Date.now(),
    again() {
      if (sending.peek().kind === 'failed') sending.value = { kind: 'idle' };
    },
    async send(body) {
      const person = seat.value;
      if (person === null || sending.value.kind === 'sending') return;
      sending.value = { kind: 'sending' };
      try {
        await give(person, body);
        sending.value = { kind: 'done', openingId: body.openingId };
        keepText(key, null);
      } catch (fault) {
        sending.value = { kind: 'failed', fault };
        if (!(fault instanceof ApiError)) throw fault;
      }
    },
  };
}

/** No answer, or one that says nothing of what became of it. */
function mayHaveArrived({ code, status }: ApiError): boolean {
  return status === 0 || status >= 500 || code === 'unreadable' || PASSING_STATUSES.includes(status);
}

/** What was typed before; null where nothing was, or what is kept is none of this form's. */
function readKept(text: string | null): Draft | null {
  if (text === null) return null;
  try {
    const kept: unknown = JSON.parse(text);
    if (typeof kept !== 'object' || kept === null) return null;
    const fields = kept as Readonly<Record<string, unknown>>;
    const isWhole = FIELD_NAMES.every((name) => typeof fields[name] === 'string');
    return isWhole ? (kept as Draft) : null;
  } catch (fault) {
    if (fault instanceof SyntaxError) return null;
    throw fault;
  }
}

/** The form of a draft that stands on the log. */
function draftOf({ openingId, profile, details, policy, deadlineAt }: OpeningState): Draft {
  return {
    ...freshDraft(profile),
    ...fieldsOfPolicy(policy),
    openingId,
    title: details.title,
    projectCode: details.project.code,
    projectName: details.project.name,
    lotCode: details.lot.code,
    lotName: details.lot.name,
    tenderer: details.tenderer,
    agency: details.agency,
    place: details.place,
    sessionId: details.session?.id ?? '',
    sessionTitle: details.session?.title ?? '',
    deadlineAt: momentOf(deadlineAt),
  };
}
