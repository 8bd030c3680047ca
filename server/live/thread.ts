/** One bidder's private thread with the host, read whole: its messages' entries and the disclosures of their texts. */
import { type LogView, readStretch } from './log-view.ts';
import type { DisclosuresBySeq } from './sight.ts';

/** Entries read at a time: bounded memory for a log of any length. */
const READ_ENTRIES = 1_000;

/**
 * The texts of a thread, by the seq of their entries.
 *
 * Shape:  `bidder` by its number; `size` the released size up to which is read.
 * Throws: CorruptLogError, LogFormatError, and what the store throws.
 * Why:    not part of any sight: officials read a thread only by a request of its own, with a reason (domain §3).
 */
export async function readThread(
  log: LogView,
  origin: string,
  bidder: number,
  size: number,
): Promise<DisclosuresBySeq> {
  const texts: DisclosuresBySeq = {};
  for (let from = 0; from < size; from += READ_ENTRIES) {
    for (const { seq, type, entry, disclosures } of await readStretch(
      log,
      origin,
      from,
      Math.min(size, from + READ_ENTRIES),
    )) {
      if (type !== 'SaidInPrivate' || entry.body['bidder'] !== bidder) continue;
      texts[seq] = disclosures.filter(({ field }) => field === 'text').map(({ disclosure }) => disclosure);
    }
  }
  return texts;
}
