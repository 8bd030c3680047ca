/** Has the ledger time-stamped for as long as a process leads. */
import { ledgerOrigin } from '../core/log/origin.ts';
import { cosignedHead } from '../ledger/cosignatures.ts';
import { quorumOf } from '../ledger/cosigner-policy.ts';
import { createStamper, LOOK_PERIOD_MS } from '../ledger/timestamps/stamper.ts';
import type { Opened } from '../opened.ts';
import { keepRhythm } from '../recorder/rhythm.ts';
import type { Signer } from '../recorder/signer.ts';
import type { LeaderParts } from './leader.ts';

/** Has the ledger time-stamped, where somebody is asked for it; without, everything but the stamps is as it is. */
export function stamp(
  { config, world, logger, database, authorities, cosigners }: LeaderParts,
  signer: Signer,
  keep: Opened['keep'],
) {
  if (authorities.length === 0) {
    logger.warn('no time-stamping authority is configured: that the log stood so at its time rests on our own clock');
    return;
  }
  const origin = ledgerOrigin(config.platform);
  const onFault = (error: unknown): void =>
    logger.error({ err: error }, 'the ledger could not be time-stamped; it is tried again');
  const stamper = createStamper({
    sql: database.sql,
    world,
    fetch,
    authorities,
    periodMs: config.timestampPeriodMs,
    newestNote: async () =>
      cosigners.quorum === 0 ? signer.released(origin) : cosignedHead(database.sql, origin, quorumOf(cosigners)),
    onFault,
  });
  keep('stamper', keepRhythm(world, LOOK_PERIOD_MS, stamper.look, onFault), (rhythm) => rhythm.stop());
}
