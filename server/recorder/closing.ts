/** The one thing an opening waits for outside itself: at its close, that its cosigners have signed a head with everything that bears on it. */
import type { Cosigners } from '../core/opening/cosigners.ts';
import type { OpeningState } from '../core/opening/state.ts';
import { isCosigningOverdue } from '../core/opening/steps/record.ts';
import { readClock } from '../store/clock.ts';
import type { Sql, TransactionSql } from '../store/driver.ts';
import type { World } from '../world.ts';

/** Between two looks whether the quorum has signed. */
export const LOOK_AGAIN_MS = 100;

/** Whether the first `size` entries of a log stand in the ledger under a head that so many of these signed. */
export type IsCosigned = (
  sql: Sql | TransactionSql,
  head: { readonly origin: string; readonly size: number },
  cosigners: Cosigners,
) => Promise<boolean>;

/** The fact `cosigned`; looked up only where a close can be asked for. */
export async function isCosignedToClose(
  sql: Sql | TransactionSql,
  isCosigned: IsCosigned,
  { phase, cosigners, closingSize }: OpeningState,
  origin: string,
): Promise<boolean> {
  if (cosigners.quorum === 0 || phase !== 'RecordConfirm') return cosigners.quorum === 0;
  return isCosigned(sql, { origin, size: closingSize }, cosigners);
}

/**
 * Returns once the opening may be closed as far as its cosigners go: they have signed, or have had their time. What came of it the round
 * finds out.
 *
 * Why: by the recorder's clock, for the round decides by it whether their time was over.
 */
export async function untilClosable(
  { sql, world, isCosigned }: { readonly sql: Sql; readonly world: World; readonly isCosigned: IsCosigned },
  state: OpeningState,
  origin: string,
): Promise<void> {
  if (state.phase !== 'RecordConfirm') return;
  while (!isCosigningOverdue(state, await readClock(sql, world))) {
    if (await isCosignedToClose(sql, isCosigned, state, origin)) return;
    await new Promise<void>((look) => world.after(LOOK_AGAIN_MS, look));
  }
}
