/** Tables of the vault: sealed envelopes, what was handed in to open them, and the window keys. */
import { sql } from 'drizzle-orm';
import { check, index, pgTable, primaryKey, text, unique } from 'drizzle-orm/pg-core';
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
    /** Why it fails whatever the vault finds: the certificate behind it had lapsed before the deadline. */
    refusedFor: text('refused_for', { enum: ['certificate_not_valid'] }),
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

/** Envelopes on their way in, piece by piece; a row outlives its file, so that its bidder is told how it ended. */
export const uploads = pgTable(
  'uploads',
  {
    /** 128 random bits; the name of its file in the vault as well. */
    id: text().primaryKey(),
    openingId: text('opening_id').notNull(),
    account: text().notNull(),
    /** The statement's own id (`jti`): who asks again with the same statement gets the same upload. */
    command: text().notNull(),
    bidId: text('bid_id').notNull(),
    /** The signed lodgement statement. */
    statement: text().notNull(),
    sizeBytes: whole('size_bytes').notNull(),
    /** So many of its first bytes are durable. */
    receivedBytes: whole('received_bytes').notNull().default(0),
    deadlineAt: instant('deadline_at').notNull(),
    createdAt: instant('created_at').notNull(),
    expiresAt: instant('expires_at').notNull(),
    /** How it ended; null while it is under way. */
    ended: text({ enum: ['lodged', 'refused', 'withdrawn', 'expired', 'given_up'] }),
    endedAt: instant('ended_at'),
    /** The code of its refusal. */
    refusal: text(),
    /** The request that writes to it, and until when it may without asking again. */
    holder: text(),
    heldUntil: instant('held_until'),
  },
  (t) => [
    check('uploads_size_bytes', sql`${t.sizeBytes} > 0`),
    check('uploads_received_bytes', sql`${t.receivedBytes} BETWEEN 0 AND ${t.sizeBytes}`),
    check('uploads_ended', sql`${t.ended} IN ('lodged', 'refused', 'withdrawn', 'expired', 'given_up')`),
    check('uploads_ended_at', sql`(${t.ended} IS NULL) = (${t.endedAt} IS NULL)`),
    check('uploads_refusal', sql`(${t.ended} IS NOT DISTINCT FROM 'refused') = (${t.refusal} IS NOT NULL)`),
    check('uploads_held_until', sql`(${t.holder} IS NULL) = (${t.heldUntil} IS NULL)`),
    unique('uploads_command').on(t.openingId, t.account, t.command),
    index('uploads_under_way').on(t.expiresAt).where(sql`${t.ended} IS NULL`),
  ],
);
