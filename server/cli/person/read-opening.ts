/** What an opening says by its own log: fetched to its newest head, checked to the root, folded here; never the server's word. */

import type { OpeningTerms } from '../../client/lodge-statement.ts';
import type { PersonRole } from '../../core/opening/roles.ts';
import type { OpeningState } from '../../core/opening/state.ts';
import type { Person, PersonLog } from './person.ts';
import { PersonError } from './person-error.ts';

/** Entries asked for at a time. */
const PAGE_ENTRIES = 200;

/**
 * Brings the copy of a log up to its newest head.
 *
 * Returns: the state there.
 * Throws:  PersonError log_is_behind when the server no longer shows what it has shown; what LogCopy.take throws.
 */
export async function catchUp(person: Person, openingId: string, role: PersonRole = 'public'): Promise<OpeningState> {
  const { copy } = await person.log(openingId, role);
  for (;;) {
    const page = await person.api.readEntries(openingId, copy.size() - 1, PAGE_ENTRIES, role);
    if (page.entries.length === 0) break;
    await copy.take(page);
    if (copy.size() >= page.size) break;
  }
  const held = copy.held();
  if (held === null) throw new PersonError('log_not_genuine', 'it has no entries');
  if (!(await copy.isCurrent())) throw new PersonError('log_is_behind');
  return held.state;
}

/** What a bidder must know of an opening to lodge a bid in it, as it stands on the log now. */
export type ReadOpening = {
  readonly state: OpeningState;
  readonly terms: OpeningTerms;
  readonly log: PersonLog;
};

/** Reads an opening. Throws: as catchUp. */
export async function readOpening(
  person: Person,
  openingId: string,
  role: PersonRole = 'public',
): Promise<ReadOpening> {
  const state = await catchUp(person, openingId, role);
  const { platform, policyHash, deadlineAt, details } = state;
  return {
    state,
    terms: { platform, openingId, lotId: details.lot.code, policyHash, deadlineAt },
    log: await person.log(openingId, role),
  };
}
