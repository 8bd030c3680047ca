/** Opening envelopes: the table of seal-format §3 in its order, and that no bytes ever become another bid. */
import { createDecipheriv } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { toBase64Url } from '../../server/core/log/base64.ts';
import { joinBytes } from '../../server/core/log/bytes.ts';
import { canonicalise } from '../../server/core/log/canonical.ts';
import { readDisclosure } from '../../server/core/log/disclosure.ts';
import { utf8 } from '../../server/core/log/utf8.ts';
import { DECRYPTION_FAULTS, type DecryptionFailure } from '../../server/core/opening/findings.ts';
import { cekCommit } from '../../server/core/seal/commitments.ts';
import { startEnvelope } from '../../server/core/seal/envelope.ts';
import { writeEnvelope } from '../../server/core/seal/envelope-writing.ts';
import { sha256 } from '../../server/hash.ts';
import type { Promised } from '../../server/vault/judgement.ts';
import { checkStored, openEnvelope } from '../../server/vault/open-envelope.ts';
import { scanEnvelope } from '../../server/vault/scan-envelope.ts';
import { CHUNK_BYTES } from '../../server/vault/vault-folder.ts';
import { golden, goldenNames } from '../core/seal/golden.ts';
import { zipOf } from '../core/seal/zip-parts.ts';
import t from '../support/tap.ts';
import {
  archiveOf,
  CEK,
  chunksOf,
  envelopeAround,
  GCM,
  goldenBid,
  LIST,
  NONCE,
  promisesOf,
  type StoredBid,
  storeBid,
  temporaryFolder,
} from './bids.ts';
import { makeSalamander } from './salamander.ts';

const OTHER_DIGEST = toBase64Url(sha256(utf8('other')));
const OTHER_KEY = new Uint8Array(32).fill(1);

const failure = (code: DecryptionFailure, detail: string = code) => ({
  ok: false,
  failure: code,
  fault: DECRYPTION_FAULTS[code],
  detail,
});

t.test('envelopes of stock OpenSSL open, with each padding, in DER and -stream', async (t) => {
  for (const name of goldenNames('valid')) {
    const { path, cek, promised } = await goldenBid(name);
    const opened = await openEnvelope(path, cek, promised);
    if (!opened.ok) throw new Error(`${name}: ${opened.failure}`);
    t.equal(opened.openingList.quote.amount, '12800000.00');
    t.equal(opened.contentBytes, golden('bid.zip').length);
    t.equal(opened.entries, 3);
    t.strictSame(readDisclosure(opened.disclosure).value, opened.openingList);
    t.strictSame(await checkStored(path, promised), { ok: true });
  }
});

t.test('each check of the table fails with its code and at the right door', async (t) => {
  const folder = await temporaryFolder(t);
  const good = await storeBid(folder, archiveOf());
  t.match(await openEnvelope(good.path, good.cek, good.promised), { ok: true });
  const open = (changes: Partial<Promised>, cek = good.cek, bid: StoredBid = good) =>
    openEnvelope(bid.path, cek, { ...bid.promised, ...changes });

  t.strictSame(await open({ envelopeSha256: OTHER_DIGEST }), failure('stored_bytes_differ'));
  t.strictSame(await open({ envelopeBytes: good.promised.envelopeBytes + 1 }), failure('stored_bytes_differ'));
  t.strictSame(await open({ recipientInfosSha256: OTHER_DIGEST }), failure('header_differs'));
  t.strictSame(await open({}, OTHER_KEY), failure('wrong_key'));
  const spoilt = await storeBid(folder, archiveOf(), { spoilTag: true });
  t.strictSame(await open({}, CEK, spoilt), failure('tag_mismatch'));
  t.strictSame(await open({ contentCommit: OTHER_DIGEST }), failure('content_mismatch'));
  t.strictSame(await open({ openingListCommit: OTHER_DIGEST }), failure('opening_list_mismatch'));
  t.strictSame(await open({ iss: '91620700MADEM00006' }), failure('opening_list_mismatch', 'other_credit_code'));
  t.strictSame(await open({ lotId: 'LOT-2' }), failure('opening_list_mismatch', 'other_lot'));
  const missing = { ...good, path: join(folder, 'missing') };
  t.strictSame(await open({}, CEK, missing), failure('storage_unreadable', 'ENOENT'));
  t.strictSame(await open({}, CEK, { ...good, path: folder }), failure('storage_unreadable', 'EISDIR'));
});

t.test('of several faults the first in the table counts', async (t) => {
  const folder = await temporaryFolder(t);
  const { path, promised } = await storeBid(folder, archiveOf(), { spoilTag: true });
  const everything = {
    ...promised,
    envelopeSha256: OTHER_DIGEST,
    recipientInfosSha256: OTHER_DIGEST,
    contentCommit: OTHER_DIGEST,
    openingListCommit: OTHER_DIGEST,
  };
  const { envelopeSha256, recipientInfosSha256 } = promised;
  t.strictSame(await openEnvelope(path, OTHER_KEY, everything), failure('stored_bytes_differ'));
  t.strictSame(await openEnvelope(path, OTHER_KEY, { ...everything, envelopeSha256 }), failure('header_differs'));
  const stored = { ...everything, envelopeSha256, recipientInfosSha256 };
  t.strictSame(await openEnvelope(path, OTHER_KEY, stored), failure('wrong_key'));
  t.strictSame(await openEnvelope(path, CEK, stored), failure('tag_mismatch'));
});

t.test('archives that are none are the bidder’s, and say why', async (t) => {
  const folder = await temporaryFolder(t);
  const archive = archiveOf();
  const list = utf8(canonicalise(LIST));
  const spaced = utf8(` ${canonicalise(LIST)}`);
  const cases: readonly [string, Uint8Array][] = [
    ['truncated', new Uint8Array(0)],
    ['prefix_bytes', utf8('not a ZIP')],
    ['trailing_bytes', joinBytes(archive, Uint8Array.of(0))],
    ['truncated', archive.subarray(0, -1)],
    ['first_not_opening_list', zipOf([{ name: 'other.json', bytes: list }])],
    ['not_canonical', zipOf([{ name: 'opening-list.json', bytes: spaced }])],
    ['not_in_form', zipOf([{ name: 'opening-list.json', bytes: utf8('{}') }])],
  ];
  for (const [detail, plaintext] of cases) {
    const { path, cek, promised } = await storeBid(folder, plaintext);
    t.strictSame(await openEnvelope(path, cek, promised), failure('archive_invalid', detail));
  }
});

t.test('a stored file that lost or changed a byte is the platform’s fault, whatever else', async (t) => {
  const folder = await temporaryFolder(t);
  const { path, cek, promised } = await storeBid(folder, archiveOf());
  const bytes = Uint8Array.from(await readFile(path));
  for (const at of [0, 40, 400, 5000, bytes.length - 1]) {
    const copy = bytes.slice();
    copy[at] = (copy[at] as number) ^ 0x20;
    await writeFile(path, copy);
    t.strictSame(await openEnvelope(path, cek, promised), failure('stored_bytes_differ'), `byte ${at}`);
    t.strictSame(await checkStored(path, promised), failure('stored_bytes_differ'));
  }
  await writeFile(path, bytes.subarray(0, -1));
  t.strictSame(await openEnvelope(path, cek, promised), failure('stored_bytes_differ'));
  await writeFile(path, joinBytes(bytes, Uint8Array.of(0)));
  t.strictSame(await openEnvelope(path, cek, promised), failure('stored_bytes_differ'));
});

t.test('mutated envelopes never open to another content, even when their bidder signs the mutated bytes', async (t) => {
  const folder = await temporaryFolder(t);
  const path = join(folder, 'mutated');
  const samples = ['valid/stream-oaep-sha256.cms', 'valid/der-pkcs1-v15.cms'];
  for (const name of samples) {
    const { cek, promised } = await goldenBid(name);
    const original = golden(name);
    const mutation = fc.tuple(
      fc.constantFrom<'change' | 'remove' | 'insert' | 'swap'>('change', 'remove', 'insert', 'swap'),
      fc.oneof(
        fc.nat(original.length - 1),
        fc.nat(600),
        fc.nat(60).map((back) => original.length - 1 - back),
      ),
      fc.integer({ min: 1, max: 255 }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(mutation, { minLength: 1, maxLength: 3 }), async (mutations) => {
        let bytes = [...original];
        for (const [kind, at, value] of mutations) {
          if (kind === 'change') bytes[at] = (bytes[at] ?? 0) ^ value;
          if (kind === 'remove') bytes.splice(at, value);
          if (kind === 'insert') bytes.splice(at, 0, value);
          if (kind === 'swap') bytes = [...bytes.slice(at), ...bytes.slice(0, at)];
        }
        const mutated = Uint8Array.from(bytes);
        await writeFile(path, mutated);
        const isSame = Buffer.compare(mutated, original) === 0;
        const kept = await openEnvelope(path, cek, promised);
        if (!isSame && (kept.ok || kept.failure !== 'stored_bytes_differ')) throw new Error('unnoticed');
        const signed = { ...promised, envelopeSha256: toBase64Url(sha256(mutated)), envelopeBytes: mutated.length };
        const opened = await openEnvelope(path, cek, signed);
        if (opened.ok) t.equal(opened.openingList.quote.amount, '12800000.00');
      }),
      { numRuns: 150, seed: 20260305 },
    );
  }
});

t.test('the two-key salamander: GCM accepts both, cekCommit only the promised key', async (t) => {
  const folder = await temporaryFolder(t);
  const cheap = archiveOf(LIST);
  const dear = archiveOf({ ...LIST, quote: { ...LIST.quote, amount: '12800000.00' } });
  const { ciphertext, tag, offsetB } = makeSalamander(NONCE, [CEK, cheap], [OTHER_KEY, dear]);
  for (const [key, at, text] of [[CEK, 0, cheap] as const, [OTHER_KEY, offsetB, dear] as const]) {
    const decipher = createDecipheriv('aes-256-gcm', key, NONCE, { authTagLength: 16 });
    decipher.setAuthTag(tag);
    const plaintext = joinBytes(decipher.update(ciphertext), decipher.final());
    t.strictSame(plaintext.slice(at, at + text.length), text, 'both keys pass the tag');
  }

  const reader = startEnvelope();
  reader.push(envelopeAround(new Uint8Array(0)));
  const recipient = reader.header()?.recipient;
  if (!recipient) throw new Error('no recipient');
  const { header, trailer } = writeEnvelope(recipient, GCM, ciphertext.length);
  const envelope = joinBytes(header, ciphertext, trailer(tag));
  const path = join(folder, 'salamander');
  await writeFile(path, envelope);
  const decipher = createDecipheriv('aes-256-gcm', CEK, NONCE, { authTagLength: 16 });
  const promised = promisesOf(envelope, decipher.update(ciphertext));
  t.equal(promised.cekCommit, cekCommit(sha256, CEK));
  t.strictSame(await openEnvelope(path, OTHER_KEY, promised), failure('wrong_key'));
  // The tail the attack needs is no archive either: even the promised key gives no list.
  t.strictSame(await openEnvelope(path, CEK, promised), failure('archive_invalid', 'trailing_bytes'));
});

t.test('without the tag nothing of the content is said', async (t) => {
  const envelope = envelopeAround(archiveOf(), true);
  const scan = await scanEnvelope(chunksOf(envelope), { cekFor: () => CEK });
  t.strictSame(scan.content, { isAuthentic: false });
  const cut = await scanEnvelope(chunksOf(envelope.subarray(0, -5)), { cekFor: () => CEK });
  t.equal(cut.content, undefined);
  t.equal(cut.problem, 'truncated');
  t.notMatch(JSON.stringify([scan, cut]), /9800000/);
});

t.test('no result holds the content key', async (t) => {
  const folder = await temporaryFolder(t);
  const { path, cek, promised } = await storeBid(folder, archiveOf());
  const results = [
    await openEnvelope(path, cek, promised),
    await openEnvelope(path, OTHER_KEY, promised),
    await openEnvelope(join(folder, 'missing'), cek, promised),
  ];
  const text = JSON.stringify(results);
  for (const encoding of ['hex', 'base64', 'base64url'] as const)
    t.notOk(text.includes(Buffer.from(cek).toString(encoding)));
});

t.test('16 MiB pass through one reused buffer, a chunk at a time', async (t) => {
  const contentBytes = 64 * CHUNK_BYTES;
  const archive = archiveOf();
  const plaintext = new Uint8Array(contentBytes).fill(0x43);
  plaintext.set(archive);
  const envelope = envelopeAround(plaintext);
  const { contentCommit } = promisesOf(envelope, plaintext);

  const buffer = new Uint8Array(CHUNK_BYTES);
  const seen = { handedOut: 0, takenBack: 0, plaintextBytes: 0, longest: 0 };
  async function* reused(): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < envelope.length; at += CHUNK_BYTES) {
      const piece = envelope.subarray(at, at + CHUNK_BYTES);
      buffer.set(piece);
      seen.handedOut += 1;
      yield buffer.subarray(0, piece.length);
      // Whoever kept a view of the chunk now holds junk.
      buffer.fill(0);
      seen.takenBack += 1;
    }
  }
  const scan = await scanEnvelope(reused(), {
    cekFor: () => CEK,
    async toQuarantine(bytes) {
      t.equal(seen.handedOut, seen.takenBack + 1, 'one chunk is out');
      seen.plaintextBytes += bytes.length;
      seen.longest = Math.max(seen.longest, bytes.length);
    },
  });
  t.match(scan.content, { isAuthentic: true, contentCommit, contentBytes });
  t.equal(scan.envelopeBytes, envelope.length);
  t.equal(seen.plaintextBytes, contentBytes);
  t.ok(seen.longest <= CHUNK_BYTES);
  t.equal(seen.handedOut, 65);
});
