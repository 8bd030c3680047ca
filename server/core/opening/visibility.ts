// Who may see which withheld field, and from when: the one place that decides it, for frames, answers and exports alike.
import { EVENTS, type EventType } from './events.ts';
import { AUDIENCES, type FieldRules } from './field-rules.ts';
import type { PersonRole } from './roles.ts';
import type { OpeningState } from './state.ts';

/** Who looks: a role in this opening, for a bidder its number once it has one, and the objections it raised without a number. */
export type Viewer = { readonly role: PersonRole; readonly bidder?: number; readonly objections?: readonly number[] };

export type FieldRef = { readonly type: EventType; readonly field: string; readonly body: unknown };

function rulesOf(type: EventType, field: string): FieldRules {
  const rules: Readonly<Record<string, FieldRules>> = EVENTS[type].withheld;
  const found = rules[field];
  if (found === undefined) throw new Error(`${type} withholds no ${field}`);
  return found;
}

/** Has the event that releases this field happened, and does the policy let it out? */
function isReleased(rule: FieldRules[number], body: unknown, state: OpeningState): boolean {
  if (rule.unless === 'prices_secret' && !state.policy.publicPrices) return false;
  switch (rule.from) {
    case 'at_once':
      return true;
    case 'RosterPublished':
      return state.bids.length > 0;
    case 'QuotesReleased': {
      const round = roundOf(body);
      return round !== null && state.quoteRounds.some((held) => held.round === round && held.rows !== null);
    }
  }
}

/** The round that an entry names; null where it names none. */
export function roundOf(body: unknown): unknown {
  return typeof body === 'object' && body !== null && 'round' in body ? body.round : null;
}

/** Entries about a bidder by which others acted: their person, source and act are not the bidder's to see. */
const BY_OTHERS: readonly EventType[] = ['RulingGiven', 'Muted', 'Unmuted'];

/** Is this the viewer's own entry? Then the bidder sees all of it: who, from where, with which act and reasons. */
function isOwn(viewer: Viewer, ref: FieldRef): boolean {
  const { type, body } = ref;
  if (isAboutOwnObjection(viewer, ref)) return true;
  if (viewer.bidder === undefined || BY_OTHERS.includes(type)) return false;
  if (typeof body !== 'object' || body === null || !('bidder' in body) || body.bidder !== viewer.bidder) return false;
  // in its own thread a bidder reads what the host says, and no more of the host
  return type !== 'SaidInPrivate' || !('by' in body) || body.by === 'bidder' || ref.field === 'text';
}

/** Whoever objected without a number sees its own words and those of the answer; the person who answered is not its to see. */
function isAboutOwnObjection({ objections = [] }: Viewer, { type, field, body }: FieldRef): boolean {
  const isSaid = type === 'ObjectionRaised' || type === 'AnswerDisputed';
  if (!isSaid && !(type === 'ObjectionAnswered' && field === 'text')) return false;
  if (typeof body !== 'object' || body === null || !('objection' in body)) return false;
  return objections.some((own) => own === body.objection);
}

/**
 * May this viewer see this field now?
 *
 * Source: domain §3; 20号令 art. 21, 49, 54(1).
 * Why:    asked of the field's audience first, so that what a whole role may see is the same for everyone in it.
 */
export function canSee(viewer: Viewer, ref: FieldRef, state: OpeningState): boolean {
  return roleSees(viewer.role, ref, state) || isOwn(viewer, ref);
}

/** What everyone of a role sees alike: the part of a frame that is truly shared. */
export function roleSees(role: PersonRole, ref: FieldRef, state: OpeningState): boolean {
  return rulesOf(ref.type, ref.field).some((rule) => isReleased(rule, ref.body, state) && isIn(role, rule.to));
}

function isIn(role: PersonRole, audience: keyof typeof AUDIENCES): boolean {
  const roles: readonly PersonRole[] = AUDIENCES[audience];
  return roles.includes(role);
}

/** Fields of earlier entries that this event releases: the type of the earlier event and its fields. */
export const RELEASES: Readonly<
  Partial<Record<EventType, { readonly type: EventType; readonly fields: readonly string[] }>>
> = {
  RosterPublished: { type: 'BidsSealed', fields: ['lodgements', 'counts'] },
  /** Those of its own round. */
  QuotesReleased: { type: 'QuoteReceived', fields: ['who', 'source', 'act', 'quoter', 'sealed'] },
};

/**
 * The roles whose shared view differs from the public's; rooms keep one frame for each of these classes.
 *
 * Returns: the same name for two roles exactly when every field rule treats them alike.
 */
export function sightOf(role: PersonRole): string {
  return (Object.keys(AUDIENCES) as (keyof typeof AUDIENCES)[]).filter((a) => isIn(role, a)).join('+') || 'hashes';
}
