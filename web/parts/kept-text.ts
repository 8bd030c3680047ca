/** Small texts that the browser keeps for a page; one that refuses its storage keeps nothing, and the page goes on. */

/** `browser`: until it is taken away; `tab`: as long as this tab, over a reload or a crash. */
export type Keeping = 'browser' | 'tab';

/** What is kept under a key; null where there is nothing, or no storage. */
export function keptText(key: string, keeping: Keeping = 'browser'): string | null {
  return attempt(() => storage(keeping).getItem(key)) ?? null;
}

/** Keeps a text; null takes it away. Returns: whether the browser took it. */
export function keepText(key: string, text: string | null, keeping: Keeping = 'browser'): boolean {
  return (
    attempt(() => {
      if (text === null) storage(keeping).removeItem(key);
      else storage(keeping).setItem(key, text);
      return true;
    }) ?? false
  );
}

const storage = (keeping: Keeping): Storage => (keeping === 'browser' ? localStorage : sessionStorage);

/** A private window may refuse to name its storage, a full one to take more; without a page there is none. */
function attempt<Answer>(act: () => Answer): Answer | undefined {
  if (typeof localStorage === 'undefined') return undefined;
  try {
    return act();
  } catch (fault) {
    if (fault instanceof DOMException) return undefined;
    throw fault;
  }
}
