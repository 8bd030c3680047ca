/** Objections from before the roster: whoever raised one gets its entry, its answer and its dispute, with a bid or without (条例44, 60). */
import { nextAlarm } from '../../../server/core/opening/alarms.ts';
import { MAX_EARLY_OBJECTIONS } from '../../../server/core/opening/register.ts';
import { canSee, roleSees } from '../../../server/core/opening/visibility.ts';
import { audit } from '../../support/opening-forgery.ts';
import { failedWithObjections, playTo, reach, recordNow } from '../../support/opening-phases.ts';
import {
  bidder,
  clock,
  DEADLINE,
  HOUR,
  host,
  type Script,
  SECOND,
  supervisor,
  tenderer,
  witness,
} from '../../support/opening-script.ts';
import t from '../../support/tap.ts';

const text = '开标室直播没有声音 <100>';
/** Bidder 9 lodged nothing. */
const OUTSIDER = 9;
const outsider = { role: 'bidder' } as const;
const mine = { ownObjections: [1] };

function withOutsider(phase: 'RosterPublished' | 'RecordConfirm' = 'RosterPublished'): Script {
  const s = reach('CheckIn').act(OUTSIDER, 'RaiseEarlyObjection', { text });
  return playTo(s, phase);
}

const raisedIn = (s: Script) => s.lines.filter((l) => l.entry.type === 'ObjectionRaised');

t.test('of someone without a standing bid it enters with the roster, without a number', async (t) => {
  const s = withOutsider();
  t.same(
    raisedIn(s).map((l) => l.entry.body),
    [{ objection: 1, bidder: null }],
  );
  t.match(raisedIn(s)[0]?.disclosed, { text, who: { name: `投标人${OUTSIDER}` } });
  t.match(s.state.objections, [{ bidder: null, status: 'open', text: { known: true, value: text } }]);
});

t.test('so does that of someone who withdrew its bid', async (t) => {
  const s = reach('CheckIn').act(0, 'RaiseEarlyObjection', { text });
  s.act(0, 'WithdrawBid', { bidId: 'bid0000000000000000000' });
  playTo(s, 'RosterPublished');
  t.match(s.state.objections, [{ bidder: null, status: 'open' }]);
});

t.test('before the roster nothing of it stands on the log', async (t) => {
  const s = reach('CheckIn').act(OUTSIDER, 'RaiseEarlyObjection', { text });
  const silent = reach('CheckIn');
  for (const one of [s, silent]) playTo(one, 'Sealed');
  t.same(
    s.lines.map((l) => l.entry.body),
    silent.lines.map((l) => l.entry.body),
  );
  t.same(
    s.lines.map((l) => Object.keys(l.entry.commit)),
    silent.lines.map((l) => Object.keys(l.entry.commit)),
  );
});

t.test('it is answered like every other, and its objector alone may dispute the answer', async (t) => {
  const s = withOutsider();
  const dispute = { objection: 1, reason: '不服' };
  t.equal(s.refusal('DisputeAnswer', dispute, outsider, mine), 'objection_not_answered');
  s.go('AnswerObjection', { objection: 1, text: '已恢复声音' }, tenderer);
  t.equal(s.refusal('DisputeAnswer', dispute, outsider), 'not_your_objection', 'another company');
  t.equal(s.refusal('DisputeAnswer', dispute, bidder(1)), 'not_your_objection', 'a bidder of the roster');
  s.go('DisputeAnswer', dispute, outsider, mine);
  t.match(s.lines.at(-1)?.entry.body, { objection: 1, bidder: null });
  t.equal(s.state.objections[0]?.status, 'disputed');
  t.equal(s.refusal('DisputeAnswer', dispute, outsider, mine), 'objection_not_open', 'once');
});

t.test('it stands in the record, and nothing closes while it is open', async (t) => {
  const s = withOutsider('RecordConfirm');
  const record = s.lines.at(-1)?.disclosed['record'] as { objections: unknown[] };
  t.match(record.objections, [{ objection: 1, bidder: null, status: 'open' }]);
  s.go('TimeOutConfirmations', {}, clock, { at: s.state.record?.confirmBy ?? 0 });
  t.equal(s.refusal('ProposeClose', {}, host), 'objections_open');
  s.go('AnswerObjection', { objection: 1, text: '已恢复' }, host).go('IssueRecord', { note: '异议已答复' }, host);
  s.go('TimeOutConfirmations', {}, clock, { at: s.state.record?.confirmBy ?? 0 }).go('ProposeClose', {}, host);
  t.equal(s.refusal('AttestClose', recordNow(s), witness), undefined);
});

t.test('whoever is not on the roster may raise none after it', async (t) => {
  t.equal(withOutsider().refusal('RaiseObjection', { text }, outsider, mine), 'no_such_bidder');
});

t.test('each company may raise so many and not one more, and each of them enters', async (t) => {
  const s = reach('CheckIn');
  for (let i = 0; i < MAX_EARLY_OBJECTIONS; i++) s.act(OUTSIDER, 'RaiseEarlyObjection', { text });
  t.same(s.askRegister(OUTSIDER, { type: 'RaiseEarlyObjection', data: { text } }), { refused: 'too_many_acts' });
  s.act(OUTSIDER - 1, 'RaiseEarlyObjection', { text });
  t.equal(playTo(s, 'RosterPublished').state.objections.length, MAX_EARLY_OBJECTIONS + 1);
});

t.test(
  'a tender that fails at the deadline: they enter behind it, all without a number, since there is no roster',
  async (t) => {
    const s = failedWithObjections(0, OUTSIDER);
    t.equal(s.state.phase, 'Failed');
    t.same(
      s.lines.slice(-4).map((l) => l.entry.type),
      ['BidsSealed', 'TenderFailed', 'ObjectionRaised', 'ObjectionRaised'],
    );
    t.same(
      s.state.objections.map((o) => o.bidder),
      [null, null],
    );
    t.equal(raisedIn(s)[0]?.entry.actor.role, 'clock');
    t.match(
      raisedIn(s).map((l) => l.disclosed['who']),
      [{ name: '投标人0' }, { name: `投标人${OUTSIDER}` }],
    );
  },
);

t.test('there nobody is named but to oversight, and other bidders read nothing', async (t) => {
  const { state } = failedWithObjections(0);
  const ref = (type: 'ObjectionRaised' | 'ObjectionAnswered', field: string) =>
    ({ type, field, body: { objection: 1, bidder: null } }) as const;
  for (const role of ['host', 'tenderer', 'witness'] as const) {
    t.notOk(roleSees(role, ref('ObjectionRaised', 'who'), state), `${role} does not learn who bid`);
    t.ok(roleSees(role, ref('ObjectionRaised', 'text'), state), `${role} reads what is to be answered`);
  }
  t.ok(roleSees('supervisor', ref('ObjectionRaised', 'who'), state));
  for (const type of ['ObjectionRaised', 'ObjectionAnswered'] as const) {
    t.notOk(roleSees('bidder', ref(type, 'text'), state), type);
    t.ok(canSee({ role: 'bidder', objections: [1] }, ref(type, 'text'), state), `the objector itself: ${type}`);
    t.notOk(canSee({ role: 'bidder', objections: [2] }, ref(type, 'text'), state));
  }
  t.notOk(canSee({ role: 'bidder', objections: [1] }, ref('ObjectionAnswered', 'who'), state), 'not who answered');
});

t.test('it is answered and disputed there too, and archived only then', async (t) => {
  const s = failedWithObjections(OUTSIDER);
  const { archiveAfterMs } = s.state.policy;
  const due = s.state.phaseSince + archiveAfterMs;
  t.equal(nextAlarm(s.state), null, 'the clock has nothing to say before the answer');
  t.equal(s.refusal('ArchiveOpening', {}, clock, { at: due }), 'objections_open');
  const answeredAt = due + HOUR;
  s.go('AnswerObjection', { objection: 1, text: '另行招标' }, host, { at: answeredAt });
  t.same(nextAlarm(s.state), { at: answeredAt + archiveAfterMs, command: 'ArchiveOpening' }, 'time to dispute it');
  t.equal(s.refusal('ArchiveOpening', {}, clock, { at: answeredAt + archiveAfterMs - 1 }), 'before_its_time');
  s.go('DisputeAnswer', { objection: 1, reason: '不服' }, outsider, { ...mine, at: s.now + SECOND });
  t.equal(s.go('ArchiveOpening', {}, clock, { at: answeredAt + archiveAfterMs }).state.phase, 'Archived');
  t.same(audit(s.lines).problems, []);
});

t.test('terminated before its roster, by two people or by order: the same', async (t) => {
  const ordered = reach('Sealed').act(0, 'RaiseEarlyObjection', { text }, DEADLINE + SECOND);
  ordered.go('OrderAbort', { reason: '责令终止' }, supervisor);
  const agreed = reach('CheckIn').act(OUTSIDER, 'RaiseEarlyObjection', { text });
  agreed.go('ProposeAbort', { reason: '项目取消' }, host).go('ConfirmAbort', {}, tenderer);
  for (const s of [ordered, agreed]) {
    t.match(s.state, { phase: 'Aborted', objections: [{ bidder: null, status: 'open' }] });
    s.go('AnswerObjection', { objection: 1, text: '项目终止' }, tenderer);
    t.same(audit(s.lines).problems, []);
  }
});

t.test('terminated after its roster, what entered with it does not enter again', async (t) => {
  const s = withOutsider().go('OrderAbort', { reason: '责令终止' }, supervisor);
  t.equal(s.state.objections.length, 1);
  t.equal(s.refusal('AnswerObjection', { objection: 1, text: '项目终止' }, host), undefined);
});

t.test('an honest log passes the audit; one that puts it elsewhere, or gives it to another, does not', async (t) => {
  const s = withOutsider().go('AnswerObjection', { objection: 1, text: '已恢复' }, host);
  s.go('DisputeAnswer', { objection: 1, reason: '不服' }, outsider, mine);
  t.same(audit(s.lines).problems, []);
  const forged = (type: string, change: (line: (typeof s.lines)[number]) => Partial<(typeof s.lines)[number]>) =>
    audit(s.lines.map((line) => (line.entry.type === type ? { ...line, ...change(line) } : line))).problems.map(
      (p) => p.code,
    );
  const givenTo = (bidderNumber: number) => (line: (typeof s.lines)[number]) => ({
    entry: { ...line.entry, body: { ...line.entry.body, bidder: bidderNumber } },
  });
  t.ok(forged('ObjectionRaised', givenTo(1)).includes('bidder_differs'), 'a number that the company does not have');
  t.ok(forged('AnswerDisputed', givenTo(1)).includes('step_not_lawful'));
  const other = raisedIn(
    playTo(reach('CheckIn').act(OUTSIDER - 1, 'RaiseEarlyObjection', { text }), 'RosterPublished'),
  )[0];
  const whose = (line: (typeof s.lines)[number]) => ({
    disclosed: { ...line.disclosed, who: other?.disclosed['who'] ?? null },
  });
  t.ok(forged('AnswerDisputed', whose).includes('bidder_differs'), 'disputed by a company that did not object');
});
