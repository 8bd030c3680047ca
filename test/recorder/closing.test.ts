/** What a close waits for: its cosigners or the end of their time, by the recorder's clock, whichever comes first; also of an act decided with it. */
import type { Json } from '../../server/core/log/canonical.ts';
import { COSIGNED_WAIT_MS } from '../../server/core/opening/cosigners.ts';
import { isDecrypted, type OpeningState } from '../../server/core/opening/state.ts';
import { isCosignedToClose, untilClosable } from '../../server/recorder/closing.ts';
import { contentDigest, newRound } from '../../server/recorder/deciding.ts';
import { hear } from '../../server/recorder/hearing.ts';
import type { Submission } from '../../server/recorder/submission.ts';
import type { Sql, TransactionSql } from '../../server/store/driver.ts';
import { OPENING_ID, PLATFORM } from '../support/opening-people.ts';
import { acknowledgePoints, reach, recordNow } from '../support/opening-phases.ts';
import { bidder, clock } from '../support/opening-script.ts';
import { submission } from '../support/recorder.ts';
import t from '../support/tap.ts';
import { steppedWorld } from '../support/world.ts';

const noSql = null as unknown as Sql;
const ORIGIN = 'kaibiao.test/opening/a';
const confirming = (closingAt: number): OpeningState => ({
  ...reach('RecordConfirm').state,
  closingAt,
  cosigners: { quorum: 1, vkeys: ['a'] },
});

async function waitedMs(isCosigned: (waitedMs: number) => boolean, state: (now: number) => OpeningState) {
  const world = steppedWorld();
  const startedAt = world.now();
  let endedAt: number | null = null;
  const asked = async () => isCosigned(world.now() - startedAt);
  const waiting = untilClosable({ sql: noSql, world, isCosigned: asked }, state(startedAt), ORIGIN).then(() => {
    endedAt = world.now() - startedAt;
  });
  // so that it has looked before the clock moves
  await new Promise((looked) => setImmediate(looked));
  await world.advanceGently(2 * COSIGNED_WAIT_MS);
  await waiting;
  return endedAt;
}

t.test('as long as the quorum takes, and no longer than from the last entry on', async (t) => {
  t.equal(await waitedMs(() => true, confirming), 0);
  t.equal(await waitedMs((ms) => ms >= 1_250, confirming), 1_300, 'it looks again ten times a second');
  t.equal(await waitedMs(() => false, confirming), COSIGNED_WAIT_MS);
  t.equal(
    await waitedMs(
      () => false,
      (now) => confirming(now - 9_000),
    ),
    1_000,
    'they have had nine seconds',
  );
  t.equal(
    await waitedMs(
      () => false,
      (now) => confirming(now - COSIGNED_WAIT_MS),
    ),
    0,
  );
  t.equal(
    await waitedMs(
      () => false,
      () => reach('Decrypting').state,
    ),
    0,
    'nothing is to be closed',
  );
});

t.test(
  'whether it is cosigned is asked for the opening’s own cosigners, and only where it may be closed',
  async (t) => {
    const asked: unknown[] = [];
    const isCosigned = async (...args: unknown[]) => {
      asked.push(args.slice(1));
      return false;
    };
    const state = confirming(0);
    t.equal(await isCosignedToClose(noSql, isCosigned, state, ORIGIN), false);
    t.strictSame(asked, [[{ origin: ORIGIN, size: state.closingSize }, state.cosigners]]);
    t.equal(
      await isCosignedToClose(noSql, isCosigned, { ...state, cosigners: { quorum: 0, vkeys: [] } }, ORIGIN),
      true,
    );
    t.equal(await isCosignedToClose(noSql, isCosigned, { ...state, phase: 'Decrypting' }, ORIGIN), false);
    t.equal(asked.length, 1);
  },
);

/** An opening of which nothing is left but its close, with one cosigner. */
function toBeClosed() {
  const script = reach('RecordConfirm').fork();
  for (const { bidder: number } of script.state.bids.filter(isDecrypted))
    script.go('SignRecord', recordNow(script), bidder(number));
  script.clockTo(script.state.record?.confirmBy ?? 0).go('TimeOutConfirmations', {}, clock);
  acknowledgePoints(script);
  return { script, state: { ...script.state, cosigners: { quorum: 1, vkeys: ['a'] } } };
}

/** Decides these in one round that begins when all that bears on the close is countersigned. */
async function decideTogether(afterMs: number, ...asked: readonly (readonly [string, 'host' | 'witness', Json])[]) {
  const { script, state } = toBeClosed();
  const at = script.now + afterMs;
  const submissions = asked.map(([type, role, data]): Submission => submission(type, role, data));
  const kept = {
    state,
    register: script.register,
    receivedUntil: 0,
    attempts: new Set<string>(),
    checkIns: new Map(),
    quotes: new Map(),
  };
  const round = newRound(kept);
  const randomBytes = (length: number) => new Uint8Array(length);
  const heard = await hear(
    round,
    { platform: PLATFORM, openingId: OPENING_ID, at, randomBytes },
    {
      tx: null as unknown as TransactionSql,
      vaultKey: new Uint8Array(32),
      randomBytes,
      prepared: { openedLists: null, manifest: null },
      cosigned: { is: true, closingSize: state.closingSize },
    },
    {
      rows: submissions.map((one, id) => ({
        id,
        receivedAt: at,
        known: { submission: one, digest: contentDigest(one), loginSha256: null },
      })),
      more: false,
      commands: [],
      answered: new Map(),
      foreignBids: new Set(),
    },
    (fault) => {
      throw fault;
    },
  );
  const said = [...heard.outcomes.values()].map((outcome) =>
    outcome.outcome === 'refused' ? outcome.code : 'accepted',
  );
  return { said, phase: round.kept.state.phase, events: round.made.map(({ event }) => event.type) };
}

t.test(
  'an act of the same round that bears on the close is not closed over before its cosigners have it',
  async (t) => {
    const { script } = toBeClosed();
    const record = recordNow(script) as unknown as Json;
    const propose = ['ProposeClose', 'host', {}] as const;
    const attest = ['AttestClose', 'witness', record] as const;
    t.match(
      await decideTogether(0, propose),
      { said: ['accepted'] },
      'what was there when the round began is countersigned',
    );
    t.match(
      await decideTogether(0, propose, attest),
      { said: ['accepted', 'head_not_cosigned'], phase: 'RecordConfirm', events: ['CloseProposed'] },
      'the proposal is not, and this round may not close over it',
    );
    t.match(
      await decideTogether(2 * COSIGNED_WAIT_MS, propose, attest),
      { said: ['accepted', 'head_not_cosigned'] },
      'their time begins with it, however long ago the entry before it was',
    );
    t.match(
      await decideTogether(0, ['Say', 'host', { text: '现在结束', to: 'all' }], propose),
      { said: ['accepted', 'accepted'], events: ['Said', 'CloseProposed'] },
      'talk bears on nothing',
    );
  },
);
