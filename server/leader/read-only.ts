/** Whether anything may be signed at all, and what stands in the place of ledger and recorder when not. */
import { standingAlarms } from '../ledger/cosigner-alarms.ts';
import { readOnlyRecorder } from '../recorder/read-only-recorder.ts';
import { ReadOnlyError } from '../recorder/recorder.ts';
import { settleAll } from '../recorder/settle-log.ts';
import { RestoredBackupError, type Signer } from '../recorder/signer.ts';
import type { Sql } from '../store/driver.ts';
import type { Rooms } from './rooms.ts';

/** What keeps everything from being signed: database and guard contradict each other, or a cosigner held another history. */
export async function whyReadOnly(sql: Sql, signer: Signer, dataFolder: string): Promise<Error | null> {
  try {
    await settleAll(sql, signer);
  } catch (error) {
    if (error instanceof RestoredBackupError) return error;
    throw error;
  }
  const [alarm] = await standingAlarms(dataFolder);
  return alarm === undefined ? null : new Error(alarm);
}

export function readOnlyRooms(sql: Sql, platform: string, why: string): Rooms {
  const refuse = async (): Promise<never> => {
    throw new ReadOnlyError(why);
  };
  const ledger = {
    recordAccess: refuse,
    recordOperatorAct: refuse,
    changeTrust: refuse,
    proofOfAct: async () => null,
  };
  return { recorder: readOnlyRecorder(sql, platform, why), ledger };
}
