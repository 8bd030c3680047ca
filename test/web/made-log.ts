/** A script's entries as a server would sign and send them to the public: texts, disclosures, checkpoints, frames. */
import { toBase64 } from '../../server/core/log/base64.ts';
import { makeDisclosure } from '../../server/core/log/disclosure.ts';
import { type Entry, encodeEntry } from '../../server/core/log/entry.ts';
import { leafHash, rootOf } from '../../server/core/log/merkle.ts';
import { fromUtf8, utf8 } from '../../server/core/log/utf8.ts';
import { begin, evolve } from '../../server/core/opening/evolve.ts';
import { readEvent } from '../../server/core/opening/read-event.ts';
import type { OpeningState } from '../../server/core/opening/state.ts';
import { RELEASES, roleSees } from '../../server/core/opening/visibility.ts';
import type { Frame } from '../../server/core/wire/down.ts';
import { sha256 } from '../../server/hash.ts';
import { checkpointNote, type LogKey, logKey } from '../support/log-fixtures.ts';
import { ORIGIN } from '../support/opening-people.ts';
import type { Script } from '../support/opening-script.ts';

export type MadeLog = {
  readonly signer: LogKey;
  readonly entries: readonly Entry[];
  readonly texts: readonly string[];
  /** All disclosures of each entry, by field. */
  readonly disclosures: readonly Readonly<Record<string, string>>[];
  readonly size: number;
  /** The signed checkpoint of a size. */
  note(size: number): string;
  /** Root of a size, base64. */
  root(size: number): string;
  /** What the public is sent of the entries from (inclusive) to (exclusive). */
  frame(from: number, to?: number): Frame;
};

/** The log of a script under a key of its own; `rewrite` changes entries before they are signed. */
export function makeLog(
  script: Script,
  options: { seedByte?: number; rewrite?: (entry: Entry) => Entry } = {},
): MadeLog {
  const signer = logKey(ORIGIN, options.seedByte ?? 7);
  const disclosures: Record<string, string>[] = [];
  const states: OpeningState[] = [];
  const entries = script.lines.map(({ entry, disclosed }): Entry => {
    const made: Record<string, string> = {};
    for (const [field, value] of Object.entries(disclosed)) {
      const salt = sha256(utf8(`${entry.seq} ${field}`));
      made[field] = makeDisclosure(sha256, salt, field, value).disclosure;
    }
    disclosures.push(made);
    const own = entry.seq === 0 ? { ...entry, body: { ...entry.body, vkey: signer.vkey } } : entry;
    const event = readEvent(own, disclosed);
    const before = states[states.length - 1];
    states.push(before === undefined ? begin(event) : evolve(before, event));
    return options.rewrite?.(own) ?? own;
  });
  const bytes = entries.map((entry) => encodeEntry(entry));
  const leaves = bytes.map((each) => leafHash(sha256, each));

  function publicFields(seq: number, size: number): string[] {
    const line = script.lines[seq];
    const state = states[size - 1];
    if (line === undefined || state === undefined) throw new Error(`no entry ${seq}`);
    const { type, body } = line.event;
    return Object.entries(disclosures[seq] ?? {})
      .filter(([field]) => roleSees('public', { type, field, body }, state))
      .map(([, disclosure]) => disclosure);
  }

  const note = (size: number): string => checkpointNote(signer, leaves.slice(0, size));
  return {
    signer,
    entries,
    texts: bytes.map(fromUtf8),
    disclosures,
    size: entries.length,
    note,
    root: (size) => toBase64(rootOf(sha256, leaves.slice(0, size))),
    frame(from, to = entries.length) {
      const sent: Record<string, string[]> = {};
      for (let seq = 0; seq < to; seq++) {
        const isReleased = script.lines
          .slice(from, to)
          .some(({ event }) => RELEASES[event.type]?.type === script.lines[seq]?.event.type);
        if (seq < from && !isReleased) continue;
        const fields = publicFields(seq, to);
        if (fields.length > 0) sent[seq] = fields;
      }
      return {
        v: 1,
        kind: 'entries',
        entries: bytes.slice(from, to).map(fromUtf8),
        disclosures: sent,
        checkpoint: note(to),
        now: script.now,
      };
    },
  };
}
