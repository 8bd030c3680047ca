/** How the cosigners stand: written by the leader when it changes, seen by every process, for health, metrics and pages; nothing is decided by it. */

import type { CosignerAlarmCode } from '../recorder/recovery.ts';
import { keepRhythm } from '../recorder/rhythm.ts';
import type { Sql } from '../store/driver.ts';
import type { World } from '../world.ts';
import type { CosignerPolicy } from './cosigner-policy.ts';

/** `silent`: it did not sign, for whatever reason. A code: what it claims against the ledger and shows nothing of. */
export type CosignerState = 'signs' | 'silent' | CosignerAlarmCode;

export type SeenCosigner = {
  /** As the policy file calls it. */
  readonly name: string;
  /** Whether the quorum may count it, or it is only asked. */
  readonly isOfQuorum: boolean;
  /** Null before the leader has asked it. */
  readonly state: CosignerState | null;
  /** The largest head that it signed, and when that came, integer ms; null when it never did. */
  readonly signedSize: number | null;
  readonly signedAt: number | null;
};

/** How often what every process says of them is read anew. */
export const LOOK_PERIOD_MS = 2_000;

export async function storeStanding(sql: Sql, vkey: string, state: CosignerState, since: number): Promise<void> {
  await sql`INSERT INTO cosigner_standings (vkey, state, since) VALUES (${vkey}, ${state}, ${since})
    ON CONFLICT (vkey) DO UPDATE SET state = EXCLUDED.state, since = EXCLUDED.since`;
}

/** All whom the policy asks, in its order. */
export async function readStandings(sql: Sql, { cosigners, others }: CosignerPolicy): Promise<SeenCosigner[]> {
  const asked = [...cosigners, ...others];
  if (asked.length === 0) return [];
  const rows = await sql<(Omit<SeenCosigner, 'name' | 'isOfQuorum'> & { vkey: string })[]>`
    SELECT v.vkey, s.state, c.size AS "signedSize", c.received_at AS "signedAt"
    FROM unnest(${asked.map(({ vkey }) => vkey)}::text[]) AS v (vkey)
    LEFT JOIN cosigner_standings s ON s.vkey = v.vkey
    LEFT JOIN LATERAL (
      SELECT size, received_at FROM cosignatures WHERE vkey = v.vkey ORDER BY size DESC LIMIT 1) c ON true`;
  const byVkey = new Map(rows.map(({ vkey, ...seen }) => [vkey, seen]));
  return asked.map(({ name, vkey }, n) => ({
    name,
    isOfQuorum: n < cosigners.length,
    ...(byVkey.get(vkey) ?? { state: null, signedSize: null, signedAt: null }),
  }));
}

/** Whether a claim stands, or those who sign are fewer than the quorum: everything goes on, and somebody should look. */
export function areCosignersAmiss({ quorum }: CosignerPolicy, seen: readonly SeenCosigner[]): boolean {
  const signing = seen.filter(({ isOfQuorum, state }) => isOfQuorum && state === 'signs');
  return signing.length < quorum || claimants(seen).length > 0;
}

/** Those that claim another history of the ledger. */
export const claimants = (seen: readonly SeenCosigner[]): SeenCosigner[] =>
  seen.filter(({ state }) => state !== null && state !== 'signs' && state !== 'silent');

export type StandingsWatch = {
  /** As they were last read: an answer about health waits for no database. */
  seen(): readonly SeenCosigner[];
  stop(): Promise<void>;
};

/** Keeps reading them, where somebody is asked at all; what cannot be read stays as it was. */
export async function watchStandings(
  { sql, world, onFault }: { readonly sql: Sql; readonly world: World; readonly onFault: (error: unknown) => void },
  policy: CosignerPolicy,
): Promise<StandingsWatch> {
  let seen: readonly SeenCosigner[] = await readStandings(sql, policy);
  if (seen.length === 0) return { seen: () => seen, stop: async () => undefined };
  const look = async (): Promise<void> => {
    seen = await readStandings(sql, policy);
  };
  const rhythm = keepRhythm(world, LOOK_PERIOD_MS, look, onFault);
  return { seen: () => seen, stop: () => rhythm.stop() };
}
