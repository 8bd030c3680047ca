/** The browser's WebSocket behind the connection's own words. */
import { CLOSE_REASONS } from '../../server/core/wire/down.ts';
import { SUBPROTOCOL } from '../../server/core/wire/version.ts';
import type { OpenSocket, Socket, SocketEvents } from './connection.ts';

/** What closes a socket that never came about: the reason `ticket_expired` when the ticket was refused, none when nobody answered. */
const NO_TICKET = CLOSE_REASONS.ticket_expired;
const NO_ANSWER = 1006;

/** A ticket for one socket; `refused` when there will be none, null when nobody answered. */
export type AskTicket = () => Promise<string | 'refused' | null>;

/** Sockets to the live feed of one opening. Shape: `page` is the page's own address; without `askTicket` it is the public view. */
export function liveSocket(page: Location, openingId: string, askTicket: AskTicket | null): OpenSocket {
  return (after, events) => {
    if (askTicket === null) return open(page, openingId, after, [SUBPROTOCOL], events);
    let socket: Socket | null = null;
    let isClosed = false;
    askTicket().then((ticket) => {
      if (isClosed) return;
      if (ticket === 'refused' || ticket === null) events.onClose(ticket === null ? NO_ANSWER : NO_TICKET);
      else socket = open(page, openingId, after, [SUBPROTOCOL, `ticket.${ticket}`], events);
    });
    return {
      send: (text) => socket?.send(text),
      close() {
        isClosed = true;
        socket?.close();
      },
    };
  };
}

function open(page: Location, openingId: string, after: number, protocols: string[], events: SocketEvents): Socket {
  const scheme = page.protocol === 'https:' ? 'wss:' : 'ws:';
  const socket = new WebSocket(`${scheme}//${page.host}/openings/${openingId}/live?after=${after}`, protocols);
  socket.onopen = () => events.onOpen();
  socket.onmessage = (message) => events.onMessage(message.data);
  socket.onclose = (closing) => events.onClose(closing.code);
  return {
    send: (text) => {
      if (socket.readyState === WebSocket.OPEN) socket.send(text);
    },
    close: () => socket.close(),
  };
}
