/** The built pages: their files, which never change under one name, and a page for whoever asks for HTML. */
import { join } from 'node:path';
import fastifyStatic from '@fastify/static';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Dependencies, Nouns } from './dependencies.ts';
import { ProblemError } from './errors.ts';

const FILE_CACHE = 'public, max-age=31536000, immutable';

/** Whether a person's browser asks, not a program: only a browser names HTML. */
export function wantsPage(request: FastifyRequest): boolean {
  return /\btext\/html\b/.test(request.headers.accept ?? '');
}

/** Sends a page. Throws: ProblemError page_not_built. */
export function sendPage(
  { pagesFolder }: Pick<Dependencies, 'pagesFolder'>,
  reply: FastifyReply,
  page: 'lobby' | 'opening' | 'session' | 'verify' | 'draft' | 'preflight' | 'phone',
): FastifyReply {
  if (pagesFolder === null) throw new ProblemError('page_not_built');
  // The page names its scripts by their hashes: it is asked for anew each time, they are not.
  return reply.header('cache-control', 'no-cache').sendFile(`${page}/index.html`, pagesFolder);
}

/** Pages that are of no one opening. */
const PLAIN_PAGES = [
  { url: '/', page: 'lobby', summary: 'The openings, for a browser; a program asks /openings' },
  { url: '/draft', page: 'draft', summary: 'Where a host drafts an opening' },
  { url: '/preflight', page: 'preflight', summary: 'Where whoever will take part looks whether their computer can' },
  { url: '/phone', page: 'phone', summary: 'The side of the phone that holds the key for a page elsewhere' },
] as const;

export async function addPages(app: Nouns, dependencies: Dependencies): Promise<void> {
  const { pagesFolder } = dependencies;
  for (const { url, page, summary } of PLAIN_PAGES) {
    app.get(url, { schema: { tags: ['pages'], summary } }, async (request, reply) => {
      reply.header('vary', 'accept');
      if (!wantsPage(request)) throw new ProblemError('no_such_address');
      return sendPage(dependencies, reply, page);
    });
  }
  app.get(
    '/verify',
    { schema: { tags: ['pages'], summary: 'The page that verifies bundles, logs and receipts in the browser' } },
    async (_request, reply) => sendPage(dependencies, reply, 'verify'),
  );
  app.get(
    '/verify-offline.js',
    {
      schema: { tags: ['pages'], summary: 'The script by which a browser keeps /verify for when there is no network' },
    },
    async (_request, reply) => {
      if (pagesFolder === null) throw new ProblemError('page_not_built');
      // asked for anew each time: it names the files of the present build
      return reply.header('cache-control', 'no-cache').sendFile('verify-offline.js', pagesFolder);
    },
  );
  if (pagesFolder === null) return;
  app.addHook('onRoute', (route) => {
    if (route.url.startsWith('/assets/')) route.config = { ...route.config, limit: 'files' };
  });
  await app.register(fastifyStatic, {
    root: join(pagesFolder, 'assets'),
    prefix: '/assets/',
    index: false,
    preCompressed: true,
    // Its own header would name the page immutable, too.
    cacheControl: false,
    setHeaders(reply, path) {
      if (!path.endsWith('.html')) reply.header('cache-control', FILE_CACHE);
    },
  });
}
