/** Small texts that the browser keeps for a page; one that refuses its storage keeps nothing, and the page goes on. */

/** What is kept under a key; null where there is nothing, or no storage. */
export function keptText(key: string): string | null {
  return attempt(() => localStorage.getItem(key)) ?? null;
}

/** Keeps a text; null takes it away. Returns: whether the browser took it. */
export function keepText(key: string, text: string | null): boolean {
  return (
    attempt(() => {
      if (text === null) localStorage.removeItem(key);
      else localStorage.setItem(key, text);
      return true;
    }) ?? false
  );
}

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
