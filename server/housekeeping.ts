/** Forgets expired secrets, sweeps uploads that nobody goes on with and what erasures left, and compares the clocks, again and again; in every process. */
import type { Logger } from 'pino';
import { forgetProofs } from './identity/dpop.ts';
import { forgetChallenges } from './identity/login.ts';
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
  let running: Promise<void> = Promise.resolve();
  let stopped = false;
  let cancel: () => void = () => undefined;

  async function clean(): Promise<void> {
    try {
      offsetMs = await clockOffset(sql, world);
      await forgetChallenges({ db, world });
      await forgetTickets({ db, world });
      await forgetProofs({ db, world });
      await sweepUploads({ sql, world, parts: envelopes.parts });
      await sweepErasures({ sql, world });
    } catch (error) {
      logger.error({ err: error }, 'the house was not kept');
    }
  }
  function next(delayMs: number): void {
    if (stopped) return;
    cancel = world.after(delayMs, () => {
      running = clean().finally(() => next(HOUSEKEEPING_MS));
    });
  }
  next(0);
  return {
    clockOffsetMs: () => offsetMs,
    async stop() {
      stopped = true;
      cancel();
      await running;
    },
  };
}
