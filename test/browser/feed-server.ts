/** A stand-in for the server: the built pages under the real policy, and a live feed of a made log that a test lets grow. */

import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join } from 'node:path';
import { type WebSocket, WebSocketServer } from 'ws';
import { REPORT_PATH } from '../../server/core/log/head-report.ts';
import { SUBPROTOCOL } from '../../server/core/wire/version.ts';
import { packageRoot } from '../../server/root.ts';
import type { CosignAnswer, StampAnswer } from '../../web/opening/outside.ts';
import { OPENING_ID } from '../support/opening-people.ts';
import type { MadeLog } from '../web/made-log.ts';

const PAGES = join(packageRoot, 'dist/web');
const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
  '.woff2': 'font/woff2',
};
/** What the server's own answer says: nothing from elsewhere, nothing inline, no code made from text. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data: blob:",
  "font-src 'self'",
  "connect-src 'self'",
  "media-src 'self' blob:",
  "worker-src 'self'",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  'trusted-types kaibiao-worker',
].join('; ');

const addressOf = (monitor: string): string => monitor + REPORT_PATH;

export type FeedServer = {
  readonly url: string;
  /** Sequence numbers the page asked to resume after, in order. */
  readonly resumedAfter: number[];
  /** Another log from now on, shown up to `size`; everyone connected is sent what is new. */
  show(log: MadeLog, size?: number): void;
  /** Sends any text to everyone, true or not. */
  send(message: unknown): void;
  /** Cuts every connection without a word. */
  cut(): void;
  /** While closed, connections are refused. */
  setOpen(isOpen: boolean): void;
  close(): Promise<void>;
};

/** Starts the stand-in; `nowAt` is the server's clock, `monitors` are named and may be spoken to. */
export async function startFeed(
  log: MadeLog,
  size: number,
  nowAt: () => number,
  monitors: readonly string[] = [],
): Promise<FeedServer> {
  const policy = POLICY.replace("connect-src 'self'", ["connect-src 'self'", ...monitors.map(addressOf)].join(' '));
  let shown = { log, size };
  let isOpen = true;
  const resumedAfter: number[] = [];
  const viewers = new Map<WebSocket, number>();

  const http: Server = createServer((request, response) => {
    const path = new URL(request.url ?? '/', 'http://localhost').pathname;
    const wantsPage = request.headers.accept?.includes('text/html') === true;
    const page = /^\/(?:opening|session)s\/[^/]+$/.test(path);
    if (path.startsWith('/sessions/') && !wantsPage) {
      const openings = [{ openingId: OPENING_ID, lot: { code: 'L1', name: '一标段' } }];
      response
        .writeHead(200, { 'content-type': 'application/json' })
        .end(JSON.stringify({ title: '上午场', openings }));
      return;
    }
    if (page && !wantsPage) {
      const isKnown = path === `/openings/${OPENING_ID}`;
      response.writeHead(isKnown ? 200 : 404, { 'content-type': 'application/json' }).end('{}');
      return;
    }
    if (path === `/openings/${OPENING_ID}/cosignatures`) {
      const cosigning: CosignAnswer = { quorum: 2, cosigners: 2, claiming: 0, cosigned: { size: 1, by: 2 } };
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(cosigning));
      return;
    }
    if (path === `/openings/${OPENING_ID}/timestamp`) {
      const stamped: StampAnswer = { authorities: 0, stamped: null };
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(stamped));
      return;
    }
    if (path === '/platform') {
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ monitors }));
      return;
    }
    const file = page ? `${path.slice(1, path.indexOf('s/'))}/index.html` : path.slice(1);
    readFile(join(PAGES, file)).then(
      (content) => {
        const type = TYPES[extname(file)] ?? 'application/octet-stream';
        response.writeHead(200, { 'content-type': type, 'content-security-policy': policy }).end(content);
      },
      () => response.writeHead(404).end(),
    );
  });
  const sockets = new WebSocketServer({ noServer: true, handleProtocols: () => SUBPROTOCOL });
  http.on('upgrade', (request, socket, head) => {
    const url = new URL(request.url ?? '/', 'http://localhost');
    if (!isOpen || url.pathname !== `/openings/${OPENING_ID}/live`) return void socket.destroy();
    sockets.handleUpgrade(request, socket, head, (viewer) => welcome(viewer, Number(url.searchParams.get('after'))));
  });

  function tell(viewer: WebSocket, message: unknown): void {
    viewer.send(JSON.stringify(message));
  }

  function catchUp(viewer: WebSocket): void {
    const from = viewers.get(viewer) ?? 0;
    if (from < shown.size) tell(viewer, { ...shown.log.frame(from, shown.size), now: nowAt() });
    viewers.set(viewer, Math.max(from, shown.size));
  }

  function welcome(viewer: WebSocket, after: number): void {
    resumedAfter.push(after);
    viewers.set(viewer, after + 1);
    viewer.on('close', () => viewers.delete(viewer));
    viewer.on('message', (data) => {
      const { ping } = JSON.parse(String(data)) as { ping: number };
      tell(viewer, { v: 1, kind: 'pong', ping, now: nowAt() });
    });
    tell(viewer, { v: 1, kind: 'pulse', now: nowAt(), viewers: viewers.size, size: shown.size });
    catchUp(viewer);
  }

  await new Promise<void>((listening) => http.listen(0, '127.0.0.1', listening));
  return {
    url: `http://127.0.0.1:${(http.address() as AddressInfo).port}`,
    resumedAfter,
    show(other, to = other.size) {
      shown = { log: other, size: to };
      for (const viewer of viewers.keys()) catchUp(viewer);
    },
    send(message) {
      for (const viewer of viewers.keys()) tell(viewer, message);
    },
    cut() {
      for (const viewer of viewers.keys()) viewer.terminate();
    },
    setOpen(open) {
      isOpen = open;
    },
    async close() {
      for (const viewer of sockets.clients) viewer.terminate();
      http.closeAllConnections();
      await new Promise((closed) => http.close(closed));
    },
  };
}
