/** What a monitor raises the alarm about: each kind with its words, kept durably, told once, and never forgotten by itself. */
import { appendFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as Type from 'typebox';
import { Check } from 'typebox/schema';
import { formatInstant } from '../../core/log/instant.ts';
import { readOrNull, writeDurably } from '../person/person-folder.ts';
import { KeptLedgerError } from './kept-ledger.ts';

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

export type Alarm = {
  /** A key of ALARMS or a reason of `kaibiao verify`. */
  readonly kind: string;
  readonly words: Words;
  /** Which log. */
  readonly origin: string;
  readonly seq?: number;
  readonly detail?: string;
  /** Signed notes, word for word; of a fork see ForkEvidence. */
  readonly evidence?: readonly string[];
};
/** As it is kept and printed: with the instant it was raised, RFC 3339. */
export type RaisedAlarm = Alarm & { readonly at: string };

export type AlarmBook = {
  /** Keeps an alarm unless it is known, or enough of its kind are. Returns: as it was kept, or null. */
  raise(alarm: Alarm): Promise<RaisedAlarm | null>;
  /** How many there are, of this run and those before. */
  count(): number;
  /** Posts what was not posted yet, in order, so many at most. Returns: false when one was not taken. */
  deliver(post: (alarm: RaisedAlarm) => Promise<boolean>, most: number): Promise<boolean>;
};

const keyOf = ({ kind, origin, seq, detail }: Alarm): string =>
  JSON.stringify([kind, origin, seq ?? null, detail ?? null]);

/** Alarms of one kind about one log that are kept: the first tell enough, and whoever is watched must not fill our disk. */
export const ALARMS_OF_A_KIND = 100;

/**
 * Opens the alarms of a folder: one JSON line each in `alarms.jsonl`; how many were posted stands in `delivered`.
 *
 * Throws: KeptLedgerError kept_damaged.
 */
export async function openAlarms(folder: string, now: () => number): Promise<AlarmBook> {
  const file = join(folder, 'alarms.jsonl');
  const deliveredFile = join(folder, 'delivered');
  const text = (await readOrNull(file)) ?? '';
  const whole = text.slice(0, text.lastIndexOf('\n') + 1);
  // A last line that a crash cut off is left out: its alarm is raised again.
  if (whole !== text) await writeDurably(file, whole);
  const kept = readLines(whole);
  const known = new Set(kept.map(keyOf));
  const ofAKind = new Map<string, number>();
  const count = ({ kind, origin }: Alarm): number => {
    const key = JSON.stringify([kind, origin]);
    const number = (ofAKind.get(key) ?? 0) + 1;
    ofAKind.set(key, number);
    return number;
  };
  for (const alarm of kept) count(alarm);
  let delivered = readDelivered(await readOrNull(deliveredFile), kept.length);
  // One at a time: a round and a report may find the same thing in one moment.
  let last: Promise<unknown> = Promise.resolve();
  async function raiseNext(alarm: Alarm): Promise<RaisedAlarm | null> {
    const key = keyOf(alarm);
    if (known.has(key)) return null;
    known.add(key);
    if (count(alarm) > ALARMS_OF_A_KIND) return null;
    const raised = { at: formatInstant(now()), ...alarm };
    await appendFile(file, `${JSON.stringify(raised)}\n`, { flush: true });
    kept.push(raised);
    return raised;
  }
  return {
    raise(alarm) {
      const next = last.then(() => raiseNext(alarm));
      last = Promise.allSettled([next]);
      return next;
    },
    count: () => kept.length,
    async deliver(post, most) {
      for (const alarm of kept.slice(delivered, delivered + most)) {
        if (!(await post(alarm))) return false;
        delivered += 1;
        await writeDurably(deliveredFile, String(delivered));
      }
      return true;
    },
  };
}

/** How many of them were posted. Throws: KeptLedgerError kept_damaged when that cannot be. */
function readDelivered(text: string | null, kept: number): number {
  const delivered = /^(0|[1-9][0-9]{0,15})$/.test(text ?? '0') ? Number(text ?? '0') : Number.NaN;
  if (!(delivered >= 0)) throw new KeptLedgerError('kept_damaged', 'delivered');
  return Math.min(delivered, kept);
}

const Line = Type.Object({ at: Type.String(), kind: Type.String(), origin: Type.String() });

function readLines(text: string): RaisedAlarm[] {
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => {
      const value: unknown = JSON.parse(line);
      if (!Check(Line, value)) throw new KeptLedgerError('kept_damaged', 'alarms.jsonl');
      return value as RaisedAlarm;
    });
}

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
