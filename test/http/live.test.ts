/** The live socket over a real connection: who is let in, what each is sent, and how it ends. */
import { EventEmitter } from 'node:events';
import { Check } from 'typebox/schema';
import { WebSocket } from 'ws';
import { readDisclosure } from '../../server/core/log/disclosure.ts';
import { parseEntry } from '../../server/core/log/entry.ts';
import { accessOrigin } from '../../server/core/log/origin.ts';
import { utf8 } from '../../server/core/log/utf8.ts';
import { type Down, DownSchema } from '../../server/core/wire/down.ts';
import { SUBPROTOCOL } from '../../server/core/wire/version.ts';
import { leaveWith } from '../../server/http/live.ts';
import { PROBE_PINGS, PROBE_SOCKET_MS } from '../../server/http/preflight.ts';
import { until } from '../support/recorder.ts';
import t from '../support/tap.ts';
import { OPENING_ID, ORIGIN, setBench } from './bench.ts';

const bench = await setBench(t, { environment: { KAIBIAO_SOCKET_LIMIT: '40' } });
await bench.create();
await bench.create('other-opening-1');
await bench.app.listen({ port: 0, host: '127.0.0.1' });
const [address] = bench.app.addresses() as { port: number }[];
const base = `ws://127.0.0.1:${address?.port}`;
const host = await bench.official('host');
const bidders = [await bench.bidder(1), await bench.bidder(2), await bench.bidder(3)];
const { world, database } = bench.stage;

type Look = {
  readonly ticket?: string;
  readonly origin?: string | null;
  readonly after?: number;
  readonly protocols?: string[];
  readonly openingId?: string;
  /** Another address than an opening's. */
  readonly path?: string;
};
type Viewing = {
  readonly socket: WebSocket;
  readonly heard: Down[];
  readonly closed: { code: number; reason: string } | null;
  seqs(): number[];
  /** Names of disclosed fields by seq, of all frames or of the viewer's own. */
  fields(kind?: 'own'): Record<string, string[]>;
};

/** Opens a socket; a refusal comes back as its status and code. */
function look({
  ticket,
  origin = ORIGIN,
  after = -1,
  openingId = OPENING_ID,
  ...rest
}: Look = {}): Promise<Viewing | string> {
  const protocols = rest.protocols ?? [SUBPROTOCOL, ...(ticket === undefined ? [] : [`ticket.${ticket}`])];
  const url = `${base}${rest.path ?? `/openings/${openingId}/live?after=${after}`}`;
  const socket = new WebSocket(url, protocols, origin === null ? {} : { origin });
  const heard: Down[] = [];
  const viewing = {
    socket,
    heard,
    closed: null as Viewing['closed'],
    seqs: () =>
      heard.flatMap((down) => (down.kind === 'entries' ? down.entries.map((text) => parseEntry(utf8(text)).seq) : [])),
    fields(kind?: 'own') {
      const fields: Record<string, string[]> = {};
      for (const down of heard) {
        if (down.kind !== 'own' && (down.kind !== 'entries' || kind === 'own')) continue;
        for (const [seq, texts] of Object.entries(down.disclosures))
          fields[seq] = [...(fields[seq] ?? []), ...texts.map((text) => readDisclosure(text).field)].sort();
      }
      return fields;
    },
  };
  socket.on('message', (data) => {
    const down: unknown = JSON.parse(data.toString());
    if (!Check(DownSchema, down)) throw new Error('not a message of the wire');
    heard.push(down);
  });
  socket.on('close', (code, reason) => {
    viewing.closed = { code, reason: reason.toString() };
  });
  return new Promise((resolve, reject) => {
    socket.once('open', () => resolve(viewing));
    socket.on('error', reject);
    socket.once('unexpected-response', (_request, response) => {
      let body = '';
      response.on('data', (chunk: Buffer) => {
        body += chunk.toString();
      });
      response.on('end', () => resolve(`${response.statusCode} ${(JSON.parse(body) as { code: string }).code}`));
    });
  });
}

async function seen(options: Look = {}): Promise<Viewing> {
  const viewing = await look(options);
  if (typeof viewing === 'string') throw new Error(viewing);
  return viewing;
}

const sizeOf = async () => (await bench.recorder.stateOf(OPENING_ID))?.size ?? 0;
/** Waits until a viewer has everything there is. */
async function upToDate(...viewings: Viewing[]): Promise<void> {
  await until(async () => {
    world.advance(20);
    const size = await sizeOf();
    return viewings.every((viewing) => (viewing.seqs().at(-1) ?? -1) + 1 === size);
  });
}

t.test('without a ticket: the public view, from a page of ours', async (t) => {
  const viewing = await seen();
  await upToDate(viewing);
  t.equal(viewing.socket.protocol, SUBPROTOCOL);
  t.strictSame(viewing.seqs(), [0, 1]);
  t.strictSame(viewing.fields(), {});
  t.equal(viewing.heard[0]?.kind, 'pulse', 'the time comes first');
  viewing.socket.close();
});

t.test('who is not let in is told why, and never downgraded', async (t) => {
  t.equal(await look({ origin: 'https://evil.example' }), '403 origin_not_allowed');
  t.equal(await look({ origin: 'null' }), '403 origin_not_allowed');
  t.equal(await look({ origin: null }), '403 origin_missing');
  t.equal(await look({ protocols: [] }), '400 subprotocol_missing');
  t.equal(await look({ protocols: ['kaibiao.v2'] }), '400 subprotocol_missing');
  t.equal(await look({ ticket: 'A'.repeat(43) }), '401 ticket_unknown');
  t.equal(await look({ ticket: 'x' }), '401 ticket_unknown');
  t.equal(await look({ openingId: 'nowhere-1' }), '404 no_such_opening');
  const twice = await bench.ticket(host, 'host');
  t.equal(
    await look({ protocols: [SUBPROTOCOL, `ticket.${twice}`, `ticket.${'B'.repeat(43)}`] }),
    '401 ticket_unknown',
  );
  const answer = await bench.ask(null, { url: `/openings/${OPENING_ID}/live` });
  t.equal(answer.statusCode, 426);
  t.equal((await bench.ask(null, { url: `/openings/${OPENING_ID}/live?after=-2` })).statusCode, 400);
});

t.test('a ticket is good once, for one opening, for half a minute', async (t) => {
  const ticket = await bench.ticket(host, 'host');
  (await seen({ ticket })).socket.close();
  t.equal(await look({ ticket }), '401 ticket_used');
  t.equal(await look({ ticket: await bench.ticket(host, 'host', 'other-opening-1') }), '401 ticket_of_other_opening');
  const old = await bench.ticket(host, 'host');
  await bench.pass(30_000);
  t.equal(await look({ ticket: old }), '401 ticket_expired');
});

t.test('no ticket for a role one does not hold; none kept after it is taken back', async (t) => {
  const [bidder] = bidders;
  if (bidder === undefined) throw new Error('no bidder');
  for (const role of ['host', 'witness', 'auditor', 'bidder', 'operator'] as const)
    await t.rejects(bench.ticket(bidder, role), /role_not_held/, role);
  const tenderer = await bench.official('tenderer');
  const ticket = await bench.ticket(tenderer, 'tenderer', 'other-opening-1');
  await database.sql`UPDATE assignments SET withdrawn_by = 'test', withdrawn_at = 1
    WHERE opening_id = 'other-opening-1' AND account = ${tenderer.account}`;
  t.equal(await look({ ticket, openingId: 'other-opening-1' }), '403 role_not_held');
});

t.test('a command line without an origin comes in with a ticket, and sees its role', async (t) => {
  const viewing = await seen({ ticket: await bench.ticket(host, 'host'), origin: null });
  await upToDate(viewing);
  t.strictSame(viewing.fields(), { 0: ['assignments', 'who'], 1: ['who'] });
  viewing.socket.close();
});

t.test('an official’s view is on the access log before the first frame; the public’s is not', async (t) => {
  const access = accessOrigin('kaibiao.test');
  const sizeOfAccess = () => bench.dependencies.log.released(access)?.size ?? 0;
  const before = sizeOfAccess();
  (await seen()).socket.close();
  (await seen({ ticket: await bench.ticket(host, 'host') })).socket.close();
  t.equal(sizeOfAccess(), before);
  const auditor = await bench.official('auditor');
  const viewing = await seen({ ticket: await bench.ticket(auditor, 'auditor') });
  t.equal(sizeOfAccess(), before + 1);
  viewing.socket.close();
  await bench.ask(auditor, { url: `/openings/${OPENING_ID}/entries?role=auditor` });
  t.equal(sizeOfAccess(), before + 2);
  await bench.ask(auditor, { url: `/openings/${OPENING_ID}/entries?role=public` });
  t.equal(sizeOfAccess(), before + 2);
  const rows = await database.sql<{ disclosure: string }[]>`
    SELECT disclosure FROM disclosures WHERE origin = ${access} AND field = 'access' ORDER BY seq`;
  t.match(
    rows.map(({ disclosure }) => readDisclosure(disclosure).value),
    [
      { openingId: OPENING_ID, what: 'live' },
      { openingId: OPENING_ID, what: 'entries' },
    ],
  );
});

t.test('an access that cannot be logged shows nothing', async (t) => {
  const { recordAccess } = bench.dependencies.ledger;
  const ledger = bench.dependencies.ledger as { recordAccess: unknown };
  ledger.recordAccess = async () => {
    throw new Error('the access log is away');
  };
  const auditor = await bench.official('auditor');
  t.equal(await look({ ticket: await bench.ticket(auditor, 'auditor') }), '500 server_fault');
  const answer = await bench.ask(auditor, { url: `/openings/${OPENING_ID}/entries` });
  t.equal(answer.statusCode, 500);
  ledger.recordAccess = recordAccess;
});

t.test('a ping is answered with the server’s clock; anything else ends the socket', async (t) => {
  const viewing = await seen();
  viewing.socket.send(JSON.stringify({ v: 1, kind: 'ping', ping: 7 }));
  await until(() => viewing.heard.some(({ kind }) => kind === 'pong'));
  t.strictSame(
    viewing.heard.find(({ kind }) => kind === 'pong'),
    { v: 1, kind: 'pong', ping: 7, now: world.now() },
  );
  for (const message of [
    'no json',
    '{}',
    '{"v":1,"kind":"ping","ping":1,"more":1}',
    '{"v":1,"kind":"ping","ping":-1}',
    '[]',
  ]) {
    const other = await seen();
    other.socket.send(message);
    await until(() => other.closed !== null);
    t.strictSame(other.closed, { code: 1008, reason: 'bad_message' }, message);
  }
  const binary = await seen();
  binary.socket.send(Buffer.from('{"v":1,"kind":"ping","ping":1}'));
  await until(() => binary.closed !== null);
  t.equal(binary.closed?.reason, 'bad_message');
  const long = await seen();
  long.socket.send('x'.repeat(2_000));
  await until(() => long.closed !== null);
  t.equal(long.closed?.code, 1009);
  for (let n = 0; n < 40; n++) viewing.socket.send(JSON.stringify({ v: 1, kind: 'ping', ping: n }));
  await until(() => viewing.closed !== null);
  t.strictSame(viewing.closed, { code: 4003, reason: 'too_many_messages' });
});

t.test('the socket of a pre-flight answers pings, so many and so long, to pages of ours alone', async (t) => {
  const path = '/preflight/live';
  t.equal(await look({ path, origin: 'https://evil.example' }), '403 origin_not_allowed');
  t.equal(await look({ path, protocols: ['other'] }), '400 subprotocol_missing');
  t.equal((await fetch(`${base.replace('ws:', 'http:')}${path}`)).status, 426);
  const ask = (viewing: Viewing, ping: number) => viewing.socket.send(JSON.stringify({ v: 1, kind: 'ping', ping }));
  const asking = await seen({ path });
  for (let n = 0; n < PROBE_PINGS; n++) ask(asking, n);
  await until(() => asking.heard.length === PROBE_PINGS);
  t.strictSame(asking.heard.at(-1), { v: 1, kind: 'pong', ping: PROBE_PINGS - 1, now: world.now() });
  t.equal(asking.closed, null);
  ask(asking, PROBE_PINGS);
  await until(() => asking.closed !== null);
  t.match(asking.closed, { code: 4003, reason: 'too_many_messages' });
  const wrong = await seen({ path });
  wrong.socket.send('[]');
  await until(() => wrong.closed !== null);
  t.match(wrong.closed, { code: 1008 });
  const silent = await seen({ path });
  await until(() => {
    world.advance(PROBE_SOCKET_MS);
    return silent.closed !== null;
  });
  t.match(silent.closed, { code: 1000 }, 'whoever says nothing is let go');
});

t.test('through check-in, sealing and roster: nobody learns anything before, everyone the same after', async (t) => {
  const [first, second, third] = bidders;
  if (first === undefined || second === undefined || third === undefined) throw new Error('no bidders');
  await bench.lodge(first, 1);
  await bench.lodge(second, 2);
  const early = [
    await seen(),
    await seen({ ticket: await bench.ticket(first, 'bidder') }),
    await seen({ ticket: await bench.ticket(second, 'bidder') }),
    await seen({ ticket: await bench.ticket(await bench.official('auditor'), 'auditor') }),
  ];
  await t.rejects(bench.ticket(third, 'bidder'), /role_not_held/);
  await bench.passTo(bench.deadlineAt);
  await bench.untilPhase('Sealed');
  await upToDate(...early);
  for (const viewing of early) {
    const text = JSON.stringify(viewing.heard);
    for (const { account } of [first, second]) t.notOk(text.includes(account));
    t.notOk(viewing.heard.some((down) => down.kind === 'pulse' && down.viewers > 0));
  }
  t.equal((await bench.command(host, 'host', 'PublishRoster')).statusCode, 200);
  t.equal((await bench.command(host, 'host', 'OpenWindow')).statusCode, 200);
  t.equal((await bench.command(first, 'bidder', 'RaiseObjection', { text: '异议：一标段' })).statusCode, 200);
  await upToDate(...early);
  const size = await sizeOf();
  for (const viewing of early)
    t.strictSame(
      viewing.seqs(),
      Array.from({ length: size }, (_, n) => n),
    );
  const objection = String(size - 1);
  const [public_, mine, theirs, auditor] = early;
  t.strictSame(public_?.fields()[objection], undefined);
  t.strictSame(mine?.fields()[objection], ['act', 'source', 'text', 'who'], 'the owner sees all of it');
  t.strictSame(mine?.fields('own')[objection], ['act', 'source', 'who']);
  t.strictSame(theirs?.fields()[objection], ['text']);
  t.strictSame(theirs?.fields('own'), {});
  t.strictSame(auditor?.fields()[objection], ['act', 'source', 'text', 'who']);
  // What one has missed is the same as what one has seen.
  const late = await seen({ ticket: await bench.ticket(first, 'bidder') });
  await upToDate(late);
  t.strictSame(late.fields(), mine?.fields());
  const resumed = await seen({ after: 2 });
  await upToDate(resumed);
  t.strictSame(
    resumed.seqs(),
    Array.from({ length: size - 3 }, (_, n) => n + 3),
  );
  for (const viewing of [...early, late, resumed]) viewing.socket.close();
});

t.test('who hangs up while his ticket is looked at leaves his seat, as whoever hangs up later', async (t) => {
  for (const isGone of [true, false]) {
    const connection = Object.assign(new EventEmitter(), { destroyed: isGone });
    if (isGone) connection.emit('close');
    let left = 0;
    leaveWith(connection, () => {
      left += 1;
    });
    t.equal(left, isGone ? 1 : 0);
    connection.emit('close');
    t.ok(left >= 1);
  }
});

t.test('more sockets than the limit are told to come back', async (t) => {
  await until(() => bench.dependencies.hall.viewers() === 0);
  const half = await Promise.all(Array.from({ length: 20 }, () => seen()));
  t.equal(await look(), '429 too_many_sockets', 'one address leaves half of the seats to others');
  t.equal(await look({ path: '/preflight/live' }), '429 too_many_sockets', 'a pre-flight takes a seat as well');
  const many = [...half];
  // An account keeps eight in one room.
  for (const [role, count] of [
    ['host', 8],
    ['tenderer', 8],
    ['witness', 4],
  ] as const) {
    const who = await bench.official(role);
    for (let n = 0; n < count; n++) many.push(await seen({ ticket: await bench.ticket(who, role) }));
  }
  t.equal(bench.dependencies.hall.viewers(), 40);
  t.equal(await look({ ticket: await bench.ticket(host, 'host') }), '503 too_many_viewers');
  for (const viewing of many) viewing.socket.terminate();
  await until(() => bench.dependencies.hall.viewers() === 0);
  (await seen()).socket.close();
});

t.test('heartbeats: who answers stays, who is gone is let go; whose role is taken back is closed', async (t) => {
  await until(() => bench.dependencies.hall.viewers() === 0);
  const viewing = await seen();
  const witness = await bench.official('witness');
  const mine = await seen({ ticket: await bench.ticket(witness, 'witness') });
  for (let n = 0; n < 6; n++) {
    const pulses = viewing.heard.filter(({ kind }) => kind === 'pulse').length;
    world.advance(15_000);
    await until(() => viewing.heard.filter(({ kind }) => kind === 'pulse').length > pulses);
    await until(async () => bench.dependencies.hall.viewers() === 2);
  }
  t.equal(viewing.closed, null);
  await database.sql`UPDATE assignments SET withdrawn_by = 'test', withdrawn_at = 1 WHERE account = ${witness.account}`;
  world.advance(15_000);
  await until(() => mine.closed !== null);
  t.match(mine.closed, { code: 4010, reason: 'ticket_expired' });
  viewing.socket.close();
});

t.test('a server that stops says so to everyone', async (t) => {
  const viewing = await seen();
  bench.dependencies.hall.close('server_stopping');
  await until(() => viewing.closed !== null);
  t.strictSame(viewing.closed, { code: 1001, reason: 'server_stopping' });
});
