/** A real Chromium for tests of the pages, from its npm package; unpacked once, with fonts of its own. */

import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { type Browser, type BrowserContext, chromium, type LaunchOptions } from 'playwright-core';
import { packageRoot } from '../../server/root.ts';

/**
 * Unpacks the browser unless that was done.
 *
 * Returns: the folder it lies in.
 * Why:     the package unpacks into the temporary folder and trusts whatever lies there, half-written or of another
 *          version. So it unpacks into a folder of its own, which gets its name when it is whole; that also works where
 *          the temporary folder may not hold programs. Told that it runs on that cloud, it unpacks the few libraries
 *          (nss, nspr) that a bare machine lacks, too.
 */
async function unpack(): Promise<string> {
  // Its exports leave out package.json.
  const main = createRequire(import.meta.url).resolve('@sparticuz/chromium');
  const { version } = JSON.parse(await readFile(join(main, '../../../package.json'), 'utf8')) as { version: string };
  const home = join(packageRoot, 'node_modules/.cache/chromium', version);
  if (existsSync(home)) return home;
  await mkdir(dirname(home), { recursive: true });
  const part = await mkdtemp(`${home}.part-`);
  const unpacking = "import c from '@sparticuz/chromium'; c.setGraphicsMode = false; await c.executablePath();";
  await promisify(execFile)(process.execPath, ['--input-type=module', '-e', unpacking], {
    cwd: packageRoot,
    env: { ...process.env, TMPDIR: part, AWS_EXECUTION_ENV: 'AWS_Lambda_nodejs20.x' },
  });
  // With no font at all the page crashes, and its own file names folders of that cloud.
  await writeFile(
    join(part, 'fonts.conf'),
    `<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd"><fontconfig><dir>${join(home, 'fonts')}</dir><cachedir>${join(home, 'font-cache')}</cachedir></fontconfig>`,
  );
  await rename(part, home).catch(async (error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
    await rm(part, { recursive: true }); // another test file was faster
  });
  return home;
}

async function launchOptions(): Promise<LaunchOptions> {
  const home = await unpack();
  return {
    executablePath: join(home, 'chromium'),
    args: ['--no-sandbox', '--disable-dev-shm-usage', '--font-render-hinting=none'],
    env: {
      PATH: process.env['PATH'] ?? '',
      HOME: dirname(home),
      FONTCONFIG_FILE: join(home, 'fonts.conf'),
      LD_LIBRARY_PATH: join(home, 'al2023/lib'),
      TZ: 'Asia/Shanghai',
      LANG: 'C.UTF-8',
    },
  };
}

/** Now and then Chromium dies of itself while it starts, before it has seen anything of ours. */
function launchAgain<Launched>(launch: () => Promise<Launched>): Promise<Launched> {
  return launch().catch((died: unknown) => {
    if (!(died instanceof Error) || !/signal=SIG(SEGV|ABRT|TRAP)/.test(died.message)) throw died;
    return launch();
  });
}

/**
 * Opens a browser whose only fonts are the package's Latin one and those that the pages bring: the same picture everywhere.
 *
 * Shape: a test closes it in its teardown; each `browser.newContext()` is a person of its own.
 * Why:   not with the package's own arguments, which put all in one process and switch web security off.
 */
export async function openBrowser(): Promise<Browser> {
  const options = await launchOptions();
  return launchAgain(() => chromium.launch(options));
}

/**
 * The same browser as its owner opens it, with a profile on disk.
 *
 * Why: a context of `openBrowser` is a private window, whose files lie in the memory of the browser's own process.
 */
export async function openOrdinaryWindow(profileFolder: string): Promise<BrowserContext> {
  const options = await launchOptions();
  return launchAgain(() => chromium.launchPersistentContext(profileFolder, options));
}
