/** Whether what a viewer holds of an opening is what the server holds, as far as that viewer may know it. */
import { isDeepStrictEqual } from 'node:util';
import type { OpeningState } from '../../server/core/opening/state.ts';

const KNOWABLE = ['lodgements', 'counts', 'roster', 'numbers', 'prices'] as const;
/** What every reader must see of these once they are there, whoever it is. */
const FOR_ALL: readonly string[] = ['roster', 'prices'];

/** The first part of a viewer's state that is not the server's; parts it may not see are left out. */
export function differenceOf(state: OpeningState, server: OpeningState): string | null {
  for (const name of KNOWABLE) {
    const [mine, theirs] = [state[name], server[name]];
    if ((mine === null) !== (theirs === null)) return name;
    if (mine === null || theirs === null) continue;
    if (mine.known && !isDeepStrictEqual(mine, theirs)) return name;
    if (!mine.known && theirs.known && FOR_ALL.includes(name)) return `missing ${name}`;
  }
  return isDeepStrictEqual(clear(state), clear(server)) ? null : 'state';
}

/** What everybody may see of a state: what only some may know stands there as null, however deep it lies. */
function clear(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(clear);
  if ('known' in value && typeof value.known === 'boolean') return null;
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, clear(part)]));
}
