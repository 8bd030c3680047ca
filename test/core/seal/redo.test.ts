/** The redo script: Python and OpenSSL come to the same as the vault, of every kind and form, and say what is not as promised. */
import { execFile, spawnSync } from 'node:child_process';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Test } from 'tap';
import { toBase64Url } from '../../../server/core/log/base64.ts';
import { utf8 } from '../../../server/core/log/utf8.ts';
import { sha256 } from '../../../server/hash.ts';
import { packageRoot } from '../../../server/root.ts';
import { openEnvelope } from '../../../server/vault/open-envelope.ts';
import { ARCHIVES, FORM_NAMES, KIND_NAMES, type Sample, sampleOf } from '../../soak/envelope-samples.ts';
import t from '../../support/tap.ts';
import { temporaryFolder } from '../../vault/bids.ts';
import { holdCeremony, INNER_CEK, innerEnvelope, storeLayered } from '../../vault/layered.ts';

const SCRIPT = join(packageRoot, 'server/core/seal/redo.py');
const missing = ['python3', 'openssl'].find((name) => spawnSync(name, ['--version']).error !== undefined);
const skip = missing === undefined ? false : `no ${missing} here`;

type Said = { code: number; out: string };

/** Runs it as a person would. */
async function redo(...args: string[]): Promise<Said> {
  return new Promise((resolve) => {
    execFile('python3', [SCRIPT, ...args], { encoding: 'utf8' }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code), out: stdout + stderr }),
    );
  });
}

/** Writes a bid's files as a bidder, or an archive, has them. */
async function lay(folder: string, { bytes, promised, cek }: Pick<Sample, 'bytes' | 'promised' | 'cek'>) {
  const [envelope, statement] = [join(folder, 'bid.cms'), join(folder, 'statement.jws')];
  await writeFile(envelope, bytes);
  // header and signature are not its business: whoever asks has checked them before
  await writeFile(statement, `e30.${toBase64Url(utf8(JSON.stringify(promised)))}.AAAA\n`);
  return { envelope, statement, key: Buffer.from(cek).toString('hex') };
}

const CHECKS = [
  'envelopeSha256',
  'envelopeBytes',
  'recipientInfosSha256',
  'cekCommit',
  'tag',
  'contentCommit',
  'openingListCommit',
];
const checksIn = (out: string): string[] => [...out.matchAll(/^ok (\w+) /gm)].map(([, name = '']) => name);

t.test('every form of every archive is redone, and the archive comes out', { skip }, async (t) => {
  const folder = await temporaryFolder(t);
  const archives = Object.values(ARCHIVES);
  for (const [n, form] of FORM_NAMES.entries()) {
    const archive = archives[n % archives.length] as Uint8Array;
    const { envelope, statement, key } = await lay(
      folder,
      sampleOf(KIND_NAMES[n % KIND_NAMES.length] as string, form, archive),
    );
    const out = join(folder, 'bid.zip');
    const said = await redo(envelope, statement, key, '-o', out);
    t.equal(said.code, 0, `${form}: ${said.out}`);
    t.strictSame(checksIn(said.out), CHECKS, form);
    t.strictSame(Uint8Array.from(await readFile(out)), archive, form);
  }
});

t.test('what is not as promised is said, in the order of the table, and nothing is left', { skip }, async (t) => {
  const folder = await temporaryFolder(t);
  for (const form of ['stream', 'sm-stream']) await refuse(t, folder, form);
});

/** What the script says of each thing that is not as promised, beside what the vault says of it. */
async function refuse(t: Test, folder: string, form: string): Promise<void> {
  const sample = sampleOf('valid/der-ecdh-p256.cms', form, ARCHIVES['ours'] as Uint8Array);
  const { bytes, promised, cek } = sample;
  const other = toBase64Url(new Uint8Array(32));
  const notOne = bytes.slice();
  notOne[1] = 0x85;
  const otherProfile = promised.profile === 'kaibiao-seal-1' ? 'kaibiao-seal-sm-1' : 'kaibiao-seal-1';
  const spoilt = bytes.slice();
  spoilt[5000] = (spoilt[5000] as number) ^ 1;
  const cases: readonly [string, Pick<Sample, 'bytes' | 'promised' | 'cek'>, string][] = [
    ['another file', { ...sample, bytes: spoilt }, 'envelopeSha256'],
    ['a file cut short', { ...sample, bytes: bytes.subarray(0, -1) }, 'envelopeSha256'],
    ['another header', { ...sample, promised: { ...promised, recipientInfosSha256: other } }, 'recipientInfosSha256'],
    ['another key', { ...sample, cek: cek.map((octet) => octet ^ 1) }, 'cekCommit'],
    ['another content', { ...sample, promised: { ...promised, contentCommit: other } }, 'contentCommit'],
    ['another profile', { ...sample, promised: { ...promised, profile: otherProfile } }, 'profile'],
    [
      'no envelope, but the lodged bytes',
      { ...sample, bytes: notOne, promised: { ...promised, envelopeSha256: toBase64Url(sha256(notOne)) } },
      'envelope',
    ],
    ['another list', { ...sample, promised: { ...promised, openingListCommit: other } }, 'openingListCommit'],
  ];
  for (const [what, given, check] of cases) {
    const { envelope, statement, key } = await lay(folder, given);
    const said = await redo(envelope, statement, key, '-o', join(folder, 'bid.zip'));
    t.equal(said.code, 1, `${form}: ${what}`);
    t.match(said.out, new RegExp(`^NOT AS PROMISED ${check}: `, 'm'), what);
    t.strictSame((await readdir(folder)).sort(), ['bid.cms', 'statement.jws'], 'nothing unproven is left');
    const opened = await openEnvelope(envelope, given.cek, given.promised);
    t.notOk(opened.ok, 'as the vault says');
  }
  const { envelope, statement } = await lay(folder, sample);
  t.equal((await redo(envelope, statement, 'no key')).code, 2);
  t.equal((await redo(join(folder, 'nothing'), statement, '00'.repeat(32))).code, 2);
}

t.test('a bid of two layers is redone in two steps', { skip }, async (t) => {
  const folder = await temporaryFolder(t);
  const ceremony = await holdCeremony();
  const inner = await innerEnvelope(ceremony.dealt.certificate);
  const bid = await storeLayered(folder, inner.bytes, inner.promises);
  const { statement, key } = await lay(folder, { ...bid, bytes: await readFile(bid.path) });
  const innerPath = join(folder, 'inner.cms');
  const outer = await redo(bid.path, statement, key, '-o', innerPath);
  t.equal(outer.code, 0, outer.out);
  t.notMatch(outer.out, /openingListCommit/);
  t.strictSame(await readFile(innerPath), inner.bytes);
  const innerKey = Buffer.from(INNER_CEK).toString('hex');
  const archive = await redo(innerPath, statement, innerKey, '--layer', '-o', join(folder, 'bid.zip'));
  t.equal(archive.code, 0, archive.out);
  t.strictSame(checksIn(archive.out), ['cekCommit', 'tag', 'contentCommit', 'openingListCommit']);
  t.match(await redo(innerPath, statement, key, '--layer'), { code: 1, out: /PROMISED cekCommit/ }, 'the outer key');
});
