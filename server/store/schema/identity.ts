/** The tables of people: accounts, roles per opening, whom we trust, and the single-use secrets of login, requests and sockets. */
import { sql } from 'drizzle-orm';
import { check, index, integer, pgTable, primaryKey, text, uniqueIndex } from 'drizzle-orm/pg-core';
import { PHONE_SIDES } from '../../client/phone-limits.ts';
import { PEOPLE } from '../../core/opening/roles.ts';
import { bytes, instant, whole } from './columns.ts';

/** Who has ever logged in or was let in by the operator; the id is the credit code, for a person followed by `/` and a number. */
export const accounts = pgTable(
  'accounts',
  {
    id: text('id').primaryKey(),
    creditCode: text('credit_code').notNull(),
    personId: text('person_id'),
    organisation: text('organisation').notNull(),
    name: text('name').notNull(),
    kind: text('kind', { enum: ['bidder', 'official', 'operator'] }).notNull(),
    createdAt: instant('created_at').notNull(),
    /** The operator's account; null for a bidder, whom his certificate let in. */
    createdBy: text('created_by'),
    disabledAt: instant('disabled_at'),
  },
  (table) => [
    index('accounts_credit_code').on(table.creditCode),
    check(
      'accounts_id_is_code_and_person',
      sql`${table.id} = ${table.creditCode} || coalesce('/' || ${table.personId}, '')`,
    ),
    check('accounts_kind', sql`${table.kind} in ('bidder', 'official', 'operator')`),
  ],
);

/** Who has which role in which opening; a withdrawn row stays, for it says who could act when. */
export const assignments = pgTable(
  'assignments',
  {
    id: integer('id').primaryKey().generatedAlwaysAsIdentity(),
    openingId: text('opening_id').notNull(),
    account: text('account')
      .notNull()
      .references(() => accounts.id),
    /** The same for all accounts of one human being: the person's number, else the account. */
    person: text('person').notNull(),
    role: text('role', { enum: ['tenderer', 'host', 'witness', 'supervisor', 'auditor'] }).notNull(),
    assignedBy: text('assigned_by').notNull(),
    assignedAt: instant('assigned_at').notNull(),
    withdrawnBy: text('withdrawn_by'),
    withdrawnAt: instant('withdrawn_at'),
  },
  (table) => [
    uniqueIndex('assignments_once')
      .on(table.openingId, table.account, table.role)
      .where(sql`${table.withdrawnAt} is null`),
    // The rule itself, so that two requests at the same moment cannot get round it: nobody is host and witness of one opening.
    uniqueIndex('assignments_never_host_and_witness')
      .on(table.openingId, table.person)
      .where(sql`${table.withdrawnAt} is null and ${table.role} in ('host', 'witness')`),
    check('assignments_role', sql`${table.role} in ('tenderer', 'host', 'witness', 'supervisor', 'auditor')`),
  ],
);

/** Every change of whom we trust, word for word as the ledger has it; the anchors are folded from these (core/pki/trust-store.ts). */
export const trustChanges = pgTable('trust_changes', {
  /** The ledger's entry. */
  seq: whole('seq').primaryKey(),
  /** JSON of a TrustChange. */
  change: text('change').notNull(),
  /** From when on it holds. */
  fromAt: instant('from_at').notNull(),
});

/** What one operator proposed of whom to trust, and what became of it. */
export const trustProposals = pgTable(
  'trust_proposals',
  {
    /** The ledger's entry. */
    seq: whole('seq').primaryKey(),
    /** The proposer's id of the act; the same once more is the same proposal. */
    command: text('command').notNull(),
    proposedBy: text('proposed_by')
      .notNull()
      .references(() => accounts.id),
    proposerName: text('proposer_name').notNull(),
    /** JSON of a TrustChange. */
    change: text('change').notNull(),
    changeSha256: text('change_sha256').notNull(),
    expiresAt: instant('expires_at').notNull(),
    /** Null while it is open, or has run out. */
    outcome: text('outcome', { enum: ['confirmed', 'withdrawn'] }),
    /** The ledger's entry that closed it, and the id of the act behind that. */
    closedSeq: whole('closed_seq'),
    closedCommand: text('closed_command'),
  },
  (table) => [
    uniqueIndex('trust_proposals_once').on(table.proposedBy, table.command),
    check('trust_proposals_outcome', sql`${table.outcome} in ('confirmed', 'withdrawn')`),
    check(
      'trust_proposals_closed',
      sql`(${table.outcome} is null) = (${table.closedSeq} is null) and (${table.outcome} is null) = (${table.closedCommand} is null)`,
    ),
  ],
);

/** The revocation lists that operators brought; an older one stays, for it says what was known when. */
export const crls = pgTable(
  'crls',
  {
    /** base64url SHA-256 of the list. */
    sha256: text('sha256').primaryKey(),
    /** Key of the issuer's name (core/pki/names.ts). */
    issuer: text('issuer').notNull(),
    /** Which part of the issuer's certificates it speaks of: hex of its issuingDistributionPoint, empty without one. */
    scope: text('scope').notNull(),
    /** The CRL number, decimal: up to 20 bytes. */
    number: text('number'),
    /** The number of the full list that a delta starts from; null of a full list. */
    deltaBase: text('delta_base'),
    thisUpdateAt: instant('this_update_at').notNull(),
    nextUpdateAt: instant('next_update_at'),
    entries: integer('entries').notNull(),
    der: bytes('der').notNull(),
    addedBy: text('added_by').notNull(),
    addedAt: instant('added_at').notNull(),
  },
  (table) => [index('crls_issuer').on(table.issuer, table.thisUpdateAt)],
);

/** What certificates were judged by, each file under its own digest: judgements, certificates of paths, OCSP responses. Lists are in `crls`. */
export const evidence = pgTable(
  'evidence',
  {
    /** base64url SHA-256 of the bytes. */
    sha256: text('sha256').primaryKey(),
    kind: text('kind', { enum: ['judgement', 'certificate', 'ocsp'] }).notNull(),
    content: bytes('content').notNull(),
    addedAt: instant('added_at').notNull(),
  },
  (table) => [check('evidence_kind', sql`${table.kind} in ('judgement', 'certificate', 'ocsp')`)],
);

/** OCSP responses that acquitted a certificate and are asked again at its next act; one response may speak of many. */
export const stapledResponses = pgTable(
  'stapled_responses',
  {
    /** The certificate, as a digest. */
    certSha256: text('cert_sha256').notNull(),
    sha256: text('sha256')
      .notNull()
      .references(() => evidence.sha256),
    /** The oldest date in it: how fresh it is. */
    thisUpdateAt: instant('this_update_at').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.certSha256, table.sha256] }),
    index('stapled_responses_newest').on(table.certSha256, table.thisUpdateAt),
  ],
);

/** Encryption certificates that accounts registered; an envelope's recipient must be one of its bidder's. */
export const encryptionCertificates = pgTable(
  'encryption_certificates',
  {
    certSha256: text('cert_sha256').notNull(),
    account: text('account')
      .notNull()
      .references(() => accounts.id),
    /** Base64 certificates, this one first. */
    x5c: text('x5c').array().notNull(),
    registeredAt: instant('registered_at').notNull(),
  },
  (table) => [primaryKey({ columns: [table.account, table.certSha256] })],
);

/** Login challenges given out; only the nonce's hash, so that a read of the table answers none. */
export const challenges = pgTable(
  'challenges',
  {
    nonceSha256: text('nonce_sha256').primaryKey(),
    purpose: text('purpose').notNull(),
    /** Thumbprint of the session key that asked. */
    jkt: text('jkt').notNull(),
    origin: text('origin').notNull(),
    createdAt: instant('created_at').notNull(),
    expiresAt: instant('expires_at').notNull(),
    consumedAt: instant('consumed_at'),
  },
  (table) => [index('challenges_expires_at').on(table.expiresAt)],
);

/** Session keys certified by a login; the login's JWS goes into the log beside the acts the key signs. */
export const sessions = pgTable(
  'sessions',
  {
    id: text('id').primaryKey(),
    account: text('account')
      .notNull()
      .references(() => accounts.id),
    jkt: text('jkt').notNull(),
    certSha256: text('cert_sha256').notNull(),
    login: text('login').notNull(),
    createdAt: instant('created_at').notNull(),
    endsAt: instant('ends_at').notNull(),
    endedAt: instant('ended_at'),
  },
  (table) => [uniqueIndex('sessions_jkt').on(table.jkt), index('sessions_account').on(table.account)],
);

/** Socket tickets given out, by the hash of the ticket. */
export const tickets = pgTable(
  'tickets',
  {
    ticketSha256: text('ticket_sha256').primaryKey(),
    account: text('account').notNull(),
    sessionId: text('session_id').notNull(),
    openingId: text('opening_id').notNull(),
    role: text('role', { enum: PEOPLE }).notNull(),
    createdAt: instant('created_at').notNull(),
    expiresAt: instant('expires_at').notNull(),
    consumedAt: instant('consumed_at'),
  },
  (table) => [index('tickets_expires_at').on(table.expiresAt)],
);

/** The one page that a certificate is active on in an opening; `leftAt` once its last socket is gone. */
export const seats = pgTable(
  'seats',
  {
    openingId: text('opening_id').notNull(),
    certSha256: text('cert_sha256').notNull(),
    sessionId: text('session_id').notNull(),
    takenAt: instant('taken_at').notNull(),
    leftAt: instant('left_at'),
  },
  (table) => [
    primaryKey({ columns: [table.openingId, table.certSha256] }),
    index('seats_session').on(table.sessionId),
    index('seats_taken_at').on(table.takenAt),
  ],
);

/** What a page and the phone with its person's key have between them; what they say to each other nobody here can read. */
export const phoneMailboxes = pgTable(
  'phone_mailboxes',
  {
    /** The digest of the page's fresh key, as the page says. */
    id: text('id').primaryKey(),
    /** The page's first message, sealed. */
    offer: text('offer').notNull(),
    desktopTokenSha256: text('desktop_token_sha256').notNull(),
    /** Of the one phone; null until the first has asked. */
    phoneTokenSha256: text('phone_token_sha256'),
    /** Messages each side has left so far. */
    desktopSent: integer('desktop_sent').notNull().default(0),
    phoneSent: integer('phone_sent').notNull().default(0),
    /** Phones that came later and were refused. */
    others: integer('others').notNull().default(0),
    createdAt: instant('created_at').notNull(),
    expiresAt: instant('expires_at').notNull(),
    endedBy: text('ended_by', { enum: PHONE_SIDES }),
  },
  (table) => [index('phone_mailboxes_expires_at').on(table.expiresAt)],
);

/** Messages that wait for the other side. */
export const phoneMessages = pgTable(
  'phone_messages',
  {
    mailboxId: text('mailbox_id')
      .notNull()
      .references(() => phoneMailboxes.id, { onDelete: 'cascade' }),
    side: text('side', { enum: PHONE_SIDES }).notNull(),
    /** From 0, each side's own. */
    seq: integer('seq').notNull(),
    sealed: text('sealed').notNull(),
    expiresAt: instant('expires_at').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.mailboxId, table.side, table.seq] }),
    index('phone_messages_expires_at').on(table.expiresAt),
  ],
);

/** DPoP proofs seen, until they would be too old anyway. */
export const dpopSeen = pgTable(
  'dpop_seen',
  {
    jkt: text('jkt').notNull(),
    jti: text('jti').notNull(),
    expiresAt: instant('expires_at').notNull(),
  },
  (table) => [primaryKey({ columns: [table.jkt, table.jti] }), index('dpop_seen_expires_at').on(table.expiresAt)],
);
