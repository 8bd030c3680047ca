// Who may see a withheld field, and from when: the few rules that every event's fields are made of.
import type { PersonRole } from './roles.ts';

/** Who may see a withheld field; the bidder who acted sees it in any case. The operator sees hashes only (domain §3). */
export const AUDIENCES = {
  public: ['bidder', 'tenderer', 'host', 'witness', 'supervisor', 'auditor', 'public'],
  participants: ['bidder', 'tenderer', 'host', 'witness', 'supervisor', 'auditor'],
  conducting: ['tenderer', 'host', 'witness', 'supervisor', 'auditor'],
  oversight: ['supervisor', 'auditor'],
  /** Who leads a bidder's private thread; officials read one only by a request with its reason (domain §3). */
  hosting: ['tenderer', 'host'],
} as const satisfies Record<string, readonly PersonRole[]>;
export type Audience = keyof typeof AUDIENCES;

/** From `at_once`, or from the later event whose commit releases the field; never to them where the policy keeps prices secret. */
export type FieldRule = {
  readonly to: Audience;
  readonly from: 'at_once' | 'RosterPublished' | 'QuotesReleased';
  readonly unless?: 'prices_secret';
};
export type FieldRules = readonly FieldRule[];

export const person = {
  who: [{ to: 'conducting', from: 'at_once' }],
  source: [{ to: 'oversight', from: 'at_once' }],
  act: [{ to: 'oversight', from: 'at_once' }],
} as const satisfies Record<string, FieldRules>;
export const toAll = [{ to: 'public', from: 'at_once' }] as const satisfies FieldRules;
export const toAllUnlessSecret = [
  { to: 'participants', from: 'at_once' },
  { to: 'public', from: 'at_once', unless: 'prices_secret' },
] as const satisfies FieldRules;
export const toParticipants = [{ to: 'participants', from: 'at_once' }] as const satisfies FieldRules;
export const toConducting = [{ to: 'conducting', from: 'at_once' }] as const satisfies FieldRules;
export const toHosting = [{ to: 'hosting', from: 'at_once' }] as const satisfies FieldRules;
export const toOversight = [{ to: 'oversight', from: 'at_once' }] as const satisfies FieldRules;
export const withRoster = [{ to: 'public', from: 'RosterPublished' }] as const satisfies FieldRules;
/** Who objected may be a bidder of a tender that has no roster: nobody who conducts or takes part learns the name before it. */
export const objector = {
  ...person,
  who: [
    { to: 'oversight', from: 'at_once' },
    { to: 'conducting', from: 'RosterPublished' },
  ],
} as const satisfies Record<string, FieldRules>;
/** What is said about an objection; without a roster the words themselves could name a bidder to the others. */
export const toThoseInTheRoom = [
  { to: 'conducting', from: 'at_once' },
  { to: 'participants', from: 'RosterPublished' },
] as const satisfies FieldRules;
