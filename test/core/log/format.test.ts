/** FORMAT.md holds: its example is taken out of the text and recomputed with Node.js alone, then read by our own code. */

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { bodySha256, JWS_LIMIT_CHARACTERS, X5C_LIMIT } from '../../../server/core/log/act.ts';
import { JSON_DEPTH_LIMIT, type JsonObject, parseCanonical } from '../../../server/core/log/canonical.ts';
import { DISCLOSURE_LIMIT_CHARACTERS } from '../../../server/core/log/disclosure.ts';
import { ENTRY_LIMIT_BYTES, encodeEntry, parseEntry } from '../../../server/core/log/entry.ts';
import { checkHead, readHead } from '../../../server/core/log/head.ts';
import { ed25519Verifier, NOTE_LIMIT_BYTES, parseVkey } from '../../../server/core/log/note.ts';
import { verifyProof } from '../../../server/core/log/proof.ts';
import {
  BATCH_ACTS,
  BATCH_LEAVES,
  batchProof,
  readBatch,
  verifyBatchAct,
} from '../../../server/core/log/register-batch.ts';
import { encodeBundle, parseBundle, parseTilePath } from '../../../server/core/log/tile.ts';
import { utf8 } from '../../../server/core/log/utf8.ts';
import { verifyLog } from '../../../server/core/log/verify.ts';
import { packageRoot } from '../../../server/root.ts';
import { logKey, sha256, verifyEd25519 } from '../../support/log-fixtures.ts';
import t from '../../support/tap.ts';

const text = readFileSync(join(packageRoot, 'server/core/log/FORMAT.md'), 'utf8');
const blocks = new Map(
  Array.from(
    text.matchAll(/^```(?:text|json) ([a-z0-9-]+)\n([^`]*)^```$/gm),
    ([, name, body]) => [name, body] as [string, string],
  ),
);

/** A block with its last line feed. */
function block(name: string): string {
  const body = blocks.get(name);
  if (body === undefined) throw new Error(`FORMAT.md has no block ${name}`);
  return body;
}
/** A block without its last line feed. */
const line = (name: string): string => block(name).replace(/\n$/, '');

const hash = (...parts: (string | Buffer)[]): Buffer => {
  const state = createHash('sha256');
  for (const part of parts) state.update(part);
  return state.digest();
};
const LEAF = Buffer.of(0);
const NODE = Buffer.of(1);
const signer = logKey('kaibiao.example/opening/demo', 0x2a);
const entryTexts = [line('entry-0'), line('entry-1'), line('entry-2')] as const;
const leaves = entryTexts.map((entry) => hash(LEAF, entry)) as [Buffer, Buffer, Buffer];
const pair = hash(NODE, leaves[0], leaves[1]);
const root = hash(NODE, pair, leaves[2]);
const checkpointText = `kaibiao.example/opening/demo\n3\n${root.toString('base64')}\n`;

t.test('every block of the example is known to this test', async (t) => {
  t.strictSame([...blocks.keys()].sort(), [
    'act-data',
    'act-digest',
    'batch-act',
    'batch-body',
    'checkpoint',
    'disclosures-1',
    'entry-0',
    'entry-1',
    'entry-2',
    'head-body',
    'leaves',
    'proof',
    'seed',
    'source',
    'vkey',
    'who',
  ]);
});

t.test('seed and verifier key', async (t) => {
  t.equal(line('seed'), '2a'.repeat(32));
  const typed = Buffer.concat([Buffer.of(1), signer.publicKey]);
  const id = hash('kaibiao.example/opening/demo\n', typed).toString('hex').slice(0, 8);
  t.equal(line('vkey'), `kaibiao.example/opening/demo+${id}+${typed.toString('base64')}`);
  t.strictSame(parseVkey(sha256, line('vkey')), signer.key);
});

t.test('disclosures and the digests the entry commits to', async (t) => {
  const disclosed = (['who', 'source'] as const).map((field, i) => {
    const salt = Buffer.alloc(32, i + 1).toString('base64url');
    return Buffer.from(`["${salt}","${field}",${line(field)}]`).toString('base64url');
  });
  t.equal(line('disclosures-1'), JSON.stringify(disclosed));
  const { commit } = parseEntry(utf8(entryTexts[1]));
  t.strictSame(
    { ...commit },
    Object.fromEntries(
      ['who', 'source'].map((field, i) => [field, hash(disclosed[i] as string).toString('base64url')]),
    ),
  );
});

t.test('entries are canonical and come back byte for byte', async (t) => {
  for (const entry of entryTexts) t.strictSame(encodeEntry(parseEntry(utf8(entry))), utf8(entry));
});

t.test('leaf hashes, checkpoint and its signature', async (t) => {
  t.equal(line('leaves'), leaves.map((leaf) => leaf.toString('hex')).join('\n'));
  const keyId = Buffer.alloc(4);
  keyId.writeUInt32BE(signer.keyId);
  const signature = Buffer.concat([keyId, signer.sign(Buffer.from(checkpointText))]).toString('base64');
  t.equal(block('checkpoint'), `${checkpointText}\n— kaibiao.example/opening/demo ${signature}\n`);
});

t.test('the proof of entry 1', async (t) => {
  const siblings = [leaves[0], leaves[2]].map((sibling) => sibling.toString('base64')).join('\n');
  t.equal(block('proof'), `c2sp.org/tlog-proof@v1\nindex 1\n${siblings}\n\n${block('checkpoint')}`);
  const logVerifier = ed25519Verifier(signer.key, verifyEd25519);
  const checked = await verifyProof({
    sha256,
    proof: block('proof'),
    leaf: new Uint8Array(leaves[1]),
    logKey: logVerifier,
  });
  t.match(checked, { ok: true, index: 1, checkpoint: { size: 3 } });
});

t.test('the whole example is a log that verifies, out of its own bundle', async (t) => {
  const tile = parseTilePath('tile/entries/000.p/3');
  const bundle = encodeBundle(entryTexts.map(utf8));
  const result = await verifyLog({
    vkey: line('vkey'),
    checkpointNote: block('checkpoint'),
    entries: parseBundle(bundle, tile.width),
    disclosuresFor: (seq) => (seq === 1 ? (parseCanonical(line('disclosures-1')) as string[]) : undefined),
    requireAllDisclosures: true,
    sha256,
    verifyEd25519,
  });
  t.match(result, { ok: true, size: 3, withheld: 0, origin: 'kaibiao.example/opening/demo' });
});

t.test('the digest that binds an act to its data', async (t) => {
  t.equal(line('act-digest'), hash(line('act-data')).toString('base64url'));
  t.equal(line('act-digest'), bodySha256(sha256, parseCanonical(line('act-data'))));
});

t.test('the register batch', async (t) => {
  const places = Array.from(
    { length: BATCH_LEAVES },
    (_, i) => new Uint8Array(hash(LEAF, i === 2026 ? line('batch-act') : hash(`dummy ${i}`))),
  );
  let level: Buffer[] = places.map((leaf) => Buffer.from(leaf));
  while (level.length > 1)
    level = Array.from({ length: level.length / 2 }, (_, i) =>
      hash(NODE, level[2 * i] as Buffer, level[2 * i + 1] as Buffer),
    );
  t.equal(line('batch-body'), `{"depth":12,"root":"${(level[0] as Buffer).toString('base64')}"}`);
  const claim = { disclosure: line('batch-act'), position: 2026, proof: batchProof(sha256, places, 2026) };
  t.ok(verifyBatchAct(sha256, { ...claim, root: readBatch(parseCanonical(line('batch-body')) as JsonObject) }));
});

t.test('the first head of the log in the ledger', async (t) => {
  const body = parseCanonical(line('head-body')) as JsonObject;
  t.strictSame(
    { ...body },
    {
      kind: 'opened',
      origin: 'kaibiao.example/opening/demo',
      size: 3,
      root: root.toString('base64'),
      checkpoint: block('checkpoint'),
      previousSize: 0,
      consistency: [],
    },
  );
  t.equal(checkHead(sha256, undefined, readHead(body)), undefined);
});

t.test('the limits in the text are the limits in the code', async (t) => {
  const said = (limit: number): string => limit.toLocaleString('en-US');
  for (const row of [
    `| entry | ${said(ENTRY_LIMIT_BYTES)} bytes |`,
    `| levels of a JSON value | ${JSON_DEPTH_LIMIT} |`,
    `| disclosure | ${said(DISCLOSURE_LIMIT_CHARACTERS)} characters |`,
    `| note | ${said(NOTE_LIMIT_BYTES)} bytes |`,
    `| batch | ${said(BATCH_LEAVES)} places, ${said(BATCH_ACTS)} acts |`,
    `| JWS | ${said(JWS_LIMIT_CHARACTERS)} characters; \`x5c\` ${X5C_LIMIT} certificates |`,
  ])
    t.ok(text.includes(row), row);
});
