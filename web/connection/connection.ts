/** The live connection of a page: it opens, listens, resumes after the last entry held, and never gives up in a hurry. */
import { Check } from 'typebox/schema';
import { CLOSE_REASONS, type CloseReason, type Down, DownSchema } from '../../server/core/wire/down.ts';
import type { Up } from '../../server/core/wire/up.ts';
import type { PageWorld } from './page-world.ts';
import { PINGS_PER_OPENING, type ServerClock } from './server-clock.ts';

/** The first wait before a reconnect, ms; each further one doubles. */
export const FIRST_WAIT_MS = 500;
/** The longest wait before a reconnect, ms. */
export const LONGEST_WAIT_MS = 15_000;
/** Silence after which the page asks whether the server is still there, ms. */
export const SILENCE_MS = 15_000;
/** How long an answer to that, or the opening of a socket, may take, ms. */
export const ANSWER_MS = 10_000;
/** A connection that stood this long was no failure, ms: the next wait is a first one again. */
export const STEADY_MS = 10_000;
/** Between two pings of the clock, ms: eight at once would only queue behind each other. */
export const PING_GAP_MS = 100;

/** What the connection needs of a WebSocket. */
export type Socket = { send(text: string): void; close(): void };
export type SocketEvents = {
  readonly onOpen: () => void;
  readonly onMessage: (data: unknown) => void;
  readonly onClose: (code: number) => void;
};
export type OpenSocket = (after: number, events: SocketEvents) => Socket;

export type LinkState =
  | { readonly kind: 'connecting' }
  | { readonly kind: 'open' }
  /** Not connected; the next attempt comes at `retryAt` on the monotonic clock. `why` is what the server said, if anything. */
  | { readonly kind: 'waiting'; readonly retryAt: number; readonly why: CloseReason | 'bad_frame' | null }
  /** Closed for good by the server: connecting again would only be closed again. */
  | { readonly kind: 'stopped'; readonly why: CloseReason };

export type Connection = {
  /** Tries at once: the browser says it is online again, or the user asks. */
  hurry(): void;
  close(): void;
};

/** What a page does when the server closes for a reason it names. */
const AFTER_CLOSE = {
  server_stopping: 'retry',
  bad_message: 'stop',
  too_many_messages: 'retry',
  outbox_full: 'retry',
  heartbeat_missed: 'retry',
  ticket_expired: 'stop',
  seat_taken: 'stop',
  log_read_only: 'retry',
  server_fault: 'retry',
} as const satisfies Record<CloseReason, 'retry' | 'stop'>;

function reasonOf(code: number): CloseReason | null {
  const found = (Object.keys(CLOSE_REASONS) as CloseReason[]).find((reason) => CLOSE_REASONS[reason] === code);
  return found ?? null;
}

/**
 * How long to wait before attempt `attempt` (1 = the first reconnect), ms.
 *
 * Why: a random half, so that ten thousand pages do not come back in one instant when a server restarts.
 */
export function waitBefore(attempt: number, random: number): number {
  const whole = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.min(attempt - 1, 16));
  return Math.round(whole / 2 + (whole / 2) * random);
}

/**
 * Connects and stays connected until closed.
 *
 * Calls: `onDown` for each message of the wire, in order; `onState` when the state changes; `resumeAfter` before each attempt.
 */
export function connect(options: {
  readonly world: PageWorld;
  readonly clock: ServerClock;
  readonly openSocket: OpenSocket;
  readonly resumeAfter: () => Promise<number>;
  readonly onDown: (message: Down) => void;
  readonly onState: (state: LinkState) => void;
}): Connection {
  const { world, clock } = options;
  /** Counts sockets: what an old one still says is no longer listened to. */
  let turn = 0;
  let attempt = 0;
  let openedAt: number | null = null;
  let socket: Socket | null = null;
  let alarms: (() => void)[] = [];
  let isClosed = false;
  let isWaiting = false;
  let pings = 0;
  const sent = new Map<number, number>();

  function dropAlarms(): void {
    for (const drop of alarms) drop();
    alarms = [];
  }

  function send(message: Up): void {
    socket?.send(JSON.stringify(message));
  }

  function ping(): void {
    pings += 1;
    sent.set(pings, world.monotonicNow());
    send({ v: 1, kind: 'ping', ping: pings });
  }

  async function open(): Promise<void> {
    turn += 1;
    const mine = turn;
    isWaiting = false;
    dropAlarms();
    options.onState({ kind: 'connecting' });
    const after = await options.resumeAfter();
    if (mine !== turn || isClosed) return;
    let clockPingsLeft = PINGS_PER_OPENING;
    alarms = [world.after(ANSWER_MS, () => mine === turn && leave(null))];

    const watch = (): void => {
      dropAlarms();
      alarms = [
        world.after(SILENCE_MS, () => {
          ping();
          alarms = [world.after(ANSWER_MS, () => mine === turn && leave(null))];
        }),
      ];
    };
    const onMessage = (data: unknown): void => {
      const message = readDown(data);
      if (message === null) {
        leave('bad_frame');
        return;
      }
      watch();
      if (message.kind === 'pong') {
        const sentAt = sent.get(message.ping);
        sent.delete(message.ping);
        if (sentAt !== undefined) clock.sample(sentAt, world.monotonicNow(), message.now);
        clockPingsLeft -= 1;
        if (clockPingsLeft > 0) world.after(PING_GAP_MS, () => mine === turn && ping());
      } else if (message.kind === 'entries' || message.kind === 'pulse') clock.hear(message.now);
      options.onDown(message);
      // told to begin anew, the feed goes on from the start on this very socket; from anywhere else it must be asked for
      if (message.kind === 'resync' && message.after !== -1 && mine === turn) leave(null);
    };

    socket = options.openSocket(after, {
      onOpen() {
        if (mine !== turn) return;
        openedAt = world.monotonicNow();
        sent.clear();
        clock.begin();
        watch();
        options.onState({ kind: 'open' });
        ping();
      },
      onMessage: (data) => {
        if (mine === turn) onMessage(data);
      },
      onClose(code) {
        if (mine !== turn) return;
        const why = reasonOf(code);
        if (why !== null && AFTER_CLOSE[why] === 'stop') stop(why);
        else leave(why);
      },
    });
  }

  /** Lets this socket go; from here on it is not listened to. */
  function release(): void {
    turn += 1;
    dropAlarms();
    socket?.close();
    socket = null;
  }

  function leave(why: CloseReason | 'bad_frame' | null): void {
    release();
    if (openedAt !== null && world.monotonicNow() - openedAt >= STEADY_MS) attempt = 0;
    openedAt = null;
    attempt += 1;
    const waitMs = waitBefore(attempt, world.random());
    isWaiting = true;
    options.onState({ kind: 'waiting', retryAt: world.monotonicNow() + waitMs, why });
    alarms = [world.after(waitMs, () => void open())];
  }

  function stop(why: CloseReason): void {
    release();
    isClosed = true;
    options.onState({ kind: 'stopped', why });
  }

  void open();
  return {
    hurry() {
      if (isWaiting && !isClosed) void open();
    },
    close() {
      isClosed = true;
      release();
    },
  };
}

/** A message of the wire, or null when it is none. Checked without making code, as the pages' policy asks. */
function readDown(data: unknown): Down | null {
  if (typeof data !== 'string') return null;
  try {
    const value: unknown = JSON.parse(data);
    return Check(DownSchema, value) ? value : null;
  } catch (fault) {
    if (fault instanceof SyntaxError) return null;
    throw fault;
  }
}
