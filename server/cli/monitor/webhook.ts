/** Posts alarms to a supervisor's own address: each in turn until it is taken, in bounded time, and nowhere else. */
import { type Reach, ReachError, reachOut } from '../reach.ts';
import type { AlarmBook } from './alarm-book.ts';

/** How long one post may take. */
export const WEBHOOK_LIMIT_MS = 10_000;
/** Alarms posted between two rounds; the rest follows behind the next. */
export const POSTS_OF_A_ROUND = 20;
/** The answer is not looked at. */
const ANSWER_LIMIT_BYTES = 65_536;

/** Posts what was not taken yet, oldest first, as JSON. Returns: false when one was not taken; it is in front the next time. */
export function postAlarms(
  alarms: AlarmBook,
  webhook: string,
  reach: Pick<Reach, 'world' | 'fetch'>,
): Promise<boolean> {
  return alarms.deliver(async (alarm) => {
    const request = {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(alarm),
    } as const;
    try {
      const { status } = await reachOut({ ...reach, limitMs: WEBHOOK_LIMIT_MS }, webhook, request, ANSWER_LIMIT_BYTES);
      return status >= 200 && status < 300;
    } catch (error) {
      if (error instanceof ReachError) return false;
      throw error;
    }
  }, POSTS_OF_A_ROUND);
}

export type Posting = {
  /** There may be an alarm to post; what is under way is followed by another turn. */
  wake(): void;
  /** Once nothing is under way. */
  idle(): Promise<void>;
};

/** Posts beside the rounds, so that what was found in the first second of one does not wait for its end, nor for its failing. */
export function postBeside(
  post: () => Promise<boolean>,
  onRefused: () => void,
  onFault: (error: unknown) => void,
): Posting {
  let running: Promise<void> | null = null;
  let again = false;
  async function run(): Promise<void> {
    do {
      again = false;
      await post().then((isTaken) => {
        if (!isTaken) onRefused();
      }, onFault);
    } while (again);
    running = null;
  }
  return {
    wake() {
      again = true;
      running ??= run();
    },
    idle: async () => void (await running),
  };
}
