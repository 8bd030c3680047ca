/** What the public log of an opening says that its register must have held: what the ledger's batches are held against. */
import * as Type from 'typebox';
import { Check } from 'typebox/schema';
import type { Entry } from '../../core/log/entry.ts';
import { parseInstant, readInstant } from '../../core/log/instant.ts';
import { fitsField } from '../../core/opening/fields.ts';
import type { RegisterCounts, RosterRow } from '../../core/opening/rows.ts';

const Instant = Type.Integer();
const InstantOrNull = Type.Union([Instant, Type.Null()]);

/** Instants in ms, by the platform's clock: batches and openings are dated by the same. */
export const RegisterFacts = Type.Object(
  {
    /** From when acts were taken; null before the publication. */
    publishedAt: InstantOrNull,
    /** The deadline that the sealing names, and when it was sealed. */
    deadlineAt: InstantOrNull,
    sealedAt: InstantOrNull,
    /** From when none were taken any more: roster, failure or abortion. */
    registerEndsAt: InstantOrNull,
    endedAt: InstantOrNull,
    isHandedOver: Type.Boolean(),
    /** Receipts, withdrawals and check-ins that are public: so many acts there were at least; null while counts or roster are withheld. */
    leastActs: Type.Union([Type.Integer({ minimum: 0 }), Type.Null()]),
    /** When the bids that stood were received, in order. */
    lodgedAt: Type.Array(Instant),
  },
  { additionalProperties: false },
);
export type RegisterFacts = Type.Static<typeof RegisterFacts>;

export const NO_FACTS: RegisterFacts = {
  publishedAt: null,
  deadlineAt: null,
  sealedAt: null,
  registerEndsAt: null,
  endedAt: null,
  isHandedOver: false,
  leastActs: null,
  lodgedAt: [],
};

/** Entry types that say anything of it. */
export const FACT_TYPES: ReadonlySet<string> = new Set([
  'OpeningPublished',
  'BidsSealed',
  'RosterPublished',
  'TenderFailed',
  'OpeningAborted',
  'OpeningArchived',
]);

/** The facts after one more entry that holds, with what is disclosed of it. */
export function learnFacts(facts: RegisterFacts, entry: Entry, disclosed: Record<string, unknown>): RegisterFacts {
  const at = parseInstant(entry.at);
  switch (entry.type) {
    case 'OpeningPublished':
      return { ...facts, publishedAt: facts.publishedAt ?? at };
    case 'BidsSealed': {
      const { counts } = disclosed;
      const isShown = fitsField('BidsSealed', 'counts', counts, Check);
      const { receipts, withdrawn } = isShown ? (counts as RegisterCounts) : { receipts: 0, withdrawn: 0 };
      const deadlineAt = readInstant(String(entry.body['effectiveAt'])) ?? null;
      return { ...facts, sealedAt: at, deadlineAt, leastActs: isShown ? receipts + withdrawn : null };
    }
    case 'RosterPublished': {
      const { roster } = disclosed;
      const isShown = fitsField('RosterPublished', 'roster', roster, Check);
      const rows = isShown ? (roster as RosterRow[]) : [];
      const checkIns = rows.filter(({ checkedIn }) => checkedIn).length;
      // what is of the form and no date is the platform's fault, and none to build on
      const dated = rows.flatMap((row) => readInstant(row.lodgedAt) ?? []);
      const lodgedAt = dated.sort((a, b) => a - b);
      const leastActs = facts.leastActs === null || !isShown ? null : facts.leastActs + checkIns;
      return { ...facts, registerEndsAt: facts.registerEndsAt ?? at, leastActs, lodgedAt };
    }
    case 'TenderFailed':
    case 'OpeningAborted':
      return { ...facts, registerEndsAt: facts.registerEndsAt ?? at };
    case 'OpeningArchived':
      return { ...facts, endedAt: at, isHandedOver: entry.body['reason'] === 'handed_over' };
    default:
      return facts;
  }
}
