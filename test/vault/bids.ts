/** Sealed bids for the vault's tests: the golden envelopes with their key, and envelopes around any plaintext. */
import { createCipheriv } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { adoptEnvelope } from '../../server/cli/seal/adopt.ts';
import { type HeldKey, openPem } from '../../server/cli/seal/held-key.ts';
import { unwrapKey, unwrapWith, wrapTo } from '../../server/cli/seal/wrap.ts';
import type { BidPromises } from '../../server/client/lodge-statement.ts';
import { toBase64Url } from '../../server/core/log/base64.ts';
import { joinBytes } from '../../server/core/log/bytes.ts';
import { canonicalise } from '../../server/core/log/canonical.ts';
import { utf8 } from '../../server/core/log/utf8.ts';
import { type Certificate, parseCertificate } from '../../server/core/pki/certificate.ts';
import { cekCommit, openingListDisclosure, startContentCommit } from '../../server/core/seal/commitments.ts';
import { startEnvelope } from '../../server/core/seal/envelope.ts';
import { writeEnvelope } from '../../server/core/seal/envelope-writing.ts';
import type { OpeningList } from '../../server/core/seal/opening-list.ts';
import type { KeyTransport } from '../../server/core/seal/recipient-info.ts';
import { sha256 } from '../../server/hash.ts';
import { startHmac } from '../../server/vault/content.ts';
import type { Promised } from '../../server/vault/judgement.ts';
import { golden, goldenPath, goldenText } from '../core/seal/golden.ts';
import { zipOf } from '../core/seal/zip-parts.ts';

export const CREDIT_CODE = '91620700MADEM0001M';
export const LOT = 'LOT-1';
export const LIST: OpeningList = {
  v: 1,
  lotId: LOT,
  creditCode: CREDIT_CODE,
  name: '张掖建设有限公司',
  quote: { kind: 'total', amount: '9800000.00', currency: 'CNY', unit: '元', inWords: '玖佰捌拾万元整' },
  duration: '180天',
  quality: '合格',
  manager: '王工',
  columns: {},
};

const heldKey = (name: string): HeldKey =>
  openPem({ privateKey: goldenText(`${name}.key.pem`), certificates: goldenText(`${name}.crt.pem`) });

export const BIDDER: HeldKey = heldKey('bidder');
export const OTHER: HeldKey = heldKey('other');
/** A bidder whose certificate is of P-256. */
export const CURVE: HeldKey = heldKey('curve');
/** A bidder whose certificate is of SM2. */
export const SM2: HeldKey = heldKey('sm2');
/** Whose key can take a content key that travels so. */
export function holderFor(keyTransport: KeyTransport): HeldKey {
  if (keyTransport === 'sm2') return SM2;
  return keyTransport === 'ecdh_p256' ? CURVE : BIDDER;
}
export const BIDDER_CERTIFICATE: Certificate = parseCertificate(BIDDER.certificate);
export const CEK = Uint8Array.from({ length: 32 }, (_, index) => 255 - index);
export const NONCE = new Uint8Array(12).fill(3);
export const GCM = { cipher: 'aes_256_gcm', nonce: NONCE } as const;

/** A folder that goes with the test. */
export async function temporaryFolder(t: { teardown(clean: () => Promise<void>): unknown }): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'kaibiao-vault-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

export type StoredBid = { path: string; cek: Uint8Array; promised: Promised };

/** Whom a golden envelope is sealed to, by its name. */
export function holderOf(name: string): HeldKey {
  return name.includes('ecdh') ? CURVE : BIDDER;
}

/** A golden envelope as a platform would keep it. */
export async function goldenBid(name: string): Promise<StoredBid> {
  const path = goldenPath(name);
  const { certificate, privateKey } = holderOf(name);
  const { promises } = await adoptEnvelope(path, certificate, unwrapWith(privateKey));
  return { path, cek: goldenCek(name), promised: promisedOf(promises) };
}

export function goldenCek(name: string): Uint8Array {
  const reader = startEnvelope();
  reader.push(golden(name));
  const header = reader.header();
  if (!header) throw new Error('no header');
  return Uint8Array.from(unwrapKey(header.recipient, holderOf(name).privateKey));
}

export function promisedOf({ encCertSha256: _, ...promises }: BidPromises): Promised {
  return { iss: CREDIT_CODE, lotId: LOT, ...promises };
}

/** The archive of an opening list and one document. */
export function archiveOf(list: OpeningList = LIST): Uint8Array {
  return zipOf([
    { name: 'opening-list.json', bytes: utf8(canonicalise(list)) },
    { name: '技术标.pdf', bytes: new Uint8Array(9000).fill(0x42) },
  ]);
}

/** An envelope around any plaintext, as OpenSSL would make it. */
export function envelopeAround(plaintext: Uint8Array, spoilTag = false): Uint8Array {
  const recipient = wrapTo(BIDDER.certificate, 'rsa_oaep_sha256', CEK);
  const { header, trailer } = writeEnvelope(recipient, GCM, plaintext.length);
  const cipher = createCipheriv('aes-256-gcm', CEK, NONCE, { authTagLength: 16 });
  const ciphertext = joinBytes(cipher.update(plaintext), cipher.final());
  const tag = Uint8Array.from(cipher.getAuthTag());
  if (spoilTag) tag[0] = (tag[0] as number) ^ 1;
  return joinBytes(header, ciphertext, trailer(tag));
}

/** What an honest bidder promises of `plaintext` in `envelope`; `list` only when there is one. */
export function promisesOf(envelope: Uint8Array, plaintext: Uint8Array, list: OpeningList = LIST): Promised {
  const reader = startEnvelope();
  reader.push(envelope);
  const commit = startContentCommit(sha256, startHmac, CEK);
  commit.update(plaintext);
  return {
    iss: CREDIT_CODE,
    lotId: LOT,
    envelopeSha256: toBase64Url(sha256(envelope)),
    envelopeBytes: envelope.length,
    recipientInfosSha256: toBase64Url(sha256(reader.header()?.recipientInfos ?? new Uint8Array(0))),
    cekCommit: cekCommit(sha256, CEK),
    contentCommit: commit.digest(),
    openingListCommit: openingListDisclosure(sha256, CEK, list).digest,
    profile: 'kaibiao-seal-1',
  };
}

/** Stores an envelope around `plaintext` with what its bidder promised. */
export async function storeBid(
  folder: string,
  plaintext: Uint8Array,
  { spoilTag = false, list = LIST }: { spoilTag?: boolean; list?: OpeningList } = {},
): Promise<StoredBid> {
  const envelope = envelopeAround(plaintext, spoilTag);
  const path = join(folder, `bid-${toBase64Url(sha256(envelope)).slice(0, 12)}`);
  await writeFile(path, envelope);
  return { path, cek: CEK.slice(), promised: promisesOf(envelope, plaintext, list) };
}

/** `bytes` as a stream of chunks of `size`. */
export async function* chunksOf(bytes: Uint8Array, size = 1000): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.slice(at, at + size);
}
