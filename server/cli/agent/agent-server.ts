/** The agent's door: HTTP on 127.0.0.1 alone, for the pages of named origins alone, reached under its own address alone. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import {
  AGENT_REFUSALS,
  AGENT_REQUEST_LIMIT_BYTES,
  type AgentProblem,
  type AgentRefusal,
  agentOrigin,
} from '../../client/agent-protocol.ts';
import { AgentError } from '../../client/key-desk.ts';
import { SEAL_ERRORS, SealError } from '../../client/seal-error.ts';
import type { Words } from '../../core/log/words.ts';
import { readLimited } from '../../limited-body.ts';
import type { Agent } from './agent.ts';
import { TOKEN_FAULTS, TokenError } from './token-error.ts';

const STATUSES: Readonly<Record<AgentRefusal, number>> = {
  agent_host_refused: 421,
  agent_origin_refused: 403,
  agent_malformed: 400,
  agent_not_paired: 401,
  agent_code_wrong: 403,
  agent_code_over: 410,
  agent_pairings_over: 429,
  agent_challenge_unknown: 409,
  agent_challenge_other: 409,
  agent_busy: 409,
  agent_declined: 403,
  agent_not_shown: 403,
  agent_other_origin: 403,
  agent_key_missing: 404,
};
const TOKEN_STATUS = 503;
const SEAL_STATUS = 422;
const ALLOWED_HEADERS = 'authorization, content-type';

export type AgentServer = { readonly url: string; close(): Promise<void> };

/**
 * Listens on 127.0.0.1.
 *
 * Shape:  `origins` exactly as browsers write them; `port` 0 takes any free one.
 * Throws: the error of node:net when the port is taken.
 * Why:    the Host header is checked because a name that is made to point here (DNS rebinding) would let a foreign page in as if it were of
 *         the same origin; the Origin because every page on this computer can reach this address; the content type because only
 *         JSON makes the browser ask first. Newer browsers also ask whether the public may reach the private network: only these may.
 */
export async function serveAgent(
  agent: Agent,
  {
    origins,
    port,
    onFault,
  }: {
    readonly origins: readonly string[];
    readonly port: number;
    /** Told of what is no refusal. */
    readonly onFault: (fault: unknown) => void;
  },
): Promise<AgentServer> {
  const server = createServer({ maxHeaderSize: 16_384 }, (request, response) => {
    take(request, response).catch((fault: unknown) => {
      onFault(fault);
      response.destroy();
    });
  });
  let own = '';

  async function take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.setHeader('cache-control', 'no-store');
    response.setHeader('x-content-type-options', 'nosniff');
    if (request.headers.host !== own) return refuse(response, 'agent_host_refused');
    const { origin } = request.headers;
    if (origin === undefined || !origins.includes(origin)) return refuse(response, 'agent_origin_refused');
    response.setHeader('access-control-allow-origin', origin);
    response.setHeader('vary', 'origin');
    if (request.method === 'OPTIONS') return preflight(request, response);
    if (request.method !== 'POST' || request.headers['content-type'] !== 'application/json')
      return refuse(response, 'agent_malformed');
    const bytes = await readLimited(request, AGENT_REQUEST_LIMIT_BYTES);
    const body = bytes === null ? undefined : readJson(bytes);
    if (body === undefined) return refuse(response, 'agent_malformed');
    const gone = new AbortController();
    response.on('close', () => gone.abort());
    const bearer = /^Bearer ([A-Za-z0-9_-]{43})$/.exec(request.headers.authorization ?? '')?.[1] ?? null;
    try {
      const answer = await agent.answer({ path: request.url ?? '', origin, bearer, body, signal: gone.signal });
      say(response, 200, answer);
    } catch (fault) {
      if (fault instanceof AgentError) return refuse(response, fault.code);
      if (fault instanceof TokenError) return sayNo(response, TOKEN_STATUS, fault.code, TOKEN_FAULTS[fault.code]);
      if (fault instanceof SealError) return sayNo(response, SEAL_STATUS, fault.code, SEAL_ERRORS[fault.code]);
      throw fault;
    }
  }

  await listen(server, port);
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('listening on no port');
  const url = agentOrigin(address.port);
  own = new URL(url).host;
  return {
    url,
    close: () =>
      new Promise((done) => {
        server.close(() => done());
        server.closeAllConnections();
      }),
  };
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((done, fail) => {
    server.once('error', fail);
    server.listen({ host: '127.0.0.1', port }, done);
  });
}

function preflight(request: IncomingMessage, response: ServerResponse): void {
  response.setHeader('access-control-allow-methods', 'POST');
  response.setHeader('access-control-allow-headers', ALLOWED_HEADERS);
  if (request.headers['access-control-request-private-network'] === 'true')
    response.setHeader('access-control-allow-private-network', 'true');
  response.writeHead(204).end();
}

function say(response: ServerResponse, status: number, answer: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
}

function sayNo(response: ServerResponse, status: number, code: string, { zh, en }: Words): void {
  say(response, status, { code, zh, en } satisfies AgentProblem);
}

function refuse(response: ServerResponse, code: AgentRefusal): void {
  sayNo(response, STATUSES[code], code, AGENT_REFUSALS[code]);
}

function readJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    // no UTF-8, or no JSON
    return undefined;
  }
}
