/** The real server as a process of its own, to be killed: started by its command line, heard on its output, found again at its port. */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { packageRoot } from '../../server/root.ts';

export const BIN = join(packageRoot, 'server/cli/bin.mjs');

export type ServerProcess = {
  readonly url: string;
  readonly pid: number;
  /** Whether it still runs. */
  isAlive(): boolean;
  /** Everything it wrote so far, to both of its outputs. */
  output(): string;
  /** SIGKILL: nothing is put in order. */
  kill(): Promise<void>;
  /** SIGTERM. Returns: the exit code. */
  stop(): Promise<number | null>;
};

type Teardown = { teardown(act: () => Promise<void>): void };

/** A port that was free just now: a server that is killed must come back to the one its people know. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

/**
 * Starts a server with these settings and nothing else of the environment, and waits until it listens.
 *
 * Throws: an Error with its output when it ends before.
 */
export async function startServer(t: Teardown, settings: Readonly<Record<string, string>>): Promise<ServerProcess> {
  const child = spawn(process.execPath, [BIN, 'serve'], { stdio: ['ignore', 'pipe', 'pipe'], env: { ...settings } });
  const ended = once(child, 'exit');
  t.teardown(() => end(child, ended, 'SIGKILL'));
  let output = '';
  const url = await new Promise<string>((found, fail) => {
    const hear = (text: string): void => {
      output += text;
      const line = /^(https?:\/\/\S+)\n/m.exec(output)?.[1];
      if (line !== undefined) found(line);
    };
    child.stdout.setEncoding('utf8').on('data', hear);
    child.stderr.setEncoding('utf8').on('data', hear);
    child.on('error', fail);
    child.on('close', (code, signal) => fail(new Error(`the server ended with ${code ?? signal}:\n${output}`)));
  });
  return {
    url,
    pid: child.pid ?? 0,
    isAlive: () => child.exitCode === null && child.signalCode === null,
    output: () => output,
    kill: () => end(child, ended, 'SIGKILL'),
    async stop() {
      await end(child, ended, 'SIGTERM');
      return child.exitCode;
    },
  };
}

async function end(child: ChildProcess, ended: Promise<unknown>, signal: NodeJS.Signals): Promise<void> {
  child.kill(signal);
  await ended;
}
