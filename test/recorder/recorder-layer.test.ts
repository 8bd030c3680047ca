/** A second layer on the recorder and a real database, with the vault's own keys: shares over a restart, a vault that fails, too few shares, an outage. */
import fc from 'fast-check';
import { createDemoCa, demoCreditCode } from '../../server/cli/demo/ca.ts';
import { type DealtOpeningKey, dealOpeningKey } from '../../server/cli/seal/opening-key.ts';
import { sealSecret } from '../../server/cli/seal/seal-secret.ts';
import { toBase64, toBase64Url } from '../../server/core/log/base64.ts';
import { openDisclosures } from '../../server/core/log/disclosure.ts';
import { parseEntry } from '../../server/core/log/entry.ts';
import { createAudit } from '../../server/core/opening/audit.ts';
import type { DecryptionFailure } from '../../server/core/opening/commands.ts';
import type { HoldingRole } from '../../server/core/opening/layer-commands.ts';
import { isDecrypted } from '../../server/core/opening/state.ts';
import { parsePem } from '../../server/core/pki/certificate.ts';
import { shareCommit } from '../../server/core/seal/opening-key.ts';
import { sha256 } from '../../server/hash.ts';
import { knownValues } from '../../server/recorder/kept-opening.ts';
import { holderOf, layerKeyOf, lookAtOpeningKey } from '../../server/recorder/layer-facts.ts';
import { VaultBusyError } from '../../server/recorder/opening-desk.ts';
import { readDisclosures } from '../../server/store/read-log.ts';
import { openSecret } from '../../server/vault/open-secret.ts';
import { systemWorld } from '../../server/world.ts';
import { testDb } from '../support/database.ts';
import { digest, OPENING_ID, ORIGIN } from '../support/opening-people.ts';
import {
  accepted,
  BIDDERS,
  createRequest,
  decryption,
  type Hall,
  lodgement,
  MINUTE,
  NOTHING_SEEN,
  type RunningRecorder,
  stateOf,
  submission,
  testHall,
  until,
} from '../support/recorder.ts';
import t from '../support/tap.ts';
import { type Holder, newHolder } from '../vault/layered.ts';

const LAYER = { holders: 3, threshold: 2, windowMs: 5 * MINUTE };
const ROLES: readonly HoldingRole[] = ['tenderer', 'host', 'witness'];
const VAULT_KEY = new Uint8Array(32).fill(7);

const holders: readonly Holder[] = [1, 2, 3].map((holder) => newHolder(holder));
const dealt: DealtOpeningKey = await dealOpeningKey({
  openingId: OPENING_ID,
  holders,
  threshold: LAYER.threshold,
  nowAt: Date.now(),
  randomBytes: systemWorld.randomBytes,
});
const certSha256 = toBase64Url(sha256(dealt.certificate));

function roleOf(holder: number): HoldingRole {
  const role = ROLES[holder - 1];
  if (role === undefined) throw new Error(`no holder ${holder}`);
  return role;
}

/** What a holder finds in its dealt share. */
async function ownShare(holder: number): Promise<Uint8Array> {
  const own = holders[holder - 1];
  const sealed = dealt.shares[holder - 1]?.sealed ?? '';
  if (own === undefined) throw new Error(`no holder ${holder}`);
  const about = { about: 'dealt_share', openingId: OPENING_ID, holder } as const;
  const share = await openSecret(sealed, own.privateKey, own.kid, about);
  if (share === null) throw new Error('not dealt to this holder');
  return share;
}

async function give(running: RunningRecorder, holder: number, share?: Uint8Array) {
  const { window } = await stateOf(running);
  if (window === null) throw new Error('no window');
  const given = share ?? (await ownShare(holder));
  const purpose = { about: 'unsealing_share', openingId: OPENING_ID, holder } as const;
  const sealed = await sealSecret(given, { kid: window.kid, key: window.key }, purpose);
  const commitment = shareCommit(sha256, { openingId: OPENING_ID, holder }, await ownShare(holder));
  return running.recorder.submit(submission('UnsealLayer', roleOf(holder), { commitment, sealed }));
}

/** A fresh opening with its ceremony, to the moment when shares are asked for; bidders 0 and 1 have decrypted. */
async function untilShares(hall: Hall, running: RunningRecorder): Promise<void> {
  const { recorder } = running;
  await accepted(
    recorder.create(createRequest(NOTHING_SEEN, { tendererLayer: LAYER, decryptionWindowMs: 2 * MINUTE })),
  );
  for (const { holder, key } of holders)
    await accepted(recorder.submit(submission('OfferHolderKey', roleOf(holder), { key })));
  const certificate = toBase64(dealt.certificate);
  const key = { certificate, wrappedKey: toBase64(dealt.wrappedKey), secretCommit: dealt.secretCommit };
  await accepted(recorder.submit(submission('DealOpeningKey', 'tenderer', { ...key, shares: dealt.shares })));
  for (const { holder } of holders)
    await accepted(
      recorder.submit(submission('AcknowledgeShare', roleOf(holder), { secretCommit: dealt.secretCommit })),
    );
  await accepted(recorder.submit(submission('PublishOpening', 'host', {})));
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

async function problemsOf(hall: Hall): Promise<readonly unknown[]> {
  const rows = await hall.db.sql<{ seq: number; bytes: Uint8Array }[]>`
    SELECT seq, bytes FROM entries WHERE origin = ${ORIGIN} ORDER BY seq`;
  const texts = await readDisclosures(hall.db.sql, ORIGIN, 0, rows.length);
  const audit = createAudit(sha256);
  for (const { seq, bytes } of rows) {
    const entry = parseEntry(bytes);
    const mine = texts.filter((x) => x.seq === seq).map((x) => x.disclosure);
    const opened = openDisclosures(sha256, entry.commit, mine);
    if (!opened.ok) throw new Error(opened.reason);
    audit.add(entry, knownValues(opened.fields));
  }
  return audit.finish().problems;
}

t.test(
  'one share before a restart and one after: the key is restored from the log, each bid decided once',
  async (t) => {
    const hall = await testHall(t, await testDb(t));
    const before = await hall.start();
    await untilShares(hall, before);
    const [one] = await Promise.all([ownShare(1)]);
    const wrong = one.slice();
    wrong[0] = (wrong[0] as number) ^ 1;
    await accepted(give(before, 2, wrong));
    t.same((await stateOf(before)).layer.wrong, [2]);
    await accepted(give(before, 2));
    t.same(await give(before, 2), { outcome: 'refused', code: 'share_already_given' });
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
    await accepted(give(running, 3));
    const complete = await layerKeyOf(await stateOf(running), { tx: hall.db.sql, vaultKey: VAULT_KEY });
    t.equal(complete?.privateKey?.[0], 0x30, 'a PKCS#8 key');
    t.same(await give(running, 1), { outcome: 'refused', code: 'shares_complete' });
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
  await accepted(give(before, 1));
  const closesAt = (await stateOf(before)).layer.unsealing?.closesAt ?? 0;
  await hall.pass(MINUTE);
  await before.stop();
  hall.world.advance(2 * MINUTE);
  const running = await hall.start();
  t.teardown(() => running.stop());
  t.match(await stateOf(running), { phase: 'TendererDecrypting', suspended: { cause: 'outage' } });
  t.same(await give(running, 2), { outcome: 'refused', code: 'opening_is_suspended' });
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
  const ca = await createDemoCa({ name: 'Test', at: Date.now() });
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
  t.same(lookAtOpeningKey({ certificate: toBase64(dealt.certificate), wrappedKey }), { certSha256, isInForm: true });
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
