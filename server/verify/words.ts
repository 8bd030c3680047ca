/** Every reason `kaibiao verify` adds to those of core/log and core/opening, in both languages; it judges nothing. */
import type { LogProblem } from '../core/log/verify.ts';
import type { Words } from '../core/log/words.ts';
import { PAPER_REASONS } from './record-words.ts';

export const VERIFY_REASONS = {
  source_unreadable: { en: 'The log cannot be read where it should be.', zh: '无法从指定位置读取日志。' },
  file_missing: { en: 'A file of the log is missing.', zh: '日志缺少文件。' },
  file_malformed: { en: 'A file of the log is not of its format.', zh: '日志文件格式不符。' },
  file_unlisted: {
    en: 'There is a file that does not belong to the log.',
    zh: '存在不属于该日志的文件。',
  },
  not_a_log_of_this_format: {
    en: 'This is no log of the kinds that can be verified here.',
    zh: '这不是此处可验证的日志类型。',
  },
  log_empty: { en: 'The log has no entry.', zh: '日志没有任何条目。' },
  tile_differs: { en: 'A published tile is not what the entries make.', zh: '公布的哈希块与条目计算结果不一致。' },
  vkey_differs: {
    en: 'The log began under another key than the one it is shown with.',
    zh: '日志起始时的公钥与所出示的公钥不同。',
  },
  person_unsigned: { en: "A person's act is missing where a person acted.", zh: '应有本人签名的操作缺少签名。' },
  person_differs: {
    en: 'The act was signed by another person than the entry names.',
    zh: '签名人与条目所载人员不一致。',
  },
  act_repeated: {
    en: 'One act stands behind two entries: somebody used a signature twice.',
    zh: '同一操作签名对应两个条目，签名被重复使用。',
  },
  act_head_differs: {
    en: 'The person who acted had seen another log than this one.',
    zh: '操作人签名时所见的日志与本日志不同。',
  },
  anchor_missing: {
    en: 'A ledger key is trusted, but nothing anchors this log in the ledger.',
    zh: '已指定受信任的总账密钥，但本日志没有总账锚定。',
  },
  anchor_other_ledger: {
    en: 'The log is anchored in another ledger than the trusted one.',
    zh: '本日志锚定于另一总账，而非受信任的总账。',
  },
  anchor_links_bad: {
    en: 'What is shown to lead from one key of the ledger to the next does not.',
    zh: '所附的总账密钥更替材料不能证明密钥的前后承接。',
  },
  trust_key_compromised: {
    en: 'The trusted key, or one that follows it, may be known to others, as the ledger itself says: trust the present one, or give a policy whose cosigners stand for this head.',
    zh: '总账自述受信任的密钥（或其后续密钥）可能已泄露：请改信任现行密钥，或提供有足够联署的规则。',
  },
  anchor_proof_bad: {
    en: 'The proof that the head stands in the ledger does not hold.',
    zh: '树头在总账中的证明不成立。',
  },
  anchor_checkpoint_differs: {
    en: 'The checkpoint beside the anchor is not the one its proof leads to.',
    zh: '锚定所附的签名树头与证明所指不一致。',
  },
  anchor_ledger_differs: {
    en: 'The ledger at hand tells another history than the one this log was anchored in.',
    zh: '所提供的总账与本日志锚定时的总账历史不一致。',
  },
  anchor_other_head: { en: 'The ledger holds another head than this log shows.', zh: '总账所载树头与本日志不一致。' },
  anchor_behind: {
    en: 'The ledger does not hold the last head of this finished log.',
    zh: '总账尚未收录本日志的最终树头。',
  },
  log_behind_ledger: {
    en: 'The ledger knows more entries of this log than are shown here.',
    zh: '总账所载的本日志条目多于此处所示。',
  },
  ledger_entry_malformed: {
    en: 'An entry of the ledger or access log is not of its kind.',
    zh: '总账或访问日志的条目格式不符。',
  },
  ledger_genesis_misplaced: {
    en: 'The log does not begin with its opening entry, or has a second one.',
    zh: '日志未以起始条目开始，或起始条目重复。',
  },
  ledger_key_differs: {
    en: 'The ledger lists another key for itself than the one it is shown with.',
    zh: '总账登记的自身公钥与所出示的公钥不同。',
  },
  ledger_key_refused: {
    en: 'A key is announced in the place of one that was not in use, or that is none.',
    zh: '公告的密钥所替换的并非在用密钥，或密钥本身无效。',
  },
  ledger_key_compromised: {
    en: 'A log begins under a key that was replaced before, because others may have had it.',
    zh: '日志以此前因可能泄露而被替换的密钥起始。',
  },
  evidence_missing: {
    en: 'What the certificate behind an entry was judged by is missing.',
    zh: '缺少该条目所用证书的判定依据。',
  },
  evidence_differs: {
    en: 'The certificate behind an entry, judged again by the evidence that came with the log, comes to something else than was said.',
    zh: '依所附材料重新判定该条目所用证书，结果与记载不一致。',
  },
  certificate_not_good: {
    en: 'An act was taken from somebody whose certificate was not good by its own evidence.',
    zh: '据所附材料，该操作人的证书当时并非有效，操作却被受理。',
  },
  certificate_decided_otherwise: {
    en: 'Whether the certificate behind a decryption had lapsed before the deadline was decided otherwise than its evidence says.',
    zh: '解密所用证书在截止时间前是否失效，其认定与所附材料不符。',
  },
  anchor_not_believed: {
    en: 'A certificate was judged by an authority, on terms or until an instant that the ledger does not know.',
    zh: '判定证书所依据的签发机构、条件或终止时间与总账记载不符。',
  },
  ledger_trust_refused: {
    en: 'Whom the platform believes was changed by no two people, too late, otherwise than proposed, or as it does not fit.',
    zh: '信任变更未经两人办理、已逾期、与提议不一致，或与现有信任不相容。',
  },
  ledger_head_foreign: {
    en: 'The ledger holds a head of no log of this platform.',
    zh: '总账载有非本平台日志的树头。',
  },
  ledger_head_malformed: { en: 'The ledger holds a head that is none.', zh: '总账中有格式不符的树头。' },
  ledger_head_refused: {
    en: 'The ledger holds a head that does not continue the one before.',
    zh: '总账中有树头不是前一树头的延续。',
  },
  ledger_head_unsigned: {
    en: 'The ledger holds a head without the signature of its log.',
    zh: '总账中有未经其日志密钥签名的树头。',
  },
  ledger_batch_malformed: {
    en: 'A register batch of the ledger is not of constant form.',
    zh: '总账中的登记批次格式不符。',
  },
  ledger_reveal_malformed: {
    en: 'A reveal of a register batch is not of its form.',
    zh: '登记批次的揭示格式不符。',
  },
  ledger_reveal_of_no_batch: {
    en: 'A reveal names an entry before it that is no register batch.',
    zh: '揭示所指的在前条目不是登记批次。',
  },
  ledger_reveal_repeated: { en: 'One register batch is revealed twice.', zh: '同一登记批次被揭示两次。' },
  ledger_reveal_of_dummy_as_act: {
    en: 'A reveal counts a dummy of the batch among its acts.',
    zh: '揭示将批次中的填充项计为操作。',
  },
  policy_of_other_log: {
    en: 'The policy lists other logs than this ledger.',
    zh: '联署规则所列的日志不包括该总账。',
  },
  policy_needs_ledger: {
    en: 'A policy speaks of the ledger, and none came with this log.',
    zh: '联署规则针对总账，但本日志未附带总账。',
  },
  cosignature_bad: {
    en: 'A cosigner’s signature on the ledger’s head does not verify.',
    zh: '总账树头上的联署签名无效。',
  },
  cosigners_too_few: {
    en: 'The ledger’s head is not cosigned by the quorum that the policy asks for.',
    zh: '总账树头的联署未达到规则要求的数量。',
  },
  ledger_reveal_differs: {
    en: 'What is revealed of a register batch does not have its root.',
    zh: '所揭示的内容与登记批次的根哈希不一致。',
  },
} as const satisfies Record<string, Words>;

/** What is found of an evidence bundle beyond the log in it. */
export const BUNDLE_REASONS = {
  bundle_manifest_malformed: {
    en: 'The manifest of the bundle is not of its format.',
    zh: '证据包的文件清单格式不符。',
  },
  bundle_unsigned: {
    en: 'The manifest of the bundle is not signed by the platform’s ledger key.',
    zh: '证据包的文件清单没有平台总账密钥的有效签名。',
  },
  bundle_of_other_log: {
    en: 'The manifest of the bundle belongs to another log.',
    zh: '证据包的文件清单属于另一份日志。',
  },
  bundle_file_differs: {
    en: 'A file of the bundle is not the one its manifest lists.',
    zh: '证据包中的文件与清单所载不一致。',
  },
  bundle_other_head: {
    en: 'The manifest of the bundle names another head of the log.',
    zh: '证据包清单所载的日志树头与日志不一致。',
  },
  bundle_standing_differs: {
    en: 'The log does not end as the manifest of the bundle says.',
    zh: '日志是否完结与证据包清单所载不一致。',
  },
  bundle_record_differs: {
    en: 'The record in the bundle is not the last one on the log.',
    zh: '证据包中的开标记录不是日志所载的最终版本。',
  },
  bundle_policy_differs: {
    en: 'The policy in the bundle is not the one of the first entry of the log.',
    zh: '证据包中的联署策略与日志首条记载不一致。',
  },
  log_still_open: {
    en: 'The log has not come to its end, and a complete one was asked for.',
    zh: '要求完整的日志，但该日志尚未完结。',
  },
} as const satisfies Record<string, Words>;

/** Why the time-stamps over a log are refused. */
export const STAMP_REASONS = {
  timestamp_missing: {
    en: 'Time-stamping authorities are trusted, but none of them has stamped this log.',
    zh: '已指定受信任的时间戳机构，但其均未对本日志签发时间戳。',
  },
  timestamp_refused: { en: 'A time-stamp over this log does not hold.', zh: '本日志的时间戳核验不成立。' },
  timestamp_before_entry: {
    en: 'A time-stamp is earlier than the entry it covers says it was written.',
    zh: '时间戳早于其所涵盖条目自称的写入时间。',
  },
  timestamp_other_ledger: {
    en: 'What was time-stamped is not the ledger that this log stands in.',
    zh: '时间戳所盖的并非本日志所在的总账。',
  },
} as const satisfies Record<string, Words>;

/** Why a receipt file is refused. */
export const RECEIPT_REASONS = {
  receipt_file_malformed: { en: 'This is no receipt file.', zh: '这不是回执文件。' },
  receipt_of_other_ledger: {
    en: 'The receipt stands on another ledger than the trusted one.',
    zh: '回执所在的总账不是受信任的总账。',
  },
  receipt_key_unproven: {
    en: 'Nothing proves that the ledger lists the key of this receipt.',
    zh: '无法证明总账登记了签署此回执的公钥。',
  },
  receipt_unsigned: {
    en: 'The receipt was not signed by the key that the ledger lists.',
    zh: '回执不是由总账所登记的公钥对应的密钥签署。',
  },
  receipt_not_in_ledger: {
    en: 'The proof does not show that the act stands in the ledger.',
    zh: '所附证明不能证明该操作已写入总账。',
  },
  receipt_act_differs: {
    en: 'The ledger holds another act than the receipt is for.',
    zh: '总账所载操作与回执不符。',
  },
  receipt_of_other_envelope: {
    en: 'The envelope at hand is not the one that was received.',
    zh: '所提供的信封与平台接收的不是同一份。',
  },
} as const satisfies Record<string, Words>;

export type VerifyReason = keyof typeof VERIFY_REASONS;
export type ReceiptReason = keyof typeof RECEIPT_REASONS;
export type BundleReason = keyof typeof BUNDLE_REASONS;
export type StampReason = keyof typeof STAMP_REASONS;
export type PaperReason = keyof typeof PAPER_REASONS;

const REASONS = { ...VERIFY_REASONS, ...RECEIPT_REASONS, ...BUNDLE_REASONS, ...STAMP_REASONS, ...PAPER_REASONS };

/** Why a log is refused: a stable reason, its words, and at which entry or with what detail where there is one. */
export type Refused = LogProblem;

/** A refusal in the words of its reason. */
export function refuse(
  reason: VerifyReason | ReceiptReason | BundleReason | StampReason | PaperReason,
  more: { readonly seq?: number; readonly detail?: string } = {},
): Refused {
  return { ok: false, reason, words: REASONS[reason], ...more };
}
