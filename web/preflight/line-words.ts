/** One line of the pre-flight in words: what was looked at, what was found, and what a layman does about it. */
import { PREFLIGHT_FINDINGS } from '../../server/core/seal/preflight-words.ts';
import { dayTimeText, spanText } from '../parts/instant-text.ts';
import { language } from '../parts/language.ts';
import type { Facts, Line, Verdict } from './lines.ts';
import { say } from './words.ts';

export type LineWords = {
  readonly name: string;
  readonly level: string;
  /** What was measured or read; empty where nothing was. */
  readonly said: string;
  /** What is wrong; null where nothing is. */
  readonly what: string | null;
  readonly fix: string | null;
};

export function lineWords(line: Line): LineWords {
  const { check, level, facts, finding } = line;
  const none = level === 'none' ? say(`none_${noneOf(check)}`) : '';
  const said = facts === null ? none : saidWords(check, facts);
  return { name: say(`check_${check}`), level: say(`level_${level}`), said, ...findingWords(finding) };
}

function saidWords(check: Line['check'], facts: Facts): string {
  switch (check) {
    case 'room':
    case 'answer':
    case 'down':
    case 'up':
    case 'socket':
      return say(`said_${check}`, facts);
    case 'clock':
      return say('said_clock', { ...facts, offset: offsetWords(Number(facts['offsetMs'])) });
    case 'sign':
    case 'encrypt':
      return certificateWords(facts);
    default:
      return String(facts['said'] ?? '');
  }
}

const SECOND_MS = 1_000;
const HOUR_MS = 3_600_000;

/** How far a clock is ahead or behind, in units that people have a feeling for. */
function offsetWords(offsetMs: number): string {
  const ms = Math.abs(offsetMs);
  const hours = Math.floor(ms / HOUR_MS);
  const span =
    ms < 10 * SECOND_MS
      ? say('milliseconds', { n: ms })
      : hours < 2
        ? spanText(ms, language.value)
        : say('daysHours', { days: Math.floor(hours / 24), hours: hours % 24 });
  return say(offsetMs < 0 ? 'behind' : 'ahead', { span });
}

/** Whose certificate, until when, and whether it was revoked; or until when against which deadline. */
function certificateWords({ said = '', code = '', notAfterAt, revocation = '', deadlineAt }: Facts): string {
  const at = (fact: string | number) => dayTimeText(Number(fact), language.value);
  const parts = [
    String(said),
    code === '' ? '' : say('creditCode', { code }),
    notAfterAt === undefined ? '' : say('until', { at: at(notAfterAt) }),
    deadlineAt === undefined ? '' : say('againstDeadline', { at: at(deadlineAt) }),
    revocation === 'good' ? say('notRevoked') : '',
  ];
  return parts.filter((part) => part !== '').join(say('comma'));
}

/** Why something was not looked at. */
function noneOf(check: Line['check']): 'key' | 'room' | 'login' | 'other' {
  return check === 'key' || check === 'room' || check === 'login' ? check : 'other';
}

function findingWords(finding: Line['finding']): Pick<LineWords, 'what' | 'fix'> {
  if (finding === null) return { what: null, fix: null };
  if ('known' in finding) {
    const { zh, en, fix } = PREFLIGHT_FINDINGS[finding.known];
    return language.value === 'en' ? { what: en, fix: fix.en } : { what: zh, fix: fix.zh };
  }
  if ('why' in finding) return { what: finding.why(), fix: say(`fix_${finding.own}`) };
  return { what: say(`found_${finding.own}`, finding.facts), fix: say(`fix_${finding.own}`, finding.facts) };
}

/** The verdict in one sentence. */
export function verdictWords({ kind, bad, warnings, open }: Verdict): string {
  if (kind === 'not_ready') return say('notReady', { n: bad });
  if (kind === 'unfinished') return say('unfinished', { n: open });
  return warnings === 0 ? say('ready') : say('readyBut', { n: warnings });
}
