/** Somebody's words within a sentence of the page's, of any script: kept apart, so that neither turns the other around. */

/** Returns: the text between marks that nobody sees (U+2068, U+2069); where markup can stand, `<bdi>` does the same. */
export const isolated = (text: string): string => `\u2068${text}\u2069`;
