/** Holds an announced price against the promise its bidder signed before the deadline: the page's own look, asking nobody. */
import { canonicalise, isJsonObject, type Json } from '../../server/core/log/canonical.ts';
import { disclosureDigest, readDisclosure } from '../../server/core/log/disclosure.ts';
import { LogFormatError } from '../../server/core/log/error.ts';
import type { Sha256 } from '../../server/core/log/hash.ts';
import type { Knowable } from '../../server/core/opening/events.ts';
import type { Lodgement, PriceRow } from '../../server/core/opening/rows.ts';

export type PriceCheck = 'same' | 'differs' | 'unknown';

/** What of its opening list is announced of a bid. */
const ANNOUNCED = ['creditCode', 'quote', 'duration', 'quality', 'manager'] as const;

const isEqual = (promised: Json | undefined, announced: Json): boolean =>
  promised !== undefined && canonicalise(promised) === canonicalise(announced);

/**
 * Whether the announced row is what was promised.
 *
 * Returns: `unknown` while the promises are withheld; `same` when the row's opening list has the digest its bidder signed and
 *          says everything that is announced; `differs` otherwise.
 * Source:  seal-format §2 (openingListCommit); 20号令 art. 30.
 */
export function checkPrice(sha256: Sha256, row: PriceRow, lodgements: Knowable<readonly Lodgement[]>): PriceCheck {
  if (!lodgements.known) return 'unknown';
  const promised = lodgements.value.find((lodgement) => lodgement.creditCode === row.creditCode);
  if (promised === undefined || promised.openingListCommit !== disclosureDigest(sha256, row.openingList))
    return 'differs';
  try {
    const { value } = readDisclosure(row.openingList);
    const isSame = isJsonObject(value) && ANNOUNCED.every((member) => isEqual(value[member], row[member]));
    return isSame ? 'same' : 'differs';
  } catch (fault) {
    if (fault instanceof LogFormatError) return 'differs';
    throw fault;
  }
}
