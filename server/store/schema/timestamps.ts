/** The table of time-stamps over the ledger's heads: what outsiders say of when it was so; append-only by trigger. */
import { sql } from 'drizzle-orm';
import { check, integer, pgTable, primaryKey, text } from 'drizzle-orm/pg-core';
import { bytes, instant, whole } from './columns.ts';

/**
 * A time-stamp (RFC 3161) of the ledger's signed note at `ledger_size`, with all that it takes to judge it again. Every head that the ledger
 * holds below that size is stamped with it, so what still wants a stamp is read from here and `ledger_heads`, and nothing is queued.
 */
export const timestamps = pgTable(
  'timestamps',
  {
    ledgerSize: whole('ledger_size').notNull(),
    /** The whole note that was stamped, with the cosignatures it had: its SHA-256 is the imprint. */
    note: text().notNull(),
    /** The address of the authority that was asked. */
    authority: text().notNull(),
    /** The instant that the token says. */
    stampedAt: instant('stamped_at').notNull(),
    /** How far the true one may lie from it; null when the token does not say. */
    accuracyMs: integer('accuracy_ms'),
    policy: text().notNull(),
    /** Hex. */
    serial: text().notNull(),
    /** DER of the TimeStampResp, as it came. */
    response: bytes().notNull(),
    /** DER of the certificates from the signer to the anchor, one behind the other. */
    path: bytes().notNull(),
    /** DER of the revocation lists that were asked, one behind the other; empty when none said anything. */
    crls: bytes().notNull(),
    revocation: text({ enum: ['good', 'undetermined'] }).notNull(),
    receivedAt: instant('received_at').notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.ledgerSize, t.authority] }),
    check('timestamps_ledger_size', sql`${t.ledgerSize} >= 1`),
    check('timestamps_revocation', sql`${t.revocation} IN ('good', 'undetermined')`),
  ],
);
