/** Whole tables out of the database and into it, as PostgreSQL's own COPY text: for backups, by the owner of the tables. */
import type { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { TransactionSql } from './driver.ts';

/** A table with the columns that hold data, in their order. */
export type Table = { readonly name: string; readonly columns: readonly string[] };

/** The tables of the application, each behind those it refers to. Throws: when they refer to each other in a circle. */
export async function listTables(tx: TransactionSql): Promise<Table[]> {
  const columns = await tx<{ table: string; column: string }[]>`
    SELECT c.table_name::text AS table, c.column_name::text AS column FROM information_schema.columns c
    JOIN information_schema.tables t USING (table_schema, table_name)
    WHERE c.table_schema = 'public' AND t.table_type = 'BASE TABLE' AND c.is_generated = 'NEVER'
    ORDER BY c.table_name, c.ordinal_position`;
  const references = await tx<{ table: string; to: string }[]>`
    SELECT a.relname::text AS table, b.relname::text AS to FROM pg_constraint f
    JOIN pg_class a ON a.oid = f.conrelid JOIN pg_class b ON b.oid = f.confrelid
    WHERE f.contype = 'f' AND f.connamespace = 'public'::regnamespace AND a.oid <> b.oid`;
  const waiting = new Map<string, string[]>();
  for (const { table, column } of columns) waiting.set(table, [...(waiting.get(table) ?? []), column]);
  const ordered: Table[] = [];
  while (waiting.size > 0) {
    const next = [...waiting].filter(([name]) => !references.some((r) => r.table === name && waiting.has(r.to)));
    if (next.length === 0) throw new Error('tables refer to each other in a circle');
    for (const [name, own] of next) {
      ordered.push({ name, columns: own });
      waiting.delete(name);
    }
  }
  return ordered;
}

/** Rows fetched at a time. */
const CURSOR_ROWS = 500;

/**
 * Writes all rows of a table, as this transaction sees them, in PostgreSQL's COPY text.
 *
 * Why: asked for as texts and written here, not by COPY TO: the driver (postgres 3.4.9) leaves its socket paused when a COPY ends while
 *      its reader is behind, and every statement after it waits for ever.
 */
export async function copyOut(tx: TransactionSql, { name, columns }: Table, to: Writable): Promise<void> {
  const texts = columns.map((column) => tx`${tx(column)}::text AS ${tx(column)}`);
  const list = texts.flatMap((text, n) => (n === 0 ? [text] : [tx`, `, text]));
  const rows = tx<Record<string, string | null>[]>`SELECT ${list} FROM ${tx(name)}`.cursor(CURSOR_ROWS);
  async function* lines() {
    for await (const some of rows)
      yield some.map((row) => lineOf(columns.map((column) => row[column] ?? null))).join('');
  }
  await pipeline(lines(), to);
}

const ESCAPED: Readonly<Record<string, string>> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/** One row: columns between tabs, null as \N. Source: PostgreSQL, COPY, text format. */
function lineOf(values: readonly (string | null)[]): string {
  const text = values.map((value) => value?.replace(/[\\\n\r\t]/g, (found) => ESCAPED[found] ?? found) ?? '\\N');
  return `${text.join('\t')}\n`;
}

/** Reads all rows of a table. Throws: what PostgreSQL says of one that does not fit. */
export async function copyIn(tx: TransactionSql, { name, columns }: Table, from: Readable): Promise<void> {
  const rows: Writable = await tx`COPY ${tx(name)} (${tx([...columns])}) FROM STDIN`.writable();
  await pipeline(from, rows);
}

/** Sets every counter of the database behind the largest number in its column. */
export async function setCounters(tx: TransactionSql): Promise<void> {
  const counters = await tx<{ table: string; column: string; counter: string }[]>`
    SELECT c.table_name::text AS table, c.column_name::text AS column,
           pg_get_serial_sequence(quote_ident(c.table_name), c.column_name) AS counter
    FROM information_schema.columns c
    WHERE c.table_schema = 'public' AND pg_get_serial_sequence(quote_ident(c.table_name), c.column_name) IS NOT NULL`;
  for (const { table, column, counter } of counters)
    await tx`SELECT setval(${counter}::regclass, greatest(1, coalesce((SELECT max(${tx(column)}) FROM ${tx(table)}), 1)),
      EXISTS (SELECT 1 FROM ${tx(table)}))`;
}
