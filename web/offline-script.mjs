/** Makes the script that keeps the verify page for when there is no network: the page and its own files, and nothing that says how an opening stands. */
import { createHash } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

export const OFFLINE_SCRIPT = 'verify-offline.js';
const PAGE = '/verify';

/** Every file of the build that the page names, or a file that it names, but fonts: a browser has its own. */
async function filesOf(folder) {
  const names = (await readdir(join(folder, 'assets'))).filter((name) => /\.(js|css|svg)$/.test(name));
  const wanted = new Set();
  const look = async (path) => {
    const text = await readFile(path, 'utf8');
    for (const name of names) {
      if (wanted.has(name) || !text.includes(name)) continue;
      wanted.add(name);
      await look(join(folder, 'assets', name));
    }
  };
  await look(join(folder, 'verify/index.html'));
  return [...wanted].sort().map((name) => `/assets/${name}`);
}

/**
 * Writes it beside the pages.
 *
 * Why: whoever has opened /verify once can verify without us, also where we are gone. The page is asked for over the network first, so that
 *      an old one is shown only where there is none; its files never change under one name. Answers of the API, logs and the pages of
 *      openings are not touched: what was true yesterday must not look like today.
 */
export async function writeOfflineScript(folder) {
  const files = await filesOf(folder);
  const digest = createHash('sha256').update(files.join()).digest('hex').slice(0, 16);
  const text = `// Keeps ${PAGE} for when there is no network. Made by web/offline-script.mjs.
const PREFIX = 'kaibiao-verify-';
const CACHE = PREFIX + '${digest}';
const PAGE = '${PAGE}';
const FILES = ${JSON.stringify(files)};
const kept = (path) => caches.open(CACHE).then((cache) => cache.match(path, { ignoreVary: true }));
self.addEventListener('install', (event) => {
  event.waitUntil(
    caches.open(CACHE).then((cache) => cache.addAll([PAGE].concat(FILES))).then(() => self.skipWaiting()),
  );
});
self.addEventListener('activate', (event) => {
  event.waitUntil(
    caches
      .keys()
      .then((names) => Promise.all(names.filter((name) => name.startsWith(PREFIX) && name !== CACHE).map((name) => caches.delete(name))))
      .then(() => self.clients.claim()),
  );
});
self.addEventListener('fetch', (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  if (request.method !== 'GET' || origin !== self.location.origin) return;
  if (request.mode === 'navigate' && pathname === PAGE)
    event.respondWith(fetch(request).catch((fault) => kept(PAGE).then((page) => page || Promise.reject(fault))));
  else if (FILES.includes(pathname)) event.respondWith(kept(pathname).then((found) => found || fetch(request)));
});
`;
  await writeFile(join(folder, OFFLINE_SCRIPT), text);
}
