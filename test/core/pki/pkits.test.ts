/** The NIST suite: every applicable case as NIST says, none accepted falsely, and OpenSSL's opinion on the same bytes. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type ChainResult, verifyChain } from '../../../server/core/pki/chain.ts';
import { verifyCertificateSignature } from '../../../server/identity/signature.ts';
import t from '../../support/tap.ts';
import { notApplicable, type PkitsCase, pkitsAt, pkitsCases, pkitsDer } from './pkits.ts';

const run = promisify(execFile);

function judge({ certs, crls, terms }: PkitsCase): ChainResult {
  const [anchor, ...others] = certs.map((name) => pkitsDer('certs', name));
  const leaf = others.pop();
  if (anchor === undefined || leaf === undefined) throw new Error('a case has an anchor and an end entity');
  return verifyChain({
    ...terms,
    leaf,
    anchors: [anchor],
    intermediates: others,
    crls: crls.map((name) => pkitsDer('crls', name)),
    at: pkitsAt,
    purpose: 'any',
    verifySignature: verifyCertificateSignature,
  });
}

const name = ({ id, title }: PkitsCase) => `${id} ${title}`;
const applicable = pkitsCases.filter(({ id }) => !notApplicable.includes(id));

const openssl = await run('openssl', ['version']).then(
  ({ stdout }) => stdout.startsWith('OpenSSL 3'),
  () => false,
);

t.test('each of the 244 applicable cases, by the strict policy on algorithms', async (t) => {
  t.equal(pkitsCases.length, 247);
  t.equal(applicable.length, 244);
  const wrong = applicable.filter((each) => judge(each).ok !== each.ok).map(name);
  t.strictSame(wrong, []);
});

t.test('those that need DSA are refused for that', async (t) => {
  const answers = pkitsCases.filter(({ id }) => notApplicable.includes(id)).map(judge);
  t.strictSame(
    answers.map((answer) => (answer.ok ? 'ok' : answer.reason)),
    // The third one's spoilt signature is no bit string of whole bytes any more.
    ['algorithm_refused', 'algorithm_refused', 'malformed'],
  );
});

t.test('what is refused says why', async (t) => {
  const reasonOf = (id: string) =>
    pkitsCases
      .filter((each) => each.id === id)
      .map(judge)
      .map((answer) => (answer.ok ? 'ok' : `${answer.undetermined ? '? ' : ''}${answer.reason}`));
  const expected: readonly [id: string, ...string[]][] = [
    // These spoilt signatures are no bit strings of whole bytes: such certificates and CRLs are not read at all.
    ['4.1.2', 'no_path'],
    ['4.4.4', '? crl_unusable'],
    ['4.2.2', 'not_yet_valid'],
    ['4.2.5', 'issuer_expired'],
    ['4.3.1', 'no_path'],
    ['4.4.1', '? no_crl'],
    ['4.4.2', 'issuer_revoked'],
    ['4.4.3', 'revoked'],
    ['4.4.5', '? no_crl'],
    ['4.4.6', '? no_crl'],
    ['4.4.8', '? crl_unusable'],
    ['4.4.11', '? crl_stale'],
    ['4.6.1', 'issuer_not_ca'],
    ['4.6.5', 'path_too_long'],
    ['4.7.1', 'issuer_key_usage'],
    ['4.9.3', 'policy'],
    ['4.13.2', 'name_not_permitted'],
    ['4.13.15', 'name_excluded'],
    ['4.14.2', 'revoked'],
    ['4.14.3', '? crl_other_scope'],
    ['4.16.2', 'unknown_critical_extension'],
  ];
  t.strictSame(
    expected.map(([id]) => [id, ...reasonOf(id)]),
    expected,
  );
});

t.test('the order of certificates and CRLs changes no answer', async (t) => {
  const wrong = applicable.filter(({ certs: [anchor, ...below], ...each }) => {
    const leaf = below.pop() ?? anchor;
    const turned: PkitsCase = { ...each, certs: [anchor, ...below.toReversed(), leaf], crls: each.crls.toReversed() };
    return judge(turned).ok !== each.ok;
  });
  t.strictSame(wrong.map(name), []);
});

t.test(
  'everything at once is no hindrance: each leaf among all certificates and CRLs that belong to others',
  async (t) => {
    // Bounds may leave a good leaf open here; what must never happen is that a bad one passes or that the search does not end.
    const extras = pkitsCases.flatMap(({ certs }) => certs.slice(1, -1));
    const certs = [...new Set(extras)];
    const crls = [...new Set(pkitsCases.flatMap((each) => each.crls))];
    const bad = applicable.filter(({ ok, id }) => !ok && /^4\.(1|2|3|6|13)\./.test(id));
    const passed = bad.filter(({ certs: own, terms, ...each }) => {
      const leaf = own[own.length - 1] ?? '';
      return judge({ ...each, terms, certs: [own[0], ...certs, leaf], crls }).ok;
    });
    t.strictSame(passed.map(name), []);
    t.ok(bad.length > 40);
  },
);

/** Where OpenSSL 3 sees a case otherwise, and why. */
const OPENSSL_DIFFERS: Readonly<Record<string, string>> = {
  '4.14.30': 'a signer of CRLs whose own state stands in the CRL that it signs: OpenSSL goes round no such circle',
};

t.test('openssl verify agrees', { skip: openssl ? false : 'no OpenSSL 3 here' }, async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'kaibiao-pkits-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const waiting = [...applicable.entries()];
  const disagreed: string[] = [];
  await Promise.all(
    Array.from({ length: 2 }, async () => {
      for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
        const [number, each] = next;
        if ((await opinionOfOpenssl(join(folder, String(number)), each)) !== judge(each).ok) disagreed.push(each.id);
      }
    }),
  );
  t.strictSame(disagreed.sort(), Object.keys(OPENSSL_DIFFERS).sort());
});

function pem(label: string, ders: readonly Uint8Array[]): string {
  const lines = (der: Uint8Array) =>
    Buffer.from(der)
      .toString('base64')
      .replace(/.{64}(?=.)/g, '$&\n');
  return ders.map((der) => `-----BEGIN ${label}-----\n${lines(der)}\n-----END ${label}-----\n`).join('');
}

async function opinionOfOpenssl(base: string, { certs, crls, terms }: PkitsCase): Promise<boolean> {
  const [anchor, ...others] = certs.map((file) => pkitsDer('certs', file));
  const leaf = others.pop();
  if (anchor === undefined || leaf === undefined) throw new Error('a case has an anchor and an end entity');
  await Promise.all([
    writeFile(`${base}-anchor.pem`, pem('CERTIFICATE', [anchor])),
    writeFile(`${base}-leaf.pem`, pem('CERTIFICATE', [leaf])),
    writeFile(`${base}-others.pem`, pem('CERTIFICATE', others)),
    writeFile(
      `${base}-crls.pem`,
      pem(
        'X509 CRL',
        crls.map((file) => pkitsDer('crls', file)),
      ),
    ),
  ]);
  const policies = [
    ...(terms.initialPolicySet ?? ['2.5.29.32.0']).flatMap((policy) => ['-policy', policy]),
    ...(terms.requireExplicitPolicy ? ['-explicit_policy'] : []),
    ...(terms.inhibitPolicyMapping ? ['-inhibit_map'] : []),
    ...(terms.inhibitAnyPolicy ? ['-inhibit_any'] : []),
  ];
  return run('openssl', [
    'verify',
    ...['-policy_check', '-crl_check', '-crl_check_all', '-extended_crl', '-use_deltas'],
    ...['-attime', String(pkitsAt / 1000), '-CAfile', `${base}-anchor.pem`, '-CRLfile', `${base}-crls.pem`],
    ...(others.length > 0 ? ['-untrusted', `${base}-others.pem`] : []),
    ...policies,
    `${base}-leaf.pem`,
  ]).then(
    () => true,
    () => false,
  );
}
