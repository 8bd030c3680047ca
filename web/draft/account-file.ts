/** The account that a certificate file names, so that nobody types a credit code from a card. */
import { fromBase64 } from '../../server/core/log/base64.ts';
import { LogFormatError } from '../../server/core/log/error.ts';
import { parseCertificate } from '../../server/core/pki/certificate.ts';
import { CertificateError } from '../../server/core/pki/der.ts';
import { PLAIN_SUBJECT_RULE, readSubject } from '../../server/core/pki/subject.ts';

/** The largest file that is looked at, bytes. */
export const CERTIFICATE_FILE_LIMIT_BYTES = 65_536;

/** The account of the first certificate in a file, PEM or DER; null for what is none, or does not say whose it is. */
export function accountIn(bytes: Uint8Array): string | null {
  try {
    const text = String.fromCharCode(...bytes.subarray(0, CERTIFICATE_FILE_LIMIT_BYTES));
    const pem = /-----BEGIN CERTIFICATE-----([\s\S]+?)-----END CERTIFICATE-----/.exec(text);
    const der = pem === null ? bytes : fromBase64((pem[1] ?? '').replace(/\s+/g, ''));
    const read = readSubject(parseCertificate(der), PLAIN_SUBJECT_RULE);
    return 'refused' in read ? null : read.subject.account;
  } catch (fault) {
    if (fault instanceof CertificateError || fault instanceof LogFormatError) return null;
    throw fault;
  }
}
