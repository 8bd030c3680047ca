/** What one sight class is shown of a stretch of the log, and what of it only one of them sees; it reads nothing and sends nothing. */
import type { Entry } from '../core/log/entry.ts';
import type { EventType } from '../core/opening/events.ts';
import type { PersonRole } from '../core/opening/roles.ts';
import type { OpeningState } from '../core/opening/state.ts';
import { canSee, RELEASES, roleSees, roundOf } from '../core/opening/visibility.ts';

/** An entry with all its disclosures, as the store holds them: never to leave the server whole. */
export type HeldEntry = {
  readonly seq: number;
  /** The exact leaf text. */
  readonly text: string;
  readonly entry: Entry;
  readonly type: EventType;
  readonly disclosures: readonly { readonly field: string; readonly disclosure: string }[];
};

/** Whose own disclosures: a bidder's by its number, those of one who objected without a number by its credit code. */
export type Owner = number | string;

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
    const fields = stretch.flatMap((later) => (releases(later, entry) ? (RELEASES[later.type]?.fields ?? []) : []));
    add(shown, entry, (field) => fields.includes(field) && roleSees(role, refOf(entry, field), state));
  }
  for (const entry of stretch) add(shown, entry, (field) => roleSees(role, refOf(entry, field), state));
  return shown;
}

/** Does the later entry release fields of the earlier one? Where both name a round it is the same. */
function releases(later: HeldEntry, earlier: HeldEntry): boolean {
  const isOfType = RELEASES[later.type]?.type === earlier.type;
  return isOfType && roundOf(later.entry.body) === roundOf(earlier.entry.body);
}

/**
 * What each owner sees of a stretch beyond what everyone of its role sees: its own acts, evidence and reasons.
 *
 * Shape: `role` is the one the owner reads in; `objections` are the opening's as far as they are known by now, which may be more
 *        than `state` has, since that is the one the stretch is shown by.
 */
export function ownDisclosures(
  role: PersonRole,
  stretch: readonly HeldEntry[],
  state: OpeningState,
  objections: OpeningState['objections'],
): Map<Owner, DisclosuresBySeq> {
  const own = new Map<Owner, DisclosuresBySeq>();
  for (const entry of stretch) {
    const owner = ownerOf(entry, objections);
    if (owner === null) continue;
    const shown = own.get(owner.is) ?? {};
    add(shown, entry, (field) => {
      const ref = refOf(entry, field);
      return canSee({ role, ...owner.sees }, ref, state) && !roleSees(role, ref, state);
    });
    if (Object.keys(shown).length > 0) own.set(owner.is, shown);
  }
  return own;
}

/** Whose entry it is: the bidder's whose number it bears, or the company's that raised the objection it is about without one. */
function ownerOf({ type, entry }: HeldEntry, objections: OpeningState['objections']) {
  const { bidder, objection: number } = entry.body;
  if (typeof bidder === 'number') return { is: bidder, sees: { bidder } };
  if (typeof number !== 'number' || !ABOUT_OBJECTIONS.has(type)) return null;
  const objection = objections[number - 1];
  if (objection?.bidder !== null || !objection.raisedBy.known) return null;
  return { is: objection.raisedBy.value, sees: { objections: [number] } };
}

const ABOUT_OBJECTIONS: ReadonlySet<EventType> = new Set(['ObjectionRaised', 'ObjectionAnswered', 'AnswerDisputed']);

function refOf({ type, entry }: HeldEntry, field: string) {
  return { type, field, body: entry.body };
}

function add(shown: DisclosuresBySeq, { seq, disclosures }: HeldEntry, isShown: (field: string) => boolean): void {
  const texts = disclosures.filter(({ field }) => isShown(field)).map(({ disclosure }) => disclosure);
  if (texts.length > 0) shown[seq] = texts;
}
