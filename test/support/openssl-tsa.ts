/** `openssl ts -reply` as a time-stamping authority: an implementation that shares nothing with ours. */
import { execFile } from 'node:child_process';
import type { KeyObject } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

export const hasOpenssl = await run('openssl', ['version']).then(
  () => true,
  () => false,
);

export type OpensslTsa = {
  readonly key: KeyObject;
  readonly pem: string;
  /** PEM of those above it. */
  readonly chainPem?: string;
  /** Lines of its configuration that stand instead of the usual ones. */
  readonly settings?: Readonly<Record<string, string>>;
};

export const OPENSSL_POLICY = '1.2.3.4.1';

const USUAL: Readonly<Record<string, string>> = {
  serial: 'serial',
  crypto_device: 'builtin',
  signer_digest: 'sha256',
  default_policy: OPENSSL_POLICY,
  other_policies: '1.2.3.4.5.6',
  digests: 'sha256',
  accuracy: 'secs:1, millisecs:500, microsecs:100',
  clock_precision_digits: '3',
  ordering: 'no',
  tsa_name: 'no',
  ess_cert_id_chain: 'no',
  ess_cert_id_alg: 'sha256',
};

/** What OpenSSL answers to a request. Returns: DER of the TimeStampResp, also of a refusal. */
export async function replyByOpenssl(request: Uint8Array, tsa: OpensslTsa): Promise<Uint8Array> {
  const { key, pem, chainPem = '', settings = {} } = tsa;
  const lines = Object.entries({ ...USUAL, ...settings }).map(([name, value]) => `${name} = ${value}`);
  const files = {
    'tsa.cnf': `[tsa]\ndefault_tsa = one\n[one]\n${lines.join('\n')}\n`,
    'signer.pem': pem,
    'signer.key': key.export({ type: 'pkcs8', format: 'pem' }).toString(),
    'chain.pem': chainPem,
    'req.tsq': request,
    serial: '01\n',
  };
  const chain = chainPem === '' ? [] : ['-chain', 'chain.pem'];
  const args = ['ts', '-reply', '-config', 'tsa.cnf', '-queryfile', 'req.tsq', '-signer', 'signer.pem'];
  return inFolder(files, async (cwd) => {
    await run('openssl', [...args, '-inkey', 'signer.key', ...chain, '-out', 'resp.tsr'], { cwd });
    return new Uint8Array(await readFile(join(cwd, 'resp.tsr')));
  });
}

/** What `openssl ts -verify` says of a response, request and anchor: whether it holds, and its words. */
export function verifyByOpenssl(
  response: Uint8Array,
  request: Uint8Array,
  anchorPem: string,
): Promise<{ ok: boolean; words: string }> {
  const args = ['ts', '-verify', '-in', 'resp.tsr', '-queryfile', 'req.tsq', '-CAfile', 'ca.pem'];
  return inFolder({ 'resp.tsr': response, 'req.tsq': request, 'ca.pem': anchorPem }, (cwd) =>
    run('openssl', args, { cwd }).then(
      ({ stdout, stderr }) => ({ ok: true, words: stdout + stderr }),
      (error: { stdout: string; stderr: string }) => ({ ok: false, words: error.stdout + error.stderr }),
    ),
  );
}

async function inFolder<Answer>(
  files: Readonly<Record<string, string | Uint8Array>>,
  work: (folder: string) => Promise<Answer>,
): Promise<Answer> {
  const folder = await mkdtemp(join(tmpdir(), 'kaibiao-tsa-'));
  try {
    await Promise.all(Object.entries(files).map(([name, content]) => writeFile(join(folder, name), content)));
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}
