/** The verifier with a browser's tools, with WebCrypto and without: the same verdict on golden logs as with Node.js's. */
import { webcrypto } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { VerifyTools } from '../../server/verify/tools.ts';
import { browserTools } from '../../web/verify/browser-tools.ts';
import { judge } from '../support/golden-judge.ts';
import { GOLDEN_FOLDER, readGolden } from '../support/golden-log.ts';
import t from '../support/tap.ts';

const subtle = webcrypto.subtle as unknown as SubtleCrypto;
const namesIn = (kind: 'valid' | 'invalid'): string[] =>
  readdirSync(join(GOLDEN_FOLDER, kind)).map((file) => file.replace(/\.json$/, ''));
/** Each so-many-th of the invalid logs: all of them take a minute. */
const EACH = 8;
/** A ledger's reveals are half a million hashes each; one of them is enough. */
const isOfLedger = (name: string): boolean => /ledger|key_announced/.test(name);

/** The verdict without its detail, which quotes the words of whoever read. */
async function verdict(kind: 'valid' | 'invalid', name: string, tools?: VerifyTools) {
  const { detail: _, ...judged } = (await judge(kind, name, tools)) as { readonly detail?: string };
  return judged;
}

t.test('every golden log of an opening is judged the same with WebCrypto', async (t) => {
  const tools = browserTools(subtle);
  const names = namesIn('valid').map((name) => ['valid', name] as const);
  const invalid = namesIn('invalid').map((name) => ['invalid', name] as const);
  const asked = [...names, ...invalid.filter((_, n) => n % EACH === 0)].filter(([, name]) => !isOfLedger(name));
  t.ok(asked.length > 15, `${asked.length}`);
  for (const [kind, name] of asked) t.strictSame(await verdict(kind, name, tools), await verdict(kind, name), name);
});

t.test('a ledger is, too, on plain http', async (t) => {
  t.ok(readGolden('ledger').vkey);
  const tools = browserTools(null);
  for (const name of ['ledger', 'access', 'still-open'])
    t.strictSame(await verdict('valid', name, tools), await verdict('valid', name), name);
});
