/** A person without a mouse: goes from one thing to the next by Tab, acts by Enter, Space and arrows, and notes where the focus is not seen. */
import type { Page } from 'playwright-core';

/** Further than anything is away on a page. */
const STOPS_LIMIT = 300;
const OPTIONS_LIMIT = 60;

export type Hands = {
  /** Places on the way where the focus was not seen, or was lost. */
  readonly faults: string[];
  /** Goes to the first thing that this selector finds. */
  to(selector: string): Promise<void>;
  /** Goes there and presses Enter. */
  press(selector: string): Promise<void>;
  /** Goes there and types, over what stood there. */
  type(selector: string, text: string): Promise<void>;
  /** Goes to a choice and turns it, by arrows, to this value. */
  choose(selector: string, value: string): Promise<void>;
  /** Goes to a check box and marks it by Space. */
  mark(selector: string): Promise<void>;
  /** Goes to a field for files, opens the choice of files by Enter, and chooses there. */
  give(selector: string, files: string | string[]): Promise<void>;
  /** Notes when the focus is on nothing: after a dialog was closed, and after what was pressed went away. */
  expectFocus(where: string): Promise<void>;
};

/** Gives the page's person hands. */
export function handsAt(page: Page): Hands {
  const faults: string[] = [];
  // from the first, so that the browser asks us and opens no window of its own, however soon a key is pressed
  page.on('filechooser', () => undefined);

  /** Where the focus stands, seen from a thing; and its name where its ring is not seen. */
  async function look(selector: string): Promise<{ way: 'there' | 'on' | 'back'; unseen: string | null }> {
    return page
      .locator(selector)
      .first()
      .evaluate((wanted) => {
        const at = document.activeElement ?? document.body;
        const { outlineStyle, outlineWidth } = getComputedStyle(at);
        const isSeen = at === document.body || (outlineStyle !== 'none' && outlineWidth !== '0px');
        const name = at.outerHTML.slice(0, 120);
        const isBehind = (wanted.compareDocumentPosition(at) & Node.DOCUMENT_POSITION_FOLLOWING) !== 0;
        return { way: at === wanted ? 'there' : isBehind ? 'back' : 'on', unseen: isSeen ? null : name } as const;
      });
  }

  async function to(selector: string): Promise<void> {
    await page.locator(selector).first().waitFor();
    for (let left = STOPS_LIMIT; left > 0; left--) {
      const { way, unseen } = await look(selector);
      // before the first Tab the focus may rest on something that is no stop
      if (unseen !== null && left < STOPS_LIMIT) faults.push(`the focus is not seen on ${unseen}`);
      if (way === 'there') return;
      await page.keyboard.press(way === 'back' ? 'Shift+Tab' : 'Tab');
    }
    throw new Error(`no way by keyboard to ${selector}`);
  }

  return {
    faults,
    to,
    async press(selector) {
      await to(selector);
      await page.keyboard.press('Enter');
    },
    async type(selector, text) {
      await to(selector);
      await page.keyboard.press('Control+A');
      await page.keyboard.type(text);
    },
    async choose(selector, value) {
      await to(selector);
      const choice = page.locator(selector).first();
      await page.keyboard.press('Home');
      for (let left = OPTIONS_LIMIT; (await choice.inputValue()) !== value; left--) {
        if (left === 0) throw new Error(`${selector} has no ${value}`);
        await page.keyboard.press('ArrowDown');
      }
    },
    async mark(selector) {
      await to(selector);
      await page.keyboard.press('Space');
    },
    async give(selector, files) {
      await to(selector);
      const [chooser] = await Promise.all([page.waitForEvent('filechooser'), page.keyboard.press('Enter')]);
      await chooser.setFiles(files);
    },
    async expectFocus(where) {
      const isLost = await page.evaluate(
        () => document.activeElement === null || document.activeElement === document.body,
      );
      if (isLost) faults.push(`the focus is lost ${where}`);
    },
  };
}
