/** The NIST path validation suite as data: its cases, and the DER they name. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import type { PolicyTerms } from '../../../server/core/pki/policy.ts';
import { packageRoot } from '../../../server/root.ts';

const folder = join(packageRoot, 'test/vectors/pkits');

export type PkitsCase = {
  readonly id: string;
  readonly title: string;
  readonly ok: boolean;
  /** From the trust anchor to the end entity. */
  readonly certs: readonly [string, ...string[]];
  readonly crls: readonly string[];
  readonly terms: PolicyTerms;
};

export const pkitsCases = JSON.parse(readFileSync(join(folder, 'cases.json'), 'utf8')) as readonly PkitsCase[];
/** The instant at which the suite is judged. */
export const pkitsAt = Date.parse('2011-04-15T00:00:00Z');
/** Cases that need DSA. */
export const notApplicable: readonly string[] = ['4.1.4', '4.1.5', '4.1.6'];

const files = JSON.parse(gunzipSync(readFileSync(join(folder, 'der.json.gz'))).toString()) as {
  readonly certs: Readonly<Record<string, string>>;
  readonly crls: Readonly<Record<string, string>>;
};

/** The DER of a certificate or CRL by the suite's name. */
export function pkitsDer(kind: 'certs' | 'crls', name: string): Uint8Array {
  const text = files[kind][name];
  if (text === undefined) throw new Error(`no such file in PKITS: ${name}`);
  return new Uint8Array(Buffer.from(text, 'base64'));
}

export const pkitsNames = { certs: Object.keys(files.certs), crls: Object.keys(files.crls) } as const;
