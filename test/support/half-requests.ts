/** Requests whose headers have come and whose bodies never end. */
import { once } from 'node:events';
import { connect } from 'node:net';

/** Makes so many; each was seen by the server when it returns. */
export async function halfRequests(
  t: { teardown(act: () => Promise<void>): void },
  url: string,
  count: number,
): Promise<void> {
  const { hostname, port, pathname, host } = new URL(url);
  const headers = `Host: ${host}\r\nContent-Type: text/plain\r\nContent-Length: 100\r\nExpect: 100-continue`;
  await Promise.all(
    Array.from({ length: count }, async () => {
      const socket = connect(Number(port), hostname);
      t.teardown(async () => void socket.destroy());
      socket.write(`POST ${pathname} HTTP/1.1\r\n${headers}\r\n\r\n`);
      // the server says that it may go on
      await once(socket, 'data');
      socket.write('half');
    }),
  );
}
