/** The domain's own words in both languages: phases and what happens in them, failures and verdicts. */
import type { ATTEMPTS, DecryptionFailure, Verdict } from '../../server/core/opening/commands.ts';
import type { Effect } from '../../server/core/opening/correction.ts';
import type { ErasureBasis } from '../../server/core/opening/erasure-bases.ts';
import type { Phase } from '../../server/core/opening/phases.ts';
import type { WitnessPoint } from '../../server/core/opening/policy.ts';
import type { PersonRole } from '../../server/core/opening/roles.ts';
import type { Language } from '../parts/language.ts';

/** `now` says what is going on and who acts. */
type PhaseWords = { readonly name: string; readonly now: string };

export const PHASE_WORDS = {
  'zh-CN': {
    Draft: { name: '待编排', now: '主持人正在编排本次开标。' },
    Scheduled: { name: '待开标', now: '投标人递交加密投标文件，等待签到开始。' },
    CheckIn: { name: '签到', now: '投标人签到；截止前可以撤回或替换投标。' },
    Sealed: { name: '截标封存', now: '投标已截止并封存，等待主持人公布投标人名单。' },
    RosterPublished: { name: '公布名单', now: '名单已公布，等待主持人开始解密。' },
    Drawing: { name: '抽取系数', now: '投标人与见证人员共同抽取系数。' },
    Decrypting: { name: '投标人解密', now: '各投标人用自己的证书密钥解密。' },
    TendererDecrypting: { name: '持有人解密', now: '各持有人提交开标密钥份额，共同解密。' },
    Attribution: { name: '归因', now: '主持人与见证人员共同认定未解密投标的原因。' },
    Remedy: { name: '补救', now: '按事先规定的方案补救。' },
    Announcing: { name: '唱标', now: '全部报价一次公布，等待主持人生成开标记录。' },
    QuoteRound: { name: '二次报价', now: '供应商在同一时限内密封报价。' },
    RecordConfirm: { name: '记录确认', now: '投标人确认开标记录，或提出异议。' },
    Closed: { name: '开标结束', now: '开标已结束，等待移交评标。' },
    ReviewMeeting: { name: '复会', now: '复会进行中。' },
    HandedOver: { name: '移交评标', now: '投标文件已移交评标，等待归档。' },
    Archived: { name: '归档', now: '已归档，日志终结。' },
    Failed: { name: '流标', now: '本次招标失败。' },
    Aborted: { name: '终止', now: '本次开标已终止，未开启的投标保持密封。' },
    Postponed: { name: '延期', now: '本次开标已延期。' },
  },
  en: {
    Draft: { name: 'Draft', now: 'The host is preparing the opening.' },
    Scheduled: { name: 'Scheduled', now: 'Bidders lodge sealed bids and wait for check-in.' },
    CheckIn: { name: 'Check-in', now: 'Bidders check in; bids may be withdrawn or replaced until the deadline.' },
    Sealed: { name: 'Sealed', now: 'Bidding is over and the bids are sealed; the host publishes the roster next.' },
    RosterPublished: { name: 'Roster', now: 'The roster is public; the host opens the decryption window next.' },
    Drawing: { name: 'Drawing', now: 'Bidders and witness draw the coefficient together.' },
    Decrypting: { name: 'Decryption', now: 'Each bidder decrypts with the key of its own certificate.' },
    TendererDecrypting: { name: 'Opening key', now: 'The holders of the opening key give their shares.' },
    Attribution: { name: 'Attribution', now: 'Host and witness rule together on bids that did not open.' },
    Remedy: { name: 'Remedy', now: 'The remedy that was promised beforehand.' },
    Announcing: { name: 'Announcement', now: 'All prices are public at once; the host issues the record next.' },
    QuoteRound: { name: 'Quotes', now: 'Sealed quotes within one time limit for all.' },
    RecordConfirm: { name: 'Confirmation', now: 'Bidders confirm the record or object.' },
    Closed: { name: 'Closed', now: 'The opening is closed; hand-over to evaluation comes next.' },
    ReviewMeeting: { name: 'Review', now: 'The review meeting is on.' },
    HandedOver: { name: 'Hand-over', now: 'The files went to evaluation; the archive comes next.' },
    Archived: { name: 'Archived', now: 'Archived; the log has ended.' },
    Failed: { name: 'Failed', now: 'The tender has failed.' },
    Aborted: { name: 'Terminated', now: 'The opening was terminated; unopened bids stay sealed.' },
    Postponed: { name: 'Postponed', now: 'The opening is postponed.' },
  },
} as const satisfies Record<Language, Record<Phase, PhaseWords>>;

export const FAILURE_WORDS = {
  'zh-CN': {
    stored_bytes_differ: '平台保存的文件与回执不符',
    storage_unreadable: '平台存储无法读取',
    worker_failed: '平台核验程序出错',
    header_differs: '平台保存的文件头与回执不符',
    statement_invalid: '解密声明无效',
    certificate_not_valid: '证书无效',
    key_not_readable: '提交的密钥无法读取',
    wrong_key: '密钥不正确',
    tag_mismatch: '文件完整性校验不通过',
    content_mismatch: '内容与承诺不符',
    archive_invalid: '文件包格式不正确',
    opening_list_mismatch: '开标一览表与承诺不符',
    layer_malformed: '第二层信封不符合格式',
    layer_wrong_key: '第二层密钥与承诺不符',
    layer_not_opened: '招标方未能打开第二层（招标方原因）',
    window_key_not_given: '持有人未能给出解密密钥（招标方原因）',
  },
  en: {
    stored_bytes_differ: 'the stored file is not the one of the receipt (platform)',
    storage_unreadable: 'the storage cannot be read (platform)',
    worker_failed: 'the platform’s check failed',
    header_differs: 'the stored header is not the one of the receipt (platform)',
    statement_invalid: 'the statement is not valid',
    certificate_not_valid: 'the certificate is not valid',
    key_not_readable: 'the key cannot be read',
    wrong_key: 'wrong key',
    tag_mismatch: 'the file fails its integrity check',
    content_mismatch: 'the content is not what was promised',
    archive_invalid: 'the archive is not in form',
    opening_list_mismatch: 'the opening list is not what was promised',
    layer_malformed: 'the second layer is not in form',
    layer_wrong_key: 'the second layer’s key is not what was promised',
    layer_not_opened: 'the second layer was not opened (tenderer)',
    window_key_not_given: 'the window key was not given by its holders (tenderer)',
  },
} as const satisfies Record<Language, Record<DecryptionFailure, string>>;

export const VERDICT_WORDS = {
  'zh-CN': { deemed_revoked: '视为撤销', deemed_withdrawn: '视为撤回', unknown: '未查明' },
  en: { deemed_revoked: 'deemed revoked', deemed_withdrawn: 'deemed withdrawn', unknown: 'unknown' },
} as const satisfies Record<Language, Record<Verdict, string>>;

/** What kind of attempt was refused. */
export const ATTEMPT_WORDS = {
  'zh-CN': { late_decryption: '逾时解密', early_opening: '提前开启', foreign_decryption: '解密他人投标的尝试' },
  en: {
    late_decryption: 'a decryption after the window',
    early_opening: 'an opening before its time',
    foreign_decryption: 'a decryption of another’s bid',
  },
} as const satisfies Record<Language, Record<(typeof ATTEMPTS)[number], string>>;

/** The points that a policy can make the witness acknowledge. */
export const POINT_WORDS = {
  'zh-CN': { seal: '封存', roster: '投标人名单', decryption: '解密过程', prices: '唱标', record: '开标记录' },
  en: {
    seal: 'the sealing',
    roster: 'the roster',
    decryption: 'the decryption',
    prices: 'the prices',
    record: 'the record',
  },
} as const satisfies Record<Language, Record<WitnessPoint, string>>;

/** What an emergency correction would change. */
export const EFFECT_WORDS = {
  'zh-CN': {
    ruling: '归因认定',
    refused_attempts: '被拒操作次数',
    record_text: '记录文字',
    record_version: '记录版本',
    signatures: '已签确认数',
  },
  en: {
    ruling: 'the ruling',
    refused_attempts: 'refused attempts',
    record_text: 'a text of the record',
    record_version: 'version of the record',
    signatures: 'signatures on it',
  },
} as const satisfies Record<Language, Record<Effect['what'], string>>;

/** The grounds of an erasure (个人信息保护法 art. 47). */
export const BASIS_WORDS = {
  'zh-CN': {
    purpose_over: '处理目的已实现',
    retention_over: '保存期限已届满',
    consent_withdrawn: '个人撤回同意',
    unlawful_processing: '违法处理个人信息',
    ordered: '依司法或行政机关决定',
  },
  en: {
    purpose_over: 'its purpose is over',
    retention_over: 'its time of retention is over',
    consent_withdrawn: 'consent was withdrawn',
    unlawful_processing: 'it was processed unlawfully',
    ordered: 'by order of a court or an authority',
  },
} as const satisfies Record<Language, Record<ErasureBasis, string>>;

/** As whom somebody stands before an opening. */
export const ROLE_WORDS = {
  'zh-CN': {
    bidder: '投标人',
    tenderer: '招标人',
    host: '主持人',
    witness: '见证人员',
    supervisor: '行政监督',
    auditor: '纪检/审计',
    operator: '平台管理员',
    public: '公众',
  },
  en: {
    bidder: 'bidder',
    tenderer: 'tenderer',
    host: 'host',
    witness: 'witness',
    supervisor: 'supervisor',
    auditor: 'auditor',
    operator: 'operator',
    public: 'public',
  },
} as const satisfies Record<Language, Record<PersonRole, string>>;
