/** Trouble at the worst moment: a COMMIT whose answer is lost, one that never arrives, a guard that cannot write. */
import { GuardFault } from '../../server/recorder/guard-faults.ts';
import type { Signer } from '../../server/recorder/signer.ts';
import type { Sql, TransactionSql } from '../../server/store/driver.ts';

export type Trouble = {
  readonly sql: Sql;
  /** Befalls the next round of the recorder: `done`: committed, but nobody hears of it; `undone`: it never was; null: none. */
  strike(how: 'done' | 'undone' | null): void;
  /** How many rounds it has struck. */
  struck(): number;
};

/** The pool with trouble ahead; `superuser` is who pulls the plug. */
export function troubled(sql: Sql, superuser: Sql): Trouble {
  let next: 'done' | 'undone' | null = null;
  let struck = 0;

  async function begin(work: (tx: TransactionSql) => Promise<unknown>): Promise<unknown> {
    let isRound = false;
    let how: typeof next = null;
    const answer = await sql.begin(async (tx) => {
      const watched = new Proxy(tx, {
        apply(target, self, args: unknown[]) {
          if (Array.isArray(args[0]) && args[0].join('').includes('FROM openings WHERE id =')) isRound = true;
          return Reflect.apply(target as unknown as (...args: unknown[]) => unknown, self, args);
        },
      });
      const result = await work(watched);
      if (!isRound || next === null) return result;
      how = next;
      next = null;
      struck += 1;
      if (how === 'undone') {
        const [backend] = await tx<{ pid: number }[]>`SELECT pg_backend_pid() AS pid`;
        await superuser`SELECT pg_terminate_backend(${backend?.pid ?? 0})`;
      }
      return result;
    });
    if (how === 'done') throw Object.assign(new Error('the line was cut'), { code: 'CONNECTION_CLOSED' });
    return answer;
  }

  const pool = new Proxy(sql, {
    get: (target, name): unknown => (name === 'begin' ? begin : Reflect.get(target, name)),
  });
  return {
    sql: pool,
    strike(how) {
      next = how;
    },
    struck: () => struck,
  };
}

/** A signer whose guard can be broken and mended. */
export function breakable(signer: Signer): { readonly signer: Signer; break(isBroken: boolean): void } {
  let isBroken = false;
  return {
    signer: {
      ...signer,
      async pend(...args) {
        if (isBroken) throw new GuardFault('guard_write_failed', 'the disk is full');
        return signer.pend(...args);
      },
    },
    break(broken) {
      isBroken = broken;
    },
  };
}
