/** Who may see what, and from when: the table of domain §3 as a golden, and its hard rules one by one. */
import { EVENT_TYPES, EVENTS, type EventType } from '../../../server/core/opening/events.ts';
import type { FieldRules } from '../../../server/core/opening/field-rules.ts';
import { FITS } from '../../../server/core/opening/fits.ts';
import type { Phase } from '../../../server/core/opening/phases.ts';
import { PEOPLE, type PersonRole } from '../../../server/core/opening/roles.ts';
import { canSee, RELEASES, roleSees, sightOf } from '../../../server/core/opening/visibility.ts';
import { quoteNow, reach } from '../../support/opening-phases.ts';
import t from '../../support/tap.ts';

const sealed = reach('Sealed').state;
/** Everything that a later event releases has been released. */
const open = quoteNow(reach('QuoteRound', { profile: 'rehearsal' }), 1).state;
const fieldsOf = (type: EventType): string[] => Object.keys(EVENTS[type].withheld);
const seen = (role: PersonRole, type: EventType, field: string, state = open) =>
  roleSees(role, { type, field, body: { round: 1 } }, state);

t.test('role × event field, before and after the roster', async (t) => {
  const lines = EVENT_TYPES.flatMap((type) =>
    fieldsOf(type).map((field) => {
      const mark = (role: PersonRole) =>
        seen(role, type, field, sealed) ? role : seen(role, type, field, open) ? `${role} later` : null;
      return `${type}.${field}: ${
        PEOPLE.map(mark)
          .filter((m) => m !== null)
          .join(', ') || 'nobody'
      }`;
    }),
  );
  t.matchSnapshot(lines.join('\n'));
});

t.test(
  'nothing of the sealed bids is seen before the roster, by anyone, supervisors included (20号令21)',
  async (t) => {
    for (const role of PEOPLE)
      for (const field of fieldsOf('BidsSealed')) {
        t.notOk(seen(role, 'BidsSealed', field, sealed), `${role} ${field}`);
        t.notOk(canSee({ role, bidder: 1 }, { type: 'BidsSealed', field, body: {} }, sealed));
      }
    t.ok(seen('public', 'BidsSealed', 'lodgements'), 'and by everyone with it');
    t.same(RELEASES, {
      RosterPublished: { type: 'BidsSealed', fields: ['lodgements', 'counts'] },
      QuotesReleased: { type: 'QuoteReceived', fields: ['who', 'source', 'act', 'quoter', 'sealed'] },
    });
  },
);

t.test('a failed tender never discloses its lodgements', async (t) => {
  const { state } = reach('Failed');
  for (const role of PEOPLE) t.notOk(seen(role, 'BidsSealed', 'lodgements', state), role);
  t.same(
    PEOPLE.filter((role) => seen(role, 'TenderFailed', 'report', state)),
    ['supervisor', 'auditor'],
  );
});

t.test('the release of a field happens where its rule says', async (t) => {
  // what never stands on a log before its roster is seen, or not, when it comes
  const sealedPhases: readonly Phase[] = ['Draft', 'Scheduled', 'CheckIn', 'Sealed', 'Postponed'];
  const earlier = EVENT_TYPES.filter(
    (type) =>
      type === 'BidsSealed' || type === 'QuoteReceived' || FITS[type].some((phase) => sealedPhases.includes(phase)),
  );
  const later = earlier.flatMap((type) =>
    Object.entries<FieldRules>(EVENTS[type].withheld).flatMap(([field, rules]) =>
      rules.filter((r) => r.from !== 'at_once').map((r) => [r.from, type, field]),
    ),
  );
  const released = Object.entries(RELEASES).flatMap(
    ([from, r]) => r?.fields.map((field) => [from, r.type, field]) ?? [],
  );
  t.same(later, released);
});

t.test('a bidder sees its own entries whole, and of another’s no more than all bidders', async (t) => {
  const mine = { role: 'bidder', bidder: 2 } as const;
  for (const field of ['who', 'source', 'act']) {
    const ref = (bidder: number) => ({ type: 'DecryptionReceived', field, body: { bidder } }) as const;
    t.ok(canSee(mine, ref(2), open), field);
    t.notOk(canSee(mine, ref(1), open), field);
    t.notOk(canSee({ role: 'bidder' }, ref(2), open), 'without a number there is no own');
  }
});

t.test('a ruling is about the bidder and not by it: the reason, not the persons', async (t) => {
  const mine = { role: 'bidder', bidder: 2 } as const;
  const ref = (field: string) => ({ type: 'RulingGiven', field, body: { bidder: 2 } }) as const;
  t.ok(canSee(mine, ref('reason'), open));
  for (const field of ['who', 'source', 'act']) t.notOk(canSee(mine, ref(field), open), field);
});

t.test('network addresses and signed acts go to oversight and their owner alone', async (t) => {
  for (const type of EVENT_TYPES)
    for (const field of fieldsOf(type).filter((f) => f === 'source' || f === 'act'))
      t.same(
        PEOPLE.filter((role) => seen(role, type, field)),
        ['supervisor', 'auditor'],
        `${type} ${field}`,
      );
});

t.test('prices, roster rows and the record are everyone’s at once', async (t) => {
  for (const [type, field] of [
    ['PricesAnnounced', 'rows'],
    ['RosterPublished', 'roster'],
    ['RecordIssued', 'record'],
  ] as const)
    for (const role of PEOPLE) t.equal(seen(role, type, field), role !== 'operator', `${role} ${type}`);
});

t.test('the numbers tell the public who is who only with the prices', async (t) => {
  t.notOk(seen('public', 'RosterPublished', 'numbers'));
  t.ok(seen('bidder', 'RosterPublished', 'numbers'));
  t.ok(seen('public', 'PricesAnnounced', 'numbers'));
});

t.test('the operator sees hashes', async (t) => {
  for (const type of EVENT_TYPES)
    for (const field of fieldsOf(type)) t.notOk(seen('operator', type, field), `${type} ${field}`);
  t.equal(sightOf('operator'), 'hashes');
});

t.test('two roles share a sight exactly when every field treats them alike', async (t) => {
  const viewOf = (role: PersonRole) =>
    EVENT_TYPES.flatMap((type) => fieldsOf(type).map((f) => `${type}.${f}=${seen(role, type, f)}`)).join();
  for (const a of PEOPLE)
    for (const b of PEOPLE) t.equal(sightOf(a) === sightOf(b), viewOf(a) === viewOf(b), `${a} ${b}`);
  t.equal(new Set(PEOPLE.map(sightOf)).size, 6);
});

t.test('a field that an event does not withhold is a fault', async (t) => {
  t.throws(() => roleSees('public', { type: 'WindowOpened', field: 'price', body: {} }, open), /withholds no price/);
});
