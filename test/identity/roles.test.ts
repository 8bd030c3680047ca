/** Roles per opening and the tickets of sockets: who may stand where, once, for half a minute. */
import { createFirstOperator } from '../../server/identity/accounts.ts';
import { assignedRoles, holdsRole } from '../../server/identity/assignments.ts';
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
const [host, witness, supervisor] = [person(1, 'H-1'), person(2, 'W-1'), person(3, 'S-1')];
const { operator } = await enterOfficials(stage, host, witness, supervisor);
const bidder = await logIn(stage, organisation(10));
stage.bidders.add(`${OPENING} ${bidder.caller.account}`);
const hostPerson = await logIn(stage, host);
const { sql } = stage.database;
/** As the recorder writes it beside the entry that gives the role. */
const assign = (role: string, holder: ReturnType<typeof person>, openingId = OPENING) =>
  sql`INSERT INTO assignments (opening_id, account, person, role, assigned_by, assigned_at)
      VALUES (${openingId}, ${accountOf(holder)}, ${holder.personId ?? ''}, ${role}, 'test', 0)`;
const withdraw = (role: string, holder: ReturnType<typeof person>, openingId = OPENING) =>
  sql`UPDATE assignments SET withdrawn_by = 'test', withdrawn_at = 1
      WHERE opening_id = ${openingId} AND account = ${accountOf(holder)} AND role = ${role}`;

t.test('the roles of an account are those of this opening that were not taken back', async (t) => {
  await assign('host', host);
  await assign('witness', witness);
  await assign('supervisor', host, 'lot-3');
  await assign('host', host, 'lot-3');
  const rolesOf = (holder: ReturnType<typeof person>, openingId: string) =>
    assignedRoles(stage, { openingId, account: accountOf(holder) });
  t.strictSame(await rolesOf(host, OPENING), ['host']);
  t.strictSame(await rolesOf(host, 'lot-3'), ['supervisor', 'host'], 'other roles of one opening may meet');
  t.strictSame(await rolesOf(supervisor, OPENING), []);
});

t.test('the database holds it against who writes past this code', async (t) => {
  await t.rejects(
    sql`INSERT INTO assignments (opening_id, account, person, role, assigned_by, assigned_at)
        VALUES (${OPENING}, ${accountOf(supervisor)}, 'H-1', 'witness', 'x', 0)`,
    { code: '23505' },
    'the host under another certificate',
  );
  await t.rejects(sql`DELETE FROM assignments`, { code: '42501' });
  await t.rejects(sql`UPDATE assignments SET role = 'auditor'`, { code: '42501' });
});

t.test('a role taken back is gone at once, and stays on record', async (t) => {
  const role = { openingId: 'lot-6', account: accountOf(witness), role: 'witness' as const };
  await assign('witness', witness, 'lot-6');
  t.ok(await holdsRole(stage, role));
  await withdraw('witness', witness, 'lot-6');
  t.notOk(await holdsRole(stage, role));
  await assign('host', witness, 'lot-6');
  const [kept] = await sql`SELECT count(*)::int AS n FROM assignments WHERE opening_id = 'lot-6'`;
  t.equal(kept?.['n'], 2, 'and made room for the other role');
});

t.test('a bidder’s role is not given but follows from the register; an operator’s is the account’s', async (t) => {
  const holds = (account: string, role: 'bidder' | 'operator' | 'public', openingId = OPENING) =>
    holdsRole(stage, { openingId, account, role });
  t.ok(await holds(bidder.caller.account, 'bidder'));
  t.notOk(await holds(bidder.caller.account, 'bidder', 'lot-2'));
  t.ok(await holds(operator, 'operator'));
  t.notOk(await holds(accountOf(host), 'operator'));
  t.ok(await holds('nobody', 'public'));
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
  await withdraw('host', host);
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
