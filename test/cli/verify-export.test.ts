/** Exports: the folder is whole or it is not there, an earlier one leaves nothing behind, and what is erased is accounted for. */

import { generateKeyPairSync, sign } from 'node:crypto';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type BundleSigner, writeBundle } from '../../server/cli/bundle/write-bundle.ts';
import { exportLog } from '../../server/cli/export-log.ts';
import { filesBelow, folderSource } from '../../server/cli/log-source.ts';
import type { JsonObject } from '../../server/core/log/canonical.ts';
import { ledgerOrigin, openingOrigin } from '../../server/core/log/origin.ts';
import { bundlesOf, formatTilePath, tilesOf } from '../../server/core/log/tile.ts';
import { ERASED_TYPE, verifyLog } from '../../server/core/log/verify.ts';
import { sha256 } from '../../server/hash.ts';
import { commit } from '../../server/recorder/commit.ts';
import { appendEntries, lockHead, type NewEntry } from '../../server/store/append.ts';
import { addTimestamp } from '../../server/store/timestamps.ts';
import { isListed } from '../../server/verify/source.ts';
import { authority, crlDer } from '../core/pki/authority.ts';
import { newFolder } from '../support/folder.ts';
import { addOpening, ledgerBench } from '../support/ledger.ts';
import { verifyEd25519 } from '../support/log-fixtures.ts';
import { appendSome, begin, entryAt, PLATFORM } from '../support/signed-log.ts';
import t from '../support/tap.ts';

const bench = await ledgerBench(t);
const { sql, signer, database } = bench;
const room = dirname(await newFolder(t));
const ledger = { origin: ledgerOrigin(PLATFORM), vkey: signer.vkeyOf(ledgerOrigin(PLATFORM), 'ledger') };

type Opening = { readonly origin: string; readonly folder: string; export(): ReturnType<typeof exportLog> };

/** An opening's log, of entries that are none of an opening's, and where it is exported to. */
async function opening(id: string, entries: number): Promise<Opening> {
  const origin = openingOrigin(PLATFORM, id);
  await addOpening(sql, id);
  await begin(sql, origin);
  await appendSome(sql, signer, origin, entries);
  const folder = join(room, id);
  const request = { origin, vkey: signer.vkeyOf(origin, 'opening'), folder, ledger };
  return { origin, folder, export: () => exportLog(sql, request) };
}

/** Some key: what is not bundled is not signed either. */
async function bundleSigner(): Promise<BundleSigner> {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const publicBytes = new Uint8Array(publicKey.export({ format: 'der', type: 'spki' }).subarray(-32));
  return {
    platform: PLATFORM,
    publicKey: publicBytes,
    sign: async (bytes) => new Uint8Array(sign(null, bytes, privateKey)),
  };
}

async function pathsIn(folder: string): Promise<string[]> {
  const paths: string[] = [];
  for await (const { path } of filesBelow(folder)) paths.push(path);
  return paths.sort();
}

/** The bytes and commitments of an export, judged by the core alone. */
async function judge({ origin, folder }: Opening) {
  const source = folderSource(folder);
  const size = signer.released(origin)?.size ?? 0;
  return verifyLog({
    vkey: await source.vkey(),
    checkpointNote: await source.checkpoint(),
    entries: source.entries(size),
    disclosuresFor: (seq) => source.disclosuresFor(seq),
    requireAllDisclosures: true,
    sha256,
    verifyEd25519,
  });
}

/** Appends one entry as it is. */
function append(origin: string, make: (seq: number) => NewEntry): Promise<unknown> {
  return commit({ sql, signer }, [origin], async (tx) => {
    const head = await lockHead(tx, origin);
    const appended = await appendEntries(tx, head, [make(head.size)], signer);
    return { appended: [appended], answer: appended.size };
  });
}

const withType = (origin: string, seq: number, type: string, body: JsonObject): NewEntry => {
  const { bytes } = entryAt(origin, seq, body);
  const text = new TextDecoder().decode(bytes).replace('"NoticePosted"', `"${type}"`);
  return { ...entryAt(origin, seq, body), bytes: new TextEncoder().encode(text) };
};

t.test('a log of more than one tile, every file and no other', async (t) => {
  const one = await opening('tiled', 300);
  await bench.ledger.takeHeads();
  t.strictSame(await one.export(), { size: 300, disclosures: 300, erased: 0, anchored: true });
  const tiles = [...tilesOf(300), ...bundlesOf(300)].map(formatTilePath);
  t.ok(tiles.includes('tile/0/001.p/44') && tiles.includes('tile/1/000.p/1'));
  const disclosures = Array.from({ length: 300 }, (_, seq) => `disclosures/${seq}.json`);
  const anchor = ['anchor/checkpoint', 'anchor/head.json', 'anchor/opening.tlog-proof', 'anchor/vkey'];
  t.strictSame(await pathsIn(one.folder), ['checkpoint', 'vkey', ...tiles, ...disclosures, ...anchor].sort());
  t.match(await judge(one), { ok: true, size: 300, withheld: 0 });
  t.equal(await folderSource(one.folder).unlisted(300), null);
  t.match(
    await folderSource(one.folder).unlisted(299),
    /disclosures\/299\.json|p\/44/,
    'in a shorter log they have no place',
  );
});

t.test('what was stamped is the anchor, word for word, with every stamp over it', async (t) => {
  const one = await opening('stamped', 3);
  await bench.ledger.takeHeads();
  const released = signer.released(ledger.origin);
  if (released === null) throw new Error('no head');
  const { size: ledgerSize, note } = released;
  const root = await authority('Root');
  const list = crlDer(root);
  const stamp = {
    ledgerSize,
    note,
    stampedAt: 1,
    accuracyMs: null,
    policy: '1.2',
    serial: '01',
    revocation: 'good',
  } as const;
  const evidence = { response: Uint8Array.of(0x30, 0), path: root.certificate.der, crls: list, receivedAt: 1 };
  await addTimestamp(sql, { ...stamp, ...evidence, authority: 'http://one.test/' });
  await addTimestamp(sql, {
    ...stamp,
    ...evidence,
    authority: 'http://two.test/',
    stampedAt: 2,
    crls: new Uint8Array(),
  });
  await addTimestamp(sql, { ...stamp, ...evidence, authority: 'http://three.test/', stampedAt: 3, note: `${note}x` });
  await bench.ledger.takeRegister();
  t.match(await one.export(), { anchored: true });
  t.equal(await readFile(join(one.folder, 'anchor/checkpoint'), 'utf8'), note);
  t.match(await folderSource(one.folder).timestamps(), {
    note,
    stamps: [
      { path: [root.certificate.der], crls: [list], response: Uint8Array.of(0x30, 0) },
      { path: [root.certificate.der], crls: [] },
    ],
  });
  t.notOk((await pathsIn(one.folder)).includes('anchor/3.tsr'), 'a stamp over other cosignatures is of another note');
  t.equal(await folderSource(one.folder).unlisted(3), null);
});

t.test('exported again after it grew: nothing of the smaller size is left, inside or beside', async (t) => {
  const one = await opening('growing', 5);
  await bench.ledger.takeHeads();
  t.match(await one.export(), { size: 5, anchored: true });
  await appendSome(sql, signer, one.origin, 2);
  t.match(await one.export(), { size: 7, anchored: false }, 'the ledger does not hold this very head yet');
  const paths = await pathsIn(one.folder);
  t.notOk(
    paths.some((path) => path.startsWith('anchor/') || path.endsWith('.p/5')),
    'no file of before',
  );
  t.equal(await folderSource(one.folder).unlisted(7), null);
  t.match(await judge(one), { ok: true, size: 7 });
  await bench.ledger.takeHeads();
  t.match(await one.export(), { size: 7, anchored: true });
  t.strictSame(
    (await readdir(room)).filter((name) => name.startsWith('growing')),
    ['growing'],
  );
});

t.test('what is not an export of this log is left alone', async (t) => {
  const one = await opening('careful', 3);
  await mkdir(one.folder);
  await writeFile(join(one.folder, 'letter.txt'), 'mine');
  await t.rejects(one.export(), { code: 'folder_not_an_export' });
  t.equal(await readFile(join(one.folder, 'letter.txt'), 'utf8'), 'mine');
  const other = await opening('careless', 3);
  await other.export();
  const request = { origin: one.origin, vkey: signer.vkeyOf(one.origin, 'opening'), folder: other.folder, ledger };
  await t.rejects(exportLog(sql, request), { code: 'folder_of_other_log' });
  await t.rejects(
    exportLog(sql, { ...request, folder: room }),
    { code: 'folder_not_an_export' },
    'nor a folder of exports',
  );
  t.match(await judge(other), { ok: true, size: 3 });
  t.strictSame((await readdir(room)).filter((name) => name.startsWith('care')).sort(), ['careful', 'careless']);
});

t.test('the ledger itself is exported without an anchor, and there is no log that is not there', async (t) => {
  const folder = join(room, 'ledger');
  const exported = await exportLog(sql, { ...ledger, folder, ledger: null });
  t.match(exported, { anchored: false });
  t.notOk((await pathsIn(folder)).some((path) => path.startsWith('anchor/')));
  const nowhere = { origin: openingOrigin(PLATFORM, 'nowhere'), vkey: 'x', folder: join(room, 'nowhere'), ledger };
  await t.rejects(exportLog(sql, nowhere), { code: 'log_not_found' });
  t.notOk((await readdir(room)).includes('nowhere'));
});

t.test('a disclosure that is gone: refused, unless an Erased entry accounts for it', async (t) => {
  const one = await opening('erased', 4);
  await one.export();
  await database.superuser`DELETE FROM disclosures WHERE origin = ${one.origin} AND seq = 2`;
  await t.rejects(one.export(), { code: 'disclosure_missing', message: `${one.origin}: 2 who` });
  t.match(await judge(one), { ok: true, size: 4 }, 'the earlier export stands');
  await append(one.origin, (seq) => withType(one.origin, seq, ERASED_TYPE, { seq: 1, field: 'who' }));
  await t.rejects(one.export(), { code: 'disclosure_missing' }, 'an Erased entry of another field');
  await append(one.origin, (seq) => withType(one.origin, seq, ERASED_TYPE, { seq: 2, field: 'who' }));
  t.match(await one.export(), { size: 6, disclosures: 5, erased: 1 });
  t.notOk((await pathsIn(one.folder)).includes('disclosures/2.json'));
  t.match(await judge(one), { ok: true, size: 6, erased: [{ seq: 2, field: 'who' }] });
});

t.test('a disclosure nobody committed to is not let out', async (t) => {
  const one = await opening('unknown', 2);
  await database.superuser`
    INSERT INTO disclosures (origin, seq, field, disclosure) VALUES (${one.origin}, 1, 'rumour', 'AAAA')`;
  await t.rejects(one.export(), { code: 'disclosure_unknown', message: `${one.origin}: 1 rumour` });
  t.notOk(
    (await readdir(room)).some((name) => name.startsWith('unknown')),
    'nothing is left of the attempt',
  );
});

t.test('which files a log’s folder has a place for', async (t) => {
  const yes = ['vkey', 'checkpoint', 'anchor/vkey', 'disclosures/0.json', 'disclosures/6.json', 'tile/0/000.p/7'];
  const no = [
    'Vkey',
    'vkey~',
    'anchor/x',
    'disclosures/7.json',
    'disclosures/06.json',
    'disclosures/-1.json',
    'x/vkey',
  ];
  const noTiles = ['tile/0/000', 'tile/0/000.p/6', 'tile/1/000.p/1', 'tile/entries/000.p/8', 'tile/0/001.p/1'];
  for (const path of [...yes, 'tile/entries/000.p/7']) t.ok(isListed(path, 7), path);
  for (const path of [...no, ...noTiles]) t.notOk(isListed(path, 7), path);
  for (const path of noTiles) t.ok(isListed(path, null), `${path}, of some size`);
});

t.test('a bundle is made of what verifies, and is not there otherwise', async (t) => {
  const one = await opening('no-opening', 4);
  const key = await bundleSigner();
  const make = () =>
    writeBundle(sql, {
      origin: one.origin,
      vkey: signer.vkeyOf(one.origin, 'opening'),
      folder: one.folder,
      ledger,
      signer: key,
      mayBeOpen: true,
    });
  await t.rejects(make(), { code: 'log_not_anchored' }, 'the ledger has not this head yet');
  await bench.ledger.takeHeads();
  await t.rejects(make(), { code: 'log_does_not_verify' }, 'its entries are none of an opening');
  t.strictSame(
    (await readdir(room)).filter((name) => name.startsWith('no-opening')),
    [],
  );
});
