/** For developers: the server, restarted on each change, and vite's dev server before it, which reloads the pages. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createServer } from 'vite';

const root = fileURLToPath(new URL('..', import.meta.url));
const server = spawn(
  process.execPath,
  [fileURLToPath(import.meta.resolve('tsx/cli')), 'watch', 'server/cli/bin.mjs', 'serve'],
  {
    cwd: root,
    stdio: 'inherit',
  },
);
const pages = await createServer({ configFile: join(root, 'vite.config.ts'), logLevel: 'info' });
await pages.listen();
pages.printUrls();
server.on('exit', async (code) => {
  await pages.close();
  process.exitCode = code ?? 1;
});
