/** Stores the logins behind acts, each once, and remembers which are durable: one session gives hundreds of acts. */
import { sha256OfText } from '../hash.ts';
import { byteList, type TransactionSql } from '../store/driver.ts';
import { joinLines } from '../store/lines.ts';

/** Logins remembered as durable; the one used longest ago goes first, and is offered to the database again. */
export const DURABLE_LOGINS_LIMIT = 4_096;

export type StoredLogins = {
  /** Of each login that was given, in order; null for null. */
  readonly hashes: readonly (Uint8Array | null)[];
  /** To be called once the transaction has committed: only then they are durable. */
  committed(): void;
};

export type DurableLogins = {
  /** Stores, in the caller's transaction, those logins that are not known to be durable. */
  store(tx: TransactionSql, logins: readonly (string | null)[]): Promise<StoredLogins>;
};

export function createDurableLogins(): DurableLogins {
  const durable = new Map<string, Uint8Array>();

  function remember(login: string, hash: Uint8Array): void {
    durable.delete(login);
    durable.set(login, hash);
    for (const oldest of durable.keys()) {
      if (durable.size <= DURABLE_LOGINS_LIMIT) break;
      durable.delete(oldest);
    }
  }

  return {
    async store(tx, logins) {
      const hashes = new Map<string, Uint8Array>();
      for (const login of logins)
        if (login !== null && !hashes.has(login)) hashes.set(login, durable.get(login) ?? sha256OfText(login));
      // In one order, so that two processes that store the same ones do not wait for each other in a ring.
      const fresh = [...hashes].filter(([login]) => !durable.has(login)).sort(([a], [b]) => (a < b ? -1 : 1));
      if (fresh.length > 0) await insert(tx, fresh);
      return {
        hashes: logins.map((login) => (login === null ? null : (hashes.get(login) ?? null))),
        committed() {
          for (const [login, hash] of hashes) remember(login, hash);
        },
      };
    },
  };
}

/** Another process may have stored the same one meanwhile. */
async function insert(tx: TransactionSql, fresh: readonly (readonly [login: string, hash: Uint8Array])[]) {
  const hashes = byteList(
    tx,
    fresh.map(([, hash]) => hash),
  );
  await tx`
    INSERT INTO logins (sha256, login)
    SELECT sha256, login
    FROM ROWS FROM (unnest(${hashes}::bytea[]), string_to_table(${joinLines(fresh.map(([login]) => login))}, chr(10)))
      WITH ORDINALITY AS l (sha256, login, n)
    ORDER BY n ON CONFLICT DO NOTHING`;
}
