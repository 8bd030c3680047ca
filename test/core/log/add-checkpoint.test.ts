/** What goes between a log and its cosigners: bodies and answers are read as they are written, and nothing else is taken for one. */
import fc from 'fast-check';
import {
  ADD_CHECKPOINT_LIMIT_BYTES,
  CONSISTENCY_LIMIT_HASHES,
  formatAddCheckpoint,
  parseAddCheckpoint,
  parseCosignatureLines,
  parseSizeAnswer,
} from '../../../server/core/log/add-checkpoint.ts';
import { toBase64 } from '../../../server/core/log/base64.ts';
import { openCheckpoint, parseCheckpoint, parseForeignCheckpoint } from '../../../server/core/log/checkpoint.ts';
import { cosignatureMessage, cosignatureVerifier, parseCosignature } from '../../../server/core/log/cosignature.ts';
import { LogFormatError } from '../../../server/core/log/error.ts';
import { ed25519Verifier, formatNote, NOTE_LIMIT_BYTES, parseNote, parseVkey } from '../../../server/core/log/note.ts';
import { fromUtf8, utf8 } from '../../../server/core/log/utf8.ts';
import { checkpointNote, logKey, sha256, verifyEd25519 } from '../../support/log-fixtures.ts';
import t from '../../support/tap.ts';

const note = checkpointNote(logKey('log.test', 1), [sha256(utf8('a')), sha256(utf8('b'))]);
const malformed = { code: 'cosign_request_malformed' };
const hash = fc.uint8Array({ minLength: 32, maxLength: 32 });

t.test('a body is read as it is written', async (t) => {
  fc.assert(
    fc.property(fc.maxSafeNat(), fc.array(hash, { maxLength: CONSISTENCY_LIMIT_HASHES }), (oldSize, proof) => {
      const read = parseAddCheckpoint(utf8(formatAddCheckpoint({ oldSize, proof, checkpoint: note })));
      t.equal(read.oldSize, oldSize);
      t.strictSame(read.proof.map(toBase64), proof.map(toBase64));
      t.equal(read.checkpoint, note);
    }),
    { numRuns: 50 },
  );
});

t.test('the limits: 63 hashes and one more, the longest body there can be and one byte more', async (t) => {
  const proof = Array.from({ length: CONSISTENCY_LIMIT_HASHES }, () => new Uint8Array(32));
  const most = { oldSize: Number.MAX_SAFE_INTEGER, proof, checkpoint: note };
  t.equal(parseAddCheckpoint(utf8(formatAddCheckpoint(most))).proof.length, CONSISTENCY_LIMIT_HASHES);
  t.throws(() => formatAddCheckpoint({ ...most, proof: [...proof, new Uint8Array(32)] }), malformed);
  const body = formatAddCheckpoint(most).replace('\n', `\n${toBase64(new Uint8Array(32))}\n`);
  t.throws(() => parseAddCheckpoint(utf8(body)), malformed);
  const text = `${'x'.repeat(99)}\n`;
  const line = { name: 'n', keyId: 1, signature: new Uint8Array(9) };
  const room = NOTE_LIMIT_BYTES - formatNote(text, [line]).length - 2;
  const longest = formatNote(`${'x'.repeat(room)}${text}`, [line]);
  const full = utf8(formatAddCheckpoint({ ...most, checkpoint: longest }));
  t.ok(full.length <= ADD_CHECKPOINT_LIMIT_BYTES && full.length > ADD_CHECKPOINT_LIMIT_BYTES - 8, `${full.length}`);
  t.equal(parseAddCheckpoint(full).checkpoint.length, longest.length);
  t.throws(() => parseAddCheckpoint(new Uint8Array(ADD_CHECKPOINT_LIMIT_BYTES + 1)), malformed);
});

t.test('no other spelling is a body', async (t) => {
  for (const bad of [
    '',
    'old 1\n',
    `old 1\n${note}`,
    `old 01\n\n${note}`,
    `old -1\n\n${note}`,
    `old 1e3\n\n${note}`,
    `old  1\n\n${note}`,
    `OLD 1\n\n${note}`,
    `old 1 \n\n${note}`,
    `old 9007199254740992\n\n${note}`,
    `old 1\r\n\r\n${note}`,
    `old 1\nAAAA\n\n${note}`,
    `old 1\n${toBase64(new Uint8Array(33))}\n\n${note}`,
    `old 1\n${toBase64(new Uint8Array(32)).replace('AA=', 'AB=')}\n\n${note}`,
    `old 1\n\n${note.slice(0, -1)}`,
    `old 1\n\n${note}x`,
    `\ufeffold 1\n\n${note}`,
  ])
    t.throws(() => parseAddCheckpoint(utf8(bad)), malformed, JSON.stringify(bad.slice(0, 30)));
});

t.test('whatever bytes come, the parsers throw their own error or nothing', async () => {
  const good = utf8(formatAddCheckpoint({ oldSize: 1, proof: [new Uint8Array(32)], checkpoint: note }));
  const bent = fc
    .tuple(fc.nat(good.length - 1), fc.integer({ min: 0, max: 255 }), fc.nat(good.length))
    .map(([at, byte, end]) => Uint8Array.from(good, (b, n) => (n === at ? byte : b)).slice(0, end));
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), bent), (bytes) => {
      for (const parse of [parseAddCheckpoint, parseCosignatureLines])
        try {
          parse(bytes);
        } catch (fault) {
          if (!(fault instanceof LogFormatError && fault.code === malformed.code)) throw fault;
        }
      parseSizeAnswer(bytes);
    }),
  );
});

t.test('the size that a 409 tells is a decimal and a line feed, nothing else', async (t) => {
  for (const size of [0, 1, 20_852_014, Number.MAX_SAFE_INTEGER]) t.equal(parseSizeAnswer(utf8(`${size}\n`)), size);
  for (const bad of [
    '',
    '\n',
    '1',
    '01\n',
    '+1\n',
    '1\n\n',
    ' 1\n',
    '1e3\n',
    '9007199254740992\n',
    '12345678901234567\n',
  ])
    t.equal(parseSizeAnswer(utf8(bad)), undefined, JSON.stringify(bad));
});

t.test('extension lines of other logs are read over, an empty line is none', async (t) => {
  const { text } = parseNote(note);
  t.strictSame(parseForeignCheckpoint(`${text}more\nand more\n`), parseCheckpoint(text));
  for (const bad of [`${text}\n`, `${text}a\n\nb\n`, `${text}a`, 'log.test\n2\n'])
    t.throws(() => parseForeignCheckpoint(bad), { code: 'checkpoint_malformed' });
});

/* Fixed by another implementation: github.com/transparency-dev/formats v0.1.1 and golang.org/x/mod/sumdb/note; data only. */
const VECTOR = {
  log: 'example.com/vector-log+4516a1da+ARGkVJ4QEa2MOOLGBO6i7NVSJ1FQ97tIX+w+Ku0RZ6Em',
  witness: 'witness.example.com/vector+416f103d+BK/QmJFVP3SKJOqAMhFxBQPtylo3sjwWibyFDAlZKK8B',
  text: 'example.com/vector-log\n1234\nSBNJTRN+FjG7owHVrKtue7eqdM4RhdRWVl71HXN2d7I=\n',
  lines:
    '— example.com/vector-log RRah2qlLrSlk6J8DA1HmNewppUM15Quhs5cAIb1KjBsV3otVirJTW8AFVsQtJkTW1Zny7GuoAxZpI6bUPcpM68QOIgE=\n' +
    '— witness.example.com/vector QW8QPQAAAABqwLUbDdj7sDNRIVjmjYgqFI6y4UJhPg/UAA8J8wAdqSd3q4PedRhkgXA4xFN/Jg5uWn7ZkBA+H/UHQs5d9hITdXmQAA==\n',
  timeSeconds: 1_791_014_171,
};

t.test('a note that other implementations cosigned is read here, with its time', async (t) => {
  const log = ed25519Verifier(parseVkey(sha256, VECTOR.log), verifyEd25519);
  const witness = cosignatureVerifier(parseVkey(sha256, VECTOR.witness), verifyEd25519);
  const opened = await openCheckpoint(`${VECTOR.text}\n${VECTOR.lines}`, log, [witness]);
  t.equal(opened.checkpoint.size, 1234);
  t.equal(opened.signatures.length, 2);
  const { timeSeconds, signature } = parseCosignature(opened.signatures[1]?.signature ?? new Uint8Array());
  t.equal(timeSeconds, VECTOR.timeSeconds);
  const key = parseVkey(sha256, VECTOR.witness).publicKey;
  t.equal(verifyEd25519(key, cosignatureMessage(timeSeconds, VECTOR.text), signature), true);
  t.equal(verifyEd25519(key, cosignatureMessage(timeSeconds + 1, VECTOR.text), signature), false);
  await t.rejects(openCheckpoint(`${VECTOR.text}\n${VECTOR.lines}`.replace('1234', '1235'), log, [witness]), {
    code: 'note_signature_bad',
  });
});

t.test('the example body of tlog-witness is read: three kinds of line, several signatures', async (t) => {
  const example = `old 20852014
PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=
jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=
5+pKlUdi2LeF/BcMHBn+Ku6yhPGNCswZZD1X/6QgPd8=
/6WVhPs2CwSsb5rYBH5cjHV/wSmA79abXAwhXw3Kj/0=

example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
— example.com/behind-the-sofa opLqBQsREYCgu6xQkYQwJr9fo45a62DN9EdmHXnZdXNqlcVGlCum2Wks+49/V6267UEjw6QUXTS5Rovnzv++qbSzm9Q=
`;
  const read = parseAddCheckpoint(utf8(example));
  t.equal(read.oldSize, 20_852_014);
  t.equal(read.proof.length, 4);
  t.equal(parseNote(read.checkpoint).signatures.length, 2);
  t.equal(formatAddCheckpoint(read), example);
  const answer = `— witness.example/w1 CMp+6LWBU0anHGH5aNDTJkH/gj79sG+T6+iP2ThYN5krrDJbR1HDnucjL39QsZTSvVjyQLrdk3DXDqI5G2HgLatVs0pWh6Up69HVOw==
— witness.example/w1 I7rEps0pvK2UqkS2gSpVUDhrhVtQV9lgF6pRrWAvjJHjyWpW7VcE3SiOlVlbQNt64vWhO+DlkL0+UfzuOBMh9ChdMkP1vi/lCAsmlw==
— witness.example/w2 AWui8Sk55XjYLOijihBjhqEH6nS1ndDymE0a+6idX7pLcnoB+dhnz0854aLZgrrKbYKA7nC3HNJhm/kWl7oJlqU3rXXvpysAdyP3wQ==
`;
  t.strictSame(
    parseCosignatureLines(utf8(answer)).map(({ name, signature }) => [name, signature.length]),
    [
      ['witness.example/w1', 72],
      ['witness.example/w1', 72],
      ['witness.example/w2', 72],
    ],
  );
  t.match(fromUtf8(utf8(answer)), /^— /);
});
