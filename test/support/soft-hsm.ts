/** A PKCS#11 token in software, SoftHSM2 with OpenSC's pkcs11-tool: of the system where it has them, else of Debian's packages, unpacked beside it without any right. */
import { execFileSync } from 'node:child_process';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Issued } from '../../server/cli/demo/ca.ts';
import type { CommandKeyDescription } from '../../server/recorder/command-key.ts';
import { unpackDebian } from './debian.ts';

const PACKAGES = ['libsofthsm2', 'softhsm2', 'opensc', 'opensc-pkcs11'];
const LIBRARIES = ['/usr/lib/softhsm/libsofthsm2.so', '/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so'];
const PIN = '274913';

type Tools = { readonly module: string; readonly bin: string; readonly libraryPath: string };

/** Where the tools are; a sentence why there are none. */
async function findTools(): Promise<Tools | string> {
  const system = LIBRARIES.find(existsSync);
  if (system !== undefined && existsSync('/usr/bin/pkcs11-tool') && existsSync('/usr/bin/softhsm2-util'))
    return { module: system, bin: '/usr/bin', libraryPath: '' };
  const unpacked = await unpackDebian('softhsm', PACKAGES);
  if (typeof unpacked === 'string') return `SoftHSM2 is not installed, and ${unpacked}`;
  const { root, libraryPath } = unpacked;
  const module = LIBRARIES.map((path) => join(root, path)).find(existsSync);
  return module === undefined ? `${root} holds no SoftHSM2` : { module, bin: join(root, 'usr/bin'), libraryPath };
}

type Made = {
  readonly tools: Tools;
  readonly environment: Readonly<Record<string, string>>;
  readonly pinFile: string;
  run(program: string, ...args: string[]): Buffer;
};

/** An empty token of this label in a folder, which it may share with others; a sentence why there is none. */
async function makeToken(folder: string, label: string): Promise<Made | string> {
  const tools = await findTools();
  if (typeof tools === 'string') return tools;
  const { module, bin, libraryPath } = tools;
  const conf = join(folder, 'softhsm2.conf');
  const pinFile = join(folder, 'pin');
  await mkdir(join(folder, 'tokens'), { recursive: true });
  await writeFile(
    conf,
    `directories.tokendir = ${join(folder, 'tokens')}\nobjectstore.backend = file\nlog.level = ERROR\n`,
  );
  await writeFile(pinFile, `${PIN}\n`, { mode: 0o600 });
  const environment = { SOFTHSM2_CONF: conf, ...(libraryPath !== '' && { LD_LIBRARY_PATH: libraryPath }) };
  const run = (program: string, ...args: string[]): Buffer =>
    execFileSync(join(bin, program), args, { env: { ...environment, PIN }, stdio: ['ignore', 'pipe', 'ignore'] });
  try {
    const pins = ['--pin', PIN, '--so-pin', PIN];
    run('softhsm2-util', '--init-token', '--free', '--label', label, ...pins, '--module', module);
    return { tools, environment, pinFile, run };
  } catch (error) {
    return `SoftHSM2 is there and does not work: ${(error as Error).message}`;
  }
}

/** What a person's token is made of: keys with their certificates, and CAs. */
export type PersonToken = { readonly module: string; readonly conf: string; readonly pin: string };

/**
 * A token with a person's keys and certificates, for this process: its module is to be loaded with SOFTHSM2_CONF set to `conf`.
 *
 * Returns: a sentence why there is none, for a test that must say so loudly.
 */
export async function personToken(
  folder: string,
  label: string,
  issued: readonly Issued[],
): Promise<PersonToken | string> {
  const made = await makeToken(folder, label);
  if (typeof made === 'string') return made;
  const { tools, environment, run } = made;
  const token = ['--module', tools.module, '--token-label', label, '--login', '--pin', 'env:PIN'];
  const file = join(folder, 'object.der');
  const put = async (der: Uint8Array, type: 'privkey' | 'cert', id: string, ...more: string[]): Promise<void> => {
    await writeFile(file, der, { mode: 0o600 });
    run(
      'pkcs11-tool',
      ...token,
      '--write-object',
      file,
      '--type',
      type,
      '--id',
      id,
      '--label',
      `${type} ${id}`,
      ...more,
    );
  };
  try {
    for (const [n, { certificatePem, privateKeyPem }] of issued.entries()) {
      const id = `0${n + 1}`;
      const key = createPrivateKey(privateKeyPem);
      const uses = ['--usage-sign', key.asymmetricKeyType === 'ec' ? '--usage-derive' : '--usage-decrypt'];
      await put(key.export({ type: 'pkcs8', format: 'der' }), 'privkey', id, ...uses);
      await put(new X509Certificate(certificatePem).raw, 'cert', id);
    }
    const [ca] = issued;
    if (ca !== undefined) await put(new X509Certificate(ca.chainPem).raw, 'cert', 'ff');
  } catch (error) {
    return `SoftHSM2 takes no keys: ${(error as Error).message}`;
  } finally {
    await rm(file, { force: true });
  }
  return { module: tools.module, conf: environment['SOFTHSM2_CONF'] ?? '', pin: PIN };
}

/**
 * A token with an Ed25519 key that never leaves it, and the description by which the platform signs with it.
 *
 * Returns: a sentence why there is none, for a test that must say so loudly.
 */
export async function softToken(folder: string): Promise<CommandKeyDescription | string> {
  const made = await makeToken(folder, 'platform');
  if (typeof made === 'string') return made;
  const { tools, environment, pinFile, run } = made;
  const { module, bin } = tools;
  try {
    const token = ['--module', module, '--token-label', 'platform', '--login', '--pin', 'env:PIN'];
    run('pkcs11-tool', ...token, '--keypairgen', '--key-type', 'EC:edwards25519', '--label', 'ledger', '--id', '01');
    const pem = run('pkcs11-tool', ...token, '--read-object', '--type', 'pubkey', '--label', 'ledger').toString(
      'latin1',
    );
    const publicKey = Buffer.from(pem.replaceAll(/-----[^-]+-----|\s/g, ''), 'base64')
      .subarray(-32)
      .toString('base64');
    return {
      publicKey,
      command: [join(bin, 'pkcs11-tool'), ...token, '--sign', '--mechanism', 'EDDSA', '--label', 'ledger'],
      environment,
      secrets: { PIN: pinFile },
    };
  } catch (error) {
    return `SoftHSM2 is there and does not work: ${(error as Error).message}`;
  }
}
