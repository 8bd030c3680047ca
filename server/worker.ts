/** Starts worker threads from our own modules, under tsx as from what the build emitted. */
import { Worker, type WorkerOptions } from 'node:worker_threads';

const runsFromSource = import.meta.url.endsWith('.ts');

/**
 * Starts a worker thread.
 *
 * Shape:  `module` names the TypeScript source: `new URL('./verify-worker.ts', import.meta.url)`.
 * Throws: what `new Worker` throws; a module that cannot be loaded arrives as the worker's 'error' event.
 * Why:    a worker does not inherit tsx's loader on Node 20, and neither `execArgv: ['--import=tsx']` nor the loader's
 *         own URL there helps ("Unknown file extension .ts"): tsx must be registered inside the worker. So a worker from
 *         source begins with two lines that do that, in a data: URL. The emitted build needs none of it and has no tsx.
 */
export function startWorker(module: URL, options: WorkerOptions = {}): Worker {
  if (!runsFromSource) return new Worker(new URL(module.href.replace(/\.ts$/, '.js')), options);
  const begin = [
    `import { register } from ${JSON.stringify(import.meta.resolve('tsx/esm/api'))};`,
    'register();',
    `await import(${JSON.stringify(module.href)});`,
  ].join('\n');
  return new Worker(new URL(`data:text/javascript,${encodeURIComponent(begin)}`), options);
}
