/** nginx for a test: the installed one, or Debian's package unpacked beside node_modules, run in the foreground with a configuration of the test's own. */

import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { packageRoot } from '../../server/root.ts';
import { newFolder } from './folder.ts';

const CACHE = join(packageRoot, 'node_modules/.cache/nginx');
const DOWNLOAD_LIMIT_MS = 60_000;
const START_TRIES = 200;

/**
 * Where nginx is.
 *
 * Returns: `why` it cannot be had: on a system that is no Debian, or one that reaches no packages.
 */
export function findNginx(): { readonly path: string } | { readonly why: string } {
  const unpacked = join(CACHE, 'usr/sbin/nginx');
  try {
    for (const path of ['/usr/sbin/nginx', unpacked]) if (existsSync(path)) return works(path);
    const part = `${CACHE}.${process.pid}`;
    rmSync(part, { recursive: true, force: true });
    mkdirSync(part, { recursive: true });
    const options = { cwd: part, timeout: DOWNLOAD_LIMIT_MS, stdio: 'pipe' } as const;
    execFileSync('apt-get', ['download', 'nginx'], options);
    const [archive] = readdirSync(part);
    if (archive === undefined) return { why: 'apt-get brought no package' };
    execFileSync('dpkg-deb', ['-x', archive, '.'], options);
    renameSync(part, CACHE);
    return works(unpacked);
  } catch (error) {
    return { why: error instanceof Error ? (error.message.split('\n')[0] ?? error.name) : String(error) };
  }
}

function works(path: string): { readonly path: string } {
  execFileSync(path, ['-v'], { stdio: 'pipe' });
  return { path };
}

type Teardown = { teardown(act: () => Promise<void>): void };

/** Runs nginx with the `http` part of a configuration until the test ends; resolves once it takes connections at `port`. */
export async function startNginx(t: Teardown, path: string, http: string, port: number): Promise<void> {
  const folder = await newFolder(t, 'nginx');
  await mkdir(folder, { recursive: true });
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (of) => `${of}_temp_path ${folder}/${of};`,
  );
  const configuration = `daemon off; master_process off; pid ${folder}/pid; error_log stderr warn;
events { worker_connections 512; }
http { access_log off; ${temporary.join(' ')}
${http}
}
`;
  const file = join(folder, 'nginx.conf');
  await writeFile(file, configuration);
  const child = spawn(path, ['-p', folder, '-c', file, '-e', 'stderr'], { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  let hasEnded = false;
  child.stderr.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  const gone = new Promise<void>((resume) =>
    child.once('exit', () => {
      hasEnded = true;
      resume();
    }),
  );
  t.teardown(async () => {
    child.kill('SIGTERM');
    await gone;
  });
  for (let tries = 0; !(await answers(port)); tries++) {
    if (hasEnded || tries === START_TRIES) throw new Error(`nginx does not run: ${said}`);
    await new Promise((resume) => setTimeout(resume, 50));
  }
}

function answers(port: number): Promise<boolean> {
  return new Promise((resume) => {
    const socket = connect({ host: '127.0.0.1', port }, () => {
      socket.destroy();
      resume(true);
    });
    socket.once('error', () => resume(false));
  });
}

/** What stands between people and the processes of a platform, in a test: nginx by the configuration that FRONT.md shows, or, where it cannot be had, a line that takes each connection to the next process that answers. */
export async function startFront(
  t: Teardown,
  port: number,
  behind: readonly number[],
): Promise<{ readonly by: string }> {
  const nginx = findNginx();
  if ('path' in nginx) {
    await startNginx(t, nginx.path, shownConfiguration(port, behind), port);
    return { by: 'nginx' };
  }
  process.emitWarning(`NGINX IS NOT TESTED: it cannot be had here (${nginx.why})`);
  let turn = 0;
  const server = createServer((near) => {
    const reach = (triesLeft: number): void => {
      const far = connect({ host: '127.0.0.1', port: behind[turn++ % behind.length] ?? 0 });
      const give = (): void => void near.destroy();
      far.once('error', () => (triesLeft > 1 ? reach(triesLeft - 1) : give()));
      far.once('connect', () => {
        for (const [one, other] of [
          [near, far],
          [far, near],
        ] as const)
          one.on('error', () => other.destroy()).on('close', () => other.destroy());
        near.pipe(far).pipe(near);
      });
    };
    near.on('error', () => undefined);
    reach(behind.length);
  });
  await new Promise<void>((listening) => server.listen(port, '127.0.0.1', listening));
  t.teardown(() => new Promise((closed) => server.close(() => closed())));
  return { by: 'a line of the test’s own' };
}

/** The configuration in FRONT.md, with these ports for the ones shown there. */
export function shownConfiguration(port: number, behind: readonly number[]): string {
  const text = readFileSync(join(packageRoot, 'server/live/FRONT.md'), 'utf8');
  const [, shown = ''] = /```nginx\n([\s\S]*?)```/.exec(text) ?? [];
  return behind
    .reduce((conf, to, n) => conf.replaceAll(`127.0.0.1:${8080 + n}`, `127.0.0.1:${to}`), shown)
    .replace(/^ *server 127\.0\.0\.1:808[0-9] .*\n/gm, '')
    .replaceAll('127.0.0.1:8000', `127.0.0.1:${port}`);
}
