/** Which signed commands may stand behind an entry, and under which command id: most often the entry's own. */
import type { PersonAct } from '../core/log/act.ts';
import { fromBase64Url } from '../core/log/base64.ts';
import { isJsonObject } from '../core/log/canonical.ts';
import type { Entry } from '../core/log/entry.ts';
import { LogFormatError } from '../core/log/error.ts';
import { fromUtf8 } from '../core/log/utf8.ts';
import { ORIGINS } from '../core/opening/origins.ts';
import { isEventType } from '../core/opening/read-event.ts';

export type Expected = { readonly types: readonly string[]; readonly command: string };

/**
 * What the act of this entry must have asked for.
 *
 * Why: two entries carry an act that was not sent for them. An objection from before the roster enters with the roster, at the
 *      host's command, but the act and its id are the bidder's; a refused attempt is the platform's note of a bidder's try.
 */
export function signedTypesOf(entry: Entry, person: PersonAct): Expected {
  if (!isEventType(entry.type)) return { types: [], command: entry.command };
  if (entry.type === 'AttemptRefused') return { types: ['DecryptBid'], command: entry.command };
  if (entry.type === 'ObjectionRaised' && entry.actor.role !== 'bidder') {
    return { types: ['RaiseEarlyObjection'], command: commandOf(person) ?? entry.command };
  }
  return { types: ORIGINS[entry.type], command: entry.command };
}

/** The command id an act names, read before its signature is checked; a wrong one only makes the check fail. */
function commandOf(person: PersonAct): string | null {
  try {
    const payload: unknown = JSON.parse(fromUtf8(fromBase64Url(person.act.split('.')[1] ?? '')));
    return isJsonObject(payload) && typeof payload['command'] === 'string' ? payload['command'] : null;
  } catch (error) {
    if (error instanceof LogFormatError || error instanceof SyntaxError) return null;
    throw error;
  }
}
