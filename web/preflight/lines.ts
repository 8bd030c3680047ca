/** What the pre-flight has found so far: a line for each thing that was looked at, and what follows from all of them. */
import type { PreflightCode } from '../../server/core/seal/preflight-words.ts';

/** What is looked at, in the order shown. */
export const CHECKS = {
  browser: ['secure', 'algorithms', 'worker', 'streams', 'storage', 'room'],
  line: ['answer', 'clock', 'down', 'up', 'socket'],
  // the picture of the room will have its line beside the sound
  sound: ['tone', 'voice'],
  certificate: ['sign', 'encrypt', 'key', 'login', 'bid'],
} as const;
export type Group = keyof typeof CHECKS;
export const GROUPS = Object.keys(CHECKS) as readonly Group[];
export type CheckName = (typeof CHECKS)[Group][number];

/** What this page finds itself, besides what the platform and the command line know words for. Each has its sentence and its remedy. */
export const FINDINGS = {
  not_secure: 'bad',
  no_algorithms: 'bad',
  no_worker: 'bad',
  no_streams: 'bad',
  no_storage: 'warning',
  no_file_system: 'warning',
  little_room: 'warning',
  no_answer: 'bad',
  slow_answer: 'warning',
  slow_down: 'warning',
  slow_up: 'warning',
  too_often: 'warning',
  platform_busy: 'warning',
  no_socket: 'bad',
  no_sound: 'warning',
  no_voice: 'warning',
  keys_not_opened: 'bad',
  not_checked: 'bad',
} as const;
export type FindingCode = keyof typeof FINDINGS;

/** `todo`: the person has still to do something; `none`: not looked at, and why is said. */
export type Level = 'good' | 'warning' | 'bad' | 'busy' | 'todo' | 'none';

/** Facts in a sentence, by the names of their places. */
export type Facts = Readonly<Record<string, string | number>>;

/** One thing that was looked at; of one check there are several lines where there is more to say. */
export type Line = {
  readonly check: CheckName;
  readonly level: Level;
  /** What was measured or read, in the dictionary as `said_<check>`; null where there is nothing to tell. */
  readonly facts: Facts | null;
  readonly finding:
    | { readonly own: FindingCode; readonly facts: Facts }
    | { readonly known: PreflightCode }
    /** `why` says it in the words of the platform or of a key, in the reader's language. */
    | { readonly own: FindingCode; readonly why: () => string }
    | null;
};

export const good = (check: CheckName, facts: Facts | null = null): Line => ({
  check,
  level: 'good',
  facts,
  finding: null,
});
export const found = (check: CheckName, own: FindingCode, facts: Facts = {}, said: Facts | null = null): Line => ({
  check,
  level: FINDINGS[own],
  facts: said,
  finding: { own, facts },
});
export const still = (check: CheckName, level: 'busy' | 'todo' | 'none'): Line => ({
  check,
  level,
  facts: null,
  finding: null,
});

export type Verdict = {
  /** `unfinished`: nothing is wrong so far, and something is still to be looked at. */
  readonly kind: 'ready' | 'not_ready' | 'unfinished';
  readonly bad: number;
  readonly warnings: number;
  readonly open: number;
};

/** What follows: one thing that is bad is enough, and nobody is ready who has not looked at everything. */
export function verdictOf(lines: readonly Line[]): Verdict {
  const count = (...levels: readonly Level[]) => lines.filter(({ level }) => levels.includes(level)).length;
  const bad = count('bad');
  const open = count('busy', 'todo');
  return { kind: bad > 0 ? 'not_ready' : open > 0 ? 'unfinished' : 'ready', bad, warnings: count('warning'), open };
}
