/** The recorder of a platform whose database and guard contradict each other: it shows what is committed and takes nothing. */
import { openingOrigin } from '../core/log/origin.ts';
import type { Sql } from '../store/driver.ts';
import { loadOpening } from './kept-opening.ts';
import { ReadOnlyError, type Recorder } from './recorder.ts';

/**
 * A recorder that refuses every command.
 *
 * Why: after a restored backup the log would say a second thing at a place where it has said one already. Whoever put the
 *      backup back must look; nothing is decided, no alarm sounds, and nothing is signed until then.
 */
export function readOnlyRecorder(sql: Sql, platform: string, why: string): Recorder {
  const keptOf: Recorder['keptOf'] = (openingId) => loadOpening(sql, openingOrigin(platform, openingId), openingId);
  const refuse = async (): Promise<never> => {
    throw new ReadOnlyError(why);
  };
  return {
    create: refuse,
    submit: refuse,
    hear: () => undefined,
    prepare: async () => undefined,
    keptOf,
    async stateOf(openingId) {
      return (await keptOf(openingId))?.state ?? null;
    },
    refuseCommands: () => undefined,
    health: () => ({ readOnly: true, why, openings: 0, damaged: 0 }),
    close: async () => undefined,
  };
}
