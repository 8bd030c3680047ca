/** Roles per opening and the tickets of sockets: who may stand where, once, for half a minute. */
import { changeAccount, createFirstOperator, createOfficial } from '../../server/identity/accounts.ts';
import {
  assignedRoles,
  assignFounder,
  assignmentsOf,
  assignRole,
  holdsRole,
  withdrawRole,
} from '../../server/identity/assignments.ts';
import { endSession } from '../../server/identity/login.ts';
import { consumeTicket, forgetTickets, issueTicket } from '../../server/identity/tickets.ts';
import { tickets } from '../../server/store/schema/identity.ts';
import t from '../support/tap.ts';
import {
  accepted,
  accountOf,
  enterOfficials,
  logIn,
  OPENING,
  organisation,
  person,
  refusalOf,
  setStage,
} from './stage.ts';

const stage = await setStage(t);
const [host, witness, supervisor, tenderer] = [person(1, 'H-1'), person(2, 'W-1'), person(3, 'S-1'), person(4, 'T-1')];
const { operator } = await enterOfficials(stage, host, witness, supervisor, tenderer);
const bidder = await logIn(stage, organisation(10));
stage.bidders.add(`${OPENING} ${bidder.caller.account}`);
const hostPerson = await logIn(stage, host);
const assign = async (
  role: Parameters<typeof assignRole>[1]['role'],
  account: string,
  openingId = OPENING,
  by = operator,
) => refusalOf(await assignRole(stage, { by, openingId, account, role }));

t.test('the operator gives roles, again without a word, and lists them', async (t) => {
  t.equal(await assign('host', accountOf(host)), 'ok');
  t.equal(await assign('host', accountOf(host)), 'ok');
  t.equal(await assign('witness', accountOf(witness)), 'ok');
  t.equal(await assign('supervisor', accountOf(supervisor)), 'ok');
  t.strictSame(
    (await assignmentsOf(stage, OPENING)).map(({ account, role }) => [role, account]),
    [
      ['host', accountOf(host)],
      ['witness', accountOf(witness)],
      ['supervisor', accountOf(supervisor)],
    ],
  );
});

t.test('nobody is host and witness of one opening, of two openings anybody', async (t) => {
  t.equal(await assign('witness', accountOf(host)), 'host_and_witness');
  t.equal(await assign('host', accountOf(witness)), 'host_and_witness');
  t.equal(await assign('witness', accountOf(host), 'lot-2'), 'ok');
  t.equal(await assign('supervisor', accountOf(host), 'lot-3'), 'ok', 'other roles of one opening may meet');
  t.equal(await assign('host', accountOf(host), 'lot-3'), 'ok');
});

t.test('a person is one person under two certificates', async (t) => {
  const twice = person(5, 'H-1');
  accepted(
    await createOfficial(stage, { by: operator, subject: { ...twice, account: accountOf(twice) }, kind: 'official' }),
  );
  t.equal(await assign('witness', accountOf(twice)), 'host_and_witness');
});

t.test('asked for both at the same moment, one is refused', async (t) => {
  for (let round = 0; round < 10; round++) {
    const account = accountOf(tenderer);
    const answers = await Promise.all([
      assign('host', account, `race-${round}`),
      assign('witness', account, `race-${round}`),
    ]);
    t.strictSame(answers.sort(), ['host_and_witness', 'ok']);
  }
});

t.test('the database holds it against who writes past this code', async (t) => {
  const { sql } = stage.database;
  await t.rejects(
    sql`INSERT INTO assignments (opening_id, account, person, role, assigned_by, assigned_at)
        VALUES (${OPENING}, ${accountOf(host)}, 'H-1', 'witness', 'x', 0)`,
    { code: '23505' },
  );
  await t.rejects(sql`DELETE FROM assignments`, { code: '42501' });
  await t.rejects(sql`UPDATE assignments SET role = 'auditor'`, { code: '42501' });
});

t.test('who may give roles', async (t) => {
  t.equal(await assign('auditor', accountOf(supervisor), OPENING, accountOf(host)), 'may_not_assign');
  t.equal(await assign('tenderer', accountOf(tenderer), OPENING, accountOf(witness)), 'may_not_assign');
  t.equal(await assign('tenderer', accountOf(tenderer), OPENING, accountOf(host)), 'ok', 'a host names the tenderer');
  t.equal(await assign('host', accountOf(host), 'lot-4', 'nobody'), 'may_not_assign');
  const founder = { openingId: 'lot-5', account: accountOf(host) };
  t.equal(refusalOf(await assignFounder(stage, founder)), 'ok', 'who creates an opening is its host');
  t.strictSame(await assignedRoles(stage, founder), ['host']);
});

t.test('who may be given roles', async (t) => {
  const bidder = await logIn(stage, organisation(6));
  t.equal(await assign('auditor', bidder.caller.account), 'not_official');
  t.equal(await assign('auditor', operator), 'not_official', 'the operator never sees content');
  t.equal(await assign('auditor', 'nobody'), 'account_unknown');
  const gone = person(7, 'G-1');
  accepted(
    await createOfficial(stage, { by: operator, subject: { ...gone, account: accountOf(gone) }, kind: 'official' }),
  );
  t.strictSame(await changeAccount(stage, { change: 'disable', by: accountOf(host), account: accountOf(gone) }), {
    refused: 'not_operator',
  });
  t.strictSame(await changeAccount(stage, { change: 'disable', by: operator, account: accountOf(gone) }), { ok: true });
  t.equal(await assign('auditor', accountOf(gone)), 'account_disabled');
});

t.test('a role taken back is gone at once, and stays on record', async (t) => {
  const role = { openingId: 'lot-6', account: accountOf(witness), role: 'witness' as const };
  t.equal(await assign('witness', role.account, role.openingId), 'ok');
  t.ok(await holdsRole(stage, role));
  t.strictSame(await withdrawRole(stage, { by: accountOf(host), ...role }), { refused: 'not_operator' });
  t.strictSame(await withdrawRole(stage, { by: operator, ...role }), { ok: true });
  t.notOk(await holdsRole(stage, role));
  t.strictSame(await withdrawRole(stage, { by: operator, ...role }), { refused: 'not_assigned' });
  t.equal(await assign('host', role.account, role.openingId), 'ok', 'and makes room for the other role');
  const [kept] = await stage.database.sql`SELECT count(*)::int AS n FROM assignments WHERE opening_id = 'lot-6'`;
  t.equal(kept?.['n'], 2);
});

t.test('there is one first operator', async (t) => {
  const second = person(901, 'OP-2');
  t.equal(refusalOf(await createFirstOperator(stage, { ...second, account: accountOf(second) })), 'operator_exists');
});

const ticketFor = async (role: 'bidder' | 'host' | 'public', who = bidder, openingId = OPENING) =>
  accepted(await issueTicket(stage, { caller: who.caller, openingId, role })).ticket;
const take = async (ticket: string, openingId = OPENING) =>
  refusalOf(await consumeTicket(stage, { ticket, openingId }));

t.test('a ticket seats its holder, once', async (t) => {
  const ticket = await ticketFor('bidder');
  const { seat } = accepted(await consumeTicket(stage, { ticket, openingId: OPENING }));
  t.strictSame(seat, {
    account: bidder.caller.account,
    sessionId: bidder.caller.sessionId,
    openingId: OPENING,
    role: 'bidder',
  });
  t.equal(await take(ticket), 'ticket_used');
  const raced = await ticketFor('bidder');
  const answers = await Promise.all(Array.from({ length: 6 }, () => take(raced)));
  t.strictSame(answers.sort(), ['ok', ...Array(5).fill('ticket_used')]);
});

t.test('a ticket is for one opening, and a try elsewhere uses it up', async (t) => {
  const ticket = await ticketFor('bidder');
  t.equal(await take(ticket, 'lot-2'), 'ticket_of_other_opening');
  t.equal(await take(ticket), 'ticket_used');
});

t.test('a ticket lives half a minute', async (t) => {
  const [inTime, late] = [await ticketFor('bidder'), await ticketFor('bidder')];
  stage.world.advance(29_999);
  t.equal(await take(inTime), 'ok');
  stage.world.advance(1);
  t.equal(await take(late), 'ticket_expired');
});

t.test('what is no ticket', async (t) => {
  for (const ticket of ['', 'abc', 'A'.repeat(43), `${'A'.repeat(43)}=`, '../../etc'])
    t.equal(await take(ticket), 'ticket_unknown');
});

t.test('a view is given only to who holds the role, at giving and at taking', async (t) => {
  const ask = async (role: 'bidder' | 'host' | 'witness' | 'operator' | 'public', who = bidder, openingId = OPENING) =>
    refusalOf(await issueTicket(stage, { caller: who.caller, openingId, role }));
  t.equal(await ask('host'), 'role_not_held');
  t.equal(await ask('bidder', bidder, 'lot-2'), 'role_not_held');
  t.equal(await ask('witness', hostPerson), 'role_not_held');
  t.equal(await ask('operator', hostPerson), 'role_not_held');
  t.equal(await ask('host', hostPerson), 'ok');
  t.equal(await ask('public', hostPerson), 'ok');
  const ticket = await ticketFor('host', hostPerson);
  await withdrawRole(stage, { by: operator, openingId: OPENING, account: hostPerson.caller.account, role: 'host' });
  t.equal(await take(ticket), 'role_not_held');
});

t.test('an ended session neither gets nor uses a ticket', async (t) => {
  const ticket = await ticketFor('bidder');
  await endSession(stage, bidder.caller);
  t.equal(await take(ticket), 'session_ended');
  t.equal(
    refusalOf(await issueTicket(stage, { caller: bidder.caller, openingId: OPENING, role: 'bidder' })),
    'session_ended',
  );
});

t.test('the database keeps no ticket, and forgets the old ones', async (t) => {
  const ticket = await ticketFor('public', hostPerson);
  t.notMatch(JSON.stringify(await stage.db.select().from(tickets)), new RegExp(ticket));
  stage.world.advance(3_700_000);
  t.ok((await forgetTickets(stage)) > 0);
  t.strictSame(await stage.db.select().from(tickets), []);
});
