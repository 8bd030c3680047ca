/** Roles of an opening given and taken back over HTTP: on its log, in force at once, and gone at once from requests and sockets. */
import { WebSocket } from 'ws';
import { readDisclosure } from '../../server/core/log/disclosure.ts';
import { openingOrigin } from '../../server/core/log/origin.ts';
import { SUBPROTOCOL } from '../../server/core/wire/version.ts';
import { createOfficial } from '../../server/identity/accounts.ts';
import { readDisclosures } from '../../server/store/read-log.ts';
import { accepted, accountOf, logIn, person } from '../identity/stage.ts';
import { until } from '../support/recorder.ts';
import t from '../support/tap.ts';
import { OPENING_ID, ORIGIN, problemIn, setBench } from './bench.ts';

const bench = await setBench(t);
await bench.create();
await bench.app.listen({ port: 0, host: '127.0.0.1' });
const [address] = bench.app.addresses() as { port: number }[];
const { stage } = bench;
const { sql } = stage.database;
const operator = await logIn(stage, person(900, 'OP'), 'p256');
const [host, tenderer, witness] = [
  await bench.official('host'),
  await bench.official('tenderer'),
  await bench.official('witness'),
];

/** Somebody whom the operator has let in. */
async function newOfficial(index: number, name: string) {
  const holder = person(index, name);
  const subject = { ...holder, account: accountOf(holder) };
  accepted(await createOfficial(stage, { by: operator.account, subject, kind: 'official' }));
  return logIn(stage, holder, 'p256');
}
const second = await newOfficial(70, 'W-2');
const entries = (who: typeof host, role: string) =>
  bench.ask(who, { url: `/openings/${OPENING_ID}/entries?role=${role}` });
const rolesOf = async (account: string): Promise<string[]> => {
  const rows = await sql<{ role: string }[]>`SELECT role FROM assignments
    WHERE opening_id = ${OPENING_ID} AND account = ${account} AND withdrawn_at IS NULL ORDER BY role`;
  return rows.map(({ role }) => role);
};

function look(ticket: string) {
  const url = `ws://127.0.0.1:${address?.port}/openings/${OPENING_ID}/live`;
  const socket = new WebSocket(url, [SUBPROTOCOL, `ticket.${ticket}`], { origin: ORIGIN });
  const seen = { closed: null as string | null, opened: false };
  socket.on('open', () => {
    seen.opened = true;
  });
  socket.on('close', (code, reason) => {
    seen.closed = `${code} ${reason.toString()}`;
  });
  socket.on('error', () => undefined);
  return seen;
}

t.test('a second witness comes in by the operator’s signed act, with the account withheld on the log', async (t) => {
  t.equal(problemIn(await entries(second, 'witness')), '403 role_not_held');
  const data = { account: second.account, role: 'witness' };
  t.equal(problemIn(await bench.command(host, 'host', 'AssignRole', data)), '403 role_not_yours_to_give');
  t.equal(problemIn(await bench.command(host, 'operator', 'AssignRole', data)), '403 role_not_held');
  const answer = await bench.command(operator, 'operator', 'AssignRole', data);
  t.equal(answer.statusCode, 200, answer.body);
  const [entry = ''] = answer.json().entries;
  t.match(JSON.parse(entry), { type: 'RoleAssigned', actor: { role: 'operator' }, body: { role: 'witness' } });
  t.notOk(entry.includes(second.account));
  t.strictSame(await rolesOf(second.account), ['witness']);
  t.equal((await entries(second, 'witness')).statusCode, 200, 'in force at once');
  const { seq } = JSON.parse(entry) as { seq: number };
  const rows = await readDisclosures(sql, openingOrigin('kaibiao.test', OPENING_ID), seq, seq + 1);
  const values = Object.fromEntries(rows.map(({ field, disclosure }) => [field, readDisclosure(disclosure).value]));
  t.match(values, { account: second.account, who: { account: operator.account }, act: { act: String } });
  t.equal(problemIn(await bench.command(operator, 'operator', 'AssignRole', data)), '409 role_held_already');
});

t.test('an account that is none, no official’s, or the host’s', async (t) => {
  const assign = async (account: string, role = 'witness') =>
    problemIn(await bench.command(operator, 'operator', 'AssignRole', { account, role }));
  t.equal(await assign('nobody'), '422 no_such_account');
  t.equal(await assign((await bench.bidder(1)).account), '422 assignee_not_official');
  t.equal(await assign(operator.account, 'auditor'), '422 assignee_not_official', 'the operator never sees content');
  t.equal(await assign(host.account), '422 host_is_witness');
  t.equal(await assign(second.account, 'manager'), '422 command_data_malformed');
});

t.test('the first witness leaves: requests, sockets and tickets of the role end at once', async (t) => {
  const data = { account: witness.account, role: 'witness', reason: '突发疾病' };
  const seen = look(await bench.ticket(witness, 'witness'));
  const other = look(await bench.ticket(second, 'witness'));
  await until(() => seen.opened && other.opened);
  t.equal(problemIn(await bench.command(witness, 'operator', 'WithdrawRole', data)), '403 role_not_held');
  const answer = await bench.command(operator, 'operator', 'WithdrawRole', data);
  t.equal(answer.statusCode, 200, answer.body);
  t.equal(problemIn(await entries(witness, 'witness')), '403 role_not_held');
  await until(() => seen.closed !== null);
  t.equal(seen.closed, '4010 ticket_expired');
  t.equal(other.closed, null);
  await t.rejects(bench.ticket(witness, 'witness'), /role_not_held/);
  t.strictSame(await rolesOf(witness.account), []);
  const last = { ...data, account: second.account };
  t.equal(problemIn(await bench.command(operator, 'operator', 'WithdrawRole', last)), '409 last_in_role');
  t.equal(problemIn(await bench.command(operator, 'operator', 'WithdrawRole', data)), '409 not_in_this_role');
});

t.test('the tenderer sends another host; two who are asked for at one moment are told apart in order', async (t) => {
  const third = await newOfficial(71, 'H-2');
  const give = (role: string) => ({ account: third.account, role });
  const [asHost, asWitness] = await Promise.all([
    bench.command(tenderer, 'tenderer', 'AssignRole', give('host')),
    bench.command(operator, 'operator', 'AssignRole', give('witness')),
  ]);
  t.strictSame([asHost.statusCode, asWitness.statusCode].sort(), [200, 422], `${asHost.body} ${asWitness.body}`);
  t.equal((await rolesOf(third.account)).length, 1);
});

t.test(
  'what the state says of the staff is what the requests are asked by, also after a restart of the fold',
  async (t) => {
    const state = await bench.recorder.stateOf(OPENING_ID);
    const staff = state?.staff.known ? state.staff.value : [];
    const rows = await sql<{ account: string; role: string }[]>`
    SELECT account, role FROM assignments WHERE opening_id = ${OPENING_ID} AND withdrawn_at IS NULL`;
    const names = (list: readonly { account: string; role: string }[]) =>
      list.map(({ account, role }) => `${role} ${account}`).sort();
    t.strictSame(names(staff.filter(({ ended }) => !ended)), names([...rows]));
  },
);

t.test('whoever is logged in is told their own roles, and nobody else’s', async (t) => {
  const roles = async (who: typeof host) => bench.ask(who, { url: `/openings/${OPENING_ID}/roles` });
  t.strictSame((await roles(host)).json(), { roles: await rolesOf(host.account) });
  t.strictSame((await roles(await bench.bidder(40))).json(), { roles: [] }, 'who has lodged nothing is no bidder yet');
  t.strictSame((await roles(witness)).json(), { roles: [] }, 'who left has none');
  t.equal((await bench.app.inject(`/openings/${OPENING_ID}/roles`)).statusCode, 401);
  t.equal(problemIn(await bench.ask(host, { url: '/openings/no-such-one/roles' })), '404 no_such_opening');
});
