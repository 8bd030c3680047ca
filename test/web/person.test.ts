/** What the page offers a person, and the honest states of what they sent. */
import type { CommandAnswer } from '../../server/client/api.ts';
import { ApiError } from '../../server/client/transport.ts';
import { COMMANDS, type CommandType } from '../../server/core/opening/commands.ts';
import { PHASES, phaseCell } from '../../server/core/opening/phases.ts';
import { PEOPLE } from '../../server/core/opening/roles.ts';
import { numberOf, type OpeningState } from '../../server/core/opening/state.ts';
import { MAX_CONTESTS } from '../../server/core/opening/steps/attribution.ts';
import { type ActType, offersFor } from '../../web/person/act-rows.ts';
import { createOutbox, SEND_AGAIN_MS, standingOf } from '../../web/person/outbox.ts';
import type { Seat } from '../../web/person/seat.ts';
import { BECOMES } from '../../web/person/seen-by.ts';
import { REMEDY, reach, ruleAlike, SILENT, WRONG_KEY } from '../support/opening-phases.ts';
import { bidder, host } from '../support/opening-script.ts';
import t from '../support/tap.ts';
import { steppedWorld } from '../support/world.ts';
import { makeLog } from './made-log.ts';
import { CAST, CHAPTERS, tell } from './story.ts';

const stateAt = (chapter: (typeof CHAPTERS)[number]) => tell(chapter).state;
const bidOf = (state: OpeningState, creditCode: string) => state.bids[(numberOf(state, creditCode) ?? 0) - 1];
const headSeen = { size: 1, root: 'A'.repeat(43) };

t.test('in every phase and role only that is offered which the table of rules allows', async (t) => {
  let offered = 0;
  for (const chapter of CHAPTERS) {
    const state = stateAt(chapter);
    for (const phase of PHASES)
      for (const role of PEOPLE)
        for (const { type } of offersFor(role, { ...state, phase }, CAST[0]?.creditCode ?? '')) {
          offered++;
          if (!Object.hasOwn(COMMANDS, type)) continue;
          const roles: readonly string[] = COMMANDS[type as CommandType].roles;
          if (!roles.includes(role) || phaseCell(phase, type as CommandType) !== 'yes')
            t.fail(`${type} is offered to a ${role} in ${phase}`);
        }
  }
  t.ok(offered > 500, `${offered} offers`);
});

t.test('every act that a bidder, host or tenderer may do has a way on the pages', async (t) => {
  // what is done where it belongs: with the decryption itself, in the form of a draft
  const elsewhere = new Set(['AcknowledgeChallenge', 'AmendDraft']);
  const here = new Set<string>(Object.keys(BECOMES));
  const asked = Object.entries(COMMANDS).filter(([, { roles }]) =>
    (['bidder', 'host', 'tenderer'] as const).some((role) => (roles as readonly string[]).includes(role)),
  );
  t.ok(asked.length > 40, `${asked.length} commands`);
  t.strictSame(
    asked.map(([type]) => type).filter((type) => !here.has(type) && !elsewhere.has(type)),
    [],
  );
});

t.test('who contests, revokes or remedies is offered it by what stands on the log', async (t) => {
  const s = ruleAlike(reach('Attribution', { policy: { remedy: REMEDY } }), SILENT, 'deemed_withdrawn');
  const credit = (number: number): string => {
    const { roster, numbers } = s.state;
    if (!roster.known || !numbers.known) throw new Error('no roster');
    return roster.value[numbers.value.indexOf(number)]?.creditCode ?? '';
  };
  const offered = (number: number) => offersFor('bidder', s.state, credit(number)).map(({ type }) => type);
  t.ok(offered(SILENT).includes('ContestRuling'));
  t.notOk(offered(WRONG_KEY).includes('ContestRuling'), 'nothing is ruled on it');
  for (let times = 0; times < MAX_CONTESTS; times++) {
    s.go('ContestRuling', { reason: '证据有误' }, bidder(SILENT));
    t.notOk(offered(SILENT).includes('ContestRuling'), 'contested already');
    ruleAlike(s, SILENT, 'deemed_withdrawn');
  }
  t.notOk(offered(SILENT).includes('ContestRuling'), 'as often as it may');
  t.ok(offered(SILENT).includes('RevokeBid'));
  t.notOk(offered(SILENT).includes('SubmitBackup'));
  s.go('OpenRemedy', {}, host);
  t.ok(offered(SILENT).includes('SubmitBackup'));
  t.notOk(offered(1).includes('SubmitBackup'), 'an open bid needs none');
  s.go('RevokeBid', { reason: '不再参加' }, bidder(SILENT));
  t.notOk(offered(SILENT).some((type) => type === 'SubmitBackup' || type === 'RevokeBid'));
});

t.test('what is filled in goes with what the state says, in the form of the command', async (t) => {
  const state = stateAt('Record');
  // one who has not answered this version yet
  const credit =
    CAST.find(({ creditCode }) => bidOf(state, creditCode)?.answer?.version !== state.record?.version)?.creditCode ??
    '';
  const offer = (role: 'bidder' | 'host', type: ActType) =>
    offersFor(role, state, credit).find((one) => one.type === type);
  t.strictSame(offer('host', 'IssueRecord')?.data({ note: 'e\u0301' }), { note: '\u00e9' }, 'NFC, as the log holds it');
  const refusal = offer('bidder', 'RefuseRecord')?.data({ reason: '金额有误' });
  t.strictSame(refusal, { version: state.record?.version, recordSha256: state.record?.sha256, reason: '金额有误' });
  const window = stateAt('Decrypting');
  const extend = offersFor('host', window, '').find(({ type }) => type === 'ExtendWindow');
  t.strictSame(extend?.data({ extraMs: '7', reason: '网络' }), { extraMs: 420_000, reason: '网络' });
});

/** Somebody whose every sending goes as told. */
function somebody(sends: (() => Promise<CommandAnswer>)[]) {
  const sent: string[] = [];
  let made = 0;
  const seat: Pick<Seat, 'newId' | 'sign' | 'send'> = {
    newId: () => `id-${made++}`,
    sign: async ({ id, type, data }) => ({ id, type, data, role: 'bidder', act: `act of ${id}` }),
    send: async ({ id, act }) => {
      sent.push(`${id} ${act}`);
      const next = sends.shift();
      if (next === undefined) throw new Error('sent once too often');
      return next();
    },
  };
  return { seat, sent };
}
const answer = (entries: string[], receipt: string | null = null): CommandAnswer => ({
  entries,
  checkpoint: null,
  proofs: [],
  receipt,
  actId: null,
});
const away = () => Promise.reject(new ApiError('unreachable', 0, 'no answer'));
const settle = async (): Promise<void> => {
  for (let turn = 0; turn < 20; turn++) await new Promise((done) => setImmediate(done));
};

t.test('what got no answer is sent again, the same under the same number, until there is one', async (t) => {
  const world = steppedWorld();
  const outbox = createOutbox(world);
  const { seat, sent } = somebody([away, away, async () => answer([], 'receipt')]);
  const given = outbox.give(seat, { type: 'CheckIn', data: {}, headSeen });
  await settle();
  t.strictSame(outbox.sent.value, [{ id: 'id-0', type: 'CheckIn', state: { kind: 'waiting' } }]);
  for (let again = 0; again < 2; again++) {
    world.advance(SEND_AGAIN_MS);
    await settle();
  }
  t.match(await given, { kind: 'accepted', answer: { receipt: 'receipt' } });
  t.strictSame(
    sent,
    Array.from({ length: 3 }, () => 'id-0 act of id-0'),
  );
});

t.test('a fault of the server is no refusal; what is then too late to ask is unknown, not refused', async (t) => {
  const world = steppedWorld();
  const outbox = createOutbox(world);
  const fail = (code: string, status: number) => () => Promise.reject(new ApiError(code, status, code));
  const { seat, sent } = somebody([fail('server_fault', 500), fail('unreadable', 200), fail('act_out_of_time', 422)]);
  const given = outbox.give(seat, { type: 'RaiseObjection', data: {}, headSeen });
  for (let again = 0; again < 2; again++) {
    await settle();
    t.equal(outbox.sent.value[0]?.state.kind, 'waiting');
    world.advance(SEND_AGAIN_MS);
  }
  t.strictSame(await given, { kind: 'unknown' });
  t.equal(new Set(sent).size, 1, 'one act, however often it was sent');
  const first = somebody([fail('act_out_of_time', 422)]);
  t.match(await outbox.give(first.seat, { type: 'CheckIn', data: {}, headSeen }), { kind: 'refused' });
});

t.test(
  'what waits is sent at once when the line is back, and not once more when its time would have come',
  async (t) => {
    const world = steppedWorld();
    const outbox = createOutbox(world);
    const { seat, sent } = somebody([away, () => Promise.resolve(answer([], 'receipt'))]);
    const given = outbox.give(seat, { type: 'CheckIn', data: {}, headSeen });
    await settle();
    outbox.hurry();
    t.match(await given, { kind: 'accepted' });
    world.advance(SEND_AGAIN_MS);
    outbox.hurry();
    await settle();
    t.equal(sent.length, 2);
  },
);

t.test('after leaving nothing is sent any more', async (t) => {
  const world = steppedWorld();
  const outbox = createOutbox(world);
  const { seat, sent } = somebody([away]);
  const given = outbox.give(seat, { type: 'CheckIn', data: {}, headSeen });
  await settle();
  outbox.close();
  world.advance(SEND_AGAIN_MS);
  t.strictSame(await given, { kind: 'unknown' });
  t.equal(sent.length, 1);
});

t.test('a refusal is the end of it, with its words', async (t) => {
  const words = { en: 'Too late.', zh: '已逾时。' };
  const outbox = createOutbox(steppedWorld());
  const { seat } = somebody([() => Promise.reject(new ApiError('too_late', 409, 'too late', words))]);
  t.strictSame(await outbox.give(seat, { type: 'CheckIn', data: {}, headSeen }), {
    kind: 'refused',
    code: 'too_late',
    words,
  });
});

t.test('nothing is called logged before this page holds the very entry', async (t) => {
  const { texts } = makeLog(tell('Scheduled'));
  const text = texts[1] ?? '';
  t.strictSame(standingOf(answer([], 'receipt'), []), { kind: 'received', receipt: 'receipt' });
  t.strictSame(standingOf(answer([text]), []), { kind: 'proving', seq: 1 });
  t.strictSame(standingOf(answer([text]), [{ text: '' }, { text: `${text} ` }]), { kind: 'proving', seq: 1 });
  t.strictSame(standingOf(answer([text]), [{ text: '' }, { text }]), { kind: 'logged', seq: 1 });
});
