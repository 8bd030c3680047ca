/** Sealing on the bidder's side: files in, an envelope out that the platform takes and only the bidder's key opens. */
import { execFile } from 'node:child_process';
import { appendFileSync } from 'node:fs';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { adoptEnvelope } from '../../../server/cli/seal/adopt.ts';
import { prepareArchive } from '../../../server/cli/seal/archive-source.ts';
import type { HeldKey } from '../../../server/cli/seal/held-key.ts';
import { SEAL_STEPS, type SealRequest, sealBid } from '../../../server/cli/seal/seal.ts';
import { toolFacts } from '../../../server/cli/seal/tool-facts.ts';
import { unwrapWith } from '../../../server/cli/seal/wrap.ts';
import { canonicalise } from '../../../server/core/log/canonical.ts';
import { utf8 } from '../../../server/core/log/utf8.ts';
import { parseCertificate } from '../../../server/core/pki/certificate.ts';
import { startArchive } from '../../../server/core/seal/archive.ts';
import { startEnvelope } from '../../../server/core/seal/envelope.ts';
import { KEY_TRANSPORTS, type KeyTransport } from '../../../server/core/seal/recipient-info.ts';
import { inflate } from '../../../server/vault/inflate.ts';
import { materialise } from '../../../server/vault/materialise.ts';
import { openEnvelope } from '../../../server/vault/open-envelope.ts';
import { receiveEnvelope } from '../../../server/vault/receive-envelope.ts';
import { openVaultFolder, readChunks } from '../../../server/vault/vault-folder.ts';
import { systemWorld } from '../../../server/world.ts';
import { golden, goldenNames, goldenPath } from '../../core/seal/golden.ts';
import t from '../../support/tap.ts';
import { BIDDER, goldenBid, holderFor, holderOf, LIST, OTHER, promisedOf, temporaryFolder } from '../../vault/bids.ts';

const run = promisify(execFile);
const { randomBytes } = systemWorld;

/** A request over two documents in a fresh folder. */
async function request(
  t: Parameters<typeof temporaryFolder>[0],
  changes: Partial<SealRequest> = {},
): Promise<SealRequest & { folder: string }> {
  const folder = await temporaryFolder(t);
  await writeFile(join(folder, '技术标.pdf'), '施工组织设计\n'.repeat(9000));
  await writeFile(join(folder, '商务标.pdf'), randomBytes(50_000));
  return {
    folder,
    openingList: LIST,
    documents: ['技术标.pdf', '商务标.pdf'].map((name) => ({ name, path: join(folder, name) })),
    toolFacts: await toolFacts('0.1.0'),
    certificate: BIDDER.certificate,
    keyTransport: 'rsa_oaep_sha256',
    compress: false,
    out: join(folder, 'bid.cms'),
    unwrap: unwrapWith(BIDDER.privateKey),
    randomBytes,
    ...changes,
  };
}

/** The content key, as the bidder's device would give it in the window. */
async function cekOf(path: string, { privateKey }: HeldKey): Promise<Uint8Array> {
  const reader = startEnvelope();
  reader.push(await readFile(path));
  const recipient = reader.header()?.recipient;
  if (!recipient) throw new Error('no header');
  return Uint8Array.from(await unwrapWith(privateKey)(recipient));
}

/** A request to the one whose key can do it. */
function requestBy(t: Parameters<typeof request>[0], keyTransport: KeyTransport, compress = false) {
  const { certificate, privateKey } = holderFor(keyTransport);
  return request(t, { keyTransport, compress, certificate, unwrap: unwrapWith(privateKey) });
}

t.test('a sealed bid goes the whole way, in each way its key can travel: received, opened, materialised', async (t) => {
  for (const keyTransport of KEY_TRANSPORTS) {
    for (const compress of [false, true]) {
      const holder = holderFor(keyTransport);
      const asked = await requestBy(t, keyTransport, compress);
      const promises = await sealBid(asked);
      const vault = await openVaultFolder(join(asked.folder, 'vault'), randomBytes);
      const received = await receiveEnvelope(vault, readChunks(asked.out), {
        certificate: parseCertificate(holder.certificate),
        limitBytes: 1_000_000,
        signed: promises,
      });
      if ('refused' in received) throw new Error(received.refused);
      const stored = vault.path(received.name);
      const opened = await openEnvelope(stored, await cekOf(stored, holder), promisedOf(promises));
      t.match(opened, { ok: true, openingList: LIST, entries: 4 }, keyTransport);
      const limits = { unpackedLimitBytes: 1_000_000 };
      const documents = await materialise(stored, await cekOf(stored, holder), promisedOf(promises), vault, limits);
      if (!documents.ok) throw new Error(documents.detail);
      t.strictSame(
        documents.manifest.entries.map(({ name }) => name),
        ['opening-list.json', '技术标.pdf', '商务标.pdf', 'tool.json'],
      );
      t.notOk(documents.manifest.entries.some((entry) => 'problem' in entry));
    }
  }
});

t.test('stock OpenSSL opens what we sealed, whichever way its key travelled', async (t) => {
  for (const keyTransport of KEY_TRANSPORTS) {
    const asked = await requestBy(t, keyTransport);
    await sealBid(asked);
    const out = join(asked.folder, 'opened.zip');
    const name = { ecdh_p256: 'curve', sm2: 'sm2' }[keyTransport as string] ?? 'bidder';
    const key = ['-recip', goldenPath(`${name}.crt.pem`), '-inkey', goldenPath(`${name}.key.pem`)];
    try {
      await run('openssl', ['cms', '-decrypt', '-binary', '-inform', 'DER', '-in', asked.out, ...key, '-out', out]);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return t.comment('no openssl here');
      throw error;
    }
    const archive = startArchive(inflate);
    archive.push(await readFile(out));
    t.equal(Buffer.from(archive.end().openingList).toString(), canonicalise(LIST), keyTransport);
  }
});

t.test('how far it is, step by step, each to its end', async (t) => {
  const seen = new Map<string, string[]>();
  const asked = await request(t, {
    compress: true,
    progress: (step, done, all) => seen.set(step, [...(seen.get(step) ?? []), `${done}/${all}`]),
  });
  await sealBid(asked);
  t.same([...seen.keys()], Object.values(SEAL_STEPS));
  for (const [step, told] of seen) {
    const [done, all] = (told.at(-1) ?? '').split('/');
    t.equal(done, all, step);
    t.ok(Number(all) > 50_000, step);
  }
});

t.test('two seals of the same files share nothing but their list', async (t) => {
  const first = await sealBid(await request(t));
  const second = await sealBid(await request(t));
  for (const field of ['envelopeSha256', 'cekCommit', 'contentCommit', 'openingListCommit'] as const) {
    t.not(first[field], second[field], field);
  }
  t.equal(first.encCertSha256, second.encCertSha256);
});

t.test('envelopes of stock OpenSSL are adopted: unwrapped once, then promised like our own', async (t) => {
  for (const name of goldenNames('valid')) {
    const { openingList, promises } = await adoptEnvelope(
      goldenPath(name),
      holderOf(name).certificate,
      unwrapWith(holderOf(name).privateKey),
    );
    t.equal(openingList.quote.amount, '12800000.00');
    const { path, cek } = await goldenBid(name);
    t.match(await openEnvelope(path, cek, promisedOf(promises)), { ok: true }, name);
  }
});

t.test('what cannot be adopted says why', async (t) => {
  const folder = await temporaryFolder(t);
  const path = goldenPath('valid/stream-oaep-sha256.cms');
  const own = unwrapWith(BIDDER.privateKey);
  await t.rejects(adoptEnvelope(path, OTHER.certificate, own), { code: 'envelope_for_another_certificate' });
  for (const name of goldenNames('valid')) {
    const other = adoptEnvelope(goldenPath(name), holderOf(name).certificate, unwrapWith(OTHER.privateKey));
    await t.rejects(other, { code: 'unwrap_failed' }, name);
  }
  for (const name of goldenNames('invalid')) {
    await t.rejects(adoptEnvelope(goldenPath(name), BIDDER.certificate, own), {
      code: 'envelope_malformed',
      detail: name.split(/[/.]/)[1],
    });
  }
  const damaged = golden('valid/stream-oaep-sha256.cms');
  damaged[5000] = (damaged[5000] as number) ^ 1;
  await writeFile(join(folder, 'damaged'), damaged);
  await t.rejects(adoptEnvelope(join(folder, 'damaged'), BIDDER.certificate, own), { code: 'content_not_genuine' });
});

t.test('sealing to a certificate whose key is not at hand is found at once, and nothing is kept', async (t) => {
  const asked = await request(t, { unwrap: unwrapWith(OTHER.privateKey) });
  await t.rejects(sealBid(asked), { code: 'unwrap_failed' });
  const foreign = await request(t, { certificate: OTHER.certificate });
  await t.rejects(sealBid(foreign), { code: 'unwrap_failed' });
  for (const { folder } of [asked, foreign])
    t.strictSame((await readdir(folder)).sort(), ['商务标.pdf', '技术标.pdf'].sort());
});

t.test('a document that changes while it is sealed stops the sealing', async (t) => {
  for (const compress of [false, true]) {
    const asked = await request(t, { compress });
    let hasGrown = false;
    // Chance is asked for between the two readings of the files.
    const growing = (length: number): Uint8Array => {
      if (!hasGrown) appendFileSync(join(asked.folder, '技术标.pdf'), 'x');
      hasGrown = true;
      return randomBytes(length);
    };
    await t.rejects(sealBid({ ...asked, randomBytes: growing }), { code: 'document_changed' });
    t.notOk((await readdir(asked.folder)).some((name) => name.startsWith('bid.cms')));
  }
});

t.test(
  'a list out of form and names that cannot stand in an archive are refused before anything is read',
  async (t) => {
    const wrong = { ...LIST, quote: { ...LIST.quote, amount: '12,800,000' } };
    await t.rejects(sealBid(await request(t, { openingList: wrong })), { code: 'list_not_in_form' });
    for (const name of ['', '../x', '/x', 'a\\b', 'C:x', 'x/', 'a\u0007', 'e\u0301', 'a'.repeat(600)]) {
      const documents = [{ name, bytes: utf8('x') }];
      await t.rejects(sealBid(await request(t, { documents })), { code: 'name_not_allowed' }, JSON.stringify(name));
    }
  },
);

t.test('a document called like the list is refused before anything is sealed', async (t) => {
  const asked = await request(t, { documents: [{ name: 'Opening-List.json', bytes: utf8('{}') }] });
  await t.rejects(sealBid(asked), { code: 'names_alike' });
});

t.test('a missing document is the disk’s error, and nothing is kept', async (t) => {
  const asked = await request(t, { documents: [{ name: 'x', path: '/nowhere/x' }] });
  await t.rejects(sealBid(asked), { code: 'ENOENT' });
  t.equal((await readdir(asked.folder)).length, 2);
});

t.test('an archive says its length beforehand and keeps to it', async (t) => {
  const { documents } = await request(t);
  for (const compress of [false, true]) {
    const archive = await prepareArchive([{ name: 'opening-list.json', bytes: utf8('{}') }, ...documents], compress);
    const reader = startArchive(inflate);
    let length = 0;
    for await (const chunk of archive.read()) {
      length += chunk.length;
      reader.push(chunk);
    }
    t.equal(length, archive.archiveBytes);
    const [, text, noise] = reader.end().entries;
    if (!text || !noise) throw new Error('entries are missing');
    t.equal(text.storedBytes < text.bytes, compress, 'text shrinks when it is asked to');
    t.equal(noise.bytes, 50_000);
  }
});

t.test('tool.json is honest about what it cannot know', async (t) => {
  const facts = (await toolFacts('1.2.3')) as Record<string, unknown>;
  t.equal(facts['toolVersion'], '1.2.3');
  for (const name of ['processorId', 'diskSerial', 'dongleId']) t.equal(facts[name], 'unknown');
  t.same(facts['documents'], []);
  t.type(facts['processorModel'], 'string');
  const { macs } = facts;
  t.ok(macs === 'unknown' || (Array.isArray(macs) && macs.every((mac) => /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/.test(mac))));
});
