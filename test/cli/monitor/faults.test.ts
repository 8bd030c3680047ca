/** The monitor before a platform that hides, hangs or wavers: what may pass by itself is no alarm, what lasts is one, and nothing holds the monitor up. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { openAlarms } from '../../../server/cli/monitor/alarm-book.ts';
import { alarm } from '../../../server/cli/monitor/alarms.ts';
import { openPatience, PATIENCE_LOOKS, PATIENCE_MS } from '../../../server/cli/monitor/patience.ts';
import { inTurn, OPENING_LIMIT_MS, REREAD_MS, UNREAD_MS } from '../../../server/cli/monitor/watched-openings.ts';
import { POSTS_OF_A_ROUND, postAlarms, postBeside, WEBHOOK_LIMIT_MS } from '../../../server/cli/monitor/webhook.ts';
import { REQUEST_LIMIT_MS, ReachError, reachOut } from '../../../server/cli/reach.ts';
import { toBase64, toBase64Url } from '../../../server/core/log/base64.ts';
import { formatTilePath } from '../../../server/core/log/tile.ts';
import { utf8 } from '../../../server/core/log/utf8.ts';
import { newFolder } from '../../support/folder.ts';
import { ownKey } from '../../support/golden-change.ts';
import { filesOf, readGolden } from '../../support/golden-log.ts';
import { idOf } from '../../support/golden-server.ts';
import { madeLedger } from '../../support/made-ledger.ts';
import { bad, endAt, ledger, openWatching, serve, valid, watch, whole } from '../../support/monitor-bench.ts';
import t from '../../support/tap.ts';
import { steppedWorld } from '../../support/world.ts';

const LOG = `/logs/opening/${idOf(whole)}`;
const ENTRIES = formatTilePath({ kind: 'entries', index: 0, width: ledger.entries.length });

t.test(
  'patience ends at the third look and not before its time; what was otherwise in between begins anew',
  async (t) => {
    const world = steppedWorld();
    const folder = await newFolder(t, 'patience');
    const patience = await openPatience(folder, world.now);
    t.strictSame(
      [1, 2, 3].map(() => patience.isOver('often, at once')),
      [false, false, false],
    );
    t.equal(patience.isOver('late'), false);
    world.advance(PATIENCE_MS - 1);
    t.equal(patience.isOver('late'), false, 'twice');
    t.equal(patience.isOver('late'), false, 'three times, a moment early');
    await patience.save();
    world.advance(1);
    const again = await openPatience(folder, world.now);
    t.equal(again.isOver('late'), true, 'also across a restart');
    again.forget('late');
    t.equal(again.since('late'), null);
    t.equal(again.isOver('late'), false);
    world.advance(10 * PATIENCE_MS);
    t.equal(PATIENCE_LOOKS, 3);
    t.equal(again.isOver('late'), false, 'long, and twice only');
    t.equal(again.isOver('late'), true);
  },
);

t.test(
  'an opening that is not served: no alarm for a moment, one for good; and it is asked for until then',
  async (t) => {
    for (const [what, spoil] of [
      ['not found', [`${LOG}/checkpoint`, 404]],
      ['unavailable', [`${LOG}/checkpoint`, 503]],
      [
        'its entries gone',
        [`${LOG}/${formatTilePath({ kind: 'entries', index: 0, width: whole.entries.length })}`, 404],
      ],
      ['its disclosures refused', [`/openings/${idOf(whole)}/entries`, 503]],
    ] as const) {
      const server = await serve(t);
      const folder = await newFolder(t, 'hidden');
      const [path, status] = spoil;
      server.spoil(path, status);
      t.match(await watch(server, folder, { rounds: 2 }), { kinds: [], unreached: /openings/ }, `${what}: twice`);
      const third = await watch(server, folder, { now: endAt + PATIENCE_MS });
      t.strictSame(third.kinds, ['opening_withheld'], `${what}: three times`);
      t.strictSame((await watch(server, folder, { now: endAt + 2 * PATIENCE_MS })).kinds, [], `${what}: once`);
    }
    const server = await serve(t);
    const folder = await newFolder(t, 'back');
    server.spoil(`${LOG}/checkpoint`, 503);
    await watch(server, folder, { rounds: 2 });
    server.spoil(`${LOG}/checkpoint`, null);
    await watch(server, folder, { now: endAt + PATIENCE_MS });
    server.spoil(`${LOG}/checkpoint`, 503);
    t.match(await watch(server, folder, { now: endAt + 2 * PATIENCE_MS, rounds: 2 }), { kinds: [] }, 'it was back');
  },
);

t.test(
  'however many are new, those that were tried before have their turn; and who is never read is told of',
  async (t) => {
    const tried = new Map([
      ['victim', 3],
      ['older', 2],
    ]);
    const junk = ['a', 'b', 'c', 'd', 'e'];
    t.strictSame(
      inTurn([...junk, ...tried.keys()], (origin) => tried.get(origin) ?? 0),
      ['a', 'older', 'b', 'victim', 'c', 'd', 'e'],
    );
    t.strictSame(
      inTurn([...tried.keys()], (origin) => tried.get(origin) ?? 0),
      ['older', 'victim'],
    );
    const server = await serve(t);
    const folder = await newFolder(t, 'unread');
    server.spoil(`${LOG}/checkpoint`, 503);
    const early = await watch(server, folder, { rounds: 3, stepMs: UNREAD_MS / 2 - 1 });
    t.strictSame(early.kinds, ['opening_withheld']);
    t.strictSame((await watch(server, folder, { now: endAt + UNREAD_MS })).kinds, ['opening_unread']);
    server.spoil(`${LOG}/checkpoint`, null);
    await watch(server, folder, { now: endAt + UNREAD_MS + 1 });
    const again = await watch(server, folder, { now: endAt + 4 * UNREAD_MS });
    t.strictSame(again.kinds, [], 'it was read meanwhile');
  },
);

t.test('a page of a proxy, or half of a file, is no alarm for a moment, and one when it lasts', async (t) => {
  const page = utf8('<html>\nback in a minute\n</html>\n');
  const oneLine = utf8('<html>back in a minute</html>\n');
  for (const [path, answer, kind] of [
    ['/logs/ledger/checkpoint', page, 'checkpoint_malformed'],
    ['/logs/ledger/checkpoint', new Uint8Array(0), 'checkpoint_malformed'],
    [`/logs/ledger/${ENTRIES}`, page, 'ledger_withheld'],
    [`${LOG}/vkey`, page, 'opening_withheld'],
    [`${LOG}/vkey`, oneLine, 'opening_withheld'],
    [`${LOG}/checkpoint`, page, 'opening_withheld'],
    [`/openings/${idOf(whole)}/entries`, page, 'opening_withheld'],
  ] as const) {
    const server = await serve(t);
    const folder = await newFolder(t, 'page');
    server.spoil(path, answer);
    t.strictSame((await watch(server, folder, { rounds: 2 })).kinds, [], `${path}: twice`);
    const third = await watch(server, folder, { now: endAt + PATIENCE_MS });
    t.strictSame(third.kinds, [kind], `${path}: three times`);
    if (kind === 'checkpoint_malformed')
      t.strictSame(third.raised[0]?.evidence, [Buffer.from(answer).toString()], 'what was shown is kept');
  }
});

t.test('an opening shown shorter than the ledger knows it', async (t) => {
  const server = await serve(t, { whole: valid('opening-cut-off--still-open') });
  const folder = await newFolder(t, 'behind');
  t.strictSame((await watch(server, folder, { rounds: 2 })).kinds, [], 'another process may be a moment behind');
  t.strictSame((await watch(server, folder, { now: endAt + PATIENCE_MS, rounds: 3 })).kinds, ['opening_behind']);
});

t.test('an opening without anything new is read again, but not before its time', async (t) => {
  const folder = await newFolder(t, 'again');
  await watch(await serve(t), folder);
  const later = await serve(t, { whole: bad('roster_differs--one-bidder-left-out') });
  t.strictSame((await watch(later, folder, { now: endAt + REREAD_MS - 1 })).kinds, []);
  t.strictSame((await watch(later, folder, { now: endAt + REREAD_MS })).kinds, ['roster_differs', 'opening_forked']);
});

t.test('a ledger whose files are missing is called that, not a fork', async (t) => {
  const server = await serve(t, { openings: 'none' });
  const folder = await newFolder(t, 'missing');
  server.spoil(`/logs/ledger/${ENTRIES}`, 404);
  t.match(await watch(server, folder, { rounds: 2 }), { size: 0, kinds: [], unreached: /tile\/entries/ });
  const said = await watch(server, folder, { now: endAt + PATIENCE_MS });
  t.strictSame(said.kinds, ['ledger_withheld']);
  t.strictSame(said.raised[0]?.evidence, [ledger.checkpoint], 'the head that it signed and does not serve');

  const differing = await serve(t, { openings: 'none' });
  const own = await newFolder(t, 'differing');
  differing.spoil('/logs/ledger/checkpoint', utf8(valid('ledger-told-differently--still-open').checkpoint));
  const wrong = await watch(differing, own, { rounds: 3 });
  t.strictSame(wrong.kinds, ['ledger_not_as_signed'], 'one head alone convicts nobody');
});

t.test('what an opening has grown to while the ledger could not be read is not called left out of it', async (t) => {
  const folder = await newFolder(t, 'unread-ledger');
  const early = { ledger: valid('ledger-cut-off--still-open'), whole: readGolden('still-open') };
  t.match(await watch(await serve(t, early), folder), { kinds: [] });
  const server = await serve(t);
  for (const path of filesOf(ledger).keys()) if (path.startsWith('tile/')) server.spoil(`/logs/ledger/${path}`, 502);
  const said = await watch(server, folder, { rounds: 5, stepMs: PATIENCE_MS });
  t.strictSame(said.kinds, ['ledger_withheld']);
});

t.test(
  'a ledger shown shorter: by itself it proves nothing, again and again it is one alarm, whatever the sizes',
  async (t) => {
    const folder = await newFolder(t, 'shrunk');
    const server = await serve(t);
    const cut = await serve(t, { ledger: valid('ledger-cut-off--still-open') });
    await watch(server, folder);
    t.strictSame((await watch(cut, folder, { rounds: 2 })).kinds, [], 'a slower process behind the same address');
    t.strictSame((await watch(server, folder, { now: endAt + PATIENCE_MS })).kinds, []);
    const shrunk = await watch(cut, folder, { now: endAt + PATIENCE_MS, rounds: 3 });
    t.ok(shrunk.kinds.includes('ledger_shrank'));
    t.strictSame(shrunk.raised.find(({ kind }) => kind === 'ledger_shrank')?.evidence, [
      ledger.checkpoint,
      valid('ledger-cut-off--still-open').checkpoint,
    ]);
    const more = await watch(cut, folder, { now: endAt + 3 * PATIENCE_MS, rounds: 3 });
    t.strictSame(more.kinds, [], 'told once');
  },
);

t.test('silence is told by the monitor’s own clock, once it has lasted while somebody looked', async (t) => {
  const server = await serve(t, { openings: 'none' });
  const folder = await newFolder(t, 'silent');
  const far = endAt + 1e9;
  t.strictSame(
    (await watch(server, folder, { now: far, isSilenceTold: true })).kinds,
    [],
    'what the platform’s dates say is its own word',
  );
  // six batch periods of ten seconds and a minute
  const told = async (now: number, rounds = 1) =>
    (await watch(server, folder, { now, rounds, stepMs: 0, isSilenceTold: true })).kinds.filter(
      (kind) => kind === 'ledger_silent',
    ).length;
  t.equal(await told(far + 1e6, 3), 0, 'nobody looked meanwhile');
  t.equal(await told(far + 1e6 + 119_999), 0);
  t.equal(await told(far + 1e6 + 120_000), 1);
  t.equal(await told(far + 1e6 + 130_000), 0, 'once');
  const gone = await watch({ url: 'http://127.0.0.1:1' }, await newFolder(t, 'gone'), {
    rounds: 4,
    stepMs: 140_000,
    isSilenceTold: true,
  });
  t.match(gone, { size: 0, kinds: ['ledger_silent'], unreached: /127\.0\.0\.1:1/ }, 'never seen at all');
});

t.test('a platform that does not answer holds nothing up', async (t) => {
  const server = await serve(t);
  const folder = await newFolder(t, 'slow');
  server.spoil('/logs/ledger/checkpoint', 'never');
  const hung = await watch(server, folder, { isFast: true });
  t.match(hung, { size: 0, unreached: /no whole answer in time/ });
  t.equal(hung.now - endAt, REQUEST_LIMIT_MS);
  server.spoil('/logs/ledger/checkpoint', null);
  server.spoil(`${LOG}/checkpoint`, 'never');
  const { monitor, world, close } = await openWatching(server, folder, { isFast: true });
  const round = await monitor.round();
  t.match(round, { size: ledger.entries.length, unreached: '4 openings' }, 'the others were asked as well');
  t.ok(world.now() - endAt <= OPENING_LIMIT_MS);
  await close();
});

t.test('a round that is told to stop stops', async (t) => {
  const server = await serve(t);
  server.spoil('/logs/ledger/checkpoint', 'never');
  const stopping = new AbortController();
  const asked = reachOut(
    { world: steppedWorld(), fetch, signal: stopping.signal },
    `${server.url}/logs/ledger/checkpoint`,
    { headers: {} },
    10,
  );
  stopping.abort();
  await t.rejects(asked, ReachError);
});

t.test('nobody is sent elsewhere, and nobody reads more than the limit', async (t) => {
  let asked = 0;
  const elsewhere = createServer((_request, response) => {
    asked += 1;
    response.end(ledger.checkpoint);
  });
  await new Promise<void>((done) => elsewhere.listen(0, '127.0.0.1', done));
  t.teardown(() => new Promise<void>((done) => elsewhere.close(() => done())));
  const address = `http://127.0.0.1:${(elsewhere.address() as AddressInfo).port}/`;
  const server = await serve(t, { openings: 'none' });
  server.spoil('/logs/ledger/checkpoint', { redirect: address });
  t.match(await watch(server, await newFolder(t, 'redirected')), { size: 0, unreached: /redirect/ });
  t.equal(asked, 0);

  const reach = { world: steppedWorld(), fetch };
  const path = `${server.url}/logs/ledger/${ENTRIES}`;
  const { bytes } = await reachOut(reach, path, { headers: {} }, 2 ** 24);
  t.equal((await reachOut(reach, path, { headers: {} }, bytes.length)).bytes.length, bytes.length);
  await t.rejects(reachOut(reach, path, { headers: {} }, bytes.length - 1), { code: 'too_long' });
  const budget = { left: 2 * bytes.length - 1 };
  await reachOut({ ...reach, budget }, path, { headers: {} }, 2 ** 24);
  await t.rejects(reachOut({ ...reach, budget }, path, { headers: {} }, 2 ** 24), { code: 'unreached' }, 'altogether');
});

t.test('an entry that nobody can read is an alarm and does not end the watch, nor the next start', async (t) => {
  const { publicKey } = ownKey('kaibiao.test/opening/any');
  const digest = toBase64Url(new Uint8Array(32));
  const made = madeLedger([
    {
      type: 'KeyAnnounced',
      at: '2026-03-02T01:00:00.000Z',
      actor: { role: 'operator' },
      body: {
        key: { use: 'ledger', algorithm: 'Ed25519', publicKey: toBase64(publicKey) },
        replaces: toBase64(ownKey('kaibiao.test/ledger').publicKey),
        from: '2026-99-99T00:00:00.000Z',
        signatures: { replaced: toBase64(new Uint8Array(64)), key: toBase64(new Uint8Array(64)) },
      },
      commit: { who: digest, source: digest, act: digest },
    },
  ]);
  const server = await serve(t, { ledger: made, openings: 'none' });
  const folder = await newFolder(t, 'unreadable');
  const first = await watch(server, folder);
  t.equal(first.size, 2);
  t.match(first.raised, [{ seq: 1, kind: /^(entry_malformed|ledger_key_refused)$/ }]);
  t.match(await watch(server, folder), { size: 2, kinds: [] }, 'judged again, told once');
});

t.test('a webhook is asked in bounded time, for so many, and goes nowhere else', async (t) => {
  const folder = await newFolder(t, 'webhook');
  await openWatching(await serve(t, { openings: 'none' }), folder).then(({ close }) => close());
  const alarms = await openAlarms(folder, () => endAt);
  for (let n = 0; n <= POSTS_OF_A_ROUND; n++) await alarms.raise(alarm('opening_forked', 'a', `${n}`));
  const world = steppedWorld();
  let posts = 0;
  let answer: 'never' | number = 'never';
  const hook = createServer((_request, response) => {
    posts += 1;
    if (answer === 302) response.writeHead(302, { location: '/elsewhere' }).end();
    else if (typeof answer === 'number') response.writeHead(answer).end();
  });
  await new Promise<void>((done) => hook.listen(0, '127.0.0.1', done));
  t.teardown(() => {
    hook.closeAllConnections();
    return new Promise<void>((done) => hook.close(() => done()));
  });
  const address = `http://127.0.0.1:${(hook.address() as AddressInfo).port}/`;
  const arrived = new Promise<void>((done) => hook.once('request', () => done()));
  const waiting = postAlarms(alarms, address, { world, fetch });
  await arrived;
  world.advance(WEBHOOK_LIMIT_MS - 1);
  world.advance(1);
  t.equal(await waiting, false);
  answer = 302;
  t.equal(await postAlarms(alarms, address, { world, fetch }), false);
  t.equal(posts, 2, 'the redirect was not followed');
  answer = 204;
  t.equal(await postAlarms(alarms, address, { world, fetch }), true);
  t.equal(posts, 2 + POSTS_OF_A_ROUND);
  await postAlarms(alarms, address, { world, fetch });
  t.equal(posts, 3 + POSTS_OF_A_ROUND, 'the last one behind the next round');
});

t.test(
  'an alarm is posted beside the round, one turn after the other, and a fault of posting ends nothing',
  async (t) => {
    const turns: (() => void)[] = [];
    const said: string[] = [];
    let answer: boolean | Error = true;
    const posting = postBeside(
      async () => {
        await new Promise<void>((done) => turns.push(done));
        if (answer instanceof Error) throw answer;
        return answer;
      },
      () => said.push('refused'),
      (error) => said.push(String(error)),
    );
    await posting.idle();
    posting.wake();
    t.equal(turns.length, 1, 'at once');
    posting.wake();
    posting.wake();
    t.equal(turns.length, 1, 'one at a time');
    turns[0]?.();
    await new Promise((turn) => setImmediate(turn));
    t.equal(turns.length, 2, 'what came meanwhile has its turn');
    answer = false;
    turns[1]?.();
    await posting.idle();
    t.strictSame(said, ['refused']);
    answer = new Error('no such host');
    posting.wake();
    turns[2]?.();
    await posting.idle();
    t.strictSame(said, ['refused', 'Error: no such host']);
    t.equal(turns.length, 3);
  },
);
