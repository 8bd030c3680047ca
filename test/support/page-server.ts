/** Serves the built pages under the server's own policy, for tests of pages that need nothing else of it; it notes what it was asked. */
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join } from 'node:path';
import { PAGE_POLICY } from '../../server/http/app.ts';
import { packageRoot } from '../../server/root.ts';

const PAGES = join(packageRoot, 'dist/web');
const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
  '.woff2': 'font/woff2',
};
const POLICY = Object.entries(PAGE_POLICY)
  .map(([name, values]) => [name, ...values].join(' '))
  .join('; ');

export type PageServer = { readonly url: string; readonly asked: string[]; close(): Promise<void> };

/** `pages` names the page of an address: `{ '/verify': 'verify' }`; `files` are answers of the server's own, by their address. */
export async function servePages(
  pages: Readonly<Record<string, string>>,
  files: ReadonlyMap<string, Uint8Array> = new Map(),
): Promise<PageServer> {
  const asked: string[] = [];
  const http = createServer((request, response) => {
    const { pathname, search } = new URL(request.url ?? '/', 'http://localhost');
    asked.push(pathname + search);
    const own = files.get(pathname + search);
    if (own !== undefined) return void response.writeHead(200, { 'content-type': 'application/octet-stream' }).end(own);
    const page = pages[pathname];
    const file = page === undefined ? pathname.slice(1) : `${page}/index.html`;
    readFile(join(PAGES, file)).then(
      (content) => {
        const type = TYPES[extname(file)] ?? 'application/octet-stream';
        response.writeHead(200, { 'content-type': type, 'content-security-policy': POLICY }).end(content);
      },
      () => response.writeHead(404).end(),
    );
  });
  await new Promise<void>((listening) => http.listen(0, '127.0.0.1', listening));
  return {
    url: `http://127.0.0.1:${(http.address() as AddressInfo).port}`,
    asked,
    async close() {
      http.closeAllConnections();
      await new Promise((closed) => http.close(closed));
    },
  };
}
