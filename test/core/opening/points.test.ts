/** What the witness must acknowledge: each point once it has happened, the record's anew for each version, all before the close. */
import { PROFILES, WITNESS_POINTS } from '../../../server/core/opening/policy.ts';
import { isDue, unacknowledged } from '../../../server/core/opening/steps/point.ts';
import { audit, body, forge } from '../../support/opening-forgery.ts';
import { acknowledgePoints, playTo, reach } from '../../support/opening-phases.ts';
import { clock, host, type Script, witness } from '../../support/opening-script.ts';
import t from '../../support/tap.ts';

const ack = (point: (typeof WITNESS_POINTS)[number]) => ({ point, note: '现场核对无误' });
const asked = { policy: { witnessPoints: [...WITNESS_POINTS] } };
const toTimeOut = (s: Script) => s.go('TimeOutConfirmations', {}, clock, { at: s.state.record?.confirmBy ?? 0 });

t.test('each profile names its points; a rehearsal none', async (t) => {
  t.same(PROFILES.engineering.defaults.witnessPoints, [...WITNESS_POINTS]);
  t.same(PROFILES.negotiation.defaults.witnessPoints, ['seal', 'prices', 'record']);
  t.same(PROFILES.rehearsal.defaults.witnessPoints, []);
});

t.test('a point falls due when what it is about has happened, and not before', async (t) => {
  const due = {
    seal: 'Sealed',
    roster: 'RosterPublished',
    decryption: 'Attribution',
    prices: 'Announcing',
    record: 'RecordConfirm',
  } as const;
  const before = {
    seal: 'CheckIn',
    roster: 'Sealed',
    decryption: 'Decrypting',
    prices: 'Attribution',
    record: 'Announcing',
  } as const;
  for (const point of WITNESS_POINTS) {
    t.notOk(isDue(reach(before[point], asked).state, point), point);
    t.ok(isDue(reach(due[point], asked).state, point), point);
    t.equal(reach(due[point], asked).refusal('AcknowledgePoint', ack(point), witness), undefined);
  }
  t.equal(reach('Sealed', asked).refusal('AcknowledgePoint', ack('roster'), witness), 'point_not_due');
});

t.test('by the witness, once, and only what the policy names', async (t) => {
  const s = reach('Sealed', asked).go('AcknowledgePoint', ack('seal'), witness);
  t.equal(s.refusal('AcknowledgePoint', ack('seal'), witness), 'already_acknowledged');
  t.equal(s.refusal('AcknowledgePoint', ack('roster'), host), 'role_not_allowed');
  const none = reach('Sealed', { policy: { witnessPoints: ['record'] } });
  t.equal(none.refusal('AcknowledgePoint', ack('seal'), witness), 'no_such_point');
});

t.test('while one is missing the opening cannot close, and says so', async (t) => {
  const s = toTimeOut(reach('RecordConfirm', asked));
  for (const point of unacknowledged(s.state)) {
    t.equal(s.refusal('ProposeClose', {}, host), 'points_unacknowledged', `before ${point}`);
    s.go('AcknowledgePoint', ack(point), witness);
  }
  t.equal(s.refusal('ProposeClose', {}, host), undefined);
});

t.test('a new version of the record is seen anew', async (t) => {
  const s = acknowledgePoints(reach('RecordConfirm', asked)).go('IssueRecord', { note: '更正' }, host);
  t.same(unacknowledged(s.state), ['record']);
});

t.test('without points nothing is waited for', async (t) => {
  const s = toTimeOut(reach('RecordConfirm', { policy: { witnessPoints: [] } }));
  t.equal(s.refusal('ProposeClose', {}, host), undefined);
});

t.test('an audit finds a close without them, and a point before its time', async (t) => {
  const { lines } = playTo(reach('RecordConfirm', asked), 'Closed');
  t.same(audit(lines).problems, []);
  t.ok(forge('PointAcknowledged', body({ point: 'record' }), 0, lines).includes('event_does_not_fit'), 'named twice');
  const early = reach('Sealed', asked).go('AcknowledgePoint', ack('seal'), witness).lines;
  t.same(forge('PointAcknowledged', body({ point: 'prices' }), 0, early), ['step_not_lawful', 'act_data_differs']);
  const unasked = reach('Closed', { policy: { witnessPoints: [] } }).lines;
  const policy = { ...PROFILES.engineering.defaults };
  t.ok(
    forge('OpeningCreated', body({ policy }), 0, unasked).includes('step_not_lawful'),
    'closed although the policy asks',
  );
});
