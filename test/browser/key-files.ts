/** Key files as a CA hands them out, for people who log in on the pages. */
import { spawnSync } from 'node:child_process';
import { createPrivateKey } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { exportPkcs12, type Issued } from '../../server/cli/demo/ca.ts';

/** Of a file of this kind of key: one of them is not ASCII, as people's are not. */
export const PASSWORDS = { rsa: 'secret', other: '密码 1' };

/** Writes one: RSA by node-forge with its old cipher, anything else by openssl. Returns: its path. */
export async function keyFile(folder: string, issued: Issued, name: string): Promise<string> {
  const file = join(folder, `${name}.p12`);
  if (createPrivateKey(issued.privateKeyPem).asymmetricKeyType === 'rsa') {
    await writeFile(file, exportPkcs12(issued, PASSWORDS.rsa));
    return file;
  }
  const pem = join(folder, `${name}.pem`);
  await writeFile(pem, issued.privateKeyPem + issued.certificatePem + issued.chainPem, { mode: 0o600 });
  const made = spawnSync('openssl', ['pkcs12', '-export', '-in', pem, '-passout', 'stdin', '-out', file], {
    input: `${PASSWORDS.other}\n`,
  });
  if (made.status !== 0) throw new Error(made.stderr.toString());
  return file;
}
