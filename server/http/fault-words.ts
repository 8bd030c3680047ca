/** What went wrong, for the logger: the first of its kind at once, further ones of the same kind as one line with their count. */
import type { FastifyBaseLogger } from 'fastify';
import type { World } from '../world.ts';
import type { ProblemCode } from './errors.ts';

/** How long faults of one kind are gathered into one line, ms. */
export const GATHER_MS = 10_000;

export type FaultWords = {
  say(error: Error, code: ProblemCode, route: string): void;
  /** Tells what was gathered, and waits for nothing more. */
  close(): void;
};

type Gathered = { more: number; readonly firstAt: number; lastAt: number; tell(): void };

/**
 * Tells of faults by route, code and class.
 *
 * Why: when the database is away, a thousand clients that ask again say nothing new; a description each would fill the disk that the
 *      log of acts needs. There are only so many routes, codes and classes, so what is remembered is bounded.
 */
export function createFaultWords(world: Pick<World, 'now' | 'after'>, logger: FastifyBaseLogger): FaultWords {
  const gathered = new Map<string, Gathered>();

  function gather(kind: string, code: ProblemCode, route: string): void {
    const firstAt = world.now();
    const cancel = world.after(GATHER_MS, () => one.tell());
    const one: Gathered = {
      more: 0,
      firstAt,
      lastAt: firstAt,
      tell() {
        cancel();
        gathered.delete(kind);
        const { more, lastAt } = one;
        if (more > 0) logger.error({ code, route, count: more + 1, firstAt, lastAt }, 'requests failed alike');
      },
    };
    gathered.set(kind, one);
  }

  return {
    say(error, code, route) {
      const kind = `${code} ${route} ${error.name}`;
      const one = gathered.get(kind);
      if (one !== undefined) {
        one.more += 1;
        one.lastAt = world.now();
        return;
      }
      gather(kind, code, route);
      logger.error({ err: error, route }, 'a request failed');
    },
    close() {
      for (const one of [...gathered.values()]) one.tell();
    },
  };
}
