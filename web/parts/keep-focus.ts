/** Keeps the keyboard's place: when what had the focus goes away, whatever stood nearest around it takes it. */

/** What may take the focus inside of a part that still stands: its heading, before anything that acts. */
const HEADING = 'h1, h2, [tabindex="-1"]';

/**
 * Watches a page until it is closed.
 *
 * Why: a button that was pressed is gone once its act is on the way, a dialog takes its buttons with it, one that waits is disabled: the
 *      browser then puts the focus on nothing, and whoever goes by keyboard or listens begins again at the top of the page.
 */
export function keepFocus(page: Document = document): void {
  /** What had the focus last, and all that it stood in. */
  let around: Element[] = [];
  page.addEventListener('focusin', ({ target }) => {
    around = [];
    for (let at = target instanceof Element ? target : null; at !== null && at !== page.body; at = at.parentElement)
      around.push(at);
  });
  // a click beside everything gives the focus up on purpose
  page.addEventListener('pointerdown', () => {
    around = [];
  });
  const look = (): void => {
    const [last] = around;
    if (last === undefined || (page.activeElement !== null && page.activeElement !== page.body)) return;
    if (last.isConnected && !last.matches(':disabled')) return;
    const place = around.map((at) => (at.isConnected ? placeIn(at) : null)).find((found) => found !== null);
    around = [];
    place?.focus({ preventScroll: true });
  };
  new MutationObserver(look).observe(page.body, {
    childList: true,
    subtree: true,
    attributes: true,
    attributeFilter: ['disabled'],
  });
}

/** The heading of a part, or the part itself where it takes the focus; null where neither does. */
function placeIn(part: Element): HTMLElement | null {
  const found = part.matches('[tabindex]')
    ? part
    : part.matches('section, dialog')
      ? part.querySelector(HEADING)
      : null;
  if (!(found instanceof HTMLElement)) return null;
  if (!found.hasAttribute('tabindex')) found.tabIndex = -1;
  return found;
}
