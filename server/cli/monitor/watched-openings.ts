/** Replays the openings that a ledger has heads of, and holds each against those heads; it remembers how far. */
import { join } from 'node:path';
import { toBase64 } from '../../core/log/base64.ts';
import { sameBytes } from '../../core/log/bytes.ts';
import { parseCheckpoint } from '../../core/log/checkpoint.ts';
import { LogFormatError } from '../../core/log/error.ts';
import type { LedgerHead } from '../../core/log/head.ts';
import { leafHash } from '../../core/log/merkle.ts';
import { parseNote } from '../../core/log/note.ts';
import { sha256 } from '../../hash.ts';
import { type LogSource, SourceError, urlSource } from '../log-source.ts';
import { readOrNull, writeDurably } from '../person/person-folder.ts';
import { keyOf } from '../verify-anchoring.ts';
import { verifySource } from '../verify-log.ts';
import { keepRoots, type Roots } from '../verify-opening.ts';
import { ALARMS, type Alarm } from './alarms.ts';

/** What the ledger says that a log once was. */
type SeenHead = { readonly size: number; readonly root: Uint8Array; readonly note: string };

type Opening = { publicKey: string; isClosed: boolean; readonly heads: SeenHead[] };

export type WatchedOpenings = {
  /** A head that the ledger has, signed by this key (base64). */
  note(head: LedgerHead, publicKey: string): void;
  /** Replays every opening with heads that were not held against its log yet. Returns: how many could not be reached. */
  replay(raise: (alarm: Alarm) => Promise<void>): Promise<number>;
};

/** Watches openings at `platform`, the address before `/logs`; how far each was replayed stands in the folder's `replayed.json`. */
export async function watchOpenings(platform: string, folder: string): Promise<WatchedOpenings> {
  const file = join(folder, 'replayed.json');
  const openings = new Map<string, Opening>();
  const replayed = new Map<string, number>(Object.entries(JSON.parse((await readOrNull(file)) ?? '{}')));
  const sourceOf = (origin: string): LogSource =>
    urlSource(`${platform}/logs/opening/${origin.slice(origin.lastIndexOf('/') + 1)}`);

  /** Returns: what is wrong with it; null when it cannot be reached. */
  async function judge(origin: string, opening: Opening): Promise<Alarm[] | null> {
    try {
      return await judgeReached(origin, opening);
    } catch (error) {
      // it answered at first and then no more: as good as not reached, and no end of the watch
      if (error instanceof SourceError) return null;
      throw error;
    }
  }

  async function judgeReached(origin: string, { publicKey, isClosed, heads }: Opening): Promise<Alarm[] | null> {
    const source = sourceOf(origin);
    let roots = keepRoots();
    const judged = await verifySource(teeing(source, roots), { requireAllDisclosures: false });
    if (!judged.ok && judged.reason === 'source_unreadable') return null;
    if (!judged.ok && judged.reason === 'file_missing' && ['vkey', 'checkpoint'].includes(judged.detail ?? ''))
      return [alarm('opening_hidden', origin)];
    const found: Alarm[] = judged.ok ? [] : [refused(origin, judged)];
    // A refusal ends the reading; whether it is the log the ledger knows is asked of all of it.
    if (!judged.ok) roots = await rootsOf(source);
    const foreign = heads.find(({ size, root }) => {
      const own = roots.at(size);
      return own !== null && !sameBytes(own, root);
    });
    if (foreign !== undefined)
      found.push(
        alarm('opening_forked', origin, `at ${foreign.size} entries`, [foreign.note, await source.checkpoint()]),
      );
    if (!judged.ok) return found;
    const key = keyOf(await source.vkey());
    if ('ok' in key || toBase64(key.publicKey) !== publicKey) found.push(alarm('opening_key_differs', origin));
    const largest = heads.at(-1);
    if (largest !== undefined && judged.entries < largest.size)
      found.push(alarm('opening_behind', origin, `${judged.entries} of ${largest.size} entries`, [largest.note]));
    if (isClosed && judged.standing !== 'valid, complete') found.push(alarm('opening_end_differs', origin));
    return found;
  }

  return {
    note({ checkpoint, kind, note }, publicKey) {
      const { origin, size, root } = checkpoint;
      const opening = openings.get(origin) ?? { publicKey, isClosed: false, heads: [] };
      opening.heads.push({ size, root, note });
      opening.isClosed ||= kind === 'closed';
      openings.set(origin, opening);
    },
    async replay(raise) {
      let unreached = 0;
      for (const [origin, opening] of openings) {
        const { length } = opening.heads;
        if (!origin.includes('/opening/') || (replayed.get(origin) ?? 0) >= length) continue;
        const found = await judge(origin, opening);
        if (found === null) {
          unreached += 1;
          continue;
        }
        for (const each of found) await raise(each);
        replayed.set(origin, length);
        await writeDurably(file, JSON.stringify(Object.fromEntries(replayed)));
      }
      return unreached;
    },
  };
}

/** The roots of whatever entries a source gives, as far as it does. */
async function rootsOf(source: LogSource): Promise<Roots> {
  const roots = keepRoots();
  try {
    const { size } = parseCheckpoint(parseNote(await source.checkpoint()).text);
    for await (const bytes of source.entries(size)) roots.add(leafHash(sha256, bytes));
  } catch (fault) {
    if (!(fault instanceof SourceError) && !(fault instanceof LogFormatError)) throw fault;
  }
  return roots;
}

/** The source, with every entry it gives added to the roots, whatever is then found wrong with it. */
function teeing(source: LogSource, roots: Roots): LogSource {
  return {
    ...source,
    async *entries(size, from) {
      for await (const bytes of source.entries(size, from)) {
        roots.add(leafHash(sha256, bytes));
        yield bytes;
      }
    },
  };
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
