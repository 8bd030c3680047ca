/** The signer: keys made once, notes that verify, receipts anyone can check, and settling after crash, restore and lost COMMIT. */
import { chmod, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { calculateJwkThumbprint, compactVerify, importJWK } from 'jose';
import { openCheckpoint } from '../../server/core/log/checkpoint.ts';
import { emptyRoot, nodeHash } from '../../server/core/log/merkle.ts';
import { ed25519Verifier, parseVkey } from '../../server/core/log/note.ts';
import { openingOrigin } from '../../server/core/log/origin.ts';
import { KeyError } from '../../server/ed25519.ts';
import { sha256 } from '../../server/hash.ts';
import { openGuard } from '../../server/recorder/guard.ts';
import type { GuardedHead } from '../../server/recorder/guard-journal.ts';
import { type Growth, openDesk } from '../../server/recorder/head-desk.ts';
import { openKeyring } from '../../server/recorder/keyring.ts';
import { openKeys } from '../../server/recorder/keys.ts';
import { settleAll, settleLog } from '../../server/recorder/settle-log.ts';
import { createSigner, openSigner } from '../../server/recorder/signer.ts';
import { appendEntries, lockHead } from '../../server/store/append.ts';
import type { Sql } from '../../server/store/driver.ts';
import { readCheckpoint } from '../../server/store/read-log.ts';
import { testDb } from '../support/database.ts';
import { verifyEd25519 } from '../support/log-fixtures.ts';
import { appendSome, begin, crashImage, dataFolder, entryAt, PLATFORM, testSigner } from '../support/signed-log.ts';
import t from '../support/tap.ts';

const origin = openingOrigin(PLATFORM, 'a');
const ledger = `${PLATFORM}/ledger`;
const nothing = { size: 0, root: emptyRoot(sha256) };
const rootOf = (n: number): Uint8Array => new Uint8Array(32).fill(n);

t.test('a signed head verifies under its vkey, and comes out the same when it is signed again', async (t) => {
  const signer = await testSigner(t);
  await signer.pend(origin, 'opening', { size: 3, root: rootOf(1), after: nothing, proof: [] });
  const head = await signer.release(origin, 3, rootOf(1));
  t.ok(head);
  if (head === null) return;
  const vkey = signer.vkeyOf(origin, 'opening');
  const key = ed25519Verifier(parseVkey(sha256, vkey), verifyEd25519);
  t.match((await openCheckpoint(head.note, key)).checkpoint, { origin, size: 3, root: rootOf(1) });
  t.equal(signer.released(origin), null, 'signed, and shown to nobody yet');
  signer.show(origin, head);
  t.equal(signer.released(origin)?.note, head.note);
  t.strictSame(await signer.release(origin, 3, rootOf(1)), head, 'of one head it comes out the same');
});

t.test('openings share a key that ledger and access log do not have; receipts have a third', async (t) => {
  const signer = await testSigner(t);
  const publicKeyOf = (vkey: string): string => Buffer.from(parseVkey(sha256, vkey).publicKey).toString('hex');
  const other = openingOrigin(PLATFORM, 'b');
  const keys = [
    publicKeyOf(signer.vkeyOf(origin, 'opening')),
    publicKeyOf(signer.vkeyOf(other, 'opening')),
    publicKeyOf(signer.vkeyOf(ledger, 'ledger')),
    publicKeyOf(signer.vkeyOf(`${PLATFORM}/access`, 'access')),
  ];
  t.equal(keys[0], keys[1]);
  t.equal(keys[2], keys[3]);
  t.equal(new Set([keys[0], keys[2], Buffer.from(signer.publicKeys.receipts).toString('hex')]).size, 3);
  t.throws(() => signer.vkeyOf(origin, 'ledger'), /no log of kind ledger/);
  t.throws(() => signer.vkeyOf('kaibiao.test/opening/', 'opening'), /no log of/);
});

/** A head one entry after a tree of one: its leaf is `n` times 32, its proof that leaf. */
function grown(after: GuardedHead, n: number): Growth {
  return { size: 2, root: nodeHash(sha256, after.root, rootOf(n)), after, proof: [rootOf(n)] };
}

t.test('whoever asks, and whatever for: one history of each log is signed', async (t) => {
  const signer = await testSigner(t);
  const first = { size: 1, root: rootOf(1) };
  const pend = (growth: Growth) => signer.pend(origin, 'opening', growth);
  await pend({ ...first, after: nothing, proof: [] });
  t.ok(await signer.release(origin, 1, first.root));
  await t.rejects(pend({ ...grown(first, 2), proof: [rootOf(3)] }), { code: 'not_consistent' });
  await t.rejects(pend({ ...grown(first, 2), proof: [] }), { code: 'not_consistent' });
  await t.rejects(pend(grown({ size: 1, root: rootOf(4) }, 2)), { code: 'unknown_predecessor' });
  await t.rejects(pend({ ...first, root: rootOf(4), after: nothing, proof: [] }), { code: 'second_root' });
  await pend(grown(first, 2));
  const aside = { size: 3, root: nodeHash(sha256, nodeHash(sha256, rootOf(1), rootOf(5)), rootOf(6)) };
  await t.rejects(
    pend({ ...aside, after: first, proof: [rootOf(5), rootOf(6)] }),
    { code: 'unsettled_pending' },
    'of two side by side one would be let out behind the other',
  );
  const second = grown(first, 2);
  t.ok(await signer.release(origin, 2, second.root));
  t.equal(await signer.release(origin, 1, rootOf(7)), null, 'a size that is past is signed for nobody');
  await t.rejects(signer.release(origin, 2, rootOf(7)), { code: 'second_root' });
  await t.rejects(signer.release(origin, 3, rootOf(7)), { code: 'not_pending' });
});

t.test('a receipt is a compact JWS that another library verifies, under a kid it computes alike', async (t) => {
  const signer = await testSigner(t);
  const jws = await signer.signReceipt({ v: 1, name: '收据', n: 3 }, 'bid-receipt+jws');
  const { kid, ...jwk } = signer.receiptJwk;
  const { payload, protectedHeader } = await compactVerify(jws, await importJWK(jwk, 'EdDSA'));
  t.strictSame(protectedHeader, { alg: 'EdDSA', kid: await calculateJwkThumbprint(jwk), typ: 'bid-receipt+jws' });
  t.equal(kid, protectedHeader['kid']);
  t.equal(new TextDecoder().decode(payload), '{"n":3,"name":"收据","v":1}');
});

t.test('keys are made once, for nobody else to read, and last', async (t) => {
  const folder = await dataFolder(t);
  const first = await openSigner(folder, PLATFORM);
  const vkey = first.vkeyOf(origin, 'opening');
  await first.close();
  t.strictSame(await readdir(join(folder, 'keys')), ['ledger.key', 'openings.key', 'receipts.key']);
  for (const name of await readdir(join(folder, 'keys')))
    t.equal((await stat(join(folder, 'keys', name))).mode & 0o777, 0o600);
  const again = await testSigner(t, folder);
  t.equal(again.vkeyOf(origin, 'opening'), vkey);
});

t.test('several who make the keys at once end with the same, and leave nothing behind', async (t) => {
  const folder = await dataFolder(t);
  const made = await Promise.all([0, 1, 2].map(() => openKeys(folder, true)));
  for (const { openings } of made) t.strictSame(openings.publicBytes, made[0]?.openings.publicBytes);
  t.strictSame(await readdir(join(folder, 'keys')), ['ledger.key', 'openings.key', 'receipts.key']);
});

t.test('a key that is lost, open to others or not Ed25519 stops the start; no new one takes its place', async (t) => {
  const folder = await dataFolder(t);
  await (await openSigner(folder, PLATFORM)).close();
  const file = join(folder, 'keys', 'openings.key');
  await chmod(file, 0o640);
  await t.rejects(openSigner(folder, PLATFORM), { code: 'key_open_to_others' });
  await chmod(file, 0o600);
  const before = await readFile(file);
  await writeFile(file, 'no key');
  await t.rejects(openSigner(folder, PLATFORM), { code: 'key_malformed' });
  await rm(file);
  await t.rejects(openSigner(folder, PLATFORM), { code: 'key_missing' });
  await writeFile(file, before, { mode: 0o600 });
  await (await openSigner(folder, PLATFORM)).close();
});

/** Appends one entry but dies before the head is let out; `commits` says on which side of COMMIT. */
async function appendAndDie(sql: Sql, signer: Awaited<ReturnType<typeof testSigner>>, commits: boolean) {
  const died = new Error('died');
  await sql
    .begin(async (tx) => {
      const head = await lockHead(tx, origin);
      await appendEntries(tx, head, [entryAt(origin, head.size)], signer);
      if (!commits) throw died;
    })
    .catch((error: unknown) => {
      if (error !== died) throw error;
    });
}

t.test('a crash before COMMIT: the noted head is dropped at start, and another takes its size', async (t) => {
  const { sql } = await testDb(t);
  const folder = await dataFolder(t);
  const signer = await testSigner(t, folder);
  await begin(sql, origin);
  await appendSome(sql, signer, origin, 2);
  await appendAndDie(sql, signer, false);
  const restarted = await testSigner(t, await crashImage(t, folder));
  await settleAll(sql, restarted);
  t.equal(restarted.released(origin)?.size, 2);
  t.strictSame((await appendSome(sql, restarted, origin, 1, { other: true })).seqs, [2]);
});

t.test(
  'a crash behind the release, before the checkpoint is stored: it is signed again at start, and stored',
  async (t) => {
    const { sql } = await testDb(t);
    const folder = await dataFolder(t);
    const signer = await testSigner(t, folder);
    await begin(sql, origin);
    await appendSome(sql, signer, origin, 2);
    await appendAndDie(sql, signer, true);
    const [row] = await sql<{ size: number; root: Uint8Array }[]>`SELECT size, root FROM logs WHERE origin = ${origin}`;
    const head = await signer.release(origin, row?.size ?? 0, row?.root ?? rootOf(0));
    const restarted = await testSigner(t, await crashImage(t, folder));
    t.equal(await readCheckpoint(sql, origin, 3), null);
    await settleAll(sql, restarted);
    t.equal(await readCheckpoint(sql, origin, 3), head?.note);
    t.equal(restarted.released(origin)?.note, head?.note);
  },
);

t.test('a crash after COMMIT: the noted head is let out at start', async (t) => {
  const { sql } = await testDb(t);
  const folder = await dataFolder(t);
  const signer = await testSigner(t, folder);
  await begin(sql, origin);
  await appendSome(sql, signer, origin, 2);
  await appendAndDie(sql, signer, true);
  t.equal(signer.released(origin)?.size, 2, 'nobody had seen it');
  const restarted = await testSigner(t, await crashImage(t, folder));
  await settleAll(sql, restarted);
  t.equal(restarted.released(origin)?.size, 3);
  const [row] = await sql`SELECT note FROM checkpoints WHERE size = 3`;
  t.equal(restarted.released(origin)?.note, row?.['note']);
});

t.test('the very first append of a log may die on either side, too', async (t) => {
  for (const commits of [false, true]) {
    const { sql } = await testDb(t);
    const folder = await dataFolder(t);
    await begin(sql, origin);
    await appendAndDie(sql, await testSigner(t, folder), commits);
    const restarted = await testSigner(t, await crashImage(t, folder));
    await settleAll(sql, restarted);
    t.equal(restarted.released(origin)?.size, commits ? 1 : undefined);
    t.strictSame((await appendSome(sql, restarted, origin)).seqs, [commits ? 1 : 0]);
  }
});

t.test(
  'a COMMIT whose answer is lost was done: settling lets it out; was it not, the size is free again',
  async (t) => {
    const { sql } = await testDb(t);
    const signer = await testSigner(t);
    await begin(sql, origin);
    await appendSome(sql, signer, origin);
    await appendAndDie(sql, signer, true);
    await t.rejects(
      signer.pend(origin, 'opening', grown({ size: 1, root: signer.released(origin)?.root ?? rootOf(0) }, 9)),
      { code: 'unsettled_pending' },
    );
    await settleLog(sql, signer, origin);
    t.equal(signer.released(origin)?.size, 2);
    await appendAndDie(sql, signer, false);
    await settleLog(sql, signer, origin);
    t.strictSame((await appendSome(sql, signer, origin, 2)).seqs, [2, 3]);
  },
);

t.test('commit() whose COMMIT was done but not answered finds its own head committed, and lets it out', async (t) => {
  const { sql } = await testDb(t);
  const signer = await testSigner(t);
  await begin(sql, origin);
  const lost = Object.assign(new Error('the connection is gone'), { code: 'CONNECTION_CLOSED' });
  let losing = true;
  const flaky = new Proxy(sql, {
    get(target, name, self) {
      if (name !== 'begin' || !losing) return Reflect.get(target, name, self);
      return async (work: Parameters<Sql['begin']>[1]) => {
        losing = false;
        await target.begin(work);
        throw lost;
      };
    },
  });
  t.strictSame((await appendSome(flaky, signer, origin, 2)).seqs, [0, 1]);
  t.equal(signer.released(origin)?.size, 2);
  t.strictSame((await appendSome(flaky, signer, origin)).seqs, [2]);
});

t.test('a key that fails behind the COMMIT contradicts nothing: settling only signs again', async (t) => {
  const { sql } = await testDb(t);
  const folder = await dataFolder(t);
  const keyring = await openKeyring(folder, PLATFORM);
  let failing = false;
  const signHead: typeof keyring.signHead = async (...head) => {
    if (failing) throw new KeyError('key_command_failed', 'the token said nothing');
    return keyring.signHead(...head);
  };
  const desk = await openDesk(folder, { ...keyring, signHead }, null);
  t.teardown(() => desk.close());
  const signer = createSigner(keyring, desk);
  await begin(sql, origin);
  await appendSome(sql, signer, origin);
  const first = signer.released(origin);
  failing = true;
  await t.rejects(appendSome(sql, signer, origin), { code: 'outcome_unknown', cause: { code: 'key_command_failed' } });
  t.strictSame([desk.released(origin)?.size, desk.released(origin)?.note], [2, null], 'let out, and not signed');
  t.strictSame(signer.released(origin), first, 'nobody is shown it');
  await t.rejects(settleLog(sql, signer, origin), { code: 'key_command_failed' }, 'the same fault, no other');
  await t.rejects(signer.settle(origin, { size: 1, root: rootOf(1) }), { code: 'database_is_behind' });
  failing = false;
  t.equal((await settleLog(sql, signer, origin))?.size, 2);
  t.equal(signer.released(origin)?.size, 2);
  t.strictSame((await appendSome(sql, signer, origin)).seqs, [2]);
});

t.test('settling waits for a transaction that is still under way and drops nothing of it', async (t) => {
  const { sql } = await testDb(t);
  const signer = await testSigner(t);
  await begin(sql, origin);
  let settling: Promise<unknown> = Promise.resolve();
  await sql.begin(async (tx) => {
    const head = await lockHead(tx, origin);
    await appendEntries(tx, head, [entryAt(origin, 0)], signer);
    settling = settleLog(sql, signer, origin);
    await tx`SELECT pg_sleep(0.05)`;
  });
  await settling;
  t.equal(signer.released(origin)?.size, 1);
});

t.test('at start only what differs is settled, however many logs there are', async (t) => {
  const { sql } = await testDb(t);
  const folder = await dataFolder(t);
  const signer = await testSigner(t, folder);
  for (const of of [1, 2, 3]) {
    await begin(sql, `${PLATFORM}/opening/of-${of}`);
    await appendSome(sql, signer, `${PLATFORM}/opening/of-${of}`, of);
  }
  await begin(sql, origin);
  await appendAndDie(sql, signer, true);
  const restarted = await testSigner(t, await crashImage(t, folder));
  let transactions = 0;
  const counted = new Proxy(sql, {
    get(target, name) {
      if (name === 'begin') transactions += 1;
      return Reflect.get(target, name);
    },
  });
  await settleAll(counted, restarted);
  t.equal(transactions, 1);
  t.equal(restarted.released(origin)?.size, 1);
  await settleAll(counted, restarted);
  t.equal(transactions, 1, 'nothing is left to settle');
});

t.test('a restored backup is refused: behind, differing, without the log, or ahead of the guard', async (t) => {
  const { sql } = await testDb(t);
  const folder = await dataFolder(t);
  const signer = await testSigner(t, folder);
  await begin(sql, origin);
  await appendSome(sql, signer, origin, 2);
  const early = await crashImage(t, folder);
  await appendSome(sql, signer, origin, 2);
  const now = signer.released(origin);
  await t.rejects(signer.settle(origin, { size: 3, root: rootOf(3) }), { code: 'database_is_behind', origin });
  await t.rejects(signer.settle(origin, { size: 4, root: rootOf(4) }), { code: 'database_differs' });
  await t.rejects(signer.settle(origin, null), { name: 'RestoredBackupError', code: 'database_is_behind' });
  t.strictSame(signer.released(origin), now, 'nothing has changed by asking');
  await settleAll(sql, signer);
  const old = await testSigner(t, early);
  await t.rejects(settleAll(sql, old), { code: 'guard_is_behind' });
});

t.test('a database without any of the logs let out is refused at start', async (t) => {
  const before = await testDb(t);
  const folder = await dataFolder(t);
  const signer = await testSigner(t, folder);
  await begin(before.sql, origin);
  await appendSome(before.sql, signer, origin);
  const { sql } = await testDb(t);
  const restarted = await testSigner(t, await crashImage(t, folder));
  await t.rejects(settleAll(sql, restarted), { code: 'database_is_behind' });
});

t.test('a guard that cannot write signs nothing more', async (t) => {
  const folder = await dataFolder(t);
  const guard = await openGuard(folder);
  await guard.pend(origin, { size: 1, root: rootOf(1) }, nothing);
  await guard.close();
  await t.rejects(guard.release(origin, { size: 1, root: rootOf(1) }), { code: 'guard_write_failed' });
  await t.rejects(guard.pend(ledger, { size: 1, root: rootOf(1) }, nothing), { code: 'guard_write_failed' });
  t.equal(guard.released(origin), null);
});
