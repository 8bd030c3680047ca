/** Heads that wait to be compared: a growing log accuses nobody, one that stays behind does, and a crowd of them crowds nobody out. */
import type { Alarm } from '../../../server/cli/monitor/alarms.ts';
import { lockKept, openKeptLedger } from '../../../server/cli/monitor/kept-ledger.ts';
import { openPatience, PATIENCE_MS } from '../../../server/cli/monitor/patience.ts';
import { openReports } from '../../../server/cli/monitor/reported-heads.ts';
import {
  openWaiting,
  WAITING_BYTES,
  WAITING_LOGS,
  WAITING_OF_A_LOG,
} from '../../../server/cli/monitor/waiting-heads.ts';
import { toBase64 } from '../../../server/core/log/base64.ts';
import { ed25519Verifier, parseVkey } from '../../../server/core/log/note.ts';
import { verifyEd25519 } from '../../../server/ed25519.ts';
import { sha256 } from '../../../server/hash.ts';
import { newFolder } from '../../support/folder.ts';
import { ownKey } from '../../support/golden-change.ts';
import { TRUST } from '../../support/golden-judge.ts';
import { FALSE_ROOT, ledger, rootAt, signed, WHOLE_ORIGIN, whole } from '../../support/monitor-bench.ts';
import t from '../../support/tap.ts';
import { steppedWorld } from '../../support/world.ts';

type Test = Parameters<typeof newFolder>[0] & { teardown(act: () => Promise<void>): void };
const LEDGER = 'kaibiao.test/ledger';
const ANY_ROOT = new Uint8Array(32);

async function openBench(t: Test) {
  const folder = await newFolder(t, 'reported');
  const world = steppedWorld();
  const verifier = ed25519Verifier(parseVkey(sha256, TRUST), verifyEd25519);
  const release = await lockKept(folder);
  const kept = await openKeptLedger(
    folder,
    { vkey: TRUST, verifier, isListed: () => false },
    { take: async () => true },
  );
  t.teardown(async () => {
    await kept.close();
    await release();
  });
  const raised: Alarm[] = [];
  const patience = await openPatience(folder, world.now);
  const reports = await openReports({
    folder,
    platform: 'kaibiao.test',
    verifier,
    keys: () => [verifier],
    kept,
    patience,
    raise: async (alarm) => void raised.push(alarm),
    keysOf: (origin) => [toBase64(ownKey(origin).publicKey)],
    headsOf: () => [],
    seenOf: () => [],
    anchoredWithinMs: () => PATIENCE_MS,
  });
  return { folder, world, reports, raised };
}

t.test(
  'in a log that grows somebody is always told of more than we were a moment before: that is no alarm',
  async (t) => {
    const { world, reports, raised } = await openBench(t);
    for (let size = 10; size < 20; size++) {
      const [opening, own] = [reports.of(WHOLE_ORIGIN), reports.of(LEDGER)];
      t.strictSame(await reports.take(signed(WHOLE_ORIGIN, size + 1, rootAt(whole, size + 1))), { verdict: 'waiting' });
      t.strictSame(await reports.take(signed(LEDGER, size + 1, rootAt(ledger, size + 1))), { verdict: 'waiting' });
      await reports.settle(size, opening);
      await reports.round({ shownSize: size, isCurrent: false, told: own });
      world.advance(60_000);
    }
    t.strictSame(raised, []);
  },
);

t.test('one and the same head that is longer than what we are shown is one, at the third look', async (t) => {
  const { world, reports, raised } = await openBench(t);
  const [opening, own] = [signed(WHOLE_ORIGIN, 11, rootAt(whole, 11)), signed(LEDGER, 11, rootAt(ledger, 11))];
  await reports.take(opening);
  await reports.take(own);
  for (const [shownSize, waitMs] of [
    [10, PATIENCE_MS - 1],
    [10, 0],
    [null, 1],
  ] as const) {
    if (shownSize !== null) await reports.settle(shownSize, reports.of(WHOLE_ORIGIN));
    await reports.round({ shownSize, isCurrent: false, told: reports.of(LEDGER) });
    world.advance(waitMs);
  }
  t.strictSame(raised, [], 'twice, and a look that showed nothing');
  await reports.settle(10, reports.of(WHOLE_ORIGIN));
  await reports.round({ shownSize: 10, isCurrent: false, told: reports.of(LEDGER) });
  t.match(raised, [
    { kind: 'opening_shown_longer', evidence: [opening] },
    { kind: 'ledger_shown_longer', evidence: [own] },
  ]);
});

t.test('what came while a log was being read waits for the next time, also when others are settled', async (t) => {
  const { reports } = await openBench(t);
  await reports.take(signed(WHOLE_ORIGIN, 5, rootAt(whole, 5)));
  const told = reports.of(WHOLE_ORIGIN);
  const late = signed(WHOLE_ORIGIN, 6, FALSE_ROOT);
  await reports.take(late);
  await reports.settle(10, told);
  t.strictSame(
    reports.of(WHOLE_ORIGIN).map(({ text }) => text),
    [late],
  );
});

t.test('a crowd of honest heads leaves room for the one that is not, and everything has an end', async (t) => {
  const { folder, reports } = await openBench(t);
  const padded = `${signed(WHOLE_ORIGIN, 4, ANY_ROOT)}— anybody ${'A'.repeat(8_000)}\n`;
  t.strictSame(await reports.take(padded), { verdict: 'waiting' });
  t.strictSame(
    reports.of(WHOLE_ORIGIN).map(({ text }) => text),
    [signed(WHOLE_ORIGIN, 4, ANY_ROOT)],
    'what anybody wrote beside the signature takes no room',
  );

  const own = await openWaiting(folder);
  const first = signed(WHOLE_ORIGIN, 1, ANY_ROOT);
  const noteOf = (size: number) => first.replace('\n1\n', `\n${size}\n`);
  const addOwn = (size: number) => own.add({ origin: WHOLE_ORIGIN, size, root: ANY_ROOT }, noteOf(size));
  for (let size = 1; size <= WAITING_OF_A_LOG; size++) if (!addOwn(size)) t.fail(`size ${size}`);
  t.equal(addOwn(WAITING_OF_A_LOG + 1), false);
  t.equal(addOwn(1), true, 'it waits already');
  await own.save();
  t.equal((await openWaiting(folder)).of(WHOLE_ORIGIN).length, WAITING_OF_A_LOG, 'across stops');

  const waiting = await openWaiting(await newFolder(t, 'logs'));
  const add = (origin: string, text: string) => waiting.add({ origin, size: 1, root: ANY_ROOT }, text);
  for (let n = 0; n < WAITING_LOGS; n++) if (!add(`log ${n}`, '')) t.fail(`log ${n}`);
  t.equal(add('one more', ''), false);
  t.equal(add('log 0', ''), true, 'it waits already');
  waiting.remove(waiting.of('log 0'));
  t.equal(add('a', 'x'.repeat(WAITING_BYTES)), true);
  waiting.remove(waiting.of('log 1'));
  t.equal(add('b', 'x'), false, 'a byte too many');
  waiting.remove(waiting.of('a'));
  t.equal(add('b', 'x'), true);
});
