/** What only the leading process runs: signer, ledger, recorder, self-audit, and what others ask of it; begun with a term and ended with it. */

import type { Logger } from 'pino';
import type { Config } from '../config.ts';
import type { Dependencies } from '../http/dependencies.ts';
import type { Trust } from '../identity/trust.ts';
import type { CosignerPolicy } from '../ledger/cosigner-policy.ts';
import type { Authority } from '../ledger/timestamps/authorities.ts';
import { createOpened, type Opened } from '../opened.ts';
import type { Recorder } from '../recorder/recorder.ts';
import type { Signer } from '../recorder/signer.ts';
import type { Signing } from '../signer/signing.ts';
import type { News } from '../store/announce.ts';
import type { Database } from '../store/connect.ts';
import type { Reign } from '../store/election.ts';
import { runErrands } from '../store/errands.ts';
import { heldTo, identify } from '../store/leadership.ts';
import type { VaultPool } from '../vault/pool.ts';
import type { VaultFolder } from '../vault/vault-folder.ts';
import type { World } from '../world.ts';
import { handlersOf } from './errands.ts';
import { openRooms } from './rooms.ts';

export type Vault = {
  readonly key: Uint8Array;
  readonly envelopes: VaultFolder;
  readonly openedFolder: string;
  readonly pool: VaultPool;
};

export type LeaderParts = {
  readonly config: Config;
  readonly world: World;
  readonly logger: Logger;
  readonly database: Database;
  readonly signing: Pick<Signing, 'open'>;
  readonly vault: Vault;
  readonly trust: Trust;
  /** None: nothing is time-stamped. */
  readonly authorities: readonly Authority[];
  readonly cosigners: CosignerPolicy;
  /** Tells the other processes; what cannot be told is only noted. */
  say(news: News): Promise<void>;
  /** Told when the term is over: a transaction found that a later one has begun, or the signer is lost. */
  onTermOver(term: number): void;
};

export type Leader = Reign & {
  readonly signer: Signer;
  readonly recorder: Recorder;
  readonly ledger: Dependencies['ledger'];
  /** Something may be waiting that nobody told of: the intake and the errands are looked through. */
  hearAll(): void;
  hear(news: News): void;
};

/**
 * Begins to lead.
 *
 * Throws: KeyError, GuardFault, what the database says; nothing stays open then.
 *
 * The order: guard and database agree → ledger → recorder (decides what was received, freezes what an outage interrupted) →
 * what others ask. All of it is held to the term: another process that has begun a later one ends it at the next transaction.
 */
export async function lead(parts: LeaderParts, term: number): Promise<Leader> {
  const opened = createOpened(parts.logger);
  try {
    return await compose(parts, term, opened);
  } catch (error) {
    await opened.closeAll();
    throw error;
  }
}

async function compose(parts: LeaderParts, term: number, opened: Opened): Promise<Leader> {
  const { logger, database, world } = parts;
  const { keep } = opened;
  const sql = heldTo(database.sql, term, () => parts.onTermOver(term));
  const office = { term, database: await identify(sql) };
  const signer = keep('signer', await parts.signing.open(office, () => parts.onTermOver(term)), (s) => s.close());
  const rooms = await openRooms({ ...parts, database: { ...database, sql } }, signer, term, opened);
  const { recorder, ledger } = rooms;
  const onFault = (error: unknown): void => logger.error({ err: error }, 'an errand failed');
  const errands = keep(
    'errands',
    runErrands({ sql, world, tell: (is) => parts.say({ is }), onFault }, handlersOf(recorder, ledger)),
    (runner) => runner.stop(),
  );

  function hearAll(): void {
    errands.hear();
    sql<{ openingId: string }[]>`SELECT DISTINCT opening_id AS "openingId" FROM intake WHERE NOT decided`.then(
      (rows) => {
        for (const { openingId } of rows) recorder.hear(openingId);
      },
      (error: unknown) => logger.error({ err: error }, 'the intake could not be looked through; the sweep will'),
    );
  }
  return {
    term,
    signer,
    recorder,
    ledger,
    hearAll,
    hear(news) {
      if (news.is === 'received') recorder.hear(news.openingId);
      if (news.is === 'asked') errands.hear();
    },
    close: opened.closeAll,
  };
}
