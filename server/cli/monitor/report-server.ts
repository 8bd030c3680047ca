/** Where pages and command lines report the heads they were shown: one address, small bodies, a few at a time and from each address. Put a proxy with TLS before it. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { LogFormatError } from '../../core/log/error.ts';
import { REPORT_PATH } from '../../core/log/head-report.ts';
import { NOTE_LIMIT_BYTES } from '../../core/log/note.ts';
import { networkOf } from '../../http/limits.ts';
import { readLimited } from '../../limited-body.ts';
import { textOfBytes } from '../../native-text.ts';
import type { World } from '../../world.ts';
import type { ReportedHeads, ReportRefusal } from './reported-heads.ts';

/** Requests in hand at one time; the next is told to come again. */
export const REQUEST_LIMIT = 64;
/** Reports a minute from one address: a hall of a thousand pages, each once a minute. */
export const REPORTS_OF_AN_ADDRESS = 1_200;
/** Addresses counted apart in one minute; whoever comes beyond shares one count with his like. */
const ADDRESSES_LIMIT = 10_000;
const MINUTE_MS = 60_000;
const CONNECTION_LIMIT = 1_024;
const HEADER_TIMEOUT_MS = 5_000;
const REQUEST_TIMEOUT_MS = 10_000;

const STATUSES = {
  report_malformed: 400,
  report_unsigned: 403,
  report_of_other_log: 404,
  reports_full: 503,
} as const satisfies Record<ReportRefusal, number>;

/** Any page may report: nothing is read of who asks, no cookie is looked at, and the answer holds nothing of anybody's. */
const ANYBODY = {
  'access-control-allow-origin': '*',
  'cross-origin-resource-policy': 'cross-origin',
  'cache-control': 'no-store',
} as const;
/** What a browser asks before it posts what is no plain text. */
const PREFLIGHT = {
  ...ANYBODY,
  'access-control-allow-methods': 'POST',
  'access-control-allow-headers': 'content-type',
  'access-control-max-age': '86400',
} as const;

export type ReportServer = {
  /** Without a closing slash. */
  readonly url: string;
  close(): Promise<void>;
};

/**
 * Serves `POST /heads`.
 *
 * Shape:   the body is the signed checkpoint itself, text/plain; the answer `{verdict}` or `{refused}`, JSON.
 * Throws:  what the port says.
 */
export async function serveReports(
  { host, port }: { readonly host: string; readonly port: number },
  take: ReportedHeads['take'],
  world: Pick<World, 'now'>,
  onFault: (error: unknown) => void,
): Promise<ReportServer> {
  const count = countAddresses(world);
  let inHand = 0;
  const server = createServer(
    { requestTimeout: REQUEST_TIMEOUT_MS, headersTimeout: HEADER_TIMEOUT_MS },
    (request, response) => {
      if (inHand >= REQUEST_LIMIT || !count(networkOf(request.socket.remoteAddress ?? ''))) {
        request.resume();
        return send(response, 429, { refused: 'too_many_reports' }, { 'retry-after': '60' });
      }
      inHand += 1;
      answer(take, request, response)
        .catch((error: unknown) => {
          onFault(error);
          send(response, 500, { refused: 'monitor_fault' });
        })
        .finally(() => {
          inHand -= 1;
        });
    },
  );
  server.maxConnections = CONNECTION_LIMIT;
  server.listen(port, host);
  await once(server, 'listening');
  return { url: urlOf(server, host), close: () => stop(server) };
}

async function answer(take: ReportedHeads['take'], request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { method, url } = request;
  if (url !== REPORT_PATH || (method !== 'POST' && method !== 'OPTIONS')) {
    request.resume();
    return send(response, 404, { refused: 'no_such_address' });
  }
  if (method === 'OPTIONS') {
    request.resume();
    response.writeHead(204, PREFLIGHT).end();
    return;
  }
  if (!/^text\/plain\b/iu.test(request.headers['content-type'] ?? '')) {
    request.resume();
    return send(response, 415, { refused: 'report_not_text' });
  }
  const body = await bodyOf(request);
  if (body === null) return send(response, 413, { refused: 'report_too_long' });
  const note = textOrNull(body);
  const said = note === null ? 'report_malformed' : await take(note);
  if (typeof said === 'string') return send(response, STATUSES[said], { refused: said });
  send(response, 200, said);
}

/** The whole body; null when it is longer than a note, or ends before its end. */
const bodyOf = (request: IncomingMessage): Promise<Uint8Array | null> =>
  readLimited(request, NOTE_LIMIT_BYTES).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ECONNRESET') return null;
    throw error;
  });

function textOrNull(bytes: Uint8Array): string | null {
  try {
    return textOfBytes(bytes);
  } catch (fault) {
    if (fault instanceof LogFormatError) return null;
    throw fault;
  }
}

/** Counts reports by address and minute. Returns: whether one more may be taken. */
function countAddresses({ now }: Pick<World, 'now'>): (address: string) => boolean {
  let minute = Number.NaN;
  let counts = new Map<string, number>();
  return (address) => {
    const present = Math.floor(now() / MINUTE_MS);
    if (present !== minute) {
      minute = present;
      counts = new Map();
    }
    const key = counts.has(address) || counts.size < ADDRESSES_LIMIT ? address : 'everyone else';
    const number = (counts.get(key) ?? 0) + 1;
    counts.set(key, number);
    return number <= REPORTS_OF_AN_ADDRESS;
  };
}

function send(response: ServerResponse, status: number, said: object, more: Record<string, string> = {}): void {
  response.writeHead(status, { ...ANYBODY, 'content-type': 'application/json', ...more }).end(JSON.stringify(said));
}

function urlOf(server: Server, host: string): string {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('it listens at no port');
  return `http://${host.includes(':') ? `[${host}]` : host}:${address.port}`;
}

async function stop(server: Server): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  server.closeIdleConnections();
  await closed;
}
