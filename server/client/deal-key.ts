/** Deals an opening key, of a second layer or of a blind window: made on a machine of the tenderer's side, shared out to its holders, and forgotten; the ciphers are handed in. */
import { split } from 'shamir-secret-sharing';
import { toBase64 } from '../core/log/base64.ts';
import { joinBytes } from '../core/log/bytes.ts';
import type { JsonObject } from '../core/log/canonical.ts';
import type { Sha256 } from '../core/log/hash.ts';
import type { NamedKey } from '../core/opening/layer.ts';
import { NONCE_BYTES } from '../core/seal/content-cipher.ts';
import type { WindowKey } from '../core/seal/decryption.ts';
import {
  openingKeyBinding,
  type PublicHalf,
  SECRET_BYTES,
  secretCommit,
  shareCommit,
} from '../core/seal/opening-key.ts';
import { sealSecretTo } from './seal-secret.ts';
import { selfSigned } from './self-signed.ts';

/** About 128 bits of strength: bids are kept for fifteen years. */
const RSA_BITS = 3072;
const DAY_MS = 86_400_000;
/** It is never judged by its dates; they only have to be there. */
const CERTIFICATE_DAYS = 20 * 365;

/** What is dealt of any key: its private half under a secret, and the secret in shares. */
export type DealtSecret = {
  wrappedKey: Uint8Array;
  secretCommit: string;
  /** For each holder: what its share is promised to be, and the share sealed to its own key. */
  shares: { holder: number; commitment: string; sealed: string }[];
};

/** The key of a second layer; its certificate in DER. */
export type DealtOpeningKey = DealtSecret & { certificate: Uint8Array };

/** The key of a blind window. */
export type DealtWindowKey = DealtSecret & { windowKey: WindowKey };

export type Dealing = {
  openingId: string;
  /** The holders' keys with their numbers, from the dealer's own verified copy of the log. */
  holders: readonly (NamedKey & { holder: number })[];
  threshold: number;
  /** ms since 1970. */
  nowAt: number;
};

/** What deals: the keys and ciphers of Node.js or of a browser. Private halves come as PKCS#8 and are erased here. */
export type DealingMeans = {
  readonly sha256: Sha256;
  readonly randomBytes: (length: number) => Uint8Array;
  /** `sign` is RSASSA-PKCS1-v1_5 with SHA-256. */
  makeRsaKey(
    bits: number,
  ): Promise<{ spki: Uint8Array; pkcs8: Uint8Array; sign(bytes: Uint8Array): Promise<Uint8Array> }>;
  makeP256Key(): Promise<{ key: WindowKey; pkcs8: Uint8Array }>;
  /** AES-256-GCM. Returns: ciphertext ‖ tag. */
  encryptGcm(key: Uint8Array, nonce: Uint8Array, about: Uint8Array, plaintext: Uint8Array): Promise<Uint8Array>;
};

/**
 * Makes the opening key of a second layer and shares out the secret that wraps it.
 *
 * Asserts: 2 ≤ threshold ≤ holders.
 * Throws:  SealError key_not_as_named.
 */
export async function dealLayerKey(means: DealingMeans, dealing: Dealing): Promise<DealtOpeningKey> {
  const { openingId, nowAt } = dealing;
  const { spki, pkcs8, sign } = await means.makeRsaKey(RSA_BITS);
  const name = `kaibiao opening key ${openingId}`;
  const times = { notBeforeAt: nowAt - DAY_MS, notAfterAt: nowAt + CERTIFICATE_DAYS * DAY_MS };
  const certificate = await selfSigned({ name, ...times, spki, sign }, means);
  return { certificate, ...(await shareOut(means, pkcs8, { certificate }, dealing)) };
}

/** The same for the key of a blind window: a P-256 key, as any window's. */
export async function dealBlindKey(means: DealingMeans, dealing: Dealing): Promise<DealtWindowKey> {
  const { key, pkcs8 } = await means.makeP256Key();
  return { windowKey: key, ...(await shareOut(means, pkcs8, { windowKey: key }, dealing)) };
}

/** What is sent to deal it. */
export function dealingData(dealt: DealtOpeningKey | DealtWindowKey): JsonObject {
  return {
    ...('certificate' in dealt ? { certificate: toBase64(dealt.certificate) } : { windowKey: dealt.windowKey }),
    wrappedKey: toBase64(dealt.wrappedKey),
    secretCommit: dealt.secretCommit,
    shares: dealt.shares,
  };
}

/**
 * Wraps the private half under a secret and shares that out.
 *
 * Why: what is shared is a secret of 32 bytes and not the key itself, so that any kind of key can be dealt this way. The library
 *      takes its chance from the operating system by itself.
 */
async function shareOut(
  { sha256, randomBytes, encryptGcm }: DealingMeans,
  pkcs8: Uint8Array,
  half: PublicHalf,
  { openingId, holders, threshold }: Dealing,
): Promise<DealtSecret> {
  const secret = randomBytes(SECRET_BYTES);
  let shares: Uint8Array[] = [];
  try {
    // the library takes nothing but plain Uint8Arrays
    shares = await split(Uint8Array.from(secret), holders.length, threshold);
    const dealt: DealtSecret['shares'] = [];
    for (const [place, share] of shares.entries()) {
      const named = holders[place];
      if (named === undefined) throw new Error('more shares than holders');
      const { holder } = named;
      const sealed = await sealSecretTo(sha256, share, named, { about: 'dealt_share', openingId, holder });
      dealt.push({ holder, commitment: shareCommit(sha256, { openingId, holder }, share), sealed });
    }
    const nonce = randomBytes(NONCE_BYTES);
    const wrapped = await encryptGcm(secret, nonce, openingKeyBinding(sha256, { openingId, ...half }), pkcs8);
    return {
      wrappedKey: joinBytes(nonce, wrapped),
      secretCommit: secretCommit(sha256, openingId, secret),
      shares: dealt,
    };
  } finally {
    pkcs8.fill(0);
    secret.fill(0);
    for (const share of shares) share.fill(0);
  }
}
