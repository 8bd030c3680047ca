/** The list of published openings as the lobby shows it: what is going on, what is to come, what is over. */
import * as Type from 'typebox';
import { Check } from 'typebox/schema';
import { PHASES, type Phase } from '../../server/core/opening/phases.ts';

const Listed = Type.Object({
  openingId: Type.String({ pattern: '^[a-z0-9][a-z0-9-]{0,62}[a-z0-9]$' }),
  title: Type.String(),
  phase: Type.Enum(PHASES),
  deadlineAt: Type.Integer(),
  createdAt: Type.Integer(),
});
const Answer = Type.Object({ openings: Type.Array(Listed), now: Type.Integer() });
export type ListedOpening = Type.Static<typeof Listed>;
export type OpeningList = Type.Static<typeof Answer>;

const Lobby = Type.Object({ ...Answer.properties, isCut: Type.Boolean() });
/** The list as far as it was asked for; `isCut` when there are more behind it. */
export type LobbyList = Type.Static<typeof Lobby>;

/** Openings of one answer of the server: a shorter answer is the last. */
export const PAGE_LIMIT = 100;
/** Answers that are asked for, one after the other: some two months of a large centre. */
export const PAGES_LIMIT = 20;

/** The one to be opened next: the earliest whose time is not over yet. */
export function nextOf(openings: readonly ListedOpening[], now: number | null): ListedOpening | undefined {
  return grouped(openings, '').coming.find(
    ({ phase, deadlineAt }) => phase !== 'Postponed' && (now === null || deadlineAt > now),
  );
}

/** The server's answer; null when it is none of ours. */
export function readOpenings(answer: unknown): OpeningList | null {
  return Check(Answer, answer) ? answer : null;
}

/** What `askAllPages` gave; null when it gave nothing. */
export function readLobby(answer: unknown): LobbyList | null {
  return Check(Lobby, answer) ? answer : null;
}

/**
 * All openings, page by page: the newest are not the next to be opened.
 *
 * Shape:   `askPage` gives the page behind an opening, or the first for null; null for an answer that is none of ours.
 * Returns: null when one of the pages did not come; the time is the last page's.
 */
export async function askAllPages(
  askPage: (before: string | null) => Promise<OpeningList | null>,
): Promise<LobbyList | null> {
  const openings: ListedOpening[] = [];
  for (let pages = 1; ; pages++) {
    const page = await askPage(openings[openings.length - 1]?.openingId ?? null);
    if (page === null) return null;
    openings.push(...page.openings);
    const isLast = page.openings.length < PAGE_LIMIT;
    if (isLast || pages === PAGES_LIMIT) return { openings, now: page.now, isCut: !isLast };
  }
}

export const GROUPS = ['running', 'coming', 'over'] as const;
export type Group = (typeof GROUPS)[number];

/** Where an opening stands by its phase. */
const GROUP_OF = {
  Draft: 'coming',
  Scheduled: 'coming',
  Postponed: 'coming',
  // checked in for, and still to be opened
  CheckIn: 'coming',
  Sealed: 'running',
  RosterPublished: 'running',
  Drawing: 'running',
  Decrypting: 'running',
  TendererDecrypting: 'running',
  Attribution: 'running',
  Remedy: 'running',
  Announcing: 'running',
  QuoteRound: 'running',
  RecordConfirm: 'running',
  ReviewMeeting: 'running',
  Closed: 'over',
  HandedOver: 'over',
  Archived: 'over',
  Failed: 'over',
  Aborted: 'over',
} as const satisfies Record<Phase, Group>;

/**
 * The openings of each group whose title or number holds every word of `search`.
 *
 * Shape: what is going on and what is to come by its opening time, the earliest first; what is over the latest first.
 */
export function grouped(
  openings: readonly ListedOpening[],
  search: string,
): Readonly<Record<Group, readonly ListedOpening[]>> {
  const words = search.normalize('NFC').toLowerCase().split(/\s+/).filter(Boolean);
  const found = openings.filter(({ title, openingId }) => {
    const text = `${title} ${openingId}`.toLowerCase();
    return words.every((word) => text.includes(word));
  });
  const of = (group: Group, order: 1 | -1) =>
    found
      .filter(({ phase }) => GROUP_OF[phase] === group)
      .sort((a, b) => order * (a.deadlineAt - b.deadlineAt) || (a.openingId < b.openingId ? -1 : 1));
  return { running: of('running', 1), coming: of('coming', 1), over: of('over', -1) };
}
