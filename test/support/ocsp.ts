/** An OCSP responder for the tests: `openssl ocsp`, answering without a network. */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Authority } from '../core/pki/authority.ts';

const run = promisify(execFile);

export const hasOpenssl = await run('openssl', ['version']).then(
  () => true,
  () => false,
);

export type Order = {
  readonly signer: Authority;
  readonly of: Authority;
  /** Whose certificate it is about. */
  readonly issuer: Authority;
  /** A line of OpenSSL's index after the serial's state. */
  readonly revoked?: string;
  readonly args?: readonly string[];
  readonly asking?: readonly string[];
  readonly isKnown?: boolean;
};

/** What `openssl ocsp` answers about a certificate. Returns: DER. */
export async function respond({
  signer,
  of,
  issuer,
  revoked,
  args = ['-ndays', '1'],
  asking = [],
  isKnown = true,
}: Order) {
  const folder = await mkdtemp(join(tmpdir(), 'kaibiao-ocsp-'));
  try {
    const line = [
      revoked === undefined ? 'V' : 'R',
      '300101000000Z',
      revoked ?? '',
      of.certificate.serial.toUpperCase(),
      'unknown',
      '/CN=Holder',
    ];
    const files = {
      'ca.pem': issuer.pem,
      'leaf.pem': of.pem,
      'signer.pem': signer.pem,
      'signer.key': signer.key.export({ type: 'pkcs8', format: 'pem' }).toString(),
      'index.txt': isKnown ? `${line.join('\t')}\n` : '',
    };
    await Promise.all(Object.entries(files).map(([name, text]) => writeFile(join(folder, name), text)));
    const request = ['ocsp', '-issuer', 'ca.pem', ...asking, '-cert', 'leaf.pem', '-reqout', 'req.der', '-no_nonce'];
    await run('openssl', asking.includes('-nonce') ? request.slice(0, -1) : request, { cwd: folder });
    const common = ['ocsp', '-index', 'index.txt', '-CA', 'ca.pem', '-rsigner', 'signer.pem', '-rkey', 'signer.key'];
    await run('openssl', [...common, '-reqin', 'req.der', '-respout', 'resp.der', ...args], { cwd: folder });
    const request2 = await readFile(join(folder, 'req.der'));
    return { response: new Uint8Array(await readFile(join(folder, 'resp.der'))), request: new Uint8Array(request2) };
  } finally {
    await rm(folder, { recursive: true });
  }
}
