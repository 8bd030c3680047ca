/** A time-stamping authority over HTTP for the demo and the tests: it stamps what is posted to it, and serves its CA's revocation lists. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

export type Tsa = { readonly url: string; close(): Promise<void> };

export type TsaWork = {
  /** Answers a request. Returns: the body, or another status instead. */
  stamp(request: Uint8Array): Uint8Array | number | Promise<Uint8Array | number>;
  /** A list by the path it is asked under, such as `/root.crl`. */
  list?(path: string): Uint8Array | undefined;
};

/** Serves on 127.0.0.1; port 0 takes any that is free. */
export async function serveTsa(work: TsaWork, port = 0): Promise<Tsa> {
  const server = createServer((request, response) => {
    const answer = (status: number, type: string, body: Uint8Array | string): void => {
      response.writeHead(status, { 'content-type': type }).end(body);
    };
    const handle = async (): Promise<void> => {
      if (request.method === 'POST') {
        const stamped = await work.stamp(new Uint8Array(await buffer(request)));
        if (typeof stamped === 'number') answer(stamped, 'text/plain', 'no');
        else answer(200, 'application/timestamp-reply', stamped);
        return;
      }
      const list = work.list?.(request.url ?? '');
      if (list === undefined) answer(404, 'text/plain', 'no such list');
      else answer(200, 'application/pkix-crl', list);
    };
    handle().catch((error: unknown) => answer(500, 'text/plain', error instanceof Error ? error.message : 'no'));
  });
  await new Promise<void>((done, fail) => {
    server.once('error', fail);
    server.listen(port, '127.0.0.1', done);
  });
  const { port: taken } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${taken}`,
    close: () =>
      new Promise<void>((done) => {
        server.close(() => done());
        server.closeAllConnections();
      }),
  };
}
