/** Lodging piece by piece by tus: what is kept when a line is cut, who writes when two do, what ends an upload, and that it ends in the same call as the plain stream. */
import { type FileHandle, open, readdir, rename, rm, stat, symlink, utimes } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import type { InjectOptions } from 'fastify';
import { payloadSha256 } from '../../server/core/seal/statement.ts';
import { sha256 } from '../../server/hash.ts';
import { BID_MEDIA_TYPE } from '../../server/http/bid-upload.ts';
import { STATEMENT_MEDIA_TYPE } from '../../server/http/bid-uploads.ts';
import { PART_MEDIA_TYPE } from '../../server/http/tus.ts';
import { sweepUploads } from '../../server/vault/sweep-uploads.ts';
import { createUploads, HOLD_MS, UPLOADS_PER_BIDDER } from '../../server/vault/uploads.ts';
import { openVaultFolder, type VaultFolder } from '../../server/vault/vault-folder.ts';
import { systemWorld } from '../../server/world.ts';
import type { Person } from '../identity/stage.ts';
import { newFolder } from '../support/folder.ts';
import { until } from '../support/recorder.ts';
import t from '../support/tap.ts';
import { type Answer, MINUTE, OPENING_ID, problemIn, proofFor, setBench } from './bench.ts';
import { bidderWithKeys, receiptIn } from './sealing-bidders.ts';

const folder = await newFolder(t, 'uploads');
const vault = join(folder, 'vault');
/** What is done to the next file that a plain stream begins; none by default. */
let spoil: ((file: FileHandle) => void) | null = null;
const opened = await openVaultFolder(vault, systemWorld.randomBytes);
const envelopes: VaultFolder = {
  ...opened,
  async begin() {
    const begun = await opened.begin();
    spoil?.(begun.file);
    return begun;
  },
};
const bench = await setBench(t, {
  dependencies: { envelopes },
  environment: { KAIBIAO_BID_LIMIT_BYTES: '1048576', KAIBIAO_UPLOAD_LIFETIME_MS: String(2 * MINUTE) },
});
await bench.create();
const { world, database } = bench.stage;
const { sql } = database;
const place = `/openings/${OPENING_ID}/bids/uploads`;
const filesIn = (name: 'parts' | 'finished' | 'incoming') => readdir(join(vault, name));

const bidders = await Promise.all([1, 2, 3, 4].map((index) => bidderWithKeys(bench, folder, index)));
for (const { register } of bidders) await register();
const [one, two, three, four] = bidders as [Bidder, Bidder, Bidder, Bidder];
type Bidder = Awaited<ReturnType<typeof bidderWithKeys>>;

function ask(who: Person, request: InjectOptions & { url: string }): Promise<Answer> {
  const headers = { 'tus-resumable': '1.0.0', ...request.headers };
  return bench.ask(who, { ...request, headers });
}

function create(who: Person, statement: string, sizeBytes: number): Promise<Answer> {
  const headers = { 'content-type': STATEMENT_MEDIA_TYPE, 'upload-length': String(sizeBytes) };
  return ask(who, { method: 'POST', url: place, payload: statement, headers });
}

function patch(who: Person, url: string, from: number, bytes: Uint8Array): Promise<Answer> {
  const headers = { 'content-type': PART_MEDIA_TYPE, 'upload-offset': String(from) };
  return ask(who, { method: 'PATCH', url, payload: Buffer.from(bytes), headers });
}

const head = (who: Person, url: string) => ask(who, { method: 'HEAD', url });
const lodgement = (who: Person, url: string) => bench.ask(who, { method: 'POST', url: `${url}/lodgement` });
const offsetIn = ({ headers }: Answer) => Number(headers['upload-offset']);

/** A sealed bid with an upload begun for it. */
async function begin(bidder: Bidder, amount: string, replaces?: string) {
  const { promises, bytes } = await bidder.seal(amount, 200_000);
  const { statement, payload } = await bidder.sign(promises, replaces === undefined ? {} : { replaces });
  const created = await create(bidder.person, statement, bytes.length);
  if (created.statusCode !== 201) throw new Error(created.body);
  return { statement, payload, bytes, url: String(created.headers['location']) };
}

/** Sends the rest over a line that is cut when the server has everything before `cutAt`. */
async function cutAfter(who: Person, url: string, from: number, bytes: Uint8Array, cutAt: number): Promise<void> {
  const address = bench.app.server.address();
  if (address === null || typeof address === 'string') await bench.app.listen({ host: '127.0.0.1', port: 0 });
  const { port } = bench.app.server.address() as { port: number };
  const proof = await proofFor(bench.stage, who, 'PATCH', url);
  const lines = Object.entries({
    host: 'kaibiao.test',
    'tus-resumable': '1.0.0',
    'content-type': PART_MEDIA_TYPE,
    'upload-offset': String(from),
    'content-length': String(bytes.length - from),
    ...proof,
  }).map(([name, value]) => `${name}: ${value}`);
  const socket = connect(port, '127.0.0.1');
  socket.write(`PATCH ${url} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`);
  await new Promise((written) => socket.write(bytes.subarray(from, cutAt), written));
  const id = url.split('/').at(-1) ?? '';
  await until(async () => (await stat(join(vault, 'parts', id))).size === cutAt);
  socket.destroy();
  await until(async () => (await sql`SELECT FROM uploads WHERE id = ${id} AND holder IS NULL`).length === 1);
}

t.test('in three pieces: the last byte lodges, the receipt is given as often as it is asked for', async (t) => {
  const { bytes, url, statement, payload } = await begin(one, '100.00');
  t.match(url, new RegExp(`^${place}/[A-Za-z0-9_-]{22}$`));
  const cuts = [0, 70_000, 150_000, bytes.length];
  for (const [n, from] of cuts.slice(0, -1).entries()) {
    const asked = await head(one.person, url);
    t.match(asked, { statusCode: 200, headers: { 'upload-offset': String(from), 'cache-control': 'no-store' } });
    t.equal(asked.headers['upload-length'], String(bytes.length));
    const answer = await patch(one.person, url, from, bytes.subarray(from, cuts[n + 1]));
    t.equal(answer.statusCode, 204, answer.body);
    t.equal(offsetIn(answer), cuts[n + 1]);
    t.equal(answer.headers['access-control-allow-origin'], undefined, 'which pages may read us is not for tus to say');
  }
  const first = await lodgement(one.person, url);
  t.match(receiptIn(first), { act: 'lodged', bidId: payload.bidId, statementSha256: payloadSha256(sha256, payload) });
  t.strictSame(receiptIn(await lodgement(one.person, url)), receiptIn(first));
  t.equal((await head(one.person, url)).statusCode, 200, 'a sender who lost the answer sees that all has come');
  t.equal(offsetIn(await patch(one.person, url, bytes.length, new Uint8Array())), bytes.length);
  t.equal((await create(one.person, statement, bytes.length)).headers['location'], url);
  t.strictSame(await filesIn('parts'), []);
  t.equal((await filesIn('finished')).length, 1);

  const plain = Buffer.concat([Buffer.from(`${statement}\n`), bytes]);
  const headers = { 'content-type': BID_MEDIA_TYPE };
  const streamed = await bench.ask(one.person, { method: 'POST', url: place.slice(0, -8), payload: plain, headers });
  t.strictSame(receiptIn(streamed), receiptIn(first), 'both ways end in one call');
  t.equal((await filesIn('finished')).length, 1);
});

t.test('what came before the line was cut is kept, to the byte', async (t) => {
  const { bytes, url } = await begin(two, '200.00');
  await cutAfter(two.person, url, 0, bytes, 90_001);
  t.equal(offsetIn(await head(two.person, url)), 90_001);
  await cutAfter(two.person, url, 90_001, bytes, 90_002);
  t.equal(offsetIn(await head(two.person, url)), 90_002);
  t.equal((await patch(two.person, url, 90_002, bytes.subarray(90_002))).statusCode, 204);
  t.match(receiptIn(await lodgement(two.person, url)), { act: 'lodged' });
});

t.test('another process goes on from the file, and one that remembers an older state does too', async (t) => {
  const { bytes, url, payload } = await begin(three, '300.00');
  const id = url.split('/').at(-1) ?? '';
  const other = createUploads({ sql, world, envelopes, lifetimeMs: MINUTE });
  const owner = { openingId: OPENING_ID, account: three.person.account };
  t.equal((await patch(three.person, url, 0, bytes.subarray(0, 50_000))).statusCode, 204);

  const upload = await other.find(owner, id);
  if ('refused' in upload) throw new Error(upload.refused);
  const gate = { certificate: four.certificate, limitBytes: 1_048_576, signed: payload };
  t.same(
    await other.write(upload, 50_000, pieces(bytes.subarray(50_000, 60_000)), gate),
    { refused: 'envelope_for_another_certificate' },
    'what lies there passes the gate once more',
  );
  t.equal(
    problemIn(await patch(three.person, url, 50_000, bytes.subarray(50_000))),
    '422 envelope_for_another_certificate',
  );
  t.strictSame(await filesIn('parts'), []);

  const again = await begin(three, '301.00');
  t.equal((await patch(three.person, again.url, 0, again.bytes.subarray(0, 50_000))).statusCode, 204);
  await sql`UPDATE uploads SET received_bytes = 40000 WHERE id = ${again.url.split('/').at(-1) ?? ''}`;
  t.equal((await patch(three.person, again.url, 40_000, again.bytes.subarray(40_000))).statusCode, 204);
  t.match(receiptIn(await lodgement(three.person, again.url)), { act: 'lodged' });
});

async function* pieces(...all: Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* all;
}

t.test('of two requests at once one writes; one that went silent lets go', async (t) => {
  const { bytes, url } = await begin(four, '400.00');
  const id = url.split('/').at(-1) ?? '';
  const both = await Promise.all([0, 1].map(() => patch(four.person, url, 0, bytes.subarray(0, 100_000))));
  const codes = both.map((answer) => (answer.statusCode === 204 ? '204' : problemIn(answer))).sort();
  t.equal(codes[0], '204');
  t.match(codes[1], /^(409 upload_offset_differs|423 upload_in_use)$/);
  t.equal(problemIn(await patch(four.person, url, 99_999, bytes.subarray(99_999))), '409 upload_offset_differs');

  await sql`UPDATE uploads SET holder = 'silent', held_until = ${world.now() + HOLD_MS} WHERE id = ${id}`;
  const held = await patch(four.person, url, 100_000, bytes.subarray(100_000, 120_000));
  t.equal(problemIn(held), '423 upload_in_use');
  t.ok(held.headers['retry-after']);
  await bench.pass(HOLD_MS);
  t.equal((await patch(four.person, url, 100_000, bytes.subarray(100_000, 120_000))).statusCode, 204);
  t.equal(problemIn(await lodgement(four.person, url)), '409 upload_incomplete');
  t.equal((await ask(four.person, { method: 'DELETE', url })).statusCode, 204);
  t.equal(problemIn(await patch(four.person, url, 120_000, bytes.subarray(120_000))), '410 upload_given_up');
});

t.test('another’s upload is not there, and nothing is without its person', async (t) => {
  const { bytes, url } = await begin(four, '401.00');
  for (const [method, from] of [
    ['HEAD', undefined],
    ['PATCH', '0'],
    ['DELETE', undefined],
  ] as const) {
    const headers = from === undefined ? {} : { 'upload-offset': from, 'content-type': PART_MEDIA_TYPE };
    const request = { method, url, headers, ...(from === undefined ? {} : { payload: Buffer.from(bytes) }) };
    t.equal((await ask(one.person, request)).statusCode, 404, method);
    t.equal((await bench.ask(null, { ...request, headers: { ...headers, 'tus-resumable': '1.0.0' } })).statusCode, 401);
  }
  t.equal(problemIn(await lodgement(one.person, url)), '404 no_such_upload');
  const other = url.replace(OPENING_ID, 'other-opening-1');
  t.equal((await head(four.person, other)).statusCode, 404);
  t.equal((await ask(four.person, { method: 'DELETE', url })).statusCode, 204);
});

t.test('what is refused is refused before it is carried here', async (t) => {
  const { promises, bytes } = await four.seal('402.00', 200_000);
  const { statement } = await four.sign(promises);
  t.equal(problemIn(await create(one.person, statement, bytes.length)), '403 act_of_other_account');
  t.equal(problemIn(await create(four.person, statement, bytes.length + 1)), '422 envelope_not_as_signed');
  const foreign = await four.sign(promises, { lotId: 'LOT-2' });
  t.equal(problemIn(await create(four.person, foreign.statement, bytes.length)), '422 statement_not_for_this_opening');
  const large = await four.seal('403.00', 1_100_000);
  const largeStatement = await four.sign(large.promises);
  t.equal(problemIn(await create(four.person, largeStatement.statement, large.bytes.length)), '413 envelope_too_large');
  const old = await bench.ask(four.person, {
    method: 'POST',
    url: place,
    payload: statement,
    headers: { 'content-type': STATEMENT_MEDIA_TYPE },
  });
  t.equal(problemIn(old), '412 tus_version_differs');
  t.equal(old.headers['tus-version'], undefined);

  const created = await create(four.person, statement, bytes.length);
  const url = String(created.headers['location']);
  t.equal(
    problemIn(await patch(four.person, url, 0, Buffer.from('%PDF-1.7 报价'))),
    '422 envelope_malformed',
    'unencrypted',
  );
  t.equal(problemIn(await patch(four.person, url, 0, bytes)), '422 envelope_malformed', 'said again');
  const second = await create(four.person, statement, bytes.length);
  const anew = String(second.headers['location']);
  t.not(anew, url, 'the same statement may begin anew');
  const changed = Buffer.from(bytes);
  changed[bytes.length - 40] = (changed[bytes.length - 40] ?? 0) ^ 1;
  t.equal(problemIn(await patch(four.person, anew, 0, changed)), '422 envelope_not_as_signed', 'the hash, at the end');
  t.strictSame(await filesIn('parts'), []);
  t.equal((await sql`SELECT FROM envelopes WHERE account = ${four.person.account}`).length, 0);
});

t.test('a bidder has so many uploads under way, and not one more', async (t) => {
  const begun = [];
  for (let n = 0; n < UPLOADS_PER_BIDDER; n++) begun.push(await begin(four, `41${n}.00`));
  const { promises, bytes } = await four.seal('419.00');
  const { statement } = await four.sign(promises);
  t.equal(problemIn(await create(four.person, statement, bytes.length)), '409 too_many_uploads');
  for (const { url } of begun) await ask(four.person, { method: 'DELETE', url });
  t.equal((await create(four.person, statement, bytes.length)).statusCode, 201);
  await ask(four.person, {
    method: 'DELETE',
    url: String((await create(four.person, statement, bytes.length)).headers['location']),
  });
  t.strictSame(await filesIn('parts'), []);
});

t.test('a full disk is said, costs nothing that was told of, and passes', async (t) => {
  const { bytes, url } = await begin(four, '420.00');
  const path = join(vault, 'parts', url.split('/').at(-1) ?? '');
  t.equal((await patch(four.person, url, 0, bytes.subarray(0, 80_000))).statusCode, 204);
  await rename(path, `${path}.aside`);
  await symlink('/dev/full', path);
  const full = await patch(four.person, url, 80_000, bytes.subarray(80_000));
  t.equal(problemIn(full), '507 storage_full');
  t.ok(full.headers['retry-after']);
  await rm(path);
  await rename(`${path}.aside`, path);
  t.equal(offsetIn(await head(four.person, url)), 80_000);
  t.equal((await patch(four.person, url, 80_000, bytes.subarray(80_000))).statusCode, 204);
  t.match(receiptIn(await lodgement(four.person, url)), { act: 'lodged' });
});

/** The bid that the plain stream left standing. */
let streamed = '';

t.test(
  'a disk that is full under the plain stream: no receipt, nothing half left, and the next one comes through',
  async (t) => {
    const full = await open('/dev/full', 'w');
    t.teardown(() => full.close());
    const standing = receiptIn(await lodgement(four.person, await lodgedUrl(four)));
    const { promises, bytes } = await four.seal('425.00');
    const { statement } = await four.sign(promises, { replaces: standing.bidId });
    const payload = Buffer.concat([Buffer.from(`${statement}\n`), bytes]);
    const headers = { 'content-type': BID_MEDIA_TYPE };
    const stream = () => bench.ask(four.person, { method: 'POST', url: place.slice(0, -8), payload, headers });
    const finished = await filesIn('finished');
    const bids = () => sql`SELECT id FROM envelopes WHERE account = ${four.person.account} ORDER BY id`;
    const before = await bids();
    for (const [where, how] of [
      ['at its first byte', (file: FileHandle) => void Object.assign(file, { write: full.write.bind(full) })],
      ['when it is made durable', (file: FileHandle) => void Object.assign(file, { sync: () => full.write('x') })],
    ] as const) {
      spoil = how;
      const answer = await stream();
      t.equal(problemIn(answer), '507 storage_full', where);
      t.ok(answer.headers['retry-after'], where);
      t.strictSame(await filesIn('incoming'), [], where);
      t.strictSame(await filesIn('finished'), finished, where);
      t.strictSame(await bids(), before, where);
    }
    spoil = null;
    const replaced = receiptIn(await stream());
    t.match(replaced, { act: 'replaced', replaces: standing.bidId });
    streamed = replaced.bidId;
  },
);

t.test('bytes that the disk lost are asked for again', async (t) => {
  const { bytes, url } = await begin(four, '430.00', streamed);
  const id = url.split('/').at(-1) ?? '';
  t.equal((await patch(four.person, url, 0, bytes.subarray(0, 10))).statusCode, 204);
  await sql`UPDATE uploads SET received_bytes = 90000 WHERE id = ${id}`;
  t.equal(problemIn(await patch(four.person, url, 90_000, bytes.subarray(90_000))), '409 upload_offset_differs');
  t.equal(offsetIn(await head(four.person, url)), 0);
  t.equal((await patch(four.person, url, 0, bytes)).statusCode, 204);
  t.match(receiptIn(await lodgement(four.person, url)), { act: 'replaced', replaces: streamed });
});

async function lodgedUrl({ person }: Bidder): Promise<string> {
  const { uploads } = (await bench.ask(person, { url: place })).json() as {
    uploads: { uploadId: string; state: string }[];
  };
  return `${place}/${uploads.find(({ state }) => state === 'lodged')?.uploadId}`;
}

const sweep = () => sweepUploads({ sql, world, parts: envelopes.parts });
const statesOf = async ({ person }: Bidder): Promise<{ state: string; zh: string | null; en: string | null }[]> =>
  (await bench.ask(person, { url: place })).json().uploads;

t.test('an upload that nobody goes on with is removed, and its bidder told', async (t) => {
  const standing = receiptIn(await lodgement(one.person, await lodgedUrl(one)));
  const { bytes, url, statement } = await begin(one, '500.00', standing.bidId);
  t.equal((await patch(one.person, url, 0, bytes.subarray(0, 1_000))).statusCode, 204);
  await sweep();
  t.equal((await filesIn('parts')).length, 1, 'not before its time');
  await sql`UPDATE uploads SET expires_at = ${world.now()} WHERE id = ${url.split('/').at(-1) ?? ''}`;
  t.equal(problemIn(await patch(one.person, url, 1_000, bytes.subarray(1_000))), '410 upload_expired');
  await sweep();
  t.strictSame(await filesIn('parts'), []);
  t.match(await statesOf(one), [{ state: 'upload_expired' }, { state: 'lodged' }]);
  t.equal((await create(one.person, statement, bytes.length)).statusCode, 201, 'it may be begun anew');
});

t.test('a file that no upload names goes when it is old', async (t) => {
  const name = await envelopes.parts.create();
  await sweep();
  t.ok((await filesIn('parts')).includes(name));
  const longAgo = world.now() / 1000 - 7_200;
  await utimes(join(vault, 'parts', name), longAgo, longAgo);
  await sweep();
  t.notOk((await filesIn('parts')).includes(name));
});

t.test('incomplete at the deadline is withdrawn, in words; the receipted bid stands', async (t) => {
  const standing = receiptIn(await lodgement(two.person, await lodgedUrl(two)));
  const late = await begin(two, '600.00', standing.bidId);
  t.equal((await patch(two.person, late.url, 0, late.bytes.subarray(0, -1))).statusCode, 204);
  await bench.passTo(bench.deadlineAt);
  const last = late.bytes.length - 1;
  t.equal(problemIn(await patch(two.person, late.url, last, late.bytes.subarray(last))), '410 upload_withdrawn');
  t.equal(problemIn(await lodgement(two.person, late.url)), '410 upload_withdrawn');
  const [told] = await statesOf(two);
  t.equal(told?.state, 'upload_withdrawn');
  t.match(told?.zh, /视为撤回/);
  await sweep();
  t.strictSame(await filesIn('parts'), []);
  t.match(await statesOf(two), [{ state: 'upload_withdrawn' }, { state: 'lodged' }]);
  const register = (await bench.recorder.keptOf(OPENING_ID))?.register;
  t.equal(register?.bidders.get(two.person.account)?.standing?.bidId, standing.bidId);
  t.strictSame(receiptIn(await lodgement(two.person, await lodgedUrl(two))), standing);
  const { promises, bytes } = await two.seal('601.00');
  const { statement } = await two.sign(promises, { replaces: standing.bidId });
  t.equal(problemIn(await create(two.person, statement, bytes.length)), '409 deadline_has_passed');
});
