/** The browser's WebSocket behind the connection's own words. */
import { SUBPROTOCOL } from '../../server/core/wire/version.ts';
import type { OpenSocket } from './connection.ts';

/**
 * Sockets to the live feed of one opening.
 *
 * Shape: `page` is the page's own address; `ticket` is asked for each time, null for the public view.
 */
export function liveSocket(page: Location, openingId: string, ticket: () => string | null): OpenSocket {
  return (after, events) => {
    const scheme = page.protocol === 'https:' ? 'wss:' : 'ws:';
    const mine = ticket();
    const protocols = mine === null ? [SUBPROTOCOL] : [SUBPROTOCOL, `ticket.${mine}`];
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
  };
}
