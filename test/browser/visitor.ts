/** A person in front of an opening's page, wherever it is served from: what they can read there, and whatever went wrong. */
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';

export type Visitor = {
  readonly page: Page;
  /** Console errors, faults of scripts, breaches of the page's policy, requests to elsewhere. */
  readonly problems: string[];
  /** The phase the page says it is in. */
  phase(): Promise<string>;
  /** The number of the last entry the page has verified; −1 when it has none. */
  verifiedTo(): Promise<number>;
  /** Waits until the page has verified up to this entry. */
  untilVerified(seq: number): Promise<void>;
  close(): Promise<void>;
};

/** What a test may want to be wrong: a cut connection is reported by the browser as an error. */
export type Expected = {
  readonly problems?: RegExp;
  /** Whom the page may ask besides its own server. */
  readonly elsewhere?: string;
};

/** Opens the page of an opening. */
export async function visit(
  browser: Browser,
  address: { readonly url: string; readonly openingId: string },
  options: BrowserContextOptions & {
    readonly before?: (page: Page) => Promise<unknown>;
    readonly expected?: Expected;
    /** Another page of the same platform. */
    readonly path?: string;
  } = {},
): Promise<Visitor> {
  const { before, expected, path, ...contextOptions } = options;
  const context = await browser.newContext({ viewport: { width: 1366, height: 768 }, ...contextOptions });
  const page = await context.newPage();
  const problems: string[] = [];
  const note = (text: string): void => {
    if (expected?.problems?.test(text) !== true) problems.push(text);
  };
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning')
      note(`${message.type()}: ${message.text()} ${message.location().url}`);
  });
  page.on('pageerror', (error) => note(`fault: ${error.message}`));
  page.on('request', (request) => {
    const known = [address.url, 'data:', ...(expected?.elsewhere === undefined ? [] : [`${expected.elsewhere}/`])];
    if (!known.some((start) => request.url().startsWith(start))) note(`elsewhere: ${request.url()}`);
  });
  await page.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', (violation) => {
      throw new Error(`policy: ${violation.violatedDirective} ${violation.blockedURI}`);
    });
  });
  await before?.(page);
  await page.goto(`${address.url}${path ?? `/openings/${address.openingId}`}`);

  const verifiedTo = async (): Promise<number> => {
    const text = await page.locator('.trust-head').textContent({ timeout: 5_000 });
    return Number(/(?:条目? ?|第 ?|entry )([0-9]+)/.exec(text ?? '')?.[1] ?? -1);
  };
  return {
    page,
    problems,
    verifiedTo,
    phase: async () => (await page.locator('.now-name').textContent()) ?? '',
    async untilVerified(seq) {
      // The log may have grown further meanwhile.
      await page.locator('.trust-head:has-text("条"), .trust-head:has-text("entry ")').waitFor({ timeout: 15_000 });
      for (let triesLeft = 300; (await verifiedTo()) < seq; triesLeft--) {
        if (triesLeft === 0) throw new Error(`entry ${seq} is not verified; the page stands at ${await verifiedTo()}`);
        await page.waitForTimeout(50);
      }
      // What tells of the entries is fetched beside them.
      await page.locator('#feed').waitFor();
    },
    close: () => context.close(),
  };
}

/** Chooses a language and waits until the page speaks it: its words may have to be fetched. */
export async function speak(page: Page, language: 'zh-CN' | 'en'): Promise<void> {
  await page.click(`.language [lang=${language}]`);
  await page.locator(`html[lang=${language}]`).waitFor();
}
