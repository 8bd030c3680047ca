/** Taking part in a drawing: a share of one's own, promised and sealed, kept, and shown when all promises are in. */
import { makeShare, promiseShare, readShareFile, shareFile } from '../../client/draw-share.ts';
import type { Entry } from '../../core/log/entry.ts';
import type { Drawing } from '../../core/opening/drawing.ts';
import { numberOf, type OpeningState } from '../../core/opening/state.ts';
import { sha256 } from '../../hash.ts';
import { act } from './act.ts';
import type { Person } from './person.ts';
import { PersonError } from './person-error.ts';
import { catchUp } from './read-opening.ts';

/** Who may draw. */
export type DrawingRole = 'bidder' | 'witness';

/**
 * Promises a share of one's own.
 *
 * Returns: the proven entry: ShareCommitted, or ShareLeftOut when the vault says that the share is not what it promises.
 * Throws:  PersonError no_drawing; SealError key_not_as_named; as act.
 * Why:     the share is kept before it is sent, and one that is kept is sent again as it is: a lost answer must not cost the share.
 *          The key it is sealed to is read from the person's own verified copy of the log.
 */
export async function commitShare(person: Person, openingId: string, role: DrawingRole): Promise<Entry> {
  const { drawing, bidder } = await drawingOf(person, openingId, role);
  const { round } = drawing;
  const kept = await keptShare(person, openingId, round, role);
  const share = kept ?? makeShare(person.world.randomBytes);
  if (kept === null)
    await person.folder.keepEvidence(openingId, fileOf(round, role), shareFile(openingId, round, share));
  const data = await promiseShare(sha256, { openingId, drawing, bidder }, share);
  const { entries } = await act(person, openingId, { type: 'CommitShare', role, data });
  return firstOf(entries);
}

/**
 * Shows the share that was promised.
 *
 * Throws: PersonError no_drawing, no_kept_share; as act.
 */
export async function showShare(person: Person, openingId: string, role: DrawingRole): Promise<Entry> {
  const { drawing } = await drawingOf(person, openingId, role);
  const { round } = drawing;
  const share = await keptShare(person, openingId, round, role);
  if (share === null) throw new PersonError('no_kept_share', `round ${round}`);
  const { entries } = await act(person, openingId, { type: 'RevealShare', role, data: { round, share } });
  return firstOf(entries);
}

async function drawingOf(
  person: Person,
  openingId: string,
  role: DrawingRole,
): Promise<{ readonly drawing: Drawing; readonly bidder: number | null }> {
  const state: OpeningState = await catchUp(person, openingId, role);
  if (state.phase !== 'Drawing' || state.drawing === null) throw new PersonError('no_drawing');
  if (role === 'witness') return { drawing: state.drawing, bidder: null };
  const bidder = numberOf(state, person.creditCode);
  if (bidder === null) throw new PersonError('no_drawing', 'not on the roster');
  return { drawing: state.drawing, bidder };
}

const fileOf = (round: number, role: DrawingRole): string => `draw-share-${round}-${role}.json`;

async function keptShare(person: Person, openingId: string, round: number, role: DrawingRole): Promise<string | null> {
  const text = await person.folder.readEvidence(openingId, fileOf(round, role));
  if (text === null) return null;
  const share = readShareFile(text, openingId, round);
  if (share === null) throw new PersonError('no_kept_share', `round ${round} is not in form`);
  return share;
}

function firstOf(entries: readonly Entry[]): Entry {
  const [entry] = entries;
  if (entry === undefined) throw new PersonError('answer_not_as_asked', 'no entry');
  return entry;
}
