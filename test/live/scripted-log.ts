/** The log of a scripted opening in memory, let out piece by piece: what a room reads when no database is needed. */

import { makeDisclosure } from '../../server/core/log/disclosure.ts';
import { encodeEntry } from '../../server/core/log/entry.ts';
import { formatInstant } from '../../server/core/log/instant.ts';
import { leafHash } from '../../server/core/log/merkle.ts';
import { utf8 } from '../../server/core/log/utf8.ts';
import { sha256 } from '../../server/hash.ts';
import type { LogView } from '../../server/live/log-view.ts';
import { checkpointNote, logKey } from '../support/log-fixtures.ts';
import { OPENING_ID, ORIGIN } from '../support/opening-people.ts';
import {
  bidder,
  clock,
  DEADLINE,
  HOUR,
  host,
  type Line,
  MINUTE,
  openingScript,
  platform,
  type Script,
} from '../support/opening-script.ts';

export const SIGNER = logKey(ORIGIN, 7);
export { OPENING_ID, ORIGIN };

/** An opening from its draft to the announced prices, with some objections on the way: about 40 entries. */
export function playedOpening(bidders = 3, objections = 8): Script {
  const script = openingScript({ profile: 'rehearsal', policy: { minimumBidders: 1 } });
  script.go('PublishOpening', {}, host);
  script.clockTo(DEADLINE - 3 * HOUR);
  for (let index = 0; index < bidders; index++) script.lodge(index);
  script.clockTo(DEADLINE - 2 * HOUR).go('OpenCheckIn', {}, clock);
  for (let index = 0; index < bidders - 1; index++) script.act(index, 'CheckIn', {});
  script.clockTo(DEADLINE).go('Seal', {}, clock);
  script.clockTo(DEADLINE + MINUTE).go('PublishRoster', {}, host);
  for (let objection = 1; objection <= objections; objection++) {
    script.go('RaiseObjection', { text: `异议 ${objection}：唱标顺序` }, bidder(1 + (objection % bidders)));
    script.go('AnswerObjection', { objection, text: `答复 ${objection}` }, host);
  }
  script.clockTo(DEADLINE + 2 * MINUTE).go('OpenWindow', {}, host);
  for (let number = 1; number <= bidders; number++) {
    script.go('DecryptBid', { jweSha256: leafText(`jwe ${number}`) }, bidder(number));
    script.go('RecordDecryption', { bidder: number, attempt: 1, failure: null }, platform);
  }
  script.clockTo(DEADLINE + 3 * MINUTE).go('EndWindowEarly', {}, host);
  script.clockTo(DEADLINE + 4 * MINUTE).go('AnnouncePrices', {}, host);
  return script;
}

const leafText = (text: string): string => Buffer.from(sha256(utf8(text))).toString('base64url');

export type ScriptedLog = {
  readonly view: LogView;
  readonly texts: readonly string[];
  /** Every disclosure there is, whoever may see it. */
  readonly disclosures: readonly { readonly seq: number; readonly field: string; readonly disclosure: string }[];
  /** Signs the head at `size` and lets it out. */
  release(size: number): void;
  noteAt(size: number): string;
  /** Reads of entries that were asked for so far. */
  reads(): number;
  /** Makes every read fail, or no longer. */
  break(isBroken: boolean): void;
};

/** The log of these lines; nothing of it is released yet. */
export function scriptedLog(lines: readonly Line[]): ScriptedLog {
  const bytes = lines.map(({ entry }) => encodeEntry(entry));
  const leaves = bytes.map((entry) => leafHash(sha256, entry));
  const disclosures = lines.flatMap(({ entry, disclosed }) =>
    Object.entries(disclosed).map(([field, value]) => {
      const { disclosure, digest } = makeDisclosure(sha256, sha256(utf8(`${entry.seq} ${field}`)), field, value);
      if (entry.commit[field] !== digest) throw new Error(`the script salts ${field} of ${entry.seq} differently`);
      return { seq: entry.seq, field, disclosure };
    }),
  );
  const notes = new Map<number, string>();
  let released = 0;
  let reads = 0;
  let isBroken = false;
  const noteAt = (size: number): string => checkpointNote(SIGNER, leaves.slice(0, size));
  const answer = async <T>(value: T): Promise<T> => {
    reads++;
    // A database answers later, never in the same turn.
    await new Promise((resume) => setImmediate(resume));
    if (isBroken) throw new Error('the database is away');
    return value;
  };

  return {
    texts: bytes.map((entry) => new TextDecoder().decode(entry)),
    disclosures,
    noteAt,
    reads: () => reads,
    break(broken) {
      isBroken = broken;
    },
    release(size) {
      if (size < released || size > bytes.length) throw new Error(`cannot release ${size}`);
      notes.set(size, noteAt(size));
      released = size;
    },
    view: {
      released(origin) {
        const note = notes.get(released);
        return origin !== ORIGIN || note === undefined ? null : { size: released, note };
      },
      entries: (_origin, from, to) =>
        answer(bytes.slice(from, to).map((entry, place) => ({ seq: from + place, bytes: entry }))),
      disclosures: (_origin, from, to) => answer(disclosures.filter(({ seq }) => seq >= from && seq < to)),
      checkpointFor(_origin, size) {
        const covering = [...notes.keys()].sort((a, b) => a - b).find((s) => s >= size);
        return answer(covering === undefined ? null : { size: covering, note: notes.get(covering) as string });
      },
    },
  };
}

/** When the script's clock stands at its end. */
export const AFTER_ALL = DEADLINE + 5 * MINUTE;
export const atText = formatInstant;
