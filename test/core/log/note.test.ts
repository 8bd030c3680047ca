/** Signed notes, checkpoints and cosignatures: the public vectors, strict reading, and whose signatures count. */
import { ed25519 } from '@noble/curves/ed25519.js';
import fc from 'fast-check';
import { fromBase64, toBase64 } from '../../../server/core/log/base64.ts';
import { joinBytes, uint32Bytes } from '../../../server/core/log/bytes.ts';
import { formatCheckpoint, openCheckpoint, parseCheckpoint } from '../../../server/core/log/checkpoint.ts';
import {
  cosignatureMessage,
  cosignatureVerifier,
  formatCosignature,
  parseCosignature,
} from '../../../server/core/log/cosignature.ts';
import {
  addSignatures,
  ed25519Verifier,
  formatNote,
  formatSignatureLine,
  formatVkey,
  isWeakEd25519Key,
  KEY_TYPES,
  keyIdOf,
  NOTE_LIMIT_BYTES,
  type NoteSignature,
  openNote,
  parseNote,
  parseSignatureLine,
  parseVkey,
  signNote,
  verifierKey,
} from '../../../server/core/log/note.ts';
import { fromUtf8, utf8 } from '../../../server/core/log/utf8.ts';
import { logKey, sha256, verifyEd25519 } from '../../support/log-fixtures.ts';
import t from '../../support/tap.ts';

const fault = (code: string) => ({ name: 'LogFormatError', code });
const verifierOf = (vkey: string) => ed25519Verifier(parseVkey(sha256, vkey), verifyEd25519);

// the vector of golang.org/x/mod/sumdb/note, adapted to the name used by c2sp.org/signed-note
const VKEY = 'example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k';
const TEXT = 'This is an example message.\n';
const SIGNATURE = 'Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=';
const NOTE = `${TEXT}\n— example.com/foo ${SIGNATURE}\n`;

t.test('the published vector opens, as text and as bytes', async (t) => {
  for (const note of [NOTE, utf8(NOTE)]) {
    const { text, signatures } = await openNote(note, [verifierOf(VKEY)]);
    t.equal(text, TEXT);
    t.match(signatures, [{ name: 'example.com/foo', keyId: 0x530d903a }]);
    t.equal(signatures.length, 1);
  }
  t.equal(formatVkey(parseVkey(sha256, VKEY)), VKEY);
});

t.test('every changed bit of the vector is refused', async (t) => {
  const bytes = utf8(NOTE);
  const verifier = verifierOf(VKEY);
  for (let at = 0; at < bytes.length; at++) {
    const changed = bytes.slice();
    changed[at] = (changed[at] as number) ^ (1 << (at % 8));
    await t.rejects(openNote(changed, [verifier]), { name: 'LogFormatError' }, `byte ${at}`);
  }
});

t.test('vkeys: print after parse is the identity, for names and keys of any kind', async (t) => {
  const names = fc.string({ unit: fc.constantFrom(...'ab/.-_开标1'), minLength: 1, maxLength: 20 });
  fc.assert(
    fc.property(names, fc.nat(255), fc.constantFrom(1, 4), (name, seed, type) => {
      const { key, vkey } = logKey(name, seed, type);
      t.strictSame(parseVkey(sha256, vkey), key);
      t.equal(formatVkey(parseVkey(sha256, vkey)), vkey);
    }),
    { numRuns: 60 },
  );
});

t.test('vkeys: a key whose base64 holds + and / is cut at the first two + only', async (t) => {
  const found = Array.from({ length: 256 }, (_, seed) => logKey('a', seed).vkey).find(
    (vkey) => vkey.split('+').length > 3,
  );
  t.ok(found);
  t.equal(formatVkey(parseVkey(sha256, found as string)), found);
});

t.test('vkeys: refused', async (t) => {
  const [name, id, key] = VKEY.split('+') as [string, string, string];
  for (const bad of [
    '',
    name,
    `${name}+${id}`,
    `+${id}+${key}`,
    `${name}+${id.toUpperCase()}+${key}`,
    `${name}+530d903b+${key}`,
    `${name}x+${id}+${key}`,
    `${name}+${id}+${key}=`,
    `${name}+${id}+${key.slice(0, -4)}`,
    `${name}+${id}+`,
    `${name}+${id}+${key} `,
    `${name} +${id}+${key}`,
    `${VKEY}\n`,
  ])
    t.throws(() => parseVkey(sha256, bad), fault('vkey_malformed'), JSON.stringify(bad));
  const raw = parseVkey(sha256, VKEY).publicKey;
  for (const type of [0, 2, 5, 6, 0xff]) t.throws(() => verifierKey(sha256, 'a', type, raw), fault('vkey_malformed'));
  t.throws(() => verifierKey(sha256, 'a b', 1, raw), fault('key_name_malformed'));
  t.ok(verifierKey(sha256, 'a', KEY_TYPES.mlDsa44Cosignature, new Uint8Array(1312)), 'room for ML-DSA-44');
});

t.test('weak keys: every spelling of a small-order point is refused at enrolment', async (t) => {
  // eight multiples of a generator of the torsion subgroup, by an implementation that is not ours
  const generator = ed25519.Point.fromHex('26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05');
  const seen = new Set<string>();
  for (let k = 1; k <= 8; k++) {
    const bytes = (k === 8 ? ed25519.Point.ZERO : generator.multiplyUnsafe(BigInt(k))).toBytes();
    seen.add(Buffer.from(bytes).toString('hex'));
    t.ok(isWeakEd25519Key(bytes), `${k} times`);
    t.throws(() => verifierKey(sha256, 'a', 1, bytes), fault('vkey_weak'));
    t.throws(() => verifierKey(sha256, 'a', 4, bytes), fault('vkey_weak'));
    const signed = bytes.slice();
    signed[31] = (signed[31] as number) ^ 0x80;
    t.ok(isWeakEd25519Key(signed), 'with the other sign');
  }
  t.equal(seen.size, 8);
  for (let low = 0xed; low <= 0xff; low++) {
    for (const top of [0x7f, 0xff]) {
      const beyond = new Uint8Array(32).fill(0xff);
      beyond[0] = low;
      beyond[31] = top;
      t.ok(isWeakEd25519Key(beyond), `y = p + ${low - 0xed}`);
    }
  }
  t.ok(isWeakEd25519Key(new Uint8Array(31)));
  for (let seed = 0; seed < 50; seed++) t.notOk(isWeakEd25519Key(logKey('a', seed).publicKey));
});

t.test('a small-order key would have verified anything: why it is refused', async (t) => {
  const weak = new Uint8Array(32);
  weak[0] = 1;
  const anything = new Uint8Array(64);
  anything[0] = 1;
  t.ok(await verifyEd25519(weak, utf8('one text'), anything));
  t.ok(await verifyEd25519(weak, utf8('another text'), anything));
});

const key = logKey('kaibiao.example/ledger', 1);
const verifier = ed25519Verifier(key.key, verifyEd25519);
const signatureOf = (signer: typeof key, text: string): NoteSignature => ({
  name: signer.name,
  keyId: signer.keyId,
  signature: signer.sign(utf8(text)),
});

t.test('signing and opening, with blank lines in the text', async (t) => {
  const text = 'first\n\n\nfourth — x\n\n';
  const note = await signNote({ text, name: key.name, keyId: key.keyId, sign: key.sign });
  const opened = await openNote(note, [verifier]);
  t.equal(opened.text, text);
  t.equal(key.keyId, keyIdOf(sha256, key.name, 1, key.publicKey));
});

t.test('notes: print after parse is the identity', async (t) => {
  const texts = fc.array(fc.string({ unit: fc.constantFrom(...'ab —开+\n'), maxLength: 30 }), { maxLength: 4 });
  const lines = fc.array(
    fc.record(
      {
        name: fc.string({ unit: fc.constantFrom(...'ab/.开—'), minLength: 1, maxLength: 8 }),
        keyId: fc.nat(0xffffffff),
        signature: fc.uint8Array({ minLength: 1, maxLength: 80 }),
      },
      { noNullPrototype: true },
    ),
    { minLength: 1, maxLength: 17 },
  );
  fc.assert(
    fc.property(texts, lines, (parts, signatures) => {
      const text = `${parts.join('\n')}\n`;
      const note = formatNote(text, signatures);
      t.strictSame(parseNote(note), { text, signatures });
      t.equal(formatNote(parseNote(note).text, parseNote(utf8(note)).signatures), note);
    }),
    { numRuns: 150 },
  );
});

t.test('notes: malformed', async (t) => {
  const line = `— example.com/foo ${SIGNATURE}\n`;
  for (const bad of [
    '',
    '\n',
    TEXT,
    `${TEXT}\n`,
    `${TEXT}${line}`,
    `${TEXT}\n${line.slice(0, -1)}`,
    `${TEXT}\n${line}x\n`,
    `${TEXT}\n${line}\n`,
    `${TEXT}\n- example.com/foo ${SIGNATURE}\n`,
    `${TEXT}\n—example.com/foo ${SIGNATURE}\n`,
    `${TEXT}\n—  ${SIGNATURE}\n`,
    `${TEXT}\n— a b ${SIGNATURE}\n`,
    `${TEXT}\n— a+b ${SIGNATURE}\n`,
    `${TEXT}\n— a\u00a0b ${SIGNATURE}\n`,
    `${TEXT}\n— a  ${SIGNATURE}\n`,
    `${TEXT}\n— a ${SIGNATURE} \n`,
    `${TEXT}\n— a AAAAAA==\n`,
    `${TEXT}\n— a AAAAAB==\n`,
    `a\r\n\n${line}`,
    `a\tb\n\n${line}`,
    `a\u0000\n\n${line}`,
    `${TEXT}\n${line}`.replaceAll('\n', '\r\n'),
  ])
    t.throws(() => parseNote(bad), fault('note_malformed'));
  t.throws(() => parseNote(joinBytes(utf8(NOTE), Uint8Array.of(0xc0, 0x0a))), fault('utf8_malformed'));
  t.throws(() => formatNote('no line feed', [signatureOf(key, TEXT)]), fault('note_malformed'));
  t.throws(() => formatNote(TEXT, []), fault('note_malformed'));
  t.throws(
    () => formatSignatureLine({ name: 'a b', keyId: 1, signature: Uint8Array.of(1) }),
    fault('key_name_malformed'),
  );
  t.throws(() => parseSignatureLine(`— a ${SIGNATURE}\n`), fault('note_malformed'));
});

t.test('notes: sixteen signatures and a post-quantum line fit, 16 KiB is the limit', async (t) => {
  const text = formatCheckpoint({ origin: key.name, size: 1, root: new Uint8Array(32) });
  const others = Array.from({ length: 15 }, (_, i) => ({
    name: `w${i}.example`,
    keyId: i,
    signature: new Uint8Array(72),
  }));
  const pq = { name: 'pq.example', keyId: 9, signature: new Uint8Array(2428) };
  const note = formatNote(text, [...others, signatureOf(key, text), pq]);
  t.equal((await openNote(note, [verifier])).text, text);
  const room = NOTE_LIMIT_BYTES - utf8(formatNote('\n', [signatureOf(key, '\n')])).length;
  const long = `${'x'.repeat(room)}\n`;
  t.equal(utf8(formatNote(long, [signatureOf(key, long)])).length, NOTE_LIMIT_BYTES);
  t.throws(() => formatNote(`x${long}`, [signatureOf(key, long)]), fault('note_too_long'));
  t.throws(() => parseNote('x'.repeat(NOTE_LIMIT_BYTES + 1)), fault('note_too_long'));
  t.throws(() => parseNote('开'.repeat(NOTE_LIMIT_BYTES)), fault('note_too_long'), 'bytes count, not characters');
});

t.test(
  'unknown keys are ignored, also under a known name or a known id; a known key that fails spoils the note',
  async (t) => {
    const good = signatureOf(key, TEXT);
    const junk = new Uint8Array(64);
    const otherId = { name: key.name, keyId: key.keyId + 1, signature: junk };
    const otherName = { name: 'other.example', keyId: key.keyId, signature: junk };
    const opened = await openNote(formatNote(TEXT, [otherId, otherName, good]), [verifier]);
    t.strictSame(opened.signatures, [good]);
    await t.rejects(openNote(formatNote(TEXT, [otherId, otherName]), [verifier]), fault('note_unsigned'));
    for (const signature of [junk, new Uint8Array(63), new Uint8Array(65), signatureOf(key, 'x\n').signature]) {
      const bad = { ...good, signature };
      await t.rejects(openNote(formatNote(TEXT, [bad]), [verifier]), fault('note_signature_bad'));
      await t.rejects(
        openNote(formatNote(TEXT, [good, bad]), [verifier]),
        fault('note_signature_bad'),
        'second line of the key',
      );
    }
    const second = logKey('w.example', 2);
    const both = [verifier, ed25519Verifier(second.key, verifyEd25519)];
    const spoiled = formatNote(TEXT, [good, { ...signatureOf(second, TEXT), signature: junk }]);
    await t.rejects(openNote(spoiled, both), fault('note_signature_bad'));
    t.equal((await openNote(spoiled, [verifier])).text, TEXT, 'who does not know the second key cannot care');
  },
);

t.test('a key that signs twice counts once; two verifiers for one key are a mistake', async (t) => {
  const good = signatureOf(key, TEXT);
  t.equal((await openNote(formatNote(TEXT, [good, good]), [verifier])).signatures.length, 1);
  await t.rejects(openNote(formatNote(TEXT, [good]), [verifier, verifier]), RangeError);
  await t.rejects(openNote(formatNote(TEXT, [good]), []), fault('note_unsigned'));
});

t.test('a verifier may answer later, and only true is true', async (t) => {
  const note = formatNote(TEXT, [signatureOf(key, TEXT)]);
  const later = { ...verifier, verify: async () => true };
  t.equal((await openNote(note, [later])).text, TEXT);
  const truthy = { ...verifier, verify: () => 1 as unknown as boolean };
  await t.rejects(openNote(note, [truthy]), fault('note_signature_bad'));
});

t.test('checkpoints: print after parse is the identity', async (t) => {
  fc.assert(
    fc.property(fc.maxSafeNat(), fc.uint8Array({ minLength: 32, maxLength: 32 }), (size, root) => {
      const checkpoint = { origin: 'kaibiao.example/opening/开标-1', size, root };
      t.strictSame(parseCheckpoint(formatCheckpoint(checkpoint)), checkpoint);
    }),
    { numRuns: 100 },
  );
  const text = 'example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n';
  t.equal(formatCheckpoint(parseCheckpoint(text)), text);
});

t.test('checkpoints: malformed', async (t) => {
  const root = toBase64(new Uint8Array(32));
  for (const bad of [
    '',
    `a\n1\n${root}`,
    `a\n1\n${root}\nextension\n`,
    `a\n1\n${root}\n\n`,
    `\n1\n${root}\n`,
    `a b\n1\n${root}\n`,
    `a\n01\n${root}\n`,
    `a\n-1\n${root}\n`,
    `a\n\n${root}\n`,
    `a\n1e3\n${root}\n`,
    `a\n9007199254740992\n${root}\n`,
    `a\n1\n${root.slice(0, -1)}\n`,
    `a\n1\n${toBase64(new Uint8Array(31))}\n`,
    `a\n1\n${toBase64(new Uint8Array(33))}\n`,
    `a\r\n1\n${root}\n`,
    ` a\n1\n${root}\n`,
  ])
    t.throws(() => parseCheckpoint(bad), fault('checkpoint_malformed'), JSON.stringify(bad));
  for (const bad of [{ size: -1 }, { size: 0.5 }, { origin: 'a\nb' }, { root: new Uint8Array(31) }])
    t.throws(
      () => formatCheckpoint({ origin: 'a', size: 1, root: new Uint8Array(32), ...bad }),
      fault('checkpoint_malformed'),
    );
});

t.test('checkpoints: the log itself must have signed, under its own origin', async (t) => {
  const text = formatCheckpoint({ origin: key.name, size: 5, root: new Uint8Array(32) });
  const cosigner = logKey('w.example', 3, KEY_TYPES.cosignature);
  const cosign = (timeSeconds: number): NoteSignature => ({
    name: cosigner.name,
    keyId: cosigner.keyId,
    signature: formatCosignature({ timeSeconds, signature: cosigner.sign(cosignatureMessage(timeSeconds, text)) }),
  });
  const cosigners = [cosignatureVerifier(cosigner.key, verifyEd25519)];
  const note = addSignatures(formatNote(text, [signatureOf(key, text)]), [cosign(1_700_000_000)]);
  const opened = await openCheckpoint(note, verifier, cosigners);
  t.match(opened.checkpoint, { origin: key.name, size: 5 });
  t.strictSame(
    opened.signatures.map(({ name }) => name),
    [key.name, 'w.example'],
  );
  t.equal(parseCosignature((opened.signatures[1] as NoteSignature).signature).timeSeconds, 1_700_000_000);
  await t.rejects(openCheckpoint(formatNote(text, [cosign(5)]), verifier, cosigners), fault('note_unsigned'));
  const other = formatCheckpoint({ origin: 'another.example', size: 5, root: new Uint8Array(32) });
  await t.rejects(
    openCheckpoint(formatNote(other, [signatureOf(key, other)]), verifier),
    fault('checkpoint_other_log'),
  );
  const notOne = 'hello\n';
  await t.rejects(
    openCheckpoint(formatNote(notOne, [signatureOf(key, notOne)]), verifier),
    fault('checkpoint_malformed'),
  );
});

t.test('cosignatures: the bytes and the message of the public format', async (t) => {
  // the example of c2sp.org/tlog-cosignature: its time stands in the bytes of its line
  const line =
    'jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==';
  const bytes = fromBase64(line);
  const read = parseCosignature(bytes.subarray(4));
  t.equal(read.timeSeconds, 1_679_315_147);
  t.strictSame(formatCosignature(read), bytes.slice(4));
  t.equal(
    fromUtf8(
      cosignatureMessage(
        read.timeSeconds,
        'example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n',
      ),
    ),
    'cosignature/v1\ntime 1679315147\nexample.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n',
  );
});

t.test('cosignatures: time and text are both signed, and lengths are exact', async (t) => {
  const cosigner = logKey('w.example', 3, KEY_TYPES.cosignature);
  const { verify } = cosignatureVerifier(cosigner.key, verifyEd25519);
  const signature = cosigner.sign(cosignatureMessage(9, 'a\n'));
  t.ok(await verify(utf8('a\n'), formatCosignature({ timeSeconds: 9, signature })));
  t.notOk(await verify(utf8('a\n'), formatCosignature({ timeSeconds: 10, signature })));
  t.notOk(await verify(utf8('b\n'), formatCosignature({ timeSeconds: 9, signature })));
  t.notOk(await verify(utf8('a\n'), cosigner.sign(utf8('a\n'))), 'a plain signature is no cosignature');
  t.notOk(await verify(utf8('a\n'), joinBytes(uint32Bytes(2 ** 31), uint32Bytes(0), signature)), 'a time beyond 2^53');
  t.throws(() => cosignatureVerifier(key.key, verifyEd25519), fault('vkey_malformed'));
  t.throws(() => ed25519Verifier(cosigner.key, verifyEd25519), fault('vkey_malformed'));
  for (const timeSeconds of [-1, 0.5, 2 ** 53])
    t.throws(() => cosignatureMessage(timeSeconds, ''), fault('cosignature_malformed'));
  for (const length of [0, 71, 73])
    t.throws(() => parseCosignature(new Uint8Array(length)), fault('cosignature_malformed'));
  fc.assert(
    fc.property(fc.maxSafeNat(), fc.uint8Array({ minLength: 64, maxLength: 64 }), (timeSeconds, bytes) => {
      t.strictSame(parseCosignature(formatCosignature({ timeSeconds, signature: bytes })), {
        timeSeconds,
        signature: bytes,
      });
    }),
    { numRuns: 50 },
  );
});
