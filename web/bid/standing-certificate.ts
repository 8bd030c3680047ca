/** Which certificate one's standing bid is sealed to: what a rehearsal and a pre-flight hold the key against. */
import type { Api } from '../../server/client/api.ts';
import { ApiError } from '../../server/client/transport.ts';
import { payloadIn } from './kept-bid.ts';

/**
 * By the signed statement that the platform holds; else by what this browser keeps.
 *
 * Shape:   `kept` is what this browser knows, null for nothing.
 * Returns: null where no bid stands that anybody here knows of.
 * Why:     who lodged from another computer, or by the command line, has no bid kept here; and a platform that does not answer takes
 *          nothing from what is known.
 */
export async function standingCertificate(
  { readOwnBid }: Pick<Api, 'readOwnBid'>,
  openingId: string,
  kept: string | null,
): Promise<string | null> {
  try {
    const { standing } = await readOwnBid(openingId);
    const stated = standing === null ? null : payloadIn(standing.statement);
    return stated?.encCertSha256 ?? kept;
  } catch (fault) {
    if (fault instanceof ApiError) return kept;
    throw fault;
  }
}
