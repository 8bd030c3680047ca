/** Instants in signed bytes: RFC 3339, UTC, always milliseconds; in code an integer of milliseconds since 1970. */
import { demand, LogFormatError } from './error.ts';

const DAY_MS = 86_400_000;
/** The last instant that can be written: 9999-12-31T23:59:59.999Z. */
export const LAST_INSTANT = 253_402_300_799_999;
const SHAPE = /^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z$/;

/** Days from 1970-01-01 to a date of the proleptic Gregorian calendar (Hinnant, days_from_civil; years ≥ 0 only). */
function daysOf(year: number, month: number, day: number): number {
  const y = month <= 2 ? year - 1 : year;
  const era = Math.floor(y / 400);
  const yearOfEra = y - era * 400;
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * 146_097 + dayOfEra - 719_468;
}

/** The inverse of `daysOf` (Hinnant, civil_from_days). */
function dateOf(days: number): { year: number; month: number; day: number } {
  const z = days + 719_468;
  const era = Math.floor(z / 146_097);
  const dayOfEra = z - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const shifted = Math.floor((5 * dayOfYear + 2) / 153);
  const day = dayOfYear - Math.floor((153 * shifted + 2) / 5) + 1;
  const month = shifted < 10 ? shifted + 3 : shifted - 9;
  return { year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day };
}

const digits = (value: number, width: number): string => String(value).padStart(width, '0');

/**
 * An instant as it stands in signed bytes, e.g. `2026-03-05T01:00:00.000Z`.
 *
 * Units:  integer ms since 1970-01-01T00:00Z, 0 … 9999-12-31T23:59:59.999Z.
 * Throws: `instant_malformed` outside that range or on a fraction.
 */
export function formatInstant(ms: number): string {
  demand(Number.isInteger(ms) && ms >= 0 && ms <= LAST_INSTANT, 'instant_malformed', `${ms} is no instant`);
  const days = Math.floor(ms / DAY_MS);
  const rest = ms - days * DAY_MS;
  const { year, month, day } = dateOf(days);
  const time = [Math.floor(rest / 3_600_000), Math.floor(rest / 60_000) % 60, Math.floor(rest / 1000) % 60];
  return `${digits(year, 4)}-${digits(month, 2)}-${digits(day, 2)}T${time.map((part) => digits(part, 2)).join(':')}.${digits(rest % 1000, 3)}Z`;
}

const DAYS_OF_MONTH = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

function daysOfMonth(year: number, month: number): number {
  const isLeap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  return month === 2 && isLeap ? 29 : (DAYS_OF_MONTH[month - 1] ?? 0);
}

/** The number that stands at [from, to) of a text. Asserts: these are digits. */
function numberAt(text: string, from: number, to: number): number {
  let number = 0;
  for (let i = from; i < to; i++) number = number * 10 + text.charCodeAt(i) - 0x30;
  return number;
}

/**
 * Reads exactly what `formatInstant` writes.
 *
 * Returns: integer ms since 1970-01-01T00:00Z.
 * Throws:  `instant_malformed` on any other spelling: offsets, fewer digits, 30 February, a leap second, a year before 1970.
 */
export function parseInstant(text: string): number {
  demand(SHAPE.test(text), 'instant_malformed', 'not YYYY-MM-DDTHH:MM:SS.mmmZ');
  const year = numberAt(text, 0, 4);
  const month = numberAt(text, 5, 7);
  const day = numberAt(text, 8, 10);
  const hour = numberAt(text, 11, 13);
  const minute = numberAt(text, 14, 16);
  const second = numberAt(text, 17, 19);
  demand(
    year >= 1970 && day >= 1 && day <= daysOfMonth(year, month) && hour < 24 && minute < 60 && second < 60,
    'instant_malformed',
    'no such date or time',
  );
  const ofDay = hour * 3_600_000 + minute * 60_000 + second * 1000 + numberAt(text, 20, 23);
  return daysOf(year, month, day) * DAY_MS + ofDay;
}

/** The same of a text from elsewhere: undefined where `parseInstant` throws. */
export function readInstant(text: string): number | undefined {
  try {
    return parseInstant(text);
  } catch (error) {
    if (error instanceof LogFormatError) return undefined;
    throw error;
  }
}
