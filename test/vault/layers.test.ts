/** Bids with two layers: what opens each, whose every failure is, and that no key, share or byte in the wrong place opens anything. */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { copyFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import fc from 'fast-check';
import { wrapTo } from '../../server/cli/seal/wrap.ts';
import { joinBytes } from '../../server/core/log/bytes.ts';
import { DECRYPTION_FAULTS, type DecryptionFailure } from '../../server/core/opening/findings.ts';
import { writeEnvelope } from '../../server/core/seal/envelope-writing.ts';
import { packageRoot } from '../../server/root.ts';
import { materialise } from '../../server/vault/materialise.ts';
import { openEnvelope, openOuter } from '../../server/vault/open-envelope.ts';
import { startVaultPool } from '../../server/vault/pool.ts';
import { openVaultFolder } from '../../server/vault/vault-folder.ts';
import { systemWorld } from '../../server/world.ts';
import { goldenPath } from '../core/seal/golden.ts';
import t from '../support/tap.ts';
import { archiveOf, GCM, LIST, NONCE, OTHER, storeBid, temporaryFolder } from './bids.ts';
import {
  holdCeremony,
  INNER_CEK,
  innerEnvelope,
  layerKeyOf,
  OPENING,
  pemOf,
  shareOf,
  storeLayered,
} from './layered.ts';
import { makeSalamander } from './salamander.ts';

const run = promisify(execFile);
const ceremony = await holdCeremony();
const key = await layerKeyOf(ceremony);
const { certificate } = key;
const closed = { certificate, privateKey: null };

const failure = (code: DecryptionFailure, detail: string = code) => ({
  ok: false,
  failure: code,
  fault: DECRYPTION_FAULTS[code],
  detail,
});

t.test('both layers are of the profile that was signed, whichever it is', async (t) => {
  const folder = await temporaryFolder(t);
  const profiles = ['kaibiao-seal-1', 'kaibiao-seal-sm-1'] as const;
  for (const inside of profiles)
    for (const signed of profiles) {
      const inner = await innerEnvelope(certificate, archiveOf(), INNER_CEK, inside);
      const { path, cek, promised } = await storeLayered(folder, inner.bytes, inner.promises, signed);
      const isOne = inside === signed;
      const other = failure('layer_malformed', 'other_profile');
      t.strictSame(await openOuter(path, cek, promised, closed), isOne ? { ok: true } : other);
      t.match(await openEnvelope(path, cek, promised, key), isOne ? { ok: true, openingList: LIST } : other);
    }
});

t.test('the bidder’s key opens the outer layer alone, both keys open the bid', async (t) => {
  const folder = await temporaryFolder(t);
  const inner = await innerEnvelope(certificate);
  const { path, cek, promised } = await storeLayered(folder, inner.bytes, inner.promises);
  t.strictSame(await openOuter(path, cek, promised, closed), { ok: true });
  t.strictSame(await openEnvelope(path, cek, promised, closed), failure('layer_wrong_key'));
  t.match(await openEnvelope(path, cek, promised, key), { ok: true, openingList: LIST, entries: 2 });
  await t.rejects(openEnvelope(path, cek, promised), /disagree/);
  const opened = await openVaultFolder(join(folder, 'opened'), systemWorld.randomBytes);
  const limits = { unpackedLimitBytes: 1_000_000 };
  const documents = await materialise(path, cek, promised, opened, limits, key);
  if (!documents.ok) throw new Error(documents.failure);
  t.strictSame(new Uint8Array(await readFile(opened.path(documents.name))), archiveOf());
  t.match(await materialise(path, cek, promised, opened, limits, closed), { failure: 'layer_wrong_key' });
});

t.test('the pool’s threads do the same, and leave the caller its own key to erase', async (t) => {
  const folder = await temporaryFolder(t);
  const inner = await innerEnvelope(certificate);
  const bid = await storeLayered(folder, inner.bytes, inner.promises);
  const pool = startVaultPool({ workers: 1, queueLimit: 4, onCrash: (error) => t.fail(error.message) });
  t.teardown(() => pool.close());
  const outer = pool.openOuter({ ...bid, layer: closed });
  if ('refused' in outer) throw new Error(outer.refused);
  t.strictSame(await outer.done, { ok: true });
  const whole = pool.open({ ...bid, layer: key });
  if ('refused' in whole) throw new Error(whole.refused);
  t.match(await whole.done, { ok: true, openingList: LIST });
  t.ok(
    key.privateKey?.some((byte) => byte !== 0),
    'the caller’s own key is the caller’s to erase',
  );
});

t.test('each failure has its code and its door', async (t) => {
  const folder = await temporaryFolder(t);
  const inner = await innerEnvelope(certificate);
  const good = await storeLayered(folder, inner.bytes, inner.promises);
  const open = (bid: typeof good, layer: typeof key | typeof closed = key) =>
    openEnvelope(bid.path, bid.cek, bid.promised, layer);

  const plain = await storeBid(folder, archiveOf());
  const promisesOnly = { ...plain, promised: { ...plain.promised, layer: inner.promises } };
  t.strictSame(await open(promisesOnly), failure('layer_malformed', 'not_auth_enveloped'), 'no layer but its promise');
  t.strictSame(
    await openOuter(promisesOnly.path, promisesOnly.cek, promisesOnly.promised, closed),
    failure('layer_malformed', 'not_auth_enveloped'),
    'and that is known in the window',
  );
  const toOther = await innerEnvelope(OTHER.certificate);
  const other = await storeLayered(folder, toOther.bytes, inner.promises);
  t.strictSame(
    await openOuter(other.path, other.cek, other.promised, closed),
    failure('layer_malformed', 'other_recipient'),
  );
  const trailing = await storeLayered(folder, Buffer.concat([inner.bytes, Uint8Array.of(0)]), inner.promises);
  t.strictSame(await open(trailing), failure('layer_malformed', 'trailing_bytes'));
  const short = await storeLayered(folder, inner.bytes.subarray(0, -1), inner.promises);
  t.strictSame(await open(short), failure('layer_malformed', 'truncated'));
  const promise = (layer: Partial<typeof inner.promises>) => ({
    ...good,
    promised: { ...good.promised, layer: { ...inner.promises, ...layer } },
  });
  t.strictSame(await open(promise({ cekCommit: good.promised.cekCommit })), failure('layer_wrong_key'));
  t.strictSame(await open(promise({ contentCommit: good.promised.cekCommit })), failure('content_mismatch'));
  t.strictSame(
    await open(promise({ openingCertSha256: good.promised.cekCommit })),
    failure('layer_malformed', 'other_opening_key'),
  );
  const spoilt = inner.bytes.slice();
  spoilt[spoilt.length - 1] = (spoilt.at(-1) as number) ^ 1;
  const badTag = await storeLayered(folder, spoilt, inner.promises);
  t.strictSame(
    await openOuter(badTag.path, badTag.cek, badTag.promised, closed),
    { ok: true },
    'not seen in the window',
  );
  t.strictSame(await open(badTag), failure('tag_mismatch'));
  const junk = await innerEnvelope(certificate, new Uint8Array(100));
  t.match(await open(await storeLayered(folder, junk.bytes, junk.promises)), { failure: 'archive_invalid' });
  t.strictSame(await open({ ...good, cek: new Uint8Array(32) }), failure('wrong_key'));
  t.strictSame(
    await open({ ...good, promised: { ...good.promised, contentCommit: inner.promises.contentCommit } }),
    failure('content_mismatch'),
  );
  const another = await layerKeyOf(await holdCeremony());
  t.strictSame(
    await open(good, { certificate, privateKey: another.privateKey }),
    failure('layer_wrong_key'),
    'another opening’s key',
  );
});

t.test('an inner ciphertext of two plaintexts opens to the one that was promised, or to none', async (t) => {
  const folder = await temporaryFolder(t);
  const otherKey = new Uint8Array(32).fill(1);
  const [cheap, dear] = [archiveOf(), archiveOf({ ...LIST, duration: '10天' })];
  const { ciphertext, tag } = makeSalamander(NONCE, [INNER_CEK, cheap], [otherKey, dear]);
  const promises = (await innerEnvelope(certificate, cheap)).promises;
  for (const [cek, expected] of [
    [otherKey, failure('layer_wrong_key')],
    // the tail that the attack needs is another content than the promised one
    [INNER_CEK, failure('content_mismatch')],
  ] as const) {
    const recipient = wrapTo(certificate, 'rsa_oaep_sha256', cek);
    const { header, trailer } = writeEnvelope(recipient, GCM, ciphertext.length);
    const bid = await storeLayered(folder, joinBytes(header, ciphertext, trailer(tag)), promises);
    t.strictSame(await openOuter(bid.path, bid.cek, bid.promised, closed), { ok: true });
    t.strictSame(await openEnvelope(bid.path, bid.cek, bid.promised, key), expected);
  }
});

/** What LAYERS.md tells people to type. */
const PAGE = readFileSync(join(packageRoot, 'server/core/seal/LAYERS.md'), 'utf8');
const block = (language: string): string => new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``).exec(PAGE)?.[1] ?? '';

t.test('what the page tells people to type opens a bid: the key from its shares, then both layers', async (t) => {
  const folder = await temporaryFolder(t);
  const { dealt, threshold } = ceremony;
  const inner = await innerEnvelope(certificate);
  const { path } = await storeLayered(folder, inner.bytes, inner.promises);
  await copyFile(path, join(folder, 'bid.p7m'));
  await copyFile(goldenPath('bidder.key.pem'), join(folder, 'bidder.key'));
  const shares = await Promise.all([2, 3].map((holder) => shareOf(ceremony, holder)));
  t.equal(shares.length, threshold);
  const given = {
    openingId: OPENING,
    secretCommit: dealt.secretCommit,
    wrappedKey: Buffer.from(dealt.wrappedKey).toString('base64'),
    shares: shares.map((share) => Buffer.from(share).toString('base64url')),
  };
  await writeFile(join(folder, 'shares.json'), JSON.stringify(given));
  await writeFile(join(folder, 'opening.crt'), certificate);
  const text = await typed('openssl', ['x509', '-inform', 'DER', '-in', 'opening.crt', '-noout', '-text'], folder);
  if (text === null) return t.comment('no openssl here');
  t.match(text, /Key Encipherment/);
  const python = await typed('python3', ['-c', block('python')], folder);
  if (python === null) {
    t.comment('no python here');
    await writeFile(join(folder, 'opening.key'), pemOf(key.privateKey ?? new Uint8Array(0)));
  }
  for (const line of block('sh').trim().split('\n')) {
    const [program = '', ...args] = line.split(' ');
    await typed(program, args, folder);
  }
  t.strictSame(new Uint8Array(await readFile(join(folder, 'bid.zip'))), archiveOf());
});

/** What a program says; null where there is no such program. */
async function typed(program: string, args: readonly string[], cwd: string): Promise<string | null> {
  try {
    return (await run(program, args, { cwd })).stdout;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

t.test('no change of a byte opens to anything', async (t) => {
  const folder = await temporaryFolder(t);
  const inner = await innerEnvelope(certificate);
  const property = fc.asyncProperty(
    fc.nat(inner.bytes.length - 1),
    fc.integer({ min: 1, max: 255 }),
    async (at, change) => {
      const bytes = inner.bytes.slice();
      bytes[at] = (bytes[at] as number) ^ change;
      const bid = await storeLayered(folder, bytes, inner.promises);
      const opened = await openEnvelope(bid.path, bid.cek, bid.promised, key);
      return !opened.ok && opened.fault === 'bidder';
    },
  );
  await t.resolves(fc.assert(property, { numRuns: 120 }));
});
