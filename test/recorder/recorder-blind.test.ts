/** A blind window on the recorder and a real database, with real keys: the platform has no key while it runs, shares over a restart, attempts in order, too few shares. */
import { createPublicKey } from 'node:crypto';
import fc from 'fast-check';
import { dealWindowKey } from '../../server/cli/seal/opening-key.ts';
import { toBase64, toBase64Url } from '../../server/core/log/base64.ts';
import type { DecryptionFailure } from '../../server/core/opening/findings.ts';
import { isWindowBlind, shareKeyOf } from '../../server/core/opening/layer.ts';
import type { OpeningState } from '../../server/core/opening/state.ts';
import { blindKeyOf, lookAtOpeningKey } from '../../server/recorder/layer-facts.ts';
import { VaultBusyError } from '../../server/recorder/opening-desk.ts';
import { windowKeyId } from '../../server/vault/window-key.ts';
import { systemWorld } from '../../server/world.ts';
import { testDb } from '../support/database.ts';
import { OPENING_ID } from '../support/opening-people.ts';
import {
  accepted,
  BIDDERS,
  decryption,
  type Hall,
  lodgement,
  MINUTE,
  type RunningRecorder,
  stateOf,
  submission,
  testHall,
  until,
} from '../support/recorder.ts';
import { give, holders, ownShare, problemsOf, publishWithCeremony, roleOf } from '../support/recorder-holding.ts';
import t from '../support/tap.ts';

const BLIND = { holders: 3, threshold: 2, windowMs: 5 * MINUTE };
const VAULT_KEY = new Uint8Array(32).fill(7);
const dealt = await dealWindowKey({
  openingId: OPENING_ID,
  holders,
  threshold: BLIND.threshold,
  nowAt: Date.now(),
  randomBytes: systemWorld.randomBytes,
});
const kid = windowKeyId(dealt.windowKey);

/** A fresh opening with its ceremony, to the blind window; bidder 0 has decrypted twice, bidder 1 once. */
async function untilReceived(hall: Hall, running: RunningRecorder): Promise<void> {
  const { recorder } = running;
  await publishWithCeremony(running, dealt, { blindWindow: BLIND, decryptionWindowMs: 2 * MINUTE });
  const { policyHash } = await stateOf(running);
  for (const index of BIDDERS) await accepted(recorder.submit(lodgement(index, policyHash)));
  await hall.pass(3 * MINUTE);
  await until(async () => (await stateOf(running)).phase === 'CheckIn');
  await hall.pass(2 * MINUTE);
  await until(async () => (await stateOf(running)).phase === 'Sealed');
  await accepted(recorder.submit(submission('PublishRoster', 'host', {})));
  await accepted(recorder.submit(submission('OpenWindow', 'host', {})));
  for (const index of [0, 0, 1]) await accepted(recorder.submit(decryption(index)));
}

async function untilShares(hall: Hall, running: RunningRecorder): Promise<void> {
  await untilReceived(hall, running);
  await hall.pass(2 * MINUTE);
  await until(async () => (await stateOf(running)).phase === 'TendererDecrypting');
}

const keysOf = (hall: Hall) => hall.db.sql<{ kid: string }[]>`
  SELECT kid FROM window_keys WHERE opening_id = ${OPENING_ID}`;
const outcomes = ({ bids }: OpeningState) =>
  bids.map(({ attempts }) => attempts.map(({ outcome }) => outcome).join()).sort();

t.test('while the window runs the platform holds no key, asks the vault nothing, and takes no share', async (t) => {
  const hall = await testHall(t, await testDb(t));
  const asked: number[] = [];
  const running = await hall.start((bidder) => {
    asked.push(bidder);
    return null;
  });
  t.teardown(() => running.stop());
  await untilReceived(hall, running);
  await hall.pass(MINUTE);
  const state = await stateOf(running);
  t.match(state, { phase: 'Decrypting', window: { kid } });
  t.same(outcomes(state), ['', '', 'undecided', 'undecided,undecided']);
  t.same(await keysOf(hall), [], 'neither the window’s nor one that a share could be sealed to');
  t.equal(await blindKeyOf(state, { tx: hall.db.sql, vaultKey: VAULT_KEY }), null);
  const early = { commitment: dealt.shares[0]?.commitment ?? '', sealed: 'a.b.c.d.e' };
  t.same(await running.recorder.submit(submission('UnsealLayer', roleOf(1), early)), {
    outcome: 'refused',
    code: 'too_early',
  });
  await hall.pass(MINUTE);
  await until(async () => (await stateOf(running)).phase === 'TendererDecrypting');
  t.same(
    (await keysOf(hall)).map((key) => key.kid),
    [shareKeyOf(await stateOf(running))?.kid],
  );
  t.same(asked, []);
});

t.test('one share before a restart and one after: the key comes out of the log, attempts in order', async (t) => {
  const hall = await testHall(t, await testDb(t));
  const before = await hall.start();
  await untilShares(hall, before);
  const wrong = (await ownShare(dealt, 1)).slice();
  wrong[0] = (wrong[0] as number) ^ 1;
  await accepted(give(before, dealt, 2, wrong));
  t.same((await stateOf(before)).layer.wrong, [2]);
  await accepted(give(before, dealt, 2));
  const sources = { tx: hall.db.sql, vaultKey: VAULT_KEY };
  t.equal(await blindKeyOf(await stateOf(before), sources), null, 'one share gives nothing');
  t.ok(isWindowBlind(await stateOf(before)));
  await before.stop();

  const asked: string[] = [];
  const verify = async (state: OpeningState, bidder: number, attempt: number): Promise<DecryptionFailure | null> => {
    const key = await blindKeyOf(state, sources);
    if (key === null) throw new Error('asked before the key is given');
    const { x, y } = createPublicKey(key).export({ format: 'jwk' });
    if (x !== dealt.windowKey.x || y !== dealt.windowKey.y) throw new Error('another key than was dealt');
    asked.push(`${bidder}/${attempt}`);
    if (asked.filter((one) => one === `${bidder}/${attempt}`).length === 1) throw new VaultBusyError('busy');
    const isTwice = (state.bids[bidder - 1]?.attempts.length ?? 0) === 2;
    return isTwice && attempt === 1 ? 'key_not_readable' : null;
  };
  const running = await hall.start(() => null, { verify });
  t.teardown(() => running.stop());
  await accepted(give(running, dealt, 3));
  t.same(await give(running, dealt, 1), { outcome: 'refused', code: 'shares_complete' });
  await until(async () => {
    await hall.pass(1_000);
    return (await stateOf(running)).phase === 'Attribution';
  });
  t.same(outcomes(await stateOf(running)), ['', '', 'decrypted', 'key_not_readable,decrypted']);
  t.equal(asked.length, 6, 'each attempt once more after the vault was busy, and none of them again');
  t.same(await problemsOf(hall), []);
});

t.test('too few shares: the clock ends it, the missing are named, and no bidder is at fault', async (t) => {
  const hall = await testHall(t, await testDb(t));
  const running = await hall.start();
  t.teardown(() => running.stop());
  await untilShares(hall, running);
  await accepted(give(running, dealt, 3));
  const closesAt = (await stateOf(running)).layer.unsealing?.closesAt ?? 0;
  await hall.pass(closesAt - hall.world.now() + 1_000);
  await until(async () => (await stateOf(running)).phase === 'Attribution');
  const { bids } = await stateOf(running);
  const none = 'window_key_not_given';
  t.same(outcomes(await stateOf(running)), ['', '', none, `${none},${none}`]);
  t.match(
    bids.filter((bid) => bid.attempts.length > 0),
    [{ proposal: { verdict: 'deemed_withdrawn' } }, { proposal: { verdict: 'deemed_withdrawn' } }],
  );
  const [row] = await hall.db.sql<{ body: { missing: number[] } }[]>`
    SELECT convert_from(bytes, 'UTF8')::jsonb -> 'body' AS body FROM entries
    WHERE convert_from(bytes, 'UTF8')::jsonb ->> 'type' = 'UnsealingClosed'`;
  t.same(row?.body.missing, [1, 2]);
  t.same(await problemsOf(hall), []);
});

t.test('a window key that is dealt lies on its curve; whatever else comes is no fault of ours', async (t) => {
  const { windowKey } = dealt;
  const wrappedKey = toBase64(dealt.wrappedKey);
  t.same(lookAtOpeningKey({ windowKey, wrappedKey }), { sha256: kid, isInForm: true });
  t.notOk(lookAtOpeningKey({ windowKey: { ...windowKey, y: windowKey.x }, wrappedKey }).isInForm);
  t.notOk(lookAtOpeningKey({ windowKey, wrappedKey: 'A' }).isInForm);
  const bytes = fc.uint8Array({ minLength: 32, maxLength: 32 }).map(toBase64Url);
  const total = fc.property(bytes, bytes, (x, y) => {
    lookAtOpeningKey({ windowKey: { ...windowKey, x, y }, wrappedKey });
  });
  t.doesNotThrow(() => fc.assert(total, { numRuns: 200 }));
});
