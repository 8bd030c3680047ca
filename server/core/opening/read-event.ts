// From an entry on the log to the event it says: catalogue, body schema and the fixed set of withheld fields, checked.
import { Check } from 'typebox/schema';
import type { Entry } from '../log/entry.ts';
import { parseInstant } from '../log/instant.ts';
import { CorruptLogError } from './corrupt-log.ts';
import { EVENTS, type EventType, type Knowable, type LoggedEvent, withheld } from './events.ts';
import { type CheckShape, fitsField } from './fields.ts';

export function isEventType(type: string): type is EventType {
  return Object.hasOwn(EVENTS, type);
}

/**
 * Withheld fields that logs begun before them do not have; there they are as if withheld.
 *
 * Why: an opening that is under way is read on by a newer server. A whole export must have them all the same (verify-evidence.ts).
 */
const ADDED_LATER: Partial<Record<EventType, readonly string[]>> = { RosterPublished: ['certificates'] };

/**
 * The event of one entry, with the fields this viewer was given.
 *
 * Throws: CorruptLogError when the type is not in the catalogue, the body is not of its schema, the withheld fields are
 *         not exactly those of the type, or a disclosed value that the fold keeps has not its shape (`fields.ts`).
 * Calls:  `check` in the place of `Check`, where a caller has a faster one that answers the same.
 */
export function readEvent(
  entry: Entry,
  disclosed: Readonly<Record<string, unknown>>,
  check: CheckShape = Check,
): LoggedEvent {
  const { seq, type } = entry;
  if (!isEventType(type)) throw new CorruptLogError(seq, `no event is called ${type}`);
  const rule = EVENTS[type];
  if (!check(rule.body, entry.body)) throw new CorruptLogError(seq, `the body is not a ${type}`);
  const names = Object.keys(rule.withheld).sort();
  const later = ADDED_LATER[type] ?? [];
  const asked = names.filter((name) => Object.hasOwn(entry.commit, name) || !later.includes(name));
  if (asked.join() !== Object.keys(entry.commit).sort().join())
    throw new CorruptLogError(seq, `a ${type} withholds ${names.join()}`);
  const fields: Record<string, Knowable<unknown>> = {};
  for (const name of names) {
    const isKnown = Object.hasOwn(disclosed, name);
    if (isKnown && !fitsField(type, name, disclosed[name], check))
      throw new CorruptLogError(seq, `no ${name} of a ${type}`);
    fields[name] = isKnown ? { known: true, value: disclosed[name] } : withheld;
  }
  const event = {
    seq,
    at: parseInstant(entry.at),
    ...(entry.receivedAt === undefined ? {} : { receivedAt: parseInstant(entry.receivedAt) }),
    type,
    body: entry.body,
    fields,
  };
  // The one place where checked data gets its type: body was held against the schema of exactly this type.
  return event as unknown as LoggedEvent;
}
