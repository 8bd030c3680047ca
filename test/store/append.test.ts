/** Appending to a real PostgreSQL: dense under many writers, one root for a size, and right to a verifier that shares no code. */
import { createHash, createPublicKey, verify } from 'node:crypto';
import fc from 'fast-check';
import { inclusionProof } from '../../server/core/log/merkle.ts';
import { formatProof } from '../../server/core/log/proof.ts';
import { verifyLog } from '../../server/core/log/verify.ts';
import { sha256 } from '../../server/hash.ts';
import { commit } from '../../server/recorder/commit.ts';
import { appendEntries, createLog, type HeadSigner, lockHead } from '../../server/store/append.ts';
import type { Sql } from '../../server/store/driver.ts';
import { proofsOf, readDisclosures, streamEntries } from '../../server/store/read-log.ts';
import { testDb } from '../support/database.ts';
import { verifyEd25519 } from '../support/log-fixtures.ts';
import { appendSome, begin, entryAt, PLATFORM, testSigner } from '../support/signed-log.ts';
import t from '../support/tap.ts';

const originOf = (name: string): string => `${PLATFORM}/opening/${name}`;

/* A verifier of its own, from RFC 6962 and the note format alone. */
const h = (...parts: Uint8Array[]): Buffer => createHash('sha256').update(Buffer.concat(parts)).digest();
function foreignRoot(leaves: readonly Uint8Array[]): Buffer {
  if (leaves.length === 0) return h();
  if (leaves.length === 1) return h(Buffer.of(0), leaves[0] as Uint8Array);
  let split = 1;
  while (split * 2 < leaves.length) split *= 2;
  return h(Buffer.of(1), foreignRoot(leaves.slice(0, split)), foreignRoot(leaves.slice(split)));
}
function foreignCheck(note: string, vkey: string, leaves: readonly Uint8Array[]): boolean {
  const end = note.lastIndexOf('\n\n');
  const [text, line] = [note.slice(0, end + 1), note.slice(end + 2)];
  const [name = '', , key = ''] = /^(.+?)\+(.+?)\+(.+)$/.exec(vkey)?.slice(1) ?? [];
  const raw = Buffer.from(key, 'base64').subarray(1);
  const spki = Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), raw]);
  const publicKey = createPublicKey({ key: spki, format: 'der', type: 'spki' });
  const signature = Buffer.from(line.trimEnd().split(' ')[2] as string, 'base64').subarray(4);
  const says = `${name}\n${leaves.length}\n${foreignRoot(leaves).toString('base64')}\n`;
  return text === says && verify(null, Buffer.from(text), publicKey, signature);
}

async function leavesOf(sql: Sql, origin: string): Promise<Uint8Array[]> {
  const rows = await sql<{ bytes: Uint8Array }[]>`SELECT bytes FROM entries WHERE origin = ${origin} ORDER BY seq`;
  return rows.map(({ bytes }) => bytes);
}

t.test('a log grows by one entry and by many, and a foreign verifier agrees with every checkpoint', async (t) => {
  const { sql } = await testDb(t);
  const signer = await testSigner(t);
  const origin = originOf('one');
  await begin(sql, origin);
  const vkey = signer.vkeyOf(origin, 'opening');
  for (const count of [1, 1, 2, 5, 17, 1, 300]) {
    const { size, checkpoint } = await appendSome(sql, signer, origin, count);
    const leaves = await leavesOf(sql, origin);
    t.equal(leaves.length, size);
    t.ok(foreignCheck(checkpoint, vkey, leaves), `size ${size}`);
    t.equal(signer.released(origin)?.note, checkpoint);
  }
});

t.test('what an append has at hand makes the same proofs as the database, of every new entry', async (t) => {
  const { sql } = await testDb(t);
  const signer = await testSigner(t);
  const origin = originOf('proofs');
  await begin(sql, origin);
  for (const count of [1, 2, 1, 4, 7, 33, 1, 64]) {
    const { size, checkpoint, readNode } = await appendSome(sql, signer, origin, count);
    const seqs = Array.from({ length: count }, (_, n) => size - count + n);
    const stored = await proofsOf(sql, origin, seqs, size, checkpoint);
    const fresh = seqs.map((index) =>
      formatProof({ index, hashes: inclusionProof(sha256, readNode, index, size), checkpoint }),
    );
    t.strictSame(fresh, stored, `${count} more, ${size} in all`);
    t.throws(() => readNode(0, size), /not at hand/);
  }
});

t.test(
  'a signer that fails, or another write that fails meanwhile: nothing is appended, and both have ended',
  async (t) => {
    const { sql } = await testDb(t);
    const signer = await testSigner(t);
    const origin = originOf('meanwhile');
    await begin(sql, origin);
    let hasNoted = false;
    const slow: HeadSigner = {
      async pend(...args) {
        await new Promise((turn) => setImmediate(turn));
        hasNoted = true;
        return signer.pend(...args);
      },
    };
    const refusing: HeadSigner = { pend: async () => Promise.reject(new Error('no disk')) };
    const append = (by: HeadSigner, meanwhile: () => Promise<void>) =>
      commit({ sql, signer }, [origin], async (tx) => ({
        appended: [await appendEntries(tx, await lockHead(tx, origin), [entryAt(origin, 0)], by, meanwhile)],
        answer: null,
      }));
    await t.rejects(
      append(slow, async () => Promise.reject(new Error('no place'))),
      /no place/,
    );
    t.ok(hasNoted);
    await t.rejects(
      append(refusing, async () => undefined),
      /no disk/,
    );
    t.equal((await leavesOf(sql, origin)).length, 0);
    await append(signer, async () => undefined);
    t.equal(signer.released(origin)?.size, 1);
  },
);

t.test('our own streaming verifier accepts it with every disclosure', async (t) => {
  const { sql } = await testDb(t);
  const signer = await testSigner(t);
  const origin = originOf('own');
  await begin(sql, origin);
  await appendSome(sql, signer, origin, 140);
  const { checkpoint, size } = await appendSome(sql, signer, origin, 3);
  const disclosures = await readDisclosures(sql, origin, 0, size);
  async function* bytes() {
    for await (const entry of streamEntries(sql, origin, 0, size)) yield entry.bytes;
  }
  const verified = await verifyLog({
    vkey: signer.vkeyOf(origin, 'opening'),
    checkpointNote: checkpoint,
    entries: bytes(),
    disclosuresFor: (seq) => disclosures.filter((d) => d.seq === seq).map((d) => d.disclosure),
    requireAllDisclosures: true,
    sha256,
    verifyEd25519,
  });
  t.match(verified, { ok: true, size: 143, withheld: 0 });
});

t.test('forty writers at once leave a dense log with every entry under a checkpoint', async (t) => {
  const { sql } = await testDb(t, 12);
  const signer = await testSigner(t);
  const origin = originOf('many');
  await begin(sql, origin);
  const answers = await Promise.all(
    Array.from({ length: 40 }, (_, n) => appendSome(sql, signer, origin, 1 + (n % 3), { writer: n })),
  );
  const seqs = answers.flatMap((a) => a.seqs).sort((a, b) => a - b);
  t.strictSame(
    seqs,
    seqs.map((_, n) => n),
    'every number once',
  );
  const leaves = await leavesOf(sql, origin);
  t.equal(leaves.length, seqs.length);
  const vkey = signer.vkeyOf(origin, 'opening');
  for (const { size, checkpoint } of answers) t.ok(foreignCheck(checkpoint, vkey, leaves.slice(0, size)), `${size}`);
  const [row] = await sql`SELECT max(size)::int AS largest FROM checkpoints WHERE origin = ${origin}`;
  t.equal(row?.['largest'], seqs.length);
  t.equal(signer.released(origin)?.size, seqs.length);
});

t.test('writers of many logs do not wait for one another, and each log is whole', async (t) => {
  const { sql } = await testDb(t, 12);
  const signer = await testSigner(t);
  const origins = Array.from({ length: 8 }, (_, n) => originOf(`log-${n}`));
  for (const origin of origins) await begin(sql, origin);
  await Promise.all(origins.flatMap((origin) => Array.from({ length: 6 }, () => appendSome(sql, signer, origin))));
  for (const origin of origins) {
    const released = signer.released(origin);
    t.equal(released?.size, 6);
    t.ok(foreignCheck(released?.note ?? '', signer.vkeyOf(origin, 'opening'), await leavesOf(sql, origin)));
  }
});

t.test('any way of cutting the same entries into appends gives the same last root', async (t) => {
  const { sql } = await testDb(t);
  const signer = await testSigner(t);
  let made = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 6 }), async (cuts) => {
      const origin = originOf(`cut-${made++}`);
      await begin(sql, origin);
      for (const count of cuts) await appendSome(sql, signer, origin, count);
      const root = foreignRoot(await leavesOf(sql, origin)).toString('base64');
      return signer.released(origin)?.note.split('\n')[2] === root;
    }),
    { numRuns: 15 },
  );
});

t.test('two appends in one transaction are let out together, the second from the head of the first', async (t) => {
  const { sql } = await testDb(t);
  const signer = await testSigner(t);
  const origin = originOf('twice');
  await begin(sql, origin);
  await commit({ sql, signer }, [origin], async (tx) => {
    const first = await appendEntries(tx, await lockHead(tx, origin), [entryAt(origin, 0)], signer);
    const second = await appendEntries(tx, first.head, [entryAt(origin, 1)], signer);
    t.equal(signer.released(origin), null, 'nothing is shown before the commit');
    return { appended: [first, second], answer: null };
  });
  t.equal(signer.released(origin)?.size, 2);
  t.strictSame(
    await sql`SELECT size FROM checkpoints ORDER BY size`.then((rows) => rows.map((r) => r['size'])),
    [2],
    'one signature covers both',
  );
});

t.test('an entry that is not the next one of this log is refused before anything is signed', async (t) => {
  const { sql } = await testDb(t);
  const signer = await testSigner(t);
  const [origin, other] = [originOf('here'), originOf('there')];
  await begin(sql, origin);
  const attempt = (entries: ReturnType<typeof entryAt>[]) =>
    commit({ sql, signer }, [origin], async (tx) => ({
      appended: [await appendEntries(tx, await lockHead(tx, origin), entries, signer)],
      answer: null,
    }));
  await t.rejects(attempt([entryAt(origin, 1)]), { code: 'entry_out_of_place' });
  await t.rejects(attempt([entryAt(origin, 0), entryAt(origin, 0)]), { code: 'entry_out_of_place' });
  await t.rejects(attempt([entryAt(other, 0)]), { code: 'entry_out_of_place' });
  await t.rejects(attempt([]), { code: 'entry_out_of_place' });
  const spaced = { bytes: new TextEncoder().encode('{ "v": 1 }'), disclosures: [] };
  await t.rejects(attempt([spaced]), { code: 'json_not_canonical' });
  t.strictSame(signer.origins(), []);
  await attempt([entryAt(origin, 0)]);
  t.equal(signer.released(origin)?.size, 1);
});

t.test('what fails late leaves neither row nor pending head, and the log goes on', async (t) => {
  const { sql } = await testDb(t);
  const signer = await testSigner(t);
  const origin = originOf('late');
  await begin(sql, origin);
  await appendSome(sql, signer, origin, 2);
  const failing = commit({ sql, signer }, [origin], async (tx) => {
    await appendEntries(tx, await lockHead(tx, origin), [entryAt(origin, 2, { other: true })], signer);
    throw new Error('the power of decision failed');
  });
  await t.rejects(failing, /the power of decision failed/);
  t.equal((await leavesOf(sql, origin)).length, 2);
  t.equal(signer.released(origin)?.size, 2);
  const { seqs } = await appendSome(sql, signer, origin);
  t.strictSame(seqs, [2], 'another root may now be signed for the size that was rolled back');
});

t.test('a head whose frontier or root was changed behind our back is not appended to', async (t) => {
  const { sql, superuser } = await testDb(t);
  const signer = await testSigner(t);
  const origin = originOf('bent');
  await begin(sql, origin);
  await appendSome(sql, signer, origin, 3);
  await superuser`ALTER TABLE logs DISABLE TRIGGER USER`;
  await superuser`UPDATE logs SET frontier = overlay(frontier placing '\\xff' from 40) WHERE origin = ${origin}`;
  await t.rejects(appendSome(sql, signer, origin), { code: 'head_corrupt' });
  // A whole other history, consistent in itself: the guard knows the head that was let out.
  const other = originOf('other');
  await begin(sql, other);
  await appendSome(sql, signer, other, 3, { other: true });
  await superuser`UPDATE logs SET (frontier, root) = (SELECT frontier, root FROM logs WHERE origin = ${other}) WHERE origin = ${origin}`;
  await t.rejects(appendSome(sql, signer, origin), { code: 'database_differs' });
});

t.test('a log that was put back and then grew past its last head gets no second history signed', async (t) => {
  const { sql, superuser } = await testDb(t);
  const signer = await testSigner(t);
  const origin = originOf('back');
  await begin(sql, origin);
  await appendSome(sql, signer, origin, 2);
  const [row] = await sql`SELECT size, frontier, root FROM logs`;
  await appendSome(sql, signer, origin, 1);
  await superuser.begin(async (tx) => {
    await tx`SET LOCAL session_replication_role = replica`;
    for (const table of ['checkpoints', 'disclosures', 'entries']) await tx`DELETE FROM ${tx(table)}`;
    await tx`DELETE FROM nodes`;
    await tx`UPDATE logs SET ${tx(row as Record<string, never>)}`;
  });
  await t.rejects(appendSome(sql, signer, origin, 1, { fork: true }), { code: 'database_is_behind' });
  await t.rejects(appendSome(sql, signer, origin, 5, { fork: true }), { code: 'database_is_behind' });
  t.equal(signer.released(origin)?.size, 3);
});

t.test('one opening has one log, and a log that is not there cannot grow', async (t) => {
  const { sql } = await testDb(t);
  const signer = await testSigner(t);
  await begin(sql, originOf('x'));
  await t.rejects(
    sql.begin((tx) => createLog(tx, { origin: originOf('y'), kind: 'opening', openingId: 'x' })),
    { code: '23505' },
  );
  await t.rejects(appendSome(sql, signer, originOf('z')), { code: 'log_missing' });
});

t.test('the signer signs for logs of its own platform only, each under its own kind', async (t) => {
  const { sql } = await testDb(t);
  const signer = await testSigner(t);
  const foreign = 'elsewhere.example/opening/1';
  await begin(sql, foreign);
  await t.rejects(appendSome(sql, signer, foreign), /no log of kaibiao.test/);
  const disguised = `${PLATFORM}/ledger`;
  await begin(sql, disguised);
  await t.rejects(appendSome(sql, signer, disguised), /no log of kind opening/);
});

t.test('half a megabyte of entries goes in one append', async (t) => {
  const { sql } = await testDb(t);
  const signer = await testSigner(t);
  const origin = originOf('wide');
  await begin(sql, origin);
  await appendSome(sql, signer, origin, 10, { text: '标'.repeat(20_000) });
  t.ok(
    foreignCheck(signer.released(origin)?.note ?? '', signer.vkeyOf(origin, 'opening'), await leavesOf(sql, origin)),
  );
});
