/** One opening as the recorder keeps it in memory: state and register folded from the database, and the way to fold them anew. */
import { type Known, openDisclosures, type Withheld } from '../core/log/disclosure.ts';
import { parseEntry } from '../core/log/entry.ts';
import { begin, evolve } from '../core/opening/evolve.ts';
import { readEvent } from '../core/opening/read-event.ts';
import { emptyRegister, evolveRegister, type RegisterState } from '../core/opening/register.ts';
import type { OpeningState } from '../core/opening/state.ts';
import { sha256 } from '../hash.ts';
import type { Sql, TransactionSql } from '../store/driver.ts';
import { readAct } from './register-acts.ts';

/** Entries read at a time while folding: bounded memory for a log of any length. */
const FOLD_BATCH = 500;

export type KeptOpening = { readonly state: OpeningState; readonly register: RegisterState };

/**
 * Folds an opening from what is committed.
 *
 * Returns: null when the log has no entry.
 * Throws:  CorruptLogError, LogFormatError: the database is not what the recorder wrote.
 */
export async function loadOpening(
  sql: Sql | TransactionSql,
  origin: string,
  openingId: string,
): Promise<KeptOpening | null> {
  let state: OpeningState | null = null;
  for (let from = 0; ; from += FOLD_BATCH) {
    const entries = await sql<{ seq: number; bytes: Uint8Array }[]>`
      SELECT seq, bytes FROM entries WHERE origin = ${origin} AND seq >= ${from} AND seq < ${from + FOLD_BATCH} ORDER BY seq`;
    const disclosures = await sql<{ seq: number; disclosure: string }[]>`
      SELECT seq, disclosure FROM disclosures WHERE origin = ${origin} AND seq >= ${from} AND seq < ${from + FOLD_BATCH}`;
    for (const { seq, bytes } of entries) {
      const entry = parseEntry(bytes);
      const texts = disclosures.filter((d) => d.seq === seq).map((d) => d.disclosure);
      const opened = openDisclosures(sha256, entry.commit, texts);
      if (!opened.ok) throw new Error(`entry ${seq} of ${origin}: ${opened.reason}, ${opened.detail}`);
      const event = readEvent(entry, knownValues(opened.fields));
      state = state === null ? begin(event) : evolve(state, event);
    }
    if (entries.length < FOLD_BATCH) break;
  }
  if (state === null) return null;
  return { state, register: await loadRegister(sql, openingId) };
}

async function loadRegister(sql: Sql | TransactionSql, openingId: string): Promise<RegisterState> {
  const acts = await sql<{ disclosure: string }[]>`
    SELECT disclosure FROM register_acts WHERE opening_id = ${openingId} ORDER BY n`;
  return acts.map(({ disclosure }) => readAct(disclosure)).reduce(evolveRegister, emptyRegister);
}

/** The values a reader was given, by field. */
export function knownValues(fields: Readonly<Record<string, Known | Withheld>>): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  for (const [field, knowable] of Object.entries(fields)) if (knowable.known) values[field] = knowable.value;
  return values;
}
