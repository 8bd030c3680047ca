/** What a host, a tenderer, a witness or a supervisor is offered, held against the rules of the server in every phase; and why the rest is not there. */
import type { CommandData, CommandType } from '../../server/core/opening/commands.ts';
import type { ProfileName } from '../../server/core/opening/policy.ts';
import { WITNESS_POINTS } from '../../server/core/opening/policy.ts';
import { spokenPrice } from '../../server/core/opening/price-words.ts';
import type { PersonRole } from '../../server/core/opening/roles.ts';
import { leftOf } from '../../web/conduct/chat-desk.tsx';
import { narrowed, standingAt } from '../../web/conduct/standing.ts';
import { threadsOf } from '../../web/conduct/threads.ts';
import { objectionArticle } from '../../web/opening/regime.ts';
import { instantOf, momentOf } from '../../web/parts/moment.ts';
import { type ActType, type Field, type Offer, whyKey } from '../../web/person/act-rows.ts';
import { typedOf } from '../../web/person/typed-words.ts';
import { zh } from '../../web/person/words-zh.ts';
import type { HeldEntry } from '../../web/replica/replica.ts';
import { isMade } from '../../web/secrets/made-acts.ts';
import { BLIND, DRAW, decryptNow, REMEDY, reach, recordNow, ruleAlike, STANDS } from '../support/opening-phases.ts';
import { bidder, clock, host, MINUTE, type Script, witness } from '../support/opening-script.ts';
import t from '../support/tap.ts';
import { tell } from './story.ts';

const ROLES = ['host', 'tenderer', 'witness', 'supervisor'] as const satisfies readonly PersonRole[];
const at = (s: Script, role: PersonRole = 'host', now = s.now) =>
  standingAt({ role, state: s.state, creditCode: '', now });
const offered = (s: Script, role: PersonRole = 'host') => at(s, role).offers.map(({ type }) => type);
const why = (s: Script, type: ActType, role: PersonRole = 'host') =>
  at(s, role).blocked.find((one) => one.type === type)?.code;

/** Words for everything an act asks for, with each option of its first choice. */
function fillings({ fields }: Offer): Record<string, string>[] {
  const of = ({ kind }: Field): string =>
    ({
      text: '理由',
      line: '2 号厅',
      moment: '2026-04-01T09:00',
      minutes: '1',
      amount: '1',
      file: '',
      choice: '',
      marks: '',
    })[kind];
  const base = Object.fromEntries(
    fields.map((field) => [field.name, field.kind === 'choice' ? (field.options[0] ?? '') : of(field)]),
  );
  const choices = fields.flatMap((field) => (field.kind === 'choice' ? [field] : []));
  if (choices.length === 0) return [base];
  return choices.flatMap(({ name, options }) => options.map((option) => ({ ...base, [name]: option })));
}

t.test('no act is offered that the rules refuse, in any phase, to anyone who conducts or oversees', async (t) => {
  let asked = 0;
  for (const phase of STANDS) {
    const s = reach(phase);
    for (const role of ROLES)
      for (const offer of at(s, role).offers.filter(({ type }) => !isMade(type)))
        for (const filled of fillings(offer)) {
          asked++;
          const type = offer.type as CommandType;
          const refused = s.refusal(type, offer.data(filled) as CommandData<typeof type>, { role });
          if (refused !== undefined) t.fail(`${type} by ${role} in ${phase}: ${refused} ${JSON.stringify(filled)}`);
        }
  }
  t.ok(asked > 200, `${asked} acts asked`);
});

/** Acts that ask for words alone, with such words: whether they are lawful hangs on state and role only. To ask for a suspension that is there does nothing. */
const WORDS_ONLY = {
  PublishOpening: {},
  PostponeOpening: { reason: '理由' },
  PublishRoster: {},
  StartDrawing: {},
  OpenWindow: {},
  ExtendWindow: { extraMs: MINUTE, reason: '理由' },
  EndWindowEarly: {},
  DeclareFailed: { reason: '理由' },
  VoidDrawing: { reason: '理由' },
  OpenRemedy: {},
  AnnouncePrices: {},
  StartQuoteRound: {},
  IssueRecord: { note: '' },
  ProposeClose: {},
  OpenReview: { reason: '理由' },
  HandOver: {},
  SuspendOpening: { reason: '理由' },
  ResumeOpening: { reason: '理由' },
  ConfirmResume: {},
  OrderAbort: { reason: '理由' },
  ProposeAbort: { reason: '理由' },
  ConfirmAbort: {},
  GiveNotice: { text: '通知' },
  Say: { to: 'all', text: '各位好' },
} as const satisfies Partial<Record<CommandType & ActType, object>>;

t.test('no act that the rules allow is kept from anyone who conducts or oversees, in any phase', async (t) => {
  let allowed = 0;
  const stands = [
    ...STANDS.map((phase) => reach(phase)),
    reach('RosterPublished', { policy: { draw: DRAW } }),
    reach('Attribution', { policy: { remedy: REMEDY } }),
    reach('Decrypting').go('SuspendOpening', { reason: '停电' }, host),
    reach('Decrypting').go('SuspendOpening', { reason: '责令' }, { role: 'supervisor' }),
    reach('Sealed').go('ProposeAbort', { reason: '项目取消' }, host),
    [1, 2, 3, 4].reduce((s, number) => decryptNow(s, number), reach('Decrypting').fork()),
  ];
  for (const s of stands)
    for (const role of ROLES)
      for (const [name, data] of Object.entries(WORDS_ONLY)) {
        const type = name as keyof typeof WORDS_ONLY;
        if (s.refusal(type, data as CommandData<typeof type>, { role }) !== undefined) continue;
        allowed++;
        if (!offered(s, role).includes(type))
          t.fail(`${type} is lawful for ${role} in ${s.state.phase}, and not offered`);
      }
  t.ok(allowed > 80, `${allowed} acts are lawful`);
  const requested = reach('Decrypting').go('RequestSuspension', { reason: '停电' }, witness);
  t.notOk(offered(requested, 'witness').includes('RequestSuspension'), 'asked for once, it would do nothing');
});

t.test('the next step of the course is always offered to whom it belongs', async (t) => {
  for (const [phase, role, type] of [
    ['Draft', 'host', 'PublishOpening'],
    ['Postponed', 'host', 'RescheduleOpening'],
    ['Sealed', 'host', 'PublishRoster'],
    ['RosterPublished', 'host', 'OpenWindow'],
    ['Decrypting', 'host', 'ExtendWindow'],
    ['Attribution', 'host', 'GiveRuling'],
    ['Attribution', 'witness', 'GiveRuling'],
    ['Announcing', 'host', 'IssueRecord'],
    ['Closed', 'host', 'HandOver'],
    ['Closed', 'host', 'OpenReview'],
    ['ReviewMeeting', 'host', 'HandOver'],
    ['Drawing', 'witness', 'VoidDrawing'],
    ['Drawing', 'witness', 'CommitShare'],
  ] as const)
    t.ok(offered(reach(phase), role).includes(type), `${type} in ${phase}`);
  t.notOk(offered(reach('Drawing'), 'host').includes('VoidDrawing'), 'no host’s to declare void');
});

t.test('a step that cannot be taken yet says what stands in its way', async (t) => {
  const s = reach('Attribution', { policy: { witnessPoints: [...WITNESS_POINTS] } });
  t.equal(why(s, 'AnnouncePrices'), 'rulings_missing');
  ruleAlike(ruleAlike(s, 3, 'deemed_revoked'), 4, 'unknown');
  t.ok(offered(s).includes('AnnouncePrices'), 'unknown holds nobody back');
  s.go('AnnouncePrices', {}, host).go('IssueRecord', { note: '' }, host);
  t.equal(why(s, 'ProposeClose'), 'points_unacknowledged');
  t.equal(why(s, 'AttestClose', 'witness'), 'points_unacknowledged');
  for (const point of WITNESS_POINTS) s.go('AcknowledgePoint', { point, note: '' }, witness);
  t.equal(why(s, 'ProposeClose'), 'verdict_unknown');
  const ruling = at(s).offers.find(({ type }) => type === 'GiveRuling');
  t.strictSame(
    ruling?.fields.find(({ name }) => name === 'bidder'),
    { name: 'bidder', kind: 'choice', options: ['4'] },
    'what was ruled unknown may be ruled again',
  );
  ruleAlike(s, 4, 'deemed_revoked').go('IssueRecord', { note: '' }, host);
  s.go('AcknowledgePoint', { point: 'record', note: '' }, witness);
  t.equal(why(s, 'ProposeClose'), 'confirmations_running');
  s.go('RaiseObjection', { text: '异议' }, bidder(1));
  t.equal(why(s, 'ProposeClose'), 'objections_open');
  s.go('AnswerObjection', { objection: 1, text: '答复' }, host);
  t.equal(why(s, 'ProposeClose'), 'record_outdated');
  s.go('IssueRecord', { note: '' }, host).go('AcknowledgePoint', { point: 'record', note: '' }, witness);
  for (const number of [1, 2, 3, 4]) s.go('SignRecord', recordNow(s), bidder(number));
  t.ok(offered(s).includes('ProposeClose'));
  t.equal(why(s, 'AttestClose', 'witness'), 'close_not_proposed');
  s.go('ProposeClose', {}, host);
  t.ok(offered(s, 'witness').includes('AttestClose'));
});

t.test(
  'the window: no early end while somebody still decrypts, no extension beyond the policy or its end',
  async (t) => {
    const s = reach('Decrypting', { policy: { maxExtensionMs: 2 * MINUTE } });
    t.equal(why(s, 'EndWindowEarly'), 'window_running');
    s.go('ExtendWindow', { extraMs: 2 * MINUTE, reason: '网络' }, host);
    t.notOk(offered(s).includes('ExtendWindow'), 'the policy’s minutes are used up');
    for (const number of [1, 2, 3, 4]) decryptNow(s, number);
    t.ok(offered(s).includes('EndWindowEarly'));
    const end = s.state.window?.closesAt ?? 0;
    t.ok(at(s, 'host', end - 1).offers.some(({ type }) => type === 'EndWindowEarly'));
    t.notOk(
      at(s, 'host', end).offers.some(({ type }) => type === 'EndWindowEarly'),
      'at its very end the window is over',
    );
  },
);

t.test('suspended, only the ways out are left, each to whom it belongs', async (t) => {
  const s = reach('Decrypting').go('SuspendOpening', { reason: '停电' }, host);
  t.ok(offered(s).includes('ResumeOpening'));
  t.notOk(offered(s).includes('ExtendWindow'));
  t.equal(why(s, 'EndWindowEarly'), 'opening_is_suspended');
  const ordered = reach('Decrypting').go('SuspendOpening', { reason: '责令' }, { role: 'supervisor' });
  t.notOk(offered(ordered).includes('ResumeOpening'));
  t.equal(why(ordered, 'ResumeOpening'), 'suspended_by_supervisor');
  t.ok(offered(ordered, 'supervisor').includes('ResumeOpening'));
});

t.test('drawing, opening key and remedy are offered where the policy promised them, and nowhere else', async (t) => {
  t.notOk(offered(reach('RosterPublished')).includes('StartDrawing'));
  const drawing = reach('RosterPublished', { policy: { draw: DRAW } });
  t.ok(offered(drawing).includes('StartDrawing'));
  t.equal(why(drawing, 'OpenWindow'), 'draw_not_done');
  t.ok(offered(reach('Attribution', { policy: { remedy: REMEDY } })).includes('OpenRemedy'));
  t.equal(why(reach('Attribution'), 'OpenRemedy'), undefined, 'no word of what was never promised');
  t.equal(why(reach('Draft', { policy: BLIND }), 'PublishOpening'), 'opening_key_not_dealt');
});

t.test('a ruling names nobody’s fault that is not theirs: such a verdict is no option', async (t) => {
  const s = reach('Decrypting');
  for (const number of [1, 2]) decryptNow(s, number);
  s.go(
    'RecordScan',
    {
      damaged: [
        { bidder: 3, failure: 'stored_bytes_differ' },
        { bidder: 4, failure: 'stored_bytes_differ' },
      ],
      atSealing: null,
    },
    { role: 'platform' },
  );
  s.clockTo(s.state.window?.closesAt ?? 0).go('CloseWindow', {}, clock);
  const ruling = at(s).offers.find(({ type }) => type === 'GiveRuling');
  const verdicts = ruling?.fields.find(({ name }) => name === 'verdict');
  t.strictSame(verdicts?.kind === 'choice' && verdicts.options, ['deemed_withdrawn', 'unknown']);
});

t.test('tenderer and host end an opening together, neither alone', async (t) => {
  const s = reach('Sealed').go('ProposeAbort', { reason: '项目取消' }, host);
  t.notOk(offered(s).includes('ConfirmAbort'));
  t.ok(offered(s, 'tenderer').includes('ConfirmAbort'));
});

t.test('who is muted can be unmuted, and nobody twice', async (t) => {
  const s = reach('RosterPublished').go('Mute', { bidder: 2, reason: '扰乱秩序' }, host);
  const options = (type: ActType) => {
    const field = at(s).offers.find((one) => one.type === type)?.fields[0];
    return field?.kind === 'choice' ? field.options : null;
  };
  t.strictSame(options('Mute'), ['1', '3', '4']);
  t.strictSame(options('Unmute'), ['2']);
  t.strictSame(options('Say'), ['all', '1', '2', '3', '4']);
  const say = at(s).offers.find(({ type }) => type === 'Say');
  t.strictSame(say?.data({ to: '2', text: '请稍候' }), { to: 2, text: '请稍候' });
  t.strictSame(say?.data({ to: 'all', text: '请稍候' }), { to: 'all', text: '请稍候' });
});

/** What a page holds of a script. */
const heldOf = (script: Script): HeldEntry[] =>
  script.lines.map(({ entry, event }) => ({ entry, event, text: '', phase: 'Draft' }));

t.test('the chat: the public room first, then who waits longest for an answer, then the others', async (t) => {
  const s = reach('RosterPublished');
  t.strictSame(threadsOf(heldOf(s)), [{ key: 'all', lines: [], isUnanswered: false }]);
  s.go('Say', { text: '各位好 <100>', to: 'all' }, host).go('Say', { text: '问一', to: 'host' }, bidder(4));
  s.clockTo(s.now + MINUTE).go('Say', { text: '问二', to: 'host' }, bidder(3));
  s.go('Say', { text: '问三', to: 'host' }, bidder(1)).go('Say', { text: '答三', to: 1 }, host);
  s.go('Say', { text: '公开问', to: 'all' }, bidder(2));
  const threads = threadsOf(heldOf(s));
  t.strictSame(
    threads.map(({ key, isUnanswered, lines }) => [key, isUnanswered, lines.map(({ by, text }) => `${by} ${text}`)]),
    [
      ['all', false, ['host 各位好 <100>', '2 公开问']],
      [4, true, ['4 问一']],
      [3, true, ['3 问二']],
      [1, false, ['1 问三', 'host 答三']],
    ],
  );
});

t.test('what is typed behind a message on its way is not taken away with it', async (t) => {
  t.equal(leftOf('请稍候', '请稍候'), '');
  t.equal(leftOf('请稍候\n再问一句', '请稍候'), '再问一句');
  t.equal(leftOf('另起一句', '请稍候'), '另起一句');
});

t.test('words begun about one bidder or objection do not stand in the dialog about the next', async (t) => {
  const store = new Map<string, string>();
  const storage = {
    getItem: (key: string) => store.get(key) ?? null,
    setItem: (key: string, value: string) => void store.set(key, value),
    removeItem: (key: string) => void store.delete(key),
  };
  Object.assign(globalThis, { localStorage: storage, sessionStorage: storage });
  t.teardown(() => {
    for (const name of ['localStorage', 'sessionStorage']) Reflect.deleteProperty(globalThis, name);
  });
  const s = reach('Attribution');
  const offer = at(s).offers.find(({ type }) => type === 'GiveRuling');
  if (offer === undefined) throw new Error('there is a ruling to give');
  const of = (bidder: string, account = 'A/1') => typedOf(s.state, account, { offer, preset: { bidder, verdict: '' } });
  of('3').keep('reason', '逾时');
  t.equal(of('3').kept('reason'), '逾时', 'a page that is loaded again finds them');
  t.equal(of('4').kept('reason'), null);
  t.equal(of('3', 'B/1').kept('reason'), null, 'another person does not');
  of('3').forget();
  t.equal(of('3').kept('reason'), null);
});

t.test('articles are those of the law that the opening stands under', async (t) => {
  for (const type of ['RaiseObjection', 'AnswerObjection', 'DisputeAnswer', 'DeclareFailed'] as const) {
    const words = (profile: ProfileName) => zh[whyKey(type, { profile })];
    t.match(words('engineering'), /条例第/);
    for (const profile of ['government_procurement', 'negotiation', 'non_tender'] as const) {
      t.notMatch(words(profile), /条例|十日/, `${type} in ${profile}`);
      t.match(words(profile), /采购法|87号令/);
    }
  }
  t.equal(objectionArticle({ profile: 'government_procurement' }), '87号令42');
});

t.test('a ruling on one bid offers the verdicts that this one may get', async (t) => {
  const s = reach('Decrypting');
  for (const number of [1, 2]) decryptNow(s, number);
  const damaged = [{ bidder: 3, failure: 'stored_bytes_differ' as const }];
  s.go('RecordScan', { damaged, atSealing: null }, { role: 'platform' });
  s.clockTo(s.state.window?.closesAt ?? 0).go('CloseWindow', {}, clock);
  const stand = { role: 'host', state: s.state, creditCode: '', now: s.now } as const;
  const ruling = at(s).offers.find(({ type }) => type === 'GiveRuling');
  const verdictsOf = (bidder: string) => {
    const field = ruling && narrowed(stand, ruling, 'bidder', bidder)?.fields.find(({ name }) => name === 'verdict');
    return field?.kind === 'choice' ? field.options : null;
  };
  t.strictSame(verdictsOf('3'), ['deemed_withdrawn', 'unknown']);
  t.strictSame(verdictsOf('4'), ['deemed_revoked', 'deemed_withdrawn', 'unknown']);
  t.equal(verdictsOf('1'), null, 'it is open');
});

t.test('what is read aloud of a row is figures in words and every fact that is there', async (t) => {
  const { state } = tell('Announced');
  const rows = state.prices?.known === true ? state.prices.value : [];
  const row = rows.find(({ quote }) => quote.amount === '12005000.05');
  t.match(
    row && spokenPrice(row),
    /^[0-9]号投标人，兰州新区中川市政工程股份有限公司。报价，壹仟贰佰万伍仟元零伍分。工期，180 日历天。质量，合格 <100>。项目负责人，赵晓燕。$/,
  );
  if (row === undefined) return;
  const rate = {
    ...row,
    manager: '',
    quote: { ...row.quote, kind: 'rate' as const, amount: '3.5', unit: '%', inWords: '' },
  };
  t.match(spokenPrice(rate), /报价，3\.5%。/);
  const said = (inWords: string, currency = 'CNY') =>
    spokenPrice({ ...row, quote: { ...row.quote, currency, inWords } });
  t.match(said('壹仟贰佰万伍仟元伍分'), /报价，壹仟贰佰万伍仟元零伍分。工期/, 'the same sum, written otherwise');
  t.match(
    said('壹仟叁佰万元整'),
    /报价，壹仟叁佰万元整。数字为12005000\.05[^，]*，与大写不一致，以大写为准。/,
    'of two sums the words count',
  );
  t.match(said('约一千二百万'), /报价，壹仟贰佰万伍仟元零伍分。投标人所写大写为，约一千二百万。/);
  t.match(said('', 'USD'), /报价，12005000\.05USD/, 'no yuan is made of dollars');
  t.notMatch(spokenPrice(rate), /项目负责人/);
});

t.test('a moment is Beijing’s, there and back, and no moment is none', async (t) => {
  t.equal(instantOf('2026-03-02T09:00'), '2026-03-02T01:00:00.000Z');
  t.equal(instantOf('2026-03-02T00:30:05'), '2026-03-01T16:30:05.000Z');
  t.equal(momentOf(Date.parse('2026-03-02T01:00:00.000Z')), '2026-03-02T09:00');
  t.equal(momentOf(Date.parse('2026-03-01T16:30:05.000Z')), '2026-03-02T00:30:05');
  for (const none of ['', '2026-02-30T09:00', '2026-03-02', '2026-03-02T25:00', 'tomorrow'])
    t.equal(instantOf(none), null, none);
});
