/** The findings as a text for whoever helps: no file's name, no password, no key, nothing that was typed. */
import { dayTimeText } from '../parts/instant-text.ts';
import { language } from '../parts/language.ts';
import { lineWords, verdictWords } from './line-words.ts';
import { type Line, verdictOf } from './lines.ts';
import { say } from './words.ts';

export type ReportAbout = {
  /** ms; null before anything was looked at. */
  readonly lookedAt: number | null;
  /** The platform's address. */
  readonly origin: string;
  readonly role: string;
  readonly browser: string;
};

export function reportText(lines: readonly Line[], { lookedAt, origin, role, browser }: ReportAbout): string {
  const head = [
    `${say('preflight')} · ${verdictWords(verdictOf(lines))}`,
    ...(lookedAt === null ? [] : [`${say('reportAt')} ${dayTimeText(lookedAt, language.value)}`]),
    `${say('reportPlatform')} ${origin}`,
    `${say('asRole')} ${role}`,
    `${say('reportBrowser')} ${browser}`,
  ];
  const body = lines.map((line) => {
    const { name, level, said, what, fix } = lineWords(line);
    const after = [said, what, fix].filter((part) => part !== null && part !== '');
    return `[${level}] ${name}${after.length === 0 ? '' : ` · ${after.join(' · ')}`}`;
  });
  return `${[...head, '', ...body].join('\n')}\n`;
}
