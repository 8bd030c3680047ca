/** What tests of the store and the signer share: a signer in a folder of its own, entries to append, and the append itself. */
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { JsonObject } from '../../server/core/log/canonical.ts';
import { makeDisclosure } from '../../server/core/log/disclosure.ts';
import { encodeEntry } from '../../server/core/log/entry.ts';
import { formatInstant } from '../../server/core/log/instant.ts';
import type { ReadNode } from '../../server/core/log/merkle.ts';
import { sha256 } from '../../server/hash.ts';
import { commit } from '../../server/recorder/commit.ts';
import { settleLog } from '../../server/recorder/settle-log.ts';
import { openSigner, type Signer } from '../../server/recorder/signer.ts';
import { appendEntries, createLog, lockHead, type NewEntry } from '../../server/store/append.ts';
import type { Sql } from '../../server/store/driver.ts';
import { readCheckpointOver } from '../../server/store/read-log.ts';

export const PLATFORM = 'kaibiao.test';

/** What a test brings: tap's `t`. */
type Teardown = { teardown(act: () => Promise<void>): void };

/** A data folder that goes with the test. */
export async function dataFolder(t: Teardown): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'kaibiao-data-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** A signer in a folder of its own, closed with the test. */
export async function testSigner(t: Teardown, folder?: string): Promise<Signer> {
  const signer = await openSigner(folder ?? (await dataFolder(t)), PLATFORM);
  t.teardown(() => signer.close());
  return signer;
}

/** The folder as a crash would leave it now: a copy, since the first is still held by its process. */
export async function crashImage(t: Teardown, folder: string): Promise<string> {
  const copy = await dataFolder(t);
  await cp(folder, copy, { recursive: true });
  return copy;
}

const START_AT = Date.UTC(2026, 2, 5, 1, 0, 0);

/** Entry `seq` of a log, with a body and one withheld field. */
export function entryAt(origin: string, seq: number, body: JsonObject = { n: seq }, type = 'NoticePosted'): NewEntry {
  const { disclosure, digest } = makeDisclosure(sha256, new Uint8Array(32).fill(seq % 251), 'who', `person ${seq}`);
  const bytes = encodeEntry({
    v: 1,
    log: origin,
    seq,
    at: formatInstant(START_AT + seq),
    type,
    actor: { role: 'host' },
    command: `c-${seq}`,
    body,
    commit: { who: digest },
  });
  return { bytes, disclosures: [{ field: 'who', disclosure }] };
}

/** Begins the log of an opening. */
export async function begin(sql: Sql, origin: string): Promise<void> {
  const openingId = origin.slice(origin.lastIndexOf('/') + 1);
  await sql.begin((tx) => createLog(tx, { origin, kind: 'opening', openingId }));
}

/** Appends `count` entries in one transaction and lets them out. Returns: the sequence numbers, and the checkpoint that covers them with its size. */
export async function appendSome(
  sql: Sql,
  signer: Signer,
  origin: string,
  count = 1,
  body?: JsonObject,
): Promise<{ seqs: number[]; size: number; checkpoint: string; readNode: ReadNode }> {
  const { seqs, size, readNode } = await commit({ sql, signer }, [origin], async (tx) => {
    const head = await lockHead(tx, origin);
    const seqs = Array.from({ length: count }, (_, n) => head.size + n);
    const entries = seqs.map((seq) => entryAt(origin, seq, body));
    const appended = await appendEntries(tx, head, entries, signer);
    const { size, readNode } = appended;
    return { appended: [appended], answer: { seqs, size, readNode } };
  });
  // Of several writers at once one may be overtaken: then a larger head covers its entries.
  if ((signer.released(origin)?.size ?? 0) < size) await settleLog(sql, signer, origin);
  const covering = await readCheckpointOver(sql, origin, size);
  if (covering === null) throw new Error(`nothing was signed that covers ${size}`);
  return { seqs, size: covering.size, checkpoint: covering.note, readNode };
}
