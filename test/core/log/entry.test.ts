/** Canonical values, withheld fields and entries: one text a value, nothing but that text read back. */
import fc from 'fast-check';
import { fromBase64Url, toBase64Url } from '../../../server/core/log/base64.ts';
import { canonicalise, JSON_DEPTH_LIMIT, type Json, parseCanonical } from '../../../server/core/log/canonical.ts';
import {
  disclosureDigest,
  isDigest,
  makeDisclosure,
  openDisclosures,
  readDisclosure,
} from '../../../server/core/log/disclosure.ts';
import { ENTRY_LIMIT_BYTES, type Entry, encodeEntry, parseEntry } from '../../../server/core/log/entry.ts';
import { formatInstant } from '../../../server/core/log/instant.ts';
import { isKeyName } from '../../../server/core/log/key-name.ts';
import { fromUtf8, utf8 } from '../../../server/core/log/utf8.ts';
import { saltOf, sha256 } from '../../support/log-fixtures.ts';
import t from '../../support/tap.ts';

const fault = (code: string) => ({ name: 'LogFormatError', code });
const text = fc.string({ unit: 'grapheme', maxLength: 12 }).map((s) => s.normalize('NFC'));
const name = text.filter((s) => s !== '__proto__');
const json: fc.Arbitrary<Json> = fc.letrec<{ value: Json }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom<Json>(null, true, false),
    fc.maxSafeInteger(),
    text,
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(name, tie('value'), { maxKeys: 4, noNullPrototype: true }),
  ),
})).value;

t.test('canonical: the text comes back as the same value and the same text', async (t) => {
  fc.assert(
    fc.property(json, (value) => {
      const written = canonicalise(value);
      t.strictSame(parseCanonical(written), value);
      t.equal(canonicalise(parseCanonical(written)), written);
    }),
    { numRuns: 300 },
  );
});

t.test('canonical: members are ordered by UTF-16 units, as RFC 8785 §3.2.3 shows', async (t) => {
  const value = {
    '\u20ac': 'Euro Sign',
    '\r': 'Carriage Return',
    '\ufb33': 1,
    '1': 'One',
    '\u{1f600}': 'Smiley',
    '\u0080': 'Control',
    '\u00f6': 'ö',
  };
  t.throws(
    () => canonicalise(value),
    fault('json_text_not_nfc'),
    'U+FB33 of the RFC is not NFC, so it is refused here',
  );
  const { '\ufb33': _, ...rest } = value;
  t.equal(
    canonicalise(rest),
    '{"\\r":"Carriage Return","1":"One","\u0080":"Control","ö":"ö","€":"Euro Sign","😀":"Smiley"}',
  );
});

t.test('canonical: refused values', async (t) => {
  const cycle: unknown[] = [];
  cycle.push(cycle);
  const hole = [1, 2, 3];
  delete hole[1];
  const extra = Object.assign([1], { more: 2 });
  const cases: [unknown, string][] = [
    [0.5, 'json_number_refused'],
    [-0, 'json_number_refused'],
    [2 ** 53, 'json_number_refused'],
    [Number.NaN, 'json_number_refused'],
    [Number.POSITIVE_INFINITY, 'json_number_refused'],
    ['e\u0301', 'json_text_not_nfc'],
    [{ 'e\u0301': 1 }, 'json_text_not_nfc'],
    ['\ud800', 'json_value_refused'],
    [undefined, 'json_value_refused'],
    [{ a: undefined }, 'json_value_refused'],
    [[undefined], 'json_value_refused'],
    [hole, 'json_value_refused'],
    [extra, 'json_value_refused'],
    [10n, 'json_value_refused'],
    [() => 1, 'json_value_refused'],
    [Symbol('s'), 'json_value_refused'],
    [{ [Symbol('s')]: 1 }, 'json_value_refused'],
    [new Date(0), 'json_value_refused'],
    [new Map(), 'json_value_refused'],
    [Uint8Array.of(1), 'json_value_refused'],
    [{ toJSON: () => 1 }, 'json_value_refused'],
    [JSON.parse('{"__proto__":1}'), 'json_value_refused'],
    [cycle, 'json_too_deep'],
  ];
  for (const [value, code] of cases) t.throws(() => canonicalise(value as Json), fault(code), code);
});

t.test('canonical: depth has an edge', async (t) => {
  const nested = (levels: number): Json => (levels === 0 ? 1 : [nested(levels - 1)]);
  t.equal(canonicalise(nested(JSON_DEPTH_LIMIT)).length, 2 * JSON_DEPTH_LIMIT + 1);
  t.throws(() => canonicalise(nested(JSON_DEPTH_LIMIT + 1)), fault('json_too_deep'));
  t.throws(() => parseCanonical('['.repeat(60_000) + ']'.repeat(60_000)), { name: 'LogFormatError' });
});

t.test('canonical: any other text of a value is refused', async (t) => {
  for (const other of [
    '{"b":1,"a":2}',
    '{"a":1 }',
    '{"a":1,"a":1}',
    '1.0',
    '1e2',
    '-0',
    '"\\u0041"',
    '"\\/"',
    '\ufeff1',
    ' 1',
    '1\n',
    '9007199254740993',
  ])
    t.throws(() => parseCanonical(other), { name: 'LogFormatError' }, JSON.stringify(other));
  for (const broken of ['', '{', 'undefined', '01', "'a'", '[1,]'])
    t.throws(() => parseCanonical(broken), fault('json_malformed'), JSON.stringify(broken));
});

t.test('disclosure: comes back, and its digest is the digest of its text', async (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), json, (salt, value) => {
      const { disclosure, digest } = makeDisclosure(sha256, salt, 'who', value);
      t.strictSame(readDisclosure(disclosure), { salt, field: 'who', value });
      t.equal(digest, disclosureDigest(sha256, disclosure));
      t.ok(isDigest(digest));
    }),
    { numRuns: 100 },
  );
});

t.test('disclosure: one that can be worked out by hand', async (t) => {
  const { disclosure, digest } = makeDisclosure(sha256, saltOf(1), 'who', { name: '甲' });
  t.equal(fromUtf8(fromBase64Url(disclosure)), '["AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE","who",{"name":"甲"}]');
  t.equal(digest, Buffer.from(sha256(Buffer.from(disclosure, 'ascii'))).toString('base64url'));
});

t.test('disclosure: other texts are refused', async (t) => {
  const salt = toBase64Url(saltOf(1));
  const written = (value: string): string => toBase64Url(utf8(value));
  for (const bad of [
    '',
    '!',
    written(`["${salt}","who",1] `),
    written(`["${salt}", "who",1]`),
    written(`["${salt}","who"]`),
    written(`["${salt}","who",1,2]`),
    written(`["${salt}","Who",1]`),
    written(`["${salt}","",1]`),
    written(`["${salt}","who",1.5]`),
    written(`["${salt.slice(1)}","who",1]`),
    written(`["${salt}=","who",1]`),
    written(`{"0":"${salt}","1":"who","2":1}`),
    `${written(`["${salt}","who",1]`)}=`,
  ])
    t.throws(() => readDisclosure(bad), fault('disclosure_malformed'), bad);
  t.throws(() => makeDisclosure(sha256, saltOf(1).subarray(1), 'who', 1), fault('disclosure_malformed'));
  t.throws(() => makeDisclosure(sha256, saltOf(1), 'Who', 1), fault('disclosure_malformed'));
  t.throws(() => readDisclosure('A'.repeat(8 * 1024 * 1024 + 4)), fault('disclosure_too_long'));
});

t.test('disclosure: matched with the commitments of an entry', async (t) => {
  const who = makeDisclosure(sha256, saltOf(1), 'who', { name: '甲' });
  const act = makeDisclosure(sha256, saltOf(2), 'act', 'x');
  const other = makeDisclosure(sha256, saltOf(3), 'who', { name: '乙' });
  const commit = { who: who.digest, act: act.digest };
  t.same(openDisclosures(sha256, commit, [who.disclosure]), {
    ok: true,
    fields: { who: { known: true, value: { name: '甲' } }, act: { known: false } },
  });
  t.match(openDisclosures(sha256, commit, [other.disclosure]), { ok: false, reason: 'disclosure_not_committed' });
  t.match(openDisclosures(sha256, { act: act.digest }, [who.disclosure]), { reason: 'disclosure_not_committed' });
  t.match(
    openDisclosures(sha256, { act: who.digest }, [who.disclosure]),
    { reason: 'disclosure_not_committed' },
    'under another name',
  );
  t.match(openDisclosures(sha256, commit, [who.disclosure, who.disclosure]), { reason: 'disclosure_repeated' });
  t.match(openDisclosures(sha256, commit, ['x']), { reason: 'disclosure_malformed' });
});

const base: Entry = {
  v: 1,
  log: 'kaibiao.example/opening/op-1',
  seq: 3,
  at: '2026-03-05T01:00:00.120Z',
  receivedAt: '2026-03-05T01:00:00.118Z',
  type: 'BidDecrypted',
  actor: { role: 'bidder' },
  command: 'c-3',
  body: { bid: 'b1' },
  commit: { who: makeDisclosure(sha256, saltOf(9), 'who', 1).digest },
};

t.test('entry: written in RFC 8785 form and read back', async (t) => {
  const bytes = encodeEntry(base);
  t.equal(
    fromUtf8(bytes),
    `{"actor":{"role":"bidder"},"at":"2026-03-05T01:00:00.120Z","body":{"bid":"b1"},"command":"c-3","commit":{"who":"${base.commit['who']}"},"log":"kaibiao.example/opening/op-1","receivedAt":"2026-03-05T01:00:00.118Z","seq":3,"type":"BidDecrypted","v":1}`,
  );
  t.strictSame(parseEntry(bytes), base);
});

t.test('entry: parse after print is the identity', async (t) => {
  const entries = fc.record({
    seq: fc.maxSafeNat(),
    atMs: fc.integer({ min: 1_000_000, max: 4_000_000_000_000 }),
    waitedMs: fc.option(fc.nat(1_000_000), { nil: undefined }),
    body: fc.dictionary(name, json, { maxKeys: 3, noNullPrototype: true }),
    field: fc.stringMatching(/^[a-z][A-Za-z0-9]{0,20}$/),
    command: fc.stringMatching(/^[!-~]{1,40}$/),
  });
  fc.assert(
    fc.property(entries, ({ seq, atMs, waitedMs, body, field, command }) => {
      const { receivedAt: _, ...rest } = base;
      const entry: Entry = {
        ...rest,
        seq,
        at: formatInstant(atMs),
        ...(waitedMs === undefined ? {} : { receivedAt: formatInstant(atMs - waitedMs) }),
        body,
        command,
        commit: { [field]: base.commit['who'] as string },
      };
      t.strictSame(parseEntry(encodeEntry(entry)), entry);
    }),
    { numRuns: 200 },
  );
});

t.test('entry: wrong members are refused, on writing and on reading alike', async (t) => {
  const changes: Record<string, unknown>[] = [
    { v: 2 },
    { v: '1' },
    { log: '' },
    { log: 'a b' },
    { log: 'a+b' },
    { seq: -1 },
    { seq: '3' },
    { at: '2026-03-05T01:00:00Z' },
    { at: 5 },
    { receivedAt: '2026-03-05T01:00:00.121Z' },
    { receivedAt: null },
    { type: 'bidDecrypted' },
    { type: '' },
    { actor: { role: 'Bidder' } },
    { actor: { role: 'bidder', name: '甲' } },
    { actor: 'bidder' },
    { command: '' },
    { command: 'a b' },
    { command: 'x'.repeat(129) },
    { body: [] },
    { body: null },
    { commit: [] },
    { commit: { who: 'short' } },
    { commit: { who: 1 } },
    { commit: { Who: base.commit['who'] } },
    { more: 1 },
    { prev: null },
  ];
  for (const change of changes) {
    const entry = { ...base, ...change } as Entry;
    t.throws(() => encodeEntry(entry), { name: 'LogFormatError' }, `write ${JSON.stringify(change)}`);
    t.throws(() => parseEntry(utf8(canonicalise(entry))), { name: 'LogFormatError' }, `read ${JSON.stringify(change)}`);
  }
  for (const member of ['v', 'log', 'seq', 'at', 'type', 'actor', 'command', 'body', 'commit']) {
    const { [member]: _, ...rest } = base as unknown as Record<string, Json>;
    t.throws(() => parseEntry(utf8(canonicalise(rest))), fault('entry_malformed'), `without ${member}`);
  }
});

t.test('entry: bytes that are not the canonical ones are refused', async (t) => {
  const bytes = encodeEntry(base);
  const written = fromUtf8(bytes);
  for (const other of [
    ` ${written}`,
    `${written}\n`,
    `\ufeff${written}`,
    written.replace('"seq":3', '"seq":3.0'),
    written.replace('"v":1}', '"v":1,"v":1}'),
  ])
    t.throws(() => parseEntry(utf8(other)), { name: 'LogFormatError' });
  t.throws(() => parseEntry(utf8(JSON.stringify(base))), fault('json_not_canonical'));
  t.throws(() => parseEntry(Uint8Array.of(...bytes, 0xff)), fault('utf8_malformed'));
});

t.test('entry: a byte changed is refused or is another entry, never the same', async (t) => {
  const bytes = encodeEntry(base);
  const written = fromUtf8(bytes);
  fc.assert(
    fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
      const changed = bytes.slice();
      changed[at] = (changed[at] as number) ^ flip;
      let read: Entry | undefined;
      try {
        read = parseEntry(changed);
      } catch (cause) {
        if ((cause as { name?: string }).name !== 'LogFormatError') throw cause;
      }
      if (read !== undefined && fromUtf8(encodeEntry(read)) === written) t.fail(`byte ${at} does not count`);
    }),
    { numRuns: 1000 },
  );
});

t.test('entry: 65,535 bytes are the limit', async (t) => {
  const room = ENTRY_LIMIT_BYTES - encodeEntry({ ...base, body: { text: '' } }).length;
  const full = encodeEntry({ ...base, body: { text: 'x'.repeat(room) } });
  t.equal(full.length, ENTRY_LIMIT_BYTES);
  t.ok(parseEntry(full));
  t.throws(() => encodeEntry({ ...base, body: { text: 'x'.repeat(room + 1) } }), fault('entry_too_long'));
  t.throws(() => parseEntry(new Uint8Array(ENTRY_LIMIT_BYTES + 1)), fault('entry_too_long'));
});

t.test('names of logs and keys: Unicode spaces, plus and controls are refused', async (t) => {
  for (const good of ['a', 'kaibiao.example/opening/1', '开标.example', 'x\ufeffy', 'x\u007fy']) t.ok(isKeyName(good));
  for (const code of [0x00, 0x09, 0x0a, 0x1f, 0x20, 0x2b, 0x85, 0xa0, 0x1680, 0x2003, 0x2028, 0x202f, 0x205f, 0x3000])
    t.notOk(isKeyName(`a${String.fromCharCode(code)}b`), `U+${code.toString(16)}`);
  for (const bad of ['', 'a\ud800', 5, null, undefined]) t.notOk(isKeyName(bad));
});
