/** How fast a browser seals a file of 1 GiB, hashes and all, and how much memory its page takes for that. */

import { mkdtemp, open, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import type { Browser } from 'playwright-core';
import { build } from 'vite';
import { toBase64 } from '../../../server/core/log/base64.ts';
import { packageRoot } from '../../../server/root.ts';
import { systemWorld } from '../../../server/world.ts';
import { openOrdinaryWindow } from '../../support/browser.ts';
import { BIDDER, LIST } from '../../vault/bids.ts';
import { type Figures, round } from '../measure.ts';

const MIB = 1_048_576;
const SAMPLE_EVERY_MS = 50;
const TYPES: Readonly<Record<string, string>> = { '.html': 'text/html', '.js': 'text/javascript' };

/**
 * `browserSealMiBPerSecond`, and `browserSealHeapMb`: by how much the page's process grew at most, workers and buffers included.
 *
 * Why: in an ordinary window, as bidders use it: in a private one the envelope lies in the memory of the browser's own process, which
 *      has to be asked for every write.
 */
export async function benchBrowserSeal(isSmall: boolean): Promise<Figures> {
  const mib = isSmall ? 64 : 1024;
  const folder = await mkdtemp(join(tmpdir(), 'kaibiao-seal-bench-'));
  const context = await openOrdinaryWindow(join(folder, 'profile'));
  const browser = context.browser();
  if (browser === null) throw new Error('the window is of no browser');
  const page = await servePage(folder);
  try {
    const document = join(folder, 'bid.bin');
    await writeNoise(document, mib);
    const tab = await context.newPage();
    await tab.goto(page.url);
    await tab.setInputFiles('#document', document);
    const before = await pageMemory(browser);
    let most = before;
    let sampling = Promise.resolve();
    const watch = setInterval(() => {
      sampling = pageMemory(browser).then((now) => {
        most = Math.max(most, now);
      });
    }, SAMPLE_EVERY_MS);
    const asked = `sealChosen(${JSON.stringify(toBase64(BIDDER.certificate))}, ${JSON.stringify(LIST)})`;
    const { tookMs } = (await tab.evaluate(asked)) as { readonly tookMs: number };
    clearInterval(watch);
    await sampling;
    return {
      browserSealMiBPerSecond: round((mib * 1000) / tookMs),
      browserSealHeapMb: round((most - before) / 1e6),
    };
  } finally {
    await context.close();
    page.close();
    await rm(folder, { recursive: true });
  }
}

async function writeNoise(path: string, mib: number): Promise<void> {
  const file = await open(path, 'w');
  for (let n = 0; n < mib; n++) await file.write(systemWorld.randomBytes(MIB));
  await file.close();
}

/** Memory that is the renderers' own, bytes: not the programs' text, not files of the disk. */
async function pageMemory(browser: Browser): Promise<number> {
  const session = await browser.newBrowserCDPSession();
  const { processInfo } = await session.send('SystemInfo.getProcessInfo');
  await session.detach();
  let bytes = 0;
  for (const { id } of processInfo.filter(({ type }) => type === 'renderer')) {
    const status = await readFile(`/proc/${id}/status`, 'utf8');
    for (const [, kib] of status.matchAll(/^Rss(?:Anon|Shmem):\s+([0-9]+) kB$/gm)) bytes += Number(kib) * 1024;
  }
  return bytes;
}

/** The bench's page, built as the real ones are. */
async function servePage(folder: string): Promise<{ readonly url: string; close(): void }> {
  const out = join(folder, 'page');
  await build({
    configFile: false,
    root: join(packageRoot, 'test/bench/pages/seal-page'),
    logLevel: 'warn',
    build: { outDir: out, target: 'chrome80' },
    worker: { format: 'es' },
  });
  const server = createServer((request, response) => {
    const path = request.url === '/' ? '/index.html' : (request.url ?? '');
    readFile(join(out, path)).then(
      (bytes) => response.writeHead(200, { 'content-type': TYPES[extname(path)] ?? 'text/plain' }).end(bytes),
      () => response.writeHead(404).end(),
    );
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, close: () => server.close() };
}
