/** A second layer on the recorder and a real database, with the vault's own keys: shares over a restart, a vault that fails, too few shares, an outage. */
import fc from 'fast-check';
import { demoCreditCode } from '../../server/cli/demo/ca.ts';
import { dealOpeningKey } from '../../server/cli/seal/opening-key.ts';
import type { DealtOpeningKey } from '../../server/client/deal-key.ts';
import { toBase64, toBase64Url } from '../../server/core/log/base64.ts';
import type { DecryptionFailure } from '../../server/core/opening/findings.ts';
import { isDecrypted } from '../../server/core/opening/state.ts';
import { parsePem } from '../../server/core/pki/certificate.ts';
import { sha256 } from '../../server/hash.ts';
import { holderOf, layerKeyOf, lookAtOpeningKey } from '../../server/recorder/layer-facts.ts';
import { VaultBusyError } from '../../server/recorder/opening-desk.ts';
import { systemWorld } from '../../server/world.ts';
import { testCa } from '../support/ca.ts';
import { testDb } from '../support/database.ts';
import { digest, OPENING_ID } from '../support/opening-people.ts';
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
import { give, holders, ownShare, problemsOf, publishWithCeremony } from '../support/recorder-holding.ts';
import t from '../support/tap.ts';

const LAYER = { holders: 3, threshold: 2, windowMs: 5 * MINUTE };
const VAULT_KEY = new Uint8Array(32).fill(7);

const dealt: DealtOpeningKey = await dealOpeningKey({
  openingId: OPENING_ID,
  holders,
  threshold: LAYER.threshold,
  nowAt: Date.now(),
  randomBytes: systemWorld.randomBytes,
});
const certSha256 = toBase64Url(sha256(dealt.certificate));

/** A fresh opening with its ceremony, to the moment when shares are asked for; bidders 0 and 1 have decrypted. */
async function untilShares(hall: Hall, running: RunningRecorder): Promise<void> {
  const { recorder } = running;
  await publishWithCeremony(running, dealt, { tendererLayer: LAYER, decryptionWindowMs: 2 * MINUTE });
  const { policyHash } = await stateOf(running);
  for (const index of BIDDERS) {
    const layer = { openingCertSha256: certSha256, cekCommit: digest(`inner ${index}`), contentCommit: digest('c') };
    await accepted(recorder.submit(lodgement(index, policyHash, { layer })));
  }
  await hall.pass(3 * MINUTE);
  await until(async () => (await stateOf(running)).phase === 'CheckIn');
  await hall.pass(2 * MINUTE);
  await until(async () => (await stateOf(running)).phase === 'Sealed');
  await accepted(recorder.submit(submission('PublishRoster', 'host', {})));
  await accepted(recorder.submit(submission('OpenWindow', 'host', {})));
  for (const index of [0, 1]) await accepted(recorder.submit(decryption(index)));
  await until(async () => (await stateOf(running)).bids.filter(isDecrypted).length === 2);
  await hall.pass(2 * MINUTE);
  await until(async () => (await stateOf(running)).phase === 'TendererDecrypting');
}

t.test(
  'one share before a restart and one after: the key is restored from the log, each bid decided once',
  async (t) => {
    const hall = await testHall(t, await testDb(t));
    const before = await hall.start();
    await untilShares(hall, before);
    const one = await ownShare(dealt, 1);
    const wrong = one.slice();
    wrong[0] = (wrong[0] as number) ^ 1;
    await accepted(give(before, dealt, 2, wrong));
    t.same((await stateOf(before)).layer.wrong, [2]);
    await accepted(give(before, dealt, 2));
    t.same(await give(before, dealt, 2), { outcome: 'refused', code: 'share_already_given' });
    const half = await layerKeyOf(await stateOf(before), { tx: hall.db.sql, vaultKey: VAULT_KEY });
    t.equal(half?.privateKey, null, 'one share gives nothing');
    await before.stop();

    const asked = new Map<number, number>();
    const verifyLayer = async (_state: unknown, bidder: number): Promise<DecryptionFailure | null> => {
      const times = (asked.get(bidder) ?? 0) + 1;
      asked.set(bidder, times);
      if (times === 1) throw new VaultBusyError('busy');
      return bidder === (await firstDecrypted()) ? null : 'layer_wrong_key';
    };
    const running = await hall.start(() => null, { verifyLayer });
    t.teardown(() => running.stop());
    const firstDecrypted = async () => (await stateOf(running)).bids.find((bid) => bid.attempts.length > 0)?.bidder;
    t.equal((await stateOf(running)).layer.given.length, 1);
    await accepted(give(running, dealt, 3));
    const complete = await layerKeyOf(await stateOf(running), { tx: hall.db.sql, vaultKey: VAULT_KEY });
    t.equal(complete?.privateKey?.[0], 0x30, 'a PKCS#8 key');
    t.same(await give(running, dealt, 1), { outcome: 'refused', code: 'shares_complete' });
    await until(async () => {
      await hall.pass(1_000);
      return (await stateOf(running)).phase === 'Attribution';
    });
    const { bids, layer } = await stateOf(running);
    t.same([...asked.values()], [2, 2]);
    t.equal(bids.filter((bid) => bid.isLayerOpen).length, 1);
    t.match(
      bids.filter((bid) => bid.attempts.at(-1)?.outcome === 'layer_wrong_key'),
      [{ proposal: { verdict: 'deemed_revoked' } }],
    );
    t.not(layer.unsealing?.closedAt, null);
    t.same(await problemsOf(hall), []);
  },
);

t.test('too few shares: the clock ends it, and time that the platform was away is not the holders’', async (t) => {
  const hall = await testHall(t, await testDb(t));
  const before = await hall.start();
  await untilShares(hall, before);
  await accepted(give(before, dealt, 1));
  const closesAt = (await stateOf(before)).layer.unsealing?.closesAt ?? 0;
  await hall.pass(MINUTE);
  await before.stop();
  hall.world.advance(2 * MINUTE);
  const running = await hall.start();
  t.teardown(() => running.stop());
  t.match(await stateOf(running), { phase: 'TendererDecrypting', suspended: { cause: 'outage' } });
  t.same(await give(running, dealt, 2), { outcome: 'refused', code: 'opening_is_suspended' });
  await accepted(running.recorder.submit(submission('ResumeOpening', 'host', { reason: '恢复' })));
  const later = (await stateOf(running)).layer.unsealing?.closesAt ?? 0;
  t.ok(later >= closesAt + 2 * MINUTE, 'the remainder is kept');
  await hall.pass(later - hall.world.now() + 1_000);
  await until(async () => (await stateOf(running)).phase === 'Attribution');
  const { bids } = await stateOf(running);
  t.match(
    bids.filter((bid) => bid.attempts.length > 0),
    [0, 1].map(() => ({
      attempts: [{ outcome: 'layer_not_opened' }],
      proposal: { verdict: 'deemed_withdrawn' },
    })),
  );
  t.same(await problemsOf(hall), []);
});

t.test('a holder is the person who offered, under whatever account; nobody else is', async (t) => {
  const hall = await testHall(t, await testDb(t));
  const running = await hall.start();
  t.teardown(() => running.stop());
  await untilShares(hall, running);
  const state = await stateOf(running);
  const [first] = state.layer.holders;
  if (first?.account.known !== true) throw new Error('the recorder sees who holds');
  t.equal(holderOf(state, first.account.value), 1);
  const [holder] = state.layer.holders.map((one) => ({ ...one, account: { known: true, value: 'A/7' } as const }));
  const alone = { ...state, layer: { ...state.layer, holders: holder === undefined ? [] : [holder] } };
  t.equal(holderOf(alone, 'B/7'), 1, 'the same person for another organisation');
  t.equal(holderOf(alone, 'A/8'), null);
  t.equal(holderOf(state, 'nobody'), null);
  t.equal(holderOf(state, null), null);
});

t.test('only an RSA certificate that keys may be wrapped to is dealt', async (t) => {
  const ca = await testCa({ name: 'Test', at: Date.now() });
  const holder = { creditCode: demoCreditCode(1), organisation: '代理', name: '代理' };
  const wrappedKey = toBase64(dealt.wrappedKey);
  const look = async (usage: 'sign' | 'encrypt', kind: 'rsa' | 'p256') => {
    const { certificatePem } = await ca.issue({ holder, usage, key: kind });
    const [certificate] = parsePem(certificatePem);
    return lookAtOpeningKey({ certificate: toBase64(certificate?.der ?? new Uint8Array(0)), wrappedKey });
  };
  t.match(await look('encrypt', 'rsa'), { isInForm: true });
  t.match(await look('sign', 'rsa'), { isInForm: false });
  t.match(await look('encrypt', 'p256'), { isInForm: false });
  t.same(lookAtOpeningKey({ certificate: toBase64(dealt.certificate), wrappedKey }), {
    sha256: certSha256,
    isInForm: true,
  });
  const total = fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(), (bytes, at) => {
    const spoilt = dealt.certificate.slice();
    spoilt[at % spoilt.length] = bytes[0] ?? 0;
    lookAtOpeningKey({ certificate: toBase64(spoilt), wrappedKey });
    return !lookAtOpeningKey({ certificate: toBase64(bytes), wrappedKey }).isInForm;
  });
  t.doesNotThrow(() => fc.assert(total, { numRuns: 300 }));
  t.notOk(lookAtOpeningKey({ certificate: 'A', wrappedKey }).isInForm);
  const certificate = toBase64(dealt.certificate);
  const wrapped = (length: number): string => toBase64(new Uint8Array(length));
  // a nonce and a tag, with nothing between them
  t.notOk(lookAtOpeningKey({ certificate, wrappedKey: wrapped(28) }).isInForm);
  t.ok(lookAtOpeningKey({ certificate, wrappedKey: wrapped(29) }).isInForm);
  t.notOk(
    lookAtOpeningKey({ certificate, wrappedKey: 'A' }).isInForm,
    'what cannot be read fails now, at its dealer’s door',
  );
});
