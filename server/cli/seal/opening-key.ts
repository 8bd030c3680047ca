/** Deals an opening key, of a second layer or of a blind window: made here, on a machine of the tenderer's side, shared out to its holders, and forgotten; the platform only ever sees what the log says. */
import { generateKeyPair, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';
import { split } from 'shamir-secret-sharing';
import type { WindowKey } from '../../core/seal/decryption.ts';
import { SECRET_BYTES, secretCommit, shareCommit } from '../../core/seal/opening-key.ts';
import { sha256 } from '../../hash.ts';
import { type PublicHalf, wrapOpeningKey } from '../../vault/opening-key.ts';
import { type NamedKey, sealSecret } from './seal-secret.ts';
import { selfSigned } from './self-signed.ts';

const makeKeyPair = promisify(generateKeyPair);
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
  randomBytes: (length: number) => Uint8Array;
};

/**
 * Makes the opening key of a second layer and shares out the secret that wraps it.
 *
 * Asserts: 2 ≤ threshold ≤ holders.
 * Throws:  SealError key_not_as_named.
 */
export async function dealOpeningKey(dealing: Dealing): Promise<DealtOpeningKey> {
  const { openingId, nowAt, randomBytes } = dealing;
  const { publicKey, privateKey } = await makeKeyPair('rsa', { modulusLength: RSA_BITS });
  const certificate = selfSigned(
    {
      name: `kaibiao opening key ${openingId}`,
      notBeforeAt: nowAt - DAY_MS,
      notAfterAt: nowAt + CERTIFICATE_DAYS * DAY_MS,
      publicKey,
      privateKey,
    },
    randomBytes,
  );
  return { certificate, ...(await shareOut(privateKey, { certificate }, dealing)) };
}

/** The same for the key of a blind window: a P-256 key, as any window's. */
export async function dealWindowKey(dealing: Dealing): Promise<DealtWindowKey> {
  const { publicKey, privateKey } = await makeKeyPair('ec', { namedCurve: 'P-256' });
  const { x = '', y = '' } = publicKey.export({ format: 'jwk' });
  const windowKey = { kty: 'EC', crv: 'P-256', x, y } as const;
  return { windowKey, ...(await shareOut(privateKey, { windowKey }, dealing)) };
}

/**
 * Wraps the private half under a secret and shares that out.
 *
 * Why: what is shared is a secret of 32 bytes and not the key itself, so that any kind of key can be dealt this way. The library
 *      takes its chance from the operating system by itself.
 */
async function shareOut(
  privateKey: KeyObject,
  half: PublicHalf,
  { openingId, holders, threshold, randomBytes }: Dealing,
): Promise<DealtSecret> {
  const pkcs8 = privateKey.export({ type: 'pkcs8', format: 'der' });
  const secret = randomBytes(SECRET_BYTES);
  let shares: Uint8Array[] = [];
  try {
    shares = await split(secret, holders.length, threshold);
    const dealt: DealtSecret['shares'] = [];
    for (const [place, share] of shares.entries()) {
      const named = holders[place];
      if (named === undefined) throw new Error('more shares than holders');
      const { holder } = named;
      const sealed = await sealSecret(share, named, { about: 'dealt_share', openingId, holder });
      dealt.push({ holder, commitment: shareCommit(sha256, { openingId, holder }, share), sealed });
    }
    return {
      wrappedKey: wrapOpeningKey(pkcs8, secret, { openingId, ...half }, randomBytes),
      secretCommit: secretCommit(sha256, openingId, secret),
      shares: dealt,
    };
  } finally {
    pkcs8.fill(0);
    secret.fill(0);
    for (const share of shares) share.fill(0);
  }
}
