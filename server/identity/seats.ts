/** One active seat: in an opening a certificate acts from one page at a time; another is told, and may take the seat over. */
import { and, eq, isNull, lt } from 'drizzle-orm';
import type { PersonRole } from '../core/opening/roles.ts';
import { seats, sessions } from '../store/schema/identity.ts';
import type { World } from '../world.ts';
import { holdsRole, type IsBidder } from './assignments.ts';
import type { Db } from './database.ts';
import { findSession } from './login.ts';
import { type Outcome, refuse } from './refusals.ts';
import type { Caller } from './tokens.ts';

type Dependencies = { readonly db: Db; readonly world: Pick<World, 'now'> };

/** Whose place on a page it is, and in which opening. */
type Place = { readonly openingId: string; readonly sessionId: string };

/** A seat is asked for at each log-in: one older than any session can be is nobody's. */
const KEPT_MS = 24 * 3_600_000;

/**
 * Takes the seat of a certificate in an opening for this session; again for one's own changes nothing.
 *
 * Refuses: session_ended; seat_taken where another living session has it and was not left, unless it is to be taken over.
 * Returns: the session that had it and is ended now, null when there was none.
 * Why:     two pages of one person would act past each other, and whoever holds a stolen key would act unseen beside its owner: now
 *          one of the two is always told. The row is locked before it is looked at, so that of two at the same moment one is told.
 *          It binds pages, which ask; the command line, a person's way out of any trouble with a page, needs no seat.
 */
export async function takeSeat(
  { db, world }: Dependencies,
  asked: { readonly caller: Caller; readonly openingId: string; readonly takeOver: boolean },
): Promise<Outcome<{ ended: string | null }>> {
  const { openingId, takeOver } = asked;
  const { certSha256, sessionId } = asked.caller;
  const takenAt = world.now();
  const own = await findSession({ db }, { sessionId, at: takenAt });
  if ('refused' in own) return own;
  const isThisOne = and(eq(seats.openingId, openingId), eq(seats.certSha256, certSha256));
  return db.transaction(async (tx) => {
    await tx.insert(seats).values({ openingId, certSha256, sessionId, takenAt }).onConflictDoNothing();
    const [held] = await tx.select().from(seats).where(isThisOne).for('update');
    if (held === undefined) throw new Error('a seat that was just put there is gone');
    let ended: string | null = null;
    if (held.sessionId !== sessionId) {
      const other = await findSession({ db: tx }, { sessionId: held.sessionId, at: takenAt });
      const isLiving = !('refused' in other);
      if (isLiving && held.leftAt === null && !takeOver) return refuse('seat_taken');
      if (isLiving) {
        ended = held.sessionId;
        await tx.update(sessions).set({ endedAt: takenAt }).where(eq(sessions.id, ended));
      }
    }
    await tx.update(seats).set({ sessionId, takenAt, leftAt: null }).where(isThisOne);
    return { ok: true, ended };
  });
}

/** Somebody is there again, or their last socket has gone. */
export async function noteSeat({ db, world }: Dependencies, place: Place, is: 'there' | 'gone'): Promise<void> {
  await db
    .update(seats)
    .set({ leftAt: is === 'there' ? null : world.now() })
    .where(and(eq(seats.openingId, place.openingId), eq(seats.sessionId, place.sessionId)));
}

/** Why somebody may look on no longer in the role a ticket was given for; null while they may. */
export async function whyNoSeat(
  { db, world, isBidder }: Dependencies & { readonly isBidder: IsBidder },
  { openingId, account, sessionId, role }: Place & { readonly account: string; readonly role: PersonRole },
): Promise<'ticket_expired' | 'seat_taken' | null> {
  const found = await findSession({ db }, { sessionId, at: world.now() });
  if (!('refused' in found))
    return (await holdsRole({ db, isBidder }, { openingId, account, role })) ? null : 'ticket_expired';
  const [successor] = await db
    .select({ sessionId: seats.sessionId })
    .from(seats)
    .innerJoin(sessions, eq(sessions.certSha256, seats.certSha256))
    .where(and(eq(sessions.id, sessionId), eq(seats.openingId, openingId), isNull(seats.leftAt)));
  return successor !== undefined && successor.sessionId !== sessionId ? 'seat_taken' : 'ticket_expired';
}

/** Forgets seats that no session can hold any more; returns how many. */
export async function forgetSeats({ db, world }: Dependencies): Promise<number> {
  const old = lt(seats.takenAt, world.now() - KEPT_MS);
  return (await db.delete(seats).where(old).returning({ sessionId: seats.sessionId })).length;
}
