/** A drawing on the recorder and a real database, with the vault's own keys: unsound shares, withheld ones, a restart in between. */
import { CompactEncrypt } from 'jose';
import { sealSecret } from '../../server/cli/seal/seal-secret.ts';
import { fromBase64Url } from '../../server/core/log/base64.ts';
import { openDisclosures } from '../../server/core/log/disclosure.ts';
import { parseEntry } from '../../server/core/log/entry.ts';
import { createAudit } from '../../server/core/opening/audit.ts';
import { shareCommitment } from '../../server/core/opening/draw.ts';
import { sharerOf } from '../../server/core/opening/drawing.ts';
import type { OpeningState } from '../../server/core/opening/state.ts';
import { sha256 } from '../../server/hash.ts';
import { knownValues } from '../../server/recorder/kept-opening.ts';
import { readDisclosures } from '../../server/store/read-log.ts';
import { testDb } from '../support/database.ts';
import { bidderWho, digest, OPENING_ID, ORIGIN } from '../support/opening-people.ts';
import {
  accepted,
  type Hall,
  MINUTE,
  publishRoster,
  type RunningRecorder,
  stateOf,
  submission,
  testHall,
  until,
} from '../support/recorder.ts';
import t from '../support/tap.ts';

const DRAW = {
  when: 'before_decryption',
  coefficients: { first: 90, last: 99 },
  commitMs: 2 * MINUTE,
  revealMs: MINUTE,
} as const;

/** The number the roster drew for a bidder of the test. */
function numberOfIndex({ roster, numbers }: OpeningState, index: number): number {
  if (!roster.known || !numbers.known) throw new Error('no roster');
  const row = roster.value.findIndex((r) => r.creditCode === bidderWho(index).creditCode);
  return numbers.value[row] ?? 0;
}

/** A share and what is promised of it. `party` null is the witness. */
async function promise(state: OpeningState, party: number | null, text = `share of ${party}`) {
  const { drawing } = state;
  if (drawing === null) throw new Error('no drawing');
  const { round, kid, key } = drawing;
  const share = digest(text);
  const commitment = shareCommitment({ openingId: OPENING_ID, round }, { sharer: sharerOf(party), share }, digest);
  const purpose = { about: 'draw_share', openingId: OPENING_ID, round } as const;
  const sealed = await sealSecret(fromBase64Url(share), { kid, key }, purpose);
  return { share, data: { round, commitment, sealed } };
}

async function audited(hall: Hall) {
  const rows = await hall.db.sql<{ seq: number; bytes: Uint8Array }[]>`
    SELECT seq, bytes FROM entries WHERE origin = ${ORIGIN} ORDER BY seq`;
  const texts = await readDisclosures(hall.db.sql, ORIGIN, 0, rows.length);
  const audit = createAudit(sha256);
  const types: string[] = [];
  for (const { seq, bytes } of rows) {
    const entry = parseEntry(bytes);
    types.push(entry.type);
    const mine = texts.filter((x) => x.seq === seq).map((x) => x.disclosure);
    const opened = openDisclosures(sha256, entry.commit, mine);
    if (!opened.ok) throw new Error(opened.reason);
    audit.add(entry, knownValues(opened.fields));
  }
  return { ...audit.finish(), types };
}

async function startDrawing(hall: Hall, running: RunningRecorder): Promise<OpeningState> {
  await publishRoster(hall, running, { draw: DRAW });
  await accepted(running.recorder.submit(submission('StartDrawing', 'host', {})));
  return stateOf(running);
}

t.test('a whole draw: one shows, one does not, one is left out, over a restart', async (t) => {
  const hall = await testHall(t, await testDb(t));
  const before = await hall.start();
  const state = await startDrawing(hall, before);
  t.match(state, { phase: 'Drawing', drawing: { round: 1, stage: 'committing' } });
  const [first, second, third] = [0, 1, 2].map((index) => numberOfIndex(state, index)) as [number, number, number];
  const mine = await promise(state, first);
  const silent = await promise(state, second);
  const onSite = await promise(state, null);
  await accepted(before.recorder.submit(submission('CommitShare', 'bidder', mine.data, 0)));
  await accepted(before.recorder.submit(submission('CommitShare', 'bidder', silent.data, 1)));
  // promises one share and seals another: he would choose later whether his counts
  const garbage = {
    ...mine.data,
    ...(await promise(state, third)).data,
    sealed: (await promise(state, third, 'x')).data.sealed,
  };
  await accepted(before.recorder.submit(submission('CommitShare', 'bidder', garbage, 2)));
  t.same((await stateOf(before)).drawing?.leftOut, [third]);
  await before.stop();
  const running = await hall.start();
  t.teardown(() => running.stop());
  await accepted(running.recorder.submit(submission('CommitShare', 'witness', onSite.data)));
  t.same(await running.recorder.submit(submission('RevealShare', 'bidder', { round: 1, share: mine.share }, 0)), {
    outcome: 'refused',
    code: 'commitments_not_closed',
  });
  await hall.pass(DRAW.commitMs);
  await until(async () => (await stateOf(running)).drawing?.stage === 'revealing');
  await accepted(running.recorder.submit(submission('RevealShare', 'bidder', { round: 1, share: mine.share }, 0)));
  await accepted(running.recorder.submit(submission('RevealShare', 'witness', { round: 1, share: onSite.share })));
  await hall.pass(DRAW.revealMs);
  await until(async () => (await stateOf(running)).drawing?.stage === 'drawn');
  const drawn = await stateOf(running);
  t.equal(drawn.phase, 'RosterPublished');
  t.match(drawn.drawing?.coefficient, /^9[0-9]$/);
  const shares = new Map(drawn.drawing?.shares.map(({ bidder, share }) => [bidder, share]));
  t.equal(shares.get(second), silent.share, 'kept back in vain');
  t.notOk(shares.has(third));
  const { problems, types } = await audited(hall);
  t.same(problems, [], 'an auditor computes all of it again');
  t.same(types.filter((type) => type === 'ShareOpened').length, 1);
  await accepted(running.recorder.submit(submission('OpenWindow', 'host', {})));
  t.same(running.faults, []);
});

t.test('when all have shown their shares the coefficient comes at once', async (t) => {
  const hall = await testHall(t, await testDb(t));
  const running = await hall.start();
  t.teardown(() => running.stop());
  const state = await startDrawing(hall, running);
  const onSite = await promise(state, null);
  await accepted(running.recorder.submit(submission('CommitShare', 'witness', onSite.data)));
  await hall.pass(DRAW.commitMs);
  await until(async () => (await stateOf(running)).drawing?.stage === 'revealing');
  await accepted(running.recorder.submit(submission('RevealShare', 'witness', { round: 1, share: onSite.share })));
  await until(async () => (await stateOf(running)).drawing?.stage === 'drawn');
  t.same((await audited(hall)).problems, []);
});

t.test('sealed texts that are none, for another use or to another key are left out', async (t) => {
  const hall = await testHall(t, await testDb(t));
  const running = await hall.start();
  t.teardown(() => running.stop());
  const state = await startDrawing(hall, running);
  const { drawing } = state;
  if (drawing === null) throw new Error('no drawing');
  const number = numberOfIndex(state, 0);
  const { data, share } = await promise(state, number);
  const { kid, key, round } = drawing;
  const secret = fromBase64Url(share);
  const otherRound = await sealSecret(secret, { kid, key }, { about: 'draw_share', openingId: OPENING_ID, round: 2 });
  const otherOpening = await sealSecret(secret, { kid, key }, { about: 'draw_share', openingId: 'other-one', round });
  const header = { alg: 'dir', enc: 'A256GCM', kid, about: 'draw_share', openingId: OPENING_ID, round };
  const otherKey = await new CompactEncrypt(secret).setProtectedHeader(header).encrypt(new Uint8Array(32));
  const bent = data.sealed.replace(/\.([^.]+)$/u, '.AAAAAAAAAAAAAAAAAAAAAA');
  for (const [index, sealed] of [otherRound, otherOpening, bent].entries()) {
    const { seqs } = await accepted(
      running.recorder.submit(submission('CommitShare', 'bidder', { ...data, sealed }, 0)),
    );
    t.equal(seqs.length, 1, `${index}`);
  }
  t.same((await stateOf(running)).drawing?.leftOut, [number, number, number]);
  t.same((await stateOf(running)).drawing?.shares, []);
  t.same(await running.recorder.submit(submission('CommitShare', 'bidder', data, 0)), {
    outcome: 'refused',
    code: 'too_many_attempts',
  });
  const copied = { ...data, sealed: otherKey.replace('..', '.AA.') };
  await accepted(running.recorder.submit(submission('CommitShare', 'bidder', copied, 1)));
  t.same((await stateOf(running)).drawing?.leftOut.slice(3), [numberOfIndex(state, 1)], 'and so is another’s promise');
  t.same(running.faults, []);
});

t.test('witness and supervisor void a round together; the next has a key and shares of its own', async (t) => {
  const hall = await testHall(t, await testDb(t));
  const running = await hall.start();
  t.teardown(() => running.stop());
  const state = await startDrawing(hall, running);
  const reason = { reason: '抽取设备断电' };
  await accepted(running.recorder.submit(submission('VoidDrawing', 'supervisor', reason)));
  await accepted(running.recorder.submit(submission('VoidDrawing', 'witness', reason)));
  await accepted(running.recorder.submit(submission('StartDrawing', 'host', {})));
  const again = await stateOf(running);
  t.equal(again.drawing?.round, 2);
  t.not(again.drawing?.kid, state.drawing?.kid);
  const onSite = await promise(again, null);
  await accepted(running.recorder.submit(submission('CommitShare', 'witness', onSite.data)));
  await hall.pass(DRAW.commitMs + DRAW.revealMs);
  await until(async () => {
    await hall.pass(9_000);
    return (await stateOf(running)).drawing?.stage === 'drawn';
  });
  t.same((await audited(hall)).problems, []);
});
