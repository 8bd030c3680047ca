// Roles given and taken back after the opening was drafted: a witness falls ill, an agency sends another host.
import { needed, type Step } from '../decision.ts';
import { refuse } from '../refusals.ts';
import { holds, isBothSides, isLast, mayErase, mayGive } from '../staff.ts';

/**
 * Gives somebody a role in this opening.
 *
 * Shape:   once the opening is archived only to those by whom something is erased.
 * Refuses: who may not give this role, what is held already, an account that is none of an official's, host and witness in one.
 * Source:  domain §3, hard rules.
 */
export const assignRole: Step<'AssignRole'> = (state, { data, actor }, facts) => {
  const { account, role } = data;
  const isOver = state.phase === 'Archived';
  if (isOver && !mayErase(role)) return refuse('opening_is_over');
  if (!mayGive(actor.role, role)) return refuse('role_not_yours_to_give');
  // Who held a role may have been erased; the database then still refuses one who is both, or holds it already.
  const known = state.staff.known ? state.staff.value : isOver ? [] : null;
  const staff = needed(known, 'the staff');
  if (holds(staff, account, role)) return refuse('role_held_already');
  if (facts.assignee === null) return refuse('no_such_account');
  if (!facts.assignee.isOfficial) return refuse('assignee_not_official');
  if (facts.assignee.isDisabled) return refuse('assignee_disabled');
  if (isBothSides(staff, account, role)) return refuse('host_is_witness');
  return { events: [{ type: 'RoleAssigned', body: { role }, fields: { account } }] };
};

/** Takes a role back; a successor comes first, so that nobody's place stands empty for a moment. */
export const withdrawRole: Step<'WithdrawRole'> = (state, { data, actor }) => {
  const { account, role, reason } = data;
  if (!mayGive(actor.role, role)) return refuse('role_not_yours_to_give');
  const staff = needed(state.staff.known ? state.staff.value : null, 'the staff');
  if (!holds(staff, account, role)) return refuse('not_in_this_role');
  if (isLast(staff, role, state.phase === 'Draft')) return refuse('last_in_role');
  return { events: [{ type: 'RoleWithdrawn', body: { role }, fields: { account, reason } }] };
};
