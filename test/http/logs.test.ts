/** The logs as anyone's verifier reads them: checkpoint, key, tiles of every width, and nothing that is not there. */

import { parseEntry } from '../../server/core/log/entry.ts';
import { leafHash, rootOf } from '../../server/core/log/merkle.ts';
import { ed25519Verifier, parseVkey } from '../../server/core/log/note.ts';
import { verifyProof } from '../../server/core/log/proof.ts';
import { parseBundle, parseHashTile } from '../../server/core/log/tile.ts';
import { utf8 } from '../../server/core/log/utf8.ts';
import { verifyEd25519 } from '../../server/ed25519.ts';
import { sha256 } from '../../server/hash.ts';
import { addTimestamp } from '../../server/store/timestamps.ts';
import { announced, K0, K1 } from '../support/key-life.ts';
import t from '../support/tap.ts';
import { OPENING_ID, problemIn, setBench } from './bench.ts';
import { readCheckpointText, tilePathsOf } from './log-reading.ts';

const bench = await setBench(t);
await bench.create(OPENING_ID, true);
const host = await bench.official('host');
const { details, policy } = (await bench.ask(null, { url: `/openings/${OPENING_ID}` })).json();
for (let n = 0; n < 7; n++) {
  const amended = { details: { ...details, title: `第 ${n} 稿` }, policy };
  if ((await bench.command(host, 'host', 'AmendDraft', amended)).statusCode !== 200) throw new Error('not amended');
}
const logs = { opening: `/logs/opening/${OPENING_ID}`, ledger: '/logs/ledger', access: '/logs/access' };
const get = (url: string) => bench.ask(null, { url });

t.test('each log has its checkpoint, signed by its own key', async (t) => {
  for (const [kind, prefix] of Object.entries(logs)) {
    const checkpoint = await get(`${prefix}/checkpoint`);
    t.equal(checkpoint.statusCode, 200, kind);
    t.equal(checkpoint.headers['content-type'], 'text/plain; charset=utf-8');
    t.equal(checkpoint.headers['cache-control'], 'public, max-age=1');
    t.equal(checkpoint.headers['access-control-allow-origin'], '*');
    t.equal(checkpoint.headers['cross-origin-resource-policy'], 'cross-origin');
    const vkey = await get(`${prefix}/vkey`);
    t.equal(vkey.headers['content-type'], 'text/plain; charset=utf-8');
    const { origin, size } = await readCheckpointText(checkpoint.body, vkey.body);
    t.match(origin, kind === 'opening' ? OPENING_ID : `kaibiao.test/${kind}`);
    t.ok(size > 0);
  }
});

t.test('tiles and bundles lead from the entries to the root, at every width', async (t) => {
  const checkpoint = await get(`${logs.opening}/checkpoint`);
  const { size, root } = await readCheckpointText(checkpoint.body, (await get(`${logs.opening}/vkey`)).body);
  t.equal(size, 8);
  for (let width = 1; width <= size; width++) {
    const tile = await get(`${logs.opening}/tile/0/000.p/${width}`);
    t.equal(tile.statusCode, 200);
    t.equal(tile.headers['content-type'], 'application/octet-stream');
    t.equal(tile.headers['cache-control'], 'public, max-age=31536000, immutable');
    const hashes = parseHashTile(new Uint8Array(tile.rawPayload), width);
    const bundle = await get(`${logs.opening}/tile/entries/000.p/${width}`);
    const entries = parseBundle(new Uint8Array(bundle.rawPayload), width);
    t.strictSame(
      entries.map((entry) => leafHash(sha256, entry)),
      hashes,
    );
    t.equal(parseEntry(entries[width - 1] ?? new Uint8Array()).seq, width - 1);
    if (width === size) t.strictSame(rootOf(sha256, hashes), root);
  }
});

t.test('tiles beyond the log are 404, malformed paths 400, unknown logs 404', async (t) => {
  for (const path of [
    'tile/0/000.p/9',
    'tile/0/000',
    'tile/0/001.p/1',
    'tile/1/000.p/1',
    'tile/entries/000',
    'tile/entries/x001/000',
  ])
    t.equal(problemIn(await get(`${logs.opening}/${path}`)), '404 no_such_tile', path);
  for (const path of tilePathsOf.malformed)
    t.equal(problemIn(await get(`${logs.opening}/${path}`)), '400 log_path_malformed', path);
  for (const prefix of ['/logs/opening/nowhere-1', '/logs/opening/other-2'])
    for (const file of ['checkpoint', 'vkey', 'tile/0/000.p/1'])
      t.equal(problemIn(await get(`${prefix}/${file}`)), '404 no_such_log');
  t.equal(problemIn(await get('/logs/opening/NOT_AN_ID/checkpoint')), '400 request_malformed');
  t.equal(problemIn(await get('/logs/other/checkpoint')), '404 no_such_address');
});

t.test(
  'how the platform’s keys followed one another, each announcement proven under the head that is shown',
  async (t) => {
    const before = await get(`${logs.ledger}/keys`);
    t.equal(before.headers['cache-control'], 'public, max-age=1');
    t.strictSame(before.json().keys, [], 'none did');
    const withheld = { who: null, source: null, act: null };
    const body = announced(K0, K1).body;
    const draft = { type: 'KeyAnnounced', role: 'operator', command: 'key-succession', body, withheld } as const;
    const { seqs } = await bench.ledger.writer.write(async () => ({ drafts: [draft], answer: null }));
    const { checkpoint, keys } = (await get(`${logs.ledger}/keys`)).json();
    t.equal(keys.length, 1);
    const leaf = leafHash(sha256, utf8(keys[0].entry));
    const logKey = ed25519Verifier(parseVkey(sha256, (await get(`${logs.ledger}/vkey`)).body.trim()), verifyEd25519);
    t.match(await verifyProof({ sha256, proof: keys[0].proof, leaf, logKey }), { ok: true, index: seqs[0] });
    t.ok(keys[0].proof.endsWith(checkpoint));
    t.equal(
      problemIn(await get(`${logs.opening}/keys`)),
      problemIn(await get(`${logs.opening}/junk`)),
      'the ledger only',
    );
  },
);

t.test('a refusal under a tile’s address is not kept by caches', async (t) => {
  const missing = await get(`${logs.opening}/tile/0/000.p/200`);
  t.equal(missing.headers['cache-control'], 'no-store');
});

t.test('the public’s tiles say nothing that is withheld, of the access log nothing of who looked', async (t) => {
  const auditor = await bench.official('auditor');
  await bench.ask(auditor, { url: `/openings/${OPENING_ID}/entries` });
  const { size } = await readCheckpointText(
    (await get(`${logs.access}/checkpoint`)).body,
    (await get(`${logs.access}/vkey`)).body,
  );
  t.ok(size >= 2);
  const tiles = [
    await get(`${logs.access}/tile/entries/000.p/${size}`),
    await get(`${logs.opening}/tile/entries/000.p/8`),
  ];
  for (const { body } of tiles)
    for (const canary of [auditor.account, host.account, OPENING_ID.length > 0 ? '127.0.0.1' : '', 'HOST'])
      t.notOk(body.includes(canary), canary);
  t.notOk(tiles[0]?.body.includes(OPENING_ID), 'not even which opening');
});

t.test('how far an opening is cosigned: here nobody is asked, and it says so', async (t) => {
  const answer = await get(`/openings/${OPENING_ID}/cosignatures`);
  t.strictSame(answer.json(), { quorum: 0, cosigners: 0, claiming: 0, cosigned: null });
  t.equal(problemIn(await get('/openings/nowhere-1/cosignatures')), '404 no_such_opening');
});

t.test('the newest stamped head of an opening, and the stamp itself', async (t) => {
  const address = `/openings/${OPENING_ID}/timestamp`;
  t.strictSame((await get(address)).json(), { authorities: 0, stamped: null }, 'nobody is asked, and it says so');
  t.equal(problemIn(await get(`${address}/evidence`)), '404 no_timestamp');
  t.equal(problemIn(await get('/openings/nowhere-1/timestamp')), '404 no_such_opening');
  const { sql } = bench.dependencies;
  await bench.ledger.takeHeads();
  const [head] = await sql<{ size: number; ledgerSeq: number }[]>`
    SELECT size, ledger_seq AS "ledgerSeq" FROM ledger_heads ORDER BY ledger_seq DESC LIMIT 1`;
  if (head === undefined) throw new Error('the ledger has no head');
  const said = {
    ledgerSize: head.ledgerSeq + 1,
    authority: 'https://tsa.example/',
    stampedAt: 1_700_000_000_000,
    accuracyMs: null,
    policy: '1.2.3',
    serial: '4d',
    revocation: 'undetermined',
  } as const;
  const element = (...content: number[]) => Uint8Array.of(4, content.length, ...content);
  const path = Uint8Array.of(...element(1), ...element(2, 3));
  const evidence = { note: 'a note', response: element(9), path, crls: new Uint8Array() };
  await addTimestamp(sql, { ...said, ...evidence, receivedAt: 1_700_000_000_001 });
  const stamped = { ...said, size: head.size, ledgerSeq: head.ledgerSeq };
  t.strictSame((await get(address)).json(), { authorities: 0, stamped });
  const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64');
  t.strictSame((await get(`${address}/evidence`)).json(), {
    ...stamped,
    note: 'a note',
    response: base64(evidence.response),
    certificates: [base64(element(1)), base64(element(2, 3))],
    crls: [],
  });
});

t.test('entries over the API are the same leaves, page by page, each page proven', async (t) => {
  const key = (await get(`${logs.opening}/vkey`)).body;
  const seen: number[] = [];
  for (let after = -1; ; ) {
    const page = (await get(`/openings/${OPENING_ID}/entries?after=${after}&limit=3`)).json();
    if (page.entries.length === 0) {
      t.equal(page.size, seen.length);
      break;
    }
    const { size } = await readCheckpointText(page.checkpoint, key);
    for (const text of page.entries) seen.push(parseEntry(new TextEncoder().encode(text)).seq);
    t.equal(size, seen.length);
    after = seen.length - 1;
  }
  t.strictSame(seen, [0, 1, 2, 3, 4, 5, 6, 7]);
});
