/** Receiving envelopes: the gate, the limits, and that nothing is left behind of what was not taken. */
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { toBase64Url } from '../../server/core/log/base64.ts';
import { parseCertificate } from '../../server/core/pki/certificate.ts';
import { readRecipientInfos } from '../../server/core/seal/recipient-info.ts';
import { sha256 } from '../../server/hash.ts';
import type { Gate } from '../../server/vault/envelope-gate.ts';
import { receiveEnvelope } from '../../server/vault/receive-envelope.ts';
import { openVaultFolder, type VaultFolder } from '../../server/vault/vault-folder.ts';
import { systemWorld } from '../../server/world.ts';
import { golden, goldenNames } from '../core/seal/golden.ts';
import t from '../support/tap.ts';
import { BIDDER_CERTIFICATE, CURVE, chunksOf, holderOf, OTHER, temporaryFolder } from './bids.ts';

const GATE: Gate = { certificate: BIDDER_CERTIFICATE, limitBytes: 1_000_000 };
const NAME = 'valid/stream-oaep-sha256.cms';
const ENVELOPE = golden(NAME);
const SIGNED = {
  envelopeSha256: toBase64Url(sha256(ENVELOPE)),
  envelopeBytes: ENVELOPE.length,
  profile: 'kaibiao-seal-1' as const,
};

async function emptyFolder(t: Parameters<typeof temporaryFolder>[0]): Promise<{ path: string; folder: VaultFolder }> {
  const path = await temporaryFolder(t);
  return { path, folder: await openVaultFolder(path, systemWorld.randomBytes) };
}

/** Every file below a vault folder. */
async function filesIn(path: string): Promise<string[]> {
  return [...(await readdir(join(path, 'incoming'))), ...(await readdir(join(path, 'finished')))];
}

/** Counts what is asked for. */
function counted(chunks: AsyncIterable<Uint8Array>) {
  const asked = { chunks: 0 };
  const source = (async function* () {
    for await (const chunk of chunks) {
      asked.chunks += 1;
      yield chunk;
    }
  })();
  return { asked, source };
}

const gateOf = (name: string): Gate => ({ ...GATE, certificate: parseCertificate(holderOf(name).certificate) });

t.test('an envelope of stock OpenSSL is received byte for byte', async (t) => {
  const { path, folder } = await emptyFolder(t);
  for (const name of goldenNames('valid')) {
    const bytes = golden(name);
    const received = await receiveEnvelope(folder, chunksOf(bytes), gateOf(name));
    if ('refused' in received) throw new Error(`${name}: ${received.refused}`);
    t.strictSame(Uint8Array.from(await readFile(folder.path(received.name))), bytes);
    t.equal(received.envelopeSha256, toBase64Url(sha256(bytes)));
    t.equal(received.envelopeBytes, bytes.length);
    t.equal(received.recipientInfosSha256, toBase64Url(sha256(received.recipientInfos)));
    t.equal(readRecipientInfos(received.recipientInfos).encryptedKey.length, holderOf(name) === CURVE ? 40 : 256);
  }
  t.equal((await readdir(join(path, 'incoming'))).length, 0);
});

t.test('what is received does not depend on how it comes', async (t) => {
  const { path, folder } = await emptyFolder(t);
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 200, max: 20_000 }), async (size) => {
      const received = await receiveEnvelope(folder, chunksOf(ENVELOPE, size), GATE);
      if ('refused' in received) throw new Error(received.refused);
      t.strictSame(Uint8Array.from(await readFile(folder.path(received.name))), ENVELOPE);
      await folder.discard(received.name);
    }),
    { numRuns: 10, examples: [[7], [ENVELOPE.length]] },
  );
  t.strictSame(await filesIn(path), []);
});

t.test('with the signed statement at hand, hash, length and recipients must be those signed', async (t) => {
  const { path, folder } = await emptyFolder(t);
  const first = await receiveEnvelope(folder, chunksOf(ENVELOPE), GATE);
  if ('refused' in first) throw new Error(first.refused);
  await folder.discard(first.name);
  const signed = { ...SIGNED, recipientInfosSha256: first.recipientInfosSha256 };
  const other = toBase64Url(sha256(new Uint8Array(1)));
  for (const wrong of [
    { ...signed, envelopeSha256: other },
    { ...signed, envelopeBytes: ENVELOPE.length - 1 },
    { ...signed, envelopeBytes: ENVELOPE.length + 1 },
    { ...signed, recipientInfosSha256: other },
  ] as const) {
    const refusal = await receiveEnvelope(folder, chunksOf(ENVELOPE), { ...GATE, signed: wrong });
    t.strictSame(refusal, { refused: 'envelope_not_as_signed' });
    t.strictSame(await filesIn(path), []);
  }
  const offered = await receiveEnvelope(folder, chunksOf(ENVELOPE), {
    ...GATE,
    signed: { ...signed, profile: 'kaibiao-seal-sm-1' },
  });
  t.strictSame(offered, { refused: 'envelope_of_another_profile' });
  t.strictSame(await filesIn(path), []);
  t.notOk('refused' in (await receiveEnvelope(folder, chunksOf(ENVELOPE), { ...GATE, signed })));
});

t.test('an envelope that names the certificate but not its kind of key is for another one', async (t) => {
  const { folder } = await emptyFolder(t);
  const { keyAlgorithm } = parseCertificate(CURVE.certificate);
  const gate = { ...GATE, certificate: { ...BIDDER_CERTIFICATE, keyAlgorithm } };
  t.strictSame(await receiveEnvelope(folder, chunksOf(ENVELOPE), gate), {
    refused: 'envelope_for_another_certificate',
  });
});

t.test('an envelope for another certificate is refused before anything is written', async (t) => {
  const { path, folder } = await emptyFolder(t);
  const begin = t.capture(folder, 'begin', folder.begin);
  for (const name of goldenNames('valid')) {
    const { asked, source } = counted(chunksOf(golden(name), 700));
    const gate = { ...GATE, certificate: parseCertificate(OTHER.certificate) };
    t.strictSame(await receiveEnvelope(folder, source, gate), { refused: 'envelope_for_another_certificate' });
    t.equal(asked.chunks, 1, 'nothing more is asked for');
  }
  t.equal(begin().length, 0);
  t.strictSame(await filesIn(path), []);
});

t.test('two recipients, other ciphers and other formats are refused by name, unwritten', async (t) => {
  const { path, folder } = await emptyFolder(t);
  const begin = t.capture(folder, 'begin', folder.begin);
  for (const name of goldenNames('invalid')) {
    const refusal = await receiveEnvelope(folder, chunksOf(golden(name)), GATE);
    t.strictSame(refusal, { refused: 'envelope_malformed', code: name.split(/[/.]/)[1] }, name);
  }
  t.equal(begin().length, 0);
  t.strictSame(await filesIn(path), []);
});

t.test('a plain ZIP is refused: what is not encrypted does not come in (20号令26)', async (t) => {
  const { folder } = await emptyFolder(t);
  const refusal = await receiveEnvelope(folder, chunksOf(golden('bid.zip')), GATE);
  t.strictSame(refusal, { refused: 'envelope_malformed', code: 'not_auth_enveloped' });
});

t.test('the size limit holds to the byte, and the rest is not asked for', async (t) => {
  const { path, folder } = await emptyFolder(t);
  const at = await receiveEnvelope(folder, chunksOf(ENVELOPE), { ...GATE, limitBytes: ENVELOPE.length });
  t.notOk('refused' in at);
  const over = await receiveEnvelope(folder, chunksOf(ENVELOPE), { ...GATE, limitBytes: ENVELOPE.length - 1 });
  t.strictSame(over, { refused: 'envelope_too_large' });
  const { asked, source } = counted(chunksOf(ENVELOPE, 1000));
  t.strictSame(await receiveEnvelope(folder, source, { ...GATE, limitBytes: 2500 }), { refused: 'envelope_too_large' });
  t.equal(asked.chunks, 3);
  t.equal((await filesIn(path)).length, 1, 'only the accepted one is there');
});

t.test('an upload that breaks off leaves no file, wherever it breaks', async (t) => {
  const { path, folder } = await emptyFolder(t);
  for (const after of [0, 100, 5000, ENVELOPE.length - 1]) {
    const broken = (async function* () {
      yield* chunksOf(ENVELOPE.subarray(0, after));
      throw new Error('connection reset');
    })();
    await t.rejects(receiveEnvelope(folder, broken, GATE), { message: 'connection reset' });
    t.strictSame(await filesIn(path), []);
  }
});

t.test('an upload that ends early, or goes on behind the end, is refused', async (t) => {
  const { path, folder } = await emptyFolder(t);
  for (const length of [0, 1, 300, 5000, ENVELOPE.length - 1]) {
    const refusal = await receiveEnvelope(folder, chunksOf(ENVELOPE.subarray(0, length)), GATE);
    t.strictSame(refusal, { refused: 'envelope_malformed', code: 'truncated' }, `${length} bytes`);
  }
  const longer = await receiveEnvelope(folder, chunksOf(Uint8Array.from([...ENVELOPE, 0])), GATE);
  t.strictSame(longer, { refused: 'envelope_malformed', code: 'trailing_bytes' });
  t.strictSame(await filesIn(path), []);
});

t.test('a disk that fails leaves no file and no answer', async (t) => {
  const { path, folder } = await emptyFolder(t);
  const failing: VaultFolder = {
    ...folder,
    async begin() {
      const quarantined = await folder.begin();
      return { ...quarantined, publish: () => Promise.reject(new Error('EIO')) };
    },
  };
  await t.rejects(receiveEnvelope(failing, chunksOf(ENVELOPE), GATE), { message: 'EIO' });
  t.strictSame(await filesIn(path), []);
});

t.test('what a crash left in quarantine is gone after a start, what was finished is there', async (t) => {
  const { path, folder } = await emptyFolder(t);
  const received = await receiveEnvelope(folder, chunksOf(ENVELOPE), GATE);
  if ('refused' in received) throw new Error(received.refused);
  await writeFile(join(path, 'incoming', 'half'), ENVELOPE.subarray(0, 100));
  await openVaultFolder(path, systemWorld.randomBytes);
  t.strictSame(await filesIn(path), [received.name]);
});

t.test('no name leads out of the folder', async (t) => {
  const { folder } = await emptyFolder(t);
  for (const name of ['', '..', '../x', 'a/b', 'AAAAAAAAAAAAAAAAAAAAAAA', 'AAAAAAAAAAAAAAAAAAAA\nA']) {
    t.throws(() => folder.path(name), RangeError, name);
  }
});
