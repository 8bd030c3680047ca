/** What the leader does with what cosigners say against the ledger: evidence first, then nothing is signed any more, or only a warning. */
import { keepAlarm, keepClaim, whyStopped } from '../ledger/cosigner-alarms.ts';
import type { CosigningParts } from '../ledger/cosigning.ts';
import { recoveryFrom } from '../recorder/recovery.ts';
import type { LeaderParts } from './leader.ts';

/** Ends all signing of this process; `stop` takes effect before it returns, `tell` is for everybody else. */
export type Brake = { stop(why: string): void; tell(why: string): void };

/**
 * The order, when a cosigner shows another history: 1. this process signs no more; 2. the evidence is durable; 3. commands are refused
 * and the other processes are told. Cut off before 2, whoever leads next asks that cosigner within a second and is shown the same;
 * after 2, nobody who leads begins to sign.
 */
export function hearCosigners(
  { config: { dataFolder }, world, logger }: Pick<LeaderParts, 'config' | 'world' | 'logger'>,
  brake: Brake,
): Pick<CosigningParts, 'onAlarm' | 'onClaim' | 'onTrouble'> {
  return {
    async onAlarm(alarm) {
      const why = whyStopped(alarm);
      brake.stop(why);
      const recovery = recoveryFrom(why)?.en;
      logger.fatal({ why, recovery }, 'a cosigner holds another history: nothing is signed any more');
      try {
        await keepAlarm({ dataFolder, world }, alarm);
      } finally {
        brake.tell(why);
      }
    },
    async onClaim(claim) {
      const { code, cosigner, itsSize, said } = claim;
      logger.error(
        { cosigner: cosigner.name, code, itsSize, said },
        'a cosigner claims another history and has shown nothing of it yet: ask whoever runs it',
      );
      await keepClaim({ dataFolder, world }, claim);
    },
    onTrouble(cosigner, trouble) {
      if (trouble === null) logger.info({ cosigner }, 'a cosigner signs again');
      else logger.warn({ cosigner, why: trouble }, 'a cosigner does not sign');
    },
  };
}
