/** After an install, and before a build: makes tap’s own compiled set of plugins fit this folder, and takes away what was bundled for tests; silent when all is well or when tap is not installed. */
import { execFileSync } from 'node:child_process';
import { readFileSync, realpathSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

// tap keeps that set inside node_modules, with absolute links. A fresh install has the wrong set (tap would mend that
// only for the run after the next); a copied or moved one links to a second @tapjs/core, with which tap runs no test at
// all and yet exits with 0.
const tapjs = new URL('../../node_modules/@tapjs/', import.meta.url);

function isStale() {
  let built;
  try {
    built = readFileSync(new URL('test/test-built/dist/esm/index.js', tapjs), 'utf8');
  } catch {
    return false; // tap is not installed: npm ci --omit=dev
  }
  if (built.includes('"@tapjs/typescript"')) return true;
  try {
    const own = realpathSync(new URL('core', tapjs));
    return realpathSync(new URL('test/test-built/node_modules/@tapjs/core', tapjs)) !== own;
  } catch {
    return true;
  }
}

if (isStale())
  execFileSync('node_modules/.bin/tap', ['build'], { cwd: new URL('../..', import.meta.url), stdio: 'inherit' });

// After an install what was bundled for tests (emit.mjs) may be of another version.
if (process.argv[1] === fileURLToPath(import.meta.url))
  rmSync(new URL('../../dist/js/node_modules', import.meta.url), { recursive: true, force: true });
