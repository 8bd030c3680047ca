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
