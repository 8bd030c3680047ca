/** One opening as the recorder keeps it in memory: state and register folded from the database, and the way to fold them anew. */
import { checkCompiled } from '../compiled-check.ts';
import { type Known, openDisclosures, type Withheld } from '../core/log/disclosure.ts';
import { parseEntry } from '../core/log/entry.ts';
import type { LoggedEvent } from '../core/opening/events.ts';
import { begin, evolve } from '../core/opening/evolve.ts';
import { readEvent } from '../core/opening/read-event.ts';
import { emptyRegister, evolveRegister, type RegisteredAct, type RegisterState } from '../core/opening/register.ts';
import type { OpeningState } from '../core/opening/state.ts';
import { sha256 } from '../hash.ts';
import { nativeReader, textOfBytes } from '../native-text.ts';
import type { Sql, TransactionSql } from '../store/driver.ts';
import { readDisclosures } from '../store/read-log.ts';
import { readAct } from './register-acts.ts';

/** Entries read at a time while folding: bounded memory for a log of any length. */
const FOLD_BATCH = 500;

export type KeptOpening = { readonly state: OpeningState; readonly register: RegisterState };

/** With what the recorder alone asks of the past. */
export type FoldedOpening = KeptOpening & {
  /** The latest `receivedAt` on the log, ms: the next one is not before it. */
  readonly receivedUntil: number;
  /** Which refused attempts of which bidder stand on the log, as `3/late_decryption`. */
  readonly attempts: ReadonlySet<string>;
  /** By credit code: under which command the company last checked in, so that whoever does it again gets that receipt. */
  readonly checkIns: ReadonlyMap<string, CheckIn>;
  /** By `quoteName`: the sealed quotes of each round, and whose they are. */
  readonly quotes: ReadonlyMap<string, SealedQuote>;
};

export type SealedQuote = { readonly commitment: string; readonly sealed: string };

export type CheckIn = { readonly actId: string; readonly account: string; readonly command: string };

/** The opening after one more entry; null before the first. Throws: CorruptLogError. */
export function foldEvent(before: FoldedOpening | null, event: LoggedEvent): FoldedOpening {
  const receivedUntil = Math.max(before?.receivedUntil ?? 0, event.receivedAt ?? 0);
  if (before === null) {
    const nothing = { attempts: new Set<string>(), checkIns: new Map(), quotes: new Map() };
    return { state: begin(event), register: emptyRegister, receivedUntil, ...nothing };
  }
  const state = evolve(before.state, event);
  if (event.type === 'QuoteReceived') {
    const { quoter, sealed } = event.fields;
    if (quoter?.known !== true || sealed?.known !== true)
      throw new Error('the recorder is shown a quote without its bidder');
    const { round, commitment } = event.body;
    const quote = { commitment, sealed: sealed.value as string };
    const quotes = new Map(before.quotes).set(quoteName(round, quoter.value as number), quote);
    return { ...before, state, receivedUntil, quotes };
  }
  if (event.type !== 'AttemptRefused') return { ...before, state, receivedUntil };
  const attempts = new Set(before.attempts).add(attemptName(event.body));
  return { ...before, state, receivedUntil, attempts };
}

/** The name under which a round's quote is kept. */
export function quoteName(round: number, bidder: number): string {
  return `${round}/${bidder}`;
}

export function attemptName({ bidder, attempt }: { readonly bidder: number; readonly attempt: string }): string {
  return `${bidder}/${attempt}`;
}

/** The opening after one more act on its register. */
export function foldAct(
  before: FoldedOpening,
  act: RegisteredAct & { readonly id: string; readonly command: string },
): FoldedOpening {
  const register = evolveRegister(before.register, act);
  const { account, creditCode } = act.who;
  if (act.type !== 'CheckedIn') return { ...before, register };
  const checkIns = new Map(before.checkIns).set(creditCode, { actId: act.id, account, command: act.command });
  return { ...before, register, checkIns };
}

/** The opening after one more act on its register, of which nothing is left but that there was one. */
function foldErasedAct(before: FoldedOpening): FoldedOpening {
  return { ...before, register: { ...before.register, size: before.register.size + 1 } };
}

/**
 * Folds an opening from what is committed; on from `before`, when it is known how it stood.
 *
 * Returns: null when the log has no entry.
 * Throws:  CorruptLogError, LogFormatError: the database is not what the recorder wrote.
 */
export async function loadOpening(
  sql: Sql | TransactionSql,
  origin: string,
  openingId: string,
  before: FoldedOpening | null = null,
): Promise<FoldedOpening | null> {
  let folded = before;
  for (let from = before?.state.size ?? 0; ; from += FOLD_BATCH) {
    const entries = await sql<{ seq: number; bytes: Uint8Array }[]>`
      SELECT seq, bytes FROM entries WHERE origin = ${origin} AND seq >= ${from} AND seq < ${from + FOLD_BATCH} ORDER BY seq`;
    const disclosures = await readDisclosures(sql, origin, from, from + FOLD_BATCH);
    const texts = new Map<number, string[]>();
    for (const { seq, disclosure } of disclosures) texts.set(seq, [...(texts.get(seq) ?? []), disclosure]);
    for (const { seq, bytes } of entries) {
      const entry = parseEntry(bytes, textOfBytes);
      const opened = openDisclosures(sha256, entry.commit, texts.get(seq) ?? [], nativeReader);
      if (!opened.ok) throw new Error(`entry ${seq} of ${origin}: ${opened.reason}, ${opened.detail}`);
      folded = foldEvent(folded, readEvent(entry, knownValues(opened.fields), checkCompiled));
    }
    if (entries.length < FOLD_BATCH) break;
  }
  if (folded === null) return null;
  const acts = await sql<{ disclosure: string }[]>`
    SELECT disclosure FROM register_acts
    WHERE opening_id = ${openingId} AND n >= ${before?.register.size ?? 0} ORDER BY n`;
  return acts.reduce(
    (before, { disclosure }) => (disclosure === '' ? foldErasedAct(before) : foldAct(before, readAct(disclosure))),
    folded,
  );
}

/** The values a reader was given, by field. */
export function knownValues(fields: Readonly<Record<string, Known | Withheld>>): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  for (const [field, knowable] of Object.entries(fields)) if (knowable.known) values[field] = knowable.value;
  return values;
}
