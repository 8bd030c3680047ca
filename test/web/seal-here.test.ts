/** Sealing in the browser's way: the bytes of the command line, in every way in which a key can be sealed to, of one layer and of two. */
import { createCipheriv, createHash, createHmac } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { adoptEnvelope } from '../../server/cli/seal/adopt.ts';
import { prepareArchive } from '../../server/cli/seal/archive-source.ts';
import { nodeSealing } from '../../server/cli/seal/node-sealing.ts';
import { unwrapWith, wrapTo } from '../../server/cli/seal/wrap.ts';
import { findAlikeDocument, TOOL_FACTS_NAME } from '../../server/client/document-name.ts';
import { profileFor } from '../../server/client/key-transport.ts';
import { type EnvelopeRequest, sealEnvelope } from '../../server/client/seal-envelope.ts';
import type { SealingMeans } from '../../server/client/seal-layer.ts';
import { joinBytes } from '../../server/core/log/bytes.ts';
import { canonicalise } from '../../server/core/log/canonical.ts';
import { utf8 } from '../../server/core/log/utf8.ts';
import { ARCHIVE_ENTRIES_LIMIT } from '../../server/core/seal/archive.ts';
import { SEAL_PROFILES } from '../../server/core/seal/content-cipher.ts';
import { crc32 } from '../../server/core/seal/crc32.ts';
import { OPENING_LIST_NAME } from '../../server/core/seal/opening-list.ts';
import { type KeyTransport, readRecipientInfos } from '../../server/core/seal/recipient-info.ts';
import { systemWorld } from '../../server/world.ts';
import { answerHashes } from '../../web/seal/answer-hashes.ts';
import { browserSealing } from '../../web/seal/browser-sealing.ts';
import { crc32Of } from '../../web/seal/crc32-stream.ts';
import { blobSink, type EnvelopeSink } from '../../web/seal/envelope-sink.ts';
import { startGcm } from '../../web/seal/gcm-stream.ts';
import { multiplierBy, multiply } from '../../web/seal/gf128.ts';
import { hashElsewhere, LOAD_BYTES, LOADS } from '../../web/seal/hash-elsewhere.ts';
import type { HashAnswer, HashPort, HashRequest } from '../../web/seal/hash-messages.ts';
import { PIECE_BYTES, piecesOf, READ_BYTES } from '../../web/seal/pieces.ts';
import { type SealTask, sealHere } from '../../web/seal/seal-here.ts';
import { startHmacSha256, startSha256 } from '../../web/seal/sha256-stream.ts';
import t from '../support/tap.ts';
import { holderFor, LIST, OTHER, temporaryFolder } from '../vault/bids.ts';

const { subtle } = globalThis.crypto;
const browser = browserSealing(subtle, startHmacSha256);
const ALONE: readonly KeyTransport[] = ['rsa_oaep_sha256', 'rsa_oaep_sha1', 'ecdh_p256', 'sm2'];

/** Chance that is the same each time, and recipients made once: all else must follow. */
function repeatable(means: SealingMeans): SealingMeans {
  let drawn = 0;
  return {
    ...means,
    randomBytes(length) {
      drawn += 1;
      return Uint8Array.from(createHash('sha512').update(`draw ${drawn}`).digest().subarray(0, length));
    },
    wrapTo(certificate, keyTransport, cek) {
      const name = `${keyTransport} ${Buffer.from(cek).toString('hex')}`;
      const known = recipients.get(name) ?? wrapTo(certificate, keyTransport, cek);
      recipients.set(name, known);
      return known;
    },
  };
}
const recipients = new Map<string, ReturnType<typeof wrapTo>>();

async function collected(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const all: Uint8Array[] = [];
  for await (const chunk of chunks) all.push(chunk.slice());
  return joinBytes(...all);
}
const bytesOf = async (blob: Blob) => new Uint8Array(await blob.arrayBuffer());

function task(keyTransport: KeyTransport, changes: Partial<SealTask> = {}): SealTask {
  return {
    openingList: LIST,
    documents: [
      { name: '技术标.pdf', content: new Blob([new Uint8Array(PIECE_BYTES + 12_345).fill(7)]) },
      { name: '附件/空.txt', content: new Blob([]) },
    ],
    toolFacts: { v: 1 },
    certificate: holderFor(keyTransport).certificate,
    keyTransport,
    profile: 'kaibiao-seal-1',
    ...changes,
  };
}
const here = (means: SealingMeans, sink: EnvelopeSink = blobSink()) => ({ means, sink, startHash: startSha256 });

t.test('the same key, nonce and recipient give the bytes and promises of the command line', async (t) => {
  const ways = SEAL_PROFILES.flatMap((profile) =>
    ALONE.flatMap((keyTransport) =>
      [undefined, OTHER.certificate].map((layer) => [profile, keyTransport, layer] as const),
    ),
  );
  for (const [profile, keyTransport, openingCertificate] of ways) {
    const asked = task(keyTransport, { openingCertificate, profile });
    const sealed = await sealHere(asked, here(repeatable(browser)));

    const bytes = (text: string) => utf8(text);
    const files = await Promise.all(
      asked.documents.map(async ({ name, content }) => ({ name, bytes: await bytesOf(content) })),
    );
    const archive = await prepareArchive(
      [
        { name: OPENING_LIST_NAME, bytes: bytes(canonicalise(LIST)) },
        ...files,
        { name: TOOL_FACTS_NAME, bytes: bytes(canonicalise(asked.toolFacts)) },
      ],
      false,
    );
    const request: EnvelopeRequest = { ...asked, archive };
    const byNode = await sealEnvelope(request, repeatable(nodeSealing(systemWorld.randomBytes)));
    const expected = await collected(byNode.bytes());
    const name = `${profile} to ${keyTransport}${openingCertificate === undefined ? '' : ', two layers'}`;
    t.ok(Buffer.from(expected).equals(await bytesOf(sealed.envelope)), name);
    t.strictSame(sealed.promises, {
      ...(await byNode.promises()),
      envelopeSha256: createHash('sha256').update(expected).digest('base64url'),
    });
    t.strictSame(sealed.cek, byNode.cek);
  }
});

t.test('the command line opens what the browser wrapped by itself, and computes the same promises', async (t) => {
  const folder = await temporaryFolder(t);
  for (const keyTransport of ALONE) {
    const { certificate, privateKey } = holderFor(keyTransport);
    const sealed = await sealHere(task(keyTransport, { profile: profileFor(keyTransport) }), here(browser));
    const path = join(folder, keyTransport);
    await writeFile(path, await bytesOf(sealed.envelope));
    const { promises, openingList } = await adoptEnvelope(path, certificate, unwrapWith(privateKey));
    t.strictSame(promises, sealed.promises, keyTransport);
    t.strictSame(openingList, LIST);
    t.strictSame(Uint8Array.from(await unwrapWith(privateKey)(readRecipientInfos(sealed.recipientInfos))), sealed.cek);
  }
});

t.test('what cannot be sealed leaves nothing behind, and is said by its code', async (t) => {
  const givenUp: string[] = [];
  const sink = (): EnvelopeSink => ({ ...blobSink(), giveUp: async () => void givenUp.push('sink') });
  const wrong = [
    ['list_not_in_form', task('sm2', { openingList: { ...LIST, v: 2 as 1 } })],
    ['name_not_allowed', task('sm2', { documents: [{ name: '../x', content: new Blob(['x']) }] })],
    ...[['a.pdf', 'A.PDF'], ['１.pdf', '1.pdf'], ['tool.json'], ['Opening-List.json']].map(
      (names) => ['names_alike', task('sm2', { documents: named(names) })] as const,
    ),
    ['too_many_documents', task('sm2', { documents: named(numbered(ARCHIVE_ENTRIES_LIMIT - 1)) })],
    ['transport_not_for_key', task('rsa_oaep_sha256', { certificate: holderFor('ecdh_p256').certificate })],
    ['transport_not_for_key', task('rsa_pkcs1_v15')],
    ['document_changed', task('sm2', { documents: [{ name: 'x', content: goneBlob() }] })],
    ...[0, PIECE_BYTES - 1, PIECE_BYTES, 2 * PIECE_BYTES + 4].map(
      (at) => ['document_changed', task('sm2', { documents: [{ name: 'x', content: writtenTo(at) }] })] as const,
    ),
  ] as const;
  for (const [code, asked] of wrong) await t.rejects(sealHere(asked, here(browser, sink())), { code });
  t.equal(givenUp.length, wrong.length);
  const full: EnvelopeSink = {
    ...sink(),
    write() {
      throw new DOMException('full', 'QuotaExceededError');
    },
  };
  await t.rejects(sealHere(task('sm2'), here(browser, full)), { name: 'QuotaExceededError' });
});

const named = (names: readonly string[]) => names.map((name) => ({ name, content: new Blob(['x']) }));
const numbered = (count: number) => Array.from({ length: count }, (_, n) => `${n}.txt`);

t.test('as many documents as an archive holds are sealed, whatever script their names are in', async (t) => {
  const folder = await temporaryFolder(t);
  const { certificate, privateKey } = holderFor('ecdh_p256');
  const names = ['投标函.pdf', 'عرض.pdf', 'a b.pdf', 'é.pdf', ...numbered(ARCHIVE_ENTRIES_LIMIT - 6)];
  t.equal(findAlikeDocument(names), null);
  t.equal(findAlikeDocument([...names, 'A B.pdf']), 'A B.pdf');
  const sealed = await sealHere(task('ecdh_p256', { documents: named(names) }), here(browser));
  const path = join(folder, 'many');
  await writeFile(path, await bytesOf(sealed.envelope));
  t.strictSame((await adoptEnvelope(path, certificate, unwrapWith(privateKey))).promises, sealed.promises);
});

/** A file in which one byte is written to after it was read for the first time, in a browser that does not notice. */
function writtenTo(at: number): Blob {
  const bytes = new Uint8Array(2 * PIECE_BYTES + 5).fill(7);
  const content = new Blob([bytes]);
  const other = bytes.slice();
  other[at] = 8;
  const first = content.slice.bind(content);
  // read in pieces the first time; as a part of the archive it is what it has become
  return Object.assign(new Blob([other]), { slice: first });
}

/** A file that is no longer what it was when it was chosen. */
function goneBlob(): Blob {
  const gone = new Blob(['gone']);
  const slice = () => ({ arrayBuffer: () => Promise.reject(new DOMException('changed', 'NotReadableError')) });
  return Object.assign(gone, { slice });
}

t.test('GCM in pieces is GCM in one, however the content is cut', async () => {
  const [cek, nonce] = [systemWorld.randomBytes(32), systemWorld.randomBytes(12)];
  await fc.assert(
    fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 70 }), { maxLength: 8 }), async (pieces) => {
      const gcm = await startGcm(subtle, cek, nonce);
      const out: Uint8Array[] = [];
      for (const piece of pieces) out.push(await gcm.update(piece));
      const { ciphertext, tag } = await gcm.finish();
      const native = createCipheriv('aes-256-gcm', cek, nonce);
      const expected = Buffer.concat([native.update(joinBytes(...pieces)), native.final()]);
      return expected.equals(joinBytes(...out, ciphertext)) && native.getAuthTag().equals(Buffer.from(tag));
    }),
    { numRuns: 60 },
  );
});

t.test('hashes in pieces are the hashes in one', (t) => {
  const key = systemWorld.randomBytes(32);
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 6 }), (pieces) => {
      const [hash, hmac] = [startSha256(), startHmacSha256(key)];
      let crc = 0;
      for (const piece of pieces) {
        hash.update(piece);
        hmac.update(piece);
        crc = crc32Of(piece, crc);
      }
      const whole = joinBytes(...pieces);
      return (
        createHash('sha256').update(whole).digest().equals(hash.digest()) &&
        createHmac('sha256', key).update(whole).digest().equals(hmac.digest()) &&
        crc === crc32(whole)
      );
    }),
  );
  t.throws(() => startHmacSha256(new Uint8Array(65)), RangeError);
  t.doesNotThrow(() => startHmacSha256(new Uint8Array(64)));
  t.end();
});

t.test('the products of a multiplier made once are those of multiplying', (t) => {
  const elements = fc.bigInt({ min: 0n, max: (1n << 128n) - 1n });
  fc.assert(fc.property(elements, elements, (x, y) => multiplierBy(y)(x) === multiply(x, y)));
  t.equal(multiplierBy(0n)(5n), 0n);
  t.end();
});

t.test('a hash elsewhere is the hash here, and the bytes stay with whoever gave them', async (t) => {
  const { port1, port2 } = new MessageChannel();
  t.teardown(() => port1.close());
  answerHashes(port2);
  let onTheWay = 0;
  let most = 0;
  const sendOn = port1.postMessage.bind(port1) as (request: HashRequest, moved: Transferable[]) => void;
  const watched: HashPort = {
    set onmessage(listener: HashPort['onmessage']) {
      port1.onmessage = (event) => {
        if ((event.data as HashAnswer).kind === 'taken') onTheWay -= 1;
        listener?.call(port1, event);
      };
    },
    postMessage(request: HashRequest, moved: unknown) {
      if (request.kind === 'bytes') most = Math.max(most, ++onTheWay);
      sendOn(request, moved as Transferable[]);
    },
  };
  const key = systemWorld.randomBytes(32);
  // at the edges of a load, over many loads, and of nothing; one hash after another over one port
  for (const lengths of [
    [],
    [1],
    [LOAD_BYTES - 1, 1, 1],
    [LOAD_BYTES],
    [LOAD_BYTES + 1, 3 * LOAD_BYTES, 8 * LOAD_BYTES],
  ]) {
    const pieces = lengths.map((length) => systemWorld.randomBytes(length));
    const whole = joinBytes(...pieces);
    for (const hmacKey of [null, key]) {
      const hash = hashElsewhere(watched, hmacKey);
      for (const piece of pieces) await hash.update(piece);
      const expected = hmacKey === null ? createHash('sha256') : createHmac('sha256', key);
      t.strictSame(await hash.digest(), Uint8Array.from(expected.update(whole).digest()), lengths.join(' '));
      t.ok(Buffer.from(joinBytes(...pieces)).equals(whole));
    }
  }
  t.equal(most, LOADS, 'no more memory than that is on its way');
});

t.test('an envelope in memory is what was written, however long', async (t) => {
  const pieces = [0, 1, 5_000_000, 3, 4_194_304, 7].map((length) => systemWorld.randomBytes(length));
  const sink = blobSink();
  for (const piece of pieces) await sink.write(piece);
  t.ok(Buffer.from(await bytesOf(await sink.finish())).equals(joinBytes(...pieces)));
  await sink.write(new Uint8Array(5));
  await sink.giveUp();
  t.equal((await sink.finish()).size, 0);
});

t.test('a Blob in pieces is the Blob', async (t) => {
  const bytes = Uint8Array.from(systemWorld.randomBytes(10));
  const blob = new Blob([bytes]);
  for (const readBytes of [1, 3, 5, 10, 11])
    for (const pieceBytes of [1, 2, 5, 6, 11]) {
      t.strictSame(await collected(piecesOf(blob, readBytes, pieceBytes)), bytes);
      for await (const piece of piecesOf(blob, readBytes, pieceBytes))
        t.ok(piece.length <= Math.min(readBytes, pieceBytes));
    }
  t.strictSame(await collected(piecesOf(new Blob([]))), new Uint8Array(0));
  t.equal(READ_BYTES % PIECE_BYTES, 0);
  t.equal(PIECE_BYTES % 16, 0, 'GCM takes whole blocks as they are');
});
