/** An honest log of a whole opening, and ways to forge one of its entries as somebody with every key could. */
import type { Json } from '../../server/core/log/canonical.ts';
import type { Entry } from '../../server/core/log/entry.ts';
import { type AuditCode, createAudit } from '../../server/core/opening/audit.ts';
import type { EventType } from '../../server/core/opening/events.ts';
import { sha256 } from '../../server/hash.ts';
import { object, playTo, reach } from './opening-phases.ts';
import type { Line } from './opening-script.ts';

export type Values = Record<string, Json>;
export type Forged = { entry: Entry; disclosed: Values };
export type Forgery = (line: Forged) => Partial<Forged>;

/** A whole honest log with one early and one later objection. */
export const honest: readonly Line[] = (() => {
  const s = reach('CheckIn');
  s.act(1, 'RaiseEarlyObjection', { text: '密封有疑' });
  playTo(s, 'RosterPublished').go('AnswerObjection', { objection: 1, text: '已核对' }, { role: 'host' });
  playTo(s, 'Announcing');
  object(s, 1, true);
  return playTo(s, 'Archived').lines;
})();

/** Every code that a forgery of this file has led to. */
export const named = new Set<AuditCode>();

export function audit(lines: readonly Forged[]) {
  const running = createAudit(sha256);
  for (const { entry, disclosed } of lines) running.add(entry, disclosed);
  const result = running.finish();
  for (const { code } of result.problems) named.add(code);
  return result;
}

/** The codes found when the n-th event of a type is forged. */
export function forge(type: EventType, forgery: Forgery, n = 0, lines: readonly Line[] = honest): AuditCode[] {
  const target = lines.filter((l) => l.entry.type === type)[n];
  if (target === undefined) throw new Error(`no ${type} to forge`);
  const forged = lines.map((line) => {
    if (line !== target) return line;
    const copy = { entry: line.entry, disclosed: { ...line.disclosed } };
    return { ...copy, ...forgery(copy) };
  });
  return [...new Set(audit(forged).problems.map((p) => p.code))];
}
/** Members of the body changed. */
export const body =
  (changes: Values): Forgery =>
  ({ entry }) => ({ entry: { ...entry, body: { ...entry.body, ...changes } } });
/** Withheld values changed, as if they had been committed to. */
export const fields =
  (changes: Values): Forgery =>
  ({ disclosed }) => ({ disclosed: { ...disclosed, ...changes } });
