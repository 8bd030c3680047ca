/** What a process asks of the one that leads, because only that one signs: a row with the question, and in it the answer. */
import type { Json } from '../core/log/canonical.ts';
import type { World } from '../world.ts';
import { databaseTime } from './clock.ts';
import type { Sql, TransactionSql } from './driver.ts';
import { watchRows } from './watch-rows.ts';

/** How long an asker waits: a leader that has died has a successor by then. */
export const ERRAND_LIMIT_MS = 15_000;
/** How often asker and leader look without being told. */
const LOOK_MS = 1_000;

export type ErrandKind = 'create' | 'prepare' | 'access' | 'operator' | 'trust';

/** What came of it: a value; or why it could not be done, in words for the one who asked. */
export type ErrandAnswer = { readonly done: Json } | { readonly failed: 'read_only' | 'unknown'; readonly why: string };

/** In its row a thing that is done, but may not be told yet; `held` is what will be told. */
type Held = { readonly held: Json };
const HELD = '{"held":%';

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
  /** Looks no more; who still waits is told that nobody answered. */
  stop(): void;
};

/** Leaves errands for the leader and fetches their answers. `onLate` makes what is thrown when none comes in time. */
export function createAsker(dependencies: ErrandDependencies, onLate: () => Error): Asker {
  const { sql, world, tell, onFault } = dependencies;
  const watch = watchRows<ErrandAnswer>({
    world,
    periodMs: LOOK_MS,
    limitMs: ERRAND_LIMIT_MS,
    async look(ids) {
      const rows = await sql<{ id: number; answer: string }[]>`
        DELETE FROM errands WHERE id = ANY (${[...ids]}::bigint[]) AND answer NOT LIKE ${HELD} RETURNING id, answer`;
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
    stop: watch.stop,
  };
}

/**
 * Writes into the transaction that does an errand that it is done, and what will be told once what it did is let out.
 *
 * Throws: ErrandGone when nobody waits any more: then it must not be done.
 */
export type KeepErrand = (tx: TransactionSql, done: Json) => Promise<void>;

/** Nobody waits for it any more. */
class ErrandGone extends Error {}

type Errand = {
  readonly id: number;
  readonly kind: ErrandKind;
  readonly content: string;
  readonly answer: string | null;
};

export type Runner = {
  /** Somebody has asked. */
  hear(): void;
  /** Takes on no more, and waits for what is under way. */
  stop(): Promise<void>;
};

/**
 * Does what is asked of the leader, each thing as soon as it is seen.
 *
 * Shape: a handler either says by `keep`, in the transaction in which it does the thing, what came of it, or does what may be done
 *        twice. What it throws is answered as `unknown`.
 * Why:   a leader may die between doing and answering. What was kept the next one only tells: it has settled its logs before it
 *        runs errands, so what is committed is let out. What an asker no longer waits for is not done; such rows, and answers
 *        that nobody fetched, are taken away.
 */
export function runErrands(
  dependencies: ErrandDependencies,
  handlers: { readonly [Kind in ErrandKind]: (content: Json, keep: KeepErrand) => Promise<ErrandAnswer> },
): Runner {
  const { sql, world, tell, onFault } = dependencies;
  const underWay = new Map<number, Promise<void>>();
  let stopped = false;
  let looking: Promise<void> | null = null;
  let again = false;
  let cancel: () => void = () => undefined;

  function keeperOf(id: number): KeepErrand {
    return async (tx, held) => {
      const kept =
        await tx`UPDATE errands SET answer = ${JSON.stringify({ held } satisfies Held)} WHERE id = ${id} RETURNING id`;
      if (kept.length === 0) throw new ErrandGone(`nobody waits for errand ${id} any more`);
    };
  }

  async function answerTo({ id, kind, content, answer }: Errand): Promise<ErrandAnswer> {
    if (answer !== null) return { done: (JSON.parse(answer) as Held).held };
    try {
      return await handlers[kind](JSON.parse(content) as Json, keeperOf(id));
    } catch (error) {
      onFault(error);
      return { failed: 'unknown', why: error instanceof Error ? error.message : String(error) };
    }
  }

  async function runOne(errand: Errand): Promise<void> {
    const answer = await answerTo(errand);
    // Held to the term: when that is over this is not written, and whoever leads then does what was not done.
    await sql.begin((tx) => tx`UPDATE errands SET answer = ${JSON.stringify(answer)} WHERE id = ${errand.id}`);
    await tell('done');
  }

  async function look(): Promise<void> {
    do {
      again = false;
      // What is done while the rows are read still looks undone in them.
      const before = new Set(underWay.keys());
      await sql`DELETE FROM errands WHERE created_at < ${databaseTime(sql)} - ${ERRAND_LIMIT_MS}::bigint`;
      const rows = await sql<Errand[]>`
        SELECT id, kind, content, answer FROM errands WHERE answer IS NULL OR answer LIKE ${HELD} ORDER BY id`;
      for (const errand of rows) {
        const { id, kind } = errand;
        if (stopped || before.has(id) || underWay.has(id) || !Object.hasOwn(handlers, kind)) continue;
        const work = runOne(errand)
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
