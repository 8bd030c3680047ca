/** Bench `pages`: what the pages cost in a real browser; a file beside this one for each figure. */
import type { Figures } from '../measure.ts';
import { benchBrowserSeal } from './browser-seal.ts';
import { benchCatchingUp } from './catching-up.ts';
import { benchOpeningPage } from './opening-page.ts';

/** Each measures by itself, one after another. */
const PARTS: readonly ((isSmall: boolean) => Promise<Figures>)[] = [
  benchOpeningPage,
  benchCatchingUp,
  benchBrowserSeal,
];

export async function benchPages(): Promise<Figures> {
  const isSmall = process.argv.includes('--small');
  const figures: Record<string, number> = {};
  for (const part of PARTS) Object.assign(figures, await part(isSmall));
  return figures;
}
