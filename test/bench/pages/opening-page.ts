/** What the page of an opening costs whoever looks on: its first download, its first picture on a slow machine, a frame that changes a hundred of a thousand bids. */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import type { Browser, CDPSession, Page } from 'playwright-core';
import { packageRoot } from '../../../server/root.ts';
import { type FeedServer, startFeed } from '../../browser/feed-server.ts';
import { openBrowser } from '../../support/browser.ts';
import { digest, OPENING_ID } from '../../support/opening-people.ts';
import { bidder, platform } from '../../support/opening-script.ts';
import { makeLog } from '../../web/made-log.ts';
import { tell } from '../../web/story.ts';
import { type Figures, median, REPETITIONS, round } from '../measure.ts';
import { openWindow } from './window.ts';

/** A machine of a bidder's office against this one. */
const SLOWER = 6;
const BIDS = 1_000;
const EVENTS_IN_FRAME = 100;
/** Between two looks at whether the page is busy, ms. */
const LOOK_EVERY_MS = 500;
/** The first frame finds the page's code cold, as the others do not. */
const FRAMES = 1 + REPETITIONS;

/**
 * `hallJsGzipKb`: scripts that the page names in its HTML, each by gzip -9. `hallJsWholeGzipKb`: all that it fetches until nothing more
 * comes, not logged in, in Chinese. `lcpMs` and `lcpMs6x`: when its largest piece stands, at full speed and six times slower.
 * `boardUpdateMs`: how long the main thread works for one frame with a hundred decryptions among a thousand bids, from its
 * arrival to the picture: verified, folded, drawn; `boardUpdateOneMs` the same for a frame with one.
 */
export async function benchOpeningPage(isSmall: boolean): Promise<Figures> {
  await promisify(execFile)(process.execPath, ['web/build.mjs', '--missing'], { cwd: packageRoot });
  const browser = await openBrowser();
  try {
    return { ...(await firstPicture(browser)), ...(await boardUpdates(browser, isSmall ? 100 : BIDS)) };
  } finally {
    await browser.close();
  }
}

const visitAt = ({ url }: FeedServer): string => `${url}/openings/${OPENING_ID}`;
const kb = (bytes: number): number => round(bytes / 1024);

function gzipped(names: readonly string[]): number {
  return names
    .map((name) => gzipSync(readFileSync(join(packageRoot, 'dist/web', name)), { level: 9 }).length)
    .reduce((sum, bytes) => sum + bytes, 0);
}

async function firstPicture(browser: Browser): Promise<Figures> {
  const script = tell('Announced');
  const log = makeLog(script);
  const feed = await startFeed(log, log.size, () => script.now);
  try {
    const load = async (slower: number) => {
      const context = await browser.newContext({ viewport: { width: 1366, height: 768 } });
      const page = await context.newPage();
      const asked: string[] = [];
      page.on('request', (request) => asked.push(new URL(request.url()).pathname));
      const session = await context.newCDPSession(page);
      await session.send('Emulation.setCPUThrottlingRate', { rate: slower });
      await page.goto(visitAt(feed));
      await idles(session);
      await page.locator('#feed').waitFor();
      await page.locator(`.trust-head:has-text("第 ${log.size - 1} 条")`).waitFor();
      await page.waitForLoadState('networkidle');
      const lcp = await page.evaluate(
        () =>
          new Promise<number>((resolve) => {
            new PerformanceObserver((list) => resolve(list.getEntries().at(-1)?.startTime ?? Number.NaN)).observe({
              type: 'largest-contentful-paint',
              buffered: true,
            });
          }),
      );
      await context.close();
      return { lcp, scripts: asked.filter((path) => path.endsWith('.js')) };
    };
    const runs: Awaited<ReturnType<typeof load>>[] = [];
    const slow: Awaited<ReturnType<typeof load>>[] = [];
    for (let n = 0; n < REPETITIONS; n++) {
      runs.push(await load(1));
      slow.push(await load(SLOWER));
    }
    const html = readFileSync(join(packageRoot, 'dist/web/opening/index.html'), 'utf8');
    const first = [...html.matchAll(/"(\/assets\/[^"]+\.js)"/g)].map(([, path]) => String(path));
    return {
      hallJsGzipKb: kb(gzipped(first)),
      hallJsWholeGzipKb: kb(gzipped([...new Set(runs.flatMap(({ scripts }) => scripts))])),
      lcpMs: round(median(runs.map(({ lcp }) => lcp))),
      lcpMs6x: round(median(slow.map(({ lcp }) => lcp))),
    };
  } finally {
    await feed.close();
  }
}

/** How long the main thread has worked since it began, ms. Asserts: the session's Performance is enabled. */
async function workedMs(session: CDPSession): Promise<number> {
  const { metrics } = await session.send('Performance.getMetrics');
  return (metrics.find(({ name }) => name === 'TaskDuration')?.value ?? Number.NaN) * 1000;
}

/**
 * Waits until the main thread has little to do.
 *
 * Why: whoever looks for something in a page by Playwright first puts a program of 300 KB into it, which its slow machine has to read
 *      while the page is being drawn.
 */
async function idles(session: CDPSession): Promise<void> {
  await session.send('Performance.enable');
  for (let before = Number.NaN; ; ) {
    const worked = await workedMs(session);
    if (worked - before < LOOK_EVERY_MS / 5) return;
    before = worked;
    await new Promise((looks) => setTimeout(looks, LOOK_EVERY_MS));
  }
}

/** A window in which every bid was received; then frame after frame the platform opens a hundred, and one. */
function busyWindow(bids: number) {
  const { script, facts } = openWindow(bids);
  const each = Math.min(EVENTS_IN_FRAME, Math.floor(bids / (FRAMES + 1)));
  const sizes: number[] = [];
  for (let n = 1; n <= each * FRAMES + FRAMES; n++)
    script.go('DecryptBid', { jweSha256: digest(`jwe ${n}`) }, bidder(n), facts);
  sizes.push(script.lines.length);
  let next = 1;
  const open = (count: number): void => {
    for (let n = 0; n < count; n++)
      script.go('RecordDecryption', { bidder: next++, attempt: 1, failure: null }, platform, facts);
    sizes.push(script.lines.length);
  };
  for (let frame = 0; frame < FRAMES; frame++) {
    open(each);
    open(1);
  }
  return { log: makeLog(script), sizes, now: script.now };
}

async function boardUpdates(browser: Browser, bids: number): Promise<Figures> {
  const { log, sizes, now } = busyWindow(bids);
  const feed = await startFeed(log, sizes[0] ?? 0, () => now);
  try {
    const page = await (await browser.newContext({ viewport: { width: 1366, height: 768 } })).newPage();
    await page.goto(visitAt(feed));
    await shows(page, (sizes[0] ?? 0) - 1);
    await page.locator(`.tile:nth-child(${bids})`).waitFor();
    const session = await page.context().newCDPSession(page);
    await session.send('Performance.enable');
    const took: number[][] = [[], []];
    for (const [n, size] of sizes.slice(1).entries()) {
      const before = await workedMs(session);
      const drawn = page.evaluate(untilDrawn(`第 ${size - 1} 条`));
      feed.show(log, size);
      await drawn;
      took[n % 2]?.push((await workedMs(session)) - before);
    }
    const [hundred = [], one = []] = took.map((list) => list.slice(1));
    return { boardUpdateMs: round(median(hundred)), boardUpdateOneMs: round(median(one)) };
  } finally {
    await feed.close();
  }
}

/**
 * Run in the page, as text: what compiles a bench names its functions in a way that the page does not know. Waits until the page says
 * that it has verified so far and the picture of that stands; it looks only when something changes.
 */
const untilDrawn = (says: string): string => `new Promise((resolve) => {
  const head = document.querySelector('.trust-head');
  const look = () => {
    if (!head.textContent.includes(${JSON.stringify(says)})) return;
    observer.disconnect();
    requestAnimationFrame(() => requestAnimationFrame(resolve));
  };
  const observer = new MutationObserver(look);
  observer.observe(head, { subtree: true, childList: true, characterData: true });
  // The frame may have been faster than this.
  look();
}).then(() => null)`;

async function shows(page: Page, seq: number): Promise<void> {
  await page.locator(`.trust-head:has-text("第 ${seq} 条")`).waitFor({ timeout: 60_000 });
}
