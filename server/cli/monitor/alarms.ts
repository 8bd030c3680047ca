/** What a monitor raises the alarm about: each kind with its words, kept durably, told once, and never forgotten by itself. */
import { appendFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isJsonObject } from '../../core/log/canonical.ts';
import { formatInstant } from '../../core/log/instant.ts';
import { readOrNull, writeDurably } from '../person/person-folder.ts';

type Words = { readonly en: string; readonly zh: string };

/** Kinds of the monitor's own. All reasons of `kaibiao verify` are kinds of alarm as well, by their own names. */
export const ALARMS = {
  ledger_shrank: {
    en: 'The ledger is shown shorter than it was.',
    zh: '总账比先前所示的更短。',
  },
  ledger_forked: {
    en: 'The ledger signs another history than the one it showed before.',
    zh: '总账签署了与先前所示不同的历史。',
  },
  ledger_silent: {
    en: 'The ledger has not grown for longer than its batches allow.',
    zh: '总账停止增长的时间超过了批次周期所允许的范围。',
  },
  opening_hidden: {
    en: 'The ledger has heads of an opening whose log is not served.',
    zh: '总账载有某场开标的树头，但其日志不可取得。',
  },
  opening_forked: {
    en: 'The log of an opening is not the one whose head the ledger has.',
    zh: '开标日志与总账所载树头不是同一份。',
  },
  opening_behind: {
    en: 'The log of an opening is shown shorter than the ledger knows it.',
    zh: '所示开标日志短于总账所载。',
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
  /** Signed notes that contradict each other, word for word. */
  readonly evidence?: readonly string[];
};
/** As it is kept and printed: with the instant it was raised, RFC 3339. */
export type RaisedAlarm = Alarm & { readonly at: string };

export type AlarmBook = {
  /** Keeps an alarm unless it is known. Returns: as it was kept, or null. */
  raise(alarm: Alarm): Promise<RaisedAlarm | null>;
  /** How many there are, of this run and those before. */
  count(): number;
  /** Posts what was not posted yet, in order. Returns: whether all is posted. */
  deliver(post: (alarm: RaisedAlarm) => Promise<boolean>): Promise<boolean>;
};

const keyOf = ({ kind, origin, seq, detail }: Alarm): string =>
  JSON.stringify([kind, origin, seq ?? null, detail ?? null]);

/** Opens the alarms of a folder: one JSON line each in `alarms.jsonl`; how many were posted stands in `delivered`. */
export async function openAlarms(folder: string, now: () => number): Promise<AlarmBook> {
  const file = join(folder, 'alarms.jsonl');
  const deliveredFile = join(folder, 'delivered');
  const text = (await readOrNull(file)) ?? '';
  const whole = text.slice(0, text.lastIndexOf('\n') + 1);
  // A last line that a crash cut off is left out: its alarm is raised again.
  if (whole !== text) await writeDurably(file, whole);
  const kept = readLines(whole);
  const known = new Set(kept.map(keyOf));
  let delivered = Number((await readOrNull(deliveredFile)) ?? 0);
  return {
    async raise(alarm) {
      const key = keyOf(alarm);
      if (known.has(key)) return null;
      const raised = { at: formatInstant(now()), ...alarm };
      await appendFile(file, `${JSON.stringify(raised)}\n`, { flush: true });
      known.add(key);
      kept.push(raised);
      return raised;
    },
    count: () => kept.length,
    async deliver(post) {
      for (const alarm of kept.slice(delivered)) {
        if (!(await post(alarm))) return false;
        delivered += 1;
        await writeDurably(deliveredFile, String(delivered));
      }
      return true;
    },
  };
}

function readLines(text: string): RaisedAlarm[] {
  const lines = text.split('\n').slice(0, -1);
  return lines.flatMap((line) => {
    const value: unknown = JSON.parse(line);
    return isJsonObject(value) ? [value as unknown as RaisedAlarm] : [];
  });
}
