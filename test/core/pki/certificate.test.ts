/** Certificates read into values, checked against OpenSSL's reading of the same bytes, and robust against any others. */
import { createPublicKey, X509Certificate } from 'node:crypto';
import fc from 'fast-check';
import {
  basicConstraints,
  demoCreditCode,
  extension,
  holderName,
  keyUsage,
  makeCertificate,
  makeKey,
  type NamePart,
  sequence,
} from '../../../server/cli/demo/ca.ts';
import {
  CERTIFICATE_LIMIT_BYTES,
  CERTIFICATES_LIMIT,
  type Certificate,
  parseCertificate,
  parsePem,
  parseX5c,
} from '../../../server/core/pki/certificate.ts';
import { CertificateError, type CertificateErrorCode } from '../../../server/core/pki/der.ts';
import { ATTRIBUTE, foldName } from '../../../server/core/pki/names.ts';
import { PLAIN_SUBJECT_RULE, readSubject } from '../../../server/core/pki/subject.ts';
import { testCa } from '../../support/ca.ts';
import t from '../../support/tap.ts';

const at = Date.parse('2026-03-02T01:00:00.000Z');
const ca = await testCa({ name: 'Reading', at });
const holder = { creditCode: demoCreditCode(1), organisation: '张掖市建设有限公司', name: '李四', personId: 'P-1' };
const [signing, elliptic] = await Promise.all([
  ca.issue({ holder, usage: 'sign' }),
  ca.issue({ holder, usage: 'encrypt', key: 'p256' }),
]);
const key = await makeKey('p256');

/** A self-signed certificate with this subject and these extensions. */
function certificateOf(subject: readonly NamePart[], extensions = [basicConstraints(false)]): Certificate {
  const pem = makeCertificate({
    subject,
    issuer: subject,
    publicKey: createPublicKey(key),
    issuerKey: key,
    serial: '0a',
    notBeforeAt: at,
    notAfterAt: at + 1000,
    extensions,
  });
  return first(parsePem(pem));
}

function first<T>([value]: readonly T[]): T {
  if (value === undefined) throw new Error('nothing there');
  return value;
}

function refusal(read: () => unknown): CertificateErrorCode | undefined {
  try {
    read();
    return undefined;
  } catch (error) {
    if (error instanceof CertificateError) return error.code;
    throw error;
  }
}

t.test('our reading agrees with OpenSSL', async (t) => {
  for (const pem of [signing.certificatePem, elliptic.certificatePem, ca.rootPem, ca.intermediatePem]) {
    const ours = first(parsePem(pem));
    const theirs = new X509Certificate(pem);
    t.equal(ours.serial, theirs.serialNumber.toLowerCase());
    t.equal(ours.notBeforeAt, Date.parse(theirs.validFrom));
    t.equal(ours.notAfterAt, Date.parse(theirs.validTo));
    t.ok(theirs.raw.equals(ours.der));
    t.ok(theirs.publicKey.export({ type: 'spki', format: 'der' }).equals(ours.spki));
    t.equal(ours.basicConstraints?.ca, theirs.ca);
  }
});

t.test('names, usages and identifiers', async (t) => {
  const certificate = first(parsePem(signing.certificatePem));
  const issuer = first(parsePem(ca.intermediatePem));
  t.strictSame(certificate.keyUsage, ['digitalSignature', 'nonRepudiation']);
  t.strictSame(first(parsePem(elliptic.certificatePem)).keyUsage, ['keyAgreement']);
  t.strictSame(issuer.basicConstraints, { ca: true, pathLength: 0 });
  t.strictSame(issuer.keyUsage, ['keyCertSign', 'cRLSign']);
  t.equal(certificate.authorityKeyId, issuer.subjectKeyId);
  t.equal(certificate.issuer.key, issuer.subject.key);
  t.strictSame(
    certificate.subject.attributes.find(({ oid }) => oid === ATTRIBUTE.commonName),
    { oid: '2.5.4.3', value: '李四' },
  );
});

t.test('who it speaks for: a person, an organisation', async (t) => {
  t.strictSame(readSubject(first(parsePem(signing.certificatePem)), PLAIN_SUBJECT_RULE), {
    ok: true,
    subject: { account: `${holder.creditCode}/P-1`, ...holder },
  });
  const organisation = { creditCode: demoCreditCode(2), organisation: '甲公司', name: '甲公司' };
  t.strictSame(readSubject(certificateOf(holderName(organisation)), PLAIN_SUBJECT_RULE), {
    ok: true,
    subject: { account: organisation.creditCode, ...organisation },
  });
});

t.test('who it does not speak for', async (t) => {
  const code = demoCreditCode(2);
  const parts = (...name: NamePart[]): NamePart[] => name;
  const organisation: NamePart = [ATTRIBUTE.organisation, '甲'];
  const name: NamePart = [ATTRIBUTE.commonName, '乙'];
  const table: [NamePart[], string][] = [
    [parts(organisation, name), 'credit_code_missing'],
    [parts(organisation, name, [ATTRIBUTE.organizationIdentifier, `${code.slice(0, 17)}I`]), 'credit_code_invalid'],
    [
      parts(
        organisation,
        name,
        [ATTRIBUTE.organizationIdentifier, code],
        [ATTRIBUTE.organizationIdentifier, demoCreditCode(3)],
      ),
      'subject_ambiguous',
    ],
    [
      parts(
        organisation,
        name,
        [ATTRIBUTE.organizationIdentifier, code],
        [ATTRIBUTE.organizationIdentifier, `NTRCN-${demoCreditCode(3)}`],
      ),
      'subject_ambiguous',
    ],
    [
      parts(organisation, name, name, [ATTRIBUTE.commonName, '丙'], [ATTRIBUTE.organizationIdentifier, code]),
      'subject_ambiguous',
    ],
    [parts(name, [ATTRIBUTE.organizationIdentifier, code]), 'organisation_missing'],
    [parts(organisation, [ATTRIBUTE.organizationIdentifier, code]), 'name_missing'],
    [
      parts(organisation, [ATTRIBUTE.commonName, '乙\u202e甲'], [ATTRIBUTE.organizationIdentifier, code]),
      'name_missing',
    ],
    [
      parts(organisation, name, [ATTRIBUTE.organizationIdentifier, code], [ATTRIBUTE.serialNumber, 'a/b']),
      'person_id_invalid',
    ],
  ];
  for (const [subject, refused] of table)
    t.strictSame(readSubject(certificateOf(subject), PLAIN_SUBJECT_RULE), { refused }, JSON.stringify(subject));
  t.match(
    readSubject(
      certificateOf(parts(organisation, name, [ATTRIBUTE.organizationIdentifier, `NTRCN-${code}`])),
      PLAIN_SUBJECT_RULE,
    ),
    { ok: true, subject: { account: code } },
    'the prefix of ETSI is cut off',
  );
});

t.test('names meet whatever their width, case and blanks', async (t) => {
  t.equal(foldName('  Ｄｅｍｏ   CA '), foldName('demo ca'));
  const wide = certificateOf([[ATTRIBUTE.commonName, 'ＣＡ　甲']]).subject.key;
  t.equal(certificateOf([[ATTRIBUTE.commonName, 'ca 甲']]).subject.key, wide);
  t.not(certificateOf([[ATTRIBUTE.commonName, 'ca 乙']]).subject.key, wide);
  t.not(certificateOf([[ATTRIBUTE.organisation, 'ca 甲']]).subject.key, wide);
});

t.test('structures that no CA writes are refused', async (t) => {
  const subject: NamePart[] = [[ATTRIBUTE.commonName, '甲']];
  const twice = [basicConstraints(false), basicConstraints(true)];
  t.equal(
    refusal(() => certificateOf(subject, twice)),
    'duplicate_extension',
  );
  t.equal(
    refusal(() => certificateOf(subject, [sequence()])),
    'certificate_structure',
  );
  t.equal(
    refusal(() => certificateOf(subject, [extension('2.5.29.37', false, sequence())])),
    'certificate_structure',
  );
  t.equal(
    refusal(() => certificateOf(subject, [extension('2.5.29.15', true, sequence())])),
    'der_tag',
  );
  t.equal(
    refusal(() => parseCertificate(new Uint8Array(CERTIFICATE_LIMIT_BYTES + 1))),
    'certificate_too_large',
  );
  t.strictSame(certificateOf(subject, [keyUsage(['decipherOnly'])]).keyUsage, ['decipherOnly']);
});

t.test('an algorithm beside the signature that was not signed is refused', async (t) => {
  const { der } = first(parsePem(elliptic.certificatePem));
  const bytes = new Uint8Array(der);
  const oid = Buffer.from('2a864886f70d01010b', 'hex');
  const last = Buffer.from(bytes).lastIndexOf(oid);
  t.ok(last > 0);
  bytes[last + oid.length - 1] = 0x0c;
  t.equal(
    refusal(() => parseCertificate(bytes)),
    'certificate_algorithm',
  );
});

t.test('x5c: leaf first, strict base64, bounded', async (t) => {
  const base64 = (pem: string) => Buffer.from(first(parsePem(pem)).der).toString('base64');
  const chain = parseX5c([base64(signing.certificatePem), base64(ca.intermediatePem)]);
  t.equal(chain.intermediates.length, 1);
  t.equal(chain.leaf.issuer.key, chain.intermediates[0]?.subject.key);
  t.equal(
    refusal(() => parseX5c([])),
    'certificate_structure',
  );
  t.equal(
    refusal(() => parseX5c([`${base64(ca.rootPem)} `])),
    'pem_format',
  );
  t.equal(
    refusal(() => parseX5c(Array(CERTIFICATES_LIMIT + 1).fill(base64(ca.rootPem)))),
    'too_many_certificates',
  );
});

t.test('PEM: text around the blocks is ignored, no block is an error', async (t) => {
  t.equal(parsePem(`Subject: someone\n${ca.rootPem}\nmore\n${ca.intermediatePem}`).length, 2);
  t.equal(parsePem(ca.rootPem.replaceAll('\n', '\r\n')).length, 1);
  t.equal(
    refusal(() => parsePem('no certificate here')),
    'pem_format',
  );
  t.equal(
    refusal(() => parsePem(ca.rootPem.repeat(CERTIFICATES_LIMIT + 1))),
    'too_many_certificates',
  );
});

t.test('a certificate with any bytes changed, cut or added is read or refused, never anything else', async (t) => {
  const { der } = first(parsePem(signing.certificatePem));
  const change = fc.tuple(fc.nat(der.length - 1), fc.nat(255));
  fc.assert(
    fc.property(
      fc.array(change, { minLength: 1, maxLength: 4 }),
      fc.nat(der.length),
      fc.uint8Array({ maxLength: 4 }),
      (changes, cut, tail) => {
        const bytes = new Uint8Array(der);
        for (const [place, value] of changes) bytes[place] = value;
        refusal(() => readSubject(parseCertificate(bytes), PLAIN_SUBJECT_RULE));
        refusal(() => parseCertificate(Uint8Array.of(...bytes.subarray(0, cut), ...tail)));
        return refusal(() => parseCertificate(Uint8Array.of(...der, ...tail))) !== undefined || tail.length === 0;
      },
    ),
    { numRuns: 1500 },
  );
  t.pass('nothing but CertificateError');
});

t.test('any text as PEM is read or refused', async (t) => {
  fc.assert(
    fc.property(fc.base64String({ maxLength: 400 }), (body) => {
      refusal(() => parsePem(`-----BEGIN CERTIFICATE-----\n${body}\n-----END CERTIFICATE-----\n`));
      refusal(() => parseX5c([body]));
    }),
  );
  t.pass('nothing but CertificateError');
});
