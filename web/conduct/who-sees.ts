/** Who will see what of an opening, and from which phase on: asked of the rules that the server shows everything by. */
import type { EventType } from '../../server/core/opening/events.ts';
import type { Phase } from '../../server/core/opening/phases.ts';
import type { Policy } from '../../server/core/opening/policy.ts';
import type { PersonRole } from '../../server/core/opening/roles.ts';
import type { OpeningState } from '../../server/core/opening/state.ts';
import { roleSees } from '../../server/core/opening/visibility.ts';

/** Those who look, the least trusted first; the operator sees digests only. */
export const VIEWERS = [
  'public',
  'bidder',
  'tenderer',
  'host',
  'witness',
  'supervisor',
  'auditor',
  'operator',
] as const satisfies readonly PersonRole[];
export type Viewer = (typeof VIEWERS)[number];

type TopicRule = {
  readonly type: EventType;
  readonly field: string;
  /** When it comes to be. */
  readonly since: Phase;
  /** A later entry that says the same again, to more people. */
  readonly again?: { readonly type: EventType; readonly field: string; readonly since: Phase };
  /** Only in openings whose policy has it. */
  readonly when?: (policy: Policy) => boolean;
};

/** What people ask about, each by the field of the log that holds it. */
export const TOPICS = {
  bids: { type: 'BidsSealed', field: 'lodgements', since: 'Sealed' },
  roster: { type: 'RosterPublished', field: 'roster', since: 'RosterPublished' },
  numbers: {
    type: 'RosterPublished',
    field: 'numbers',
    since: 'RosterPublished',
    again: { type: 'PricesAnnounced', field: 'numbers', since: 'Announcing' },
  },
  prices: { type: 'PricesAnnounced', field: 'rows', since: 'Announcing' },
  quotes: {
    type: 'QuotesReleased',
    field: 'rows',
    since: 'QuoteRound',
    when: ({ quoteRounds }) => quoteRounds !== undefined,
  },
  record: { type: 'RecordIssued', field: 'record', since: 'RecordConfirm' },
  publicRecord: { type: 'RecordIssued', field: 'publicRecord', since: 'RecordConfirm' },
  // officials speak in public from the publication on, bidders once they have a number
  chat: { type: 'Said', field: 'text', since: 'Scheduled' },
  questions: { type: 'SaidInPrivate', field: 'text', since: 'RosterPublished' },
  objections: { type: 'ObjectionRaised', field: 'text', since: 'RosterPublished' },
  rulings: { type: 'RulingGiven', field: 'reason', since: 'Attribution' },
  people: { type: 'OpeningCreated', field: 'assignments', since: 'Draft' },
  who: { type: 'OpeningPublished', field: 'who', since: 'Scheduled' },
  source: { type: 'OpeningPublished', field: 'source', since: 'Scheduled' },
} as const satisfies Record<string, TopicRule>;
export type Topic = keyof typeof TOPICS;
const TOPIC_NAMES = Object.keys(TOPICS) as readonly Topic[];

export type Sight = {
  readonly topic: Topic;
  /** The phase from which each of them sees it; null: never, as long as nobody shows it to them. */
  readonly from: Readonly<Record<Viewer, Phase | null>>;
};

/** What each role will see under this policy, in the order of the course. A bidder's own things are always its to see. */
export function whoSees(policy: Policy): Sight[] {
  return TOPIC_NAMES.filter((topic) => {
    const rule: TopicRule = TOPICS[topic];
    return rule.when === undefined || rule.when(policy);
  }).map((topic) => ({
    topic,
    from: Object.fromEntries(VIEWERS.map((role) => [role, fromWhen(role, TOPICS[topic], policy)])) as Sight['from'],
  }));
}

function fromWhen(role: Viewer, rule: TopicRule, policy: Policy): Phase | null {
  return seenFrom(role, rule, policy) ?? (rule.again === undefined ? null : seenFrom(role, rule.again, policy));
}

function seenFrom(role: Viewer, { type, field, since }: TopicRule, policy: Policy): Phase | null {
  const body = { round: 1 };
  const sees = (released: { roster: boolean; quotes: boolean }): boolean => {
    // what the rules of sight ask of a state, and nothing else
    const state = {
      policy,
      bids: released.roster ? [{}] : [],
      quoteRounds: [{ round: 1, rows: released.quotes ? [] : null }],
    } as unknown as OpeningState;
    return roleSees(role, { type, field, body }, state);
  };
  if (sees({ roster: false, quotes: false })) return since;
  if (sees({ roster: true, quotes: false })) return since === 'Sealed' ? 'RosterPublished' : since;
  return sees({ roster: true, quotes: true }) ? 'QuoteRound' : null;
}
