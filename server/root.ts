/** Where this package lies, whether its TypeScript runs or what `npm run build` emitted below dist/js. */
import { resolve } from 'node:path';

/** The folder of package.json, as an absolute path. */
export const packageRoot = resolve(import.meta.dirname, import.meta.filename.endsWith('.ts') ? '..' : '../../..');
