/** The recorder in trouble: lost commits, a database that goes and comes, poison in the intake, a guard that cannot write. */

import type { Test } from 'tap';
import { toBase64 } from '../../server/core/log/base64.ts';
import { canonicalise } from '../../server/core/log/canonical.ts';
import { parseCheckpoint } from '../../server/core/log/checkpoint.ts';
import { leafHash, rootOf } from '../../server/core/log/merkle.ts';
import { parseNote } from '../../server/core/log/note.ts';
import { utf8 } from '../../server/core/log/utf8.ts';
import { sha256 } from '../../server/hash.ts';
import type { Signer } from '../../server/recorder/signer.ts';
import type { Submission } from '../../server/recorder/submission.ts';
import { openPool, type Sql } from '../../server/store/driver.ts';
import { readCheckpoint } from '../../server/store/read-log.ts';
import { testDb } from '../support/database.ts';
import { lineTo } from '../support/line.ts';
import { OPENING_ID, ORIGIN } from '../support/opening-people.ts';
import {
  accepted,
  createRequest,
  decryption,
  lodgement,
  MINUTE,
  openWindow,
  stateOf,
  submission,
  testHall,
  until,
} from '../support/recorder.ts';
import t from '../support/tap.ts';
import { breakable, troubled } from '../support/trouble.ts';

const RETRY_MS = 2_000;
const UNKNOWN = { code: 'outcome_unknown' };
const READ_ONLY = { code: 'log_read_only' };

/** Every size has one root, and it is that of the entries. */
async function checkLog(t: Test, sql: Sql): Promise<number> {
  const entries = await sql<{ seq: number; bytes: Uint8Array }[]>`
    SELECT seq, bytes FROM entries WHERE origin = ${ORIGIN} ORDER BY seq`;
  t.same(
    entries.map(({ seq }) => seq),
    entries.map((_entry, i) => i),
  );
  const leaves = entries.map(({ bytes }) => leafHash(sha256, bytes));
  const notes = await sql<{ size: number; note: string }[]>`
    SELECT size, note FROM checkpoints WHERE origin = ${ORIGIN} ORDER BY size`;
  for (const { size, note } of notes) {
    const checkpoint = parseCheckpoint(parseNote(note).text);
    t.equal(checkpoint.size, size);
    t.equal(toBase64(checkpoint.root), toBase64(rootOf(sha256, leaves.slice(0, size))), `the root of ${size}`);
  }
  t.equal(notes.at(-1)?.size, entries.length);
  return entries.length;
}

/** Puts a submission into the intake as a process that died right after would have left it. */
async function leave(sql: Sql, receivedAt: number, ...left: readonly (Submission | string)[]): Promise<void> {
  for (const each of left) {
    const content = typeof each === 'string' ? each : JSON.stringify(each);
    const kind = typeof each === 'string' ? 'x' : each.type;
    await sql`INSERT INTO intake (opening_id, received_at, kind, content)
      VALUES (${OPENING_ID}, ${receivedAt}, ${kind}, ${utf8(content)})`;
  }
}

const undecided = async (sql: Sql): Promise<number> => (await sql`SELECT 1 FROM intake WHERE NOT decided`).length;

for (const how of ['done', 'undone'] as const) {
  t.test(`a COMMIT that was ${how}, its answer lost: the same id gets its entry, once`, async (t) => {
    const db = await testDb(t);
    const trouble = troubled(db.sql, db.superuser);
    const hall = await testHall(t, db, { sql: trouble.sql });
    const running = await hall.start();
    t.teardown(() => running.stop());
    const { recorder } = running;
    await accepted(recorder.create(createRequest()));
    trouble.strike(how);
    const publish = submission('PublishOpening', 'host', {}, 0, 'publish');
    await t.rejects(recorder.submit(publish), UNKNOWN);
    t.equal(trouble.struck(), 1);
    const answer = await accepted(recorder.submit(publish));
    t.same(answer.seqs, [1]);
    t.same(await accepted(recorder.submit(publish)), answer);
    t.equal(running.signer.released(ORIGIN)?.size, 2);
    t.equal(await checkLog(t, db.sql), 2);
    t.equal(await undecided(db.sql), 0);
  });

  t.test(`a COMMIT that was ${how}: the keeper comes back by itself, whether or not anybody asks`, async (t) => {
    const db = await testDb(t);
    const trouble = troubled(db.sql, db.superuser);
    const hall = await testHall(t, db, { sql: trouble.sql });
    const running = await hall.start();
    t.teardown(() => running.stop());
    const { recorder, signer } = running;
    await accepted(recorder.create(createRequest()));
    trouble.strike(how);
    await t.rejects(recorder.submit(submission('PublishOpening', 'host', {})), UNKNOWN);
    hall.world.advance(RETRY_MS);
    await until(() => signer.released(ORIGIN)?.size === 2);
    t.equal((await stateOf(running)).phase, 'Scheduled');
    t.equal(await checkLog(t, db.sql), 2);
  });
}

t.test('a creation asked for again, five times at once, is the same creation', async (t) => {
  const db = await testDb(t);
  const hall = await testHall(t, db);
  const running = await hall.start();
  t.teardown(() => running.stop());
  const { recorder } = running;
  const first = await accepted(recorder.create(createRequest()));
  const again = await Promise.all(Array.from({ length: 5 }, () => accepted(recorder.create(createRequest()))));
  for (const each of again) t.same(each, first);
  t.same(await recorder.create({ ...createRequest(), command: 'other' }), {
    outcome: 'refused',
    code: 'opening_exists',
  });
  t.equal(await checkLog(t, db.sql), 1);
});

t.test(
  'the database goes in mid-round and comes back: what was received is decided, and nobody had to ask',
  async (t) => {
    const db = await testDb(t);
    const line = await lineTo(t, db.app);
    const sql = openPool(line.place, 4);
    t.teardown(() => sql.end({ timeout: 1 }));
    const trouble = troubled(sql, db.superuser);
    const hall = await testHall(t, db, { sql: trouble.sql });
    const running = await hall.start();
    t.teardown(() => running.stop());
    const { recorder } = running;
    await accepted(recorder.create(createRequest()));
    trouble.strike('undone');
    await t.rejects(recorder.submit(submission('PublishOpening', 'host', {})), UNKNOWN);
    t.equal(await undecided(db.sql), 1, 'received it is');
    await line.block(true);
    for (let tries = running.faults.length; running.faults.length < tries + 2; ) {
      hall.world.advance(RETRY_MS);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await t.rejects(recorder.submit(submission('PublishOpening', 'host', {})), UNKNOWN);
    await line.block(false);
    await until(async () => {
      hall.world.advance(100);
      return (await undecided(db.sql)) === 0;
    });
    // Decided is committed; the signature comes behind the commit.
    await until(async () => (await readCheckpoint(db.sql, ORIGIN, 2)) !== null);
    t.equal(await checkLog(t, db.sql), 2);
  },
);

t.test(
  'receipts are asked for together, and a round that takes too long for the database is made smaller',
  async (t) => {
    const db = await testDb(t);
    const line = await lineTo(t, db.app);
    const sql = openPool(line.place, 4);
    t.teardown(() => sql.end({ timeout: 1 }));
    const LODGED = 130;
    const TOO_MANY = 100;
    const rounds: number[] = [];
    let asked = 0;
    let counted: Promise<number> = Promise.resolve(0);
    const signReceipt =
      (signer: Signer): Signer['signReceipt'] =>
      async (...receipt) => {
        asked += 1;
        // What is asked for in one turn belongs to one round; whoever asked for one after the other would count one each.
        if (asked === 1)
          counted = Promise.resolve().then(() => {
            const count = asked;
            rounds.push(count);
            asked = 0;
            // So PostgreSQL does with a transaction that says nothing for too long.
            if (count > TOO_MANY) line.cut();
            return count;
          });
        await counted;
        return signer.signReceipt(...receipt);
      };
    const hall = await testHall(t, db, {
      sql,
      signer: (signer) => ({ ...signer, signReceipt: signReceipt(signer) }),
    });
    const running = await hall.start();
    t.teardown(() => running.stop());
    await accepted(running.recorder.create(createRequest()));
    await accepted(running.recorder.submit(submission('PublishOpening', 'host', {})));
    const { policyHash } = await stateOf(running);
    const lodged = Array.from({ length: LODGED }, (_, i) => lodgement(i, policyHash));
    await leave(db.sql, hall.world.now(), ...lodged);
    running.recorder.hear(OPENING_ID);
    let told = 0;
    await until(async () => {
      if (running.faults.length > told) hall.world.advance(RETRY_MS);
      told = running.faults.length;
      return (await undecided(db.sql)) === 0;
    });
    t.strictSame(rounds, [LODGED, 128, 64, LODGED - 64]);
  },
);

t.test(
  'the database was away for long while the platform lived: the window is frozen before anybody is late',
  async (t) => {
    const db = await testDb(t);
    const line = await lineTo(t, db.app);
    const sql = openPool(line.place, 4);
    t.teardown(() => sql.end({ timeout: 1 }));
    const hall = await testHall(t, db, { sql });
    const running = await hall.start();
    t.teardown(() => running.stop());
    const { window } = await openWindow(hall, running);
    await hall.pass(9_000);
    const [beat] = await db.sql<{ at: number }[]>`SELECT at FROM heartbeats`;
    await line.block(true);
    for (let minute = 0; minute < 12; minute++) await hall.world.advanceGently(MINUTE);
    t.ok(hall.world.now() > (window?.closesAt ?? 0));
    await line.block(false);
    t.same(await running.recorder.submit(decryption(0)), { outcome: 'refused', code: 'opening_is_suspended' });
    const { suspended, phase } = await stateOf(running);
    t.equal(phase, 'Decrypting');
    t.match(suspended, { cause: 'outage', since: beat?.at });
  },
);

t.test('poison in the intake is set aside, whatever kind it is, and holds nobody back', async (t) => {
  const db = await testDb(t);
  const hall = await testHall(t, db);
  const running = await hall.start();
  t.teardown(() => running.stop());
  const { recorder } = running;
  await accepted(recorder.create(createRequest()));
  await accepted(recorder.submit(submission('PublishOpening', 'host', {})));
  const { policyHash } = await stateOf(running);
  const good = submission('Rehearse', 'bidder', rehearsal, 3, 'good');
  const nul = { ...submission('Rehearse', 'bidder', rehearsal, 4), command: 'a\0b' };
  const noBidId = { ...lodgement(5, policyHash), data: {} };
  const noEnvelope = submission('LodgeBid', 'bidder', lodgement(6, policyHash).data, 6, 'later');
  await leave(db.sql, hall.world.now(), 'no JSON {', nul, noBidId, noEnvelope, good);
  const answers = await Promise.all([0, 1, 2].map((i) => recorder.submit(lodgement(i, policyHash))));
  t.ok(answers.every((a) => a.outcome === 'accepted'));
  t.equal(await undecided(db.sql), 0);
  t.ok(running.faults.length >= 3, 'and it was told');
  const acts = await db.sql`SELECT type FROM register_acts WHERE type = 'Rehearsed'`;
  t.equal(acts.length, 1, 'the good one among them');
  const later = { ...lodgement(6, policyHash), command: 'later' };
  await accepted(recorder.submit(later));
});

t.test('a submission that cannot be decided is refused so, and only it', async (t) => {
  const hall = await testHall(t, await testDb(t));
  const running = await hall.start();
  t.teardown(() => running.stop());
  const { recorder } = running;
  await accepted(recorder.create(createRequest()));
  await accepted(recorder.submit(submission('PublishOpening', 'host', {})));
  const { policyHash } = await stateOf(running);
  const without = submission('LodgeBid', 'bidder', lodgement(0, policyHash).data);
  const [bad, ...good] = await Promise.all([
    recorder.submit(without),
    ...[1, 2, 3].map((i) => recorder.submit(lodgement(i, policyHash))),
  ]);
  t.same(bad, { outcome: 'refused', code: 'could_not_be_decided' });
  t.ok(good.every((a) => a.outcome === 'accepted'));
});

t.test('a guard that cannot write refuses nobody: what waits is decided when it can', async (t) => {
  const db = await testDb(t);
  let guard: ReturnType<typeof breakable> | null = null;
  const hall = await testHall(t, db, {
    signer: (signer) => {
      guard = breakable(signer);
      return guard.signer;
    },
  });
  const running = await hall.start();
  t.teardown(() => running.stop());
  const breaker = guard as unknown as ReturnType<typeof breakable>;
  const { recorder } = running;
  await accepted(recorder.create(createRequest()));
  breaker.break(true);
  const publish = submission('PublishOpening', 'host', {}, 0, 'publish');
  for (let tries = 0; tries < 4; tries++) await t.rejects(recorder.submit(publish), UNKNOWN);
  t.equal(await undecided(db.sql), 4, 'all of it waits');
  breaker.break(false);
  hall.world.advance(RETRY_MS);
  await until(async () => (await undecided(db.sql)) === 0);
  t.same((await accepted(recorder.submit(publish))).seqs, [1]);
  t.equal(await checkLog(t, db.sql), 2);
});

t.test('refused commands: nothing more is signed, by the clock neither, and the heart stops', async (t) => {
  const db = await testDb(t);
  const hall = await testHall(t, db);
  const running = await hall.start();
  t.teardown(() => running.stop());
  const { recorder } = running;
  await accepted(recorder.create(createRequest()));
  await accepted(recorder.submit(submission('PublishOpening', 'host', {})));
  recorder.refuseCommands('somebody was at the log');
  t.match(recorder.health(), { readOnly: true, why: 'somebody was at the log' });
  await t.rejects(recorder.submit(submission('ProposeAbort', 'host', { reason: '…' })), READ_ONLY);
  await t.rejects(recorder.create(createRequest()), READ_ONLY);
  const [before] = await db.sql`SELECT at FROM heartbeats`;
  await hall.world.advanceGently(4 * MINUTE);
  t.equal((await stateOf(running)).phase, 'Scheduled', 'check-in did not open');
  t.same((await db.sql`SELECT at FROM heartbeats`)[0], before);
});

t.test('an alarm whose round failed sounds again', async (t) => {
  const db = await testDb(t);
  const trouble = troubled(db.sql, db.superuser);
  const hall = await testHall(t, db, { sql: trouble.sql });
  const running = await hall.start();
  t.teardown(() => running.stop());
  await accepted(running.recorder.create(createRequest()));
  await accepted(running.recorder.submit(submission('PublishOpening', 'host', {})));
  await hall.pass(3 * MINUTE - 1);
  trouble.strike('undone');
  hall.world.advance(1);
  await until(() => running.faults.length > 0);
  await until(async () => {
    hall.world.advance(100);
    // The clock goes no faster than the database answers, or it would reach the deadline before the retry has.
    await db.sql`SELECT 1`;
    return (await stateOf(running)).phase === 'CheckIn';
  });
  t.equal(await checkLog(t, db.sql), 3);
});

t.test('closing while rounds run: every answer given stands, every other is given again', async (t) => {
  const db = await testDb(t);
  const hall = await testHall(t, db);
  const before = await hall.start();
  await accepted(before.recorder.create(createRequest()));
  await accepted(before.recorder.submit(submission('PublishOpening', 'host', {})));
  const { policyHash } = await stateOf(before);
  const bids = Array.from({ length: 40 }, (_, i) => lodgement(i, policyHash));
  const answers = bids.map((bid) => before.recorder.submit(bid).catch((error: unknown) => error));
  await before.stop();
  const given = await Promise.all(answers);
  const after = await hall.start();
  t.teardown(() => after.stop());
  for (const [i, bid] of bids.entries()) {
    const answer = given[i];
    const again = await accepted(after.recorder.submit(bid));
    if (answer instanceof Error) t.match(answer, UNKNOWN);
    else t.same(again, answer);
  }
  t.equal((await db.sql`SELECT 1 FROM register_acts`).length, 40);
});

t.test('a decryption whose verification or record fails is verified and recorded all the same', async (t) => {
  const db = await testDb(t);
  const trouble = troubled(db.sql, db.superuser);
  const hall = await testHall(t, db, { sql: trouble.sql });
  let tries = 0;
  const away = Object.assign(new Error('away'), { code: 'CONNECTION_CLOSED' });
  const running = await hall.start(() => {
    tries += 1;
    // More often than the platform would forgive itself, had it been its own fault.
    if (tries <= 5) throw away;
    if (tries === 6) trouble.strike('undone');
    return null;
  });
  t.teardown(() => running.stop());
  await openWindow(hall, running);
  await accepted(running.recorder.submit(decryption(0)));
  await until(async () => {
    hall.world.advance(100);
    return (await stateOf(running)).bids.some((b) => b.attempts[0]?.outcome === 'decrypted');
  });
  t.equal(trouble.struck(), 1);
});

t.test('a vault that breaks over one bid answers for it after three tries', async (t) => {
  const hall = await testHall(t, await testDb(t));
  let tries = 0;
  const running = await hall.start(() => {
    tries += 1;
    throw new Error('the window key is gone');
  });
  t.teardown(() => running.stop());
  await openWindow(hall, running);
  await accepted(running.recorder.submit(decryption(0)));
  await until(async () => {
    hall.world.advance(100);
    return (await stateOf(running)).bids.some((b) => b.attempts[0]?.outcome === 'worker_failed');
  });
  t.equal(tries, 3);
});

t.test('what is stored in the intake is canonical, and what is not plain JSON is not taken', async (t) => {
  const db = await testDb(t);
  const hall = await testHall(t, db);
  const running = await hall.start();
  t.teardown(() => running.stop());
  const { recorder } = running;
  await accepted(recorder.create(createRequest()));
  await accepted(recorder.submit(submission('PublishOpening', 'host', {})));
  const rows = await db.sql<{ content: Uint8Array }[]>`SELECT content FROM intake`;
  for (const { content } of rows) {
    const text = new TextDecoder().decode(content);
    t.equal(canonicalise(JSON.parse(text)), text);
  }
  const refused = { outcome: 'refused', code: 'details_invalid' };
  const decomposed = submission('Rehearse', 'bidder', rehearsal, 1);
  t.same(await recorder.submit({ ...decomposed, who: { ...decomposed.who, name: 'e\u0301' } }), refused);
  t.same(await recorder.submit({ ...decomposed, data: { clockOffsetMs: 0.5 } }), refused);
  t.same(await recorder.submit({ ...decomposed, command: 'with space' }), refused);
  t.equal((await db.sql`SELECT 1 FROM intake`).length, rows.length);
});

const rehearsal = { encCertSha256: 'D'.repeat(43), unwrapped: true, clockOffsetMs: 3, device: 'test' };
