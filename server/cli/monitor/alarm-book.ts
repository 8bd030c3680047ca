/** The alarms of a folder: kept durably, told once, and never forgotten; which of them stand is said by who acknowledged what. */
import { appendFile, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import * as Type from 'typebox';
import { toHex } from '../../core/log/bytes.ts';
import { formatInstant } from '../../core/log/instant.ts';
import { utf8 } from '../../core/log/utf8.ts';
import { sha256 } from '../../hash.ts';
import { readOrNull, writeDurably } from '../person/person-folder.ts';
import { type Acknowledgements, readAcknowledgements } from './acknowledgements.ts';
import { type Alarm, NOTICES, type RaisedAlarm } from './alarms.ts';
import { KeptLedgerError, parseKept } from './kept-file.ts';

/** Alarms of one kind about one log that are kept and stand: the first tell enough, and whoever is watched must not fill our disk. */
export const ALARMS_OF_A_KIND = 100;
const ID_DIGITS = 12;

export type AlarmBook = {
  /** Keeps an alarm unless it is known, or enough of its kind stand. Returns: as it was kept, or null. */
  raise(alarm: Alarm): Promise<RaisedAlarm | null>;
  /** How many are kept, of this run and those before, notices among them. */
  count(): number;
  /** How many nobody has acknowledged by now, notices left out. */
  standing(): Promise<number>;
  /** Posts what was not posted yet, in order, so many at most. Returns: false when one was not taken. */
  deliver(post: (alarm: RaisedAlarm) => Promise<boolean>, most: number): Promise<boolean>;
};

/** Adds a text to a file; durable when it returns. */
export type Append = (file: string, text: string) => Promise<void>;
const appendFlushed: Append = (file, text) => appendFile(file, text, { flush: true });

/** What one thing is told by, as long as it lasts. */
const thingOf = ({ kind, origin, seq, detail }: Alarm): string =>
  JSON.stringify([kind, origin, seq ?? null, detail ?? null]);

function raisedOf(alarm: Alarm & { readonly at: string }): RaisedAlarm {
  const { at, ...said } = alarm;
  const id = toHex(sha256(utf8(JSON.stringify([thingOf(alarm), alarm.since ?? null])))).slice(0, ID_DIGITS);
  return { at, ...said, id, level: NOTICES.includes(alarm.kind) ? 'notice' : 'alarm' };
}

/** Those that accuse somebody and that nobody has acknowledged. */
export const standingAmong = (alarms: readonly RaisedAlarm[], done: Acknowledgements): RaisedAlarm[] =>
  alarms.filter(({ level, id }) => level === 'alarm' && !done.has(id));

const fileIn = (folder: string): string => join(folder, 'alarms.jsonl');

/** All alarms of a folder, the oldest first; also while a monitor keeps it. Throws: KeptLedgerError kept_damaged. */
export async function readAlarms(folder: string): Promise<RaisedAlarm[]> {
  return readLines(wholeLines((await readOrNull(fileIn(folder))) ?? ''));
}

/**
 * Opens the alarms of a folder: one JSON line each in `alarms.jsonl`; how many were posted stands in `delivered`.
 *
 * Throws: KeptLedgerError kept_damaged.
 */
export async function openAlarms(
  folder: string,
  now: () => number,
  append: Append = appendFlushed,
): Promise<AlarmBook> {
  const file = fileIn(folder);
  const deliveredFile = join(folder, 'delivered');
  const text = (await readOrNull(file)) ?? '';
  const whole = wholeLines(text);
  // A last line that a crash cut off is left out: its alarm is raised again.
  if (whole !== text) await writeDurably(file, whole);
  const kept = readLines(whole);
  /** Of each thing the alarm that was raised last. */
  const known = new Map(kept.map((alarm) => [thingOf(alarm), alarm]));
  let delivered = readDelivered(await readOrNull(deliveredFile), kept.length);
  // One at a time: a round and a report may find the same thing in one moment.
  let last: Promise<unknown> = Promise.resolve();

  let bytes = utf8(whole).length;
  let isTorn = false;
  /** Behind what a full disk left of a line no other may stand. */
  async function write(line: string): Promise<void> {
    if (isTorn) await truncate(file, bytes);
    isTorn = true;
    await append(file, line);
    isTorn = false;
    bytes += utf8(line).length;
  }

  /** A thing that was acknowledged, passed and is there again is told again. */
  function isBack({ since }: Alarm, before: RaisedAlarm, done: Acknowledgements): boolean {
    const acknowledged = done.get(before.id);
    return since !== undefined && acknowledged !== undefined && since > acknowledged.at;
  }

  async function raiseNext(alarm: Alarm): Promise<RaisedAlarm | null> {
    const before = known.get(thingOf(alarm));
    if (before !== undefined && alarm.since === undefined) return null;
    const done = await readAcknowledgements(folder);
    if (before !== undefined && !isBack(alarm, before, done)) return null;
    const alike = standingAmong(kept, done).filter(
      ({ kind, origin }) => kind === alarm.kind && origin === alarm.origin,
    );
    if (alike.length >= ALARMS_OF_A_KIND) return null;
    const raised = raisedOf({ at: formatInstant(now()), ...alarm });
    await write(`${JSON.stringify(raised)}\n`);
    known.set(thingOf(alarm), raised);
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
    standing: async () => standingAmong(kept, await readAcknowledgements(folder)).length,
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

const wholeLines = (text: string): string => text.slice(0, text.lastIndexOf('\n') + 1);

/** How many of them were posted. Throws: KeptLedgerError kept_damaged when that cannot be. */
function readDelivered(text: string | null, kept: number): number {
  const delivered = /^(0|[1-9][0-9]{0,15})$/.test(text ?? '0') ? Number(text ?? '0') : Number.NaN;
  if (!(delivered >= 0)) throw new KeptLedgerError('kept_damaged', 'delivered');
  return Math.min(delivered, kept);
}

const Line = Type.Object({ at: Type.String(), kind: Type.String(), origin: Type.String() });

/** Lines from before alarms had an id get the one that they would have. */
function readLines(text: string): RaisedAlarm[] {
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => raisedOf(parseKept(line, 'alarms.jsonl', Line) as Alarm & { at: string }));
}
