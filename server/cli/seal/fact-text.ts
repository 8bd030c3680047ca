/** What `tool.json` says of one document, and in which form. */

export const UNKNOWN = 'unknown';

/** A name in a document may be of any length; more than this tells nobody apart. */
export const FACT_LIMIT = 200;

/** Texts are as the document has them, cut at FACT_LIMIT; instants are UTC to the second (`2026-01-02T03:04:05Z`). */
export type DocumentFacts = {
  readonly author: string;
  readonly lastModifiedBy: string;
  readonly createdAt: string;
  readonly modifiedAt: string;
  /** The program that wrote it. */
  readonly application: string;
};

export const NO_FACTS: DocumentFacts = {
  author: UNKNOWN,
  lastModifiedBy: UNKNOWN,
  createdAt: UNKNOWN,
  modifiedAt: UNKNOWN,
  application: UNKNOWN,
};

/** Half a character: a cut or a broken text leaves one, and canonical JSON has no place for it. */
const LONE_SURROGATE = /\p{Surrogate}/gu;

/** One fact as `tool.json` carries it. */
export function textFact(value: unknown): string {
  if (typeof value !== 'string') return UNKNOWN;
  const text = value.trim().slice(0, FACT_LIMIT).replace(LONE_SURROGATE, '\uFFFD');
  return text === '' ? UNKNOWN : text;
}

/** An instant, ms; NaN and what no year of four digits holds are `unknown`. */
export function instantFact(at: number): string {
  if (!Number.isFinite(at)) return UNKNOWN;
  const text = new Date(at).toISOString();
  return text.length === '2026-01-02T03:04:05.000Z'.length ? text.replace(/\.\d+Z$/u, 'Z') : UNKNOWN;
}
