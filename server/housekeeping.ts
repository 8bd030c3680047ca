/** Forgets expired secrets, sweeps uploads that nobody goes on with and what erasures left, and compares the clocks, again and again; in every process. */
import type { Logger } from 'pino';
import { forgetProofs } from './identity/dpop.ts';
import { forgetChallenges } from './identity/login.ts';
import { forgetMailboxes } from './identity/phone-mailboxes.ts';
import { forgetSeats } from './identity/seats.ts';
import { forgetTickets } from './identity/tickets.ts';
import { clockOffset } from './store/clock.ts';
import type { Database } from './store/connect.ts';
import { sweepErasures } from './store/erasures.ts';
import { sweepUploads } from './vault/sweep-uploads.ts';
import type { VaultFolder } from './vault/vault-folder.ts';
import type { World } from './world.ts';

/** How often, ms. */
const HOUSEKEEPING_MS = 30_000;

export type Housekeeping = {
  /** How far this process's clock is ahead of the recorder's, ms. */
  clockOffsetMs(): number;
  /** Ends it, and waits for what is under way. */
  stop(): Promise<void>;
};

/** Begins at once; what could not be done is told and done the next time. */
export function keepHouse(parts: {
  readonly world: World;
  readonly database: Database;
  readonly envelopes: VaultFolder;
  readonly logger: Pick<Logger, 'error'>;
}): Housekeeping {
  const { world, database, envelopes, logger } = parts;
  const { sql, db } = database;
  let offsetMs = 0;
  let stopped = false;

  async function clean(): Promise<void> {
    offsetMs = await clockOffset(sql, world);
    await forgetChallenges({ db, world });
    await forgetTickets({ db, world });
    await forgetSeats({ db, world });
    await forgetMailboxes({ db, world });
    await forgetProofs({ db, world });
    await sweepUploads({ sql, world, parts: envelopes.parts });
  }
  /** Does a piece of work again and again; returns how to end it. */
  function repeat(work: () => Promise<unknown>, complaint: string): () => Promise<void> {
    let running: Promise<unknown> = Promise.resolve();
    let cancel: () => void = () => undefined;
    function next(delayMs: number): void {
      if (stopped) return;
      cancel = world.after(delayMs, () => {
        running = work()
          .catch((error: unknown) => logger.error({ err: error }, complaint))
          .finally(() => next(HOUSEKEEPING_MS));
      });
    }
    next(0);
    return async () => {
      cancel();
      await running;
    };
  }
  const loops = [
    repeat(clean, 'the house was not kept'),
    // By itself: it reads whole tables, and the clock and the secrets do not wait for that.
    repeat(() => sweepErasures({ sql, world, mayGoOn: () => !stopped }), 'what erasures left was not swept'),
  ];
  return {
    clockOffsetMs: () => offsetMs,
    async stop() {
      stopped = true;
      await Promise.all(loops.map((end) => end()));
    },
  };
}
