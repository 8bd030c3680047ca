/** Shutting an account and opening it again, over HTTP: at once, for tokens and sockets alike, and on the ledger first. */
import { WebSocket } from 'ws';
import { toBase64 } from '../../server/core/log/base64.ts';
import { readDisclosure } from '../../server/core/log/disclosure.ts';
import { parseEntry } from '../../server/core/log/entry.ts';
import { emptyRoot } from '../../server/core/log/merkle.ts';
import { ledgerOrigin } from '../../server/core/log/origin.ts';
import { signAct } from '../../server/core/pki/person-jws.ts';
import { SUBPROTOCOL } from '../../server/core/wire/version.ts';
import { sha256 } from '../../server/hash.ts';
import { PLATFORM_SUBJECT } from '../../server/http/operator.ts';
import { readEntries } from '../../server/store/read-log.ts';
import { logIn, type Person, person } from '../identity/stage.ts';
import { until } from '../support/recorder.ts';
import t from '../support/tap.ts';
import { OFFICIALS, OPENING_ID, ORIGIN, problemIn, setBench } from './bench.ts';

const bench = await setBench(t);
await bench.create();
await bench.app.listen({ port: 0, host: '127.0.0.1' });
const [address] = bench.app.addresses() as { port: number }[];
const { stage } = bench;
const operator = await logIn(stage, person(900, 'OP'), 'p256');
const ledger = ledgerOrigin('kaibiao.test');

let count = 0;
async function change(
  who: Person,
  what: 'disable' | 'enable',
  data: { account: string; reason: string },
  type?: string,
) {
  const id = `account-${count++}`;
  const act = await signAct(sha256, who.session, {
    account: who.account,
    platform: 'kaibiao.test',
    openingId: PLATFORM_SUBJECT,
    command: id,
    type: type ?? (what === 'disable' ? 'DisableAccount' : 'EnableAccount'),
    data,
    headSeen: { size: 0, root: toBase64(emptyRoot(sha256)) },
    iatSeconds: Math.floor(stage.world.now() / 1000),
  });
  return bench.ask(who, { method: 'POST', url: `/accounts/${what}`, payload: { id, ...data, act } });
}
/** Where the operators' acts stand on the ledger. */
const actedAt = async (): Promise<number[]> => {
  const size = bench.dependencies.log.released(ledger)?.size ?? 0;
  const entries = (await readEntries(stage.database.sql, ledger, 0, size)).map(({ bytes }) => parseEntry(bytes));
  return entries.filter(({ type }) => type === 'OperatorActed').map(({ seq }) => seq);
};
const entries = (who: Person) => bench.ask(who, { url: `/openings/${OPENING_ID}/entries` });

/** A socket in a role; `closed` once the server has ended it. */
function look(ticket: string) {
  const url = `ws://127.0.0.1:${address?.port}/openings/${OPENING_ID}/live`;
  const socket = new WebSocket(url, [SUBPROTOCOL, `ticket.${ticket}`], { origin: ORIGIN });
  const seen = { closed: null as string | null, refused: null as number | null, opened: false };
  socket.on('open', () => {
    seen.opened = true;
  });
  socket.on('close', (code, reason) => {
    seen.closed = `${code} ${reason.toString()}`;
  });
  socket.on('unexpected-response', (_request, response) => {
    seen.refused = response.statusCode ?? 0;
    response.resume();
  });
  socket.on('error', () => undefined);
  return seen;
}

t.test('only an operator, by a signed act, an account there is, and never the last operator', async (t) => {
  const host = await bench.official('host');
  const witness = (await bench.official('witness')).account;
  const ask = async (who: Person, what: 'disable' | 'enable', account: string, type?: string) =>
    problemIn(await change(who, what, { account, reason: '离岗' }, type));
  t.equal(await ask(host, 'disable', witness), '403 not_operator');
  t.equal(await ask(operator, 'disable', 'nobody'), '403 account_unknown');
  t.equal(await ask(operator, 'disable', operator.account), '409 last_operator');
  t.equal(await ask(operator, 'enable', witness), '409 account_not_disabled');
  t.equal(await ask(operator, 'disable', witness, 'EnableAccount'), '400 act_other_type');
  const long = { account: witness, reason: 'x'.repeat(2_001) };
  t.equal(problemIn(await change(operator, 'disable', long)), '400 request_malformed');
  t.strictSame(await actedAt(), [], 'what is refused is not on the ledger');
});

t.test('its token, its sockets and a ticket in hand end at once; the ledger said so before', async (t) => {
  const auditor = await bench.official('auditor');
  const seen = look(await bench.ticket(auditor, 'auditor'));
  const other = look(await bench.ticket(await bench.official('host'), 'host'));
  await until(() => seen.opened && other.opened);
  const inHand = await bench.ticket(auditor, 'auditor');
  t.equal((await entries(auditor)).statusCode, 200);
  const reason = '证书介质遗失';
  const answer = await change(operator, 'disable', { account: auditor.account, reason });
  t.equal(answer.statusCode, 200, answer.body);
  // No clock was moved: neither token nor socket waited for anything.
  t.equal(problemIn(await entries(auditor)), '403 account_disabled');
  await until(() => seen.closed !== null);
  t.equal(seen.closed, '4010 ticket_expired');
  t.equal(other.closed, null, 'others stay');
  const late = look(inHand);
  await until(() => late.refused !== null || late.closed !== null);
  t.equal(late.refused, 401);
  t.equal(problemIn(await bench.command(auditor, 'auditor', 'OrderAbort', { reason: 'x' })), '403 account_disabled');
  const [seq = -1, ...more] = await actedAt();
  t.strictSame(more, []);
  const rows = await stage.database.sql<{ field: string; disclosure: string }[]>`
    SELECT field, disclosure FROM disclosures WHERE origin = ${ledger} AND seq = ${seq} ORDER BY field`;
  const values = Object.fromEntries(rows.map(({ field, disclosure }) => [field, readDisclosure(disclosure).value]));
  t.match(values, {
    what: { disable: auditor.account, reason },
    who: { account: operator.account },
    act: { act: String },
  });
  t.equal(problemIn(await change(operator, 'disable', { account: auditor.account, reason })), '403 account_disabled');
});

t.test('opened again it logs in anew; the old session stays ended', async (t) => {
  const auditor = await bench.official('auditor');
  t.equal((await change(operator, 'enable', { account: auditor.account, reason: '介质已补办' })).statusCode, 200);
  t.equal(problemIn(await entries(auditor)), '401 session_ended');
  const again = await logIn(stage, person(OFFICIALS.auditor, 'AUDITOR'), 'p256');
  t.equal(again.account, auditor.account);
  t.equal((await entries(again)).statusCode, 200);
  const seen = look(await bench.ticket(again, 'auditor'));
  await until(() => seen.opened);
  t.equal(seen.closed, null, 'and is let in to the hall');
});

t.test('a logged-out token is refused at once as well', async (t) => {
  const host = await bench.official('host');
  t.equal((await bench.ask(host, { method: 'POST', url: '/auth/logout', payload: {} })).statusCode, 200);
  t.equal(problemIn(await entries(host)), '401 session_ended');
});
