/** The one-pass canonical writer against check and library: the same text, or the same refusal in the same words, over whatever a program or the network may hand in. */
import fc from 'fast-check';
import { fromBase64Url, toBase64Url } from '../../../server/core/log/base64.ts';
import { canonicalise, canonicaliseSlowly, type Json, parseCanonical } from '../../../server/core/log/canonical.ts';
import { DIGEST_CHARACTERS, isDigest } from '../../../server/core/log/disclosure.ts';
import { LogFormatError } from '../../../server/core/log/error.ts';
import { fromUtf8, utf8 } from '../../../server/core/log/utf8.ts';
import t from '../../support/tap.ts';

/** What a function says of an argument: its result, or the fault with its words. */
function said(work: () => unknown): { text: string } | { fault: string } {
  try {
    const result = work();
    return { text: typeof result === 'string' ? result : JSON.stringify(result) };
  } catch (cause) {
    if (cause instanceof LogFormatError) return { fault: cause.message };
    throw cause;
  }
}

/** `parseCanonical` by the slow writer. */
function parseSlowly(text: string): Json {
  let value: Json;
  try {
    value = JSON.parse(text) as Json;
  } catch (cause) {
    throw new LogFormatError('json_malformed', String(cause));
  }
  if (canonicaliseSlowly(value) !== text)
    throw new LogFormatError('json_not_canonical', 'the text is not the RFC 8785 form of its value');
  return value;
}

/** Strings of everything that is special somewhere: quotes, controls, pairs and halves of pairs, unordered and uncomposed marks. */
const text = fc.oneof(
  fc.string({ maxLength: 6 }),
  fc.string({ unit: 'binary', maxLength: 6 }),
  fc.string({
    unit: fc.constantFrom(...['"', '\\', '\n', '\u0000', '\u001f', '\u007f', '\u0080', '\u2028', '\ufeff', '\uffff']),
    maxLength: 4,
  }),
  fc.string({ unit: fc.constantFrom('\ud83d', '\ude00', 'e', '\u0301', 'é', '\ufb33', '개', '开'), maxLength: 4 }),
  fc.constantFrom('__proto__', 'constructor', 'toJSON', '10', '9', '', 'A', 'a'),
);
/** The nearest text that a log may hold. */
const composed = (s: string): string => Buffer.from(s).toString().normalize('NFC');
const number = fc.oneof(
  fc.integer(),
  fc.maxSafeInteger(),
  fc.double(),
  fc.constantFrom(-0, 2 ** 53, -(2 ** 53), 1e21, Number.NaN, 0.1),
);
const anything: fc.Arbitrary<unknown> = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 5, withCrossShrink: true },
    fc.constantFrom<unknown>(null, true, false),
    number,
    text,
    fc.array(tie('value'), { maxLength: 4 }),
    fc.sparseArray(tie('value'), { maxLength: 3, maxNumElements: 2 }),
    fc.dictionary(text, tie('value'), { maxKeys: 5 }),
    fc.constantFrom<unknown>(undefined, 1n, new Date(0), new Map(), Uint8Array.of(1), { [Symbol.iterator]: 1 }),
  ),
})).value;
const json: fc.Arbitrary<Json> = fc.letrec<{ value: Json }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom<Json>(null, true, false),
    fc.maxSafeInteger(),
    text.map(composed),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(
      text.map(composed).filter((s) => s !== '__proto__'),
      tie('value'),
      { maxKeys: 5, noNullPrototype: true },
    ),
  ),
})).value;

t.test('any value at all: the same text, or the same refusal in the same words', async (t) => {
  let written = 0;
  let refused = 0;
  fc.assert(
    fc.property(anything, (value) => {
      const quick = said(() => canonicalise(value as Json));
      t.strictSame(
        quick,
        said(() => canonicaliseSlowly(value as Json)),
      );
      if ('text' in quick) written++;
      else refused++;
    }),
    { numRuns: 3000 },
  );
  t.ok(written > 300 && refused > 300, `${written} written, ${refused} refused`);
});

t.test('depth, with whatever lies below the limit', async (t) => {
  fc.assert(
    fc.property(fc.integer({ min: 28, max: 36 }), fc.boolean(), json, (levels, asArray, leaf) => {
      let value: Json = leaf;
      for (let i = 0; i < levels; i++) value = asArray ? [value] : { a: value };
      t.strictSame(
        said(() => canonicalise(value)),
        said(() => canonicaliseSlowly(value)),
      );
    }),
    { numRuns: 300 },
  );
});

t.test('canonical bytes with some changed, added or left out: read alike or refused alike', async (t) => {
  const change = fc.record({ at: fc.nat(), cut: fc.nat(3), bytes: fc.uint8Array({ maxLength: 3 }) });
  const likely = fc.constantFrom(...['"', '\\', ',', ':', '{', '}', '[', ']', ' ', '0', '-', '.', 'e', 'u', 'n', '\n']);
  const swap = fc.record({
    at: fc.nat(),
    cut: fc.nat(2),
    bytes: fc.array(likely, { maxLength: 2 }).map((s) => utf8(s.join(''))),
  });
  let read = 0;
  let refused = 0;
  fc.assert(
    fc.property(json, fc.array(fc.oneof(change, swap), { maxLength: 2 }), (value, changes) => {
      let bytes = utf8(canonicalise(value));
      for (const { at, cut, bytes: put } of changes) {
        const place = at % (bytes.length + 1);
        bytes = Uint8Array.of(...bytes.subarray(0, place), ...put, ...bytes.subarray(place + cut));
      }
      const quick = said(() => parseCanonical(fromUtf8(bytes)));
      t.strictSame(
        quick,
        said(() => parseSlowly(fromUtf8(bytes))),
      );
      if ('text' in quick) read++;
      else refused++;
    }),
    { numRuns: 5000 },
  );
  t.ok(read > 500 && refused > 500, `${read} read, ${refused} refused`);
});

t.test('a text that says nothing new in other words is refused by both', async (t) => {
  fc.assert(
    fc.property(json, fc.constantFrom(1, 2, '\t'), (value, indent) => {
      for (const other of [JSON.stringify(value, null, indent), JSON.stringify(value)]) {
        t.strictSame(
          said(() => parseCanonical(other)),
          said(() => parseSlowly(other)),
        );
      }
    }),
    { numRuns: 500 },
  );
});

t.test('a digest has the shape of 32 bytes in base64url, and nothing else has', async (t) => {
  const isDecoded = (text: string): boolean => {
    try {
      return text.length === DIGEST_CHARACTERS && fromBase64Url(text).length === 32;
    } catch (cause) {
      if (cause instanceof LogFormatError) return false;
      throw cause;
    }
  };
  const letters = [...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_', '=', '+', '\n', '\u0100', ''];
  const start = toBase64Url(new Uint8Array(32).fill(0xa5)).slice(0, -1);
  for (const last of letters) t.equal(isDigest(start + last), isDecoded(start + last), JSON.stringify(last));
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 31, maxLength: 33 }),
      fc.nat(44),
      fc.constantFrom(...letters),
      (data, at, other) => {
        const text = toBase64Url(data);
        for (const one of [text, text.slice(0, at) + other + text.slice(at + 1), `${text}\n`])
          t.equal(isDigest(one), isDecoded(one), one);
      },
    ),
    { numRuns: 500 },
  );
});
