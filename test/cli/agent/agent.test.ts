/** The rules of the key agent, one by one, through its own door: which pages it serves, what it lets a key be used for, and that somebody agreed. */
import { createPrivateKey, sign, X509Certificate } from 'node:crypto';
import { request as httpRequest } from 'node:http';
import { type AgentSurface, createAgent } from '../../../server/cli/agent/agent.ts';
import { type AgentServer, serveAgent } from '../../../server/cli/agent/agent-server.ts';
import { inLines, terminalSurface } from '../../../server/cli/agent/on-terminal.ts';
import { TokenError } from '../../../server/cli/agent/token-error.ts';
import { demoCreditCode, type Issued } from '../../../server/cli/demo/ca.ts';
import { main } from '../../../server/cli/main.ts';
import { agentKeys, askByHttp, beginPairing, endPairing } from '../../../server/client/agent-keys.ts';
import {
  AGENT_REQUEST_LIMIT_BYTES,
  CHALLENGE_MS,
  CONSENT_MS,
  PAIRING_MS,
  PAIRING_TRIES,
  PAIRINGS_LIMIT,
  PAIRINGS_LIMIT_MS,
} from '../../../server/client/agent-protocol.ts';
import type { KeyAgent } from '../../../server/client/key-agent.ts';
import type { Consent } from '../../../server/client/key-desk.ts';
import { plain, SHOWN_LIMIT_CHARACTERS } from '../../../server/client/what-is-signed.ts';
import { toBase64Url } from '../../../server/core/log/base64.ts';
import { canonicalise, type JsonObject } from '../../../server/core/log/canonical.ts';
import { utf8 } from '../../../server/core/log/utf8.ts';
import { signByCertificate, signLogin, signStepUp } from '../../../server/core/pki/person-jws.ts';
import { sha256 } from '../../../server/hash.ts';
import { verifyJwsSignature } from '../../../server/identity/signature.ts';
import { testCa } from '../../support/ca.ts';
import t from '../../support/tap.ts';
import { terminal } from '../../support/terminal.ts';
import { steppedWorld } from '../../support/world.ts';

const START = Date.parse('2026-03-02T00:00:00Z');
const PAGE = 'https://kaibiao.example';
const OTHER_PAGE = 'https://second.example';

const ca = await testCa({ name: 'Agent', at: START });
const holder = { creditCode: demoCreditCode(10), organisation: '投标人', name: '投标人' };
const issued = await ca.issue({ holder, usage: 'sign', key: 'p256' });
const der = ({ certificatePem }: Issued) => new Uint8Array(new X509Certificate(certificatePem).raw);
const certificate = der(issued);
const certSha256 = toBase64Url(sha256(certificate));
const signing = { alg: 'ES256', certificate, chain: [] } as const;
const jwk = { kty: 'EC', crv: 'P-256', x: 'x', y: 'y' } as const;

type Stand = {
  readonly server: AgentServer;
  readonly world: ReturnType<typeof steppedWorld>;
  readonly codes: string[];
  readonly asked: Consent[];
  readonly signed: string[];
  answer(agrees: boolean): void;
  /** The next questions are left open. */
  hesitate(): void;
  fail(fault: Error | null): void;
};

/** An agent over a key of this process, at whose window somebody says yes until told otherwise. */
async function stand(t: { teardown(act: () => Promise<void>): void }): Promise<Stand> {
  const world = steppedWorld(START, 7);
  const codes: string[] = [];
  const asked: Consent[] = [];
  const signed: string[] = [];
  let says: boolean | null = true;
  let fault: Error | null = null;
  const surface: AgentSurface = {
    showCode: ({ code }) => void codes.push(code),
    agrees(consent, signal) {
      asked.push(consent);
      if (says !== null) return Promise.resolve(says);
      return new Promise((done) => signal.addEventListener('abort', () => done(false)));
    },
  };
  const token = {
    certificates: () => [{ certificate, chain: [] }],
    algorithmOf: () => 'ES256' as const,
    async sign(_certificate: Uint8Array, data: Uint8Array) {
      if (fault !== null) throw fault;
      signed.push(Buffer.from(data).toString());
      return sign('sha256', data, { key: createPrivateKey(issued.privateKeyPem), dsaEncoding: 'ieee-p1363' });
    },
    unwrap: () => Promise.reject(new Error('unwrapped')),
  };
  const agent = createAgent({ token, surface, world, verifySignature: verifyJwsSignature });
  const faults: unknown[] = [];
  const server = await serveAgent(agent, {
    origins: [PAGE, OTHER_PAGE],
    port: 0,
    onFault: (one) => void faults.push(one),
  });
  t.teardown(async () => {
    await server.close();
    if (faults.length > 0) throw faults[0];
  });
  return {
    server,
    world,
    codes,
    asked,
    signed,
    answer: (agrees) => {
      says = agrees;
    },
    hesitate: () => {
      says = null;
    },
    fail: (one) => {
      fault = one;
    },
  };
}

type Said = { status: number; headers: Record<string, unknown>; body: { code?: string } & Record<string, unknown> };

/** One request with whatever headers; what a browser would never let a page choose, too. */
function ask(
  url: string,
  path: string,
  { method = 'POST', headers = {}, body = '{}' }: { method?: string; headers?: Record<string, string>; body?: string },
): Promise<Said> {
  return new Promise((done, fail) => {
    const made = httpRequest(`${url}${path}`, { method, headers }, (response) => {
      const parts: Buffer[] = [];
      response.on('data', (part) => parts.push(part));
      response.on('end', () => {
        const text = Buffer.concat(parts).toString();
        done({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: text === '' ? {} : JSON.parse(text),
        });
      });
    });
    made.on('error', fail);
    made.end(method === 'POST' ? body : undefined);
  });
}
const json = { origin: PAGE, 'content-type': 'application/json' };

const linkTo = ({ server }: Stand, origin = PAGE) => ({
  origin: server.url,
  sha256,
  fetch: ((url: string, init: RequestInit) =>
    fetch(url, { ...init, headers: { ...init.headers, origin } })) as typeof fetch,
});

async function paired(at: Stand, origin = PAGE, onUse?: (digits: string | null) => void): Promise<KeyAgent> {
  const link = linkTo(at, origin);
  const pairing = await beginPairing(link);
  return agentKeys(sha256, askByHttp(link, await endPairing(link, pairing, at.codes.at(-1) ?? '')), onUse);
}
const login = (keys: KeyAgent, origin = PAGE) =>
  keys.signer(certSha256).then((signer) =>
    signLogin(sha256, signer, {
      challenge: { nonce: 'nonce', aud: 'kaibiao.example', origin },
      account: holder.creditCode,
      jwk,
      iatSeconds: START / 1000,
    }),
  );

t.test('it answers its own address only, so that no name can be made to point at it', async (t) => {
  const { server } = await stand(t);
  const { host } = new URL(server.url);
  for (const wrong of ['kaibiao.example', `localhost:${new URL(server.url).port}`, '127.0.0.1', `${host}.`])
    t.match(await ask(server.url, '/pair', { headers: { ...json, host: wrong } }), {
      status: 421,
      body: { code: 'agent_host_refused' },
    });
  t.equal((await ask(server.url, '/pair', { headers: json })).status, 200);
});

t.test('it serves the pages that it was started for, and asks for JSON, which no page sends unasked', async (t) => {
  const { server, codes } = await stand(t);
  const refused = { status: 403, body: { code: 'agent_origin_refused' } };
  for (const origin of ['https://evil.example', 'null', 'http://kaibiao.example', `${PAGE}.evil.example`, `${PAGE}/`]) {
    const said = await ask(server.url, '/pair', { headers: { ...json, origin } });
    t.match(said, refused, origin);
    t.equal(said.headers['access-control-allow-origin'], undefined);
  }
  t.match(await ask(server.url, '/pair', { headers: { 'content-type': 'application/json' } }), refused, 'no origin');
  for (const headers of [{ origin: PAGE }, { origin: PAGE, 'content-type': 'text/plain' }])
    t.match(await ask(server.url, '/pair', { headers }), { status: 400, body: { code: 'agent_malformed' } });
  t.match(await ask(server.url, '/pair', { method: 'GET', headers: json }), { status: 400 });
  t.match(await ask(server.url, '/pair', { headers: json, body: '{' }), { status: 400 });
  t.strictSame(codes, []);
  const long = (bytes: number) =>
    ask(server.url, '/pair', { headers: json, body: JSON.stringify('x'.repeat(bytes - 2)) });
  t.equal((await long(AGENT_REQUEST_LIMIT_BYTES)).status, 200);
  t.equal((await long(AGENT_REQUEST_LIMIT_BYTES + 1)).status, 400);
});

t.test('a browser that asks first is told for this page alone, the private network included', async (t) => {
  const { server } = await stand(t);
  const asks = { 'access-control-request-method': 'POST', 'access-control-request-private-network': 'true' };
  const allowed = await ask(server.url, '/use', { method: 'OPTIONS', headers: { origin: PAGE, ...asks } });
  t.match(allowed, {
    status: 204,
    headers: {
      'access-control-allow-origin': PAGE,
      'access-control-allow-private-network': 'true',
      'access-control-allow-headers': 'authorization, content-type',
      vary: 'origin',
    },
  });
  t.equal(allowed.headers['access-control-allow-credentials'], undefined);
  const other = await ask(server.url, '/use', {
    method: 'OPTIONS',
    headers: { origin: 'https://evil.example', ...asks },
  });
  t.equal(other.status, 403);
  t.equal(other.headers['access-control-allow-private-network'], undefined);
});

t.test('a page is paired by the code that only the agent shows, in time, and with few tries', async (t) => {
  const at = await stand(t);
  const link = linkTo(at);
  await t.rejects(agentKeys(sha256, askByHttp(link, 'x'.repeat(43))).listCertificates(), { code: 'agent_not_paired' });
  const wrong = (code: string) => (code === '000000' ? '000001' : '000000');
  let pairing = await beginPairing(link);
  for (let n = 0; n < PAIRING_TRIES; n++)
    await t.rejects(endPairing(link, pairing, wrong(at.codes[0] ?? '')), { code: 'agent_code_wrong' });
  await t.rejects(endPairing(link, pairing, at.codes[0] ?? ''), { code: 'agent_code_over' }, 'too many');
  pairing = await beginPairing(link);
  await t.rejects(endPairing(linkTo(at, OTHER_PAGE), pairing, at.codes[1] ?? ''), { code: 'agent_code_over' });
  at.world.advance(PAIRING_MS - 1);
  await endPairing(link, pairing, at.codes[1] ?? '');
  await t.rejects(endPairing(link, pairing, at.codes[1] ?? ''), { code: 'agent_code_over' }, 'once');
  pairing = await beginPairing(link);
  at.world.advance(PAIRING_MS);
  await t.rejects(endPairing(link, pairing, at.codes[2] ?? ''), { code: 'agent_code_over' }, 'too late');
});

t.test('a bearer serves the page that was paired, and no other', async (t) => {
  const at = await stand(t);
  const link = linkTo(at);
  const token = await endPairing(link, await beginPairing(link), at.codes[0] ?? '');
  t.equal((await agentKeys(sha256, askByHttp(link, token)).listCertificates())[0]?.certSha256, certSha256);
  await t.rejects(agentKeys(sha256, askByHttp(linkTo(at, OTHER_PAGE), token)).listCertificates(), {
    code: 'agent_not_paired',
  });
});

t.test('it shows what is signed, with the digits that the page shows, and signs when somebody agrees', async (t) => {
  const at = await stand(t);
  const digits: (string | null)[] = [];
  const keys = await paired(at, PAGE, (shown) => void digits.push(shown));
  t.match(await login(keys), /^[\w-]+\.[\w-]+\.[\w-]+$/);
  t.match(at.asked, [{ origin: PAGE, shown: { title: { en: 'Log in' } } }]);
  t.strictSame(digits, [at.asked[0]?.digits, null]);
  const signer = await keys.signer(certSha256);
  const act = {
    account: holder.creditCode,
    platform: 'kaibiao.example',
    openingId: 'opening-1',
    command: 'command-1',
    type: 'RaiseObjection',
    data: { text: '唱标有误' },
    headSeen: { size: 3, root: 'root' },
    iatSeconds: 1,
  };
  await signStepUp(sha256, signer, act);
  const shownAs = (name: string) => at.asked[1]?.shown.rows.find((row) => row.name === name)?.text;
  t.equal(shownAs('data'), '{"text":"唱标有误"}');
  t.equal(shownAs('digest'), toBase64Url(sha256(utf8(at.signed[1] ?? ''))), 'the bytes that were signed');
  at.answer(false);
  await t.rejects(login(keys), { code: 'agent_declined' });
  t.equal(at.signed.length, 2, 'nothing without consent');
});

t.test('what it cannot read, or is for another page or key, is neither shown nor signed', async (t) => {
  const at = await stand(t);
  const keys = await paired(at);
  const real = await keys.signer(certSha256);
  await t.rejects(login(keys, 'https://other.example'), { code: 'agent_other_origin' });
  const signer = { ...signing, sign: real.sign };
  const payload: JsonObject = {
    v: 1,
    iss: holder.creditCode,
    aud: 'kaibiao.example',
    openingId: 'opening-1',
    command: 'c',
    type: 'RaiseObjection',
    bodySha256: toBase64Url(sha256(utf8('{}'))),
    headSeen: { size: 1, root: 'r' },
    iat: 1,
  };
  const hidden: [string, Promise<unknown>][] = [
    ['raw bytes', real.sign(utf8('anything'))],
    ['a typ that is none of ours', signByCertificate(sha256, signer, 'JWT', payload)],
    ['an act without its data', signByCertificate(sha256, signer, 'act+jws', payload)],
    [
      'an act with other data',
      signByCertificate(sha256, { ...signer, sign: (bytes) => real.sign(bytes, { text: 'x' }) }, 'act+jws', payload),
    ],
    [
      'an act with more in it',
      signByCertificate(sha256, { ...signer, sign: (bytes) => real.sign(bytes, {}) }, 'act+jws', {
        ...payload,
        more: 1,
      }),
    ],
    ['another algorithm', signByCertificate(sha256, { ...signer, alg: 'RS256' }, 'act+jws', payload)],
    [
      'text that is not canonical',
      real.sign(
        utf8([`{ "alg":"ES256" }`, canonicalise(payload)].map((part) => toBase64Url(utf8(part))).join('.')),
        {},
      ),
    ],
  ];
  for (const [what, made] of hidden) await t.rejects(made, { code: 'agent_not_shown' }, what);
  t.strictSame(at.asked, []);
  t.strictSame(at.signed, []);
});

t.test('a challenge serves one use of one request by one page, within its time', async (t) => {
  const at = await stand(t);
  const link = linkTo(at);
  const keys = async () => endPairing(link, await beginPairing(link), at.codes.at(-1) ?? '');
  const [first, second] = [await keys(), await keys()];
  const signer = await agentKeys(sha256, askByHttp(link, first)).signer(certSha256);
  /** What the next use sends, and what the agent answers to it. */
  const uses: { body: string; token: string }[] = [];
  const spying = {
    ...link,
    fetch: ((url: string, init: RequestInit) => {
      if (url.endsWith('/use')) {
        uses.push({ body: String(init.body), token: first });
        at.world.advance(late);
        return Promise.resolve(new Response(JSON.stringify({ result: '' })));
      }
      return link.fetch(url, init);
    }) as typeof fetch,
  };
  let late = 0;
  const caught = async (): Promise<string> => {
    await signLogin(sha256, await agentKeys(sha256, askByHttp(spying, first)).signer(certSha256), {
      challenge: { nonce: 'n', aud: 'kaibiao.example', origin: PAGE },
      account: 'a',
      jwk,
      iatSeconds: 1,
    });
    return uses.at(-1)?.body ?? '';
  };
  const use = async (body: string, token = first) =>
    (await ask(at.server.url, '/use', { headers: { ...json, authorization: `Bearer ${token}` }, body })).body.code ??
    'done';
  t.equal(signer.alg, 'ES256');
  const one = await caught();
  t.equal(await use(one), 'done');
  t.equal(await use(one), 'agent_challenge_unknown', 'replayed');
  t.equal(await use(await caught(), second), 'agent_challenge_unknown', 'another page');
  const changed = JSON.parse(await caught());
  changed.request.data = { more: 1 };
  t.equal(await use(JSON.stringify(changed)), 'agent_challenge_other', 'another request');
  changed.request.data = null;
  t.equal(await use(JSON.stringify(changed)), 'agent_challenge_unknown', 'used up by the try');
  late = CHALLENGE_MS - 1;
  t.equal(await use(await caught()), 'done', 'at the edge');
  late = CHALLENGE_MS;
  t.equal(await use(await caught()), 'agent_challenge_unknown', 'too late');
  t.equal(await use('{"challenge":"x"}'), 'agent_malformed');
});

t.test('one question at a time; nobody who answers is a no, and so is a page that went away', async (t) => {
  const at = await stand(t);
  const keys = await paired(at);
  at.hesitate();
  const until = async (asked: number) => {
    while (at.asked.length < asked) await new Promise((turn) => setImmediate(turn));
  };
  const waiting = login(keys);
  await until(1);
  await t.rejects(login(keys), { code: 'agent_busy' });
  at.world.advance(CONSENT_MS);
  await t.rejects(waiting, { code: 'agent_declined' });
  const leave = new AbortController();
  const link = linkTo(at);
  const token = await endPairing(link, await beginPairing(link), at.codes.at(-1) ?? '');
  const whoLeaves = {
    ...link,
    fetch: ((url: string, init: RequestInit) =>
      link.fetch(url, url.endsWith('/use') ? { ...init, signal: leave.signal } : init)) as typeof fetch,
  };
  const leaving = agentKeys(sha256, askByHttp(whoLeaves, token));
  const left = login(leaving).catch(() => 'left');
  await until(2);
  leave.abort();
  await left;
  at.answer(true);
  // the question goes when the line does, a moment after the page
  for (;;) {
    const said = await login(keys).catch((fault: { code: string }) => fault.code);
    if (said !== 'agent_busy') {
      t.match(said, /^[\w-]+\.[\w-]+\.[\w-]+$/);
      break;
    }
  }
  t.equal(at.signed.length, 1);
});

t.test('what the token says no to reaches the page with its code and words', async (t) => {
  const at = await stand(t);
  const keys = await paired(at);
  for (const code of ['token_pin_wrong', 'token_pin_locked', 'token_gone'] as const) {
    at.fail(new TokenError(code, 'C_Login: 0xa0'));
    await t.rejects(login(keys), { code, words: { zh: /./ } });
  }
  at.fail(null);
  await login(keys);
});

t.test('nobody answers: the page says how to start an agent', async (t) => {
  const link = {
    origin: 'http://127.0.0.1:1',
    sha256,
    fetch: () => Promise.reject(new TypeError('fetch failed')),
  };
  await t.rejects(beginPairing(link), { code: 'agent_unreachable', words: { en: /kaibiao agent/ } });
});

t.test('the terminal shows every mark that could hide another', async (t) => {
  t.equal(plain('a\u001b[2Jb\u202ec\nd\u200be唱'), 'a\\u001b[2Jb\\u202ec\\u000ad\\u200be唱');
  t.equal(plain('a\u3164b\ufe0fc'), 'a\\u3164b\\ufe0fc');
  const out: string[] = [];
  let typed: string | null = null;
  const surface = terminalSurface({ out: (line) => void out.push(line) }, async (question) => {
    out.push(question);
    return typed;
  });
  const rows = [{ name: 'command', label: { en: 'Act', zh: '操作' }, text: 'RaiseObjection\r\u001b[A' }] as const;
  const shown = { title: { en: 'Sign an act', zh: '签署操作' }, rows };
  const asks = () => surface.agrees({ origin: PAGE, digits: '4711', shown }, new AbortController().signal);
  // whatever was typed ahead, for the question before, agrees to nothing
  for (typed of ['', 'y', 'Y', 'yes', '4712', '47110', null]) t.equal(await asks(), false, String(typed));
  t.notMatch(out.join('\n'), /4711/, 'they stand on the page alone');
  typed = ' 4711 ';
  t.equal(await asks(), true);
  t.match(out.at(-3), /│ RaiseObjection\\u000d\\u001b\[A$/);
  t.match(out.at(-2), /Sign an act · 签署操作: RaiseObjection\\u000d/, 'what it is about, once more');
});

t.test('no text of a page makes a line of the agent’s own, however long it is', (t) => {
  const spoof = `${' '.repeat(78)}  Act · 操作: Rehearse`;
  const lines = inLines(`{"text":"${spoof}"}`);
  t.ok(lines.every((line) => line.length <= 72));
  t.equal(lines.join(''), `{"text":"${spoof}"}`);
  t.strictSame(inLines('唱'.repeat(37)), ['唱'.repeat(36), '唱'], 'two cells each');
  t.strictSame(inLines('a'.repeat(72)), ['a'.repeat(72)]);
  t.strictSame(inLines(''), ['']);
  t.end();
});

t.test('every member of what is signed is shown; what is too long to be read is not signed', async (t) => {
  const at = await stand(t);
  const keys = await paired(at);
  const signer = await keys.signer(certSha256);
  const lodgement = {
    v: 1,
    iss: holder.creditCode,
    aud: 'kaibiao.example',
    openingId: 'opening-1',
    lotId: 'LOT-1',
    bidId: 'A'.repeat(22),
    replaces: 'B'.repeat(21).concat('A'),
    policyHash: 'P'.repeat(43),
    deadlineAt: '2026-03-02T01:00:00.000Z',
    envelopeSha256: 'E'.repeat(43),
    envelopeBytes: 12_345,
    recipientInfosSha256: 'R'.repeat(43),
    encCertSha256: 'C'.repeat(43),
    openingListCommit: 'L'.repeat(43),
    cekCommit: 'K'.repeat(43),
    contentCommit: 'M'.repeat(43),
    profile: 'kaibiao-seal-1',
    iat: 1,
    jti: 'D'.repeat(21).concat('A'),
  };
  await signByCertificate(sha256, signer, 'bid-lodgement+jws', lodgement);
  const shown = (at.asked.at(-1)?.shown.rows ?? []).map(({ text }) => text).join(' ');
  for (const [name, value] of Object.entries(lodgement)) t.ok(shown.includes(String(value)), name);
  t.ok(at.asked.at(-1)?.shown.rows.some(({ label }) => label.en === 'Takes the place of bid'));
  const act = (text: string) =>
    signStepUp(sha256, signer, {
      account: holder.creditCode,
      platform: 'kaibiao.example',
      openingId: 'opening-1',
      command: 'command-1',
      type: 'RaiseObjection',
      data: { text },
      headSeen: { size: 3, root: 'root' },
      iatSeconds: 1,
    });
  const most = SHOWN_LIMIT_CHARACTERS - '{"text":""}'.length;
  await act('x'.repeat(most));
  await t.rejects(act('x'.repeat(most + 1)), { code: 'agent_not_shown' });
});

t.test('codes are not shown without end to whoever guesses', async (t) => {
  const at = await stand(t);
  const link = linkTo(at);
  for (let n = 0; n < PAIRINGS_LIMIT; n++) await beginPairing(link);
  await t.rejects(beginPairing(link), { code: 'agent_pairings_over' });
  t.equal(at.codes.length, PAIRINGS_LIMIT);
  at.world.advance(PAIRINGS_LIMIT_MS - 1);
  await t.rejects(beginPairing(link), { code: 'agent_pairings_over' });
  at.world.advance(1);
  await beginPairing(link);
});

t.test('it starts only with a module, with pages to serve, and where somebody can be asked', async (t) => {
  const type = terminal(steppedWorld(START, 7));
  t.match(await type('agent'), { code: 2, err: /--module is missing/ });
  t.match(await type('agent', '--module', '/nowhere.so'), { code: 2, err: /--origin is missing/ });
  const asked = ['agent', '--module', '/nowhere.so', '--origin'];
  t.match(await type(...asked, `${PAGE}/`), { code: 2, err: /--origin .* is not an origin/ });
  t.match(await type(...asked, PAGE, '--port', '65536'), { code: 2, err: /no port/ });
  t.match(await type(...asked, PAGE), { code: 2, err: /needs a terminal/ });
  const err: string[] = [];
  const code = await main([...asked, PAGE], {
    out: () => undefined,
    err: (line) => void err.push(line),
    world: steppedWorld(START, 7),
    fetch,
    askSecret: () => Promise.reject(new Error('nobody is asked')),
    asks: async () => null,
  });
  t.match(
    { code, err: err.join('\n') },
    { code: 1, err: /^(module_unusable[\s\S]*--module|binding_missing[\s\S]*npm install)[\s\S]*(处理器|证书文件)/ },
  );
});
