/** What a monitor asks of each entry of a ledger: the questions of `kaibiao verify`, of a log that is never at its end, and who may sign from then on. */
import { toBase64 } from '../../core/log/base64.ts';
import { type Entry, parseEntry } from '../../core/log/entry.ts';
import { LogFormatError } from '../../core/log/error.ts';
import { type LedgerHead, readHead } from '../../core/log/head.ts';
import { parseInstant } from '../../core/log/instant.ts';
import type { KeyAnnouncement, PlatformKey } from '../../core/log/ledger-events.ts';
import type { VerifierKey } from '../../core/log/note.ts';
import { LOG_REASONS, type LogReason } from '../../core/log/verify.ts';
import { watchLedger } from '../../verify/ledger.ts';
import { nodeTools } from '../verify-log.ts';
import { type Alarm, alarm, refused } from './alarms.ts';

/** The longest rhythm of batches a server can be set to: whoever names a longer one would never be silent. */
const LONGEST_PERIOD_MS = 60_000;

export type LedgerJudge = {
  /** The next entry; `isProven`: it held when it was judged before. Returns: what is wrong with it, as alarms; and the entry when nothing is. */
  take(bytes: Uint8Array, isProven: boolean): Promise<{ readonly entry?: Entry; readonly found: readonly Alarm[] }>;
  /** What must be so at the end of whatever was taken. */
  finish(): readonly Alarm[];
  /** Of when the newest entry that could be read is, ms, by the platform's clock; null before the first. */
  newestAt(): number | null;
  /** How often a batch comes, ms. */
  periodMs(): number;
  /** Keys (base64) that sign, or signed, heads of openings. */
  openingKeys(): readonly string[];
  /** The same of the ledger itself. */
  ledgerKeys(): readonly string[];
  /** That key and those of the ledger that have followed it, in their order, as far as none of them is said to have been in other hands. */
  successorsOf(publicKey: string): readonly string[];
};

/** Judges the ledger of that key; `onHead` is told of every head that holds, and in which entry. */
export function judgeLedger(
  key: VerifierKey,
  platform: string,
  onHead: (head: LedgerHead, publicKey: string, seq: number) => void,
  tools = nodeTools,
): LedgerJudge {
  const origin = key.name;
  const openingKeys: string[] = [];
  const ledgerKeys: string[] = [];
  const followed: KeyAnnouncement[] = [];
  let next = 0;
  let wasProven = false;
  let lastAt: string | null = null;
  let periodMs = LONGEST_PERIOD_MS;
  const watcher = watchLedger({
    platform,
    kind: 'ledger',
    publicKey: toBase64(key.publicKey),
    tools,
    isProven: () => wasProven,
    onHead: (head, publicKey) => onHead(head, publicKey, next - 1),
  });
  const problemOf = (reason: LogReason, seq: number, detail?: string): Alarm =>
    refused(origin, { reason, words: LOG_REASONS[reason], seq, ...(detail !== undefined && { detail }) });

  /** What `verifyLog` asks of each entry by itself. */
  function read(bytes: Uint8Array, seq: number): { readonly entry?: Entry; readonly problem?: Alarm } {
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
    return isBack ? { entry, problem: problemOf('time_went_back', seq, entry.at) } : { entry };
  }

  /** What cannot be read at all is the platform's fault and must not end the watch. */
  async function see(entry: Entry): Promise<Parameters<typeof refused>[1] | undefined> {
    try {
      return await watcher.see(entry, {});
    } catch (fault) {
      if (!(fault instanceof LogFormatError)) throw fault;
      return { reason: 'entry_malformed', words: LOG_REASONS.entry_malformed, seq: entry.seq, detail: fault.message };
    }
  }

  /**
   * A key that follows another, signed by both: all is well, and people compare it with what the platform says elsewhere, for whoever has
   * the keys can announce one. Any other announcement is refused as `ledger_key_refused`. That others may have had the one that goes is
   * what nobody may overlook.
   */
  function announced({ type, body, seq }: Entry): Alarm[] {
    if (type !== 'KeyAnnounced') return [];
    const { key, replaces, from, compromisedSince } = body as unknown as KeyAnnouncement;
    const notice = { ...alarm('key_announced', origin, `${key.use}: ${key.publicKey} from ${from}`), seq };
    if (compromisedSince === undefined) return [notice];
    return [notice, { ...alarm('key_compromised', origin, `${key.use}: ${replaces} since ${compromisedSince}`), seq }];
  }

  function learn({ type, body }: Entry): void {
    const keys: readonly PlatformKey[] =
      type === 'LedgerOpened'
        ? (body['keys'] as unknown as readonly PlatformKey[])
        : type === 'KeyAnnounced'
          ? [body['key'] as unknown as PlatformKey]
          : [];
    for (const { use, publicKey } of keys) {
      if (use === 'openings') openingKeys.push(publicKey);
      if (use === 'ledger') ledgerKeys.push(publicKey);
    }
    const said = body as unknown as KeyAnnouncement;
    if (type === 'KeyAnnounced' && said.key.use === 'ledger') followed.push(said);
    if (type === 'LedgerOpened') periodMs = Math.min(LONGEST_PERIOD_MS, Number(body['batchPeriodMs']));
  }

  return {
    async take(bytes, isProven) {
      const seq = next;
      next += 1;
      wasProven = isProven;
      const { entry, problem } = read(bytes, seq);
      if (entry === undefined) return { found: problem === undefined ? [] : [problem] };
      const refusal = await see(entry);
      const found = [...(problem ? [problem] : []), ...(refusal ? [refused(origin, refusal)] : [])];
      if (refusal !== undefined) return { found };
      learn(entry);
      return { entry, found: [...found, ...announced(entry)] };
    },
    finish() {
      const end = watcher.finish();
      return end.ok ? [] : [refused(origin, end)];
    },
    newestAt: () => (lastAt === null ? null : parseInstant(lastAt)),
    periodMs: () => periodMs,
    openingKeys: () => openingKeys,
    ledgerKeys: () => ledgerKeys,
    successorsOf(publicKey) {
      const keys = [publicKey];
      for (const { replaces, key: next, compromisedSince } of followed)
        if (replaces === keys.at(-1) && compromisedSince === undefined) keys.push(next.publicKey);
      return keys;
    },
  };
}

/** The signed note in a head's entry. */
export function noteOfHead(bytes: Uint8Array): string {
  return readHead(parseEntry(bytes).body).note;
}
