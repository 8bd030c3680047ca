/** Whether a page is within everybody's reach: in both languages, by day and by night, enlarged, and on a phone. */
import type { Page } from 'playwright-core';
import { violations } from './axe.ts';
import { isOnDemand, pictureOnDemand, takePicture } from './pictures.ts';

const LANGUAGES = ['en', 'zh-CN'] as const;
/** Half of 1366, which is what 200 % leaves of it; and a phone. */
const NARROW_WIDTHS = [683, 390];
/** A desk’s and a wall’s, for pictures alone. */
const WIDE = [
  { width: 1920, height: 1080 },
  { width: 3840, height: 2160 },
];

/**
 * Looks at a page as it stands, and takes its picture in each language.
 *
 * Shape:   the page speaks Chinese before and after, by day; its width comes back.
 * Returns: what stands in somebody's way, each with the page's name; nothing when all is well.
 */
export async function outOfReach(page: Page, name: string): Promise<string[]> {
  const found: string[] = [];
  const size = page.viewportSize() ?? { width: 1366, height: 768 };
  for (const language of LANGUAGES) {
    await speakBehind(page, language);
    const where = `${name} in ${language}`;
    for (const line of await violations(page)) found.push(`${where}: ${line}`);
    await takePicture(page, `${name}.${language}`);
    await page.emulateMedia({ colorScheme: 'dark' });
    for (const line of await violations(page, 'colours')) found.push(`${where}, dark: ${line}`);
    await pictureOnDemand(page, `${name}.${language}.dark`);
    await page.emulateMedia({ colorScheme: 'light' });
    for (const width of NARROW_WIDTHS) {
      await page.setViewportSize({ ...size, width });
      for (const line of await outOfSight(page)) found.push(`${where}, ${width} px: ${line}`);
      await pictureOnDemand(page, `${name}.${language}.${width}`);
    }
    for (const wide of WIDE) {
      if (!isOnDemand) break;
      await page.setViewportSize(wide);
      await pictureOnDemand(page, `${name}.${language}.${wide.width}`);
    }
    await page.setViewportSize(size);
  }
  return found;
}

/** As a person who closes the dialog, chooses a language, and opens the dialog again: what stands behind one cannot be clicked. */
async function speakBehind(page: Page, language: (typeof LANGUAGES)[number]): Promise<void> {
  await page.locator(`.language [lang=${language}]`).dispatchEvent('click');
  await page.locator(`html[lang=${language}]`).waitFor();
}

/** What of a page cannot be seen at its width: it scrolls sideways, or what stands in it is cut. */
export function outOfSight(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const found: string[] = [];
    const { clientWidth, scrollWidth } = document.documentElement;
    if (scrollWidth > clientWidth) found.push(`the page is ${scrollWidth} px wide and scrolls sideways`);
    for (const element of document.querySelectorAll<HTMLElement>('body *')) {
      const { left, right, width, height } = element.getBoundingClientRect();
      if (width <= 1 || height <= 1 || element.closest('.unseen, .skip') !== null) continue;
      // the heads of a table stand in its cells on a narrow page
      if ((element.closest('thead')?.clientWidth ?? Number.POSITIVE_INFINITY) <= 1) continue;
      const style = getComputedStyle(element);
      const name = `${element.tagName} ${element.className} “${element.textContent?.trim().slice(0, 30)}”`;
      const frame = element.closest('.table-frame');
      if (frame !== null && frame !== element && frame.scrollWidth > frame.clientWidth) {
        found.push(`${name} is to be scrolled to`);
        break;
      }
      if (right > clientWidth + 1 || left < -1) found.push(`${name} reaches to ${Math.round(right)} px`);
      const cuts = style.overflowX === 'hidden' || style.overflowX === 'clip';
      const isCut = element.scrollWidth > element.clientWidth + 1;
      if (cuts && isCut && style.display !== 'inline') found.push(`${name} is cut`);
    }
    return found.slice(0, 5);
  });
}

/**
 * Where a text of somebody's stands on a page without being kept apart from the words around it: what is written from the right would
 * mix with them.
 */
export function mixedIn(page: Page, text: string): Promise<string[]> {
  return page.evaluate((wanted) => {
    const found: string[] = [];
    let places = 0;
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(); node !== null; node = walker.nextNode()) {
      const at = node.parentElement;
      // the exact text of an entry is JSON, and a choice has no marks inside
      if (at === null || at.closest('.exact, option, textarea, title') !== null) continue;
      const said = node.textContent ?? '';
      if (!said.includes(wanted)) continue;
      places += 1;
      const own = at.closest('bdi, [dir=auto]');
      if (own?.textContent?.trim() !== wanted && !said.includes(`\u2068${wanted}\u2069`))
        found.push(`${at.tagName} ${at.className}: ${said.trim().slice(0, 80)}`);
    }
    return places === 0 ? [`“${wanted}” is nowhere on the page`] : found;
  }, text);
}
