/** A key a person holds in files, PEM or PKCS#12, with its certificate and chain; the private key stays in this process. */
import { constants, createPrivateKey, type KeyObject, sign, X509Certificate } from 'node:crypto';
import forge from 'node-forge';
import { SealError } from '../../client/seal-error.ts';
import { parsePem } from '../../core/pki/certificate.ts';
import { CertificateError } from '../../core/pki/der.ts';
import type { CertificateSigner } from '../../core/pki/person-jws.ts';
import { type Pkcs12, Pkcs12Unknown, Pkcs12Unopened, readPkcs12 } from '../../core/pki/pkcs12.ts';
import { sm2PrivateKey } from '../../sm2.ts';
import { nodePkcs12Crypto } from './pkcs12-crypto.ts';

/** Certificates are DER; `chain` holds those above `certificate`, without the root. */
export type HeldKey = { privateKey: KeyObject; certificate: Uint8Array; chain: Uint8Array[] };

const PSS_SALT_BYTES = 32;

/**
 * Opens a key in PEM.
 *
 * Shape:  `certificates` holds the key's own certificate first; `passphrase` only for an encrypted key.
 * Throws: SealError key_unreadable, key_of_another_certificate.
 */
export function openPem(files: { privateKey: string; certificates: string; passphrase?: string }): HeldKey {
  const privateKey = unreadableUnless(() =>
    createPrivateKey({
      key: files.privateKey,
      ...(files.passphrase !== undefined && { passphrase: files.passphrase }),
    }),
  );
  const [certificate, ...chain] = unreadableUnless(() => parsePem(files.certificates)).map(({ der }) => der);
  return pair(privateKey, certificate, chain);
}

/**
 * Opens a PKCS#12 file (.pfx, .p12): RSA, P-256 and SM2.
 *
 * Returns: every key in it, one at least, each with its certificate; the other certificates as the chain of each. Which of them signs and
 *          which unwraps, the certificates' usage says (pickCertificate, which refuses to choose between two of one use).
 * Throws: SealError key_unreadable (wrong password too), key_of_another_certificate.
 * Why:    our own reader first, because node:crypto reads PKCS#12 for TLS only and gives no key out; node-forge for what that reader does not
 *         know, files in BER and with RC2, which old tools write: RSA keys only, and passwords in ASCII.
 */
export async function openPkcs12(file: Uint8Array, password: string): Promise<HeldKey[]> {
  const { keys, certificates } = await readAnyPkcs12(file, password);
  try {
    if (keys.length === 0) throw new SealError('key_unreadable');
    return keys.map((pkcs8) =>
      unreadableUnless(() => {
        const privateKey = createPrivateKey({ key: Buffer.from(pkcs8), format: 'der', type: 'pkcs8' });
        const own = certificates.find((der) => fits(privateKey, der));
        return pair(
          privateKey,
          own,
          certificates.filter((der) => der !== own),
        );
      }),
    );
  } finally {
    for (const key of keys) key.fill(0);
  }
}

async function readAnyPkcs12(file: Uint8Array, password: string): Promise<Pkcs12> {
  try {
    return await readPkcs12(nodePkcs12Crypto, file, password);
  } catch (error) {
    if (error instanceof Pkcs12Unknown || error instanceof CertificateError)
      return unreadableUnless(() => readByForge(file, password));
    if (error instanceof Pkcs12Unopened) throw new SealError('key_unreadable');
    throw error;
  }
}

function readByForge(file: Uint8Array, password: string): Pkcs12 {
  const { asn1, pki, pkcs12 } = forge;
  const store = pkcs12.pkcs12FromAsn1(asn1.fromDer(Buffer.from(file).toString('latin1')), password);
  const bagsOf = (type: string): forge.pkcs12.Bag[] => store.getBags({ bagType: type })[type] ?? [];
  const certificates = bagsOf(pki.oids['certBag'] ?? '').flatMap(({ cert }) =>
    cert ? [Uint8Array.from(Buffer.from(asn1.toDer(pki.certificateToAsn1(cert)).getBytes(), 'latin1'))] : [],
  );
  const bags = [...bagsOf(pki.oids['pkcs8ShroudedKeyBag'] ?? ''), ...bagsOf(pki.oids['keyBag'] ?? '')];
  const keys = bags.flatMap(({ key }) =>
    key ? [Uint8Array.from(createPrivateKey(pki.privateKeyToPem(key)).export({ type: 'pkcs8', format: 'der' }))] : [],
  );
  return { keys, certificates };
}

/** A signer over a held key: ES256 for P-256, SM2SM3 for SM2, otherwise RS256, or PS256 when asked. */
export function signerOf(
  { privateKey, certificate, chain }: HeldKey,
  rsa: 'RS256' | 'PS256' = 'RS256',
): CertificateSigner {
  const sm2 = sm2PrivateKey(privateKey);
  if (sm2 !== undefined) return { alg: 'SM2SM3', certificate, chain, sign: async (data) => sm2.sign(data) };
  const alg = privateKey.asymmetricKeyType === 'ec' ? 'ES256' : rsa;
  return {
    alg,
    certificate,
    chain,
    async sign(data) {
      if (alg === 'ES256') return sign('sha256', data, { key: privateKey, dsaEncoding: 'ieee-p1363' });
      if (alg === 'RS256') return sign('sha256', data, privateKey);
      const padding = constants.RSA_PKCS1_PSS_PADDING;
      return sign('sha256', data, { key: privateKey, padding, saltLength: PSS_SALT_BYTES });
    },
  };
}

function pair(privateKey: KeyObject, certificate: Uint8Array | undefined, chain: Uint8Array[]): HeldKey {
  if (certificate === undefined || !fits(privateKey, certificate)) throw new SealError('key_of_another_certificate');
  return { privateKey, certificate, chain };
}

function fits(privateKey: KeyObject, certificate: Uint8Array): boolean {
  return new X509Certificate(certificate).checkPrivateKey(privateKey);
}

function unreadableUnless<Value>(read: () => Value): Value {
  try {
    return read();
  } catch (error) {
    // What OpenSSL and forge say here may quote the file; the code alone goes on.
    throw error instanceof SealError ? error : new SealError('key_unreadable');
  }
}
