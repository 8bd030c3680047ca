/** A moment as a form has it, by Beijing's clock, and as signed bytes have it: the two written into each other. */
import { formatInstant } from '../../server/core/log/instant.ts';

/** China has one time the whole year. */
const BEIJING_MS = 8 * 3_600_000;

/** `2026-03-02T09:00` → `2026-03-02T01:00:00.000Z`; null for what names no moment. */
export function instantOf(moment: string): string | null {
  const found = /^([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2})(?::([0-9]{2}))?$/.exec(moment);
  if (found === null) return null;
  const [year, month, day, hour, minute, second] = found.slice(1).map((text) => Number(text ?? 0)) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const at = Date.UTC(year, month - 1, day, hour, minute, second) - BEIJING_MS;
  // 30 February is none, though the arithmetic takes it
  return momentOf(at).slice(0, 16) === moment.slice(0, 16) ? formatInstant(at) : null;
}

/** An instant, ms, as a form shows it: `2026-03-02T09:00`, seconds only where there are some. */
export function momentOf(at: number): string {
  const text = formatInstant(at + BEIJING_MS).slice(0, 19);
  return text.endsWith(':00') ? text.slice(0, 16) : text;
}
