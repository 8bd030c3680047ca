/** Which heads count as shown: those that were let out, whether they are remembered or only the database knows them. */
import { toBase64 } from '../../server/core/log/base64.ts';
import { emptyRoot } from '../../server/core/log/merkle.ts';
import { sha256 } from '../../server/hash.ts';
import { createHeadsShown, HEADS_LIMIT } from '../../server/recorder/head-seen.ts';
import type { Sql } from '../../server/store/driver.ts';
import { checkpointNote, logKey } from '../support/log-fixtures.ts';
import t from '../support/tap.ts';

const ORIGIN = 'test.example/opening/heads';
const leaf = sha256(new Uint8Array([1]));
const other = sha256(new Uint8Array([2]));
const note = checkpointNote(logKey(ORIGIN, 1), [leaf], ORIGIN);
const rootOne = new Uint8Array(Buffer.from(note.split('\n')[2] ?? '', 'base64'));

/** An act that names this head; nobody looks at its signature here. */
function actWith(headSeen: { readonly size: number; readonly root: string }) {
  const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  return { act: `${part({ alg: 'ES256', typ: 'act+jws' })}.${part({ headSeen })}.AAAA` };
}

/** A database with one checkpoint, at size 1, that counts how often it is asked. */
function database() {
  const asked: number[] = [];
  const sql = (async (_strings: unknown, _origin: string, size: number) => {
    asked.push(size);
    return size === 1 ? [{ note }] : [];
  }) as unknown as Sql;
  return { sql, asked };
}

t.test('a head that the database knows is asked for once; one it does not know, each time', async (t) => {
  const { sql, asked } = database();
  const heads = createHeadsShown(sql);
  const shown = actWith({ size: 1, root: toBase64(rootOne) });
  t.equal(await heads.wasShown(ORIGIN, shown), true);
  t.equal(await heads.wasShown(ORIGIN, shown), true);
  t.strictSame(asked, [1]);
  t.equal(
    await heads.wasShown(ORIGIN, actWith({ size: 1, root: toBase64(other) })),
    false,
    'another root of that size',
  );
  for (let n = 0; n < 2; n++) t.equal(await heads.wasShown(ORIGIN, actWith({ size: 2, root: toBase64(leaf) })), false);
  t.strictSame(asked, [1, 2, 2], 'it may have come to be meanwhile');
});

t.test('the empty log, and acts that name no head, need nobody asked', async (t) => {
  const { sql, asked } = database();
  const heads = createHeadsShown(sql);
  t.equal(await heads.wasShown(ORIGIN, actWith({ size: 0, root: toBase64(emptyRoot(sha256)) })), true);
  t.equal(await heads.wasShown(ORIGIN, actWith({ size: 0, root: toBase64(leaf) })), false);
  t.equal(await heads.wasShown(ORIGIN, { act: 'a.b.c' }), true);
  t.strictSame(asked, []);
});

t.test(
  `heads that were let out are remembered, ${HEADS_LIMIT} of them: of one more the oldest is asked for`,
  async (t) => {
    const { sql, asked } = database();
    const heads = createHeadsShown(sql);
    heads.note(ORIGIN, 1, rootOne);
    for (let size = 2; size <= HEADS_LIMIT; size++) heads.note(ORIGIN, size, leaf);
    // Asking for it makes it the youngest.
    t.equal(await heads.wasShown(ORIGIN, actWith({ size: 1, root: toBase64(rootOne) })), true);
    t.equal(await heads.wasShown(ORIGIN, actWith({ size: 2, root: toBase64(leaf) })), true);
    t.strictSame(asked, []);
    heads.note(ORIGIN, HEADS_LIMIT + 1, leaf);
    t.equal(await heads.wasShown(ORIGIN, actWith({ size: 3, root: toBase64(leaf) })), false);
    t.strictSame(asked, [3]);
    t.equal(await heads.wasShown('another', actWith({ size: 1, root: toBase64(rootOne) })), true);
    t.strictSame(asked, [3, 1], 'each log has its own');
  },
);
