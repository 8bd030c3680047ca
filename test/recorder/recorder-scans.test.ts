/** Scans of the stored envelopes on the recorder and a real database: when they are made, what of them stands on the log, and what is left of one that its leader did not end. */
import { openingOrigin } from '../../server/core/log/origin.ts';
import type { Found } from '../../server/recorder/scans.ts';
import { VaultClosed } from '../../server/vault/pool.ts';
import { testDb } from '../support/database.ts';
import { OPENING_ID, PLATFORM } from '../support/opening-people.ts';
import {
  accepted,
  decryption,
  type Hall,
  MINUTE,
  publishRoster,
  type RunningRecorder,
  stateOf,
  submission,
  testHall,
  until,
} from '../support/recorder.ts';
import { problemsOf } from '../support/recorder-audit.ts';
import t from '../support/tap.ts';

const PERIOD_MS = MINUTE;

/** What a scan finds is set from outside, by credit code order of the bids; `held` keeps scans from ending. */
function scannerOf() {
  const scans = {
    calls: 0,
    /** The standing bids, by row, that are damaged. */
    damaged: [] as number[],
    bidIds: [] as string[],
    held: null as Promise<void> | null,
    faults: 0,
    periodMs: PERIOD_MS,
    async scan(openingId: string): Promise<readonly Found[]> {
      scans.calls += 1;
      if (openingId !== OPENING_ID) throw new Error('another opening');
      if (scans.faults-- > 0) throw new Error('the disk is away');
      await scans.held;
      const of = (bidId: string) => ({ bidId, failure: 'stored_bytes_differ' as const });
      // one that was replaced is damaged as well, and nobody's evidence
      return [...scans.damaged.map((row) => of(scans.bidIds[row] ?? '')), of('of-no-standing-bid')];
    },
  };
  return scans;
}

async function scansOnLog({ db }: Hall): Promise<unknown[]> {
  const rows = await db.sql<{ bytes: Uint8Array }[]>`
    SELECT bytes FROM entries WHERE origin = ${openingOrigin(PLATFORM, OPENING_ID)} ORDER BY seq`;
  return rows
    .map(({ bytes }) => JSON.parse(new TextDecoder().decode(bytes)) as { type: string; body: unknown })
    .filter(({ type }) => type === 'EnvelopesScanned')
    .map(({ body }) => body);
}

/** The bid ids by row and the numbers that go with them, once the roster stands. */
async function bidsOf(running: RunningRecorder) {
  const { lodgements, numbers } = await stateOf(running);
  if (!lodgements.known || !numbers.known) throw new Error('no roster');
  return { ids: lodgements.value.map(({ bidId }) => bidId), numbers: numbers.value };
}

/** Lets so much time pass that something is so. */
async function passUntil(hall: Hall, isSo: () => boolean | Promise<boolean>): Promise<void> {
  await until(async () => {
    await hall.pass(9_000);
    return isSo();
  });
}

const damageOf = (bidder: number | undefined) => ({ bidder, failure: 'stored_bytes_differ' });

t.test('once at the deadline, once at the roster, then in its period; on the log only what is new', async (t) => {
  const hall = await testHall(t, await testDb(t));
  const scans = scannerOf();
  const running = await hall.start(() => null, {}, scans);
  t.teardown(() => running.stop());
  await publishRoster(hall, running);
  const { ids, numbers } = await bidsOf(running);
  scans.bidIds = ids;
  await until(async () => (await scansOnLog(hall)).length === 1);
  t.ok(scans.calls === 1 || scans.calls === 2, 'the roster may come before the first has ended');
  t.match(await scansOnLog(hall), [{ damaged: [] }]);

  const before = scans.calls;
  await passUntil(hall, () => scans.calls === before + 1);
  scans.damaged = [2];
  await passUntil(hall, async () => (await scansOnLog(hall)).length === 2);
  t.same((await scansOnLog(hall))[1], { damaged: [damageOf(numbers[2])] }, 'nothing is said of the sealing again');
  t.equal(running.recorder.health().damaged, 2, 'one that stands and one that was replaced');

  await accepted(running.recorder.submit(submission('OpenWindow', 'host', {})));
  scans.damaged = [];
  // put back in the window
  await passUntil(hall, async () => (await stateOf(running)).scan?.damaged.length === 0);
  t.equal((await scansOnLog(hall)).length, 3);
  const ended = scans.calls;
  await hall.pass(2 * PERIOD_MS);
  await accepted(running.recorder.submit(decryption(0)));
  t.equal(scans.calls, ended, 'with nothing left to mend, what is decrypted is read anyway');
  t.same(await problemsOf(hall.db.sql), []);
  t.same(running.faults, []);
});

t.test('a window that closes before any scan has ended: nothing stands on the log, and it is told', async (t) => {
  const hall = await testHall(t, await testDb(t));
  const scans = scannerOf();
  let end = (): void => undefined;
  scans.held = new Promise((resolve) => {
    end = resolve;
  });
  const running = await hall.start(() => null, {}, scans);
  t.teardown(() => running.stop());
  await publishRoster(hall, running);
  await accepted(running.recorder.submit(submission('OpenWindow', 'host', {})));
  await passUntil(hall, async () => (await stateOf(running)).window?.closed != null);
  t.same(running.unfinished, [], 'it may still come to an end');
  end();
  await until(() => running.unfinished.length > 0);
  t.same(running.unfinished, [OPENING_ID]);
  t.same(await scansOnLog(hall), []);
  t.equal(running.recorder.health().damaged, 0, 'nobody looks after it any more');
  t.same(running.faults, []);
});

t.test('what the sealing found stands in the first entry; a failing disk is tried again', async (t) => {
  const hall = await testHall(t, await testDb(t));
  const scans = scannerOf();
  scans.faults = 1;
  const running = await hall.start(() => null, {}, scans);
  t.teardown(() => running.stop());
  // the ids are not known before the roster: found at the sealing, told by row
  Object.defineProperty(scans, 'bidIds', {
    get: () => {
      throw new Error('not yet');
    },
    configurable: true,
  });
  await publishRoster(hall, running);
  const { ids, numbers } = await bidsOf(running);
  Object.defineProperty(scans, 'bidIds', { value: ids });
  scans.damaged = [1];
  await passUntil(hall, async () => (await scansOnLog(hall)).length === 1);
  t.match(await scansOnLog(hall), [{ damaged: [damageOf(numbers[1])] }]);
  t.match(running.faults, [{ message: 'the disk is away' }]);
});

t.test(
  'a leader ends in the middle of a scan: the next one begins again, and one finding stands on the log',
  async (t) => {
    const hall = await testHall(t, await testDb(t));
    const first = scannerOf();
    let close = (_why: Error): void => undefined;
    first.held = new Promise((_resolve, reject) => {
      close = reject;
    });
    const before = await hall.start(() => null, {}, first);
    await publishRoster(hall, before);
    t.equal(first.calls, 1);
    const stopped = before.stop();
    close(new VaultClosed('the vault is closed'));
    await stopped;
    t.same(before.faults, [], 'a vault that closes found nothing out, and is no fault');
    t.same(await scansOnLog(hall), []);

    const second = scannerOf();
    const running = await hall.start(() => null, {}, second);
    second.bidIds = (await bidsOf(running)).ids;
    await until(async () => (await scansOnLog(hall)).length === 1);
    t.same(await scansOnLog(hall), [{ damaged: [], atSealing: null }]);
    await running.stop();

    const third = scannerOf();
    third.bidIds = second.bidIds;
    const last = await hall.start(() => null, {}, third);
    t.teardown(() => last.stop());
    await until(() => third.calls === 1);
    await passUntil(hall, () => third.calls === 2);
    t.equal((await scansOnLog(hall)).length, 1, 'another leader looks again, and says what differs only');
    t.same(await problemsOf(hall.db.sql), []);
  },
);
