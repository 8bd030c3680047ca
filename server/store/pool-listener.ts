/** Hears a channel of the database, each time on a new connection when the last one was lost. */
import type postgres from 'postgres';
import type { World } from '../world.ts';

type Client = postgres.Sql<{ bigint: number; bytea: Uint8Array }>;

/** A connection as one hears on it; `cut` ends it at once. */
export type Hearing = { readonly client: Client; cut(): void };
export type OnHearing = {
  readonly onclose: () => void;
  readonly onnotify: (channel: string, payload: string) => void;
  /** It cannot be opened. */
  readonly onFail: (why: unknown) => void;
};

/** A listener that lost its connection tries again after doubling pauses. */
const PAUSE_MS = { first: 20, longest: 1_000 } as const;

export type Listener = { readonly ready: Promise<void>; stop(): Promise<void> };

type Limits = Pick<World, 'after'> & { readonly answerMs: number };

/** Begins to listen; only the first try may fail. */
export function startListener(
  open: (on: OnHearing) => Hearing,
  { after, answerMs }: Limits,
  channel: string,
  hear: (payload: string) => void,
  onListening: () => void,
): Listener {
  let isStopped = false;
  let failures = 0;
  let hearing: Hearing | null = null;
  let cancelPause: () => void = () => undefined;

  async function start(): Promise<void> {
    let fail: (why: unknown) => void = () => undefined;
    const failed = new Promise<never>((_, reject) => {
      fail = reject;
    });
    const opened = open({
      onFail: fail,
      onclose: () => again(opened),
      onnotify: (where, payload) => {
        if (where === channel && !isStopped) hear(payload);
      },
    });
    hearing = opened;
    const cancel = after(answerMs, opened.cut);
    try {
      await Promise.race([opened.client`LISTEN ${opened.client(channel)}`, failed]);
    } finally {
      cancel();
    }
    if (isStopped || hearing !== opened) return;
    failures = 0;
    onListening();
  }

  /** Leaves this connection for a new one, unless it was left already. */
  function again(left: Hearing): void {
    if (isStopped || hearing !== left) return;
    hearing = null;
    left.cut();
    cancelPause = after(Math.min(PAUSE_MS.first * 2 ** failures, PAUSE_MS.longest), () => {
      failures += 1;
      const tried = start();
      const now = hearing;
      tried.catch(() => now !== null && again(now));
    });
  }

  return {
    ready: start().catch((error: unknown) => {
      isStopped = true;
      hearing?.cut();
      throw error;
    }),
    async stop() {
      isStopped = true;
      cancelPause();
      const left = hearing;
      await left?.client.end({ timeout: 0 });
      left?.cut();
    },
  };
}
