/** Heads that others report: what the platform signed and does not show us is an alarm with both notes; what it did not sign is nothing; and the address bears crowds and nonsense. */
import { request as httpRequest } from 'node:http';
import type { RaisedAlarm } from '../../../server/cli/monitor/alarms.ts';
import type { Monitor } from '../../../server/cli/monitor/monitor.ts';
import { PATIENCE_MS } from '../../../server/cli/monitor/patience.ts';
import { REFUSED_OF_AN_ADDRESS } from '../../../server/cli/monitor/report-askers.ts';
import { REQUEST_LIMIT, serveReports } from '../../../server/cli/monitor/report-server.ts';
import { REREAD_MS } from '../../../server/cli/monitor/watched-openings.ts';
import { parseEntry } from '../../../server/core/log/entry.ts';
import { isFork } from '../../../server/core/log/fork-evidence.ts';
import { headBody } from '../../../server/core/log/head.ts';
import { REPORT_PATH } from '../../../server/core/log/head-report.ts';
import { ed25519Verifier, NOTE_LIMIT_BYTES, parseVkey } from '../../../server/core/log/note.ts';
import { utf8 } from '../../../server/core/log/utf8.ts';
import { verifyEd25519 } from '../../../server/ed25519.ts';
import { sha256 } from '../../../server/hash.ts';
import { newFolder } from '../../support/folder.ts';
import { changed } from '../../support/golden-change.ts';
import { goldenBench, runCli, TRUST, WHOLE } from '../../support/golden-judge.ts';
import { filesOf } from '../../support/golden-log.ts';
import { idOf } from '../../support/golden-server.ts';
import { halfRequests } from '../../support/half-requests.ts';
import { madeLedger } from '../../support/made-ledger.ts';
import {
  ask,
  endAt,
  FALSE_ROOT,
  ledger,
  openWatching,
  rootAt,
  STEP_MS,
  serve,
  signed,
  valid,
  WHOLE_ORIGIN,
  whole,
} from '../../support/monitor-bench.ts';
import { reportStub } from '../../support/report-stub.ts';
import t from '../../support/tap.ts';
import { steppedWorld } from '../../support/world.ts';

const LEDGER = 'kaibiao.test/ledger';
/** The last size but the whole of which the golden ledger has a head of that opening, and two of which it has none. */
const sizes = ledger.entries
  .map((text) => parseEntry(utf8(text)).body)
  .filter(({ origin }) => origin === WHOLE_ORIGIN)
  .map(({ size }) => Number(size));
const atLedger = Math.max(...sizes.filter((size) => size < whole.entries.length));
const [between = 0, elsewhere = 0] = whole.entries
  .map((_, n) => n + 1)
  .filter((size) => size > 1 && !sizes.includes(size));

t.test(
  'a head of the ledger: known, or an alarm whose evidence convicts, or one that waits for us to get there',
  async (t) => {
    const folder = await newFolder(t, 'ledger');
    const { monitor, world, raised, close } = await openWatching(await serve(t, { openings: 'none' }), folder);
    t.equal(await ask(monitor, ledger.checkpoint), 'waiting', 'before anything was read');
    await monitor.round();
    t.equal(await ask(monitor, ledger.checkpoint), 'known');
    t.equal(await ask(monitor, signed(LEDGER, 20, rootAt(ledger, 20))), 'known');
    const other = signed(LEDGER, 20, FALSE_ROOT);
    t.equal(await ask(monitor, other), 'other');
    t.equal(await ask(monitor, other), 'other', 'and again');
    const sameSize = valid('ledger-told-differently--still-open').checkpoint;
    t.equal(await ask(monitor, sameSize), 'other');
    t.strictSame(
      raised.map(({ kind, origin, evidence = [] }) => [kind, origin, evidence[0], evidence[1]]),
      [
        ['ledger_forked', LEDGER, ledger.checkpoint, other],
        ['ledger_forked', LEDGER, ledger.checkpoint, sameSize],
      ],
    );
    const key = ed25519Verifier(parseVkey(sha256, TRUST), verifyEd25519);
    for (const { evidence = [] } of raised) {
      const [one = '', two = '', past] = evidence;
      t.equal(await isFork(sha256, past === undefined ? [one, two] : [one, two, past], key), true);
    }

    const longer = signed(LEDGER, ledger.entries.length + 1, FALSE_ROOT);
    t.equal(await ask(monitor, longer), 'waiting');
    const before = raised.length;
    await monitor.round();
    await close();
    const again = await openWatching({ url: 'http://127.0.0.1:1' }, folder, { now: world.now() + PATIENCE_MS });
    await again.monitor.round();
    t.strictSame(again.raised, [], 'a platform that is away shows us nothing, short or long');
    await again.close();
    const third = await openWatching(await serve(t, { openings: 'none' }), folder, { now: world.now() + PATIENCE_MS });
    await third.monitor.round();
    t.equal(raised.length, before);
    third.world.advance(STEP_MS);
    await third.monitor.round();
    t.strictSame(
      third.raised
        .filter(({ kind, origin }) => origin === LEDGER && kind !== 'ledger_silent')
        .map(({ kind, evidence }) => [kind, evidence]),
      [['ledger_shown_longer', [ledger.checkpoint, longer]]],
      'kept across stops',
    );
    await third.close();
  },
);

t.test('a head of an opening: held against the ledger’s heads at once, against its log when it is read', async (t) => {
  const server = await serve(t);
  const { monitor, world, raised, close } = await openWatching(server, await newFolder(t, 'opening'));
  await monitor.round();
  t.equal(
    await ask(monitor, signed(WHOLE_ORIGIN, whole.entries.length, rootAt(whole, whole.entries.length))),
    'known',
    'the ledger has a head of that size',
  );
  const fork = signed(WHOLE_ORIGIN, atLedger, FALSE_ROOT);
  t.equal(await ask(monitor, fork), 'other');
  t.match(raised, [
    { kind: 'opening_forked', origin: WHOLE_ORIGIN, evidence: [new RegExp(`\\n${atLedger}\\n`), fork] },
  ]);
  t.equal(await ask(monitor, signed(WHOLE_ORIGIN, between, rootAt(whole, between))), 'waiting', 'no head of that size');
  const falseOne = signed(WHOLE_ORIGIN, elsewhere, FALSE_ROOT);
  t.equal(await ask(monitor, falseOne), 'waiting');
  world.advance(60_000);
  await monitor.round();
  t.match(raised.slice(1), [
    { kind: 'opening_forked', origin: WHOLE_ORIGIN, evidence: [whole.checkpoint, falseOne, /./] },
  ]);
  const [, { evidence = [] } = {}] = raised;
  const key = ed25519Verifier(parseVkey(sha256, whole.vkey), verifyEd25519);
  t.equal(await isFork(sha256, [evidence[0] ?? '', evidence[1] ?? '', evidence[2] ?? ''], key), true);

  const longer = signed(WHOLE_ORIGIN, whole.entries.length + 1, FALSE_ROOT);
  const hidden = signed('kaibiao.test/opening/hidden', 1, FALSE_ROOT);
  t.equal(await ask(monitor, longer), 'waiting');
  t.equal(await ask(monitor, hidden), 'waiting');
  for (let n = 0; n < 4; n++) {
    world.advance(PATIENCE_MS);
    await monitor.round();
  }
  t.strictSame(
    raised
      .slice(2)
      .filter(({ kind }) => !['ledger_silent', 'opening_withheld'].includes(kind))
      .map(({ kind, origin, evidence: notes }) => [kind, origin, notes])
      .sort(),
    [
      ['opening_not_in_ledger', 'kaibiao.test/opening/hidden', [hidden]],
      ['opening_shown_longer', WHOLE_ORIGIN, [longer]],
    ],
  );
  await close();
});

t.test(
  'two heads that wait contradict each other at once, whatever we are shown, also when both come in one moment',
  async (t) => {
    const { monitor, raised, close } = await openWatching(
      await serve(t, { openings: 'none' }),
      await newFolder(t, 'waiting'),
    );
    await monitor.round();
    const opening = (root: Uint8Array) => signed(WHOLE_ORIGIN, between, root);
    t.equal(await ask(monitor, opening(rootAt(whole, between))), 'waiting');
    t.equal(await ask(monitor, opening(FALSE_ROOT)), 'other');
    const beyond = (fill: number) => signed(LEDGER, 1_000, new Uint8Array(32).fill(fill));
    t.strictSame((await Promise.all([ask(monitor, beyond(1)), ask(monitor, beyond(2))])).sort(), ['other', 'waiting']);
    t.strictSame(
      raised.map(({ kind, origin, evidence }) => [kind, origin, evidence]),
      [
        ['opening_forked', WHOLE_ORIGIN, [opening(rootAt(whole, between)), opening(FALSE_ROOT)]],
        ['ledger_forked', LEDGER, [beyond(1), beyond(2)]],
      ],
    );
    await close();
  },
);

t.test(
  'an opening kept out of the ledger and told differently to each: what was shown before is held against it',
  async (t) => {
    const size = whole.entries.length;
    const early = headBody({
      kind: 'opened',
      note: signed(WHOLE_ORIGIN, 2, rootAt(whole, 2)),
      previousSize: 0,
      consistency: [],
    });
    const shortLedger = madeLedger([{ type: 'Head', at: '2026-03-02T00:01:00.000Z', body: early }]);
    const rewritten = changed({
      of: WHOLE,
      says: 'an entry of the platform’s own under another command',
      steps: [{ at: { type: 'OpeningArchived' }, set: { '/entry/command': 'another' } }],
      signed: 'own',
    });
    const folder = await newFolder(t, 'rewritten');
    const now = endAt;
    // a ledger without batches has no room for its acts, either
    const told = (raised: readonly RaisedAlarm[]) => raised.filter(({ kind }) => !kind.startsWith('register_'));
    const first = await openWatching(await serve(t, { ledger: shortLedger }), folder, { now });
    t.equal(await ask(first.monitor, whole.checkpoint), 'report_unsigned', 'nothing is known of it yet');
    await first.monitor.round();
    t.equal(await ask(first.monitor, whole.checkpoint), 'known', 'no head of the ledger, but we were shown it');
    t.strictSame(told(first.raised), []);
    t.equal(await ask(first.monitor, rewritten.checkpoint), 'other', 'at once, before anything is read again');
    await first.close();
    const key = ed25519Verifier(parseVkey(sha256, whole.vkey), verifyEd25519);
    t.strictSame(told(first.raised)[0]?.evidence, [whole.checkpoint, rewritten.checkpoint]);

    const world = now + REREAD_MS;
    const second = await openWatching(await serve(t, { ledger: shortLedger, whole: rewritten }), folder, {
      now: world,
    });
    await second.monitor.round();
    t.match(told(second.raised), [{ kind: 'opening_forked', origin: WHOLE_ORIGIN, detail: `at ${size} entries` }]);
    const [one = '', other = ''] = told(second.raised)[0]?.evidence ?? [];
    t.equal(await isFork(sha256, [one, other], key), true, 'without any report');
    await second.close();

    const cut = valid('opening-cut-off--still-open');
    const third = await openWatching(await serve(t, { ledger: shortLedger, whole: cut }), folder, {
      now: world + REREAD_MS,
    });
    for (let n = 0; n < 5; n++) {
      await third.monitor.round();
      third.world.advance(PATIENCE_MS);
    }
    const kinds = told(third.raised).filter(({ kind }) => kind !== 'ledger_silent');
    t.match(kinds.map(({ kind, evidence }) => [kind, evidence?.[0]]).sort(), [
      ['opening_behind', whole.checkpoint],
      ['opening_not_anchored', whole.checkpoint],
    ]);
    await third.close();
  },
);

t.test('what is reported while an opening is being read is held against it the next time', async (t) => {
  const server = await serve(t);
  const watching: { monitor?: Monitor } = {};
  const said: string[] = [];
  const falseOne = signed(WHOLE_ORIGIN, elsewhere, FALSE_ROOT);
  // whoever serves the log chooses how long that takes
  const holdingBack: typeof fetch = async (address, request) => {
    const isMeanwhile = String(address).includes(`/openings/${idOf(whole)}/entries`) && said.length === 0;
    if (isMeanwhile && watching.monitor !== undefined) said.push(await ask(watching.monitor, falseOne));
    return fetch(address, request);
  };
  const { monitor, world, raised, close } = await openWatching(server, await newFolder(t, 'meanwhile'), {
    ask: holdingBack,
  });
  watching.monitor = monitor;
  await monitor.round();
  t.strictSame(said, ['waiting']);
  t.strictSame(raised, []);
  world.advance(60_000);
  await monitor.round();
  t.match(raised, [{ kind: 'opening_forked', origin: WHOLE_ORIGIN, evidence: [whole.checkpoint, falseOne, /./] }]);
  await close();
});

t.test('an opening that is not in the ledger as far as we could read it is no lie of the platform', async (t) => {
  const hidden = signed('kaibiao.test/opening/hidden', 1, FALSE_ROOT);
  const cut = valid('ledger-cut-off--still-open');
  const tiles = [...filesOf(ledger).keys()].filter((path) => path.startsWith('tile/'));
  for (const [what, spoilt] of [
    ['not reached', ['checkpoint']],
    ['its files missing', tiles],
  ] as const) {
    const folder = await newFolder(t, 'unread');
    const early = await openWatching(await serve(t, { ledger: cut, openings: 'none' }), folder);
    await early.monitor.round();
    await early.close();
    const server = await serve(t, { openings: 'none' });
    for (const path of spoilt) server.spoil(`/logs/ledger/${path}`, 503);
    const { monitor, world, raised, close } = await openWatching(server, folder);
    t.equal(await ask(monitor, hidden), 'waiting');
    for (let n = 0; n < 5; n++) {
      await monitor.round();
      world.advance(PATIENCE_MS);
    }
    const others = raised.filter(({ origin, kind }) => origin === LEDGER && kind !== 'ledger_silent');
    t.strictSame(
      others.map(({ kind }) => kind),
      what === 'not reached' ? [] : ['ledger_withheld'],
      what,
    );
    t.strictSame(
      raised.filter(({ kind }) => kind === 'opening_not_in_ledger'),
      [],
      what,
    );
    await close();
  }
});

t.test('what the platform did not sign is nothing, whoever reports it', async (t) => {
  const { monitor, raised, close } = await openWatching(
    await serve(t, { openings: 'none' }),
    await newFolder(t, 'junk'),
  );
  await monitor.round();
  const stranger = valid('ledger-with-a-new-key--still-open').checkpoint.replace(/\n\d+\n/, '\n1\n');
  for (const [note, said] of [
    ['', 'report_malformed'],
    ['no note at all\n', 'report_malformed'],
    [ledger.checkpoint.replace(/\n(\d+)\n/, '\n$1 \n'), 'report_malformed'],
    [ledger.checkpoint.replace(/\n\d+\n/, '\n2\n'), 'report_unsigned'],
    [stranger, 'report_unsigned'],
    [ledger.checkpoint.replaceAll(LEDGER, 'other.test/ledger'), 'report_of_other_log'],
    [ledger.checkpoint.replaceAll(LEDGER, 'kaibiao.test/access'), 'report_of_other_log'],
    [whole.checkpoint.replaceAll(WHOLE_ORIGIN, 'kaibiao.test/opening/x'), 'report_unsigned'],
  ] as const)
    t.equal(await ask(monitor, note), said, JSON.stringify(note.slice(0, 60)));
  t.strictSame(raised, []);
  await close();
});

t.test(
  'kaibiao verify reports every signed head it was shown, and says when a monitor has seen another history',
  async (t) => {
    const stub = await reportStub(t);
    const server = await serve(t);
    const address = `${server.url}/logs/opening/${idOf(whole)}`;
    const good = await runCli('verify', address, '--trust', TRUST, '--report', `${stub.url}/`);
    t.match(good, { code: 0, out: /reported, and known there/ });
    t.strictSame(stub.notes.sort(), [ledger.checkpoint, whole.checkpoint].sort(), 'the ledger’s and the opening’s');

    const { place } = await goldenBench(t);
    stub.notes.length = 0;
    const bundle = await place('valid', 'whole-opening-with-one-failed-decryption');
    t.match(await runCli('verify', bundle, '--report', stub.url), { code: 0 });
    t.strictSame(stub.notes.sort(), [whole.anchor?.checkpoint, whole.checkpoint].sort(), 'the head it is anchored in');
    stub.say('waiting');
    t.match(await runCli('verify', bundle, '--report', stub.url), { code: 0, out: /it will be compared/ });
    const split = signed(WHOLE_ORIGIN, whole.entries.length, FALSE_ROOT);
    stub.say('other', [whole.checkpoint, split]);
    t.match(await runCli('verify', bundle, '--report', stub.url), {
      code: 1,
      out: /^valid, complete/,
      err: /contradicts/,
    });
    for (const evidence of [undefined, [whole.checkpoint, whole.checkpoint], ['no note', split]]) {
      stub.say('other', evidence);
      const claimed = await runCli('verify', bundle, '--report', stub.url);
      t.match(claimed, { code: 0, err: /claims another history and proves none/ }, 'a monitor’s word is no proof');
    }
    stub.notes.length = 0;
    const refused = await place('invalid', 'step_not_lawful--window-closed-before-its-time');
    t.match(await runCli('verify', refused, '--report', stub.url), { code: 1 });
    t.equal(stub.notes.length, 1, 'what is refused was signed all the same');
    const gone = await runCli('verify', bundle, '--report', 'http://127.0.0.1:1');
    t.match(gone, { code: 0, err: /not reported/ }, 'who keeps us from the monitor decides nothing');
    t.match(await runCli('verify', bundle, '--report', 'monitor.example'), { code: 2 });
  },
);

t.test(
  'end to end: somebody is shown another ledger, verifies it without complaint, and the monitor raises the alarm',
  async (t) => {
    const { monitor, raised, close } = await openWatching(
      await serve(t, { openings: 'none' }),
      await newFolder(t, 'split'),
    );
    await monitor.round();
    const reports = await serveReports({ host: '127.0.0.1', port: 0 }, monitor.report, steppedWorld(), () => undefined);
    t.teardown(reports.close);
    const other = valid('ledger-told-differently--still-open');
    const split = await serve(t, { ledger: other, openings: 'none' });
    const shown = await runCli('verify', `${split.url}/logs/ledger`, '--trust', TRUST, '--report', reports.url);
    t.match(shown, { code: 1, out: /^valid/, err: /contradicts/ }, 'by itself it holds');
    t.match(raised, [{ kind: 'ledger_forked', evidence: [ledger.checkpoint, other.checkpoint] }]);
    await close();
  },
);

t.test('the address: any page may post, a little, in plain text', async (t) => {
  const world = steppedWorld(endAt);
  const taken: string[] = [];
  let fails = false;
  const server = await serveReports(
    { host: '127.0.0.1', port: 0, proxies: ['127.0.0.1'] },
    async (note) => {
      if (fails) throw new Error('the disk is full');
      taken.push(note);
      return note === 'bad' ? 'report_malformed' : note === 'unsigned' ? 'report_unsigned' : { verdict: 'known' };
    },
    world,
    () => undefined,
  );
  t.teardown(server.close);
  const post = (body: string, type = 'text/plain; charset=utf-8', path = REPORT_PATH, method = 'POST') =>
    fetch(`${server.url}${path}`, { method, headers: { 'content-type': type, origin: 'https://page.test' }, body });
  const good = await post(ledger.checkpoint);
  t.equal(good.status, 200);
  t.equal(good.headers.get('access-control-allow-origin'), '*');
  t.equal(good.headers.get('access-control-allow-credentials'), null);
  t.strictSame(await good.json(), { verdict: 'known' });
  t.strictSame(taken, [ledger.checkpoint]);
  const said = async (answer: Promise<Response>) => {
    const { status, headers } = await answer;
    return [status, headers.get('access-control-allow-origin')];
  };
  t.strictSame(await said(post('bad')), [400, '*']);
  t.strictSame(await said(post('unsigned')), [403, '*']);
  t.strictSame(await said(post('{}', 'application/json')), [415, '*']);
  t.strictSame(await said(post('x', 'text/plain', '/else')), [404, '*']);
  t.strictSame(await said(post('x', 'text/plain', REPORT_PATH, 'PUT')), [404, '*']);
  t.strictSame(await said(post('x'.repeat(NOTE_LIMIT_BYTES))), [200, '*']);
  t.strictSame(await said(post('x'.repeat(NOTE_LIMIT_BYTES + 1))), [413, '*']);
  const preflight = await fetch(`${server.url}${REPORT_PATH}`, { method: 'OPTIONS' });
  t.equal(preflight.status, 204);
  t.equal(preflight.headers.get('access-control-allow-methods'), 'POST');
  t.equal(await postBytes(server.url, Buffer.from([0xff, 0xfe])), 400, 'no text');
  fails = true;
  t.strictSame(await said(post('x')), [500, '*']);
  fails = false;
  world.advance(60_000);
  const from = async (address: string, body: string) => {
    const headers = { 'content-type': 'text/plain', 'x-forwarded-for': address };
    const { status } = await fetch(`${server.url}${REPORT_PATH}`, { method: 'POST', headers, body });
    return status;
  };
  for (let n = 0; n < REFUSED_OF_AN_ADDRESS; n++)
    t.equal(await from('192.0.2.1', n % 2 ? 'bad' : 'unsigned'), n % 2 ? 400 : 403);
  t.equal(await from('192.0.2.1', 'x'), 429, 'one more in this minute');
  t.equal(await from('192.0.2.2', 'x'), 200, 'another behind the same proxy');
  fails = true;
  for (let n = 0; n <= REFUSED_OF_AN_ADDRESS; n++)
    t.equal(await from('192.0.2.3', 'x'), 500, 'our fault, and not counted');
  fails = false;
  world.advance(60_000);
  t.equal(await from('192.0.2.1', 'x'), 200);
});

t.test('half bodies of a crowd keep nobody from reporting', async (t) => {
  const take = async () => ({ verdict: 'known' }) as const;
  const server = await serveReports({ host: '127.0.0.1', port: 0 }, take, steppedWorld(), () => undefined);
  t.teardown(server.close);
  await halfRequests(t, `${server.url}${REPORT_PATH}`, REQUEST_LIMIT);
  const headers = { 'content-type': 'text/plain' };
  const answer = await fetch(`${server.url}${REPORT_PATH}`, { method: 'POST', headers, body: ledger.checkpoint });
  t.equal(answer.status, 200);
});

function postBytes(url: string, body: Buffer): Promise<number | undefined> {
  return new Promise((done, fail) => {
    httpRequest(`${url}${REPORT_PATH}`, { method: 'POST', headers: { 'content-type': 'text/plain' } }, (answer) => {
      answer.resume();
      done(answer.statusCode);
    })
      .on('error', fail)
      .end(body);
  });
}
