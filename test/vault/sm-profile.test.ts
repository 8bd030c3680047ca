/** The SM4 profile: its numbers, its one spelling, what its MAC holds, that nobody can offer another cipher, and that others can redo it. */
import { spawnSync } from 'node:child_process';
import { createCipheriv, createHash, createHmac } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { sealBid } from '../../server/cli/seal/seal.ts';
import { unwrapWith, wrapTo } from '../../server/cli/seal/wrap.ts';
import { joinBytes, toHex } from '../../server/core/log/bytes.ts';
import { utf8 } from '../../server/core/log/utf8.ts';
import { parseCertificate } from '../../server/core/pki/certificate.ts';
import { CertificateError, readDer } from '../../server/core/pki/der.ts';
import {
  type ContentAlgorithm,
  readContentAlgorithm,
  writeAuthEncParams,
  writeContentAlgorithm,
} from '../../server/core/seal/content-cipher.ts';
import { startEnvelope } from '../../server/core/seal/envelope.ts';
import { EnvelopeError } from '../../server/core/seal/envelope-error.ts';
import { writeEnvelope } from '../../server/core/seal/envelope-writing.ts';
import { packageRoot } from '../../server/root.ts';
import { startDecryption, startEncryption } from '../../server/vault/content-cipher.ts';
import { materialise } from '../../server/vault/materialise.ts';
import { openEnvelope } from '../../server/vault/open-envelope.ts';
import { receiveEnvelope } from '../../server/vault/receive-envelope.ts';
import { openVaultFolder, readChunks } from '../../server/vault/vault-folder.ts';
import { systemWorld } from '../../server/world.ts';
import { goldenPath } from '../core/seal/golden.ts';
import t from '../support/tap.ts';
import { BIDDER, CEK, LIST, promisedOf, SM2, temporaryFolder } from './bids.ts';

const { randomBytes } = systemWorld;
const PAGE = readFileSync(join(packageRoot, 'server/core/seal/PROFILES.md'), 'utf8');
const COUNTER = Uint8Array.from({ length: 16 }, (_, at) => 0xf0 + at);
const ALGORITHM: ContentAlgorithm = { cipher: 'sm4_ctr_hmac_sm3', nonce: COUNTER };

/** The number that the page gives under this name. */
function written(name: string): string {
  return new RegExp(`^${name} +([0-9a-f]+)$`, 'm').exec(PAGE)?.[1] ?? `the page has no ${name}`;
}

function enciphered(plaintext: Uint8Array, algorithm = ALGORITHM, cek = CEK) {
  const encryption = startEncryption(algorithm, cek);
  const ciphertext = Uint8Array.from(encryption.update(plaintext));
  return { ciphertext, tag: Uint8Array.from(encryption.finish()) };
}

t.test(
  'the runtime’s SM4 and SM3 are the standards’: their published numbers, and the counter in all 16 bytes',
  async (t) => {
    const bytes = (hex: string) => Uint8Array.from(Buffer.from(hex, 'hex'));
    // GB/T 32907-2016 A.1: key and plaintext alike
    const block = bytes('0123456789abcdeffedcba9876543210');
    const ctr = (iv: Uint8Array, length: number) =>
      toHex(createCipheriv('sm4-ctr', block, iv).update(new Uint8Array(length)));
    t.equal(ctr(block, 16), '681edf34d206965e86b3e94f536e4246');
    // the last counter block is followed by zero: what a counter of 32 or 64 bits would do otherwise
    t.equal(ctr(new Uint8Array(16).fill(0xff), 32).slice(32), ctr(new Uint8Array(16), 16));
    // GB/T 32905-2016 A.1
    t.equal(
      createHash('sm3').update('abc').digest('hex'),
      '66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0',
    );
  },
);

t.test('the example of PROFILES.md, and its keys by HMAC alone', async (t) => {
  const cek = Uint8Array.from({ length: 32 }, (_, at) => at);
  const derive = (label: string) =>
    createHmac('sm3', cek)
      .update(label)
      .update(Uint8Array.of(0, 0, 0, 1))
      .digest();
  t.equal(toHex(derive('encryption').subarray(0, 16)), written('K_enc'));
  t.equal(toHex(derive('authentication')), written('K_mac'));
  const { ciphertext, tag } = enciphered(utf8('开标 opening'), ALGORITHM, cek);
  t.equal(toHex(ciphertext), written('ciphertext'));
  t.equal(toHex(tag), written('MAC'));
  t.equal(toHex(writeContentAlgorithm(ALGORITHM)), written('algorithm'));
  const mac = createHmac('sm3', derive('authentication')).update(writeAuthEncParams(COUNTER)).update(ciphertext);
  t.equal(mac.digest('hex'), written('MAC'));
});

t.test('the algorithm has one spelling; any other byte is refused', async (t) => {
  const good = writeContentAlgorithm(ALGORITHM);
  t.strictSame(readContentAlgorithm(readDer(good)), ALGORITHM);
  fc.assert(
    fc.property(fc.nat(good.length - 1), fc.nat(255), (at, byte) => {
      const bytes = good.slice();
      bytes[at] = byte;
      try {
        t.strictSame(writeContentAlgorithm(readContentAlgorithm(readDer(bytes))), bytes);
      } catch (error) {
        if (!(error instanceof EnvelopeError || error instanceof CertificateError)) throw error;
      }
    }),
    { numRuns: 500 },
  );
  const other = good.slice();
  const iterations = toHex(good).indexOf('020101') / 2 + 2;
  other[iterations] = 2;
  t.throws(() => readContentAlgorithm(readDer(other)), { code: 'wrong_cipher' }, 'two iterations');
});

t.test('the MAC holds every byte of content and counter, whatever the cut', async (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 200 }), fc.nat(), fc.nat(250), (content, place, cut) => {
      const { ciphertext, tag } = enciphered(content);
      const open = (algorithm: ContentAlgorithm, bytes: Uint8Array, by: Uint8Array) => {
        const decryption = startDecryption(algorithm, CEK);
        const parts = [bytes.subarray(0, cut), bytes.subarray(cut)].map((part) => decryption.update(part));
        return decryption.accepts(by) ? joinBytes(...parts) : undefined;
      };
      const flip = (bytes: Uint8Array): Uint8Array => {
        const bit = place % (bytes.length * 8);
        return bytes.map((byte, at) => (at === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte));
      };
      t.strictSame(open(ALGORITHM, ciphertext, tag), Uint8Array.from(content));
      t.equal(open(ALGORITHM, flip(ciphertext), tag), undefined);
      t.equal(open(ALGORITHM, ciphertext, flip(tag)), undefined);
      t.equal(open(ALGORITHM, ciphertext, tag.subarray(0, 16)), undefined);
      t.equal(open({ ...ALGORITHM, nonce: flip(COUNTER) }, ciphertext, tag), undefined);
      t.equal(open(ALGORITHM, ciphertext.subarray(1), tag), undefined);
    }),
    { numRuns: 40 },
  );
});

t.test('in an envelope the MAC has 32 bytes and a GCM tag is too short', async (t) => {
  const recipient = wrapTo(BIDDER.certificate, 'rsa_oaep_sha256', CEK);
  const { header, trailer } = writeEnvelope(recipient, ALGORITHM, 3);
  const read = (end: Uint8Array): string => {
    const reader = startEnvelope();
    try {
      reader.push(joinBytes(header, new Uint8Array(3), end));
      reader.end();
      return reader.header()?.cipher ?? 'no header';
    } catch (error) {
      if (error instanceof EnvelopeError) return error.code;
      throw error;
    }
  };
  t.equal(read(trailer(new Uint8Array(32))), 'sm4_ctr_hmac_sm3');
  t.equal(read(joinBytes(Uint8Array.of(4, 16), new Uint8Array(16))), 'short_tag');
  t.throws(() => trailer(new Uint8Array(16)), RangeError);
  t.throws(() => writeEnvelope(recipient, { ...ALGORITHM, nonce: new Uint8Array(12) }, 3), RangeError);
});

async function sealed(
  t: Parameters<typeof temporaryFolder>[0],
  holder: typeof SM2,
  profile: 'kaibiao-seal-sm-1' | 'kaibiao-seal-1',
) {
  const folder = await temporaryFolder(t);
  const out = join(folder, 'bid.p7m');
  const promises = await sealBid({
    openingList: LIST,
    documents: [{ name: '技术标.pdf', bytes: randomBytes(100_000) }],
    toolFacts: {},
    certificate: holder.certificate,
    keyTransport: holder === SM2 ? 'sm2' : 'rsa_oaep_sha256',
    profile,
    compress: false,
    out,
    unwrap: unwrapWith(holder.privateKey),
    randomBytes,
  });
  const reader = startEnvelope();
  reader.push(await readFile(out));
  const recipient = reader.header()?.recipient;
  if (recipient === undefined) throw new Error('no header');
  const cek = async () => Uint8Array.from(await unwrapWith(holder.privateKey)(recipient));
  return { folder, out, promises, cek };
}

t.test('a bid of the SM profile goes the whole way, to an SM2 key and to any other', async (t) => {
  for (const holder of [SM2, BIDDER]) {
    const { folder, out, promises, cek } = await sealed(t, holder, 'kaibiao-seal-sm-1');
    t.equal(promises.profile, 'kaibiao-seal-sm-1');
    const vault = await openVaultFolder(join(folder, 'vault'), randomBytes);
    const gate = { certificate: parseCertificate(holder.certificate), limitBytes: 1_000_000, signed: promises };
    const received = await receiveEnvelope(vault, readChunks(out), gate);
    if ('refused' in received) throw new Error(received.refused);
    const stored = vault.path(received.name);
    t.match(await openEnvelope(stored, await cek(), promisedOf(promises)), { ok: true, openingList: LIST });
    const documents = await materialise(stored, await cek(), promisedOf(promises), vault, {
      unpackedLimitBytes: 1_000_000,
    });
    t.ok(documents.ok);
  }
});

t.test(
  'an envelope of another profile than was signed is refused at the gate, and its key is never used',
  async (t) => {
    for (const [made, said] of [
      ['kaibiao-seal-1', 'kaibiao-seal-sm-1'],
      ['kaibiao-seal-sm-1', 'kaibiao-seal-1'],
    ] as const) {
      const { folder, out, promises, cek } = await sealed(t, SM2, made);
      const signed = { ...promises, profile: said };
      const vault = await openVaultFolder(join(folder, 'vault'), randomBytes);
      const gate = { certificate: parseCertificate(SM2.certificate), limitBytes: 1_000_000, signed };
      t.strictSame(await receiveEnvelope(vault, readChunks(out), gate), { refused: 'envelope_of_another_profile' });
      const opened = await openEnvelope(out, await cek(), promisedOf(signed));
      t.match(opened, { ok: false, failure: 'header_differs', detail: 'other_profile', fault: 'platform' });
    }
  },
);

t.test('Python and OpenSSL redo it by the page, and find a changed byte', async (t) => {
  const hasSm3 = spawnSync('python3', ['-c', "import hmac; hmac.new(b'', b'', 'sm3')"]).status === 0;
  if (!hasSm3 || spawnSync('openssl', ['version']).status !== 0)
    return t.comment('no python3 with SM3, or no openssl, here');
  const { folder, out, cek } = await sealed(t, SM2, 'kaibiao-seal-sm-1');
  const script = /```python\n([\s\S]*?)```/.exec(PAGE)?.[1] ?? '';
  writeFileSync(join(folder, 'redo.py'), script);
  writeFileSync(join(folder, 'cek.bin'), await cek());
  const redo = () => spawnSync('python3', ['redo.py', out, 'cek.bin', 'bid.zip'], { cwd: folder });
  const key = ['-inkey', goldenPath('sm2.key.pem'), '-out', join(folder, 'opened')];
  const stock = spawnSync('openssl', ['cms', '-decrypt', '-binary', '-inform', 'DER', '-in', out, ...key]);
  t.match(stock.stderr.toString(), /unknown cipher/, 'stock OpenSSL does not open it, as the page says');
  t.equal(redo().status, 0);
  t.equal(readFileSync(join(folder, 'bid.zip')).subarray(0, 2).toString(), 'PK');
  const bytes = await readFile(out);
  bytes[50_000] = (bytes[50_000] ?? 0) ^ 1;
  writeFileSync(out, bytes);
  t.match(redo().stderr.toString(), /the MAC does not fit/);
});
