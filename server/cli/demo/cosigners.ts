/** The demo's two cosigners: `kaibiao cosign` twice, each a process of its own with a folder of its own, as supervisors would run them. */
import { type ChildProcess, spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { formatVkey, KEY_TYPES, verifierKey } from '../../core/log/note.ts';
import { ledgerOrigin } from '../../core/log/origin.ts';
import { sha256 } from '../../hash.ts';
import { openKeyring } from '../../recorder/keyring.ts';
import { packageRoot } from '../../root.ts';

const BIN = join(packageRoot, 'server/cli/bin.mjs');
const NAMES = ['supervisor', 'audit'] as const;

export type DemoCosigners = {
  /** A tlog-policy file: the ledger, both cosigners with their addresses, and that both must sign. */
  readonly policyFile: string;
  readonly policy: string;
  close(): Promise<void>;
};

/**
 * Makes, enrols and starts them.
 *
 * Shape:  the platform's keys are made here if they are not there yet: a cosigner is enrolled for the ledger's key, and the platform
 *         is told of the cosigners when it starts.
 * Throws: when one ends before it listens.
 */
export async function startDemoCosigners(
  folder: string,
  platform: { readonly dataFolder: string; readonly name: string },
): Promise<DemoCosigners> {
  const { publicKeys } = await openKeyring(platform.dataFolder, platform.name);
  const ledger = formatVkey(verifierKey(sha256, ledgerOrigin(platform.name), KEY_TYPES.ed25519, publicKeys.ledger));
  const started = await Promise.all(NAMES.map((name) => startOne(join(folder, name), name, ledger)));
  const policy = [
    `log ${ledger}`,
    ...started.map(({ name, vkey, url }) => `witness ${name} ${vkey} ${url}`),
    `group both all ${NAMES.join(' ')}`,
    'quorum both',
    '',
  ].join('\n');
  const policyFile = join(folder, 'policy.txt');
  await writeFile(policyFile, policy);
  return { policyFile, policy, close: async () => void (await Promise.all(started.map(({ child }) => stop(child)))) };
}

async function startOne(folder: string, name: string, ledger: string) {
  await linesOf(run('init', folder, '--name', `${name}.demo.localhost/1`), 1);
  await linesOf(run('enrol', folder, ledger), 1);
  const child = run('serve', folder, '--port', '0');
  const [vkey = '', url = ''] = await linesOf(child, 2);
  return { name, vkey, url, child };
}

const run = (...args: string[]): ChildProcess =>
  spawn(process.execPath, [BIN, 'cosign', ...args], { stdio: ['ignore', 'pipe', 'inherit'], env: {} });

/** The first lines that a process prints. Throws: when it ends with fewer. */
function linesOf(child: ChildProcess, count: number): Promise<string[]> {
  const lines: string[] = [];
  return new Promise((done, fail) => {
    child.once('error', fail);
    child.once('close', (code) => fail(new Error(`a cosigner ended with ${code}`)));
    if (child.stdout !== null)
      createInterface({ input: child.stdout }).on('line', (line) => {
        if (lines.push(line) === count) done(lines);
      });
  });
}

function stop(child: ChildProcess): Promise<void> {
  return new Promise((done) => {
    if (child.exitCode !== null) return done();
    child.once('exit', () => done());
    child.kill('SIGTERM');
  });
}
