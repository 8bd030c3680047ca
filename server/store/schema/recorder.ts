/** Tables of the record-keeper: what is to be decided, what was answered, that it lives, and the openings at a glance. */
import { sql } from 'drizzle-orm';
import { boolean, check, index, integer, pgTable, primaryKey, text } from 'drizzle-orm/pg-core';
import { bytes, instant, whole } from './columns.ts';

/**
 * The openings at a glance, a read model that the logs can rebuild; its row is also what an append locks first.
 * The deadline is the opening time (招投标法 art. 34): the database holds it, too.
 */
export const openings = pgTable(
  'openings',
  {
    id: text().primaryKey(),
    title: text().notNull(),
    phase: text().notNull(),
    deadlineAt: instant('deadline_at').notNull(),
    openingAt: instant('opening_at').notNull(),
    createdAt: instant('created_at').notNull(),
    /** The session it belongs to, if any; from its genesis. */
    sessionId: text('session_id'),
  },
  (t) => [
    check('openings_deadline_is_opening', sql`${t.deadlineAt} = ${t.openingAt}`),
    index('openings_phase').on(t.phase),
    index('openings_created_at').on(t.createdAt),
    index('openings_session').on(t.sessionId),
  ],
);

/** What each command was answered, so that the same id gets the same answer again, and other content under it a refusal. */
export const commands = pgTable(
  'commands',
  {
    openingId: text('opening_id').notNull(),
    actor: text().notNull(),
    commandId: text('command_id').notNull(),
    contentSha256: bytes('content_sha256').notNull(),
    /** JSON. */
    outcome: text().notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.openingId, t.actor, t.commandId] }),
    check('commands_content_sha256', sql`octet_length(${t.contentSha256}) = 32`),
  ],
);

/** What was durably received, before it is decided; `received_at` is what the rules judge by, and the order of deciding. */
export const intake = pgTable(
  'intake',
  {
    id: whole('id').primaryKey().generatedAlwaysAsIdentity(),
    openingId: text('opening_id').notNull(),
    receivedAt: instant('received_at').notNull(),
    kind: text().notNull(),
    /** JSON (recorder/stored-submission.ts). */
    content: bytes().notNull(),
    /** Of the login behind the act, which `logins` holds; null when there is none, or it stands in the content. */
    loginSha256: bytes('login_sha256'),
    decided: boolean().notNull().default(false),
  },
  (t) => [index('intake_undecided').on(t.openingId, t.receivedAt, t.id).where(sql`NOT ${t.decided}`)],
);

/**
 * Acts that were refused again and again, word for word the same: how often from when to when, those included that were received and
 * stand in the intake as well. The others were never received: this row is all there is of them.
 */
export const repeatedRefusals = pgTable(
  'repeated_refusals',
  {
    id: whole('id').primaryKey().generatedAlwaysAsIdentity(),
    openingId: text('opening_id').notNull(),
    account: text().notNull(),
    type: text().notNull(),
    code: text().notNull(),
    count: integer().notNull(),
    firstAt: instant('first_at').notNull(),
    lastAt: instant('last_at').notNull(),
  },
  (t) => [
    check('repeated_refusals_count', sql`${t.count} > 1`),
    check('repeated_refusals_in_order', sql`${t.firstAt} <= ${t.lastAt}`),
    index('repeated_refusals_opening').on(t.openingId),
  ],
);

/** When each server process last said that it lives; after a crash the latest dates the outage. */
export const heartbeats = pgTable('heartbeats', {
  processId: text('process_id').primaryKey(),
  at: instant('at').notNull(),
});

/**
 * Which process leads: the one row says whose term it is. Every transaction of a leader holds the row to its own term, so that one
 * whose time is over commits nothing more; `read_only` says why the leader takes no commands, null while it does.
 */
export const leadership = pgTable(
  'leadership',
  {
    single: boolean().primaryKey().default(true),
    term: whole('term').notNull(),
    processId: text('process_id').notNull(),
    readOnly: text('read_only'),
  },
  (t) => [check('leadership_single', sql`${t.single}`), check('leadership_term', sql`${t.term} > 0`)],
);

/** What a process asks of the one that leads, because only that one signs; the answer is JSON, and the asker takes both away. */
export const errands = pgTable('errands', {
  id: whole('id').primaryKey().generatedAlwaysAsIdentity(),
  kind: text().notNull(),
  content: text().notNull(),
  createdAt: instant('created_at').notNull(),
  answer: text(),
});
