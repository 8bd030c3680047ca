/** PEM files (RFC 7468) that we write ourselves, and read back only as we write them; of foreign ones core/pki reads the certificates. */
import { fromBase64, toBase64 } from '../core/log/base64.ts';
import { LogFormatError } from '../core/log/error.ts';

const LINE = /.{1,64}/g;

export type PemLabel = 'CERTIFICATE' | 'X509 CRL';

/** DER elements one behind the other, each in its own block: 64 characters a line, LF behind each. */
export function formatPem(label: PemLabel, elements: readonly Uint8Array[]): string {
  const blocks = elements.map((der) => {
    const lines = toBase64(der).match(LINE) ?? [];
    return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
  });
  return blocks.join('');
}

/**
 * The elements of a file that `formatPem` wrote; null for any other text, were it only another line break.
 *
 * Why: a file that lies in an export is then what its elements make, and no byte of it is anybody's choice.
 */
export function readPem(label: PemLabel, text: string): Uint8Array[] | null {
  const block = new RegExp(`-----BEGIN ${label}-----\n([A-Za-z0-9+/=\n]*)\n-----END ${label}-----\n`, 'g');
  try {
    const elements = [...text.matchAll(block)].map(([, body = '']) => fromBase64(body.split('\n').join('')));
    return elements.length > 0 && formatPem(label, elements) === text ? elements : null;
  } catch (fault) {
    if (fault instanceof LogFormatError) return null;
    throw fault;
  }
}
