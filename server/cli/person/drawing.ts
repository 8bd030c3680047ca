/** Taking part in a drawing: a share of one's own, promised and sealed, kept, and shown when all promises are in. */
import { toBase64Url } from '../../core/log/base64.ts';
import { isJsonObject, type Json } from '../../core/log/canonical.ts';
import type { Entry } from '../../core/log/entry.ts';
import { type OpenShare, shareCommitment } from '../../core/opening/draw.ts';
import { type Drawing, sharerOf } from '../../core/opening/drawing.ts';
import { numberOf, type OpeningState } from '../../core/opening/state.ts';
import { digestText } from '../../hash.ts';
import { sealSecret } from '../seal/seal-secret.ts';
import { act } from './act.ts';
import type { Person } from './person.ts';
import { PersonError } from './person-error.ts';
import { catchUp } from './read-opening.ts';

/** Who may draw. */
export type DrawingRole = 'bidder' | 'witness';

const SHARE_BYTES = 32;

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
  const { round, kid, key } = drawing;
  const kept = await keptShare(person, openingId, round, role);
  const share = kept ?? toBase64Url(person.world.randomBytes(SHARE_BYTES));
  if (kept === null) await keep(person, openingId, round, role, share);
  const open: OpenShare = { sharer: sharerOf(bidder), share };
  const commitment = shareCommitment({ openingId, round }, open, digestText);
  const sealed = await sealSecret(
    Buffer.from(share, 'base64url'),
    { kid, key },
    { about: 'draw_share', openingId, round },
  );
  const { entries } = await act(person, openingId, { type: 'CommitShare', role, data: { round, commitment, sealed } });
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

function keep(person: Person, openingId: string, round: number, role: DrawingRole, share: string): Promise<string> {
  const text = `${JSON.stringify({ v: 1, openingId, round, share })}\n`;
  return person.folder.keepEvidence(openingId, fileOf(round, role), text);
}

async function keptShare(person: Person, openingId: string, round: number, role: DrawingRole): Promise<string | null> {
  const text = await person.folder.readEvidence(openingId, fileOf(round, role));
  if (text === null) return null;
  const kept = JSON.parse(text) as Json;
  const share = isJsonObject(kept) ? kept['share'] : undefined;
  if (typeof share !== 'string') throw new PersonError('no_kept_share', `round ${round} is not in form`);
  return share;
}

function firstOf(entries: readonly Entry[]): Entry {
  const [entry] = entries;
  if (entry === undefined) throw new PersonError('answer_not_as_asked', 'no entry');
  return entry;
}
