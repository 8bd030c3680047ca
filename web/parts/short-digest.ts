/** Digests cut short for the eye; the whole one is always at hand where one is shown. */

/** The first ten characters, enough to compare by eye with another screen. */
export function shortDigest(digest: string): string {
  return `${digest.slice(0, 10)}…`;
}
