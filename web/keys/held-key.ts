/** A key out of a file, in WebCrypto from then on or, SM2, in this worker's memory: it signs and unwraps, and nothing takes it out again. */
import type { AgentCertificate, Unwrap } from '../../server/client/key-agent.ts';
import { listingOf } from '../../server/client/key-agent.ts';
import { readSm2PublicKey } from '../../server/core/gm/curve.ts';
import { readSm2Scalar } from '../../server/core/gm/private-key.ts';
import { signSm2, sm2PublicKeyOf } from '../../server/core/gm/signature.ts';
import { sm3 } from '../../server/core/gm/sm3.ts';
import type { JwsAlgorithm } from '../../server/core/log/act.ts';
import { sameBytes } from '../../server/core/log/bytes.ts';
import type { Sha256 } from '../../server/core/log/hash.ts';
import { parseCertificate } from '../../server/core/pki/certificate.ts';
import { CertificateError } from '../../server/core/pki/der.ts';
import { Pkcs12Unknown, Pkcs12Unopened, readPkcs12 } from '../../server/core/pki/pkcs12.ts';
import { browserPkcs12Crypto } from './browser-ciphers.ts';
import { KeyFileError } from './key-file-error.ts';
import { inOwnMemory, lent } from './own-memory.ts';
import { sm2Unwrapper, unwrapperFor } from './unwrap.ts';

export type HeldKey = {
  readonly listed: AgentCertificate;
  readonly certificate: Uint8Array;
  readonly chain: readonly Uint8Array[];
  readonly alg: JwsAlgorithm;
  sign(data: Uint8Array): Promise<Uint8Array>;
  readonly unwrap: Unwrap;
};

const RSA = '1.2.840.113549.1.1.1';
const EC = '1.2.840.10045.2.1';
const ES256 = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const RS256 = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' } as const;

/**
 * Opens a PKCS#12 file.
 *
 * Returns: every key in it with its certificate; the other certificates as the chain of each.
 * Throws:  KeyFileError: key_unreadable for a wrong password; key_file_unknown for a file of another kind or a key that WebCrypto does not
 *          know; key_of_another_certificate for a key without its certificate.
 */
export async function openKeyFile(
  { sha256, subtle }: { readonly sha256: Sha256; readonly subtle: SubtleCrypto },
  file: Uint8Array,
  password: string,
): Promise<HeldKey[]> {
  const { keys, certificates } = await readFile(subtle, file, password);
  if (keys.length === 0) throw new KeyFileError('key_file_unknown', 'no key in it');
  const held: HeldKey[] = [];
  try {
    for (const key of keys) {
      const pair = await pairWith(subtle, key, certificates);
      if (pair === null) throw new KeyFileError('key_of_another_certificate');
      const { certificate, alg, sign, unwrap } = pair;
      const chain = certificates.filter((der) => der !== certificate);
      held.push({ listed: listingOf(sha256, { certificate, chain }), certificate, chain, alg, sign, unwrap });
    }
  } finally {
    for (const key of keys) key.fill(0);
  }
  return held;
}

async function readFile(subtle: SubtleCrypto, file: Uint8Array, password: string) {
  try {
    return await readPkcs12(browserPkcs12Crypto(subtle), file, password);
  } catch (fault) {
    if (fault instanceof Pkcs12Unopened) throw new KeyFileError('key_unreadable');
    if (fault instanceof Pkcs12Unknown || fault instanceof CertificateError)
      throw new KeyFileError('key_file_unknown', fault.message);
    throw fault;
  }
}

type Pair = {
  readonly certificate: Uint8Array;
  readonly alg: JwsAlgorithm;
  sign(data: Uint8Array): Promise<Uint8Array>;
  readonly unwrap: Unwrap;
};

/** The certificate of a private key: the one whose public key takes its signature. */
async function pairWith(
  subtle: SubtleCrypto,
  pkcs8: Uint8Array,
  certificates: readonly Uint8Array[],
): Promise<Pair | null> {
  for (const certificate of certificates) {
    const { keyAlgorithm, spki } = parseCertificate(certificate);
    if (keyAlgorithm.oid !== RSA && keyAlgorithm.oid !== EC) continue;
    const sm2 = readSm2PublicKey(spki);
    if (sm2 !== undefined) {
      const pair = pairSm2(sm2, pkcs8);
      if (pair === null) continue;
      return { certificate, ...pair };
    }
    const terms = keyAlgorithm.oid === RSA ? RS256 : ES256;
    const [secret, open] = await importBoth(subtle, terms, pkcs8, spki);
    if (secret === null || open === null) continue;
    const sign = async (data: Uint8Array) => new Uint8Array(await subtle.sign(terms, secret, inOwnMemory(data)));
    const probe = inOwnMemory(spki);
    if (!(await subtle.verify(terms, open, inOwnMemory(await sign(probe)), probe))) continue;
    const alg = terms === RS256 ? 'RS256' : 'ES256';
    const unwrap = await unwrapperFor(subtle, alg === 'ES256' ? 'ec' : 'rsa', pkcs8);
    return { certificate, alg, sign, unwrap };
  }
  return null;
}

/** An SM2 key, which WebCrypto does not know: its scalar lies in this worker's memory as long as the page is open, and no message gives it out. */
function pairSm2(publicKey: Uint8Array, pkcs8: Uint8Array): Omit<Pair, 'certificate'> | null {
  const scalar = scalarIn(pkcs8);
  const own = scalar === null ? undefined : sm2PublicKeyOf(scalar);
  if (scalar === null || own === undefined || !sameBytes(own, publicKey)) {
    scalar?.fill(0);
    return null;
  }
  const randomBytes = (length: number) => crypto.getRandomValues(new Uint8Array(length));
  return {
    alg: 'SM2SM3',
    sign: async (data) => signSm2(sm3, scalar, data, randomBytes),
    unwrap: sm2Unwrapper(scalar),
  };
}

/** Null for a key that is no elliptic one of 256 bits. */
function scalarIn(pkcs8: Uint8Array): Uint8Array | null {
  try {
    return readSm2Scalar(pkcs8);
  } catch (fault) {
    if (fault instanceof CertificateError) return null;
    throw fault;
  }
}

async function importBoth(
  subtle: SubtleCrypto,
  terms: typeof RS256 | typeof ES256,
  pkcs8: Uint8Array,
  spki: Uint8Array,
): Promise<[CryptoKey | null, CryptoKey | null]> {
  return Promise.all([
    orNull(lent(pkcs8, (bytes) => subtle.importKey('pkcs8', bytes, terms, false, ['sign']))),
    orNull(subtle.importKey('spki', inOwnMemory(spki), terms, false, ['verify'])),
  ]);
}

/** A key of another kind or curve is not this certificate's; WebCrypto says so by a DOMException. */
async function orNull(importing: Promise<CryptoKey>): Promise<CryptoKey | null> {
  try {
    return await importing;
  } catch (fault) {
    if (fault instanceof DOMException) return null;
    throw fault;
  }
}
