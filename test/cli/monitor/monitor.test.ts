/** The monitor against honest and dishonest platforms of golden logs: each kind of lie is found by its name, once, and across restarts. */
import { generateKeyPairSync, sign } from 'node:crypto';
import { appendFile, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import { BECAUSE_LIMIT_CHARACTERS, BY_LIMIT_CHARACTERS } from '../../../server/cli/commands/monitor-alarms.ts';
import { ALARMS, type RaisedAlarm } from '../../../server/cli/monitor/alarms.ts';
import { KeptLedgerError } from '../../../server/cli/monitor/kept-file.ts';
import { MonitorKeyError, openMonitor } from '../../../server/cli/monitor/monitor.ts';
import { toBase64, toBase64Url } from '../../../server/core/log/base64.ts';
import { parseEntry } from '../../../server/core/log/entry.ts';
import { isFork } from '../../../server/core/log/fork-evidence.ts';
import { announcementStatement } from '../../../server/core/log/key-announcement.ts';
import {
  ed25519Verifier,
  formatNote,
  formatVkey,
  KEY_TYPES,
  parseNote,
  parseVkey,
  verifierKey,
} from '../../../server/core/log/note.ts';
import { batchBody } from '../../../server/core/log/register-batch.ts';
import { utf8 } from '../../../server/core/log/utf8.ts';
import { verifyEd25519 } from '../../../server/ed25519.ts';
import { sha256 } from '../../../server/hash.ts';
import { packageRoot } from '../../../server/root.ts';
import { newFolder } from '../../support/folder.ts';
import { ownKey } from '../../support/golden-change.ts';
import { runCli, TRUST } from '../../support/golden-judge.ts';
import { type GoldenLog, readGolden } from '../../support/golden-log.ts';
import { type MadeEntry, madeLedger } from '../../support/made-ledger.ts';
import {
  ask,
  bad,
  endAt,
  ledger,
  openWatching,
  type Shown,
  serve,
  valid,
  watch,
  whole,
} from '../../support/monitor-bench.ts';
import t from '../../support/tap.ts';
import { steppedWorld } from '../../support/world.ts';

const convicts = (evidence: readonly string[] | undefined, vkey = TRUST): Promise<boolean> => {
  const [note = '', other = '', past] = evidence ?? [];
  const key = ed25519Verifier(parseVkey(sha256, vkey), verifyEd25519);
  return isFork(sha256, past === undefined ? [note, other] : [note, other, past], key);
};

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
  t.match(first, { added: size, count: 0 }, 'the openings behind are no lie of theirs');
  t.match(await watch(server, grown), { added: ledger.entries.length - size, kinds: [], count: 0 });
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

t.test('a ledger that is told otherwise later, or by another key', async (t) => {
  const other = valid('ledger-told-differently--still-open');
  const folder = await newFolder(t, 'forked');
  await watch(await serve(t), folder);
  const forked = await watch(await serve(t, { ledger: other }), folder);
  t.strictSame(forked.kinds, ['ledger_forked']);
  const evidence = forked.raised[0]?.evidence;
  t.strictSame(evidence?.slice(0, 2), [ledger.checkpoint, other.checkpoint], 'both signed heads, word for word');
  t.equal(await convicts(evidence), true, 'they convict the platform anywhere');
  t.equal(await convicts(evidence?.slice(0, 2)), ledger.entries.length === other.entries.length);
  t.equal(await convicts([ledger.checkpoint, ledger.checkpoint]), false);

  const growing = await newFolder(t, 'growing');
  const cut = valid('ledger-cut-off--still-open');
  await watch(await serve(t, { ledger: cut, whole: readGolden('still-open') }), growing);
  const grown = await watch(await serve(t, { ledger: other }), growing);
  t.strictSame(grown.kinds, ['ledger_forked'], 'it grew, but not from what it was');
  t.equal(await convicts(grown.raised[0]?.evidence), true, 'its own tiles show another past');
  const stranger = await watch(await serve(t, { ledger: whole }), await newFolder(t, 'stranger'));
  t.strictSame(stranger.kinds, ['checkpoint_unsigned']);
});

t.test('an opening that is not what its heads in the ledger are', async (t) => {
  const raisedOf = async (shown: Shown, rounds = 1) =>
    (await watch(await serve(t, shown), await newFolder(t, 'opening'), { rounds })).raised;
  const kindsOf = async (shown: Shown, rounds = 1) => (await raisedOf(shown, rounds)).map(({ kind }) => kind);
  t.strictSame(await kindsOf({ whole: bad('step_not_lawful--window-closed-before-its-time') }), ['step_not_lawful']);
  const forked = await raisedOf({ whole: bad('roster_differs--one-bidder-left-out') });
  t.strictSame(
    forked.map(({ kind }) => kind),
    ['roster_differs', 'opening_forked'],
  );
  t.equal(await convicts(forked[1]?.evidence, whole.vkey), true);
  t.strictSame(await kindsOf({ whole: bad('vkey_differs--whole-log-signed-anew-by-a-stranger') }), ['vkey_differs']);
});

t.test('every key that is announced is told, once, with what it is for, and is no alarm', async (t) => {
  const announcing = valid('ledger-with-a-new-key--still-open');
  const { seq, body } = parseEntry(utf8(announcing.entries.at(-1) ?? ''));
  const { use, publicKey } = body['key'] as { use: string; publicKey: string };
  const folder = await newFolder(t, 'announced');
  const server = await serve(t, { ledger: announcing, openings: 'none' });
  const told = await watch(server, folder);
  t.match(told.raised, [
    { kind: 'key_announced', origin: 'kaibiao.test/ledger', seq, detail: `${use}: ${publicKey} from ${body['from']}` },
  ]);
  t.match(told.raised, [{ level: 'notice' }]);
  t.equal(told.standing, 0);
  t.match(await watch(server, folder), { kinds: [], standing: 0 }, 'judged again, told once');
});

t.test('when one ledger key follows another, the monitor goes on with the new one from what it kept', async (t) => {
  const LEDGER = 'kaibiao.test/ledger';
  const [before, next] = [ownKey(LEDGER), generateKeyPairSync('ed25519')];
  const publicKey = next.publicKey.export({ format: 'der', type: 'spki' }).subarray(-32);
  const newKey = verifierKey(sha256, LEDGER, KEY_TYPES.ed25519, new Uint8Array(publicKey));
  const signAnew = (log: GoldenLog): GoldenLog => {
    const { text } = parseNote(log.checkpoint);
    const signature = new Uint8Array(sign(null, utf8(text), next.privateKey));
    const checkpoint = formatNote(text, [{ name: LEDGER, keyId: newKey.keyId, signature }]);
    return { ...log, vkey: formatVkey(newKey), checkpoint };
  };
  const announcement = (more: { compromisedSince?: string } = {}): MadeEntry => {
    const said = {
      key: { use: 'ledger', algorithm: 'Ed25519', publicKey: toBase64(newKey.publicKey) },
      replaces: toBase64(before.publicKey),
      from: '2026-03-02T00:30:00.000Z',
      ...more,
    } as const;
    const text = announcementStatement('kaibiao.test', said);
    const signatures = {
      replaced: toBase64(before.sign(text)),
      key: toBase64(new Uint8Array(sign(null, text, next.privateKey))),
    };
    return {
      type: 'KeyAnnounced',
      at: '2026-03-02T01:00:00.000Z',
      actor: { role: 'operator' },
      body: { ...said, signatures },
      commit: Object.fromEntries(['who', 'source', 'act'].map((name) => [name, toBase64Url(new Uint8Array(32))])),
    };
  };
  const announced = announcement();
  const batch = (fill: number): MadeEntry => ({
    type: 'RegisterBatch',
    at: '2026-03-02T01:01:00.000Z',
    body: batchBody(new Uint8Array(32).fill(fill)),
  });
  const folder = await newFolder(t, 'followed');
  const early = madeLedger([announced]);
  const server = await serve(t, { ledger: early, openings: 'none' });
  t.match(await watch(server, folder), { kinds: ['key_announced'], standing: 0 });
  const once = ['monitor', `${server.url}/logs/ledger`, '--trust', TRUST, '--folder', folder, '--once'];
  t.match(await runCli(...once), { code: 0, out: '' }, 'all is well behind it');
  const compromisedSince = '2026-03-02T00:10:00.000Z';
  const stolen = madeLedger([announcement({ compromisedSince })]);
  t.match(
    await watch(await serve(t, { ledger: stolen, openings: 'none' }), await newFolder(t, 'stolen')),
    {
      raised: [
        { kind: 'key_announced', level: 'notice' },
        {
          kind: 'key_compromised',
          level: 'alarm',
          detail: `ledger: ${toBase64(before.publicKey)} since ${compromisedSince}`,
        },
      ],
      standing: 1,
    },
    'that others may have had it is an alarm',
  );
  const stranger = formatVkey(
    verifierKey(sha256, LEDGER, KEY_TYPES.ed25519, ownKey('kaibiao.test/opening/x').publicKey),
  );
  const later = await serve(t, { ledger: signAnew(madeLedger([announced, batch(1)])), openings: 'none' });
  await t.rejects(watch(later, folder, { trust: stranger }), { code: 'kept_of_other_ledger' }, 'of no key it lists');
  const led = await newFolder(t, 'led');
  t.match(await watch(server, led), { size: 2, kinds: ['key_announced'] });
  t.match(
    await watch(later, led),
    { size: 3, added: 1, kinds: [] },
    'by what it kept it is led to the key that follows',
  );
  t.match(await watch(later, led), { size: 3, added: 0, kinds: [] }, 'and starts again from there');
  const wasStolen = await newFolder(t, 'was-stolen');
  await watch(await serve(t, { ledger: stolen, openings: 'none' }), wasStolen);
  const byThief = await serve(t, {
    ledger: signAnew(madeLedger([announcement({ compromisedSince }), batch(1)])),
    openings: 'none',
  });
  t.match(await watch(byThief, wasStolen), { added: 0, kinds: ['checkpoint_unsigned'] }, 'but not from a stolen one');
  const trust = formatVkey(newKey);
  t.match(await watch(later, folder, { trust }), { size: 3, added: 1, kinds: [] });
  t.match(await watch(later, folder, { trust }), { size: 3, added: 0, kinds: [] }, 'and again');
  const { monitor, raised, close } = await openWatching(later, folder, { trust });
  const fork = madeLedger([announced, batch(2)]).checkpoint;
  t.equal(await ask(monitor, fork), 'other', 'also what the key before signed');
  t.match(raised, [{ kind: 'ledger_forked', evidence: [/\n3\n/, fork] }]);
  await close();
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
  const world = steppedWorld(endAt);
  const options = { url: `${server.url}/logs/ledger`, folder, world, fetch, onAlarm: () => undefined };
  await t.rejects(openMonitor({ ...options, trust: vkey }), MonitorKeyError, 'the key of no ledger');
  const other = valid('ledger-with-a-new-key--still-open').vkey;
  if (other !== TRUST) await t.rejects(openMonitor({ ...options, trust: other }), { code: 'kept_of_other_ledger' });
});

t.test('two monitors on one folder: the second says so and touches nothing', async (t) => {
  const folder = await newFolder(t, 'locked');
  const server = await serve(t, { openings: 'none' });
  const first = await openWatching(server, folder);
  await appendFile(join(folder, 'alarms.jsonl'), '{"half');
  await t.rejects(openWatching(server, folder), { code: 'kept_in_use' });
  t.equal(await readFile(join(folder, 'alarms.jsonl'), 'utf8'), '{"half', 'not even what a crash left is mended');
  await first.close();
  await (await openWatching(server, folder)).close();
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
  const lies = { ledger: bad('ledger_head_refused--opened-twice'), whole: bad('roster_differs--one-bidder-left-out') };
  const server = await serve(t, { ...lies, openings: 'all' });
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
  t.match(
    alarms.find(({ kind }) => kind === 'ledger_head_refused'),
    { origin: 'kaibiao.test/ledger', detail: /./ },
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

  const [of, ...rest] = [alarms[0] as RaisedAlarm, ...alarms.slice(1)];
  const list = async () => {
    const { code, out } = await runCli('monitor', '--folder', folder, '--list');
    return {
      code,
      listed: out
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line)),
    };
  };
  t.match(await list(), { code: 1, listed: alarms.map((alarm) => ({ ...alarm, acknowledged: null })) });
  const by = ['--by', '监督一处 赵', '--because', '已核实：演示数据'];
  const acknowledge = (...words: string[]) =>
    runCli(
      'monitor',
      '--folder',
      folder,
      ...words.slice(0, -by.length).flatMap((id) => ['--acknowledge', id]),
      ...words.slice(-by.length),
    );
  t.match(await acknowledge(of.id, 'nonsense', ...by), { code: 1, err: /^alarm_unknown: .*nonsense/ });
  t.match(await acknowledge(of.id, ...by), { code: 0, err: new RegExp(`^${rest.length} alarms still stand`) });
  t.match(await runCli(...args), { code: rest.length > 0 ? 1 : 0 }, 'the others stand');
  t.match(await acknowledge(...rest.map(({ id }) => id), of.id, ...by), { code: 0, err: /^0 alarms/ });
  t.match(await runCli(...args), { code: 0, out: '' }, 'all is dealt with, and judged again');
  const after = await list();
  t.match(after, { code: 0, listed: alarms.map(() => ({ acknowledged: { by: by[1], because: by[3], at: /Z$/ } })) });
  t.equal(after.listed.length, alarms.length, 'nothing is forgotten');
  for (const wrong of [
    ['--list'],
    ['--folder', folder, '--acknowledge', of.id, '--by', 'x'],
    ['--folder', folder, '--acknowledge', of.id, '--because', 'x'],
    ['--folder', folder, '--acknowledge', of.id, '--because', 'x', '--by', ' '],
    ['--folder', folder, '--acknowledge', of.id, '--because', 'x', '--by', 'x'.repeat(BY_LIMIT_CHARACTERS + 1)],
    ['--folder', folder, '--acknowledge', of.id, '--by', 'x', '--because', 'x'.repeat(BECAUSE_LIMIT_CHARACTERS + 1)],
    ['--folder', join(folder, 'nowhere'), '--list'],
    ['http://x.example/logs/ledger', '--folder', folder, '--list'],
  ])
    t.match(await runCli('monitor', ...wrong), { code: 2 }, wrong.slice(0, 5).join(' '));
  t.match(await runCli('monitor', 'http://x.example/', '--trust', TRUST, '--folder', folder), { code: 2 });
  t.match(await runCli(...args.slice(0, 4), '--once'), { code: 2 }, 'no folder');
  for (const period of ['0', '3601', 'x', '01'])
    t.match(await runCli(...args, '--period', period), { code: 2 }, `period ${period}`);
  const listening = [...args.filter((arg) => arg !== '--once'), '--listen', '127.0.0.1:0'];
  for (const proxy of ['nobody', '10.0.0.0/33', '127.0.0.1,'])
    t.match(await runCli(...listening, '--trust-proxy', proxy), { code: 2 }, `proxy ${proxy}`);
  t.match(await runCli(...args, '--trust-proxy', '127.0.0.1'), { code: 2 }, 'nobody is heard');
});

t.test('the monitor’s page names every alarm of its own, in this order', async (t) => {
  const page = await readFile(join(packageRoot, 'server/cli/monitor/README.md'), 'utf8');
  const rows = [...page.matchAll(/^\| `([a-z_]+)` \|/gmu)].map(([, kind]) => kind);
  t.strictSame(rows, Object.keys(ALARMS));
});
