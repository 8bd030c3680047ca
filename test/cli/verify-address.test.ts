/** `kaibiao verify` by address: the tiles of a server, what the public may see, and the whole ledger beside them; the server may lie. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { urlSource } from '../../server/cli/log-source.ts';
import { verifySource } from '../../server/cli/verify-log.ts';
import { utf8 } from '../../server/core/log/utf8.ts';
import { changed, readChange } from '../support/golden-change.ts';
import { goldenBench, runCli, TRUST, WHOLE } from '../support/golden-judge.ts';
import { filesOf, type GoldenLog, readGolden } from '../support/golden-log.ts';
import { type GoldenServer, goldenServer, idOf } from '../support/golden-server.ts';
import t from '../support/tap.ts';

const whole = readGolden(WHOLE);
const failed = readGolden('failed-tender');
const ledger = readGolden('ledger');
type Test = Parameters<typeof goldenServer>[0];
const serve = (t: Test, log: GoldenLog = whole, withLedger: GoldenLog = ledger): Promise<GoldenServer> =>
  goldenServer(t, { openings: [log, failed], ledger: withLedger });
const logAt = ({ url }: GoldenServer, log: GoldenLog = whole): string => `${url}/logs/opening/${idOf(log)}`;

async function say(url: string, trust?: string): Promise<string> {
  const judged = await verifySource(urlSource(url), {
    requireAllDisclosures: false,
    ...(trust !== undefined && { trust }),
  });
  return judged.ok ? `${judged.standing}; ${judged.anchoring}` : `${judged.reason}: ${judged.detail ?? ''}`;
}

t.test('openings and ledger of an honest server', async (t) => {
  const server = await serve(t);
  t.equal(await say(logAt(server)), 'valid, complete; consistent with its own key only');
  t.match(await say(logAt(server), TRUST), /^valid, complete; anchored in the trusted ledger, which was read whole/);
  t.match(
    await say(`${logAt(server, failed)}/`, TRUST),
    /^valid, complete; anchored .* no second log of this opening$/,
  );
  t.equal(await say(`${server.url}/logs/ledger`, TRUST), 'valid, still open; its key is the trusted one');
  // An address shows no evidence: whole it is in an export only.
  const judged = await verifySource(urlSource(logAt(server)), { requireAllDisclosures: false });
  t.match(judged, { ok: true, actsChecked: 28, withheld: 0 }, 'pages shorter than asked for lose nothing');
});

t.test('a folder against the ledger of a server', async (t) => {
  const server = await serve(t);
  const bench = await goldenBench(t);
  const folder = await bench.place('valid', WHOLE);
  const good = await runCli('verify', folder, '--trust', TRUST, '--ledger', `${server.url}/logs/ledger`);
  t.match(good, { code: 0, out: /anchored in the trusted ledger, which was read whole/ });
  const other = await serve(t, whole, changed(readChange('valid', 'ledger-told-differently--still-open')));
  const bad = await runCli('verify', folder, '--trust', TRUST, '--ledger', `${other.url}/logs/ledger`);
  t.match(bad, { code: 1, out: '', err: /^anchor_ledger_differs\n/ });
});

t.test('the same words and exit codes on the command line', async (t) => {
  const server = await serve(t);
  const good = await runCli('verify', logAt(server), '--trust', TRUST);
  t.match(good, {
    code: 0,
    out: /^valid, complete: kaibiao\.test\/opening\/zhangye-2026-001\n[\s\S]*read whole/,
    err: '',
  });
  const bad = await runCli('verify', logAt(server), '--trust', whole.vkey);
  t.match(bad, { code: 1, out: '', err: /^anchor_other_ledger\n/ });
});

t.test('a server that shows a log signed anew is found out by the ledger beside it', async (t) => {
  for (const name of ['signed-anew-without-a-change--complete', 'opening-cut-off--still-open']) {
    const log = changed(readChange('valid', name));
    const server = await serve(t, log);
    t.match(await say(logAt(server, log)), /^valid, /, `${name}: alone it is consistent`);
  }
  const cut = changed(readChange('valid', 'opening-cut-off--still-open'));
  t.match(
    await say(logAt(await serve(t, cut), cut), TRUST),
    /^log_behind_ledger: 38 entries/,
    'shown as it was before',
  );
  const open = readGolden('still-open');
  const growing = changed({
    of: 'ledger',
    says: '',
    signed: 'own',
    steps: [{ at: { type: 'Head', nth: 2 }, cut: true }],
  });
  t.match(
    await say(logAt(await serve(t, open, growing), open), TRUST),
    /^valid, still open; its first \d+ entries anchored in the trusted ledger, which was read whole/,
    'the ledger comes behind a log that grows',
  );
  const forged = changed(readChange('invalid', 'anchor_other_head--another-history-in-the-whole-ledger'));
  t.match(await say(logAt(await serve(t, forged), forged), TRUST), /^anchor_other_head: at 38 entries/);
  const twice = changed(readChange('invalid', 'ledger_head_refused--opened-twice'));
  t.match(await say(logAt(await serve(t, whole, twice)), TRUST), /^ledger_head_refused: .*head_opened_twice/);
});

t.test('an opening that the ledger does not know, or not to its end', async (t) => {
  const young = changed({
    of: 'ledger',
    says: '',
    signed: 'own',
    steps: [{ at: { type: 'OperatorActed', nth: 2 }, cut: true }],
  });
  t.match(await say(logAt(await serve(t, whole, young)), TRUST), /^anchor_missing/);
  const behind = changed(readChange('valid', 'ledger-cut-off--still-open'));
  t.match(await say(logAt(await serve(t, whole, behind)), TRUST), /^anchor_behind/);
});

t.test('files that are changed, missing or without end', async (t) => {
  const path = `/logs/opening/${idOf(whole)}`;
  const files = filesOf(whole);
  const bundle = `tile/entries/000.p/${whole.entries.length}`;
  const other = (bytes: Uint8Array | undefined): Uint8Array =>
    (bytes ?? utf8('')).map((b, n) => (n === 60 ? b ^ 1 : b));
  const cases: [string, Uint8Array | number, RegExp][] = [
    [`${path}/vkey`, 404, /^file_missing: vkey/],
    [`${path}/vkey`, utf8(whole.vkey), /^file_malformed: vkey: not one line/],
    [`${path}/checkpoint`, 404, /^file_missing: checkpoint/],
    [`${path}/checkpoint`, 503, /^source_unreadable: .*checkpoint answered 503/],
    [`${path}/checkpoint`, new Uint8Array(20_000), /^file_malformed: .*longer than 16384 bytes/],
    [`${path}/checkpoint`, other(files.get('checkpoint')), /^checkpoint_/],
    [`${path}/${bundle}`, 404, /^file_missing: tile\/entries/],
    [`${path}/${bundle}`, (files.get(bundle) ?? utf8('')).subarray(1), /^file_malformed: tile\/entries/],
    [`${path}/tile/0/000.p/38`, other(files.get('tile/0/000.p/38')), /^tile_differs: tile\/0\/000\.p\/38/],
    [`/openings/${idOf(whole)}/entries`, 404, /^file_missing: .*entries\?after=/],
    [`/openings/${idOf(whole)}/entries`, 500, /^source_unreadable/],
    [`/openings/${idOf(whole)}/entries`, utf8('{'), /^file_malformed/],
    [`/openings/${idOf(whole)}/entries`, utf8('{"entries":[],"disclosures":{"0":[5]}}'), /^file_malformed: .*entry 0/],
    [`/openings/${idOf(whole)}/entries`, utf8('{"entries":[],"disclosures":{"0":["x"]}}'), /^disclosure_malformed/],
    [`/openings/${idOf(whole)}/entries`, utf8('{"entries":[],"disclosures":{}}'), /^valid, complete/],
  ];
  for (const [spoiled, answer, expected] of cases) {
    const server = await serve(t);
    server.spoil(spoiled, answer);
    t.match(await say(logAt(server)), expected, `${spoiled} ${typeof answer === 'number' ? answer : ''}`);
  }
});

t.test('nobody answers, or hangs up in the middle', async (t) => {
  const server = createServer((_request, response) => {
    response.writeHead(200, { 'content-length': '100' });
    response.write('x');
    setImmediate(() => response.destroy());
  });
  await new Promise<void>((done) => void server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as AddressInfo;
  t.match(await say(`http://127.0.0.1:${port}/logs/ledger`), /^source_unreadable/);
  await new Promise((done) => server.close(done));
  t.match(await say(`http://127.0.0.1:${port}/logs/ledger`), /^source_unreadable: .*vkey/);
  t.match(await runCli('verify', `http://127.0.0.1:${port}/logs/ledger`), { code: 1, err: /^source_unreadable/ });
});
