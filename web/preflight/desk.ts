/** The pre-flight as one page runs it: what is known of each check, and what the person may do next. */
import { type ReadonlySignal, signal } from '@preact/signals';
import type { LobbyRole } from '../lobby/duties.ts';
import { type BrowserNeeds, lookAtBrowser } from './browser.ts';
import { type LineNeeds, measureLine } from './line.ts';
import { CHECKS, type CheckName, found, GROUPS, type Group, good, type Line, still } from './lines.ts';

export type DeskNeeds = {
  readonly browser: BrowserNeeds;
  readonly line: LineNeeds;
  /** Whether there is a Chinese voice. */
  hasVoice(): Promise<boolean>;
};

export type Desk = {
  /** The platform's time once it is known, this computer's before, ms. */
  now(): number;
  /** Of every group, in the order of the checks. */
  readonly lines: ReadonlySignal<Readonly<Record<Group, readonly Line[]>>>;
  readonly role: ReadonlySignal<LobbyRole>;
  /** When looking last came to an end, ms; null before it did. */
  readonly lookedAt: ReadonlySignal<number | null>;
  /** While browser and line are looked at. */
  readonly isLooking: ReadonlySignal<boolean>;
  /** Looks at everything that needs nobody, again if it was looked at before. */
  look(): Promise<void>;
  /** As whom somebody takes part; what was found of certificates before is of another question. */
  beAs(role: LobbyRole): void;
  /** What the person says of the tone. */
  heard(isHeard: boolean): void;
  /** What was found of the person's keys; null while it is being looked at. */
  takeCertificates(lines: readonly Line[] | null): void;
};

export function createDesk(needs: DeskNeeds, first: LobbyRole): Desk {
  const role = signal(first);
  const lines = signal({
    browser: linesOf('browser', 'busy'),
    line: linesOf('line', 'busy'),
    sound: [still('tone', 'todo'), still('voice', 'busy')] as readonly Line[],
    certificate: certificateLines(first),
  });
  const lookedAt = signal<number | null>(null);
  const isLooking = signal(false);
  const now = (): number => needs.line.clock.now() ?? needs.line.ownNow();

  /** Of a check that was looked at once more the old line goes. */
  function tell(line: Line): void {
    const group = groupOf(line.check);
    const others = lines.value[group].filter(({ check }) => check !== line.check);
    put(group, [...others, line]);
  }
  function put(group: Group, of: readonly Line[]): void {
    const order: readonly CheckName[] = CHECKS[group];
    const sorted = [...of].sort((a, b) => order.indexOf(a.check) - order.indexOf(b.check));
    lines.value = { ...lines.value, [group]: sorted };
    lookedAt.value = now();
  }

  return {
    now,
    lines,
    role,
    lookedAt,
    isLooking,
    async look() {
      if (isLooking.value) return;
      isLooking.value = true;
      put('browser', linesOf('browser', 'busy'));
      put('line', linesOf('line', 'busy'));
      try {
        // the keys' worker is fetched by the line that is measured: one after the other
        await lookAtBrowser(needs.browser, tell);
        tell((await needs.hasVoice()) ? good('voice') : found('voice', 'no_voice'));
        await measureLine(needs.line, tell);
      } finally {
        isLooking.value = false;
      }
    },
    beAs(chosen) {
      role.value = chosen;
      put('certificate', certificateLines(chosen));
    },
    heard: (isHeard) => tell(isHeard ? good('tone') : found('tone', 'no_sound')),
    takeCertificates: (given) => put('certificate', given ?? linesFor(role.value, 'busy')),
  };
}

function linesOf(group: 'browser' | 'line', level: 'busy'): readonly Line[] {
  return CHECKS[group].map((check) => still(check, level));
}

/** The public needs no certificate; who bids needs two, and a key that opens. */
const certificateLines = (role: LobbyRole): readonly Line[] => linesFor(role, 'todo');

function linesFor(role: LobbyRole, level: 'todo' | 'busy'): readonly Line[] {
  if (role === 'public') return [];
  const checks = role === 'bidder' ? (['sign', 'encrypt', 'key', 'login'] as const) : (['sign', 'login'] as const);
  return checks.map((check) => still(check, level));
}

function groupOf(check: CheckName): Group {
  const found = GROUPS.find((group) => (CHECKS[group] as readonly CheckName[]).includes(check));
  if (found === undefined) throw new Error(`no group has ${check}`);
  return found;
}
