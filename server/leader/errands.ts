/** What the other processes may ask of the leader, and how each errand is done here. */
import type { Dependencies } from '../http/dependencies.ts';
import type { TrustStep } from '../identity/trust-changes.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { Also } from '../ledger/log-writer.ts';
import type { Author, KeepTrustAnswer, TrustAnswer, TrustAuthor } from '../ledger/trust.ts';
import type { CreationRequest } from '../recorder/creation.ts';
import { OutcomeUnknownError } from '../recorder/faults.ts';
import { ReadOnlyError, type Recorder } from '../recorder/recorder.ts';
import type { ErrandAnswer, ErrandKind, KeepErrand } from '../store/errands.ts';
import { isDatabaseAway } from '../store/faults.ts';

/** The ledger as an errand needs it: what else belongs to the commit comes last. */
export type LeaderLedger = {
  readonly recordAccess: Ledger['recordAccess'];
  readonly proofOfAct: Ledger['proofOfAct'];
  recordOperatorAct(author: Author, what: OperatorErrand['what'], also?: Also): Promise<number>;
  changeTrust(author: TrustAuthor, step: TrustStep, keep?: KeepTrustAnswer): Promise<TrustAnswer>;
};
/**
 * What the other processes may ask for; the content is what the same function would have been given here.
 *
 * Why: an entry of the ledger or the access log stands there once, however its leader ends: that it was made is kept in the
 *      transaction that makes it. A creation knows its own repetition, and what is prepared twice is thrown away once.
 */
export function handlersOf(recorder: Recorder, ledger: LeaderLedger) {
  type Handlers = { readonly [Kind in ErrandKind]: (content: never, keep: KeepErrand) => Promise<unknown> };
  const handlers: Handlers = {
    create: (request: CreationRequest) => recorder.create(request),
    prepare: async (submission: Parameters<Recorder['prepare']>[0]) => {
      await recorder.prepare(submission);
      return null;
    },
    access: (access: Parameters<Ledger['recordAccess']>[0], also) => ledger.recordAccess(access, also),
    operator: ({ author, what }: OperatorErrand, also) => ledger.recordOperatorAct(author, what, also),
    trust: ({ author, step }: TrustErrand, keep) => ledger.changeTrust(author, step, keep),
  };
  const answering =
    (handle: (content: never, keep: KeepErrand) => Promise<unknown>) =>
    async (content: unknown, keep: KeepErrand): Promise<ErrandAnswer> => {
      try {
        return { done: (await handle(content as never, keep)) as never };
      } catch (error) {
        if (error instanceof ReadOnlyError) return { failed: 'read_only', why: error.message };
        if (error instanceof OutcomeUnknownError || isDatabaseAway(error))
          return { failed: 'unknown', why: (error as Error).message };
        throw error;
      }
    };
  return {
    create: answering(handlers.create),
    prepare: answering(handlers.prepare),
    access: answering(handlers.access),
    operator: answering(handlers.operator),
    trust: answering(handlers.trust),
  };
}

export type OperatorErrand = {
  readonly author: Author;
  readonly what: Parameters<Dependencies['ledger']['recordOperatorAct']>[1];
};
export type TrustErrand = { readonly author: TrustAuthor; readonly step: TrustStep };
