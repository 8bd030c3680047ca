/**
 * The points of the order of effects at which a server can be made to die, reached through what is handed in to it: the pool and
 * the signer. Nothing of it is in production code, so nothing there can trip over it.
 */
import { kindOfOrigin } from '../../server/core/log/origin.ts';
import type { Signer } from '../../server/recorder/signer.ts';
import type { Sql, TransactionSql } from '../../server/store/driver.ts';

/**
 * What has just been done when the point is reached; the numbers are those of the orders of effects in server/recorder.
 *
 * keeper: 1 intake committed, 3 entries made, 4 head noted in the guard, 5 COMMIT, 6 released, 7 announced.
 * commit: 1 entries, 2 head noted, 3 COMMIT, 4 released, 5 announced.
 */
export const FAULT_POINTS = [
  'intake_inserted',
  'intake_committed',
  'entries_made',
  'head_noted',
  'round_written',
  'round_committed',
  'head_released',
  'head_announced',
] as const;
export type FaultPoint = (typeof FAULT_POINTS)[number];

/** Told of each point of an opening's log; what it returns is waited for, so one that never comes stops the server there. */
export type Reach = (point: FaultPoint) => Promise<void> | void;

export type Watched = {
  readonly sql: Sql;
  watchSigner(signer: Signer): Signer;
  /** Statements, transactions and signatures that are under way. */
  busy(): number;
  /** From here on a listener hears what is announced. */
  hears(): void;
  /** What a listener heard. */
  heard(payload: string): void;
  /** The listener hears anew: what was announced meanwhile is lost to it. */
  hearsAnew(): void;
  /** Announcements that have not been heard yet. */
  unheard(): number;
  /** From here on nothing that is asked is ever carried out or answered. */
  cut(): void;
};

type Query = Promise<unknown> & { then: Promise<unknown>['then'] };
/** `named`: every text given to it, the origins of the logs it locks among them. */
type Transaction = { isIntake: boolean; isRound: boolean; readonly named: Set<unknown> };

const never = (): Promise<never> => new Promise(() => undefined);

/** A pool and a signer that count what is under way, tell of each point, and can be cut off as by a power failure. */
export function watched(sql: Sql, platform: string, reach: Reach, onIdle: () => void): Watched {
  /** Origins whose new head was noted in a transaction that has not ended. */
  const noted = new Set<string>();
  let busy = 0;
  let isHeard = false;
  const unheard = new Set<unknown>();
  let isCut = false;

  async function during<Result>(work: () => Promise<Result>): Promise<Result> {
    if (isCut) return never();
    busy += 1;
    try {
      const result = await work();
      return isCut ? await never() : result;
    } catch (error) {
      if (isCut) return never();
      throw error;
    } finally {
      busy -= 1;
      if (busy === 0) onIdle();
    }
  }

  function watchQuery(query: unknown, text: string, payload: unknown): unknown {
    if (typeof query !== 'object' || query === null || !('then' in query)) return query;
    const asked = query as Query;
    // The driver begins a query when somebody waits for it, which `then` tells.
    const begin = asked.then.bind(asked);
    const isAnnouncement = text.includes('pg_notify');
    // The ledger announces its heads, too, in its own time.
    const isOpening = isAnnouncement && kindOfOrigin(platform, String(payload).replace(/^[0-9]+ /, '')) === 'opening';
    let answer: Promise<unknown> | null = null;
    // biome-ignore lint/suspicious/noThenProperty: it has one already, and this is when the driver begins
    asked.then = (done, failed) => {
      answer ??= during(async () => {
        if (isAnnouncement && isHeard) unheard.add(payload);
        const found = await new Promise((resolve, reject) => void begin(resolve, reject));
        if (isOpening) await reach('head_announced');
        return found;
      });
      return answer.then(done, failed);
    };
    return asked;
  }

  function watchTransaction(tx: TransactionSql, transaction: Transaction): TransactionSql {
    return new Proxy(tx, {
      apply(target, self, args: unknown[]) {
        if (Array.isArray(args[0]) && args[0].join('').includes('INSERT INTO intake')) transaction.isIntake = true;
        for (const arg of args) if (typeof arg === 'string') transaction.named.add(arg);
        return Reflect.apply(target as unknown as (...all: unknown[]) => unknown, self, args);
      },
    });
  }

  async function written(work: unknown, transaction: Transaction): Promise<unknown> {
    const made = await work;
    // The head's row is locked until the end: of the transactions that name a log only one can have signed for it.
    for (const origin of noted) if (transaction.named.has(origin)) transaction.isRound = noted.delete(origin);
    if (transaction.isIntake) await reach('intake_inserted');
    if (transaction.isRound) await reach('round_written');
    return isCut ? never() : made;
  }

  async function begin(...args: readonly unknown[]): Promise<unknown> {
    const work = args.at(-1) as (tx: TransactionSql) => unknown;
    const transaction: Transaction = { isIntake: false, isRound: false, named: new Set() };
    return during(async () => {
      const run = sql.begin as (...all: unknown[]) => Promise<unknown>;
      const answer = await run(...args.slice(0, -1), (tx: TransactionSql) =>
        written(work(watchTransaction(tx, transaction)), transaction),
      );
      if (transaction.isIntake) await reach('intake_committed');
      if (transaction.isRound) await reach('round_committed');
      return answer;
    });
  }

  return {
    sql: new Proxy(sql, {
      apply(target, self, args: unknown[]) {
        const made = Reflect.apply(target as unknown as (...all: unknown[]) => unknown, self, args);
        return Array.isArray(args[0]) && 'raw' in args[0] ? watchQuery(made, args[0].join(''), args[2]) : made;
      },
      get: (target, name): unknown => (name === 'begin' ? begin : Reflect.get(target, name)),
    }),
    watchSigner: (signer) => ({
      ...signer,
      pend: (origin, ...rest) =>
        during(async () => {
          const isOpening = kindOfOrigin(platform, origin) === 'opening';
          if (isOpening) await reach('entries_made');
          await signer.pend(origin, ...rest);
          if (isOpening) noted.add(origin);
          if (isOpening) await reach('head_noted');
        }),
      release: (origin, ...rest) =>
        during(async () => {
          const head = await signer.release(origin, ...rest);
          if (kindOfOrigin(platform, origin) === 'opening') await reach('head_released');
          return head;
        }),
      settle: (...all) => during(() => signer.settle(...all)),
      signReceipt: (...all) => during(() => signer.signReceipt(...all)),
    }),
    busy: () => busy,
    hears() {
      isHeard = true;
    },
    heard: (payload) => void unheard.delete(payload),
    hearsAnew: () => unheard.clear(),
    unheard: () => unheard.size,
    cut() {
      isCut = true;
    },
  };
}
