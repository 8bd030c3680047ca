/** The signer over its socket: whoever asks, and however, gets one history of each log; receipts, tokens and manifests each for themselves. */
import { readdir, rename, stat, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { decodeProtectedHeader, importJWK, jwtVerify } from 'jose';
import { manifestStatement } from '../../server/core/log/bundle.ts';
import { openCheckpoint } from '../../server/core/log/checkpoint.ts';
import { emptyRoot, nodeHash } from '../../server/core/log/merkle.ts';
import { ed25519Verifier, openNote, parseVkey } from '../../server/core/log/note.ts';
import { openingOrigin } from '../../server/core/log/origin.ts';
import { utf8 } from '../../server/core/log/utf8.ts';
import { formatRecordStatement } from '../../server/core/opening/record-paper.ts';
import { verifyEd25519 } from '../../server/ed25519.ts';
import { sha256 } from '../../server/hash.ts';
import { TERM_STEP_LIMIT } from '../../server/recorder/guard-folder.ts';
import { openDesk } from '../../server/recorder/head-desk.ts';
import { addNextKey, takeOver } from '../../server/recorder/key-succession.ts';
import { openKeyring, type SigningKeyring } from '../../server/recorder/keyring.ts';
import { KEY_USES, openKeys } from '../../server/recorder/keys.ts';
import { settleAll } from '../../server/recorder/settle-log.ts';
import { createSigner } from '../../server/recorder/signer.ts';
import { connectSigner, type SignerClient } from '../../server/signer/signer-client.ts';
import { serveSigner } from '../../server/signer/signer-server.ts';
import { lineReader, QUESTION_LIMIT_BYTES } from '../../server/signer/signer-wire.ts';
import { openSigning } from '../../server/signer/signing.ts';
import { appendEntries, lockHead } from '../../server/store/append.ts';
import { systemWorld } from '../../server/world.ts';
import { testDb } from '../support/database.ts';
import { until } from '../support/recorder.ts';
import { appendSome, begin, dataFolder, entryAt, PLATFORM } from '../support/signed-log.ts';
import t from '../support/tap.ts';

const origin = openingOrigin(PLATFORM, 'a');
const nothing = { size: 0, root: emptyRoot(sha256) };
const rootOf = (n: number): Uint8Array => new Uint8Array(32).fill(n);
type Test = { teardown(act: () => Promise<void> | void): void };

async function served(t: Test, folder?: string) {
  const at = folder ?? (await dataFolder(t));
  const socket = join(at, 'socket');
  const faults: unknown[] = [];
  const options = { folder: at, platform: PLATFORM, socket, forGroup: false };
  const server = await serveSigner(options, (error) => faults.push(error));
  let closed = false;
  const close = async (): Promise<void> => {
    if (closed) return;
    closed = true;
    await server.close();
  };
  t.teardown(close);
  return { folder: at, socket, faults, close };
}

async function client(t: Test, socket: string): Promise<SignerClient> {
  const made = await connectSigner(socket, PLATFORM, systemWorld);
  t.teardown(() => made.close());
  return made;
}

const office = (term: number) => ({ term, database: 'db-1' });
const ignore = (): void => undefined;

/** One line there, one answer back, of somebody who writes what he likes. */
async function ask(socket: string, text: string): Promise<string> {
  return new Promise((answer, fail) => {
    const line = connect(socket);
    let got = '';
    line.setEncoding('utf8').on('data', (part: string) => {
      got += part;
      if (got.includes('\n')) line.end();
    });
    line.on('error', fail);
    line.on('close', () => answer(got));
    line.write(text);
  });
}

t.test('appends over the socket as in one process, and a restart of both goes on where they were', async (t) => {
  const { sql } = await testDb(t);
  const first = await served(t);
  const one = await client(t, first.socket);
  const signer = createSigner(one.keyring, await one.open(office(1), ignore));
  await begin(sql, origin);
  await Promise.all([1, 2, 3].map((n) => appendSome(sql, signer, origin, n)));
  t.equal(signer.released(origin)?.size, 6);
  await first.close();
  const second = await served(t, first.folder);
  const two = await client(t, second.socket);
  t.equal(await two.lastTerm(), 1);
  t.equal(two.keyring.vkeyOf(origin, 'opening'), one.keyring.vkeyOf(origin, 'opening'));
  const again = createSigner(two.keyring, await two.open(office(2), ignore));
  await settleAll(sql, again);
  t.strictSame(again.released(origin), signer.released(origin), 'the same note, as it was stored');
  t.strictSame((await appendSome(sql, again, origin)).seqs, [6]);
});

t.test(
  'a server that is wholly taken over gets no fork, no shrink, and no signature of what it takes back',
  async (t) => {
    const { socket } = await served(t);
    const thief = await client(t, socket);
    const desk = await thief.open(office(1), ignore);
    const leaf = rootOf(1);
    const grown = (n: number) => ({
      size: 2,
      root: nodeHash(sha256, leaf, rootOf(n)),
      after: { size: 1, root: leaf },
      proof: [rootOf(n)],
    });
    await desk.pend(origin, 'opening', { size: 1, root: leaf, after: nothing, proof: [] });
    await desk.release(origin, { size: 1, root: leaf });
    await desk.pend(origin, 'opening', grown(2));
    await desk.drop(origin, [grown(2)]);
    await desk.pend(origin, 'opening', grown(3));
    t.ok(await desk.release(origin, grown(3)), 'of the one that was dropped nothing was signed');
    await t.rejects(desk.release(origin, grown(2)), { name: 'GuardRefusal', code: 'second_root' });
    await t.rejects(desk.pend(origin, 'opening', grown(2)), { code: 'second_root' });
    await t.rejects(desk.pend(origin, 'opening', { ...grown(2), size: 5 }), { code: 'not_consistent' });
    t.equal(await desk.release(origin, { size: 1, root: rootOf(9) }), null, 'a size that is past');
    const later = await thief.open(office(2), ignore);
    t.strictSame(
      later.released(origin),
      { size: 2, root: grown(3).root, note: null },
      'another term knows the same history, and has signed nothing of it',
    );
    await t.rejects(later.pend(origin, 'opening', { size: 1, root: rootOf(4), after: nothing, proof: [] }), {
      code: 'smaller_size',
    });
    await t.rejects(later.pend('other.test/ledger', 'ledger', { size: 1, root: leaf, after: nothing, proof: [] }), {
      code: 'signer_refused',
    });
  },
);

t.test('no term that a thief makes up wipes the guard, ends the office or keeps the next one out', async (t) => {
  const { folder, socket } = await served(t);
  const one = await client(t, socket);
  const desk = await one.open(office(1), ignore);
  await desk.pend(origin, 'opening', { size: 1, root: rootOf(1), after: nothing, proof: [] });
  await desk.release(origin, { size: 1, root: rootOf(1) });
  t.equal(await ask(socket, '{"id":1,"ask":"open","term":10000000000000000,"database":"db-1"}\n'), '', 'no question');
  for (const term of [Number.MAX_SAFE_INTEGER, 2 ** 52, TERM_STEP_LIMIT + 2]) {
    t.match(await ask(socket, `{"id":1,"ask":"open","term":${term},"database":"db-1"}\n`), /term_refused/);
    await t.rejects(one.open(office(term), ignore), { name: 'GuardFault', code: 'term_refused' });
  }
  t.strictSame(await readdir(join(folder, 'guard')), ['journal.1.db-1']);
  t.ok(await desk.release(origin, { size: 1, root: rootOf(1) }), 'who was in office still is');
  const next = await one.open(office(2), ignore);
  t.strictSame(next.released(origin), { ...desk.released(origin), note: null });
  await t.rejects(next.pend(origin, 'opening', { size: 1, root: rootOf(2), after: nothing, proof: [] }), {
    code: 'second_root',
  });
});

t.test('a settle that lost its lock while a slow key signed forgets nothing that was noted since', async (t) => {
  const folder = await dataFolder(t);
  const keyring = await openKeyring(folder, PLATFORM);
  const held: (() => void)[] = [];
  let isSlow = false;
  const signHead: SigningKeyring['signHead'] = async (...head) => {
    if (isSlow) await new Promise<void>((go) => held.push(go));
    return keyring.signHead(...head);
  };
  const desk = await openDesk(folder, { signHead, checkKind: keyring.checkKind }, null);
  t.teardown(() => desk.close());
  const signer = createSigner(keyring, desk);
  const one = { size: 1, root: rootOf(1) };
  const two = { size: 2, root: nodeHash(sha256, one.root, rootOf(2)) };
  const three = { size: 3, root: nodeHash(sha256, two.root, rootOf(3)) };
  await signer.pend(origin, 'opening', { ...one, after: nothing, proof: [] });
  await signer.release(origin, 1, one.root);
  await signer.pend(origin, 'opening', { ...two, after: one, proof: [rootOf(2)] });
  isSlow = true;
  const lost = signer.settle(origin, two);
  await until(() => held.length === 1);
  isSlow = false;
  t.equal((await signer.settle(origin, two))?.size, 2, 'the next one settles and lets it out');
  await signer.pend(origin, 'opening', { ...three, after: two, proof: [rootOf(3)] });
  for (const go of held) go();
  await lost;
  t.strictSame(desk.pending(origin), [three]);
  t.equal((await signer.release(origin, 3, three.root))?.size, 3);
  t.equal((await signer.settle(origin, three))?.size, 3);

  // And of what was rolled back: the same head, noted once more, stays.
  const four = { size: 4, root: nodeHash(sha256, two.root, nodeHash(sha256, rootOf(3), rootOf(4))) };
  const growth = { ...four, after: three, proof: [rootOf(3), rootOf(4), two.root] };
  await signer.pend(origin, 'opening', growth);
  const late = signer.settle(origin, three);
  await signer.settle(origin, three);
  await signer.pend(origin, 'opening', growth);
  await late;
  t.strictSame(desk.pending(origin), [four]);
});

t.test('one office at a time: a later term ends the one before, an earlier one is refused', async (t) => {
  const { socket } = await served(t);
  const [one, two] = [await client(t, socket), await client(t, socket)];
  let told = 0;
  const desk = await one.open(office(5), () => {
    told += 1;
  });
  await t.rejects(two.open(office(5), ignore), { name: 'GuardFault', code: 'guard_in_use' });
  await t.rejects(two.open(office(4), ignore), { code: 'guard_in_use' });
  const first = { size: 1, root: rootOf(1), after: nothing, proof: [] };
  await desk.pend(origin, 'opening', first);
  const next = await two.open(office(6), ignore);
  t.strictSame(next.pending(origin), [{ size: 1, root: rootOf(1) }], 'what was noted is still to be settled');
  await t.rejects(desk.release(origin, first), { code: 'signer_refused', message: /not_in_office/ });
  await desk.close();
  t.ok(await next.release(origin, first), 'the one who is gone takes nothing along');
  t.equal(told, 0, 'a line that one closes oneself is not lost');
});

t.test('receipts, tokens and manifests are signed each for itself, and nothing else as one of them', async (t) => {
  const { socket } = await served(t);
  const { keyring } = await client(t, socket);
  const receipt = await keyring.signReceipt({ v: 1, n: 3 }, 'bid-receipt+jws');
  const key = await importJWK(keyring.receiptJwk, 'EdDSA');
  t.strictSame(decodeProtectedHeader(receipt), { alg: 'EdDSA', kid: keyring.receiptJwk.kid, typ: 'bid-receipt+jws' });
  await t.rejects(keyring.signReceipt({ v: 1 }, 'at+jwt'), { code: 'signer_refused', message: /not_for_this/ });
  const token = await keyring.tokenKey.sign({ sub: 'somebody' });
  t.match(await jwtVerify(token, key, { typ: 'at+jwt' }), { payload: { sub: 'somebody' } });
  const statement = utf8(manifestStatement(sha256, origin, utf8('{}')));
  t.ok(verifyEd25519(keyring.publicKeys.ledger, statement, await keyring.signManifest(statement)));
  const foreign = utf8(manifestStatement(sha256, 'other.test/opening/a', utf8('{}')));
  await t.rejects(keyring.signManifest(foreign), { message: /not_for_this/ });
  const checkpoint = utf8(`${PLATFORM}/ledger\n9\n${Buffer.from(rootOf(1)).toString('base64')}\n`);
  await t.rejects(keyring.signManifest(checkpoint), { message: /not_for_this/ }, 'no head passes for a manifest');
  const mark = { openingId: 'a-b', version: 1, sha256: 'A'.repeat(43), size: 1, root: `${'A'.repeat(43)}=` };
  const log = openingOrigin(PLATFORM, mark.openingId);
  const vkey = keyring.vkeyOf(log, 'opening');
  const said = { log, origin: 'https://a.test', mark, vkey, sha256: new Uint8Array(32) };
  const note = await keyring.signRecord(formatRecordStatement(said));
  const known = ed25519Verifier(parseVkey(sha256, said.vkey), verifyEd25519);
  t.equal((await openNote(note, [known])).text, formatRecordStatement(said));
  for (const wrong of [{ log: 'other.test/opening/a' }, { log: `${PLATFORM}/ledger` }, { vkey: 'x' }])
    await t.rejects(keyring.signRecord(formatRecordStatement({ ...said, ...wrong })), { message: /not_for_this/ });
});

t.test('a signer that is away: said at once, and found again without a restart', async (t) => {
  const folder = await dataFolder(t);
  await t.rejects(connectSigner(join(folder, 'socket'), PLATFORM, systemWorld), { code: 'signer_unreachable' });
  const first = await served(t, folder);
  await t.rejects(connectSigner(first.socket, 'other.test', systemWorld), { code: 'signer_of_other_platform' });
  const one = await client(t, first.socket);
  let told = 0;
  const desk = await one.open(office(1), () => {
    told += 1;
  });
  await first.close();
  const growth = { size: 1, root: rootOf(1), after: nothing, proof: [] };
  await t.rejects(desk.pend(origin, 'opening', growth), { code: 'signer_lost' });
  t.ok(told >= 1, 'whoever leads is told, and told again when he asks');
  await t.rejects(one.keyring.tokenKey.sign({}), { code: /signer_(lost|unreachable)/ });
  await served(t, folder);
  t.ok(await one.keyring.tokenKey.sign({}), 'the line for what needs no term is opened again');
});

t.test('keys that changed meanwhile: who began with others leads no more, and gets nothing signed', async (t) => {
  const first = await served(t);
  const { folder } = first;
  const stopped = { folder, platform: PLATFORM, world: systemWorld };
  const began = openingOrigin(PLATFORM, 'b');
  for (const use of KEY_USES) {
    const running = use === 'openings' ? first : await served(t, folder);
    const one = await client(t, running.socket);
    const term = (await one.lastTerm()) + 1;
    const desk = await one.open(office(term), ignore);
    if (use === 'openings') {
      await desk.pend(origin, 'opening', { size: 1, root: rootOf(1), after: nothing, proof: [] });
      await desk.release(origin, { size: 1, root: rootOf(1) });
    }
    const step = async (change: () => Promise<void>): Promise<void> => {
      await running.close();
      await change();
      const again = await served(t, folder);
      await t.rejects(one.open(office(term + 1), ignore), { code: 'keys_changed' }, use);
      await t.rejects(one.keyring.signReceipt({ v: 1 }, 'bid-receipt+jws'), { code: 'keys_changed' });
      await t.rejects(one.keyring.tokenKey.sign({}), { code: 'keys_changed' });
      await t.rejects(one.lastTerm(), { code: 'keys_changed' });
      const fresh = await client(t, again.socket);
      t.equal(await fresh.lastTerm(), term, 'the term was not even begun');
      t.equal(fresh.keyring.vkeyOf(origin, 'opening'), one.keyring.vkeyOf(origin, 'opening'));
      await again.close();
    };
    // To come it signs nothing alone, and yet the ledger must hear of it before it does.
    await step(() => addNextKey(stopped, use));
    await step(() => takeOver(stopped, use));
  }
  const now = await client(t, (await served(t, folder)).socket);
  const desk = await now.open(office(9), ignore);
  await desk.pend(began, 'opening', { size: 1, root: rootOf(2), after: nothing, proof: [] });
  const note = (await desk.release(began, { size: 1, root: rootOf(2) }))?.note ?? '';
  const verifier = ed25519Verifier(parseVkey(sha256, now.keyring.vkeyOf(began, 'opening')), verifyEd25519);
  t.equal(
    (await openCheckpoint(note, verifier)).checkpoint.size,
    1,
    'who began with the new ones signs with what it names',
  );
});

t.test('in one process, too: keys that were changed while nobody led are not signed with', async (t) => {
  const config = { dataFolder: await dataFolder(t), platform: PLATFORM, signer: null };
  const signing = await openSigning(config, systemWorld);
  await (await signing.open(office(1), ignore)).close();
  await (await signing.open(office(2), ignore)).close();
  const stopped = { folder: config.dataFolder, platform: PLATFORM, world: systemWorld };
  await addNextKey(stopped, 'openings');
  await t.rejects(signing.open(office(3), ignore), { code: 'keys_changed' });
  const again = await openSigning(config, systemWorld);
  await (await again.open(office(4), ignore)).close();
});

t.test(
  'the socket is for its owner; nobody takes the place of one that answers, and a dead one is removed',
  async (t) => {
    const { folder, socket } = await served(t);
    t.equal((await stat(socket)).mode & 0o777, 0o600);
    const options = { platform: PLATFORM, socket, forGroup: true };
    await t.rejects(serveSigner({ ...options, folder: await dataFolder(t) }, ignore), /another signer answers/);
    await t.rejects(serveSigner({ ...options, folder }, ignore), /another process serves/);
    const other = await dataFolder(t);
    const place = join(other, 'file');
    await writeFile(place, 'no socket');
    await t.rejects(serveSigner({ ...options, folder: other, socket: place }, ignore), /no socket/);
    const open = await serveSigner({ ...options, folder: other, socket: join(other, 'socket') }, ignore);
    t.equal((await stat(join(other, 'socket'))).mode & 0o777, 0o660);
    await open.close();
    t.notOk((await readdir(other)).includes('socket'));
  },
);

t.test('what is no question ends the line, and harms nobody else', async (t) => {
  const { socket, faults } = await served(t);
  const good = await client(t, socket);
  for (const text of ['{}\n', 'nonsense\n', '{"id":1,"ask":"sign","bytes":"AA"}\n', '{"id":-1,"ask":"hello"}\n'])
    t.equal(await ask(socket, text), '', text);
  t.equal(await ask(socket, `${'x'.repeat(QUESTION_LIMIT_BYTES + 1)}\n`), '');
  t.equal(faults.length, 5);
  t.match(await ask(socket, '{"id":1,"ask":"release","origin":"x","size":1,"root":"A"}\n'), '');
  t.match(await ask(socket, '{"id":7,"ask":"drop","origin":"x","heads":[]}\n'), /^\{"id":7,"failed":.*not_in_office/);
  t.equal(await good.lastTerm(), 0);
});

t.test('lines come in any pieces; one of the limit is read, one byte more is not', (t) => {
  const read: string[] = [];
  const take = lineReader(4, (line) => read.push(line));
  for (const byte of Buffer.from('ab\n\ncdef\n')) take(Uint8Array.of(byte));
  take(Buffer.from('g\nh'));
  take(Buffer.from('i\n'));
  t.strictSame(read, ['ab', '', 'cdef', 'g', 'hi']);
  t.throws(() => take(Buffer.from('12345')), { code: 'signer_wire_malformed' });
  t.end();
});

/** Signs by a file of its own, and counts: one byte more in `count` for each. OpenSSL signs a file, not a stream. */
const COUNTING =
  'printf x >> "$COUNT"; f=$(mktemp) && cat > "$f" && openssl pkeyutl -sign -rawin -inkey "$KEY" -in "$f"; s=$?; rm -f "$f"; exit $s';

/** The key of that use as one that a command signs with, as a token's would be. Returns: how often it has signed. */
async function asCommand(folder: string, use: 'openings'): Promise<() => Promise<number>> {
  const keys = join(folder, 'keys');
  const [key, count] = [join(folder, `${use}.pem`), join(folder, `${use}.count`)];
  const { publicBytes } = (await openKeys(folder, false))[use];
  await rename(join(keys, `${use}.key`), key);
  await writeFile(count, '');
  const description = {
    publicKey: Buffer.from(publicBytes).toString('base64'),
    command: ['/bin/sh', '-c', COUNTING],
    environment: { PATH: '/usr/local/bin:/usr/bin:/bin', KEY: key, COUNT: count },
  };
  await writeFile(join(keys, `${use}.json`), JSON.stringify(description), { mode: 0o600 });
  return async () => (await stat(count)).size;
}

t.test(
  'a start asks the key of openings for nothing, however many there are; what was under way for, once each',
  async (t) => {
    const OPENINGS = 300;
    const { sql } = await testDb(t);
    const first = await served(t);
    const one = await client(t, first.socket);
    const signer = createSigner(one.keyring, await one.open(office(1), ignore));
    const origins = Array.from({ length: OPENINGS }, (_, n) => openingOrigin(PLATFORM, `of-${n}`));
    for (let n = 0; n < OPENINGS; n += 20)
      await Promise.all(
        origins.slice(n, n + 20).map(async (each) => {
          await begin(sql, each);
          await appendSome(sql, signer, each);
        }),
      );
    // Killed behind the COMMIT: noted, committed, and not let out.
    const late = origins.slice(0, 6);
    for (const each of late)
      await sql.begin(async (tx) => {
        const head = await lockHead(tx, each);
        await appendEntries(tx, head, [entryAt(each, head.size)], signer);
      });
    await first.close();
    const signatures = await asCommand(first.folder, 'openings');

    const second = await served(t, first.folder);
    const two = await client(t, second.socket);
    const desk = await two.open(office(2), ignore);
    t.equal(await signatures(), 0, 'to begin a term');
    const again = createSigner(two.keyring, desk);
    await settleAll(sql, again);
    t.equal(await signatures(), late.length);
    for (const each of late) t.equal(again.released(each)?.size, 2);
    for (const each of origins.slice(6)) t.strictSame(again.released(each), signer.released(each));
    await settleAll(sql, again);
    t.equal(await signatures(), late.length, 'settled, so nothing is left to sign');
    t.strictSame((await appendSome(sql, again, origins[7] ?? '')).seqs, [1]);
    t.equal(await signatures(), late.length + 1);
    await second.close();

    const third = await served(t, first.folder);
    const three = await client(t, third.socket);
    const last = createSigner(three.keyring, await three.open(office(3), ignore));
    await settleAll(sql, last);
    t.equal(await signatures(), late.length + 1, 'a start with nothing under way');
    t.strictSame(last.released(late[0] ?? ''), again.released(late[0] ?? ''));
  },
);

t.test('a stored checkpoint that is not the log’s own is taken up for none: the key is asked', async (t) => {
  const { sql } = await testDb(t);
  const first = await served(t);
  const one = await client(t, first.socket);
  const signer = createSigner(one.keyring, await one.open(office(1), ignore));
  await begin(sql, origin);
  await appendSome(sql, signer, origin);
  const head = signer.released(origin) ?? { size: 0, root: rootOf(0), note: '' };
  const two = createSigner(one.keyring, await one.open(office(2), ignore));
  const other = openingOrigin(PLATFORM, 'b');
  const of = (text: string) => head.note.replace(origin, text);
  t.notOk(await two.takeUp(origin, { ...head, root: rootOf(9) }, head.note), 'another root than was let out');
  t.notOk(await two.takeUp(origin, { ...head, size: 2 }, head.note), 'another size');
  t.notOk(await two.takeUp(other, head, of(other)), 'a log that nothing was let out of');
  // Two good lines, of which one is a stranger's.
  const beside = `${head.note}${head.note.split('\n').at(-2)?.replace(origin, other)}\n`;
  const wrong = [of(other), head.note.replace('\n1\n', '\n2\n'), `${head.note}x`, '', head.note.slice(0, -3), beside];
  for (const note of wrong) t.notOk(await two.takeUp(origin, head, note), JSON.stringify(note.slice(-40)));
  t.equal(two.released(origin), null, 'nobody was shown any of it');
  t.ok(await two.takeUp(origin, head, head.note));
  t.strictSame(two.released(origin), { size: head.size, root: head.root, note: head.note });
  await two.pend(origin, 'opening', {
    size: 2,
    root: nodeHash(sha256, head.root, rootOf(5)),
    after: head,
    proof: [rootOf(5)],
  });
  t.notOk(await two.takeUp(origin, head, head.note), 'while a head is under way');
});
