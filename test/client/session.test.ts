/** The person's session against the server's own identity code: what the one signs the other takes, whatever the network does between. */

import { makeSessionKey } from '../../server/cli/person/session-key.ts';
import { type Api, askChallenge, BID_MEDIA_TYPE, createApi } from '../../server/client/api.ts';
import { logIn, type Session } from '../../server/client/session.ts';
import { ApiError, TRY_LIMIT, type Transport, uploadLimitMs } from '../../server/client/transport.ts';
import { toBase64 } from '../../server/core/log/base64.ts';
import type { Json } from '../../server/core/log/canonical.ts';
import type { PersonRole } from '../../server/core/opening/roles.ts';
import { sha256 } from '../../server/hash.ts';
import { checkSubmittedAct, type SignedCommandType } from '../../server/identity/acts.ts';
import { login, openChallenge, renewToken } from '../../server/identity/login.ts';
import { IDENTITY_REFUSALS, type IdentityRefusal, type Outcome } from '../../server/identity/refusals.ts';
import { issueTicket } from '../../server/identity/tickets.ts';
import { authenticate } from '../../server/identity/tokens.ts';
import { OPENING, ORIGIN, organisation, PLATFORM, setStage, signerOf } from '../identity/stage.ts';
import t from '../support/tap.ts';

const stage = await setStage(t);
const signer = signerOf(await stage.ca.issue({ holder: organisation(1), usage: 'sign' }));
const headSeen = { size: 0, root: toBase64(new Uint8Array(32)) };

type Answerer = (request: Request) => Promise<Response> | undefined;
type Asked = { method: string; path: string; dpop: string | null };

/** A network to the identity code; `between` may answer instead of it. */
function network(between: Answerer = () => undefined) {
  const asked: Asked[] = [];
  const pauses: number[] = [];
  const transport: Transport = {
    origin: ORIGIN,
    world: {
      randomBytes: stage.world.randomBytes,
      after(ms, alarm) {
        // A client's patience with one answer is longer than any pause; those never run out here.
        if (ms < 30_000) {
          pauses.push(ms);
          setImmediate(alarm);
        }
        return () => undefined;
      },
    },
    fetch: (async (url: string, init: RequestInit) => {
      const request = new Request(url, init);
      asked.push({ method: request.method, path: new URL(url).pathname, dpop: request.headers.get('dpop') });
      return (await between(request)) ?? serve(request);
    }) as typeof fetch,
  };
  return { transport, asked, pauses };
}

type Body = {
  jkt: string;
  login: string;
  role?: PersonRole;
  id: string;
  type: SignedCommandType;
  data: Json;
  act: string;
};

/** Handlers as HTTP will have them. */
async function serve(request: Request): Promise<Response> {
  const { pathname } = new URL(request.url);
  const body = (request.method === 'POST' ? await request.json() : {}) as Body;
  const asked = {
    authorization: request.headers.get('authorization') ?? undefined,
    proof: request.headers.get('dpop') ?? undefined,
    method: request.method,
    url: request.url,
  };
  if (pathname === '/auth/challenge') return answer(await openChallenge(stage, body), ({ challenge }) => challenge);
  if (pathname === '/auth/login') return answer(await login(stage, body));
  if (pathname === '/auth/renew') return answer(await renewToken(stage, asked));
  const known = await authenticate(stage, asked);
  if ('refused' in known) return answer(known);
  const { caller } = known;
  if (pathname === '/auth/ticket')
    return answer(await issueTicket(stage, { caller, openingId: OPENING, role: body.role ?? 'public' }));
  if (pathname === `/openings/${OPENING}/commands`) {
    const { act, id, type, data } = body;
    const command = { id, type, data };
    return answer(
      await checkSubmittedAct(stage, { caller, openingId: OPENING, command, act, receivedAt: stage.world.now() }),
    );
  }
  return Response.json({});
}

function answer<Value extends object>(
  outcome: Outcome<Value>,
  pick: (value: Value) => object = (value) => value,
): Response {
  return 'refused' in outcome ? problem(outcome.refused) : Response.json(pick(outcome));
}

function problem(code: IdentityRefusal): Response {
  const { status, en: title } = IDENTITY_REFUSALS[code];
  return Response.json(
    { type: 'about:blank', title, status, code },
    { status, headers: { 'content-type': 'application/problem+json' } },
  );
}

const enter = (transport: Transport, world: { now(): number } = stage.world) =>
  logIn({
    transport,
    signer,
    sha256,
    makeSessionKey,
    world: { now: world.now, randomBytes: stage.world.randomBytes },
  });
async function send(session: Session, type: SignedCommandType, data: Json, id = session.newId()) {
  const act = await session.sign({ openingId: OPENING, id, type, data, headSeen });
  return session.api.sendCommand(OPENING, { id, type, data, role: 'bidder', act });
}
const codeOf = (call: Promise<unknown>) =>
  call.then(
    () => 'ok',
    (error: unknown) => (error instanceof ApiError ? error.code : String(error)),
  );
const isTicket = (request: Request) => new URL(request.url).pathname === '/auth/ticket';

t.test('login, a request, an act by the session key, an act by the CA key', async (t) => {
  const { transport, asked } = network();
  const session = await enter(transport);
  t.match(session, { account: organisation(1).creditCode, platform: PLATFORM });
  t.match(await session.api.askTicket(OPENING, 'public'), { ticket: /^[A-Za-z0-9_-]{43}$/ });
  t.match(await send(session, 'CheckIn', {}), { checked: { signedBy: 'session' } });
  t.match(await send(session, 'RaiseObjection', { text: '异议' }), { checked: { signedBy: 'certificate' } });
  t.equal(new Set(asked.slice(2).map(({ dpop }) => dpop)).size, 3, 'a proof of its own for each');
});

t.test('the server refuses an act that is not what was sent', async (t) => {
  const session = await enter(network().transport);
  const act = await session.sign({ openingId: OPENING, id: 'a', type: 'CheckIn', data: {}, headSeen });
  const sent = (change: object) =>
    session.api.sendCommand(OPENING, { id: 'a', type: 'CheckIn', data: {}, role: 'bidder', act, ...change });
  t.equal(await codeOf(sent({})), 'ok');
  t.equal(await codeOf(sent({ id: 'b' })), 'act_other_command');
  t.equal(await codeOf(sent({ data: { x: 1 } })), 'act_data_differs');
});

t.test('a client whose clock stood still while its machine slept takes the difference anew', async (t) => {
  const { transport, asked } = network();
  let sleptMs = 0;
  const session = await enter(transport, { now: () => stage.world.now() - sleptMs });
  sleptMs = 120_000;
  t.match(await session.api.askTicket(OPENING, 'public'), { ticket: String });
  t.equal(session.serverNow(), stage.world.now());
  t.strictSame(
    asked.slice(2).map(({ path }) => path),
    ['/auth/ticket', '/auth/challenge', '/auth/ticket'],
  );
  t.equal(await codeOf(send(session, 'CheckIn', {})), 'ok');
});

t.test('a clock that was set since the login spoils no renewal', async (t) => {
  const { transport, asked } = network();
  let aheadMs = 0;
  const session = await enter(transport, { now: () => stage.world.now() + aheadMs });
  stage.world.advance(stage.config.accessTokenLifetimeMs - 30_000);
  aheadMs = 120_000;
  t.equal(await codeOf(session.api.askTicket(OPENING, 'public')), 'ok');
  t.strictSame(
    asked.slice(2).map(({ path }) => path),
    ['/auth/renew', '/auth/challenge', '/auth/renew', '/auth/ticket'],
  );
});

t.test('a client whose clock is hours off signs by the server’s', async (t) => {
  const session = await enter(network().transport, { now: () => stage.world.now() - 7_200_000 });
  t.equal(session.serverNow(), stage.world.now());
  t.equal(await codeOf(send(session, 'CheckIn', {})), 'ok');
});

t.test('a token is renewed before it ends, once for all who wait', async (t) => {
  const { transport, asked } = network();
  const session = await enter(transport);
  stage.world.advance(stage.config.accessTokenLifetimeMs - 30_000);
  const answers = await Promise.all(Array.from({ length: 4 }, () => codeOf(session.api.askTicket(OPENING, 'public'))));
  t.strictSame(answers, Array(4).fill('ok'));
  t.equal(asked.filter(({ path }) => path === '/auth/renew').length, 1);
});

t.test('a token that the server calls expired is renewed and the request sent again, once', async (t) => {
  let refusals = 0;
  const { transport, asked } = network((request) => {
    if (!isTicket(request) || refusals > 0) return undefined;
    refusals += 1;
    return Promise.resolve(problem('token_expired'));
  });
  const session = await enter(transport);
  t.equal(await codeOf(session.api.askTicket(OPENING, 'public')), 'ok');
  t.strictSame(
    asked.slice(2).map(({ path }) => path),
    ['/auth/ticket', '/auth/renew', '/auth/ticket'],
  );
  const stubborn = network((request) => (isTicket(request) ? Promise.resolve(problem('token_expired')) : undefined));
  const second = await enter(stubborn.transport);
  t.equal(await codeOf(second.api.askTicket(OPENING, 'public')), 'token_expired');
  t.equal(stubborn.asked.length, 5);
});

t.test('another platform’s challenge is not answered', async (t) => {
  const { transport, asked } = network();
  const relay = { ...transport, origin: 'https://relay.test' };
  t.equal(await codeOf(enter(relay)), 'challenge_not_ours');
  t.strictSame(
    asked.map(({ path }) => path),
    ['/auth/challenge'],
  );
});

t.test('the network fails and comes back: the same command, a new proof', async (t) => {
  let failures = 0;
  const ids = new Set<string>();
  const { transport, asked, pauses } = network((request) => {
    if (!request.url.endsWith('/commands')) return undefined;
    return request
      .clone()
      .json()
      .then(({ id }: { id: string }) => {
        ids.add(id);
        failures += 1;
        if (failures === 1) throw new TypeError('fetch failed');
        if (failures === 2) return new Response('busy', { status: 503, headers: { 'retry-after': '2' } });
        return failures === 3 ? new Response('', { status: 502 }) : serve(request);
      });
  });
  const session = await enter(transport);
  t.equal(await codeOf(send(session, 'CheckIn', {})), 'ok');
  t.equal(ids.size, 1);
  const proofs = asked.filter(({ path }) => path.endsWith('/commands')).map(({ dpop }) => dpop);
  t.equal(new Set(proofs).size, 4);
  t.equal(pauses[1], 2000, 'as long as the server asked for');
});

t.test('patience ends', async (t) => {
  const { transport, asked, pauses } = network(() => Promise.reject(new TypeError('fetch failed')));
  t.equal(await codeOf(askChallenge(transport, 'x')), 'unreachable');
  t.equal(asked.length, TRY_LIMIT);
  t.ok(
    pauses.every((ms, i) => ms >= 125 * 2 ** i && ms <= 250 * 2 ** i),
    String(pauses),
  );
});

t.test('a refusal is not asked again, and a login is sent once', async (t) => {
  const refused = network(() => Promise.resolve(problem('role_not_held')));
  t.equal(await codeOf(createApi(refused.transport).listOpenings()), 'role_not_held');
  t.equal(refused.asked.length, 1);
  const broken = network((request) =>
    request.url.endsWith('/auth/login') ? Promise.reject(new TypeError('fetch failed')) : undefined,
  );
  t.equal(await codeOf(enter(broken.transport)), 'unreachable');
  t.equal(broken.asked.length, 2);
});

t.test('answers that are none', async (t) => {
  const with_ = (response: () => Response): Api => createApi(network(() => Promise.resolve(response())).transport);
  t.equal(await codeOf(with_(() => new Response('<html>', { status: 200 })).listOpenings()), 'unreadable');
  t.equal(await codeOf(with_(() => new Response('<html>', { status: 404 })).listOpenings()), 'unreadable');
  t.equal(
    await codeOf(with_(() => Response.json({ code: 'x' }, { status: 403 })).listOpenings()),
    'unreadable',
    'not a problem+json',
  );
  const failing = network(() => Promise.reject(new RangeError('a fault of ours')));
  t.equal(
    await codeOf(createApi(failing.transport).listOpenings()),
    'RangeError: a fault of ours',
    'faults stay faults',
  );
});

t.test('a part on a dead line is given up in minutes, one on a slow line is not', (t) => {
  t.equal(uploadLimitMs(0), 120_000);
  t.equal(uploadLimitMs(4_194_304), 120_000 + 512_000, '8 KiB a second');
  t.equal(uploadLimitMs(4_194_305), 120_000 + 513_000);
  t.equal(uploadLimitMs(2 ** 40), 3_600_000);
  t.end();
});

t.test('a bid travels as statement, line feed, envelope', async (t) => {
  let taken: { type: string | null; length: string | null; text: string } | undefined;
  const { transport } = network(async (request) => {
    const { headers } = request;
    taken = { type: headers.get('content-type'), length: headers.get('content-length'), text: await request.text() };
    return Response.json({ entries: [] });
  });
  const envelope = new TextEncoder().encode('envelope bytes');
  const open = () =>
    new ReadableStream<Uint8Array>({
      start(controller) {
        controller.enqueue(envelope.subarray(0, 4));
        controller.enqueue(envelope.subarray(4));
        controller.close();
      },
    });
  await createApi(transport).sendBid(OPENING, { statement: 'a.b.c', sizeBytes: envelope.length, open });
  t.strictSame(taken, { type: BID_MEDIA_TYPE, length: '20', text: 'a.b.c\nenvelope bytes' });
});
