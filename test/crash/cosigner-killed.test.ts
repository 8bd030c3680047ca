/** The cosigner as a process of its own: killed with SIGKILL while it signs, it never signs another history of what it answered for; stopped, it answers what it took. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { request } from 'node:http';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { ADD_CHECKPOINT_LIMIT_BYTES } from '../../server/core/log/add-checkpoint.ts';
import { openCheckpoint } from '../../server/core/log/checkpoint.ts';
import { cosignatureVerifier } from '../../server/core/log/cosignature.ts';
import { ed25519Verifier, parseVkey } from '../../server/core/log/note.ts';
import { hashOfOrigin } from '../../server/cosign/cosigned-heads.ts';
import { packageRoot } from '../../server/root.ts';
import { numberedLog, ORIGIN } from '../support/cosigning.ts';
import { sha256, verifyEd25519 } from '../support/log-fixtures.ts';
import { dataFolder } from '../support/signed-log.ts';
import t from '../support/tap.ts';

const BIN = join(packageRoot, 'server/cli/bin.mjs');
const log = numberedLog();
const fork = numberedLog('fork', 0);
const ROUNDS = 5;

const run = (...args: string[]): ChildProcess =>
  spawn(process.execPath, [BIN, 'cosign', ...args], { stdio: ['ignore', 'pipe', 'pipe'], env: {} });

async function linesOf(child: ChildProcess, count: number): Promise<string[]> {
  const lines: string[] = [];
  if (child.stdout === null) throw new Error('no output');
  for await (const line of createInterface({ input: child.stdout })) if (lines.push(line) === count) return lines;
  throw new Error(`it ended with ${lines.length} lines`);
}

async function ended(child: ChildProcess): Promise<number | null> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  return child.exitCode;
}

async function ask(url: string, body: Uint8Array): Promise<{ status: number; text: string }> {
  const answer = await fetch(`${url}/add-checkpoint`, { method: 'POST', body: Buffer.from(body) });
  return { status: answer.status, text: await answer.text() };
}

t.test('killed while it signs, again and again', async (t) => {
  const folder = await dataFolder(t);
  const [vkey = ''] = await linesOf(run('init', folder, '--name', 'cosigner.test/1'), 1);
  await linesOf(run('enrol', folder, log.signer.vkey), 1);
  const own = cosignatureVerifier(parseVkey(sha256, vkey), verifyEd25519);
  const byLog = ed25519Verifier(log.signer.key, verifyEd25519);
  let answered = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const child = run('serve', folder, '--port', '0');
    t.teardown(() => void child.kill('SIGKILL'));
    const [, url = ''] = await linesOf(child, 2);
    const kept = await fetch(`${url}/${hashOfOrigin(ORIGIN)}/checkpoint`);
    let at = 0;
    if (kept.status === 200) {
      const { checkpoint, signatures } = await openCheckpoint(await kept.text(), byLog, [own]);
      t.equal(signatures.length, 2);
      at = checkpoint.size;
    }
    t.ok(at >= answered, `round ${round}: it holds ${at}, and ${answered} was answered for`);
    if (answered > 0) {
      const forged = await ask(url, fork.ask(at, at + 1));
      t.equal(forged.status, 422, 'no other history continues what it holds');
      t.equal((await ask(url, fork.ask(at, at))).status, 409);
    }
    // one request after the other without pause; the kill comes after so many answers, in the middle of the next
    let last = at;
    const flood = (async () => {
      for (let size = at + 1; ; size++) {
        const { status } = await ask(url, log.ask(size - 1, size));
        if (status !== 200) throw new Error(`${status}`);
        last = size;
        if (size === at + 3 + round) child.kill('SIGKILL');
      }
    })();
    await t.rejects(flood, TypeError, 'the line breaks');
    answered = last;
    await ended(child);
  }
  t.ok(answered > ROUNDS);

  const child = run('serve', folder, '--port', '0');
  t.teardown(() => void child.kill('SIGKILL'));
  const [, url = ''] = await linesOf(child, 2);
  const second = run('serve', folder, '--port', '0');
  t.equal(await ended(second), 1, 'one process keeps a folder');

  t.equal((await ask(url, new Uint8Array(ADD_CHECKPOINT_LIMIT_BYTES + 1))).status, 400, 'longer than any body');
  for (const [method, path] of [
    ['GET', '/add-checkpoint'],
    ['POST', `/${hashOfOrigin(ORIGIN)}/checkpoint`],
    ['GET', `/${hashOfOrigin('other')}/checkpoint`],
    ['GET', '/../name'],
    ['GET', '/cosigner.key'],
    ['GET', '/'],
  ] as const)
    t.equal((await fetch(`${url}${path}`, { method })).status, 404, `${method} ${path}`);

  // a request that has begun is answered though it is told to stop meanwhile
  const size = (await fetch(`${url}/${hashOfOrigin(ORIGIN)}/checkpoint`).then((a) => a.text())).split('\n')[1] ?? '';
  const body = Buffer.from(log.ask(Number(size), Number(size) + 1));
  const pending = request(`${url}/add-checkpoint`, { method: 'POST', headers: { 'content-length': body.length } });
  const answer = once(pending, 'response');
  pending.write(body.subarray(0, 20));
  await new Promise((seen) => setImmediate(seen));
  const again = await fetch(`${url}/${hashOfOrigin(ORIGIN)}/checkpoint`);
  t.equal(again.status, 200);
  child.kill('SIGTERM');
  pending.end(body.subarray(20));
  const [response] = (await answer) as [{ statusCode: number; resume(): void }];
  response.resume();
  t.equal(response.statusCode, 200);
  t.equal(await ended(child), 0);
});
