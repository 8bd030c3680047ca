/** A faulty network between people and platform: requests and answers get lost, come late, twice or out of order; people ask again. */
import { headSeenOf } from '../../server/core/log/act.ts';
import { COMMANDS, type CommandType } from '../../server/core/opening/commands.ts';
import type { Answer, Submission } from '../../server/recorder/submission.ts';
import type { Chance } from './chance.ts';
import type { Platform } from './platform.ts';
import type { Bell, SimWorld } from './sim-world.ts';
import { holds, ViolationError } from './violations.ts';

/** A command on its way, and what became of it. */
export type Sent = {
  readonly submission: Submission;
  readonly sentAt: number;
  /** Every delivery's answer as the platform gave it, whether or not it came through. */
  readonly given: Answer[];
  /** The answer its person has; null while there is none. */
  answer: Answer | null;
  answeredAt: number | null;
  isGivenUp: boolean;
};

export type Trouble = {
  readonly lostRequest: number;
  readonly lostAnswer: number;
  readonly twice: number;
  readonly late: number;
};

export type Network = {
  /** Sends a command; it is asked again under its id until an answer comes through or patience ends. */
  send(
    submission: Submission,
    chance: Chance,
    how: { readonly isExact: boolean; readonly onEnd: (sent: Sent) => void },
  ): Sent;
  /** Deliveries that the platform has not answered. */
  flying(): number;
  /** Nothing more comes for this opening. */
  forget(openingId: string): void;
};

const TRIES = 30;
const AGAIN_MS = { least: 200, most: 1_200 };
const LATE_LIMIT_MS = 400;
/** Refusals of what was not received or could not be decided, so that nothing stands under the command's id. */
const NOT_KEPT: readonly string[] = [
  'head_seen_unknown',
  'could_not_be_decided',
  'no_such_opening',
  'refused_just_now',
];

/** Whether this stays the answer to the command's id, whatever comes under it later. */
export function isKept({ type }: Submission, answer: Answer): boolean {
  if (answer.outcome === 'accepted') return true;
  // What only the clock or the platform may ask is not received from anybody.
  const isNobodys = Object.hasOwn(COMMANDS, type) && COMMANDS[type as CommandType].signedBy === 'none';
  return !isNobodys && !NOT_KEPT.includes(answer.code);
}

export function createNetwork(
  platform: Platform,
  world: SimWorld,
  trouble: Trouble,
  bell: Bell,
  onBroken: (why: unknown) => void,
): Network {
  let flying = 0;
  const doors = new Map<string, Door>();

  async function deliver(sent: Sent): Promise<Answer | null> {
    const { openingId, act } = sent.submission;
    const door = doors.get(openingId) ?? createDoor();
    doors.set(openingId, door);
    flying += 1;
    const leave = await door((headSeenOf(act)?.size ?? 0) > 0);
    const life = platform.life();
    try {
      if (life === null) return null;
      const answer = await Promise.race([life.recorder.submit(sent.submission), life.over]);
      if (answer === null) return null;
      checkSame(sent, answer);
      sent.given.push(answer);
      return answer;
    } catch (error) {
      if (error instanceof ViolationError) throw error;
      const isUnknown = error instanceof Error && 'code' in error && error.code === 'outcome_unknown';
      if (isUnknown) return null;
      throw error;
    } finally {
      leave();
      flying -= 1;
      if (flying === 0) bell.ring();
    }
  }

  return {
    flying: () => flying,
    forget: (openingId) => void doors.delete(openingId),
    send(submission, chance, { isExact, onEnd }) {
      const sent: Sent = {
        submission,
        sentAt: world.now(),
        given: [],
        answer: null,
        answeredAt: null,
        isGivenUp: false,
      };
      let tries = 0;
      const later = (): void => {
        if (sent.answer !== null) return;
        if (tries >= TRIES) {
          sent.isGivenUp = true;
          onEnd(sent);
        } else world.after(chance.between(AGAIN_MS.least, AGAIN_MS.most), attempt);
      };
      const once = async (isAnswerLost: boolean): Promise<void> => {
        const answer = await deliver(sent);
        if (answer === null || isAnswerLost) return later();
        if (sent.answer !== null) return;
        sent.answer = answer;
        sent.answeredAt = world.now();
        onEnd(sent);
      };
      function attempt(): void {
        if (sent.answer !== null) return;
        tries += 1;
        const isRequestLost = !(isExact && tries === 1) && chance.happens(trouble.lostRequest);
        const isAnswerLost = chance.happens(trouble.lostAnswer);
        const isTwice = chance.happens(trouble.twice);
        if (isRequestLost) later();
        else {
          once(isAnswerLost).catch(onBroken);
          if (isTwice) deliver(sent).catch(onBroken);
        }
      }
      if (!isExact && chance.happens(trouble.late)) world.after(chance.between(1, LATE_LIMIT_MS), attempt);
      else attempt();
      return sent;
    },
  };
}

/** Lets in, and gives what to call on leaving. */
type Door = (isAlone: boolean) => Promise<() => void>;

/**
 * Lets deliveries to one opening in one after another, as they came: those that name a head alone, the others together.
 *
 * Why: a head is looked up before the act is received, on whichever connection is free; so who came first would be chance that no
 *      seed decides. Acts that name none are received in the order in which they were sent, and share rounds.
 */
function createDoor(): Door {
  let last: Promise<void> = Promise.resolve();
  let together: Promise<void>[] = [];
  return async (isAlone) => {
    let leave: () => void = () => undefined;
    const left = new Promise<void>((resolve) => {
      leave = resolve;
    });
    const before = isAlone ? [last, ...together] : [last];
    if (isAlone) {
      last = left;
      together = [];
    } else together.push(left);
    await Promise.all(before);
    return leave;
  };
}

function checkSame({ submission, given }: Sent, answer: Answer): void {
  const [first] = given;
  if (first === undefined || !isKept(submission, first) || !isKept(submission, answer)) return;
  holds(JSON.stringify(first) === JSON.stringify(answer), 'same_answer', submission.openingId, () => {
    const brief = (one: Answer): string => JSON.stringify(one).slice(0, 300);
    return `${submission.type} ${submission.command} got ${brief(first)}, then ${brief(answer)}`;
  });
}
