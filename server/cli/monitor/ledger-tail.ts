/** Follows a ledger: takes what is new once it is what a signed head says, a bounded part at a time, and says what else it was shown. */

import { assembleFromTiles } from '../../client/tile-proofs.ts';
import { sameBytes } from '../../core/log/bytes.ts';
import { type Checkpoint, openCheckpoint, parseCheckpoint } from '../../core/log/checkpoint.ts';
import { LogFormatError } from '../../core/log/error.ts';
import { type ForkEvidence, isFork, pastOf } from '../../core/log/fork-evidence.ts';
import { consistencyPlan, type ProofPlan, rangeNodes, rangeRoot, verifyConsistency } from '../../core/log/merkle.ts';
import { type NoteVerifier, parseNote } from '../../core/log/note.ts';
import { parseTilePath, TILE_WIDTH } from '../../core/log/tile.ts';
import { LOG_REASONS, type LogReason } from '../../core/log/verify.ts';
import { sha256 } from '../../hash.ts';
import { type LogSource, SourceError } from '../../verify/source.ts';
import type { World } from '../../world.ts';
import { alarm, type Raise, refused } from './alarms.ts';
import type { KeptLedger } from './kept-ledger.ts';
import type { Patience } from './patience.ts';

/** Entries taken in one look: behind so many, so many bytes or so long the rest waits for the next. To judge them all takes a minute where each is a reveal. */
export const GROWTH_LIMIT_ENTRIES = 4_096;
export const GROWTH_LIMIT_BYTES = 64 * 2 ** 20;
export const GROWTH_LIMIT_MS = 60_000;

export type LedgerLook = {
  readonly added: number;
  /** Why it could not be read this time; null when it could. */
  readonly unreached: string | null;
  /** The size that was shown; null when no head was, or none to believe. */
  readonly shownSize: number | null;
  /** Whether what is kept is all that was ever signed before us, the head of this look included: then nothing hides in what we could not read. */
  readonly isCurrent: boolean;
  /** A head that was shown and is not what the copy is on its way to: it is compared when that is reached. */
  readonly aside?: string;
};

export type LedgerTail = { look(source: LogSource): Promise<LedgerLook> };

type TailOptions = {
  readonly kept: KeptLedger;
  /** The name of the ledger. */
  readonly origin: string;
  /** The keys whose heads are believed: the trusted one, and those that the kept ledger leads to from it. */
  readonly believed: () => readonly BelievedKey[];
  /** All keys of the ledger: what one of them signed contradicts what another did. */
  readonly keys: () => readonly NoteVerifier[];
  readonly world: Pick<World, 'now'>;
  readonly patience: Patience;
  readonly raise: Raise;
};

export type BelievedKey = { readonly vkey: string; readonly verifier: NoteVerifier };

/**
 * Follows a ledger.
 *
 * Why: a head far ahead is approached by parts. Each part is proven to be the beginning of what the head signs, by a consistency
 *      proof from the ledger's own tiles; and until the head is reached, no other one is asked for.
 */
export function tailLedger({ kept, origin, believed, keys, world, patience, raise }: TailOptions): LedgerTail {
  /** Raises what was found again and again, and lasts. */
  async function raiseLasting(
    kind: 'ledger_withheld' | 'ledger_not_as_signed' | 'ledger_shrank',
    evidence: readonly string[],
  ): Promise<void> {
    if (patience.isOver(kind)) await raise(alarm(kind, origin, undefined, evidence), kind);
  }

  async function readHead(source: LogSource): Promise<ShownHead | string> {
    let note = '';
    try {
      note = await source.checkpoint();
      const head = await openBelieved(note, believed());
      patience.forget(HEAD_REFUSED);
      return { note, ...head };
    } catch (fault) {
      if (fault instanceof SourceError) return fault.message;
      if (!(fault instanceof LogFormatError)) throw fault;
      const reason: LogReason = CHECKPOINT_REASONS[fault.code] ?? 'checkpoint_malformed';
      const isLasting = patience.isOver(HEAD_REFUSED);
      // what is no note at all may be the page of a proxy whose platform restarts; what somebody else signed is none
      if (reason === 'checkpoint_malformed' && !isLasting) return reason;
      const evidence = [note.slice(0, EXCERPT_CHARACTERS)];
      await raise({ ...refused(origin, { reason, words: LOG_REASONS[reason] }), evidence }, HEAD_REFUSED);
      return reason;
    }
  }

  /** Takes a part of what the head signs. Returns: null, or why not. */
  async function grow(source: LogSource, { note, checkpoint: head, vkey }: ShownHead): Promise<string | null> {
    const growth = kept.grow();
    try {
      const endsAt = world.now() + GROWTH_LIMIT_MS;
      for await (const entry of source.entries(head.size, kept.size())) {
        await growth.add(entry);
        const added = growth.range().size - kept.size();
        const isEnough = added >= GROWTH_LIMIT_ENTRIES || growth.bytes() >= GROWTH_LIMIT_BYTES || world.now() >= endsAt;
        if (isEnough && growth.range().size % TILE_WIDTH === 0) break;
      }
      const range = growth.range();
      const proof = await fromTiles(source, consistencyPlan(range.size, head.size), head.size);
      const claim = { ...head, oldSize: range.size, oldRoot: rangeRoot(sha256, range), proof };
      if (verifyConsistency(sha256, claim)) {
        await growth.keep({ note, vkey, proof });
        patience.forget('ledger_withheld');
        patience.forget('ledger_not_as_signed');
        return null;
      }
      await growth.drop();
      return await explain(source, note, head);
    } catch (fault) {
      await growth.drop();
      if (fault instanceof LogFormatError) return notAsSigned(note, fault.message);
      if (!(fault instanceof SourceError)) throw fault;
      await raiseLasting('ledger_withheld', [note]);
      return fault.message;
    }
  }

  /** The entries do not lead to the head: is its own past, by its own tiles, another than ours? */
  async function explain(source: LogSource, note: string, head: Checkpoint): Promise<string> {
    const before = kept.note();
    const size = kept.size();
    if (before === null || sizeOf(before) !== size || size === 0) return notAsSigned(note, 'another root');
    const plan = rangeNodes(size).map((node) => [node]);
    const root = rangeRoot(sha256, { size, hashes: await fromTiles(source, plan, head.size) });
    const proof = await fromTiles(source, consistencyPlan(size, head.size), head.size);
    const evidence: ForkEvidence = [note, before, pastOf(size, root, proof)];
    if (!(await isFork(sha256, evidence, ...keys()))) return notAsSigned(note, 'another root');
    await raise(alarm('ledger_forked', origin, `at ${size} entries`, evidence));
    return 'ledger_forked';
  }

  async function notAsSigned(note: string, why: string): Promise<string> {
    await raiseLasting('ledger_not_as_signed', [note]);
    return `ledger_not_as_signed: ${why}`;
  }

  return {
    async look(source) {
      const size = kept.size();
      const read = await readHead(source);
      if (typeof read === 'string') return { added: 0, unreached: read, shownSize: null, isCurrent: false };
      const { note, checkpoint } = read;
      const before = kept.note();
      const keptBy = kept.vkey();
      const signed = before === null ? 0 : sizeOf(before);
      const forked = before === null ? null : await forkWith(kept, before, { note, checkpoint }, keys());
      if (forked !== null) {
        await raise(alarm('ledger_forked', origin, `at ${checkpoint.size} entries`, forked));
        return { added: 0, unreached: 'ledger_forked', shownSize: checkpoint.size, isCurrent: false };
      }
      if (checkpoint.size >= signed) patience.forget('ledger_shrank');
      else await raiseLasting('ledger_shrank', before === null ? [note] : [before, note]);
      let unreached: string | null = null;
      if (before !== null && keptBy !== null && size < signed) {
        const goal = { note: before, checkpoint: parseCheckpoint(parseNote(before).text), vkey: keptBy };
        unreached = await grow(source, goal);
      } else if (checkpoint.size > size) unreached = await grow(source, read);
      const after = kept.note();
      const isWhole = after !== null && sizeOf(after) === kept.size();
      const isCurrent = unreached === null && isWhole && kept.size() >= checkpoint.size;
      const isAside = size < signed && note !== before;
      const added = kept.size() - size;
      return { added, unreached, shownSize: checkpoint.size, isCurrent, ...(isAside && { aside: note }) };
    },
  };
}

type ShownHead = { readonly note: string; readonly checkpoint: Checkpoint; readonly vkey: string };

/** Opens a note with the first of these keys that signed it. Throws: LogFormatError, as of the first one, when none did. */
async function openBelieved(note: string, keys: readonly BelievedKey[]): Promise<Omit<ShownHead, 'note'>> {
  let refusal: unknown;
  for (const { vkey, verifier } of keys)
    try {
      return { checkpoint: (await openCheckpoint(note, verifier)).checkpoint, vkey };
    } catch (fault) {
      if (!(fault instanceof LogFormatError) || fault.code !== 'note_unsigned') throw fault;
      refusal ??= fault;
    }
  throw refusal;
}

/**
 * Whether a head that one of the keys signed contradicts the copy that is kept.
 *
 * Returns: the evidence; null when it does not, or it cannot be known yet: it is larger than what is kept, or that is on its way itself
 *          and not of its size.
 */
export async function forkWith(
  kept: KeptLedger,
  before: string,
  { note, checkpoint }: { readonly note: string; readonly checkpoint: Checkpoint },
  keys: readonly NoteVerifier[],
): Promise<ForkEvidence | null> {
  const { size: signed, root } = parseCheckpoint(parseNote(before).text);
  // two heads of one size convict by themselves, also while that one is still on its way
  if (checkpoint.size === signed && !sameBytes(root, checkpoint.root)) {
    const both: ForkEvidence = [before, note];
    return (await isFork(sha256, both, ...keys)) ? both : null;
  }
  const own = kept.roots.at(checkpoint.size);
  const size = kept.size();
  if (own === null || signed !== size || sameBytes(own, checkpoint.root)) return null;
  const evidence: ForkEvidence = [before, note, pastOf(checkpoint.size, own, kept.roots.proof(checkpoint.size, size))];
  if (!(await isFork(sha256, evidence, ...keys))) throw new Error('the kept ledger is not what its note signs');
  return evidence;
}

/** Of a note that was opened before. */
function sizeOf(note: string): number {
  return parseCheckpoint(parseNote(note).text).size;
}

function fromTiles(source: LogSource, plan: ProofPlan, size: number): Promise<Uint8Array[]> {
  const read = async (path: string): Promise<Uint8Array> => {
    const tile = parseTilePath(path);
    if (tile.kind !== 'hashes') throw new Error(`${path} holds no hashes`);
    return source.hashTile(tile);
  };
  return assembleFromTiles(sha256, read, plan, size);
}

const HEAD_REFUSED = 'head_refused';
/** What is kept of what was shown in the place of a head. */
const EXCERPT_CHARACTERS = 2_000;
const CHECKPOINT_REASONS: Readonly<Record<string, LogReason>> = {
  note_unsigned: 'checkpoint_unsigned',
  note_signature_bad: 'checkpoint_signature_bad',
  checkpoint_other_log: 'checkpoint_other_log',
};
