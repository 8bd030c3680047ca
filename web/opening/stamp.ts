/** Asks the platform again and again what outside time-stamps there are over this opening. */
import { type ReadonlySignal, signal } from '@preact/signals';
import type { PageWorld } from '../connection/page-world.ts';

/** How often it is asked: a stamp is made every ten minutes, and at the end. */
export const STAMP_PERIOD_MS = 60_000;

/** The answer of `/openings/<id>/timestamp`, as far as it is shown; `size` entries are covered. */
export type StampAnswer = {
  readonly authorities: number;
  readonly stamped: { readonly size: number; readonly stampedAt: number; readonly authority: string } | null;
};

export type StampWatch = { readonly stamp: ReadonlySignal<StampAnswer | null>; close(): void };

/** Asks at once and then every STAMP_PERIOD_MS; what cannot be had is left as it was. `read` answers null then. */
export function watchStamp(world: Pick<PageWorld, 'after'>, read: () => Promise<StampAnswer | null>): StampWatch {
  const stamp = signal<StampAnswer | null>(null);
  let drop = (): void => undefined;
  async function look(): Promise<void> {
    stamp.value = (await read()) ?? stamp.value;
  }
  const again = (): void => {
    void look();
    drop = world.after(STAMP_PERIOD_MS, again);
  };
  again();
  return { stamp, close: () => drop() };
}
