/** Packed byte strings: PostgreSQL cuts them apart as they were, empty ones and any bytes and characters included. */
import fc from 'fast-check';
import { pack, packTexts } from '../../server/store/packed.ts';
import { testDb } from '../support/database.ts';
import t from '../support/tap.ts';

t.test('whatever is packed comes out again, in order', async (t) => {
  const { sql } = await testDb(t);
  const cut = async (list: readonly Uint8Array[]) => {
    const { bytes, starts, lengths } = pack(list);
    const rows = await sql<{ item: Uint8Array }[]>`
      SELECT substring(${bytes}::bytea FROM start FOR length) AS item
      FROM unnest(${starts}::int[], ${lengths}::int[]) WITH ORDINALITY AS p (start, length, n) ORDER BY n`;
    return rows.map(({ item }) => item);
  };
  const lists = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 8 });
  await fc.assert(
    fc.asyncProperty(lists, async (list) => {
      t.strictSame(
        await cut(list),
        list.map((item) => new Uint8Array(item)),
      );
    }),
    { numRuns: 50 },
  );
});

t.test('texts come out as texts', async (t) => {
  const { sql } = await testDb(t);
  // PostgreSQL's texts hold every character but NUL.
  const characters = fc.string({ unit: 'binary', maxLength: 20 }).filter((text) => !text.includes('\0'));
  await fc.assert(
    fc.asyncProperty(fc.array(characters, { maxLength: 8 }), async (list) => {
      const { bytes, starts, lengths } = packTexts(list);
      const rows = await sql<{ item: string }[]>`
        SELECT convert_from(substring(${bytes}::bytea FROM start FOR length), 'UTF8') AS item
        FROM unnest(${starts}::int[], ${lengths}::int[]) WITH ORDINALITY AS p (start, length, n) ORDER BY n`;
      t.strictSame(
        rows.map(({ item }) => item),
        list,
      );
    }),
    { numRuns: 50 },
  );
});
