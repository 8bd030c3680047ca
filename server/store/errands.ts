/** What a process asks of the one that leads, because only that one signs: a row with the question, and in it the answer. */
import type { Json } from '../core/log/canonical.ts';
import type { World } from '../world.ts';
import { databaseTime } from './clock.ts';
import type { Sql } from './driver.ts';
import { watchRows } from './watch-rows.ts';

/** How long an asker waits: a leader that has died has a successor by then. */
export const ERRAND_LIMIT_MS = 15_000;
/** How often asker and leader look without being told. */
const LOOK_MS = 1_000;

export type ErrandKind = 'create' | 'prepare' | 'access' | 'operator' | 'trust';

/** What came of it: a value; or why it could not be done, in words for the one who asked. */
export type ErrandAnswer = { readonly done: Json } | { readonly failed: 'read_only' | 'unknown'; readonly why: string };

export type ErrandDependencies = {
  readonly sql: Sql;
  readonly world: Pick<World, 'now' | 'after'>;
  /** Tells the other processes. */
  tell(is: 'asked' | 'done'): Promise<void>;
  onFault(error: unknown): void;
};

export type Asker = {
  /**
   * Asks the leader, whoever that is by then.
   *
   * Throws: what `onLate` makes when nobody answered in time: it may have been done. What the database says.
   */
  ask(kind: ErrandKind, content: Json): Promise<ErrandAnswer>;
  /** Something was done. */
  hear(): void;
};

export function createAsker(dependencies: ErrandDependencies, onLate: () => Error): Asker {
  const { sql, world, tell, onFault } = dependencies;
  const watch = watchRows<ErrandAnswer>({
    world,
    periodMs: LOOK_MS,
    limitMs: ERRAND_LIMIT_MS,
    async look(ids) {
      const rows = await sql<{ id: number; answer: string }[]>`
        DELETE FROM errands WHERE id = ANY (${[...ids]}::bigint[]) AND answer IS NOT NULL RETURNING id, answer`;
      return new Map(rows.map(({ id, answer }) => [id, JSON.parse(answer) as ErrandAnswer]));
    },
    onLate,
    onFault,
  });
  return {
    async ask(kind, content) {
      const [row] = await sql<{ id: number }[]>`
        INSERT INTO errands (kind, content, created_at) VALUES (${kind}, ${JSON.stringify(content)}, ${databaseTime(sql)})
        RETURNING id`;
      if (row === undefined) throw new Error('the errand was not left');
      await tell('asked');
      return watch.wait(row.id);
    },
    hear: watch.hear,
  };
}

export type Runner = {
  /** Somebody has asked. */
  hear(): void;
  /** Takes on no more, and waits for what is under way. */
  stop(): Promise<void>;
};

/**
 * Does what is asked of the leader, each thing as soon as it is seen.
 *
 * Why: what an asker no longer waits for is not done; such rows, and answers that nobody fetched, are taken away. A leader that
 *      dies between doing and answering leaves it to be done once more: creation knows its own repetition, a read or an operator's
 *      act then stands on its log twice.
 */
export function runErrands(
  dependencies: ErrandDependencies,
  handlers: { readonly [Kind in ErrandKind]: (content: Json) => Promise<ErrandAnswer> },
): Runner {
  const { sql, world, tell, onFault } = dependencies;
  const underWay = new Map<number, Promise<void>>();
  let stopped = false;
  let looking: Promise<void> | null = null;
  let again = false;
  let cancel: () => void = () => undefined;

  async function runOne(id: number, kind: ErrandKind, content: string): Promise<void> {
    const answer = await handlers[kind](JSON.parse(content) as Json);
    await sql.begin((tx) => tx`UPDATE errands SET answer = ${JSON.stringify(answer)} WHERE id = ${id}`);
    await tell('done');
  }

  async function look(): Promise<void> {
    do {
      again = false;
      // What is done while the rows are read still looks undone in them.
      const before = new Set(underWay.keys());
      await sql`DELETE FROM errands WHERE created_at < ${databaseTime(sql)} - ${ERRAND_LIMIT_MS}::bigint`;
      const rows = await sql<{ id: number; kind: ErrandKind; content: string }[]>`
        SELECT id, kind, content FROM errands WHERE answer IS NULL ORDER BY id`;
      for (const { id, kind, content } of rows) {
        if (stopped || before.has(id) || underWay.has(id) || !Object.hasOwn(handlers, kind)) continue;
        const work = runOne(id, kind, content)
          .catch(onFault)
          .finally(() => underWay.delete(id));
        underWay.set(id, work);
      }
    } while (again && !stopped);
  }

  function hear(): void {
    again = true;
    if (stopped) return;
    looking ??= look()
      .catch(onFault)
      .finally(() => {
        looking = null;
        // Somebody may have asked since it looked last; after a fault it waits.
        next(again ? 0 : LOOK_MS);
      });
  }

  function next(delayMs: number): void {
    cancel();
    if (!stopped) cancel = world.after(delayMs, hear);
  }
  hear();

  return {
    hear,
    async stop() {
      stopped = true;
      cancel();
      await looking;
      await Promise.all(underWay.values());
    },
  };
}
