/** Socket tickets: one opening, one role, half a minute, one use; whoever reads the database holds none. */

import { and, eq, isNull, lt } from 'drizzle-orm';
import { toBase64Url } from '../core/log/base64.ts';
import { utf8 } from '../core/log/utf8.ts';
import type { PersonRole } from '../core/opening/roles.ts';
import { sha256 } from '../hash.ts';
import { tickets } from '../store/schema/identity.ts';
import type { World } from '../world.ts';
import { holdsRole, type IsBidder } from './assignments.ts';
import type { Db } from './database.ts';
import { findSession } from './login.ts';
import { type Outcome, refuse } from './refusals.ts';
import type { Caller } from './tokens.ts';

const TICKET_BYTES = 32;
const TICKET = /^[A-Za-z0-9_-]{43}$/;

type Dependencies = {
  readonly db: Db;
  readonly world: Pick<World, 'now' | 'randomBytes'>;
  readonly config: { readonly ticketLifetimeMs: number };
  readonly isBidder: IsBidder;
};

/** Whom a socket belongs to. */
export type Seat = {
  readonly account: string;
  readonly sessionId: string;
  readonly openingId: string;
  readonly role: PersonRole;
};

/**
 * Gives a ticket for a view of an opening.
 *
 * Refuses: session_ended, role_not_held.
 */
export async function issueTicket(
  { db, world, config, isBidder }: Dependencies,
  { caller, openingId, role }: { readonly caller: Caller; readonly openingId: string; readonly role: PersonRole },
): Promise<Outcome<{ ticket: string; expiresAt: number }>> {
  const { account, sessionId } = caller;
  const now = world.now();
  const found = await findSession({ db }, { sessionId, at: now });
  if ('refused' in found) return found;
  if (!(await holdsRole({ db, isBidder }, { openingId, account, role }))) return refuse('role_not_held');
  const ticket = toBase64Url(world.randomBytes(TICKET_BYTES));
  const expiresAt = now + config.ticketLifetimeMs;
  await db
    .insert(tickets)
    .values({ ticketSha256: hashOf(ticket), account, sessionId, openingId, role, createdAt: now, expiresAt });
  return { ok: true, ticket, expiresAt };
}

/**
 * Takes a ticket; whatever is wrong with it, it is used up.
 *
 * Refuses: ticket_unknown, ticket_used, ticket_expired, ticket_of_other_opening, session_ended, role_not_held.
 * Why:     one statement marks it used, so two sockets in two processes cannot both get in; found by its hash, so no
 *          comparison can be timed.
 */
export async function consumeTicket(
  { db, world, isBidder }: Omit<Dependencies, 'config'>,
  { ticket, openingId }: { readonly ticket: string; readonly openingId: string },
): Promise<Outcome<{ seat: Seat }>> {
  if (!TICKET.test(ticket)) return refuse('ticket_unknown');
  const at = world.now();
  const isThisOne = eq(tickets.ticketSha256, hashOf(ticket));
  const [row] = await db
    .update(tickets)
    .set({ consumedAt: at })
    .where(and(isThisOne, isNull(tickets.consumedAt)))
    .returning();
  if (row === undefined) {
    const [known] = await db.select({ account: tickets.account }).from(tickets).where(isThisOne);
    return refuse(known === undefined ? 'ticket_unknown' : 'ticket_used');
  }
  if (at >= row.expiresAt) return refuse('ticket_expired');
  if (row.openingId !== openingId) return refuse('ticket_of_other_opening');
  const { account, sessionId, role } = row;
  const found = await findSession({ db }, { sessionId, at });
  if ('refused' in found) return found;
  if (!(await holdsRole({ db, isBidder }, { openingId, account, role }))) return refuse('role_not_held');
  return { ok: true, seat: { account, sessionId, openingId, role } };
}

/** Forgets the tickets that expired an hour ago and more; returns how many. */
export async function forgetTickets({ db, world }: Pick<Dependencies, 'db' | 'world'>): Promise<number> {
  const old = lt(tickets.expiresAt, world.now() - 3_600_000);
  return (await db.delete(tickets).where(old).returning({ account: tickets.account })).length;
}

function hashOf(ticket: string): string {
  return toBase64Url(sha256(utf8(ticket)));
}
