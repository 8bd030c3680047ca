/** Tables of the vault: sealed envelopes, what was handed in to open them, and the window keys. */
import { sql } from 'drizzle-orm';
import { check, index, pgTable, primaryKey, text } from 'drizzle-orm/pg-core';
import { bytes, instant, whole } from './columns.ts';

/** The sealed envelopes; the bytes lie in `file` below the data folder, `header` is what the bidder's key must unwrap. */
export const envelopes = pgTable(
  'envelopes',
  {
    /** The bid's id, 128 random bits chosen by the bidder. */
    id: text().primaryKey(),
    openingId: text('opening_id').notNull(),
    account: text().notNull(),
    file: text().notNull().unique(),
    sha256: bytes().notNull(),
    sizeBytes: whole('size_bytes').notNull(),
    header: bytes().notNull(),
    lodgedAt: instant('lodged_at').notNull(),
    /** The signed lodgement statement. */
    statement: text().notNull(),
  },
  (t) => [
    check('envelopes_sha256', sql`octet_length(${t.sha256}) = 32`),
    check('envelopes_size_bytes', sql`${t.sizeBytes} > 0`),
    index('envelopes_opening').on(t.openingId, t.account),
  ],
);

/** The decryptions received; the JWE is the only form in which a content key is ever stored. */
export const decryptions = pgTable(
  'decryptions',
  {
    id: text().primaryKey(),
    openingId: text('opening_id').notNull(),
    bidId: text('bid_id')
      .notNull()
      .references(() => envelopes.id),
    receivedAt: instant('received_at').notNull(),
    statement: text().notNull(),
    jwe: text().notNull(),
    state: text({ enum: ['received', 'verified', 'failed'] })
      .notNull()
      .default('received'),
    /** JSON: what the verification found. */
    outcome: text(),
  },
  (t) => [
    check('decryptions_state', sql`${t.state} IN ('received', 'verified', 'failed')`),
    check('decryptions_outcome', sql`(${t.state} = 'received') = (${t.outcome} IS NULL)`),
    index('decryptions_bid').on(t.bidId),
    index('decryptions_waiting').on(t.receivedAt, t.id).where(sql`${t.state} = 'received'`),
  ],
);

/** The window keys; `wrapped_private` becomes null when the key is destroyed after Closed. */
export const windowKeys = pgTable(
  'window_keys',
  {
    openingId: text('opening_id').notNull(),
    kid: text().notNull(),
    publicJwk: text('public_jwk').notNull(),
    wrappedPrivate: bytes('wrapped_private'),
  },
  (t) => [primaryKey({ columns: [t.openingId, t.kid] })],
);

/**
 * Who waits before the vault, as its process last said: `waiting` is JSON, `[name, ahead, waitMs]` each. A hint for those who wait,
 * never evidence: what is received stands on the log whatever is written here.
 */
export const vaultQueues = pgTable('vault_queues', {
  openingId: text('opening_id').primaryKey(),
  at: instant('at').notNull(),
  waiting: text().notNull(),
});
