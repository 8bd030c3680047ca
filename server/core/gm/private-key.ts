/** The scalar of an SM2 key in PKCS#8 (RFC 5208) around ECPrivateKey (RFC 5915). */
import { CertificateError, derChildren, expectTag, readDer, readDerAs, TAG } from '../pki/der.ts';
import { SM2_FIELD_BYTES } from './curve.ts';

/** 32 bytes of their own, which the caller erases. Throws: CertificateError. */
export function readSm2Scalar(pkcs8: Uint8Array): Uint8Array {
  const [, , wrapped] = derChildren(readDerAs(pkcs8, TAG.sequence));
  const [, scalar] = derChildren(expectTag(readDer(expectTag(wrapped, TAG.octetString).content), TAG.sequence));
  const { content } = expectTag(scalar, TAG.octetString);
  if (content.length !== SM2_FIELD_BYTES) throw new CertificateError('der_value', 'a scalar has 32 bytes');
  return Uint8Array.from(content);
}
