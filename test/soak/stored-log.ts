/** A log as it stands in the database, whole: read for the checks at the end, and verified by the code of `kaibiao verify`. */

import { verifySource } from '../../server/cli/verify-log.ts';
import type { Json } from '../../server/core/log/canonical.ts';
import { readDisclosure } from '../../server/core/log/disclosure.ts';
import { type Entry, parseEntry } from '../../server/core/log/entry.ts';
import { leafHash } from '../../server/core/log/merkle.ts';
import { encodeHashTile } from '../../server/core/log/tile.ts';
import { fromUtf8 } from '../../server/core/log/utf8.ts';
import { sha256 } from '../../server/hash.ts';
import type { Sql } from '../../server/store/driver.ts';
import { readDisclosures, readTile, streamEntries } from '../../server/store/read-log.ts';
import type { Verified } from '../../server/verify/log.ts';
import type { LogSource } from '../../server/verify/source.ts';
import type { Refused } from '../../server/verify/words.ts';

export type StoredLog = {
  readonly origin: string;
  readonly size: number;
  readonly bytes: readonly Uint8Array[];
  readonly leaves: readonly Uint8Array[];
  readonly texts: readonly string[];
  readonly entries: readonly Entry[];
  /** By seq, the texts and the values. */
  readonly disclosures: ReadonlyMap<number, readonly string[]>;
  readonly values: readonly Readonly<Record<string, Json>>[];
  readonly checkpoints: readonly { readonly size: number; readonly note: string }[];
};

export async function readStored(sql: Sql, origin: string): Promise<StoredLog> {
  const checkpoints = await sql<{ size: number; note: string }[]>`
    SELECT size, note FROM checkpoints WHERE origin = ${origin} ORDER BY size`;
  const size = checkpoints.at(-1)?.size ?? 0;
  const bytes: Uint8Array[] = [];
  for await (const entry of streamEntries(sql, origin, 0, size)) bytes.push(entry.bytes);
  const disclosures = new Map<number, string[]>();
  for (const { seq, disclosure } of await readDisclosures(sql, origin, 0, size))
    disclosures.set(seq, [...(disclosures.get(seq) ?? []), disclosure]);
  const values = bytes.map((_bytes, seq) =>
    Object.fromEntries((disclosures.get(seq) ?? []).map(readDisclosure).map(({ field, value }) => [field, value])),
  );
  return {
    origin,
    size,
    bytes,
    leaves: bytes.map((each) => leafHash(sha256, each)),
    texts: bytes.map(fromUtf8),
    entries: bytes.map((entry) => parseEntry(entry)),
    disclosures,
    values,
    checkpoints: [...checkpoints],
  };
}

/** Verifies as `kaibiao verify` does, with every disclosure there; the people of a simulation have no certificates that could be judged. */
export function verifyStored(sql: Sql, log: StoredLog, vkey: string): Promise<Verified | Refused> {
  const source: LogSource = {
    name: log.origin,
    vkey: async () => vkey,
    checkpoint: async () => log.checkpoints.at(-1)?.note ?? '',
    async *entries(size) {
      yield* log.bytes.slice(0, size);
    },
    async hashTile(tile) {
      if (tile.level === 0 && tile.index === 0 && tile.width === log.size) return encodeHashTile([...log.leaves]);
      return (await readTile(sql, log.origin, tile, log.size)) ?? new Uint8Array();
    },
    disclosuresFor: async (seq) => log.disclosures.get(seq) ?? [],
    anchor: async () => null,
    links: () => Promise.resolve([]),
    timestamps: async () => null,
    unlisted: async () => null,
    bundle: async () => null,
    evidence: () => Promise.resolve(null),
    ledger: () => null,
  };
  return verifySource(source, { requireAllDisclosures: true, requireEvidence: false });
}
