/** What the auditor finds in an opening's log as it lies in the database, every disclosure known. */
import { openDisclosures } from '../../server/core/log/disclosure.ts';
import { parseEntry } from '../../server/core/log/entry.ts';
import { type AuditProblem, createAudit } from '../../server/core/opening/audit.ts';
import { sha256 } from '../../server/hash.ts';
import { knownValues } from '../../server/recorder/kept-opening.ts';
import type { Sql } from '../../server/store/driver.ts';
import { readDisclosures } from '../../server/store/read-log.ts';
import { ORIGIN } from './opening-people.ts';

/** Throws where a disclosure is none of its entry. */
export async function problemsOf(sql: Sql): Promise<readonly AuditProblem[]> {
  const audit = createAudit(sha256);
  const entries = await sql<{ seq: number; bytes: Uint8Array }[]>`
    SELECT seq, bytes FROM entries WHERE origin = ${ORIGIN} ORDER BY seq`;
  const disclosures = await readDisclosures(sql, ORIGIN, 0, entries.length);
  for (const { seq, bytes } of entries) {
    const entry = parseEntry(bytes);
    const texts = disclosures.filter((d) => d.seq === seq).map((d) => d.disclosure);
    const opened = openDisclosures(sha256, entry.commit, texts);
    if (!opened.ok) throw new Error(`entry ${seq}: ${opened.reason}`);
    audit.add(entry, knownValues(opened.fields));
  }
  return audit.finish().problems;
}
