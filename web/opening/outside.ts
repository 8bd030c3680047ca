/** Asks the platform again and again what outside time-stamps and cosignatures there are over this opening. */
import { type ReadonlySignal, signal } from '@preact/signals';
import type { PageWorld } from '../connection/page-world.ts';

/** How often it is asked: a stamp is made every ten minutes, and at the end. */
export const OUTSIDE_PERIOD_MS = 60_000;

/** The answer of `/openings/<id>/timestamp`, as far as it is shown; `size` entries are covered. */
export type StampAnswer = {
  readonly authorities: number;
  readonly stamped: { readonly size: number; readonly stampedAt: number; readonly authority: string } | null;
};

/** The answer of `/openings/<id>/cosignatures`; `size` entries are covered. */
export type CosignAnswer = {
  readonly quorum: number;
  readonly cosigners: number;
  /** How many claim another history of the ledger, and have shown nothing of it. */
  readonly claiming: number;
  readonly cosigned: { readonly size: number; readonly by: number } | null;
};

/** What stands outside the platform for this opening. */
export type OutsideAnswer = { readonly stamp: StampAnswer; readonly cosigning: CosignAnswer };

export type OutsideWatch = { readonly outside: ReadonlySignal<OutsideAnswer | null>; close(): void };

/** Asks at once and then every OUTSIDE_PERIOD_MS; what cannot be had is left as it was. `read` answers null then. */
export function watchOutside(world: Pick<PageWorld, 'after'>, read: () => Promise<OutsideAnswer | null>): OutsideWatch {
  const outside = signal<OutsideAnswer | null>(null);
  let drop = (): void => undefined;
  async function look(): Promise<void> {
    outside.value = (await read()) ?? outside.value;
  }
  const again = (): void => {
    void look();
    drop = world.after(OUTSIDE_PERIOD_MS, again);
  };
  again();
  return { outside, close: () => drop() };
}
