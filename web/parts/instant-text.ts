/** Instants and durations as people read them; always the time of Beijing, wherever the reader's computer thinks it is. */
import type { Language } from './language.ts';

/** Hours, minutes and seconds of Beijing are those of UTC eight hours later; it has kept no summer time since 1991. */
const AHEAD_MS = 8 * 3_600_000;

const WEEKDAYS = {
  'zh-CN': ['周日', '周一', '周二', '周三', '周四', '周五', '周六'],
  en: ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'],
} as const satisfies Record<Language, readonly string[]>;
/** With the month as a word, no English reader takes it for the day. */
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sept', 'Oct', 'Nov', 'Dec'] as const;

const two = (n: number): string => String(n).padStart(2, '0');

/** Its UTC fields are those of Beijing's clock. */
const clock = (at: number): Date => new Date(at + AHEAD_MS);

/**
 * Hour, minute and second: `09:00:05`.
 *
 * Why: by arithmetic, as `Intl` takes longer to load its calendars and locales than the page of an opening takes to be drawn.
 */
export function timeText(at: number, _language: Language): string {
  const time = clock(at);
  return [time.getUTCHours(), time.getUTCMinutes(), time.getUTCSeconds()].map(two).join(':');
}

/** Day and time to the second: `2026/03/02 09:00:05`, `2 Mar 2026, 09:00:05`. */
export function dayTimeText(at: number, language: Language): string {
  return `${dateText(at, language)}${language === 'en' ? ', ' : ' '}${timeText(at, language)}`;
}

/** The day with its weekday: `2026/03/02周一`, `Mon, 2 Mar 2026`. */
export function dayText(at: number, language: Language): string {
  const weekday = WEEKDAYS[language][clock(at).getUTCDay()] as string;
  const date = dateText(at, language);
  return language === 'en' ? `${weekday}, ${date}` : `${date}${weekday}`;
}

function dateText(at: number, language: Language): string {
  const day = clock(at);
  const [year, month, date] = [day.getUTCFullYear(), day.getUTCMonth(), day.getUTCDate()];
  return language === 'en' ? `${date} ${MONTHS[month]} ${year}` : `${year}/${two(month + 1)}/${two(date)}`;
}

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
