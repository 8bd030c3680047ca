/** The events of the bench: a log of 700-byte entries of an opening, each with its signed head. */

import { formatCheckpoint } from '../../../server/core/log/checkpoint.ts';
import { encodeEntry } from '../../../server/core/log/entry.ts';
import { formatInstant } from '../../../server/core/log/instant.ts';
import { appendLeaves, EMPTY_RANGE, leafHash, rangeRoot } from '../../../server/core/log/merkle.ts';
import { formatNote } from '../../../server/core/log/note.ts';
import { fromUtf8, utf8 } from '../../../server/core/log/utf8.ts';
import { sha256 } from '../../../server/hash.ts';
import type { LogView } from '../../../server/live/log-view.ts';
import { logKey } from '../../support/log-fixtures.ts';
import { OPENING_ID, ORIGIN, PLATFORM } from '../../support/opening-people.ts';
import { openingScript } from '../../support/opening-script.ts';

export { OPENING_ID, ORIGIN, PLATFORM };
export const EVENT_BYTES = 700;
/** Events of one run of a server: one alone, a hundred at once, a hundred over a second, each some times. */
export const EVENTS = 1_000;

/** Text as a log has it, as if drawn by lot: digests and signatures do not repeat. */
const noise = (n: number): string =>
  Array.from({ length: 20 }, (_, k) => Buffer.from(sha256(utf8(`${n} ${k}`))).toString('base64url')).join('');

/**
 * Entry number n of the bench's log; 0 is the genesis of a scripted opening, every other has 700 bytes.
 *
 * Why: a proposal to abort can follow upon anything as far as a room is concerned, which folds entries and does not judge them,
 *      and has a text of any length that everybody sees.
 */
export function makeEntries(): Uint8Array[] {
  const script = openingScript({ profile: 'rehearsal' });
  const [genesis] = script.lines;
  if (genesis === undefined) throw new Error('an opening without its first entry');
  const commit = {
    who: `${noise(0).slice(0, 42)}A`,
    source: `${noise(1).slice(0, 42)}A`,
    act: `${noise(2).slice(0, 42)}A`,
  };
  const entryOf = (seq: number, reason: string): Uint8Array =>
    encodeEntry({
      v: 1,
      log: ORIGIN,
      seq,
      at: formatInstant(script.now + seq),
      receivedAt: formatInstant(script.now + seq),
      type: 'AbortProposed',
      actor: { role: 'tenderer' },
      command: `c-${seq}`,
      body: { by: 'tenderer', reason },
      commit,
    });
  const entries = [encodeEntry(genesis.entry)];
  for (let seq = 1; seq <= EVENTS; seq++) {
    const bare = entryOf(seq, '').length;
    entries.push(entryOf(seq, noise(seq).slice(0, EVENT_BYTES - bare)));
  }
  return entries;
}

/** The same as texts. */
export const makeTexts = (): string[] => makeEntries().map(fromUtf8);

/** The log in memory: what the store reads of a database, with nothing to wait for but the next turn. */
export function memoryLog(): { readonly view: LogView; release(size: number): void } {
  const entries = makeEntries();
  const key = logKey(ORIGIN, 7);
  const notes: string[] = [];
  let range = EMPTY_RANGE;
  for (const bytes of entries) {
    range = appendLeaves(sha256, range, [leafHash(sha256, bytes)]);
    const text = formatCheckpoint({ origin: ORIGIN, size: range.size, root: rangeRoot(sha256, range) });
    notes[range.size] = formatNote(text, [{ name: key.name, keyId: key.keyId, signature: key.sign(utf8(text)) }]);
  }
  const headAt = (size: number) => ({ size, note: notes[size] ?? '' });
  const answer = async <T>(value: T): Promise<T> => {
    await new Promise((resume) => setImmediate(resume));
    return value;
  };
  let released = 1;
  return {
    release(size) {
      if (notes[size] === undefined) throw new Error(`no entry ${size}`);
      released = size;
    },
    view: {
      released: (origin) => (origin === ORIGIN ? headAt(released) : null),
      entries: (_origin, from, to) =>
        answer(entries.slice(from, to).map((bytes, place) => ({ seq: from + place, bytes }))),
      disclosures: () => answer([]),
      checkpointFor: (_origin, size) => answer(headAt(size)),
    },
  };
}
