/** Where pages and command lines report the heads they were shown: one address, small bodies, a few at a time and from each address. Put a proxy with TLS before it. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { LogFormatError } from '../../core/log/error.ts';
import { REPORT_PATH, type VerdictAnswer } from '../../core/log/head-report.ts';
import { NOTE_LIMIT_BYTES } from '../../core/log/note.ts';
import { readLimited } from '../../limited-body.ts';
import { textOfBytes } from '../../native-text.ts';
import type { World } from '../../world.ts';
import { allowReports, askersBehind } from './report-askers.ts';
import type { ReportedHeads, ReportRefusal } from './reported-heads.ts';

/** Reports that are being compared at one time; the next is told to come again. */
export const REQUEST_LIMIT = 64;
const CONNECTION_LIMIT = 1_024;
const HEADER_TIMEOUT_MS = 5_000;
const REQUEST_TIMEOUT_MS = 10_000;
/** How often those two are looked at: by itself Node.js does every 30 s. */
const CHECKING_INTERVAL_MS = 1_000;

const STATUSES = {
  report_malformed: 400,
  report_unsigned: 403,
  report_of_other_log: 404,
  reports_full: 503,
  too_many_reports: 429,
} as const satisfies Record<ReportRefusal | 'too_many_reports', number>;

type Take = (note: string) => Promise<VerdictAnswer | keyof typeof STATUSES>;

/** What is refused for what it is; that too many wait, or that we fail, is nobody's who asks. */
const OF_THE_ASKER: ReadonlySet<number> = new Set([400, 403, 404, 413, 415]);

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

/** Where it listens; `proxies` (see `readProxy`) may say whom they speak for. */
export type ReportAddress = { readonly host: string; readonly port: number; readonly proxies?: readonly string[] };

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
  { host, port, proxies = [] }: ReportAddress,
  take: ReportedHeads['take'],
  world: Pick<World, 'now'>,
  onFault: (error: unknown) => void,
): Promise<ReportServer> {
  const allowance = allowReports(world);
  const askerOf = askersBehind(proxies);
  let inHand = 0;
  /** Counted once the body is in: whoever sends half of one and waits is in nobody's way. */
  const takeInHand: Take = async (note) => {
    if (inHand >= REQUEST_LIMIT) return 'too_many_reports';
    inHand += 1;
    try {
      return await take(note);
    } finally {
      inHand -= 1;
    }
  };
  const server = createServer(
    {
      requestTimeout: REQUEST_TIMEOUT_MS,
      headersTimeout: HEADER_TIMEOUT_MS,
      connectionsCheckingInterval: CHECKING_INTERVAL_MS,
    },
    (request, response) => {
      const asker = askerOf(request);
      if (!allowance.take(asker)) {
        request.resume();
        send(response, 429, { refused: 'too_many_reports' });
        return;
      }
      answer(takeInHand, request, response)
        .then((status) => {
          if (OF_THE_ASKER.has(status)) allowance.refuse(asker);
        })
        .catch((error: unknown) => {
          onFault(error);
          send(response, 500, { refused: 'monitor_fault' });
        });
    },
  );
  server.maxConnections = CONNECTION_LIMIT;
  server.listen(port, host);
  await once(server, 'listening');
  return { url: urlOf(server, host), close: () => stop(server) };
}

/** Answers. Returns: the status. */
async function answer(take: Take, request: IncomingMessage, response: ServerResponse): Promise<number> {
  const { method, url } = request;
  const unread = (status: number, refused: string): number => {
    request.resume();
    return send(response, status, { refused });
  };
  if (url !== REPORT_PATH || (method !== 'POST' && method !== 'OPTIONS')) return unread(404, 'no_such_address');
  if (method === 'OPTIONS') {
    request.resume();
    response.writeHead(204, PREFLIGHT).end();
    return 204;
  }
  if (!/^text\/plain\b/iu.test(request.headers['content-type'] ?? '')) return unread(415, 'report_not_text');
  const body = await bodyOf(request);
  if (body === null) return send(response, 413, { refused: 'report_too_long' });
  const note = textOrNull(body);
  const said = note === null ? 'report_malformed' : await take(note);
  if (typeof said === 'string') return send(response, STATUSES[said], { refused: said });
  return send(response, 200, said);
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

function send(response: ServerResponse, status: number, said: object): number {
  const more = status === 429 ? { 'retry-after': '60' } : {};
  response.writeHead(status, { ...ANYBODY, 'content-type': 'application/json', ...more }).end(JSON.stringify(said));
  return status;
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
