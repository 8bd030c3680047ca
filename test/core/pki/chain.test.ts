/** Chains: one test a reason, the bounds of the search, and OpenSSL's opinion on the same certificates. */
import { execFile } from 'node:child_process';
import { createPublicKey, type KeyObject } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import {
  basicConstraints,
  type CertificateRequest,
  demoCreditCode,
  extendedKeyUsage,
  extension,
  holderName,
  keyUsage,
  makeCertificate,
  makeKey,
  type NamePart,
  sequence,
} from '../../../server/cli/demo/ca.ts';
import { type Certificate, parsePem } from '../../../server/core/pki/certificate.ts';
import { type ChainQuestion, verifyChain } from '../../../server/core/pki/chain.ts';
import { ATTRIBUTE } from '../../../server/core/pki/names.ts';
import { SIGNATURE_LIMIT } from '../../../server/core/pki/search.ts';
import { verifyCertificateSignature } from '../../../server/identity/signature.ts';
import { testCa } from '../../support/ca.ts';
import t from '../../support/tap.ts';

const run = promisify(execFile);
const at = Date.parse('2026-03-02T01:00:00.000Z');
const DAY_MS = 86_400_000;
const holder = { creditCode: demoCreditCode(1), organisation: '甲公司', name: '甲公司' };

type Node = { name: readonly NamePart[]; key: KeyObject; certificate: Certificate; pem: string };
const caUsage = keyUsage(['keyCertSign']);
const signUsage = keyUsage(['digitalSignature']);

/** A certificate under `issuer` (or self-signed); a CA unless `changes` say otherwise. */
async function node(name: string, issuer?: Node, changes: Partial<CertificateRequest> = {}): Promise<Node> {
  const key = await makeKey('p256');
  const subject: NamePart[] = [[ATTRIBUTE.commonName, name]];
  const pem = makeCertificate({
    subject,
    issuer: issuer?.name ?? subject,
    publicKey: createPublicKey(key),
    issuerKey: issuer?.key ?? key,
    serial: '07',
    notBeforeAt: at - DAY_MS,
    notAfterAt: at + DAY_MS,
    extensions: [basicConstraints(true), caUsage],
    ...changes,
  });
  return { name: changes.subject ?? subject, key, certificate: only(parsePem(pem)), pem };
}

function only<T>(values: readonly T[]): T {
  const [value] = values;
  if (value === undefined) throw new Error('nothing there');
  return value;
}

const leafParts: Partial<CertificateRequest> = {
  subject: holderName(holder),
  extensions: [basicConstraints(false), signUsage],
};
const root = await node('Root');
const middle = await node('Middle', root);
const leaf = await node('', middle, leafParts);

const verify = (changes: Partial<ChainQuestion>) =>
  verifyChain({
    leaf: leaf.certificate,
    intermediates: [middle.certificate],
    anchors: [root.certificate],
    at,
    purpose: 'sign',
    revocation: 'ignored',
    verifySignature: verifyCertificateSignature,
    ...changes,
  });
const reason = (changes: Partial<ChainQuestion>) => {
  const result = verify(changes);
  return result.ok ? 'ok' : result.reason;
};

const openssl = await run('openssl', ['version']).then(
  () => true,
  () => false,
);

t.test('anchor, intermediate, leaf', async (t) => {
  const result = verify({});
  t.ok(result.ok);
  t.strictSame(result.ok && result.path, [leaf.certificate, middle.certificate, root.certificate]);
  t.equal(
    reason({ intermediates: [root.certificate, leaf.certificate, middle.certificate] }),
    'ok',
    'order and extras do not matter',
  );
  t.equal(reason({ anchors: [middle.certificate], intermediates: [] }), 'ok', 'an intermediate may be the anchor');
});

t.test('the demo CA: signing and encryption certificates each serve their own purpose', async (t) => {
  const ca = await testCa({ name: 'Chain', at });
  const pair = await ca.issuePair(holder);
  const anchors = parsePem(ca.rootPem);
  const intermediates = parsePem(ca.intermediatePem);
  const sign = only(parsePem(pair.signing.certificatePem));
  const encrypt = only(parsePem(pair.encryption.certificatePem));
  t.equal(reason({ leaf: sign, anchors, intermediates }), 'ok');
  t.equal(reason({ leaf: encrypt, anchors, intermediates, purpose: 'encrypt' }), 'ok');
  t.equal(reason({ leaf: encrypt, anchors, intermediates }), 'key_usage');
  t.equal(reason({ leaf: sign, anchors, intermediates, purpose: 'encrypt' }), 'key_usage');
});

t.test('no path', async (t) => {
  t.equal(reason({ intermediates: [] }), 'no_path');
  t.equal(reason({ anchors: [] }), 'no_path');
  const other = await node('Root');
  t.equal(reason({ anchors: [other.certificate] }), 'bad_signature', 'a CA of the same name with another key');
  t.equal(reason({ anchors: [leaf.certificate], intermediates: [] }), 'no_path', 'a leaf is not its own anchor');
});

t.test('dates, to the second', async (t) => {
  t.equal(reason({ at: leaf.certificate.notBeforeAt - 1 }), 'not_yet_valid');
  t.equal(reason({ at: leaf.certificate.notBeforeAt }), 'ok');
  t.equal(reason({ at: leaf.certificate.notAfterAt + 999 }), 'ok');
  t.equal(reason({ at: leaf.certificate.notAfterAt + 1000 }), 'expired');
  const long = await node('', middle, { ...leafParts, notBeforeAt: at - 9 * DAY_MS, notAfterAt: at + 9 * DAY_MS });
  t.equal(reason({ leaf: long.certificate, at: at + 2 * DAY_MS }), 'issuer_expired');
  t.equal(reason({ leaf: long.certificate, at: at - 2 * DAY_MS }), 'issuer_not_yet_valid');
});

t.test('a renewed intermediate beside the expired one is found', async (t) => {
  const expired = await node('Middle', root, { publicKey: createPublicKey(middle.key), notAfterAt: at - 5000 });
  t.equal(reason({ intermediates: [expired.certificate] }), 'issuer_expired');
  t.equal(reason({ intermediates: [expired.certificate, middle.certificate] }), 'ok');
  t.equal(reason({ intermediates: [middle.certificate, expired.certificate] }), 'ok');
});

t.test('only a CA may issue', async (t) => {
  const under = async (extensions: CertificateRequest['extensions']) => {
    const issuer = await node('Issuer', root, { extensions });
    const below = await node('', issuer, leafParts);
    return reason({ leaf: below.certificate, intermediates: [issuer.certificate] });
  };
  t.equal(await under([basicConstraints(false), caUsage]), 'issuer_not_ca');
  t.equal(await under([caUsage]), 'issuer_not_ca');
  t.equal(await under([basicConstraints(true), signUsage]), 'issuer_key_usage');
  t.equal(await under([basicConstraints(true)]), 'ok', 'without keyUsage a CA may sign certificates');
  t.equal(
    await under([basicConstraints(true), caUsage, extension('1.2.3.4', true, sequence())]),
    'unknown_critical_extension',
  );
  t.equal(await under([basicConstraints(true), caUsage, extension('1.2.3.4', false, sequence())]), 'ok');
});

t.test('what a person’s certificate must and must not say', async (t) => {
  const with_ = async (...extensions: CertificateRequest['extensions']) =>
    reason({ leaf: (await node('', middle, { ...leafParts, extensions })).certificate });
  t.equal(await with_(signUsage), 'ok', 'without basicConstraints');
  t.equal(await with_(basicConstraints(false)), 'key_usage', 'without keyUsage nobody knows which of the two it is');
  t.equal(await with_(keyUsage(['nonRepudiation'])), 'key_usage');
  t.equal(await with_(keyUsage(['keyEncipherment', 'digitalSignature'])), 'ok');
  t.equal(await with_(basicConstraints(true), keyUsage(['keyCertSign', 'digitalSignature'])), 'leaf_is_ca');
  t.equal(await with_(signUsage, extension('1.2.3.4', true, sequence())), 'unknown_critical_extension');
  t.equal(
    await with_(signUsage, extendedKeyUsage('1.3.6.1.5.5.7.3.1')),
    'extended_key_usage',
    'a server’s certificate',
  );
  t.equal(await with_(signUsage, extendedKeyUsage('1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2')), 'ok');
});

t.test('path length', async (t) => {
  const narrow = await node('Narrow', root, { extensions: [basicConstraints(true, 0), caUsage] });
  const below = await node('Below', narrow);
  const person = await node('', below, leafParts);
  const direct = await node('', narrow, leafParts);
  t.equal(reason({ leaf: direct.certificate, intermediates: [narrow.certificate] }), 'ok');
  t.equal(
    reason({ leaf: person.certificate, intermediates: [narrow.certificate, below.certificate] }),
    'path_too_long',
  );
});

t.test('a tower of intermediates is climbed only so far', async (t) => {
  const tower: Node[] = [root];
  for (let height = 0; height < 8; height++) tower.push(await node(`Floor ${height}`, tower.at(-1)));
  const at6 = await node('', tower[6], leafParts);
  const at7 = await node('', tower[7], leafParts);
  const intermediates = tower.slice(1).map(({ certificate }) => certificate);
  t.equal(reason({ leaf: at6.certificate, intermediates }), 'ok');
  t.equal(reason({ leaf: at7.certificate, intermediates }), 'path_too_long');
});

t.test(
  'certificates that issue each other go round no loop, and a tangle of them costs a bounded number of checks',
  async (t) => {
    const a = await node('A');
    const b = await node('B', a);
    const aByB = await node('A', b, { publicKey: createPublicKey(a.key) });
    const person = await node('', b, leafParts);
    t.equal(reason({ leaf: person.certificate, intermediates: [b.certificate, aByB.certificate] }), 'no_path');

    const tangle = await Promise.all(Array.from({ length: 12 }, () => node('Same', undefined)));
    const certificates = tangle.map(({ certificate }) => certificate);
    let checks = 0;
    const answer = verify({
      leaf: (await node('', tangle[0], leafParts)).certificate,
      intermediates: certificates,
      verifySignature: () => {
        checks += 1;
        return true;
      },
    });
    t.strictSame(answer, { ok: false, undetermined: false, reason: 'path_too_long' });
    t.equal(checks, SIGNATURE_LIMIT);
  },
);

t.test('one changed bit anywhere in the signed body or the signature is noticed', async (t) => {
  for (const place of [30, 200, leaf.certificate.tbs.length - 1]) {
    const tbs = new Uint8Array(leaf.certificate.tbs);
    tbs[place] = (tbs[place] ?? 0) ^ 1;
    t.equal(reason({ leaf: { ...leaf.certificate, tbs } }), 'bad_signature');
  }
  const signature = new Uint8Array(leaf.certificate.signature);
  signature[10] = (signature[10] ?? 0) ^ 1;
  t.equal(reason({ leaf: { ...leaf.certificate, signature } }), 'bad_signature');
});

t.test('OpenSSL judges the same certificates alike', { skip: openssl ? false : 'no openssl here' }, async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'kaibiao-chain-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const narrow = await node('Narrow', root, { extensions: [basicConstraints(true, 0), caUsage] });
  const below = await node('Below', narrow);
  const cases: [what: string, intermediates: Node[], person: Node, good: boolean][] = [
    ['plain', [middle], leaf, true],
    ['expired', [middle], await node('', middle, { ...leafParts, notAfterAt: at - 5000 }), false],
    ['no CA', [leaf], await node('', { ...leaf, name: holderName(holder) }, leafParts), false],
    ['path length', [narrow, below], await node('', below, leafParts), false],
    [
      'critical',
      [middle],
      await node('', middle, { ...leafParts, extensions: [signUsage, extension('1.2.3.4', true, sequence())] }),
      false,
    ],
    ['missing link', [], leaf, false],
  ];
  for (const [what, intermediates, person, good] of cases) {
    await writeFile(join(folder, 'root.pem'), root.pem);
    await writeFile(join(folder, 'middle.pem'), intermediates.map(({ pem }) => pem).join('') || root.pem);
    await writeFile(join(folder, 'leaf.pem'), person.pem);
    const args = [
      'verify',
      '-attime',
      String(at / 1000),
      '-CAfile',
      'root.pem',
      '-untrusted',
      'middle.pem',
      'leaf.pem',
    ];
    const theirs = await run('openssl', args, { cwd: folder }).then(
      () => true,
      () => false,
    );
    const ours = verify({
      leaf: person.certificate,
      intermediates: intermediates.map(({ certificate }) => certificate),
    }).ok;
    t.strictSame({ what, theirs, ours }, { what, theirs: good, ours: good });
  }
});
