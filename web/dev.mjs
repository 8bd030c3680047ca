/** For developers: the server, restarted on each change, and vite's dev server before it, which reloads the pages. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { createServer } from 'vite';

const root = fileURLToPath(new URL('..', import.meta.url));
const server = spawn(process.execPath, ['node_modules/.bin/tsx', 'watch', 'server/cli/bin.mjs', 'serve'], {
  cwd: root,
  stdio: 'inherit',
});
const pages = await createServer({ configFile: fileURLToPath(new URL('../vite.config.ts', import.meta.url)) });
await pages.listen();
pages.printUrls();
server.on('exit', async (code) => {
  await pages.close();
  process.exitCode = code ?? 1;
});
