/** How long the page of an opening works, from nothing, until a log of ten thousand entries is verified, folded and drawn. */
import type { Page } from 'playwright-core';
import { makeDisclosure } from '../../../server/core/log/disclosure.ts';
import { utf8 } from '../../../server/core/log/utf8.ts';
import { readEvent } from '../../../server/core/opening/read-event.ts';
import { sha256 } from '../../../server/hash.ts';
import { PAGE_ENTRIES } from '../../../server/live/room.ts';
import { type FeedServer, startFeed } from '../../browser/feed-server.ts';
import { openBrowser } from '../../support/browser.ts';
import { digest, OPENING_ID } from '../../support/opening-people.ts';
import { bidder, host, type Line, platform, type Script } from '../../support/opening-script.ts';
import { makeLog } from '../../web/made-log.ts';
import { type Figures, median, REPETITIONS, round } from '../measure.ts';
import { openWindow } from './window.ts';

const ENTRIES = 10_000;
const BIDS = 1_000;
/** Of the bids, opened one by one. */
const OPENED = 100;

/** `verifyTenThousandMs`: from the first stretch on the socket, cut as the server cuts them, to the picture of all of them. */
export async function benchCatchingUp(isSmall: boolean): Promise<Figures> {
  const { script, entries } = isSmall ? longScript(OPENED, 1_000) : longScript(BIDS, ENTRIES);
  const log = makeLog(script);
  const stretches = Array.from({ length: Math.ceil(entries / PAGE_ENTRIES) }, (_, n) =>
    log.frame(n * PAGE_ENTRIES, Math.min(entries, (n + 1) * PAGE_ENTRIES)),
  );
  const feed = await startFeed(log, 0, () => script.now);
  const browser = await openBrowser();
  try {
    const took: number[] = [];
    for (let n = 0; n < REPETITIONS; n++) {
      const context = await browser.newContext({ viewport: { width: 1366, height: 768 } });
      const page = await context.newPage();
      await listens(page, feed);
      const drawn = page.evaluate(untilDrawn(`第 ${entries - 1} 条`));
      feed.send({ v: 1, kind: 'pulse', now: script.now, viewers: 1, size: entries });
      for (const stretch of stretches) feed.send(stretch);
      took.push((await drawn) as number);
      await context.close();
    }
    return { verifyTenThousandMs: round(median(took)) };
  } finally {
    await browser.close();
    await feed.close();
  }
}

/** Bids that are opened, and then the host's word to all, over and over; without asking the rules for each. */
function longScript(bids: number, entries: number): { readonly script: Script; readonly entries: number } {
  const { script, facts } = openWindow(bids);
  for (let n = 1; n < OPENED; n++) {
    script.go('DecryptBid', { jweSha256: digest(`jwe ${n}`) }, bidder(n), facts);
    script.go('RecordDecryption', { bidder: n, attempt: 1, failure: null }, platform, facts);
  }
  script.go('Say', { text: '请各投标人留意解密时限。', to: 'all' }, host);
  const said = script.lines.at(-1);
  if (said === undefined) throw new Error('nothing was said');
  const again = (seq: number): Line => {
    const commit: Record<string, string> = {};
    for (const [field, value] of Object.entries(said.disclosed))
      commit[field] = makeDisclosure(sha256, sha256(utf8(`${seq} ${field}`)), field, value).digest;
    const entry = { ...said.entry, seq, commit };
    return { ...said, entry, event: readEvent(entry, said.disclosed) };
  };
  const more = Array.from({ length: entries - script.lines.length }, (_, n) => again(script.lines.length + n));
  return { script: { ...script, now: script.now, lines: [...script.lines, ...more] }, entries };
}

/** Opens the page and waits until it is connected and has nothing else to do. */
async function listens(page: Page, feed: FeedServer): Promise<void> {
  await page.goto(`${feed.url}/openings/${OPENING_ID}`);
  await page.locator('.link-word.tone-good').waitFor();
  await page.waitForLoadState('networkidle');
}

/** Run in the page, as text; answers how long it took until the page says that it has verified so far and that is painted, ms. */
const untilDrawn = (says: string): string => `new Promise((resolve) => {
  const from = performance.now();
  const look = () => {
    if (!document.querySelector('.trust-head')?.textContent.includes(${JSON.stringify(says)})) return;
    observer.disconnect();
    requestAnimationFrame(() => requestAnimationFrame(() => resolve(performance.now() - from)));
  };
  const observer = new MutationObserver(look);
  observer.observe(document.body, { subtree: true, childList: true, characterData: true });
})`;
