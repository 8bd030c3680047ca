/** What must be true of a log whatever was killed meanwhile: dense, one root for each size, and a verifier believes it. */
import { join } from 'node:path';
import { exportLog } from '../../server/cli/export-log.ts';
import { folderSource } from '../../server/cli/log-source.ts';
import { verifySource } from '../../server/cli/verify-log.ts';
import { toBase64 } from '../../server/core/log/base64.ts';
import { parseCheckpoint } from '../../server/core/log/checkpoint.ts';
import { type Entry, parseEntry } from '../../server/core/log/entry.ts';
import { leafHash, rootOf } from '../../server/core/log/merkle.ts';
import { parseNote } from '../../server/core/log/note.ts';
import { openingOrigin } from '../../server/core/log/origin.ts';
import { sha256 } from '../../server/hash.ts';
import type { Sql } from '../../server/store/driver.ts';
import { readEntries } from '../../server/store/read-log.ts';

type Logs = { readonly platform: string; readonly ledger: { readonly origin: string; readonly vkey: string } };
/** Of tap's `t`. */
export type Assertions = {
  ok(found: unknown, message: string): unknown;
  equal(found: unknown, wanted: unknown, message: string): unknown;
  strictSame(found: unknown, wanted: unknown, message: string): unknown;
};

/** All entries of an opening's log as they are stored. */
export async function entriesOf(sql: Sql, origin: string): Promise<Entry[]> {
  const [log] = await sql<{ size: number }[]>`SELECT size FROM logs WHERE origin = ${origin}`;
  return (await readEntries(sql, origin, 0, log?.size ?? 0)).map(({ bytes }) => parseEntry(bytes));
}

/** Which platform it is and where its ledger, as it tells anyone. */
export async function readPlatform(url: string): Promise<Logs> {
  return (await (await fetch(`${url}/platform`)).json()) as Logs;
}

/** Asserts that the sequence is dense and that all checkpoints, stored ones and those `seen`, are of one tree. */
export async function checkTree(t: Assertions, sql: Sql, origin: string, seen: readonly string[]): Promise<void> {
  const rows = await sql<{ seq: number; bytes: Uint8Array }[]>`
    SELECT seq, bytes FROM entries WHERE origin = ${origin} ORDER BY seq`;
  t.strictSame(
    rows.map(({ seq }) => seq),
    rows.map((_, place) => place),
    'the sequence is dense',
  );
  const leaves = rows.map(({ bytes }) => leafHash(sha256, bytes));
  const stored = await sql<{ size: number; note: string }[]>`
    SELECT size, note FROM checkpoints WHERE origin = ${origin} ORDER BY size`;
  t.equal(stored.at(-1)?.size, rows.length, 'the last checkpoint covers every entry');
  const wrong = [...stored.map(({ note }) => note), ...seen].filter((note) => {
    const { size, root } = parseCheckpoint(parseNote(note).text);
    return size > leaves.length || toBase64(root) !== toBase64(rootOf(sha256, leaves.slice(0, size)));
  });
  t.strictSame(wrong, [], 'one root for each size');
}

/** Exports an opening's log and the ledger beside the running server and asserts that both verify. Returns: their standing. */
export async function exportAndVerify(
  t: Assertions,
  sql: Sql,
  place: { readonly url: string; readonly openingId: string; readonly folder: string },
): Promise<string> {
  const { url, openingId } = place;
  const { platform, ledger } = await readPlatform(url);
  const origin = openingOrigin(platform, openingId);
  const vkey = (await (await fetch(`${url}/logs/opening/${openingId}/vkey`)).text()).trim();
  // The ledger takes heads in its own time; the query itself is the wait.
  for (let isAnchored = false; !isAnchored; ) {
    const found =
      await sql`SELECT pg_sleep(0.02) FROM ledger_heads h JOIN logs l ON l.origin = h.origin AND l.size = h.size
      WHERE l.origin = ${origin}`;
    isAnchored = found.length > 0;
  }
  const opening = join(place.folder, 'opening');
  await exportLog(sql, { origin, vkey, folder: opening, ledger });
  const judged = await verifySource(folderSource(opening), { trust: ledger.vkey, requireAllDisclosures: true });
  t.ok(judged.ok, `the opening verifies: ${judged.ok ? judged.standing : `${judged.reason} ${judged.detail ?? ''}`}`);
  const ledgerFolder = join(place.folder, 'ledger');
  await exportLog(sql, { ...ledger, folder: ledgerFolder, ledger: null });
  const whole = await verifySource(folderSource(ledgerFolder), { trust: ledger.vkey, requireAllDisclosures: true });
  t.ok(whole.ok, `the ledger verifies: ${whole.ok ? whole.standing : `${whole.reason} ${whole.detail ?? ''}`}`);
  return judged.ok ? judged.standing : judged.reason;
}
