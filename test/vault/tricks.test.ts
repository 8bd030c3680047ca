/** Every trick with ciphertext, certificates and archives that the format is made against, by name: where it is stopped, and with which code. */
import { execFileSync, spawnSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe } from '../../server/cli/complaint.ts';
import { demoCreditCode } from '../../server/cli/demo/ca.ts';
import { heldKeyAgent } from '../../server/cli/person/held-keys.ts';
import { adoptEnvelope } from '../../server/cli/seal/adopt.ts';
import { openPem } from '../../server/cli/seal/held-key.ts';
import { unwrapWith, wrapTo } from '../../server/cli/seal/wrap.ts';
import { pickCertificate } from '../../server/client/key-agent.ts';
import { SealError } from '../../server/client/seal-error.ts';
import { toBase64Url } from '../../server/core/log/base64.ts';
import { joinBytes } from '../../server/core/log/bytes.ts';
import { canonicalise } from '../../server/core/log/canonical.ts';
import { utf8 } from '../../server/core/log/utf8.ts';
import { parseCertificate } from '../../server/core/pki/certificate.ts';
import { derChildren, readDerAs } from '../../server/core/pki/der.ts';
import { ARCHIVE_CODES } from '../../server/core/seal/archive-error.ts';
import { OID_AES_256_GCM } from '../../server/core/seal/content-cipher.ts';
import { TAG, writeElement } from '../../server/core/seal/der.ts';
import { startEnvelope } from '../../server/core/seal/envelope.ts';
import { ENVELOPE_CODES } from '../../server/core/seal/envelope-error.ts';
import { writeEnvelope } from '../../server/core/seal/envelope-writing.ts';
import { OPENING_LIST_PROBLEMS } from '../../server/core/seal/opening-list.ts';
import { sayContentProblem, sayEnvelopeProblem } from '../../server/core/seal/problem-words.ts';
import { writeRecipientInfos } from '../../server/core/seal/recipient-info.ts';
import { sha256 } from '../../server/hash.ts';
import type { Gate } from '../../server/vault/envelope-gate.ts';
import { openEnvelope } from '../../server/vault/open-envelope.ts';
import { receiveEnvelope } from '../../server/vault/receive-envelope.ts';
import { openVaultFolder } from '../../server/vault/vault-folder.ts';
import { systemWorld } from '../../server/world.ts';
import {
  cipherOf,
  definite,
  envelopeOf,
  GCM,
  indefinite,
  NO_BYTES,
  NONCE,
  octets,
} from '../core/seal/envelope-parts.ts';
import { golden, goldenPath } from '../core/seal/golden.ts';
import { recordsOf, withFields, zipOf } from '../core/seal/zip-parts.ts';
import { testCa } from '../support/ca.ts';
import t from '../support/tap.ts';
import {
  archiveOf,
  BIDDER,
  BIDDER_CERTIFICATE,
  CEK,
  chunksOf,
  LIST,
  OTHER,
  promisesOf,
  storeBid,
  temporaryFolder,
} from './bids.ts';
import { makeSalamander } from './salamander.ts';

const ENVELOPE = golden('valid/stream-oaep-sha256.cms');
const GATE: Gate = { certificate: BIDDER_CERTIFICATE, limitBytes: 1_000_000 };
const other = toBase64Url(sha256(utf8('other')));

/** What the gate says to these bytes: its refusal, and behind a colon what is wrong with the envelope. */
async function atGate(t: Parameters<typeof temporaryFolder>[0], bytes: Uint8Array, gate = GATE): Promise<string> {
  const folder = await openVaultFolder(await temporaryFolder(t), systemWorld.randomBytes);
  const received = await receiveEnvelope(folder, chunksOf(bytes), gate);
  if (!('refused' in received)) return 'received';
  return received.code === undefined ? received.refused : `${received.refused}: ${received.code}`;
}

/** The statement that an honest bidder signs over `bytes`. */
function signedOver(bytes: Uint8Array): NonNullable<Gate['signed']> {
  const reader = startEnvelope();
  reader.push(bytes);
  const recipientInfosSha256 = toBase64Url(sha256(reader.header()?.recipientInfos ?? NO_BYTES));
  const envelopeSha256 = toBase64Url(sha256(bytes));
  return { envelopeSha256, envelopeBytes: bytes.length, recipientInfosSha256, profile: 'kaibiao-seal-1' };
}

const signed = signedOver(ENVELOPE);
const malformed = (code: string): string => `envelope_malformed: ${code}`;
const twoFor = (first: Uint8Array, second: Uint8Array): Uint8Array =>
  definite(TAG.set, ...[first, second].flatMap((set) => derChildren(readDerAs(set, TAG.set)).map(({ full }) => full)));

const TRICKS_AT_GATE: readonly [trick: string, refusal: string, bytes: Uint8Array, gate?: Gate][] = [
  [
    'AES-256-GCM where the statement promises SM4',
    'envelope_of_another_profile',
    ENVELOPE,
    { ...GATE, signed: { ...signed, profile: 'kaibiao-seal-sm-1' } },
  ],
  ['EnvelopedData with AES-CBC, by OpenSSL', malformed('not_auth_enveloped'), golden('invalid/not_auth_enveloped.cms')],
  ['AES-128-GCM, by OpenSSL', malformed('wrong_cipher'), golden('invalid/wrong_cipher.cms')],
  [
    'the default tag of 12 bytes',
    malformed('short_tag'),
    envelopeOf({ cipher: cipherOf(OID_AES_256_GCM, NONCE, NO_BYTES), mac: octets(new Uint8Array(12)) }),
    { ...GATE, certificate: anyOne() },
  ],
  [
    'a tag cut to 4 bytes',
    malformed('short_tag'),
    envelopeOf({ mac: octets(new Uint8Array(4)) }),
    { ...GATE, certificate: anyOne() },
  ],
  [
    'authAttrs',
    malformed('auth_attrs'),
    envelopeOf({ attributes: definite(TAG.constructedContext1, definite(TAG.sequence)) }),
    { ...GATE, certificate: anyOne() },
  ],
  [
    'unauthAttrs',
    malformed('unauth_attrs'),
    envelopeOf({ behindMac: definite(TAG.constructedContext2, definite(TAG.sequence)) }),
    { ...GATE, certificate: anyOne() },
  ],
  ['originatorInfo', malformed('originator_info'), envelopeOf({ originator: definite(TAG.constructedContext0) })],
  ['two recipients, by OpenSSL', malformed('two_recipients'), golden('invalid/two_recipients.cms')],
  [
    'two recipients that are the same certificate',
    malformed('two_recipients'),
    envelopeOf({ recipientInfos: twoFor(infosFor(BIDDER.certificate), infosFor(BIDDER.certificate)) }),
  ],
  [
    'another bidder’s certificate',
    'envelope_for_another_certificate',
    ENVELOPE,
    { ...GATE, certificate: parseCertificate(OTHER.certificate) },
  ],
  [
    'the bidder’s other certificate, of another kind of key',
    'envelope_for_another_certificate',
    golden('valid/stream-ecdh-p256.cms'),
  ],
  ['a plain archive', malformed('not_auth_enveloped'), golden('bid.zip')],
  ['a byte behind the end', malformed('trailing_bytes'), joinBytes(ENVELOPE, Uint8Array.of(0))],
  ['a byte missing at the end', malformed('truncated'), ENVELOPE.subarray(0, -1)],
  ['a byte more than was signed', 'envelope_not_as_signed', joinBytes(ENVELOPE, Uint8Array.of(0)), { ...GATE, signed }],
  ['a byte less than was signed', malformed('truncated'), ENVELOPE.subarray(0, -1), { ...GATE, signed }],
  [
    'another length signed',
    'envelope_not_as_signed',
    ENVELOPE,
    { ...GATE, signed: { ...signed, envelopeBytes: ENVELOPE.length + 1 } },
  ],
  [
    'another hash signed',
    'envelope_not_as_signed',
    ENVELOPE,
    { ...GATE, signed: { ...signed, envelopeSha256: other } },
  ],
  [
    'another header signed',
    'envelope_not_as_signed',
    ENVELOPE,
    { ...GATE, signed: { ...signed, recipientInfosSha256: other } },
  ],
  [
    'segments in strings that are nested without end',
    malformed('nested_too_deep'),
    envelopeOf({ content: indefinite(TAG.constructedContext0, nested(40)) }),
    { ...GATE, certificate: anyOne() },
  ],
];

/** The recipient of `envelopeOf`. */
function anyOne(): Gate['certificate'] {
  const { keyAlgorithm } = BIDDER_CERTIFICATE;
  const issuer = { attributes: [], parts: [], key: '', full: writeElement(TAG.sequence) };
  return { issuer, serial: '010203', keyAlgorithm };
}

function infosFor(certificate: Uint8Array, cek = CEK): Uint8Array {
  return writeRecipientInfos(wrapTo(certificate, 'rsa_oaep_sha256', cek));
}

function nested(depth: number): Uint8Array {
  return depth === 0 ? octets(NONCE) : indefinite(TAG.constructedOctetString, nested(depth - 1));
}

for (const [trick, refusal, bytes, gate] of TRICKS_AT_GATE)
  t.test(`at the gate: ${trick}`, async (t) => t.equal(await atGate(t, bytes, gate), refusal));

t.test('at the gate: what all those are one step away from is received', async (t) => {
  t.equal(await atGate(t, ENVELOPE, { ...GATE, signed }), 'received');
  t.equal(await atGate(t, envelopeOf(), { ...GATE, certificate: anyOne() }), 'received');
});

const archive = archiveOf();
const { local, central } = recordsOf(archive);
const list = utf8(canonicalise(LIST));
const TRICKS_IN_ARCHIVE: readonly [trick: string, detail: string, plaintext: Uint8Array][] = [
  ['bytes before the archive', 'prefix_bytes', joinBytes(zipOf([]), archive)],
  [
    'a second archive before the first, for readers that search from behind',
    'duplicate_name',
    joinBytes(archive.subarray(0, local[1]), archiveOf({ ...LIST, duration: '1天' })),
  ],
  [
    'a local header that differs from the central one',
    'central_mismatch',
    withFields(archive, { at: (central[1] ?? 0) + 16, value: 1, width: 4 }),
  ],
  [
    'two files of one name',
    'duplicate_name',
    zipOf([
      { name: 'opening-list.json', bytes: list },
      { name: 'opening-list.json', bytes: list },
    ]),
  ],
  [
    'two files of one name to a file system that folds case',
    'duplicate_name',
    zipOf([
      { name: 'opening-list.json', bytes: list },
      { name: 'Opening-List.JSON', bytes: list },
    ]),
  ],
  [
    'a price twice in the list',
    'not_canonical',
    zipOf([
      { name: 'opening-list.json', bytes: utf8(canonicalise(LIST).replace('"amount":', '"amount":"1","amount":')) },
    ]),
  ],
  [
    'a list that is spelt in another way',
    'not_canonical',
    zipOf([{ name: 'opening-list.json', bytes: utf8(JSON.stringify(LIST, null, 1)) }]),
  ],
  ['an archive behind the archive', 'trailing_bytes', joinBytes(archive, archive)],
];

for (const [trick, detail, plaintext] of TRICKS_IN_ARCHIVE)
  t.test(`in the archive: ${trick}`, async (t) => {
    const bid = await storeBid(await temporaryFolder(t), plaintext);
    const opened = await openEnvelope(bid.path, bid.cek, bid.promised);
    t.strictSame(opened, { ok: false, failure: 'archive_invalid', fault: 'bidder', detail });
    // The bidder is told the same before it lodges.
    const adopted = adoptEnvelope(bid.path, BIDDER.certificate, unwrapWith(BIDDER.privateKey));
    await t.rejects(adopted, { code: 'archive_refused', detail });
  });

t.test('one ciphertext for two keys: refused at the gate with two recipients, by cekCommit with one', async (t) => {
  const folder = await temporaryFolder(t);
  const second = new Uint8Array(32).fill(1);
  const cheap = archiveOf();
  const dear = archiveOf({ ...LIST, quote: { ...LIST.quote, amount: '12800000.00' } });
  const { ciphertext, tag, offsetB } = makeSalamander(NONCE, [CEK, cheap], [second, dear]);
  const recipient = wrapTo(BIDDER.certificate, 'rsa_oaep_sha256', CEK);
  const { header, trailer, recipientInfos } = writeEnvelope(recipient, GCM, ciphertext.length);

  const both = twoFor(recipientInfos, infosFor(OTHER.certificate, second));
  const content = writeElement(TAG.context0, ciphertext);
  const twoFaced = envelopeOf({ recipientInfos: both, content, mac: octets(tag) });
  const path = join(folder, 'two-faced.cms');
  await writeFile(path, twoFaced);
  if (spawnSync('openssl', ['version']).error === undefined) {
    // The attack is real: stock OpenSSL opens it for either, to two prices, and is content.
    for (const [name, archiveOfName, at] of [
      ['bidder', cheap, 0],
      ['other', dear, offsetB],
    ] as const) {
      const keys = ['-recip', goldenPath(`${name}.crt.pem`), '-inkey', goldenPath(`${name}.key.pem`)];
      const out = join(folder, name);
      execFileSync('openssl', ['cms', '-decrypt', '-binary', '-inform', 'DER', '-in', path, ...keys, '-out', out]);
      const plaintext = Uint8Array.from(await readFile(out));
      t.strictSame(plaintext.slice(at, at + archiveOfName.length), archiveOfName, name);
    }
  } else t.comment('no openssl here');
  t.equal(await atGate(t, twoFaced), malformed('two_recipients'));

  const single = joinBytes(header, ciphertext, trailer(tag));
  t.equal(await atGate(t, single, { ...GATE, signed: signedOver(single) }), 'received', 'nothing shows from outside');
  const onDisk = join(folder, 'single.cms');
  await writeFile(onDisk, single);
  const promised = promisesOf(single, cheap);
  t.strictSame(await openEnvelope(onDisk, second, promised), {
    ok: false,
    failure: 'wrong_key',
    fault: 'bidder',
    detail: 'wrong_key',
  });
  // The promised key gives the promised plaintext with the junk that the attack needs behind it: another content.
  t.match(await openEnvelope(onDisk, CEK, promised), { ok: false, failure: 'content_mismatch', fault: 'bidder' });
});

t.test('a certificate that may only sign is never sealed to', async (t) => {
  // The platform's own refusal of it, certificate_wrong_usage, is tested in identity.
  const at = systemWorld.now();
  const ca = await testCa({ name: 'Test', at });
  const holder = { creditCode: demoCreditCode(1), organisation: '投标人', name: '投标人' };
  for (const key of ['rsa', 'p256'] as const) {
    const { privateKeyPem: privateKey, certificatePem: certificates } = await ca.issue({ holder, usage: 'sign', key });
    const agent = heldKeyAgent([openPem({ privateKey, certificates })]);
    await t.rejects(pickCertificate(agent, 'unwrap', at), { code: 'no_such_key' }, key);
  }
});

t.test('every code is said in both languages', async (t) => {
  const said = [
    ...ENVELOPE_CODES.map(sayEnvelopeProblem),
    ...[...ARCHIVE_CODES, ...OPENING_LIST_PROBLEMS].map(sayContentProblem),
  ];
  for (const line of said) t.match(line, /^[a-z0-9_]+: .*[.] · .*[\u4e00-\u9fff].*。$/u);
  const complaint = await describe(new SealError('envelope_malformed', 'auth_attrs'));
  t.equal(complaint.at(-1), `  ${sayEnvelopeProblem('auth_attrs')}`, 'the command line says it');
  t.equal((await describe(new SealError('archive_refused', 'gap'))).at(-1), `  ${sayContentProblem('gap')}`);
  t.equal(sayEnvelopeProblem('constructor'), undefined);
  t.equal(sayContentProblem('no_such_code'), undefined);
});
