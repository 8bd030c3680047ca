/** Tables of the logs: every opening's, the ledger and the access log. All but the heads are append-only by trigger. */
import { sql } from 'drizzle-orm';
import {
  boolean,
  check,
  foreignKey,
  index,
  integer,
  pgTable,
  primaryKey,
  text,
  uniqueIndex,
} from 'drizzle-orm/pg-core';
import { bytes, whole } from './columns.ts';

/**
 * The head of each log: how many entries, the root over them, and what the next append needs to compute its root.
 * `frontier` holds the hashes of the compact range, largest subtree first, 32 bytes each. A trigger lets heads only grow.
 */
export const logs = pgTable(
  'logs',
  {
    origin: text().primaryKey(),
    kind: text({ enum: ['opening', 'ledger', 'access'] }).notNull(),
    openingId: text('opening_id'),
    size: whole('size').notNull(),
    frontier: bytes().notNull(),
    root: bytes().notNull(),
  },
  (t) => [
    check('logs_kind', sql`${t.kind} IN ('opening', 'ledger', 'access')`),
    check('logs_opening', sql`(${t.kind} = 'opening') = (${t.openingId} IS NOT NULL)`),
    check('logs_size', sql`${t.size} >= 0`),
    check('logs_frontier', sql`octet_length(${t.frontier}) = 32 * length(replace(${t.size}::bit(64)::text, '0', ''))`),
    check('logs_root', sql`octet_length(${t.root}) = 32`),
    uniqueIndex('logs_one_per_opening').on(t.openingId),
  ],
);

/** The entries: exactly the bytes that were hashed and signed. */
export const entries = pgTable(
  'entries',
  {
    origin: text()
      .notNull()
      .references(() => logs.origin),
    seq: whole('seq').notNull(),
    bytes: bytes().notNull(),
    leafHash: bytes('leaf_hash').notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.origin, t.seq] }),
    check('entries_seq', sql`${t.seq} >= 0`),
    check('entries_bytes', sql`octet_length(${t.bytes}) BETWEEN 1 AND 65535`),
    check('entries_leaf_hash', sql`octet_length(${t.leafHash}) = 32`),
    // "type":"KeyAnnounced", asked for by store/read-log.ts in these very words
    index('entries_key_announced')
      .on(t.origin, t.seq)
      .where(sql`position('\\x2274797065223a224b6579416e6e6f756e63656422'::bytea IN ${t.bytes}) > 0`),
  ],
);

/**
 * Hashes of complete subtrees above the leaves, so that a proof reads O(log n) rows: at `level` the subtree over the
 * entries [index · 2^level, (index + 1) · 2^level). Level 0 is `entries.leaf_hash`.
 */
export const nodes = pgTable(
  'nodes',
  {
    origin: text()
      .notNull()
      .references(() => logs.origin),
    level: integer().notNull(),
    index: whole('index').notNull(),
    hash: bytes().notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.origin, t.level, t.index] }),
    check('nodes_level', sql`${t.level} BETWEEN 1 AND 52`),
    check('nodes_index', sql`${t.index} >= 0`),
    check('nodes_hash', sql`octet_length(${t.hash}) = 32`),
  ],
);

/**
 * The logins behind acts, each once however many acts its session gave; they never change, and leave only by an erasure (of a session that
 * has ended: the recorder believes what it stored to be there), with the last
 * disclosure they stand behind. The session's own row holds its login, too, but that is not of the log: what a log is disclosed with
 * must not hang on it.
 */
export const logins = pgTable('logins', { sha256: bytes().primaryKey(), login: text().notNull() }, (t) => [
  check('logins_sha256', sql`octet_length(${t.sha256}) = 32`),
]);

/** What opens an entry's withheld fields; one row a field. Rows leave only by an erasure, which no identity may do yet. */
export const disclosures = pgTable(
  'disclosures',
  {
    origin: text().notNull(),
    seq: whole('seq').notNull(),
    field: text().notNull(),
    /** The disclosure; of one that ends with a login its JSON text up to there (store/stored-disclosure.ts). */
    disclosure: text().notNull(),
    /** Whose text in `logins` belongs behind it; no foreign key, which would be asked for each act. */
    loginSha256: bytes('login_sha256'),
  },
  (t) => [
    primaryKey({ columns: [t.origin, t.seq, t.field] }),
    foreignKey({ columns: [t.origin, t.seq], foreignColumns: [entries.origin, entries.seq] }),
    // the documents handed over are looked up at every start
    index('disclosures_manifest').on(t.origin).where(sql`${t.field} = 'manifest'`),
  ],
);

/**
 * What an erasure left to be swept where looking for it takes long: rows of the intake (key: opening, command as in JSON, account, by line
 * feeds), a login (hex of its
 * SHA-256) that goes once its session has ended and nothing else stands on it, the sessions of an account once they have ended, and a judgement
 * (its digest) with the certificate it is about.
 */
export const erasureLeftovers = pgTable(
  'erasure_leftovers',
  {
    id: whole('id').primaryKey().generatedAlwaysAsIdentity(),
    kind: text({ enum: ['intake', 'login', 'sessions', 'judgement'] }).notNull(),
    key: text().notNull(),
  },
  (t) => [check('erasure_leftovers_kind', sql`${t.kind} IN ('intake', 'login', 'sessions', 'judgement')`)],
);

/** The signed head after each append: the whole note, stored behind the commit once the head was let out. */
export const checkpoints = pgTable(
  'checkpoints',
  {
    origin: text()
      .notNull()
      .references(() => logs.origin),
    size: whole('size').notNull(),
    note: text().notNull(),
  },
  (t) => [primaryKey({ columns: [t.origin, t.size] }), check('checkpoints_size', sql`${t.size} >= 0`)],
);

/** Which entry the ledger took a head of an opening in: where the next consistency proof begins. */
export const ledgerHeads = pgTable(
  'ledger_heads',
  {
    origin: text()
      .notNull()
      .references(() => logs.origin),
    size: whole('size').notNull(),
    ledgerSeq: whole('ledger_seq').notNull(),
  },
  (t) => [primaryKey({ columns: [t.origin, t.size] }), index('ledger_heads_seq').on(t.ledgerSeq)],
);

/**
 * How far the ledger's checkpoint is shown while a quorum of cosigners is waited for; one row, of the leader's writing, by which every
 * process goes. A trigger lets the size only grow. `is_held`: no, and the newest head is shown at once.
 */
export const publishedHead = pgTable(
  'published_head',
  {
    single: boolean().primaryKey().default(true),
    size: whole('size').notNull(),
    isHeld: boolean('is_held').notNull(),
  },
  (t) => [check('published_head_single', sql`${t.single}`), check('published_head_size', sql`${t.size} >= 1`)],
);

/** What cosigners said of heads of the ledger: one signature line each, as it came and was checked. */
export const cosignatures = pgTable(
  'cosignatures',
  {
    size: whole('size').notNull(),
    vkey: text().notNull(),
    /** The line of the note, without its line feed. */
    line: text().notNull(),
    receivedAt: whole('received_at').notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.size, t.vkey] }),
    index('cosignatures_vkey').on(t.vkey, t.size),
    check('cosignatures_size', sql`${t.size} >= 1`),
  ],
);

/** How each cosigner stands, as the leader last saw it, for every process to say so; nothing is decided by it. */
export const cosignerStandings = pgTable(
  'cosigner_standings',
  {
    vkey: text().primaryKey(),
    /** `signs`, `silent`, or the code of what it claims against the ledger without showing it. */
    state: text({ enum: ['signs', 'silent', 'cosigner_is_ahead', 'cosigner_differs'] }).notNull(),
    since: whole('since').notNull(),
  },
  (t) => [
    check('cosigner_standings_state', sql`${t.state} IN ('signs', 'silent', 'cosigner_is_ahead', 'cosigner_differs')`),
  ],
);

/**
 * The entries of the access log by who read and what about, so that a reader's own can be found: a read model that the log can
 * rebuild. `opening_id` is null for a read about none.
 */
export const accessReads = pgTable(
  'access_reads',
  {
    seq: whole('seq').primaryKey(),
    account: text().notNull(),
    openingId: text('opening_id'),
  },
  (t) => [
    check('access_reads_seq', sql`${t.seq} >= 1`),
    index('access_reads_account').on(t.account, t.seq),
    index('access_reads_opening').on(t.openingId, t.seq),
  ],
);
