/** What the operator is told when the log can only be read: why nothing is signed any more, and how to come back. */
import type { GuardFault } from './guard-faults.ts';
import type { FindingCode } from './self-audit.ts';
import type { RestoredBackupError } from './signer.ts';

/** What a cosigner may be found to hold against the ledger: a larger head than there is, or another history. */
export const COSIGNER_ALARM_CODES = ['cosigner_is_ahead', 'cosigner_differs'] as const;
export type CosignerAlarmCode = (typeof COSIGNER_ALARM_CODES)[number];

type Words = { readonly en: string; readonly zh: string };

const TAMPERED: Words = {
  en: 'What is stored is not what was signed. Keep a copy of the database as evidence, tell the supervisors, put back a backup together with every transaction after it, and start again; the reports name the log and the entry.',
  zh: '存储内容与签名不符。请保留数据库副本作为证据并通知监督部门，恢复备份及其后的全部事务日志后重新启动；诊断日志写明是哪个日志的哪一条。',
};

/** By the code that the reason begins with. */
export const RECOVERY = {
  database_is_behind: {
    en: 'The database lacks entries that were signed and shown: an older backup was put back. Stop the server, put back the newest backup together with every transaction after it (or take over from a standby that has them), and start again. Never put the data folder back to match the older database: it would sign a second history.',
    zh: '数据库缺少已经签名并公布的条目：恢复的是较旧的备份。请停止服务，恢复最新备份及其后的全部事务日志（或切换到拥有这些条目的备库），然后重新启动。切勿把数据目录也退回到旧状态去迁就旧数据库，否则会签出第二份历史。',
  },
  database_differs: {
    en: 'The database holds another history than the one that was signed. Keep a copy of it as evidence, put back the database that this data folder has signed for, and start again.',
    zh: '数据库中的历史与已签名的不同。请保留其副本作为证据，恢复本数据目录所签名的那个数据库，然后重新启动。',
  },
  guard_is_behind: {
    en: 'The data folder is older than the database, or belongs to another: its guard never noted what is committed. Stop the server, put back the newest data folder, and start again. Never empty the guard: it is all that keeps two histories from being signed.',
    zh: '数据目录比数据库旧，或属于另一个数据库：其守护日志没有记下已提交的内容。请停止服务，恢复最新的数据目录，然后重新启动。切勿清空守护日志，只有它能防止签出两份历史。',
  },
  guard_write_failed: {
    en: 'The guard could not be written: the disk is full or broken. Make room or put the disk right, and start again; nothing that was acknowledged is lost.',
    zh: '守护日志无法写入：磁盘已满或损坏。请腾出空间或修复磁盘后重新启动；已确认的内容不会丢失。',
  },
  guard_corrupted: {
    en: 'The guard was changed by something other than the server. Put back the newest data folder, and start again; never an emptied guard.',
    zh: '守护日志被服务以外的程序改动。请恢复最新的数据目录后重新启动；切勿使用清空的守护日志。',
  },
  cosigner_is_ahead: {
    en: 'A cosigner has signed more of the ledger than the database and the data folder hold, and shows it with our signature: both were put back to an earlier state. The evidence lies in cosigner-alarms below the data folder. Stop the server, put back the newest database and the newest data folder together, settle it with the supervisors, move the evidence out of that folder, and start again.',
    zh: '联署方签署过的总账比数据库和数据目录中的更长，并出示了本平台的签名：二者都被恢复到了旧状态。证据保存在数据目录下的 cosigner-alarms 中。请停止服务，同时恢复最新的数据库和数据目录，与监督部门核实后将证据移出该目录，再重新启动。',
  },
  cosigner_differs: {
    en: 'A cosigner shows another history of the ledger than this one with our signature, or so many claim it that the others make no quorum. The evidence lies in cosigner-alarms below the data folder. Sign nothing: keep copies of database and data folder, and tell the supervisors; the cosigner shows what it signed. Once it is settled which history stands, put that one back, move the evidence out of that folder, and start again.',
    zh: '联署方出示了带有本平台签名的另一份总账历史，或持此说法的联署方已多到其余各方不足法定数。证据保存在数据目录下的 cosigner-alarms 中。请勿再签名：保留数据库和数据目录的副本并通知监督部门，联署方可出示其签署内容。核定以哪份历史为准后予以恢复，将证据移出该目录，再重新启动。',
  },
  cosigner_alarm_unreadable: {
    en: 'Something lies in cosigner-alarms below the data folder that cannot be read as evidence; it may have been evidence of another history. Keep a copy of it, ask every cosigner what it shows of this ledger, and look through the server’s diagnostics. Once it is settled with the supervisors, move it out of that folder, and start again.',
    zh: '数据目录下的 cosigner-alarms 中有无法读取的内容，它可能曾是另一份历史的证据。请保留其副本，向每个联署方核对其所示的总账，并查看服务的诊断日志。与监督部门核实后将其移出该目录，再重新启动。',
  },
  log_missing: TAMPERED,
  head_differs: TAMPERED,
  checkpoint_differs: TAMPERED,
  entry_missing: TAMPERED,
  leaf_hash_differs: TAMPERED,
  disclosure_differs: TAMPERED,
  node_differs: TAMPERED,
  root_differs: TAMPERED,
  disclosure_missing: TAMPERED,
} as const satisfies Record<
  | RestoredBackupError['code']
  | CosignerAlarmCode
  | 'cosigner_alarm_unreadable'
  | Exclude<GuardFault['code'], 'guard_in_use' | 'term_refused'>
  | FindingCode,
  Words
>;

/**
 * How to come back from a reason for which nothing is signed, such as `database_is_behind: …`.
 *
 * Returns: null for a reason of no code known here.
 */
export function recoveryFrom(why: string): Words | null {
  const [code = ''] = /^[a-z_]+/.exec(why) ?? [];
  return Object.hasOwn(RECOVERY, code) ? RECOVERY[code as keyof typeof RECOVERY] : null;
}
