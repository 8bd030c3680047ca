/** The envelope reader: what OpenSSL and BouncyCastle write is read alike however it is cut, everything else has its refusal. */
import fc from 'fast-check';
import { joinBytes } from '../../../server/core/log/bytes.ts';
import { OID_AES_256_GCM } from '../../../server/core/seal/content-cipher.ts';
import { TAG, writeElement, writeOid } from '../../../server/core/seal/der.ts';
import {
  type EnvelopeEnd,
  type EnvelopeHeader,
  HEADER_ELEMENT_LIMIT_BYTES,
  startEnvelope,
} from '../../../server/core/seal/envelope.ts';
import { ENVELOPE_CODES, type EnvelopeCode, EnvelopeError } from '../../../server/core/seal/envelope-error.ts';
import { writeEnvelope } from '../../../server/core/seal/envelope-writing.ts';
import { writeRecipientInfos } from '../../../server/core/seal/recipient-info.ts';
import t from '../../support/tap.ts';
import {
  AGREED_KEY,
  agreed,
  CIPHERTEXT,
  cipherOf,
  definite,
  envelopeOf,
  GCM,
  indefinite,
  MAC,
  NO_BYTES,
  NONCE,
  octets,
  POINT,
  RECIPIENT,
  segments,
  TAG_LENGTH,
} from './envelope-parts.ts';
import { golden, goldenNames } from './golden.ts';

type Read = { header: EnvelopeHeader | undefined; ciphertext: Uint8Array; end: EnvelopeEnd } | { code: EnvelopeCode };

/** Reads `bytes` cut at `cuts` (lengths, the rest follows whole), scribbling over each chunk once it has been handed in. */
function read(bytes: Uint8Array, cuts: readonly number[] = []): Read {
  const reader = startEnvelope();
  const pieces: Uint8Array[] = [];
  try {
    for (let at = 0, turn = 0; at < bytes.length; turn++) {
      const chunk = bytes.slice(at, at + (cuts[turn] ?? bytes.length));
      at += chunk.length;
      for (const piece of reader.push(chunk)) pieces.push(piece.slice());
      chunk.fill(0x5a);
    }
    return { end: reader.end(), header: reader.header(), ciphertext: joinBytes(...pieces) };
  } catch (error) {
    if (error instanceof EnvelopeError) return { code: error.code };
    throw error;
  }
}

const codeOf = (bytes: Uint8Array): EnvelopeCode | 'accepted' => {
  const result = read(bytes);
  return 'code' in result ? result.code : 'accepted';
};

t.test('what stock OpenSSL writes is read whole, with each padding and both ways to name the recipient', async (t) => {
  for (const name of goldenNames('valid')) {
    const bytes = golden(name);
    const result = read(bytes);
    if ('code' in result) throw new Error(`${name}: ${result.code}`);
    t.equal(result.end.envelopeBytes, bytes.length, name);
    t.equal(result.end.ciphertextBytes, golden('bid.zip').length);
    t.equal(result.ciphertext.length, result.end.ciphertextBytes);
    const way = /pkcs1-v15|oaep-sha1|oaep-sha256|ecdh-p256/.exec(name)?.[0] ?? 'oaep-sha256';
    t.match(result.header?.recipient.keyTransport, new RegExp(`^(rsa_)?${way.replaceAll('-', '_')}$`));
    const byKey = 'subjectKeyIdentifier' in (result.header?.recipient.identifier ?? {});
    t.equal(byKey, name.includes('key-identifier'));
  }
});

t.test('the result does not depend on how the bytes are cut', async (t) => {
  const samples = [...goldenNames('valid'), ...goldenNames('invalid')].map((name) => golden(name));
  samples.push(envelopeOf({ wrap: indefinite }), envelopeOf({ attributes: definite(TAG.constructedContext1) }));
  const cuts = fc.array(fc.oneof(fc.integer({ min: 0, max: 9 }), fc.integer({ min: 1, max: 5000 })), {
    maxLength: 600,
  });
  fc.assert(
    fc.property(fc.constantFrom(...samples), cuts, (bytes, lengths) => {
      t.strictSame(read(bytes, lengths), read(bytes));
    }),
    { numRuns: 150 },
  );
  for (const bytes of samples) t.strictSame(read(bytes, new Array(bytes.length).fill(1)), read(bytes));
});

t.test('the name of each invalid golden envelope is its refusal', async (t) => {
  for (const name of goldenNames('invalid')) t.equal(codeOf(golden(name)), name.split(/[/.]/)[1], name);
});

t.test('BouncyCastle: strings in pieces, also nested ones, in indefinite and definite containers', async (t) => {
  const nested = [
    indefinite(TAG.constructedContext0, segments(CIPHERTEXT, 1000)),
    indefinite(TAG.constructedContext0, indefinite(TAG.constructedOctetString, segments(CIPHERTEXT, 1000))),
    definite(TAG.constructedContext0, definite(TAG.constructedOctetString, segments(CIPHERTEXT, 700))),
    indefinite(
      TAG.constructedContext0,
      octets(CIPHERTEXT.subarray(0, 10)),
      definite(TAG.constructedOctetString, segments(CIPHERTEXT.subarray(10, 2000), 999)),
      segments(CIPHERTEXT.subarray(2000), 4096),
      octets(NO_BYTES),
    ),
  ];
  for (const content of nested) {
    for (const wrap of [definite, indefinite]) {
      const result = read(envelopeOf({ wrap, content }));
      if ('code' in result) throw new Error(result.code);
      t.strictSame(result.ciphertext, CIPHERTEXT);
      t.strictSame(result.end.tag, MAC);
    }
  }
});

const attributes = definite(TAG.constructedContext1, definite(TAG.sequence));
const twice = definite(TAG.set, ...new Array(2).fill(writeRecipientInfos(RECIPIENT).subarray(4)));
const bomb = (depth: number): Uint8Array =>
  depth === 0 ? octets(CIPHERTEXT) : indefinite(TAG.constructedOctetString, bomb(depth - 1));

const refused: readonly [string, EnvelopeCode, Uint8Array][] = [
  ['no SEQUENCE at all', 'not_auth_enveloped', Uint8Array.of(4, 1, 0)],
  ['SignedData', 'not_auth_enveloped', envelopeOf({ outerType: '1.2.840.113549.1.7.2' })],
  ['another element for the recipients', 'bad_tag', envelopeOf({ recipientInfos: definite(TAG.sequence) })],
  ['a tag number above 30', 'bad_tag', envelopeOf({ recipientInfos: Uint8Array.of(0x3f, 0x21, 0) })],
  ['something behind the tag', 'bad_tag', envelopeOf({ behindMac: octets(MAC) })],
  ['something behind the tag, indefinite', 'bad_tag', envelopeOf({ wrap: indefinite, behindMac: octets(MAC) })],
  ['a segment that is no OCTET STRING', 'bad_tag', envelopeOf({ content: indefinite(0xa0, definite(TAG.utf8String)) })],
  ['a length with a leading zero', 'bad_length', Uint8Array.of(0x30, 0x82, 0, 200)],
  ['a long length below 128', 'bad_length', Uint8Array.of(0x30, 0x81, 0x7f)],
  ['a length of seven octets', 'bad_length', Uint8Array.of(0x30, 0x87, 1, 0, 0, 0, 0, 0, 0)],
  ['an element longer than its container', 'bad_length', Uint8Array.of(0x30, 4, 6, 9, 0, 0)],
  ['recipients of indefinite length', 'bad_length', envelopeOf({ recipientInfos: indefinite(TAG.set) })],
  ['a primitive content of indefinite length', 'bad_length', envelopeOf({ content: indefinite(TAG.context0) })],
  ['a segment of indefinite length', 'bad_length', envelopeOf({ content: indefinite(0xa0, indefinite(4)) })],
  [
    'DER broken inside the recipients',
    'bad_der',
    envelopeOf({ recipientInfos: definite(TAG.set, Uint8Array.of(0x30, 9)) }),
  ],
  ['version 1', 'bad_version', envelopeOf({ version: writeElement(TAG.integer, Uint8Array.of(1)) })],
  ['an originator', 'originator_info', envelopeOf({ originator: definite(TAG.constructedContext0) })],
  ['no recipient', 'no_recipient', envelopeOf({ recipientInfos: definite(TAG.set) })],
  ['two recipients', 'two_recipients', envelopeOf({ recipientInfos: twice })],
  [
    'a recipient of another kind, a password',
    'unsupported_recipient',
    envelopeOf({ recipientInfos: definite(TAG.set, definite(0xa3)) }),
  ],
  ['no recipient in an agreement', 'no_recipient', agreed({ keys: NO_BYTES })],
  ['two recipients in an agreement', 'two_recipients', agreed({ keys: joinBytes(AGREED_KEY, AGREED_KEY) })],
  ['an agreement of version 2', 'bad_version', agreed({ version: Uint8Array.of(2) })],
  ['an agreement with a ukm', 'unsupported_recipient', agreed({ ukm: definite(0xa1, octets(MAC)) })],
  ['a static originator', 'unsupported_recipient', agreed({ originator: definite(TAG.sequence) })],
  ['an ephemeral key on another curve', 'unsupported_recipient', agreed({ curve: writeOid('1.3.132.0.34') })],
  ['an ephemeral key that is no curve’s', 'unsupported_recipient', agreed({ keyType: '1.2.840.113549.1.1.1' })],
  ['a compressed point', 'unsupported_recipient', agreed({ point: POINT.slice(0, 33).fill(2, 0, 1) })],
  ['a point cut short', 'unsupported_recipient', agreed({ point: POINT.subarray(0, 64) })],
  ['another key derivation', 'unsupported_recipient', agreed({ scheme: '1.3.133.16.840.63.0.2' })],
  ['another key wrap', 'unsupported_recipient', agreed({ wrap: '2.16.840.1.101.3.4.1.5' })],
  ['a key wrap with parameters', 'unsupported_recipient', agreed({ wrapParameters: definite(TAG.null) })],
  ['a wrapped key of 24 bytes', 'unsupported_recipient', agreed({ wrappedKey: new Uint8Array(24) })],
  ['a dated key identifier', 'unsupported_recipient', agreed({ rid: definite(0xa0, octets(MAC), octets(MAC)) })],
  ['more than an agreement holds', 'bad_der', agreed({ behind: definite(TAG.sequence) })],
  ['signed content inside', 'wrong_content_type', envelopeOf({ contentType: '1.2.840.113549.1.7.2' })],
  ['AES-192-GCM', 'wrong_cipher', envelopeOf({ cipher: cipherOf('2.16.840.1.101.3.4.1.26', NONCE, TAG_LENGTH) })],
  ['a nonce of 16 bytes', 'bad_nonce', envelopeOf({ cipher: cipherOf(OID_AES_256_GCM, MAC, TAG_LENGTH) })],
  ['the default tag length, 12', 'short_tag', envelopeOf({ cipher: cipherOf(OID_AES_256_GCM, NONCE, NO_BYTES) })],
  [
    'a stated tag length of 4',
    'short_tag',
    envelopeOf({ cipher: cipherOf(OID_AES_256_GCM, NONCE, writeElement(TAG.integer, Uint8Array.of(4))) }),
  ],
  ['a tag of 4 bytes', 'short_tag', envelopeOf({ mac: octets(MAC.subarray(0, 4)) })],
  ['a tag of 17 bytes', 'short_tag', envelopeOf({ mac: octets(new Uint8Array(17)) })],
  ['content kept elsewhere', 'no_content', envelopeOf({ content: NO_BYTES })],
  ['content kept elsewhere, indefinite', 'no_content', envelopeOf({ wrap: indefinite, content: NO_BYTES })],
  ['segments of one byte', 'tiny_segments', envelopeOf({ content: indefinite(0xa0, segments(CIPHERTEXT, 1)) })],
  ['strings five deep', 'nested_too_deep', envelopeOf({ content: indefinite(0xa0, bomb(4)) })],
  ['authenticated attributes', 'auth_attrs', envelopeOf({ attributes })],
  ['authenticated attributes, indefinite', 'auth_attrs', envelopeOf({ wrap: indefinite, attributes })],
  ['unauthenticated attributes', 'unauth_attrs', envelopeOf({ behindMac: definite(TAG.constructedContext2) })],
  [
    'unauthenticated attributes, indefinite',
    'unauth_attrs',
    envelopeOf({ wrap: indefinite, behindMac: definite(TAG.constructedContext2) }),
  ],
  [
    'a header element above the limit',
    'header_too_long',
    envelopeOf({ recipientInfos: definite(TAG.set, octets(new Uint8Array(HEADER_ELEMENT_LIMIT_BYTES))) }),
  ],
  ['one byte behind the end', 'trailing_bytes', envelopeOf({ trailing: Uint8Array.of(0) })],
  ['an envelope behind the envelope', 'trailing_bytes', envelopeOf({ trailing: envelopeOf() })],
  ['end-of-contents behind definite lengths', 'trailing_bytes', envelopeOf({ trailing: Uint8Array.of(0, 0) })],
  ['nothing', 'truncated', NO_BYTES],
];

for (const [what, code, bytes] of refused) {
  t.test(`refused as ${code}: ${what}`, async (t) => {
    t.equal(codeOf(bytes), code);
    t.strictSame(read(bytes, new Array(bytes.length).fill(1)), { code });
  });
}

t.test('every refusal has its test', async (t) => {
  const tested = new Set(refused.map(([, code]) => code));
  t.strictSame(
    ENVELOPE_CODES.filter((code) => !tested.has(code)),
    [],
  );
});

t.test('the envelope that all those are one step away from is accepted', async (t) => {
  for (const wrap of [definite, indefinite]) t.equal(codeOf(envelopeOf({ wrap })), 'accepted');
  const curves = [NO_BYTES, definite(TAG.null), writeOid('1.2.840.10045.3.1.7')];
  for (const curve of curves) t.equal(codeOf(agreed({ curve })), 'accepted');
});

t.test('limits: the last header that fits, the last depth, the last number of small segments', async (t) => {
  const { identifier } = RECIPIENT;
  const withKeyOf = (length: number): Uint8Array =>
    writeRecipientInfos({ keyTransport: 'rsa_oaep_sha1', encryptedKey: new Uint8Array(length), identifier });
  const overhead = withKeyOf(8000).length - 8000 - 4;
  const longest = HEADER_ELEMENT_LIMIT_BYTES - overhead;
  t.equal(codeOf(envelopeOf({ recipientInfos: withKeyOf(longest) })), 'accepted');
  t.equal(codeOf(envelopeOf({ recipientInfos: withKeyOf(longest + 1) })), 'header_too_long');
  t.equal(codeOf(envelopeOf({ content: indefinite(0xa0, bomb(3)) })), 'accepted');
  t.equal(codeOf(envelopeOf({ content: indefinite(0xa0, segments(CIPHERTEXT.subarray(0, 1024), 1)) })), 'accepted');
  t.equal(codeOf(envelopeOf({ content: indefinite(0xa0, segments(new Uint8Array(256 * 2048), 256)) })), 'accepted');
});

t.test('cut short anywhere it is refused, and a reader that has refused refuses for ever', async (t) => {
  const bytes = golden('valid/stream-oaep-sha256.cms');
  for (let length = 0; length < bytes.length; length += length < 600 || length > bytes.length - 40 ? 1 : 997) {
    t.equal(codeOf(bytes.subarray(0, length)), 'truncated', `${length} bytes`);
  }
  const reader = startEnvelope();
  t.throws(() => reader.push(Uint8Array.of(4, 1)), { code: 'not_auth_enveloped' });
  t.throws(() => reader.push(bytes), { code: 'not_auth_enveloped' });
  t.throws(() => reader.end(), { code: 'not_auth_enveloped' });
});

t.test('any bytes at all end in an envelope or in a refusal', async () => {
  const base = [envelopeOf(), golden('valid/stream-pkcs1-v15.cms').slice(0, 700)];
  const spoilt = fc
    .tuple(fc.constantFrom(...base), fc.array(fc.tuple(fc.nat(699), fc.nat(255)), { minLength: 1, maxLength: 6 }))
    .map(([bytes, changes]) => {
      const copy = bytes.slice();
      for (const [at, octet] of changes) copy[at % copy.length] = octet;
      return copy;
    });
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 400 }), spoilt), (bytes) => {
      const result = read(bytes);
      return 'code' in result ? ENVELOPE_CODES.includes(result.code) : result.end.envelopeBytes === bytes.length;
    }),
    { numRuns: 2000 },
  );
});

t.test('what the writer writes the reader reads, also where lengths need more than 32 bits', async (t) => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 70_000 }), (length) => {
      const ciphertext = new Uint8Array(length).fill(9);
      const { header, trailer, envelopeBytes, recipientInfos } = writeEnvelope(RECIPIENT, GCM, length);
      const result = read(joinBytes(header, ciphertext, trailer(MAC)));
      if ('code' in result) return false;
      t.strictSame(result.header, { recipientInfos, recipient: RECIPIENT, ...GCM });
      t.equal(result.end.envelopeBytes, envelopeBytes);
      return result.ciphertext.length === length;
    }),
    { numRuns: 60 },
  );
  for (const contentBytes of [2 ** 31 - 1, 2 ** 31, 2 ** 32 + 5, 20 * 2 ** 30]) {
    const { header, envelopeBytes } = writeEnvelope(RECIPIENT, GCM, contentBytes);
    const reader = startEnvelope();
    reader.push(header);
    t.strictSame(reader.header()?.nonce, NONCE);
    t.equal(envelopeBytes, header.length + contentBytes + 18);
    t.throws(() => reader.end(), { code: 'truncated' });
  }
});

t.test('the writer spells each key transport as OpenSSL does', async (t) => {
  for (const name of goldenNames('valid')) {
    const result = read(golden(name));
    if ('code' in result || !result.header) throw new Error(name);
    const { recipient, recipientInfos } = result.header;
    const spelt = writeRecipientInfos(recipient);
    // OpenSSL leaves the NULL of the OAEP hashes away, RFC 4055 wants it written: both are read, ours writes it.
    if (recipient.keyTransport === 'rsa_oaep_sha256') t.equal(spelt.length, recipientInfos.length + 4, name);
    else t.strictSame(spelt, recipientInfos, name);
  }
});
