/** Roles given and taken back: by whom, to whom, never host and witness in one, and never nobody in a place that is needed. */

import { withheld } from '../../../server/core/opening/events.ts';
import { evolve } from '../../../server/core/opening/evolve.ts';
import { isLawful } from '../../../server/core/opening/lawful.ts';
import { ASSIGNABLE, type AssignableRole } from '../../../server/core/opening/roles.ts';
import { reach } from '../../support/opening-phases.ts';
import { host, operator, type Script, STAFF, supervisor, tenderer, witness } from '../../support/opening-script.ts';
import t from '../../support/tap.ts';

const NEW = '91110000600037341L/NEW';
const OTHER = '91110000600037341L/OTHER';
const give = (account: string, role: AssignableRole) => ({ account, role });
const take = (account: string, role: AssignableRole) => ({ account, role, reason: '因病' });
const held = (role: AssignableRole): string => STAFF.find((one) => one.role === role)?.account ?? '';
const rolesOf = (s: Script, account: string): string[] =>
  s.state.staff.known ? s.state.staff.value.filter((o) => o.account === account && !o.ended).map((o) => o.role) : [];

t.test('each side names its own', async (t) => {
  const s = reach('CheckIn');
  for (const role of ASSIGNABLE) {
    const isTenderers = role === 'host' || role === 'tenderer';
    for (const [actor, may] of [
      [host, isTenderers],
      [tenderer, isTenderers],
      [operator, !isTenderers],
    ] as const) {
      t.equal(s.refusal('AssignRole', give(NEW, role), actor), may ? undefined : 'role_not_yours_to_give');
      t.equal(
        s.refusal('WithdrawRole', take(NEW, role), actor),
        may ? 'not_in_this_role' : 'role_not_yours_to_give',
        'who may give may take',
      );
    }
    t.equal(s.refusal('AssignRole', give(NEW, role), witness), 'role_not_allowed');
    t.equal(s.refusal('AssignRole', give(NEW, role), supervisor), 'role_not_allowed');
  }
});

t.test('a witness falls ill: the successor comes first, then the place is left', async (t) => {
  const s = reach('Decrypting');
  t.equal(s.refusal('WithdrawRole', take(held('witness'), 'witness'), operator), 'last_in_role');
  s.go('AssignRole', give(NEW, 'witness'), operator);
  t.strictSame(rolesOf(s, NEW), ['witness']);
  t.equal(s.refusal('AssignRole', give(NEW, 'witness'), operator), 'role_held_already');
  s.go('WithdrawRole', take(held('witness'), 'witness'), operator);
  t.strictSame(rolesOf(s, held('witness')), []);
  t.equal(s.refusal('WithdrawRole', take(held('witness'), 'witness'), operator), 'not_in_this_role');
  t.equal(s.refusal('WithdrawRole', take(NEW, 'witness'), operator), 'last_in_role');
  t.strictSame(
    s.lines.slice(-2).map(({ event }) => [event.type, event.body]),
    [
      ['RoleAssigned', { role: 'witness' }],
      ['RoleWithdrawn', { role: 'witness' }],
    ],
    'in clear the role only',
  );
  s.go('AssignRole', give(held('witness'), 'witness'), operator);
  t.strictSame(rolesOf(s, held('witness')), ['witness'], 'and comes back');
});

t.test(
  'nobody is host and witness, under two accounts either; nor one after the other once it is published',
  async (t) => {
    const s = reach('Sealed');
    t.equal(s.refusal('AssignRole', give(held('host'), 'witness'), operator), 'host_is_witness');
    t.equal(s.refusal('AssignRole', give(held('witness'), 'host'), tenderer), 'host_is_witness');
    const twin = `91620000000000000X/${held('host').split('/')[1] ?? held('host')}`;
    t.equal(s.refusal('AssignRole', give(twin, 'witness'), operator), 'host_is_witness', 'the same person elsewhere');
    t.equal(s.refusal('AssignRole', give(held('host'), 'supervisor'), operator), undefined, 'other roles may meet');
    s.go('AssignRole', give(NEW, 'host'), tenderer).go('WithdrawRole', take(held('host'), 'host'), tenderer);
    t.equal(s.refusal('AssignRole', give(held('host'), 'witness'), operator), 'host_is_witness', 'was host');
    const draft = reach('Draft');
    draft.go('AssignRole', give(NEW, 'host'), tenderer).go('WithdrawRole', take(held('host'), 'host'), tenderer);
    t.equal(
      draft.refusal('AssignRole', give(held('host'), 'witness'), operator),
      undefined,
      'nothing was done by it yet',
    );
  },
);

t.test('who is needed is not taken away: in a draft a host, from the publication on every side', async (t) => {
  const take1 = (s: Script, role: AssignableRole) =>
    s.refusal('WithdrawRole', take(held(role), role), role === 'host' || role === 'tenderer' ? tenderer : operator);
  const draft = reach('Draft');
  t.strictSame(
    ASSIGNABLE.map((role) => take1(draft, role)),
    [undefined, 'last_in_role', undefined, undefined, undefined],
  );
  const published = reach('Scheduled');
  t.strictSame(
    ASSIGNABLE.map((role) => take1(published, role)),
    ['last_in_role', 'last_in_role', 'last_in_role', 'last_in_role', undefined],
  );
});

t.test('only an account of an official that is not shut', async (t) => {
  const s = reach('Scheduled');
  const ask = (assignee: { isOfficial: boolean; isDisabled: boolean } | null) =>
    s.refusal('AssignRole', give(NEW, 'auditor'), operator, { assignee });
  t.equal(ask(null), 'no_such_account');
  t.equal(ask({ isOfficial: false, isDisabled: false }), 'assignee_not_official');
  t.equal(ask({ isOfficial: true, isDisabled: true }), 'assignee_disabled');
  t.equal(ask({ isOfficial: true, isDisabled: false }), undefined);
});

t.test('also while it is suspended, and until nothing is left to do', async (t) => {
  const s = reach('Decrypting').go('SuspendOpening', { reason: '见证人员离场' }, supervisor);
  t.equal(s.refusal('AssignRole', give(NEW, 'witness'), operator), undefined);
  t.equal(reach('HandedOver').refusal('AssignRole', give(NEW, 'witness'), operator), 'too_late');
  t.equal(reach('Archived').refusal('AssignRole', give(NEW, 'auditor'), operator), 'opening_is_over');
});

t.test('from whom the accounts are withheld, the log folds and is lawful all the same', async (t) => {
  const s = reach('CheckIn')
    .go('AssignRole', give(NEW, 'witness'), operator)
    .go('AssignRole', give(OTHER, 'host'), host);
  const events = s.lines.slice(-2).map(({ event }) => ({ ...event, fields: { ...event.fields, account: withheld } }));
  let state = { ...reach('CheckIn').state, staff: withheld } as Script['state'];
  for (const event of events) {
    t.ok(
      isLawful(
        state,
        event as never,
        event.type === 'RoleAssigned' && event.body.role === 'host' ? 'host' : 'operator',
      ),
    );
    state = evolve(state, event as never);
  }
  t.strictSame(state.staff, { known: false });
});

t.test('a log that gives a role by the wrong side is found out', async (t) => {
  const s = reach('CheckIn');
  const [line] = s.fork().go('AssignRole', give(NEW, 'witness'), operator).lines.slice(-1);
  if (line === undefined) throw new Error('nothing was logged');
  t.ok(isLawful(s.state, line.event, 'operator'));
  t.notOk(isLawful(s.state, line.event, 'host'), 'a host names no witness');
  const asHost = { ...line.event, fields: { ...line.event.fields, account: { known: true, value: held('host') } } };
  t.notOk(isLawful(s.state, asHost as never, 'operator'), 'nor is the host one');
  const [left] = s
    .fork()
    .go('WithdrawRole', take(held('auditor'), 'auditor'), operator)
    .lines.slice(-1);
  if (left === undefined) throw new Error('nothing was logged');
  const last = {
    ...left.event,
    body: { role: 'witness' },
    fields: { account: { known: true, value: held('witness') } },
  };
  t.notOk(isLawful(s.state, last as never, 'operator'), 'the last witness');
});
