/** Instants and durations as people read them; always the time of Beijing, wherever the reader's computer thinks it is. */
import type { Language } from './language.ts';

const ZONE = 'Asia/Shanghai';
const clocks = new Map<string, Intl.DateTimeFormat>();

/** British English: with the month as a word, no reader takes the day for it. */
const LOCALES = { 'zh-CN': 'zh-CN', en: 'en-GB' } as const satisfies Record<Language, string>;

function clock(language: Language, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = language + JSON.stringify(options);
  const found =
    clocks.get(key) ?? new Intl.DateTimeFormat(LOCALES[language], { ...options, timeZone: ZONE, hourCycle: 'h23' });
  clocks.set(key, found);
  return found;
}

const TIME = { hour: '2-digit', minute: '2-digit', second: '2-digit' } as const;
const DAY = {
  'zh-CN': { year: 'numeric', month: '2-digit', day: '2-digit' },
  en: { year: 'numeric', month: 'short', day: 'numeric' },
} as const satisfies Record<Language, Intl.DateTimeFormatOptions>;

/** Hour, minute and second: `09:00:05`. */
export function timeText(at: number, language: Language): string {
  return clock(language, TIME).format(at);
}

/** Day and time to the second. */
export function dayTimeText(at: number, language: Language): string {
  return clock(language, { ...DAY[language], ...TIME }).format(at);
}

/** The day with its weekday. */
export function dayText(at: number, language: Language): string {
  return clock(language, { ...DAY[language], weekday: 'short' }).format(at);
}

const two = (n: number): string => String(n).padStart(2, '0');

/** What is left of a countdown: whole days and `hh:mm:ss` (`mm:ss` below an hour); never negative, it ends exactly at its end. */
export function countdownOf(leftMs: number): { days: number; clock: string } {
  const seconds = Math.max(0, Math.ceil(leftMs / 1000));
  const days = Math.floor(seconds / 86_400);
  const hours = Math.floor(seconds / 3600) % 24;
  const tail = `${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
  return { days, clock: hours > 0 || days > 0 ? `${two(hours)}:${tail}` : tail };
}

const SPAN_WORDS = { 'zh-CN': { minutes: '分', seconds: '秒' }, en: { minutes: 'min', seconds: 's' } } as const;

/** A length of time: `5 min`, `2 min 30 s`, `0 s`; ms are cut off. */
export function spanText(ms: number, language: Language): string {
  const seconds = Math.floor(ms / 1000);
  const words = SPAN_WORDS[language];
  const parts = [
    ...(seconds >= 60 ? [`${Math.floor(seconds / 60)} ${words.minutes}`] : []),
    ...(seconds % 60 > 0 || seconds < 60 ? [`${seconds % 60} ${words.seconds}`] : []),
  ];
  return parts.join(' ');
}
