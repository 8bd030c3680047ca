/** What a monitor raises the alarm about: each kind with its words, and which are only to be known. */
type Words = { readonly en: string; readonly zh: string };

/** Kinds of the monitor's own. All reasons of `kaibiao verify` are kinds of alarm as well, by their own names. */
export const ALARMS = {
  ledger_forked: {
    en: 'The ledger signed two histories; the evidence convicts the holder of its key anywhere.',
    zh: '总账签署了两份互相矛盾的历史，所附证据足以在任何地方证明。',
  },
  ledger_shrank: {
    en: 'The ledger is shown shorter than it was, again and again. A moment of it may be a slower process of the platform.',
    zh: '总账持续显示得比先前更短。短暂出现可能只是平台的某一进程较慢。',
  },
  ledger_silent: {
    en: 'The ledger has not grown before our eyes for longer than its batches allow.',
    zh: '在我方观察期间，总账停止增长的时间超过了批次周期所允许的范围。',
  },
  ledger_late: {
    en: 'The ledger grows before our eyes and is of an earlier time, or stays far from the head that it signs: what it may still rewrite is all that came since. Is our own clock right?',
    zh: '所示总账虽在增长，内容却停留在较早时刻，或长期未能读至其签署的树头：其后内容仍可能被改写。请先核对本机时钟。',
  },
  ledger_withheld: {
    en: 'The ledger signs a head and does not serve the files under it, again and again.',
    zh: '总账签署了树头，却持续不提供其下的文件。',
  },
  ledger_not_as_signed: {
    en: 'What the ledger serves is not what its own head signs, again and again.',
    zh: '总账所提供的内容与其自身签署的树头持续不符。',
  },
  key_announced: {
    en: 'The ledger announces a new key of the platform. Compare it with what the platform says of it elsewhere.',
    zh: '总账公告了平台的新公钥，请与平台在别处公布的内容核对。',
  },
  key_compromised: {
    en: 'The ledger says since when others may have had a key of the platform: what it signed since counts only with its cosignatures.',
    zh: '总账声明平台的某一密钥自所述时刻起可能已为他人掌握：其后由它签署的内容须有联署方可采信。',
  },
  ledger_shown_longer: {
    en: 'Somebody was shown a longer ledger, truly signed, than is shown to us.',
    zh: '有人所见的总账确经签署，却比我方所见的更长。',
  },
  register_batch_missing: {
    en: 'An opening was sealed and ended, and the ledger took no register batch behind its deadline.',
    zh: '某场开标已封标并完结，但总账在其截止时间之后未收录任何登记批次。',
  },
  register_facts_withheld: {
    en: 'An opening was handed over and its counts or its roster, public since the roster, are not shown: its register cannot be held against the batches.',
    zh: '某场开标已移交，但自公布名单起即应公开的计数或名单未予展示，无法与登记批次核对。',
  },
  register_acts_too_few: {
    en: 'The batches that an opening could have used held fewer acts than its sealing counts.',
    zh: '某场开标可用的登记批次所含操作，少于其封标所计的数量。',
  },
  register_acts_of_nobody: {
    en: 'A register batch held acts at a time when no opening known took any.',
    zh: '某登记批次含有操作，而当时没有任何已知开标可登记。',
  },
  register_revealed_early: {
    en: 'A register batch was revealed while an opening that could have used it was not handed over: its bidders can be counted.',
    zh: '某登记批次在可使用它的开标尚未移交时即被揭示，投标人数可被推知。',
  },
  opening_withheld: {
    en: 'The ledger has heads of an opening whose log is not served, again and again.',
    zh: '总账载有某场开标的树头，但其日志持续不可取得。',
  },
  opening_unread: {
    en: 'An opening that the ledger has heads of was due and could not be read for half a day, whatever the reason.',
    zh: '总账载有其树头的某场开标，半日之内始终未能读取，无论原因为何。',
  },
  opening_forked: {
    en: 'Two signed heads of an opening contradict each other, or its log is not the one whose head the ledger has.',
    zh: '某场开标的两个已签名树头互相矛盾，或其日志与总账所载树头不是同一份。',
  },
  opening_behind: {
    en: 'The log of an opening is shown shorter than the ledger knows it, again and again.',
    zh: '所示开标日志持续短于总账所载。',
  },
  opening_not_anchored: {
    en: 'The log of an opening is shown longer than the ledger knows it, and the ledger takes no head of it: it could still be told differently.',
    zh: '所示开标日志长于总账所载，而总账迟迟未收录其树头：该日志仍可能被改写。',
  },
  opening_shown_longer: {
    en: 'Somebody was shown a longer log of an opening, truly signed, than is shown to us.',
    zh: '有人所见的开标日志确经签署，却比我方所见的更长。',
  },
  opening_not_in_ledger: {
    en: 'Somebody was shown a signed head of an opening that the ledger does not know.',
    zh: '有人所见的已签名树头属于总账未载的开标。',
  },
  opening_key_differs: {
    en: 'The log of an opening is shown under another key than its heads in the ledger.',
    zh: '所示开标日志的公钥与总账中其树头的公钥不同。',
  },
  opening_end_differs: {
    en: 'The ledger and the log of an opening disagree on whether it has ended.',
    zh: '总账与开标日志对其是否完结的记载不一致。',
  },
} as const satisfies Record<string, Words>;

/** Kinds that accuse nobody: told once like an alarm, and all is well behind them. */
export const NOTICES: readonly string[] = ['key_announced'] satisfies readonly (keyof typeof ALARMS)[];

export type Alarm = {
  /** A key of ALARMS or a reason of `kaibiao verify`. */
  readonly kind: string;
  readonly words: Words;
  /** Which log. */
  readonly origin: string;
  readonly seq?: number;
  readonly detail?: string;
  /** Of what may pass: since when it lasts, RFC 3339. When it comes back behind an acknowledgement, it is another alarm. */
  readonly since?: string;
  /** Signed notes, word for word; of a fork see ForkEvidence. */
  readonly evidence?: readonly string[];
};
/** Raises an alarm; of what may pass it is told the thing that patience knows it by. */
export type Raise = (alarm: Alarm, thing?: string) => Promise<void>;

/** As it is kept and printed: with the instant it was raised, RFC 3339, and by what it can be acknowledged. */
export type RaisedAlarm = Alarm & { readonly at: string; readonly id: string; readonly level: 'alarm' | 'notice' };

export function alarm(kind: keyof typeof ALARMS, origin: string, detail?: string, evidence?: readonly string[]): Alarm {
  const more = { ...(detail !== undefined && { detail }), ...(evidence && { evidence }) };
  return { kind, words: ALARMS[kind], origin, ...more };
}

/** A reason of `kaibiao verify` as an alarm. */
export function refused(
  origin: string,
  { reason, words, seq, detail }: { reason: string; words: Alarm['words']; seq?: number; detail?: string },
): Alarm {
  return { kind: reason, words, origin, ...(seq !== undefined && { seq }), ...(detail !== undefined && { detail }) };
}
