/** The tables of people: accounts, roles per opening, whom we trust, and the single-use secrets of login, requests and sockets. */
import { sql } from 'drizzle-orm';
import { check, index, integer, jsonb, pgTable, primaryKey, text, uniqueIndex } from 'drizzle-orm/pg-core';
import { PEOPLE } from '../../core/opening/roles.ts';
import type { SubjectRule } from '../../core/pki/subject.ts';
import { bytes, instant } from './columns.ts';

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

/** The CAs we trust, for what and from when to when; data, because a CA is added without a new release. */
export const trustAnchors = pgTable(
  'trust_anchors',
  {
    /** base64url SHA-256 of the certificate. */
    certSha256: text('cert_sha256').primaryKey(),
    label: text('label').notNull(),
    certificate: bytes('certificate').notNull(),
    purposes: text('purposes', { enum: ['sign', 'encrypt'] })
      .array()
      .notNull(),
    rule: jsonb('rule').$type<SubjectRule>().notNull(),
    /** What is made of its people's certificates when no list says whether they were revoked: core/pki/chain.ts, RevocationMode. */
    revocation: text('revocation', { enum: ['required', 'when_known'] })
      .notNull()
      .default('when_known'),
    /** OIDs of extended key usages, one of which a certificate that states any must state; null for those of core/pki. */
    extendedUsages: text('extended_usages').array(),
    /** OIDs of policies, one of which must hold from it down to the certificate; null when none is asked for. */
    policies: text('policies').array(),
    effectiveFromAt: instant('effective_from_at').notNull(),
    /** First instant at which it is trusted no more. */
    effectiveUntilAt: instant('effective_until_at'),
    addedBy: text('added_by').notNull(),
    addedAt: instant('added_at').notNull(),
  },
  (table) => [
    check('trust_anchors_dates', sql`${table.effectiveUntilAt} > ${table.effectiveFromAt}`),
    check('trust_anchors_revocation', sql`${table.revocation} in ('required', 'when_known')`),
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
