/** SM2 signatures and SM3 by Node.js, for handing to the pure core: always with the identity that certificates use. */
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  createSign,
  createVerify,
  generateKeyPairSync,
  type KeyObject,
} from 'node:crypto';
import { readSm2PublicKey, writeSm2PublicKey } from './core/gm/curve.ts';
import { isSm2Signature, readSm2Signature, writeSm2Signature } from './core/gm/der.ts';
import { sm2IdentityDigest } from './core/gm/identity.ts';
import { readSm2Scalar } from './core/gm/private-key.ts';

/** SM3 of all bytes given: 32 bytes with a buffer of their own. */
export function sm3(data: Uint8Array): Uint8Array {
  return new Uint8Array(createHash('sm3').update(data).digest());
}

/**
 * Checks an SM2 signature with SM3.
 *
 * Shape:   `publicKey` 04 ‖ x ‖ y on the curve (`readSm2PublicKey`), `signature` r ‖ s.
 * Returns: false for a signature that is wrong or out of range; total.
 * Why:     never `crypto.verify('sm3')`, nor X509Certificate.verify: both leave the identity empty, and so are wrong without a
 *          word. Here Z is hashed before the message, and OpenSSL, told nothing of an identity, hashes what it is given. The key
 *          is built anew from its point: an SM2 key made in this process by generateKeyPair would sign ECDSA.
 */
export function verifySm2(publicKey: Uint8Array, data: Uint8Array, signature: Uint8Array): boolean {
  if (!isSm2Signature(signature)) return false;
  const key = createPublicKey({ key: Buffer.from(writeSm2PublicKey(publicKey)), format: 'der', type: 'spki' });
  const verifier = createVerify('sm3').update(sm2IdentityDigest(sm3, publicKey)).update(data);
  return verifier.verify(key, writeSm2Signature(signature));
}

/** A private SM2 key, whatever file or call it came from. */
export type Sm2PrivateKey = {
  /** 04 ‖ x ‖ y. */
  readonly publicKey: Uint8Array;
  /** r ‖ s over Z and the data. */
  sign(data: Uint8Array): Uint8Array;
  /** The scalar, 32 bytes, which the caller erases. */
  scalar(): Uint8Array;
};

/**
 * The SM2 key in a KeyObject; undefined when it is of another kind.
 *
 * Why: Node.js 20 has no name for SM2 keys and ends the process when one is asked for as `jwk` or `sec1`, so that nobody else
 *      handles them: what is needed of one stands here.
 */
export function sm2PrivateKey(privateKey: KeyObject): Sm2PrivateKey | undefined {
  const spki = createPublicKey(privateKey).export({ type: 'spki', format: 'der' });
  const publicKey = readSm2PublicKey(spki);
  if (publicKey === undefined) return undefined;
  const pkcs8 = privateKey.export({ type: 'pkcs8', format: 'der' });
  // Read again: only from PKCS#8 does OpenSSL take it for an SM2 key and not for ECDSA on the same curve.
  const key = createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' });
  pkcs8.fill(0);
  return {
    publicKey,
    sign(data) {
      const der = createSign('sm3').update(sm2IdentityDigest(sm3, publicKey)).update(data).sign(key);
      const raw = readSm2Signature(der);
      if (raw === undefined) throw new Error('OpenSSL wrote no SM2 signature');
      return raw;
    },
    scalar() {
      const exported = key.export({ type: 'pkcs8', format: 'der' });
      try {
        return readSm2Scalar(exported);
      } finally {
        exported.fill(0);
      }
    },
  };
}

/** A scalar nobody has used: that of a key made for this once. */
export function freshSm2Scalar(): Uint8Array {
  const key = sm2PrivateKey(generateKeyPairSync('ec', { namedCurve: 'SM2' }).privateKey);
  if (key === undefined) throw new Error('OpenSSL made no SM2 key');
  return key.scalar();
}
