/** The card of one bidder: the entries that concern it and no other's, what may be done, and to the millisecond until when. */
import type { OwnBidAnswer } from '../../server/client/api.ts';
import type { AgentCertificate } from '../../server/client/key-agent.ts';
import { ApiError } from '../../server/client/transport.ts';
import { EVENT_TYPES } from '../../server/core/opening/events.ts';
import { COMPLAINT_MS, MAX_OBJECTIONS_PER_BIDDER } from '../../server/core/opening/steps/objection.ts';
import { CASE_EVENTS, LAWS } from '../../web/bid/case-events.ts';
import { lawWords } from '../../web/bid/law-words.ts';
import { caseOf, type MyCase, RIGHTS } from '../../web/bid/my-case.ts';
import { type RehearsalNeeds, rehearse } from '../../web/bid/rehearsal.ts';
import { standingCertificate } from '../../web/bid/standing-certificate.ts';
import { en } from '../../web/bid/words-en.ts';
import { zh } from '../../web/bid/words-zh.ts';
import { BID_STATUSES } from '../../web/opening/bid-status.ts';
import type { HeldEntry } from '../../web/replica/replica.ts';
import { bidder, host, MINUTE, platform, type Script, witness } from '../support/opening-script.ts';
import t from '../support/tap.ts';
import { BIDDER_CERTIFICATE } from '../vault/bids.ts';
import { lodgedPayload, unsignedJws } from './lodged-payload.ts';
import { CAST, type Chapter, factsOf, SILENT, tell, WRONG_KEY } from './story.ts';

const script = new Map<Chapter, Script>();
const upTo = (chapter: Chapter): Script => {
  const told = script.get(chapter) ?? tell(chapter);
  script.set(chapter, told);
  return told.fork();
};

/** Of the bidder with this number, as that bidder's page has it. */
function caseIn(s: Script, number: number, now = s.now): MyCase {
  const { roster, numbers } = s.state;
  const place = numbers.known ? numbers.value.indexOf(number) : -1;
  const creditCode = roster.known ? (roster.value[place]?.creditCode ?? '') : '';
  const found = caseOf(s.state, heldIn(s), creditCode, now);
  if (found === null) throw new Error(`no case of bidder ${number}`);
  return found;
}
const heldIn = (s: Script): HeldEntry[] =>
  s.lines.map(({ entry, event }) => ({ entry, event, text: '', phase: s.state.phase }) as unknown as HeldEntry);
const what = ({ rights }: MyCase) => rights.map((right) => right.what);
const right = (of: MyCase, name: string) => of.rights.find((one) => one.what === name);
const types = ({ steps }: MyCase) => steps.map(({ held }) => held.event.type);

t.test('before the roster there is no case, nor for whoever has no bid in it', async (t) => {
  const sealed = upTo('Sealed');
  t.equal(caseOf(sealed.state, heldIn(sealed), CAST[0]?.creditCode ?? '', sealed.now), null);
  const roster = upTo('Roster');
  t.equal(caseOf(roster.state, heldIn(roster), '91620000MA71A99999', roster.now), null);
  t.equal(caseIn(roster, 1).status, 'sealed');
});

t.test('the steps are one’s own and everybody’s, each with its article, and nobody else’s', async (t) => {
  const s = upTo('Announced');
  const mine = caseIn(s, WRONG_KEY);
  t.equal(mine.status, 'deemed_revoked');
  t.strictSame(types(mine), [
    'BidsSealed',
    'RosterPublished',
    'WindowOpened',
    'DecryptionReceived',
    'DecryptionFailed',
    'WindowExtended',
    'OpeningSuspended',
    'OpeningResumed',
    'WindowClosed',
    'AttributionProposed',
    'RulingGiven',
    'RulingGiven',
    'PricesAnnounced',
  ]);
  t.equal(mine.steps.find(({ held }) => held.event.type === 'RulingGiven')?.law, 'o31');
  for (let number = 1; number <= CAST.length; number++)
    for (const { held } of caseIn(s, number).steps)
      if ('bidder' in held.event.body) t.equal(held.event.body.bidder, number, `${held.event.type} of ${number}`);
});

t.test('what is awaited can be decrypted until the window’s last millisecond', async (t) => {
  const s = upTo('Decrypting');
  const closesAt = s.state.window?.closesAt ?? 0;
  t.equal(caseIn(s, SILENT).status, 'awaited');
  t.match(right(caseIn(s, SILENT, closesAt - 1), 'decrypt'), { until: closesAt, isOver: false, law: 'o30' });
  t.match(right(caseIn(s, SILENT, closesAt), 'decrypt'), { isOver: true });
  t.equal(what(caseIn(s, SILENT))[0], 'decrypt', 'what ends soonest stands first');
  t.equal(what(caseIn(s, SILENT, closesAt)).at(-1), 'decrypt', 'what is over, last');
  t.ok(what(caseIn(s, WRONG_KEY)).includes('decrypt'), 'who failed may retry');
  t.notOk(what(caseIn(s, 1)).includes('decrypt'), 'who is open has nothing to decrypt');
  t.notOk(what(caseIn(s, 5)).includes('decrypt'), 'nor whose decryption waits to be checked');
});

t.test('while the opening is suspended its times stand still', async (t) => {
  const s = upTo('Suspended');
  const closesAt = s.state.window?.closesAt ?? 0;
  t.match(right(caseIn(s, SILENT, closesAt + MINUTE), 'decrypt'), { isFrozen: true, isOver: false });
});

t.test('a ruling can be contested while it stands, and not twice', async (t) => {
  const s = upTo('Announced');
  t.match(right(caseIn(s, SILENT), 'contest'), { to: 'host_and_witness', until: null, law: 'o31' });
  t.notOk(what(caseIn(s, 1)).includes('contest'));
  s.go('ContestRuling', { reason: '驱动由平台提供' }, bidder(SILENT), factsOf(s));
  t.equal(caseIn(s, SILENT).status, 'contested');
  t.notOk(what(caseIn(s, SILENT)).includes('contest'));
  for (const actor of [host, witness])
    s.go('GiveRuling', { bidder: SILENT, verdict: 'deemed_withdrawn', reason: '改判' }, actor, factsOf(s));
  t.match(right(caseIn(s, SILENT), 'loss'), { to: 'liable', law: 'o31' });
});

t.test(
  'the record can be answered until its end by whoever has not; the answer to an objection starts a clock',
  async (t) => {
    const s = upTo('Record');
    const confirmBy = s.state.record?.confirmBy ?? 0;
    t.match(right(caseIn(s, 2), 'answer_record'), { until: confirmBy, law: 'o32' });
    t.notOk(what(caseIn(s, 1)).includes('answer_record'), 'who has signed this version is done');
    t.ok(what(caseIn(s, 2)).includes('complain_first'), 'a complaint takes an objection first');
    const mine = caseIn(s, 3);
    t.notOk(what(mine).includes('complain_first'));
    t.ok(types(mine).includes('ObjectionAnswered'));
    t.notOk(types(caseIn(s, 2)).includes('ObjectionAnswered'));
    t.match(right(mine, 'dispute'), { objection: 1 });
    const until = (s.state.objections[0]?.answeredAt ?? 0) + COMPLAINT_MS;
    t.match(right(mine, 'complain'), { until, objection: 1, to: 'authority', law: 'r60', isOver: false });
    t.equal(right(caseIn(s, 3, until - 1), 'complain')?.isOver, false);
    t.equal(right(caseIn(s, 3, until), 'complain')?.isOver, true);
    const archived = upTo('Archived');
    t.strictSame(what(caseIn(archived, 3)), ['complain'], 'the law’s clock outlives the opening');
    t.strictSame(what(caseIn(archived, 2)), [], 'who did not object on the spot has nothing left to do here');
    t.ok(
      types(caseIn(archived, 2)).includes('ConfirmationsTimedOut'),
      'who did not answer is told what that was taken for',
    );
    t.notOk(types(caseIn(archived, 1)).includes('ConfirmationsTimedOut'));
  },
);

t.test('in a procurement a query stands where a complaint does, and only its own articles are named', async (t) => {
  const s = upTo('Record');
  const state = { ...s.state, profile: 'government_procurement' } as const;
  const found = caseOf(state, heldIn(s), CAST[0]?.creditCode ?? '', s.now);
  t.strictSame(
    found?.rights.map((one) => one.what).filter((name) => name.startsWith('complain')),
    [],
  );
  t.match(
    found?.rights.find((one) => one.what === 'query'),
    { to: 'tenderer', law: 'pl52', until: null },
  );
  t.equal(lawWords('r44', state), '87号令42');
  t.equal(lawWords('r60', state), null);
  t.equal(lawWords('bl36', state), null);
  t.equal(lawWords('o30', state), '20号令第三十条');
  for (const law of LAWS) t.type(lawWords(law, s.state), 'string', law);
});

t.test('as many objections as the rules take, and not one more', async (t) => {
  const s = upTo('Announced');
  for (let n = 0; n < MAX_OBJECTIONS_PER_BIDDER; n++) {
    t.ok(what(caseIn(s, 2)).includes('object'), `${n}`);
    s.go('RaiseObjection', { text: `${n}` }, bidder(2), factsOf(s));
  }
  t.notOk(what(caseIn(s, 2)).includes('object'));
  t.ok(what(caseIn(s, 3)).includes('object'));
});

t.test('a bid that the platform’s storage has damaged is told so, with the scan as evidence', async (t) => {
  const s = upTo('Roster');
  s.go('RecordScan', { damaged: [{ bidder: 2, failure: 'stored_bytes_differ' }], atSealing: [] }, platform, factsOf(s));
  const mine = caseIn(s, 2);
  t.equal(mine.status, 'damaged');
  t.ok(types(mine).includes('EnvelopesScanned'));
  t.notOk(types(caseIn(s, 3)).includes('EnvelopesScanned'));
  t.ok(what(mine).includes('loss'));
});

t.test('every event is somebody’s or nobody’s, and every status, article and right has its words', async (t) => {
  t.strictSame(Object.keys(CASE_EVENTS).sort(), [...EVENT_TYPES].sort());
  const keys = [
    ...BID_STATUSES.map((status) => `mean_${status}`),
    ...LAWS.map((law) => `law_${law}`),
    ...RIGHTS.map((name) => `right_${name}`),
  ];
  for (const key of keys) {
    t.ok(Object.hasOwn(zh, key), key);
    t.ok(Object.hasOwn(en, key), key);
  }
});

const listed = (certSha256: string): AgentCertificate => ({
  certSha256,
  certificate: BIDDER_CERTIFICATE,
  x5c: [],
  canSign: false,
  canUnwrap: true,
});
const AT = BIDDER_CERTIFICATE.notBeforeAt + MINUTE;

const LODGED = lodgedPayload({ encCertSha256: `${'B'.repeat(42)}A` });

async function tried(changes: Partial<RehearsalNeeds> = {}) {
  return rehearse({
    keys: [listed('mine')],
    isTryable: true,
    standingCertSha256: 'mine',
    tryKey: async () => true,
    serverNow: () => AT,
    ownNow: () => AT + 250.4,
    ...changes,
  });
}

t.test('a rehearsal says plainly whether the key works, and the register is told the same', async (t) => {
  t.strictSame(await tried(), {
    result: 'good',
    told: { encCertSha256: 'mine', unwrapped: true, clockOffsetMs: 250, device: 'kaibiao-web' },
  });
  t.match(await tried({ tryKey: async () => false }), { result: 'bad', told: { unwrapped: false } });
  t.match(await tried({ standingCertSha256: null }), { result: 'good' });
  t.match(await tried({ standingCertSha256: 'before' }), { result: 'other', told: { unwrapped: true } });
  const [first, second] = [listed('renewed'), listed('mine')];
  t.match(await tried({ keys: [first, second] }), { result: 'good', told: { encCertSha256: 'mine' } });
  t.match(await tried({ keys: [first, second], standingCertSha256: null }), { result: 'several', told: null });
  t.match(await tried({ keys: [] }), { result: 'missing', told: null });
});

t.test('a token’s key is not tried, and nothing is claimed of it', async (t) => {
  const tryKey = async () => Promise.reject(new Error('it was tried'));
  t.strictSame(await tried({ isTryable: false, tryKey }), { result: 'same', told: null });
  t.strictSame(await tried({ isTryable: false, tryKey, standingCertSha256: 'before' }), {
    result: 'other',
    told: null,
  });
  t.strictSame(await tried({ isTryable: false, tryKey, standingCertSha256: null }), { result: 'untried', told: null });
});

t.test(
  'which certificate the bid is sealed to, the signed statement says; what is kept here stands in for a silent platform',
  async (t) => {
    const certificateIn = (answer: () => Promise<OwnBidAnswer>, kept: string | null) =>
      standingCertificate({ readOwnBid: answer }, 'opening-1', kept);
    const standing = { bidId: LODGED.bidId, statement: unsignedJws(LODGED), receipt: '', actId: null };
    t.equal(await certificateIn(async () => ({ standing }), 'kept'), LODGED.encCertSha256);
    t.equal(await certificateIn(async () => ({ standing: null }), 'kept'), 'kept');
    t.equal(await certificateIn(async () => ({ standing: null }), null), null);
    t.equal(await certificateIn(async () => Promise.reject(new ApiError('unreachable', 0, '')), 'kept'), 'kept');
    await t.rejects(
      certificateIn(async () => Promise.reject(new Error('a fault of ours')), 'kept'),
      /of ours/,
    );
  },
);
