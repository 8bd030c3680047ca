/** The log of what officials were shown of non-public data: written, and let out, before the answer is given. */

import { toBase64Url } from '../core/log/base64.ts';
import type { Json } from '../core/log/canonical.ts';
import type { World } from '../world.ts';
import type { LogWriter } from './log-writer.ts';

/** A read: who reads, from where, and what; `openingId` null when it is not about one opening. */
export type Access = {
  readonly who: Json;
  readonly source: { readonly address: string; readonly client: string };
  readonly openingId: string | null;
  /** What is read, in a word that stays the same, such as `price_list`. */
  readonly what: string;
  /** Entries it is about, when it is about some. */
  readonly seqs?: readonly number[];
};

/**
 * Records a read.
 *
 * Returns: the entry's number once it is committed and let out; only then may the answer be given.
 * Throws:  what the store throws; then nothing may be shown.
 */
export async function recordAccess(writer: LogWriter, world: World, access: Access): Promise<number> {
  const { who, source, openingId, what, seqs } = access;
  const { seqs: written } = await writer.write(async () => ({
    drafts: [
      {
        type: 'Accessed',
        role: 'platform',
        command: toBase64Url(world.randomBytes(16)),
        body: {},
        withheld: { who, source, access: { openingId, what, ...(seqs === undefined ? {} : { seqs }) } },
      },
    ],
    answer: null,
  }));
  return written[0] as number;
}
