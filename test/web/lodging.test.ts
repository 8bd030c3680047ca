/** A bid on its way from the page: kept before it is sent, sent until it is received, and honest about what it knows. */
import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { signerOf } from '../../server/cli/seal/held-key.ts';
import { unwrapWith } from '../../server/cli/seal/wrap.ts';
import type { CommandAnswer, OwnBidAnswer } from '../../server/client/api.ts';
import { endsLodgement, openListedReceipt, receiptOf, withdrawalReceiptOf } from '../../server/client/bid-receipt.ts';
import { listingOf } from '../../server/client/key-agent.ts';
import { ApiError } from '../../server/client/transport.ts';
import { toBase64Url } from '../../server/core/log/base64.ts';
import { utf8 } from '../../server/core/log/utf8.ts';
import type { OpeningState } from '../../server/core/opening/state.ts';
import { RECEIPT_TYPE, type ReceiptPayload } from '../../server/core/seal/receipt.ts';
import { receiptKeyOf } from '../../server/core/seal/receipt-key.ts';
import { verifyEd25519 } from '../../server/ed25519.ts';
import { sha256 } from '../../server/hash.ts';
import { verifyJwsSignature } from '../../server/identity/signature.ts';
import { systemWorld } from '../../server/world.ts';
import {
  bidFileOf,
  fileFor,
  isKeptBid,
  type KeptBid,
  payloadOf,
  receivedAtOf,
  standingIn,
} from '../../web/bid/kept-bid.ts';
import { readListForm } from '../../web/bid/list-form.ts';
import { type LodgingNeeds, openLodging, SEND_AGAIN_MS } from '../../web/bid/lodging.ts';
import { LEFT_AFTER_MS, leftBehind, type Shelf } from '../../web/bid/shelf.ts';
import { sizeText } from '../../web/bid/size-text.ts';
import { browserSealing } from '../../web/seal/browser-sealing.ts';
import { blobSink } from '../../web/seal/envelope-sink.ts';
import { sealHere } from '../../web/seal/seal-here.ts';
import { startHmacSha256, startSha256 } from '../../web/seal/sha256-stream.ts';
import t from '../support/tap.ts';
import { BIDDER, CREDIT_CODE, LIST } from '../vault/bids.ts';
import { tell } from './story.ts';

const OPENING = 'zhangye-2026-001';
const AT = Date.parse('2026-03-02T00:00:00.000Z');
const ed25519 = generateKeyPairSync('ed25519');
const KEY = receiptKeyOf(
  sha256,
  Uint8Array.from(ed25519.publicKey.export({ type: 'spki', format: 'der' }).subarray(-32)),
);
/** The one before it: receipts of either count. */
const OTHER_KEY = receiptKeyOf(sha256, new Uint8Array(32).fill(9));
const LISTED = listingOf(sha256, BIDDER);
const VKEY = 'kaibiao.test/opening/x+00000000+AA';
/** An opening that takes bids, without a second layer. */
const state: OpeningState = { ...tell('Scheduled').state, openingId: OPENING };

function signed(payload: object, by: KeyObject = ed25519.privateKey): string {
  const part = (value: object): string => toBase64Url(utf8(JSON.stringify(value)));
  const text = `${part({ alg: 'EdDSA', typ: RECEIPT_TYPE, kid: KEY.kid })}.${part(payload)}`;
  return `${text}.${toBase64Url(sign(null, utf8(text), by))}`;
}

function receiptFor(statement: string, change: Partial<ReceiptPayload> = {}): ReceiptPayload {
  const at = '2026-03-02T00:00:01.000Z';
  const about = { v: 1, receivedAt: at, iat: at, jti: 'A'.repeat(22) };
  return { ...about, ...receiptOf(sha256, payloadOf({ statement })), ...change } as ReceiptPayload;
}
const answer = (receipt: string | null): CommandAnswer => ({
  entries: [],
  checkpoint: null,
  proofs: [],
  receipt,
  actId: 'act-1',
});

/** A shelf in memory, with what a browser that was closed left on it; `keepsNothing` is a private window. */
function shelfOf(left: readonly (readonly [KeptBid, Blob])[] = [], keepsNothing = false) {
  const kept = new Map(left.map(([bid]) => [bid.bidId, bid]));
  const files = new Map(left.map(([bid, file]) => [bid.fileName ?? '', file]));
  const shelf: Shelf = {
    bids: async () => [...kept.values()].sort((a, b) => b.signedAt - a.signedAt),
    async keep(bid) {
      if (!keepsNothing) kept.set(bid.bidId, bid);
      return !keepsNothing;
    },
    async forget(bid) {
      kept.delete(bid.bidId);
      files.delete(bid.fileName ?? '');
    },
    envelopeOf: async ({ fileName }) => files.get(fileName ?? '') ?? null,
    async dropEnvelope({ fileName }) {
      files.delete(fileName ?? '');
    },
    clearLeft: async () => undefined,
  };
  return { shelf, kept, files };
}

/** A page whose sendings go as told; `next` lets the pause before the next one pass. */
function pageWith(
  sends: ((statement: string) => Promise<CommandAnswer>)[],
  { shelf, files } = shelfOf(),
  isFile = true,
) {
  const sent: string[] = [];
  const alarms: (() => void)[] = [];
  let now = AT;
  let there: OwnBidAnswer['standing'] = null;
  let ledgerAwayFor = 0;
  let bidLimitBytes = 1_000_000;
  const givenUp: string[] = [];
  const needs: LodgingNeeds = {
    openingId: OPENING,
    creditCode: CREDIT_CODE,
    api: {
      readOwnBid: async () => ({ standing: there }),
      readPlatform: () => soon().then(() => ({ bidLimitBytes })),
      giveUpBid: async (_opening, bidId) => void givenUp.push(bidId),
      registerEncryptionCertificate: async () => ({ certSha256: LISTED.certSha256 }),
      async sendBid(_opening, { statement, sizeBytes, open, progress }) {
        sent.push(statement);
        const body = open(0, sizeBytes);
        t.equal(body instanceof Blob && body.size, sizeBytes);
        progress?.(sizeBytes / 2);
        const next = sends.shift();
        if (next === undefined) throw new Error('sent once too often');
        return next(statement);
      },
    },
    signer: signerOf(BIDDER),
    keys: [LISTED],
    unwrapper: () => unwrapWith(BIDDER.privateKey),
    isTryable: true,
    shelf,
    startSealing(task, fileName, progress) {
      const means = browserSealing(globalThis.crypto.subtle, startHmacSha256);
      const outside = { means, sink: blobSink(), startHash: startSha256, progress };
      const sealed = sealHere(task, outside).then((done) => {
        if (isFile) files.set(fileName, done.envelope);
        return { sealed: done, isKept: isFile };
      });
      return { sealed, cancel: () => undefined };
    },
    async receiptKeys() {
      if (ledgerAwayFor-- > 0) return cut();
      return [
        { ...OTHER_KEY, goodUntil: null },
        { ...KEY, goodUntil: null },
      ];
    },
    verifyEd25519,
    verifySignature: verifyJwsSignature,
    sha256,
    world: {
      now: () => now++,
      randomBytes: systemWorld.randomBytes,
      after(delayMs, alarm) {
        t.equal(delayMs, SEND_AGAIN_MS);
        alarms.push(alarm);
        return () => undefined;
      },
    },
  };
  const lodging = openLodging(needs);
  const request = {
    openingList: LIST,
    documents: [{ name: '技术标.txt', content: new Blob(['施工组织设计']) }],
    toolFacts: { v: 1 },
    certificate: LISTED,
  };
  return {
    lodging,
    sent,
    givenUp,
    stands(standing: OwnBidAnswer['standing']) {
      there = standing;
    },
    takes(bytes: number) {
      bidLimitBytes = bytes;
    },
    withoutLedger(times: number) {
      ledgerAwayFor = times;
    },
    next: () => alarms.shift()?.(),
    async sealed(opening = state): Promise<KeptBid> {
      await lodging.seal(request, opening, VKEY);
      const stands = lodging.state.value;
      if (stands.kind !== 'sealed') throw new Error(stands.kind === 'failed' ? String(stands.fault) : stands.kind);
      return stands.bid;
    },
  };
}
const soon = () => new Promise((resolve) => setImmediate(resolve));
const good = async (statement: string) => answer(signed(receiptFor(statement)));
const cut = () => Promise.reject(new ApiError('unreachable', 0, 'no answer'));

t.test(
  'what is to be kept is there before anything is sent; then it is sent until a receipt comes that holds',
  async (t) => {
    const store = shelfOf();
    const page = pageWith([cut, cut, good], store);
    const bid = await page.sealed();
    t.strictSame(page.sent, []);
    t.match(store.kept.get(bid.bidId), { status: 'sealed', receipt: null, logVkey: VKEY });
    t.match(payloadOf(bid), { iss: CREDIT_CODE, openingId: OPENING, deadlineAt: state.details.deadlineAt });
    t.notMatch(JSON.stringify([...store.kept.values()]), /施工|contentKey|9800000/, 'no key and no document is kept');
    const sending = page.lodging.send(bid);
    await soon();
    t.match(page.lodging.state.value, { kind: 'sending', isCut: true, sentBytes: bid.sizeBytes / 2 });
    page.next();
    await soon();
    t.match(page.lodging.state.value, { isCut: true });
    page.next();
    await sending;
    t.match(page.lodging.state.value, { kind: 'lodged', receipt: { act: 'lodged' } });
    t.equal(new Set(page.sent).size, 1, 'the same statement each time');
    const lodged = standingIn(page.lodging.bids.value ?? []);
    t.match(lodged, { bidId: bid.bidId, status: 'lodged', actId: 'act-1' });
    t.equal(lodged && receivedAtOf(lodged), AT + 1_000);
    t.match(JSON.parse(bidFileOf(lodged as KeptBid)), { bidId: bid.bidId, receipt: /\./, envelope: '' });
  },
);

t.test('a bid larger than the platform takes is not sealed, and one as large is', async (t) => {
  const { sizeBytes } = await pageWith([]).sealed();
  const page = pageWith([]);
  page.takes(sizeBytes - 1);
  await soon();
  await soon();
  await t.rejects(page.sealed(), { message: /too_large_to_lodge|larger than this platform takes/ });
  const other = pageWith([]);
  other.takes(sizeBytes);
  await soon();
  await soon();
  t.equal((await other.sealed()).sizeBytes, sizeBytes);
});

t.test('a page that was left goes on where it stood, by itself, once its bidder is there again', async (t) => {
  const store = shelfOf();
  const first = pageWith([cut], store);
  const bid = await first.sealed();
  void first.lodging.send(bid);
  await soon();
  first.lodging.close();
  const again = pageWith([good], store);
  for (let turns = 0; again.lodging.state.value.kind !== 'lodged' && turns < 50; turns++) await soon();
  t.match(again.lodging.state.value, { kind: 'lodged' });
  t.strictSame(again.sent, first.sent);
  const other = pageWith([], shelfOf([[{ ...bid, status: 'sealed' }, new Blob(['x'])]]));
  await soon();
  t.match(other.lodging.state.value, { kind: 'resting' }, 'what nobody said to send is not sent');
});

t.test('a refusal ends it and is said; a session that ended only interrupts it', async (t) => {
  const refuse = (status: number, code: string) => () => Promise.reject(new ApiError(code, status, code));
  const store = shelfOf();
  const page = pageWith([refuse(409, 'deadline_has_passed')], store);
  await page.lodging.send(await page.sealed());
  t.match(page.lodging.state.value, { kind: 'failed', fault: { code: 'deadline_has_passed' } });
  t.match(
    [...store.kept.values()],
    [{ status: 'refused', receipt: null }],
    'what was refused is evidence, and is kept',
  );
  t.equal(store.files.size, 1);
  t.equal(standingIn(page.lodging.bids.value ?? []), null);
  const ended = shelfOf();
  const interrupted = pageWith([refuse(401, 'session_ended')], ended);
  await interrupted.lodging.send(await interrupted.sealed());
  t.match(interrupted.lodging.state.value, { kind: 'failed' });
  t.match([...ended.kept.values()], [{ status: 'sending' }]);
});

t.test('a no without a reason, as a proxy says it, and no room for an upload cost no bid', async (t) => {
  for (const [status, code] of [
    [403, 'unreadable'],
    [404, 'unreadable'],
    [413, 'unreadable'],
    [409, 'too_many_uploads'],
  ] as const) {
    t.notOk(endsLodgement(new ApiError(code, status, code)));
    const store = shelfOf();
    const page = pageWith([() => Promise.reject(new ApiError(code, status, code)), good], store);
    const bid = await page.sealed();
    await page.lodging.send(bid);
    t.match(page.lodging.state.value, { kind: 'failed', fault: { code } });
    t.match([...store.kept.values()], [{ status: 'sending' }]);
    await page.lodging.send(bid);
    t.match(page.lodging.state.value, { kind: 'lodged' }, 'it is sent again when its bidder says so');
  }
  t.ok(endsLodgement(new ApiError('deadline_has_passed', 409, '')));
});

t.test(
  'a receipt that could not be checked is called neither one nor a failure, and is checked as soon as it can be',
  async (t) => {
    const store = shelfOf();
    const page = pageWith([good], store);
    page.withoutLedger(2);
    const bid = await page.sealed();
    const sending = page.lodging.send(bid);
    await soon();
    t.match(page.lodging.state.value, { kind: 'unproven', bid: { receipt: /\./ } });
    t.match([...store.kept.values()], [{ status: 'unproven' }]);
    t.equal(standingIn(page.lodging.bids.value ?? [])?.bidId, bid.bidId, 'it stands by the platform’s word');
    page.lodging.close();
    page.next();
    await sending;
    const again = pageWith([], store);
    for (let turns = 0; again.lodging.state.value.kind !== 'lodged' && turns < 50; turns++) await soon();
    t.match([...store.kept.values()], [{ status: 'lodged' }]);
  },
);

t.test('a forged receipt replaces nothing, whatever is closed or loaded again', async (t) => {
  const forged = async (statement: string) =>
    answer(signed(receiptFor(statement), generateKeyPairSync('ed25519').privateKey));
  const store = shelfOf();
  const page = pageWith([good, forged], store);
  const first = await page.sealed();
  await page.lodging.send(first);
  const second = await page.sealed();
  await page.lodging.send(second);
  t.match(page.lodging.state.value, { kind: 'failed', fault: { code: 'receipt_not_genuine' } });
  t.equal(store.kept.get(first.bidId)?.status, 'lodged');
  t.equal(store.files.size, 2, 'neither envelope is let go of');
  t.equal(store.kept.get(second.bidId)?.status, 'unproven');
});

t.test(
  'a bid lodged from elsewhere is taken over, replaced and told apart; what nobody here signed is not',
  async (t) => {
    const elsewhere = shelfOf();
    const other = pageWith([good], elsewhere);
    await other.lodging.send(await other.sealed());
    const [lodged] = [...elsewhere.kept.values()];
    if (lodged?.receipt == null) throw new Error('not lodged');
    const { bidId, statement, receipt, actId } = lodged;

    const page = pageWith([]);
    page.stands({ bidId, statement, receipt, actId });
    await page.lodging.learn(state, VKEY);
    t.match(page.lodging.bids.value, [{ ...lodged, fileName: null, signedAt: Number }]);
    t.equal(payloadOf(await page.sealed()).replaces, bidId);

    const stranger = pageWith([]);
    const forged = `${statement.slice(0, -4)}AAAA`;
    stranger.stands({ bidId, statement: forged, receipt, actId });
    await stranger.lodging.learn(state, VKEY);
    t.strictSame(stranger.lodging.bids.value, []);
    t.equal(
      payloadOf(await stranger.sealed()).replaces,
      bidId,
      'the platform’s word decides what is replaced, never what is opened',
    );

    other.stands(null);
    await other.lodging.learn(state, VKEY);
    t.equal(other.lodging.standingThere.value, null);
    t.equal(elsewhere.kept.get(bidId)?.status, 'lodged', 'the receipt stays what it is');
    t.equal(payloadOf(await other.sealed()).replaces, undefined, 'withdrawn elsewhere: there is nothing to replace');
  },
);

t.test('a bid whose answer was lost is found again, and is not let go of', async (t) => {
  const store = shelfOf();
  const page = pageWith([() => Promise.reject(new ApiError('session_ended', 401, ''))], store);
  const bid = await page.sealed();
  await page.lodging.send(bid);
  const { receipt, actId } = await good(bid.statement);
  page.stands({ bidId: bid.bidId, statement: bid.statement, receipt: receipt ?? '', actId });
  const [sending] = page.lodging.bids.value ?? [];
  await page.lodging.discard(sending as KeptBid);
  t.match(page.lodging.state.value, { kind: 'lodged' });
  t.match([...store.kept.values()], [{ status: 'lodged' }]);

  const gone = pageWith([() => Promise.reject(new ApiError('session_ended', 401, ''))]);
  const unheard = await gone.sealed();
  await gone.lodging.send(unheard);
  await gone.lodging.discard((gone.lodging.bids.value ?? [])[0] as KeptBid);
  t.strictSame(gone.givenUp, [unheard.bidId], 'what of it has arrived takes up no room');
  t.strictSame(gone.lodging.bids.value, []);
});

t.test('the file to decrypt with is the one of the bid on the roster', async (t) => {
  const store = shelfOf();
  const page = pageWith([good, good], store);
  const first = await page.sealed();
  await page.lodging.send(first);
  const second = await page.sealed();
  await page.lodging.send(second);
  const bids = page.lodging.bids.value ?? [];
  const row = (envelopeSha256: string) =>
    ({ roster: { known: true, value: [{ creditCode: CREDIT_CODE, envelopeSha256 }] } }) as unknown as OpeningState;
  for (const one of [first, second])
    t.match(JSON.parse(fileFor(bids, row(payloadOf(one).envelopeSha256), CREDIT_CODE) ?? ''), { bidId: one.bidId });
  t.equal(fileFor(bids, row('A'.repeat(43)), CREDIT_CODE), null, 'lodged from elsewhere: its file is asked for');
  t.equal(fileFor(bids, { roster: { known: false } } as OpeningState, CREDIT_CODE), null);
});

t.test('a receipt that does not hold is kept, and not called one', async (t) => {
  const stranger = generateKeyPairSync('ed25519').privateKey;
  for (const [code, receipt] of [
    ['receipt_not_genuine', (statement: string) => signed(receiptFor(statement), stranger)],
    ['receipt_not_genuine', (statement: string) => signed({ ...receiptFor(statement), v: 2 })],
    ['receipt_not_genuine', () => null],
    ['receipt_not_as_lodged', (statement: string) => signed(receiptFor(statement, { envelopeBytes: 1 }))],
  ] as const) {
    const page = pageWith([async (statement) => answer(receipt(statement))]);
    await page.lodging.send(await page.sealed());
    t.match(page.lodging.state.value, { kind: 'failed', fault: { code } });
    t.equal(page.lodging.bids.value?.length, 1);
  }
});

t.test('a second bid replaces the first; what stands can be withdrawn, with its receipt', async (t) => {
  const store = shelfOf();
  const page = pageWith([good, good], store);
  const first = await page.sealed();
  await page.lodging.send(first);
  page.lodging.rest();
  const second = await page.sealed();
  t.equal(payloadOf(second).replaces, first.bidId);
  await page.lodging.send(second);
  t.match(page.lodging.state.value, { kind: 'lodged', receipt: { act: 'replaced' } });
  t.strictSame(
    (page.lodging.bids.value ?? []).map(({ status }) => status),
    ['lodged', 'replaced'],
  );
  t.equal(store.files.size, 1, 'the envelope that was replaced is let go of');
  const standing = standingIn(page.lodging.bids.value ?? []) as KeptBid;
  const about = { ...receiptFor(standing.statement), ...withdrawalReceiptOf(payloadOf(standing)) };
  const { replaces: _, ...withdrawal } = about;
  await t.rejects(page.lodging.takeWithdrawal(standing, answer(signed({ ...withdrawal, act: 'lodged' }))), {
    code: 'receipt_not_as_lodged',
  });
  await page.lodging.takeWithdrawal(standing, answer(signed(withdrawal)));
  t.equal(standingIn(page.lodging.bids.value ?? []), null);
  t.equal(payloadOf(await page.sealed()).replaces, undefined, 'what was withdrawn is replaced by nothing');
});

t.test('a browser that keeps nothing lodges all the same, as long as its page is open', async (t) => {
  const page = pageWith([good], shelfOf([], true), false);
  const bid = await page.sealed();
  t.equal(bid.fileName, null);
  await page.lodging.send(bid);
  t.match(page.lodging.state.value, { kind: 'lodged' });
  const cleared = shelfOf([[{ ...bid, status: 'sending', fileName: 'gone' }, new Blob([])]]);
  cleared.files.clear();
  const gone = pageWith([], cleared);
  for (let turns = 0; gone.lodging.state.value.kind !== 'failed' && turns < 50; turns++) await soon();
  t.match(gone.lodging.state.value, { fault: { code: 'envelope_missing' } });
});

t.test('the key for a remedy is shown where the policy promises one, and kept nowhere', async (t) => {
  const store = shelfOf();
  const page = pageWith([], store);
  await page.sealed();
  t.match(page.lodging.state.value, { contentKey: null });
  const remedy = { plan: 'x', windowMs: 60_000 } as unknown as OpeningState['policy']['remedy'];
  const bid = await page.sealed({ ...state, policy: { ...state.policy, remedy } });
  const stands = page.lodging.state.value;
  const key = stands.kind === 'sealed' && stands.contentKey !== null ? JSON.parse(stands.contentKey) : null;
  t.match(key, { v: 1, openingId: OPENING, bidId: bid.bidId, contentKey: /^[\w-]{43}$/ });
  t.notOk(JSON.stringify([...store.kept.values()]).includes(key.contentKey));
});

t.test('what lies in the storage and is no bid is none', (t) => {
  for (const value of [null, {}, { v: 1 }, 'text']) t.notOk(isKeptBid(value));
  t.end();
});

t.test('the form makes an opening list, or says what is not in form', (t) => {
  const about = { lotId: 'LOT-1', creditCode: CREDIT_CODE, name: '投标人' };
  const filled = {
    kind: 'total',
    amount: ' 12,350,000.00 ',
    unit: '元',
    inWords: '',
    duration: '180天',
    quality: '合格',
    manager: '王工',
    columns: '投标保证金：已提交\n\nwarranty: 24 months: all',
  };
  t.match(readListForm(filled, about), {
    list: {
      ...about,
      quote: { kind: 'total', amount: '12350000.00', currency: 'CNY', unit: '元', inWords: '壹仟贰佰叁拾伍万元整' },
      columns: { 投标保证金: '已提交', warranty: '24 months: all' },
    },
  });
  t.match(
    readListForm({ ...filled, inWords: '壹元整' }, about),
    { list: { quote: { inWords: '壹元整' } } },
    'as written',
  );
  t.match(readListForm({ ...filled, kind: 'rate', amount: '0.985' }, about), { list: { quote: { inWords: '' } } });
  for (const [wrong, change] of [
    ['kind', { kind: 'gift' }],
    ['amount', { amount: '' }],
    ['amount', { amount: '1e6' }],
    ['amount', { amount: '01' }],
    ['amount', { amount: '-1' }],
    ['amount', { amount: '12,80' }],
    ['amount', { amount: '1,2,3' }],
    ['amount', { amount: '1.280.000' }],
    ['columns', { columns: 'without a title' }],
    ['columns', { columns: 'a: 1\na: 2' }],
    ['unit', { unit: '元'.repeat(41) }],
    ['manager', { manager: '王'.repeat(201) }],
  ] as const)
    t.strictSame(readListForm({ ...filled, ...change }, about), { wrong }, JSON.stringify(change));
  t.match(readListForm({ ...filled, manager: '王'.repeat(200), unit: '元'.repeat(40) }, about), { list: {} });
  t.end();
});

t.test('sizes as people say them', (t) => {
  for (const [bytes, text] of [
    [0, '0 B'],
    [999, '999 B'],
    [1_000, '1.0 kB'],
    [999_499, '999 kB'],
    [999_500, '1.0 MB'],
    [13_000_000, '13 MB'],
    [1_073_741_824, '1.1 GB'],
  ] as const)
    t.equal(sizeText(bytes), text);
  t.end();
});

t.test('of the files in the browser only those go that no bid names and that have lain there for a day', async (t) => {
  const files = [
    { name: 'of-a-bid', lastModified: 0 },
    { name: 'left', lastModified: 1_000 },
    { name: 'being-kept', lastModified: 1_001 },
  ];
  const bids = [{ fileName: 'of-a-bid' }, { fileName: null }];
  t.strictSame(leftBehind(files, bids, 1_000 + LEFT_AFTER_MS), ['left']);
  t.strictSame(leftBehind(files, [], 1_001 + LEFT_AFTER_MS), ['of-a-bid', 'left', 'being-kept']);
});

t.test(
  'a receipt counts by any key that the ledger lists, and not behind the end of one that others may have had',
  async (t) => {
    const receipt = signed({ receivedAt: '2026-03-02T00:00:00.000Z' });
    const opens = (goodUntil: string | null, keys = [OTHER_KEY, KEY]) =>
      openListedReceipt(
        verifyEd25519,
        receipt,
        RECEIPT_TYPE,
        keys.map((key) => ({ ...key, goodUntil })),
      );
    t.match(await opens(null), { receivedAt: '2026-03-02T00:00:00.000Z' });
    t.match(await opens('2026-03-02T00:00:00.001Z'), { receivedAt: '2026-03-02T00:00:00.000Z' });
    t.equal(await opens('2026-03-02T00:00:00.000Z'), null);
    t.equal(await opens(null, [OTHER_KEY]), null);
  },
);
