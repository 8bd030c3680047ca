#!/usr/bin/env node
/** Launches the command line: what `npm run build` emitted when that is current, the TypeScript sources by tsx otherwise. */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const source = join(root, 'server/cli/main.ts');
const emitted = join(root, 'dist/js/server/cli/main.js');

/** Whether no source is newer than what was emitted: a build left over from before a change must not run in its place. */
function isCurrent() {
  if (!existsSync(emitted)) return false;
  const builtAtMs = statSync(emitted).mtimeMs;
  return readdirSync(join(root, 'server'), { recursive: true })
    .filter((name) => name.endsWith('.ts'))
    .every((name) => statSync(join(root, 'server', name)).mtimeMs <= builtAtMs);
}

async function load() {
  if (isCurrent()) {
    process.setSourceMapsEnabled(true);
    return import(emitted);
  }
  try {
    const { register } = await import('tsx/esm/api');
    register();
  } catch (cause) {
    throw new Error('kaibiao is not built and tsx is not installed: run `npm ci && npm run build` first', { cause });
  }
  return import(source);
}

const { main } = await load();
process.exitCode = await main(process.argv.slice(2));
