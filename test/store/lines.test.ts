/** Lines: PostgreSQL cuts them apart as they were joined, and what is no line is not joined. */
import fc from 'fast-check';
import { joinLines } from '../../server/store/lines.ts';
import { testDb } from '../support/database.ts';
import t from '../support/tap.ts';

t.test('whatever is joined comes out again, in order, as text and as bytes', async (t) => {
  const { sql } = await testDb(t);
  // PostgreSQL's texts hold every character but NUL, and a lone surrogate has no UTF-8 form.
  const line = fc
    .string({ unit: 'binary', minLength: 1, maxLength: 20 })
    .filter((text) => !/[\0\n]/.test(text) && Buffer.from(text).toString() === text);
  await fc.assert(
    fc.asyncProperty(fc.array(line, { maxLength: 8 }), async (list) => {
      const rows = await sql<{ item: string; bytes: Uint8Array }[]>`
        SELECT item, convert_to(item, 'UTF8') AS bytes
        FROM ROWS FROM (string_to_table(${joinLines(list)}, chr(10))) WITH ORDINALITY AS l (item, n) ORDER BY n`;
      t.strictSame(
        rows.map(({ item }) => item),
        list,
      );
      t.strictSame(
        rows.map(({ bytes }) => Buffer.from(bytes).toString()),
        list,
      );
    }),
    { numRuns: 50 },
  );
});

t.test('a line feed would make two of one, and nothing would be left of an empty text', async (t) => {
  t.throws(() => joinLines(['a', 'b\nc']), /no line/);
  t.throws(() => joinLines(['']), /no line/);
  t.equal(joinLines([]), '');
});
