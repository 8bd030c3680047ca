/** From an event that was decided to the bytes of its entry: salts, commitments, and the event as the fold will read it. */

import { checkCompiled } from '../compiled-check.ts';
import type { PersonAct } from '../core/log/act.ts';
import type { Json } from '../core/log/canonical.ts';
import { makeDisclosure, SALT_BYTES } from '../core/log/disclosure.ts';
import { type Entry, encodeEntry } from '../core/log/entry.ts';
import { formatInstant } from '../core/log/instant.ts';
import { EVENTS, type LoggedEvent, type NewEvent } from '../core/opening/events.ts';
import { readEvent } from '../core/opening/read-event.ts';
import type { Role } from '../core/opening/roles.ts';
import { sha256 } from '../hash.ts';
import { bytesOfText, nativeWriter } from '../native-text.ts';
import type { Source, Who } from './submission.ts';

/** Who stands behind an entry; a machine's has neither name, source nor signature. */
export type Author = {
  readonly role: Role;
  readonly command: string;
  readonly receivedAt: number | null;
  readonly person: { readonly who: Who; readonly source: Source; readonly act: PersonAct } | null;
};

export type MadeEntry = {
  readonly bytes: Uint8Array;
  readonly disclosures: readonly { readonly field: string; readonly disclosure: string }[];
  readonly event: LoggedEvent;
};

/**
 * One entry.
 *
 * Shape:  the withheld fields are exactly those of the event's type; a machine's who, source and act are null, salted like any value.
 * Throws: where the event does not fit its own catalogue; a fault of the rules, found before anything is written.
 */
export function makeEntry(
  log: string,
  seq: number,
  at: number,
  event: NewEvent,
  author: Author,
  randomBytes: (length: number) => Uint8Array,
): MadeEntry {
  const values: Record<string, Json> = {};
  const own: Readonly<Record<string, unknown>> = { ...author.person, ...event.fields };
  for (const field of Object.keys(EVENTS[event.type].withheld)) values[field] = (own[field] ?? null) as Json;
  const commit: Record<string, string> = {};
  const disclosures = Object.entries(values).map(([field, value]) => {
    const { disclosure, digest } = makeDisclosure(sha256, randomBytes(SALT_BYTES), field, value, nativeWriter);
    commit[field] = digest;
    return { field, disclosure };
  });
  const entry: Entry = {
    v: 1,
    log,
    seq,
    at: formatInstant(at),
    ...(author.receivedAt === null ? {} : { receivedAt: formatInstant(author.receivedAt) }),
    type: event.type,
    actor: { role: author.role },
    command: author.command,
    body: event.body as Entry['body'],
    commit,
  };
  return { bytes: encodeEntry(entry, bytesOfText), disclosures, event: readEvent(entry, values, checkCompiled) };
}
