/** The object identifiers that time-stamps are made of (RFC 3161, 5035, 5652, 5754, 5816, 8017). */
export const SIGNED_DATA = '1.2.840.113549.1.7.2';
export const TST_INFO = '1.2.840.113549.1.9.16.1.4';
export const TIME_STAMPING = '1.3.6.1.5.5.7.3.8';

export const ATTRIBUTE = {
  contentType: '1.2.840.113549.1.9.3',
  messageDigest: '1.2.840.113549.1.9.4',
  signingCertificate: '1.2.840.113549.1.9.16.2.12',
  signingCertificateV2: '1.2.840.113549.1.9.16.2.47',
} as const;

export const SHA1 = '1.3.14.3.2.26';
export const SHA256 = '2.16.840.1.101.3.4.2.1';
const SHA384 = '2.16.840.1.101.3.4.2.2';
const SHA512 = '2.16.840.1.101.3.4.2.3';

const RSA_ENCRYPTION = '1.2.840.113549.1.1.1';
export const RSASSA_PSS = '1.2.840.113549.1.1.10';

/** Of each digest a signer may use: the RSA signature that `rsaEncryption` then stands for (RFC 5754 §3.2), and all that fit it. */
const SIGNATURES: Readonly<Record<string, { readonly rsa: string; readonly ecdsa: string }>> = {
  [SHA256]: { rsa: '1.2.840.113549.1.1.11', ecdsa: '1.2.840.10045.4.3.2' },
  [SHA384]: { rsa: '1.2.840.113549.1.1.12', ecdsa: '1.2.840.10045.4.3.3' },
  [SHA512]: { rsa: '1.2.840.113549.1.1.13', ecdsa: '1.2.840.10045.4.3.4' },
};

/**
 * The signature algorithm as certificates name it, for a SignerInfo's pair of algorithms.
 *
 * Returns: undefined when the digest is none of SHA-256, SHA-384 and SHA-512, or the signature is over another one.
 */
export function signatureOid(digestOid: string, signatureOid: string): string | undefined {
  const known = Object.hasOwn(SIGNATURES, digestOid) ? SIGNATURES[digestOid] : undefined;
  if (known === undefined) return undefined;
  if (signatureOid === RSA_ENCRYPTION) return known.rsa;
  return [known.rsa, known.ecdsa, RSASSA_PSS].includes(signatureOid) ? signatureOid : undefined;
}
