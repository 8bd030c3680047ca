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
import type { NewDisclosure } from '../store/append.ts';
import { type SplitDisclosure, splitAtLogin } from '../store/stored-disclosure.ts';
import type { Source, Who } from './submission.ts';

/** Who stands behind an entry; a machine's has neither name, source nor signature. */
export type Author = {
  readonly role: Role;
  readonly command: string;
  readonly receivedAt: number | null;
  readonly person: {
    readonly who: Who;
    readonly source: Source;
    readonly act: PersonAct;
    /** Of the act's login, when `logins` holds it already. */
    readonly loginSha256: Uint8Array | null;
  } | null;
};

export type MadeEntry = {
  readonly bytes: Uint8Array;
  readonly disclosures: readonly NewDisclosure[];
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
    let text = '';
    const { disclosure, digest } = makeDisclosure(sha256, randomBytes(SALT_BYTES), field, value, (json) => {
      text = json;
      return nativeWriter(json);
    });
    commit[field] = digest;
    // An entry may withhold the act of somebody else, whose login is not known to lie there.
    const split = value === author.person?.act ? splitOf(text, author.person) : null;
    return { field, disclosure, ...(split === null ? {} : { split }) };
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

/** The disclosure of an act without its login, where that lies in `logins`; null where it must be stored whole. */
function splitOf(text: string, person: Author['person']): SplitDisclosure | null {
  const login = person?.act.login;
  if (person === null || login === undefined || person.loginSha256 === null) return null;
  return splitAtLogin(text, login, person.loginSha256);
}
