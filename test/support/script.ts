/** Scripts of the tests that run as processes of their own: from source with tsx, from the emitted code without. */
import { join } from 'node:path';
import { packageRoot } from '../../server/root.ts';

const runsFromSource = import.meta.filename.endsWith('.ts');

/** What `script`, such as `test/support/appender.ts`, needs of node's arguments, and where it lies. */
export function scriptOf(script: string): { readonly execArgv: readonly string[]; readonly path: string } {
  if (runsFromSource) return { execArgv: ['--import=tsx'], path: join(packageRoot, script) };
  return { execArgv: ['--enable-source-maps'], path: join(packageRoot, 'dist/js', script.replace(/\.ts$/, '.js')) };
}
