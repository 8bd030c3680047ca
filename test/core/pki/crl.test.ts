/** CRLs read into values: against OpenSSL, entry by entry, at their limits, and robust against any bytes. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import fc from 'fast-check';
import { crlSigner } from '../../../server/cli/demo/ca.ts';
import { integer, makeCrl, writeExtension } from '../../../server/cli/demo/crl.ts';
import { CRL_EXTENSION, CRL_LIMIT_BYTES, parseCrl } from '../../../server/core/pki/crl.ts';
import { CertificateError, type CertificateErrorCode } from '../../../server/core/pki/der.ts';
import t from '../../support/tap.ts';
import { at, authority, crl, crlDer, DAY_MS, sequenceOf, tagged, uriPoint } from './authority.ts';
import { pkitsDer, pkitsNames } from './pkits.ts';

const run = promisify(execFile);
const ca = await authority('CA');
const other = await authority('Other');

function refusal(read: () => unknown): CertificateErrorCode | undefined {
  try {
    read();
    return undefined;
  } catch (error) {
    if (error instanceof CertificateError) return error.code;
    throw error;
  }
}

const openssl = await run('openssl', ['version']).then(
  () => true,
  () => false,
);

t.test('what a list says', async (t) => {
  const read = crl(ca, {
    number: 300,
    entries: [
      { serial: '07', revokedAt: at - 5_000 },
      { serial: '00ff', revokedAt: at - 4_000, reason: 'keyCompromise' },
      { serial: '08', revokedAt: at - 4_000, reason: 'certificateHold' },
    ],
  });
  t.equal(read.issuer.key, ca.certificate.subject.key);
  t.equal(read.thisUpdateAt, at - DAY_MS);
  t.equal(read.nextUpdateAt, at + DAY_MS);
  t.equal(read.number, 300n);
  t.equal(read.entryCount, 3);
  t.equal(read.hasUnknownCritical, false);
  const entries = read.entries.get(ca.certificate.subject.key);
  t.strictSame(entries?.get('07'), { reason: 'unspecified', revokedAt: at - 5_000 });
  t.strictSame(entries?.get('00ff'), { reason: 'keyCompromise', revokedAt: at - 4_000 });
  t.strictSame(entries?.get('08'), { reason: 'certificateHold', revokedAt: at - 4_000 });
  t.equal(entries?.get('ff'), undefined);
  t.equal(crl(ca, { number: 0 }).number, 0n);
  t.equal(crl(ca).entryCount, 0);
});

t.test('entries of an indirect list belong to the issuer named last', async (t) => {
  const indirect = writeExtension(CRL_EXTENSION.issuingPoint, true, sequenceOf(tagged(0x84, Uint8Array.of(0xff))));
  const entries = [
    { serial: '01', revokedAt: at },
    { serial: '02', revokedAt: at, issuer: other.certificate.subject.full },
    { serial: '03', revokedAt: at },
    { serial: '04', revokedAt: at, issuer: ca.certificate.subject.full },
  ];
  const read = crl(ca, { entries, extensions: [indirect] });
  t.equal(read.issuingPoint?.indirect, true);
  const serials = (key: string) => [...(read.entries.get(key)?.keys() ?? [])];
  t.strictSame(serials(ca.certificate.subject.key), ['01', '04']);
  t.strictSame(serials(other.certificate.subject.key), ['02', '03']);
  t.equal(
    refusal(() => crl(ca, { entries })),
    'crl_structure',
    'in a list that is not indirect nobody else’s certificates stand',
  );
});

t.test('of two entries for one certificate the first that revokes it stays', async (t) => {
  const reasons = (...order: ('keyCompromise' | 'removeFromCRL' | 'superseded')[]) =>
    crl(ca, { entries: order.map((reason) => ({ serial: '09', revokedAt: at, reason })) })
      .entries.get(ca.certificate.subject.key)
      ?.get('09')?.reason;
  t.equal(reasons('keyCompromise', 'superseded'), 'keyCompromise');
  t.equal(reasons('removeFromCRL', 'superseded'), 'superseded');
  t.equal(reasons('superseded', 'removeFromCRL'), 'superseded');
});

t.test('extensions: what is critical and not known makes the list useless, not unreadable', async (t) => {
  const unknown = (critical: boolean) => writeExtension('1.2.3.4', critical, sequenceOf());
  t.equal(crl(ca, { extensions: [unknown(false)] }).hasUnknownCritical, false);
  t.equal(crl(ca, { extensions: [unknown(true)] }).hasUnknownCritical, true);
  const delta = crl(ca, { number: 9, extensions: [writeExtension(CRL_EXTENSION.deltaIndicator, true, integer(5))] });
  t.equal(delta.deltaBase, 5n);
  t.equal(delta.hasUnknownCritical, false);
  t.equal(
    refusal(() => crl(ca, { extensions: [unknown(false), unknown(false)] })),
    'duplicate_extension',
  );
  const point = writeExtension(
    CRL_EXTENSION.issuingPoint,
    true,
    sequenceOf(
      uriPoint('http://ca.example/1.crl'),
      tagged(0x81, Uint8Array.of(0xff)),
      tagged(0x83, Uint8Array.of(5, 0x60)),
    ),
  );
  t.match(crl(ca, { extensions: [point] }).issuingPoint, { onlyUsers: true, onlyCas: false, reasons: 0b110 });
});

t.test('what is no list', async (t) => {
  const der = crlDer(ca);
  t.equal(
    refusal(() => parseCrl(ca.certificate.der)),
    'crl_structure',
  );
  t.equal(
    refusal(() => parseCrl(der.subarray(0, -1))),
    'der_truncated',
  );
  t.equal(
    refusal(() => parseCrl(Uint8Array.of(...der, 0))),
    'der_trailing',
  );
  t.equal(
    refusal(() => parseCrl(new Uint8Array(CRL_LIMIT_BYTES + 1))),
    'crl_too_large',
  );
  t.not(
    refusal(() => parseCrl(new Uint8Array(CRL_LIMIT_BYTES))),
    'crl_too_large',
  );
  const dated = (nextUpdateAt: number) => crl(ca, { nextUpdateAt }).nextUpdateAt;
  t.equal(dated(at + 7_000), at + 7_000);
  const { nextUpdateAt: _, ...endless } = {
    issuer: ca.certificate.subject.full,
    signer: crlSigner(ca.key),
    nextUpdateAt: 0,
  };
  t.equal(parseCrl(makeCrl({ ...endless, thisUpdateAt: at, entries: [] })).nextUpdateAt, undefined);
});

t.test('a list of 50,000 entries is read and asked within a second', async (t) => {
  const entries = Array.from({ length: 50_000 }, (_, n) => ({
    serial: `40${(n * 2).toString(16).padStart(30, '0')}`,
    revokedAt: at - n * 1_000,
    reason: 'superseded' as const,
  }));
  const der = crlDer(ca, { entries });
  const startedAt = process.cpuUsage();
  const read = parseCrl(der);
  const of = read.entries.get(ca.certificate.subject.key);
  const revoked = entries.filter(({ serial }) => of?.has(serial)).length;
  const { user, system } = process.cpuUsage(startedAt);
  t.equal(read.entryCount, 50_000);
  t.equal(revoked, 50_000);
  t.equal(of?.get(`40${'1'.padStart(30, '0')}`), undefined);
  t.comment(`${Math.round((user + system) / 1_000)} ms of processor time for ${der.length} bytes`);
  t.ok((user + system) / 1_000 < 1_000, 'processor time, which a busy machine does not stretch');
});

t.test('our reading agrees with OpenSSL', { skip: openssl ? false : 'no openssl here' }, async (t) => {
  const names = ['GoodCACRL', 'TrustAnchorRootCRL', 'LongSerialNumberCACRL', 'deltaCRLCA1deltaCRL', 'TwoCRLsCAGoodCRL'];
  for (const name of names) {
    const der = pkitsDer('crls', name);
    const child = run('openssl', [
      'crl',
      '-inform',
      'DER',
      '-noout',
      '-text',
      '-crlnumber',
      '-lastupdate',
      '-nextupdate',
    ]);
    child.child.stdin?.end(der);
    const { stdout } = await child;
    const read = parseCrl(der);
    const serials = [...stdout.matchAll(/Serial Number: ([0-9A-F]+)/g)].map(([, hex = '']) => BigInt(`0x${hex}`));
    const ours = [...read.entries.values()].flatMap((each) => [...each.keys()]).map((hex) => BigInt(`0x${hex}`));
    t.strictSame(ours, serials, name);
    t.equal(read.thisUpdateAt, Date.parse(/lastUpdate=(.*)/.exec(stdout)?.[1] ?? ''));
    t.equal(read.nextUpdateAt, Date.parse(/nextUpdate=(.*)/.exec(stdout)?.[1] ?? ''));
    t.equal(read.number, BigInt(/crlNumber=(0x[0-9A-F]+)/.exec(stdout)?.[1] ?? '-1'));
  }
});

t.test('changed bytes anywhere: our own error or a list, nothing else', async (t) => {
  const samples = [
    crlDer(ca, { entries: [{ serial: '07', revokedAt: at, reason: 'keyCompromise' }] }),
    ...pkitsNames.crls
      .filter((name) => /indirect|delta|onlySome|distribution/i.test(name))
      .map((name) => pkitsDer('crls', name)),
  ];
  const change = fc.record({
    sample: fc.constantFrom(...samples),
    places: fc.array(fc.record({ where: fc.double({ min: 0, max: 0.75, noNaN: true }), byte: fc.nat(255) }), {
      minLength: 1,
      maxLength: 4,
    }),
  });
  let read = 0;
  fc.assert(
    fc.property(change, ({ sample, places }) => {
      const der = sample.slice();
      for (const { where, byte } of places) der[Math.floor(where * der.length)] = byte;
      if (refusal(() => parseCrl(der)) === undefined) read += 1;
    }),
    { numRuns: 1_500 },
  );
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (der) => {
      t.not(
        refusal(() => parseCrl(der)),
        undefined,
        'chance makes no list',
      );
    }),
    { numRuns: 50 },
  );
  t.ok(read > 0, 'some changes are in places where anything may stand');
});
