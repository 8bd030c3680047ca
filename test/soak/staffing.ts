/** Changes of staff in a simulation: in some openings the tenderer sends another host after the publication, takes the first one's role back, and now and then brings him back. */
import type { Json } from '../../server/core/log/canonical.ts';
import { phaseCell } from '../../server/core/opening/phases.ts';
import type { AssignableRole } from '../../server/core/opening/roles.ts';
import { holds } from '../../server/core/opening/staff.ts';
import type { OpeningState } from '../../server/core/opening/state.ts';
import type { Chance } from './chance.ts';
import type { Person, Town } from './people.ts';
import type { Mind, Wish } from './programs.ts';

export type Staffing = {
  /** Who may be sent; null where the staff stays as it is. */
  readonly deputy: Person | null;
  /** Whether a person holds the role it acts in; whoever does not, stays silent. */
  mayAct(person: Person, state: OpeningState): boolean;
  /** What somebody wants of it; undefined when nothing. */
  wish(person: Person, state: OpeningState, mind: Mind): Wish | undefined;
};

/** Share of the openings, and of the tenderer's looks at which something is changed in them. */
const CHANGING = 0.2;
const SENDING = 0.15;
/** What is asked of the log though it cannot be. */
const REFUSED: readonly ((town: Town) => readonly [type: string, account: string, role: AssignableRole])[] = [
  ({ staff }) => ['AssignRole', staff.witness.who.account, 'host'],
  ({ staff }) => ['AssignRole', staff.supervisor.who.account, 'witness'],
  ({ staff }) => ['WithdrawRole', staff.tenderer.who.account, 'tenderer'],
  () => ['AssignRole', 'nobody', 'tenderer'],
];

export function createStaffing(chance: Chance, town: Town): Staffing {
  const deputy = chance.happens(CHANGING) ? town.deputy : null;
  const holdsRole = ({ staff }: OpeningState, { who, role }: Person): boolean =>
    staff.known && holds(staff.value, who.account, role as AssignableRole);
  const change = (type: string, account: string, role: AssignableRole): Wish => {
    const data: Json = { account, role, ...(type === 'WithdrawRole' && { reason: '人员调整' }) };
    return { type, data };
  };

  return {
    deputy,
    // Bidders hold no role, and who is shown no staff holds what it was given at the creation.
    mayAct: (person, state) => person.role === 'bidder' || !state.staff.known || holdsRole(state, person),
    wish({ role }, state, mind) {
      if (deputy === null || role !== 'tenderer' || mind.isLate) return undefined;
      if (state.phase === 'Draft' || phaseCell(state.phase, 'AssignRole') !== 'yes') return undefined;
      if (mind.chance.happens(mind.temper.unlawful)) return change(...mind.chance.pick(REFUSED)(town));
      if (!mind.chance.happens(SENDING)) return undefined;
      const [first, second] = [town.staff.host, deputy] as const;
      if (!holdsRole(state, second)) return change('AssignRole', second.who.account, 'host');
      if (holdsRole(state, first)) return change('WithdrawRole', first.who.account, 'host');
      return change('AssignRole', first.who.account, 'host');
    },
  };
}
