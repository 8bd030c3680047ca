/** The monitor against honest and dishonest platforms of golden logs: each kind of lie is found by its name, once, and across restarts. */
import { appendFile, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import { ALARMS, type RaisedAlarm } from '../../../server/cli/monitor/alarms.ts';
import { KeptLedgerError } from '../../../server/cli/monitor/kept-ledger.ts';
import { MonitorKeyError, openMonitor } from '../../../server/cli/monitor/monitor.ts';
import { parseEntry } from '../../../server/core/log/entry.ts';
import { parseInstant } from '../../../server/core/log/instant.ts';
import { utf8 } from '../../../server/core/log/utf8.ts';
import { newFolder } from '../../support/folder.ts';
import { changed, readChange } from '../../support/golden-change.ts';
import { runCli, TRUST, WHOLE } from '../../support/golden-judge.ts';
import { type GoldenLog, readGolden } from '../../support/golden-log.ts';
import { type GoldenServer, goldenServer, idOf } from '../../support/golden-server.ts';
import t from '../../support/tap.ts';
import { steppedWorld } from '../../support/world.ts';

const ledger = readGolden('ledger');
const NAMES = [WHOLE, 'failed-tender', 'postponed-and-failed-with-an-objection', 'two-layers-and-a-ruling-corrected'];
const openings = NAMES.map(readGolden);
const whole = openings[0] as GoldenLog;
const bad = (name: string): GoldenLog => changed(readChange('invalid', name));
const valid = (name: string): GoldenLog => changed(readChange('valid', name));
/** A moment after the last entry. */
const endAt = parseInstant(parseEntry(utf8(ledger.entries.at(-1) ?? '')).at) + 1_000;

type Test = Parameters<typeof goldenServer>[0];
/** What a platform shows in the place of the true logs; of the openings only the first, unless all are asked for or none. */
type Shown = { readonly ledger?: GoldenLog; readonly whole?: GoldenLog; readonly openings?: 'all' | 'none' };

function serve(t: Test, shown: Shown = {}): Promise<GoldenServer> {
  const first = shown.whole ?? whole;
  const served = { all: [first, ...openings.slice(1)], none: [], one: [first] }[shown.openings ?? 'one'];
  return goldenServer(t, { openings: served, ledger: shown.ledger ?? ledger, pageEntries: 200 });
}

const OTHERS = openings.slice(1).map((log) => `kaibiao.test/opening/${idOf(log)}`);

/** What a monitor says in one round of a platform, going on from its folder. */
async function watch({ url }: GoldenServer, folder: string, now = endAt) {
  const raised: RaisedAlarm[] = [];
  const monitor = await openMonitor({
    url: `${url}/logs/ledger`,
    trust: TRUST,
    folder,
    world: steppedWorld(now),
    onAlarm: (alarm) => raised.push(alarm),
  });
  try {
    const round = await monitor.round();
    // The others are not served in most tests, for each is replayed: what is said of them is left out.
    const told = raised.filter(({ origin }) => !OTHERS.includes(origin));
    return { ...round, raised: told, kinds: told.map(({ kind }) => kind), count: monitor.alarms.count() };
  } finally {
    await monitor.close();
  }
}

t.test('an honest platform raises none, and a second look reads nothing twice', async (t) => {
  const folder = await newFolder(t, 'honest');
  const server = await serve(t, { openings: 'all' });
  t.match(await watch(server, folder), {
    size: ledger.entries.length,
    added: ledger.entries.length,
    kinds: [],
    unreached: null,
  });
  t.match(await watch(server, folder), { size: ledger.entries.length, added: 0, kinds: [], unreached: null });
  const grown = await newFolder(t, 'grown');
  const early = await serve(t, { ledger: valid('ledger-cut-off--still-open'), whole: readGolden('still-open') });
  const size = valid('ledger-cut-off--still-open').entries.length;
  const first = await watch(early, grown);
  t.match(first, { added: size, count: 1 }, 'the openings behind are no lie of theirs');
  t.strictSame(first.kinds, ['ledger_silent'], 'though by then more should have been there');
  t.match(await watch(server, grown), { added: ledger.entries.length - size, kinds: [], count: 1 });
});

t.test('what the ledger itself says wrongly is found by its own reason', async (t) => {
  const lies = [
    'ledger_head_refused--opened-twice',
    'ledger_head_refused--head-that-is-no-continuation',
    'ledger_head_unsigned--head-by-a-stranger',
    'ledger_reveal_differs--an-act-more',
    'ledger_reveal_of_dummy_as_act--a-dummy-among-the-acts',
    'ledger_key_refused--announced-in-the-place-of-a-key-not-in-use',
    'ledger_entry_malformed--an-event-of-no-catalogue',
  ];
  for (const lie of lies) {
    const said = await watch(await serve(t, { ledger: bad(lie), openings: 'none' }), await newFolder(t, lie));
    t.ok(said.kinds.includes(lie.slice(0, lie.indexOf('--'))), `${lie}: ${said.kinds}`);
  }
});

t.test('a ledger that is told otherwise later, or shorter, or by another key', async (t) => {
  const folder = await newFolder(t, 'forked');
  await watch(await serve(t), folder);
  const forked = await watch(await serve(t, { ledger: valid('ledger-told-differently--still-open') }), folder);
  t.strictSame(forked.kinds, ['ledger_forked']);
  t.strictSame(
    forked.raised[0]?.evidence,
    [ledger.checkpoint, valid('ledger-told-differently--still-open').checkpoint],
    'both signed heads are kept: they convict the platform anywhere',
  );
  const shrunk = await watch(await serve(t, { ledger: valid('ledger-cut-off--still-open') }), folder);
  t.strictSame(shrunk.kinds, ['ledger_shrank']);
  t.equal(shrunk.count, 2 + OTHERS.length);

  const growing = await newFolder(t, 'growing');
  const cut = await serve(t, { ledger: valid('ledger-cut-off--still-open'), whole: readGolden('still-open') });
  await watch(cut, growing);
  const grown = await watch(await serve(t, { ledger: valid('ledger-told-differently--still-open') }), growing);
  t.strictSame(grown.kinds, ['ledger_forked'], 'it grew, but not from what it was');
  const stranger = await watch(await serve(t, { ledger: whole }), await newFolder(t, 'stranger'));
  t.strictSame(stranger.kinds, ['checkpoint_unsigned']);
});

t.test('an opening that is not what its heads in the ledger are', async (t) => {
  const kindsOf = async (shown: Shown) => (await watch(await serve(t, shown), await newFolder(t, 'opening'))).kinds;
  t.strictSame(await kindsOf({ openings: 'none' }), ['opening_hidden']);
  t.strictSame(await kindsOf({ whole: valid('opening-cut-off--still-open') }), [
    'opening_behind',
    'opening_end_differs',
  ]);
  t.strictSame(await kindsOf({ whole: bad('step_not_lawful--window-closed-before-its-time') }), ['step_not_lawful']);
  t.strictSame(await kindsOf({ whole: bad('roster_differs--one-bidder-left-out') }), [
    'roster_differs',
    'opening_forked',
  ]);
  t.strictSame(await kindsOf({ whole: bad('vkey_differs--whole-log-signed-anew-by-a-stranger') }), ['vkey_differs']);
});

t.test('silence is told when it has lasted', async (t) => {
  const folder = await newFolder(t, 'silent');
  const server = await serve(t);
  t.strictSame((await watch(server, folder, endAt + 118_000)).kinds, []);
  t.strictSame((await watch(server, folder, endAt + 120_000)).kinds, ['ledger_silent']);
  t.strictSame((await watch(server, folder, endAt + 130_000)).kinds, [], 'once');
  const gone = { url: 'http://127.0.0.1:1', spoil: () => undefined };
  const said = await watch(gone, await newFolder(t, 'gone'));
  t.match(said, { size: 0, kinds: [] });
  t.match(said.unreached, /127\.0\.0\.1:1/);
});

t.test('what a crash left half written is cut off; what somebody changed is not believed', async (t) => {
  const folder = await newFolder(t, 'crash');
  const server = await serve(t);
  await watch(server, folder);
  await appendFile(join(folder, 'entries'), 'half an entry');
  await writeFile(join(folder, 'alarms.jsonl'), '{"kind":"half');
  t.match(await watch(server, folder), { added: 0, kinds: [], count: 0 });
  const kept = await readFile(join(folder, 'entries'));
  kept[500] = (kept[500] ?? 0) ^ 1;
  await writeFile(join(folder, 'entries'), kept);
  await t.rejects(watch(server, folder), KeptLedgerError);
  const { vkey } = whole;
  const options = { url: `${server.url}/logs/ledger`, folder, world: steppedWorld(endAt), onAlarm: () => undefined };
  await t.rejects(openMonitor({ ...options, trust: vkey }), MonitorKeyError, 'the key of no ledger');
  const other = valid('ledger-with-a-new-key--still-open').vkey;
  if (other !== TRUST) await t.rejects(openMonitor({ ...options, trust: other }), { code: 'kept_of_other_ledger' });
});

t.test('on the command line: JSON lines, a webhook that takes each alarm once, the exit code', async (t) => {
  const folder = await newFolder(t, 'command');
  const posted: RaisedAlarm[] = [];
  let status = 500;
  const hook = createServer(async (request, response) => {
    const alarm = (await json(request)) as RaisedAlarm;
    if (status === 200) posted.push(alarm);
    response.writeHead(status).end();
  });
  await new Promise<void>((done) => hook.listen(0, '127.0.0.1', done));
  t.teardown(() => new Promise<void>((done) => hook.close(() => done())));
  const webhook = `http://127.0.0.1:${(hook.address() as AddressInfo).port}/alarm`;
  const server = await serve(t, { ledger: bad('ledger_head_refused--opened-twice'), openings: 'none' });
  const args = [
    'monitor',
    `${server.url}/logs/ledger`,
    '--trust',
    TRUST,
    '--folder',
    folder,
    '--once',
    '--webhook',
    webhook,
  ];
  const first = await runCli(...args);
  t.equal(first.code, 1);
  const alarms = first.out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as RaisedAlarm);
  const origin = `kaibiao.test/opening/${idOf(whole)}`;
  t.match(
    alarms.find(({ kind }) => kind === 'opening_hidden'),
    { words: ALARMS.opening_hidden, origin },
  );
  t.match(
    alarms.find(({ kind }) => kind === 'ledger_head_refused'),
    { detail: /./ },
  );
  t.match(first.err, /The webhook did not take an alarm/);
  t.strictSame(posted, []);
  status = 200;
  const second = await runCli(...args);
  t.match(second, { code: 1, out: '' }, 'nothing new, and still no all-clear');
  t.strictSame(
    posted.map(({ kind }) => kind),
    alarms.map(({ kind }) => kind),
  );
  await runCli(...args);
  t.equal(posted.length, alarms.length, 'each once');
  t.match(await runCli('monitor', 'http://x.example/', '--trust', TRUST, '--folder', folder), { code: 2 });
  t.match(await runCli(...args.slice(0, 4), '--once'), { code: 2 }, 'no folder');
  for (const period of ['0', '3601', 'x', '01'])
    t.match(await runCli(...args, '--period', period), { code: 2 }, `period ${period}`);
});
