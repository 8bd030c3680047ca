/** What a command waits for before it is received — slow work of the vault, or the cosigners of a close: it holds no other act back. */
import { COMMANDS, type CommandType } from '../core/opening/commands.ts';
import type { OpeningState } from '../core/opening/state.ts';
import type { Prepared } from './fact-finding.ts';
import type { OpeningDesk } from './opening-desk.ts';
import type { Submission } from './submission.ts';

/** The commands that wait: the first two for the vault's work, the others for the quorum, and not for long. */
export const PREPARED = [
  'AnnouncePrices',
  'HandOver',
  'ProposeClose',
  'AttestClose',
] as const satisfies readonly CommandType[];

export type Preparations = {
  /**
   * Returns once what this submission needs is there, or cannot be had.
   *
   * Why: when the work failed the command is refused as not ready, which is what it is; the fault is ours to look at.
   */
  prepare(submission: Pick<Submission, 'openingId' | 'type' | 'role'>): Promise<void>;
  /** What is there for an opening. */
  of(openingId: string): Prepared;
  /** The opening has left the phases in which it is needed. */
  forget(openingId: string): void;
};

type PreparationDeps = {
  readonly desk: OpeningDesk;
  stateOf(openingId: string): Promise<OpeningState | null>;
  /** See closing.ts. */
  untilClosable(state: OpeningState): Promise<void>;
  onFault(error: unknown): void;
};

const NOTHING: Prepared = { openedLists: null, manifest: null };

/*
 * What is prepared stays in memory until the opening leaves the phase, so that a command that was refused for another reason does
 * not open every bid once more.
 */
export function createPreparations({ desk, stateOf, untilClosable, onFault }: PreparationDeps): Preparations {
  const prepared = new Map<string, Prepared>();
  const underWay = new Map<string, Promise<void>>();
  const of = (openingId: string): Prepared => prepared.get(openingId) ?? NOTHING;

  async function prepareLists(openingId: string): Promise<void> {
    const state = await stateOf(openingId);
    const before = of(openingId);
    if (state?.phase !== 'Attribution' || before.openedLists !== null) return;
    prepared.set(openingId, { ...before, openedLists: await desk.lists(state) });
  }

  async function prepareFiles(openingId: string): Promise<void> {
    const state = await stateOf(openingId);
    const before = of(openingId);
    const isDue = state?.phase === 'Closed' || state?.phase === 'ReviewMeeting';
    if (!isDue || before.manifest !== null) return;
    prepared.set(openingId, { ...before, manifest: await desk.manifest(state) });
  }

  async function awaitQuorum(openingId: string): Promise<void> {
    const state = await stateOf(openingId);
    if (state !== null) await untilClosable(state);
  }

  const WORK: Readonly<Record<(typeof PREPARED)[number], (openingId: string) => Promise<void>>> = {
    AnnouncePrices: prepareLists,
    HandOver: prepareFiles,
    ProposeClose: awaitQuorum,
    AttestClose: awaitQuorum,
  };

  return {
    of,
    async prepare({ openingId, type, role }) {
      const kind = PREPARED.find((name) => name === type);
      if (kind === undefined) return;
      const roles: readonly string[] = COMMANDS[kind].roles;
      if (!roles.includes(role)) return;
      const job = `${openingId}/${kind}`;
      const work = underWay.get(job) ?? WORK[kind](openingId).catch(onFault);
      underWay.set(job, work);
      await work.finally(() => underWay.delete(job));
    },
    forget(openingId) {
      prepared.delete(openingId);
    },
  };
}
