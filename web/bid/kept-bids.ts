/** The bids that one bidder has here, in the browser's storage and, where that takes nothing, in memory as long as the page is open. */
import { type ReadonlySignal, signal } from '@preact/signals';
import type { KeptBid } from './kept-bid.ts';
import type { Shelf } from './shelf.ts';

/** Counts what was kept or let go of on this page, for whoever shows what is kept. */
export const keptTurns = signal(0);

export type KeptBids = {
  /** The newest first; null until they were read. */
  readonly bids: ReadonlySignal<readonly KeptBid[] | null>;
  read(): Promise<void>;
  keep(bid: KeptBid): Promise<KeptBid>;
  forget(bid: KeptBid): Promise<void>;
};

export function openKeptBids(shelf: Shelf, openingId: string, creditCode: string): KeptBids {
  const bids = signal<readonly KeptBid[] | null>(null);
  /** What the storage did not take, by its number. */
  const unkept = new Map<string, KeptBid>();

  async function read(): Promise<void> {
    const stored = await shelf.bids(openingId, creditCode);
    const all = [...unkept.values(), ...stored.filter(({ bidId }) => !unkept.has(bidId))];
    bids.value = all.sort((a, b) => b.signedAt - a.signedAt);
    keptTurns.value += 1;
  }

  return {
    bids,
    read,
    async keep(bid) {
      if (await shelf.keep(bid)) unkept.delete(bid.bidId);
      else unkept.set(bid.bidId, bid);
      await read();
      return bid;
    },
    async forget(bid) {
      unkept.delete(bid.bidId);
      await shelf.forget(bid);
      await read();
    },
  };
}
