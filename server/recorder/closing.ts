/** The one thing an opening waits for outside itself: at its close, that its cosigners have signed a head with everything that bears on it. */
import type { Cosigners } from '../core/opening/cosigners.ts';
import type { OpeningState } from '../core/opening/state.ts';
import type { Sql, TransactionSql } from '../store/driver.ts';
import type { World } from '../world.ts';

/** How long a close waits before it is refused as not cosigned, to be tried again: less than an errand between processes may take. */
export const COSIGNED_WAIT_MS = 10_000;
const LOOK_AGAIN_MS = 100;

/** Whether the first `size` entries of a log stand in the ledger under a head that so many of these signed. */
export type IsCosigned = (
  sql: Sql | TransactionSql,
  head: { readonly origin: string; readonly size: number },
  cosigners: Cosigners,
) => Promise<boolean>;

/** The fact `cosigned`; looked up only where a close can be asked for. */
export async function isClosable(
  sql: Sql | TransactionSql,
  isCosigned: IsCosigned,
  { phase, cosigners, closingSize }: OpeningState,
  origin: string,
): Promise<boolean> {
  if (cosigners.quorum === 0 || phase !== 'RecordConfirm') return cosigners.quorum === 0;
  return isCosigned(sql, { origin, size: closingSize }, cosigners);
}

/** Returns once the opening may be closed as far as its cosigners go, or after the longest wait; what came of it the round finds out. */
export async function untilClosable(
  { sql, world, isCosigned }: { readonly sql: Sql; readonly world: World; readonly isCosigned: IsCosigned },
  state: OpeningState,
  origin: string,
): Promise<void> {
  if (state.phase !== 'RecordConfirm') return;
  const until = world.now() + COSIGNED_WAIT_MS;
  while (!(await isClosable(sql, isCosigned, state, origin)) && world.now() < until)
    await new Promise<void>((look) => world.after(LOOK_AGAIN_MS, look));
}
