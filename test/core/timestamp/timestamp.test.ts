/** Time-stamps: tokens that OpenSSL makes and takes, each gap that a lenient reader leaves, and robust against any bytes. */
import { createPublicKey } from 'node:crypto';
import fc from 'fast-check';
import {
  basicConstraints,
  type CertificateRequest,
  extendedKeyUsage,
  keyUsage,
  makeCertificate,
  makeKey,
  timeStampingUsage,
} from '../../../server/cli/demo/ca.ts';
import {
  answerTimestamp,
  DEMO_POLICY,
  refuseTimestamp,
  type TsaAnswer,
} from '../../../server/cli/demo/time-stamping.ts';
import { utf8 } from '../../../server/core/log/utf8.ts';
import { parsePem } from '../../../server/core/pki/certificate.ts';
import { TAG } from '../../../server/core/pki/der.ts';
import { ATTRIBUTE as NAME } from '../../../server/core/pki/names.ts';
import { writeElement, writeOid } from '../../../server/core/seal/der.ts';
import { ATTRIBUTE, SHA1, TIME_STAMPING } from '../../../server/core/timestamp/object-ids.ts';
import { nonceNumber, writeTimestampRequest } from '../../../server/core/timestamp/request.ts';
import { TimestampError } from '../../../server/core/timestamp/timestamp-error.ts';
import { parseTimestampResponse, RESPONSE_LIMIT_BYTES } from '../../../server/core/timestamp/token.ts';
import {
  LISTS_LIMIT,
  TIMESTAMP_REASONS,
  type TimestampQuestion,
  verifyTimestamp,
} from '../../../server/core/timestamp/verify.ts';
import { digestByOid, sha256 } from '../../../server/hash.ts';
import { verifyCertificateSignature } from '../../../server/identity/signature.ts';
import {
  hasOpenssl,
  OPENSSL_POLICY,
  type OpensslTsa,
  replyByOpenssl,
  verifyByOpenssl,
} from '../../support/openssl-tsa.ts';
import t from '../../support/tap.ts';
import { type Authority, authority, crlDer, DAY_MS, only, rawExtension, signUsage } from '../pki/authority.ts';

const now = Date.now();
const dates = { notBeforeAt: now - DAY_MS, notAfterAt: now + DAY_MS };
const dated = { thisUpdateAt: now - 3_600_000, nextUpdateAt: now + DAY_MS };
const root = await authority('Root', undefined, dates);
const middle = await authority('Middle', root, dates);
const other = await authority('Other root', undefined, dates);
const tsaExtensions = [basicConstraints(false), signUsage, timeStampingUsage()];
const stamper = (changes: Partial<CertificateRequest> = {}, issuer = middle) =>
  authority('Stamper', issuer, { ...dates, extensions: tsaExtensions, ...changes });
const tsa = await stamper();
const lists = [crlDer(root, dated), crlDer(middle, dated)];

const imprint = sha256(utf8('a ledger note'));
const nonce = Uint8Array.of(0x9a, 1, 2, 3, 4, 5, 6, 7);
const request = writeTimestampRequest({ imprint, nonce });

const identity = ({ key, certificate }: Authority) => ({
  key,
  certificate: certificate.der,
  chain: [middle.certificate.der],
});
const stamp = (changes: Partial<TsaAnswer> = {}, by = tsa): Uint8Array =>
  answerTimestamp(request, identity(by), { at: now, serial: 77, ...changes });

const question = (response: Uint8Array, changes: Partial<TimestampQuestion> = {}): TimestampQuestion => ({
  response,
  imprint,
  nonce,
  policies: [DEMO_POLICY, OPENSSL_POLICY],
  accuracyLimitMs: 2_000,
  anchors: [root.certificate],
  crls: lists,
  digest: digestByOid,
  verifySignature: verifyCertificateSignature,
  ...changes,
});
/** The judgement in a word or two. */
function judge(response: Uint8Array, changes: Partial<TimestampQuestion> = {}): string {
  const result = verifyTimestamp(question(response, changes));
  if (result.ok) return result.revocation;
  return [result.reason, ...(result.detail === undefined ? [] : [result.detail])].join(': ');
}

t.test('a token says when, how accurately, under which policy, and by whom', async (t) => {
  const result = verifyTimestamp(question(stamp({ at: now - 1 })));
  t.match(result, { ok: true, at: now - 1, accuracyMs: 1_000, policy: DEMO_POLICY, serial: '4d', revocation: 'good' });
  if (!result.ok) return;
  t.strictSame(
    result.path.map(({ serial }) => serial),
    [tsa, middle, root].map(({ certificate }) => certificate.serial),
  );
  t.strictSame(
    result.crls.map((crl) => Buffer.from(crl).toString('hex')).sort(),
    lists.map((crl) => Buffer.from(crl).toString('hex')).sort(),
    'with the lists that were asked it can be judged again',
  );
});

t.test('every gap is closed', async (t) => {
  const usage = (...extensions: CertificateRequest['extensions']) =>
    stamper({ extensions: [basicConstraints(false), signUsage, ...extensions] });
  const critical = (...purposes: string[]) =>
    rawExtension('2.5.29.37', true, writeElement(TAG.sequence, ...purposes.map(writeOid)));
  const cases: readonly [what: string, response: Uint8Array, expected: string, asked?: Partial<TimestampQuestion>][] = [
    ['no extended usage', stamp({}, await usage()), 'signer_usage'],
    ['not critical', stamp({}, await usage(extendedKeyUsage(TIME_STAMPING))), 'signer_usage'],
    ['not alone', stamp({}, await usage(critical(TIME_STAMPING, '1.3.6.1.5.5.7.3.3'))), 'signer_usage'],
    ['another usage', stamp({}, await usage(critical('1.3.6.1.5.5.7.3.3'))), 'signer_usage'],
    [
      'a key for encryption',
      stamp(
        {},
        await stamper({ extensions: [basicConstraints(false), keyUsage(['keyEncipherment']), timeStampingUsage()] }),
      ),
      'signer_usage',
    ],
    [
      'a CA',
      stamp({}, await stamper({ extensions: [basicConstraints(true), signUsage, timeStampingUsage()] })),
      'signer_usage',
    ],
    [
      'no ESS attribute',
      stamp({ attributes: (own) => ({ ...own, [ATTRIBUTE.signingCertificateV2]: undefined }) }),
      'signing_certificate: none there',
    ],
    [
      'an ESS attribute of another certificate',
      stamp({ attributes: ess(middle.certificate.der) }),
      'signing_certificate',
    ],
    [
      'an ESS attribute with another serial',
      stamp({ attributes: ess(tsa.certificate.der, '01') }),
      'signing_certificate',
    ],
    [
      'an ESS attribute with issuer and serial',
      stamp({ attributes: ess(tsa.certificate.der, tsa.certificate.serial) }),
      'good',
    ],
    ['version 1 of it', stamp({ attributes: essVersion1(tsa.certificate.der) }), 'good'],
    ['version 1 of another', stamp({ attributes: essVersion1(middle.certificate.der) }), 'signing_certificate'],
    [
      'no digest',
      stamp({ attributes: (own) => ({ ...own, [ATTRIBUTE.messageDigest]: undefined }) }),
      'content_attributes',
    ],
    ['no type', stamp({ attributes: (own) => ({ ...own, [ATTRIBUTE.contentType]: undefined }) }), 'content_attributes'],
    [
      'another type',
      stamp({ attributes: (own) => ({ ...own, [ATTRIBUTE.contentType]: writeOid('1.2.840.113549.1.7.1') }) }),
      'content_attributes',
    ],
    [
      'another digest',
      stamp({ attributes: (own) => ({ ...own, [ATTRIBUTE.messageDigest]: writeElement(TAG.octetString, imprint) }) }),
      'content_attributes',
    ],
    ['no certificate of the signer', stamp({ certificates: [middle.certificate.der] }), 'signer_missing'],
    [
      'signed by another key',
      answerTimestamp(request, { ...identity(tsa), key: middle.key }, { at: now, serial: 1 }),
      'bad_signature',
    ],
    ['another imprint', stamp(), 'imprint_differs', { imprint: sha256(utf8('another note')) }],
    [
      'the imprint of another hash',
      stamp({
        imprint: writeElement(
          TAG.sequence,
          writeElement(TAG.sequence, writeOid(SHA1)),
          writeElement(TAG.octetString, imprint),
        ),
      }),
      'imprint_differs',
    ],
    ['another nonce', stamp(), 'nonce_differs', { nonce: Uint8Array.of(1) }],
    ['no nonce', stamp({ nonce: null }), 'nonce_differs'],
    ['another policy', stamp({ policy: '1.2.3.9' }), 'policy_differs: 1.2.3.9'],
    ['any policy', stamp({ policy: '1.2.3.9' }), 'good', { policies: undefined } as never],
    ['less accurate', stamp({ accuracySeconds: 3 }), 'accuracy: 3000'],
    ['just as accurate', stamp({ accuracySeconds: 2 }), 'good'],
    ['accuracy unsaid', stamp({ accuracySeconds: null }), 'accuracy: unsaid'],
    ['a strange extension', stamp({ tail: [strangeExtension(true)] }), 'unknown_extension: 1.2.3'],
    ['a strange extension that is not critical', stamp({ tail: [strangeExtension(false)] }), 'good'],
    ['its own name', stamp({ tail: [writeElement(0xa0, writeElement(0xa4, tsa.certificate.subject.full))] }), 'good'],
    [
      'another’s name',
      stamp({ tail: [writeElement(0xa0, writeElement(0xa4, root.certificate.subject.full))] }),
      'tsa_name_differs',
    ],
    ['another CA', stamp(), 'chain_refused: no_path', { anchors: [other.certificate] }],
    ['over at that time', stamp({ at: now + 2 * DAY_MS }), 'chain_refused: expired'],
    ['not yet valid at that time', stamp({ at: now - 2 * DAY_MS }), 'chain_refused: not_yet_valid'],
    ['refused', refuseTimestamp('not today'), 'not_granted: rejection not today'],
    ['bytes behind it', Uint8Array.of(...stamp(), 0), 'malformed: timestamp_der: bytes follow the element'],
    ['nothing', new Uint8Array(), 'malformed: timestamp_der: no room for tag and length'],
    [
      'too much',
      new Uint8Array(RESPONSE_LIMIT_BYTES + 1),
      `malformed: timestamp_too_large: more than ${RESPONSE_LIMIT_BYTES} bytes`,
    ],
  ];
  for (const [what, response, expected, asked] of cases) t.equal(judge(response, asked ?? {}), expected, what);
  const seen = new Set(cases.map(([, , expected]) => expected.split(':')[0]));
  const untold = Object.keys(TIMESTAMP_REASONS).filter((reason) => !seen.has(reason));
  t.strictSame(untold, ['algorithm_refused', 'revoked'], 'these two have tests of their own');
});

t.test('revocation is asked at the time of the stamp: good, revoked, or neither', async (t) => {
  const revoked = (issuer: Authority, { certificate: { serial } }: Authority) =>
    crlDer(issuer, { ...dated, entries: [{ serial, revokedAt: now - 60_000 }] });
  t.equal(judge(stamp(), { crls: [] }), 'undetermined');
  t.equal(judge(stamp(), { crls: [only(lists)] }), 'undetermined', 'of the signer nothing is known');
  t.equal(judge(stamp(), { crls: [only(lists), revoked(middle, tsa)] }), 'revoked: revoked');
  t.equal(judge(stamp(), { crls: [revoked(root, middle), crlDer(middle, dated)] }), 'revoked: issuer_revoked');
  t.equal(judge(stamp({ crls: lists }), { crls: [] }), 'good', 'the lists that came with the token');
  const stale = { thisUpdateAt: now - DAY_MS, nextUpdateAt: now - 60_000 };
  t.equal(judge(stamp(), { crls: [only(lists), crlDer(middle, stale)] }), 'undetermined', 'a list that was over');
  const later = { thisUpdateAt: now + 60_000, nextUpdateAt: now + DAY_MS };
  t.equal(judge(stamp(), { crls: [only(lists), crlDer(middle, later)] }), 'good', 'a list that came after it');
  t.equal(judge(stamp(), { crls: [...lists, Uint8Array.of(1)] }), 'good', 'what is no list is passed over');
  const faker = await authority('Nobody');
  const farAhead = crlDer(faker, { thisUpdateAt: now + 36_500 * DAY_MS, nextUpdateAt: now + 36_501 * DAY_MS });
  const stamped = stamp({ crls: [farAhead] });
  t.equal(
    judge(stamped, { crls: [only(lists), revoked(middle, tsa)] }),
    'revoked: revoked',
    'a list of the year 2126 hides no other',
  );
  t.equal(judge(stamped, { crls: lists }), 'good');
  const many = Array.from({ length: LISTS_LIMIT }, () => farAhead);
  t.equal(
    judge(stamp({ crls: many.slice(0, 16) }), { crls: [only(lists), revoked(middle, tsa)] }),
    'revoked: revoked',
    'nor do many',
  );
  t.equal(judge(stamp(), { crls: [...many.slice(2), ...lists] }), 'good', 'both are within the limit');
  t.equal(judge(stamp(), { crls: [...many.slice(1), ...lists] }), 'undetermined', 'one of them is beyond it');
});

t.test('keys and algorithms', async (t) => {
  const key = await makeKey('rsa');
  const rsaPem = (bits: Partial<CertificateRequest>) =>
    makeCertificate({
      subject: [[NAME.commonName, 'RSA stamper']],
      issuer: middle.name,
      publicKey: createPublicKey(key),
      issuerKey: middle.key,
      serial: '51',
      extensions: tsaExtensions,
      ...dates,
      ...bits,
    });
  const rsa = { ...tsa, key, certificate: only(parsePem(rsaPem({}))) };
  t.equal(judge(stamp({}, rsa)), 'good', 'RSA');
  t.equal(judge(stamp({ pss: true }, rsa)), 'good', 'RSA with PSS');
  const mixed = stamp().slice();
  const at = Buffer.from(mixed).lastIndexOf(Buffer.from(writeOid('1.2.840.10045.4.3.2')));
  mixed[at + 9] = 3;
  t.equal(judge(mixed), 'algorithm_refused: 1.2.840.10045.4.3.3', 'a digest and a signature over another one');
});

const openssl = { skip: hasOpenssl ? false : 'no openssl here' };

t.test('OpenSSL as the authority', openssl, async (t) => {
  const chainPem = middle.pem;
  const reply = (changes: Partial<OpensslTsa> = {}, asked = request) =>
    replyByOpenssl(asked, { key: tsa.key, pem: tsa.pem, chainPem, ...changes });
  const accuracy = { accuracyLimitMs: 1_501 };
  const response = await reply();
  t.equal(judge(response, accuracy), 'good');
  t.equal(judge(response, { accuracyLimitMs: 1_500 }), 'accuracy: 1501', '1 s, 500 ms and 100 µs, rounded up');
  t.ok((await verifyByOpenssl(response, request, root.pem)).ok, 'the same in its own judgement');
  for (const signer_digest of ['sha384', 'sha512'])
    t.equal(judge(await reply({ settings: { signer_digest } }), accuracy), 'good', signer_digest);
  t.equal(judge(await reply({ settings: { ess_cert_id_alg: 'sha1' } }), accuracy), 'good', 'version 1 of ESS');
  t.equal(judge(await reply({ settings: { ess_cert_id_alg: 'sha512' } }), accuracy), 'good', 'another hash in ESS');
  t.equal(judge(await reply({ settings: { ess_cert_id_chain: 'yes' } }), accuracy), 'good', 'the chain in ESS');
  t.equal(judge(await reply({ settings: { tsa_name: 'yes' } }), accuracy), 'good', 'naming itself');
  t.equal(judge(await reply({ settings: { ordering: 'yes' } }), accuracy), 'good', 'in order');
  t.equal(judge(await reply({ settings: { accuracy: 'secs:1' } }), accuracy), 'good', 'accurate to a second');
  t.equal(
    judge(await reply({ settings: { signer_digest: 'sha1' } }), accuracy),
    'algorithm_refused: 1.2.840.10045.4.1',
  );
  const policy = writeTimestampRequest({ imprint, nonce, policy: '1.2.3.4.5.6' });
  t.equal(judge(await reply({}, policy), accuracy), 'policy_differs: 1.2.3.4.5.6');
  t.equal(judge(await reply({}, policy), { ...accuracy, policies: ['1.2.3.4.5.6'] }), 'good');
  const refusal = await reply({}, writeTimestampRequest({ imprint, nonce, policy: '1.2.3.4.9' }));
  t.match(judge(refusal), /^not_granted: rejection .*failure/, 'a policy it does not have');
  t.equal(
    judge(await reply({ chainPem: '' }), accuracy),
    'chain_refused: no_path',
    'nothing between it and the anchor',
  );
  t.equal(judge(await reply({ chainPem: '' }), { ...accuracy, intermediates: [middle.certificate] }), 'good');
  const otherImprint = writeTimestampRequest({ imprint: sha256(utf8('b')), nonce });
  t.equal(judge(await reply({}, otherImprint), accuracy), 'imprint_differs');
  const otherNonce = writeTimestampRequest({ imprint, nonce: Uint8Array.of(0, 0, 0x7f) });
  t.equal(judge(await reply({}, otherNonce), accuracy), 'nonce_differs');
});

t.test('OpenSSL with an RSA key', openssl, async (t) => {
  const key = await makeKey('rsa');
  const pem = makeCertificate({
    subject: [[NAME.commonName, 'RSA stamper']],
    issuer: middle.name,
    publicKey: createPublicKey(key),
    issuerKey: middle.key,
    serial: '52',
    extensions: tsaExtensions,
    ...dates,
  });
  for (const signer_digest of ['sha256', 'sha384', 'sha512'])
    t.equal(
      judge(await replyByOpenssl(request, { key, pem, chainPem: middle.pem, settings: { signer_digest } })),
      'good',
    );
});

t.test('OpenSSL takes the demo’s tokens', openssl, async (t) => {
  const taken = await verifyByOpenssl(stamp(), request, root.pem);
  t.ok(taken.ok, taken.words);
  const wrong = await verifyByOpenssl(stamp({ nonce: null }), request, root.pem);
  t.notOk(wrong.ok, 'and refuses a wrong one');
});

t.test('nonces are numbers', async (t) => {
  t.strictSame(nonceNumber(Uint8Array.of(0, 0, 0)), Uint8Array.of(0));
  t.strictSame(nonceNumber(Uint8Array.of(0, 0x7f)), Uint8Array.of(0x7f));
  t.strictSame(nonceNumber(Uint8Array.of(0, 0x80, 1)), Uint8Array.of(0, 0x80, 1));
  t.strictSame(nonceNumber(Uint8Array.of(0x80)), Uint8Array.of(0, 0x80));
});

t.test('times with fractions, which never end in 0', async (t) => {
  const says = (at: number) => verifyTimestamp(question(stamp({ at })));
  const second = Math.floor(now / 1000) * 1000;
  for (const at of [second, second + 1, second + 10, second + 100, second + 999]) t.match(says(at), { ok: true, at });
});

t.test('whatever the bytes are, the reader throws its own error and the judgement is an answer', async (t) => {
  const response = stamp({ crls: lists });
  const readable = (bytes: Uint8Array): boolean => {
    try {
      parseTimestampResponse(bytes);
      return true;
    } catch (error) {
      if (error instanceof TimestampError) return false;
      throw error;
    }
  };
  fc.assert(
    fc.property(fc.nat(response.length - 1), fc.integer({ min: 1, max: 255 }), (place, change) => {
      const bytes = response.slice();
      bytes[place] = (bytes[place] as number) ^ change;
      readable(bytes);
      const result = verifyTimestamp(question(bytes));
      // Something that is not signed may differ (the status, a list that was not needed), but never what the token says.
      return !result.ok || (result.at === now && result.serial === '4d' && result.policy === DEMO_POLICY);
    }),
    { numRuns: 400 },
  );
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => !readable(bytes)));
  for (let cut = 0; cut < response.length; cut += 97) t.notOk(readable(response.subarray(0, cut)), `cut at ${cut}`);
});

/** ESS version 2 naming this certificate, with issuer and serial when asked for. */
function ess(certificate: Uint8Array, serial?: string): NonNullable<TsaAnswer['attributes']> {
  const issuerSerial = (hex: string) =>
    writeElement(
      TAG.sequence,
      writeElement(TAG.sequence, writeElement(0xa4, middle.certificate.subject.full)),
      writeElement(TAG.integer, Uint8Array.from(Buffer.from(hex, 'hex'))),
    );
  const id = writeElement(
    TAG.sequence,
    writeElement(TAG.octetString, sha256(certificate)),
    ...(serial === undefined ? [] : [issuerSerial(serial)]),
  );
  return (own) => ({
    ...own,
    [ATTRIBUTE.signingCertificateV2]: writeElement(TAG.sequence, writeElement(TAG.sequence, id)),
  });
}

function essVersion1(certificate: Uint8Array): NonNullable<TsaAnswer['attributes']> {
  const hash = digestByOid(SHA1, certificate) as Uint8Array;
  const id = writeElement(TAG.sequence, writeElement(TAG.octetString, hash));
  return (own) => ({
    ...own,
    [ATTRIBUTE.signingCertificateV2]: undefined,
    [ATTRIBUTE.signingCertificate]: writeElement(TAG.sequence, writeElement(TAG.sequence, id)),
  });
}

function strangeExtension(critical: boolean): Uint8Array {
  const flag = critical ? [writeElement(TAG.boolean, Uint8Array.of(0xff))] : [];
  return writeElement(0xa1, writeElement(TAG.sequence, writeOid('1.2.3'), ...flag, writeElement(TAG.octetString)));
}
