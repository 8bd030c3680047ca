/** A PKCS#11 token in software, SoftHSM2 with OpenSC's pkcs11-tool: of the system where it has them, else of Debian's packages, unpacked beside it without any right. */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rename, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CommandKeyDescription } from '../../server/recorder/command-key.ts';

const PACKAGES = ['libsofthsm2', 'softhsm2', 'opensc', 'opensc-pkcs11'];
const DOWNLOAD_LIMIT_MS = 60_000;
const LIBRARIES = ['/usr/lib/softhsm/libsofthsm2.so', '/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so'];
const PIN = '274913';

type Tools = { readonly module: string; readonly bin: string; readonly libraryPath: string };

/** Where the tools are; a sentence why there are none. */
async function findTools(): Promise<Tools | string> {
  const system = LIBRARIES.find(existsSync);
  if (system !== undefined && existsSync('/usr/bin/pkcs11-tool') && existsSync('/usr/bin/softhsm2-util'))
    return { module: system, bin: '/usr/bin', libraryPath: '' };
  const cache = join(tmpdir(), `kaibiao-softhsm-${process.getuid?.() ?? 0}`);
  if (!existsSync(cache)) {
    const part = await mkdtemp(join(tmpdir(), 'kaibiao-softhsm-part-'));
    try {
      const quiet = { cwd: part, timeout: DOWNLOAD_LIMIT_MS, stdio: 'ignore' } as const;
      execFileSync('apt-get', ['download', ...PACKAGES], quiet);
      for (const name of await readdir(part))
        if (name.endsWith('.deb')) execFileSync('dpkg-deb', ['-x', name, 'root'], quiet);
      await rename(part, cache).catch((error: NodeJS.ErrnoException) => {
        // another run was first
        if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
      });
    } catch (error) {
      return `SoftHSM2 is not installed, and its Debian packages could not be had: ${(error as Error).message}`;
    }
  }
  const root = join(cache, 'root');
  const module = LIBRARIES.map((path) => join(root, path)).find(existsSync);
  const libraries = (await readdir(join(root, 'usr/lib')).catch(() => [])).find((name) => name.includes('-linux-gnu'));
  if (module === undefined || libraries === undefined) return `${cache} holds no SoftHSM2`;
  return { module, bin: join(root, 'usr/bin'), libraryPath: join(root, 'usr/lib', libraries) };
}

/**
 * A token with an Ed25519 key that never leaves it, and the description by which the platform signs with it.
 *
 * Returns: a sentence why there is none, for a test that must say so loudly.
 */
export async function softToken(folder: string): Promise<CommandKeyDescription | string> {
  const tools = await findTools();
  if (typeof tools === 'string') return tools;
  const { module, bin, libraryPath } = tools;
  const conf = join(folder, 'softhsm2.conf');
  const pinFile = join(folder, 'pin');
  await mkdir(join(folder, 'tokens'));
  await writeFile(
    conf,
    `directories.tokendir = ${join(folder, 'tokens')}\nobjectstore.backend = file\nlog.level = ERROR\n`,
  );
  await writeFile(pinFile, `${PIN}\n`, { mode: 0o600 });
  const environment = { SOFTHSM2_CONF: conf, ...(libraryPath !== '' && { LD_LIBRARY_PATH: libraryPath }) };
  const run = (program: string, ...args: string[]): Buffer =>
    execFileSync(join(bin, program), args, { env: { ...environment, PIN }, stdio: ['ignore', 'pipe', 'ignore'] });
  try {
    run(
      'softhsm2-util',
      '--init-token',
      '--free',
      '--label',
      'platform',
      '--pin',
      PIN,
      '--so-pin',
      PIN,
      '--module',
      module,
    );
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
