/** What one sight class is shown of a stretch of the log, and what of it only one bidder sees; it reads nothing and sends nothing. */
import type { Entry } from '../core/log/entry.ts';
import type { EventType } from '../core/opening/events.ts';
import type { PersonRole } from '../core/opening/roles.ts';
import type { OpeningState } from '../core/opening/state.ts';
import { canSee, RELEASES, roleSees } from '../core/opening/visibility.ts';

/** An entry with all its disclosures, as the store holds them: never to leave the server whole. */
export type HeldEntry = {
  readonly seq: number;
  /** The exact leaf text. */
  readonly text: string;
  readonly entry: Entry;
  readonly type: EventType;
  readonly disclosures: readonly { readonly field: string; readonly disclosure: string }[];
};

/** Disclosures by the seq they belong to, as the wire has them. */
export type DisclosuresBySeq = Record<string, string[]>;

/** Types of entries whose fields a later event releases. */
export const RELEASED_TYPES: ReadonlySet<EventType> = new Set(Object.values(RELEASES).map(({ type }) => type));

/**
 * The earlier entries of which this stretch releases fields.
 *
 * Shape: `candidates` are all entries before the stretch whose type is in RELEASED_TYPES.
 */
export function releasedBy(
  stretch: readonly Pick<HeldEntry, 'type'>[],
  candidates: readonly { readonly seq: number; readonly type: EventType }[],
): number[] {
  const types = stretch.map(({ type }) => RELEASES[type]?.type);
  return candidates.filter(({ type }) => types.includes(type)).map(({ seq }) => seq);
}

/**
 * What everyone of a role is shown of a stretch.
 *
 * Shape: `earlier` are the entries that `releasedBy` named; `state` is the opening's after the stretch.
 */
export function sharedDisclosures(
  role: PersonRole,
  stretch: readonly HeldEntry[],
  earlier: readonly HeldEntry[],
  state: OpeningState,
): DisclosuresBySeq {
  const shown: DisclosuresBySeq = {};
  for (const entry of earlier) {
    const fields = stretch.flatMap(({ type }) => (RELEASES[type]?.type === entry.type ? RELEASES[type].fields : []));
    add(shown, entry, (field) => fields.includes(field) && roleSees(role, refOf(entry, field), state));
  }
  for (const entry of stretch) add(shown, entry, (field) => roleSees(role, refOf(entry, field), state));
  return shown;
}

/**
 * What each bidder sees of a stretch beyond what all bidders see: its own acts, evidence and reasons, by bidder number.
 */
export function ownDisclosures(stretch: readonly HeldEntry[], state: OpeningState): Map<number, DisclosuresBySeq> {
  const own = new Map<number, DisclosuresBySeq>();
  for (const entry of stretch) {
    const bidder = entry.entry.body['bidder'];
    if (typeof bidder !== 'number') continue;
    const viewer = { role: 'bidder', bidder } as const;
    const shown = own.get(bidder) ?? {};
    add(shown, entry, (field) => {
      const ref = refOf(entry, field);
      return canSee(viewer, ref, state) && !roleSees('bidder', ref, state);
    });
    if (Object.keys(shown).length > 0) own.set(bidder, shown);
  }
  return own;
}

function refOf({ type, entry }: HeldEntry, field: string) {
  return { type, field, body: entry.body };
}

function add(shown: DisclosuresBySeq, { seq, disclosures }: HeldEntry, isShown: (field: string) => boolean): void {
  const texts = disclosures.filter(({ field }) => isShown(field)).map(({ disclosure }) => disclosure);
  if (texts.length > 0) shown[seq] = texts;
}
