/** The text that came with an entry, for its sentence. */
import type { LoggedEvent } from '../../server/core/opening/events.ts';

/** The withheld field `text`, verbatim; null where this viewer may not read it. Never markup: whoever shows it escapes it. */
export function textIn(fields: LoggedEvent['fields']): string | null {
  const { text } = fields;
  return text?.known === true && typeof text.value === 'string' ? text.value : null;
}
