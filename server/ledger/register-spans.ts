/** Which register batches each opening could have used, from its publication to its roster: what decides which of them may ever be revealed. */
import { parseEntry } from '../core/log/entry.ts';
import { PHASES } from '../core/opening/phases.ts';
import { REGISTER_COMMAND_TYPES, registerPhaseRefusal } from '../core/opening/register.ts';
import type { Sql, TransactionSql } from '../store/driver.ts';
import { endingBefore, TERMINAL_TYPE } from './endings.ts';

/** Batches by number, both ends included. */
export type Span = { readonly first: number; readonly last: number };

/** Phases in which bidders may act on the register; before them nobody may, after them only what was received waits. */
const REGISTER_PHASES = PHASES.filter((phase) =>
  REGISTER_COMMAND_TYPES.some((type) => registerPhaseRefusal(type, phase) === null),
);
/** The one ending after which it is public how many stood in an opening. */
const PUBLIC_ENDING = 'handed_over';

/**
 * Begins and ends spans, in the transaction of a batch whose acts are already its members.
 *
 * Shape: a span begins with the first batch after the publication, however few acts there are, and ends with the first one
 *        after the register was closed that leaves no act waiting. So no act ever stands in a batch outside its opening's span.
 * Why:   a span of every opening that could have acted, not of those that did: otherwise what is revealed would tell.
 */
export async function drawSpans(tx: TransactionSql, batch: number): Promise<void> {
  await tx`INSERT INTO register_spans (opening_id, first_batch)
    SELECT o.id, ${batch}::bigint FROM openings o
    WHERE o.phase <> 'Draft' AND NOT EXISTS (SELECT 1 FROM register_spans s WHERE s.opening_id = o.id)`;
  await tx`UPDATE register_spans s SET last_batch = ${batch}
    FROM openings o
    WHERE o.id = s.opening_id AND s.last_batch IS NULL AND o.phase <> ALL (${REGISTER_PHASES}::text[])
      AND NOT EXISTS (SELECT 1 FROM register_acts a WHERE a.opening_id = o.id
        AND NOT EXISTS (SELECT 1 FROM register_batch_members m WHERE m.act_id = a.id))`;
}

/** Writes down how each opening ended that is archived by now and whose span is over: as the last entry of its own log says. */
export async function noteEndings(sql: Sql): Promise<void> {
  const rows = await sql<{ openingId: string; origin: string; bytes: Uint8Array }[]>`
    SELECT s.opening_id AS "openingId", l.origin, e.bytes FROM register_spans s
    JOIN openings o ON o.id = s.opening_id AND o.phase = 'Archived'
    JOIN logs l ON l.opening_id = s.opening_id
    JOIN entries e ON e.origin = l.origin AND e.seq = l.size - 1
    WHERE s.last_batch IS NOT NULL AND s.ending IS NULL LIMIT 100`;
  for (const { openingId, origin, bytes } of rows) {
    const { type, body } = await endingBefore(sql, origin, parseEntry(bytes));
    if (type !== TERMINAL_TYPE) continue;
    await sql`UPDATE register_spans SET ending = ${String(body['reason'])} WHERE opening_id = ${openingId} AND ending IS NULL`;
  }
}

/** The spans that keep their batches closed: of openings that are not over, for now; of failed and aborted ones for ever. */
export async function blockingSpans(sql: Sql, lastBatch: number): Promise<readonly Span[]> {
  return sql<Span[]>`
    SELECT first_batch AS first, coalesce(last_batch, ${lastBatch}::bigint) AS last FROM register_spans
    WHERE ending IS DISTINCT FROM ${PUBLIC_ENDING} AND first_batch <= ${lastBatch} ORDER BY first_batch`;
}

/** What of the batches 0 to `last` no span covers: as few spans as can be, in order. Total, in whatever order they come. */
export function gapsBetween(spans: readonly Span[], last: number): Span[] {
  const gaps: Span[] = [];
  let next = 0;
  for (const span of [...spans].sort((a, b) => a.first - b.first)) {
    if (span.first > next) gaps.push({ first: next, last: Math.min(span.first - 1, last) });
    next = Math.max(next, span.last + 1);
    if (next > last) return gaps;
  }
  return next > last ? gaps : [...gaps, { first: next, last }];
}
