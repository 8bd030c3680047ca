/** Bundles in one ZIP file: every byte of it follows from its files, so that whatever else is there is refused. */
import { spawnSync } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { openZip, writeZip } from '../../../server/cli/bundle/stored-zip.ts';
import { EXIT } from '../../../server/cli/exit.ts';
import { prepareArchive, type SourceFile } from '../../../server/cli/seal/archive-source.ts';
import { verifySource } from '../../../server/cli/verify-log.ts';
import { utf8 } from '../../../server/core/log/utf8.ts';
import { planArchive } from '../../../server/core/seal/archive-writing.ts';
import { packageRoot } from '../../../server/root.ts';
import { newFolder } from '../../support/folder.ts';
import { bundleOf } from '../../support/golden-bundle.ts';
import { goldenFiles, memorySource, runCli, TRUST, WHOLE } from '../../support/golden-judge.ts';
import { writeFiles } from '../../support/golden-log.ts';
import t from '../../support/tap.ts';
import { steppedWorld } from '../../support/world.ts';

const folder = await newFolder(t, 'bundle');
const room = dirname(folder);
const plain = goldenFiles('valid', WHOLE);
const judged = await verifySource(memorySource(plain), { requireAllDisclosures: true });
const files = bundleOf(plain, judged.ok ? judged.record : null, 'complete');
await writeFiles(files, folder);
const zip = join(room, 'bundle.zip');
await writeZip(folder, zip);
const bytes = new Uint8Array(await readFile(zip));

/** The reason a ZIP of these bytes is refused for; its standing when it is not. */
async function judge(zipBytes: Uint8Array): Promise<string> {
  const file = join(room, 'changed.zip');
  await writeFile(file, zipBytes);
  const { code, out, err } = await runCli('verify', file, '--trust', TRUST, '--complete');
  return code === EXIT.done ? out.slice(0, out.indexOf(':')) : err.slice(0, err.indexOf('\n'));
}

async function archiveOf(sources: readonly SourceFile[], compress = false): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const part of (await prepareArchive(sources, compress)).read()) parts.push(part);
  return new Uint8Array(Buffer.concat(parts));
}
const sourcesOf = (paths: readonly string[]): SourceFile[] =>
  paths.map((name) => ({ name, bytes: files.get(name) ?? utf8('x') }));

t.test('the same files make the same bytes, and are read from them', async (t) => {
  t.equal(await judge(bytes), 'valid, complete');
  const again = join(room, 'again.zip');
  await writeZip(folder, again);
  t.ok(Buffer.from(bytes).equals(await readFile(again)));
  const source = await openZip(zip);
  const seen: string[] = [];
  const bundle = await source.bundle();
  for await (const { path } of bundle?.list() ?? []) seen.push(path);
  t.strictSame(seen, [...files.keys()].sort());
  t.equal(await bundle?.read('nothing', 10), null);
  const tooLong = bundle?.read('checkpoint', 3).catch((error: unknown) => error);
  t.match(await tooLong, { code: 'file_malformed' });
  await source.close?.();
});

t.test('other archives of the very same files are refused', async (t) => {
  const sorted = [...files.keys()].sort();
  t.ok(Buffer.from(bytes).equals(await archiveOf(sourcesOf(sorted))), 'the way it is made');
  await t.resolves(archiveOf(sourcesOf(['A/x', 'a/x'])), 'names that a bid could not hold beside each other are files');
  t.equal(await judge(await archiveOf(sourcesOf(sorted), true)), 'file_malformed', 'compressed');
  t.equal(await judge(await archiveOf(sourcesOf(sorted.toReversed()))), 'file_malformed', 'in another order');
  t.equal(await judge(await archiveOf(sourcesOf([...sorted, sorted.at(-1) ?? '']))), 'file_malformed', 'one twice');
  t.equal(await judge(await archiveOf(sourcesOf([...sorted, 'zzz']))), 'file_unlisted', 'one more');
  t.equal(await judge(await archiveOf(sourcesOf(sorted.slice(1)))), 'file_missing', 'one less');
});

t.test('bytes before, between, behind; cut off anywhere', async (t) => {
  const join2 = (...parts: Uint8Array[]) => new Uint8Array(Buffer.concat(parts));
  t.equal(await judge(join2(utf8('#'), bytes)), 'file_malformed');
  t.equal(await judge(join2(bytes, utf8('#'))), 'file_malformed');
  const directoryAt = bytes.lastIndexOf(0x50, bytes.length - 23);
  t.equal(await judge(join2(bytes.subarray(0, directoryAt), utf8('#'), bytes.subarray(directoryAt))), 'file_malformed');
  for (const length of [0, 1, 21, 22, 100, bytes.length >> 1, bytes.length - 1])
    t.equal(await judge(bytes.subarray(0, length)), 'file_malformed', `${length} bytes`);
});

t.test('300 flipped bits anywhere in the file: each found', async (t) => {
  const world = steppedWorld();
  const below = (limit: number) => new DataView(world.randomBytes(4).buffer).getUint32(0) % limit;
  // a third of them in the directory, which is small beside the files
  for (let n = 0; n < 300; n++) {
    const at = n % 3 === 0 ? bytes.length - 1 - below(4_000) : below(bytes.length);
    const flipped = bytes.slice();
    flipped[at] = (flipped[at] as number) ^ (1 << below(8));
    const reason = await judge(flipped);
    if (!/^(file_|bundle_|vkey_)/.test(reason)) t.fail(`byte ${at} of ${bytes.length}: ${reason}`);
  }
  t.ok(bytes.length > 40_000);
});

t.test('as many files as need no ZIP64, and one more', async (t) => {
  for (const count of [65_534, 65_535]) {
    const { localHeaders, ending } = planArchive(
      Array.from({ length: count }, (_, n) => ({
        name: `d/${String(n).padStart(5, '0')}`,
        method: 'stored',
        bytes: 0,
        storedBytes: 0,
        crc32: 0,
      })),
    );
    const file = join(room, `${count}.zip`);
    await writeFile(file, Buffer.concat([...localHeaders, ending]));
    const source = await openZip(file);
    t.match(await source.unlisted(1), /^d\/00000$/, 'it is read');
    await source.close?.();
  }
});

t.test('with no network and the clock ten years on it is as valid', async (t) => {
  const late = join(room, 'late.mjs');
  const tenYears = 10 * 366 * 86_400_000;
  await mkdir(room, { recursive: true });
  await writeFile(
    late,
    `import net from 'node:net';
     import dns from 'node:dns';
     const now = Date.now;
     const real = Date;
     globalThis.Date = class extends real {
       constructor(...given) { given.length === 0 ? super(now() + ${tenYears}) : super(...given); }
       static now() { return now() + ${tenYears}; }
     };
     const refuse = () => { throw new Error('there is no network'); };
     net.Socket.prototype.connect = refuse;
     dns.lookup = refuse;
     globalThis.fetch = refuse;
     if (new Date().getUTCFullYear() < 2035) throw new Error('the clock was not put forward');`,
  );
  const bin = join(packageRoot, 'server/cli/bin.mjs');
  const argv = ['--import', pathToFileURL(late).href, bin, 'verify', zip, '--trust', TRUST, '--complete'];
  const run = spawnSync(process.execPath, argv, { encoding: 'utf8' });
  t.match(run, { status: 0, stderr: '', stdout: /^valid, complete: kaibiao\.test\/opening\/zhangye-2026-001\n/ });
  t.match(run.stdout, /\n {2}\d+ files, each as the signed manifest lists it\n/);
});
