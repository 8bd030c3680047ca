/** Bids with two layers for the vault's tests, around any content, and an opening key with its holders. */
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { nodeSealing } from '../../server/cli/seal/node-sealing.ts';
import { dealOpeningKey } from '../../server/cli/seal/opening-key.ts';
import type { NamedKey } from '../../server/cli/seal/seal-secret.ts';
import type { DealtOpeningKey, DealtSecret } from '../../server/client/deal-key.ts';
import { openSecret } from '../../server/client/open-secret.ts';
import { writeLayer } from '../../server/client/seal-layer.ts';
import { toBase64Url } from '../../server/core/log/base64.ts';
import { openingListDisclosure } from '../../server/core/seal/commitments.ts';
import { PROFILE_CIPHERS, type SealProfile } from '../../server/core/seal/content-cipher.ts';
import { startEnvelope } from '../../server/core/seal/envelope.ts';
import { sha256 } from '../../server/hash.ts';
import type { Promised } from '../../server/vault/judgement.ts';
import type { LayerKey } from '../../server/vault/layer-key.ts';
import { restoreOpeningKey } from '../../server/vault/opening-key.ts';
import { windowKeyId } from '../../server/vault/window-key.ts';
import { systemWorld } from '../../server/world.ts';
import { archiveOf, BIDDER, CEK, CREDIT_CODE, LIST, LOT, type StoredBid } from './bids.ts';

const { randomBytes } = systemWorld;
export const OPENING = 'zhangye-2026-001';
export const INNER_CEK = Uint8Array.from({ length: 32 }, (_, index) => index + 7);

export type Holder = NamedKey & { readonly holder: number; readonly privateKey: KeyObject };

/** A holder with a key of its own. */
export function newHolder(holder = 1): Holder {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const { x = '', y = '' } = publicKey.export({ format: 'jwk' });
  const key = { kty: 'EC', crv: 'P-256', x, y } as const;
  return { holder, kid: windowKeyId(key), key, privateKey };
}

export type Ceremony = {
  readonly holders: readonly Holder[];
  readonly dealt: DealtOpeningKey;
  readonly threshold: number;
};

export async function holdCeremony(count = 3, threshold = 2): Promise<Ceremony> {
  const holders = Array.from({ length: count }, (_, i) => newHolder(i + 1));
  const dealt = await dealOpeningKey({ openingId: OPENING, holders, threshold, nowAt: Date.now(), randomBytes });
  return { holders, dealt, threshold };
}

/** What a holder finds in its sealed share. */
export async function shareOf(
  { holders, dealt }: Pick<Ceremony, 'holders'> & { readonly dealt: DealtSecret },
  holder: number,
): Promise<Uint8Array> {
  const { privateKey, kid } = holders[holder - 1] as Holder;
  const sealed = dealt.shares[holder - 1]?.sealed ?? '';
  const share = await openSecret(sealed, privateKey, kid, { about: 'dealt_share', openingId: OPENING, holder });
  if (share === null) throw new Error(`no share of holder ${holder}`);
  return share;
}

export async function layerKeyOf(ceremony: Ceremony): Promise<LayerKey> {
  const { dealt, threshold } = ceremony;
  const shares = [await shareOf(ceremony, 1), await shareOf(ceremony, 3)];
  const privateKey = await restoreOpeningKey(shares, { openingId: OPENING, threshold, ...dealt });
  if (privateKey === null) throw new Error('the shares give no key');
  return { certificate: dealt.certificate, privateKey };
}

async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const part of chunks) parts.push(part);
  return Buffer.concat(parts);
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

/** The inner envelope of a bid, to `certificate`, and what is promised of it. */
export async function innerEnvelope(
  certificate: Uint8Array,
  archive = archiveOf(),
  cek = INNER_CEK,
  profile: SealProfile = 'kaibiao-seal-1',
) {
  const cipher = PROFILE_CIPHERS[profile];
  const layer = await writeLayer(
    { certificate, keyTransport: 'rsa_oaep_sha256', cipher, cek },
    nodeSealing(randomBytes),
  );
  const bytes = await collect(layer.seal(archive.length, once(archive)));
  return { bytes, promises: { openingCertSha256: toBase64Url(sha256(certificate)), ...(await layer.promises()) } };
}

/** Stores a bidder's layer around any bytes, with what an honest tool promises of both. */
export async function storeLayered(
  folder: string,
  inner: Uint8Array,
  layer: NonNullable<Promised['layer']>,
  profile: SealProfile = 'kaibiao-seal-1',
): Promise<StoredBid> {
  const { certificate } = BIDDER;
  const cipher = PROFILE_CIPHERS[profile];
  const outer = await writeLayer(
    { certificate, keyTransport: 'rsa_oaep_sha256', cipher, cek: CEK },
    nodeSealing(randomBytes),
  );
  const envelope = await collect(outer.seal(inner.length, once(inner)));
  const path = join(folder, `layered-${toBase64Url(sha256(envelope)).slice(0, 12)}`);
  await writeFile(path, envelope);
  const reader = startEnvelope();
  reader.push(envelope);
  return {
    path,
    cek: CEK.slice(),
    promised: {
      iss: CREDIT_CODE,
      lotId: LOT,
      envelopeSha256: toBase64Url(sha256(envelope)),
      envelopeBytes: envelope.length,
      recipientInfosSha256: toBase64Url(sha256(reader.header()?.recipientInfos ?? new Uint8Array(0))),
      ...(await outer.promises()),
      openingListCommit: openingListDisclosure(sha256, INNER_CEK, LIST).digest,
      profile,
      layer,
    },
  };
}

/** PEM of a private key in PKCS#8, for stock tools. */
export function pemOf(pkcs8: Uint8Array): string {
  const key = createPrivateKey({ key: Buffer.from(pkcs8), format: 'der', type: 'pkcs8' });
  if (createPublicKey(key).asymmetricKeyType !== 'rsa') throw new Error('another kind of key');
  return key.export({ format: 'pem', type: 'pkcs8' }).toString();
}
