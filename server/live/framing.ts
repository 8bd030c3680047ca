/** The log of one opening as it is framed: folded as far as it is shown, and each stretch made once into what one sight may see. */
import type { PersonRole } from '../core/opening/roles.ts';
import { numberOf, type OpeningState } from '../core/opening/state.ts';
import type { World } from '../world.ts';
import { foldHeld, type Head, type LogView, readStretch } from './log-view.ts';
import type { SharedFrame } from './outbox.ts';
import { type HeldEntry, type Owner, ownDisclosures, RELEASED_TYPES, releasedBy, sharedDisclosures } from './sight.ts';
import { message } from './text-frame.ts';

/** Entries folded at a time when a room opens. */
const FOLD_ENTRIES = 1_000;

/** Who reads; `creditCode` tells a bidder's own entries, null without a ticket. */
export type Reader = { readonly role: PersonRole; readonly creditCode: string | null };

export type Framing = {
  state(): OpeningState;
  /** The seq of WindowOpened; null before. */
  windowSeq(): number | null;
  /** Folds on: the stretch begins where the state ends. Throws: CorruptLogError. */
  grow(stretch: readonly HeldEntry[]): void;
  /** The role a reader stands in by now: a bidder who is not on the roster looks on like everyone. */
  roleOf(reader: Reader): PersonRole;
  /** As whom a reader is shown what is its own: by its number, or by its credit code, for it may have objected without one. */
  ownerOf(reader: Reader): Owner | null;
  /** Entries from before `from` of which a stretch releases something. */
  readEarlier(stretch: readonly HeldEntry[], from: number): Promise<HeldEntry[]>;
  /** The frame of a stretch that ends at `end`, for one role and, of its own, for each of its bidders. */
  makeFrame(role: PersonRole, stretch: readonly HeldEntry[], earlier: readonly HeldEntry[], end: Head): SharedFrame;
};

/**
 * Folds a log up to `size`, at least one entry.
 *
 * Throws: CorruptLogError, LogFormatError, and what the store throws.
 */
export async function openFraming(
  log: LogView,
  world: Pick<World, 'now'>,
  origin: string,
  size: number,
): Promise<Framing> {
  let windowSeq: number | null = null;
  const releasable: { readonly seq: number; readonly type: HeldEntry['type'] }[] = [];
  /** The states between which what a role may see of old entries differs; ascending. */
  const sights: { readonly size: number; readonly state: OpeningState }[] = [];

  function foldOn(before: OpeningState | null, stretch: readonly HeldEntry[]): OpeningState {
    let after = before;
    for (const held of stretch) {
      after = foldHeld(after, held);
      if (held.type === 'WindowOpened') windowSeq = held.seq;
      if (RELEASED_TYPES.has(held.type)) releasable.push({ seq: held.seq, type: held.type });
      if (sights.length === 0 || releasedBy([held], releasable).length > 0)
        sights.push({ size: after.size, state: after });
    }
    if (after === null) throw new Error('a stretch without entries');
    return after;
  }

  let folded: OpeningState | null = null;
  for (let from = 0; from < size; from += FOLD_ENTRIES) {
    const to = Math.min(size, from + FOLD_ENTRIES);
    folded = foldOn(folded, await readStretch(log, origin, from, to));
  }
  if (folded === null) throw new Error(`${origin} has no entry`);

  let state: OpeningState = folded;

  function roleOf({ role, creditCode }: Reader): PersonRole {
    return role === 'bidder' && state.roster.known && bidderOf({ role, creditCode }) === null ? 'public' : role;
  }

  function bidderOf({ role, creditCode }: Reader): number | null {
    return role === 'bidder' && creditCode !== null ? numberOf(state, creditCode) : null;
  }

  function ownerOf(viewer: Reader): Owner | null {
    return bidderOf(viewer) ?? (viewer.role === 'bidder' ? viewer.creditCode : null);
  }

  /** What a role may see depends on what has been released by the end of the stretch, not on when it is asked. */
  function stateAt(size: number): OpeningState {
    const standing = sights.findLast((sight) => sight.size <= size);
    if (standing === undefined) throw new Error(`${origin} has no entry below ${size}`);
    return standing.state;
  }

  async function readEarlier(stretch: readonly HeldEntry[], from: number): Promise<HeldEntry[]> {
    const before = releasable.filter(({ seq }) => seq < from);
    const earlier: HeldEntry[] = [];
    for (const seq of releasedBy(stretch, before)) earlier.push(...(await readStretch(log, origin, seq, seq + 1)));
    return earlier;
  }

  function makeFrame(
    role: PersonRole,
    stretch: readonly HeldEntry[],
    earlier: readonly HeldEntry[],
    end: Head,
  ): SharedFrame {
    const stateThen = stateAt(end.size);
    const bytes = message({
      v: 1,
      kind: 'entries',
      entries: stretch.map(({ text }) => text),
      disclosures: sharedDisclosures(role, stretch, earlier, stateThen),
      checkpoint: end.note,
      now: world.now(),
    });
    const own = new Map<Owner, Uint8Array>();
    // a bidder who is not on the roster looks on like the public, and may have objected
    if (role === 'bidder' || role === 'public')
      for (const [owner, disclosures] of ownDisclosures(role, stretch, stateThen, state.objections))
        own.set(owner, message({ v: 1, kind: 'own', disclosures }));
    return { from: end.size - stretch.length, to: end.size, bytes, own };
  }

  return {
    state: () => state,
    windowSeq: () => windowSeq,
    grow(stretch) {
      state = foldOn(state, stretch);
    },
    roleOf,
    ownerOf,
    readEarlier,
    makeFrame,
  };
}
