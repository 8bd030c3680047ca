/** Tables of the lodgement register, all append-only: its acts, and the batches by which the ledger takes them. */
import { sql } from 'drizzle-orm';
import { check, integer, pgTable, primaryKey, text, unique } from 'drizzle-orm/pg-core';
import { bytes, instant, whole } from './columns.ts';

/** The acts of each opening's register, counted from 0 within it; `disclosure` is the salted act that the batch commits to. */
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
  },
  (t) => [
    unique('register_acts_dense').on(t.openingId, t.n),
    check('register_acts_n', sql`${t.n} >= 0`),
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
