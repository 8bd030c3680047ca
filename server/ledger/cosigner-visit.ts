/** One visit to one cosigner for one head: asks, asks again where it may be misunderstood, looks at what it shows; stores nothing, stops nothing. */
import { parseEntry } from '../core/log/entry.ts';
import { parseInstant } from '../core/log/instant.ts';
import { fromUtf8 } from '../core/log/utf8.ts';
import type { ReleasedHead } from '../recorder/head-desk.ts';
import type { CosignerAlarmCode } from '../recorder/recovery.ts';
import type { Sql } from '../store/driver.ts';
import { consistencyOf, readEntries } from '../store/read-log.ts';
import type { World } from '../world.ts';
import { askCosigner, type CosignerCaller, type Heard, noteShownBy, VISIT_LIMIT_MS } from './cosigner-client.ts';
import type { PolicyCosigner } from './cosigner-policy.ts';
import { judgeShown } from './shown-head.ts';

/** How far the time of a cosignature may lie ahead of our clock, or before the head was made. */
export const COSIGNATURE_SKEW_SECONDS = 300;

/** What a cosigner says against us: that it signed what our ledger never was. Its word, until it shows a note that our key signed. */
export type CosignerClaim = {
  readonly code: CosignerAlarmCode;
  readonly cosigner: PolicyCosigner;
  /** What it was asked to sign. */
  readonly head: ReleasedHead;
  /** The size it says it signed, or was asked from. */
  readonly itsSize: number;
  /** Its answer. */
  readonly said: string;
};

/** `claims`: it said so, and showed nothing of it. `proves`: it showed `itsNote`, which our own key signed and our ledger does not hold. */
export type VisitOutcome =
  | { readonly came: 'signed'; readonly line: string; readonly timeSeconds: number }
  | { readonly came: 'later'; readonly why: string; readonly itsSize: number }
  | { readonly came: 'claims'; readonly claim: CosignerClaim }
  | { readonly came: 'proves'; readonly claim: CosignerClaim; readonly itsNote: string };

export type VisitParts = CosignerCaller & {
  readonly sql: Sql;
  readonly world: World;
  /** Every key the ledger has had. */
  readonly ledgerVkeys: readonly string[];
  /** Told of a claim before anybody is asked about it: once it returns the claim is durable. */
  readonly onClaim: (claim: CosignerClaim) => Promise<void>;
};

type Ask = { readonly origin: string; readonly cosigner: PolicyCosigner; readonly head: ReleasedHead };
type LimitedAsk = Ask & { readonly untilAt: number };

/**
 * Visits.
 *
 * Shape:   `oldSize` is what we believe it signed last.
 * Returns: never throws for what the cosigner or the network does.
 * Why:     no answer by itself is evidence, for a cosigner that is broken, or wants to do harm, may answer anything. So whatever can be a
 *          misunderstanding is asked once more — from the size it says, with a proof built anew —, and then it is asked to show: a note that
 *          our own key signed proves a second history, whoever shows it. All else is a claim, which says something of the cosigner or of us.
 *          All asking together has one limit of time, beyond which it failed and is spared; what it shows has its own, for it may be evidence.
 */
export async function visitCosigner(parts: VisitParts, asked: Ask, oldSize: number): Promise<VisitOutcome> {
  const ask = { ...asked, untilAt: parts.world.now() + VISIT_LIMIT_MS };
  let from = oldSize;
  let heard = await askFrom(parts, ask, from);
  if (heard.heard === 'size' && heard.size <= ask.head.size && heard.size !== from) {
    from = heard.size;
    heard = await askFrom(parts, ask, from);
  }
  if (heard.heard === 'conflict' || heard.heard === 'disproof') heard = await askFrom(parts, ask, from);
  const claim = await claimIn(parts, ask, from, heard);
  if (claim !== null) await parts.onClaim(claim);
  if (claim === null && heard.heard !== 'conflict') return plainly(parts, ask, from, heard);

  const note = await noteShownBy(parts, ask.cosigner, ask.origin);
  const shown = await judgeShown(parts.sql, parts.ledgerVkeys, note);
  if (shown.shown === 'contrary' && note !== null) {
    const proven = { ...asked, code: shown.code, itsSize: shown.size, said: claim?.said ?? '409' };
    return { came: 'proves', claim: proven, itsNote: fromUtf8(note) };
  }
  // it shows that it stands elsewhere in our own history: then it only misled us about where
  if (shown.shown === 'ours' && shown.size !== from && shown.size <= ask.head.size) {
    const last = await plainly(parts, ask, shown.size, await askFrom(parts, ask, shown.size));
    if (last.came === 'signed' || claim === null) return last;
  }
  return claim === null ? plainly(parts, ask, from, heard) : { came: 'claims', claim };
}

async function askFrom(
  parts: VisitParts,
  { origin, cosigner, head, untilAt }: LimitedAsk,
  oldSize: number,
): Promise<Heard> {
  const proof = await consistencyOf(parts.sql, origin, oldSize, head.size);
  return askCosigner(parts, cosigner, { note: head.note, oldSize, proof }, untilAt);
}

/**
 * What an answer claims against us, if anything.
 *
 * `size`: more than is committed by now, by whichever process: one that no longer leads has old news. `conflict`: only where it was asked
 * from the very size of the head, for older dialects say 409 to any other size. `disproof`: always, the proof being of the tree that the
 * head is of.
 */
async function claimIn(
  { sql }: VisitParts,
  { origin, cosigner, head }: Ask,
  from: number,
  heard: Heard,
): Promise<CosignerClaim | null> {
  const claim = (code: CosignerAlarmCode, itsSize: number, said: string) => ({ code, cosigner, head, itsSize, said });
  if (heard.heard === 'disproof') return claim('cosigner_differs', from, heard.said);
  if (heard.heard === 'conflict' && from === head.size) return claim('cosigner_differs', from, heard.said);
  if (heard.heard !== 'size' || heard.size <= head.size) return null;
  const [log] = await sql<{ size: number }[]>`SELECT size FROM logs WHERE origin = ${origin}`;
  return heard.size > (log?.size ?? 0) ? claim('cosigner_is_ahead', heard.size, `409: ${heard.size}`) : null;
}

/** What came of an answer that goes against nobody. */
async function plainly(parts: VisitParts, ask: Ask, from: number, heard: Heard): Promise<VisitOutcome> {
  const later = (why: string): VisitOutcome => ({ came: 'later', why, itsSize: from });
  if (heard.heard === 'later') return later(heard.why);
  if (heard.heard === 'size') return later(`409: it signed ${heard.size}`);
  if (heard.heard !== 'signed') return later(heard.said);
  const why = await wrongTime(parts, ask, heard.timeSeconds);
  return why === null ? { came: 'signed', line: heard.line, timeSeconds: heard.timeSeconds } : later(why);
}

/**
 * Why the time of a cosignature cannot be, or null.
 *
 * Why: whoever keeps the note later reads from it when the head was there. One dated before the head, or in a time to come, says what
 *      cannot be so; a clock may be a little off.
 */
async function wrongTime(
  { sql, world }: VisitParts,
  { origin, head }: Ask,
  timeSeconds: number,
): Promise<string | null> {
  const now = Math.floor(world.now() / 1000);
  if (timeSeconds > now + COSIGNATURE_SKEW_SECONDS) return `its clock is ${timeSeconds - now} s ahead of ours`;
  const [last] = await readEntries(sql, origin, head.size - 1, head.size);
  if (last === undefined) return null;
  const madeAt = Math.floor(parseInstant(parseEntry(last.bytes).at) / 1000);
  return timeSeconds < madeAt - COSIGNATURE_SKEW_SECONDS
    ? `it dates its signature ${madeAt - timeSeconds} s before the head was made`
    : null;
}
