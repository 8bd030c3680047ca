/** What a process does while another leads: acts go into the intake, what only the leader may do is asked of it; nothing here signs. */
import type { Json } from './core/log/canonical.ts';
import { ledgerOrigin } from './core/log/origin.ts';
import type { Dependencies } from './http/dependencies.ts';
import type { OperatorErrand, TrustErrand } from './leader/errands.ts';
import { createRegisterProofs } from './ledger/register-proofs.ts';
import type { TrustAnswer } from './ledger/trust.ts';
import { type LogView, releasedNow } from './live/log-view.ts';
import { OutcomeUnknownError } from './recorder/faults.ts';
import { createFollowingRecorder, doneBy, type FollowingRecorder } from './recorder/following-recorder.ts';
import type { News } from './store/announce.ts';
import type { Sql } from './store/driver.ts';
import { createAsker, type ErrandKind } from './store/errands.ts';
import type { World } from './world.ts';

export type Follower = {
  readonly recorder: FollowingRecorder;
  readonly ledger: Dependencies['ledger'];
  hear(news: News): void;
  /** News may have been missed. */
  hearAll(): void;
  /** Waits for nothing any more: whoever does is told that the outcome is not known. */
  stop(): void;
};

export type FollowerParts = {
  readonly sql: Sql;
  readonly world: World;
  readonly platform: string;
  readonly log: LogView;
  /** Why the leader takes no commands; null while he does. */
  whyReadOnly(): string | null;
  say(news: News): Promise<void>;
  onFault(error: unknown): void;
};

/** Begins to follow; it asks nobody for anything before somebody wants something. */
export function follow(parts: FollowerParts): Follower {
  const { sql, world, platform, log, say, onFault } = parts;
  const asker = createAsker(
    { sql, world, tell: (is) => say({ is }), onFault },
    () => new OutcomeUnknownError(new Error('no leader answered')),
  );
  const ask = async (kind: ErrandKind, content: unknown): Promise<Json> =>
    doneBy(await asker.ask(kind, content as Json));
  const recorder = createFollowingRecorder({
    sql,
    world,
    platform,
    whyReadOnly: parts.whyReadOnly,
    tellReceived: (openingId) => say({ is: 'received', openingId }),
    ask: asker.ask,
    onFault,
  });
  const ledger = ledgerOrigin(platform);
  const { proofOfAct } = createRegisterProofs(sql, ledger, () => releasedNow(log, ledger));
  return {
    recorder,
    ledger: {
      proofOfAct,
      recordAccess: async (access) => (await ask('access', access)) as number,
      recordOperatorAct: async (author, what) =>
        (await ask('operator', { author, what } satisfies OperatorErrand)) as number,
      changeTrust: async (author, step) =>
        (await ask('trust', { author, step } satisfies TrustErrand)) as unknown as TrustAnswer,
    },
    hear({ is }) {
      if (is === 'decided') recorder.hear();
      if (is === 'done') asker.hear();
    },
    hearAll() {
      recorder.hear();
      asker.hear();
    },
    stop() {
      recorder.stop();
      asker.stop();
    },
  };
}
