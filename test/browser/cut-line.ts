/** One person's line to a server, which a test can cut while everybody else's holds. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export type CutLine = {
  /** The origin of pages that are fetched by this line. */
  readonly url: string;
  /** Leads to the server at this address from now on. */
  leadTo(url: string): void;
  /** Cuts what goes over it, and takes nothing more. */
  cut(): void;
  mend(): void;
};

/** Lays one that goes with the test. */
export async function layLine(t: { teardown(act: () => Promise<void>): void }): Promise<CutLine> {
  const sockets = new Set<Socket>();
  let isCut = false;
  let port = 0;
  const hold = (socket: Socket): void => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  };
  const server = createServer((near) => {
    if (isCut) return void near.resetAndDestroy();
    const far = connect(port, '127.0.0.1');
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      hold(one);
      one.on('error', () => other.destroy());
      one.on('close', () => other.destroy());
      one.pipe(other);
    }
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const cut = (): void => {
    isCut = true;
    for (const socket of sockets) socket.resetAndDestroy();
  };
  t.teardown(async () => {
    cut();
    await new Promise((closed) => server.close(closed));
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    leadTo(url) {
      port = Number(new URL(url).port);
    },
    cut,
    mend() {
      isCut = false;
    },
  };
}
