/** The recorder of a process that does not decide: it makes acts durable, and answers them once the leader has decided. */
import type { Json } from '../core/log/canonical.ts';
import type { Sql } from '../store/driver.ts';
import { ERRAND_LIMIT_MS, type ErrandAnswer, type ErrandKind } from '../store/errands.ts';
import { isDatabaseAway } from '../store/faults.ts';
import { watchRows } from '../store/watch-rows.ts';
import type { World } from '../world.ts';
import { answerOf } from './answers.ts';
import { OutcomeUnknownError } from './faults.ts';
import { decidedOutcome } from './first-answers.ts';
import { followOpenings } from './followed-openings.ts';
import { createHeadsShown } from './head-seen.ts';
import { createIntake } from './intake.ts';
import { PREPARED } from './preparations.ts';
import { type ReceptionDeps, receiveAct } from './reception.ts';
import { ReadOnlyError, type Recorder } from './recorder.ts';
import type { Answer, Submission } from './submission.ts';

/** How often it looks for decisions that nobody told it of. */
const LOOK_MS = 500;
/** How long somebody is kept waiting for a decision; his act is durable, and whoever leads by then decides it all the same. */
const DECISION_LIMIT_MS = ERRAND_LIMIT_MS;

export type FollowingDeps = {
  readonly sql: Sql;
  readonly world: World;
  readonly platform: string;
  /** Why the leader takes no commands; null while he does. */
  whyReadOnly(): string | null;
  /** Tells the leader that an act was received. */
  tellReceived(openingId: string): Promise<void>;
  /** Asks the leader for what only he may do. */
  ask(kind: ErrandKind, content: Json): Promise<ErrandAnswer>;
  onFault(error: unknown): void;
};

export type FollowingRecorder = Pick<Recorder, 'create' | 'submit' | 'keptOf' | 'stateOf' | 'health'> & {
  /** Something was decided. */
  hear(): void;
  /** Waits for no decision any more. */
  stop(): void;
};

/** Why: an act received here has its `receivedAt` although nobody leads at this moment; that is what counts. */
export function createFollowingRecorder(deps: FollowingDeps): FollowingRecorder {
  const { sql, world, platform } = deps;
  const openings = followOpenings(sql, platform);
  const tellAbout = once(deps.tellReceived, deps.onFault);
  const decisions = watchRows<true>({
    world,
    periodMs: LOOK_MS,
    limitMs: DECISION_LIMIT_MS,
    async look(ids) {
      // What is committed is signed a moment later; before that there is nothing to prove an answer by.
      const rows = await sql<{ id: number }[]>`
        SELECT id FROM intake i WHERE id = ANY (${[...ids]}::bigint[]) AND decided
        AND NOT EXISTS (SELECT 1 FROM logs l WHERE l.opening_id = i.opening_id
          AND NOT EXISTS (SELECT 1 FROM checkpoints c WHERE c.origin = l.origin AND c.size = l.size))`;
      return new Map(rows.map(({ id }) => [id, true]));
    },
    onLate: () => new OutcomeUnknownError(new Error('the leader has not decided yet')),
    onFault: deps.onFault,
  });
  const reception: ReceptionDeps = {
    platform,
    intake: createIntake(sql, world),
    heads: createHeadsShown(sql),
    async isOpening(openingId) {
      const [found] = await sql`SELECT 1 FROM openings WHERE id = ${openingId}`;
      return found !== undefined;
    },
    // What has changed in an opening only its leader knows at once.
    refusedAgain: async () => null,
    async before({ openingId, type, role }) {
      const isPrepared: readonly string[] = PREPARED;
      if (isPrepared.includes(type)) doneBy(await deps.ask('prepare', { openingId, type, role }));
    },
    onUnsure: tellAbout,
  };

  async function submit(submission: Submission): Promise<Answer> {
    const received = await receiveAct(reception, submission);
    if ('outcome' in received) return received;
    const { openingId } = submission;
    tellAbout(openingId);
    await decisions.wait(received.id);
    const outcome = await decidedOutcome(sql, received.id, received.known);
    if (outcome === null) throw new Error(`row ${received.id} of the intake was decided and is not`);
    return answerOf({ sql, signer: null, platform }, openingId, outcome, null);
  }

  async function answering<T>(work: () => Promise<T>): Promise<T> {
    const why = deps.whyReadOnly();
    if (why !== null) throw new ReadOnlyError(why);
    try {
      return await work();
    } catch (error) {
      throw isDatabaseAway(error) ? new OutcomeUnknownError(error) : error;
    }
  }

  return {
    create: (request) =>
      answering(async () => doneBy(await deps.ask('create', request as unknown as Json)) as unknown as Answer),
    submit: (submission) => answering(() => submit(submission)),
    keptOf: openings.keptOf,
    async stateOf(openingId) {
      return (await openings.keptOf(openingId))?.state ?? null;
    },
    health: () => ({ readOnly: deps.whyReadOnly() !== null, why: deps.whyReadOnly(), openings: 0, damaged: 0 }),
    hear: decisions.hear,
    stop: decisions.stop,
  };
}

/** What the leader made of an errand. Throws: ReadOnlyError, OutcomeUnknownError: as he would have. */
export function doneBy(answer: ErrandAnswer): Json {
  if ('done' in answer) return answer.done;
  throw answer.failed === 'read_only' ? new ReadOnlyError(answer.why) : new OutcomeUnknownError(new Error(answer.why));
}

/** Tells one thing at a time about each opening: what is to be told while that is under way is told once, after it. */
function once(tell: (openingId: string) => Promise<void>, onFault: (error: unknown) => void) {
  const underWay = new Map<string, { again: boolean }>();
  return (openingId: string): void => {
    const before = underWay.get(openingId);
    if (before !== undefined) {
      before.again = true;
      return;
    }
    const now = { again: true };
    underWay.set(openingId, now);
    const telling = async (): Promise<void> => {
      while (now.again) {
        now.again = false;
        await tell(openingId);
      }
    };
    void telling()
      .catch(onFault)
      .finally(() => underWay.delete(openingId));
  };
}
