/** What the requests are given of recorder and ledger: the leader's part or the follower's, whichever this process plays by then. */
import type { Follower } from './follower.ts';
import type { Dependencies } from './http/dependencies.ts';
import type { Leader } from './leader/leader.ts';
import { OutcomeUnknownError } from './recorder/faults.ts';

/**
 * Recorder and ledger for the requests: the leader's while this process leads, else the follower's.
 *
 * Why: an act whose outcome got lost because this process ceased to lead meanwhile is handed in once more as a follower's. Its
 *      command id is the same, so it gets its first answer if it was decided, and is decided once if not.
 */
export function eitherOf(leading: () => Leader | null, follower: Follower): Pick<Dependencies, 'recorder' | 'ledger'> {
  const now = () => leading() ?? follower;
  async function handIn<T>(work: (recorder: Dependencies['recorder']) => Promise<T>): Promise<T> {
    const leader = leading();
    if (leader === null) return work(follower.recorder);
    try {
      return await work(leader.recorder);
    } catch (error) {
      if (!(error instanceof OutcomeUnknownError) || leading() === leader) throw error;
      return work(now().recorder);
    }
  }
  return {
    recorder: {
      create: (request) => handIn((recorder) => recorder.create(request)),
      submit: (submission) => handIn((recorder) => recorder.submit(submission)),
      stateOf: (openingId) => now().recorder.stateOf(openingId),
      keptOf: (openingId) => now().recorder.keptOf(openingId),
      health: () => now().recorder.health(),
    },
    ledger: {
      recordAccess: (access) => now().ledger.recordAccess(access),
      proofOfAct: (actId) => now().ledger.proofOfAct(actId),
      recordOperatorAct: (author, what) => now().ledger.recordOperatorAct(author, what),
      changeTrust: (author, step) => now().ledger.changeTrust(author, step),
    },
  };
}
