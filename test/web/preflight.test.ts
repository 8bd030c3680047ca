/** The pre-flight before it draws anything: what each answer of browser, line and platform makes of it, and the text for the support. */
import { unwrapWith } from '../../server/cli/seal/wrap.ts';
import type { CertificatesAnswer } from '../../server/client/api.ts';
import type { AgentCertificate } from '../../server/client/key-agent.ts';
import type { Transport } from '../../server/client/transport.ts';
import { parseCertificate } from '../../server/core/pki/certificate.ts';
import { serverClock } from '../../web/connection/server-clock.ts';
import type { SeatKeys } from '../../web/keys/seat-keys.ts';
import { language } from '../../web/parts/language.ts';
import { missingAlgorithms } from '../../web/preflight/algorithms.ts';
import { type BrowserNeeds, lookAtBrowser, ROOM_BYTES } from '../../web/preflight/browser.ts';
import { createDesk } from '../../web/preflight/desk.ts';
import {
  ASKED_TIMES,
  LINE_WAIT_MS,
  type LineNeeds,
  measureLine,
  SLOW_ANSWER_MS,
  SLOW_DOWN_BITS,
  SLOW_UP_BITS,
} from '../../web/preflight/line.ts';
import { lineWords, verdictWords } from '../../web/preflight/line-words.ts';
import {
  CHECKS,
  FINDINGS,
  type FindingCode,
  found,
  good,
  type Line,
  still,
  verdictOf,
} from '../../web/preflight/lines.ts';
import { lookAtKeys, type OwnKeysNeeds } from '../../web/preflight/own-keys.ts';
import { reportText } from '../../web/preflight/report.ts';
import { tryKeyHere } from '../../web/seal/try-key.ts';
import t from '../support/tap.ts';
import { steppedWorld } from '../support/world.ts';
import { BIDDER, BIDDER_CERTIFICATE, CURVE, OTHER, SM2 } from '../vault/bids.ts';

const { subtle } = globalThis.crypto;
const AT = Date.UTC(2026, 2, 2);
const ALL_WELL: BrowserNeeds = {
  isSecure: true,
  subtle,
  startsWorker: async () => true,
  streamsFile: async () => true,
  keeps: async () => 'files',
  roomBytes: async () => ROOM_BYTES,
};

async function look(changes: Partial<BrowserNeeds> = {}): Promise<Record<string, Line>> {
  const lines: Record<string, Line> = {};
  await lookAtBrowser({ ...ALL_WELL, ...changes }, (line) => {
    lines[line.check] = line;
  });
  return lines;
}
const codeOf = (line: Line | undefined): string | null => {
  const finding = line?.finding ?? null;
  return finding === null ? null : 'known' in finding ? finding.known : finding.own;
};

t.test('one thing that is bad is enough, and nobody is ready who has not looked at everything', async (t) => {
  const verdict = (...lines: Line[]) => verdictOf(lines).kind;
  t.equal(verdict(good('secure'), found('voice', 'no_voice'), still('room', 'none')), 'ready');
  t.equal(verdict(good('secure'), still('tone', 'todo')), 'unfinished');
  t.equal(verdict(good('secure'), still('down', 'busy')), 'unfinished');
  t.equal(verdict(still('tone', 'todo'), found('secure', 'not_secure')), 'not_ready');
  t.match(verdictOf([found('voice', 'no_voice'), found('tone', 'no_sound')]), { warnings: 2, bad: 0, open: 0 });
});

t.test('a browser that can everything is good, and each thing that it cannot is said', async (t) => {
  const whole = await look();
  t.strictSame(Object.keys(whole).sort(), [...CHECKS.browser].sort());
  t.ok(Object.values(whole).every(({ level }) => level === 'good'));
  const plain = await look({ isSecure: false, subtle: undefined });
  t.equal(codeOf(plain['secure']), 'not_secure');
  t.equal(plain['algorithms']?.level, 'none', 'what cannot be tried is not called good');
  t.equal(codeOf((await look({ startsWorker: async () => false }))['worker']), 'no_worker');
  t.equal(codeOf((await look({ streamsFile: async () => false }))['streams']), 'no_streams');
  t.equal(codeOf((await look({ keeps: async () => 'nothing' }))['storage']), 'no_storage');
  t.equal(codeOf((await look({ keeps: async () => 'texts' }))['storage']), 'no_file_system');
  t.equal(codeOf((await look({ roomBytes: async () => ROOM_BYTES - 1 }))['room']), 'little_room');
  t.equal((await look({ roomBytes: async () => null }))['room']?.level, 'none');
});

t.test('algorithms are tried, not only asked for', async (t) => {
  t.strictSame(await missingAlgorithms(subtle), []);
  const without = new Proxy(subtle, {
    get(target, name) {
      if (name === 'wrapKey') return () => Promise.reject(new DOMException('no', 'NotSupportedError'));
      const value: unknown = Reflect.get(target, name);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  t.strictSame(await missingAlgorithms(without), ['AES-KW']);
});

/** A line on which everything takes as long as told; what is asked of it is written down. */
function lineOf(took: { answer?: number; down?: number; up?: number; ownAhead?: number } = {}) {
  const { answer = 20, down = 100, up = 100, ownAhead = 0 } = took;
  const world = steppedWorld(AT);
  const asked: string[] = [];
  const monotonicNow = () => world.now() - AT;
  const needs: LineNeeds = {
    world: { monotonicNow, after: world.after },
    clock: serverClock(monotonicNow),
    ownNow: () => world.now() + ownAhead,
    async fetch(path, { method = 'GET', body }) {
      asked.push(`${method} ${path}`);
      if (path === '/platform') {
        world.advance(answer);
        return Response.json({ now: world.now() - answer / 2 });
      }
      world.advance(method === 'GET' ? down : up);
      return method === 'GET'
        ? new Response(new Uint8Array(262_144))
        : Response.json({ bytes: (body as ArrayBuffer).byteLength });
    },
    openSocket({ onOpen, onMessage }) {
      queueMicrotask(onOpen);
      return {
        send: () => queueMicrotask(() => onMessage(JSON.stringify({ v: 1, kind: 'pong', ping: 1, now: AT }))),
        close: () => undefined,
      };
    },
  };
  return { world, needs, asked };
}
async function measured(needs: LineNeeds): Promise<Record<string, Line>> {
  const lines: Record<string, Line> = {};
  await measureLine(needs, (line) => {
    lines[line.check] = line;
  });
  return lines;
}

t.test('a line is measured in all its parts, each said with its figures', async (t) => {
  const { needs, asked } = lineOf();
  const lines = await measured(needs);
  t.strictSame(Object.keys(lines), [...CHECKS.line]);
  t.ok(Object.values(lines).every(({ level }) => level === 'good'));
  t.match(lines['answer']?.facts, { ms: 20, longest: 20, n: ASKED_TIMES });
  t.match(lines['down']?.facts, { kib: 256, ms: 100, rate: '21.0' });
  t.strictSame(asked.slice(ASKED_TIMES), ['GET /preflight/bytes', 'POST /preflight/bytes']);
  t.equal(needs.clock.now(), AT + ASKED_TIMES * 20 + 200, 'the platform’s time is known from then on');
});

t.test('slow ones are said from their limits on, and how long a bid would take', async (t) => {
  const code = async (check: string, took: Parameters<typeof lineOf>[0]) =>
    codeOf((await measured(lineOf(took).needs))[check]);
  t.equal(await code('answer', { answer: SLOW_ANSWER_MS }), null);
  t.equal(await code('answer', { answer: SLOW_ANSWER_MS + 2 }), 'slow_answer');
  const msAt = (bits: number) => Math.floor((262_144 * 8_000) / bits);
  const [down, up] = [msAt(SLOW_DOWN_BITS), msAt(SLOW_UP_BITS)];
  t.equal(await code('down', { down }), null);
  t.equal(await code('down', { down: down + 1 }), 'slow_down');
  t.equal(await code('up', { up }), null);
  const slow = (await measured(lineOf({ up: up + 1 }).needs))['up'];
  t.equal(codeOf(slow), 'slow_up');
  t.match(lineWords(slow ?? still('up', 'none')).what, /约需 14 分钟/);
  t.equal(await code('clock', { ownAhead: 2_010 }), null, 'ten milliseconds of way explain ten');
  t.equal(await code('clock', { ownAhead: -2_011 }), 'clock_off');
  t.equal(await code('clock', { ownAhead: 3_600_000 }), 'clock_far_off');
  for (const [ownAhead, words] of [
    [-9_999, /慢 9999 毫秒/],
    [10_000, /快 10 秒/],
    [2 * 3_600_000 - 1, /快 119 分 59 秒/],
    [49 * 3_600_000, /快 2 天 1 小时/],
  ] as const)
    t.match(lineWords((await measured(lineOf({ ownAhead }).needs))['clock'] ?? still('clock', 'none')).said, words);
});

t.test('nobody there, a proxy’s page, and a socket that is swallowed', async (t) => {
  const { needs, world } = lineOf();
  const dead = await measured({ ...needs, fetch: async () => Promise.reject(new TypeError('no network')) });
  t.strictSame(
    CHECKS.line.map((check) => dead[check]?.level),
    ['bad', 'none', 'none', 'none', 'none'],
  );
  const cut = await measured({
    ...needs,
    fetch: async (path, init) =>
      path === '/platform' ? needs.fetch(path, init) : Promise.reject(new TypeError('cut')),
  });
  t.equal(codeOf(cut['down']), 'no_answer');
  t.equal(cut['up']?.level, 'none', 'nothing came down that could go up');
  const foreign = await measured({ ...needs, fetch: async () => new Response('<html>Log in to the proxy</html>') });
  t.equal(codeOf(foreign['answer']), 'no_answer');
  const often = await measured({
    ...needs,
    fetch: async (path, init) => (path === '/platform' ? needs.fetch(path, init) : new Response('', { status: 429 })),
  });
  t.equal(codeOf(often['down']), 'too_often');
  const busy = await measured({
    ...needs,
    fetch: async (path, init) => (path === '/platform' ? needs.fetch(path, init) : new Response('', { status: 503 })),
  });
  t.equal(codeOf(busy['down']), 'platform_busy');
  const refused = await measured({
    ...needs,
    openSocket({ onClose }) {
      queueMicrotask(onClose);
      return { send: () => undefined, close: () => undefined };
    },
  });
  t.equal(codeOf(refused['socket']), 'no_socket');
  const swallowed = await measured({
    ...needs,
    openSocket({ onOpen }) {
      queueMicrotask(onOpen);
      return { send: () => queueMicrotask(() => world.advance(LINE_WAIT_MS)), close: () => undefined };
    },
  });
  t.equal(codeOf(swallowed['socket']), 'no_socket', 'open and silent is not open');
});

t.test('the desk keeps one line of each check, in order, and asks of each role its own', async (t) => {
  const { needs } = lineOf();
  const desk = createDesk({ browser: ALL_WELL, line: needs, hasVoice: async () => false }, 'bidder');
  t.equal(verdictOf(Object.values(desk.lines.value).flat()).kind, 'unfinished');
  await desk.look();
  t.strictSame(
    desk.lines.value.browser.map(({ check }) => check),
    [...CHECKS.browser],
  );
  t.equal(codeOf(desk.lines.value.sound[1]), 'no_voice');
  desk.heard(false);
  t.equal(codeOf(desk.lines.value.sound[0]), 'no_sound');
  desk.heard(true);
  t.equal(desk.lines.value.sound.length, 2);
  t.strictSame(
    desk.lines.value.certificate.map(({ check }) => check),
    ['sign', 'encrypt', 'key', 'login'],
  );
  desk.beAs('witness');
  t.strictSame(
    desk.lines.value.certificate.map(({ check }) => check),
    ['sign', 'login'],
  );
  desk.beAs('public');
  t.strictSame(desk.lines.value.certificate, []);
  t.equal(verdictOf(Object.values(desk.lines.value).flat()).kind, 'ready', 'who looks on needs no certificate');
  t.equal(desk.lookedAt.value, needs.clock.now());
});

const listed = (use: 'sign' | 'encrypt'): AgentCertificate => ({
  certSha256: use,
  certificate: { ...BIDDER_CERTIFICATE, notBeforeAt: 0, notAfterAt: AT },
  x5c: ['AA=='],
  canSign: use === 'sign',
  canUnwrap: use === 'encrypt',
});
const checked = (use: string, code: string | null = null) => ({
  use,
  certSha256: use,
  notAfterAt: AT,
  creditCode: 'A',
  revocation: 'good',
  finding: code === null ? null : { code },
});

/** Keys that were opened, of somebody whose certificate says no account, and a platform that says what it is told. */
function keysAnd(answer: CertificatesAnswer['certificates'], changes: Partial<OwnKeysNeeds> = {}) {
  const asked: string[] = [];
  const keys: SeatKeys = {
    listCertificates: async () => [listed('sign'), listed('encrypt')],
    signer: async () => ({
      alg: 'RS256',
      certificate: BIDDER.certificate,
      chain: [],
      sign: async () => new Uint8Array(),
    }),
    unwrapper: async () => async () => new Uint8Array(),
    isTryable: true,
    close: () => undefined,
  };
  const transport: Transport = {
    origin: 'https://kaibiao.test',
    world: steppedWorld(AT),
    async fetch(address) {
      asked.push(new URL(String(address)).pathname);
      if (String(address).endsWith('/certificates/check'))
        return Response.json({ now: AT, version: '1', certificates: answer });
      throw new Error(`nobody asks for ${address}`);
    },
  };
  const needs: OwnKeysNeeds = {
    subtle,
    transport,
    world: steppedWorld(AT),
    now: () => AT - 1,
    mustUnwrap: true,
    deadline: null,
    standingOf: async () => null,
    tryKey: async () => true,
    ...changes,
  };
  return { needs, keys, asked };
}
const codes = (lines: readonly Line[]) => lines.map((line) => `${line.check} ${codeOf(line) ?? line.level}`);

t.test('keys: what the platform says of each certificate, the key tried, the log-in tried', async (t) => {
  const { needs, keys } = keysAnd([checked('sign'), checked('encrypt')]);
  const [sign] = await lookAtKeys(needs, keys);
  t.match(lineWords(sign ?? still('sign', 'none')).said, /^统一社会信用代码 A，有效至 .*，未被吊销$/);
  t.strictSame(codes(await lookAtKeys(needs, keys)), ['sign good', 'encrypt good', 'key good', 'login login_refused']);
  const revoked = keysAnd([checked('sign', 'certificate_revoked'), checked('encrypt', 'revocation_unknown')], {
    tryKey: async () => false,
    standingOf: async () => 'another',
  });
  t.strictSame(codes(await lookAtKeys(revoked.needs, revoked.keys)), [
    'sign certificate_revoked',
    'encrypt revocation_unknown',
    'key key_unusable',
    'login none',
    'bid another_certificate',
  ]);
  t.strictSame(revoked.asked, ['/certificates/check'], 'nobody logs in with what was refused');
});

t.test('keys: the deadline’s rule, a token, no key at all, and somebody who does not bid', async (t) => {
  const short = keysAnd([checked('sign'), checked('encrypt')], { deadline: { deadlineAt: AT, windowMs: 1 } });
  t.strictSame(codes(await lookAtKeys(short.needs, { ...short.keys, isTryable: false })), [
    'sign expires_before_window',
    'encrypt expires_before_window',
    'key none',
    'login none',
  ]);
  const [early] = await lookAtKeys(short.needs, short.keys);
  t.match(
    lineWords(early ?? still('sign', 'none')).said,
    /^有效至 2026.03.02 08:00:00，投标截止时间 2026.03.02 08:00:00$/,
  );
  const none = keysAnd([]);
  t.strictSame(codes(await lookAtKeys(none.needs, { ...none.keys, listCertificates: async () => [] })), [
    'sign certificate_missing',
    'encrypt certificate_missing',
    'key none',
    'login none',
  ]);
  t.strictSame(none.asked, []);
  const host = keysAnd([checked('sign')], { mustUnwrap: false });
  t.strictSame(codes(await lookAtKeys(host.needs, host.keys)), ['sign good', 'login login_refused']);
});

t.test('a key is tried on what is wrapped to its certificate, in the way of its kind', async (t) => {
  for (const { certificate: der, privateKey } of [BIDDER, CURVE, SM2]) {
    const own = { certificate: parseCertificate(der) };
    t.equal(await tryKeyHere(subtle, own, unwrapWith(privateKey)), true);
    t.equal(await tryKeyHere(subtle, own, unwrapWith(OTHER.privateKey)), false, 'another key');
    t.equal(await tryKeyHere(subtle, own, async () => new Uint8Array(32)), false, 'something else comes out');
  }
});

t.test('every check, level and finding has its words and its remedy, in both languages', async (t) => {
  for (const of of ['zh-CN', 'en'] as const) {
    language.value = of;
    for (const check of Object.values(CHECKS).flat()) {
      for (const level of ['good', 'warning', 'bad', 'busy', 'todo', 'none'] as const) {
        const { name, level: said } = lineWords({ ...still(check, 'todo'), level });
        t.ok(name.length > 1 && said.length > 1, `${check} ${level}`);
      }
    }
    for (const code of Object.keys(FINDINGS) as FindingCode[]) {
      const { what, fix } = lineWords(found('secure', code, { names: 'x', minutes: 1 }));
      t.ok((what ?? '').length > 3 && (fix ?? '').length > 8, code);
      t.notMatch(`${what}${fix}`, /[{}]/, 'no place is left unfilled');
    }
    t.match(lineWords({ ...still('sign', 'todo'), level: 'bad', finding: { known: 'certificate_revoked' } }).fix, /CA/);
    t.match(verdictWords({ kind: 'ready', bad: 0, warnings: 2, open: 0 }), /2/);
  }
  language.value = 'zh-CN';
});

t.test('the text for the support has every line, and nothing that was typed', async (t) => {
  const lines = [good('answer', { n: 5, ms: 20, longest: 30 }), found('tone', 'no_sound')];
  const about = { lookedAt: AT, origin: 'https://kaibiao.test', role: '投标人', browser: 'Chrome' };
  const text = reportText(lines, about);
  t.match(text, /^开标前检查 · 已就绪，另有 1 项提醒\n检查时间 2026.03.02/);
  t.match(text, /^\[通过\] 平台应答时间 · 5 次应答，最快 20 毫秒，最慢 30 毫秒$/m);
  t.match(text, /^\[提醒\] 扬声器 · 没有听到提示音。 · 请检查音量/m);
  t.equal(text.trimEnd().split('\n').length, 5 + 1 + lines.length);
});
