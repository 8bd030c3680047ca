/** Serves a cosigner over HTTP: two addresses, small bodies, few at a time; stops in order. Put a proxy with TLS before it. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { ADD_CHECKPOINT_LIMIT_BYTES } from '../core/log/add-checkpoint.ts';
import { lockFolder } from '../folder-lock.ts';
import { readLimited } from '../limited-body.ts';
import type { World } from '../world.ts';
import { openCosignedHeads } from './cosigned-heads.ts';
import { type Cosigner, createCosigner } from './cosigner.ts';
import { filesOf, readCosignerKey } from './cosigner-folder.ts';
import { readEnrolledLogs } from './enrolled-logs.ts';

/** Requests in hand at one time, once their bodies are in; the next is told to come again. */
export const REQUEST_LIMIT = 64;
const CONNECTION_LIMIT = 256;
/** By itself Node.js looks at the other two every 30 s. */
const TIMEOUTS = { headersTimeout: 5_000, requestTimeout: 10_000, connectionsCheckingInterval: 1_000 } as const;
const RETRY_AFTER_SECONDS = '1';
const TEXT = 'text/plain; charset=utf-8';

export type CosignerServer = {
  readonly url: string;
  /** Takes no more, answers what is under way, then closes. */
  close(): Promise<void>;
};

/**
 * Serves the cosigner of a folder.
 *
 * Throws: KeyError; what the disk and the port say; where another process of this machine keeps the folder. One that the lock does not
 *         reach, in another container, is held by the heads themselves: see cosigned-heads.ts.
 */
export async function serveCosigner(
  address: { readonly folder: string; readonly host: string; readonly port: number; readonly isClockRight?: boolean },
  world: Pick<World, 'now' | 'randomBytes'>,
  onFault: (error: unknown) => void,
): Promise<CosignerServer> {
  const { folder, host, port, isClockRight = false } = address;
  const files = filesOf(folder);
  const { key, signingKey } = await readCosignerKey(folder);
  const release = await lockFolder(folder);
  if (release === null) throw new Error(`another process signs with ${folder}`);
  try {
    const heads = await openCosignedHeads(files.heads, world.randomBytes);
    const logs = readEnrolledLogs(files.logs);
    const cosigner = createCosigner({ world, key, signingKey, logs, heads, isClockRight });
    const server = createServer(TIMEOUTS, listener(cosigner, onFault));
    server.maxConnections = CONNECTION_LIMIT;
    server.listen(port, host);
    await once(server, 'listening');
    return { url: urlOf(server, host), close: () => stop(server, release) };
  } catch (error) {
    await release();
    throw error;
  }
}

function listener(cosigner: Cosigner, onFault: (error: unknown) => void) {
  let inHand = 0;
  /** Whoever sends half a body and waits is in nobody's way. */
  async function answerIfRoom(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await bodyOf(request);
    if (inHand >= REQUEST_LIMIT) return send(response, 429, TEXT, 'too many requests at once\n');
    inHand += 1;
    try {
      await answer(cosigner, request, body, response);
    } finally {
      inHand -= 1;
    }
  }
  return (request: IncomingMessage, response: ServerResponse): void => {
    answerIfRoom(request, response).catch((error: unknown) => {
      onFault(error);
      send(response, 500, TEXT, 'the cosigner cannot sign now\n');
    });
  };
}

/** `body` is null when it was too long or cut off. */
async function answer(
  cosigner: Cosigner,
  { method, url = '' }: IncomingMessage,
  body: Uint8Array | null,
  response: ServerResponse,
): Promise<void> {
  const [, originHash] = /^\/([0-9a-f]{64})\/checkpoint$/.exec(url) ?? [];
  if (method === 'POST' && url === '/add-checkpoint') {
    if (body === null) return send(response, 400, TEXT, 'the body is too long or was cut off\n');
    const said = await cosigner.addCheckpoint(body);
    return send(response, said.status, said.type, said.body);
  }
  if (method !== 'GET' || originHash === undefined) return send(response, 404, TEXT, 'no such address\n');
  const note = await cosigner.latest(originHash);
  return note === null
    ? send(response, 404, TEXT, 'nothing was signed of this log\n')
    : send(response, 200, TEXT, note);
}

/** The whole body; null when it is longer than any there can be, or ends before its end. */
const bodyOf = (request: IncomingMessage): Promise<Uint8Array | null> =>
  readLimited(request, ADD_CHECKPOINT_LIMIT_BYTES).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ECONNRESET') return null;
    throw error;
  });

function send(response: ServerResponse, status: number, type: string, body: string | Uint8Array): void {
  const more = status === 429 ? { 'retry-after': RETRY_AFTER_SECONDS } : {};
  response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store', ...more }).end(body);
}

function urlOf(server: Server, host: string): string {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('it listens at no port');
  return `http://${host.includes(':') ? `[${host}]` : host}:${address.port}`;
}

async function stop(server: Server, release: () => Promise<void>): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  server.closeIdleConnections();
  await closed;
  await release();
}
