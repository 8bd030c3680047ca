/** What surrounds every answer: headers, limits, shedding, faults, the private figures, the API's own description. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createApp, PAGE_POLICY } from '../../server/http/app.ts';
import { createLogger } from '../../server/http/diagnostics.ts';
import { GATHER_MS } from '../../server/http/fault-words.ts';
import { PROBE_BYTES } from '../../server/http/preflight.ts';
import { NO_COSIGNERS } from '../../server/ledger/cosigner-policy.ts';
import type { CosignerState, SeenCosigner } from '../../server/ledger/cosigner-standings.ts';
import { OutcomeUnknownError } from '../../server/recorder/faults.ts';
import { ReadOnlyError } from '../../server/recorder/recorder.ts';
import { newFolder } from '../support/folder.ts';
import t from '../support/tap.ts';
import { OPENING_ID, ORIGIN, problemIn, setBench } from './bench.ts';

const bench = await setBench(t);
await bench.create();
const host = await bench.official('host');

/** The same rooms behind another app. */
async function appWith(t: { teardown(act: () => Promise<void>): void }, changes: Partial<typeof bench.dependencies>) {
  const lines: string[] = [];
  const logger = createLogger('info', { write: (line: string) => void lines.push(line) });
  const app = await createApp({ ...bench.dependencies, ...changes }, logger);
  t.teardown(() => app.close());
  return { app, lines };
}

const POLICY =
  "default-src 'none';script-src 'self';style-src 'self';img-src 'self' data: blob:;font-src 'self';connect-src 'self' http://127.0.0.1:8617;media-src 'self' blob:;worker-src 'self';base-uri 'none';form-action 'self';frame-ancestors 'none';require-trusted-types-for 'script';trusted-types kaibiao-worker";

t.test('every answer carries the strict policy, also a 404', async (t) => {
  for (const url of ['/healthz', '/openings', '/nowhere']) {
    const { headers } = await bench.ask(null, { url });
    t.equal(headers['content-security-policy'], POLICY, url);
    t.equal(headers['x-content-type-options'], 'nosniff');
    t.equal(headers['x-frame-options'], 'DENY');
    t.equal(headers['referrer-policy'], 'no-referrer');
    t.equal(headers['cache-control'], 'no-store');
    t.match(headers['strict-transport-security'], /max-age/, 'its public origin is https');
    t.equal(headers['x-powered-by'], undefined);
  }
  t.notOk(JSON.stringify(PAGE_POLICY).includes('unsafe'));
});

t.test(
  'pages may speak to the monitors that the configuration names, at their one address, and to nobody else',
  async (t) => {
    const monitors = ['https://monitor.example', 'http://127.0.0.1:8800/watch'];
    const { app } = await appWith(t, { config: { ...bench.dependencies.config, monitors } });
    const { headers } = await app.inject({ url: '/healthz' });
    const addresses = "connect-src 'self' https://monitor.example/heads http://127.0.0.1:8800/watch/heads ";
    t.equal(headers['content-security-policy'], POLICY.replace("connect-src 'self' ", addresses));
    t.strictSame((await app.inject({ url: '/platform' })).json().monitors, monitors);
    t.strictSame((await bench.ask(null, { url: '/platform' })).json().monitors, []);
  },
);

t.test('pages may ask the key agent of this computer at one port, which the platform names', async (t) => {
  const { app } = await appWith(t, { config: { ...bench.dependencies.config, agentPort: 9000 } });
  const { headers } = await app.inject({ url: '/healthz' });
  t.equal(headers['content-security-policy'], POLICY.replace(':8617', ':9000'));
  t.equal((await app.inject({ url: '/platform' })).json().agentPort, 9000);
});

t.test('the API describes itself under /docs, with a policy of its own and nothing foreign', async (t) => {
  const page = await bench.ask(null, { url: '/docs/' });
  t.equal(page.statusCode, 200);
  t.match(page.headers['content-security-policy'], /^default-src 'none'/);
  t.notMatch(page.headers['content-security-policy'], /https:|unsafe-eval|script-src[^;]*unsafe/);
  t.notMatch(page.body, /(src|href)="https?:/);
  const { openapi, paths } = (await bench.ask(null, { url: '/docs/json' })).json();
  t.equal(openapi, '3.1.0');
  for (const path of [
    '/openings',
    '/openings/{openingId}/commands',
    '/openings/{openingId}/bids',
    '/openings/{openingId}/decryptions',
    '/auth/login',
  ])
    t.ok(paths[path]?.post, path);
  t.notOk(paths['/metrics']);
});

t.test('the figures are private: no token, no address', async (t) => {
  t.equal(problemIn(await bench.ask(null, { url: '/metrics' })), '404 no_such_address');
  const ask = (authorization: string) => bench.ask(null, { url: '/metrics', headers: { authorization } });
  t.equal(problemIn(await ask('Bearer another-token-for-metrics')), '404 no_such_address');
  const { app } = await appWith(t, { config: { ...bench.dependencies.config, metricsToken: null } });
  t.equal(
    problemIn(await app.inject({ url: '/metrics', headers: { authorization: 'Bearer a-token-for-metrics' } })),
    '404 no_such_address',
  );
  const figures = await ask('Bearer a-token-for-metrics');
  t.equal(figures.statusCode, 200);
  t.match(figures.body, /kaibiao_event_loop_lag_seconds/);
  t.match(figures.body, /^kaibiao_damaged_envelopes 0$/m);
  const health = () => ({ ...bench.recorder.health(), damaged: 2 });
  const damaged = await appWith(t, { recorder: { ...bench.recorder, health } });
  const told = await damaged.app.inject({
    url: '/metrics',
    headers: { authorization: 'Bearer a-token-for-metrics' },
  });
  t.match(told.body, /^kaibiao_damaged_envelopes 2$/m);
  t.notMatch(
    figures.body,
    /bids|commands|acts|viewers|active_handles|active_resources|open_fds/,
    'nothing by which lodgements could be counted',
  );
});

t.test('a credential has a limit of its own; an address is shared by many', async (t) => {
  const { app } = await appWith(t, {
    config: { ...bench.dependencies.config, requestsPerMinute: 3, peoplePerAddress: 2 },
  });
  const anonymous = () => app.inject({ url: '/openings', remoteAddress: '192.0.2.77' });
  const chains = () =>
    app.inject({
      method: 'POST',
      url: '/certificates/check',
      payload: { certificates: [{ use: 'sign', x5c: ['AA=='] }] },
      remoteAddress: '192.0.2.78',
    });
  for (const status of [200, 200, 429]) t.equal((await chains()).statusCode, status, 'once for each person');
  for (let n = 0; n < 40; n++) t.equal((await anonymous()).statusCode, 200);
  const limited = await anonymous();
  t.equal(problemIn(limited), '429 too_many_requests');
  t.match(limited.headers['retry-after'], /^[0-9]+$/);
  // Behind the same address, somebody with a credential is not locked out.
  const witness = await bench.official('witness');
  const ask = async (who: typeof host) => {
    const headers = { authorization: `DPoP ${who.accessToken}` };
    return app.inject({ url: '/openings', remoteAddress: '192.0.2.77', headers });
  };
  for (let n = 0; n < 3; n++) t.equal((await ask(witness)).statusCode, 200);
  t.equal(problemIn(await ask(witness)), '429 too_many_requests');
  t.equal((await ask(host)).statusCode, 200);
});

t.test('lodging and decrypting have a measure of their own, which nothing else uses up; health has none', async (t) => {
  const { app } = await appWith(t, { config: { ...bench.dependencies.config, peoplePerAddress: 2 } });
  while ((await app.inject({ url: '/openings' })).statusCode === 200);
  for (let n = 0; n < 4; n++) {
    const decryption = await app.inject({ method: 'POST', url: `/openings/${OPENING_ID}/decryptions`, payload: {} });
    t.equal(problemIn(decryption), '400 request_malformed');
    t.equal(problemIn(await app.inject({ method: 'POST', url: `/openings/${OPENING_ID}/bids` })), '401 token_missing');
    t.equal((await app.inject({ url: '/healthz' })).statusCode, 200);
  }
  const ninth = await app.inject({ method: 'POST', url: `/openings/${OPENING_ID}/bids` });
  t.equal(problemIn(ninth), '429 too_many_requests', 'four for each of two people');
  t.equal((await app.inject({ url: '/healthz' })).statusCode, 200);
});

t.test('under load everything is shed but lodging, decrypting, logging in and health', async (t) => {
  const { app } = await appWith(t, { lagMs: () => 5_000 });
  const shed = await app.inject({ url: '/openings' });
  t.equal(problemIn(shed), '503 overloaded');
  t.match(shed.headers['retry-after'], /^[0-9]+$/);
  t.equal(problemIn(await app.inject({ url: `/openings/${OPENING_ID}/entries` })), '503 overloaded');
  t.equal((await app.inject({ url: '/healthz' })).statusCode, 200);
  t.equal(problemIn(await app.inject({ method: 'POST', url: `/openings/${OPENING_ID}/bids` })), '401 token_missing');
  t.equal(
    problemIn(await app.inject({ method: 'POST', url: `/openings/${OPENING_ID}/decryptions`, payload: {} })),
    '400 request_malformed',
  );
  t.equal(
    problemIn(await app.inject({ method: 'POST', url: '/auth/challenge', payload: {} })),
    '400 request_malformed',
  );
  // what a page asks between its log-in and a bid or a window
  for (const path of ['seat', 'ticket', 'encryption-certificates'])
    t.equal(problemIn(await app.inject({ method: 'POST', url: `/auth/${path}`, payload: {} })), '401 token_missing');
  for (const path of ['roles', 'bids/own', 'decryptions/own'])
    t.equal(problemIn(await app.inject({ url: `/openings/${OPENING_ID}/${path}` })), '401 token_missing', path);
});

t.test('a fault of ours is a fixed text; what it was is told to the logger, without values', async (t) => {
  class DrizzleQueryError extends Error {
    readonly query = 'select secret_column';
    readonly params = ['12680000.00'];
  }
  const recorder = {
    ...bench.recorder,
    stateOf: async () => {
      throw new DrizzleQueryError('Failed query: select secret_column params: 12680000.00');
    },
  };
  const { app, lines } = await appWith(t, { recorder });
  const answer = await app.inject({ url: `/openings/${OPENING_ID}/record` });
  t.equal(problemIn(answer), '500 server_fault');
  t.notMatch(answer.body, /secret|12680000|select/);
  t.match(lines.join(''), /select secret_column/);
  t.notMatch(lines.join(''), /12680000/);
});

t.test(
  'faults of one kind are told one by one no more than once in a while; the others are one line with their count',
  async (t) => {
    const stateOf = async () => {
      throw new TypeError('the same again');
    };
    const { app, lines } = await appWith(t, { recorder: { ...bench.recorder, stateOf } });
    const { world } = bench.stage;
    const told = () => lines.filter((line) => line.includes('failed')).map((line) => JSON.parse(line));
    const ask = () => app.inject({ url: `/openings/${OPENING_ID}/record` });
    const beganAt = world.now();
    for (let n = 0; n < 50; n++) t.equal(problemIn(await ask()), '500 server_fault');
    t.equal(told().length, 1);
    t.match(told()[0], { msg: 'a request failed', route: '/openings/:openingId/record' });
    await bench.pass(GATHER_MS);
    t.match(told()[1], { msg: 'requests failed alike', code: 'server_fault', count: 50, firstAt: beganAt });
    await ask();
    t.equal(told().length, 3, 'the next is told in full again');
    await bench.pass(GATHER_MS);
    t.equal(told().length, 3, 'alone it needs no count');
    await ask();
    await ask();
    await app.close();
    t.match(told()[4], { msg: 'requests failed alike', count: 2 }, 'what was gathered is told at the end');
  },
);

t.test('a log that takes nothing, and an outcome nobody knows, are 503 with their code', async (t) => {
  for (const [fault, code] of [
    [new ReadOnlyError('restored'), '503 log_read_only'],
    [new OutcomeUnknownError('away'), '503 outcome_unknown'],
  ] as const) {
    const submit = async () => {
      throw fault;
    };
    const { app } = await appWith(t, { recorder: { ...bench.recorder, submit } });
    const ask = bench.app.inject;
    bench.app.inject = app.inject.bind(app) as typeof ask;
    const answer = await bench.command(host, 'host', 'ProposeAbort', { reason: '甲' });
    bench.app.inject = ask;
    t.equal(problemIn(answer), code);
    t.match(answer.headers['retry-after'], /^[0-9]+$/);
  }
});

t.test('readiness says whether commands are taken, and whether the clock is right', async (t) => {
  t.strictSame((await bench.ask(null, { url: '/readyz' })).json(), {
    status: 'ready',
    part: 'leader',
    clockOffsetMs: 0,
    isClockRight: true,
    cosigners: [],
  });
  const health = () => ({ readOnly: true, why: 'restored backup of somebody', openings: 0, damaged: 0 });
  const { app } = await appWith(t, {
    recorder: { ...bench.recorder, health },
    term: () => null,
    clockOffsetMs: () => -350,
  });
  const answer = await app.inject({ url: '/readyz' });
  t.equal(answer.statusCode, 503);
  const said = { status: 'read_only', part: 'follower', clockOffsetMs: -350, isClockRight: false, cosigners: [] };
  t.strictSame(answer.json(), said);
});

t.test('readiness and metrics say how each cosigner stands: degraded, not down', async (t) => {
  const one = (name: string, state: CosignerState | null): SeenCosigner => ({
    name,
    isOfQuorum: name !== 'old',
    state,
    signedSize: state === null ? null : 9,
    signedAt: state === null ? null : Date.UTC(2026, 2, 5),
  });
  const cases = [
    [1, [one('a', 'signs'), one('b', 'silent')], 'ready'],
    [2, [one('a', 'signs'), one('b', 'silent')], 'degraded'],
    [1, [one('a', null)], 'degraded'],
    [1, [one('a', 'signs'), one('old', 'silent')], 'ready'],
    [2, [one('a', 'signs'), one('old', 'signs')], 'degraded'],
    [1, [one('a', 'signs'), one('b', 'cosigner_is_ahead')], 'degraded'],
    [0, [one('old', 'cosigner_differs')], 'degraded'],
  ] as const;
  for (const [quorum, seen, status] of cases) {
    const { app } = await appWith(t, { cosigners: { ...NO_COSIGNERS, quorum }, cosignersSeen: () => seen });
    const answer = await app.inject({ url: '/readyz' });
    t.equal(answer.statusCode, 200);
    t.match(answer.json(), { status, cosigners: seen.map(({ name, state }) => ({ name, state })) });
  }
  const seen = [one('a', 'signs'), one('b', 'cosigner_differs'), one('c', null)];
  const { app } = await appWith(t, { cosignersSeen: () => seen });
  t.equal((await app.inject({ url: '/readyz' })).json().cosigners[0].signedAt, '2026-03-05T00:00:00.000Z');
  const headers = { authorization: 'Bearer a-token-for-metrics' };
  const { body } = await app.inject({ url: '/metrics', headers });
  for (const line of [
    'kaibiao_cosigner_signs{cosigner="a"} 1',
    'kaibiao_cosigner_signs{cosigner="b"} 0',
    'kaibiao_cosigner_claims{cosigner="a"} 0',
    'kaibiao_cosigner_claims{cosigner="b"} 1',
    'kaibiao_cosigner_signed_size{cosigner="a"} 9',
    'kaibiao_cosigner_signed_size{cosigner="c"} 0',
    `kaibiao_cosigner_signed_seconds{cosigner="a"} ${Date.UTC(2026, 2, 5) / 1000}`,
  ])
    t.ok(body.includes(`${line}\n`), line);
});

t.test('the address of an act is the client’s, through proxies that are trusted and no others', async (t) => {
  const headers = { 'x-forwarded-for': '203.0.113.9' };
  const limits = async (trustedProxies: string[]) => {
    const { app } = await appWith(t, {
      config: { ...bench.dependencies.config, trustedProxies, peoplePerAddress: 1 },
    });
    for (let n = 0; n < 20; n++) await app.inject({ url: '/openings', headers, remoteAddress: '10.0.0.1' });
    return (
      await app.inject({ url: '/openings', headers: { 'x-forwarded-for': '203.0.113.10' }, remoteAddress: '10.0.0.1' })
    ).statusCode;
  };
  t.equal(await limits([]), 429, 'a header from anyone is nobody’s address');
  t.equal(await limits(['10.0.0.0/8']), 200);
});

t.test('pages: the opening for whoever asks for HTML, files for ever, nothing outside the folder', async (t) => {
  const folder = await newFolder(t, 'web');
  await mkdir(join(folder, 'assets'), { recursive: true });
  await mkdir(join(folder, 'opening'), { recursive: true });
  await writeFile(join(folder, 'opening/index.html'), '<!doctype html><title>开标</title>');
  await mkdir(join(folder, 'lobby'), { recursive: true });
  await writeFile(join(folder, 'lobby/index.html'), '<!doctype html><title>开标大厅</title>');
  await writeFile(join(folder, 'assets/page-abc123.js'), 'console');
  await writeFile(join(folder, 'assets/page-abc123.js.br'), 'brotli bytes');
  await writeFile(join(folder, 'secret.txt'), 'secret');
  const { app } = await appWith(t, { pagesFolder: folder });
  const page = await app.inject({ url: `/openings/${OPENING_ID}`, headers: { accept: 'text/html,*/*;q=0.8' } });
  t.equal(page.statusCode, 200);
  t.match(page.headers['content-type'], /^text\/html; charset=utf-8/i);
  t.equal(page.headers['cache-control'], 'no-cache');
  t.equal(page.headers['content-security-policy'], POLICY);
  t.match(page.headers['vary'], /accept/i);
  t.match((await app.inject({ url: `/openings/${OPENING_ID}` })).headers['content-type'], /json/);
  for (const url of ['/', '/openings']) {
    const lobby = await app.inject({ url, headers: { accept: 'text/html' } });
    t.match(lobby.body, /<title>开标大厅/, url);
  }
  await mkdir(join(folder, 'draft'), { recursive: true });
  await writeFile(join(folder, 'draft/index.html'), '<!doctype html><title>新建开标</title>');
  t.match((await app.inject({ url: '/draft', headers: { accept: 'text/html' } })).body, /<title>新建开标/);
  await mkdir(join(folder, 'preflight'), { recursive: true });
  await writeFile(join(folder, 'preflight/index.html'), '<!doctype html><title>开标前检查</title>');
  t.match((await app.inject({ url: '/preflight', headers: { accept: 'text/html' } })).body, /<title>开标前检查/);
  t.match((await app.inject({ url: '/openings' })).json(), { openings: Array });
  t.equal(problemIn(await app.inject({ url: '/' })), '404 no_such_address', 'a program asks for /openings');
  const script = await app.inject({ url: '/assets/page-abc123.js' });
  t.equal(script.headers['cache-control'], 'public, max-age=31536000, immutable');
  t.match(script.headers['content-type'], /javascript/);
  const compressed = await app.inject({ url: '/assets/page-abc123.js', headers: { 'accept-encoding': 'br, gzip' } });
  t.equal(compressed.headers['content-encoding'], 'br');
  t.equal(compressed.body, 'brotli bytes');
  for (const url of [
    '/assets/../secret.txt',
    '/assets/%2e%2e/secret.txt',
    '/assets/..%2fsecret.txt',
    '/assets/none.js',
  ])
    t.not((await app.inject({ url })).statusCode, 200, url);
  const unbuilt = await bench.ask(null, { url: `/openings/${OPENING_ID}`, headers: { accept: 'text/html' } });
  t.equal(problemIn(unbuilt), '404 page_not_built');
});

t.test('a line is measured by bytes down and up, bounded in size and number', async (t) => {
  const { app } = await appWith(t, { config: { ...bench.dependencies.config, peoplePerAddress: 1 } });
  const down = await app.inject({ url: '/preflight/bytes' });
  t.equal(down.rawPayload.length, PROBE_BYTES);
  t.equal(down.headers['cache-control'], 'no-store');
  t.match(down.headers['content-type'], 'application/octet-stream');
  const up = (bytes: number) =>
    app.inject({
      method: 'POST',
      url: '/preflight/bytes',
      headers: { 'content-type': 'application/octet-stream' },
      payload: Buffer.alloc(bytes),
    });
  t.strictSame((await up(PROBE_BYTES)).json(), { bytes: PROBE_BYTES });
  t.equal((await up(PROBE_BYTES + 1)).statusCode, 413);
  t.equal((await up(0)).statusCode, 200);
  t.equal(problemIn(await up(1)), '429 too_many_requests', 'two measurements a minute for each person');
});

t.test('the platform says its name, its clock and its keys', async (t) => {
  const { platform, now, receiptKey, ledger, access, profiles } = (await bench.ask(null, { url: '/platform' })).json();
  t.equal(platform, 'kaibiao.test');
  t.equal(now, bench.stage.world.now());
  t.strictSame(receiptKey, bench.dependencies.signer.receiptJwk);
  t.match(ledger.vkey, /^kaibiao\.test\/ledger\+/);
  t.match(access.vkey, /^kaibiao\.test\/access\+/);
  t.ok(profiles.includes('rehearsal'));
});

t.test('every problem type can be looked up', async (t) => {
  const { problems } = (await bench.ask(null, { url: '/problems' })).json();
  t.ok(problems.length > 100);
  const missing = await bench.ask(null, { url: '/nowhere', headers: { origin: ORIGIN } });
  const { type } = JSON.parse(missing.body);
  t.equal((await bench.ask(null, { url: type })).json().code, 'no_such_address');
  t.equal(problemIn(await bench.ask(null, { url: '/problems/no_such_code' })), '404 no_such_address');
});
