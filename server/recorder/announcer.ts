/** Tells every process how far one log is let out, behind the back of the rounds: nobody's answer waits for it. */
import { announce } from '../store/announce.ts';
import type { Sql } from '../store/driver.ts';

export type Announcer = {
  /** Announces this size, or a later one that comes while another announcement is under way. */
  announce(size: number): void;
  /** Resolves when nothing is left to announce. */
  idle(): Promise<void>;
};

/** An announcer of one log; `onFault` is told when viewers may not have heard. */
export function createAnnouncer(sql: Sql, origin: string, onFault: (error: unknown) => void): Announcer {
  let next: number | null = null;
  let running: Promise<void> | null = null;

  async function run(): Promise<void> {
    while (next !== null) {
      const size = next;
      next = null;
      await announce(sql, origin, size);
    }
  }

  function start(): void {
    running ??= run()
      .catch((error: unknown) => {
        next = null;
        onFault(error);
      })
      .finally(() => {
        running = null;
        if (next !== null) start();
      });
  }

  return {
    announce(size) {
      next = Math.max(next ?? 0, size);
      start();
    },
    async idle() {
      while (running !== null) await running;
    },
  };
}
