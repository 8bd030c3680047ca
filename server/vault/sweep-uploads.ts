/** Ends the uploads whose time or deadline is over and removes what no upload names; any process may, at any time. */
import { toBase64Url } from '../core/log/base64.ts';
import { fileOfBid, isBidReceived } from '../store/bids.ts';
import type { Sql } from '../store/driver.ts';
import {
  endUpload,
  forgetUploads,
  holdUpload,
  overdueUploads,
  releaseUpload,
  uploadsUnderWay,
} from '../store/uploads.ts';
import type { World } from '../world.ts';
import { HOLD_MS } from './uploads.ts';
import type { PartsFolder } from './vault-folder.ts';

/** Uploads ended in one sweep; the next one comes soon. */
const SWEEP_LIMIT = 500;
/** How long a bidder can still ask how its upload ended. */
const TOLD_FOR_MS = 30 * 86_400_000;
/** How old a file must be that no upload names: between its making and its row another process needs seconds. */
const NAMELESS_AGE_MS = 3_600_000;
const HOLDER_BYTES = 12;

type Deps = { readonly sql: Sql; readonly world: Pick<World, 'now' | 'randomBytes'>; readonly parts: PartsFolder };

/**
 * Sweeps once.
 *
 * Why: an upload that is incomplete at the deadline counts as withdrawn (20号令27). One whose bid has been received is lodged, however
 *      its last request ended; its file is the bid's.
 */
export async function sweepUploads({ sql, world, parts }: Deps): Promise<void> {
  const at = world.now();
  for (const upload of await overdueUploads(sql, at, SWEEP_LIMIT)) {
    const claim = { id: upload.id, holder: toBase64Url(world.randomBytes(HOLDER_BYTES)), untilAt: at + HOLD_MS };
    if (!(await holdUpload(sql, claim, upload.receivedBytes, at))) continue;
    const isLodged = (await fileOfBid(sql, upload.bidId)) !== null;
    if (!isLodged && (await isBidReceived(sql, upload))) {
      // Being decided.
      await releaseUpload(sql, claim);
      continue;
    }
    const how = isLodged ? 'lodged' : at >= upload.deadlineAt ? 'withdrawn' : 'expired';
    if (await endUpload(sql, claim, { how, at })) await parts.discard(upload.id);
  }
  await forgetUploads(sql, at - TOLD_FOR_MS);
  await removeNameless({ sql, world, parts });
}

/** Lists first and asks for names afterwards, so that what gets one meanwhile is seen. */
async function removeNameless({ sql, world, parts }: Deps): Promise<void> {
  const names = await parts.list();
  if (names.length === 0) return;
  const named = new Set(await uploadsUnderWay(sql));
  for (const name of names) {
    const writtenAt = named.has(name) ? null : await parts.writtenAt(name);
    if (writtenAt !== null && world.now() - writtenAt >= NAMELESS_AGE_MS) await parts.discard(name);
  }
}
