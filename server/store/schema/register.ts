/** Tables of the lodgement register, append-only but for the spans: its acts, the batches by which the ledger takes them, and which of those may be revealed. */
import { sql } from 'drizzle-orm';
import { check, index, integer, pgTable, primaryKey, text, unique } from 'drizzle-orm/pg-core';
import { bytes, instant, whole } from './columns.ts';

/**
 * The acts of each opening's register, counted from 0 within it; `disclosure` is the salted act that the batch commits to. Of one that was
 * erased the text is empty, and `leaf` holds its leaf hash, so that the other acts of the batch keep their proofs.
 */
export const registerActs = pgTable(
  'register_acts',
  {
    id: text().primaryKey(),
    openingId: text('opening_id').notNull(),
    n: whole('n').notNull(),
    at: instant('at').notNull(),
    receivedAt: instant('received_at').notNull(),
    type: text().notNull(),
    disclosure: text().notNull(),
    leaf: bytes(),
  },
  (t) => [
    unique('register_acts_dense').on(t.openingId, t.n),
    check('register_acts_n', sql`${t.n} >= 0`),
    check('register_acts_leaf', sql`(${t.disclosure} = '') = (${t.leaf} IS NOT NULL) AND octet_length(${t.leaf}) = 32`),
    check('register_acts_received_first', sql`${t.receivedAt} <= ${t.at}`),
  ],
);

/** The batches: `seed` gives the salts of the dummy leaves, `root` stands in the ledger's entry `ledger_seq`. */
export const registerBatches = pgTable(
  'register_batches',
  {
    batch: whole('batch').primaryKey(),
    seed: bytes().notNull(),
    root: bytes().notNull(),
    ledgerSeq: whole('ledger_seq').notNull().unique(),
  },
  (t) => [
    check('register_batches_batch', sql`${t.batch} >= 0`),
    check('register_batches_seed', sql`octet_length(${t.seed}) = 32`),
    check('register_batches_root', sql`octet_length(${t.root}) = 32`),
  ],
);

/** Which leaf of which batch an act is; each act is one. Its own table, so that acts need no update. */
export const registerBatchMembers = pgTable(
  'register_batch_members',
  {
    batch: whole('batch')
      .notNull()
      .references(() => registerBatches.batch),
    position: integer().notNull(),
    actId: text('act_id')
      .notNull()
      .unique()
      .references(() => registerActs.id),
  },
  (t) => [
    primaryKey({ columns: [t.batch, t.position] }),
    check('register_batch_members_position', sql`${t.position} >= 0`),
  ],
);

/**
 * The batches each opening could have used, by number. `last_batch` is null while bidders may act or acts wait, `ending` until the
 * opening is archived; both are written once. Unlike a batch, a span is nobody's to prove: it only keeps batches closed.
 */
export const registerSpans = pgTable(
  'register_spans',
  {
    openingId: text('opening_id').primaryKey(),
    firstBatch: whole('first_batch').notNull(),
    lastBatch: whole('last_batch'),
    ending: text({ enum: ['handed_over', 'failed', 'aborted'] }),
  },
  (t) => [
    check('register_spans_batches', sql`${t.firstBatch} >= 0 AND ${t.lastBatch} >= ${t.firstBatch}`),
    check('register_spans_ending', sql`${t.ending} IN ('handed_over', 'failed', 'aborted')`),
    check('register_spans_in_order', sql`${t.lastBatch} IS NOT NULL OR ${t.ending} IS NULL`),
    index('register_spans_open').on(t.firstBatch).where(sql`${t.ending} IS DISTINCT FROM 'handed_over'`),
  ],
);

/** The batches whose dummies are revealed, each in the ledger's entry `ledger_seq`. */
export const registerReveals = pgTable('register_reveals', {
  batch: whole('batch')
    .primaryKey()
    .references(() => registerBatches.batch),
  ledgerSeq: whole('ledger_seq').notNull().unique(),
});
