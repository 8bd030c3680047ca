/** Why a page stops believing the log it is shown: each reason with a stable code and one sentence in both languages. */
import type { LogFormatError } from '../../server/core/log/error.ts';
import { REPLICA_REASONS } from '../../server/core/log/replica.ts';
import { LOG_REASONS } from '../../server/core/log/verify.ts';
import type { Words } from '../../server/core/log/words.ts';

/** Reasons shared with the verifier keep its codes and words; the rest only a live page can meet. */
export const REPLICA_REFUSALS = {
  vkey_malformed: LOG_REASONS.vkey_malformed,
  vkey_weak: LOG_REASONS.vkey_weak,
  checkpoint_malformed: LOG_REASONS.checkpoint_malformed,
  checkpoint_signature_bad: LOG_REASONS.checkpoint_signature_bad,
  checkpoint_unsigned: LOG_REASONS.checkpoint_unsigned,
  checkpoint_other_log: LOG_REASONS.checkpoint_other_log,
  entry_too_long: LOG_REASONS.entry_too_long,
  entry_malformed: LOG_REASONS.entry_malformed,
  entry_not_canonical: LOG_REASONS.entry_not_canonical,
  entry_other_log: LOG_REASONS.entry_other_log,
  sequence_broken: LOG_REASONS.sequence_broken,
  time_went_back: LOG_REASONS.time_went_back,
  received_time_went_back: LOG_REASONS.received_time_went_back,
  disclosure_malformed: LOG_REASONS.disclosure_malformed,
  disclosure_not_committed: LOG_REASONS.disclosure_not_committed,
  disclosure_repeated: LOG_REASONS.disclosure_repeated,
  disclosure_without_entry: {
    en: 'A disclosure came for an entry that is not there.',
    zh: '收到的披露内容没有对应的条目。',
  },
  disclosure_not_in_form: {
    en: 'A disclosed value does not have the form of its field.',
    zh: '披露的内容不符合该字段的格式。',
  },
  entries_beyond_checkpoint: LOG_REASONS.entries_beyond_checkpoint,
  root_differs: LOG_REASONS.root_differs,
  head_forks: REPLICA_REASONS.head_forks,
  log_rolled_back: {
    en: 'The log is shorter than the one this server signed before: entries were taken back.',
    zh: '日志比本服务器此前签名的更短：已有条目被撤回。',
  },
  key_changed: {
    en: 'The key of this log is not the one seen on an earlier visit.',
    zh: '本日志的密钥与此前访问时所见不一致。',
  },
  other_opening: {
    en: 'The log belongs to another opening than the one in the address.',
    zh: '日志所属的开标与网址中的开标不一致。',
  },
  event_does_not_fit: {
    en: 'An entry does not fit the rules of an opening.',
    zh: '有条目不符合开标规则。',
  },
} as const satisfies Record<string, Words>;

export type ReplicaRefusalCode = keyof typeof REPLICA_REFUSALS;

/** The end of belief: which reason, at which entry when it is about one, and a word for whoever looks closer. */
export type ReplicaRefusal = {
  readonly kind: 'refused';
  readonly code: ReplicaRefusalCode;
  readonly words: Words;
  readonly seq: number | null;
  readonly detail: string;
};

/** Thrown inside the replica so that one frame is taken whole or not at all; it never leaves the room. */
export class RefusedError extends Error {
  readonly refusal: ReplicaRefusal;
  constructor(code: ReplicaRefusalCode, seq: number | null, detail: string) {
    super(`${code}: ${detail}`);
    this.name = 'RefusedError';
    this.refusal = { kind: 'refused', code, words: REPLICA_REFUSALS[code], seq, detail };
  }
}

/** The fault of a checkpoint's bytes or signature in the words of this page. */
export function codeOfNoteFault({ code }: LogFormatError): ReplicaRefusalCode {
  switch (code) {
    case 'note_signature_bad':
      return 'checkpoint_signature_bad';
    case 'note_unsigned':
      return 'checkpoint_unsigned';
    case 'checkpoint_other_log':
      return 'checkpoint_other_log';
    default:
      return 'checkpoint_malformed';
  }
}

/** The fault of an entry's bytes in the words of this page. */
export function codeOfEntryFault({ code }: LogFormatError): ReplicaRefusalCode {
  if (code === 'entry_too_long') return 'entry_too_long';
  return code === 'json_not_canonical' ? 'entry_not_canonical' : 'entry_malformed';
}
