/** What each event says, in Chinese. */
import { parseInstant } from '../../server/core/log/instant.ts';
import type { Evidence, LoggedEvent } from '../../server/core/opening/events.ts';
import { formatAmount } from '../parts/amount.ts';
import { dayTimeText, spanText, timeText } from '../parts/instant-text.ts';
import { isolated } from '../parts/isolated.ts';
import { shortDigest } from '../parts/short-digest.ts';
import { textIn } from './said-text.ts';
import type { Sentences } from './sentences.ts';
import { ATTEMPT_WORDS, BASIS_WORDS, EFFECT_WORDS, FAILURE_WORDS, POINT_WORDS, VERDICT_WORDS } from './term-words.ts';

const time = (text: string): string => timeText(parseInstant(text), 'zh-CN');
const dayTime = (text: string): string => dayTimeText(parseInstant(text), 'zh-CN');
const span = (ms: number): string => spanText(ms, 'zh-CN');
const failures = FAILURE_WORDS['zh-CN'];
const verdicts = VERDICT_WORDS['zh-CN'];
const attempts = ATTEMPT_WORDS['zh-CN'];
const by = { host: '主持人', witness: '见证人员', tenderer: '招标人', supervisor: '行政监督' } as const;
const party = (bidder: number | null): string => (bidder === null ? '见证人员' : `${bidder} 号投标人`);
const points = POINT_WORDS['zh-CN'];
const effects = EFFECT_WORDS['zh-CN'];
const bases = BASIS_WORDS['zh-CN'];
const officials = { ...by, bidder: '投标人' } as const;

/** What was said, in quotation marks, or that it is not shown. */
function quoted(fields: LoggedEvent['fields']): string {
  const text = textIn(fields);
  return text === null ? '（未显示）' : `“${isolated(text)}”`;
}

/** 建议所依据的证据（20号令第三十一条），供投标人质疑。 */
export function evidenceZh(found: Evidence): string {
  const said = [
    found.damagedInStorage ? '平台存储受损' : '',
    found.actReceived ? '已收到解密' : '未收到解密',
    ...found.failures.map((failure) => failures[failure]),
    found.challengeAcknowledged ? '解密通知已送达' : '无送达确认',
    found.peerSucceeded ? '有其他投标人成功解密' : '无其他投标人成功解密',
    found.outageMs > 0 ? `平台中断 ${span(found.outageMs)}` : '平台无中断',
  ];
  return said.filter((one) => one !== '').join('；');
}

const roles = {
  tenderer: '招标人',
  host: '主持人',
  witness: '见证人员',
  supervisor: '行政监督人员',
  auditor: '审计人员',
} as const;

const shares = (by: string | undefined): string => (by === undefined ? '' : `；开标密钥份额须于 ${time(by)} 前提交`);

const missing = (holders: readonly number[] | undefined): string =>
  holders === undefined ? '' : `（持有人 ${holders.join('、')} 未提交）`;

export const sentencesZh: Sentences = {
  OpeningCreated: ({ body }) => `创建开标“${isolated(body.details.title)}”，标段 ${body.details.lot.code}`,
  DraftAmended: () => '主持人修改了开标信息',
  RoleAssigned: ({ body }) => `新任${roles[body.role]}`,
  RoleWithdrawn: ({ body }) => `一名${roles[body.role]}卸任`,
  OpeningPublished: ({ body }) => `主持人发布开标；签到于 ${dayTime(body.checkInOpensAt)} 开始`,
  OpeningPostponed: ({ body }) =>
    `主持人宣布延期，原截止时间 ${dayTime(body.deadlineAt)} 不再适用：${isolated(body.reason)}`,
  OpeningRescheduled: ({ body }) =>
    `新的截止时间 ${dayTime(body.deadlineAt)}，地点 ${isolated(body.place)}；${dayTime(body.checkInOpensAt)} 开始签到。已递交的投标继续有效`,
  CheckInOpened: ({ body }) => `签到开始（${time(body.effectiveAt)}）`,
  BidsSealed: ({ body }) =>
    `投标截止，全部投标于 ${time(body.effectiveAt)} 封存，封存根 ${shortDigest(body.envelopesRoot)}`,
  TenderFailed: ({ body }) =>
    body.reason === 'too_few_bidders' ? '流标：投标数量少于规定的最低数量' : '流标：没有投标解密成功',
  RosterPublished: ({ body }) => `主持人公布投标人名单，共 ${body.count} 家`,
  HolderKeyOffered: ({ body }) => `持有人 ${body.holder}（${roles[body.role]}）提交用于接收开标密钥份额的公钥`,
  OpeningKeyDealt: ({ body }) =>
    `${body.windowKey === undefined ? '开标密钥' : '解密时限所用密钥'}已生成分发：${body.shares.length} 名持有人中须有 ${body.threshold} 名共同解密`,
  ShareAcknowledged: ({ body }) => `持有人 ${body.holder} 确认开标密钥份额`,
  LayerShareGiven: ({ body }) => `持有人 ${body.holder} 提交开标密钥份额`,
  LayerShareRefused: ({ body }) => `持有人 ${body.holder} 提交的份额与分发时不符，可重新提交`,
  LayerOpened: ({ body }) => `投标人 ${body.bidder} 的第二层已解密`,
  LayerFailed: ({ body }) => `投标人 ${body.bidder} 的第二层未能解密：${failures[body.failure]}`,
  UnsealingClosed: ({ body }) =>
    body.why === 'all_decided'
      ? '持有人解密完成'
      : `开标密钥份额不足${missing(body.missing)}：相关投标因招标方原因未能解密，不属于投标人原因`,
  DrawingStarted: ({ body }) => `主持人开始第 ${body.round} 轮抽取，份额承诺截至 ${time(body.commitBy)}`,
  ShareCommitted: ({ body }) => `${party(body.bidder)}提交份额承诺`,
  ShareLeftOut: ({ body }) => `${party(body.bidder)}提交的份额与其承诺不符，不予采用`,
  CommitmentsClosed: ({ body }) => `份额承诺截止，共 ${body.shares} 份，须于 ${time(body.revealBy)} 前公开`,
  ShareRevealed: ({ body }) => `${party(body.bidder)}公开份额`,
  ShareOpened: ({ body }) => `${party(body.bidder)}未公开份额，由密钥持有方打开`,
  CoefficientDrawn: ({ body }) => `抽取系数：${body.coefficient}`,
  DrawingVoidProposed: ({ body }) => `${by[body.by]}提出第 ${body.round} 轮抽取因技术原因无效`,
  DrawingVoided: ({ body }) => `见证人员与行政监督共同宣布第 ${body.round} 轮抽取无效`,
  RemedyOpened: ({ body }) => `主持人启动补救程序，适用于 ${body.bids.join('、')} 号投标人，至 ${time(body.closesAt)}`,
  BackupReceived: ({ body }) => `收到 ${body.bidder} 号投标人留存的密钥，开始核验`,
  RemedyClosed: ({ body }) => `补救时限于 ${time(body.effectiveAt)} 结束${shares(body.sharesBy)}`,
  QuoteRoundStarted: ({ body }) => `主持人开始第 ${body.round} 轮报价，至 ${time(body.closesAt)}`,
  QuoteReceived: ({ body }) => `收到第 ${body.round} 轮的一份密封报价`,
  QuotesReleased: ({ body }) => `第 ${body.round} 轮报价公布：${body.quoted} 家报价，${body.declined} 家未报价`,
  EnvelopesScanned: ({ body }) =>
    body.damaged.length === 0
      ? '平台已通读封存的投标文件，均与接收时一致'
      : `平台已通读封存的投标文件：${body.damaged.map(({ bidder }) => `${bidder} 号`).join('、')}在平台存储中受损，不属于投标人原因`,
  WindowOpened: ({ body }) =>
    `主持人开始解密，时限 ${time(body.opensAt)} 至 ${time(body.closesAt)}${body.holders.includes('platform') ? '' : `；密钥由 ${body.holders.length} 名持有人分持，时限结束前任何人无法读取`}`,
  WindowExtended: ({ body }) => `主持人将解密时限延长 ${span(body.extraMs)}，至 ${time(body.closesAt)}`,
  ChallengeAcknowledged: ({ body }) => `${body.bidder} 号投标人已收到解密通知`,
  DecryptionReceived: ({ body }) => `收到 ${body.bidder} 号投标人第 ${body.attempt} 次解密`,
  BidDecrypted: ({ body }) => `${body.bidder} 号投标人解密成功`,
  DecryptionFailed: ({ body }) => `${body.bidder} 号投标人第 ${body.attempt} 次解密失败：${failures[body.failure]}`,
  AttemptRefused: ({ body }) => `拒绝 ${body.bidder} 号投标人的${attempts[body.attempt]}`,
  WindowClosed: ({ body }) =>
    (body.why === 'time'
      ? `解密时限于 ${time(body.effectiveAt)} 届满`
      : `${body.why === 'all_received' ? '全部解密均已收到' : '全部解密完成'}，解密时限于 ${time(body.effectiveAt)} 提前结束`) +
    shares(body.sharesBy),
  AttributionProposed: ({ body }) =>
    `${body.bidder} 号投标未能打开，系统建议：${verdicts[body.verdict]}。依据：${evidenceZh(body.evidence)}`,
  RulingGiven: ({ body }) => `${by[body.by]}认定 ${body.bidder} 号投标：${verdicts[body.verdict]}`,
  BidRevoked: ({ body }) => `${body.bidder} 号投标人在截止后撤销投标，投标保证金可不予退还（条例第三十五条）`,
  RulingContested: ({ body }) => `${body.bidder} 号投标人对认定提出争议`,
  PricesAnnounced: ({ body }) =>
    `唱标：一次公布全部 ${body.count} 个报价${body.ceilingPrice === null ? '' : `，最高投标限价 ${formatAmount(body.ceilingPrice)}`}`,
  RecordIssued: ({ body }) => `主持人生成开标记录第 ${body.version} 版，确认至 ${time(body.confirmBy)}`,
  RecordSigned: ({ body }) => `${body.bidder} 号投标人确认记录第 ${body.version} 版`,
  RecordRefused: ({ body }) => `${body.bidder} 号投标人拒绝确认记录第 ${body.version} 版`,
  ConfirmationsTimedOut: ({ body }) => `记录第 ${body.version} 版确认时限届满：其余未签，未提出异议`,
  CorrectionProposed: ({ body }) =>
    `${by[body.by]}提出纠错 ${body.number}：${body.effects.map((e) => `${e.bidder === null ? '' : `${e.bidder} 号投标人`}${effects[e.what]}“${e.before}” → “${e.after}”`).join('；')}`,
  CorrectionMade: ({ body }) => `${by[body.by]}确认纠错 ${body.number}，即时生效`,
  ErasureProposed: ({ body }) =>
    `${by[body.by]}提出删除 ${body.number}：第 ${body.seq} 条的“${body.field}”（${bases[body.basis]}）`,
  Erased: ({ body }) =>
    `${by[body.by]}确认删除 ${body.number}：第 ${body.seq} 条的“${body.field}”已永久删除，日志仍可核验`,
  PointAcknowledged: ({ body }) => `见证人员确认：${points[body.point]}`,
  Said: ({ body, fields }) => `${body.bidder === null ? '工作人员' : `${body.bidder} 号投标人`}：${quoted(fields)}`,
  SaidInPrivate: ({ body, fields }) =>
    `${body.by === 'host' ? `主持人致 ${body.bidder} 号投标人` : `${body.bidder} 号投标人致主持人`}（私聊）：${quoted(fields)}`,
  Muted: ({ body }) => `主持人将 ${body.bidder} 号投标人在公开聊天中禁言`,
  Unmuted: ({ body }) => `主持人解除 ${body.bidder} 号投标人的禁言`,
  NoticeGiven: ({ fields }) => `主持人通知：${quoted(fields)}`,
  NoticeAcknowledged: ({ body }) =>
    `${body.bidder === null ? officials[body.by] : `${body.bidder} 号投标人`}确认收到通知 ${body.notice}`,
  ObjectionRaised: ({ body }) =>
    body.bidder === null
      ? `公布名单前由名单外提出的异议 ${body.objection} 载入日志`
      : `${body.bidder} 号投标人提出异议 ${body.objection}`,
  ObjectionAnswered: ({ body }) => `异议 ${body.objection} 已答复`,
  AnswerDisputed: ({ body }) =>
    `${body.bidder === null ? '提出人' : `${body.bidder} 号投标人`}对异议 ${body.objection} 的答复有争议，可投诉至 ${dayTime(body.complainBy)}`,
  CloseProposed: ({ body }) => `主持人就记录第 ${body.version} 版提出结束开标`,
  OpeningClosed: ({ body }) =>
    `见证人员确认，开标结束（记录第 ${body.version} 版）${body.uncosigned === true ? '；联署方未在时限内联署' : ''}`,
  ReviewOpened: ({ body }) => `主持人就第 ${body.version} 版记录召开复会：${isolated(body.reason)}`,
  HandedOver: ({ body }) => `向评标移交 ${body.bids} 份投标文件`,
  OpeningArchived: () => '归档，日志终结',
  OpeningSuspended: ({ body }) => `开标暂停，自 ${time(body.since)} 起全部时限冻结`,
  SuspensionRequested: () => '见证人员请求紧急暂停',
  ResumeProposed: () => '主持人提出恢复开标',
  OpeningResumed: ({ body }) => `开标恢复，各时限顺延 ${span(body.frozenMs)}`,
  AbortProposed: ({ body }) => `${by[body.by]}提出终止开标`,
  OpeningAborted: ({ body }) => (body.by === 'supervisor' ? '行政监督部门决定终止开标' : '招标人与主持人共同终止开标'),
};
