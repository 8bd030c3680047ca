/** Accounts: organisations and persons by credit code; bidders come in by their certificate, officials by the operator. */

import { and, eq, isNull, ne, sql } from 'drizzle-orm';
import type { Subject } from '../core/pki/subject.ts';
import { accounts, sessions } from '../store/schema/identity.ts';
import type { World } from '../world.ts';
import type { Db } from './database.ts';
import { type Outcome, type Refused, refuse } from './refusals.ts';

export type Account = typeof accounts.$inferSelect;
export type AccountKind = Account['kind'];

type Dependencies = { readonly db: Db; readonly world: Pick<World, 'now'> };

/** The account, or undefined. */
export async function findAccount({ db }: Pick<Dependencies, 'db'>, id: string): Promise<Account | undefined> {
  const [account] = await db.select().from(accounts).where(eq(accounts.id, id));
  return account;
}

/**
 * The account of a person who has just proven to hold a trusted certificate.
 *
 * Returns: the account, under the names the CA vouches for today; an organisation's is made here at its first login.
 * Refuses: account_unknown (a person's must be there before), account_disabled.
 */
export async function admitSubject(
  { db, world }: Dependencies,
  subject: Subject,
): Promise<Outcome<{ account: Account }>> {
  if (subject.personId === undefined)
    await db
      .insert(accounts)
      .values(rowOf(subject, 'bidder', null, world.now()))
      .onConflictDoNothing();
  const [account] = await db
    .update(accounts)
    .set({ organisation: subject.organisation, name: subject.name })
    .where(eq(accounts.id, subject.account))
    .returning();
  if (account === undefined) return refuse('account_unknown');
  return account.disabledAt === null ? { ok: true, account } : refuse('account_disabled');
}

/**
 * The operator lets an official, or a further operator, in.
 *
 * Refuses: not_operator, account_exists.
 */
export async function createOfficial(
  { db, world }: Dependencies,
  { by, subject, kind }: { by: string; subject: Subject; kind: Exclude<AccountKind, 'bidder'> },
): Promise<Outcome<{ account: Account }>> {
  if (!(await isOperator({ db }, by))) return refuse('not_operator');
  const [account] = await db
    .insert(accounts)
    .values(rowOf(subject, kind, by, world.now()))
    .onConflictDoNothing()
    .returning();
  return account === undefined ? refuse('account_exists') : { ok: true, account };
}

/**
 * Lets the first operator in: from the machine's own command line only, never over HTTP.
 *
 * Refuses: operator_exists; account_exists.
 */
export async function createFirstOperator(
  { db, world }: Dependencies,
  subject: Subject,
): Promise<Outcome<{ account: Account }>> {
  return db.transaction(async (transaction) => {
    // Two first operators at the same moment would be one too many.
    await transaction.execute(sql`select pg_advisory_xact_lock(hashtext('kaibiao first operator'))`);
    const [known] = await transaction.select().from(accounts).where(eq(accounts.kind, 'operator')).limit(1);
    if (known !== undefined) return refuse('operator_exists');
    const [account] = await transaction
      .insert(accounts)
      .values(rowOf(subject, 'operator', null, world.now()))
      .onConflictDoNothing()
      .returning();
    return account === undefined ? refuse('account_exists') : { ok: true, account };
  });
}

export type AccountChange = 'disable' | 'enable';

/**
 * Whether an operator may do this to an account now: asked before the ledger is told, and again when it is done.
 *
 * Refuses: not_operator, account_unknown, account_disabled, account_not_disabled, last_operator.
 */
export async function mayChangeAccount(
  { db }: Pick<Dependencies, 'db'>,
  { by, account: id, change }: { by: string; account: string; change: AccountChange },
): Promise<{ ok: true } | Refused> {
  if (!(await isOperator({ db }, by))) return refuse('not_operator');
  const account = await findAccount({ db }, id);
  if (account === undefined) return refuse('account_unknown');
  if (change === 'enable') return account.disabledAt === null ? refuse('account_not_disabled') : { ok: true };
  if (account.disabledAt !== null) return refuse('account_disabled');
  if (account.kind !== 'operator') return { ok: true };
  const isLeft = and(eq(accounts.kind, 'operator'), isNull(accounts.disabledAt), ne(accounts.id, id));
  const [left] = await db.select({ id: accounts.id }).from(accounts).where(isLeft).limit(1);
  return left === undefined ? refuse('last_operator') : { ok: true };
}

/**
 * The operator shuts an account, and ends its sessions; or opens it again, and it logs in anew. What it did stays.
 *
 * Refuses: as mayChangeAccount.
 * Why:     a bidder's account, too, for its key may be stolen; a decryption is taken from anybody who carries it in, so that
 *          nobody loses a bid by it (20号令 art. 54(5)).
 */
export async function changeAccount(
  { db, world }: Dependencies,
  what: { by: string; account: string; change: AccountChange },
): Promise<{ ok: true } | Refused> {
  return db.transaction(async (transaction) => {
    // Two operators who shut each other at the same moment would leave none.
    await transaction.execute(sql`select pg_advisory_xact_lock(hashtext('kaibiao accounts'))`);
    const may = await mayChangeAccount({ db: transaction }, what);
    if ('refused' in may) return may;
    const now = world.now();
    const isThisOne = eq(accounts.id, what.account);
    await transaction
      .update(accounts)
      .set({ disabledAt: what.change === 'disable' ? now : null })
      .where(isThisOne);
    if (what.change === 'disable') {
      const isOpen = and(eq(sessions.account, what.account), isNull(sessions.endedAt));
      await transaction.update(sessions).set({ endedAt: now }).where(isOpen);
    }
    return { ok: true };
  });
}
/** Whether this is an operator's account that is not shut. */
export async function isOperator({ db }: Pick<Dependencies, 'db'>, id: string): Promise<boolean> {
  const account = await findAccount({ db }, id);
  return account?.kind === 'operator' && account.disabledAt === null;
}

function rowOf(subject: Subject, kind: AccountKind, createdBy: string | null, createdAt: number) {
  const { account: id, creditCode, organisation, name, personId = null } = subject;
  return { id, creditCode, personId, organisation, name, kind, createdAt, createdBy, disabledAt: null };
}
