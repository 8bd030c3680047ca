/** Deals an opening key: made here, on a machine of the tenderer's side, shared out to its holders, and forgotten; the platform only ever sees what the log says. */
import { generateKeyPair } from 'node:crypto';
import { promisify } from 'node:util';
import { split } from 'shamir-secret-sharing';
import { SECRET_BYTES, secretCommit, shareCommit } from '../../core/seal/opening-key.ts';
import { sha256 } from '../../hash.ts';
import { wrapOpeningKey } from '../../vault/opening-key.ts';
import { type NamedKey, sealSecret } from './seal-secret.ts';
import { selfSigned } from './self-signed.ts';

const makeKeyPair = promisify(generateKeyPair);
/** About 128 bits of strength: bids are kept for fifteen years. */
const RSA_BITS = 3072;
const DAY_MS = 86_400_000;
/** It is never judged by its dates; they only have to be there. */
const CERTIFICATE_DAYS = 20 * 365;

export type DealtOpeningKey = {
  /** DER. */
  certificate: Uint8Array;
  wrappedKey: Uint8Array;
  secretCommit: string;
  /** For each holder: what its share is promised to be, and the share sealed to its own key. */
  shares: { holder: number; commitment: string; sealed: string }[];
};

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
 * Makes an opening key and shares out the secret that wraps it.
 *
 * Asserts: 2 ≤ threshold ≤ holders.
 * Throws:  SealError key_not_as_named.
 * Why:     what is shared is a secret of 32 bytes and not the key itself, so that any kind of key can be dealt this way. The library
 *          takes its chance from the operating system by itself.
 */
export async function dealOpeningKey(dealing: Dealing): Promise<DealtOpeningKey> {
  const { openingId, holders, threshold, nowAt, randomBytes } = dealing;
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
  const pkcs8 = privateKey.export({ type: 'pkcs8', format: 'der' });
  const secret = randomBytes(SECRET_BYTES);
  let shares: Uint8Array[] = [];
  try {
    shares = await split(secret, holders.length, threshold);
    const dealt: DealtOpeningKey['shares'] = [];
    for (const [place, share] of shares.entries()) {
      const named = holders[place];
      if (named === undefined) throw new Error('more shares than holders');
      const { holder } = named;
      const sealed = await sealSecret(share, named, { about: 'dealt_share', openingId, holder });
      dealt.push({ holder, commitment: shareCommit(sha256, { openingId, holder }, share), sealed });
    }
    return {
      certificate,
      wrappedKey: wrapOpeningKey(pkcs8, secret, { openingId, certificate }, randomBytes),
      secretCommit: secretCommit(sha256, openingId, secret),
      shares: dealt,
    };
  } finally {
    pkcs8.fill(0);
    secret.fill(0);
    for (const share of shares) share.fill(0);
  }
}
