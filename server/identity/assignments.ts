/** Who holds which role in which opening; a bidder's role is not given but follows from the register. */

import { and, asc, eq, isNull } from 'drizzle-orm';
import type { AssignableRole, PersonRole } from '../core/opening/roles.ts';
import { assignments } from '../store/schema/identity.ts';
import type { World } from '../world.ts';
import { type Account, findAccount } from './accounts.ts';
import type { Db } from './database.ts';
import { type Refused, refuse } from './refusals.ts';

type Dependencies = { readonly db: Db; readonly world: Pick<World, 'now'> };
/** Whether the account stands in the opening's register; handed in by who keeps it. */
export type IsBidder = (openingId: string, account: string) => Promise<boolean>;

export type Assignment = { readonly openingId: string; readonly account: string; readonly role: AssignableRole };

/**
 * Gives an account a role in an opening; a role it holds already is given again without a word.
 *
 * Refuses: may_not_assign, account_unknown, account_disabled, not_official, host_and_witness.
 * Source:  domain §3, hard rules: one person cannot be host and witness of the same opening.
 * Why:     the last check is a unique index over the person, so two requests at one moment cannot both pass it.
 */
export async function assignRole(
  { db, world }: Dependencies,
  { by, ...assignment }: Assignment & { readonly by: string },
): Promise<{ ok: true } | Refused> {
  if (!(await mayAssign({ db }, by, assignment))) return refuse('may_not_assign');
  return insertAssignment({ db, world }, assignment, by);
}

/**
 * Makes the official who creates an opening its host; called with the creation, in its transaction.
 *
 * Refuses: as assignRole.
 */
export async function assignFounder(
  { db, world }: Dependencies,
  { openingId, account }: { openingId: string; account: string },
): Promise<{ ok: true } | Refused> {
  return insertAssignment({ db, world }, { openingId, account, role: 'host' }, account);
}

async function mayAssign({ db }: Pick<Dependencies, 'db'>, by: string, { openingId, role }: Assignment) {
  const giver = await findAccount({ db }, by);
  if (giver === undefined || giver.disabledAt !== null) return false;
  if (giver.kind === 'operator') return true;
  return role === 'tenderer' && (await assignedRoles({ db }, { openingId, account: by })).includes('host');
}

async function insertAssignment(
  { db, world }: Dependencies,
  assignment: Assignment,
  assignedBy: string,
): Promise<{ ok: true } | Refused> {
  const account = await findAccount({ db }, assignment.account);
  if (account === undefined) return refuse('account_unknown');
  if (account.disabledAt !== null) return refuse('account_disabled');
  if (account.kind !== 'official') return refuse('not_official');
  const row = { ...assignment, person: personOf(account), assignedBy, assignedAt: world.now() };
  const inserted = await db.insert(assignments).values(row).onConflictDoNothing().returning({ id: assignments.id });
  if (inserted.length > 0) return { ok: true };
  const held = await assignedRoles({ db }, assignment);
  return held.includes(assignment.role) ? { ok: true } : refuse('host_and_witness');
}

/** The same text for all accounts of one human being: a person may hold certificates of two organisations. */
function personOf({ id, personId }: Account): string {
  return personId ?? id;
}

/**
 * Takes a role back; the row stays with the instant.
 *
 * Refuses: not_operator, not_assigned.
 */
export async function withdrawRole(
  { db, world }: Dependencies,
  { by, openingId, account, role }: Assignment & { readonly by: string },
): Promise<{ ok: true } | Refused> {
  const giver = await findAccount({ db }, by);
  if (giver?.kind !== 'operator' || giver.disabledAt !== null) return refuse('not_operator');
  const changed = await db
    .update(assignments)
    .set({ withdrawnBy: by, withdrawnAt: world.now() })
    .where(
      and(
        eq(assignments.openingId, openingId),
        eq(assignments.account, account),
        eq(assignments.role, role),
        isNull(assignments.withdrawnAt),
      ),
    )
    .returning({ id: assignments.id });
  return changed.length === 0 ? refuse('not_assigned') : { ok: true };
}

/** The roles an account was given in an opening and still holds. */
export async function assignedRoles(
  { db }: Pick<Dependencies, 'db'>,
  { openingId, account }: { openingId: string; account: string },
): Promise<AssignableRole[]> {
  const rows = await db
    .select({ role: assignments.role })
    .from(assignments)
    .where(and(eq(assignments.openingId, openingId), eq(assignments.account, account), isNull(assignments.withdrawnAt)))
    .orderBy(asc(assignments.id));
  return rows.map(({ role }) => role);
}

/** Everyone who holds a role in an opening, in the order in which they were given. */
export async function assignmentsOf({ db }: Pick<Dependencies, 'db'>, openingId: string): Promise<Assignment[]> {
  return db
    .select({ openingId: assignments.openingId, account: assignments.account, role: assignments.role })
    .from(assignments)
    .where(and(eq(assignments.openingId, openingId), isNull(assignments.withdrawnAt)))
    .orderBy(asc(assignments.id));
}

/**
 * Whether an account may stand in an opening as this.
 *
 * Why: asked at every command and ticket, because roles are not in the token: a role taken back is gone at once.
 */
export async function holdsRole(
  { db, isBidder }: Pick<Dependencies, 'db'> & { isBidder: IsBidder },
  { openingId, account, role }: { openingId: string; account: string; role: PersonRole },
): Promise<boolean> {
  switch (role) {
    case 'public':
      return true;
    case 'bidder':
      return isBidder(openingId, account);
    case 'operator':
      return (await findAccount({ db }, account))?.kind === 'operator';
    case 'tenderer':
    case 'host':
    case 'witness':
    case 'supervisor':
    case 'auditor':
      return (await assignedRoles({ db }, { openingId, account })).includes(role);
  }
}
