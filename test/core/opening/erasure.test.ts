/** Erasure 个人信息删除: only behind the archive, on a ground the law knows, by two persons; what was bid, opened and recorded never. */
import { goneWith } from '../../../server/core/log/verify.ts';
import { ERASABLE_FIELDS, isErasable, RETENTION_MS } from '../../../server/core/opening/erasure.ts';
import { ERASURE_BASES, type ErasureBasis } from '../../../server/core/opening/erasure-bases.ts';
import { EVENTS, type EventType } from '../../../server/core/opening/events.ts';
import { MAX_OPEN_ERASURES } from '../../../server/core/opening/steps/erasure.ts';
import { audit, body, forge } from '../../support/opening-forgery.ts';
import { playTo, reach } from '../../support/opening-phases.ts';
import { bidder, host, operator, STAFF, supervisor, tenderer, witness } from '../../support/opening-script.ts';
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
  s.go('ProposeErasure', asked(), witness);
  for (const one of [witness, supervisor])
    t.equal(s.refusal('ProposeErasure', asked(), one), 'erasure_proposed_already', 'whoever asks once more');
  t.equal(s.refusal('ProposeErasure', { ...asked(), field: 'who' }, witness), undefined, 'another field');
  t.equal(s.refusal('ProposeErasure', { ...asked(), seq: 2 }, witness), undefined, 'another entry');
  t.equal(s.refusal('ConfirmErasure', { number: 1 }, supervisor, { isErasable: false }), 'nothing_to_erase', 'gone');
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
  for (let i = 0; i < MAX_OPEN_ERASURES; i++) s.go('ProposeErasure', { ...asked(), seq: i }, witness);
  const next = { ...asked(), seq: MAX_OPEN_ERASURES };
  t.equal(s.refusal('ProposeErasure', next, supervisor), 'too_many_erasures');
  s.go('ConfirmErasure', { number: MAX_OPEN_ERASURES }, supervisor);
  t.equal(s.refusal('ProposeErasure', next, supervisor), undefined, 'what is done does not count');
});

t.test('the signed act says the same, so it goes along; where somebody was is not in it', async (t) => {
  const about = (field: string) => ({ ...asked(), field });
  const s = reach('Archived')
    .go('ProposeErasure', about('act'), supervisor)
    .go('ProposeErasure', about('who'), witness);
  s.go('ProposeErasure', about('source'), witness).go('ConfirmErasure', { number: 2 }, supervisor);
  t.same(
    s.state.erasures.map(({ field, done }) => ({ field, done })),
    [
      { field: 'act', done: true },
      { field: 'who', done: true },
      { field: 'source', done: false },
    ],
  );
  t.equal(s.refusal('ConfirmErasure', { number: 1 }, witness), 'no_such_erasure');
  t.same(audit(s.lines).problems, []);
  t.same(goneWith('who'), ['who', 'act']);
  t.same(goneWith('text'), ['text', 'act']);
  t.same(goneWith('act'), ['act']);
  t.same(goneWith('source'), ['source']);
});

t.test('a successor of the two who erase can still be named, by the operator, and of nobody else', async (t) => {
  const s = reach('Archived');
  const successor = { account: '91110000600037341L/NEW', role: 'supervisor' as const };
  for (const role of ['host', 'tenderer', 'auditor'] as const)
    for (const by of [host, tenderer, operator])
      t.equal(s.refusal('AssignRole', { ...successor, role }, by), 'opening_is_over', role);
  t.equal(s.refusal('AssignRole', successor, host), 'role_not_yours_to_give');
  s.go('AssignRole', successor, operator);
  t.equal(s.refusal('AssignRole', successor, operator), 'role_held_already');
  t.equal(s.refusal('WithdrawRole', { ...successor, reason: '离任' }, operator), 'opening_is_over');
  t.equal(s.state.phase, 'Archived');
  t.same(audit(s.lines).problems, []);
  t.ok(audit(s.lines).complete, 'and the log is as complete as before');
  t.ok(forge('RoleAssigned', body({ role: 'auditor' }), 0, s.lines).includes('step_not_lawful'));
  const bothSides = { account: STAFF.find(({ role }) => role === 'host')?.account ?? '', role: 'witness' as const };
  t.equal(s.refusal('AssignRole', bothSides, operator), 'host_is_witness');
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
  const twice = erased()
    .go('ProposeErasure', { ...asked(), seq: 3 }, witness)
    .go('ProposeErasure', { ...asked(), seq: 4 }, witness);
  t.ok(forge('ErasureProposed', body({ seq: 3 }), 2, twice.lines).includes('step_not_lawful'), 'proposed twice');
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
