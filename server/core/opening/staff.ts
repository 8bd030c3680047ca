// Who holds which role in an opening, as its log says: the roles of genesis, and every change since.
import * as Type from 'typebox';
import type { Knowable } from './events.ts';
import { ASSIGNABLE, type AssignableRole, type Role } from './roles.ts';

export const AccountId = Type.String({ minLength: 1, maxLength: 60 });
export const AssignmentSchema = Type.Object(
  { account: AccountId, role: Type.Enum(ASSIGNABLE) },
  { additionalProperties: false },
);

/** `ended`: held once after the publication, and no more. */
export type StaffMember = Type.Static<typeof AssignmentSchema> & { readonly ended: boolean };
export type Staff = Knowable<readonly StaffMember[]>;

/** The roles of the tenderer's side, which names its own people. */
const TENDERERS_SIDE: readonly Role[] = ['host', 'tenderer'];
/** Without whom an opening cannot go on once it is published (20号令 art. 7(3), 53(2); 招投标法 art. 35). */
const NEEDED: readonly AssignableRole[] = ['host', 'tenderer', 'witness', 'supervisor'];

/**
 * May this role give or take that one?
 *
 * Why: host and tenderer are the tenderer's side, which answers for whom it sends, and either can replace the other who fell
 *      ill. The witness is the trading centre's, supervisor and auditor come from bodies that oversee that very side; so they
 *      are entered by the centre's operator, and never by those they watch. The operator names nobody who conducts.
 */
export function mayGive(giver: Role, role: AssignableRole): boolean {
  return TENDERERS_SIDE.includes(role) ? TENDERERS_SIDE.includes(giver) : giver === 'operator';
}

/**
 * The roles that something is erased by, and the only ones that are still given once an opening is archived.
 *
 * Why: fifteen years on, whoever was the witness or the supervisor has left. Without a successor nobody could confirm what the law then orders.
 */
export function mayErase(role: AssignableRole): boolean {
  return role === 'witness' || role === 'supervisor';
}

/** The same for all accounts of one human being: an account is a credit code, for a person followed by `/` and the person's id. */
export function personOf(account: string): string {
  return account.split('/')[1] ?? account;
}

export function holds(staff: readonly StaffMember[], account: string, role: AssignableRole): boolean {
  return staff.some((one) => !one.ended && one.account === account && one.role === role);
}

/**
 * Would this make one person host and witness of the opening?
 *
 * Why: of a published opening also one after the other, for then one person could have ruled on one bid as both.
 */
export function isBothSides(staff: readonly StaffMember[], account: string, role: AssignableRole): boolean {
  const other = ({ host: 'witness', witness: 'host' } as const)[role as 'host' | 'witness'];
  return staff.some((one) => one.role === other && personOf(one.account) === personOf(account));
}

/** Would nobody be left in a role that somebody must hold? In a draft only a host is needed, who may end it. */
export function isLast(staff: readonly StaffMember[], role: AssignableRole, isDraft: boolean): boolean {
  const left = staff.filter((one) => !one.ended && one.role === role).length - 1;
  return left < 1 && (isDraft ? role === 'host' : NEEDED.includes(role));
}

/** The staff of genesis. */
export function firstStaff(assignments: Knowable<readonly Type.Static<typeof AssignmentSchema>[]>): Staff {
  if (!assignments.known) return assignments;
  return { known: true, value: assignments.value.map((one) => ({ ...one, ended: false })) };
}

/** The staff with one more; unknown when either is. */
export function staffWith(staff: Staff, account: Knowable<string>, role: AssignableRole): Staff {
  if (!staff.known || !account.known) return { known: false };
  return { known: true, value: [...staff.value, { account: account.value, role, ended: false }] };
}

/** The staff with one less; what was held in a draft only is as if it had not been. */
export function staffWithout(staff: Staff, account: Knowable<string>, role: AssignableRole, isDraft: boolean): Staff {
  if (!staff.known || !account.known) return { known: false };
  const isIt = (one: StaffMember): boolean => !one.ended && one.account === account.value && one.role === role;
  const value = isDraft
    ? staff.value.filter((one) => !isIt(one))
    : staff.value.map((one) => (isIt(one) ? { ...one, ended: true } : one));
  return { known: true, value };
}
