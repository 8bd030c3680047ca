/** seal/FORMAT.md holds: its example is taken out of the text and recomputed with Node.js alone, then read by our own code. */
import {
  createDecipheriv,
  createHash,
  createHmac,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  X509Certificate,
} from 'node:crypto';
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { canonicalise } from '../../../server/core/log/canonical.ts';
import { DECRYPTION_FAULTS, type DecryptionFailure } from '../../../server/core/opening/findings.ts';
import { parseCertificate } from '../../../server/core/pki/certificate.ts';
import { ARCHIVE_ENTRIES_LIMIT } from '../../../server/core/seal/archive.ts';
import { isDecryptionPayload, SEALED_KEY_LIMIT_CHARACTERS } from '../../../server/core/seal/decryption.ts';
import { HEADER_ELEMENT_LIMIT_BYTES, startEnvelope } from '../../../server/core/seal/envelope.ts';
import { ENVELOPE_CODES } from '../../../server/core/seal/envelope-error.ts';
import { sharedInfo } from '../../../server/core/seal/key-agreement.ts';
import { isLodgementPayload } from '../../../server/core/seal/lodgement.ts';
import { OPENING_LIST_LIMIT_BYTES } from '../../../server/core/seal/opening-list.ts';
import { isAddressedTo } from '../../../server/core/seal/recipient-info.ts';
import { packageRoot } from '../../../server/root.ts';
import { openEnvelope } from '../../../server/vault/open-envelope.ts';
import t from '../../support/tap.ts';
import { CURVE, temporaryFolder } from '../../vault/bids.ts';
import { goldenText } from './golden.ts';

const text = readFileSync(join(packageRoot, 'server/core/seal/FORMAT.md'), 'utf8');
const blocks = new Map(
  [...text.matchAll(/^```(?:text|json) ([a-z0-9-]+)\n([^`]*)\n```$/gm)].map(([, name = '', body = '']) => [name, body]),
);
const block = (name: string): string => {
  const body = blocks.get(name);
  if (body === undefined) throw new Error(`FORMAT.md has no block ${name}`);
  return body;
};
const binary = (name: string): Buffer => Buffer.from(block(name).replaceAll('\n', ''), 'base64');
const sha256 = (...parts: (string | Uint8Array)[]): Buffer => {
  const state = createHash('sha256');
  for (const part of parts) state.update(part);
  return state.digest();
};
const digest = (...parts: (string | Uint8Array)[]): string => sha256(...parts).toString('base64url');

const cek = Buffer.from(block('cek'), 'hex');
const nonce = Buffer.from(block('nonce'), 'hex');
const envelope = binary('envelope');
const recipientInfos = binary('recipient-infos');
const lodgement = JSON.parse(block('lodgement'));
const decryption = JSON.parse(block('decryption'));
// What follows the cipher's parameters is [0] with a length of two octets, then the ciphertext; the tag ends the file.
const contentAt = envelope.indexOf(Buffer.concat([Buffer.of(4, 12), nonce, Buffer.of(2, 1, 16)])) + 17;
const ciphertext = envelope.subarray(contentAt + 4, -18);
const tag = envelope.subarray(-16);

function plaintextByNode(): Buffer {
  const decipher = createDecipheriv('aes-256-gcm', cek, nonce, { authTagLength: 16 }).setAuthTag(tag);
  return Buffer.concat([decipher.update(ciphertext), decipher.final()]);
}

t.test('every block of the example is known to this test', async (t) => {
  const known = ['cek', 'decryption', 'envelope', 'list', 'lodgement', 'nonce', 'recipient-infos'];
  t.strictSame([...blocks.keys()].sort(), known);
});

t.test('by the words alone: the key agrees, the content opens, every promise is what it says', async (t) => {
  t.ok(envelope.includes(recipientInfos));
  t.equal(envelope[contentAt], 0x80);
  t.equal(envelope.readUInt16BE(contentAt + 2), ciphertext.length);
  // §2: the point stands behind 03 42 00, the wrapped key ends the RecipientInfos.
  const point = recipientInfos.subarray(recipientInfos.indexOf(Buffer.of(3, 0x42, 0)) + 3).subarray(0, 65);
  const [x, y] = [point.subarray(1, 33), point.subarray(33)].map((half) => half.toString('base64url'));
  const publicKey = createPublicKey({ key: { kty: 'EC', crv: 'P-256', x: x ?? '', y: y ?? '' }, format: 'jwk' });
  const secret = diffieHellman({ privateKey: createPrivateKey(goldenText('curve.key.pem')), publicKey });
  const info = /ECC-CMS-SharedInfo/.test(text) ? (/`(3015[0-9a-f]+)`/.exec(text)?.[1] ?? '') : '';
  t.equal(info, Buffer.from(sharedInfo()).toString('hex'));
  const kek = sha256(secret, Buffer.of(0, 0, 0, 1), Buffer.from(info, 'hex'));
  const unwrap = createDecipheriv('id-aes256-wrap', kek, Buffer.alloc(8, 0xa6));
  t.strictSame(Buffer.concat([unwrap.update(recipientInfos.subarray(-40)), unwrap.final()]), cek);

  const plaintext = plaintextByNode();
  const list = block('list');
  t.ok(plaintext.includes(list), 'stored in the archive as it stands here');
  const salt = digest('bid-list-salt-v1\0', cek);
  const disclosure = Buffer.from(`["${salt}","openingList",${list}]`).toString('base64url');
  const contentKey = sha256('bid-content-v1\0', cek);
  t.match(lodgement, {
    envelopeSha256: digest(envelope),
    envelopeBytes: envelope.length,
    recipientInfosSha256: digest(recipientInfos),
    encCertSha256: digest(new X509Certificate(goldenText('curve.crt.pem')).raw),
    cekCommit: digest('bid-cek-v1\0', cek),
    contentCommit: createHmac('sha256', contentKey).update(plaintext).digest('base64url'),
    openingListCommit: digest(disclosure),
  });
  const { recipientInfosSha256, cekCommit, bidId, iss, lotId } = lodgement;
  t.match(decryption, { recipientInfosSha256, cekCommit, bidId, iss, lotId });
});

t.test('our own code reads the same', async (t) => {
  t.ok(isLodgementPayload(lodgement));
  t.ok(isDecryptionPayload(decryption));
  t.equal(canonicalise(JSON.parse(block('list'))), block('list'));
  const reader = startEnvelope();
  reader.push(Uint8Array.from(envelope));
  const header = reader.header();
  t.ok(header && isAddressedTo(header.recipient, parseCertificate(CURVE.certificate)));
  const path = join(await temporaryFolder(t), 'example.cms');
  await writeFile(path, envelope);
  const opened = await openEnvelope(path, cek, lodgement);
  t.match(opened, { ok: true, openingList: JSON.parse(block('list')), entries: 1 });
});

t.test('limits, codes and whose each failure is are the code’s', async (t) => {
  for (const limit of [
    HEADER_ELEMENT_LIMIT_BYTES,
    ARCHIVE_ENTRIES_LIMIT,
    OPENING_LIST_LIMIT_BYTES,
    SEALED_KEY_LIMIT_CHARACTERS,
  ])
    t.ok(text.includes(limit.toLocaleString('en')), `${limit}`);
  const said = new Set([...text.matchAll(/`([a-z_]+)`/g)].map(([, code = '']) => code));
  const unsaid = ENVELOPE_CODES.filter((code) => !said.has(code));
  t.strictSame(unsaid, []);
  const judged = [...text.matchAll(/^\| [^|]+ \| `([a-z_]+)` \| (bidder|platform)/gm)];
  t.equal(judged.length, 8);
  for (const [, code = '', whose] of judged) t.equal(DECRYPTION_FAULTS[code as DecryptionFailure], whose, code);
});
