/** Builds the pages: each web/<page>/index.html becomes dist/web/<page>/index.html, with its scripts under dist/web/assets. */
import { existsSync, readdirSync } from 'node:fs';
import { resolve } from 'node:path';
import { defineConfig, type Plugin } from 'vite';

const web = resolve(import.meta.dirname, 'web');
const server = 'http://127.0.0.1:8600';
const pages = readdirSync(web, { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && existsSync(resolve(web, entry.name, 'index.html')))
  .map((entry) => [entry.name, resolve(web, entry.name, 'index.html')]);

/**
 * Gives the curves a copy of the hashes of their own.
 *
 * Why: every page needs SHA-256 at once, and one file holds SHA-512 as well: shared with the curves, which only some browsers ever
 *      fetch, all of it would be part of every page.
 */
const hashesOfCurves: Plugin = {
  name: 'hashes-of-curves',
  enforce: 'pre',
  async resolveId(source, importer) {
    if (source !== '@noble/hashes/sha2.js' || !importer?.includes('/@noble/curves/')) return null;
    const found = await this.resolve(source, importer, { skipSelf: true });
    return found === null ? null : `${found.id}?of=curves`;
  },
};

export default defineConfig({
  root: web,
  plugins: [hashesOfCurves],
  appType: 'mpa',
  logLevel: 'warn',
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    outDir: resolve(import.meta.dirname, 'dist/web'),
    emptyOutDir: true,
    // Office machines of bidders run old browsers; the target lowers syntax and adds no API.
    target: 'chrome80',
    cssTarget: 'chrome80',
    // Nothing inline: the policy of the pages allows scripts and fonts from their own origin only.
    assetsInlineLimit: 0,
    // Every browser that the pages run in knows modulepreload.
    modulePreload: { polyfill: false },
    rolldownOptions: {
      input: Object.fromEntries(pages),
      // All that the page of an opening needs at first is one file: cut into what other pages need as well it came in ten, and larger.
      output: {
        codeSplitting: {
          groups: [{ name: 'hall', test: /\/web\/(opening\/(page\.tsx|hall\.ts)|parts\/show-page\.ts)$/ }],
        },
      },
    },
  },
  // The whole check knows every keyword and format of JSON Schema; the pages know those of the core.
  resolve: { alias: { 'typebox/schema': resolve(web, 'parts/schema-check.ts') } },
  worker: { format: 'es' },
  server: {
    // The dev server gives the pages; everything else comes from the server beside it (web/dev.mjs starts both).
    proxy: {
      '^/(auth|logs|docs|platform|certificates|healthz|readyz)(/|$)': server,
      '^/preflight': {
        target: server,
        ws: true,
        bypass: ({ url = '' }) => (url.startsWith('/preflight/') ? undefined : '/preflight/index.html'),
      },
      '^/verify': { target: server, bypass: () => '/verify/index.html' },
      '^/sessions/': {
        target: server,
        bypass: (request) => (request.headers.accept?.includes('text/html') ? '/session/index.html' : undefined),
      },
      '^/openings': {
        target: server,
        ws: true,
        bypass: (request) => {
          if (!request.headers.accept?.includes('text/html')) return undefined;
          return /^\/openings\/?$/.test(request.url ?? '') ? '/lobby/index.html' : '/opening/index.html';
        },
      },
    },
  },
});
