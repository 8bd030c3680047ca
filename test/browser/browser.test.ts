/** The test browser itself: that it starts, runs scripts, and has what the pages rely on. */
import { openBrowser } from '../support/browser.ts';
import t from '../support/tap.ts';

t.test('a page runs, with WebCrypto on a secure origin and a socket to speak of', async (t) => {
  const browser = await openBrowser();
  t.teardown(() => browser.close());
  const page = await browser.newPage();
  await page.route('http://localhost/', (route) =>
    route.fulfill({ contentType: 'text/html; charset=utf-8', body: '<!doctype html><title>开标</title><p>ok</p>' }),
  );
  await page.goto('http://localhost/');
  t.equal(await page.title(), '开标');
  const found = await page.evaluate(async () => ({
    digest: (await crypto.subtle.digest('SHA-256', new Uint8Array())).byteLength,
    socket: typeof WebSocket,
    zone: Intl.DateTimeFormat().resolvedOptions().timeZone,
  }));
  t.strictSame(found, { digest: 32, socket: 'function', zone: 'Asia/Shanghai' });
});

t.test('two people in one browser do not share what they store', async (t) => {
  const browser = await openBrowser();
  t.teardown(() => browser.close());
  const titles = await Promise.all(
    ['甲', '乙'].map(async (name) => {
      const page = await (await browser.newContext()).newPage();
      await page.route('http://localhost/', (route) =>
        route.fulfill({ contentType: 'text/html; charset=utf-8', body: '<p>ok</p>' }),
      );
      await page.goto('http://localhost/');
      await page.evaluate((own) => localStorage.setItem('name', own), name);
      return page.evaluate(() => localStorage.getItem('name'));
    }),
  );
  t.strictSame(titles, ['甲', '乙']);
});
