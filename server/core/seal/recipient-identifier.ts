/** How a RecipientInfo names the certificate it is for: by issuer and serial number, or by key identifier; RFC 5652 §6.2. */
import { type Der, derChildren, derInteger, expectTag } from '../pki/der.ts';
import { TAG, writeElement } from './der.ts';
import { EnvelopeError } from './envelope-error.ts';

/** `issuer` is the Name's DER, `serial` the INTEGER's content. */
export type RecipientIdentifier = { issuer: Uint8Array; serial: Uint8Array } | { subjectKeyIdentifier: Uint8Array };

/** Throws: EnvelopeError bad_der, CertificateError. */
export function readIssuerAndSerial(element: Der | undefined): RecipientIdentifier {
  const [issuer, serial, more] = derChildren(expectTag(element, TAG.sequence));
  if (more !== undefined) throw new EnvelopeError('bad_der', 'more than issuer and serial number');
  return { issuer: expectTag(issuer, TAG.sequence).full, serial: derInteger(expectTag(serial, TAG.integer)) };
}

export function writeIssuerAndSerial({ issuer, serial }: { issuer: Uint8Array; serial: Uint8Array }): Uint8Array {
  return writeElement(TAG.sequence, issuer, writeElement(TAG.integer, serial));
}
