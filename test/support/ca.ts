/** The tests' own CA: the demo's, but for RSA keys that were made once for all runs, since making one takes a fifth of a second. */
import { createPrivateKey, type KeyObject } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createDemoCa, type DemoCa, type KeyKind, makeKey } from '../../server/cli/demo/ca.ts';
import { packageRoot } from '../../server/root.ts';

/** RSA keys of 2048 bits in PKCS#8, base64, that are trusted nowhere. */
const KEPT = join(packageRoot, 'test/vectors/rsa-keys.json');

let kept: Promise<readonly string[]> | null = null;
let given = 0;

/** A private key that nobody else in this process has; once the kept ones are used up, a fresh one. */
async function keptKey(kind: KeyKind): Promise<KeyObject> {
  if (kind !== 'rsa') return makeKey(kind);
  kept ??= readFile(KEPT, 'utf8').then((text) => JSON.parse(text) as string[]);
  const key = (await kept)[given++];
  return key === undefined
    ? makeKey(kind)
    : createPrivateKey({ key: Buffer.from(key, 'base64'), format: 'der', type: 'pkcs8' });
}

/** A CA as `createDemoCa` makes it. */
export function testCa(named: { name: string; at: number; key?: KeyKind }): Promise<DemoCa> {
  return createDemoCa({ ...named, makeKey: keptKey });
}
