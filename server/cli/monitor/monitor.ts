/** Tails a ledger and raises the alarm: each head, key, batch and reveal as `kaibiao verify` judges them, each public opening replayed, and nothing ever taken back. */
import { toBase64 } from '../../core/log/base64.ts';
import { sameBytes } from '../../core/log/bytes.ts';
import { type Checkpoint, openCheckpoint } from '../../core/log/checkpoint.ts';
import { type Entry, parseEntry } from '../../core/log/entry.ts';
import { LogFormatError } from '../../core/log/error.ts';
import { parseInstant } from '../../core/log/instant.ts';
import { appendLeaves, type CompactRange, leafHash, rangeRoot } from '../../core/log/merkle.ts';
import { ed25519Verifier } from '../../core/log/note.ts';
import { ledgerOrigin } from '../../core/log/origin.ts';
import { LOG_REASONS, type LogReason } from '../../core/log/verify.ts';
import { verifyEd25519 } from '../../ed25519.ts';
import { sha256 } from '../../hash.ts';
import type { World } from '../../world.ts';
import { SourceError, urlSource } from '../log-source.ts';
import { keyOf } from '../verify-anchoring.ts';
import { watchLedger } from '../verify-ledger.ts';
import { type Alarm, type AlarmBook, openAlarms, type RaisedAlarm } from './alarms.ts';
import { openKeptLedger } from './kept-ledger.ts';
import { alarm, refused, watchOpenings } from './watched-openings.ts';

/** A ledger that has shown nothing new for so many of its batch periods, and a minute, is silent. */
const SILENT_PERIODS = 6;
const SILENT_SLACK_MS = 60_000;

export type MonitorOptions = {
  /** The address of the ledger, `https://host/logs/ledger`. */
  readonly url: string;
  /** The ledger's verifier key, from elsewhere. */
  readonly trust: string;
  readonly folder: string;
  readonly world: Pick<World, 'now'>;
  /** Told of each alarm once, also across restarts. */
  readonly onAlarm: (alarm: RaisedAlarm) => void;
};

export type Round = {
  readonly size: number;
  readonly added: number;
  /** Why the ledger, or so many openings, could not be read this time; null when all could. That is no alarm by itself: see ledger_silent. */
  readonly unreached: string | null;
};

export type Monitor = {
  /** Looks once. Throws: only for faults of the monitor's own disk. */
  round(): Promise<Round>;
  readonly alarms: AlarmBook;
  close(): Promise<void>;
};

/** The trusted key is not one of a ledger. */
export class MonitorKeyError extends Error {
  override readonly name = 'MonitorKeyError';
  readonly code = 'vkey_malformed';
}

/**
 * Opens a monitor, going on from what its folder holds.
 *
 * Throws: MonitorKeyError, KeptLedgerError.
 * Why:    the kept entries are judged again at each start, which takes a minute for some hundred thousand: so there is no state of
 *         judgement to store, and none to be wrong.
 */
export async function openMonitor(options: MonitorOptions): Promise<Monitor> {
  const { url, trust, folder, world, onAlarm } = options;
  const key = keyOf(trust);
  if ('ok' in key) throw new MonitorKeyError(key.detail);
  const platform = key.name.replace(/\/ledger$/u, '');
  if (ledgerOrigin(platform) !== key.name) throw new MonitorKeyError(`${key.name} is no ledger`);
  const origin = key.name;
  const verifier = ed25519Verifier(key, verifyEd25519);
  const alarms = await openAlarms(folder, world.now);
  const raise = async (one: Alarm): Promise<void> => {
    const raised = await alarms.raise(one);
    if (raised !== null) onAlarm(raised);
  };
  const openings = await watchOpenings(url.replace(/\/logs\/ledger\/*$/u, ''), folder);
  const publicKey = toBase64(key.publicKey);
  const watcher = watchLedger({ platform, kind: 'ledger', publicKey, verifyEd25519, onHead: openings.note });
  const judging = judgeEntries(origin);

  async function take(bytes: Uint8Array): Promise<void> {
    const { entry, problem } = judging.take(bytes);
    if (problem !== undefined) await raise(problem);
    const found = entry === undefined ? undefined : await watcher.see(entry, {});
    if (found !== undefined) await raise(refused(origin, found));
  }
  const kept = await openKeptLedger(folder, trust, verifier, take);
  const source = urlSource(url);

  /** The ledger's newest checkpoint, or why there is none to go on with. */
  async function readCheckpoint(): Promise<{ note: string; checkpoint: Checkpoint } | { unreached: string } | null> {
    try {
      const note = await source.checkpoint();
      return { note, checkpoint: (await openCheckpoint(note, verifier)).checkpoint };
    } catch (fault) {
      if (fault instanceof SourceError) return { unreached: fault.message };
      if (!(fault instanceof LogFormatError)) throw fault;
      const reason: LogReason = CHECKPOINT_REASONS[fault.code] ?? 'checkpoint_malformed';
      await raise(refused(origin, { reason, words: LOG_REASONS[reason] }));
      return null;
    }
  }

  /** Takes what is new. Returns: how many entries, or why not. */
  async function grow(note: string, checkpoint: Checkpoint): Promise<number | string> {
    const before = kept.note();
    const evidence = before === null ? [note] : [before, note];
    const detail = `at ${checkpoint.size} entries`;
    if (checkpoint.size <= kept.size()) {
      const own = kept.roots.at(checkpoint.size);
      if (own !== null && !sameBytes(own, checkpoint.root))
        await raise(alarm('ledger_forked', origin, detail, evidence));
      else if (checkpoint.size < kept.size()) await raise(alarm('ledger_shrank', origin, detail, evidence));
      return 0;
    }
    let entries: Uint8Array[];
    try {
      entries = await collect(source.entries(checkpoint.size, kept.size()));
    } catch (fault) {
      if (!(fault instanceof SourceError)) throw fault;
      if (fault.code === 'source_unreadable') return fault.message;
      await raise(alarm('ledger_forked', origin, `${detail}: ${fault.message}`, evidence));
      return 0;
    }
    if (!hasRoot(kept.range(), entries, checkpoint)) {
      await raise(alarm('ledger_forked', origin, detail, evidence));
      return 0;
    }
    await kept.append(note, entries);
    for (const bytes of entries) await take(bytes);
    const end = watcher.finish();
    if (!end.ok) await raise(refused(origin, end));
    return entries.length;
  }

  return {
    alarms,
    async round() {
      const read = await readCheckpoint();
      let added = 0;
      let unreached: string | null = null;
      if (read !== null && 'unreached' in read) unreached = read.unreached;
      else if (read !== null) {
        const grown = await grow(read.note, read.checkpoint);
        if (typeof grown === 'number') added = grown;
        else unreached = grown;
      }
      const silence = judging.silentSince(world.now());
      if (silence !== null) await raise(alarm('ledger_silent', origin, `since ${silence}`));
      const hidden = await openings.replay(raise);
      if (hidden > 0) unreached ??= `${hidden} openings`;
      return { size: kept.size(), added, unreached };
    },
    close: () => kept.close(),
  };
}

const CHECKPOINT_REASONS: Readonly<Record<string, LogReason>> = {
  note_unsigned: 'checkpoint_unsigned',
  note_signature_bad: 'checkpoint_signature_bad',
  checkpoint_other_log: 'checkpoint_other_log',
};

/** What `verifyLog` asks of each entry by itself, for a log that is never at its end. */
function judgeEntries(origin: string) {
  let next = 0;
  let lastAt: string | null = null;
  let periodMs = 0;
  const problemOf = (reason: LogReason, seq: number, detail?: string): Alarm =>
    refused(origin, { reason, words: LOG_REASONS[reason], seq, ...(detail !== undefined && { detail }) });
  return {
    take(bytes: Uint8Array): { readonly entry?: Entry; readonly problem?: Alarm } {
      const seq = next;
      next += 1;
      let entry: Entry;
      try {
        entry = parseEntry(bytes);
      } catch (fault) {
        if (!(fault instanceof LogFormatError)) throw fault;
        return { problem: problemOf('entry_malformed', seq, fault.message) };
      }
      if (entry.log !== origin) return { problem: problemOf('entry_other_log', seq, entry.log) };
      if (entry.seq !== seq) return { problem: problemOf('sequence_broken', seq, `says ${entry.seq}`) };
      const isBack = lastAt !== null && entry.at < lastAt;
      lastAt = isBack ? lastAt : entry.at;
      const { batchPeriodMs } = entry.body;
      if (seq === 0 && typeof batchPeriodMs === 'number') periodMs = batchPeriodMs;
      return isBack ? { entry, problem: problemOf('time_went_back', seq, entry.at) } : { entry };
    },
    /** The instant of the last entry, when that is too long ago; null when it is not. */
    silentSince(now: number): string | null {
      if (lastAt === null) return null;
      return now - parseInstant(lastAt) > periodMs * SILENT_PERIODS + SILENT_SLACK_MS ? lastAt : null;
    },
  };
}

async function collect(entries: AsyncIterable<Uint8Array>): Promise<Uint8Array[]> {
  const all: Uint8Array[] = [];
  for await (const bytes of entries) all.push(bytes);
  return all;
}

/** Whether the entries, behind those of the range, have the root that is signed. */
function hasRoot(kept: CompactRange, entries: readonly Uint8Array[], checkpoint: Checkpoint): boolean {
  const leaves = entries.map((bytes) => leafHash(sha256, bytes));
  const range = appendLeaves(sha256, kept, leaves);
  return range.size === checkpoint.size && sameBytes(rangeRoot(sha256, range), checkpoint.root);
}
