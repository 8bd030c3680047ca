/** Pictures of the pages for people to look at: outside of what git keeps, named at the end of a run (test/support/run.mjs). */
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { packageRoot } from '../../server/root.ts';

/** Where pictures go that every run takes; SCREENSHOT_FOLDER names another place, and asks for those of every step as well. */
const FOLDER = process.env['SCREENSHOT_FOLDER'] ?? join(packageRoot, '.tap/screenshots');

/** Whether somebody asked for pictures of every step and width. */
export const isOnDemand = process.env['SCREENSHOT_FOLDER'] !== undefined;

/** Takes one of the whole page. */
export async function takePicture(page: Page, name: string): Promise<void> {
  await page.screenshot({ path: join(FOLDER, `${name}.png`), fullPage: true });
}

/** Takes one of a step on the way, when somebody asked for them. */
export async function pictureOnDemand(page: Page, name: string): Promise<void> {
  if (isOnDemand) await takePicture(page, name);
}
