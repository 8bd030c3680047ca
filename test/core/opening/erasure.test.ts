/** Erasure 个人信息删除: only behind the archive, on a ground the law knows, by two persons; what was bid, opened and recorded never. */
import { ERASABLE_FIELDS, isErasable, RETENTION_MS } from '../../../server/core/opening/erasure.ts';
import { ERASURE_BASES, type ErasureBasis } from '../../../server/core/opening/erasure-bases.ts';
import { EVENTS, type EventType } from '../../../server/core/opening/events.ts';
import { MAX_ERASURES } from '../../../server/core/opening/steps/erasure.ts';
import { audit, body, forge } from '../../support/opening-forgery.ts';
import { playTo, reach } from '../../support/opening-phases.ts';
import { bidder, host, operator, supervisor, tenderer, witness } from '../../support/opening-script.ts';
import t from '../../support/tap.ts';

const asked = (changes: { basis?: ErasureBasis } = {}) => ({
  seq: 1,
  field: 'source',
  basis: 'ordered' as ErasureBasis,
  reason: '法院裁定',
  ...changes,
});
const erased = () =>
  reach('Archived').go('ProposeErasure', asked(), witness).go('ConfirmErasure', { number: 1 }, supervisor);

t.test('proposed by one of the two who watch, confirmed by the other; nobody else', async (t) => {
  for (const [one, other] of [
    [witness, supervisor],
    [supervisor, witness],
  ] as const) {
    const s = reach('Archived').go('ProposeErasure', asked(), one);
    t.equal(s.refusal('ConfirmErasure', { number: 1 }, one), 'second_person_needed');
    t.equal(s.refusal('ConfirmErasure', { number: 2 }, other), 'no_such_erasure');
    s.go('ConfirmErasure', { number: 1 }, other);
    t.equal(s.refusal('ConfirmErasure', { number: 1 }, other), 'no_such_erasure', 'once');
    t.same(s.state.erasures, [{ number: 1, seq: 1, field: 'source', basis: 'ordered', by: one.role, done: true }]);
    t.equal(s.state.phase, 'Archived', 'and the opening is over as before');
  }
  for (const actor of [host, tenderer, operator, bidder(1)])
    t.equal(reach('Archived').refusal('ProposeErasure', asked(), actor), 'role_not_allowed');
});

t.test('while the opening runs its evidence is whole', async (t) => {
  for (const phase of ['Sealed', 'Decrypting', 'RecordConfirm', 'Closed', 'HandedOver', 'Failed', 'Aborted'] as const)
    t.equal(reach(phase).refusal('ProposeErasure', asked(), witness), 'too_early', phase);
});

t.test('the time of retention goes before a wish, to the millisecond; an order goes before it', async (t) => {
  const s = reach('Archived');
  const endsAt = s.state.phaseSince + RETENTION_MS;
  for (const basis of ERASURE_BASES) {
    const waits = basis !== 'ordered' && basis !== 'unlawful_processing';
    const refusalAt = (at: number) => s.refusal('ProposeErasure', asked({ basis }), witness, { at, receivedAt: at });
    t.equal(refusalAt(endsAt - 1), waits ? 'retention_not_over' : undefined, basis);
    t.equal(refusalAt(endsAt), undefined, basis);
  }
  const first = Date.UTC(2026, 2, 2);
  t.ok(new Date(first + RETENTION_MS).getTime() >= Date.UTC(2041, 2, 2), 'fifteen years, leap days and all');
});

t.test('a field that is not there, that may not go, or that is gone', async (t) => {
  const s = reach('Archived');
  t.equal(s.refusal('ProposeErasure', asked(), witness, { isErasable: false }), 'nothing_to_erase');
  s.go('ProposeErasure', asked(), witness).go('ProposeErasure', asked(), witness);
  s.go('ConfirmErasure', { number: 1 }, supervisor);
  t.equal(s.refusal('ConfirmErasure', { number: 2 }, supervisor, { isErasable: false }), 'nothing_to_erase', 'gone');
});

t.test('what was bid, opened, announced or recorded is no field that may go', async (t) => {
  const kept = ['lodgements', 'counts', 'roster', 'numbers', 'rows', 'record', 'publicRecord', 'manifest', 'quoter'];
  for (const type of Object.keys(EVENTS) as EventType[])
    for (const field of Object.keys(EVENTS[type].withheld)) {
      const may = ERASABLE_FIELDS.includes(field) && type !== 'ErasureProposed' && type !== 'Erased';
      t.equal(isErasable(type, field), may, `${type} ${field}`);
      if (kept.includes(field)) t.notOk(isErasable(type, field), `${type} ${field}`);
    }
  t.notOk(isErasable('RosterPublished', 'text'), 'no such field');
  t.notOk(isErasable('NoSuchEvent', 'who'));
});

t.test('as many as there may be, and not one more', async (t) => {
  const s = reach('Archived');
  for (let i = 0; i < MAX_ERASURES; i++) s.go('ProposeErasure', asked(), witness);
  t.equal(s.refusal('ProposeErasure', asked(), supervisor), 'too_many_erasures');
  t.equal(s.refusal('ConfirmErasure', { number: MAX_ERASURES }, supervisor), undefined);
});

t.test('an audit asks again: who, on which ground, and for what was proposed', async (t) => {
  const { lines } = erased();
  t.same(audit(lines).problems, []);
  t.ok(audit(lines).complete, 'erasures behind the terminal entry leave a log complete');
  t.same(forge('Erased', body({ field: 'who' }), 0, lines), ['step_not_lawful']);
  t.same(forge('Erased', body({ seq: 2 }), 0, lines), ['step_not_lawful']);
  t.ok(forge('Erased', body({ by: 'witness' }), 0, lines).includes('step_not_lawful'), 'both the same');
  t.ok(forge('ErasureProposed', body({ basis: 'purpose_over' }), 0, lines).includes('step_not_lawful'));
  for (const field of ['rows', 'record', 'roster', 'nothing'])
    t.ok(forge('ErasureProposed', body({ field }), 0, lines).includes('step_not_lawful'), field);
  t.same(forge('ErasureProposed', body({ seq: 9_999 }), 0, lines), ['event_does_not_fit'], 'of what is not there yet');
  t.same(forge('ErasureProposed', body({ number: 2 }), 0, lines), ['event_does_not_fit']);
  t.same(forge('Erased', body({ number: 2 }), 0, lines), ['event_does_not_fit']);
  const early = playTo(reach('Closed'), 'Archived').lines;
  const stray = lines.find(({ entry }) => entry.type === 'ErasureProposed');
  const at = early.findIndex(({ entry }) => entry.type === 'OpeningArchived');
  if (stray === undefined) throw new Error('no proposal');
  const moved = { ...stray, entry: { ...stray.entry, seq: at } };
  t.ok(
    audit([...early.slice(0, at), moved]).problems.some(({ code }) => code === 'event_does_not_fit'),
    'before the archive',
  );
});
