/** One opening as a page would see it: seven bidders of the Hexi corridor, one with the wrong key, one silent, one over the ceiling. */
import type { Json } from '../../server/core/log/canonical.ts';
import { makeDisclosure } from '../../server/core/log/disclosure.ts';
import { formatInstant } from '../../server/core/log/instant.ts';
import { utf8 } from '../../server/core/log/utf8.ts';
import { envelopesRootOf } from '../../server/core/opening/envelopes-root.ts';
import type { Facts, RegisterFacts } from '../../server/core/opening/facts.ts';
import { isDecrypted } from '../../server/core/opening/state.ts';
import { sha256 } from '../../server/hash.ts';
import { digest } from '../support/opening-people.ts';
import {
  bidder,
  clock,
  DEADLINE,
  HOUR,
  host,
  MINUTE,
  openingScript,
  platform,
  type Script,
  SECOND,
  tenderer,
  witness,
} from '../support/opening-script.ts';

export type Bidder = {
  readonly name: string;
  readonly creditCode: string;
  readonly amount: string;
  readonly inWords: string;
  readonly manager: string;
};

/** Ordered by credit code, as a register is. */
export const CAST: readonly Bidder[] = [
  {
    name: '甘肃祁连水利水电工程有限责任公司',
    creditCode: '91620000MA71A00012',
    amount: '12345678.90',
    inWords: '人民币壹仟贰佰叁拾肆万伍仟陆佰柒拾捌元玖角整',
    manager: '马建国',
  },
  {
    name: '张掖市黑河建筑安装工程公司',
    creditCode: '91620000MA71A00023',
    amount: '11880000',
    inWords: '壹仟壹佰捌拾捌万圆正',
    manager: '王玉兰',
  },
  {
    name: '酒泉戈壁生态建设集团有限公司',
    creditCode: '91620000MA71A00034',
    amount: '13200000.00',
    inWords: '',
    manager: '李 强',
  },
  {
    name: '兰州新区中川市政工程股份有限公司',
    creditCode: '91620000MA71A00045',
    amount: '12005000.05',
    inWords: '壹仟贰佰万伍仟元零伍分',
    manager: '赵晓燕',
  },
  {
    name: '武威石羊河灌溉设备有限公司',
    creditCode: '91620000MA71A00056',
    amount: '12100000',
    inWords: '壹仟贰佰壹拾万元整',
    manager: '陈志远',
  },
  {
    name: '金昌市政 <100> 工程有限公司',
    creditCode: '91620000MA71A00067',
    amount: '12100000.00',
    inWords: '壹仟贰佰万元整',
    manager: '孙 <b>丽</b>',
  },
  {
    name: '嘉峪关宏远路桥有限公司',
    creditCode: '91620000MA71A00078',
    amount: '11999999.99',
    inWords: '壹仟壹佰玖拾玖万玖仟玖佰玖拾玖元玖角玖分',
    manager: '周文博',
  },
];

/** The bidder number of each of the cast. */
const NUMBERS = [3, 1, 6, 2, 7, 5, 4];
export const WRONG_KEY = 7;
export const SILENT = 4;

function listOf(one: Bidder) {
  const list = {
    v: 1,
    lotId: 'LOT-1',
    creditCode: one.creditCode,
    name: one.name,
    quote: { kind: 'total', amount: one.amount, currency: 'CNY', unit: '元', inWords: one.inWords },
    duration: '180 日历天',
    quality: '合格 <100>',
    manager: one.manager,
    columns: {},
  } as const;
  return { list, ...makeDisclosure(sha256, sha256(utf8(`salt ${one.creditCode}`)), 'openingList', list as Json) };
}

/** What the register and the vault would tell the recorder of this cast; `numbers` is the bidder number of each. */
export function factsOf(
  s: Script,
  cast: readonly Bidder[] = CAST,
  numbers: readonly number[] = NUMBERS,
): Partial<Facts> {
  const lodgedAt = formatInstant(DEADLINE - 10 * HOUR);
  const lodgements = cast.map((one) => ({
    creditCode: one.creditCode,
    name: one.name,
    bidId: `bid-${one.creditCode}`,
    envelopeSha256: digest(`envelope ${one.creditCode}`),
    envelopeBytes: 52_428_800,
    recipientInfosSha256: digest(`recipients ${one.creditCode}`),
    openingListCommit: listOf(one).digest,
    cekCommit: digest(`cek ${one.creditCode}`),
    contentCommit: digest(`content ${one.creditCode}`),
    receiptSha256: digest(`receipt ${one.creditCode}`),
    lodgedAt,
  }));
  const register: RegisterFacts = {
    ...s.registerFacts(),
    lodgements,
    roster: lodgements.map(({ creditCode, name, envelopeSha256 }, i) => ({
      creditCode,
      name,
      envelopeSha256,
      lodgedAt,
      checkedIn: i !== 4,
    })),
    counts: { receipts: cast.length + 1, standing: cast.length, replaced: 1, withdrawn: 0 },
    envelopesRoot: envelopesRootOf(sha256, lodgements),
    numbers,
  };
  const openedLists = s.state.bids.filter(isDecrypted).map((bid) => {
    const { list, disclosure } = listOf(cast[numbers.indexOf(bid.bidder)] as Bidder);
    return { bidder: bid.bidder, disclosure, list };
  });
  return { register, openedLists };
}

export const CHAPTERS = [
  'Scheduled',
  'CheckIn',
  'Sealed',
  'Roster',
  'Decrypting',
  'Suspended',
  'Attribution',
  'Announced',
  'Record',
  'Archived',
] as const;
export type Chapter = (typeof CHAPTERS)[number];

const PLOT: Readonly<Record<Chapter, (s: Script) => void>> = {
  Scheduled: (s) => {
    s.clockTo(DEADLINE - 20 * HOUR).go('PublishOpening', {}, host);
  },
  CheckIn: (s) => {
    s.clockTo(DEADLINE - 2 * HOUR).go('OpenCheckIn', {}, clock);
  },
  Sealed: (s) => {
    s.clockTo(DEADLINE).go('Seal', {}, clock, factsOf(s));
  },
  Roster: (s) => {
    s.clockTo(DEADLINE + 20 * SECOND).go('PublishRoster', {}, host, factsOf(s));
  },
  Decrypting: (s) => {
    s.clockTo(DEADLINE + MINUTE).go('OpenWindow', {}, host, factsOf(s));
    for (const n of [1, 3, 5, 2])
      s.clockTo(s.now + 7 * SECOND).go('DecryptBid', { jweSha256: digest(`jwe ${n}`) }, bidder(n), factsOf(s));
    for (const n of [1, 3]) decide(s, n, null);
    s.go('DecryptBid', { jweSha256: digest('jwe 7') }, bidder(WRONG_KEY), factsOf(s));
    decide(s, WRONG_KEY, 'wrong_key');
    s.go('AcknowledgeChallenge', { kid: s.state.window?.kid ?? '' }, bidder(SILENT), factsOf(s));
    s.go('ExtendWindow', { extraMs: 5 * MINUTE, reason: '一家投标人的签名设备驱动需要重装 <100>' }, host, factsOf(s));
  },
  Suspended: (s) => {
    s.clockTo(s.now + MINUTE).go('SuspendOpening', { reason: '开标厅停电，启用备用电源' }, host, factsOf(s));
  },
  Attribution: (s) => {
    s.clockTo(s.now + 2 * MINUTE).go('ResumeOpening', { reason: '供电已恢复' }, host, factsOf(s));
    for (const n of [5, 2]) decide(s, n, null);
    s.clockTo(s.now + 9 * SECOND).go('DecryptBid', { jweSha256: digest('jwe 6') }, bidder(6), factsOf(s));
    decide(s, 6, null);
    s.clockTo(s.state.window?.closesAt ?? 0).go('CloseWindow', {}, clock, factsOf(s));
  },
  Announced: (s) => {
    for (const n of [WRONG_KEY, SILENT])
      for (const actor of [host, witness])
        s.clockTo(s.now + 5 * SECOND).go(
          'GiveRuling',
          { bidder: n, verdict: 'deemed_revoked', reason: '证据见日志' },
          actor,
          factsOf(s),
        );
    s.clockTo(s.now + MINUTE).go('AnnouncePrices', {}, host, factsOf(s));
  },
  Record: (s) => {
    s.clockTo(s.now + MINUTE).go('IssueRecord', { note: '' }, host, factsOf(s));
    s.go('RaiseObjection', { text: '对 5 号大写金额有异议 <100>' }, bidder(3), factsOf(s));
    s.clockTo(s.now + MINUTE).go(
      'AnswerObjection',
      { objection: 1, text: '以大写为准（87号令59）' },
      tenderer,
      factsOf(s),
    );
    s.clockTo(s.now + 10 * SECOND).go('IssueRecord', { note: '补记异议 1 及答复' }, host, factsOf(s));
    for (const n of [1, 3, 5]) s.clockTo(s.now + 11 * SECOND).go('SignRecord', recordOf(s), bidder(n), factsOf(s));
  },
  Archived: (s) => {
    s.clockTo(s.state.record?.confirmBy ?? 0).go('TimeOutConfirmations', {}, clock, factsOf(s));
    s.go('ProposeClose', {}, host, factsOf(s)).go('AttestClose', recordOf(s), witness, factsOf(s));
    s.clockTo(s.now + MINUTE).go('HandOver', {}, host, factsOf(s));
    s.clockTo(s.now + s.state.policy.archiveAfterMs).go('ArchiveOpening', {}, clock, factsOf(s));
  },
};

function decide(s: Script, number: number, failure: 'wrong_key' | null): void {
  const attempt = s.state.bids[number - 1]?.attempts.length ?? 0;
  s.clockTo(s.now + SECOND).go('RecordDecryption', { bidder: number, attempt, failure }, platform, factsOf(s));
}

function recordOf(s: Script): { version: number; recordSha256: string } {
  if (s.state.record === null) throw new Error('no record');
  return { version: s.state.record.version, recordSha256: s.state.record.sha256 };
}

/** The opening told up to the end of a chapter. */
export function tell(until: Chapter, profile: 'engineering' | 'rehearsal' = 'engineering'): Script {
  const script = openingScript({
    profile,
    policy: { ceilingPrice: '13000000.00', archiveAfterMs: HOUR },
    details: {
      title: '河西走廊黑河灌区续建配套与现代化改造工程（一标段）',
      project: { code: 'E6207000001000123', name: '黑河灌区现代化改造' },
      lot: { code: 'E6207000001000123001', name: '一标段：干渠衬砌' },
      tenderer: '张掖市水务局',
      agency: '甘肃某招标代理有限公司',
      place: '张掖市公共资源交易中心 1 号开标厅',
      session: { id: 'one', title: '上午场' },
    },
  });
  for (const chapter of CHAPTERS) {
    PLOT[chapter](script);
    if (chapter === until) break;
  }
  return script;
}
