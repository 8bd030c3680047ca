/** The envelopes under test/golden/envelopes, which stock OpenSSL made (see make.sh there). */

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../../server/root.ts';

const FOLDER = join(packageRoot, 'test/golden/envelopes');

/** A plain Uint8Array: a Buffer would compare unequal to what the core returns. */
export function golden(name: string): Uint8Array {
  return Uint8Array.from(readFileSync(join(FOLDER, name)));
}

export function goldenPath(name: string): string {
  return join(FOLDER, name);
}

export function goldenText(name: string): string {
  return readFileSync(join(FOLDER, name), 'utf8');
}

export function goldenNames(folder: 'valid' | 'invalid'): string[] {
  return readdirSync(join(FOLDER, folder)).map((name) => `${folder}/${name}`);
}
