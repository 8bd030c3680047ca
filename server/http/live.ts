/** GET /openings/<id>/live: lets a viewer in before the upgrade, or answers why not; what follows is live's. */
import { EventEmitter } from 'node:events';
import type { FastifyRequest } from 'fastify';
import * as Type from 'typebox';
import { SUBPROTOCOL } from '../core/wire/version.ts';
import { findSession } from '../identity/login.ts';
import { noteSeat } from '../identity/seats.ts';
import { consumeTicket } from '../identity/tickets.ts';
import type { Viewer } from '../live/room.ts';
import { type Arrival, attend } from '../live/socket.ts';
import { recordRead } from './access.ts';
import { sendProblem } from './answer.ts';
import { creditCodeOf, isOfficial } from './authenticate.ts';
import type { Dependencies, Nouns } from './dependencies.ts';
import { accepted, ProblemError } from './errors.ts';
import { type Limits, networkOf } from './limits.ts';
import { AfterText, OpeningParams, strict } from './schemas.ts';

const TICKET_PREFIX = 'ticket.';

declare module 'fastify' {
  interface FastifyRequest {
    arrival: Arrival | null;
  }
}

const Query = Type.Object({ after: Type.Optional(AfterText) }, strict);

export function addLive(app: Nouns, dependencies: Dependencies, limits: Limits): void {
  const seated = createSeated();
  app.decorateRequest('arrival', null);
  app.route({
    method: 'GET',
    url: '/openings/:openingId/live',
    schema: {
      tags: ['live'],
      summary: 'WebSocket: the log as it grows, from after an entry on',
      description: `Subprotocols \`${SUBPROTOCOL}\` and, for more than the public view, \`${TICKET_PREFIX}<ticket>\`.`,
      params: OpeningParams,
      querystring: Query,
    },
    preHandler: async (request) => {
      if (!request.ws) return;
      const { openingId } = request.params;
      request.arrival = await admit(dependencies, limits, request, openingId, Number(request.query.after ?? -1));
    },
    handler: (_request, reply) => sendProblem(reply, 'upgrade_required'),
    wsHandler: (socket, request) => {
      const { arrival } = request;
      if (arrival === null) throw new Error('a socket that nobody let in');
      const { openingId, sessionId } = arrival.viewer;
      if (sessionId !== null) {
        const leave = seated.enter(`${openingId} ${sessionId}`);
        socket.once('close', () => {
          if (!leave()) return;
          noteSeat(dependencies.identity, { openingId, sessionId }, 'gone').catch((error: unknown) =>
            // whoever comes next is asked whether to take it over
            request.log.warn({ err: error }, 'that a seat was left could not be noted'),
          );
        });
      }
      attend(socket, arrival, dependencies.world);
    },
  });
}

/** Counts the sockets of each place, so that it is known when the last one goes. */
function createSeated(): { enter(place: string): () => boolean } {
  const counts = new Map<string, number>();
  return {
    enter(place) {
      counts.set(place, (counts.get(place) ?? 0) + 1);
      return () => {
        const left = (counts.get(place) ?? 1) - 1;
        if (left > 0) counts.set(place, left);
        else counts.delete(place);
        return left === 0;
      };
    },
  };
}

/**
 * Lets a viewer in.
 *
 * Throws: ProblemError: too_many_viewers; subprotocol_missing; origin_not_allowed, origin_missing; what consumeTicket refuses;
 *         too_many_sockets; no_such_opening — in this order.
 * Why:    everything that takes time is done before the upgrade: a refusal is an HTTP answer, and afterwards no message of the
 *         viewer can be lost. A bad ticket is refused and never taken for the public.
 */
async function admit(
  dependencies: Dependencies,
  limits: Limits,
  request: FastifyRequest,
  openingId: string,
  after: number,
): Promise<Arrival> {
  const { hall, config } = dependencies;
  if (hall.viewers() >= config.socketLimit) throw new ProblemError('too_many_viewers');
  const ticket = pageTicket(dependencies, request.headers);
  const viewer = ticket === null ? nobody(openingId) : await viewerOf(dependencies, openingId, ticket);
  const { account, role, sessionId } = viewer;
  const leave = limits.takeSocket(sessionId === null ? `address ${networkOf(request.ip)}` : `session ${sessionId}`);
  if (leave === null) throw new ProblemError('too_many_sockets');
  // The connection outlives the upgrade, and is what a socket costs; a request that is injected has none.
  if (request.raw.socket instanceof EventEmitter) leaveWith(request.raw.socket, leave);
  try {
    const room = await hall.room(openingId);
    if (room === null) throw new ProblemError('no_such_opening');
    if (account !== null && isOfficial(role))
      await recordRead(dependencies, { request, caller: { account }, role, openingId, what: 'live', after });
    return { room, viewer, after };
  } catch (error) {
    leave();
    throw error;
  }
}

/**
 * Gives a seat back when its connection is gone.
 *
 * Why: who hung up while his ticket was looked at has closed already, and will not do so again.
 */
export function leaveWith(connection: EventEmitter & { readonly destroyed: boolean }, leave: () => void): void {
  connection.once('close', leave);
  if (connection.destroyed) leave();
}

/**
 * What a page of ours brings to a socket: its ticket, or null.
 *
 * Throws: ProblemError subprotocol_missing, ticket_unknown; origin_not_allowed, origin_missing.
 */
export function pageTicket(dependencies: Dependencies, headers: FastifyRequest['headers']): string | null {
  const ticket = ticketOf(headers['sec-websocket-protocol']);
  checkOrigin(dependencies, headers.origin, ticket !== null);
  return ticket;
}

/** The ticket among the subprotocols offered, or null. Throws: ProblemError subprotocol_missing, ticket_unknown. */
function ticketOf(offered: string | undefined): string | null {
  const protocols = (offered ?? '').split(',').map((protocol) => protocol.trim());
  if (!protocols.includes(SUBPROTOCOL)) throw new ProblemError('subprotocol_missing');
  const [ticket, second] = protocols.filter((protocol) => protocol.startsWith(TICKET_PREFIX));
  if (second !== undefined) throw new ProblemError('ticket_unknown');
  return ticket === undefined ? null : ticket.slice(TICKET_PREFIX.length);
}

/** A browser always says where its page is from; only a command line does not, and it must bring a ticket. */
function checkOrigin({ identity }: Dependencies, origin: string | undefined, hasTicket: boolean): void {
  if (origin === undefined) {
    if (!hasTicket) throw new ProblemError('origin_missing');
  } else if (!identity.origins.includes(origin)) throw new ProblemError('origin_not_allowed');
}

function nobody(openingId: string): Viewer {
  return { openingId, role: 'public', account: null, sessionId: null, creditCode: null, endsAt: null };
}

async function viewerOf({ identity, world }: Dependencies, openingId: string, ticket: string): Promise<Viewer> {
  const { seat } = accepted(await consumeTicket(identity, { ticket, openingId }));
  await noteSeat(identity, seat, 'there');
  const { account, sessionId, role } = seat;
  const { session } = accepted(await findSession(identity, { sessionId, at: world.now() }));
  return { openingId, role, account, sessionId, creditCode: creditCodeOf(account), endsAt: session.endsAt };
}
