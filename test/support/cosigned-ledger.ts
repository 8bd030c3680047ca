/** A ledger whose cosigning a test drives itself, with cosigners beside it that answer as the test has them answer. */
import { ledgerOrigin, openingOrigin } from '../../server/core/log/origin.ts';
import type { CosignerClaim } from '../../server/ledger/cosigner-visit.ts';
import { type CosignerAlarm, createCosigning } from '../../server/ledger/cosigning.ts';
import {
  answersOf,
  type CosignerBench,
  cosignerBench,
  type Line,
  networkOf,
  numberedLog,
  policyOf,
} from './cosigning.ts';
import { ledgerBench } from './ledger.ts';
import { appendSome, begin, PLATFORM } from './signed-log.ts';
import { steppedWorld } from './world.ts';

export const origin = ledgerOrigin(PLATFORM);
/** Another history of the ledger, under a key that was the ledger's once: what its key signed, the platform must own up to. */
export const ROGUE = numberedLog('rogue');
type Tap = Parameters<typeof ledgerBench>[0] & { fail(message: string): unknown };

/** A ledger without a rhythm of cosigning, and cosigners beside it that a test asks itself. */
export async function cosignedLedger(
  t: Tap,
  quorum: number,
  count: number,
  change: (lines: Line[]) => Line[] = (lines) => lines,
) {
  const world = steppedWorld();
  const ledger = await ledgerBench(t, { world });
  const vkey = ledger.signer.vkeyOf(origin, 'ledger');
  const cosigners: CosignerBench[] = [];
  for (let n = 0; n < count; n++) cosigners.push(await cosignerBench(t, { name: `cosigner.test/${n}`, vkey }));
  const lines = change(cosigners.map(answersOf));
  const policy = policyOf(quorum, cosigners);
  const alarms: CosignerAlarm[] = [];
  const claims: CosignerClaim[] = [];
  const troubles: [string, string | null][] = [];
  const parts = {
    sql: ledger.sql,
    signer: ledger.signer,
    world,
    policy,
    fetch: networkOf(lines),
    ledgerVkeys: [vkey, ROGUE.signer.vkey],
    onSigned: async () => undefined,
    onAlarm: async (alarm: CosignerAlarm) => void alarms.push(alarm),
    onClaim: async (claim: CosignerClaim) => void claims.push(claim),
    onTrouble: (name: string, why: string | null) => void troubles.push([name, why]),
    onFault: (error: unknown) => t.fail(String(error)),
  };
  const cosigning = createCosigning(parts, origin);
  const take = async (): Promise<void> => {
    cosigning.wake();
    await cosigning.idle();
  };
  const grow = async (id: string): Promise<void> => {
    const log = openingOrigin(PLATFORM, id);
    const [there] = await ledger.sql`SELECT 1 FROM logs WHERE origin = ${log}`;
    if (there === undefined) await begin(ledger.sql, log);
    await appendSome(ledger.sql, ledger.signer, log);
    await ledger.ledger.takeHeads();
  };
  return { ...ledger, world, vkey, cosigners, lines, policy, alarms, claims, troubles, parts, cosigning, take, grow };
}
