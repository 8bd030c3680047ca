/** Who holds which role in which opening; a bidder's role is not given but follows from the register. */

import { and, asc, eq, isNull } from 'drizzle-orm';
import type { AssignableRole, PersonRole } from '../core/opening/roles.ts';
import { assignments } from '../store/schema/identity.ts';
import { findAccount } from './accounts.ts';
import type { Db } from './database.ts';

/** Whether the account stands in the opening's register; handed in by who keeps it. */
export type IsBidder = (openingId: string, account: string) => Promise<boolean>;

/** The roles an account was given in an opening and still holds. */
export async function assignedRoles(
  { db }: { readonly db: Db },
  { openingId, account }: { openingId: string; account: string },
): Promise<AssignableRole[]> {
  const rows = await db
    .select({ role: assignments.role })
    .from(assignments)
    .where(and(eq(assignments.openingId, openingId), eq(assignments.account, account), isNull(assignments.withdrawnAt)))
    .orderBy(asc(assignments.id));
  return rows.map(({ role }) => role);
}

/**
 * Whether an account may stand in an opening as this.
 *
 * Why: asked at every command and ticket, because roles are not in the token: a role taken back is gone at once.
 */
export async function holdsRole(
  { db, isBidder }: { readonly db: Db } & { isBidder: IsBidder },
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
