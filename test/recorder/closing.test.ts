/** What a close waits for: its cosigners or the end of their time, by the recorder's clock, whichever comes first. */
import { COSIGNED_WAIT_MS } from '../../server/core/opening/cosigners.ts';
import type { OpeningState } from '../../server/core/opening/state.ts';
import { isCosignedToClose, untilClosable } from '../../server/recorder/closing.ts';
import type { Sql } from '../../server/store/driver.ts';
import { reach } from '../support/opening-phases.ts';
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
